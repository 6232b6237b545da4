package recommender

import (
	"fmt"
	"math"
	"time"
)

const (
	// staleAfter is how old the newest sample may be: three times the default
	// step of the history.
	staleAfter = 15 * time.Minute
	// shrinkTolerance and growTolerance are the relative changes of a request
	// that are not worth making; dearTolerance is how much growth of CPU is not where
	// a change is dear.
	shrinkTolerance = 0.1
	growTolerance   = 0.03
	dearTolerance   = 0.1
	// crashLoop is how many restarts of a container within 10 minutes are a
	// crash loop: the kubelet waits 10, 20 and 40 s before the first three.
	crashLoop = 3
	// surpriseFreeze is how long after a surprise sizes that are dear to change are
	// not lowered.
	surpriseFreeze = 10 * time.Minute
	// oomFreeze is how long after a kill for want of memory nothing is lowered.
	oomFreeze = 10 * time.Minute
)

// guard bounds the choice of a draft. A guard that changes or holds a number
// appends its reason. None lowers a number, but for those that hold one from
// growing: a crash loop, the policies of change, a budget, and what is allowed.
type guard func(*draft, *sizer)

// guards lists the guards in the order in which they act.
func guards() []guard {
	return []guard{
		guardUnsafeData,   // missing, stale or partial data lowers nothing
		guardUnidentified, // a pod whose capacity is not known lowers nothing
		guardThinHistory,  // less than a day of history lowers nothing
		guardRollout,      // a rollout under way lowers nothing
		guardCrashLoop,    // containers that keep crashing: replicas stay, nothing is lowered
		guardOOM,          // a kill for want of memory a moment ago lowers nothing
		guardOscillation,  // what went back and forth too often is not lowered
		guardBehavior,     // recent wishes, tolerance and the policies of change
		guardStarting,     // pods that start carry nothing yet: sizes of those that are ready are not lowered below the need
		guardSurprise,     // a surprise a moment ago lowers no size that is dear to change
		guardWithinReason, // small changes are not made
		guardBudget,       // what the cluster's budget leaves no room for is held
		guardAllowed,      // nothing that was kept or held exceeds what is allowed
	}
}

// guardUnsafeData lowers nothing where the data is not whole: unknown is not
// zero.
func guardUnsafeData(d *draft, z *sizer) {
	for _, f := range d.s.Facts {
		if f.Code == FactPartial || f.Code == FactMissing && (f.Signal == "" || f.Signal == "cpu" || f.Signal == "memory") {
			d.hold(z, ReasonUnsafeData, fmt.Sprintf("data is not whole (%s): nothing is lowered", f.Message))
			return
		}
	}
	for _, c := range d.s.Containers {
		if age := seconds(max(c.CPU.AgeSeconds, c.Memory.AgeSeconds)); age > staleAfter && !d.s.Workload.Batch() {
			d.hold(z, ReasonUnsafeData, fmt.Sprintf("the newest sample of container %s is %s old: nothing is lowered", c.Name, span(age)))
			return
		}
	}
}

// guardThinHistory lowers nothing below what its owner made it before a whole
// day has been seen: what a surprise has raised may fall again.
func guardThinHistory(d *draft, z *sizer) {
	for _, c := range d.s.Containers {
		if f := c.CPU.Forecast; c.CPU.Samples > 0 && f.Span < trustSpan {
			d.state.Owner = d.owners()
			d.holdOwner = !d.held
			d.hold(z, ReasonLowTrust, fmt.Sprintf("only %s of history of container %s: nothing is lowered below what its owner asked for",
				span(f.Span), c.Name))
			return
		}
	}
}

// owners is what the owner asked for: what was there at the first decision of
// those made with too little history.
func (d *draft) owners() *OwnerSize {
	if o := d.s.State.Owner; o != nil && len(o.Sizes) == len(d.s.Containers) {
		return o
	}
	o := &OwnerSize{Replicas: d.s.Replicas.Desired}
	for _, c := range d.s.Containers {
		o.Sizes = append(o.Sizes, d.base(c))
	}
	return o
}

// guardRollout lowers nothing while pods of two revisions run.
func guardRollout(d *draft, z *sizer) {
	if d.s.Replicas.Rollout {
		d.hold(z, ReasonRollout, "a rollout is under way: nothing is lowered")
	}
}

