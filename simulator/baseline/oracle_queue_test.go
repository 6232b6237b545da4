package baseline

import (
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// TestViolatedMatchesSimulation compares the oracle's formula with the
// simulation of single requests. For exponential work it is exact, so the
// tolerance covers the scatter of some hundred thousand to two million
// requests; for other work it is an approximation, on the safe side.
func TestViolatedMatchesSimulation(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		cores, base float64
		rate, limit float64
		cv          float64
		room        int
		lo, hi      float64 // Bounds on formula over simulation.
	}{
		"M/M/1":             {cores: 1, rate: 35, limit: 0.2, cv: 1, room: 100, lo: 0.94, hi: 1.06},
		"M/M/1, few late":   {cores: 1, rate: 20, limit: 0.2, cv: 1, room: 100, lo: 0.9, hi: 1.1},
		"M/M/1/20, full":    {cores: 1, rate: 48, limit: 0.5, cv: 1, room: 20, lo: 0.94, hi: 1.06},
		"M/M/1/20, over":    {cores: 1, rate: 70, limit: 0.3, cv: 1, room: 20, lo: 0.97, hi: 1.03},
		"M/M/4":             {cores: 4, rate: 170, limit: 0.15, cv: 1, room: 100, lo: 0.94, hi: 1.06},
		"M/M/2, half cores": {cores: 1.05, base: 0.05, rate: 35, limit: 0.3, cv: 1, room: 100, lo: 0.94, hi: 1.06},
		"one slow worker":   {cores: 0.3, base: 0.05, rate: 6, limit: 0.5, cv: 1, room: 100, lo: 0.94, hi: 1.06},
		"M/D/1":             {cores: 1, rate: 40, limit: 0.1, cv: 0, room: 100, lo: 0.9, hi: 1.6},
		"M/G/1, cv 2":       {cores: 1, rate: 25, limit: 0.3, cv: 2, room: 100, lo: 0.7, hi: 1.6},
		"M/G/4, cv 2":       {cores: 4, rate: 140, limit: 0.2, cv: 2, room: 100, lo: 0.9, hi: 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := constantScenario(tc.rate, 2e6/tc.rate)
			h := sc.Service.HTTP
			h.EveryRequest = true
			h.CPUCV, h.BaseCPU, h.ConcurrencyPerPod = tc.cv, recommender.FromCores(tc.base), tc.room
			sc.Objective.LatencySeconds = tc.limit
			sc.Initial.Requests.CPU = recommender.FromCores(tc.cores)
			r, err := simulator.Run(sc, simulator.Static(), simulator.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := newPodModel(h.CPUSecondsPerRequest, tc.cv, tc.base, tc.room, tc.limit).violated(tc.cores, tc.rate)
			if ratio := got / *r.Score.SLOViolatedRequestRatio; ratio < tc.lo || ratio > tc.hi {
				t.Errorf("formula %.5f, simulation %.5f: ratio %.3f outside [%v, %v]", got, *r.Score.SLOViolatedRequestRatio, ratio, tc.lo, tc.hi)
			}
		})
	}
}

// constantScenario is one pod of one core with requests of 20 ms.
func constantScenario(rate, seconds float64) simulator.Scenario {
	size := recommender.Resources{CPU: 1000, Memory: recommender.GiB}
	return simulator.Scenario{
		Name: "constant", Seed: 9, Step: 15 * time.Second, Duration: time.Duration(seconds) * time.Second,
		Demand: simulator.Demand{Epoch: time.Unix(0, 0).UTC(), Offsets: []float64{0}, Rate: []float64{rate}, End: 1e9},
		Service: simulator.Service{HTTP: &simulator.HTTPService{
			CPUSecondsPerRequest: 0.02, CPUCV: 1, ConcurrencyPerPod: 100,
		}},
		Objective: simulator.Objective{LatencySeconds: 0.2, Percentile: 0.95},
		Initial:   simulator.Initial{Replicas: 1, Requests: size},
		Bounds: simulator.Bounds{
			MinReplicas: 1, MaxReplicas: 10, MinAllowed: recommender.Resources{CPU: 100, Memory: recommender.MiB},
			MaxAllowed: recommender.Resources{CPU: 8000, Memory: 8 * recommender.GiB},
		},
		Cluster: simulator.Cluster{Nodes: 10, Node: recommender.Resources{CPU: 16000, Memory: 64 * recommender.GiB}},
		Prices:  recommender.Prices{CPUCoreHour: 0.031, MemoryGiBHour: 0.004},
	}
}

// TestViolatedIsMonotone: more demand never violates less.
func TestViolatedIsMonotone(t *testing.T) {
	t.Parallel()
	for _, cv := range []float64{0, 0.5, 1, 3} {
		m := newPodModel(0.02, cv, 0.05, 50, 0.3)
		for _, cores := range []float64{0.04, 0.1, 1, 1.5, 4, 16} {
			last := 0.0
			for rate := 0.01; rate < 3000; rate *= 1.3 {
				v := m.violated(cores, rate)
				if math.IsNaN(v) || v < last-1e-6 || v > 1 {
					t.Fatalf("cv %v, %v cores: %v at %v requests a second after %v", cv, cores, v, rate, last)
				}
				last = v
			}
		}
	}
}
