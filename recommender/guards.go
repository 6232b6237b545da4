package recommender

import (
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	// staleAfter is how old the newest sample may be: three times the default
	// step of the history.
	staleAfter = 15 * time.Minute
	// shrinkTolerance and growTolerance are the relative changes of a request
	// that are not worth making.
	shrinkTolerance = 0.1
	growTolerance   = 0.03
)

// guard bounds the choice of a draft. A guard that changes or holds a number
// appends its reason. Guards never lower a number.
type guard func(*draft, *sizer)

// guards lists the guards in the order in which they act.
func guards() []guard {
	return []guard{
		guardUnsafeData,   // missing, stale or partial data lowers nothing
		guardUnidentified, // a pod whose capacity is not known lowers nothing
		guardThinHistory,  // less than a day of history lowers nothing
		guardRollout,      // a rollout under way lowers nothing
		guardStabilize,    // the largest recent wish for replicas stays
		guardWithinReason, // small changes are not made
	}
}

// guardUnsafeData lowers nothing where the data is not whole: unknown is not
// zero.
func guardUnsafeData(d *draft, _ *sizer) {
	for _, f := range d.s.Facts {
		if f.Code == FactPartial || f.Code == FactMissing && (f.Signal == "" || f.Signal == "cpu" || f.Signal == "memory") {
			d.hold(ReasonUnsafeData, fmt.Sprintf("data is not whole (%s): nothing is lowered", f.Message))
			return
		}
	}
	for _, c := range d.s.Containers {
		if age := seconds(max(c.CPU.AgeSeconds, c.Memory.AgeSeconds)); age > staleAfter && !d.s.Workload.Batch() {
			d.hold(ReasonUnsafeData, fmt.Sprintf("the newest sample of container %s is %s old: nothing is lowered", c.Name, span(age)))
			return
		}
	}
}

// guardThinHistory lowers nothing before a whole day has been seen.
func guardThinHistory(d *draft, _ *sizer) {
	for _, c := range d.s.Containers {
		if f := c.CPU.Forecast; c.CPU.Samples > 0 && f.Span < trustSpan {
			d.hold(ReasonLowTrust, fmt.Sprintf("only %s of history of container %s: nothing is lowered", span(f.Span), c.Name))
			return
		}
	}
}

// guardRollout lowers nothing while pods of two revisions run.
func guardRollout(d *draft, _ *sizer) {
	if d.s.Replicas.Rollout {
		d.hold(ReasonRollout, "a rollout is under way: nothing is lowered")
	}
}

// hold keeps every number that the choice would lower.
func (d *draft) hold(code ReasonCode, message string) {
	lowered := false
	before := float64(d.chosen.replicas)
	if d.chosen.replicas < d.s.Replicas.Desired {
		d.chosen.replicas = d.s.Replicas.Desired
		lowered = true
	}
	lowered = d.keepSizes() || lowered
	d.held = true
	if lowered {
		d.add(Reason{
			Code: code, Subject: "replicas", Unit: "pods", Before: before, After: float64(d.chosen.replicas), Message: message,
		})
	}
}

// keepSizes raises every size that is below the request in force to it, and
// says whether there was one.
func (d *draft) keepSizes() bool {
	raised := false
	for i, c := range d.s.Containers {
		got := &d.chosen.sizes[i]
		if kept := got.Clamp(c.Requests, Resources{}); kept != *got {
			*got, raised = kept, true
		}
	}
	return raised
}

// guardStabilize keeps the largest number of pods that was wished for within
// the stabilization window, and sizes the pods for it. The wishes it keeps
// fall from the oldest to the newest, since an earlier one that is not larger
// than a later one can never matter: their number is bounded by the replicas.
func guardStabilize(d *draft, z *sizer) {
	wish := d.chosen.replicas
	oldest := d.s.Now.Add(-seconds(d.s.Policy.Horizontal.StabilizationSeconds))
	d.state.Wishes = slices.DeleteFunc(slices.Clone(d.s.State.Wishes), func(w Wish) bool {
		return !w.At.After(oldest) || w.Replicas <= wish
	})
	d.state.Wishes = append(d.state.Wishes, Wish{At: d.s.Now, Replicas: wish})
	kept := min(d.state.Wishes[0].Replicas, d.s.Policy.Horizontal.Max)
	if kept <= wish || d.fixedReplicas() != "" {
		return
	}
	d.add(Reason{
		Code: ReasonStabilized, Subject: "replicas", Unit: "pods", Before: float64(wish), After: float64(kept),
		Message: fmt.Sprintf("%d pods would do, but %d were wished for within %s", wish, kept,
			span(seconds(d.s.Policy.Horizontal.StabilizationSeconds))),
	})
	d.chosen = z.option(kept)
	if d.held {
		d.keepSizes()
	}
}

// guardWithinReason leaves requests as they are where the change is small and
// what is there carries the need.
func guardWithinReason(d *draft, _ *sizer) {
	for i, c := range d.s.Containers {
		got := &d.chosen.sizes[i]
		if small(float64(c.Requests.CPU), float64(got.CPU)) {
			d.keep(c.Name, "cpu", "cores", got.CPU.Cores(), c.Requests.CPU.Cores())
			got.CPU = c.Requests.CPU
		}
		if small(float64(c.Requests.Memory), float64(got.Memory)) {
			d.keep(c.Name, "memory", "bytes", float64(got.Memory), float64(c.Requests.Memory))
			got.Memory = c.Requests.Memory
		}
	}
}

func (d *draft) keep(container, subject, unit string, want, is float64) {
	d.add(Reason{
		Code: ReasonWithinTolerance, Container: container, Subject: subject, Unit: unit, Before: want, After: is,
		Message: fmt.Sprintf("a change of %s is not worth making", percent(math.Abs(want/is-1))),
	})
}

// small says whether going from is to want is not worth it.
func small(is, want float64) bool {
	if is <= 0 || want == is {
		return false
	}
	change := want/is - 1
	return change > -shrinkTolerance && change < growTolerance
}
