package simulator

import (
	"math"
	"math/rand/v2"
)

// httpLoad simulates every request of an http service.
type httpLoad struct {
	requestLog
	s       *HTTPService
	arr     *arrivals
	work    workSampler
	routing *rand.Rand
	oomed   bool // A pod was OOM-killed since advance looked last.
}

func newHTTPLoad(w *world) *httpLoad {
	s := w.sc.Service.HTTP
	return &httpLoad{
		requestLog: newRequestLog(w, w.sc.Objective.LatencySeconds), s: s, arr: newArrivals(w.sc, w.steered),
		work: newWorkSampler(s.CPUSecondsPerRequest, s.CPUCV), routing: newStream(w.sc.Seed, streamRouting),
	}
}

// advance serves the arrivals before the instant to.
func (h *httpLoad) advance(to float64) float64 {
	for h.arr.next < to {
		t := h.arr.next
		work := h.work.draw(h.arr.rng)
		h.arr.advance()
		h.arrive(request{arrival: t, work: work}, t)
		if h.oomed {
			h.oomed = false
			return t
		}
	}
	return to
}

// arrive routes one request.
func (h *httpLoad) arrive(r request, t float64) {
	h.step.arrivals++
	h.arrived(t, 1)
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
	latency := t - r.arrival
	h.served(r.arrival, latency, latency > h.limit)
}

func (h *httpLoad) settle(p *pod) {
	if p == nil {
		return // Nothing is shared.
	}
	q, u := &p.serve, &p.use
	q.advance(h.w.now, h)
	dt := h.w.now - u.since
	used := min(h.s.BaseCPU.Cores(), p.ceiling)*dt + q.busyTime*q.speed
	u.cpu += used
	u.memory += float64(h.s.BaseMemory)*dt + float64(h.s.MemoryPerConcurrentRequest)*q.inTime
	u.running += dt
	u.readySeconds += dt
	u.readyCPU += used
	u.readyCeiling += p.ceiling * dt
	q.busyTime, q.inTime = 0, 0
}

func (h *httpLoad) changed(p *pod, how change) {
	switch how {
	case joined:
		p.serve = newPodQueue(h.w.now, h.s.ConcurrencyPerPod)
		h.fit(p)
	case resized:
		h.fit(p)
	case removed:
		h.drain(p)
	case killed:
		for _, t := range p.serve.drop() {
			h.drop(t, 1)
		}
	}
}

// fit puts the pod's ceiling and memory limit into effect.
func (h *httpLoad) fit(p *pod) {
	q := &p.serve
	q.setSpeed(workers(p.ceiling), workerSpeed(p.ceiling, h.s.BaseCPU.Cores()), h.w.now)
	q.oomAt = h.oomAt(p.memLimit)
	if q.n >= q.oomAt {
		h.w.oomKill(p)
	}
}

// drain finishes what a pod has; what it never can is dropped.
func (h *httpLoad) drain(p *pod) {
	for _, t := range p.serve.drain(h) {
		h.drop(t, 1)
	}
}

// oomAt is the number of requests in a pod from which on it needs more memory
// than the limit. With a limit below the base it is 0, and the pod dies as soon
// as it is ready.
func (h *httpLoad) oomAt(limit float64) int {
	base, each := float64(h.s.BaseMemory), float64(h.s.MemoryPerConcurrentRequest)
	switch {
	case base > limit:
		return 0
	case base+each*float64(h.s.ConcurrencyPerPod) <= limit:
		return math.MaxInt
	default:
		return int((limit-base)/each) + 1
	}
}

// podMetrics has nothing to add.
func (h *httpLoad) podMetrics(*pod, *PodObservation) {}

func (h *httpLoad) endStep(o *Observation) { h.observe(o) }

func (h *httpLoad) finish(s *Score) {
	for _, p := range h.w.ready {
		h.drain(p)
	}
	h.requestLog.finish(s)
}
