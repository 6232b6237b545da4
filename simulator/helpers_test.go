package simulator_test

import (
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// httpScenario serves a constant rate on pods of one core and requests of
// 10 ms, without anything else that costs CPU or time.
func httpScenario(rate float64, replicas int, span time.Duration) simulator.Scenario {
	return simulator.Scenario{
		Name: "constant", Seed: 1, Step: 15 * time.Second, Duration: span,
		Demand: simulator.Demand{Epoch: time.Unix(0, 0).UTC(), Offsets: []float64{0}, Rate: []float64{rate}, End: 1e9},
		Service: simulator.Service{HTTP: &simulator.HTTPService{
			CPUSecondsPerRequest: 0.01, CPUCV: 1, ConcurrencyPerPod: 100000,
		}},
		Objective: simulator.Objective{LatencySeconds: 0.1, Percentile: 0.95},
		Initial:   simulator.Initial{Replicas: replicas, Requests: amount(1000, recommender.GiB)},
		Bounds: simulator.Bounds{
			MinReplicas: 1, MaxReplicas: 100, MinAllowed: amount(10, recommender.MiB),
			MaxAllowed: amount(64000, 64*recommender.GiB),
		},
		Cluster: simulator.Cluster{Nodes: 100, Node: amount(64000, 256*recommender.GiB)},
		Prices:  recommender.Prices{CPUCoreHour: 1, MemoryGiBHour: 0.1},
	}
}

// usageScenario replays rows of cores and bytes, a minute each, on pods of one
// core and 1 GiB that are ready at once.
func usageScenario(cores, bytes []float64, replicas int) simulator.Scenario {
	sc := httpScenario(0, replicas, time.Duration(len(cores))*time.Minute)
	sc.Name = "usage"
	sc.Service = simulator.Service{Usage: &simulator.UsageService{}}
	sc.Objective = simulator.Objective{}
	sc.Demand = simulator.Demand{Epoch: time.Unix(0, 0).UTC(), Rate: cores, Memory: bytes, End: 60 * float64(len(cores))}
	for i := range cores {
		sc.Demand.Offsets = append(sc.Demand.Offsets, 60*float64(i))
	}
	return sc
}

func amount(cpu recommender.MilliCPU, memory recommender.Bytes) recommender.Resources {
	return recommender.Resources{CPU: cpu, Memory: memory}
}

func run(t testing.TB, sc simulator.Scenario, p simulator.Policy) simulator.Score {
	t.Helper()
	r, err := simulator.Run(sc, p, simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Score
}

// script is a policy that is a function; at is the time since the scored start.
func script(decide func(at time.Duration, o simulator.Observation) simulator.Action) simulator.Policy {
	return simulator.Policy{Name: "script", New: func(s simulator.Setup) (simulator.Decider, error) {
		return scripted{start: s.Start, decide: decide}, nil
	}}
}

type scripted struct {
	start  time.Time
	decide func(at time.Duration, o simulator.Observation) simulator.Action
}

func (s scripted) Decide(o simulator.Observation) simulator.Action {
	return s.decide(o.Now.Sub(s.start), o)
}

// near fails unless got is within the relative tolerance of want.
func near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance*math.Abs(want) {
		t.Errorf("%s = %v, want %v ± %v %%", what, got, want, 100*tolerance)
	}
}

// exactly fails unless got is want but for rounding.
func exactly(t testing.TB, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*(1+math.Abs(want)) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
