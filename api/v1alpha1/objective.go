package v1alpha1

// ObjectiveType says which time the users of a workload care about.
//
// +kubebuilder:validation:Enum=None;Latency;QueueWait;Inference
type ObjectiveType string

// The types of objectives.
const (
	// ObjectiveNone: no time is known, so sizes follow the share of its CPU
	// request that a container may use (vertical.containers[].cpu).
	ObjectiveNone ObjectiveType = "None"
	// ObjectiveLatency: requests have to be answered in time.
	ObjectiveLatency ObjectiveType = "Latency"
	// ObjectiveQueueWait: items must not wait too long in a queue.
	ObjectiveQueueWait ObjectiveType = "QueueWait"
	// ObjectiveInference: tokens of a language model have to come in time.
	ObjectiveInference ObjectiveType = "Inference"
)

// Objective is what the users of the workload expect. It turns demand into
// capacity by queueing theory.
//
// +kubebuilder:validation:XValidation:rule="has(self.latency) == (self.type == 'Latency')",message="latency is required with type Latency and not allowed with any other"
// +kubebuilder:validation:XValidation:rule="has(self.queueWait) == (self.type == 'QueueWait')",message="queueWait is required with type QueueWait and not allowed with any other"
// +kubebuilder:validation:XValidation:rule="has(self.inference) == (self.type == 'Inference')",message="inference is required with type Inference and not allowed with any other"
// +kubebuilder:validation:XValidation:rule="!has(self.percentile) || self.type != 'None'",message="percentile has no meaning with type None"
type Objective struct {
	// type says which of the fields below is set. Example: "Latency".
	//
	// +required
	Type ObjectiveType `json:"type,omitempty"`

	// percentile is the share of requests, items or tokens that the objective
	// holds for, as P and a number of percent: P50 is the median, P99.9 all but
	// one in a thousand. Range: P1 to P99.99.
	// Unset: the cluster-wide setting, else P95. Example: "P99".
	//
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=6
	// +kubebuilder:validation:Pattern=`^P[1-9][0-9]?(\.[0-9]{1,2})?$`
	Percentile string `json:"percentile,omitempty"`

	// latency is the objective of a service that answers requests.
	//
	// +optional
	Latency LatencyObjective `json:"latency,omitzero"`

	// queueWait is the objective of workers that take items from a queue.
	//
	// +optional
	QueueWait QueueWaitObjective `json:"queueWait,omitzero"`

	// inference is the objective of a language model.
	//
	// +optional
	Inference InferenceObjective `json:"inference,omitzero"`
}

// LatencyObjective bounds the time in which a request is answered.
type LatencyObjective struct {
	// milliseconds is the longest time the given percentile may take, 1 to
	// 3600000. It includes waiting inside the pod, not the network before it.
	// Example: 250.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600000
	Milliseconds int32 `json:"milliseconds,omitempty"`

	// variationPercent says how uneven the CPU time of requests is, as the
	// coefficient of variation in percent, 1 to 10000: 50 is even, 100
	// exponential, 300 very uneven. Uneven requests need more head-room.
	// Unset: the cluster-wide setting, else 100. Example: 150.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	VariationPercent int32 `json:"variationPercent,omitempty"`
}

// QueueWaitObjective bounds how long an item waits before it is worked on.
type QueueWaitObjective struct {
	// seconds is the longest time the given percentile may wait, 1 to 604800. A
	// backlog is worked off within it, or within a minute where that is longer.
	// Example: 60.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	Seconds int32 `json:"seconds,omitempty"`
}

// InferenceObjective bounds how long the tokens of a language model take.
//
// +kubebuilder:validation:AtLeastOneOf=timeToFirstTokenMilliseconds;interTokenLatencyMilliseconds
type InferenceObjective struct {
	// timeToFirstTokenMilliseconds is the longest time to the first token, 1 to
	// 3600000, waiting included. Unset: no bound. Example: 2000.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600000
	TimeToFirstTokenMilliseconds int32 `json:"timeToFirstTokenMilliseconds,omitempty"`

	// interTokenLatencyMilliseconds is the longest mean time between the tokens
	// of one answer, 1 to 60000. Unset: no bound. Example: 50.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60000
	InterTokenLatencyMilliseconds int32 `json:"interTokenLatencyMilliseconds,omitempty"`
}
