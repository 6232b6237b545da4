package recommender

import (
	"fmt"
	"math"
	"slices"
)

// Recommender decides sizes. The zero value is ready to use.
type Recommender struct{}

// Decide returns the size a workload should have from s.Now on, and why. It is
// a function of s alone: equal snapshots give equal decisions. Missing or thin
// data is a decision with a reason, not an error.
//
// It goes through these steps, each of which appends its reasons:
//
//  1. what each container needs until the next decision has taken effect, from
//     the forecast quantile that the accepted risk names, and never less than
//     what is used now;
//  2. every number of pods within the bounds, the smallest size of each
//     container that then carries the need, and what both cost, for several
//     spans that this may have to last: the cheapest wins, with what it costs
//     to change spread over the span, and what is there stays where no change
//     saves that much;
//  3. the guards, in order: none of them can lower a number.
func (r *Recommender) Decide(s Snapshot) Decision {
	if len(s.Groups) > 0 {
		return r.decideGroups(s)
	}
	hold := s.Policy.withDefaults(s.Replicas).HoldSeconds
	s = s.prepared()
	d := &draft{s: s, expected: make([]float64, len(s.Containers))}
	d.constrain()
	n := needOf(d)
	for i, c := range n.containers {
		d.expected[i] = c.cpuExpected
	}
	if !n.known() {
		return d.none()
	}
	z := newSizer(d, n)
	d.surprised(z)
	d.answerDeferred(z)
	d.choose(z)
	d.idle(z)
	for _, g := range guards() {
		g(d, z)
	}
	out := d.decision(z)
	out.Alternatives = d.alternatives(z)
	out.RecheckAfterSeconds = d.recheck(hold)
	return out
}

// known says whether anything is known about any container.
func (n need) known() bool {
	return n.perPod > 0 || slices.ContainsFunc(n.containers, func(c containerNeed) bool { return c.known })
}

// draft is a decision being made.
type draft struct {
	s       Snapshot
	reasons []Reason
	chosen  option
	// held says that a guard forbade to lower anything.
	held bool
	// holdOwner says that this is below state.Owner only.
	holdOwner bool
	state     State
	// expected is the CPU in cores that each container is expected to use,
	// summed over the pods.
	expected []float64
	// frame is what bounds the sizes and the number of pods, ruled the policies
	// of the containers, bounds who bounds the number of pods.
	frame  *frame
	ruled  []ContainerPolicy
	bounds []replicaBound
	// accelerator is the profile chosen, nil where there is no choice.
	accelerator *AcceleratorChoice
}

func (d *draft) add(r Reason) {
	r.Before, r.After = finite(r.Before), finite(r.After)
	d.reasons = append(d.reasons, r)
}

// finite makes a number fit for JSON.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

// choose takes the plan that costs the least over the time for which it lasts,
// of those that are the least short.
func (d *draft) choose(z *sizer) {
	lo, hi := d.replicaBounds()
	best := z.bestPlan(lo, hi)
	d.chosen = best.option
	d.sharedReason(z, best.option)
	d.gatheredReason(z, best.option)
	d.add(d.cheapest(best))
	d.boundReasons()
}

// replicaBounds are the numbers of pods to choose from.
func (d *draft) replicaBounds() (lo, hi int) {
	lo, hi = d.s.Policy.Horizontal.Min, d.s.Policy.Horizontal.Max
	if why := d.fixedReplicas(); why != "" {
		lo = max(1, d.s.Replicas.Desired)
		hi = lo
		d.add(Reason{
			Code: ReasonHorizontalFixed, Subject: "replicas", Unit: "pods", Before: float64(lo), After: float64(lo), Message: why,
		})
	}
	return lo, hi
}

// fixedReplicas says why the number of pods is not chosen; empty where it is.
func (d *draft) fixedReplicas() string {
	switch {
	case d.s.Replicas.Desired == 0 && d.s.Policy.Horizontal.Zero == nil && d.s.Workload.Scalable():
		return "somebody stopped it: it stays at zero"
	case d.s.Workload.Batch():
		return "runs to completion: it has runs, not replicas"
	case !d.s.Workload.Scalable():
		return fmt.Sprintf("a %s has no number of replicas to choose", d.s.Workload.Kind)
	case d.s.Policy.Horizontal.Fixed:
		return "replicas are not rightsize's to choose by the policy in force"
	case !d.batchServed() && !d.gpuServed() && slices.ContainsFunc(d.s.Containers, func(c Container) bool { return c.GPUs > 0 }):
		return "uses GPUs, whose capacity is not known from CPU and memory: replicas stay"
	default:
		return ""
	}
}

func (d *draft) cheapest(p plan) Reason {
	now, then := d.statedNow(), d.stated(p.replicas, p.sizes)
	r := Reason{Code: ReasonCheapest, Subject: "cost", Unit: d.currency() + "/h", Before: now, After: then}
	switch {
	case !p.stay:
		r.Message = fmt.Sprintf("%d pods at %s %s an hour are the cheapest that carry the need, for some %s; now it is %d at %s",
			p.replicas, num(then), d.currency(), span(p.span), d.s.Replicas.Desired, num(now))
	default:
		r.Code = ReasonNotWorthwhile
		r.Message = fmt.Sprintf("%d pods at %s %s an hour carry the need for some %s: no change would save what it costs",
			p.replicas, num(then), d.currency(), span(p.span))
	}
	return r
}