// guardCrashLoop keeps the number of pods, and lowers nothing, while containers
// keep crashing: what they use says nothing about what they need, and more pods
// crash, too.
func guardCrashLoop(d *draft, z *sizer) {
	for _, c := range d.s.Containers {
		if c.RecentRestarts < max(crashLoop, d.s.Replicas.pods()/10) {
			continue
		}
		h, now := d.s.Policy.Horizontal, d.s.Replicas.Desired
		before, cost := d.chosen.replicas, d.podPrice()
		if now >= h.Min && now <= h.Max && now > 0 {
			d.rescale(z, now)
		}
		d.holdOwner = false
		d.kept(before, cost, Reason{
			Code: ReasonCrashLoop, Container: c.Name,
			Message: fmt.Sprintf("container %s restarted %d times within 10 minutes: replicas stay, nothing is lowered", c.Name, c.RecentRestarts),
		})
		return
	}
}

// guardOOM lowers nothing right after a kill for want of memory.
func guardOOM(d *draft, z *sizer) {
	for _, c := range d.s.Containers {
		if ago := d.s.Now.Sub(c.LastOOMKill); c.OOMKills > 0 && ago >= 0 && ago < oomFreeze {
			d.hold(z, ReasonOOMFreeze, fmt.Sprintf("container %s was killed for want of memory %s ago: nothing is lowered", c.Name, span(ago)))
			return
		}
	}
}

// guardStarting counts on ready pods alone. What is needed is shared out among
// pods of which some carry nothing yet: while they start, no size is lowered below
// what those that are ready need alone. Where sizes are dear to change none is lowered,
// since all fall again once the others are there; and where the ready ones use all
// that they may, they get what they need at once, instead of a little more with each
// decision.
func guardStarting(d *draft, z *sizer) {
	r := d.s.Replicas
	if r.Ready <= 0 || r.Ready >= d.chosen.replicas || z.n.perPod > 0 || z.n.patient {
		return
	}
	short := z.shortOf(option{replicas: r.Ready, sizes: d.chosen.sizes}, shares{}) > growTolerance
	before, alone := d.podPrice(), z.option(r.Ready).sizes
	changed := false
	for i, c := range d.s.Containers {
		if !z.n.containers[i].known {
			continue
		}
		floor := Resources{}
		least := d.least(i)
		switch {
		case r.Ready >= r.Desired: // Those that start are asked for by this decision.
		case d.restless():
			floor = least
		case short:
			floor = Resources{CPU: min(least.CPU, alone[i].CPU), Memory: min(least.Memory, alone[i].Memory)}
		}
		if d.restless() && d.pegged(c) {
			floor.CPU = max(floor.CPU, alone[i].CPU)
		}
		got := &d.chosen.sizes[i]
		if kept := got.Clamp(floor, Resources{}); kept != *got {
			*got, changed = kept, true
		}
	}
	if changed {
		d.sizesKept(before, Reason{
			Code: ReasonStarting, Message: fmt.Sprintf("%d of %d pods are ready and carry everything until the others do", r.Ready, d.chosen.replicas),
		})
	}
}

// guardSurprise lowers nothing right after a surprise where to change every pod
// again would cost more than restless hours: how much is needed is known only once
// demand has been seen for a while, and to wait is cheaper than to resize twice.
func guardSurprise(d *draft, z *sizer) {
	ago := d.s.Now.Sub(d.state.SurprisedAt)
	if !d.restless() || z.n.patient || ago < 0 || ago >= surpriseFreeze {
		return
	}
	if before := d.podPrice(); d.keepSizes() {
		d.sizesKept(before, Reason{
			Code: ReasonSurprise, Message: fmt.Sprintf("demand was more than the pods could serve %s ago: no size is lowered", span(ago)),
		})
	}
}

// hold keeps every number that the choice would lower.
func (d *draft) hold(z *sizer, code ReasonCode, message string) {
	if code != ReasonLowTrust {
		d.holdOwner = false
	}
	before, cost := d.chosen.replicas, d.podPrice()
	now := d.s.Replicas.Desired
	if d.holdOwner {
		now = min(now, d.state.Owner.Replicas)
	}
	switch {
	case before < now:
		d.rescale(z, now)
	case before > now:
		d.rechoose(z, now, code)
	}
	d.kept(before, cost, Reason{Code: code, Message: message})
}

