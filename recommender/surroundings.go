package recommender

import "time"

// Surroundings are what the cluster, the calendar and the rest of the pod allow.
// The driver fills in what it knows; what is left out does not bind.
type Surroundings struct {
	// Quotas are the ResourceQuotas of the namespace that count these pods.
	Quotas []Quota `json:"quotas,omitempty"`
	// LimitRanges are the items of the namespace's LimitRanges.
	LimitRanges []LimitRange `json:"limitRanges,omitempty"`
	// Nodes are the shapes of nodes that these pods may run on: those there are
	// and those that may be made.
	Nodes []NodeShape `json:"nodes,omitempty"`
	// InitContainers are those that end before the others start.
	InitContainers []InitContainer `json:"initContainers,omitempty"`
	// Spread says how pods spread over zones; nil where they need not.
	Spread *Spread `json:"spread,omitempty"`
	// Disruption is the PodDisruptionBudget of the pods; nil where there is none.
	Disruption *DisruptionBudget `json:"disruption,omitempty"`
	// Budget is what may still change in the cluster; nil where nothing limits
	// it.
	Budget *ChangeBudget `json:"budget,omitempty"`
	// Windows are times at which changes may or may not be made, with at least
	// the next of every schedule.
	Windows []Window `json:"windows,omitempty"`
	// Floors are sizes that are not gone below at certain times, with at least
	// the next of every schedule.
	Floors []ScheduledFloor `json:"floors,omitempty"`
	// Groups are parts of the workload whose pods are sized apart: the pods of
	// a DaemonSet on nodes of one kind, or ordinals of a StatefulSet.
	Groups []Group `json:"groups,omitempty"`
}

// Quota is the status of a ResourceQuota.
type Quota struct {
	Name  string       `json:"name"`
	Items []QuotaLimit `json:"items"`
}

// QuotaLimit is one line of a quota, in milli-CPU, bytes or pieces.
type QuotaLimit struct {
	Resource QuotaResource `json:"resource"`
	Hard     int64         `json:"hard"`
	// Used includes what the workload itself uses.
	Used int64 `json:"used"`
}

// QuotaResource is what a line of a quota counts.
type QuotaResource string

// The resources of quotas that are understood.
const (
	QuotaRequestsCPU    QuotaResource = "requests.cpu"
	QuotaRequestsMemory QuotaResource = "requests.memory"
	QuotaLimitsCPU      QuotaResource = "limits.cpu"
	QuotaLimitsMemory   QuotaResource = "limits.memory"
	QuotaPods           QuotaResource = "pods"
	QuotaGPUs           QuotaResource = "requests.gpu"
)

// LimitRange is one item of a LimitRange. Zero amounts do not bind.
type LimitRange struct {
	Name string         `json:"name"`
	Type LimitRangeType `json:"type"`
	Min  Resources      `json:"min,omitzero"`
	Max  Resources      `json:"max,omitzero"`
	// Default is the limit, DefaultRequest the request of a container that sets
	// none.
	Default        Resources `json:"default,omitzero"`
	DefaultRequest Resources `json:"defaultRequest,omitzero"`
	// MaxLimitRequestRatioCPU and MaxLimitRequestRatioMemory bound limit over
	// request.
	MaxLimitRequestRatioCPU    float64 `json:"maxLimitRequestRatioCPU,omitempty"`
	MaxLimitRequestRatioMemory float64 `json:"maxLimitRequestRatioMemory,omitempty"`
}

// LimitRangeType says what a LimitRange is about.
type LimitRangeType string

// The types of LimitRange that matter here.
const (
	LimitRangeContainer LimitRangeType = "Container"
	LimitRangePod       LimitRangeType = "Pod"
)

// NodeShape is a kind of node.
type NodeShape struct {
	// Name is that of the pool or the machine type.
	Name string `json:"name"`
	// Allocatable is what a node offers to pods, Overhead what the DaemonSets on
	// it take of that.
	Allocatable Resources `json:"allocatable"`
	Overhead    Resources `json:"overhead,omitzero"`
	GPUs        int       `json:"gpus,omitempty"`
	// MaxNodes is how many there may be of it; zero means any number.
	MaxNodes int `json:"maxNodes,omitempty"`
}

