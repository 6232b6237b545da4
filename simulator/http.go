package simulator

import (
	"math"
	"math/rand/v2"
)

// httpLoad simulates an http service: request by request, or by formulas in
// rows of a rate that makes this too slow.
type httpLoad struct {
	requestLog
	s       *HTTPService
	arr     *arrivals
	work    workSampler
	routing *rand.Rand
	oomed   bool // A pod was OOM-killed since advance looked last.
	retries *retries

	flow     flow
	flowing  bool
	most     float64 // Largest rate that is simulated request by request.
	inFlight float64 // Request-seconds in this step.
	at       float64
	row      int
}

func newHTTPLoad(w *world) *httpLoad {
	s, sc := w.sc.Service.HTTP, w.sc
	most := float64(flowRate)
	again := newRetries(s)
	if s.EveryRequest || sc.Demand.Arrivals != nil || again != nil {
		most = math.Inf(1)
	}
	h := &httpLoad{
		requestLog: newRequestLog(w, sc.Objective.LatencySeconds), s: s, arr: newArrivals(sc, w.steered, most),
		work: newWorkSampler(s.CPUSecondsPerRequest, s.CPUCV), routing: newStream(sc.Seed, streamRouting),
		retries: again, most: most, at: w.steered, row: sc.Demand.row(w.steered),
	}
	h.flow = flow{
		h: h, shape: newWorkShape(s.CPUCV), counts: newStream(sc.Seed, streamCounts), noise: newStream(sc.Seed, streamNoise),
		tails: map[tailKey][]float64{}, levels: newFlowLevels(), spells: newWorkSampler(1, spellCV),
	}
	return h
}

// advance serves the arrivals before the instant to, row by row.
func (h *httpLoad) advance(to float64) float64 {
	demand := &h.w.sc.Demand
	for {
		if end := demand.rowEnd(h.row); h.at >= end {
			h.row++
			continue
		}
		h.choose(demand.Rate[h.row], demand.rowEnd(h.row))
		until := min(to, demand.rowEnd(h.row))
		if h.flowing {
			h.at = h.flow.advance(until)
		} else {
			h.at = h.single(until)
		}
		if h.at < until || h.at >= to {
			return h.at
		}
	}
}

// choose begins or ends the formulas, as the rate of the row asks for.
func (h *httpLoad) choose(rate, rowEnd float64) {
	switch flowing := rate > h.most; {
	case flowing && !h.flowing:
		h.flow.begin(h.at, rate, rowEnd)
	case flowing:
		h.flow.rate, h.flow.rowEnd = rate, rowEnd
	case h.flowing:
		h.flow.end()
	}
	h.flowing = rate > h.most
}

// single serves the arrivals before the instant to one by one. It returns the
// instant it reached, which is earlier only after an OOM kill.
func (h *httpLoad) single(to float64) float64 {
	for {
		t := h.arr.next
		if h.retries != nil && h.retries.next() <= min(t, to) {
			t = h.retries.next()
			h.clients(t)
			if h.oomed {
				h.oomed = false
				return t
			}
			continue
		}
		if t >= to {
			return to
		}
		work := h.work.draw(h.arr.rng) * h.w.cpuFactor
		h.arr.advance()
		h.arrive(request{arrival: t, work: work}, t)
		if h.oomed {
			h.oomed = false
			return t
		}
	}
}

// arrive routes one request.
func (h *httpLoad) arrive(r request, t float64) {
	h.arrived(t, 1)
	if h.retries != nil {
		h.try(attempt{first: t, work: r.work}, t)
		return
	}
	h.step.arrivals++
	p := h.route()
	if p == nil {
		h.drop(t, 1)
		return
	}
	q := &p.serve
	q.advance(t, h)
	if q.n >= q.room {
		h.drop(t, 1)
		return
	}
	h.take(p, r, t)
}

// take gives a request to a pod that has room for it.
func (h *httpLoad) take(p *pod, r request, t float64) {
	q := &p.serve
	q.arrive(r, t)
	if q.n >= q.oomAt {
		h.w.now = t
		h.w.oomKill(p)
		h.oomed = true
	}
}

// route chooses a ready pod uniformly at random, nil if there is none.
func (h *httpLoad) route() *pod {
	switch ready := h.w.ready; len(ready) {
	case 0:
		return nil
	case 1:
		return ready[0]
	default:
		return ready[h.routing.IntN(len(ready))]
	}
}

// finished records a request at the end of its work.
func (h *httpLoad) finished(r request, t float64) {
	if h.retries != nil {
		h.answer(r, t)
		return
	}
	latency := t - r.arrival
	h.served(r.arrival, latency, latency > h.limit)
}

