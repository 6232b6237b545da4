package simulator_test

import (
	"fmt"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// doubling is a policy that asks for twice as many pods when all are ready and
// any is at its ceiling.
type doubling struct{}

func (doubling) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	for _, p := range o.Pods {
		if p.Throttled && o.Ready == o.Desired {
			a.Replicas = 2 * o.Desired
		}
	}
	return a
}

// A policy of one's own, on half an hour of measured usage that rises from one
// core to three.
func ExampleRun() {
	size := recommender.Resources{CPU: 1000, Memory: recommender.GiB}
	sc := simulator.Scenario{
		Name: "rise", Seed: 1, Step: 15 * time.Second, Duration: 30 * time.Minute,
		Demand: simulator.Demand{
			Epoch: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), Offsets: []float64{0, 600, 1200}, Rate: []float64{0.9, 1.8, 2.7}, End: 1800,
		},
		Service: simulator.Service{Usage: &simulator.UsageService{Startup: 30 * time.Second}},
		Initial: simulator.Initial{Replicas: 1, Requests: size},
		Bounds:  simulator.Bounds{MinReplicas: 1, MaxReplicas: 8, MinAllowed: size, MaxAllowed: size},
		Cluster: simulator.Cluster{Nodes: 4, Node: recommender.Resources{CPU: 4000, Memory: 16 * recommender.GiB}},
		Prices:  recommender.Prices{CPUCoreHour: 0.03, MemoryGiBHour: 0.004},
	}
	policy := simulator.Policy{Name: "doubling", New: func(simulator.Setup) (simulator.Decider, error) {
		return doubling{}, nil
	}}
	for _, p := range []simulator.Policy{simulator.Static(), policy} {
		r, err := simulator.Run(sc, p, simulator.Options{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %.1f %% lost, cost %.4f\n", r.Policy, 100**r.Score.SLOViolatedRequestRatio, *r.Score.Cost)
	}
	// Output:
	// static: 46.3 % lost, cost 0.0170
	// doubling: 1.1 % lost, cost 0.0500
}
