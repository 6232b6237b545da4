package baseline

import (
	"math"
	"slices"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

const (
	// ladderRatio is the distance of CPU requests that the oracle considers;
	// those with a whole number of cores as ceiling are among them.
	ladderRatio = 1.04
	// rateRatio is the distance of rates per pod in its tables, and coarseRates
	// every how many of them the queue is computed; between, logarithms are
	// interpolated.
	rateRatio    = 1.005
	logRateRatio = 0.004987541511039
	coarseRates  = 8
	// rateSpan is how far below the largest rate the tables reach.
	rateSpan = 1e5
	// killRisk is the expected number of OOM kills that memory is sized for.
	killRisk = 1e-3
)

// httpPods holds what a pod of each size costs and misses at each rate.
type httpPods struct {
	sc    *simulator.Scenario
	rungs []httpRung
	rates []float64 // Per pod, ascending in equal ratio.
	// best[q] is the rung to take at each rate where a node holds q pods, or
	// under a quota where there are q.
	best    map[int][]int16
	penalty float64
	// only is the one rung to take, -1 for the best.
	only int
}

// httpRung is one CPU request.
type httpRung struct {
	cpu    recommender.MilliCPU
	memory []recommender.Bytes // Request, by rate.
	cost   []float64           // A second, by rate.
	late   []float64           // Violated requests a second, by rate.
}

// newHTTPPods computes the tables. Rates that pods can meet go up to the
// largest demand on the fewest pods. Requests is how many there are in all,
// and memoryFull says that every pod gets memory for as many requests as it
// may hold.
func newHTTPPods(sc *simulator.Scenario, largest, requests float64, memoryFull bool) *httpPods {
	h := sc.Service.HTTP
	m := newPodModel(h.CPUSecondsPerRequest, h.CPUCV, h.BaseCPU.Cores(), h.ConcurrencyPerPod, sc.Objective.LatencySeconds)
	p := &httpPods{sc: sc, best: map[int][]int16{}, only: -1}
	largest = max(largest, 1e-6)
	for rate := largest / rateSpan; ; rate *= rateRatio {
		p.rates = append(p.rates, rate)
		if rate >= largest {
			break
		}
	}
	risk := min(1e-4, max(1e-15, killRisk/max(1, requests)))
	for _, cpu := range p.ladder() {
		p.rungs = append(p.rungs, p.rung(m, cpu, risk, memoryFull))
	}
	return p
}

// ladder lists CPU requests within bounds.
func (p *httpPods) ladder() []recommender.MilliCPU {
	b, ratio := p.sc.Bounds, ceilingRatio(p.sc)
	top := min(b.MaxAllowed.CPU, p.sc.Cluster.Node.CPU)
	out := []recommender.MilliCPU{top}
	if in := p.sc.Initial.Requests.CPU; in >= b.MinAllowed.CPU && in <= top {
		out = append(out, in)
	}
	for c := b.MinAllowed.CPU.Cores(); c < top.Cores(); c = max(c*ladderRatio, c+0.001) {
		out = append(out, recommender.FromCores(c))
	}
	const wholes = 64 // Beyond, one worker more hardly matters.
	for k := 1; k <= wholes; k++ {
		// Not above the whole number, or there would be a worker more.
		c := recommender.MilliCPU(math.Floor(float64(k)/ratio*1000 + 1e-9))
		if c >= b.MinAllowed.CPU && c <= top {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// rung computes one size at every rate.
func (p *httpPods) rung(m podModel, cpu recommender.MilliCPU, risk float64, memoryFull bool) httpRung {
	n := len(p.rates)
	r := httpRung{cpu: cpu, memory: make([]recommender.Bytes, n), cost: make([]float64, n), late: make([]float64, n)}
	ceiling := p.sc.Ceiling(recommender.Resources{CPU: cpu, Memory: p.sc.Initial.Requests.Memory})
	h := p.sc.Service.HTTP
	speed := ceiling - h.BaseCPU.Cores()
	violated := p.violated(m, ceiling)
	for i, rate := range p.rates {
		r.late[i] = rate * violated[i]
		room := m.room
		if !memoryFull {
			room = m.inPod(ceiling, rate, risk)
		}
		request, ok := p.memory(room)
		r.memory[i] = request
		used := min(ceiling, h.BaseCPU.Cores()+rate*h.CPUSecondsPerRequest)
		if speed <= 0 {
			used = min(ceiling, h.BaseCPU.Cores())
		}
		memory := float64(h.BaseMemory) + float64(h.MemoryPerConcurrentRequest)*m.meanInPod(ceiling, rate)
		r.cost[i] = costOf(p.sc.Prices, max(cpu.Cores(), used), max(float64(request), memory))
		if !ok {
			r.cost[i] = math.Inf(1)
		}
	}
	return r
}

// violated is the share of violated requests at every rate: computed at some,
// the last among them, and interpolated between them on logarithms.
func (p *httpPods) violated(m podModel, ceiling float64) []float64 {
	const least, all = 1e-30, 0.9999
	out := make([]float64, len(p.rates))
	for i := range out {
		out[i] = 1 // Beyond a rate at which everything is as bad as can be.
	}
	out[0] = max(least, m.violated(ceiling, p.rates[0]))
	for known := 0; known < len(out)-1 && out[known] <= all; {
		next := min(known+coarseRates, len(out)-1)
		out[next] = max(least, m.violated(ceiling, p.rates[next]))
		low, high := math.Log(out[known]), math.Log(out[next])
		for i := known + 1; i < next; i++ {
			w := float64(i-known) / float64(next-known)
			out[i] = math.Exp((1-w)*low + w*high)
		}
		known = next
	}
	return out
}

// memory is the request whose limit lets that many requests be in a pod. The
// boolean is false where it is out of bounds.
func (p *httpPods) memory(room int) (recommender.Bytes, bool) {
	b := p.sc.Bounds
	ratio := memoryRatio(p.sc)
	if ratio == 0 {
		return b.MinAllowed.Memory, true
	}
	h := p.sc.Service.HTTP
	need := leaked(p.sc) + float64(h.BaseMemory) + float64(h.MemoryPerConcurrentRequest)*float64(room)
	request := max(b.MinAllowed.Memory, recommender.FromBytes(need*memoryMargin/ratio))
	most := min(b.MaxAllowed.Memory, p.sc.Cluster.Node.Memory)
	return min(request, most), request <= most
}

// price makes the best rungs be looked for again.
func (p *httpPods) price(penalty float64) {
	p.penalty = penalty
	clear(p.best)
}

// pick rounds the rate of a pod up to the next of the tables.
func (p *httpPods) pick(n int, l load) choice {
	crowd := max(n, l.crowd)
	q := (crowd + max(1, p.sc.Cluster.Nodes) - 1) / max(1, p.sc.Cluster.Nodes)
	if p.sc.Cluster.Quota != (recommender.Resources{}) {
		q = crowd // What is left of the quota for each depends on the number.
	}
	i, k := p.index(l.rate/float64(n)), p.only
	if k < 0 {
		best := p.best[q]
		if best == nil {
			best = p.choose(roomFor(p.sc, crowd))
			p.best[q] = best
		}
		k = int(best[i])
	}
	r := &p.rungs[k]
	c := choice{size: recommender.Resources{CPU: r.cpu, Memory: r.memory[i]}, cost: r.cost[i], bad: r.late[i]}
	if l.rate == 0 {
		c.bad = 0
	}
	return c
}

func (p *httpPods) index(rate float64) int {
	if rate <= p.rates[0] {
		return 0
	}
	i := int(math.Ceil(math.Log(rate/p.rates[0])/logRateRatio - 1e-6))
	return min(i, len(p.rates)-1)
}

// choose finds the best rung at every rate, none larger than room.
func (p *httpPods) choose(room recommender.Resources) []int16 {
	out := make([]int16, len(p.rates))
	for i := range out {
		least := math.Inf(1)
		for k := range p.rungs {
			r := &p.rungs[k]
			if r.cpu > room.CPU || r.memory[i] > room.Memory {
				continue
			}
			if v := r.cost[i] + p.penalty*r.late[i]; v < least {
				least, out[i] = v, int16(k)
			}
		}
	}
	return out
}
