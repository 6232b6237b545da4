package recommender

import (
	"fmt"
	"math"
	"slices"
)

const (
	// keepReplicas is the saving below which the number of pods stays: pods
	// take time to start and lose what they have cached.
	keepReplicas = 0.05
	// startAmortised is the span in seconds over which the start of a pod has
	// to pay off.
	startAmortised = 3600
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
//     container that then carries the need, and what both cost: the cheapest
//     wins, but the number of pods stays for savings below 5 %;
//  3. the guards, in order: none of them can lower a number.
func (*Recommender) Decide(s Snapshot) Decision {
	s.Policy = s.Policy.withDefaults(s.Replicas)
	d := &draft{s: s}
	n := needOf(d)
	if !n.known() {
		return d.none()
	}
	z := newSizer(d, n)
	d.choose(z)
	for _, g := range guards() {
		g(d, z)
	}
	return d.decision(z)
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
	held  bool
	state State
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

// choose takes the cheapest option that is the least short.
func (d *draft) choose(z *sizer) {
	now := max(1, d.s.Replicas.Desired)
	lo, hi := d.s.Policy.Horizontal.Min, d.s.Policy.Horizontal.Max
	if why := d.fixedReplicas(); why != "" {
		lo, hi = now, now
		d.add(Reason{
			Code: ReasonHorizontalFixed, Subject: "replicas", Unit: "pods", Before: float64(now), After: float64(now), Message: why,
		})
	}
	start := orDefault(d.s.Replicas.StartupSeconds, defaultStartup) / startAmortised
	price := func(o option) float64 {
		return o.cost * (1 + start*math.Abs(float64(o.replicas-now))/float64(o.replicas))
	}
	best, kept := option{short: math.Inf(1)}, option{short: math.Inf(1)}
	for replicas := lo; replicas <= hi; replicas++ {
		o := z.option(replicas)
		if o.short < best.short-1e-9 || (o.short <= best.short+1e-9 && price(o) < price(best)) {
			best = o
		}
		if replicas == now {
			kept = o
		}
	}
	if kept.short <= best.short && kept.cost <= best.cost*(1+keepReplicas) {
		best = kept
	}
	d.chosen = best
	d.add(d.cheapest())
	d.boundReasons()
}

// fixedReplicas says why the number of pods is not chosen; empty where it is.
func (d *draft) fixedReplicas() string {
	switch {
	case d.s.Workload.Batch():
		return "runs to completion: it has runs, not replicas"
	case !d.s.Workload.Scalable():
		return fmt.Sprintf("a %s has no number of replicas to choose", d.s.Workload.Kind)
	case d.s.Policy.Horizontal.Fixed:
		return "replicas are not rightsize's to choose by the policy in force"
	case !d.batchServed() && slices.ContainsFunc(d.s.Containers, func(c Container) bool { return c.GPUs > 0 }):
		return "uses GPUs, whose capacity is not known from CPU and memory: replicas stay"
	default:
		return ""
	}
}

func (d *draft) cheapest() Reason {
	now := d.currentCost()
	return Reason{
		Code: ReasonCheapest, Subject: "cost", Unit: d.currency() + "/h", Before: now, After: d.chosen.cost,
		Message: fmt.Sprintf("%d pods at %s %s an hour are the cheapest that carry the need; now it is %d at %s",
			d.chosen.replicas, num(d.chosen.cost), d.currency(), d.s.Replicas.Desired, num(now)),
	}
}

// boundReasons tells where the owner's bounds moved the choice, and where they
// leave it short.
func (d *draft) boundReasons() {
	for i, c := range d.s.Containers {
		want, got := d.chosen.uncapped[i], d.chosen.sizes[i]
		if want.CPU != got.CPU {
			d.add(Reason{
				Code: ReasonBounded, Container: c.Name, Subject: "cpu", Unit: "cores", Before: want.CPU.Cores(), After: got.CPU.Cores(),
				Message: fmt.Sprintf("%s cores would do, the bound is %s", num(want.CPU.Cores()), num(got.CPU.Cores())),
			})
		}
		if want.Memory != got.Memory {
			d.add(Reason{
				Code: ReasonBounded, Container: c.Name, Subject: "memory", Unit: "bytes", Before: float64(want.Memory), After: float64(got.Memory),
				Message: fmt.Sprintf("%s would do, the bound is %s", size(float64(want.Memory)), size(float64(got.Memory))),
			})
		}
	}
	if d.chosen.short > 1e-9 {
		d.add(Reason{
			Code: ReasonShort, Subject: "replicas", Unit: "pods", Before: float64(d.s.Replicas.Desired), After: float64(d.chosen.replicas),
			Message: fmt.Sprintf("nothing within the bounds carries the need: %s of it stays uncovered", percent(d.chosen.short)),
		})
	}
}

// currentCost is what runs now.
func (d *draft) currentCost() float64 {
	sizes := make([]Resources, len(d.s.Containers))
	for i, c := range d.s.Containers {
		sizes[i] = c.Requests
	}
	return d.cost(max(d.s.Replicas.Desired, 0), sizes)
}

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
	now := d.currentCost()
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
	out.Confidence = d.confidence()
	resized := false
	for i, c := range d.s.Containers {
		target := d.chosen.sizes[i]
		lower, upper := z.bounds(i, d.chosen.replicas, target)
		r := Recommendation{
			Name: c.Name, Sidecar: c.Sidecar, Requests: c.Requests, Limits: c.Limits, Target: target, TargetLimits: c.Limits,
			LowerBound: lower, UpperBound: upper, UncappedTarget: d.chosen.uncapped[i],
		}
		if target != c.Requests {
			resized = true
			r.TargetLimits = d.s.Policy.Vertical.limits(c, target)
		}
		r.Advice = d.advise(c, r)
		out.Containers = append(out.Containers, r)
	}
	out.Cost.TargetPerHour = d.cost(d.chosen.replicas, d.chosen.sizes)
	scaled := d.chosen.replicas != d.s.Replicas.Desired && d.fixedReplicas() == ""
	if !scaled {
		out.DesiredReplicas = d.s.Replicas.Desired
		out.Cost.TargetPerHour = d.cost(out.DesiredReplicas, d.chosen.sizes)
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
	n, pods := z.n.containers[i], float64(replicas)
	if !n.known {
		return target, target
	}
	lower = Resources{CPU: FromCores(n.perReplica + n.cpuMedian/pods), Memory: FromBytes(n.memoryLow)}
	upper = Resources{
		CPU:    FromCores((n.perReplica + n.cpuHigh/pods) / z.d.s.Policy.Vertical.CPUUtilization * n.imbalance),
		Memory: FromBytes(n.memoryHigh),
	}
	return Resources{CPU: min(lower.CPU, target.CPU), Memory: min(lower.Memory, target.Memory)},
		Resources{CPU: max(upper.CPU, target.CPU), Memory: max(upper.Memory, target.Memory)}
}
