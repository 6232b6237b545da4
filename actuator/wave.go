package actuator

import (
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// target is the decision's size of each container, by which one wave is told
// from another.
func (p *planner) target() []NamedSize {
	var out []NamedSize
	add := func(prefix string, all []recommender.Recommendation) {
		for _, r := range all {
			out = append(out, NamedSize{Name: prefix + r.Name, Size: Size{Requests: r.Target, Limits: r.TargetLimits}})
		}
	}
	if len(p.in.Decision.Groups) == 0 {
		add("", p.in.Decision.Containers)
	}
	for _, g := range p.in.Decision.Groups {
		add(g.Name+"/", g.Containers)
	}
	return out
}

// watched says whether the wave may still be taken back.
func (p *planner) watched() bool {
	w := p.in.State.Wave
	if w == nil || !w.Passed {
		return w != nil
	}
	over := w.Last.Add(p.in.Settings.watch(w.Lowers))
	if w.Lowers && !p.proven(w.Last) {
		over = over.Add(evidencePatience)
	}
	return p.in.Now.Before(over)
}

// followWave forgets canaries that are gone, and lets the others follow when
// all canaries have had their size for as long as they are watched.
func (p *planner) followWave() {
	w := p.state.Wave
	if w == nil || w.Passed {
		return
	}
	well := true
	w.Canaries = slices.DeleteFunc(w.Canaries, func(name string) bool {
		i := slices.IndexFunc(p.pods, func(pod Pod) bool { return pod.Name == name && !pod.ends() })
		if i < 0 {
			return true
		}
		pod := p.pods[i]
		switch s, known := p.entries[name]; {
		case !known:
			return !pod.settled() || !pod.asked(w.To)
		case s.Phase == PhaseDone:
			well = well && pod.Ready
		case s.Phase == PhaseRequested, s.Phase == PhaseInProgress:
			well = false
		default:
			return true
		}
		return false
	})
	if len(w.Canaries) == 0 || !well || p.in.Stale {
		w.Since = time.Time{}
		return
	}
	if w.Since.IsZero() {
		w.Since = p.in.Now
	}
	until := w.Since.Add(p.in.Settings.watch(w.Lowers))
	if p.in.Now.Before(until) {
		p.recheck(until)
		return
	}
	if w.Lowers && !p.proven(w.Since) {
		p.recheck(p.in.Now.Add(evidenceEvery))
		return
	}
	w.Passed, w.Canaries = true, nil
}

const (
	// evidenceEvery is how often there is evidence.
	evidenceEvery = time.Minute
	// evidencePatience is how much longer than it is watched a change may be taken
	// back of which there is no evidence yet.
	evidencePatience = 15 * time.Minute
)

// proven says whether there is evidence of the time after an instant: as many
// values as it takes to judge a change. Where there never was any evidence of the
// workload, or none is looked at, none is waited for.
func (p *planner) proven(since time.Time) bool {
	s := p.in.Settings
	if s.NoRollback || p.state.LearnedAt.IsZero() || !slices.ContainsFunc(guards(), func(g Guard) bool { return !slices.Contains(s.IgnoreGuards, g) }) {
		return true
	}
	return !p.state.LearnedAt.Before(since.Add(levelAfter * evidenceEvery))
}

// canary says whether a pod has to wait for the first ones.
func (p *planner) canary(c candidate) (recommender.ReasonCode, string) {
	n := p.in.Settings.canaries()
	w := p.current(c)
	if w == nil {
		if most := p.in.Settings.MaxResizesPerDay; most > 0 && len(p.state.Waves) >= min(most, wavesMost) {
			return ReasonBudget, "sizes were changed as often in 24 hours as the owner allows"
		}
		return "", ""
	}
	if n == 0 || w.Passed || len(w.Canaries) < min(n, canariesMost) {
		return "", ""
	}
	if !w.Since.IsZero() && !p.in.Now.Before(w.Since.Add(p.in.Settings.watch(w.Lowers))) {
		return ReasonCanary, "there are no metrics yet of the first pods with their new size"
	}
	return ReasonCanary, "the first pods are watched before others follow"
}

// current is the wave that a candidate is part of, nil where it begins one: the
// decision is another, or it is the first to lower something. A decision that
// only raises further goes on with the wave that it finds.
func (p *planner) current(c candidate) *Wave {
	w, target := p.state.Wave, p.target()
	if w == nil || c.lowers && !w.Lowers {
		return nil
	}
	if slices.Equal(w.Target, target) {
		return w
	}
	if len(w.Target) != len(target) || c.lowers {
		return nil
	}
	for i := range target {
		if target[i].Name != w.Target[i].Name || target[i].lowers(w.Target[i].Size) {
			return nil
		}
	}
	return w
}

// join makes the candidate part of the wave, which it may begin.
func (p *planner) join(c candidate) {
	w := p.current(c)
	if w == nil {
		w = &Wave{Started: p.in.Now, From: c.pod.named(c.pod.haves())}
		p.state.Wave = w
		p.state.Watch = Baseline{}
		if !c.urgent && p.in.Settings.MaxResizesPerDay > 0 {
			p.state.Waves = append(p.state.Waves, p.in.Now)
			p.state.Waves = p.state.Waves[max(0, len(p.state.Waves)-wavesMost):]
		}
		// What an earlier wave changed is no longer taken back by this one.
		for name, s := range p.entries {
			if s.Phase == PhaseDone && p.state.Undo == nil {
				delete(p.entries, name)
			}
		}
	}
	w.Target, w.Last = p.target(), p.in.Now
	if !c.urgent || len(w.To) == 0 {
		w.To = c.pod.named(c.to)
	}
	w.Lowers = w.Lowers || c.lowers
	if c.pod.Ready && !w.Passed && len(w.Canaries) < min(p.in.Settings.canaries(), canariesMost) && !slices.Contains(w.Canaries, c.pod.Name) {
		w.Canaries = append(w.Canaries, c.pod.Name)
		w.Since = time.Time{}
	}
}
