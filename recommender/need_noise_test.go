package recommender_test

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/rightsize-dev/rightsize/recommender"
)

// rated is the demand that a decision is made for.
func rated(t *testing.T, s recommender.Snapshot) float64 {
	t.Helper()
	for _, r := range decide(s).Reasons {
		if r.Code == recommender.ReasonForecast && r.Subject == "demand" {
			return r.After
		}
	}
	t.Fatal("no forecast of the demand decided")
	return 0
}

// TestCountingCountsOnce: the largest of five counts over a minute of a steady
// rate of 25 is, in the median and the 0.95 quantile, 1.13 and 2.32 times
// √(25/60) above it.
func TestCountingCountsOnce(t *testing.T) {
	t.Parallel()
	const rate = 25.0
	counted := func(level float64) float64 {
		return rate + distuv.UnitNormal.Quantile(math.Pow(level, 1.0/5))*math.Sqrt(rate/60)
	}
	// expects runs linearly from the median to the 0.99 quantile: this meets 0.95.
	steady := expects(counted(0.5), counted(0.5)+(counted(0.95)-counted(0.5))*0.49/0.45)
	cases := map[string]struct {
		change func(*recommender.Demand)
		lo, hi float64
	}{
		"not known what was counted": {func(*recommender.Demand) {}, counted(0.95), counted(0.95)},
		"a steady rate":              {func(d *recommender.Demand) { d.Counting = recommender.Counting{Seconds: 60, PeakOf: 5} }, rate - 0.05, rate + 0.05},
		// A spread of ten times what counting explains is hardly narrowed.
		"a rate that varies": {func(d *recommender.Demand) {
			d.Counting = recommender.Counting{Seconds: 60, PeakOf: 5}
			d.Forecast = expects(rate, rate+10*(counted(0.95)-counted(0.5))*0.49/0.45)
		}, rate + 9.8*(counted(0.95)-counted(0.5)), rate + 10*(counted(0.95)-counted(0.5))},
		// 27 a second over 15 s may be a count of 25; 40 are not.
		"as many as may be": {func(d *recommender.Demand) {
			d.Counting = recommender.Counting{Seconds: 60, PeakOf: 5, LastSeconds: 15}
			d.Last = 27
		}, rate - 0.05, rate + 0.05},
		"more than that": {func(d *recommender.Demand) {
			d.Counting = recommender.Counting{Seconds: 60, PeakOf: 5, LastSeconds: 15}
			d.Last = 40
		}, 40, 40},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withDemand(shop(), rate, rate)
			s.Policy.Objective.LatencySeconds, s.Policy.Vertical.InPlace = 0.5, true
			s.Demand.Usage = usage(rate-5, rate, steady)
			tc.change(s.Demand)
			if got := rated(t, s); got < tc.lo-1e-9 || got > tc.hi+1e-9 {
				t.Errorf("decides for %g requests a second, want %g to %g", got, tc.lo, tc.hi)
			}
		})
	}
}

// TestDearerRequestsAreSeenAtOnce: one pod that uses all of its limit of one
// core at 20 requests a second takes 47.5 ms for each, not 20.
func TestDearerRequestsAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	pegged := func() recommender.Snapshot {
		s := withDemand(shop(), 20, 20)
		s.Policy.Objective.LatencySeconds, s.Policy.Vertical.InPlace = 0.5, true
		s.Policy.Horizontal = recommender.HorizontalPolicy{Fixed: true}
		s.Replicas.Desired, s.Replicas.Ready = 1, 1
		c := &s.Containers[0]
		c.Limits = c.Requests
		c.CPU = usage(1, 1, expects(0.45, 0.5))
		return s
	}
	size := func(s recommender.Snapshot) recommender.MilliCPU { return decide(s).Containers[0].Target.CPU }
	if got := size(pegged()); got < 1150 || got > 2000 {
		t.Errorf("%d m, want more than the core that is used up", got)
	}
	starting := pegged()
	starting.Replicas.Desired, starting.Policy.Vertical.InPlace = 2, true
	if got := size(starting); got > 1000 {
		t.Errorf("%d m although a pod that starts may be what uses it", got)
	}
}

// TestMemoryForRequestsInFlight: a pod holds 100 MiB and 1 MiB for each request
// in it. What gathers within an hour is more than what any sample has shown.
func TestMemoryForRequestsInFlight(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 40, 40)
	s.Policy.Objective.LatencySeconds, s.Policy.Vertical.InPlace = 0.5, true
	s.Containers[0].Memory = usage(float64(101*mib), float64(105*mib), expects(float64(101*mib), float64(105*mib)))
	without := decide(s).Containers[0].Target.Memory
	s.Containers[0].MemoryInFlight = recommender.Relation{PerReplica: 100 * float64(mib), PerUnit: float64(mib), R2: 1, Valid: true}
	d := decide(s)
	if got := d.Containers[0].Target.Memory; got < without+10*mib || got > without+120*mib {
		t.Errorf("%d MiB, and %d MiB without", got/mib, without/mib)
	}
	if _, ok := reasonOf(d, recommender.ReasonMemoryInFlight); !ok {
		t.Errorf("reasons %v", codes(d))
	}
}

// TestServerInFlight walks an M/M/1 queue for 100 hours: the number that is
// exceeded within an hour with a probability of a half has to be exceeded in about
// half of them.
func TestServerInFlight(t *testing.T) {
	t.Parallel()
	server := recommender.NewServer(0.02, 1, 0)
	most := server.InFlight(1, 40, 3600, 0.5)
	over := exceeded(most, 40, 50, 100, 3600)
	// 0.39 = 1 - exp(-0.5): excursions come like a Poisson process.
	if over < 0.25 || over > 0.55 {
		t.Errorf("more than %.1f in %g of the hours, want 0.39", most, over)
	}
	for name, got := range map[string]float64{
		"overload": server.InFlight(1, 60, 3600, 0.05), "no CPU": server.InFlight(0, 1, 3600, 0.05),
	} {
		if !math.IsInf(got, 1) {
			t.Errorf("%s: %g", name, got)
		}
	}
	if got := server.InFlight(2, 0, 3600, 0.05); got != 2 {
		t.Errorf("without requests: %g, want the workers", got)
	}
}
