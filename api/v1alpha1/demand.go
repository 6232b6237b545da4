package v1alpha1

// Demand says where the work that arrives at the workload can be read.
//
// +kubebuilder:validation:AtLeastOneOf=signals;group
type Demand struct {
	// signals are read from Prometheus, at most 8. Unset: the first demand signal
	// of the catalogue that the pods themselves export, and where they export
	// none, their usage.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Signals []Signal `json:"signals,omitempty"`

	// group names RightSizes of this namespace that serve one demand together,
	// such as a model on large GPUs and on small ones. The demand is then that of
	// all of them, filled cheapest first. Unset: alone. Example: "llama".
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Group string `json:"group,omitempty"`
}

// SignalType says how a signal is found.
//
// +kubebuilder:validation:Enum=Preset;PromQL
type SignalType string

// The types of signals.
const (
	// SignalPreset: by its name in the catalogue of signals.
	SignalPreset SignalType = "Preset"
	// SignalPromQL: by a query.
	SignalPromQL SignalType = "PromQL"
)

// Signal is one number over time about the workload as a whole.
//
// +kubebuilder:validation:XValidation:rule="has(self.preset) == (self.type == 'Preset')",message="preset is required with type Preset and not allowed with any other"
// +kubebuilder:validation:XValidation:rule="has(self.promQL) == (self.type == 'PromQL')",message="promQL is required with type PromQL and not allowed with any other"
type Signal struct {
	// name names the signal in reasons and metrics. Example: "checkouts".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// type says which of the fields below is set. Example: "Preset".
	//
	// +required
	Type SignalType `json:"type,omitempty"`

	// preset is the name of a signal in the catalogue, which knows the metrics of
	// common servers, meshes and inference engines, their roles and units. An
	// unknown name gives TargetResolved=False with the names there are.
	// Example: "http_requests".
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_]*$`
	Preset string `json:"preset,omitempty"`

	// promQL is a query.
	//
	// +optional
	PromQL PromQLSignal `json:"promQL,omitzero"`
}

// SignalRole says what a signal means for sizing.
//
// +kubebuilder:validation:Enum=Demand;PromptTokens;OutputTokens;Backlog;InFlight;CacheUse;Latency;Errors
type SignalRole string

// The roles of signals.
const (
	// RoleDemand: work that arrives, a second.
	RoleDemand SignalRole = "Demand"
	// RolePromptTokens: tokens of prompts a second.
	RolePromptTokens SignalRole = "PromptTokens"
	// RoleOutputTokens: tokens of answers a second.
	RoleOutputTokens SignalRole = "OutputTokens"
	// RoleBacklog: work that waits, in the unit of the demand without "a second".
	RoleBacklog SignalRole = "Backlog"
	// RoleInFlight: work that is being served.
	RoleInFlight SignalRole = "InFlight"
	// RoleCacheUse: how full the fullest pod's cache is, 0 to 1.
	RoleCacheUse SignalRole = "CacheUse"
	// RoleLatency: seconds, at the percentile of the objective.
	RoleLatency SignalRole = "Latency"
	// RoleErrors: failed requests a second, watched after a change.
	RoleErrors SignalRole = "Errors"
)

// PromQLSignal is a query for one number about the workload.
type PromQLSignal struct {
	// query is an instant query that gives one series. The namespace of the
	// RightSize is forced into every selector of it, so that it cannot read what
	// belongs to others. No answer means unknown, never zero.
	// Example: "sum(rate(shop_checkouts_total[5m]))".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Query string `json:"query,omitempty"`

	// role is what the number means. Unset: Demand. Example: "Backlog".
	//
	// +optional
	// +kubebuilder:default=Demand
	Role SignalRole `json:"role,omitempty"`

	// unit is printed beside the number; it changes nothing.
	// Unset: "1/s" for demand. Example: "checkouts/s".
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Unit string `json:"unit,omitempty"`
}
