package recommender

import "fmt"

// skewLeast is the ratio of the largest pod to the mean one from which a
// decision says that pods differ.
const skewLeast = 1.5

// skewNeed sizes the pods of a StatefulSet by the largest of them: ordinals keep
// their share of the load (a leader, a hot partition), so the mean says little.
// The largest pod is the mean times the imbalance, and at least what it used in
// 95 % of its time. Where ordinals can be told apart, [Group] sizes them apart.
func (d *draft) skewNeed(c Container, n *containerNeed) {
	if d.s.Workload.Kind != "StatefulSet" {
		return
	}
	pods := float64(d.s.Replicas.pods())
	mean := n.cpu / pods
	if mean <= 0 {
		return
	}
	if c.CPU.PodP95 > mean*n.imbalance {
		n.imbalance = min(c.CPU.PodP95/mean, pods)
	}
	if n.imbalance < skewLeast {
		return
	}
	d.add(Reason{
		Code: ReasonOrdinalSkew, Container: c.Name, Subject: "cpu", Unit: "cores", Before: mean, After: mean * n.imbalance,
		Message: fmt.Sprintf("the largest pod uses %s times the mean: every ordinal gets what it needs", num(n.imbalance)),
	})
}
