package fleet

import (
	"math"
	"time"
)

// Kinds of workloads.
const (
	kindDeployment  = "Deployment"
	kindStatefulSet = "StatefulSet"
	kindDaemonSet   = "DaemonSet"
	kindCronJob     = "CronJob"
	kindRollout     = "Rollout"
)

// Amounts of memory in bytes.
const (
	mb  = 1e6
	mib = 1 << 20
	gib = 1 << 30
)

// workload is the model of one workload.
type workload struct {
	namespace string
	kind      string
	name      string
	// replicas is the number of pods; for a DaemonSet that of nodes, for a
	// CronJob that of pods in one run.
	replicas int
	// startup is the time from a pod's creation to its readiness.
	startup time.Duration
	// rollouts are the instants at which a new revision is rolled out, in
	// order; pods before the first belong to an older revision.
	rollouts []time.Time
	// drainsPerWeek is how often a pod is moved to another node.
	drainsPerWeek float64
	// shape is the arrival rate in units a second over all pods.
	shape func(time.Time) float64
	// noise is the standard deviation of the logarithm of the arrival rate
	// around its shape; it persists for some minutes.
	noise float64
	// spread is the standard deviation of the logarithm of the pods' shares.
	spread float64
	// primary is how many times the load of the others the first pod gets;
	// zero means once.
	primary float64
	// capacity is what one ready pod can serve, in units a second; work beyond
	// it waits, up to maxBacklog units. Zero means no such bound.
	capacity   float64
	maxBacklog float64
	// containers are those of the pod template. The first one serves.
	containers []container
	// gpu marks pods that live on GPU nodes.
	gpu bool
	// signal is what the workload tells about itself.
	signal signal
	// cron are the runs of a CronJob.
	cron *cron
}

// signal is the kind of application metrics that a workload exposes.
type signal int

const (
	signalNone signal = iota
	signalHTTP
	signalQueue
	signalVLLM
)

// container is one container of a pod template.
type container struct {
	name  string
	image string
	// request and limit are those of the template; zero means none.
	request amount
	limit   amount
	// idleCPU is in cores and cpuPerUnit in core-seconds per unit of work.
	idleCPU    float64
	cpuPerUnit float64
	// cpuNoise is the standard deviation of the logarithm of the CPU used.
	cpuNoise float64
	// baseMemory is in bytes, memoryPerUnit in bytes for each unit a second
	// that the pod serves.
	baseMemory    float64
	memoryPerUnit float64
	// fill is the time constant at which memory grows to what it should be;
	// zero means five minutes. Memory is given back eight times slower.
	fill time.Duration
	// leakPerDay is in bytes.
	leakPerDay float64
}

// amount is an amount of each resource: cores, bytes and whole GPUs.
type amount struct {
	cpu    float64
	memory float64
	gpus   float64
}

// cron describes the runs of a CronJob.
type cron struct {
	// hour and minute of the day at which a run starts.
	hour, minute int
	// length is the usual length of a run.
	length time.Duration
	// keep is how many finished runs stay visible.
	keep int
	// stages follow one another within a run.
	stages []stage
}

// stage is a part of a run.
type stage struct {
	// share is the part of the run's length.
	share float64
	// cpu is in cores, memory in bytes at the end of the stage.
	cpu    float64
	memory float64
}

// id names the workload.
func (w *workload) id() string { return w.namespace + "/" + w.kind + "/" + w.name }

// hours is the time of day in hours.
func hours(t time.Time) float64 {
	return float64(t.Hour()) + float64(t.Minute())/60 + float64(t.Second())/3600
}

// weekend says whether the day is a Saturday or a Sunday.
func weekend(t time.Time) bool { return t.Weekday() == time.Saturday || t.Weekday() == time.Sunday }

// plateau rises from 0 to 1 around the hour from and falls back around the
// hour to, each within about width hours.
func plateau(h, from, to, width float64) float64 {
	rise := 1 / (1 + math.Exp(-(h-from)/width*6))
	fall := 1 / (1 + math.Exp(-(h-to)/width*6))
	return rise - fall
}

// office is a working day: 0 at night, 1 at its height in the afternoon, and
// a third of it at weekends.
func office(t time.Time) float64 {
	day := 0.85*plateau(hours(t), 8.5, 19, 2.5) + 0.15*plateau(hours(t), 13, 16.5, 2)
	if weekend(t) {
		day /= 3
	}
	return day
}
