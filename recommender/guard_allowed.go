package recommender

import (
	"cmp"
	"fmt"
	"slices"
)

// guardAllowed moves what earlier guards kept or held back into what is
// allowed. What is there already is not taken away by quotas and nodes, and
// nothing at all is where data is not whole.
func guardAllowed(d *draft, z *sizer) {
	before, f := d.chosen, d.frame
	d.allowReplicas(z)
	sizes := amountsOf(d.chosen.sizes)
	d.allowSizes(sizes)
	over := func() bool { return f.bounded() && f.over(f.pod(sizes), d.chosen.replicas) > 0 }
	if now := d.s.Replicas.Desired; now > 0 && over() {
		d.chosen.replicas = min(d.chosen.replicas, now)
		d.allowSizes(sizes)
	}
	if over() { // Not even the least fits: nothing grows.
		for i := range sizes {
			b := &f.boxes[i]
			sizes[i] = b.present
			if !d.held && b.held == [2]bool{} {
				sizes[i] = b.present.atMost(b.hi)
			}
		}
	}
	for d.s.Replicas.Desired == 0 && d.chosen.replicas > 0 && over() {
		d.chosen.replicas--
	}
	d.chosen.sizes = resourcesOf(sizes)
	if d.chosen.replicas == before.replicas && slices.Equal(d.chosen.sizes, before.sizes) {
		return
	}
	_, by := f.most(f.pod(amountsOf(before.sizes)), before.replicas)
	code := ReasonBounded
	if w := cmp.Or(by[ofCPU], by[ofMemory]); w.code != "" {
		code = w.code
	}
	d.add(Reason{
		Code: code, Subject: "replicas", Unit: "pods", Before: float64(before.replicas), After: float64(d.chosen.replicas),
		Message: fmt.Sprintf("what was kept is more than is allowed: %d pods, sizes moved to what fits", d.chosen.replicas),
	})
}

// allowReplicas moves the number of pods into its bounds.
func (d *draft) allowReplicas(z *sizer) {
	h, now := d.s.Policy.Horizontal, d.s.Replicas.Desired
	if d.fixedReplicas() != "" || d.chosen.replicas == 0 {
		return
	}
	to := min(max(d.chosen.replicas, h.Min), h.Max)
	if d.held && d.chosen.replicas <= now && to < d.chosen.replicas {
		return // Held above the maximum.
	}
	d.rescale(z, to)
}

// allowSizes moves sizes into their boxes, and the pod into what a pod may have.
func (d *draft) allowSizes(sizes []amounts) {
	f := d.frame
	for i := range sizes {
		if !f.allows(i, sizes[i]) {
			sizes[i] = f.boxes[i].place(sizes[i])
			if d.held {
				sizes[i] = sizes[i].atLeast(f.boxes[i].present)
			}
		}
	}
	if f.bounded() && f.over(f.pod(sizes), d.chosen.replicas) > 0 {
		most, _ := f.most(f.pod(sizes), d.chosen.replicas)
		f.squeeze(sizes, most, d.held)
	}
}
