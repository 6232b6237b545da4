package actuator

import (
	"slices"

	"github.com/rightsize-dev/rightsize/recommender"
)

// resizes adds the steps that change sizes and the number of pods, in the order
// in which capacity never falls below what is needed: what cannot wait, more
// pods, what makes room for growth, what else shrinks, fewer pods. Where nothing
// grows, those that are too many go before the others shrink: which of them stay is
// not known, and to shrink one that goes is for nothing.
func (p *planner) resizes() {
	all := p.candidates()
	// Growth that cannot wait. What it does not fit waits for room like others.
	for _, c := range all {
		if c.urgent {
			p.take(c)
		}
	}
	up := p.scaleUp()
	first := !up && !slices.ContainsFunc(all, func(c candidate) bool { return c.urgent || c.grows })
	if first {
		p.scaleDown()
	}
	if p.scalesDown() {
		for _, c := range all {
			p.hold(c.pod, ReasonBatch, "it shrinks when there are fewer pods")
		}
		return
	}
	crowded := p.crowded(all)
	p.takeInOrder(slices.DeleteFunc(all, func(c candidate) bool { return c.urgent }), crowded)
	if !up && !first {
		p.scaleDown()
	}
}

// takeInOrder takes what can wait: what makes room on crowded nodes, growth, and what
// else shrinks.
func (p *planner) takeInOrder(all []candidate, crowded map[string]bool) {
	for _, c := range all {
		if c.lowers && crowded[c.pod.Node] && p.take(c) && !c.grows {
			p.waiting[c.pod.Node] = true // What grows there waits until it is made.
		}
	}
	for _, c := range all {
		if !c.lowers && c.grows {
			p.take(c)
		}
	}
	for _, c := range all {
		if (c.lowers || !c.grows) && (!c.lowers || !crowded[c.pod.Node]) {
			p.take(c)
		}
	}
}

// crowded are the nodes on which something is to grow that there is no room for.
func (p *planner) crowded(all []candidate) map[string]bool {
	out := map[string]bool{}
	for _, c := range all {
		if c.grows && !p.fits(c.pod, c.to) {
			out[c.pod.Node] = true
		}
	}
	return out
}

// take adds the step for a candidate if nothing forbids it now, and says whether
// it did.
func (p *planner) take(c candidate) bool {
	code, message := p.forbids(c)
	if code == ReasonCapacity && c.grows {
		if raised, ok := p.raised(c); ok {
			return p.take(raised)
		}
	}
	if code != "" {
		p.hold(c.pod, code, message)
		return false
	}
	// What was taken before may have used up a quota.
	if code, message = p.checkQuotas(c.pod, c.to); code != "" {
		p.hold(c.pod, code, message)
		return false
	}
	if c.grows && !p.fits(c.pod, c.to) {
		p.waiting[c.pod.Node] = true
	}
	p.charge(c.pod, c.to)
	p.budget.resize()
	if !p.freshOnly() {
		p.join(c)
	}
	p.slots--
	if c.restarts && c.pod.Ready {
		p.spare--
		p.disturbed = true
	}
	if c.pod.Ready {
		p.capacity = less(p.capacity, p.loss(c))
	}
	code, message = ReasonShrink, "the decision needs less"
	switch {
	case c.urgent:
		code, message = ReasonEmergency, "demand is above what there is"
	case c.grows:
		code, message = ReasonGrow, "the decision needs more"
	}
	p.resize(StepResize, c.pod, c.to, code, message)
	return true
}

// raised is the candidate without what it lowers: what grows does not wait for
// capacity elsewhere.
func (p *planner) raised(c candidate) (candidate, bool) {
	c.to = slices.Clone(c.to)
	raise(c.pod, c.to)
	c.grows, c.lowers, c.restarts = anyOf(c.to, c.pod.haves(), Size.grows), false, c.pod.restarted(c.to)
	code, _ := p.preflight(c.pod, c.to)
	return c, c.grows && code == "" && !slices.Equal(c.to, c.pod.specs())
}

