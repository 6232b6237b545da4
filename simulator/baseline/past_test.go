package baseline_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// actionLog keeps what a policy does before an instant.
type actionLog struct {
	simulator.Decider
	until   time.Time
	actions *[]simulator.Action
}

func (r actionLog) Decide(o simulator.Observation) simulator.Action {
	a := r.Decider.Decide(o)
	if o.Now.Before(r.until) {
		*r.actions = append(*r.actions, a)
	}
	return a
}

// TestNoLookAhead: what comes later changes nothing that a policy does before.
// Only the oracle and the best static size may know.
func TestNoLookAhead(t *testing.T) {
	t.Parallel()
	rate := func(i int) float64 { return 100 + 80*math.Sin(float64(i)/20) }
	const then = 120 // Minutes into the demand, half of them scored.
	for _, name := range baseline.AllNames() {
		if name == baseline.Oracle || name == baseline.StaticBest {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var done [2][]simulator.Action
			for i, later := range []float64{1, 8} {
				sc := webScenario(func(i int) float64 {
					if i >= then {
						return later * rate(i)
					}
					return rate(i)
				})
				p, err := baseline.New(name, &sc)
				if err != nil {
					t.Fatal(err)
				}
				inner := p.New
				p.New = func(s simulator.Setup) (simulator.Decider, error) {
					d, err := inner(s)
					return actionLog{d, sc.Demand.Epoch.Add(then * time.Minute), &done[i]}, err
				}
				if _, err := simulator.Run(sc, p, simulator.Options{}); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(done[0], done[1]); diff != "" || len(done[0]) == 0 {
				t.Errorf("%d actions, difference %.1000s", len(done[0]), diff)
			}
		})
	}
}
