package baseline

import (
	"math"
	"slices"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

const (
	// itemRatio is the distance of CPU requests, itemRateRatio that of rates,
	// which are rounded up.
	itemRatio     = 1.08
	itemRateRatio = 1.01
	// postponed is the share of the time that items may wait by which the
	// oracle's plan lets them.
	postponed = 0.6
)

// postpone lets a queue service serve what arrives within part of the time
// that it may wait: a moving average of the past keeps the cumulative work
// served between what has arrived and what is due, in the fluid picture. The
// wait left for chance is what [newQueuePods] counts with.
func (p *planner) postpone() {
	if p.sc.Service.Queue == nil {
		return
	}
	back := postponedSteps(p.sc)
	rates := make([]float64, len(p.loads))
	for t := range p.loads {
		first := max(0, t-back)
		for _, l := range p.loads[first : t+1] {
			rates[t] += l.rate / float64(t+1-first)
		}
	}
	for t := range p.loads {
		p.loads[t].rate = rates[t]
	}
}

// catchUp lets a queue service serve, before the scored start, the items that
// the initial pods cannot work off while the first others start.
func (p *planner) catchUp() {
	if p.sc.Service.Queue == nil {
		return
	}
	const busy = 0.9 // Of the initial pods.
	most := busy * newQueuePods(p.sc).most() * float64(p.atFirst())
	left, open := 0.0, []int{}
	for t := range p.loads {
		l := &p.loads[t]
		switch before := p.scored(t) == 0; {
		case before && p.closed(t):
			left += l.rate
			l.rate = min(left, most)
			left -= l.rate
		case before || len(open) == 0:
			open = append(open, t)
		}
	}
	for _, t := range open {
		p.loads[t].rate += left / float64(len(open))
	}
}

func postponedSteps(sc *simulator.Scenario) int {
	return int(postponed * sc.Objective.WaitSeconds / stepLength(sc).Seconds())
}

// queuePods are pods that share a queue: with all their workers an M/G/c
// queue, of which the wait is that of M/M/c stretched by (1+cv²)/2.
type queuePods struct {
	sc      *simulator.Scenario
	rungs   []queueRung
	limit   float64 // Wait that is left for chance.
	stretch float64
	penalty float64
	fixed   int // The one rung to take, -1 for the best.
	// points holds what every rung costs and misses, best the rung to take, by
	// pods and rate.
	points map[queuePoint][]queueOutcome
	best   map[queuePoint]choice
}

type queueRung struct {
	size  recommender.Resources
	speed float64 // Cores of a worker.
	fits  bool    // Its memory is within bounds.
}

// queuePoint has, beside the pods that serve, those that exist.
type queuePoint struct{ pods, crowd, rate int }

// queueOutcome is of one pod, a second.
type queueOutcome struct{ cost, late float64 }

func newQueuePods(sc *simulator.Scenario) *queuePods {
	q := sc.Service.Queue
	p := &queuePods{
		sc: sc, stretch: (1 + q.CPUCV*q.CPUCV) / 2, fixed: -1,
		limit:  sc.Objective.WaitSeconds - float64(postponedSteps(sc))*stepLength(sc).Seconds(),
		points: map[queuePoint][]queueOutcome{}, best: map[queuePoint]choice{},
	}
	memory, fits := p.memory()
	for _, cpu := range p.ladder() {
		size := recommender.Resources{CPU: cpu, Memory: memory}
		p.rungs = append(p.rungs, queueRung{size: size, speed: q.WorkerSpeed(sc.Ceiling(size)), fits: fits})
	}
	return p
}

// only is the model with pods of one size.
func (p *queuePods) only(rung int) *queuePods {
	other := *p
	other.fixed, other.best = rung, map[queuePoint]choice{}
	return &other
}

// ladder lists CPU requests up to the one beyond which workers get no faster.
func (p *queuePods) ladder() []recommender.MilliCPU {
	b := p.sc.Bounds
	top := min(b.MaxAllowed.CPU, p.sc.Cluster.Node.CPU)
	if most := p.sc.Service.Queue.MostCPU(p.sc); most >= b.MinAllowed.CPU {
		top = min(top, most)
	} else {
		top = b.MinAllowed.CPU
	}
	out := []recommender.MilliCPU{top}
	if in := p.sc.Initial.Requests.CPU; in >= b.MinAllowed.CPU && in <= top {
		out = append(out, in)
	}
	for c := b.MinAllowed.CPU.Cores(); c < top.Cores(); c = max(c*itemRatio, c+0.001) {
		out = append(out, recommender.FromCores(c))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// most is the items a second that a pod of the largest size works off.
func (p *queuePods) most() float64 {
	q := p.sc.Service.Queue
	return p.rungs[len(p.rungs)-1].speed * float64(q.WorkersPerPod) / q.CPUSecondsPerItem
}

// memory is the request whose limit lets all workers be busy. The boolean is
// false where it is out of bounds.
func (p *queuePods) memory() (recommender.Bytes, bool) {
	b, q := p.sc.Bounds, p.sc.Service.Queue
	ratio := memoryRatio(p.sc)
	if ratio == 0 {
		return b.MinAllowed.Memory, true
	}
	need := leaked(p.sc) + float64(q.BaseMemory) + float64(q.MemoryPerItem)*float64(q.WorkersPerPod)
	request := max(b.MinAllowed.Memory, recommender.FromBytes(need*memoryMargin/ratio))
	most := min(b.MaxAllowed.Memory, p.sc.Cluster.Node.Memory)
	return min(request, most), request <= most
}

// price makes the best rungs be looked for again.
func (p *queuePods) price(penalty float64) {
	p.penalty = penalty
	clear(p.best)
}

func (p *queuePods) pick(n int, l load) choice {
	at := queuePoint{pods: n, crowd: max(n, l.crowd), rate: math.MinInt}
	if l.rate > 0 {
		at.rate = power(l.rate, itemRateRatio)
	}
	if c, ok := p.best[at]; ok {
		return c
	}
	room, outcomes := roomFor(p.sc, at.crowd), p.outcomes(at)
	best, least := choice{size: p.rungs[0].size, cost: math.Inf(1)}, math.Inf(1)
	for k, o := range outcomes {
		size := p.rungs[k].size
		if p.fixed >= 0 && k != p.fixed || p.fixed < 0 && (size.CPU > room.CPU || size.Memory > room.Memory) {
			continue
		}
		if v := o.cost + p.penalty*o.late; v < least {
			least, best = v, choice{size: size, cost: o.cost, bad: o.late}
		}
	}
	p.best[at] = best
	return best
}

// outcomes are those of all rungs at a point.
func (p *queuePods) outcomes(at queuePoint) []queueOutcome {
	at.crowd = 0 // What they do does not depend on it.
	if out, ok := p.points[at]; ok {
		return out
	}
	q, rate := p.sc.Service.Queue, 0.0
	if at.rate != math.MinInt {
		rate = math.Pow(itemRateRatio, float64(at.rate)) / float64(at.pods)
	}
	out := make([]queueOutcome, len(p.rungs))
	for k, r := range p.rungs {
		used := q.BaseCPU.Cores() + min(rate*q.CPUSecondsPerItem, r.speed*float64(q.WorkersPerPod))
		busy := float64(q.WorkersPerPod)
		if r.speed > 0 {
			busy = min(busy, rate*q.CPUSecondsPerItem/r.speed)
		}
		memory := float64(q.BaseMemory) + float64(q.MemoryPerItem)*busy
		out[k].cost = costOf(p.sc.Prices, max(r.size.CPU.Cores(), used), max(float64(r.size.Memory), memory))
		if !r.fits {
			out[k].cost = math.Inf(1)
		}
		if rate > 0 {
			out[k].late = rate * p.late(at.pods, rate, r.speed)
		}
	}
	p.points[at] = out
	return out
}

// late is the share of items that wait for too long with n pods that get rate
// items a second each.
func (p *queuePods) late(n int, rate, speed float64) float64 {
	if speed <= 0 {
		return 1
	}
	q := p.sc.Service.Queue
	workers, mu := n*q.WorkersPerPod, speed/q.CPUSecondsPerItem
	waits, err := recommender.WaitProbability(workers, float64(n)*rate/mu)
	if err != nil {
		return 1
	}
	return waits * math.Exp(-p.limit*(float64(workers)*mu-float64(n)*rate)/p.stretch)
}
