package v1alpha1

// Apply says how changes are put into force, in mode Apply.
//
// +kubebuilder:validation:MinProperties=1
type Apply struct {
	// method is how a running pod gets another size. InPlace resizes it and
	// leaves it alone where that needs a restart; InPlaceOrEvict has such pods
	// made anew, within their PodDisruptionBudgets. Unset: InPlace.
	// Example: "InPlaceOrEvict".
	//
	// +optional
	Method ApplyMethod `json:"method,omitempty"`

	// canaryPods is how many pods are changed first, 0 to 100; the others follow
	// when these were well for observationSeconds. 0 changes all at once.
	// Unset: 1. Example: 2.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	CanaryPods *int32 `json:"canaryPods,omitempty"`

	// observationSeconds is how long pods are watched after a change, 60 to
	// 86400; where a change lowers something, at least until there are metrics of
	// three minutes after it. Unset: 600. Example: 1800.
	//
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	ObservationSeconds int32 `json:"observationSeconds,omitempty"`

	// maxConcurrentPercent is how many of the workload's pods may be in the middle
	// of a change, 1 to 100 percent, rounded up. Unset: 25. Example: 10.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MaxConcurrentPercent int32 `json:"maxConcurrentPercent,omitempty"`

	// maxResizesPerDay is how often each pod may be resized within 24 hours, 1 to
	// 1000. Raises after an OOM kill and rollbacks do not count.
	// Unset: the cluster-wide budget alone. Example: 8.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxResizesPerDay int32 `json:"maxResizesPerDay,omitempty"`

	// changeCostMinutes is what a change of sizes or replicas has to save before it
	// is made, in minutes of what the workload costs now, 1 to 1440. More of it
	// makes fewer changes. Unset: the settings, else 1.2. Example: 15.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1440
	ChangeCostMinutes int32 `json:"changeCostMinutes,omitempty"`

	// deferredSeconds is how long a node may take to find room for a larger pod,
	// 10 to 86400. After that one more pod is started instead, then the pod is put
	// back to what it has, then, with InPlaceOrEvict, it is evicted.
	// Unset: 300. Example: 60.
	//
	// +optional
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=86400
	DeferredSeconds int32 `json:"deferredSeconds,omitempty"`

	// rollback says when a change is taken back.
	//
	// +optional
	Rollback Rollback `json:"rollback,omitzero"`
}

// ApplyMethod is how a running pod gets another size.
//
// +kubebuilder:validation:Enum=InPlace;InPlaceOrEvict
type ApplyMethod string

// The methods.
const (
	// ApplyInPlace: running pods are resized, never made anew.
	ApplyInPlace ApplyMethod = "InPlace"
	// ApplyInPlaceOrEvict: pods that cannot be resized are evicted.
	ApplyInPlaceOrEvict ApplyMethod = "InPlaceOrEvict"
)

// RollbackMode says whether changes are taken back by themselves.
//
// +kubebuilder:validation:Enum=Auto;Off
type RollbackMode string

// The rollback modes.
const (
	// RollbackAuto: when a guard finds that it made things worse.
	RollbackAuto RollbackMode = "Auto"
	// RollbackOff: never.
	RollbackOff RollbackMode = "Off"
)

// RollbackGuard is a thing that may get worse after a change.
//
// +kubebuilder:validation:Enum=OOMKills;Restarts;Throttling;Latency;ServerErrors;ClientErrors
type RollbackGuard string

// The rollback guards. Each compares with what was usual for this workload
// before the change, not with a threshold.
const (
	// GuardOOMKills: containers killed for want of memory.
	GuardOOMKills RollbackGuard = "OOMKills"
	// GuardRestarts: restarts of containers for any other reason.
	GuardRestarts RollbackGuard = "Restarts"
	// GuardThrottling: the share of CPU periods with throttling.
	GuardThrottling RollbackGuard = "Throttling"
	// GuardLatency: the latency at the percentile of the objective.
	GuardLatency RollbackGuard = "Latency"
	// GuardServerErrors: answers 5xx, and signals of the role Errors.
	GuardServerErrors RollbackGuard = "ServerErrors"
	// GuardClientErrors: answers 4xx at a rate that is not usual.
	GuardClientErrors RollbackGuard = "ClientErrors"
)

// Rollback says when a change is taken back.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode == 'Auto' || !(has(self.ignore) || has(self.holdSeconds))",message="ignore and holdSeconds have no meaning with mode Off"
type Rollback struct {
	// mode is Auto or Off. Unset: Auto. Example: "Off".
	//
	// +optional
	Mode RollbackMode `json:"mode,omitempty"`

	// ignore are guards that do not count, at most 6: OOMKills, Restarts,
	// Throttling, Latency, ServerErrors, ClientErrors. Unset: all count, as far as
	// their metrics exist. Example: ["ClientErrors"].
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=6
	Ignore []RollbackGuard `json:"ignore,omitempty"`

	// holdSeconds is how long after a rollback the same change is not tried again,
	// 60 to 604800; it doubles with each rollback, up to a week. Unset: 3600.
	// Example: 86400.
	//
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=604800
	HoldSeconds int32 `json:"holdSeconds,omitempty"`
}
