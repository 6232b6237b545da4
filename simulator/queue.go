package simulator

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/rightsize-dev/rightsize/recommender"
)

// queueLoad simulates every item of a queue service: one shared queue, first
// come first served, from which idle workers take items at random.
type queueLoad struct {
	requestLog
	s       *QueueService
	arr     *arrivals
	work    workSampler
	routing *rand.Rand
	oomed   bool // A pod was OOM-killed since advance looked last.

	waiting  ring[request]
	busy     int
	inQueue  timed    // Integral of the items that wait.
	inWork   timed    // Integral of those that are worked on.
	workers  []worker // Slots, some of pods that are gone.
	free     []int32  // Slots to use again.
	idle     []int32  // Workers without an item.
	finishes finishHeap
}

// crew is what a pod of a queue service has.
type crew struct {
	workers []int32 // Slots of queueLoad.workers.
	speed   float64 // Cores per worker.
	busy    int
	most    int // Items at once that the memory limit allows.
	last    float64
	time    float64 // Integral of busy.
}

// worker is one worker of a pod, with the item it works on if it is busy.
type worker struct {
	pod    *pod // nil for a slot that is free.
	at     int  // Index in queueLoad.idle, -1 if busy.
	item   request
	left   float64 // Core-seconds since the speed last changed.
	finish float64
}

// timed is the integral of a quantity over time.
type timed struct {
	last, sum float64
}

// add accounts for a quantity that has been n since the last call.
func (s *timed) add(t float64, n int) {
	s.sum += (t - s.last) * float64(n)
	s.last = t
}

// take returns the integral up to t and begins a new one.
func (s *timed) take(t float64, n int) float64 {
	s.add(t, n)
	sum := s.sum
	s.sum = 0
	return sum
}

func newQueueLoad(w *world) *queueLoad {
	s := w.sc.Service.Queue
	return &queueLoad{
		requestLog: newRequestLog(w, w.sc.Objective.WaitSeconds), s: s, arr: newArrivals(w.sc, w.steered, math.Inf(1)),
		work: newWorkSampler(s.CPUSecondsPerItem, s.CPUCV), routing: newStream(w.sc.Seed, streamRouting),
		inQueue: timed{last: w.steered}, inWork: timed{last: w.steered},
	}
}

// advance serves what arrives and what ends before the instant to. At one
// instant ends come first.
func (q *queueLoad) advance(to float64) float64 {
	for {
		end := q.nextEnd()
		if end > to && q.arr.next >= to {
			return to
		}
		t := min(end, q.arr.next)
		if end <= q.arr.next {
			q.end(end)
		} else {
			item := request{arrival: t, work: q.work.draw(q.arr.rng) * q.w.cpuFactor}
			q.arr.advance()
			q.step.arrivals++
			q.arrived(t, 1)
			q.enqueue(item, t)
		}
		if q.oomed {
			q.oomed = false
			return t
		}
	}
}

// nextEnd is when the next item is done, +Inf if none is worked on.
func (q *queueLoad) nextEnd() float64 {
	if len(q.finishes.items) == 0 {
		return math.Inf(1)
	}
	return q.finishes.items[0].at
}

func (q *queueLoad) enqueue(item request, t float64) {
	if len(q.idle) > 0 {
		q.start(item, t)
		return
	}
	q.inQueue.add(t, q.waiting.n)
	q.waiting.push(item)
}

// start gives an item to an idle worker, of which there has to be one.
func (q *queueLoad) start(item request, t float64) {
	i := q.idle[q.routing.IntN(len(q.idle))]
	q.unidle(i)
	k := &q.workers[i]
	p := k.pod
	p.crew.integrate(t)
	q.count(p, 1, t)
	k.item, k.left = item, item.work
	q.schedule(i, t)
	if p.crew.busy > p.crew.most {
		q.w.now = t
		q.w.oomKill(p)
		q.oomed = true
	}
}

// count adds to the items that a pod works on.
func (q *queueLoad) count(p *pod, n int, t float64) {
	q.inWork.add(t, q.busy)
	q.busy += n
	p.crew.busy += n
}

// schedule sets when a worker will have done what is left of its item.
func (q *queueLoad) schedule(i int32, t float64) {
	k := &q.workers[i]
	k.finish = math.MaxFloat64 // Busy, but never done.
	if speed := k.pod.crew.speed; speed > 0 {
		k.finish = t + k.left/speed
	}
	q.finishes.set(i, k.finish)
}

// end records an item that is done and begins the next.
func (q *queueLoad) end(t float64) {
	i := q.finishes.items[0].worker
	k := &q.workers[i]
	q.finishes.remove(i)
	k.pod.crew.integrate(t)
	q.count(k.pod, -1, t)
	q.done(k, t)
	q.setIdle(i)
	q.dispatch(t)
}

// done records an item at its end: what counts is how long it waited.
func (q *queueLoad) done(k *worker, t float64) {
	q.served(k.item.arrival, t-k.item.arrival, k.item.waited > q.limit)
}

// dispatch hands out waiting items as long as there are idle workers.
func (q *queueLoad) dispatch(t float64) {
	for q.waiting.n > 0 && len(q.idle) > 0 {
		q.inQueue.add(t, q.waiting.n)
		item := q.waiting.pop()
		item.waited = t - item.arrival
		q.start(item, t)
	}
}

func (c *crew) integrate(t float64) {
	c.time += (t - c.last) * float64(c.busy)
	c.last = t
}

func (q *queueLoad) setIdle(i int32) {
	q.workers[i].at = len(q.idle)
	q.idle = append(q.idle, i)
}

