package baseline

import "github.com/rightsize-dev/rightsize/simulator"

// revisedPods are pods that cost more or less from each deploy on: a model for
// every revision.
type revisedPods struct{ models []pods }

func (r *revisedPods) price(penalty float64) {
	for _, m := range r.models {
		m.price(penalty)
	}
}

func (r *revisedPods) pick(n int, l load) choice { return r.models[l.revision].pick(n, l) }

// leaked is the most that a container leaks in a run, in bytes: the oracle
// restarts nothing.
func leaked(sc *simulator.Scenario) float64 {
	steered := float64(sc.SteeredSteps()) * sc.Step.Hours()
	return sc.Memory.GrowthPerHour * (steered + sc.Duration.Hours())
}
