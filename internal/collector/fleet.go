package collector

import (
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Fleet is what one collection found.
type Fleet struct {
	// At is the instant up to which history was read.
	At time.Time
	// Workloads are sorted by cluster, namespace, kind and name.
	Workloads []Workload
	// Facts hold for every workload: warnings, missing signals.
	Facts []recommender.Fact
	// Queries is the number of HTTP requests sent, retries included.
	Queries int
}

// Workload is one workload with its history.
type Workload struct {
	ID         recommender.Workload
	Containers []Container
	// Desired and Ready are numbers of pods.
	Desired forecaster.Series
	Ready   forecaster.Series
	// StartupSeconds is the 0.9 quantile of the time from a pod's creation to
	// its readiness, 0 where unknown.
	StartupSeconds float64
	// Signals are what is known about demand, queues and accelerators: the
	// primary demand first (the first in the catalogue that was ever above
	// zero), then the others in the order of the catalogue.
	Signals []Signal
	// Durations are how long things took in the last hour: cumulative, smallest
	// bound first.
	Durations map[Timed][]Bucket
	// Runs are those of a Job or CronJob that ended, oldest first, at most 200.
	Runs []Run
	// DeadlineSeconds is how long a run may take: what the Job says, or the time
	// to the next run of the CronJob; 0 for any.
	DeadlineSeconds float64
	Facts           []recommender.Fact
}

// Container is one container of the workload's pods.
type Container struct {
	Name     string
	Requests recommender.Resources
	Limits   recommender.Resources
	// CPU is in cores, summed over the pods; CPUMaxPod is the pod that used
	// the most.
	CPU       forecaster.Series
	CPUMaxPod forecaster.Series
	// Memory is the working set in bytes of the pod that used the most, the
	// peak within each step.
	Memory forecaster.Series
	// Throttled is the share of CFS periods with throttling, 0 to 1.
	Throttled forecaster.Series
	// OOMKills and Restarts are counted over the history.
	OOMKills    int
	LastOOMKill time.Time
	Restarts    int
	// FirstOOMKill is the earliest kill of the history, OOMLimit the largest
	// memory limit in force at one.
	FirstOOMKill time.Time
	OOMLimit     recommender.Bytes
	// UsageWithCache is the most memory in bytes that a pod used in the last
	// hour, page cache included; 0 where unknown.
	UsageWithCache float64
	// Runtime is what the language runtime says of itself, by the names of the
	// catalogue; nil where nothing is known.
	Runtime map[string]forecaster.Series
	// GPUs is the number of GPUs requested by each pod's container.
	GPUs int
	// StartCPU is the mean CPU in cores, from its start on, that the container
	// of a pod that was starting used, a point a minute over the last day. Gaps
	// are minutes without a start.
	StartCPU forecaster.Series
	// Sidecar says that it is an init container that keeps running.
	Sidecar bool
}

// Signal is one series about a workload beyond its containers.
type Signal struct {
	// Name is the name in the catalogue, for example "http_requests".
	Name string
	// Unit is, for example, "requests/s".
	Unit string
	Role Role
	// Metric is what carries it, as the catalogue tells its aliases apart.
	Metric string
	// Coarse says that the metric in use reads high.
	Coarse bool
	// Named says that the owner of the workload named it.
	Named bool
	// Series is summed over the pods, but for roles that say otherwise.
	Series forecaster.Series
}

// Role says what a signal means for sizing.
type Role string

// The roles.
const (
	// RoleDemand is work that arrives, per second.
	RoleDemand Role = "demand"
	// RoleQueue is work that waits. It is never demand.
	RoleQueue Role = "queue"
	// RoleInFlight is work being served.
	RoleInFlight Role = "inflight"
	// RoleCache is the fullest pod's share of a cache, 0 to 1.
	RoleCache Role = "cache"
	// RoleLatency is seconds that requests or tokens took, per second, or the
	// number of them: a mean is the ratio of two signals.
	RoleLatency Role = "latency"
	// RoleGPU is GPUs' worth of activity, 0 to the number of GPUs. It is
	// never demand of a language model, whose GPUs are busy with any batch.
	RoleGPU Role = "gpu"
	// RoleRuntime is a figure that the language runtime of a container gives of
	// the pod that has the most of it.
	RoleRuntime Role = "runtime"
)
