package simulator

import (
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// endStep closes a step: every pod is charged, what the policy will see is put
// together, and the totals are added up. It fails if the caller wants to stop.
func (w *world) endStep() error {
	w.seen = Observation{Step: w.sc.Step, Scored: w.scoring()}
	for _, p := range w.pods {
		w.flush(p)
	}
	w.load.endStep(&w.seen)
	w.seen.CPUCores = w.step.usedCPU / seconds(w.sc.Step)
	w.seen.OOMKills, w.seen.Restarts = w.step.oomKills, w.step.restarts
	w.pods0 = w.pods0[:0]
	for _, p := range w.pods {
		w.pods0 = append(w.pods0, w.podMetrics(p))
		w.throttle(p)
		if n := len(w.pods0); w.pods0[n-1].HasMetrics {
			w.seen.MemoryBytes = max(w.seen.MemoryBytes, w.pods0[n-1].MemoryBytes)
		}
		p.use = podUse{since: w.now}
	}
	w.seen.MetricsAt = w.sc.Demand.clock(w.now)
	if w.opts.Watch != nil {
		truth := w.seen
		w.complete(&truth, w.pods0, nil)
		w.opts.Watch(truth)
	}
	if !w.watch.perfect() {
		w.watch.keep(w.now, w.seen, w.pods0)
	}
	w.grow()
	// A step that ends at the scored start lies before it.
	if w.now > w.scored {
		w.total.add(w.step)
	}
	w.step = totals{}
	w.changed = false
	if w.opts.Progress != nil && !w.opts.Progress((w.now-w.steered)/(w.end-w.steered)) {
		return ErrStopped
	}
	return nil
}

// throttle adds a pod's ready seconds in this step to the totals if it was at
// its ceiling.
func (w *world) throttle(p *pod) {
	if u := &p.use; u.atCeiling() {
		w.step.throttled += u.readySeconds
	}
}

// atCeiling says whether a pod used all the CPU that it could while it was
// ready, if it can use any.
func (u *podUse) atCeiling() bool {
	return u.readyCeiling > 0 && u.readyCPU >= throttledAt*u.readyCeiling
}

// podMetrics is what metrics say of a pod about the step just ended.
func (w *world) podMetrics(p *pod) PodObservation {
	u := &p.use
	o := PodObservation{ID: p.id, HasMetrics: u.stepRunning > 0}
	if o.HasMetrics {
		o.CPUCores = u.stepCPU / u.stepRunning
		o.MemoryBytes = u.stepMemory / u.stepRunning
		o.Throttled = u.atCeiling()
	}
	if m, ok := w.load.(podMeter); ok {
		m.podMetrics(p, &o)
	}
	return o
}

// present completes what the policy sees with the state at this instant.
func (w *world) present() {
	o := &w.seen
	if !w.watch.perfect() {
		s := w.watch.at(w.now)
		w.seen, w.pods0 = s.o, append(w.pods0[:0], s.pods...)
		o.Step = w.sc.Step
	}
	w.shown = w.complete(o, w.pods0, w.shown)
}

// complete adds the state at this instant to what metrics say, of pods by
// ascending ID, and returns the pods, for which it uses room.
func (w *world) complete(o *Observation, metrics, room []PodObservation) []PodObservation {
	o.Now = w.sc.Demand.clock(w.now)
	o.Scored = w.scoring()
	o.Desired, o.Ready, o.Template = w.desired, len(w.ready), w.template
	if !math.IsNaN(w.lastOOM) {
		o.LastOOMKill = w.sc.Demand.clock(w.lastOOM)
	}
	o.Pods = room[:0]
	for _, p := range w.pods {
		for len(metrics) > 0 && metrics[0].ID < p.id {
			metrics = metrics[1:]
		}
		var seen PodObservation
		if len(metrics) > 0 && metrics[0].ID == p.id {
			seen = metrics[0]
		}
		w.podState(p, &seen)
		o.Pods = append(o.Pods, seen)
	}
	return o.Pods
}

func (w *world) podState(p *pod, o *PodObservation) {
	d := &w.sc.Demand
	o.ID = p.id
	o.Created = d.clock(p.created)
	o.Pending = p.phase == pending
	o.Pulling = p.phase == pulling
	if !o.Pending {
		o.Started = d.clock(p.started)
	}
	o.Ready = p.phase == ready
	o.ReadyChanged = d.clock(p.readyChanged)
	o.Requests, o.Limits, o.Wanted = p.size, p.limits, p.want
	switch {
	case p.inFlight:
		o.Resize = ResizeInProgress
	case p.want != p.size && !fits(p.want, w.sc.Cluster.Node):
		o.Resize = ResizeInfeasible
	case p.want != p.size:
		o.Resize = ResizeDeferred
	}
	if o.Resize != ResizeNone {
		o.ResizeSince = d.clock(p.resizeSince)
	}
	o.OOMKills, o.Restarts = p.oomKills, p.restarts
	if !math.IsNaN(p.lastOOM) {
		o.LastOOMKill = d.clock(p.lastOOM)
	}
}

// past is what one span of the history looks like.
type past struct{ demand, cpu, memory, running, prompt, output float64 }

// pastOver is the use of the initial pods over [from, to) without throttling
// or loss: means of the demand, of the CPU of all pods, of one pod's memory,
// and of the items or requests that all pods work on.
func (sc *Scenario) pastOver(from, to float64) past {
	p := sc.pastWork(from, to)
	room := math.Inf(1)
	if limit := sc.Limits(sc.Initial.Requests).Memory; limit > 0 {
		room = max(0, float64(limit)-p.memory)
	}
	p.memory += min(sc.Memory.PageCache, room)
	return p
}

// pastWork is pastOver without what files fill.
func (sc *Scenario) pastWork(from, to float64) past {
	s := sc.Demand.over(from, to)
	n := float64(max(1, sc.Initial.Replicas))
	rate, ceiling := s.MeanRate, sc.Ceiling(sc.Initial.Requests)
	switch {
	case sc.Service.HTTP != nil:
		h := sc.Service.HTTP
		service := h.CPUSecondsPerRequest
		if speed := workerSpeed(ceiling, h.BaseCPU.Cores()); speed > 0 {
			service /= speed
		}
		return past{
			demand: rate,
			cpu:    n*h.BaseCPU.Cores() + rate*h.CPUSecondsPerRequest,
			memory: float64(h.BaseMemory) + float64(h.MemoryPerConcurrentRequest)*rate/n*service,
		}
	case sc.Service.Queue != nil:
		q := sc.Service.Queue
		busy := 0.0
		if speed := q.WorkerSpeed(ceiling); speed > 0 {
			busy = min(float64(q.WorkersPerPod), rate/n*q.CPUSecondsPerItem/speed)
		}
		return past{
			demand: rate,
			cpu:    n*q.BaseCPU.Cores() + rate*q.CPUSecondsPerItem,
			memory: float64(q.BaseMemory) + float64(q.MemoryPerItem)*busy, running: n * busy,
		}
	case sc.Service.Inference != nil:
		i := sc.Service.Inference
		input, output := sc.Demand.tokensAt(from, i)
		return past{demand: rate, prompt: input, output: output, running: rate * (input/i.PrefillTokensPerSecond + output*float64(i.MaxBatch)/i.DecodeTokensPerSecond)}
	default:
		return past{demand: rate, cpu: rate, memory: s.MeanMemory / n}
	}
}

// workers is the number of workers of a pod that may use that many cores.
func workers(ceiling float64) int { return max(1, int(math.Ceil(ceiling-1e-9))) }

// workerSpeed is the number of cores each of its workers gets.
func workerSpeed(ceiling, base float64) float64 {
	return max(0, ceiling-base) / float64(workers(ceiling))
}

// setup is what the policy is told.
func (w *world) setup() Setup {
	sc := *w.sc
	sc.Demand, sc.Failures, sc.Deploys, sc.Metrics.Outages = Demand{}, nil, nil, nil
	s := Setup{Scenario: sc, Start: w.sc.Start(), History: w.history()}
	if w.opts.Progress != nil {
		s.Alive = func() bool { return w.opts.Progress(0) }
	}
	return s
}

func (w *world) history() History {
	sc := w.sc
	n := int(sc.Warmup/sc.Step) - sc.SteeredSteps()
	step := seconds(sc.Step)
	first := w.steered - float64(n)*step
	blank := func() forecaster.Series {
		return forecaster.Series{
			Start: sc.Demand.clock(first + step), Step: sc.Step, Values: make([]float64, n),
		}
	}
	h := History{
		Demand: blank(), CPU: blank(), Memory: blank(), PromptTokens: blank(), OutputTokens: blank(), Replicas: sc.Initial.Replicas, Requests: sc.Initial.Requests,
	}
	for i := range n {
		from := first + float64(i)*step
		p := sc.pastOver(from, from+step)
		h.Demand.Values[i], h.CPU.Values[i], h.Memory.Values[i] = p.demand, p.cpu, p.memory
		h.PromptTokens.Values[i], h.OutputTokens.Values[i] = p.prompt, p.output
	}
	if sc.Service.Inference == nil {
		h.PromptTokens.Values, h.OutputTokens.Values = nil, nil
	}
	if !sc.Service.Requests() {
		h.Demand.Values = nil
	}
	return h
}

// observeHistory makes the first observation: that of the last step of the
// history. Without history it holds no metrics.
func (w *world) observeHistory() {
	defer func() { w.watch.shown = scrape{end: w.now, o: w.seen, pods: slices.Clone(w.pods0)} }()
	w.seen = Observation{Step: w.sc.Step, HasDemand: w.sc.Service.Requests() && w.steered > 0}
	if w.steered < seconds(w.sc.Step) {
		w.seen.HasDemand = false
		return
	}
	w.seen.MetricsAt = w.sc.Demand.clock(w.steered)
	p := w.sc.pastOver(w.steered-seconds(w.sc.Step), w.steered)
	if w.seen.HasDemand {
		w.seen.DemandRate, w.seen.ServedRate = p.demand, p.demand
	}
	w.seen.CPUCores, w.seen.MemoryBytes, w.seen.Running = p.cpu, p.memory, p.running
	for _, q := range w.pods {
		w.pods0 = append(w.pods0, PodObservation{
			ID: q.id, HasMetrics: true, CPUCores: p.cpu / float64(len(w.pods)), MemoryBytes: p.memory,
			Running: p.running / float64(len(w.pods)),
		})
	}
}

// wholeMinutes is the number of minutes that begin within d.
func wholeMinutes(d time.Duration) int { return int((d + time.Minute - 1) / time.Minute) }
