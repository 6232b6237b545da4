package snapshot

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Decided is the decision that a status tells of, as of an instant at which it is
// known to stand: what is put into force is always what the status says, by the
// program that wrote it as well as by another.
//
// A status says what all pods are to have, and not what some had when it was
// decided. So every recommendation is one to be put into force, and the action is
// ResizeAndScale; where nothing is to change, the pods have it already. Without a
// recommendation, or where the data does not suffice any more, it is
// InsufficientData, which changes nothing.
func Decided(w recommender.Workload, s v1alpha1.RightSizeStatus, at time.Time) recommender.Decision {
	d := recommender.Decision{
		APIVersion: recommender.APIVersion, Kind: recommender.DecisionKind, At: at.UTC(), Workload: w, Action: recommender.ActionResizeAndScale,
		CurrentReplicas: count(s.CurrentReplicas), DesiredReplicas: count(s.DesiredReplicas),
		Containers: []recommender.Recommendation{}, Reasons: []recommender.Reason{},
	}
	for _, c := range s.Recommendation.Containers {
		r := recommender.Recommendation{
			Name: c.Name, Target: amountsIn(c.Requests), TargetLimits: amountsIn(c.Limits),
			LowerBound: amountsIn(c.LowerBound), UpperBound: amountsIn(c.UpperBound), UncappedTarget: amountsIn(c.Uncapped),
		}
		if boost := boostIn(c.Startup); boost > 0 {
			r.Boost = &recommender.Boost{CPU: boost, Seconds: float64(c.Startup.Seconds)}
		}
		d.Containers = append(d.Containers, r)
	}
	for _, r := range s.Reasons {
		reason := recommender.Reason{Code: recommender.ReasonCode(r.Code), Container: r.Container, Subject: r.Subject}
		if r.Before != nil {
			reason.Before = r.Before.AsApproximateFloat64()
		}
		if r.After != nil {
			reason.After = r.After.AsApproximateFloat64()
		}
		d.Reasons = append(d.Reasons, reason)
	}
	available := meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionRecommendationAvailable)
	if !available || s.DesiredReplicas == nil {
		d.Action = recommender.ActionNone
	}
	return d
}

// count is a number of pods, 0 where it is unknown.
func count(n *int32) int {
	if n == nil {
		return 0
	}
	return int(*n)
}

// boostIn is the CPU of a container while its pod starts, zero where it has no
// other then.
func boostIn(s v1alpha1.StartupSize) recommender.MilliCPU {
	return amountsIn(v1alpha1.Amounts{CPU: s.CPU}).CPU
}

// amountsIn are the amounts of a status, where what is unset is zero.
func amountsIn(a v1alpha1.Amounts) recommender.Resources {
	var out recommender.Resources
	if a.CPU != nil {
		out.CPU = recommender.MilliCPU(max(0, a.CPU.MilliValue()))
	}
	if a.Memory != nil {
		out.Memory = recommender.Bytes(max(0, a.Memory.Value()))
	}
	return out
}
