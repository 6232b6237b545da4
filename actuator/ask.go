package actuator

import (
	"slices"

	"github.com/rightsize-dev/rightsize/recommender"
)

// candidate is a pod with the size it is to get.
type candidate struct {
	pod Pod
	to  []Size
	// grows and lowers compare with what is in force; restarts says that a
	// container is restarted by it, urgent that it does not wait.
	grows, lowers, restarts, urgent bool
}

// candidates are the pods whose size is not what it is to be, in order.
func (p *planner) candidates() []candidate {
	var out []candidate
	for _, pod := range p.pods {
		if pod.ends() || p.planned(pod) {
			continue
		}
		if pod.OptOut {
			p.hold(pod, ReasonOptedOut, "its label forbids changes")
			continue
		}
		if c, ok := p.candidate(pod); ok {
			out = append(out, c)
		}
	}
	return out
}

func (p *planner) candidate(pod Pod) (candidate, bool) {
	recommendations := p.recommendations(pod)
	boosted := p.boosted(pod, recommendations)
	if p.freshOnly() && (pod.Ready || p.in.Now.Sub(pod.Created) >= freshPod) {
		return candidate{}, false
	}
	if p.near(pod, recommendations) && len(boosted) == 0 {
		return candidate{}, false
	}
	said := len(p.plan.Reasons)
	to := p.ask(pod, recommendations, boosted)
	// A boost is not worth that a pod waits for room, or gets nothing at all.
	if len(boosted) > 0 && anyOf(to, pod.haves(), Size.grows) && !p.mayBoost(pod, to) {
		boosted, p.plan.Reasons = nil, p.plan.Reasons[:said]
		to = p.ask(pod, recommendations, boosted)
	}
	c := candidate{pod: pod, urgent: p.urgent(pod, recommendations, to) || len(boosted) > 0 && anyOf(to, pod.haves(), Size.grows)}
	if c.urgent || p.raiseOnly || p.unknown(pod) {
		raise(pod, to)
	}
	if slices.Equal(to, pod.specs()) || !p.mayAsk(pod, to) {
		return candidate{}, false
	}
	c.to = to
	c.grows, c.lowers = anyOf(to, pod.haves(), Size.grows), anyOf(to, pod.haves(), Size.lowers)
	c.restarts = pod.restarted(to)
	if p.urgentOnly && (!c.urgent || !c.grows) {
		return candidate{}, false
	}
	if code, message := p.preflight(pod, to); code != "" {
		p.hold(pod, code, message)
		return candidate{}, false
	}
	return c, true
}

// mayBoost says whether nothing is in the way of a pod's boost, and its node has
// the room now.
func (p *planner) mayBoost(pod Pod, to []Size) bool {
	raised := slices.Clone(to)
	raise(pod, raised)
	code, _ := p.preflight(pod, raised)
	return code == "" && p.fits(pod, raised)
}

// freshOnly says that only pods just made are sized: the running ones of a Job
// keep what they began with, and in mode Initial so do all.
func (p *planner) freshOnly() bool {
	return p.in.Mode == ModeInitial || p.in.Decision.Workload.Batch()
}

// unknown says that it is not known what the pod has, so that no size is known
// to be no less.
func (p *planner) unknown(pod Pod) bool {
	return pod.Phase != PodPending && slices.ContainsFunc(pod.Containers, func(c Container) bool { return !c.Init && c.InForce == nil })
}

// recommendations are those for the pod's part of the workload.
func (p *planner) recommendations(pod Pod) []recommender.Recommendation {
	for _, g := range p.in.Decision.Groups {
		if g.Name == pod.Group && pod.Group != "" {
			return g.Containers
		}
	}
	return p.in.Decision.Containers
}

func recommended(all []recommender.Recommendation, c Container) *recommender.Recommendation {
	i := slices.IndexFunc(all, func(r recommender.Recommendation) bool { return r.Name == c.Name })
	if i < 0 || c.Init {
		return nil
	}
	return &all[i]
}

// boosted are the containers of a pod that starts whose boost holds now. The next
// plan is due when the first of them ends: that a pod is not ready yet gives no
// event.
func (p *planner) boosted(pod Pod, recommendations []recommender.Recommendation) []string {
	if pod.Ready || p.freshOnly() {
		return nil
	}
	var out []string
	for _, r := range recommendations {
		if r.Boost == nil {
			continue
		}
		if until := pod.Created.Add(seconds(r.Boost.Seconds, 1)); p.in.Now.Before(until) {
			out = append(out, r.Name)
			p.recheck(until)
		}
	}
	return out
}

