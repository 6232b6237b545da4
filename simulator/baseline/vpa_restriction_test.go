package baseline

import (
	"testing"

	"github.com/rightsize-dev/rightsize/simulator"
)

// TestVPARound goes through upstream's isPodDisruptable and CanInPlaceUpdate:
// how many of a workload's pods are resized in one round.
func TestVPARound(t *testing.T) {
	t.Parallel()
	pod := func(change func(p *simulator.PodObservation)) simulator.PodObservation {
		p := simulator.PodObservation{Ready: true, Requests: amounts(500, 500), Wanted: amounts(500, 500)}
		if change != nil {
			change(&p)
		}
		return p
	}
	in := func(s simulator.ResizeState) simulator.PodObservation {
		return pod(func(p *simulator.PodObservation) { p.Resize, p.Wanted = s, amounts(800, 800) })
	}
	pending := pod(func(p *simulator.PodObservation) { p.Pending = true })
	pulling := pod(func(p *simulator.PodObservation) { p.Pulling = true })
	many := func(n int) []simulator.PodObservation {
		var out []simulator.PodObservation
		for range n {
			out = append(out, pod(nil))
		}
		return out
	}
	cases := map[string]struct {
		pods    []simulator.PodObservation
		desired int
		want    int
	}{
		"one":                                   {pods: many(1), desired: 1, want: 1},
		"half of two":                           {pods: many(2), desired: 2, want: 1},
		"half of three, rounded down":           {pods: many(3), desired: 3, want: 1},
		"half of ten":                           {pods: many(10), desired: 10, want: 5},
		"one more than asked for":               {pods: many(5), desired: 4, want: 3},
		"some are missing":                      {pods: many(6), desired: 10, want: 1},
		"half are missing":                      {pods: many(5), desired: 10},
		"pending ones are left and missed":      {pods: append(many(3), pending), desired: 4, want: 1},
		"so are those without an image":         {pods: append(many(3), pulling), desired: 4, want: 1},
		"one in progress":                       {pods: []simulator.PodObservation{in(simulator.ResizeInProgress)}, desired: 1},
		"one deferred":                          {pods: []simulator.PodObservation{in(simulator.ResizeDeferred)}, desired: 1},
		"one infeasible, less memory asked for": {pods: []simulator.PodObservation{in(simulator.ResizeInfeasible)}, desired: 1, want: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			round := newVPARound(&simulator.Observation{Desired: tc.desired, Pods: tc.pods})
			got := 0
			for i := range tc.pods {
				if round.admits(&tc.pods[i], amounts(900, 700)) {
					round.initiated++
					got++
				}
			}
			if got != tc.want {
				t.Errorf("%d pods, want %d", got, tc.want)
			}
		})
	}
	infeasible := in(simulator.ResizeInfeasible)
	round := newVPARound(&simulator.Observation{Desired: 1, Pods: []simulator.PodObservation{infeasible}})
	if round.admits(&infeasible, amounts(900, 800)) {
		t.Error("what no node can hold is tried again though nothing less is asked for")
	}
}
