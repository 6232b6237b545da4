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
	x, window, target, low := d.badShare()
	if window <= 0 {
		return was
	}
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
	c = min(max(c, low), feedbackHigh)
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

// badShare is the bad share of a window, what of it is accepted, and the least
// correction that makes sense. The window is 0 where nothing is known.
func (d *draft) badShare() (x float64, window time.Duration, target, low float64) {
	o := d.s.Policy.Objective
	if o.LatencySeconds > 0 {
		if out := d.s.Outcome; out != nil && out.WindowSeconds > 0 {
			return min(max(out.ViolatedRatio, 0), 1), seconds(out.WindowSeconds), (1 - o.Percentile) * lateShare, 1
		}
		return 0, 0, 0, 0
	}
	if o.WaitSeconds > 0 || o.TTFTSeconds > 0 || o.ITLSeconds > 0 || d.s.Workload.Batch() {
		return 0, 0, 0, 0
	}
	for _, c := range d.s.Containers {
		if c.Limits.CPU > 0 && c.CPU.Samples > 0 {
			x, window = max(x, c.ThrottledRatio), throttledSpan
		}
	}
	return x, window, throttledTarget * d.s.Policy.Risk, min(1, d.s.Policy.Vertical.CPUUtilization/feedbackUtilization)
}
