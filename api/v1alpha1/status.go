package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RightSizeStatus is what rightsize found and did. It is bounded: every list
// and string has a maximum, by which it stays under 8 KiB of JSON, since the
// API server, every watch, and the admission of every pod carry it.
//
// +kubebuilder:validation:MinProperties=1
type RightSizeStatus struct {
	// conditions are Ready, TargetResolved, RecommendationAvailable and Applied,
	// and, only while true, Reconciling and Stalled.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=6
	// +kubebuilder:validation:XValidation:rule="self.all(c, size(c.type) <= 23 && size(c.reason) <= 32 && size(c.message) <= 100)",message="a condition has at most 23 characters of type, 32 of reason and 100 of message"
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that the status is about.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=999999999999
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// currentReplicas is how many pods the target asks for now.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	CurrentReplicas *int32 `json:"currentReplicas,omitempty"`

	// desiredReplicas is how many pods rightsize asks for, or would ask for in
	// DryRun: the recommendation within all limits on speed.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	DesiredReplicas *int32 `json:"desiredReplicas,omitempty"`

	// decisionTime is when the recommendation was decided, or last found to hold
	// while changes towards it were under way. What is in force and does not
	// change is not written again, so it may be old.
	//
	// +optional
	DecisionTime *metav1.Time `json:"decisionTime,omitempty"`

	// recommendation is the size the workload should have.
	//
	// +optional
	Recommendation Recommendation `json:"recommendation,omitzero"`

	// pods counts the running pods by how far they have the recommended size.
	//
	// +optional
	Pods PodCounts `json:"pods,omitzero"`

	// forecast is the demand that the recommendation is for.
	//
	// +optional
	Forecast ForecastSummary `json:"forecast,omitzero"`

	// reasons are the steps that decided the recommendation, most telling first,
	// at most 4; `kubectl rightsize explain` tells all of them.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	Reasons []Reason `json:"reasons,omitempty"`

	// savings is what the recommendation saves.
	//
	// +optional
	Savings Savings `json:"savings,omitzero"`

	// state is what one decision tells the next, so that a restart of rightsize
	// changes nothing. Its form is rightsize's own;
	// `kubectl rightsize explain` prints what is in it.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=640
	State string `json:"state,omitempty"`

	// actuation is what one step of putting the recommendation into force tells
	// the next: which pods are being changed, what they had before, what is usual
	// for the workload. Its form is rightsize's own.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1200
	Actuation string `json:"actuation,omitempty"`
}

// Recommendation is the size a workload should have.
//
// +kubebuilder:validation:MinProperties=1
type Recommendation struct {
	// replicas is the number of pods.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Replicas *int32 `json:"replicas,omitempty"`

	// profile is the name of the accelerator profile.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Profile string `json:"profile,omitempty"`

	// containers are the sizes by container, at most 8. Pods with more
	// containers keep the size of the others, and a condition says so.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Containers []ContainerRecommendation `json:"containers,omitempty"`
}

// ContainerRecommendation is the size a container should have.
type ContainerRecommendation struct {
	// name is the name of the container, native sidecars included.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// requests is what the container should request.
	//
	// +optional
	Requests Amounts `json:"requests,omitzero"`

	// limits are the limits that go with the requests. They keep the QoS class of
	// the pod.
	//
	// +optional
	Limits Amounts `json:"limits,omitzero"`

	// lowerBound is the lower end of the requests that need no change.
	//
	// +optional
	LowerBound Amounts `json:"lowerBound,omitzero"`

	// upperBound is the upper end of the requests that need no change.
	//
	// +optional
	UpperBound Amounts `json:"upperBound,omitzero"`

	// uncapped is what requests would be without the owner's bounds.
	//
	// +optional
	Uncapped Amounts `json:"uncapped,omitzero"`

	// startup is what the container should have while its pod starts, where that
	// is more: what earlier starts of it took. Once the pod is ready it is taken
	// back in place.
	//
	// +optional
	Startup StartupSize `json:"startup,omitzero"`
}

// StartupSize is the CPU of a container while its pod starts. Its memory is that of
// all the time, and a limit of its CPU is at least as much meanwhile.
type StartupSize struct {
	// cpu is what the container requests meanwhile, in cores.
	//
	// +required
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=10
	CPU *resource.Quantity `json:"cpu,omitempty"`

	// seconds is how long it lasts from the making of the pod, ready or not.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	Seconds int32 `json:"seconds,omitempty"`
}

// Amounts is an amount of each resource.
//
// +kubebuilder:validation:MinProperties=1
type Amounts struct {
	// cpu is an amount of CPU in cores.
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=10
	CPU *resource.Quantity `json:"cpu,omitempty"`

	// memory is an amount of memory in bytes.
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=10
	Memory *resource.Quantity `json:"memory,omitempty"`
}

// PodCounts counts running pods.
//
// +kubebuilder:validation:MinProperties=1
type PodCounts struct {
	// total is how many pods there are.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Total *int32 `json:"total,omitempty"`

	// sized is how many have the recommended size, or one within its bounds.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Sized *int32 `json:"sized,omitempty"`

	// pending is how many are being resized, or wait for room on their node.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Pending *int32 `json:"pending,omitempty"`

	// refused is how many cannot be resized: their node can never hold the size,
	// or the API refused it.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Refused *int32 `json:"refused,omitempty"`
}

// ForecastSummary is a forecast in three numbers.
type ForecastSummary struct {
	// signal is the name of the signal that was forecast, or cpu where it is
	// usage.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Signal string `json:"signal,omitempty"`

	// unit is the unit of the amounts.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Unit string `json:"unit,omitempty"`

	// horizonSeconds is how far ahead the amounts are: the time it takes to react.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2678400
	HorizonSeconds int32 `json:"horizonSeconds,omitempty"`

	// now is the newest value seen.
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=12
	Now *resource.Quantity `json:"now,omitempty"`

	// median is the middle of what is expected: the maximum up to the horizon.
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=12
	Median *resource.Quantity `json:"median,omitempty"`

	// upper is what is exceeded only with the accepted risk.
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=12
	Upper *resource.Quantity `json:"upper,omitempty"`
}

// Reason is one step of a decision with its numbers.
type Reason struct {
	// code names the kind of step, the same in events, metrics and reports.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Code string `json:"code,omitempty"`

	// container is what it is about; unset where it is the workload.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Container string `json:"container,omitempty"`

	// subject is what the numbers are of: cpu, memory, replicas, demand, cost.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16
	Subject string `json:"subject,omitempty"`

	// before is the number as the step found it.
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=12
	Before *resource.Quantity `json:"before,omitempty"`

	// after is the number as the step left it.
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=12
	After *resource.Quantity `json:"after,omitempty"`
}

// Savings is money.
type Savings struct {
	// perMonth is what the recommendation saves in 730 hours, rounded to whole
	// units of the currency; negative where it costs more.
	//
	// +required
	// +kubebuilder:validation:Minimum=-999999999999
	// +kubebuilder:validation:Maximum=999999999999
	PerMonth *int64 `json:"perMonth,omitempty"`

	// currency is that of the cluster-wide prices.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8
	Currency string `json:"currency,omitempty"`
}
