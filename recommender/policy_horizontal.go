package recommender

// HorizontalPolicy bounds the number of pods.
type HorizontalPolicy struct {
	// Fixed keeps the replicas as they are.
	Fixed bool `json:"fixed,omitempty"`
	// OnUsage lets the number of pods follow their usage where no demand is known
	// that would tell how many are needed: more pods are taken to share it.
	OnUsage bool `json:"onUsage,omitempty"`
	// Min and Max are inclusive; zero means 1 and ten times what is there.
	Min int `json:"min,omitempty"`
	Max int `json:"max,omitempty"`
	// Zero allows no pods at all while nothing is asked of the workload; nil
	// forbids it, and leaves a workload that someone else stopped alone.
	Zero *ZeroPolicy `json:"zero,omitempty"`
	// StabilizationSeconds is how long the largest replica count of the recent
	// past is kept before fewer are asked for, unless Behavior says otherwise.
	// Zero means 300.
	StabilizationSeconds float64 `json:"stabilizationSeconds,omitempty"`
	// Behavior limits how fast the number of pods changes; its zero value does
	// not.
	Behavior Behavior `json:"behavior,omitzero"`
	// Damper slows down what goes back and forth.
	Damper Damper `json:"damper,omitzero"`
}

// ZeroPolicy says when the last pod may go.
type ZeroPolicy struct {
	// IdleSeconds is how long there must have been no demand; zero means 600,
	// and it cannot be less than the 15 minutes of Usage.Recent tell.
	IdleSeconds float64 `json:"idleSeconds,omitempty"`
	// WakeReplicas is the number of pods that the first demand starts, before
	// the forecast knows; zero means 1.
	WakeReplicas int `json:"wakeReplicas,omitempty"`
	// ColdStartPrice is what it costs, in the currency of the prices, that the
	// first requests wait for a pod to start. Zero means what the accepted risk
	// says about it: pods worth the start-up time, over the risk.
	ColdStartPrice float64 `json:"coldStartPrice,omitempty"`
}

// Behavior limits how fast the number of pods changes in each direction, in the
// words and with the meaning of autoscaling/v2, HorizontalPodAutoscaler.
type Behavior struct {
	ScaleUp   *ScalingRules `json:"scaleUp,omitempty"`
	ScaleDown *ScalingRules `json:"scaleDown,omitempty"`
}

// ScalingRules limit one direction.
type ScalingRules struct {
	// StabilizationWindowSeconds is how long the safer of the recent wishes is
	// kept: going up the smallest, going down the largest of them. Nil means 0
	// going up and HorizontalPolicy.StabilizationSeconds going down.
	StabilizationWindowSeconds *float64 `json:"stabilizationWindowSeconds,omitempty"`
	// SelectPolicy says which of the policies counts; empty means SelectMax.
	SelectPolicy SelectPolicy `json:"selectPolicy,omitempty"`
	// Policies each permit some change within some time; none permits any.
	Policies []ScalingPolicy `json:"policies,omitempty"`
	// Tolerance is the relative change of the number of pods below which it
	// stays, 0 to 1.
	Tolerance float64 `json:"tolerance,omitempty"`
}

// SelectPolicy says which of several policies counts.
type SelectPolicy string

// The ways to select a policy.
const (
	// SelectMax: the one that permits the most change.
	SelectMax SelectPolicy = "Max"
	// SelectMin: the one that permits the least.
	SelectMin SelectPolicy = "Min"
	// SelectDisabled: no change in this direction.
	SelectDisabled SelectPolicy = "Disabled"
)

// ScalingPolicy permits a change of Value pods, or Value percent of the pods
// there were at the start of the period, within PeriodSeconds.
type ScalingPolicy struct {
	Type          ScalingPolicyType `json:"type"`
	Value         int               `json:"value"`
	PeriodSeconds float64           `json:"periodSeconds"`
}

// ScalingPolicyType says what the value of a policy counts.
type ScalingPolicyType string

// The types of scaling policies.
const (
	ScalingPods    ScalingPolicyType = "Pods"
	ScalingPercent ScalingPolicyType = "Percent"
)

// Damper holds what was raised, once it has gone back and forth too often.
type Damper struct {
	// Off leaves it out.
	Off bool `json:"off,omitempty"`
	// Reversals is how many changes of direction within WindowSeconds are one
	// too many; zero means 6 within 3600 s.
	Reversals     int     `json:"reversals,omitempty"`
	WindowSeconds float64 `json:"windowSeconds,omitempty"`
}
