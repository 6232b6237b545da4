package simulator_test

import (
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// TestCeiling: a pod runs at most at its CPU limit, and without one at its
// request times 1 + burst. A limit is not raised by burst.
func TestCeiling(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		limit recommender.MilliCPU
		burst float64
		want  float64 // Cores, of a request of 2 where 1 was initial.
	}{
		"the request":           {want: 2},
		"half as much again":    {burst: 0.5, want: 3},
		"twice as much":         {burst: 1, want: 4},
		"the limit":             {limit: 1500, want: 3},
		"the limit, with burst": {limit: 1500, burst: 1, want: 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := httpScenario(1, 1, time.Hour)
			sc.Initial.Limits.CPU, sc.Cluster.Burst = tc.limit, tc.burst
			exactly(t, "ceiling", sc.Ceiling(amount(2000, recommender.GiB)), tc.want)
		})
	}
}

// TestNobodyReady: what arrives while no pod is ready is dropped, once, and
// nothing is tried again. The only pod is replaced at 10 min and takes 5 min.
func TestNobodyReady(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]float64{"request by request": 3, "by formulas": 40} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := httpScenario(rate, 1, time.Hour)
			sc.Service.HTTP.Startup = 5 * time.Minute
			s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
				a := o.Keep()
				if at == 10*time.Minute {
					a.Evict = []int{o.Pods[0].ID}
				}
				return a
			}))
			const deviations = 4 // Of a Poisson number.
			for what, got := range map[string][2]float64{
				"dropped": {float64(*s.DroppedRequests), rate * 300}, "all": {float64(*s.DroppedRequests + *s.ServedRequests), rate * 3600},
			} {
				if math.Abs(got[0]-got[1]) > deviations*math.Sqrt(got[1]) {
					t.Errorf("%s: %v requests, want about %v", what, got[0], got[1])
				}
			}
			if s.SLOViolationSeconds < 300 || s.Evictions != 1 {
				t.Errorf("%v s violated, %d evictions", s.SLOViolationSeconds, s.Evictions)
			}
		})
	}
}

// TestScaleEventsAreSteps: a policy that changes its mind four times in a step
// of a minute scaled once in it; its decisions all count.
func TestScaleEventsAreSteps(t *testing.T) {
	t.Parallel()
	sc := usageScenario(make([]float64, 10), nil, 1)
	sc.Step = time.Minute
	p := script(func(_ time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		a.Replicas = 3 - o.Desired // 1, 2, 1, ...
		return a
	})
	p.Every = 15 * time.Second
	s := run(t, sc, p)
	if s.ScaleEvents != 10 || s.Decisions != 40 {
		t.Errorf("%d scale events and %d decisions, want 10 and 40", s.ScaleEvents, s.Decisions)
	}
}

// TestStartupIsPaid: while it starts a pod uses its start-up CPU, at most its
// ceiling: with a burst more than its request, which is paid for. Two pods of
// one core, the second from 60 s on, which takes 20 s at 1.5 cores.
func TestStartupIsPaid(t *testing.T) {
	t.Parallel()
	sc := httpScenario(0, 1, 2*time.Minute)
	sc.Service.HTTP.Startup, sc.Service.HTTP.StartupCPU, sc.Cluster.Burst = 20*time.Second, 1500, 1
	s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		if at == time.Minute {
			a.Replicas = 2
		}
		return a
	}))
	exactly(t, "core hours", s.CPUCoreHours, 180.0/3600)
	exactly(t, "borrowed", s.CPUBorrowedCoreHours, 0.5*20/3600)
	exactly(t, "cost", *s.Cost, (180+0.5*20)/3600*1+180.0/3600*0.1)
}

// TestCostOfAGrowth: a growth in place costs from its actuation, a shrinkage as
// well; a pod that is being removed costs until the decision, not its drain.
func TestCostOfAGrowth(t *testing.T) {
	t.Parallel()
	sc := usageScenario([]float64{0, 0, 0}, nil, 1)
	sc.Cluster.ResizeDelay = 6 * time.Second
	s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		switch at {
		case time.Minute:
			a.ResizeTo(o, amount(3000, recommender.GiB))
		case 2 * time.Minute:
			a.ResizeTo(o, amount(1000, recommender.GiB))
		}
		return a
	}))
	exactly(t, "cost", *s.Cost, (66+3*60+54)/3600.0+180.0/3600*0.1)
}

// TestPoissonByPart: however the rate changes, parts of the trace have Poisson
// numbers of arrivals of their own rows' rates: each row holds until the next.
func TestPoissonByPart(t *testing.T) {
	t.Parallel()
	sc := httpScenario(0, 1, 3*time.Hour)
	sc.Service.HTTP.EveryRequest = true
	sc.Demand = simulator.Demand{
		Epoch: time.Unix(0, 0).UTC(), Offsets: []float64{0, 3600, 7200}, Rate: []float64{20, 0, 60}, End: 10800,
	}
	var arrived [3]float64
	_, err := simulator.Run(sc, simulator.Static(), simulator.Options{Watch: func(o simulator.Observation) {
		hour := int((o.Now.Unix() - 1) / 3600)
		arrived[hour] += o.DemandRate * o.Step.Seconds()
	}})
	if err != nil {
		t.Fatal(err)
	}
	const deviations = 4
	for i, want := range []float64{72000, 0, 216000} {
		if math.Abs(arrived[i]-want) > deviations*math.Sqrt(want) {
			t.Errorf("hour %d: %v arrivals, want about %v", i, arrived[i], want)
		}
	}
}
