package simulator_test

import (
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// flowScenario serves on four pods of a core requests of 20 ms: 200 a second
// at most.
func flowScenario(rate float64) simulator.Scenario {
	sc := httpScenario(rate, 4, 4*time.Hour)
	h := sc.Service.HTTP
	h.CPUSecondsPerRequest, h.ConcurrencyPerPod = 0.02, 100
	h.BaseMemory, h.MemoryPerConcurrentRequest = 100*recommender.MiB, recommender.MiB
	sc.Objective.LatencySeconds = 0.3
	return sc
}

// waves changes the rate every minute, in part beyond what the pods can do.
func waves(sc *simulator.Scenario) {
	sc.Demand.Offsets, sc.Demand.Rate = nil, nil
	for i := range 241 {
		sc.Demand.Offsets = append(sc.Demand.Offsets, 60*float64(i))
		sc.Demand.Rate = append(sc.Demand.Rate, 150+60*math.Sin(float64(i)/15)+20*math.Sin(float64(i*i)))
	}
}

// room lets a pod hold n requests, and 0.16 s are late.
func room(n int) func(*simulator.Scenario) {
	return func(sc *simulator.Scenario) {
		sc.Service.HTTP.ConcurrencyPerPod = n
		sc.Objective.LatencySeconds = 0.16
	}
}

// TestFormulasAgree compares formulas with the simulation of every request: in
// equilibrium, in overload, where the demand changes, and where pods come, go
// and are resized. Tolerances are relative, but for shares of less than 2 %.
func TestFormulasAgree(t *testing.T) {
	t.Parallel()
	type tolerances struct{ late, latency, dropped float64 }
	usual := tolerances{late: 0.05, latency: 0.06, dropped: 0.1}
	scaling := script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		a.Replicas = 4 + int(at/(20*time.Minute))%3
		return a
	})
	resizing := script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		if at > 0 && at%(15*time.Minute) == 0 {
			a.ResizeTo(o, amount(recommender.MilliCPU(800+400*(at/(15*time.Minute)%3)), recommender.GiB))
		}
		return a
	})
	cases := map[string]struct {
		rate   float64
		change func(*simulator.Scenario)
		policy simulator.Policy
		within tolerances
	}{
		"idle":          {rate: 60, within: usual},
		"busy":          {rate: 160, within: usual},
		"very busy":     {rate: 180, within: usual},
		"constant work": {rate: 160, change: func(sc *simulator.Scenario) { sc.Service.HTTP.CPUCV = 0 }, within: usual},
		"wild work":     {rate: 120, change: func(sc *simulator.Scenario) { sc.Service.HTTP.CPUCV = 2 }, within: tolerances{0.08, 0.08, 0.1}},
		"workers":       {rate: 160, change: func(sc *simulator.Scenario) { sc.Initial.Replicas, sc.Initial.Requests.CPU = 1, 4000 }, within: usual},
		"wild work, shared": {rate: 160, change: func(sc *simulator.Scenario) {
			sc.Initial.Replicas, sc.Initial.Requests.CPU, sc.Service.HTTP.CPUCV = 1, 4000, 2
		}, within: tolerances{0.15, 0.1, 0.1}},
		"overload":           {rate: 240, within: usual},
		"deep overload":      {rate: 400, within: usual},
		"little room":        {rate: 180, change: room(10), within: usual},
		"little room, full":  {rate: 240, change: room(10), within: usual},
		"little room, wild":  {rate: 150, change: func(sc *simulator.Scenario) { room(15)(sc); sc.Service.HTTP.CPUCV = 2 }, within: tolerances{0.15, 0.3, 0.5}},
		"waves, little room": {change: func(sc *simulator.Scenario) { room(10)(sc); waves(sc) }, within: tolerances{0.06, 0.08, 0.1}},
		"waves":              {change: waves, within: tolerances{0.06, 0.08, 0.1}},
		"waves, scaled":      {change: waves, policy: scaling, within: tolerances{0.08, 0.2, 0.1}},
		"waves, resized":     {change: waves, policy: resizing, within: tolerances{0.08, 0.1, 0.1}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := flowScenario(tc.rate)
			sc.Service.HTTP.Startup = 30 * time.Second
			if tc.change != nil {
				tc.change(&sc)
			}
			policy := tc.policy
			if policy.New == nil {
				policy = simulator.Static()
			}
			got := run(t, sc, policy)
			sc.Service.HTTP.EveryRequest = true
			want := run(t, sc, policy)
			share := func(what string, got, want, tolerance float64) {
				t.Helper()
				if math.Abs(got-want) > tolerance*max(want, 0.02) {
					t.Errorf("%s = %v, want %v", what, got, want)
				}
			}
			span := sc.Duration.Seconds()
			share("late", *got.SLOViolatedRequestRatio, *want.SLOViolatedRequestRatio, tc.within.late)
			// In points: where the share of late requests is about what is allowed,
			// it is chance whether a minute is late.
			if d := (got.SLOViolationSeconds - want.SLOViolationSeconds) / span; math.Abs(d) > 0.1 {
				t.Errorf("late minutes %v, want %v", got.SLOViolationSeconds/60, want.SLOViolationSeconds/60)
			}
			all := float64(*want.ServedRequests + *want.DroppedRequests)
			share("dropped", float64(*got.DroppedRequests)/all, float64(*want.DroppedRequests)/all, tc.within.dropped)
			near(t, "arrivals", float64(*got.ServedRequests+*got.DroppedRequests), all, 0.005)
			near(t, "P50", *got.LatencyP50Seconds, *want.LatencyP50Seconds, tc.within.latency)
			near(t, "P95", *got.LatencyP95Seconds, *want.LatencyP95Seconds, tc.within.latency)
			near(t, "P99", *got.LatencyP99Seconds, *want.LatencyP99Seconds, 2*tc.within.latency)
			near(t, "CPU used", 1-*got.CPUSlackRatio, 1-*want.CPUSlackRatio, 0.02)
			near(t, "memory used", 1-*got.MemorySlackRatio, 1-*want.MemorySlackRatio, 0.01)
			if d := (got.ThrottledSeconds - want.ThrottledSeconds) / span / 4; math.Abs(d) > 0.07 {
				t.Errorf("throttled %v, want %v", got.ThrottledSeconds, want.ThrottledSeconds)
			}
		})
	}
}

