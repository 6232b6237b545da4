package actuator

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
)

func observation(at time.Time, pods float64, values map[Guard]float64) Observation {
	return Observation{At: at, Seconds: 60, Pods: pods, Answers: 6000, Values: values}
}

// learned is a baseline of minutes with a value each.
func learned(minutes int, values func(int) map[Guard]float64) Baseline {
	var b Baseline
	for i := range minutes {
		b.add(observation(noon, 10, values(i)))
	}
	return b
}

// TestWorse: numbers in comments are the mean before plus four deviations.
func TestWorse(t *testing.T) {
	alternating := func(g Guard, a, b float64) Baseline {
		return learned(200, func(i int) map[Guard]float64 {
			if i%2 == 0 {
				return map[Guard]float64{g: a}
			}
			return map[Guard]float64{g: b}
		})
	}
	tests := map[string]struct {
		guard  Guard
		before Baseline
		after  []float64
		want   bool
	}{
		"latency as before":              {GuardLatency, alternating(GuardLatency, 0.1, 0.2), []float64{0.2, 0.2, 0.2}, false},
		"latency within 4 sd (0.35)":     {GuardLatency, alternating(GuardLatency, 0.1, 0.2), []float64{0.34, 0.34, 0.34}, false},
		"latency above 4 sd (0.35)":      {GuardLatency, alternating(GuardLatency, 0.1, 0.2), []float64{0.36, 0.36, 0.36}, true},
		"latency better":                 {GuardLatency, alternating(GuardLatency, 0.1, 0.2), []float64{0.01, 0.01, 0.01}, false},
		"two values are too few":         {GuardLatency, alternating(GuardLatency, 0.1, 0.2), []float64{9, 9}, false},
		"never moved, a tenth more":      {GuardLatency, alternating(GuardLatency, 0.1, 0.1), []float64{0.11, 0.11, 0.11}, false},
		"never moved, half more":         {GuardLatency, alternating(GuardLatency, 0.1, 0.1), []float64{0.15, 0.15, 0.15}, true},
		"no baseline":                    {GuardLatency, Baseline{}, []float64{9, 9, 9}, false},
		"29 values of it":                {GuardLatency, learned(29, func(int) map[Guard]float64 { return map[Guard]float64{GuardLatency: 1} }), []float64{9, 9, 9}, false},
		"a bot's 404s are usual":         {GuardClientErrors, alternating(GuardClientErrors, 0.1, 0.3), []float64{0.4, 0.4, 0.4}, false},
		"401 for everyone":               {GuardClientErrors, alternating(GuardClientErrors, 0.02, 0.03), []float64{0.9, 0.9, 0.9}, true},
		"no 5xx before, 2 % after":       {GuardServerErrors, alternating(GuardServerErrors, 0, 0), []float64{0.02, 0.02, 0.02}, true},
		"no 5xx before, one in 6000":     {GuardServerErrors, alternating(GuardServerErrors, 0, 0), []float64{1.0 / 6000, 0, 0}, false},
		"throttling from 0 to 3 %":       {GuardThrottling, alternating(GuardThrottling, 0, 0), []float64{0.03, 0.03, 0.03}, false},
		"throttling from 0 to 10 %":      {GuardThrottling, alternating(GuardThrottling, 0, 0), []float64{0.1, 0.1, 0.1}, true},
		"one kill in 10 pods of a day":   {GuardOOMKills, learned(1440, func(int) map[Guard]float64 { return map[Guard]float64{GuardOOMKills: 0} }), []float64{0, 1, 0}, true},
		"one kill, hardly known":         {GuardOOMKills, learned(10, func(int) map[Guard]float64 { return map[Guard]float64{GuardOOMKills: 0} }), []float64{0, 1, 0}, false},
		"two kills, hardly known":        {GuardOOMKills, learned(10, func(int) map[Guard]float64 { return map[Guard]float64{GuardOOMKills: 0} }), []float64{1, 1, 0}, true},
		"kills every hour are usual":     {GuardOOMKills, learned(1440, func(i int) map[Guard]float64 { return map[Guard]float64{GuardOOMKills: float64(1 - min(1, i%60))} }), []float64{0, 1, 0}, false},
		"restarts ten times as often":    {GuardRestarts, learned(1440, func(i int) map[Guard]float64 { return map[Guard]float64{GuardRestarts: float64(1 - min(1, i%60))} }), []float64{1, 1, 0}, true},
		"NaN, infinite, negative: known": {GuardLatency, alternating(GuardLatency, 0.1, 0.2), []float64{math.NaN(), math.Inf(1), -1}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var after Baseline
			for _, x := range tc.after {
				after.add(observation(noon, 10, map[Guard]float64{tc.guard: x}))
			}
			if got, was, is := tc.before.worse(tc.guard, after); got != tc.want {
				t.Errorf("worse = %v (%v to %v), want %v", got, was, is, tc.want)
			}
		})
	}
}

