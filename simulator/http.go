package simulator

import (
	"math"
	"math/rand/v2"
)

// windowSeconds is the length of the windows that violation time is counted
// in.
const windowSeconds = 60

// httpLoad simulates every request of an http service.
type httpLoad struct {
	w       *world
	s       *HTTPService
	arr     *arrivals
	routing *rand.Rand
	oomed   bool // A pod was OOM-killed since advance looked last.

	from    float64 // Only requests from here on are recorded.
	limit   float64 // Latency objective.
	step    latencies
	total   latencyTotals
	windows httpWindows

	stepArrivals, stepDropped int
	stepServed                int
	dropped, late             uint64
}

// httpWindows counts arrivals and violated ones by window.
type httpWindows struct {
	start    float64
	arrivals []uint32
	violated []uint32
	end      float64 // Of the window that arrivals fall into now.
	at       int
}

func newHTTPLoad(w *world) *httpLoad {
	n := wholeMinutes(w.sc.Duration)
	return &httpLoad{
		w: w, s: w.sc.Service.HTTP, arr: newArrivals(w.sc, w.steered), routing: newStream(w.sc.Seed, streamRouting),
		limit:   w.sc.Objective.LatencySeconds,
		windows: httpWindows{start: w.scored, arrivals: make([]uint32, n), violated: make([]uint32, n), end: w.scored, at: -1},
	}
}

// advance serves the arrivals before the instant to.
func (h *httpLoad) advance(to float64) float64 {
	for h.arr.next < to {
		t := h.arr.next
		work := h.arr.work.draw(h.arr.rng)
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
	h.stepArrivals++
	if t >= h.windows.end {
		h.windows.open(t)
	}
	if h.windows.at >= 0 {
		h.windows.arrivals[h.windows.at]++
	}
	var p *pod
	switch ready := h.w.ready; len(ready) {
	case 0:
		h.drop(t)
		return
	case 1:
		p = ready[0]
	default:
		p = ready[h.routing.IntN(len(ready))]
	}
	q := &p.serve
	q.advance(t, h)
	if q.n >= q.room {
		h.drop(t)
		return
	}
	q.arrive(r, t)
	if q.n >= q.oomAt {
		h.w.now = t
		h.w.oomKill(p)
		h.oomed = true
	}
}

// open moves on to the window of t, which is not before the present one.
func (w *httpWindows) open(t float64) {
	if t < w.start {
		return
	}
	w.at = w.index(t)
	w.end = w.start + windowSeconds*float64(w.at+1)
}

// index is the window of t, which is not before the start.
func (w *httpWindows) index(t float64) int {
	i := int((t - w.start) / windowSeconds)
	if t >= w.start+windowSeconds*float64(i+1) {
		i++
	} else if i > 0 && t < w.start+windowSeconds*float64(i) {
		i--
	}
	return min(i, len(w.arrivals)-1)
}

// violate records a request that arrived at t and was dropped or late.
func (h *httpLoad) violate(t float64) {
	if t < h.windows.start {
		return
	}
	h.late++
	h.windows.violated[h.windows.index(t)]++
}

func (h *httpLoad) drop(t float64) {
	h.stepDropped++
	if t >= h.windows.start {
		h.dropped++
	}
	h.violate(t)
}

// served records a finished request.
func (h *httpLoad) served(arrival, finish float64) {
	if arrival < h.from {
		return
	}
	latency := finish - arrival
	h.step.add(latency)
	h.stepServed++
	if latency > h.limit {
		h.violate(arrival)
	}
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
			h.drop(t)
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
		h.drop(t)
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

func (h *httpLoad) endStep(o *Observation) {
	length := seconds(h.w.sc.Step)
	o.HasDemand = true
	o.DemandRate = float64(h.stepArrivals) / length
	o.ServedRate = float64(h.stepServed) / length
	o.DroppedRate = float64(h.stepDropped) / length
	o.LatencySeconds = h.step.quantile(h.w.sc.Objective.Percentile)
	h.closeStep()
	if h.w.now >= h.w.scored {
		h.from = h.w.scored
	}
	h.stepArrivals, h.stepDropped, h.stepServed = 0, 0, 0
}

// closeStep adds the step's latencies to the totals, unless it lies before the
// scored start.
func (h *httpLoad) closeStep() {
	if h.w.now > h.w.scored {
		h.total.addAll(&h.step)
	}
	h.step = latencies{}
}

func (h *httpLoad) finish(s *Score) {
	for _, p := range h.w.ready {
		h.drain(p)
	}
	h.closeStep()
	arrived, windows := uint64(0), &h.windows
	for i, n := range windows.arrivals {
		arrived += uint64(n)
		late := float64(windows.violated[i])
		if late > 0 && late > (1-h.w.sc.Objective.Percentile)*float64(n) {
			begin := windowSeconds * float64(i)
			s.SLOViolationSeconds += min(windowSeconds, h.w.end-h.w.scored-begin)
		}
	}
	s.SLOViolatedRequestRatio = ratio(float64(h.late), float64(arrived))
	served := arrived - h.dropped
	s.ServedRequests, s.DroppedRequests = &served, &h.dropped
	s.LatencyP50Seconds = h.total.quantile(0.50)
	s.LatencyP95Seconds = h.total.quantile(0.95)
	s.LatencyP99Seconds = h.total.quantile(0.99)
}
