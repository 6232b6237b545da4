package baseline

import (
	"testing"
	"time"

	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/logic"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"

	"github.com/rightsize-dev/rightsize/recommender"
)

// monday is the start of the hand-made histories, a Monday at midnight.
func monday() time.Time { return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) }

func cpuAndMemory() []model.ResourceName {
	return []model.ResourceName{model.ResourceCPU, model.ResourceMemory}
}

// replay feeds one pod's usage by the minute for so long and returns the
// recommender. OOM kills happen at given minutes, before their samples, with a
// request of 500 MB.
func replay(s vpaSettings, minutes int, usage func(at time.Time) (cores, bytes float64), kills ...int) *vpaRecommender {
	r := newVPARecommender(s, cpuAndMemory())
	for m := range minutes {
		at := monday().Add(time.Duration(m) * time.Minute)
		for _, kill := range kills {
			if kill == m {
				r.recordOOM(at, 0, 500e6)
			}
		}
		cores, bytes := usage(at)
		r.addCPU(at, 0, cores)
		r.addMemory(at, 0, bytes)
	}
	return r
}

func targetOf(t *testing.T, r *vpaRecommender) (milliCPU, megabytes int64) {
	t.Helper()
	rec, ok := r.recommendation()
	if !ok {
		t.Fatal("no recommendation")
	}
	return int64(rec.Target[model.ResourceCPU]), int64(rec.Target[model.ResourceMemory]) / 1e6
}

func steady(time.Time) (cores, bytes float64) { return 0.2, 300e6 }

// bursts is a base of 0.2 core with the first minutes of every hour at 1 core.
func bursts(minutes int) func(time.Time) (cores, bytes float64) {
	return func(at time.Time) (cores, bytes float64) {
		if at.Minute() < minutes {
			return 1, 300e6
		}
		return 0.2, 300e6
	}
}

// weeklyPeak is 2 cores and 900 MB on Mondays from 9 to 12.
func weeklyPeak(at time.Time) (cores, bytes float64) {
	if at.Weekday() == time.Monday && at.Hour() >= 9 && at.Hour() < 12 {
		return 2, 900e6
	}
	return 0.2, 300e6
}

// TestVPARecommenderTarget holds the numbers that upstream's packages (v1.8.1,
// default flags, one sample a minute) gave in a measurement made apart from
// this code. They can be had by hand, too: bucket n of a histogram begins at
// first/0.05 (1.05^n - 1) with first buckets of 0.01 core and 10 MB, a
// percentile is the end of its bucket, and 15 % come on top. So 0.2 core is in
// bucket 14, which ends at 0.2158 core, and gives 215 + 32 = 247 m; 1 core
// gives 1016 + 152 = 1168 m; 300, 604.9 and 900 MB end in buckets at 305.4,
// 623.2 and 903.2 MB and give 351, 716 and 1038 MB.
func TestVPARecommenderTarget(t *testing.T) {
	t.Parallel()
	const day = 24 * 60
	// Week 4 on Monday and Tuesday at 8:59.
	mondayMorning := 3*7*day + 9*60
	cases := map[string]struct {
		minutes int
		usage   func(time.Time) (cores, bytes float64)
		kills   []int
		cpu     int64 // Milli-CPU.
		memory  int64 // MB.
	}{
		"bursts of 3 min an hour stay unseen":  {minutes: 8 * day, usage: bursts(3), cpu: 247, memory: 351},
		"bursts of 5 min an hour stay unseen":  {minutes: 8 * day, usage: bursts(5), cpu: 247, memory: 351},
		"bursts of 6 min an hour stay unseen":  {minutes: 8 * day, usage: bursts(6), cpu: 247, memory: 351},
		"bursts of 7 min an hour are all":      {minutes: 8 * day, usage: bursts(7), cpu: 1168, memory: 351},
		"bursts of 12 min an hour are all":     {minutes: 8 * day, usage: bursts(12), cpu: 1168, memory: 351},
		"steady memory":                        {minutes: 8 * day, usage: steady, cpu: 247, memory: 351},
		"an OOM kill at 500 MB":                {minutes: 8*day + 1, usage: steady, kills: []int{8 * day}, cpu: 247, memory: 716},
		"one day after the OOM kill":           {minutes: 9 * day, usage: steady, kills: []int{8 * day}, cpu: 247, memory: 716},
		"two days after the OOM kill":          {minutes: 10 * day, usage: steady, kills: []int{8 * day}, cpu: 247, memory: 716},
		"three days after the OOM kill":        {minutes: 11 * day, usage: steady, kills: []int{8 * day}, cpu: 247, memory: 716},
		"on the fourth day it is forgotten":    {minutes: 11*day + 1, usage: steady, kills: []int{8 * day}, cpu: 247, memory: 351},
		"before a weekly peak: too little":     {minutes: mondayMorning, usage: weeklyPeak, cpu: 247, memory: 351},
		"the day after a weekly peak: no need": {minutes: mondayMorning + day, usage: weeklyPeak, cpu: 247, memory: 1038},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cpu, memory := targetOf(t, replay(defaultVPASettings(), tc.minutes, tc.usage, tc.kills...))
			if cpu != tc.cpu || memory != tc.memory {
				t.Errorf("target %d m, %d MB, want %d m, %d MB", cpu, memory, tc.cpu, tc.memory)
			}
		})
	}
}

