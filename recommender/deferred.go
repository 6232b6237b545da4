package recommender

import (
	"fmt"
	"slices"
	"time"
)

const (
	// refusedMemory is how long a size that a node refused is not asked for
	// again: long enough for nodes of another kind to come.
	refusedMemory = 6 * time.Hour
	// refusedMost bounds how many of them are remembered.
	refusedMost = 8
)

// refusals are the sizes that nodes refused and that are not to be asked for
// again, with the one that is being refused now.
func (d *draft) refusals() []Refusal {
	kept := slices.DeleteFunc(slices.Clone(d.s.State.Refused), func(r Refusal) bool {
		return d.s.Now.Sub(r.At) >= refusedMemory
	})
	if d.s.Replicas.Infeasible > 0 {
		now := Refusal{At: d.s.Now}
		for _, c := range d.s.Containers {
			now.Asked, now.InForce = now.Asked.Add(c.Requests), now.InForce.Add(c.pending())
		}
		known := slices.ContainsFunc(kept, func(r Refusal) bool { return r.Asked == now.Asked && r.InForce == now.InForce })
		if !known && now.Asked != now.InForce {
			kept = append(kept, now)
		}
		d.add(Reason{
			Code: ReasonInfeasible, Subject: "replicas", Unit: "pods", Before: float64(d.s.Replicas.Infeasible), After: 0,
			Message: fmt.Sprintf("%d pods cannot grow in place, since their node can never hold it: not asked for again within %s",
				d.s.Replicas.Infeasible, span(refusedMemory)),
		})
	}
	if len(kept) > refusedMost {
		kept = kept[len(kept)-refusedMost:]
	}
	return kept
}

// answerDeferred starts one more pod where pods wait for room to grow in place
// and what they have is not enough. One at a time: the next follows when it
// serves and is still not enough. An eviction would cost capacity first.
func (d *draft) answerDeferred(z *sizer) {
	r := d.s.Replicas
	if r.Deferred <= 0 || r.Desired <= 0 || z.n.perPod > 0 {
		return
	}
	share := min(1, float64(r.Deferred)/float64(r.Desired))
	sizes := make([]Resources, len(d.s.Containers))
	for i, c := range d.s.Containers {
		is, gets := c.pending(), c.Requests
		sizes[i] = Resources{
			CPU:    MilliCPU(share*float64(is.CPU) + (1-share)*float64(gets.CPU)),
			Memory: Bytes(share*float64(is.Memory) + (1-share)*float64(gets.Memory)),
		}
	}
	h := &d.s.Policy.Horizontal
	short := z.shortOf(option{replicas: r.Desired, sizes: sizes}, shares{})
	one, why := r.Desired+1, "one more pod starts instead"
	switch fixed := d.fixedReplicas(); {
	case short <= growTolerance:
		one, why = r.Desired, "what they have is enough for now"
	case fixed != "":
		one, why = r.Desired, fixed
	case r.Ready < r.Desired:
		one, why = r.Desired, "a pod is on its way already"
	case one > h.Max:
		one, why = r.Desired, fmt.Sprintf("%d pods are the most", h.Max)
	default:
		h.Min = max(h.Min, one)
	}
	d.add(Reason{
		Code: ReasonDeferred, Subject: "replicas", Unit: "pods", Before: float64(r.Desired), After: float64(one),
		Message: fmt.Sprintf("%d pods wait for room on their nodes to grow: %s", r.Deferred, why),
	})
}
