package recommender

import "fmt"

const (
	// drainSeconds is how soon a backlog is to be worked off, unless items may
	// wait for longer.
	drainSeconds = 60
	// saturation is the share of its largest throughput that a batch server is
	// given where no rate meets the objective.
	saturation = 0.8
	// saturationMost is the share of it that feedback may bring a pod to.
	saturationMost = 0.95
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
	return d.s.Batch != nil && d.s.Batch.usable() && d.s.Demand != nil && d.s.Demand.Samples > 0
}

// longTokens is the quantile of the mean tokens at the end of the window that
// is looked at. On the trace of docs/algorithms/sizing.md higher ones buy fewer
// late requests at the price that a lower risk does, and no better.
const longTokens = 0.5

// mixture is a rate of requests and what a mean one of them reads and writes.
type mixture struct {
	what                 string
	rate, prompt, output float64
}

// mixtures are what pods may have to carry within the window: as many requests
// as the accepted risk asks for, of the length that they had in the last half
// hour, and as many as are expected, of the length that is forecast. Many and
// long ones at once would be rarer than the risk.
func (d *draft) mixtures(w windows) []mixture {
	b, dem := d.s.Batch, d.s.Demand
	level := d.level(dem.Forecast)
	many := mixture{"requests", max(d.ahead(dem, w.ahead, level), d.newest(dem)), b.PromptTokens, b.OutputTokens}
	d.add(Reason{
		Code: ReasonForecast, Subject: "demand", Unit: dem.Unit, Before: dem.Last, After: many.rate,
		Message: fmt.Sprintf("%s is %s now; with probability %s it stays below %s within %s",
			dem.Signal, num(dem.Last), percent(level), num(many.rate), span(w.ahead)),
	})
	many.rate = max(many.rate, d.reactiveRate(many.rate))
	t := d.s.Tokens
	if t == nil || t.Prompt.Samples == 0 || t.Output.Samples == 0 {
		return []mixture{many}
	}
	expected := dem.Counting.rate(0.5, func(level float64) float64 { return dem.Forecast.At(w.ahead, level) })
	long := mixture{what: "tokens", rate: expected}
	long.prompt, long.output = d.tokensAhead("promptTokens", t.Prompt, b.PromptTokens, w), d.tokensAhead("outputTokens", t.Output, b.OutputTokens, w)
	return []mixture{many, long}
}

// tokensAhead is what the mean number of tokens is expected to be at the end
// of the window, and not less than it was lately.
func (d *draft) tokensAhead(subject string, u Usage, lately float64, w windows) float64 {
	high := max(1, lately, u.Forecast.At(w.ahead, longTokens))
	d.add(Reason{
		Code: ReasonForecast, Subject: subject, Unit: "tokens/request", Before: lately, After: high,
		Message: fmt.Sprintf("a mean request had %s lately; with probability %s it stays below %s in %s",
			num(lately), percent(longTokens), num(high), span(w.ahead)),
	})
	return high
}

// modelNeed is the need of a workload that serves a language model: pods of a
// fixed size, as many as carry the forecast demand and what waits. More of
// them take their start-up time, so all of it is needed ahead.
func (d *draft) modelNeed(n *need, w windows) {
	dem := d.s.Demand
	backlog := d.backlogRate()
	worst, pods, modelled, carried := mixture{}, 0.0, 0.0, 0.0
	for i, m := range d.mixtures(w) {
		m.rate += backlog
		model := d.carries(m, n.correction)
		perPod := d.evident(model)
		if i == 0 {
			n.perPod = perPod
		}
		if i == 0 || m.rate/perPod > pods {
			worst, pods, modelled, carried = m, m.rate/perPod, model, perPod
		}
	}
	n.waiting, n.rateAhead = backlog, pods*n.perPod // In requests of the first mixture.
	b := *d.s.Batch
	b.PromptTokens, b.OutputTokens = worst.prompt, worst.output
	d.unidentified(carried, modelled)
	d.add(Reason{
		Code: ReasonQueueing, Subject: "demand", Unit: dem.Unit, Before: b.Throughput(max(1, b.Slots())), After: carried,
		Message: fmt.Sprintf("a pod serves up to %s %s, of which %s within the objective, at %s tokens in and %s out, bound by %s; the %s decide, with %s %s",
			num(b.Throughput(max(1, b.Slots()))), dem.Unit, num(carried), num(b.PromptTokens), num(b.OutputTokens),
			b.binding(carried, d.s.Policy.Objective), worst.what, num(worst.rate), dem.Unit),
	})
	d.modelAccelerator(worst)
	if own, ok := d.variantShare(worst, carried); ok {
		n.rateAhead, n.shared = own*n.perPod*(1-1e-9), true
	}
}

// carries is the rate of such requests that a pod serves, by its model and what
// feedback has made of that; never quite its largest throughput.
func (d *draft) carries(m mixture, correction float64) float64 {
	b := *d.s.Batch
	b.PromptTokens, b.OutputTokens = m.prompt, m.output
	rate := b.within(d.s.Policy)
	return max(min(rate/correction, saturationMost*b.Throughput(max(1, b.Slots()))), min(rate, rate/correction))
}

// evident is what a pod is taken to carry: what its model says where that is
// identified, else what pods were seen to carry.
func (d *draft) evident(modelled float64) float64 { return d.s.BatchEvidence.carries(modelled) }

// carries is what a pod is taken to carry of which a model says that.
func (e *BatchEvidence) carries(modelled float64) float64 {
	switch {
	case e == nil || e.Identified:
		return modelled
	case e.SaturatedRate > 0:
		return saturation * e.SaturatedRate
	case e.CarriedRate > 0:
		return e.CarriedRate
	default:
		return modelled
	}
}

// unidentified tells that what a pod carries is not what its model says.
func (d *draft) unidentified(seen, modelled float64) {
	e := d.s.BatchEvidence
	if e == nil || e.Identified {
		return
	}
	d.add(Reason{
		Code: ReasonUnidentified, Subject: "demand", Unit: d.s.Demand.Unit, Before: modelled, After: seen,
		Message: fmt.Sprintf("metrics have not yet told how fast a pod is (token times to %s, prompts to %s): it is taken to carry %s %s, and nothing is lowered",
			percent(e.StepSD), percent(e.PrefillSD), num(seen), d.s.Demand.Unit),
	})
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