// TestVPARecommenderBounds checks the confidence factors of upstream's
// documentation: the upper bound is twice the percentile after 24 h of history
// and thrice after 12 h; the lower one is 0.95 of it after an hour.
func TestVPARecommenderBounds(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		hours        int
		lower, upper float64 // As factors of the target.
	}{
		"1 h":  {hours: 1, lower: 0.95, upper: 25},
		"12 h": {hours: 12, lower: 0.996, upper: 3},
		"24 h": {hours: 24, lower: 0.998, upper: 2},
		"8 d":  {hours: 192, lower: 0.9998, upper: 1.125},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec, ok := replay(defaultVPASettings(), tc.hours*60+1, steady).recommendation()
			if !ok {
				t.Fatal("no recommendation")
			}
			// Memory is in bytes, so rounding does not show.
			target := float64(rec.Target[model.ResourceMemory])
			for what, pair := range map[string][2]float64{
				"lower": {float64(rec.LowerBound[model.ResourceMemory]) / target, tc.lower},
				"upper": {float64(rec.UpperBound[model.ResourceMemory]) / target, tc.upper},
			} {
				if got, want := pair[0], pair[1]; got < 0.99*want || got > 1.01*want {
					t.Errorf("%s bound %v of the target, want about %v", what, got, want)
				}
			}
		})
	}
}

// TestVPARecommenderSettings checks that settings reach upstream, and that two
// recommenders of different half-lives do not disturb each other although
// upstream keeps its half-lives in a package-level variable.
func TestVPARecommenderSettings(t *testing.T) {
	t.Parallel()
	// A day of 1 core after seven of 0.2: with a half-life of 24 h half of the
	// weight is recent, with one of 7 days a sixth.
	step := func(at time.Time) (cores, bytes float64) {
		if at.Before(monday().AddDate(0, 0, 7)) {
			return 0.2, 300e6
		}
		return 1, 900e6
	}
	const minutes = 8 * 24 * 60
	cases := map[string]struct {
		change      func(*vpaSettings)
		cpu, memory int64
	}{
		"defaults": {change: func(*vpaSettings) {}, cpu: 1168, memory: 1038},
		// Of eight days the last has weight (1 - 2^-1/7)/(1 - 2^-8/7) = 0.172 of
		// the CPU, so p80 does not see it and p85 does.
		"half-life of a week, p80": {
			change: func(s *vpaSettings) { s.cpuHalfLife, s.targetPercentile = 7*24*time.Hour, 0.8 }, cpu: 247, memory: 1038,
		},
		"half-life of a week, p85": {
			change: func(s *vpaSettings) { s.cpuHalfLife, s.targetPercentile = 7*24*time.Hour, 0.85 }, cpu: 1168, memory: 1038,
		},
		"no margin": {change: func(s *vpaSettings) { s.marginFraction = 0 }, cpu: 1016, memory: 903},
		"floors": {
			change: func(s *vpaSettings) { s.podMinCPU, s.podMinMemory = 3000, 4*recommender.GiB }, cpu: 3000, memory: 4294,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := defaultVPASettings()
			tc.change(&s)
			cpu, memory := targetOf(t, replay(s, minutes, step))
			if cpu != tc.cpu || memory != tc.memory {
				t.Errorf("target %d m, %d MB, want %d m, %d MB", cpu, memory, tc.cpu, tc.memory)
			}
		})
	}
}

