package recommender

import (
	"math"
	"time"
)

// Decision is the size a workload should have from At on, and why.
type Decision struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	At         time.Time `json:"at"`
	Workload   Workload  `json:"workload"`
	Action     Action    `json:"action"`
	// CurrentReplicas and DesiredReplicas are pods; for batch workloads, pods
	// of one run.
	CurrentReplicas int              `json:"currentReplicas"`
	DesiredReplicas int              `json:"desiredReplicas"`
	Containers      []Recommendation `json:"containers"`
	// Groups are the parts of the workload that are sized apart, where there
	// are any; Containers is then the largest of each size.
	Groups []GroupDecision `json:"groups,omitempty"`
	// Accelerator is the cheapest of the policy's profiles; nil where there is
	// no choice. Replicas are those of the profile in force.
	Accelerator *AcceleratorChoice `json:"accelerator,omitempty"`
	// Cost is what the workload's requests cost before and after.
	Cost Cost `json:"cost"`
	// Alternatives are what other risks would have come to.
	Alternatives []Alternative `json:"alternatives,omitempty"`
	// Reasons tell every step that changed or held a number, in the order in
	// which they were taken.
	Reasons []Reason `json:"reasons"`
	// Confidence is how much the decision knows, 0 to 1: the least confident
	// of the forecasts it rests on.
	Confidence float64 `json:"confidence"`
	State      State   `json:"state"`
	// RecheckAfterSeconds is when the next decision is due.
	RecheckAfterSeconds float64 `json:"recheckAfterSeconds"`
}

// Action says what a decision would do.
type Action string

// The actions.
const (
	// ActionHold changes nothing.
	ActionHold Action = "Hold"
	// ActionResize changes container sizes.
	ActionResize Action = "Resize"
	// ActionScale changes the number of replicas.
	ActionScale Action = "Scale"
	// ActionResizeAndScale changes both.
	ActionResizeAndScale Action = "ResizeAndScale"
	// ActionNone says that there was not enough data to decide.
	ActionNone Action = "InsufficientData"
)

// Recommendation is what one container should request.
type Recommendation struct {
	Name string `json:"name"`
	// Sidecar says that it is an init container that keeps running.
	Sidecar bool `json:"sidecar,omitempty"`
	// Requests and Limits are the amounts in force.
	Requests Resources `json:"requests"`
	Limits   Resources `json:"limits"`
	// Target is what to request; TargetLimits the limits that go with it.
	Target       Resources `json:"target"`
	TargetLimits Resources `json:"targetLimits"`
	// LowerBound and UpperBound enclose the requests that need no change.
	LowerBound Resources `json:"lowerBound"`
	UpperBound Resources `json:"upperBound"`
	// UncappedTarget is the target before the owner's bounds.
	UncappedTarget Resources `json:"uncappedTarget"`
	// Advice are settings of the container's language runtime that go with
	// the target. They are for its owner to make.
	Advice []Advice `json:"advice,omitempty"`
	// Boost is what the container should have while it starts, beside Target for
	// the time after; nil where that is the same.
	Boost *Boost `json:"boost,omitempty"`
}

// Advice is one setting of a language runtime.
type Advice struct {
	// Variable is an environment variable or a command line flag.
	Variable string `json:"variable"`
	Value    string `json:"value"`
	// Why is one sentence with the numbers that led there.
	Why string `json:"why"`
}

// Boost is the CPU of a container until its pod is ready, and Seconds at most.
// Where the container has a CPU limit, that is at least as much meanwhile.
type Boost struct {
	CPU     MilliCPU `json:"cpuMillis"`
	Seconds float64  `json:"seconds"`
}

// Starting is what the container requests, and what it is limited to, while its
// pod starts: the target, with the boost. A CPU limit that equals the request goes
// on to do so, and one above it stays above it: the QoS class of the pod does not
// follow the boost.
func (r Recommendation) Starting() (requests, limits Resources) {
	requests, limits = r.Target, r.TargetLimits
	if r.Boost == nil || r.Boost.CPU <= requests.CPU {
		return requests, limits
	}
	equal := limits.CPU == requests.CPU
	requests.CPU = r.Boost.CPU
	switch {
	case limits.CPU <= 0 || limits.CPU > requests.CPU:
	case equal || requests.CPU == math.MaxInt64:
		limits.CPU = requests.CPU
	default:
		limits.CPU = requests.CPU + 1
	}
	return requests, limits
}

// GroupDecision is what one part of a workload should have.
type GroupDecision struct {
	Name       string           `json:"name"`
	Replicas   int              `json:"replicas"`
	Action     Action           `json:"action"`
	Containers []Recommendation `json:"containers"`
	Cost       Cost             `json:"cost"`
	Reasons    []Reason         `json:"reasons"`
}

// Cost is money an hour in Currency.
type Cost struct {
	CurrentPerHour float64 `json:"currentPerHour"`
	TargetPerHour  float64 `json:"targetPerHour"`
	Currency       string  `json:"currency"`
}

// SavingsPerHour is what the decision saves, negative where it costs more.
func (c Cost) SavingsPerHour() float64 { return c.CurrentPerHour - c.TargetPerHour }

// Reason is one step of a decision with its numbers.
type Reason struct {
	Code ReasonCode `json:"code"`
	// Container is empty for reasons about the workload.
	Container string `json:"container,omitempty"`
	// Subject is what the numbers are of: cpu, memory, replicas, demand, cost.
	Subject string `json:"subject,omitempty"`
	// Before and After are the number as the step found and left it, in Unit.
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	Unit   string  `json:"unit,omitempty"`
	// Message is one sentence with the numbers that led there.
	Message string `json:"message"`
}
