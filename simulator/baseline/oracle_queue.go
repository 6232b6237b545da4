package baseline

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// podModel is the queue of one http pod as the oracle computes it: Poisson
// arrivals, workers of one speed, and room for a bounded number of requests
// (M/G/k/K). For exponential work it is exact but for numerics; otherwise times
// in the queue are those of exponential work stretched by (1+cv²)/2, as Allen
// and Cunneen do for the mean.
type podModel struct {
	work    float64 // Mean core-seconds of a request.
	cv      float64
	base    float64 // Cores a pod uses without requests.
	room    int     // Requests in a pod at most.
	limit   float64 // Latency objective in seconds.
	stretch float64
	service []servicePoint
}

// negligible is a share of waiting requests that need not be looked into.
const negligible = 1e-10

// servicePoint stands for a part of the service time distribution.
type servicePoint struct {
	time  float64 // Over the mean.
	share float64
}

func newPodModel(work, cv, base float64, room int, limit float64) podModel {
	m := podModel{work: work, cv: cv, base: base, room: room, limit: limit, stretch: (1 + cv*cv) / 2}
	if cv == 0 {
		m.service = []servicePoint{{time: 1, share: 1}}
		return m
	}
	// Nine tenths in equal parts, the tail in ever smaller ones.
	const parts, tail, ratio, least = 36, 0.1, 0.75, 1e-7
	edges := make([]float64, 0, 2*parts)
	for i := range parts {
		edges = append(edges, (1-tail)*float64(i)/parts)
	}
	for t := tail; t > least; t *= ratio {
		edges = append(edges, 1-t)
	}
	for i := 1; i < len(edges); i++ {
		middle := (edges[i-1] + edges[i]) / 2
		m.service = append(m.service, servicePoint{time: workQuantile(cv, middle), share: edges[i] - edges[i-1]})
	}
	return m
}

// workQuantile is the quantile of a gamma distribution of mean 1.
func workQuantile(cv, p float64) float64 {
	if cv == 1 {
		return -math.Log1p(-p)
	}
	shape := 1 / (cv * cv)
	return distuv.Gamma{Alpha: shape, Beta: shape}.Quantile(p)
}

// longer is the probability that a service takes more than x of its mean.
func (m podModel) longer(x float64) float64 {
	switch m.cv {
	case 0:
		if x < 1 {
			return 1
		}
		return 0
	case 1:
		return math.Exp(-x)
	default:
		shape := 1 / (m.cv * m.cv)
		return distuv.Gamma{Alpha: shape, Beta: shape}.Survival(x)
	}
}

// states is the stationary distribution of an M/M/k/K queue in the form that
// is needed of it.
type states struct {
	free   float64 // Probability of a free worker.
	waits  float64 // Of having to wait, with room.
	full   float64 // Of no room.
	rho    float64
	places int // In the queue.
}

// statesOf computes the distribution for load erlangs on k workers. The
// probabilities of 0..k come from the Erlang B recurrence, those above fall by
// ρ each.
func statesOf(k int, load float64, room int) states {
	if room < k {
		k = room // The other workers never get anything.
	}
	b := 1.0
	for j := 1; j <= k; j++ {
		b = load * b / (float64(j) + load*b)
	}
	// b is p(k)/(p(0)+…+p(k)) without a queue. Of the states k, k+1, …, room
	// the weights are b·ρ^i.
	s := states{rho: load / float64(k), places: room - k}
	sum, top := geometric(s.rho, s.places), math.Pow(s.rho, float64(s.places))
	total := (1 - b) + b*(sum+top)
	s.free = (1 - b) / total
	s.waits = b * sum / total
	s.full = b * top / total
	return s
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

// violated is the share of requests that are dropped or late on a pod that may
// use that many cores at a rate per second.
func (m podModel) violated(cores, rate float64) float64 {
	k := max(1, int(math.Ceil(cores-1e-9)))
	speed := (cores - m.base) / float64(k)
	if speed <= 0 {
		return 1
	}
	mean := m.work / speed
	s := statesOf(k, rate*mean, m.room)
	long := m.longer(m.limit / mean)
	if s.waits < negligible {
		return min(1, s.full+s.free*long+s.waits)
	}
	waited, share := 0.0, 0.0
	finishing := float64(min(k, m.room)) / mean
	for _, p := range m.service {
		left := m.limit - p.time*mean
		if left < 0 {
			break
		}
		waited += p.share * s.beyond(finishing*left/m.stretch)
		share += p.share
	}
	if share > 0 {
		waited *= (1 - long) / share
	}
	return min(1, s.full+s.free*long+s.waits*(long+waited))
}

// beyond is the probability that a request which has to wait still does when
// the workers, all busy, were expected to finish y requests: that fewer are
// finished than were before it, the number of which is geometric,
//
//	Σ_i Poisson(i; y)·P(more than i before it, or i = those before it).
func (s states) beyond(y float64) float64 {
	if s.places <= 0 {
		return 0
	}
	if s.rho <= 0 {
		return math.Exp(-y)
	}
	spread := 9*math.Sqrt(y) + 20
	from := max(0, int(y-spread))
	to := min(s.places-1, int(y+spread))
	lg, _ := math.Lgamma(float64(from + 1))
	p := math.Exp(float64(from)*math.Log(max(y, 1e-300)) - y - lg)
	sum, power := 0.0, math.Pow(s.rho, float64(from))
	top := math.Pow(s.rho, float64(s.places))
	flat := math.Abs(s.rho-1) < 1e-9
	for i := from; i <= to; i++ {
		// The request at place m = 0… of the queue waits for m+1 ends: it is
		// still there after i of them if m >= i.
		there := (power - top) / (1 - top)
		if flat {
			there = 1 - float64(i)/float64(s.places)
		}
		sum += p * there
		p *= y / float64(i+1)
		power *= s.rho
	}
	return min(1, max(0, sum))
}

// inPod is the number of requests in a pod that is exceeded by an arrival with
// at most the given probability.
func (m podModel) inPod(cores, rate, risk float64) int {
	k := max(1, int(math.Ceil(cores-1e-9)))
	speed := (cores - m.base) / float64(k)
	if speed <= 0 {
		return m.room
	}
	load := rate * m.work / speed
	rho := load / float64(k)
	// Without a bound the tail above k falls by ρ^(1/stretch) each.
	decay := math.Pow(rho, 1/max(1, m.stretch))
	if decay >= 0.999 {
		return m.room
	}
	n := k
	if load > 0 {
		n += int(math.Ceil(math.Log(risk) / math.Log(decay)))
	}
	const margin = 3 // Rates change while requests are in the pod.
	return min(m.room, n+n/5+margin)
}

// meanInPod is the mean number of requests in a pod.
func (m podModel) meanInPod(cores, rate float64) float64 {
	k := max(1, int(math.Ceil(cores-1e-9)))
	speed := (cores - m.base) / float64(k)
	if speed <= 0 {
		return float64(m.room)
	}
	load := rate * m.work / speed
	s := statesOf(k, load, m.room)
	queue := s.waits * m.stretch
	if rho := s.rho; rho < 0.999 {
		queue *= rho / (1 - rho)
	} else {
		queue *= float64(s.places) / 2
	}
	return min(float64(m.room), load*(1-s.full)+queue)
}