// InitContainer ends before the containers start, so that a pod requests the
// larger of both.
type InitContainer struct {
	Name     string    `json:"name"`
	Requests Resources `json:"requests"`
	Limits   Resources `json:"limits"`
	// SidecarsBefore is the number of containers with Sidecar, in their order,
	// that run already.
	SidecarsBefore int `json:"sidecarsBefore,omitempty"`
}

// Spread is a topology spread constraint over zones.
type Spread struct {
	// Zones is the number of zones that pods have to spread over.
	Zones int `json:"zones"`
	// Hard says that pods are not scheduled otherwise (DoNotSchedule with
	// minDomains): then there have to be as many. Else the workload is only not
	// made smaller than its zones.
	Hard bool `json:"hard,omitempty"`
}

// DisruptionBudget is a PodDisruptionBudget in terms of minAvailable.
type DisruptionBudget struct {
	Name string `json:"name,omitempty"`
	// MinAvailable pods, or MinAvailablePercent of them, have to stay.
	MinAvailable        int     `json:"minAvailable,omitempty"`
	MinAvailablePercent float64 `json:"minAvailablePercent,omitempty"`
}

// ChangeBudget is what may still change within its time; nil does not bind.
type ChangeBudget struct {
	// Name says whose budget it is.
	Name string `json:"name,omitempty"`
	// Changes is how many workloads, Pods how many pods may still change.
	Changes *int `json:"changes,omitempty"`
	Pods    *int `json:"pods,omitempty"`
}

// Startup is what past starts of a container were like.
type Startup struct {
	// Starts is the number of starts seen.
	Starts int `json:"starts"`
	// PeakCores is the 0.9 quantile over the starts of the most CPU a pod used
	// until it was ready, Seconds that of the time this took.
	PeakCores float64 `json:"peakCores"`
	Seconds   float64 `json:"seconds"`
}

// Runs are those of a container that runs to completion, of one pod each.
type Runs struct {
	// Count is the number of runs seen.
	Count int `json:"count"`
	// Seconds and SecondsP95 are the median and the 0.95 quantile of how long a
	// run took, CPUSecondsP95 that of the CPU time it used.
	Seconds       float64 `json:"seconds"`
	SecondsP95    float64 `json:"secondsP95"`
	CPUSecondsP95 float64 `json:"cpuSecondsP95,omitempty"`
	// DeadlineSeconds is how long a run may take: its activeDeadlineSeconds, or
	// the time to the next run of a schedule; zero for any.
	DeadlineSeconds float64 `json:"deadlineSeconds,omitempty"`
}

// Group is a part of the workload whose pods are sized apart.
type Group struct {
	// Name is that of the node pool, or the ordinals.
	Name string `json:"name"`
	// Replicas is the number of its pods.
	Replicas Replicas `json:"replicas"`
	// Containers are as those of the workload, with the sizes and the usage of
	// this part.
	Containers []Container `json:"containers"`
	// Nodes are the shapes of nodes of this part; empty for those of all.
	Nodes []NodeShape `json:"nodes,omitempty"`
}

// Window is a time at which changes may or may not be made: from Start on, and
// before End.
type Window struct {
	Name  string     `json:"name,omitempty"`
	Type  WindowType `json:"type"`
	Start time.Time  `json:"start"`
	End   time.Time  `json:"end"`
}

// WindowType says what a window means.
type WindowType string

// The types of windows.
const (
	// WindowMaintenance: where there is one, changes that restart pods or make
	// them smaller are only made inside of one.
	WindowMaintenance WindowType = "Maintenance"
	// WindowFreeze: inside of it sizes stay, and the number of pods only grows.
	WindowFreeze WindowType = "Freeze"
)

// ScheduledFloor is what the workload does not go below from From on and before
// To. It is reached before From, by the time that pods take to start.
type ScheduledFloor struct {
	Name        string           `json:"name"`
	From        time.Time        `json:"from"`
	To          time.Time        `json:"to"`
	MinReplicas int              `json:"minReplicas,omitempty"`
	Containers  []ContainerFloor `json:"containers,omitempty"`
}

// ContainerFloor is the least that a container, or all that are not named ("*"),
// requests.
type ContainerFloor struct {
	Name string    `json:"name"`
	Min  Resources `json:"min"`
}
