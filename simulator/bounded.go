package simulator

import "math"

// BoundedQueue is the stationary distribution of an M/M/k/K queue in the form
// that waits are computed from.
type BoundedQueue struct {
	Free  float64 // Probability of a free worker.
	Waits float64 // Of having to wait, with room.
	Full  float64 // Of no room.

	load   float64 // Mean number of busy workers, if none were turned away.
	ratio  float64 // P(n+1)/P(n) beyond the workers.
	places int     // In the queue.
}

// NewBoundedQueue computes the distribution for load erlangs on k workers with
// room for that many requests, those at work included. The probabilities of 0..k
// come from the Erlang B recurrence, those above fall or rise by ρ each.
func NewBoundedQueue(k int, load float64, room int) BoundedQueue {
	return newBoundedQueue(k, load, load/float64(min(k, room)), room)
}

// newBoundedQueue has another ratio beyond the workers.
func newBoundedQueue(k int, load, ratio float64, room int) BoundedQueue {
	if room < k {
		k = room // The other workers never get anything.
	}
	b := 1.0
	for j := 1; j <= k; j++ {
		b = load * b / (float64(j) + load*b)
	}
	// b is p(k)/(p(0)+…+p(k)) without a queue. Of the states k, k+1, …, room
	// the weights are b·ratio^i; from the top they do not overflow.
	q := BoundedQueue{load: load, ratio: ratio, places: room - k}
	sum, top := geometric(ratio, q.places), math.Pow(ratio, float64(q.places))
	if ratio > 1 {
		down := math.Pow(1/ratio, float64(q.places))
		total := (1-b)*down + b*(geometric(1/ratio, q.places+1))
		q.Free, q.Full = (1-b)*down/total, b/total
		q.Waits = max(0, 1-q.Free-q.Full)
		return q
	}
	total := (1 - b) + b*(sum+top)
	q.Free, q.Waits, q.Full = (1-b)/total, b*sum/total, b*top/total
	return q
}

// geometric is 1 + ρ + … + ρ^(n-1).
func geometric(rho float64, n int) float64 {
	if n <= 0 {
		return 0
	}
	if math.Abs(rho-1) < 1e-9 {
		return float64(n)
	}
	return (1 - math.Pow(rho, float64(n))) / (1 - rho)
}

// Beyond is the probability that a request which has to wait still does when
// the workers, all busy, were expected to finish y requests: that fewer are
// finished than were before it, the number of which is geometric,
//
//	Σ_i Poisson(i; y)·P(at least i before it).
func (q *BoundedQueue) Beyond(y float64) float64 {
	if q.places <= 0 {
		return 0
	}
	if q.ratio <= 0 {
		return math.Exp(-y)
	}
	spread := 9*math.Sqrt(y) + 20
	from := max(0, int(y-spread))
	to := min(q.places-1, int(y+spread))
	lg, _ := math.Lgamma(float64(from + 1))
	p := math.Exp(float64(from)*math.Log(max(y, 1e-300)) - y - lg)
	sum, n := 0.0, float64(q.places)
	// As atLeast, with the power carried along.
	r, base, flat := q.ratio, 0.0, math.Abs(q.ratio-1) < 1e-9
	if r > 1 {
		base = n
	}
	power, zero := math.Pow(r, float64(from)-base), math.Pow(r, n-base)
	scale := 1 / (math.Pow(r, -base) - zero)
	for i := from; i <= to; i++ {
		there := (power - zero) * scale
		if flat {
			there = 1 - float64(i)/n
		}
		sum += p * there
		p *= y / float64(i+1)
		power *= r
	}
	return min(1, max(0, sum))
}

// atLeast is the probability that a request which waits finds that many before
// it in the queue.
func (q *BoundedQueue) atLeast(i int) float64 {
	n := float64(q.places)
	switch r := q.ratio; {
	case math.Abs(r-1) < 1e-9:
		return 1 - float64(i)/n
	case r > 1: // From the top, so that nothing overflows.
		return (1 - math.Pow(r, float64(i)-n)) / (1 - math.Pow(r, -n))
	default:
		return (math.Pow(r, float64(i)) - math.Pow(r, n)) / (1 - math.Pow(r, n))
	}
}

// Mean is the mean number in the station: at work, and in the queue.
func (q *BoundedQueue) Mean() float64 {
	n := float64(q.places)
	before := 0.0 // Of a request that waits: Σ atLeast(i), i from 1.
	switch r := q.ratio; {
	case q.places == 0:
	case math.Abs(r-1) < 1e-9:
		before = (n - 1) / 2
	case r > 1:
		before = (n - geometric(1/r, q.places)) / (1 - math.Pow(r, -n))
	default:
		top := math.Pow(r, n)
		before = (r*geometric(r, q.places) - n*top) / (1 - top)
	}
	return q.load*(1-q.Full) + q.Waits*before + n*q.Full
}

// count is the probability of n in the station of k workers.
func (q *BoundedQueue) count(k, n int) float64 {
	if n >= k {
		i := n - k
		if i >= q.places {
			return q.Full
		}
		return q.Waits * (q.atLeast(i) - q.atLeast(i+1))
	}
	// Down from p(k).
	p := q.Full
	if q.places > 0 {
		p = q.Waits * (1 - q.atLeast(1))
	}
	for j := k; j > n && q.load > 0; j-- {
		p *= float64(j) / q.load
	}
	return min(1, p)
}

// late is the share of those let in that take longer than t mean service times
// on k workers. Work that is not exponential shows in how long the queue is,
// and for itself.
func (q *BoundedQueue) late(work *workShape, k int, t float64) float64 {
	long := work.longer(t)
	if q.Full >= 1 {
		return 1
	}
	return min(1, (q.Free*long+q.Waits*q.lateAfter(work, float64(k), t, long))/(1-q.Full))
}

// lateAfter is P(W + S > t) of those who wait, where the workers finish pace
// requests in a mean service time.
func (q *BoundedQueue) lateAfter(work *workShape, pace, t, long float64) float64 {
	if work.cv == 0 {
		if t <= 1 {
			return 1
		}
		return q.Beyond(pace * (t - 1))
	}
	sum, before := long, q.Beyond(pace*t)
	last := work.edges[0]
	for _, e := range work.edges[1:] {
		if e.at >= t {
			return min(1, sum+(1-long-last.share)*(before+1)/2)
		}
		now := q.Beyond(pace * (t - e.at))
		sum += (e.share - last.share) * (before + now) / 2
		last, before = e, now
	}
	return min(1, sum+max(0, 1-long-last.share))
}
