package recommender_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Four pods of a core and 1 GiB of which 334 m and 460 MiB are needed, unless
// something holds them.
func TestWhatHoldsSizes(t *testing.T) {
	t.Parallel()
	type snapshot = recommender.Snapshot
	maintenance := func(from, to time.Duration) func(*snapshot) {
		return func(s *snapshot) {
			s.Windows = []recommender.Window{{Type: recommender.WindowMaintenance, Start: s.Now.Add(from), End: s.Now.Add(to)}}
		}
	}
	grow := func(s *snapshot) { s.Containers[0].Requests = recommender.Resources{CPU: 100, Memory: 100 * mib} }
	inPlace := func(s *snapshot) { s.Policy.Vertical.InPlace = true }
	killed := func(s *snapshot) {
		s.Containers[0].OOMKills, s.Containers[0].LastOOMKill = 1, s.Now.Add(-time.Hour)
	}
	ready := func(n int) func(*snapshot) { return func(s *snapshot) { s.Replicas.Ready = n } }
	surprised := func(ago time.Duration) func(*snapshot) {
		return func(s *snapshot) { s.State.SurprisedAt = s.Now.Add(-ago) }
	}
	dear := func(s *snapshot) { s.Policy.ChangeHours = 0.1 }
	zero, one, four := 0, 1, 4
	cases := map[string]struct {
		change []func(*snapshot)
		cpu    recommender.MilliCPU
		memory recommender.Bytes
		reason recommender.ReasonCode
	}{
		"inside of the maintenance window": {[]func(*snapshot){maintenance(-time.Hour, time.Hour)}, 334, 460, ""},
		"outside":                          {[]func(*snapshot){maintenance(time.Hour, 2*time.Hour)}, 1000, 1024, recommender.ReasonWindow},
		"outside, growing takes a restart": {[]func(*snapshot){maintenance(time.Hour, 2*time.Hour), grow}, 100, 100, recommender.ReasonWindow},
		// 300 m: in place, one pod of four need not be spared.
		"outside, growing in place": {[]func(*snapshot){maintenance(time.Hour, 2*time.Hour), grow, inPlace}, 300, 460, ""},
		"outside, memory takes a restart": {
			[]func(*snapshot){maintenance(time.Hour, 2*time.Hour), grow, inPlace, func(s *snapshot) { s.Containers[0].RestartOnMemory = true }},
			300, 100, recommender.ReasonWindow,
		},
		// The peak of 400 MiB and 100 MiB.
		"outside, memory after a kill": {[]func(*snapshot){maintenance(time.Hour, 2*time.Hour), grow, killed}, 100, 500, recommender.ReasonOOMKilled},
		"in a freeze": {[]func(*snapshot){grow, inPlace, func(s *snapshot) {
			s.Windows = []recommender.Window{{Name: "eve", Type: recommender.WindowFreeze, Start: s.Now, End: s.Now.Add(1)}}
		}}, 100, 100, recommender.ReasonWindow},
		"at the end of a freeze": {[]func(*snapshot){grow, inPlace, func(s *snapshot) {
			s.Windows = []recommender.Window{{Name: "eve", Type: recommender.WindowFreeze, Start: s.Now.Add(-time.Hour), End: s.Now}}
		}}, 300, 460, ""},
		"no change is left": {[]func(*snapshot){func(s *snapshot) {
			s.Budget = &recommender.ChangeBudget{Name: "cluster", Changes: &zero}
		}}, 1000, 1024, recommender.ReasonBudget},
		"one pod of four is left": {[]func(*snapshot){func(s *snapshot) {
			s.Budget = &recommender.ChangeBudget{Name: "cluster", Changes: &one, Pods: &one}
		}}, 1000, 1024, recommender.ReasonBudget},
		"four pods are left": {[]func(*snapshot){func(s *snapshot) {
			s.Budget = &recommender.ChangeBudget{Name: "cluster", Changes: &one, Pods: &four}
		}}, 334, 460, ""},
		"no change is left, but CPU is short": {[]func(*snapshot){func(s *snapshot) {
			s.Budget = &recommender.ChangeBudget{Name: "cluster", Changes: &zero}
			s.Containers[0].Requests.CPU = 100
		}}, 334, 1024, recommender.ReasonBudget},
		"a crash loop": {[]func(*snapshot){func(s *snapshot) { s.Containers[0].RecentRestarts = 3 }}, 1000, 1024, recommender.ReasonCrashLoop},
		"two restarts": {[]func(*snapshot){func(s *snapshot) { s.Containers[0].RecentRestarts = 2 }}, 334, 460, ""},
		"killed for want of memory 9 minutes ago": {[]func(*snapshot){func(s *snapshot) {
			s.Containers[0].OOMKills, s.Containers[0].LastOOMKill = 1, s.Now.Add(-9*time.Minute)
		}}, 1000, 1024, recommender.ReasonOOMFreeze},
		// Two of four carry all of the 1.33 cores: with 334 m each they would be short.
		"two of four pods start": {[]func(*snapshot){ready(2)}, 1000, 460, recommender.ReasonStarting},
		"of four large pods two start": {[]func(*snapshot){ready(2), func(s *snapshot) {
			s.Containers[0].Requests.CPU = 4000
		}}, 1000, 460, recommender.ReasonStarting},
		"the same, sizes are dear": {[]func(*snapshot){ready(2), dear, func(s *snapshot) {
			s.Containers[0].Requests.CPU = 4000
		}}, 4000, 1024, recommender.ReasonStarting},
		"none is ready":                 {[]func(*snapshot){ready(0)}, 334, 460, ""},
		"all are ready":                 {[]func(*snapshot){ready(4)}, 334, 460, ""},
		"surprised 9 minutes ago":       {[]func(*snapshot){surprised(9 * time.Minute), dear}, 1000, 1024, recommender.ReasonSurprise},
		"surprised 11 minutes ago":      {[]func(*snapshot){surprised(11 * time.Minute), dear}, 334, 460, ""},
		"surprised, changes are cheap":  {[]func(*snapshot){surprised(9 * time.Minute)}, 334, 460, ""},
		"surprised at an unlikely time": {[]func(*snapshot){surprised(-time.Minute), dear}, 334, 460, ""},
		"sizes went up and down six times": {[]func(*snapshot){func(s *snapshot) {
			for i := range 6 {
				s.State.Turns = append(s.State.Turns, recommender.Turn{At: s.Now.Add(time.Duration(i-7) * time.Minute), Up: i%2 == 1})
			}
		}}, 1000, 1024, recommender.ReasonDamped},
		"sizes went up and down six times long ago": {[]func(*snapshot){func(s *snapshot) {
			for i := range 6 {
				s.State.Turns = append(s.State.Turns, recommender.Turn{At: s.Now.Add(time.Duration(i-70) * time.Minute), Up: i%2 == 1})
			}
		}}, 334, 460, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			for _, change := range tc.change {
				change(&s)
			}
			d := decide(s)
			if got := d.Containers[0].Target; got.CPU != tc.cpu || got.Memory.GiB() < (tc.memory*mib).GiB()-0.001 || got.Memory > (tc.memory+1)*mib {
				t.Errorf("target %d m and %d MiB, want %d and %d: %v", got.CPU, got.Memory/mib, tc.cpu, tc.memory, d.Reasons)
			}
			if _, is := reasonOf(d, tc.reason); tc.reason != "" && !is {
				t.Errorf("reasons %v lack %s", codes(d), tc.reason)
			}
		})
	}
}

