package recommender

import "fmt"

const (
	// drainSeconds is how soon a backlog is to be worked off, unless items may
	// wait for longer.
	drainSeconds = 60
	// saturation is the share of its largest throughput that a batch server is
	// given where no rate meets the objective.
	saturation = 0.8
)

// backlogRate is the rate per second at which the work that waits would be
// worked off in time.
func (d *draft) backlogRate() float64 {
	backlog := d.s.Demand.Backlog
	if backlog <= 0 {
		return 0
	}
	drain := max(drainSeconds, d.s.Policy.Objective.WaitSeconds)
	rate := backlog / drain
	d.add(Reason{
		Code: ReasonBacklog, Subject: "demand", Unit: d.s.Demand.Unit, After: rate,
		Message: fmt.Sprintf("%s wait: %s %s more work them off within %s", num(backlog), num(rate), d.s.Demand.Unit,
			span(seconds(drain))),
	})
	return rate
}

// batchServed says whether the workload serves a language model whose demand
// is known.
func (d *draft) batchServed() bool {
	return d.s.Batch != nil && d.s.Demand != nil && d.s.Demand.Samples > 0
}

// modelNeed is the need of a workload that serves a language model: pods of a
// fixed size, as many as carry the forecast demand and what waits. More of
// them take their start-up time, so all of it is needed ahead.
func (d *draft) modelNeed(n *need, w windows) {
	b, dem, o := *d.s.Batch, d.s.Demand, d.s.Policy.Objective
	late := (1 - o.Percentile) * lateShare
	n.perPod = b.Capacity(o.TTFTSeconds, o.ITLSeconds, late)
	if n.perPod <= 0 {
		n.perPod = saturation * b.Throughput(max(1, b.Slots()))
	}
	n.perPod = d.evident(n.perPod)
	level := 1 - d.s.Policy.Risk
	rate := max(dem.Forecast.MaxWithin(w.ahead, level), dem.Last)
	d.add(Reason{
		Code: ReasonForecast, Subject: "demand", Unit: dem.Unit, Before: dem.Last, After: rate,
		Message: fmt.Sprintf("%s is %s now; with probability %s it stays below %s within %s",
			dem.Signal, num(dem.Last), percent(level), num(rate), span(w.ahead)),
	})
	if why := distrust(dem.Forecast); why != "" {
		floor := dem.Recent * (1 + reactiveMargin)
		d.add(Reason{
			Code: ReasonLowTrust, Subject: "demand", Unit: dem.Unit, Before: rate, After: max(rate, floor),
			Message: fmt.Sprintf("%s: at least the most of the last 15 minutes and %s more, %s", why, percent(reactiveMargin), num(floor)),
		})
		rate = max(rate, floor)
	}
	n.rateAhead = rate + d.backlogRate()
	d.add(Reason{
		Code: ReasonQueueing, Subject: "demand", Unit: dem.Unit, Before: b.Throughput(max(1, b.Slots())), After: n.perPod,
		Message: fmt.Sprintf("a pod serves up to %s %s, of which %s within the objective, at %s tokens in and %s out",
			num(b.Throughput(max(1, b.Slots()))), dem.Unit, num(n.perPod), num(b.PromptTokens), num(b.OutputTokens)),
	})
}

// evident is what a pod is taken to carry: what its model says where that is
// identified, else what pods were seen to carry.
func (d *draft) evident(modelled float64) float64 {
	e := d.s.BatchEvidence
	if e == nil || e.Identified {
		return modelled
	}
	seen := saturation * e.SaturatedRate
	if seen <= 0 {
		seen = e.CarriedRate
	}
	if seen <= 0 {
		seen = modelled
	}
	d.add(Reason{
		Code: ReasonUnidentified, Subject: "demand", Unit: d.s.Demand.Unit, Before: modelled, After: seen,
		Message: fmt.Sprintf("metrics have not yet told how fast a pod is (token times to %s, prompts to %s): it is taken to carry %s %s, and nothing is lowered",
			percent(e.StepSD), percent(e.PrefillSD), num(seen), d.s.Demand.Unit),
	})
	return seen
}

// guardUnidentified lowers nothing while it is not known what a pod carries.
func guardUnidentified(d *draft, z *sizer) {
	if d.batchServed() && d.s.BatchEvidence != nil && !d.s.BatchEvidence.Identified {
		d.hold(z, ReasonUnidentified, "what a pod carries is not known yet: nothing is lowered")
	}
}

// batchOption is that many pods of the size they have.
func (z *sizer) batchOption(replicas int) option {
	o := option{replicas: replicas, short: lack(z.n.rateAhead/float64(replicas), z.n.perPod)}
	for _, c := range z.d.s.Containers {
		o.sizes, o.uncapped = append(o.sizes, c.Requests), append(o.uncapped, c.Requests)
	}
	o.cost = z.d.cost(replicas, o.sizes)
	return o
}