// presentSizes are what the containers request now.
func (d *draft) presentSizes() []Resources {
	sizes := make([]Resources, len(d.s.Containers))
	for i, c := range d.s.Containers {
		sizes[i] = c.Requests
	}
	return sizes
}

// statedNow is what there is now costs, as a decision tells it.
func (d *draft) statedNow() float64 { return d.stated(max(d.s.Replicas.Desired, 0), d.presentSizes()) }

func (d *draft) currency() string {
	if c := d.s.Policy.Prices.Currency; c != "" {
		return c
	}
	return "USD"
}

// none is the decision for a workload about which nothing is known.
func (d *draft) none() Decision {
	out := d.outline()
	out.Action = ActionNone
	for _, c := range d.s.Containers {
		out.Containers = append(out.Containers, Recommendation{
			Name: c.Name, Sidecar: c.Sidecar, Requests: c.Requests, Limits: c.Limits, Target: c.Requests, TargetLimits: c.Limits,
			LowerBound: c.Requests, UpperBound: c.Requests, UncappedTarget: c.Requests,
		})
	}
	if len(d.s.Containers) == 0 {
		d.add(Reason{Code: ReasonNoData, Message: "no container of this workload was found"})
	}
	out.Reasons, out.State = d.reasons, d.s.State
	return out
}

// outline is the part of a decision that is there in any case.
func (d *draft) outline() Decision {
	now := d.statedNow()
	return Decision{
		APIVersion: APIVersion, Kind: DecisionKind, At: d.s.Now, Workload: d.s.Workload, Action: ActionHold,
		CurrentReplicas: d.s.Replicas.Desired, DesiredReplicas: d.s.Replicas.Desired,
		Cost:                Cost{CurrentPerHour: now, TargetPerHour: now, Currency: d.currency()},
		RecheckAfterSeconds: d.s.Policy.HoldSeconds,
	}
}

// decision turns the draft into the answer.
func (d *draft) decision(z *sizer) Decision {
	out := d.outline()
	out.DesiredReplicas = d.chosen.replicas
	out.Confidence, out.Accelerator = d.confidence(), d.accelerator
	resized := false
	limits := d.targetLimits(z)
	for i, c := range d.s.Containers {
		target := d.chosen.sizes[i]
		lower, upper := z.bounds(i, d.chosen.replicas, target)
		r := Recommendation{
			Name: c.Name, Sidecar: c.Sidecar, Requests: c.Requests, Limits: c.Limits, Target: target, TargetLimits: c.Limits,
			LowerBound: lower, UpperBound: upper, UncappedTarget: d.chosen.uncapped[i],
		}
		if target != c.Requests {
			resized = true
			r.TargetLimits = limits[i]
		}
		r.Boost = d.boost(i, target)
		r.Advice = d.advise(c, r)
		out.Containers = append(out.Containers, r)
	}
	d.remember()
	out.Cost.TargetPerHour = d.stated(d.chosen.replicas, d.chosen.sizes)
	scaled := d.chosen.replicas != d.s.Replicas.Desired && d.fixedReplicas() == ""
	if !scaled {
		out.DesiredReplicas = d.s.Replicas.Desired
		out.Cost.TargetPerHour = d.stated(out.DesiredReplicas, d.chosen.sizes)
	}
	switch {
	case resized && scaled:
		out.Action = ActionResizeAndScale
	case resized:
		out.Action = ActionResize
	case scaled:
		out.Action = ActionScale
	}
	d.state.LastChange = d.s.State.LastChange
	if out.Action != ActionHold {
		d.state.LastChange = d.s.Now
	}
	out.Reasons, out.State = d.reasons, d.state
	return out
}

// confidence is that of the least confident forecast that was used.
func (d *draft) confidence() float64 {
	least := 1.0
	for _, c := range d.s.Containers {
		if c.CPU.Samples > 0 {
			least = min(least, c.CPU.Forecast.Confidence)
		}
	}
	return least
}

// bounds enclose the requests that need no change: below, the median of the
// need is not covered; above, its 0.99 quantile is, with room to spare.
func (z *sizer) bounds(i, replicas int, target Resources) (lower, upper Resources) {
	n, pods := z.n.containers[i], float64(max(1, replicas))
	if !n.known {
		return target, target
	}
	burst := 1 + z.d.s.Policy.Vertical.Burst
	lower = Resources{CPU: FromCores((n.perReplica + n.cpuMedian/pods) / burst * min(1, z.n.correction)), Memory: FromBytes(n.memoryLow)}
	upper = Resources{
		CPU:    FromCores((n.perReplica + n.cpuHigh/pods) / burst / z.d.rules(i).CPUUtilization * n.imbalance * max(1, z.n.correction)),
		Memory: FromBytes(n.memoryHigh),
	}
	return Resources{CPU: min(lower.CPU, target.CPU), Memory: min(lower.Memory, target.Memory)},
		Resources{CPU: max(upper.CPU, target.CPU), Memory: max(upper.Memory, target.Memory)}
}