// TestReadyPodsCarryAlone: two pods of a core use all of it, and two more start.
// A third of what they lack at a time would be a resize of each with each
// decision: where that is dear, they get twice what they have at once.
func TestReadyPodsCarryAlone(t *testing.T) {
	t.Parallel()
	size := func(changeHours float64, ready int) (recommender.MilliCPU, recommender.Decision) {
		s := shop()
		s.Policy.Vertical.InPlace = true
		s.Policy.ChangeHours = changeHours
		s.Policy.Horizontal = recommender.HorizontalPolicy{Min: 1, Max: 4}
		s.Replicas.Desired, s.Replicas.Ready = 4, ready
		c := &s.Containers[0]
		c.Limits = c.Requests
		c.CPU = usage(float64(ready), float64(ready), expects(2, 2.5))
		d := decide(s)
		return d.Containers[0].Target.CPU, d
	}
	if got, d := size(0.1, 2); got < 2000 || got > 2300 {
		t.Errorf("%d m, want two cores: %v", got, d.Reasons)
	} else if _, is := reasonOf(d, recommender.ReasonStarting); !is {
		t.Errorf("reasons %v", codes(d))
	}
	if got, d := size(0.02, 2); got < 1000 || got > 1200 {
		t.Errorf("%d m where a change costs little, want a core: %v", got, d.Reasons)
	}
}

