package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// SizingMode says whether a dimension is chosen by rightsize.
//
// +kubebuilder:validation:Enum=Auto;Fixed
type SizingMode string

// The sizing modes.
const (
	// SizingAuto: chosen by rightsize.
	SizingAuto SizingMode = "Auto"
	// SizingFixed: left as it is, and reckoned with.
	SizingFixed SizingMode = "Fixed"
)

// Horizontal bounds the number of pods.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",message="minReplicas must not be greater than maxReplicas"
// +kubebuilder:validation:XValidation:rule="!has(self.scaleToZero) || (has(self.minReplicas) && self.minReplicas == 0)",message="scaleToZero needs minReplicas: 0"
type Horizontal struct {
	// mode says who chooses the number of pods: Auto is rightsize, through the
	// subresource /scale, by the demand or, where none is known, by the CPU that the pods
	// use; Fixed leaves it to others and sizes the pods that there are. Unset: Auto, and
	// fixed where no demand is known and nothing is said of horizontal.
	// Example: "Fixed".
	//
	// +optional
	// +kubebuilder:default=Auto
	Mode SizingMode `json:"mode,omitempty"`

	// minReplicas is the lowest number of pods, 0 to 100000. At 0 the workload
	// may be scaled to zero; that needs a signal which exists without pods, so
	// one of type PromQL. Unset: the cluster-wide setting, else 2 where there are
	// 2 or more now, else 1. Example: 3.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	MinReplicas *int32 `json:"minReplicas,omitempty"`

	// maxReplicas is the highest number of pods, 1 to 100000. Unset: the
	// cluster-wide setting, else ten times what there is now. Example: 40.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	MaxReplicas int32 `json:"maxReplicas,omitempty"`

	// scaleToZero says when the last pod may go.
	//
	// +optional
	ScaleToZero ScaleToZero `json:"scaleToZero,omitzero"`

	// behavior limits how fast the number of pods changes, in the words of
	// autoscaling/v2, HorizontalPodAutoscaler.
	//
	// +optional
	Behavior Behavior `json:"behavior,omitzero"`

	// damping slows down what goes back and forth.
	//
	// +optional
	Damping Damping `json:"damping,omitzero"`
}

// DampingMode says whether what goes back and forth is slowed down.
//
// +kubebuilder:validation:Enum=Auto;Off
type DampingMode string

// The damping modes.
const (
	// DampingAuto: what was raised is held once sizes or replicas have changed
	// direction too often.
	DampingAuto DampingMode = "Auto"
	// DampingOff: never.
	DampingOff DampingMode = "Off"
)

// Damping holds what was raised, once it has gone back and forth too often.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode == 'Auto' || !(has(self.reversals) || has(self.windowSeconds))",message="reversals and windowSeconds have no meaning with mode Off"
type Damping struct {
	// mode is Auto or Off. Unset: Auto. Example: "Off".
	//
	// +optional
	Mode DampingMode `json:"mode,omitempty"`

	// reversals is how many changes of direction within windowSeconds are one too
	// many, 2 to 16. Unset: 6. Example: 4.
	//
	// +optional
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=16
	Reversals int32 `json:"reversals,omitempty"`

	// windowSeconds is the time in which they are counted, 60 to 86400.
	// Unset: 3600. Example: 7200.
	//
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	WindowSeconds int32 `json:"windowSeconds,omitempty"`
}

// ScaleToZero says when the last pod may go and how it comes back. It goes only
// while nothing waits, nothing is being served, and the cost of the cold start
// is worth it.
//
// +kubebuilder:validation:MinProperties=1
type ScaleToZero struct {
	// idleSeconds is how long there must have been no demand, 60 to 604800.
	// Unset: 600. Example: 1800.
	//
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=604800
	IdleSeconds int32 `json:"idleSeconds,omitempty"`

	// wakeReplicas is the number of pods started at the first demand, 1 to 1000;
	// after that the forecast decides. Unset: 1. Example: 2.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	WakeReplicas int32 `json:"wakeReplicas,omitempty"`

	// coldStartPrice is what it costs that the first requests wait for a pod to
	// start, in the currency of the cluster-wide prices. Unset: what the accepted
	// risk says about it, the price of a pod's start-up time over the risk.
	// Example: "0.5".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	ColdStartPrice *resource.Quantity `json:"coldStartPrice,omitempty"`
}

