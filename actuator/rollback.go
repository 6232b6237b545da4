package actuator

import (
	"fmt"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// freezeMost bounds how long nothing is lowered after a rollback.
const freezeMost = 7 * 24 * time.Hour

// judge takes in what was observed. While a change that took something away is
// watched, it is compared with what was usual before; else it becomes part of
// what is usual.
func (p *planner) judge() {
	watching := p.watching()
	if !watching {
		if s := p.state.Scaled; s != nil && !s.Undo {
			p.state.Scaled = nil
		}
	}
	for _, o := range p.in.Evidence {
		if !o.At.After(p.state.LearnedAt) || o.At.After(p.in.Now) {
			continue
		}
		p.state.LearnedAt = o.At
		switch {
		case p.in.Stale:
		case watching && o.At.After(p.changedAt()):
			p.state.Watch.add(o)
		case p.state.Undo == nil:
			p.state.Baseline.add(o)
		}
	}
	if !watching || p.in.Settings.NoRollback || p.in.Stale {
		return
	}
	for _, g := range guards() {
		if slices.Contains(p.in.Settings.IgnoreGuards, g) {
			continue
		}
		if worse, was, is := p.state.Baseline.worse(g, p.state.Watch); worse {
			p.rollBack(g, was, is)
			return
		}
	}
}

// watching says whether something was taken away lately enough to be blamed.
func (p *planner) watching() bool {
	watch := p.in.Settings.watch(true)
	w, s := p.in.State.Wave, p.in.State.Scaled
	return w != nil && w.Lowers && p.watched() || s != nil && !s.Undo && p.in.Now.Sub(s.At) < watch
}

// changedAt is when that began.
func (p *planner) changedAt() time.Time {
	var at time.Time
	if w := p.in.State.Wave; w != nil && w.Lowers && p.watched() {
		at = w.Started
	}
	if s := p.in.State.Scaled; s != nil && s.At.After(at) {
		at = s.At
	}
	return at
}

// rollBack takes back what is watched, and freezes what lowers for longer each
// time.
func (p *planner) rollBack(g Guard, was, is float64) {
	hold := seconds(p.in.Settings.HoldSeconds, 3600)
	for range min(p.state.Rollbacks, 16) {
		hold = min(2*hold, freezeMost)
	}
	p.state.Rollbacks++
	p.state.FrozenUntil = p.in.Now.Add(hold)
	if w := p.state.Wave; w != nil && w.Lowers {
		p.state.Undo, p.state.Wave = w, nil
	}
	if s := p.state.Scaled; s != nil {
		s.Undo = true
	}
	p.state.Watch = Baseline{}
	p.note(recommender.Reason{
		Code: ReasonWorse, Subject: string(g), Before: was, After: is,
		Message: fmt.Sprintf("%s went from %.4g to %.4g after a change: taken back, nothing is lowered for %s", g, was, is, hold),
	})
}

// undo gives pods of the wave that did harm what they had before, as far as it
// is more than they have: what was raised stays. Pods that would restart follow
// one another. It ends with the freeze.
func (p *planner) undo() {
	over := !p.in.Now.Before(p.state.FrozenUntil)
	if s := p.state.Scaled; s != nil && s.Undo {
		if r := p.in.Target.Replicas; over || r == nil || *r >= s.From {
			p.state.Scaled = nil
		}
	}
	w := p.state.Undo
	if w == nil {
		return
	}
	left := false
	for _, pod := range p.pods {
		if pod.ends() || pod.OptOut || p.planned(pod) {
			continue
		}
		if to, changed := p.restored(pod, w); changed {
			left = p.restore(pod, to) || left
		}
	}
	if over || !left {
		p.state.Undo = nil
	}
}

// restore puts one pod back, or says why not; the result is whether it is to be
// looked at again.
func (p *planner) restore(pod Pod, to []Size) bool {
	if s := p.entries[pod.Name]; s.Revert && p.in.Now.Sub(s.Since) < landsWithin {
		return true
	}
	if code, message := p.preflight(pod, to); code != "" {
		p.hold(pod, code, "not put back: "+message)
		return code == ReasonQuota
	}
	if pod.Ready && pod.restarted(to) {
		if p.spare <= 0 {
			p.hold(pod, ReasonAvailability, "put back when other pods are ready")
			return true
		}
		p.spare--
		p.disturbed = true
	}
	p.charge(pod, to)
	p.resize(StepRevert, pod, to, ReasonWorse, "the change did harm")
	return true
}

// restored is the size that puts a pod back: what it had before, if that is
// remembered, else what the first pod of the wave had, where it got the same.
func (p *planner) restored(pod Pod, w *Wave) ([]Size, bool) {
	var before []NamedSize
	s, known := p.entries[pod.Name]
	switch {
	case known && !s.Since.Before(w.Started) && len(s.Before) > 0 && s.Phase != PhaseForeign:
		before = s.Before
	case pod.asked(w.To):
		before = w.From
	default:
		return nil, false
	}
	to := pod.specs()
	for i, c := range pod.Containers {
		if c.Init {
			continue
		}
		was := pod.sized(before)[i]
		to[i] = was.raising(c.Spec).orHave(c.Spec)
	}
	return to, !slices.Equal(to, pod.specs())
}
