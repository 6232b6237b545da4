package recommender

import (
	"math"
	"slices"
	"time"
)

// scalesMost bounds the changes of the number of pods that are remembered.
const scalesMost = 64

// stabilization are the windows for which recent wishes count.
func (h HorizontalPolicy) stabilization() (up, down time.Duration) {
	down = seconds(h.StabilizationSeconds)
	if r := h.Behavior.ScaleUp; r != nil && r.StabilizationWindowSeconds != nil {
		up = seconds(max(0, *r.StabilizationWindowSeconds))
	}
	if r := h.Behavior.ScaleDown; r != nil && r.StabilizationWindowSeconds != nil {
		down = seconds(max(0, *r.StabilizationWindowSeconds))
	}
	return up, down
}

// Stabilize moves the number of pods from current towards the wish only as far
// as all wishes of the recent past agree,
//
//	min(max(current, least wish going up), largest wish going down)
//
// and returns the wishes to remember. Of these an earlier one that a later one
// makes irrelevant is dropped, so that there are no more than twice as many as
// there are different wishes.
//
// It is stabilizeRecommendationWithBehaviors of the Horizontal Pod Autoscaler
// (pkg/controller/podautoscaler/horizontal.go).
func (h HorizontalPolicy) Stabilize(wishes []Wish, now time.Time, current, wish int) (int, []Wish) {
	upWindow, downWindow := h.stabilization()
	up, down := wish, wish
	var kept []Wish
	for _, w := range slices.Backward(wishes) {
		inUp, inDown := w.At.After(now.Add(-upWindow)), w.At.After(now.Add(-downWindow))
		keep := inUp && w.Replicas < up || inDown && w.Replicas > down
		if inUp {
			up = min(up, w.Replicas)
		}
		if inDown {
			down = max(down, w.Replicas)
		}
		if keep {
			kept = append(kept, w)
		}
	}
	slices.Reverse(kept)
	return min(max(current, up), down), append(kept, Wish{At: now, Replicas: wish})
}

// Limit moves the number of pods from current to wish as far as the policies
// permit, given the changes within their periods.
//
// It is what convertDesiredReplicasWithBehaviorRate of the Horizontal Pod
// Autoscaler does, but for its bounds.
func (b Behavior) Limit(scales []Scale, now time.Time, current, wish int) int {
	switch {
	case wish > current && b.ScaleUp != nil:
		return min(wish, max(current, b.ScaleUp.most(scales, now, current)))
	case wish < current && b.ScaleDown != nil:
		return max(wish, min(current, b.ScaleDown.fewest(scales, now, current)))
	default:
		return wish
	}
}

// most is the number of pods that the policies permit going up. Percentages are
// rounded up, so that one pod can become two.
func (r *ScalingRules) most(scales []Scale, now time.Time, current int) int {
	if r.SelectPolicy == SelectDisabled {
		return current
	}
	if len(r.Policies) == 0 {
		return math.MaxInt32
	}
	limit, choose := math.MinInt, func(a, b int) int { return max(a, b) }
	if r.SelectPolicy == SelectMin {
		limit, choose = math.MaxInt, func(a, b int) int { return min(a, b) }
	}
	for _, p := range r.Policies {
		start := startOf(scales, now, current, p.PeriodSeconds)
		proposed := start + p.Value
		if p.Type == ScalingPercent {
			proposed = int(math.Ceil(float64(start)*(1+float64(p.Value)/100) - 1e-9))
		}
		limit = choose(limit, proposed)
	}
	return limit
}

// fewest is the number of pods that the policies permit going down. Percentages
// are rounded down.
func (r *ScalingRules) fewest(scales []Scale, now time.Time, current int) int {
	if r.SelectPolicy == SelectDisabled {
		return current
	}
	if len(r.Policies) == 0 {
		return 0
	}
	limit, choose := math.MaxInt, func(a, b int) int { return min(a, b) }
	if r.SelectPolicy == SelectMin {
		limit, choose = math.MinInt, func(a, b int) int { return max(a, b) }
	}
	for _, p := range r.Policies {
		start := startOf(scales, now, current, p.PeriodSeconds)
		proposed := start - p.Value
		if p.Type == ScalingPercent {
			proposed = int(float64(start) * (1 - float64(p.Value)/100))
		}
		limit = choose(limit, proposed)
	}
	return limit
}

// startOf is the number of pods at the start of a period that ends now.
func startOf(scales []Scale, now time.Time, current int, period float64) int {
	for _, e := range scales {
		if e.At.After(now.Add(-seconds(period))) {
			current -= e.To - e.From
		}
	}
	return current
}

// observed are the changes of the number of pods within the longest window that
// looks at them, brought in line with the number that there is: a change that
// was decided and not made is forgotten, one that somebody else made is added.
func (s State) observed(now time.Time, current int, h HorizontalPolicy) []Scale {
	window := h.Damper.window()
	for _, r := range []*ScalingRules{h.Behavior.ScaleUp, h.Behavior.ScaleDown} {
		if r != nil {
			for _, p := range r.Policies {
				window = max(window, seconds(p.PeriodSeconds))
			}
		}
	}
	kept := slices.DeleteFunc(slices.Clone(s.Scales), func(e Scale) bool { return !e.At.After(now.Add(-window)) })
	if n := len(kept); n > 0 && kept[n-1].To != current {
		if last := kept[n-1]; last.From == current {
			kept = kept[:n-1]
		} else {
			kept = append(kept, Scale{At: now, From: last.To, To: current})
		}
	}
	return latest(kept, scalesMost)
}

// latest are the last n of a list.
func latest[T any](list []T, n int) []T {
	if len(list) > n {
		return list[len(list)-n:]
	}
	return list
}