// TestSmallGrowthIsNotWorthMaking: 300 m and 460 MiB are needed. What is missing of
// one is no reason to lower the other either, where that alone would not pay.
func TestSmallGrowthIsNotWorthMaking(t *testing.T) {
	t.Parallel()
	type sizes = recommender.Resources
	cases := map[string]struct {
		hours      float64 // What it costs to resize all pods.
		is, wanted sizes
	}{
		"4 % are where it is cheap":      {0.004, sizes{CPU: 300, Memory: 442 * mib}, sizes{CPU: 300, Memory: 460 * mib}},
		"2 % are not":                    {0.004, sizes{CPU: 294, Memory: 450 * mib}, sizes{CPU: 294, Memory: 450 * mib}},
		"8 % are not where dear":         {1, sizes{CPU: 278, Memory: 450 * mib}, sizes{CPU: 278, Memory: 450 * mib}},
		"of memory they are":             {1, sizes{CPU: 300, Memory: 430 * mib}, sizes{CPU: 300, Memory: 460 * mib}},
		"8 % are at a tenth of an hour":  {0.1, sizes{CPU: 278, Memory: 460 * mib}, sizes{CPU: 300, Memory: 460 * mib}},
		"5 % are not":                    {0.1, sizes{CPU: 286, Memory: 460 * mib}, sizes{CPU: 286, Memory: 460 * mib}},
		"12 % are however dear":          {100, sizes{CPU: 267, Memory: 460 * mib}, sizes{CPU: 300, Memory: 460 * mib}},
		"2 % do not make the other less": {8, sizes{CPU: 345, Memory: 450 * mib}, sizes{CPU: 345, Memory: 450 * mib}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			s.Policy.Vertical.InPlace, s.Policy.ChangeHours = true, tc.hours/4 // Of four pods.
			s.Containers[0].Requests = tc.is
			if d := decide(s); d.Containers[0].Target != tc.wanted {
				t.Errorf("target %v, want %v: %v", d.Containers[0].Target, tc.wanted, d.Reasons)
			}
		})
	}
}

// In a window, sizes that take a restart have to last until the next: the
// forecast's maximum over a day is 2 cores, over 6 minutes 1.2.
func TestSizesLastUntilTheNextWindow(t *testing.T) {
	t.Parallel()
	s := shop()
	s.Replicas.Desired, s.Replicas.Ready = 1, 1
	f := &s.Containers[0].CPU.Forecast
	f.Max = slices.Clone(f.Max)
	f.Max[1] = expects(2, 2).Max[0]
	day := 24 * time.Hour
	s.Windows = []recommender.Window{
		{Type: recommender.WindowMaintenance, Start: s.Now.Add(-time.Minute), End: s.Now.Add(time.Hour)},
		{Type: recommender.WindowMaintenance, Start: s.Now.Add(day), End: s.Now.Add(day + time.Hour)},
	}
	if got := decide(s).Containers[0].Target.CPU; got != 2000 {
		t.Errorf("%d m, want 2000", got)
	}
	if hs := recommender.Horizons(s, 0); hs[len(hs)-1] < day {
		t.Errorf("horizons %v do not reach the next window", hs)
	}
	// The next decision is due all the same after 5 minutes.
	if got := decide(s).RecheckAfterSeconds; got != 300 {
		t.Errorf("recheck after %g s, want 300", got)
	}
	s.Windows[1].Start = s.Now.Add(2 * time.Minute)
	if got := decide(s).RecheckAfterSeconds; got != 120 {
		t.Errorf("recheck after %g s, want 120, when a window opens", got)
	}
}

