package baseline

import (
	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// vpaTolerance is the share of a workload's pods that may be updated in one
// round (--eviction-tolerance).
const vpaTolerance = 0.5

// vpaRound is what upstream's updater lets happen to the pods of a workload in
// one round, after pkg/updater/restriction of VPA 1.8.1 in mode InPlace: a pod
// that is pending, or whose last resize is under way, is left alone; one whose
// node is too small for it is tried again when something less is asked for; and
// of the pods that ought to be there, half stay as they are.
type vpaRound struct{ configured, running, initiated int }

func newVPARound(o *simulator.Observation) vpaRound {
	r := vpaRound{configured: o.Desired}
	for i := range o.Pods {
		if p := &o.Pods[i]; !p.Pending && !p.Pulling {
			r.running++
		}
	}
	return r
}

// admits says whether a pod may be resized to the wanted requests.
func (r *vpaRound) admits(p *simulator.PodObservation, want recommender.Resources) bool {
	if p.Pending || p.Pulling {
		return false
	}
	switch p.Resize {
	case simulator.ResizeInProgress, simulator.ResizeDeferred:
		return false
	case simulator.ResizeInfeasible:
		if want.CPU >= p.Wanted.CPU && want.Memory >= p.Wanted.Memory {
			return false
		}
	case simulator.ResizeNone:
	}
	tolerance := int(vpaTolerance * float64(r.configured))
	return r.running-r.initiated > r.configured-tolerance || r.configured == r.running && tolerance == 0 && r.initiated == 0
}