func (q *queueLoad) unidle(i int32) {
	at, last := q.workers[i].at, len(q.idle)-1
	moved := q.idle[last]
	q.idle[at] = moved
	q.workers[moved].at = at
	q.idle = q.idle[:last]
	q.workers[i].at = -1
}

func (q *queueLoad) settle(p *pod) {
	if p == nil {
		return // Nothing is shared.
	}
	c, u := &p.crew, &p.use
	c.integrate(q.w.now)
	dt := q.w.now - u.since
	used := min(q.s.BaseCPU.Cores(), p.ceiling)*dt + c.time*c.speed
	u.cpu += used
	u.memory += q.w.memoryFactor * (float64(q.s.BaseMemory)*dt + float64(q.s.MemoryPerItem)*c.time)
	u.running += dt
	u.readySeconds += dt
	u.readyCPU += used
	u.readyCeiling += p.ceiling * dt
	c.time = 0
}

func (q *queueLoad) changed(p *pod, how change) {
	switch how {
	case joined:
		q.join(p)
	case resized:
		q.fit(p)
	case removed:
		q.leave(p, false)
	case killed:
		q.leave(p, true)
	}
}

// join adds the workers of a pod.
func (q *queueLoad) join(p *pod) {
	p.crew = crew{last: q.w.now, workers: p.crew.workers[:0]}
	for range q.s.WorkersPerPod {
		i := int32(len(q.workers)) //nolint:gosec // Pods times workers are bounded.
		if n := len(q.free); n > 0 {
			i, q.free = q.free[n-1], q.free[:n-1]
		} else {
			q.workers = append(q.workers, worker{})
			q.finishes.place = append(q.finishes.place, -1)
		}
		q.workers[i] = worker{pod: p}
		p.crew.workers = append(p.crew.workers, i)
		q.setIdle(i)
	}
	q.fit(p)
	if p.phase == ready {
		q.dispatch(q.w.now)
	}
}

// WorkerSpeed is the number of cores each worker of a pod gets that may use
// that many.
func (s *QueueService) WorkerSpeed(ceiling float64) float64 {
	return min(1, max(0, ceiling-s.BaseCPU.Cores())/float64(s.WorkersPerPod))
}

// MostCPU is the request beyond which a pod's workers get no faster.
func (s *QueueService) MostCPU(sc *Scenario) recommender.MilliCPU {
	ratio := sc.Ceiling(sc.Initial.Requests) / sc.Initial.Requests.CPU.Cores()
	return recommender.FromCores((float64(s.WorkersPerPod) + s.BaseCPU.Cores()) / ratio)
}

// fit puts the pod's ceiling and memory limit into effect. Items keep the work
// they have left.
func (q *queueLoad) fit(p *pod) {
	c, now := &p.crew, q.w.now
	old := c.speed
	c.speed = q.s.WorkerSpeed(p.ceiling)
	for _, i := range c.workers {
		if k := &q.workers[i]; k.at < 0 {
			if old > 0 {
				k.left = max(0, (k.finish-now)*old)
			}
			q.schedule(i, now)
		}
	}
	c.most = q.most(p)
	if c.busy > c.most || c.most < 0 {
		q.w.oomKill(p)
	}
}

// most is how many items at once a pod's memory limit allows, -1 where it does
// not even allow none.
func (q *queueLoad) most(p *pod) int {
	limit := p.memLimit
	base := float64(q.s.BaseMemory)*q.w.memoryFactor + q.w.leaked(p)
	each := float64(q.s.MemoryPerItem) * q.w.memoryFactor
	switch {
	case base > limit:
		return -1
	case base+each*float64(q.s.WorkersPerPod) <= limit:
		return math.MaxInt
	default:
		return int((limit - base) / each)
	}
}

// leave takes a pod's workers away. What they work on is finished, or, after a
// kill, goes back to the head of the queue to be done anew.
func (q *queueLoad) leave(p *pod, killed bool) {
	c := &p.crew
	c.integrate(q.w.now)
	var back []request
	for _, i := range c.workers {
		k := &q.workers[i]
		switch {
		case k.at >= 0:
			q.unidle(i)
		case killed || c.speed <= 0:
			q.finishes.remove(i)
			back = append(back, k.item)
		default:
			q.finishes.remove(i)
			q.done(k, k.finish)
		}
		*k = worker{}
		q.free = append(q.free, i)
	}
	q.count(p, -c.busy, q.w.now)
	c.workers = c.workers[:0]
	slices.SortStableFunc(back, func(a, b request) int {
		switch {
		case a.arrival > b.arrival:
			return -1
		case a.arrival < b.arrival:
			return 1
		}
		return 0
	})
	q.inQueue.add(q.w.now, q.waiting.n)
	for _, item := range back {
		q.waiting.pushFront(item)
	}
	q.dispatch(q.w.now)
}

func (q *queueLoad) endStep(o *Observation) {
	length := seconds(q.w.sc.Step)
	o.Waiting = q.inQueue.take(q.w.now, q.waiting.n) / length
	o.Running = q.inWork.take(q.w.now, q.busy) / length
	q.observe(o)
}

// finish serves what is left with the workers there are; what they never can
// is violated.
func (q *queueLoad) finish(s *Score) []bool {
	for end := q.nextEnd(); end < math.MaxFloat64; end = q.nextEnd() {
		q.end(end)
	}
	for q.waiting.n > 0 {
		q.unfinished(q.waiting.pop().arrival)
	}
	for i := range q.workers {
		if k := &q.workers[i]; k.pod != nil && k.at < 0 {
			q.unfinished(k.item.arrival)
		}
	}
	return q.requestLog.finish(s)
}

// unfinished records an item that is never done.
func (q *queueLoad) unfinished(arrival float64) {
	if arrival >= q.from {
		q.unserved++
		q.violate(arrival, 1)
	}
}