// TestLevelIsMeanAndVariance of what was added: 1, 2, 3, 4 have mean 2.5 and
// population variance 1.25.
func TestLevelIsMeanAndVariance(t *testing.T) {
	b := learned(4, func(i int) map[Guard]float64 { return map[Guard]float64{GuardLatency: float64(i + 1)} })
	got := level(b, GuardLatency)
	if math.Abs(got.Mean-2.5) > 1e-12 || math.Abs(got.Variance-1.25) > 1e-12 || got.N != 4 {
		t.Errorf("level %+v, want mean 2.5, variance 1.25, n 4", got)
	}
}

// TestPoissonTail against tables: P(N ≥ 3 | 1) = 1 - 2.5/e = 0.08030.
func TestPoissonTail(t *testing.T) {
	for _, tc := range []struct{ k, mean, want float64 }{{0, 1, 1}, {1, 1, 1 - 1/math.E}, {3, 1, 1 - 2.5/math.E}, {1, 0, 0}, {1e9, 2, 0}} {
		if got := poissonTail(tc.k, tc.mean); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("poissonTail(%v, %v) = %v, want %v", tc.k, tc.mean, got, tc.want)
		}
	}
}

// TestFalseAlarms: of 400 changes that do no harm, judged each minute for ten
// with a latency that follows the time of day and is correlated from minute to
// minute, at most 1 % are taken back, and of as many after which it doubles, at least 95 %.
func TestFalseAlarms(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	alarms := map[float64]int{}
	const trials = 400
	for trial := range trials {
		for _, factor := range []float64{1, 2} {
			var before, after Baseline
			noise := 0.0
			value := func(minute int) float64 {
				noise = 0.8*noise + 0.6*rng.NormFloat64()
				day := math.Sin(2 * math.Pi * float64(minute+trial*37) / 1440)
				return 0.1 * math.Exp(0.1*day+0.1*noise)
			}
			for minute := range 2880 {
				before.add(observation(noon, 10, map[Guard]float64{GuardLatency: value(minute)}))
			}
			for minute := range 10 {
				after.add(observation(noon, 10, map[Guard]float64{GuardLatency: factor * value(2880+minute)}))
				if worse, _, _ := before.worse(GuardLatency, after); worse {
					alarms[factor]++
					break
				}
			}
		}
	}
	t.Logf("false alarms %d, alarms at double latency %d, of %d", alarms[1], alarms[2], trials)
	if alarms[1] > trials/100 || alarms[2] < trials*95/100 {
		t.Errorf("false alarms %d, alarms at double latency %d, of %d", alarms[1], alarms[2], trials)
	}
}

// usual is two hours of minutes that end before noon.
func usual() []Observation {
	var out []Observation
	for i := range 120 {
		out = append(out, observation(noon.Add(time.Duration(i-120)*time.Minute), 4, map[Guard]float64{GuardLatency: 0.1, GuardOOMKills: 0}))
	}
	return out
}

// changed is a workload of four pods of which the first was made smaller.
func changed(t *testing.T, has, wants Size) *world {
	t.Helper()
	w := &world{in: deployment(4, has, wants), template: has}
	w.in.Settings = Settings{}
	w.in.Evidence = usual()
	if diff := cmp.Diff([]string{"ResizePod web-0"}, brief(w.round())); diff != "" {
		t.Fatalf("steps (-want +got):\n%s", diff)
	}
	return w
}

// bad are minutes of ten times the latency.
func (w *world) bad(minutes int) {
	w.in.Evidence = nil
	for i := range minutes {
		w.in.Evidence = append(w.in.Evidence, observation(w.in.Now.Add(time.Duration(i-minutes+1)*time.Second), 1, map[Guard]float64{GuardLatency: 1}))
	}
}

