package recommender

import "fmt"

// guardBudget holds what the budget of changes does not leave room for. Where
// what is there does not carry the need, capacity is raised all the same, and
// nothing is lowered along with it.
func guardBudget(d *draft, z *sizer) {
	b, now := d.s.Budget, d.s.Replicas.Desired
	if b == nil {
		return
	}
	pods := d.changedPods()
	if pods == 0 || (b.Changes == nil || *b.Changes >= 1) && (b.Pods == nil || *b.Pods >= pods) {
		return
	}
	left := "no change"
	if b.Changes == nil || *b.Changes >= 1 {
		left = fmt.Sprintf("%d pods", max(0, *b.Pods))
	}
	present := z.standing()
	message := fmt.Sprintf("%d pods would change, the budget %s has %s left: held", pods, b.Name, left)
	before := float64(d.chosen.replicas)
	if present.short > growTolerance && d.chosen.short < present.short {
		message = fmt.Sprintf("%d pods change although the budget %s has %s left, since %s of the need is uncovered: nothing is lowered", pods, b.Name,
			left, percent(min(present.short, 1)))
		if d.chosen.replicas < now {
			d.rescale(z, now)
		}
		d.keepSizes()
	} else {
		d.chosen = present
	}
	d.held = true
	d.add(Reason{
		Code: ReasonBudget, Subject: "replicas", Unit: "pods", Before: before, After: float64(d.chosen.replicas), Message: message,
	})
}

// changedPods is how many pods the choice changes: all of them where a size
// changes, else those that come or go.
func (d *draft) changedPods() int {
	now, to := d.s.Replicas.Desired, d.chosen.replicas
	if d.fixedReplicas() != "" {
		to = now
	}
	pods := max(now-to, to-now)
	for i, c := range d.s.Containers {
		if d.chosen.sizes[i] != c.Requests {
			return max(pods, now, 1)
		}
	}
	return pods
}