func (h *httpLoad) settle(p *pod) {
	if p == nil {
		return // Nothing is shared.
	}
	q, u := &p.serve, &p.use
	dt := h.w.now - u.since
	if g := p.flow.group; g != nil {
		g.collect(p)
	} else {
		q.advance(h.w.now, h)
	}
	used := min(h.s.BaseCPU.Cores(), p.ceiling)*dt + q.busyTime*q.speed + h.flowCPU(p, dt)
	u.cpu += used
	u.memory += h.w.memoryFactor * (float64(h.s.BaseMemory)*dt + float64(h.s.MemoryPerConcurrentRequest)*(q.inTime+p.flow.in))
	h.inFlight += q.inTime + p.flow.in
	u.running += dt
	u.readySeconds += dt
	u.readyCPU += used
	u.readyCeiling += p.ceiling * dt
	q.busyTime, q.inTime = 0, 0
	p.flow.cpu, p.flow.in, p.flow.requested = 0, 0, 0
}

// flowCPU is what a pod used by formulas, which say it for the mean pod: each
// one got another number of requests of another size.
func (h *httpLoad) flowCPU(p *pod, dt float64) float64 {
	u := &p.flow
	if u.cpu <= 0 {
		return 0
	}
	share := 1 - 1/float64(max(1, len(h.w.ready)))
	spread := math.Sqrt(u.requested*(share+h.s.CPUCV*h.s.CPUCV)) * h.s.CPUSecondsPerRequest * h.w.cpuFactor
	if g := u.group; g != nil && g.quick {
		// Little room leaves little to chance: idle times are what varies.
		spread *= math.Sqrt(min(1, max(0, 1-u.cpu/(g.capacity()*h.s.CPUSecondsPerRequest*h.w.cpuFactor*max(dt, 1e-9)))))
	}
	most := max(u.cpu, (p.ceiling-h.s.BaseCPU.Cores())*dt)
	if u.cpu >= 0.999*most {
		return u.cpu // It has no choice.
	}
	return min(max(0, u.cpu+spread*h.flow.noise.NormFloat64()), most)
}

func (h *httpLoad) changed(p *pod, how change) {
	switch how {
	case joined:
		p.serve = newPodQueue(h.w.now, h.s.ConcurrencyPerPod)
		h.fit(p)
		if h.flowing && p.phase == ready {
			h.flow.enter(p, 0)
		}
	case resized:
		if h.flowing {
			n := h.flow.leave(p)
			h.fit(p)
			if p.phase == ready {
				h.flow.enter(p, n)
			}
			return
		}
		h.fit(p)
	case removed:
		if h.flowing {
			h.flow.leave(p)
			return
		}
		h.drain(p)
	case killed:
		if p.flow.group != nil {
			h.drop(h.w.now, max(h.flow.leave(p), h.flow.killed))
		}
		h.lose(p.serve.drop())
	}
}

// lose drops requests, but those that have been counted.
func (h *httpLoad) lose(lost []request) {
	for _, r := range lost {
		switch {
		case h.retries != nil:
			h.fail(r.number, h.w.now)
		case !math.IsInf(r.arrival, -1):
			h.drop(r.arrival, 1)
		}
	}
}

// fit puts the pod's ceiling and memory limit into effect.
func (h *httpLoad) fit(p *pod) {
	q := &p.serve
	q.setSpeed(workers(p.ceiling), workerSpeed(p.ceiling, h.s.BaseCPU.Cores()), h.w.now)
	q.oomAt = h.oomAt(p)
	if q.n >= q.oomAt {
		h.w.oomKill(p)
	}
}

// drain finishes what a pod has; what it never can is dropped.
func (h *httpLoad) drain(p *pod) {
	h.lose(p.serve.drain(h))
}

// oomAt is the number of requests in a pod from which on it needs more memory
// than its limit. Where that is below the base it is 0, and the pod dies as soon
// as it is ready.
func (h *httpLoad) oomAt(p *pod) int {
	base := float64(h.s.BaseMemory)*h.w.memoryFactor + h.w.leaked(p)
	each := float64(h.s.MemoryPerConcurrentRequest) * h.w.memoryFactor
	switch {
	case base > p.memLimit:
		return 0
	case base+each*float64(h.s.ConcurrencyPerPod) <= p.memLimit:
		return math.MaxInt
	default:
		return int((p.memLimit-base)/each) + 1
	}
}

func (h *httpLoad) endStep(o *Observation) {
	o.InFlight, h.inFlight = h.inFlight/seconds(h.w.sc.Step), 0
	h.observe(o)
}

func (h *httpLoad) finish(s *Score) {
	if !h.flowing {
		for _, p := range h.w.ready {
			h.drain(p)
		}
	}
	h.giveUp()
	h.requestLog.finish(s)
}
