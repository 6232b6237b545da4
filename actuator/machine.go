package actuator

import (
	"cmp"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// observe moves every remembered pod to the phase that what was observed says.
// Pods that are gone are forgotten.
func (p *planner) observe() {
	for _, s := range p.in.State.Pods {
		i := slices.IndexFunc(p.pods, func(pod Pod) bool { return pod.Name == s.Name && pod.UID == s.UID })
		if i < 0 || p.pods[i].ends() {
			continue
		}
		if s, keep := p.advance(p.pods[i], s); keep {
			p.entries[s.Name] = s
		}
	}
	for _, pod := range p.pods {
		if _, known := p.entries[pod.Name]; !known {
			p.adopt(pod)
		}
	}
}

// adopt takes in a change that is under way though nothing is remembered of it,
// as after a restart without a status.
func (p *planner) adopt(pod Pod) {
	s := PodState{
		Name: pod.Name, UID: pod.UID, Phase: PhaseRequested, Since: p.in.Now, Generation: pod.Generation,
		Ask: pod.named(pod.specs()), Before: pod.named(pod.haves()),
	}
	if pod.Resize == (Resize{}) || pod.ends() {
		return
	}
	if s, keep := p.advance(pod, s); keep {
		p.entries[pod.Name] = s
	}
}

// advance is one step of the state machine; the second result is false where
// the pod is idle again.
func (p *planner) advance(pod Pod, s PodState) (PodState, bool) {
	switch s.Phase {
	case PhaseRequested, PhaseInProgress, PhaseDeferred:
		return p.advanceAsked(pod, s)
	case PhaseDone:
		if !pod.asked(s.Ask) {
			return p.foreign(pod, s), true
		}
		// Forgotten when the wave it belongs to can no longer be taken back.
		return s, p.watched() || p.in.State.Undo != nil
	case PhaseEvicted:
		return s, p.in.Now.Sub(s.Since) < landsWithin
	case PhaseWaiting, PhaseInfeasible, PhaseFailed, PhaseForeign, PhaseRefused:
		return s, p.in.Now.Before(s.Until)
	}
	return s, false
}

// advanceAsked is advance for a pod of which something was asked.
func (p *planner) advanceAsked(pod Pod, s PodState) (PodState, bool) {
	now := p.in.Now
	if !pod.asked(s.Ask) {
		return p.notAsked(pod, s)
	}
	// Conditions about an earlier generation tell of an earlier ask.
	r := pod.Resize
	if r.Generation != 0 && r.Generation < s.Generation {
		r = Resize{}
	}
	switch {
	case r.Pending == PendingInfeasible:
		p.refuse(pod, pod.specs())
		s = s.to(PhaseInfeasible, now)
		s.Until = now.Add(refusedFor)
	case r.Pending == PendingDeferred:
		if s.Phase != PhaseDeferred {
			s = s.to(PhaseDeferred, now)
			if !r.Since.IsZero() && r.Since.Before(now) {
				s.Since = r.Since
			}
		}
	case r.InProgress && r.Error:
		s = s.to(PhaseFailed, now)
		s.Until = now.Add(retryAfter)
	case pod.settled() && pod.Generation >= s.Generation:
		if s.Revert {
			return s, false
		}
		s = s.to(PhaseDone, now)
	case r.InProgress && s.Phase != PhaseInProgress:
		s = s.to(PhaseInProgress, now)
	}
	return s, true
}

// notAsked is advance for a pod whose specification is not what was asked: the
// step was refused, is not seen yet, was lost, or someone else made another.
func (p *planner) notAsked(pod Pod, s PodState) (PodState, bool) {
	now := p.in.Now
	switch {
	case pod.Refused == RefusedNodeCapacity:
		p.refuse(pod, pod.sized(s.Ask))
		s = s.to(PhaseInfeasible, now)
		s.Until = now.Add(refusedFor)
	case pod.Refused == RefusedConflict, pod.Generation >= s.Generation:
		return p.foreign(pod, s), true
	case pod.Refused != "":
		s = s.to(PhaseRefused, now)
		s.Until = now.Add(stuckAfter)
	case now.Sub(s.Since) >= landsWithin:
		if !s.Revert {
			return s, false
		}
		s = s.to(PhaseFailed, now) // A revert that was lost is made again.
		s.Until = now.Add(retryAfter)
	}
	return s, true
}

// foreign leaves a pod alone whose size someone else changed.
func (p *planner) foreign(pod Pod, s PodState) PodState {
	p.hold(pod, ReasonForeign, "someone else changed the size: left alone for an hour")
	s = s.to(PhaseForeign, p.in.Now)
	s.Until = p.in.Now.Add(retryAfter)
	return s
}

func (s PodState) to(phase Phase, now time.Time) PodState {
	s.Phase, s.Since = phase, now
	return s
}

// sized are the sizes of all containers with those that are named.
func (p Pod) sized(named []NamedSize) []Size {
	out := p.specs()
	for i, c := range p.Containers {
		for _, n := range named {
			if n.Name == c.Name && !c.Init {
				out[i] = n.Size
			}
		}
	}
	return out
}

// refuse remembers that a node can never hold these sizes.
func (p *planner) refuse(pod Pod, sizes []Size) {
	asked, _ := pod.total(sizes)
	if pod.Node == "" {
		return
	}
	p.state.Refused = slices.DeleteFunc(p.state.Refused, func(r NodeRefusal) bool { return r.Node == pod.Node && r.Asked == asked })
	p.state.Refused = append(p.state.Refused, NodeRefusal{Node: pod.Node, Asked: asked, Until: p.in.Now.Add(refusedFor)})
	if n := len(p.state.Refused); n > refusedMost {
		p.state.Refused = p.state.Refused[n-refusedMost:]
	}
}

// changing says whether the pod is in the middle of a change that others have
// to wait for.
func (p *planner) changing(s PodState) bool {
	switch s.Phase {
	case PhaseRequested, PhaseInProgress, PhaseEvicted:
		return p.in.Now.Sub(s.Since) < stuckAfter
	case PhaseDone, PhaseDeferred, PhaseWaiting, PhaseInfeasible, PhaseFailed, PhaseForeign, PhaseRefused:
	}
	return false
}

// reverts puts pods back whose change cannot be made: that were Deferred for too
// long, that are Infeasible, or whose memory is in use. What goes back to what
// is in force takes nothing away from them.
func (p *planner) reverts() {
	for _, pod := range p.pods {
		s, known := p.entries[pod.Name]
		if !known || pod.OptOut {
			continue
		}
		switch s.Phase {
		case PhaseDeferred:
			due := s.Since.Add(p.in.Settings.deferred())
			if p.in.Now.Before(due) {
				p.recheck(due)
				continue
			}
			if !p.putBack(pod, s, ReasonDeferred, "its node had no room for longer than is waited: put back to what it has") {
				continue
			}
			s = p.entries[pod.Name]
			s.Phase, s.Since, s.Until = PhaseWaiting, p.in.Now, p.in.Now.Add(6*p.in.Settings.deferred())
			p.entries[pod.Name] = s
		case PhaseWaiting:
			p.putBack(pod, s, ReasonDeferred, "put back to what it has, since that is not seen yet")
		case PhaseInfeasible:
			p.putBack(pod, s, ReasonInfeasible, "its node can never hold what was asked: put back to what it has")
		case PhaseFailed:
			p.putBack(pod, s, ReasonMemoryHeld, "memory in use is above the new limit: put back to what it had")
		case PhaseRequested, PhaseInProgress, PhaseDone, PhaseForeign, PhaseRefused, PhaseEvicted:
		}
	}
}

// putBack makes what is in force the specification again; where that failed
// half-way, what was before. It never lowers what is in force.
func (p *planner) putBack(pod Pod, s PodState, code recommender.ReasonCode, message string) bool {
	if s.Revert && p.in.Now.Sub(s.Since) < landsWithin {
		return false // It was asked just now.
	}
	to := pod.specs()
	before := pod.sized(s.Before)
	for i, c := range pod.Containers {
		if c.Init || c.InForce == nil {
			continue
		}
		to[i] = c.InForce.orHave(c.Spec)
		if s.Phase == PhaseFailed {
			to[i] = before[i].raising(c.have()).orHave(c.Spec)
		}
	}
	if slices.Equal(to, pod.specs()) || qosOf(to) != qosOf(pod.specs()) {
		return false
	}
	phase, until := s.Phase, s.Until
	p.resize(StepRevert, pod, to, code, message)
	s = p.entries[pod.Name]
	s.Phase, s.Until, s.Revert = phase, until, true
	p.entries[pod.Name] = s
	return true
}

// Compact is the state without what can be found out again: of the pods only
// those that were put back, refused or left alone, and those that had another
// size than the first of the wave; at most compactMost, and of the canaries
// twice that. It is what a controller
// keeps in a status; without it a plan goes by the conditions of the pods.
func (s State) Compact() State {
	var kept []PodState
	for _, pod := range s.Pods {
		like := s.Wave != nil && slices.Equal(pod.Before, s.Wave.From) && slices.Equal(pod.Ask, s.Wave.To)
		if rank(pod) != 1 && like || pod.Phase == PhaseDeferred {
			continue
		}
		if rank(pod) == 1 {
			pod.Ask, pod.Before = nil, nil
		}
		kept = append(kept, pod)
	}
	slices.SortStableFunc(kept, func(a, b PodState) int { return cmp.Compare(rank(a), rank(b)) })
	if s.Wave != nil && len(s.Wave.Canaries) > 2*compactMost {
		w := *s.Wave
		w.Canaries = w.Canaries[:2*compactMost]
		s.Wave = &w
	}
	s.Pods = kept[:min(len(kept), compactMost)]
	slices.SortFunc(s.Pods, func(a, b PodState) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

// remembered are the entries by name; of too many, pods that are done are
// forgotten first, then the oldest.
func (p *planner) remembered() []PodState {
	var out []PodState
	for _, s := range p.entries {
		out = append(out, s)
	}
	if len(out) > podsMost {
		slices.SortFunc(out, func(a, b PodState) int {
			if d := cmp.Compare(rank(a), rank(b)); d != 0 {
				return d
			}
			if d := b.Since.Compare(a.Since); d != 0 {
				return d
			}
			return cmp.Compare(a.Name, b.Name)
		})
		out = out[:podsMost]
	}
	slices.SortFunc(out, func(a, b PodState) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func rank(s PodState) int {
	switch s.Phase {
	case PhaseRequested, PhaseInProgress, PhaseEvicted:
		return 0
	case PhaseDeferred, PhaseFailed, PhaseForeign, PhaseInfeasible, PhaseRefused, PhaseWaiting:
		return 1
	case PhaseDone:
	}
	return 2
}
