package recommender

import (
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	// feedbackUp is by how much the correction grows over one window that is
	// all bad; feedbackDown is by how much it falls over an hour without anything
	// bad where it is above 1, feedbackBelow where it is not: fast up, slow down.
	// feedbackSurprise takes the place of feedbackUp where more came than the
	// pods could carry by the model: one surprise is the forecast's to answer,
	// surprise after surprise asks for more room.
	feedbackUp       = 0.25
	feedbackSurprise = 0.06
	feedbackDown     = 0.15
	feedbackBelow    = 0.02
	// feedbackHigh bounds the correction. It is never below 1 with an objective,
	// unless a model says what should have been missed: what is met for hours
	// with less would not tell luck from room.
	feedbackHigh = 2.0
	// feedbackModel is by how much the correction moves within an hour in which a
	// model is wrong by all that is accepted, feedbackLeast how far it may fall.
	feedbackModel, feedbackLeast = 0.3, 0.7
	// feedbackUnspent is by how much it moves within an hour in which all that
	// is accepted was left unspent on average, or as much again was spent, and
	// budgetShare the part of it that is to be spent: what is left is for what
	// nobody foresees. budgetSpan is the time constant of that average.
	feedbackUnspent = 0.2
	budgetShare     = 0.5
	budgetSpan      = 6 * time.Hour
	// feedbackUtilization is the utilisation to which requests without an
	// objective may be brought: below peggedShare, so that only what was not
	// foreseen looks cut off.
	feedbackUtilization = 0.95
	// throttledTarget is the share of throttled time that is accepted for each
	// unit of risk: a half, since throttling says that what was used reached
	// what was there, and not by how much it fell short.
	throttledTarget = 0.5
)

// Outcome is how well the objective was met lately.
type Outcome struct {
	// ViolatedRatio is the share of requests, 0 to 1, that took longer than the
	// objective's time, or failed.
	ViolatedRatio float64 `json:"violatedRatio"`
	// WindowSeconds is how far back that looks, positive.
	WindowSeconds float64 `json:"windowSeconds"`
	// PodRate is the rate of requests that a ready pod served meanwhile, in the
	// mean; 0 where unknown.
	PodRate float64 `json:"podRate,omitempty"`
}

// correct brings the correction of what is needed up to date and returns it.
// It is the ratio of what turned out to be needed to what was predicted,
// driven by the true objective: it corrects what the model of the service has
// wrong, which the calibration of forecasts cannot see. For x the bad share of
// a window of length W and τ what the risk accepts,
//
//	c ← c·(1 + 0.25·Δt/W·min(1, (x-τ)/τ))     where x > τ
//	c ← c·(1 - 0.15·Δt/h·(τ-x)/τ)             else, 0.02 below 1
//
// where Δt is the time since the last decision that has seen anything new. Bad
// is, with an objective, what missed it, and c is within 1 and 2; without one,
// bad is time throttled at a limit, and c may fall to where requests are all that
// is used. It stays as it is where neither is known. It does not grow for what
// was missed because a container was killed for want of memory, and a quarter as
// fast where more came than the pods could carry by the model, or by their limits.
//
// Where a model of the service says which share p should have missed the
// objective with what pods carried, the difference tells the room there is, and
// half of what is accepted may be spent on average: at or below 1, and where x is
// not above τ,
//
//	c ← c·(1 - Δt/h·(0.3·(p-x)/τ + 0.2·u)),  0.7 ≤ c ≤ 1
//	u ← u + (1 - exp(-Δt/6 h))·(½ - x/τ - u)
//
// u, from 0 on, is the share of it that was left unspent. Whole pods, and the
// margin of the forecast, leave most of it. It does not fall below where a pod
// carries the largest rate that it may be brought to, so that it is back at once.
//
// The idea is that of the error-budget loops of site reliability engineering;
// NVIDIA's Dynamo corrects by observed over predicted latency likewise.
func (d *draft) correct() float64 {
	was := orDefault(d.s.State.Correction, 1)
	d.state.Correction, d.state.CorrectedAt, d.state.Unspent = was, d.s.Now, d.s.State.Unspent
	e, ok := d.evidence()
	if !ok {
		return was
	}
	if at := d.s.State.CorrectedAt; !at.IsZero() && !d.seen().After(at) {
		d.state.CorrectedAt = at // Nothing new: it has been counted.
		return was
	}
	x, window, target := e.bad, e.window, e.accepted
	dt := d.sinceCorrected(window)
	if e.modelled {
		d.state.Unspent += (1 - math.Exp(-float64(dt)/float64(budgetSpan))) * (budgetShare - x/target - d.state.Unspent)
		e.unspent = d.state.Unspent
	}
	c := e.step(was, dt)
	d.state.Correction = c
	if math.Abs(c-1) > 0.01 {
		d.add(Reason{
			Code: ReasonFeedback, Subject: "demand", Unit: "ratio", Before: was, After: c,
			Message: fmt.Sprintf("missed in %s of the last %s, where %s is accepted: capacity counts as %s of what is predicted",
				percent(x), span(window), percent(target), percent(1/c)),
		})
	}
	return c
}

// sinceCorrected is the time for which the correction is to be brought up to
// date, a window at most.
func (d *draft) sinceCorrected(window time.Duration) time.Duration {
	if d.s.State.CorrectedAt.IsZero() {
		return 0
	}
	return min(max(0, d.s.Now.Sub(d.s.State.CorrectedAt)), window)
}

