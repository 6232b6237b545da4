package simulator_test

import (
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// queueScenario works items of two core-seconds off on pods of two workers
// with a core each.
func queueScenario(arrivals []float64, replicas int) simulator.Scenario {
	sc := httpScenario(0, replicas, 2*time.Minute)
	sc.Name = "queue"
	sc.Service = simulator.Service{Queue: &simulator.QueueService{CPUSecondsPerItem: 2, WorkersPerPod: 2}}
	sc.Objective = simulator.Objective{WaitSeconds: 1.5, Percentile: 0.95}
	sc.Initial.Requests.CPU = 2000
	sc.Demand.Arrivals = arrivals
	return sc
}

// TestQueueByHand: three items at once on two workers. The third waits two
// seconds, and nothing is dropped.
func TestQueueByHand(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*simulator.Scenario)
		want   float64 // Violated share.
		cores  float64 // CPU-seconds used.
	}{
		"one waits too long": {func(*simulator.Scenario) {}, 1.0 / 3, 6},
		"as long as it may":  {func(sc *simulator.Scenario) { sc.Objective.WaitSeconds = 2 }, 0, 6},
		"two pods":           {func(sc *simulator.Scenario) { sc.Initial.Replicas = 2 }, 0, 6},
		// Half a core each: the third waits four seconds.
		"slow workers": {func(sc *simulator.Scenario) { sc.Initial.Requests.CPU, sc.Objective.WaitSeconds = 1000, 3.9 }, 1.0 / 3, 6},
		// A worker cannot use more than a core.
		"idle cores": {func(sc *simulator.Scenario) { sc.Initial.Requests.CPU = 8000 }, 1.0 / 3, 6},
		// Nobody is there: all three wait for good.
		"no pods": {func(sc *simulator.Scenario) { sc.Initial.Replicas, sc.Bounds.MinReplicas = 0, 0 }, 1, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := queueScenario([]float64{10, 10, 10}, 1)
			tc.change(&sc)
			s := run(t, sc, simulator.Static())
			exactly(t, "violated share", *s.SLOViolatedRequestRatio, tc.want)
			if *s.DroppedRequests != 0 {
				t.Errorf("%d dropped", *s.DroppedRequests)
			}
			if s.CPUSlackRatio != nil {
				exactly(t, "CPU", (1-*s.CPUSlackRatio)*s.CPUCoreHours*3600, tc.cores)
			}
		})
	}
}

// TestQueueWaitsForPods: items that arrive before there is a pod are served by
// the first one: it is ordered at 15 s and ready 30 s later.
func TestQueueWaitsForPods(t *testing.T) {
	t.Parallel()
	sc := queueScenario([]float64{5, 5, 5}, 0)
	sc.Bounds.MinReplicas = 0
	sc.Service.Queue.Startup = 30 * time.Second
	for limit, want := range map[float64]float64{39.9: 1, 40: 1.0 / 3, 42: 0} {
		sc.Objective.WaitSeconds = limit
		var waiting float64
		s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
			a := o.Keep()
			if at >= 15*time.Second {
				a.Replicas = 1
			}
			if at == 30*time.Second {
				waiting = o.Waiting
			}
			return a
		}))
		exactly(t, "violated share", *s.SLOViolatedRequestRatio, want)
		exactly(t, "waiting", waiting, 3)
		if *s.ServedRequests != 3 {
			t.Errorf("%d served, want 3", *s.ServedRequests)
		}
	}
}