// Replicas that went 4, 6, 4, 6, 4, 6, 4, 6 within the hour stay at 6.
func TestOscillatingReplicasStayUp(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 10, 12)
	s.Policy.Vertical.InPlace = true
	s.Policy.Prices.MemoryGiBHour = 0.04
	s.Replicas.Desired, s.Replicas.Ready = 6, 6
	for i := range 7 {
		e := recommender.Scale{At: s.Now.Add(time.Duration(i-8) * 7 * time.Minute), From: 4, To: 6}
		if i%2 == 1 {
			e.From, e.To = 6, 4
		}
		s.State.Scales = append(s.State.Scales, e)
	}
	d := decide(s)
	if _, is := reasonOf(d, recommender.ReasonDamped); d.DesiredReplicas != 6 || !is {
		t.Errorf("%d replicas for %v, want 6", d.DesiredReplicas, codes(d))
	}
	s.Policy.Horizontal.Damper.Reversals = 7
	if got := decide(s).DesiredReplicas; got >= 6 {
		t.Errorf("%d replicas where 7 changes of direction are accepted, want fewer than 6", got)
	}
}

// Crash loops keep the number of pods both ways.
func TestCrashLoopKeepsReplicas(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 150, 200)
	s.Policy.Vertical.MaxAllowed = recommender.Resources{CPU: 500, Memory: 2048 * mib}
	s.Containers[0].Requests.CPU = 500
	if got := decide(s).DesiredReplicas; got <= 4 {
		t.Fatalf("%d replicas, want more than 4", got)
	}
	s.Containers[0].RecentRestarts = 5
	if d := decide(s); d.DesiredReplicas != 4 {
		t.Errorf("%d replicas in a crash loop, want 4: %v", d.DesiredReplicas, codes(d))
	}
}

// Two of four pods wait for half a core more, and what the pods have on average
// is less than the 0.53 cores that each needs.
func TestDeferredGrowthGetsOneMorePod(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 45, 100)
	s.Policy.Vertical.InPlace = true
	s.Containers[0].Requests.CPU = 600
	s.Containers[0].InForce = recommender.Resources{CPU: 200, Memory: 1024 * mib}
	s.Replicas.Deferred = 2
	d := decide(s)
	if _, is := reasonOf(d, recommender.ReasonDeferred); d.DesiredReplicas != 5 || !is {
		t.Errorf("%d replicas for %v, want 5", d.DesiredReplicas, d.Reasons)
	}
	s.Replicas.Ready = 3
	if got := decide(s).DesiredReplicas; got > 4 {
		t.Errorf("%d replicas while one is on its way, want no more than 4", got)
	}
	s.Replicas.Ready, s.Containers[0].InForce.CPU = 4, 590
	if got := decide(s).DesiredReplicas; got > 4 {
		t.Errorf("%d replicas where what is there is enough, want no more than 4", got)
	}
}

// A node refused 800 m: the pods keep 300 m, and there are more of them, until
// 6 hours later.
func TestInfeasibleSizesAreNotAskedForAgain(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 45, 100)
	s.Policy.Vertical.InPlace = true
	c := &s.Containers[0]
	c.Requests.CPU, c.InForce = 800, recommender.Resources{CPU: 300, Memory: 1024 * mib}
	s.Replicas.Infeasible = 1
	d := decide(s)
	// 0.05 + 1.91/n ≤ 0.3 from n = 7.6 on.
	if got := d.Containers[0].Target.CPU; got > 300 || d.DesiredReplicas != 8 {
		t.Errorf("%d pods of %d m, want 8 of 300 at most: %v", d.DesiredReplicas, got, d.Reasons)
	}
	c.Requests.CPU, c.InForce = 300, recommender.Resources{}
	s.Replicas = recommender.Replicas{Desired: 8, Ready: 8, StartupSeconds: 30}
	s.State, s.Now = d.State, s.Now.Add(time.Hour)
	if got := decide(s).Containers[0].Target.CPU; got > 300 {
		t.Errorf("%d m an hour later, want 300 at most", got)
	}
	s.Now = s.Now.Add(6 * time.Hour)
	s.Policy.Horizontal.Max = 4
	if d := decide(s); d.Containers[0].Target.CPU <= 300 || len(d.State.Refused) > 0 {
		t.Errorf("%d m 7 hours later with %v, want more than 300", d.Containers[0].Target.CPU, d.State.Refused)
	}
}
