package baseline

import (
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

// buildOracle makes the policy that knows the demand of the scenario, but not
// the random draws.
func buildOracle(sc *simulator.Scenario, _ *settings) (simulator.Policy, error) {
	return oracleOf(sc, oracleRatio, newWork()), nil
}

func oracleOf(sc *simulator.Scenario, ratio float64, w *work) simulator.Policy {
	return simulator.Policy{Name: Oracle, New: func(setup simulator.Setup) (simulator.Decider, error) {
		return planOracle(sc, ratio, w, setup.Alive)
	}}
}

// oracle follows a plan.
type oracle struct {
	planner *planner
	plan    plan
	start   time.Time // Of the plan's first step.
	meets   bool
	// replace says that pods which cannot be resized where they are make room
	// for others, as long as nothing is scored.
	replace bool
}

// Decide looks up what the plan says.
func (o *oracle) Decide(seen simulator.Observation) simulator.Action {
	at := seen.Now.Sub(o.start).Seconds()
	a := seen.Keep()
	a.Replicas = o.planner.ordered(&o.plan, at)
	if at <= o.planner.sc.Cluster.ResizeDelay.Seconds() {
		// The initial pods do not have the sizes of the plan yet.
		a.Replicas = max(a.Replicas, seen.Desired)
	}
	a.ResizeTo(seen, o.planner.sized(&o.plan, at))
	if o.replace && !seen.Scored {
		for _, p := range seen.Pods {
			if p.Resize == simulator.ResizeDeferred {
				a.Evict = append(a.Evict, p.ID)
			}
		}
	}
	return a
}

// MeetsConstraint says whether the plan keeps the expected share of violated
// requests within the limit, without OOM kills.
func (o *oracle) MeetsConstraint() bool { return o.meets }
