package recommender

import (
	"fmt"
	"math"
	"time"
)

const (
	// defaultReversals within defaultDamping are one too many. Six changes of
	// direction an hour are three full swings, which no pod that takes minutes
	// to start can follow.
	defaultReversals = 6
	defaultDamping   = time.Hour
	// turnsMost bounds the changes of direction that are remembered.
	turnsMost = 16
)

func (p Damper) window() time.Duration {
	if p.WindowSeconds > 0 {
		return seconds(p.WindowSeconds)
	}
	return defaultDamping
}

func (p Damper) reversals() int {
	if p.Reversals > 0 {
		return min(p.Reversals, turnsMost)
	}
	return defaultReversals
}

// guardOscillation lowers nothing that has changed its direction too often: it
// stays at the larger of what it swings between until the changes are older
// than the window. The number of pods and their sizes count apart.
func guardOscillation(d *draft, z *sizer) {
	p := d.s.Policy.Horizontal.Damper
	if p.Off {
		return
	}
	since := d.s.Now.Add(-p.window())
	turns := 0
	for i, e := range d.state.Scales {
		if i > 0 && e.At.After(since) && (e.To > e.From) != (d.state.Scales[i-1].To > d.state.Scales[i-1].From) {
			turns++
		}
	}
	if now := d.s.Replicas.Desired; turns >= p.reversals() && d.chosen.replicas < now {
		d.damped("replicas", "pods", float64(d.chosen.replicas), float64(now), turns)
		d.rescale(z, now)
	}
	turns = 0
	for _, t := range d.state.Turns {
		if t.At.After(since) {
			turns++
		}
	}
	if before := d.podPrice(); turns >= p.reversals() && d.keepSizes() {
		d.damped("cost", d.currency()+"/h", before, d.podPrice(), turns)
	}
}

func (d *draft) damped(subject, unit string, before, after float64, turns int) {
	d.add(Reason{
		Code: ReasonDamped, Subject: subject, Unit: unit, Before: before, After: after,
		Message: fmt.Sprintf("went up and down %d times within %s: nothing is lowered until it is quiet", turns,
			span(d.s.Policy.Horizontal.Damper.window())),
	})
}

// podPrice is what the sizes of one pod cost an hour.
func (d *draft) podPrice() float64 {
	return d.s.Policy.Prices.of(d.frame.pod(amountsOf(d.chosen.sizes)))
}

// remember writes what this decision changes into the state.
func (d *draft) remember() {
	if now, to := d.s.Replicas.Desired, d.chosen.replicas; to != now && d.fixedReplicas() == "" {
		d.state.Scales = latest(append(d.state.Scales, Scale{At: d.s.Now, From: now, To: to}), scalesMost)
	}
	pod, move := d.frame.pod(amountsOf(d.chosen.sizes)), 0.0
	for r, is := range d.frame.presentPod {
		move += math.Log(float64(max(1, pod[r])) / float64(max(1, is)))
	}
	turns := d.state.Turns
	if move != 0 && (len(turns) == 0 || turns[len(turns)-1].Up != (move > 0)) {
		d.state.Turns = latest(append(turns[:len(turns):len(turns)], Turn{At: d.s.Now, Up: move > 0}), turnsMost)
	}
}
