package recommender

import (
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// Wire identity of the documents that hold snapshots and decisions.
const (
	APIVersion   = "rightsize.dev/v1alpha1"
	SnapshotKind = "Snapshot"
	DecisionKind = "Decision"
)

// Workload names what is being sized.
type Workload struct {
	// Cluster tells workloads of one name in several clusters apart; empty
	// where the Prometheus holds one cluster.
	Cluster   string `json:"cluster,omitempty"`
	Namespace string `json:"namespace"`
	// Kind is the kind of the top-most controller: Deployment, StatefulSet,
	// DaemonSet, CronJob, Job, or any other by its own name.
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// String is namespace/Kind/name, led by the cluster where there is one.
func (w Workload) String() string {
	s := w.Namespace + "/" + w.Kind + "/" + w.Name
	if w.Cluster != "" {
		s = w.Cluster + "/" + s
	}
	return s
}

// Batch says whether pods of the workload run to completion, so that it has
// runs to size rather than replicas to scale.
func (w Workload) Batch() bool { return w.Kind == "Job" || w.Kind == "CronJob" }

// Scalable says whether the number of pods may be chosen: not for pods that
// run to completion or that come one per node.
func (w Workload) Scalable() bool { return !w.Batch() && w.Kind != "DaemonSet" && w.Kind != "Pod" }

// Snapshot is everything a decision may depend on. Equal snapshots give equal
// decisions.
type Snapshot struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Now is the instant of the decision.
	Now        time.Time   `json:"now"`
	Workload   Workload    `json:"workload"`
	Policy     Policy      `json:"policy"`
	Replicas   Replicas    `json:"replicas"`
	Containers []Container `json:"containers"`
	// Demand is the work that arrives at the workload, where a signal for it
	// is known; nil where only usage is.
	Demand *Demand `json:"demand,omitempty"`
	// Batch is how a pod serves a language model, where the workload does so
	// and its Demand is in requests; else nil.
	Batch *BatchServer `json:"batch,omitempty"`
	// BatchEvidence says how well Batch is known; nil where its owner stands in
	// for it.
	BatchEvidence *BatchEvidence `json:"batchEvidence,omitempty"`
	// Outcome is how well the objective was met lately; nil where unknown.
	Outcome *Outcome `json:"outcome,omitempty"`
	// Surroundings are what the cluster, the calendar and the rest of the pod
	// allow.
	Surroundings
	// Tokens are those of a mean request, forecast apart from the number of
	// requests; nil where all that is known of them is in Batch.
	Tokens *Tokens `json:"tokens,omitempty"`
	// GPU is the activity of the pods' GPUs; nil where unknown.
	GPU *GPUActivity `json:"gpu,omitempty"`
	// Accelerator names which of the policy's profiles the pods have.
	Accelerator string `json:"accelerator,omitempty"`
	// Variants are the workloads that serve the demand together, this one among
	// them; the demand is then that of all. Empty where it is alone.
	Variants []Variant `json:"variants,omitempty"`
	// Facts are what is known about the quality of the data, as found by
	// whoever gathered it.
	Facts []Fact `json:"facts,omitempty"`
	// State is what the previous decision left behind.
	State State `json:"state"`
}

// Replicas is how many pods there are and how fast more can be had.
type Replicas struct {
	// Desired is the number asked for, Ready the number that serves.
	Desired int `json:"desired"`
	Ready   int `json:"ready"`
	// StartupSeconds is the 0.9 quantile of the time from a pod's creation to
	// its readiness; 0 where unknown.
	StartupSeconds float64 `json:"startupSeconds,omitempty"`
	// ResizeSeconds is the time an accepted in-place resize takes; 0 where
	// unknown.
	ResizeSeconds float64 `json:"resizeSeconds,omitempty"`
	// Rollout says that a new revision is being rolled out.
	Rollout bool `json:"rollout,omitempty"`
	// Deferred is the number of pods whose growth in place waits for room on
	// their node, Infeasible that of pods whose node can never hold it. What
	// these pods really have is Container.InForce.
	Deferred   int `json:"deferred,omitempty"`
	Infeasible int `json:"infeasible,omitempty"`
}

// pods is the number of pods that share the load now, at least one.
func (r Replicas) pods() int {
	if r.Ready > 0 {
		return r.Ready
	}
	return max(1, r.Desired)
}

// Container is one container of the pod template, with what its instances
// used.
type Container struct {
	Name     string    `json:"name"`
	Requests Resources `json:"requests"`
	Limits   Resources `json:"limits"`
	// InForce is what the pods of which a resize is pending have until it is
	// made; zero where none is.
	InForce Resources `json:"inForce,omitzero"`
	// RestartOnCPU and RestartOnMemory say that a change in place restarts the
	// container (resizePolicy RestartContainer).
	RestartOnCPU    bool `json:"restartOnCPU,omitempty"`
	RestartOnMemory bool `json:"restartOnMemory,omitempty"`
	// Startup is what was learned from past starts of the container; nil where
	// nothing is known.
	Startup *Startup `json:"startup,omitempty"`
	// Runs are those of a workload that runs to completion; nil where unknown.
	Runs *Runs `json:"runs,omitempty"`
	// CPU is in cores, summed over the pods.
	CPU Usage `json:"cpu"`
	// Memory is the working set in bytes of the pod that uses the most, as it
	// would have been with the number of pods there is now (see [ShareMemory]).
	Memory Usage `json:"memory"`
	// MemoryShare says how a pod's memory follows the number of pods: 0 where
	// each needs the same however many there are, 1 where they share a total.
	MemoryShare float64 `json:"memoryShare,omitempty"`
	// MemoryPods is a number of pods of which each is known to need no more than
	// MemoryPodsRatio, 1 or more, times what Memory says; 0 where there is none.
	MemoryPods      int     `json:"memoryPods,omitempty"`
	MemoryPodsRatio float64 `json:"memoryPodsRatio,omitempty"`
	// MemoryInFlight is how the memory in bytes of a pod follows the number of
	// requests in flight in it: a Relation of bytes instead of cores to those
	// instead of a demand, on one replica. Not valid where unknown.
	MemoryInFlight Relation `json:"memoryInFlight,omitzero"`
	// GPUs is the number of GPUs a pod's container requests.
	GPUs int `json:"gpus,omitempty"`
	// Sidecar says that it is an init container that keeps running (of
	// restartPolicy Always): it counts like any other, but stands elsewhere in
	// the pod's specification.
	Sidecar bool `json:"sidecar,omitempty"`
	// ThrottledRatio is the share of CFS periods with throttling in the last
	// hour, 0 to 1.
	ThrottledRatio float64 `json:"throttledRatio,omitempty"`
	// OOMKills and Restarts are counted over the history. LastOOMKill is zero
	// where there was none.
	OOMKills    int       `json:"oomKills,omitempty"`
	LastOOMKill time.Time `json:"lastOOMKill,omitzero"`
	Restarts    int       `json:"restarts,omitempty"`
	// RecentRestarts are those of the last 10 minutes.
	RecentRestarts int `json:"recentRestarts,omitempty"`
	// FirstOOMKill is the earliest kill of the history, and OOMLimit the
	// largest memory limit in force at a kill; zero where unknown.
	FirstOOMKill time.Time `json:"firstOOMKill,omitzero"`
	OOMLimit     Bytes     `json:"oomLimitBytes,omitempty"`
	// PageCache is the memory in bytes that the pod which holds the most had
	// beyond its working set in the last hour: files that the kernel would read
	// again. 0 where unknown.
	PageCache float64 `json:"pageCacheBytes,omitempty"`
	// Runtime is the language runtime the container was recognised to run; nil
	// where it was not.
	Runtime *Runtime `json:"runtime,omitempty"`
}

// Usage is the history of one resource in numbers, with its forecast. The
// unit is that of the field it stands in.
type Usage struct {
	// Samples is the number of observations; without any, nothing else here
	// means anything.
	Samples int `json:"samples"`
	// AgeSeconds is how old the newest observation was at Snapshot.Now.
	AgeSeconds float64 `json:"ageSeconds"`
	// Last is the newest observation, Recent the largest of the last 15
	// minutes before it, Peak the largest of the last 8 days.
	Last   float64 `json:"last"`
	Recent float64 `json:"recent"`
	Peak   float64 `json:"peak"`
	// Mean is the average over the history.
	Mean float64 `json:"mean"`
	// TrendPerDay is the Theil-Sen slope of the daily peaks over the last 8
	// days, 0 where it is not significant.
	TrendPerDay float64 `json:"trendPerDay,omitempty"`
	// DailyPeaks are the largest values of the whole days that end with the
	// history, oldest first, at most 14; days without data are left out. Known
	// for memory only, as is Season, which is nil where none is to be relied on.
	DailyPeaks []float64 `json:"dailyPeaks,omitempty"`
	Season     *Season   `json:"season,omitempty"`
	// Imbalance is the 0.95 quantile of (largest pod)/(mean pod), at least 1;
	// 0 where unknown.
	Imbalance float64 `json:"imbalance,omitempty"`
	// PodP95 is the 0.95 quantile of the largest pod while it ran; 0 where
	// unknown.
	PodP95 float64 `json:"podP95,omitempty"`
	// Forecast is of the same quantity.
	Forecast forecaster.Forecast `json:"forecast"`
}

// Demand is the work that arrives: requests, items or tokens a second.
type Demand struct {
	// Signal is the name in the signal catalogue, Unit its unit, for example
	// "requests/s".
	Signal string `json:"signal"`
	Unit   string `json:"unit"`
	Usage
	// Counting says what the observations were counted over.
	Counting Counting `json:"counting,omitzero"`
	// Relation is how the workload's CPU follows the demand; not valid where
	// it does not.
	Relation Relation `json:"relation"`
	// Backlog is work that waits, in units of the demand times seconds; 0
	// where none or unknown.
	Backlog float64 `json:"backlog,omitempty"`
	// IdleSeconds is how long there has been none; 0 where there is some, or
	// where that is unknown.
	IdleSeconds float64 `json:"idleSeconds,omitempty"`
}

// Tokens are the mean numbers of tokens that a request to a language model has
// read and written.
type Tokens struct {
	Prompt Usage `json:"prompt"`
	Output Usage `json:"output"`
}

// Fact is one thing known about the data.
type Fact struct {
	Code FactCode `json:"code"`
	// Signal is the name of the signal it is about; empty for all.
	Signal  string `json:"signal,omitempty"`
	Message string `json:"message"`
}

// FactCode classes facts by what they mean for a decision.
type FactCode string

// The facts a snapshot can hold.
const (
	// FactWarning is a warning of the metrics source that changes nothing.
	FactWarning FactCode = "Warning"
	// FactPartial says that the source answered with part of the data.
	FactPartial FactCode = "PartialData"
	// FactMissing says that a signal has no data at all.
	FactMissing FactCode = "MissingData"
	// FactClockSkew says that data from the future was dropped.
	FactClockSkew FactCode = "ClockSkew"
	// FactInvalid says that samples were dropped as NaN, infinite or negative.
	FactInvalid FactCode = "InvalidSamples"
)

// Policy is what the owner of the workload accepts and pays.
type Policy struct {
	// Risk is the accepted probability that demand exceeds capacity within
	// the time it takes to react, in (0, 0.5]. Zero means 0.05.
	Risk float64 `json:"risk,omitempty"`
	// HoldSeconds is how long a decision has to last before the next one can
	// be made, beyond the time it takes to react: minutes for a controller,
	// days for a size written into Git. Zero means 300.
	HoldSeconds float64 `json:"holdSeconds,omitempty"`
	// ChangeHours is what one change of sizes or replicas has to save before it
	// is made, in hours of what the workload costs now. More of it makes fewer
	// changes. Zero means 0.02: a bit more than a minute of the workload's cost.
	ChangeHours float64 `json:"changeHours,omitempty"`
	// Objective is what the users of the workload expect; zero for none.
	Objective  Objective        `json:"objective"`
	Horizontal HorizontalPolicy `json:"horizontal"`
	Vertical   VerticalPolicy   `json:"vertical"`
	Prices     Prices           `json:"prices"`
	// Engine is what the owner knows of an engine for language models, such as
	// the largest batch and the size of the cache it is started with; zero
	// fields are learned.
	Engine BatchServer `json:"engine,omitzero"`
	// EnginePrior is what the owner expects of it, until metrics tell better; zero
	// where nothing is.
	EnginePrior BatchServer `json:"enginePrior,omitzero"`
	// Accelerators are the profiles that pods may have; ModelBytes is what the
	// weights of the model take in them, zero where unknown.
	Accelerators []AcceleratorProfile `json:"accelerators,omitempty"`
	ModelBytes   float64              `json:"modelBytes,omitempty"`
}

// Objective is a time that a share of the requests has to meet.
type Objective struct {
	LatencySeconds float64 `json:"latencySeconds,omitempty"`
	// Percentile is the share, in (0, 1); zero means 0.95.
	Percentile float64 `json:"percentile,omitempty"`
	// WaitSeconds is how long items of a queue may wait; a backlog is worked
	// off within it, or within a minute where that is longer.
	WaitSeconds float64 `json:"waitSeconds,omitempty"`
	// TTFTSeconds and ITLSeconds bound the time to the first token and the mean
	// time between tokens of a workload with a Batch; zero is no bound.
	TTFTSeconds float64 `json:"ttftSeconds,omitempty"`
	ITLSeconds  float64 `json:"itlSeconds,omitempty"`
	// ServiceCV is the coefficient of variation of the CPU a request takes;
	// zero means 1.
	ServiceCV float64 `json:"serviceCV,omitempty"`
}

// Prices is what capacity costs, in Currency an hour.
type Prices struct {
	CPUCoreHour   float64 `json:"cpuCoreHour"`
	MemoryGiBHour float64 `json:"memoryGiBHour"`
	GPUHour       float64 `json:"gpuHour,omitempty"`
	Currency      string  `json:"currency,omitempty"`
	// DominantShare prices a pod by the largest of its shares of a node, since
	// what it leaves of the other resources cannot be used: for clusters whose
	// nodes are packed with pods of one shape. It needs Snapshot.Nodes.
	DominantShare bool `json:"dominantShare,omitempty"`
}

// State is what one decision tells the next; it is all that a controller has
// to keep.
type State struct {
	// LastChange is when replicas or sizes were last changed.
	LastChange time.Time `json:"lastChange,omitzero"`
	// Owner is what the workload's owner asked for, while there is too little
	// history to go below it.
	Owner *OwnerSize `json:"owner,omitempty"`
	// Correction is the ratio of what turned out to be needed to what was
	// predicted, as of CorrectedAt. 0 counts as 1.
	Correction  float64   `json:"correction,omitempty"`
	CorrectedAt time.Time `json:"correctedAt,omitzero"`
	// Unspent is the share of what may be missed of the objective that the last
	// hours left, at most a half and negative where more was missed; 0 where
	// unknown.
	Unspent float64 `json:"unspent,omitempty"`
	// SurprisedAt is when more arrived than the pods could carry; zero for never.
	SurprisedAt time.Time `json:"surprisedAt,omitzero"`
	// Wishes are the replica counts asked for within the stabilization
	// window, oldest first.
	Wishes []Wish `json:"wishes,omitempty"`
	// Scales are the changes of the number of pods within the longest window
	// that looks at them, oldest first, at most 64.
	Scales []Scale `json:"scales,omitempty"`
	// Turns are the latest changes of the direction in which sizes moved,
	// oldest first, at most 16.
	Turns []Turn `json:"turns,omitempty"`
	// Refused are pod sizes that nodes could not hold, oldest first, at most 8.
	Refused []Refusal `json:"refused,omitempty"`
	// Groups are the states of Snapshot.Groups.
	Groups []GroupState `json:"groups,omitempty"`
}

// Scale is a change of the number of pods.
type Scale struct {
	At   time.Time `json:"at"`
	From int       `json:"from"`
	To   int       `json:"to"`
}

// Turn is a change of the direction in which sizes move.
type Turn struct {
	At time.Time `json:"at"`
	Up bool      `json:"up,omitempty"`
}

// Refusal is the size of a pod that its node can never hold.
type Refusal struct {
	At time.Time `json:"at"`
	// Asked is what was asked for, InForce what the pod has instead.
	Asked   Resources `json:"asked"`
	InForce Resources `json:"inForce"`
}

// GroupState is the state of one group of pods.
type GroupState struct {
	Name  string `json:"name"`
	State State  `json:"state"`
}

// OwnerSize is the size of a workload: its pods, and what each container of one
// requests, in their order.
type OwnerSize struct {
	Replicas int         `json:"replicas"`
	Sizes    []Resources `json:"sizes"`
}

// Wish is a replica count that one decision would have liked.
type Wish struct {
	At       time.Time `json:"at"`
	Replicas int       `json:"replicas"`
}