// TestQueueChanges follows items through what happens to their pod at 15 s,
// when they have been worked on for a second.
func TestQueueChanges(t *testing.T) {
	t.Parallel()
	type action = func(simulator.Observation, *simulator.Action)
	cases := map[string]struct {
		change  action
		limit   float64 // Wait.
		want    float64
		p50     float64 // Time in the system of most items.
		oom     int
		memory  recommender.Bytes
		arrival []float64
	}{
		// Removed pods finish what they have.
		"removed": {func(_ simulator.Observation, a *simulator.Action) { a.Replicas = 0 }, 0, 0, 2, 0, 0, []float64{14, 14}},
		// A second of work is left, which takes two at half the cores.
		"resized": {func(o simulator.Observation, a *simulator.Action) {
			a.ResizeTo(o, amount(1000, recommender.GiB))
		}, 0, 0, 3, 0, 0, []float64{14, 14}},
		// Killed by the second item at 14 s, back at 24 s with the first one, and
		// killed by the second again at once; and so on.
		"killed": {func(simulator.Observation, *simulator.Action) {}, 0, 1, 0, 3, recommender.GiB, []float64{14, 14}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := queueScenario(tc.arrival, 1)
			sc.Bounds.MinReplicas = 0
			sc.Objective.WaitSeconds = tc.limit
			if tc.memory > 0 {
				sc.Duration = time.Minute
				sc.Initial.Limits.Memory = recommender.GiB
				sc.Service.Queue.MemoryPerItem = 600 * recommender.MiB
			}
			s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
				a := o.Keep()
				if at == 15*time.Second {
					tc.change(o, &a)
				}
				if at > 15*time.Second {
					a.Replicas = o.Desired
				}
				return a
			}))
			exactly(t, "violated share", *s.SLOViolatedRequestRatio, tc.want)
			if tc.p50 > 0 {
				near(t, "time in system", *s.LatencyP50Seconds, tc.p50, 0.01)
			}
			if s.OOMKills != tc.oom || *s.DroppedRequests != 0 {
				t.Errorf("%d kills and %d dropped, want %d and 0", s.OOMKills, *s.DroppedRequests, tc.oom)
			}
		})
	}
}

// TestQueueTheory compares with M/M/c and M/D/c over some million items:
// P(wait > t) = C(c, a)·exp(-(cμ-λ)t) for exponential work.
func TestQueueTheory(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		rate              float64
		replicas, workers int
		cpu               recommender.MilliCPU
		cv, limit, want   float64
	}{
		// Three pods of four workers at half a core: 12 servers of rate 50.
		"M/M/12": {rate: 540, replicas: 3, workers: 4, cpu: 2000, cv: 1, limit: 0.01, want: erlangWait(t, 12, 540.0/50, 50, 0.01)},
		"M/M/1":  {rate: 70, replicas: 1, workers: 1, cpu: 1000, cv: 1, limit: 0.05, want: 0.7 * math.Exp(-1.5)},
		// Whoever waits: ρ in M/G/1 whatever the distribution.
		"M/G/1, cv 2": {rate: 70, replicas: 1, workers: 1, cpu: 1000, cv: 2, limit: 0, want: 0.7},
		"M/D/1":       {rate: 60, replicas: 1, workers: 1, cpu: 1000, cv: 0, limit: 0.005, want: 1 - 0.4*math.Exp(0.3)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := queueScenario(nil, tc.replicas)
			sc.Duration = time.Duration(1.5e6/tc.rate) * time.Second
			sc.Demand.Rate[0] = tc.rate
			sc.Service.Queue = &simulator.QueueService{CPUSecondsPerItem: 0.01, CPUCV: tc.cv, WorkersPerPod: tc.workers}
			sc.Initial.Requests.CPU = tc.cpu
			sc.Objective.WaitSeconds = tc.limit
			s := run(t, sc, simulator.Static())
			near(t, "violated share", *s.SLOViolatedRequestRatio, tc.want, 0.03)
			used := (1 - *s.CPUSlackRatio) * s.CPUCoreHours * 3600 / sc.Duration.Seconds()
			near(t, "CPU", used, tc.rate*0.01, 0.01)
		})
	}
}

// erlangWait is P(W > t) in an M/M/k queue of service rate mu.
func erlangWait(t *testing.T, k int, load, mu, at float64) float64 {
	t.Helper()
	c, err := recommender.WaitProbability(k, load)
	if err != nil {
		t.Fatal(err)
	}
	return c * math.Exp(-(float64(k)-load)*mu*at)
}
