package recommender

import (
	"fmt"
	"math"
	"time"
)

const (
	// feedbackUp is by how much the correction grows over one window that is
	// all bad; feedbackDown is by how much it falls over an hour without anything
	// bad where it is above 1, feedbackBelow where it is not: fast up, slow down.
	feedbackUp    = 0.25
	feedbackDown  = 0.15
	feedbackBelow = 0.02
	// feedbackHigh bounds the correction. It is never below 1 with an objective:
	// what is met for hours with less would not tell luck from room.
	feedbackHigh = 2.0
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
// where Δt is the time since the last decision. Bad is, with an objective, what
// missed it, and c is within 1 and 2; without one, bad is time throttled at a
// limit, and c may fall to where requests are all that is used. It stays as it
// is where neither is known.
//
// The idea is that of the error-budget loops of site reliability engineering;
// NVIDIA's Dynamo corrects by observed over predicted latency likewise.
func (d *draft) correct() float64 {
	was := orDefault(d.s.State.Correction, 1)
	d.state.Correction, d.state.CorrectedAt = was, d.s.Now
	e, ok := d.evidence()
	if !ok {
		return was
	}
	x, window, target := e.bad, e.window, e.accepted
	dt := d.s.Now.Sub(d.s.State.CorrectedAt)
	if d.s.State.CorrectedAt.IsZero() || dt < 0 {
		dt = 0
	}
	dt = min(dt, window)
	c := was
	if x > target {
		c *= 1 + feedbackUp*float64(dt)/float64(window)*min(1, (x-target)/target)
	} else {
		down := feedbackBelow
		if c > 1 {
			down = feedbackDown
		}
		c *= 1 - down*dt.Hours()*(target-x)/target
	}
	c = min(max(c, e.least), feedbackHigh)
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

// evidence is how well a window went.
type evidence struct {
	// bad is the bad share of the window, accepted what of it is.
	bad, accepted float64
	window        time.Duration
	// least is the smallest correction that makes sense.
	least float64
}

// evidence is not ok where nothing is known.
func (d *draft) evidence() (evidence, bool) {
	o := d.s.Policy.Objective
	if o.LatencySeconds > 0 {
		out := d.s.Outcome
		if out == nil || !(out.WindowSeconds > 0) {
			return evidence{}, false
		}
		return evidence{
			bad: min(max(out.ViolatedRatio, 0), 1), accepted: d.s.Policy.plannedLate(0), window: seconds(out.WindowSeconds), least: 1,
		}, true
	}
	e := evidence{
		accepted: throttledTarget * d.s.Policy.Risk, window: throttledSpan,
		least: min(1, d.s.Policy.Vertical.CPUUtilization/feedbackUtilization),
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
