package baseline

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// TestRecommenderBehavesAsTheHPA walks the recommender's behaviour beside the
// port of the autoscaler's own, which is written apart from it: at random rules,
// wishes and intervals both go the same way, pod for pod.
func TestRecommenderBehavesAsTheHPA(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 9))
		port, ours := randomBehavior(rng)
		scale := newHPAScale(HPAOptions{Behavior: &port}, simulator.Bounds{MinReplicas: 1, MaxReplicas: 100})
		now, current := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), 1+rng.IntN(40)
		// Upstream begins with a recommendation of what there is.
		state := recommender.State{Wishes: []recommender.Wish{{At: now, Replicas: current}}}
		for step := range 80 {
			wish := 1 + rng.IntN(60)
			want := scale.next(now, current, func() (int, bool) { return wish, true })
			var kept int
			kept, state.Wishes = ours.Stabilize(state.Wishes, now, current, wish)
			got := min(max(ours.Behavior.Limit(state.Scales, now, current, kept), 1), 100)
			if got != want {
				t.Fatalf("seed %d, step %d: from %d with a wish for %d to %d, want %d\n%+v", seed, step, current, wish, got, want, port)
			}
			if got != current {
				state.Scales = append(state.Scales, recommender.Scale{At: now, From: current, To: got})
			}
			current, now = got, now.Add(time.Duration(1+rng.IntN(60))*time.Second)
		}
	}
}

// randomBehavior is the same behaviour in both forms. The longest period is the
// same in both directions: beyond that of one direction the controller forgets
// changes one by one as further ones come ([hpaChanges]), and the recommender,
// which may be restarted at any time, counts all that it is told of. Percentages
// are exact in binary: of 50 pods and 12 % the controller makes 57, by the
// product of floats that is rounded up, and the recommender 56.
func randomBehavior(rng *rand.Rand) (HPABehavior, recommender.HorizontalPolicy) {
	longest := 1 + rng.IntN(300)
	rules := func() (HPARules, *recommender.ScalingRules) {
		choose := rng.IntN(3)
		seconds := float64(rng.IntN(400))
		a := HPARules{
			Stabilization: time.Duration(seconds) * time.Second,
			Select:        []HPASelect{HPASelectMax, HPASelectMin, HPASelectDisabled}[choose],
		}
		b := &recommender.ScalingRules{
			StabilizationWindowSeconds: &seconds,
			SelectPolicy:               []recommender.SelectPolicy{recommender.SelectMax, recommender.SelectMin, recommender.SelectDisabled}[choose],
		}
		for i := range 1 + rng.IntN(3) {
			value, period, percent := 1+rng.IntN(100), 1+rng.IntN(longest), rng.IntN(2) == 0
			if i == 0 {
				period = longest
			}
			if percent {
				value = 25 * (1 + rng.IntN(4))
			}
			a.Policies = append(a.Policies, HPAPolicy{Percent: percent, Value: value, Period: time.Duration(period) * time.Second})
			kind := recommender.ScalingPods
			if percent {
				kind = recommender.ScalingPercent
			}
			b.Policies = append(b.Policies, recommender.ScalingPolicy{Type: kind, Value: value, PeriodSeconds: float64(period)})
		}
		return a, b
	}
	var port HPABehavior
	var ours recommender.HorizontalPolicy
	port.Up, ours.Behavior.ScaleUp = rules()
	port.Down, ours.Behavior.ScaleDown = rules()
	return port, ours
}
