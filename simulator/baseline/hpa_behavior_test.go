package baseline_test

import (
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// hpaStep is one look of an autoscaler at an instant, and how many replicas it
// should want. So many there are at the next one.
type hpaStep struct {
	at    time.Duration
	cores float64 // In use, by all pods together; each requests one.
	want  int
}

// pace is a behaviour at upstream's defaults, changed.
func pace(change func(b *baseline.HPABehavior)) *baseline.HPABehavior {
	rules := baseline.HPARules{Tolerance: 0.1, Select: baseline.HPASelectMax}
	b := baseline.HPABehavior{Up: rules, Down: rules}
	b.Up.Policies = []baseline.HPAPolicy{{Value: 4, Period: 15 * time.Second}, percent(100, 15*time.Second)}
	b.Down.Policies = []baseline.HPAPolicy{percent(100, 15*time.Second)}
	b.Down.Stabilization = 5 * time.Minute
	change(&b)
	return &b
}

func percent(value int, period time.Duration) baseline.HPAPolicy {
	return baseline.HPAPolicy{Percent: true, Value: value, Period: period}
}

func podsPer(value int, period time.Duration) baseline.HPAPolicy {
	return baseline.HPAPolicy{Value: value, Period: period}
}

// TestHPABehavior holds stabilisation and rate limits to what Kubernetes
// documents ("Configurable scaling behavior" of the page on horizontal pod
// autoscaling) and horizontal_test.go of v1.37 checks. The target is 50 %, so
// that c cores on pods of one core recommend ceil(2c).
func TestHPABehavior(t *testing.T) {
	t.Parallel()
	const s, m = time.Second, time.Minute
	cases := map[string]struct {
		behavior *baseline.HPABehavior
		start    int
		steps    []hpaStep
	}{
		"without behavior: at most double, or four": {
			nil, 1, []hpaStep{{0, 50, 4}, {15 * s, 50, 8}, {30 * s, 50, 16}, {45 * s, 50, 32}, {60 * s, 50, 64}, {75 * s, 50, 100}},
		},
		"without behavior: the largest wish of 5 min binds, above the current scale too": {
			nil, 4, []hpaStep{{0, 8, 8}, {15 * s, 4, 16}, {30 * s, 4, 16}, {4*m + 59*s, 4, 16}, {5 * m, 4, 8}},
		},
		"behavior by default: the larger of 4 pods and 100 % in 15 s": {
			pace(func(*baseline.HPABehavior) {}), 1,
			[]hpaStep{{0, 50, 5}, {15 * s, 50, 10}, {30 * s, 50, 20}, {45 * s, 50, 40}},
		},
		"behavior by default: down after 300 s, then at once": {
			pace(func(*baseline.HPABehavior) {}), 20,
			[]hpaStep{{0, 10, 20}, {15 * s, 1, 20}, {4*m + 45*s, 1, 20}, {5 * m, 1, 2}},
		},
		"scale-down stabilization 0: at once": {
			pace(func(b *baseline.HPABehavior) { b.Down.Stabilization = 0 }), 20, []hpaStep{{0, 1, 2}},
		},
		"scale-down limited to 10 % per minute, rounded down": {
			pace(func(b *baseline.HPABehavior) {
				b.Down.Stabilization, b.Down.Policies = 0, []baseline.HPAPolicy{percent(10, m)}
			}), 80,
			// 80, 72, int(64.8) = 64, int(57.6) = 57; what was removed within the minute counts.
			[]hpaStep{{0, 1, 72}, {30 * s, 1, 72}, {60 * s, 1, 64}, {90 * s, 1, 64}, {120 * s, 1, 57}},
		},
		"scale-down by 4 pods or 10 % per minute: whichever is more": {
			pace(func(b *baseline.HPABehavior) {
				b.Down.Stabilization, b.Down.Policies = 0, []baseline.HPAPolicy{podsPer(4, m), percent(10, m)}
			}), 80,
			[]hpaStep{{0, 1, 72}, {60 * s, 1, 64}, {120 * s, 1, 57}, {180 * s, 1, 51}, {240 * s, 1, 45}, {300 * s, 1, 40}, {360 * s, 1, 36}, {420 * s, 1, 32}},
		},
		"selectPolicy Min: whichever is less": {
			pace(func(b *baseline.HPABehavior) {
				b.Down.Stabilization, b.Down.Select = 0, baseline.HPASelectMin
				b.Down.Policies = []baseline.HPAPolicy{podsPer(5, m), percent(10, m)}
			}), 80,
			[]hpaStep{{0, 1, 75}, {60 * s, 1, 70}},
		},
		"selectPolicy Min on the way up": {
			pace(func(b *baseline.HPABehavior) { b.Up.Select = baseline.HPASelectMin }), 2,
			[]hpaStep{{0, 50, 4}, {15 * s, 50, 8}, {30 * s, 50, 12}},
		},
		"selectPolicy Disabled: never down": {
			pace(func(b *baseline.HPABehavior) { b.Down.Stabilization, b.Down.Select = 0, baseline.HPASelectDisabled }), 8,
			[]hpaStep{{0, 1, 8}, {10 * m, 1, 8}, {20 * m, 8, 16}},
		},
		"selectPolicy Disabled: never up": {
			pace(func(b *baseline.HPABehavior) { b.Up.Select = baseline.HPASelectDisabled }), 8,
			[]hpaStep{{0, 50, 8}, {15 * s, 2, 8}, {10 * m, 2, 4}},
		},
		"two policies of different periods: 4 pods in 15 s, 6 in a minute, the least": {
			pace(func(b *baseline.HPABehavior) {
				b.Up.Select, b.Up.Policies = baseline.HPASelectMin, []baseline.HPAPolicy{podsPer(4, 15*s), podsPer(6, m)}
			}), 10,
			[]hpaStep{{0, 50, 14}, {15 * s, 50, 16}, {30 * s, 50, 16}, {45 * s, 50, 16}, {60 * s, 50, 20}, {75 * s, 50, 22}},
		},
		// storeScaleEvent: a change that is older than every period of its own
		// direction gives its place to the next, though the other direction's
		// period reaches further back. From 10 - 3 = 7 at the start of the five
		// minutes, and not from 10 - 3 - 3.
		"an old change of one direction is forgotten with its next": {
			pace(func(b *baseline.HPABehavior) {
				b.Up.Policies = []baseline.HPAPolicy{podsPer(3, 15*s)}
				b.Down.Stabilization, b.Down.Policies = 0, []baseline.HPAPolicy{podsPer(2, 5*m)}
			}), 4,
			[]hpaStep{{0, 50, 7}, {60 * s, 50, 10}, {90 * s, 1, 5}},
		},
		"scale-up percentages are rounded up": {
			pace(func(b *baseline.HPABehavior) { b.Up.Policies = []baseline.HPAPolicy{percent(10, 15*s)} }), 1,
			[]hpaStep{{0, 50, 2}, {15 * s, 50, 3}, {30 * s, 50, 4}},
		},
		"scale-up stabilization: the least wish of the window": {
			pace(func(b *baseline.HPABehavior) { b.Up.Stabilization = m }), 4,
			[]hpaStep{{0, 4, 4}, {30 * s, 3, 4}, {59 * s, 4, 4}, {60 * s, 4, 6}, {89 * s, 4, 6}, {90 * s, 4, 8}},
		},
		"tolerance 0.3 on the way up only": {
			pace(func(b *baseline.HPABehavior) { b.Up.Tolerance, b.Down.Stabilization = 0.3, 0 }), 10,
			[]hpaStep{{0, 6.5, 10}, {15 * s, 6.6, 14}, {30 * s, 6, 12}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := baseline.DefaultHPA()
			o.TargetPercent, o.Behavior = 50, tc.behavior
			h := baseline.NewHPA(o, wideBounds(), hpaNow())
			n := tc.start
			for _, step := range tc.steps {
				seen := observe(evenly(n, step.cores)...)
				seen.Now = hpaNow().Add(step.at)
				if n = h.Replicas(seen); n != step.want {
					t.Fatalf("%d replicas at %v, want %d", n, step.at, step.want)
				}
			}
		})
	}
}

// evenly are n pods that use that many cores together.
func evenly(n int, cores float64) []simulator.PodObservation {
	pods := make([]simulator.PodObservation, n)
	for i := range pods {
		pods[i] = podAt(cores / float64(n))
		pods[i].Started = pods[i].Started.Add(-24 * time.Hour)
	}
	return pods
}