func TestRollback(t *testing.T) {
	w := changed(t, requests(1000, 1024), requests(500, 512))
	w.bad(3)
	p := w.round()
	if diff := cmp.Diff([]string{"RevertPod web-0"}, brief(p)); diff != "" || !tells(p, ReasonWorse) {
		t.Fatalf("steps (-want +got):\n%s%v", diff, p.Reasons)
	}
	if got := p.Steps[0].Containers[0].To; got != requests(1000, 1024) {
		t.Errorf("put back to %+v", got)
	}
	w.in.Evidence = nil
	for minute := range 58 {
		if p = w.round(); len(p.Steps) > 0 || !tells(p, ReasonFrozen) {
			t.Fatalf("minute %d after the rollback: %v, %v", minute, brief(p), p.Reasons)
		}
	}
	w.round()
	w.round()
	if w.in.State.Wave == nil {
		t.Fatal("not tried again after the hold")
	}
	w.bad(3)
	before := w.in.Now
	w.round()
	if got := w.in.State.FrozenUntil.Sub(before); got != 2*time.Hour || w.in.State.Rollbacks != 2 {
		t.Errorf("the second hold is %s after %d rollbacks, want 2h after 2", got, w.in.State.Rollbacks)
	}
}

// TestRollbackIsRepeated until it is seen, with pods that would restart one
// after the other, and from the wave where pods were forgotten.
func TestRollbackIsRepeated(t *testing.T) {
	w := changed(t, requests(1000, 1024), requests(500, 512))
	for i := range 2 {
		w.in.Pods[i].Containers[0].Spec, w.in.Pods[i].Containers[0].InForce = requests(500, 512), new(requests(500, 512))
		w.in.Pods[i].Containers[0].RestartOnMemory = true
	}
	w.in.State.Pods = nil
	w.bad(3)
	var reverted []string
	for range 4 {
		reverted = append(reverted, brief(w.round())...)
		w.in.Evidence = nil
	}
	if diff := cmp.Diff([]string{"RevertPod web-0", "RevertPod web-1"}, reverted); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if w.in.State.Undo != nil {
		t.Error("still taking back")
	}
}

func TestNoRollback(t *testing.T) {
	tests := map[string]struct {
		has, wants Size
		change     func(*Input)
	}{
		"of growth":       {requests(500, 512), requests(1000, 1024), func(*Input) {}},
		"where it is off": {requests(1000, 1024), requests(500, 512), func(in *Input) { in.Settings.NoRollback = true }},
		"ignored guard":   {requests(1000, 1024), requests(500, 512), func(in *Input) { in.Settings.IgnoreGuards = []Guard{GuardLatency} }},
		"stale metrics":   {requests(1000, 1024), requests(500, 512), func(in *Input) { in.Stale = true }},
		"in DryRun":       {requests(1000, 1024), requests(500, 512), func(in *Input) { in.Mode = ModeDryRun }},
		"from the future": {requests(1000, 1024), requests(500, 512), func(in *Input) { in.Evidence[2].At = in.Now.Add(1) }},
		"of the past":     {requests(1000, 1024), requests(500, 512), func(in *Input) { in.State.LearnedAt = in.Now }},
		"before the change": {requests(1000, 1024), requests(500, 512), func(in *Input) {
			for i := range in.Evidence {
				in.Evidence[i].At = noon.Add(time.Duration(i-10) * time.Millisecond)
			}
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := changed(t, tc.has, tc.wants)
			w.bad(3)
			tc.change(&w.in)
			if p := w.round(); len(p.Steps) > 0 {
				t.Errorf("steps %v, reasons %v", brief(p), p.Reasons)
			}
		})
	}
}

// TestScaleDownIsTakenBack when it did harm.
func TestScaleDownIsTakenBack(t *testing.T) {
	w := &world{in: deployment(4, requests(500, 512), requests(500, 512)), template: requests(500, 512)}
	w.in.Decision.DesiredReplicas = 2
	w.in.Evidence = usual()
	if diff := cmp.Diff([]string{"Scale 4->2"}, brief(w.round())); diff != "" {
		t.Fatalf("steps (-want +got):\n%s", diff)
	}
	w.bad(3)
	if diff := cmp.Diff([]string{"Scale 2->4"}, brief(w.round())); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	w.in.Evidence = nil
	for range 30 {
		if p := w.round(); len(p.Steps) > 0 {
			t.Fatalf("steps %v while frozen", brief(p))
		}
	}
}

// TestRaisedStays: a rollback gives back what was lowered and keeps what was
// raised.
func TestRaisedStays(t *testing.T) {
	w := changed(t, requests(1000, 512), requests(500, 1024))
	w.in.Decision.Reasons = []recommender.Reason{}
	w.bad(3)
	p := w.round()
	if len(p.Steps) == 0 || p.Steps[0].Kind != StepRevert || p.Steps[0].Containers[0].To != requests(1000, 1024) {
		t.Errorf("steps %+v, want 1000m and 1024 MiB", p.Steps)
	}
	for _, s := range p.Steps {
		if s.Containers[0].To.lowers(s.Containers[0].From) {
			t.Errorf("step %+v lowers something", s)
		}
	}
}
