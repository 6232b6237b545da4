package actuator

import (
	"fmt"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// gate is one thing that may forbid changes. It returns what it allows and, if
// that is less than all, why.
type gate func(*planner) (permit, recommender.ReasonCode, string)

// permit is how much a gate lets through.
type permit int

const (
	// permitAll allows every step, permitRaises those that lower nothing,
	// permitUrgent of these only what cannot wait.
	permitAll permit = iota
	permitRaises
	permitUrgent
	permitNone
)

// gates are read from top to bottom; the strictest wins. Every one that binds
// gives its reason, until one lets nothing through.
func gates() []gate {
	return []gate{
		(*planner).gateKillSwitch, (*planner).gateMode, (*planner).gateNamespace, (*planner).gateRivals, (*planner).gateDecision,
		(*planner).gateWarmup, (*planner).gateStale, (*planner).gateFrozen, (*planner).gateRollout,
	}
}

// open asks the gates and says whether anything may be done at all.
func (p *planner) open() bool {
	for _, g := range gates() {
		allowed, code, message := g(p)
		if allowed == permitAll {
			continue
		}
		p.note(recommender.Reason{Code: code, Subject: "changes", Message: message})
		p.raiseOnly = true
		p.urgentOnly = p.urgentOnly || allowed == permitUrgent
		if allowed == permitNone {
			return false
		}
	}
	return true
}

func (p *planner) gateKillSwitch() (permit, recommender.ReasonCode, string) {
	if p.in.KillSwitch {
		return permitNone, ReasonKillSwitch, "the kill switch of the settings forbids every change"
	}
	return permitAll, "", ""
}

func (p *planner) gateMode() (permit, recommender.ReasonCode, string) {
	switch p.in.Mode {
	case ModeApply:
		return permitAll, "", ""
	case ModeInitial:
		if p.in.Features.SizedAtCreation {
			return permitNone, ReasonMode, "in mode Initial pods are sized as they are made"
		}
		return permitAll, "", ""
	case ModeDryRun, ModePaused:
	}
	return permitNone, ReasonMode, fmt.Sprintf("mode %s changes nothing", p.in.Mode)
}

func (p *planner) gateNamespace() (permit, recommender.ReasonCode, string) {
	switch ns := p.in.Decision.Workload.Namespace; ns {
	case "kube-system", "kube-public", "kube-node-lease":
		return permitNone, ReasonNamespace, "nothing is changed in " + ns
	}
	return permitAll, "", ""
}

func (p *planner) gateRivals() (permit, recommender.ReasonCode, string) {
	if len(p.in.Rivals) > 0 {
		r := p.in.Rivals[0]
		return permitNone, ReasonRival, fmt.Sprintf("%s %s has the same target, so this only recommends", r.Kind, r.Name)
	}
	return permitAll, "", ""
}

func (p *planner) gateDecision() (permit, recommender.ReasonCode, string) {
	d := p.in.Decision
	if d.Action == recommender.ActionNone || d.Action == "" {
		return permitNone, ReasonUndecided, "there was not enough data to decide"
	}
	if age := p.in.Now.Sub(d.At); age > decisionFresh || age < -time.Minute {
		return permitNone, ReasonUndecided, fmt.Sprintf("the decision is of %s, not of the last %s", d.At.UTC().Format(time.RFC3339), decisionFresh)
	}
	return permitAll, "", ""
}

func (p *planner) gateWarmup() (permit, recommender.ReasonCode, string) {
	warm := p.in.Started.Add(p.in.Settings.warmup())
	if !p.in.Started.IsZero() && p.in.Now.Before(warm) {
		p.recheck(warm)
		return permitUrgent, ReasonWarmup, "just started: only what cannot wait"
	}
	return permitAll, "", ""
}

func (p *planner) gateStale() (permit, recommender.ReasonCode, string) {
	if p.in.Stale {
		return permitRaises, ReasonStale, "metrics are stale or partial: nothing is lowered"
	}
	return permitAll, "", ""
}

func (p *planner) gateFrozen() (permit, recommender.ReasonCode, string) {
	if p.in.Now.Before(p.state.FrozenUntil) {
		return permitRaises, ReasonFrozen, "a change did harm: nothing is lowered until " + p.state.FrozenUntil.UTC().Format(time.RFC3339)
	}
	return permitAll, "", ""
}

func (p *planner) gateRollout() (permit, recommender.ReasonCode, string) {
	if p.in.Rollout || slices.ContainsFunc(p.pods, func(pod Pod) bool { return pod.Outdated && !pod.ends() }) {
		return permitRaises, ReasonRollout, "a new revision is being rolled out: nothing is lowered"
	}
	return permitAll, "", ""
}