// Behavior limits how fast the number of pods changes in each direction.
//
// +kubebuilder:validation:MinProperties=1
type Behavior struct {
	// scaleUp limits growth. Unset: no limit, no waiting.
	//
	// +optional
	ScaleUp ScalingRules `json:"scaleUp,omitzero"`

	// scaleDown limits shrinking. Unset: any step, after 300 seconds in which
	// fewer pods would have done.
	//
	// +optional
	ScaleDown ScalingRules `json:"scaleDown,omitzero"`
}

// ScalingRules limit one direction.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.policies) || !has(self.selectPolicy) || self.selectPolicy != 'Disabled'",message="selectPolicy Disabled forbids this direction altogether: leave policies out"
type ScalingRules struct {
	// stabilizationWindowSeconds is how long the safer of the recent wishes is
	// kept, 0 to 3600: going down the largest, going up the smallest of them.
	// Unset: 0 going up, and going down the cluster-wide setting, else 300.
	// Example: 600.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=3600
	StabilizationWindowSeconds *int32 `json:"stabilizationWindowSeconds,omitempty"`

	// selectPolicy says which of several policies counts: Max the one that
	// permits the most change, Min the one that permits the least; Disabled
	// forbids this direction. Unset: Max. Example: "Min".
	//
	// +optional
	SelectPolicy PolicySelect `json:"selectPolicy,omitempty"`

	// policies each permit some change within some time, at most 8.
	// Unset: any change.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Policies []ScalingPolicy `json:"policies,omitempty"`

	// tolerance is the share by which the number of pods wished for has to differ
	// from what there is before anything changes, "0" to "1". It never holds back
	// what the minimum, a scheduled floor or scarce capacity demands.
	// Unset: "0", as rightsize weighs the cost of a change by itself.
	// Example: "0.05".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=12
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity('0')) >= 0 && quantity(string(self)).compareTo(quantity('1')) <= 0",message="tolerance is a share: it must be between 0 and 1"
	Tolerance *resource.Quantity `json:"tolerance,omitempty"`
}

// PolicySelect says which of several policies counts.
//
// +kubebuilder:validation:Enum=Max;Min;Disabled
type PolicySelect string

// The ways to select a policy.
const (
	// PolicySelectMax: the one that permits the most change.
	PolicySelectMax PolicySelect = "Max"
	// PolicySelectMin: the one that permits the least change.
	PolicySelectMin PolicySelect = "Min"
	// PolicySelectDisabled: no change in this direction.
	PolicySelectDisabled PolicySelect = "Disabled"
)

// ScalingPolicyType says what the value of a policy counts.
//
// +kubebuilder:validation:Enum=Pods;Percent
type ScalingPolicyType string

// The types of scaling policies.
const (
	// ScalingPods: a number of pods.
	ScalingPods ScalingPolicyType = "Pods"
	// ScalingPercent: percent of the pods at the start of the period.
	ScalingPercent ScalingPolicyType = "Percent"
)

// ScalingPolicy permits some change within some time.
type ScalingPolicy struct {
	// type says what value counts: Pods, or Percent of the pods there were at the
	// start of the period. Example: "Percent".
	//
	// +required
	Type ScalingPolicyType `json:"type,omitempty"`

	// value is how many pods, or how many percent, may come or go, 1 to 100000.
	// Example: 100.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	Value int32 `json:"value,omitempty"`

	// periodSeconds is the time in which they may, 1 to 1800. Example: 60.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1800
	PeriodSeconds int32 `json:"periodSeconds,omitempty"`
}