// kept keeps every size that the choice would lower, and gives the reason where
// that, or the number of pods, is no longer what it was before.
func (d *draft) kept(before int, cost float64, r Reason) {
	d.held = true
	switch lowered := d.keepSizes(); {
	case d.chosen.replicas != before:
		r.Subject, r.Unit, r.Before, r.After = "replicas", "pods", float64(before), float64(d.chosen.replicas)
		d.add(r)
	case lowered:
		d.sizesKept(cost, r)
	}
}

// sizesKept gives the reason why pods are dearer than was chosen.
func (d *draft) sizesKept(before float64, r Reason) {
	r.Subject, r.Unit, r.Before, r.After = "cost of a pod", d.currency()+"/h", before, d.podPrice()
	d.add(r)
}

// rechoose chooses anew where what is held is a size below which the choice
// went: many small pods would become as many large ones.
func (d *draft) rechoose(z *sizer, now int, code ReasonCode) {
	lower := false
	for i := range d.s.Containers {
		least := d.least(i).amounts()
		for r, got := range d.chosen.sizes[i].amounts() {
			lower = lower || got < least[r]
		}
		d.frame.boxes[i].narrow(least, amounts{boundless, boundless}, why{code: code})
	}
	if h := d.s.Policy.Horizontal; lower && d.fixedReplicas() == "" {
		d.chosen = z.bestPlan(min(max(now, h.Min), h.Max), h.Max).option
	}
}

// least is the size below which a container does not go while it is held.
func (d *draft) least(i int) Resources {
	least := d.base(d.s.Containers[i])
	if d.holdOwner {
		own := d.state.Owner.Sizes[i]
		least = Resources{CPU: min(least.CPU, own.CPU), Memory: min(least.Memory, own.Memory)}
	}
	return least
}

// rescale chooses the cheapest plan with that many pods: sizes that last as long
// as one of all numbers would, and no change at all where that many are there and
// do. What was held stays held.
func (d *draft) rescale(z *sizer, replicas int) {
	if replicas == d.chosen.replicas {
		return
	}
	if replicas == 0 {
		d.chosen.replicas, d.chosen.cost = 0, 0
		return
	}
	d.chosen = z.bestPlan(replicas, replicas).option
	if d.held {
		d.keepSizes()
	}
}

// standing is what is there now with what it lacks, as an option.
func (z *sizer) standing() option {
	o := z.present()
	if z.n.perPod <= 0 {
		o.short = z.shortOf(o, shares{})
	}
	o.replicas = z.d.s.Replicas.Desired
	o.cost = z.d.cost(o.replicas, o.sizes)
	return o
}

// keepSizes raises every size that is below what is there to it, and says
// whether there was one.
func (d *draft) keepSizes() bool {
	raised := false
	for i := range d.s.Containers {
		got := &d.chosen.sizes[i]
		if kept := got.Clamp(d.least(i), Resources{}); kept != *got {
			*got, raised = kept, true
		}
	}
	return raised
}

// guardWithinReason leaves requests as they are where the change is small and
// what is there carries the need.
func guardWithinReason(d *draft, _ *sizer) {
	grow := d.growths()
	for i, c := range d.s.Containers {
		is := d.base(c).amounts()
		for r := range is {
			got := d.chosen.sizes[i].amounts()
			if !small(float64(is[r]), float64(got[r]), grow[r]) {
				continue
			}
			want := got[r]
			if got[r] = is[r]; !d.frame.allows(i, got) {
				continue
			}
			d.keep(c.Name, subject(r), unit(r), inUnit(r, want), inUnit(r, is[r]))
			d.chosen.sizes[i] = got.resources()
		}
	}
}

func (d *draft) keep(container, subject, unit string, want, is float64) {
	d.add(Reason{
		Code: ReasonWithinTolerance, Container: container, Subject: subject, Unit: unit, Before: want, After: is,
		Message: fmt.Sprintf("a change of %s is not worth making", percent(math.Abs(want/is-1))),
	})
}

// growths are by resource the growth of a request that is not worth making: of CPU
// more where all pods together are dearer to resize, a quarter of that in hours. Of
// memory no more may be missing, however dear: its lack kills.
func (d *draft) growths() (grow shares) {
	grow[ofCPU] = min(dearTolerance, growTolerance+d.resizeHours()/4)
	grow[ofMemory] = growTolerance
	return grow
}

// small says whether going from is to want is not worth it, where growth below grow
// is not.
func small(is, want, grow float64) bool {
	if is <= 0 || want == is {
		return false
	}
	change := want/is - 1
	return change > -shrinkTolerance && change < grow
}
