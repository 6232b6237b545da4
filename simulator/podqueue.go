package simulator

import "math"

// podQueue is the first-come-first-served queue of one http pod: workers of
// equal speed, each busy with one request, and a ring of waiting ones.
type podQueue struct {
	speed   float64 // Cores per worker.
	workers int
	room    int // Requests it holds at most.
	oomAt   int // Requests that need more memory than the limit allows.

	n        int // Requests in the pod, waiting ones included.
	busy     int
	last     float64 // When the integrals were last brought up to date.
	busyTime float64 // Integral of busy workers.
	inTime   float64 // Integral of n.

	next    float64   // Earliest finish, +Inf if no worker is busy.
	nextAt  int       // The worker it belongs to.
	finish  []float64 // Per worker, +Inf if idle.
	serving []serving // Per worker.

	waiting ring[request]
}

// request is one request, or one item of a queue.
type request struct {
	arrival float64
	work    float64 // Core-seconds left.
	waited  float64 // Until an item was begun.
	first   float64 // When its client asked first; for retries.
	number  uint64  // Of the attempt; for retries.
}

// serving is a request at a worker since start.
type serving struct {
	request
	start float64
}

// newPodQueue is an empty queue at the instant now.
func newPodQueue(now float64, room int) podQueue {
	return podQueue{last: now, next: math.Inf(1), room: room}
}

// integrate brings the integrals up to date.
func (q *podQueue) integrate(t float64) {
	dt := t - q.last
	q.busyTime += dt * float64(q.busy)
	q.inTime += dt * float64(q.n)
	q.last = t
}

// advance finishes what is finished at t and brings the integrals up to t.
func (q *podQueue) advance(t float64, done *httpLoad) {
	for q.next <= t {
		i, at := q.nextAt, q.next
		q.integrate(at)
		q.n--
		done.finished(q.serving[i].request, at)
		if q.waiting.n > 0 {
			q.serve(i, q.waiting.pop(), at)
		} else {
			q.busy--
			q.finish[i] = math.Inf(1)
		}
		q.findNext()
	}
	q.integrate(t)
}

func (q *podQueue) serve(i int, r request, t float64) {
	q.serving[i] = serving{request: r, start: t}
	if q.speed > 0 {
		q.finish[i] = t + r.work/q.speed
	} else {
		q.finish[i] = math.MaxFloat64 // Busy, but never done.
	}
}

func (q *podQueue) findNext() {
	at, next := 0, q.finish[0]
	for i := 1; i < len(q.finish); i++ {
		if q.finish[i] < next {
			at, next = i, q.finish[i]
		}
	}
	q.nextAt, q.next = at, next
}

// arrive adds a request at t, to which the queue has been advanced. There has
// to be room.
func (q *podQueue) arrive(r request, t float64) {
	q.n++
	if q.busy == q.workers {
		q.waiting.push(r)
		return
	}
	q.busy++
	for i, f := range q.finish {
		if math.IsInf(f, 1) {
			q.serve(i, r, t)
			if q.finish[i] < q.next {
				q.nextAt, q.next = i, q.finish[i]
			}
			return
		}
	}
}

// setSpeed changes workers and their speed at t, to which the queue has been
// advanced. Requests keep the work they have left. Where there are fewer
// workers than before, the requests started last go back to the head of the
// queue.
func (q *podQueue) setSpeed(workers int, speed, t float64) {
	running := make([]serving, 0, q.busy)
	for i, f := range q.finish {
		if math.IsInf(f, 1) {
			continue
		}
		s := q.serving[i]
		s.work = max(0, s.work-(t-s.start)*q.speed)
		running = append(running, s)
	}
	sortByArrival(running)
	q.workers, q.speed = workers, speed
	q.finish = ofLength(q.finish, workers)
	q.serving = ofLength(q.serving, workers)
	for i := range q.finish {
		q.finish[i] = math.Inf(1)
	}
	for len(running) > workers {
		q.waiting.pushFront(running[len(running)-1].request)
		running = running[:len(running)-1]
	}
	for i, s := range running {
		q.serve(i, s.request, t)
	}
	q.busy = len(running)
	for q.waiting.n > 0 && q.busy < workers {
		q.serve(q.busy, q.waiting.pop(), t)
		q.busy++
	}
	q.findNext()
}

// sortByArrival sorts by insertion: there are few and they are nearly sorted.
func sortByArrival(s []serving) {
	for i := 1; i < len(s); i++ {
		for j := i; j > 0 && s[j].arrival < s[j-1].arrival; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
}

func ofLength[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	return make([]T, n)
}

// drop empties the queue and returns what was in it.
func (q *podQueue) drop() []request {
	lost := make([]request, 0, q.n)
	for i, f := range q.finish {
		if !math.IsInf(f, 1) {
			lost = append(lost, q.serving[i].request)
			q.finish[i] = math.Inf(1)
		}
	}
	for q.waiting.n > 0 {
		lost = append(lost, q.waiting.pop())
	}
	q.n, q.busy, q.next = 0, 0, math.Inf(1)
	return lost
}

// drain serves all that is left, for which it need not know the time, and
// returns what can never be served.
func (q *podQueue) drain(done *httpLoad) []request {
	if q.speed > 0 {
		for q.n > 0 {
			q.advance(q.next, done)
		}
		return nil
	}
	return q.drop()
}
