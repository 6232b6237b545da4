package recommender_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// exceeded is the share of the spans in which an M/M/1 queue had more than most
// in it.
func exceeded(most, arrivals, service float64, spans int, seconds float64) float64 {
	r := rand.New(rand.NewPCG(1, 2))
	n, over := 0, 0
	for range spans {
		above := false
		for t := 0.0; t < seconds; {
			rate := arrivals
			if n > 0 {
				rate += service
			}
			t += r.ExpFloat64() / rate
			if r.Float64()*rate < arrivals {
				n++
			} else {
				n--
			}
			above = above || float64(n) > most
		}
		if above {
			over++
		}
	}
	return float64(over) / float64(spans)
}

// TestCorrection: a quarter of an hour with 10 % late, where 2.5 % are planned
// for, asks for 15 s / 900 s · 25 % more with every quarter of a minute.
func TestCorrection(t *testing.T) {
	t.Parallel()
	type snapshot = recommender.Snapshot
	cases := map[string]struct {
		change func(*snapshot)
		grows  bool
	}{
		"too many late":             {func(*snapshot) {}, true},
		"few enough late":           {func(s *snapshot) { s.Outcome.ViolatedRatio = 0.02 }, false},
		"nothing new was seen":      {func(s *snapshot) { s.Demand.AgeSeconds = 3600 }, false},
		"a kill for want of memory": {func(s *snapshot) { s.Containers[0].OOMKills, s.Containers[0].LastOOMKill = 1, s.Now.Add(-time.Minute) }, false},
		"a kill that is long past":  {func(s *snapshot) { s.Containers[0].OOMKills, s.Containers[0].LastOOMKill = 1, s.Now.Add(-time.Hour) }, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withDemand(shop(), 40, 40)
			s.Policy.Objective.LatencySeconds, s.Policy.Vertical.InPlace = 0.5, true
			s.Outcome = &recommender.Outcome{ViolatedRatio: 0.1, WindowSeconds: 900}
			s.State.Correction, s.State.CorrectedAt = 1, s.Now.Add(-time.Minute)
			tc.change(&s)
			if got := decide(s).State.Correction; got > 1 != tc.grows {
				t.Errorf("correction %g", got)
			}
		})
	}
}

// TestSurpriseCountsForLess: a quarter of what a want of the model does.
func TestSurpriseCountsForLess(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 40, 40)
	s.Policy.Objective.LatencySeconds, s.Policy.Vertical.InPlace = 0.5, true
	s.Outcome = &recommender.Outcome{ViolatedRatio: 0.1, WindowSeconds: 900}
	s.State.Correction, s.State.CorrectedAt = 1, s.Now.Add(-time.Minute)
	full := decide(s).State.Correction - 1
	s.State.SurprisedAt = s.Now.Add(-time.Minute)
	if got := decide(s).State.Correction - 1; got < 0.2*full || got > 0.3*full {
		t.Errorf("grows by %g, without a surprise by %g", got, full)
	}
}

// TestSurpriseIsRemembered: four pods of one core carry some 160 requests a
// second of 20 ms.
func TestSurpriseIsRemembered(t *testing.T) {
	t.Parallel()
	for rate, want := range map[float64]bool{100: false, 300: true} {
		s := withDemand(shop(), rate, rate)
		s.Policy.Objective.LatencySeconds, s.Policy.Vertical.InPlace = 0.5, true
		if got := decide(s).State.SurprisedAt.Equal(s.Now); got != want {
			t.Errorf("at %g requests a second: surprised %t", rate, got)
		}
	}
}

// TestModelCorrection: where pods of a language model carry what the model says
// makes 5 % late, none late is room, and all late is a want.
func TestModelCorrection(t *testing.T) {
	t.Parallel()
	for late, less := range map[float64]bool{0: true, 0.3: false} {
		s := model()
		b := *s.Batch
		o := s.Policy.Objective
		s.Outcome = &recommender.Outcome{ViolatedRatio: late, WindowSeconds: 900, PodRate: b.Capacity(o.TTFTSeconds, o.ITLSeconds, 0.05)}
		s.State.Correction, s.State.CorrectedAt = 1, s.Now.Add(-5*time.Minute)
		if got := decide(s).State.Correction; got < 1 != less || got == 1 {
			t.Errorf("%g late: correction %g", late, got)
		}
	}
}

// TestHoldDoesNotMultiplyPods: with three hours of history, pods stay as large
// as their owner made them, and are not chosen small and many for it.
func TestHoldDoesNotMultiplyPods(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 10, 12)
	s.Policy.Vertical.InPlace = true
	s.Replicas.Desired, s.Replicas.Ready = 2, 2
	for _, f := range []*recommender.Usage{&s.Containers[0].CPU, &s.Demand.Usage} {
		f.Forecast.Span = 3 * time.Hour
	}
	d := decide(s)
	if got := d.Containers[0].Target.CPU; d.DesiredReplicas != 2 || got != 1000 {
		t.Errorf("%d pods of %d m, want 2 of 1000 m", d.DesiredReplicas, got)
	}
}

// TestUnspentBudget: a pod that carries so little that the model says nothing is
// late has room where nothing is; not after an hour with all of them late. Nor
// does it fall below where a pod carries 95 % of its largest throughput.
func TestUnspentBudget(t *testing.T) {
	t.Parallel()
	quiet := func(unspent float64, hours int) float64 {
		s := model()
		s.Outcome = &recommender.Outcome{WindowSeconds: 900, PodRate: 0.1}
		s.State.Correction, s.State.Unspent = 1, unspent
		for range hours * 4 {
			s.State.CorrectedAt = s.Now.Add(-15 * time.Minute)
			s.State = decide(s).State
		}
		return s.State.Correction
	}
	// ½·(1 - e^{-1/6}·…) of 0.2 an hour: 0.9 % in the first, and most of ½·0.2 in
	// the sixth.
	if got := quiet(0, 1); got > 0.995 || got < 0.98 {
		t.Errorf("correction %g after an hour of nothing late, want 0.98 to 0.995", got)
	}
	if got := quiet(-6, 1); got != 1 {
		t.Errorf("correction %g after the budget was overspent, want 1", got)
	}
	if long, longer := quiet(0, 24), quiet(0, 48); long != longer || long < 0.7 || long > 0.95 {
		t.Errorf("corrections %g and %g after a day and two of nothing late, want one of 0.7 to 0.95", long, longer)
	}
}

// TestLimitsReachedAreASurprise: pods at all that their limits leave them were
// surprised, where no model says what they carry.
func TestLimitsReachedAreASurprise(t *testing.T) {
	t.Parallel()
	for used, want := range map[float64]bool{0.9: false, 1: true} {
		s := shop()
		c := &s.Containers[0]
		c.Limits.CPU = c.Requests.CPU
		c.CPU.Last = used * c.Limits.CPU.Cores() * float64(s.Replicas.Ready)
		if got := decide(s).State.SurprisedAt.Equal(s.Now); got != want {
			t.Errorf("at %g of the limit: surprised %t", used, got)
		}
		c.ThrottledRatio, s.State.CorrectedAt = 0.2, s.Now.Add(-time.Minute)
		full := decide(s).State.Correction - 1
		s.State.SurprisedAt = s.Now.Add(-time.Minute)
		if got := decide(s).State.Correction - 1; got < 0.2*full || got > 0.3*full {
			t.Errorf("grows by %g after a surprise, without one by %g", got, full)
		}
	}
}
