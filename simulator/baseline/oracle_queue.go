package baseline

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/rightsize-dev/rightsize/simulator"
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

// violated is the share of requests that are dropped or late on a pod that may
// use that many cores at a rate per second.
func (m podModel) violated(cores, rate float64) float64 {
	k := max(1, int(math.Ceil(cores-1e-9)))
	speed := (cores - m.base) / float64(k)
	if speed <= 0 {
		return 1
	}
	mean := m.work / speed
	s := simulator.NewBoundedQueue(k, rate*mean, m.room)
	long := m.longer(m.limit / mean)
	if s.Waits < negligible {
		return min(1, s.Full+s.Free*long+s.Waits)
	}
	waited, share := 0.0, 0.0
	finishing := float64(min(k, m.room)) / mean
	for _, p := range m.service {
		left := m.limit - p.time*mean
		if left < 0 {
			break
		}
		waited += p.share * s.Beyond(finishing*left/m.stretch)
		share += p.share
	}
	if share > 0 {
		waited *= (1 - long) / share
	}
	return min(1, s.Full+s.Free*long+s.Waits*(long+waited))
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
	s := simulator.NewBoundedQueue(k, load, m.room)
	busy := load * (1 - s.Full)
	return min(float64(m.room), busy+(s.Mean()-busy)*m.stretch)
}