// near says that a decision which changes no sizes is close enough to what the
// pod has: small differences are not chased.
func (p *planner) near(pod Pod, recommendations []recommender.Recommendation) bool {
	switch p.in.Decision.Action {
	case recommender.ActionHold, recommender.ActionScale:
	case recommender.ActionResize, recommender.ActionResizeAndScale, recommender.ActionNone:
		return false
	}
	for _, c := range pod.Containers {
		r := recommended(recommendations, c)
		if r == nil {
			continue
		}
		if r.LowerBound.CPU <= 0 || r.LowerBound.Memory <= 0 || !within(r.LowerBound, c.Spec.Requests) || !within(c.Spec.Requests, r.UpperBound) {
			return false
		}
	}
	return pod.Resize == Resize{}
}

// ask is the size of every container of a pod: the decision's where it has one,
// with what was set and what memory in use takes. Boosted are those that have their
// boost.
func (p *planner) ask(pod Pod, recommendations []recommender.Recommendation, boosted []string) []Size {
	to := pod.specs()
	class := qosOf(to)
	for i, c := range pod.Containers {
		r := recommended(recommendations, c)
		if r == nil {
			continue
		}
		size := Size{Requests: r.Target, Limits: r.TargetLimits}
		if slices.Contains(boosted, r.Name) {
			size.Requests, size.Limits = r.Starting()
		}
		to[i] = size.orHave(c.Spec)
		p.holdMemory(pod, c, &to[i], class)
	}
	return to
}

// holdMemory keeps a memory limit that may not be lowered. The request of a
// Guaranteed pod stays with it.
func (p *planner) holdMemory(pod Pod, c Container, to *Size, class recommender.QoSClass) {
	if !limitLowers(int64(c.Spec.Limits.Memory), int64(to.Limits.Memory)) || pod.Phase == PodPending {
		return
	}
	var why string
	switch {
	case c.Spec.Limits.Memory > 0 && !c.RestartOnMemory && !p.in.Features.MemoryLimitShrink:
		why = "the memory limit stays as it is: the cluster lowers none without a restart"
	case c.MemoryPeak <= 0:
		why = "the memory limit stays as it is: how much is in use is not known"
	case float64(to.Limits.Memory) < memoryMargin*float64(c.MemoryPeak):
		why = "the memory limit stays as it is: as much is in use"
	default:
		return
	}
	to.Limits.Memory = c.Spec.Limits.Memory
	if class == recommender.QoSGuaranteed {
		to.Requests.Memory = c.Spec.Requests.Memory
	}
	p.hold(pod, ReasonMemoryHeld, "container "+c.Name+": "+why)
}

// raise takes out of a size what it would lower: of what is in force, and where
// that is unknown of what was asked.
func raise(pod Pod, to []Size) {
	for i, c := range pod.Containers {
		if c.Init {
			continue
		}
		to[i] = to[i].raising(c.have()).orHave(c.Spec)
	}
}

// mayAsk says whether the phase that the pod is in lets it be asked for a size.
func (p *planner) mayAsk(pod Pod, to []Size) bool {
	s, known := p.entries[pod.Name]
	if !known {
		return true
	}
	requests, _ := pod.total(to)
	had, _ := pod.total(pod.specs())
	switch s.Phase {
	case PhaseDone, PhaseInfeasible:
		return true
	case PhaseRequested, PhaseInProgress:
		return p.in.Now.Sub(s.Since) >= stuckAfter
	case PhaseDeferred:
		return within(requests, had) // Less than what waits may come at once.
	case PhaseWaiting:
		if s.Revert && !pod.asked(s.Ask) || !within(requests, had) {
			p.hold(pod, ReasonDeferred, "its node had no room: not asked for more until "+s.Until.UTC().Format("15:04"))
			return false
		}
		return true
	case PhaseFailed, PhaseForeign, PhaseRefused:
		p.hold(pod, ReasonRefused, "the last change of it came to "+string(s.Phase)+": left alone until "+s.Until.UTC().Format("15:04"))
	case PhaseEvicted:
	}
	return false
}

// urgent says that a container has to grow at once: what it uses is above what
// was forecast, or it was killed for want of memory.
func (p *planner) urgent(pod Pod, recommendations []recommender.Recommendation, to []Size) bool {
	reasons := p.in.Decision.Reasons
	for _, g := range p.in.Decision.Groups {
		if g.Name == pod.Group {
			reasons = g.Reasons
		}
	}
	for i, c := range pod.Containers {
		if recommended(recommendations, c) == nil || !to[i].grows(c.have()) {
			continue
		}
		for _, r := range reasons {
			if (r.Code == recommender.ReasonReactiveFloor || r.Code == recommender.ReasonOOMKilled) && (r.Container == "" || r.Container == c.Name) {
				return true
			}
		}
	}
	return false
}

// anyOf says whether a comparison holds for any container.
func anyOf(to, have []Size, compare func(Size, Size) bool) bool {
	for i := range to {
		if compare(to[i], have[i]) {
			return true
		}
	}
	return false
}