// loss is what the pod's requests in force fall by.
func (p *planner) loss(c candidate) recommender.Resources {
	had, _ := c.pod.total(c.pod.known())
	gets, _ := c.pod.total(c.to)
	return mostOf(less(had, gets), recommender.Resources{})
}

// forbids says what keeps a candidate from being changed now.
func (p *planner) forbids(c candidate) (recommender.ReasonCode, string) {
	pod := c.pod
	free := c.urgent && !c.restarts && !c.lowers
	switch {
	case p.budget.resizes <= 0:
		return ReasonBudget, "as many pods were resized in the last hour as the budgets allow"
	case len(p.entries) >= podsMost && !p.roomFor(pod):
		return ReasonBatch, "as many changes are under way as can be remembered"
	case c.grows && p.waiting[pod.Node] && pod.Node != "" && !p.fits(pod, c.to):
		return ReasonRoom, "another pod makes or waits for room on node " + pod.Node
	case c.lowers && pod.Ready && !p.mayLose(p.loss(c)):
		return ReasonCapacity, "ready pods would have less than the decision needs: more or larger pods come first"
	case c.restarts && pod.Ready && p.spare <= 0:
		return ReasonAvailability, "it restarts a container, and too few pods would be ready"
	case c.lowers && !pod.Ready && pod.Phase != PodPending && !p.endsBoost(c):
		return ReasonAvailability, "a pod that runs and is not ready is not made smaller"
	case c.restarts && p.in.Decision.Workload.Kind == "LeaderWorkerSet":
		return ReasonAvailability, "it restarts a container, by which its group may be made anew"
	case free || p.freshOnly() || !pod.Ready:
		// Neither watched nor one by one: it takes nothing away.
	case p.stateful() && p.otherUnready(pod):
		return ReasonAvailability, "pods that keep state change one at a time, while all others are ready"
	case p.slots <= 0:
		return ReasonBatch, "enough pods are in the middle of a change"
	case c.urgent:
		// A restart that cannot wait is one of a few, but is not watched first.
	default:
		return p.canary(c)
	}
	return "", ""
}

// endsBoost says whether a candidate loses no more than the boosts that it has: they
// end in their time also where the pod is not ready by then.
func (p *planner) endsBoost(c candidate) bool {
	recommendations := p.recommendations(c.pod)
	for i, container := range c.pod.Containers {
		have := container.have()
		if !c.to[i].lowers(have) {
			continue
		}
		r := recommended(recommendations, container)
		if r == nil || r.Boost == nil {
			return false
		}
		requests, limits := r.Starting()
		if have.Requests.CPU != requests.CPU || have.Limits.CPU > limits.CPU || c.to[i].Requests.CPU < r.Target.CPU ||
			c.to[i].Requests.Memory < have.Requests.Memory || limitLowers(int64(have.Limits.Memory), int64(c.to[i].Limits.Memory)) {
			return false
		}
	}
	return true
}

// mayLose says whether ready pods keep what is needed: together, or since there
// are as many of them as the decision wants, each of which keeps its size in the
// decision. A resource of which nothing is lost does not matter.
func (p *planner) mayLose(loss recommender.Resources) bool {
	if p.ready >= p.in.Decision.DesiredReplicas {
		return true
	}
	left := less(p.capacity, loss)
	return (loss.CPU <= 0 || left.CPU >= p.need.CPU) && (loss.Memory <= 0 || left.Memory >= p.need.Memory)
}

// roomFor makes room in the memory of pods by forgetting one that is done.
func (p *planner) roomFor(pod Pod) bool {
	if _, known := p.entries[pod.Name]; known {
		return true
	}
	done := ""
	for name, s := range p.entries {
		if s.Phase == PhaseDone && (done == "" || name < done) {
			done = name
		}
	}
	if done == "" {
		return false
	}
	delete(p.entries, done)
	return true
}

// otherUnready says whether any other pod is not ready.
func (p *planner) otherUnready(pod Pod) bool {
	return slices.ContainsFunc(p.pods, func(o Pod) bool { return o.Name != pod.Name && !o.Ready && o.Phase != PodSucceeded })
}
