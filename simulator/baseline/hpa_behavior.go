package baseline

import (
	"math"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

// HPABehavior is spec.behavior of a HorizontalPodAutoscaler (autoscaling/v2).
type HPABehavior struct{ Up, Down HPARules }

// HPARules bound the changes in one direction.
type HPARules struct {
	// Tolerance is the relative distance from the target that is ignored.
	Tolerance float64
	// Stabilization is the window of which the recommendation that changes
	// least binds.
	Stabilization time.Duration
	// Select chooses among the policies: the one that allows the largest
	// change, the one that allows the smallest, or none at all.
	Select   HPASelect
	Policies []HPAPolicy
}

// HPASelect is selectPolicy.
type HPASelect string

// The values of selectPolicy.
const (
	HPASelectMax      HPASelect = "Max"
	HPASelectMin      HPASelect = "Min"
	HPASelectDisabled HPASelect = "Disabled"
)

// HPAPolicy allows a change of Value pods, or percent of the pods, in Period.
type HPAPolicy struct {
	Percent bool
	Value   int
	Period  time.Duration
}

// upstreamBehavior is what the API server fills in where spec.behavior is
// given but does not say otherwise (pkg/apis/autoscaling/v2/defaults.go of
// v1.37).
func upstreamBehavior(tolerance float64, downStabilization time.Duration) HPABehavior {
	double := HPAPolicy{Percent: true, Value: 100, Period: 15 * time.Second}
	return HPABehavior{
		Up: HPARules{
			Tolerance: tolerance, Select: HPASelectMax,
			Policies: []HPAPolicy{{Value: 4, Period: 15 * time.Second}, double},
		},
		Down: HPARules{
			Tolerance: tolerance, Stabilization: downStabilization, Select: HPASelectMax, Policies: []HPAPolicy{double},
		},
	}
}

// hpaScale turns recommendations into a scale. With behaviour it is
// stabilizeRecommendationWithBehaviors and convertDesiredReplicasWithBehaviorRate
// of horizontal.go, without it stabilizeRecommendation and
// convertDesiredReplicasWithRules, which differ from each other:
//
//   - Without behaviour the largest recommendation of the window binds even if
//     it is above the current scale, and the scale at most doubles at a time,
//     or goes to four.
//   - With behaviour a recommendation moves the scale only as far as all
//     recent ones agree, and the policies limit the change over their periods.
type hpaScale struct {
	bounds     simulator.Bounds
	behaves    bool
	down, up   HPARules
	stabilized time.Duration // Without behaviour.
	wishes     []hpaWish     // Unstabilised recommendations, oldest first.
	ups, downs hpaChanges
}

type hpaWish struct {
	at       time.Time
	replicas int
}

// hpaChanges are changes of the scale in one direction, as the controller
// remembers them (storeScaleEvent): one that is older than every period of that
// direction's policies gives its place to a new one. Until then it counts for
// longer periods of the other direction.
type hpaChanges []hpaChange

type hpaChange struct {
	at       time.Time
	replicas int // How many more, or fewer.
	outdated bool
}

// add remembers a change.
func (c *hpaChanges) add(now time.Time, replicas int, policies []HPAPolicy) {
	longest := time.Duration(0)
	for _, p := range policies {
		longest = max(longest, p.Period)
	}
	place := -1
	for i, e := range *c {
		if e.outdated || e.at.Before(now.Add(-longest)) {
			(*c)[i].outdated = true
			place = i
		}
	}
	e := hpaChange{at: now, replicas: replicas}
	if place < 0 {
		*c = append(*c, e)
		return
	}
	(*c)[place] = e
}

// within is the sum of the changes in a period that ends now.
func (c hpaChanges) within(now time.Time, period time.Duration) int {
	sum := 0
	for _, e := range c {
		if e.at.After(now.Add(-period)) {
			sum += e.replicas
		}
	}
	return sum
}

func newHPAScale(o HPAOptions, bounds simulator.Bounds) *hpaScale {
	s := &hpaScale{bounds: bounds, stabilized: o.DownStabilization, behaves: o.Behavior != nil}
	b := upstreamBehavior(o.Tolerance, o.DownStabilization)
	if s.behaves {
		b = *o.Behavior
	}
	s.down, s.up = b.Down, b.Up
	return s
}

// next is the scale that follows from the current one and the metrics'
// recommendation, which is asked for only where it matters. Where that has
// none, nothing changes.
func (s *hpaScale) next(now time.Time, current int, metric func() (int, bool)) int {
	if s.wishes == nil {
		s.wishes = []hpaWish{{at: now, replicas: current}}
	}
	var want int
	switch {
	case current == 0:
		return 0 // Autoscaling is disabled at zero.
	case current > s.bounds.MaxReplicas:
		want = s.bounds.MaxReplicas
	case current < s.bounds.MinReplicas:
		want = s.bounds.MinReplicas
	default:
		replicas, ok := metric()
		if !ok {
			return current
		}
		if s.behaves {
			want = s.limit(now, current, s.stabilizeBoth(now, current, replicas))
		} else {
			want = s.limitPlain(current, s.stabilizeDown(now, replicas))
		}
	}
	switch {
	case !s.behaves:
	case want > current:
		s.ups.add(now, want-current, s.up.Policies)
	case want < current:
		s.downs.add(now, current-want, s.down.Policies)
	}
	return want
}

// stabilizeDown is the largest recommendation of the window.
func (s *hpaScale) stabilizeDown(now time.Time, want int) int {
	most := want
	keep := s.wishes[:0]
	for _, w := range s.wishes {
		if w.at.After(now.Add(-s.stabilized)) {
			most = max(most, w.replicas)
			keep = append(keep, w)
		}
	}
	keep = append(keep, hpaWish{at: now, replicas: want})
	s.wishes = keep
	return most
}

// stabilizeBoth moves from the current replicas only as far as all recent
// recommendations agree.
func (s *hpaScale) stabilizeBoth(now time.Time, current, want int) int {
	up, down := want, want
	keep := s.wishes[:0]
	for _, w := range s.wishes {
		inUp := w.at.After(now.Add(-s.up.Stabilization))
		inDown := w.at.After(now.Add(-s.down.Stabilization))
		if inUp {
			up = min(up, w.replicas)
		}
		if inDown {
			down = max(down, w.replicas)
		}
		if inUp || inDown {
			keep = append(keep, w)
		}
	}
	keep = append(keep, hpaWish{at: now, replicas: want})
	s.wishes = keep
	return min(max(current, up), down)
}

// limitPlain applies the bounds and the built-in rate limit of scaling up.
func (s *hpaScale) limitPlain(current, want int) int {
	const factor, least = 2, 4 // scaleUpLimitFactor, scaleUpLimitMinimum.
	most := min(s.bounds.MaxReplicas, max(factor*current, least))
	return max(s.bounds.MinReplicas, min(want, most))
}

// limit applies the policies and the bounds.
func (s *hpaScale) limit(now time.Time, current, want int) int {
	switch {
	case want > current:
		most := max(current, s.upLimit(now, current))
		want = min(want, most, s.bounds.MaxReplicas)
	case want < current:
		least := min(current, s.downLimit(now, current))
		want = max(want, least, s.bounds.MinReplicas)
	}
	return s.bounds.ClampReplicas(want)
}

// upLimit is the scale that the scale-up policies allow. Percentages are
// rounded up, so that one pod can become two.
func (s *hpaScale) upLimit(now time.Time, current int) int {
	if s.up.Select == HPASelectDisabled {
		return current
	}
	limit, choose := math.MinInt32, maxOf
	if s.up.Select == HPASelectMin {
		limit, choose = math.MaxInt32, minOf
	}
	for _, p := range s.up.Policies {
		start := s.before(now, current, p.Period)
		proposed := start + p.Value
		if p.Percent {
			proposed = ceilReplicas(float64(start) * (1 + float64(p.Value)/100))
		}
		limit = choose(limit, proposed)
	}
	return limit
}

// downLimit is the scale that the scale-down policies allow. Percentages are
// rounded down.
func (s *hpaScale) downLimit(now time.Time, current int) int {
	if s.down.Select == HPASelectDisabled {
		return current
	}
	limit, choose := math.MaxInt32, minOf
	if s.down.Select == HPASelectMin {
		limit, choose = math.MinInt32, maxOf
	}
	for _, p := range s.down.Policies {
		start := s.before(now, current, p.Period)
		proposed := start - p.Value
		if p.Percent {
			proposed = int(float64(start) * (1 - float64(p.Value)/100))
		}
		limit = choose(limit, proposed)
	}
	return limit
}

func maxOf(a, b int) int { return max(a, b) }
func minOf(a, b int) int { return min(a, b) }

// before is the scale at the start of a period that ends now.
func (s *hpaScale) before(now time.Time, current int, period time.Duration) int {
	return current - s.ups.within(now, period) + s.downs.within(now, period)
}
