package actuator

import (
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Plan is what may be changed now, in the order in which to do it. A step that
// fails does not forbid those after it, unless they lower something: then the
// rest waits for the next plan.
type Plan struct {
	Steps []Step `json:"steps"`
	// Reasons tell what was held or refused, and why.
	Reasons []PodReason `json:"reasons"`
	// Spent is what the steps take of the budgets over all workloads.
	Spent Spent `json:"spent"`
	// RecheckAfterSeconds is when time alone will allow more; zero where it will
	// not.
	RecheckAfterSeconds float64 `json:"recheckAfterSeconds,omitempty"`
}

// Spent is what the steps of a plan count for.
type Spent struct {
	Resizes   int `json:"resizes"`
	Evictions int `json:"evictions"`
}

// Step is one change.
type Step struct {
	Kind StepKind `json:"kind"`
	// Pod is empty where the target is scaled.
	Pod string `json:"pod,omitempty"`
	// Containers are the sizes of all containers of the pod that are not
	// initial, complete, so that nothing that was set is left out.
	Containers []ContainerStep `json:"containers,omitempty"`
	// From and To are replicas.
	From   int                `json:"from,omitempty"`
	To     int                `json:"to,omitempty"`
	Reason recommender.Reason `json:"reason"`
	// Precondition has to hold of the pod, or of the target, when it is made.
	Precondition Precondition `json:"precondition"`
}

// StepKind is what a step does.
type StepKind string

// The kinds of steps.
const (
	// StepResize gives a pod other sizes, StepRevert those it had before.
	StepResize StepKind = "ResizePod"
	StepRevert StepKind = "RevertPod"
	StepScale  StepKind = "Scale"
	StepEvict  StepKind = "EvictPod"
)

// ContainerStep is what a step does to one container.
type ContainerStep struct {
	Name    string `json:"name"`
	Sidecar bool   `json:"sidecar,omitempty"`
	// From is what the specification has, To what it is to have.
	From Size `json:"from"`
	To   Size `json:"to"`
}

// Precondition pins the object that a step was planned for.
type Precondition struct {
	UID             string `json:"uid,omitempty"`
	ResourceVersion string `json:"resourceVersion,omitempty"`
	Generation      int64  `json:"generation,omitempty"`
}

// PodReason is a reason about a pod, or about the workload where Pod is empty.
type PodReason struct {
	Pod string `json:"pod,omitempty"`
	recommender.Reason
}

// The reasons of plans. Those of decisions are in package recommender.
const (
	// ReasonKillSwitch: every change is forbidden.
	ReasonKillSwitch recommender.ReasonCode = "KillSwitch"
	// ReasonMode: the mode forbids changes.
	ReasonMode recommender.ReasonCode = "ModeForbids"
	// ReasonNamespace: the namespace belongs to the cluster.
	ReasonNamespace recommender.ReasonCode = "NamespaceExcluded"
	// ReasonRival: another controller sizes or scales the target.
	ReasonRival recommender.ReasonCode = "ConflictingAutoscaler"
	// ReasonUndecided: there is no decision, or an old one.
	ReasonUndecided recommender.ReasonCode = "NoFreshDecision"
	// ReasonWarmup: the program has only just begun.
	ReasonWarmup recommender.ReasonCode = "WarmingUp"
	// ReasonStale: metrics are stale, so nothing is lowered.
	ReasonStale recommender.ReasonCode = "MetricsStale"
	// ReasonFrozen: a change was taken back lately, so nothing is lowered.
	ReasonFrozen recommender.ReasonCode = "FrozenAfterRollback"
	// ReasonRollout: a rollout is under way, so nothing is lowered.
	ReasonRollout recommender.ReasonCode = "RolloutHoldsChanges"
	// ReasonOptedOut: the pod has the label that forbids changes.
	ReasonOptedOut recommender.ReasonCode = "OptedOut"
	// ReasonUnresizable: the API server would refuse any resize of the pod.
	ReasonUnresizable recommender.ReasonCode = "NotResizable"
	// ReasonQoS: the QoS class of the pod would change.
	ReasonQoS recommender.ReasonCode = "QoSClassWouldChange"
	// ReasonLimitRange: a LimitRange would refuse, or add a limit for good.
	ReasonLimitRange recommender.ReasonCode = "LimitRangeRefuses"
	// ReasonQuota: a ResourceQuota would refuse.
	ReasonQuota recommender.ReasonCode = "QuotaRefuses"
	// ReasonNodeCapacity: the node can never hold the pod.
	ReasonNodeCapacity recommender.ReasonCode = "NodeTooSmall"
	// ReasonRoom: the node has no room for the pod now, and another waits.
	ReasonRoom recommender.ReasonCode = "WaitsForRoom"
	// ReasonInfeasible: the node has refused the size before.
	ReasonInfeasible recommender.ReasonCode = "InfeasibleBefore"
	// ReasonDeferred: the node had no room, so that the pod was put back.
	ReasonDeferred recommender.ReasonCode = "DeferredTooLong"
	// ReasonMemoryHeld: a memory limit is not lowered below what is in use.
	ReasonMemoryHeld recommender.ReasonCode = "MemoryInUse"
	// ReasonForeign: someone else changed the pod's size.
	ReasonForeign recommender.ReasonCode = "ChangedByOthers"
	// ReasonRefused: the API server refused the last step.
	ReasonRefused recommender.ReasonCode = "StepRefused"
	// ReasonBudget: a budget of changes is used up.
	ReasonBudget recommender.ReasonCode = "BudgetUsedUp"
	// ReasonBatch: enough pods are in the middle of a change.
	ReasonBatch recommender.ReasonCode = "BatchFull"
	// ReasonCanary: the first pods are being watched.
	ReasonCanary recommender.ReasonCode = "CanaryWatched"
	// ReasonAvailability: too few pods would be ready.
	ReasonAvailability recommender.ReasonCode = "TooFewReady"
	// ReasonCapacity: capacity would fall below the decision's.
	ReasonCapacity recommender.ReasonCode = "CapacityFirst"
	// ReasonGrow, ReasonShrink and ReasonScale: the decision's change.
	ReasonGrow   recommender.ReasonCode = "Grow"
	ReasonShrink recommender.ReasonCode = "Shrink"
	ReasonScale  recommender.ReasonCode = "Scale"
	// ReasonEmergency: demand is above what there is, so this does not wait.
	ReasonEmergency recommender.ReasonCode = "GrowAtOnce"
	// ReasonWorse: the workload got worse after a change.
	ReasonWorse recommender.ReasonCode = "RolledBack"
)

// State is what one plan tells the next. It is of bounded size.
type State struct {
	// Pods are those with a change under way or just made, at most podsMost,
	// by name.
	Pods []PodState `json:"pods,omitempty"`
	// Wave is the change of sizes that is being carried out.
	Wave *Wave `json:"wave,omitempty"`
	// Undo is the change that is being taken back.
	Undo *Wave `json:"undo,omitempty"`
	// Waves are when sizes were changed within the last 24 hours, at most 64.
	Waves []time.Time `json:"waves,omitempty"`
	// Scaled is the last time that pods were taken away, while that is watched.
	Scaled *Scaled `json:"scaled,omitempty"`
	// Refused are the sizes that nodes can never hold, at most refusedMost.
	Refused []NodeRefusal `json:"refused,omitempty"`
	// Spent are the changes of the last hour, in twelfths of it.
	Spent []SpentAt `json:"spent,omitempty"`
	// Baseline is what is usual for the workload, Watch what was seen since the
	// change that is being watched.
	Baseline Baseline `json:"baseline,omitzero"`
	Watch    Baseline `json:"watch,omitzero"`
	// LearnedAt is the last observation that was taken in.
	LearnedAt time.Time `json:"learnedAt,omitzero"`
	// FrozenUntil is until when nothing is lowered, Rollbacks the number of
	// rollbacks in a row.
	FrozenUntil time.Time `json:"frozenUntil,omitzero"`
	Rollbacks   int       `json:"rollbacks,omitempty"`
}

// PodState is what is known of a pod's change.
type PodState struct {
	Name  string `json:"name"`
	UID   string `json:"uid"`
	Phase Phase  `json:"phase"`
	// Since is when the phase began; Generation is the least of the pod that has
	// what was asked.
	Since      time.Time   `json:"since"`
	Generation int64       `json:"generation,omitempty"`
	Ask        []NamedSize `json:"ask,omitempty"`
	// Before is what was in force before the wave.
	Before []NamedSize `json:"before,omitempty"`
	// Revert says that the ask puts the pod back.
	Revert bool `json:"revert,omitempty"`
	// Until is when the pod may be asked again; zero where nothing forbids it.
	Until time.Time `json:"until,omitzero"`
}

// Phase is where a pod is in its change.
type Phase string

// The phases. A pod without an entry is idle.
const (
	PhaseRequested  Phase = "Requested"
	PhaseInProgress Phase = "InProgress"
	PhaseDone       Phase = "Done"
	PhaseDeferred   Phase = "Deferred"
	// PhaseWaiting: put back after Deferred, and evicted if that is allowed.
	PhaseWaiting    Phase = "Waiting"
	PhaseInfeasible Phase = "Infeasible"
	PhaseFailed     Phase = "Failed"
	PhaseForeign    Phase = "Foreign"
	PhaseRefused    Phase = "Refused"
	PhaseEvicted    Phase = "Evicted"
)

// Wave is one change of sizes as it goes over the pods.
type Wave struct {
	Started time.Time `json:"started"`
	// Target is the decision's size of each container. To is what the first pod
	// got, From what it had.
	Target []NamedSize `json:"target"`
	To     []NamedSize `json:"to"`
	From   []NamedSize `json:"from"`
	// Lowers says that it takes anything away.
	Lowers bool `json:"lowers,omitempty"`
	// Canaries are the first pods, at most 100; Since is when all of them had
	// it.
	Canaries []string  `json:"canaries,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	// Passed says that they were well.
	Passed bool `json:"passed,omitempty"`
	// Last is when the last pod was changed.
	Last time.Time `json:"last"`
}

// Scaled is a change of the number of pods downwards.
type Scaled struct {
	At   time.Time `json:"at"`
	From int       `json:"from"`
	To   int       `json:"to"`
	// Undo says that it is being taken back.
	Undo bool `json:"undo,omitempty"`
}

// NodeRefusal is a size that a node can never hold.
type NodeRefusal struct {
	Node  string                `json:"node"`
	Asked recommender.Resources `json:"asked"`
	Until time.Time             `json:"until"`
}

// SpentAt is what was spent from At on.
type SpentAt struct {
	At time.Time `json:"at"`
	Spent
}

const (
	// podsMost bounds the pods that are remembered, and with it those in the
	// middle of a change; compactMost those that a status holds.
	podsMost    = 256
	compactMost = 8
	// refusedMost bounds the sizes that are remembered as refused, wavesMost
	// the waves of a day, canariesMost the canaries.
	refusedMost  = 16
	wavesMost    = 64
	canariesMost = 100
	// refusedFor is how long a size that a node refused is not asked for again:
	// long enough for nodes of another kind to come, as in the recommender.
	refusedFor = 6 * time.Hour
	// retryAfter is how long a pod is left alone after a change failed.
	retryAfter = time.Hour
	// landsWithin is how long a step may take to be seen in the pod.
	landsWithin = time.Minute
	// stuckAfter is when a change no longer holds up others.
	stuckAfter = 10 * time.Minute
	// decisionFresh is how old a decision may be.
	decisionFresh = 15 * time.Minute
	// freshPod is how old a pod may be that is sized right after its creation.
	freshPod = 2 * time.Minute
)