func TestVPARecommenderDropsWhatIsNoSample(t *testing.T) {
	t.Parallel()
	r := newVPARecommender(defaultVPASettings(), cpuAndMemory())
	if rec, ok := r.recommendation(); ok {
		t.Errorf("recommends %v without samples", rec)
	}
	clean := replay(defaultVPASettings(), 60, steady)
	dirty := replay(defaultVPASettings(), 60, steady)
	nan := func() float64 { zero := 0.0; return zero / zero }()
	for _, v := range []float64{nan, -1} {
		dirty.addCPU(monday().Add(2*time.Hour), 0, v)
		dirty.addMemory(monday().Add(2*time.Hour), 0, v)
	}
	dirty.addCPU(monday(), 0, 50) // Older than the last one.
	dirty.addMemory(monday(), 0, 50e9)
	want, _ := clean.recommendation()
	got, _ := dirty.recommendation()
	for name, pair := range map[string][2]model.Resources{
		"target": {got.Target, want.Target}, "lower": {got.LowerBound, want.LowerBound}, "upper": {got.UpperBound, want.UpperBound},
	} {
		for _, resource := range cpuAndMemory() {
			if pair[0][resource] != pair[1][resource] {
				t.Errorf("%s %s is %d, want %d", name, resource, pair[0][resource], pair[1][resource])
			}
		}
	}
}

// TestVPARecommenderMerges checks that the samples of all pods count and that
// each pod has a memory peak of its own a day.
func TestVPARecommenderMerges(t *testing.T) {
	t.Parallel()
	r := newVPARecommender(defaultVPASettings(), cpuAndMemory())
	for m := range 24 * 60 {
		at := monday().Add(time.Duration(m) * time.Minute)
		for pod := range 10 {
			cores, bytes := steady(at)
			if pod >= 8 { // A fifth of the pods is large: p90 sees it.
				cores, bytes = 1, 900e6
			}
			r.addCPU(at, pod, cores)
			r.addMemory(at, pod, bytes)
		}
	}
	if cpu, memory := targetOf(t, r); cpu != 1168 || memory != 1038 {
		t.Errorf("target %d m, %d MB, want that of the large pods, 1168 m, 1038 MB", cpu, memory)
	}
	r.forget(map[int]bool{9: true})
	if len(r.containers) != 1 {
		t.Errorf("%d containers are left, want 1", len(r.containers))
	}
	if cpu, memory := targetOf(t, r); cpu != 1168 || memory != 1038 {
		t.Errorf("target %d m, %d MB after pods went, want what they left behind, 1168 m, 1038 MB", cpu, memory)
	}
}

func TestVPARecommenderControlledResources(t *testing.T) {
	t.Parallel()
	r := newVPARecommender(defaultVPASettings(), []model.ResourceName{model.ResourceMemory})
	r.addCPU(monday(), 0, 1)
	r.addMemory(monday(), 0, 900e6)
	rec, _ := r.recommendation()
	if _, ok := rec.Target[model.ResourceCPU]; ok {
		t.Error("recommends CPU, which is not controlled")
	}
	if rec.Target[model.ResourceMemory] != 1038683533 {
		t.Errorf("memory %d, want 1038683533", rec.Target[model.ResourceMemory])
	}
}

// FuzzVPARecommender checks lower bound <= target <= upper bound for any usage
// (upstream's lower confidence factor is at most 1 and its upper at least 1).
func FuzzVPARecommender(f *testing.F) {
	f.Add(uint16(1), 0.2, 1.0, 1e8, 1e9, true)
	f.Add(uint16(3000), 0.0, 1e6, 0.0, 1e15, false)
	f.Add(uint16(100), -1.0, 0.001, 1.0, 2.0, true)
	f.Fuzz(func(t *testing.T, minutes uint16, low, high, small, large float64, oom bool) {
		r := newVPARecommender(defaultVPASettings(), cpuAndMemory())
		for m := range int(minutes % 4000) {
			at := monday().Add(time.Duration(m) * time.Minute)
			cores, bytes := low, small
			if m%13 == 0 {
				cores, bytes = high, large
			}
			r.addCPU(at, m%3, cores)
			r.addMemory(at, m%3, bytes)
			if oom && m%500 == 7 {
				r.recordOOM(at, m%3, large)
			}
		}
		rec, ok := r.recommendation()
		if !ok {
			return
		}
		checkOrder(t, rec)
	})
}

func checkOrder(t *testing.T, rec logic.RecommendedContainerResources) {
	t.Helper()
	for _, resource := range cpuAndMemory() {
		lower, target, upper := rec.LowerBound[resource], rec.Target[resource], rec.UpperBound[resource]
		if lower < 0 || lower > target || target > upper {
			t.Errorf("%s: bounds %d, %d, %d are not in order", resource, lower, target, upper)
		}
	}
}

func BenchmarkVPARecommender(b *testing.B) {
	r := replay(defaultVPASettings(), 24*60, steady)
	at := monday().AddDate(0, 0, 1)
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Minute)
		r.addCPU(at, 0, 0.2)
		r.addMemory(at, 0, 300e6)
		if _, ok := r.recommendation(); !ok {
			b.Fatal("no recommendation")
		}
	}
}