// TestFormulasKill: memory that allows 20 requests at a load of 0.85 is
// exceeded as often by formulas as request by request, and what is in the pod
// is lost.
func TestFormulasKill(t *testing.T) {
	t.Parallel()
	kills := map[bool]float64{}
	for _, every := range bothWays() {
		sc := flowScenario(170)
		sc.Duration = 24 * time.Hour
		sc.Service.HTTP.EveryRequest = every
		sc.Initial.Requests.Memory, sc.Initial.Limits.Memory = 120*recommender.MiB, 120*recommender.MiB
		s := run(t, sc, simulator.Static())
		kills[every] = float64(s.OOMKills)
		if *s.DroppedRequests < uint64(20*s.OOMKills) {
			t.Errorf("%d dropped in %d kills", *s.DroppedRequests, s.OOMKills)
		}
	}
	if kills[true] < 100 {
		t.Fatalf("only %v kills to compare with", kills[true])
	}
	near(t, "kills", kills[false], kills[true], 0.15)
}

// TestFormulasTakeTurns: a rate that keeps crossing the one from which on
// formulas are used loses and invents nothing.
func TestFormulasTakeTurns(t *testing.T) {
	t.Parallel()
	sc := flowScenario(0)
	sc.Demand.Offsets, sc.Demand.Rate = nil, nil
	for i := range 241 {
		sc.Demand.Offsets = append(sc.Demand.Offsets, 60*float64(i))
		sc.Demand.Rate = append(sc.Demand.Rate, []float64{3, 190, 3.9, 0, 250}[i%5])
	}
	got := run(t, sc, simulator.Static())
	sc.Service.HTTP.EveryRequest = true
	want := run(t, sc, simulator.Static())
	near(t, "late", *got.SLOViolatedRequestRatio, *want.SLOViolatedRequestRatio, 0.06)
	near(t, "CPU", 1-*got.CPUSlackRatio, 1-*want.CPUSlackRatio, 0.01)
	near(t, "arrivals", float64(*got.ServedRequests+*got.DroppedRequests), float64(*want.ServedRequests+*want.DroppedRequests), 0.005)
}
