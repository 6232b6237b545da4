package actuator

import (
	"fmt"
	"slices"

	"github.com/rightsize-dev/rightsize/recommender"
)

// scales says whether the number of pods is anything to choose here.
func (p *planner) scales() bool {
	return p.in.Mode == ModeApply && p.in.Target.Replicas != nil && p.in.Decision.Workload.Scalable()
}

// scaleUp asks for more pods, before anything that lowers capacity. No budget of
// resizes binds it, and no canary: it takes nothing away.
func (p *planner) scaleUp() bool {
	if !p.scales() {
		return false
	}
	is, wants := *p.in.Target.Replicas, p.in.Decision.DesiredReplicas
	code, message := ReasonScale, "the decision needs more pods"
	if s := p.state.Scaled; s != nil && s.Undo && s.From > max(is, wants) {
		wants, code, message = s.From, ReasonWorse, "fewer pods did harm"
	}
	if wants <= is || p.urgentOnly && !p.pressed() {
		return false
	}
	p.scale(is, wants, code, message)
	return true
}

// pressed says that the decision answers an emergency.
func (p *planner) pressed() bool {
	return slices.ContainsFunc(p.in.Decision.Reasons, func(r recommender.Reason) bool {
		return r.Code == recommender.ReasonReactiveFloor || r.Code == recommender.ReasonOOMKilled || r.Code == recommender.ReasonWoken
	})
}

// scaleDown takes pods away, last of all and only as many as the others can do
// without: the smallest ones that may stay have to have what is needed, in force.
func (p *planner) scaleDown() {
	if !p.scales() {
		return
	}
	is, wants := *p.in.Target.Replicas, max(0, p.in.Decision.DesiredReplicas)
	if wants >= is || p.raiseOnly {
		return
	}
	if p.disturbed {
		p.note(recommender.Reason{
			Code: ReasonAvailability, Subject: "replicas", Unit: "pods", Before: float64(wants), After: float64(is),
			Message: "pods that restart come back before there are fewer",
		})
		return
	}
	to := p.fewest(is, wants)
	if to > wants {
		p.note(recommender.Reason{
			Code: ReasonCapacity, Subject: "replicas", Unit: "pods", Before: float64(wants), After: float64(to),
			Message: fmt.Sprintf("%d pods would have less than the decision needs: %d stay until the others have grown", wants, to),
		})
	}
	if to >= is {
		return
	}
	p.scale(is, to, ReasonScale, "the decision needs fewer pods")
	p.state.Scaled = &Scaled{At: p.in.Now, From: is, To: to}
	p.state.Watch = Baseline{}
}

// fewest is the least number of pods, at least wants, that have what is needed
// whichever of them stay. Pods whose size is unknown or is about to fall count
// as what is certain.
func (p *planner) fewest(is, wants int) int {
	if wants == 0 {
		if slices.ContainsFunc(p.in.Decision.Reasons, func(r recommender.Reason) bool { return r.Code == recommender.ReasonZero }) {
			return 0
		}
		wants = 1 // Never the last one, unless the owner's rule for zero says so.
	}
	var sizes []recommender.Resources
	for _, pod := range p.pods {
		if pod.ends() || !pod.Ready {
			continue
		}
		requests, _ := pod.total(pod.known())
		if s, known := p.entries[pod.Name]; known && s.Phase == PhaseRequested {
			asked, _ := pod.total(pod.sized(s.Ask))
			requests = leastOf(requests, asked)
		}
		sizes = append(sizes, requests)
	}
	return max(wants, recommender.Enough(sizes, p.need, is))
}

func (p *planner) scale(from, to int, code recommender.ReasonCode, message string) {
	p.plan.Steps = append(p.plan.Steps, Step{
		Kind: StepScale, From: from, To: to,
		Precondition: Precondition{UID: p.in.Target.UID, ResourceVersion: p.in.Target.ResourceVersion, Generation: p.in.Target.Generation},
		Reason: recommender.Reason{
			Code: code, Subject: "replicas", Unit: "pods", Before: float64(from), After: float64(to), Message: fmt.Sprintf("%s: %d to %d", message, from, to),
		},
	})
}

// evict has a pod made anew that cannot grow where it is, where that is allowed
// and new pods get their size as they are made. One a plan, within the
// disruption budget, and never where metrics are stale or anything is frozen.
func (p *planner) evict() {
	if !p.in.Settings.Evict || !p.in.Features.SizedAtCreation || p.in.Mode != ModeApply || p.raiseOnly || p.freshOnly() {
		return
	}
	for _, pod := range p.pods {
		s, known := p.entries[pod.Name]
		if !known || pod.OptOut || pod.ends() || p.planned(pod) || s.Phase != PhaseWaiting && s.Phase != PhaseInfeasible {
			continue
		}
		due := s.Since.Add(p.in.Settings.deferred())
		if p.in.Now.Before(due) {
			p.recheck(due)
			continue
		}
		if !anyOf(p.ask(pod, p.recommendations(pod), nil), pod.haves(), Size.grows) {
			continue
		}
		switch {
		case p.budget.evictions <= 0:
			p.hold(pod, ReasonBudget, "as many pods were evicted in the last hour as the budgets allow")
		case p.spare <= 0 || len(p.pods) < 2:
			p.hold(pod, ReasonAvailability, "an eviction would leave too few pods ready")
		case p.slots <= 0 || p.stateful() && p.otherUnready(pod):
			p.hold(pod, ReasonBatch, "an eviction waits until other changes are made")
		case p.scalesDown():
			p.hold(pod, ReasonBatch, "an eviction waits until there are fewer pods")
		default:
			p.plan.Steps = append(p.plan.Steps, Step{
				Kind: StepEvict, Pod: pod.Name,
				Precondition: Precondition{UID: pod.UID, ResourceVersion: pod.ResourceVersion, Generation: pod.Generation},
				Reason: recommender.Reason{
					Code: ReasonDeferred, Subject: "pod", Unit: "pods", Before: 1, Message: "its node cannot give it what it needs: made anew elsewhere",
				},
			})
			p.budget.evict()
			s.Phase, s.Since = PhaseEvicted, p.in.Now
			p.entries[pod.Name] = s
			return
		}
		return
	}
}

func (p *planner) scalesDown() bool {
	return slices.ContainsFunc(p.plan.Steps, func(s Step) bool { return s.Kind == StepScale && s.To < s.From })
}