// seen is the end of what has been observed.
func (d *draft) seen() time.Time {
	age := 0.0
	switch {
	case d.s.Demand != nil && d.s.Demand.Samples > 0:
		age = d.s.Demand.AgeSeconds
	case len(d.s.Containers) > 0:
		age = d.s.Containers[0].CPU.AgeSeconds
	}
	return d.s.Now.Add(-seconds(max(0, age)))
}

// killedWithin says whether a container was killed for want of memory lately.
func (d *draft) killedWithin(span time.Duration) bool {
	return slices.ContainsFunc(d.s.Containers, func(c Container) bool {
		return c.OOMKills > 0 && d.s.Now.Sub(c.LastOOMKill) < span
	})
}

// step moves a correction by the evidence of a time dt.
func (e evidence) step(c float64, dt time.Duration) float64 {
	x, target := e.bad, e.accepted
	switch {
	case x > target && e.excused:
		return c
	case x > target:
		up := feedbackUp
		if e.surprise {
			up = feedbackSurprise
		}
		c *= 1 + up*float64(dt)/float64(e.window)*min(1, (x-target)/target)
	case e.modelled && c <= 1:
		c = min(1, c*(1-dt.Hours()*(feedbackModel*(e.predicted-x)/target+feedbackUnspent*e.unspent)))
	case c > 1:
		c *= 1 - feedbackDown*dt.Hours()*(target-x)/target
	default:
		c *= 1 - feedbackBelow*dt.Hours()*(target-x)/target
	}
	return min(max(c, e.least), feedbackHigh)
}

// evidence is how well a window went.
type evidence struct {
	// bad is the bad share of the window, accepted what of it is.
	bad, accepted float64
	window        time.Duration
	// least is the smallest correction that makes sense.
	least float64
	// excused says that it may have been bad for another reason than a want of
	// capacity, surprise that more came than was foreseen.
	excused, surprise bool
	// predicted is the bad share that a model says, where there is one, and
	// unspent the part of what is accepted that was left lately.
	predicted, unspent float64
	modelled           bool
}

// missed is the evidence of an objective.
func (d *draft) missed() (evidence, bool) {
	out := d.s.Outcome
	if out == nil || !(out.WindowSeconds > 0) {
		return evidence{}, false
	}
	e := evidence{
		bad: min(max(out.ViolatedRatio, 0), 1), accepted: d.s.Policy.plannedLate(0), window: seconds(out.WindowSeconds), least: 1,
	}
	e.excused, e.surprise = d.killedWithin(e.window), d.s.Now.Sub(d.s.State.SurprisedAt) < e.window
	if d.batchServed() && (d.s.BatchEvidence == nil || d.s.BatchEvidence.Identified) && plausible(out.PodRate) {
		o := d.s.Policy.Objective
		most := saturationMost * d.s.Batch.Throughput(max(1, d.s.Batch.Slots()))
		e.modelled, e.least = true, min(1, max(feedbackLeast, d.s.Batch.within(d.s.Policy)/most))
		e.predicted = d.s.Batch.Late(out.PodRate*orDefault(d.s.State.Correction, 1), o.TTFTSeconds, o.ITLSeconds)
	}
	return e, true
}

// evidence is not ok where nothing is known.
func (d *draft) evidence() (evidence, bool) {
	o := d.s.Policy.Objective
	if o.LatencySeconds > 0 || d.batchServed() && o.TTFTSeconds+o.ITLSeconds > 0 {
		return d.missed()
	}
	e := evidence{
		accepted: throttledTarget * d.s.Policy.Risk, window: throttledSpan,
		least:    min(1, d.s.Policy.Vertical.CPUUtilization/feedbackUtilization),
		surprise: d.s.Now.Sub(d.s.State.SurprisedAt) < throttledSpan,
	}
	if o.WaitSeconds > 0 || o.TTFTSeconds > 0 || o.ITLSeconds > 0 || d.s.Workload.Batch() {
		return e, false
	}
	limited := false
	for _, c := range d.s.Containers {
		if c.Limits.CPU > 0 && c.CPU.Samples > 0 {
			limited = true
			e.bad = max(e.bad, c.ThrottledRatio)
		}
	}
	return e, limited
}

// surprised remembers that more arrives than what is there can carry, by the
// model, or where there is none that pods use all that their limits leave them.
func (d *draft) surprised(z *sizer) {
	d.state.SurprisedAt = d.s.State.SurprisedAt
	ready := float64(d.s.Replicas.Ready)
	if ready <= 0 {
		return
	}
	var perPod float64
	switch {
	case z.n.perPod > 0:
		now := mixture{prompt: d.s.Batch.PromptTokens, output: d.s.Batch.OutputTokens}
		if t := d.s.Tokens; t != nil {
			now.prompt, now.output = max(now.prompt, t.Prompt.Last), max(now.output, t.Output.Last)
		}
		perPod = d.evident(d.carries(now, 1))
	case z.n.serving >= 0:
		c := d.s.Containers[z.n.serving]
		perPod = z.capacity(min(c.Requests.CPU, c.pending().CPU).Cores()) / z.n.correction
	default:
		if slices.ContainsFunc(d.s.Containers, d.pegged) {
			d.state.SurprisedAt = d.s.Now
		}
		return
	}
	if d.newest(d.s.Demand) > perPod*ready {
		d.state.SurprisedAt = d.s.Now
	}
}
