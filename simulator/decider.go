package simulator

import (
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Decider is what a simulation judges.
type Decider interface {
	// Decide returns what should be from o.Now on. It must be a function of
	// the observations so far.
	Decide(o Observation) Action
}

// Constrained is a Decider that may find out that it cannot do what it is
// for. Its score then has no cost.
type Constrained interface {
	Decider
	MeetsConstraint() bool
}

// Policy is a named way to make a Decider for a scenario.
type Policy struct {
	// Name is unique, such as hpa.
	Name string
	// Every is the interval at which Decide is called, counted from the scored
	// start; zero means the scenario's step.
	Every time.Duration
	// New makes a Decider for one run.
	New func(Setup) (Decider, error)
}

// Setup is what a policy may know before it starts: the scenario without its
// demand and what will disturb it, and the history so far.
type Setup struct {
	// Scenario has no Demand, Failures, Deploys and outages of Metrics.
	Scenario Scenario
	// Start is the scored start.
	Start   time.Time
	History History
	// Alive, if not nil, says whether the result is still wanted. A policy
	// that takes long to make asks it now and then, and gives up with
	// [ErrStopped].
	Alive func() bool
}

// History is what metrics hold of the time before the policy steers, in which
// the initial pods served the demand without throttling or loss. All series
// have the scenario's step, each value is the mean of the step that ends at
// its time, and the last one ends where the policy begins.
type History struct {
	// Demand is requests or items a second; it has no values for usage
	// services.
	Demand forecaster.Series
	// CPU is in cores, summed over the pods.
	CPU forecaster.Series
	// Memory is the working set in bytes of one pod.
	Memory forecaster.Series
	// PromptTokens and OutputTokens are those of a mean request, of inference
	// services; others have no values.
	PromptTokens forecaster.Series
	OutputTokens forecaster.Series
	// Replicas and Requests are those of the initial pods.
	Replicas int
	Requests recommender.Resources
}

// Observation is what metrics and API say at one instant: averages over the
// step that just ended, and the present state. It holds nothing of the future.
type Observation struct {
	// Now is the instant; Step is the length of the averages. MetricsAt is the
	// end of the step that they are of: a step that has not been seen is
	// missing for good where it is followed by a later one. It is zero while
	// there are no metrics.
	Now       time.Time
	Step      time.Duration
	MetricsAt time.Time
	// Scored says that the scored span has begun.
	Scored bool
	// HasDemand says whether DemandRate is known: for all but usage services.
	// DemandRate is in requests or items a second, dropped ones included.
	HasDemand  bool
	DemandRate float64
	// CPUCores is the CPU used, summed over the pods; MemoryBytes is the
	// working set of the pod that used the most.
	CPUCores    float64
	MemoryBytes float64
	// ServedRate and DroppedRate are requests a second; LatencySeconds is the
	// latency that the objective's percentile of the requests finished in the
	// step did not exceed, 0 if there were none.
	ServedRate     float64
	DroppedRate    float64
	LatencySeconds float64
	// LateRate is the requests a second that were finished in the step after a
	// longer time than the objective's latency, as a histogram with a bucket
	// there has it; of inference services, than one of their objectives.
	LateRate float64
	// Running and Waiting are the items or requests that were worked on and
	// that waited for it, of queue and inference services, summed over pods.
	Running float64
	Waiting float64
	// InFlight is the requests in the pods of http services, summed over pods: what
	// the sum of a latency histogram grows by each second.
	InFlight float64
	// KVCacheUsage is the share of the ready pods' KV cache that was reserved,
	// PromptTokenRate and OutputTokenRate are tokens read and written a second;
	// of inference services.
	KVCacheUsage    float64
	PromptTokenRate float64
	OutputTokenRate float64
	// TTFTSeconds is the mean time to the first token of the requests that got
	// it in the step, ITLSeconds the mean time that a token written in the step
	// took, pauses included; 0 where there were none. Of inference services.
	TTFTSeconds float64
	ITLSeconds  float64
	// Desired is the number of pods asked for, Ready the number that serves.
	Desired int
	Ready   int
	// Template is the request of pods that are created from now on.
	Template recommender.Resources
	// Pods are those that exist, in the order of their creation. The slice is
	// reused: it is valid during the call.
	Pods []PodObservation
	// OOMKills and Restarts were counted over the step.
	OOMKills int
	Restarts int
	// LastOOMKill is the time of the newest OOM kill; zero for none.
	LastOOMKill time.Time
}

// ResizeState says how an in-place resize is getting on.
type ResizeState string

// The states of a resize.
const (
	ResizeNone       ResizeState = ""
	ResizeInProgress ResizeState = "InProgress"
	// ResizeDeferred is a growth for which the node has no room.
	ResizeDeferred ResizeState = "Deferred"
	// ResizeInfeasible is one for which no node ever has.
	ResizeInfeasible ResizeState = "Infeasible"
)

// PodObservation is one pod.
type PodObservation struct {
	// ID is unique and ascends with creation.
	ID int
	// Created is when the pod was created. Started is when it was bound to a
	// node; zero while it is pending. Pulling says that it waits on its node
	// for the image: to Kubernetes its phase is Pending then, too.
	Created time.Time
	Started time.Time
	Pending bool
	Pulling bool
	Ready   bool
	// ReadyChanged is when Ready last changed (or the pod started).
	ReadyChanged time.Time
	// Requests and Limits are in force; a zero limit means none. Wanted is the
	// request that a resize is on the way to, equal to Requests without one.
	Requests    recommender.Resources
	Limits      recommender.Resources
	Wanted      recommender.Resources
	Resize      ResizeState
	ResizeSince time.Time
	// HasMetrics says that the pod's container ran in the step, so that CPU
	// and memory mean something: averages over the time it ran.
	HasMetrics  bool
	CPUCores    float64
	MemoryBytes float64
	// Throttled says that it used 99 % of its CPU ceiling or more.
	Throttled bool
	// Running, Waiting and KVCacheUsage are those of [Observation] while the
	// pod was ready; of inference services.
	Running      float64
	Waiting      float64
	KVCacheUsage float64
	// OOMKills and Restarts are counted since creation.
	OOMKills    int
	Restarts    int
	LastOOMKill time.Time
}

// Action is what should be. [Observation.Keep] is the one that changes
// nothing.
type Action struct {
	// Replicas is the number of pods, moved into the bounds if it changes.
	Replicas int
	// Template is the request of pods created from now on, moved into the
	// bounds if it changes. Limits follow in the initial ratio.
	Template recommender.Resources
	// Resize changes running pods in place.
	Resize []PodResize
	// Evict removes pods and creates others from the template in their place.
	Evict []int
}

// PodResize asks for an in-place resize.
type PodResize struct {
	ID       int
	Requests recommender.Resources
}

// Keep is the action that changes nothing.
func (o Observation) Keep() Action {
	return Action{Replicas: o.Desired, Template: o.Template}
}

// ResizeTo sets the template and resizes every pod that does not have that
// request or is not on the way to it.
func (a *Action) ResizeTo(o Observation, requests recommender.Resources) {
	a.Template = requests
	for _, p := range o.Pods {
		if p.Wanted != requests {
			a.Resize = append(a.Resize, PodResize{ID: p.ID, Requests: requests})
		}
	}
}

// Static is the policy that never changes anything.
func Static() Policy {
	return Policy{Name: "static", New: func(Setup) (Decider, error) { return keeper{}, nil }}
}

type keeper struct{}

func (keeper) Decide(o Observation) Action { return o.Keep() }
