package controller

import (
	"math"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
)

const (
	// drift is by how much a number that nothing is done by may differ from what
	// the status says: a fifth, the usual noise of demand from one step to the
	// next.
	drift = 0.2
	// Of a size beyond the bounds, that nothing is to be done about is told by less:
	// what pods are sized by may be lower than the new decision says by growLeast
	// and higher by shrinkLeast, what only people read differs by a tenth. Each is
	// less than what a size has on top for the noise of demand.
	growLeast, shrinkLeast, readLeast = 0.02, 0.05, 0.1
	// driftEvery is how often such a number alone is written anew.
	driftEvery = 30 * time.Minute
	// confirmEvery is how often a recommendation that has not changed is confirmed
	// while pods do not have it yet. A plan refuses what is older than 15 minutes.
	confirmEvery = 9 * time.Minute
	// correctionDrift is the same as drift for the correction in the state, which
	// moves by some percent an hour.
	correctionDrift = 0.05
)

// changed says whether a status says something else than the one before, of the
// fields of the recommender. What is acted on counts at once: conditions,
// replicas, sizes beyond what the decision itself calls no change, and by more
// than noise. What explains
// it, such as forecasts, savings and reasons, counts where it has drifted and was
// not written for a while.
func changed(mode v1alpha1.Mode, before, after v1alpha1.RightSizeStatus, now time.Time) bool {
	if before.ObservedGeneration != after.ObservedGeneration || !sameConditions(before, after) ||
		differ(before.CurrentReplicas, after.CurrentReplicas) || differ(before.DesiredReplicas, after.DesiredReplicas) ||
		before.Savings.Currency != after.Savings.Currency || recommendationChanged(toleranceOf(mode), before.Recommendation, after.Recommendation) {
		return true
	}
	if before.DecisionTime != nil && now.Sub(before.DecisionTime.Time) < driftEvery {
		return false
	}
	return drifted(before, after)
}

func sameConditions(before, after v1alpha1.RightSizeStatus) bool {
	before, after = ofRecommender(before), ofRecommender(after)
	if len(before.Conditions) != len(after.Conditions) {
		return false
	}
	for _, c := range after.Conditions {
		was := condition(&before, c.Type)
		if was == nil || was.Status != c.Status || was.Reason != c.Reason || was.ObservedGeneration != c.ObservedGeneration {
			return false
		}
		// Messages of a missing recommendation tell how much history there is.
		if was.Message != c.Message && c.Type != v1alpha1.ConditionRecommendationAvailable {
			return false
		}
	}
	return true
}

func differ[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a != b
	}
	return *a != *b
}

// tolerance is by which share a size may be too small or too large before it is
// another one.
type tolerance struct{ small, large float64 }

func toleranceOf(mode v1alpha1.Mode) tolerance {
	if mode == v1alpha1.ModeInitial || mode == v1alpha1.ModeApply {
		return tolerance{growLeast, shrinkLeast}
	}
	return tolerance{readLeast, readLeast}
}

func recommendationChanged(t tolerance, before, after v1alpha1.Recommendation) bool {
	if differ(before.Replicas, after.Replicas) || before.Profile != after.Profile || len(before.Containers) != len(after.Containers) {
		return true
	}
	for i, now := range after.Containers {
		was := before.Containers[i]
		if was.Name != now.Name || !t.holds(was.Requests.CPU, now.Requests.CPU, now.LowerBound.CPU, now.UpperBound.CPU) ||
			!t.holds(was.Requests.Memory, now.Requests.Memory, now.LowerBound.Memory, now.UpperBound.Memory) ||
			!near(was.Limits.CPU, now.Limits.CPU) || !near(was.Limits.Memory, now.Limits.Memory) ||
			!near(was.Startup.CPU, now.Startup.CPU) || !nearly(float64(was.Startup.Seconds), float64(now.Startup.Seconds), drift) {
			return true
		}
	}
	return false
}

// holds says whether an amount that was recommended needs no change: it is the
// new one but for noise, or within the bounds that the new decision gives, and no
// more than a fifth away.
func (t tolerance) holds(was, now, lower, upper *resource.Quantity) bool {
	if was == nil || now == nil {
		return was == nil && now == nil
	}
	a, b := was.AsApproximateFloat64(), now.AsApproximateFloat64()
	if b*(1-t.small) <= a && a <= b*(1+t.large) {
		return true
	}
	return near(was, now) && (lower == nil || was.Cmp(*lower) >= 0) && (upper == nil || was.Cmp(*upper) <= 0)
}

// near says whether two amounts differ by no more than the drift.
func near(a, b *resource.Quantity) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return nearly(a.AsApproximateFloat64(), b.AsApproximateFloat64(), drift)
}

func nearly(a, b, share float64) bool {
	return math.Abs(a-b) <= share*max(math.Abs(a), math.Abs(b))
}

// drifted says whether what explains a recommendation is no longer right.
func drifted(before, after v1alpha1.RightSizeStatus) bool {
	f, g := before.Forecast, after.Forecast
	if f.Signal != g.Signal || f.Unit != g.Unit || !near(f.Upper, g.Upper) || !near(f.Median, g.Median) {
		return true
	}
	if a, b := before.Savings.PerMonth, after.Savings.PerMonth; (a == nil) != (b == nil) || a != nil && !nearly(float64(*a), float64(*b), drift) {
		return true
	}
	code := func(r v1alpha1.Reason) string { return r.Code + " " + r.Container }
	if !slices.EqualFunc(before.Reasons, after.Reasons, func(a, b v1alpha1.Reason) bool { return code(a) == code(b) }) {
		return true
	}
	for i, c := range after.Recommendation.Containers {
		was := before.Recommendation.Containers[i]
		for _, pair := range [][2]v1alpha1.Amounts{{was.LowerBound, c.LowerBound}, {was.UpperBound, c.UpperBound}, {was.Uncapped, c.Uncapped}} {
			if !near(pair[0].CPU, pair[1].CPU) || !near(pair[0].Memory, pair[1].Memory) {
				return true
			}
		}
	}
	a, errA := snapshot.DecodeState(before.State)
	b, errB := snapshot.DecodeState(after.State)
	return (errA == nil) != (errB == nil) || !nearly(max(a.Correction, 0), max(b.Correction, 0), correctionDrift) ||
		(a.Owner == nil) != (b.Owner == nil) || len(a.Refused) != len(b.Refused)
}
