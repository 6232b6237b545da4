package simulator

import (
	"math"
	"math/rand/v2"
)

const (
	// flowRate is the rate in requests a second above which an http service is
	// simulated by formulas instead of request by request: below it two weeks
	// take about a second.
	flowRate = 4
	// flowMost is the largest load at which a pod is taken to be in
	// equilibrium: above, it takes minutes to get there. Above flowOver there is
	// an overload, which from flowTurn on fills the queue as a fluid does.
	flowMost = 0.98
	flowOver = 1.02
	flowTurn = 0.95
	// flowQuick is the time in seconds within which a queue has to settle under
	// any load to be taken as settled: less than a step.
	flowQuick = 10
	// flowPiece is the time in seconds over which a backlog may change before
	// latencies are looked at again.
	flowPiece = 5
)

// flow is an http service by formulas: each pod is an M/G/k/K queue, which
// follows a change of load as fast as its mean number in the queue can change,
// and turns into a fluid under overload (the pointwise stationary fluid flow
// approximation; Wang, Tipper and Banerjee, INFOCOM 1996). Pods that are alike
// are one group. Requests come in Poisson numbers by cells: the parts of steps
// and minutes that lie within one row, whatever the policy does.
type flow struct {
	h      *httpLoad
	shape  workShape
	counts *rand.Rand
	noise  *rand.Rand
	groups []*flowGroup
	at     float64
	rate   float64
	rowEnd float64
	cell   flowCell
	tails  map[tailKey][]float64
	levels []flowLevel
	spells workSampler // Lengths of spells of late requests, of mean 1.
	killed float64     // Requests that the pod which is being killed has.
}

// flowCell is a span with n arrivals.
type flowCell struct{ from, to, n float64 }

// begin turns the pods' queues into formulas at an instant. What is in them is
// served as it stands: those who come later do not delay it.
func (f *flow) begin(t, rate, rowEnd float64) {
	f.at, f.rate, f.rowEnd, f.cell = t, rate, rowEnd, flowCell{}
	f.groups = f.groups[:0]
	for _, p := range f.h.w.ready {
		q := &p.serve
		q.advance(t, f.h)
		n, busy, in := q.n, q.busyTime, q.inTime
		f.h.lose(q.drain(f.h))
		q.busyTime, q.inTime, q.last = busy, in, t
		f.enter(p, float64(n))
	}
}

// end turns the formulas back into queues. What is in them has been counted,
// so that it only takes up place and time.
func (f *flow) end() {
	for _, g := range f.groups {
		for _, p := range g.pods {
			g.collect(p)
			p.flow.group = nil
			q := &p.serve
			q.last = f.at
			n := int(g.number() + f.noise.Float64())
			for range min(n, q.room, q.oomAt-1) {
				q.arrive(request{arrival: math.Inf(-1), work: f.h.work.draw(f.noise) * f.h.w.cpuFactor}, f.at)
			}
		}
	}
	f.groups = f.groups[:0]
}

// enter puts a pod with n requests into the group of those like it. A pod that
// joins others shares their load, but not their backlog.
func (f *flow) enter(p *pod, n float64) {
	var g *flowGroup
	for _, other := range f.groups {
		if other.ceiling == p.ceiling && other.oomAt == f.h.oomAt(p) && other.mu == f.mu(p) && (other.backlog > 0) == (n > other.turn()) {
			g = other
		}
	}
	if g == nil {
		g = f.newGroup(p)
		f.groups = append(f.groups, g)
		g.set(n)
	} else {
		all := float64(len(g.pods))
		g.set((g.number()*all + n) / (all + 1))
	}
	g.pods = append(g.pods, p)
	p.flow.group, p.flow.cpu0, p.flow.in0, p.flow.requests0 = g, g.cpu, g.in, g.requests
}

// leave takes a pod out of its group and returns the requests it has.
func (f *flow) leave(p *pod) float64 {
	g := p.flow.group
	g.collect(p)
	p.flow.group = nil
	for i, q := range g.pods {
		if q == p {
			g.pods = append(g.pods[:i], g.pods[i+1:]...)
			break
		}
	}
	if len(g.pods) == 0 {
		for i, other := range f.groups {
			if other == g {
				f.groups = append(f.groups[:i], f.groups[i+1:]...)
				break
			}
		}
	}
	return g.number()
}

// advance goes on to an instant within the row and returns the one it reached,
// which is earlier only after an OOM kill.
func (f *flow) advance(to float64) float64 {
	for f.at < to {
		if f.at >= f.cell.to {
			f.nextCell()
		}
		end := min(f.cell.to, to)
		victim, when := f.nextKill(end)
		end = min(end, when)
		n := f.cell.n * (end - f.at) / (f.cell.to - f.cell.from)
		f.h.step.arrivals += n
		f.h.arrived(f.at, n)
		if len(f.h.w.ready) == 0 {
			f.h.drop(f.at, n)
		}
		for _, g := range f.groups {
			f.pass(g, end-f.at, n*float64(len(g.pods))/float64(len(f.h.w.ready)))
		}
		f.at = end
		if victim != nil {
			f.kill(victim)
			return f.at
		}
	}
	return to
}

// nextCell draws the number of arrivals up to the end of the step, the minute
// or the row, whichever comes first.
func (f *flow) nextCell() {
	w := f.h.w
	end := min(f.rowEnd, nextMultiple(f.at-w.scored, seconds(w.sc.Step))+w.scored, nextMultiple(f.at-w.scored, windowSeconds)+w.scored)
	f.cell = flowCell{from: f.at, to: end, n: poisson(f.counts, f.rate*(end-f.at))}
}

// nextMultiple is the first multiple of a step that is after t by more than a
// rounding error.
func nextMultiple(t, step float64) float64 {
	return step * (math.Floor(t/step+1e-9) + 1)
}

// nextKill is the group of which a pod next needs more memory than its limit,
// if one does so before an instant, and when.
func (f *flow) nextKill(end float64) (*flowGroup, float64) {
	var victim *flowGroup
	when := math.Inf(1)
	for _, g := range f.groups {
		if g.oomAt > g.room {
			continue
		}
		hazard := g.hazard(f.rate/float64(len(f.h.w.ready))) * float64(len(g.pods))
		if hazard <= 0 {
			continue
		}
		if t := f.at + g.luck/hazard; t < min(end, when) {
			victim, when = g, t
		} else {
			g.luck -= hazard * (end - f.at)
		}
	}
	if victim != nil {
		victim.luck = f.noise.ExpFloat64()
	}
	return victim, when
}

func (f *flow) kill(g *flowGroup) {
	f.h.w.now = f.at
	f.killed = float64(g.oomAt)
	f.h.w.oomKill(g.pods[f.noise.IntN(len(g.pods))])
	f.killed = 0
}

// pass lets a span go by in which n requests come to a group.
func (f *flow) pass(g *flowGroup, span, n float64) {
	rate := f.rate / float64(len(f.h.w.ready))
	pods := float64(len(g.pods))
	for left := span; left > 1e-12; {
		before, behind := g.number(), g.backlog > 0
		h := g.move(rate, left)
		left -= h
		arrived := n * h / span
		lost, most := g.lost(rate), g.capacity()*h
		served := min(max(0, arrived/pods*(1-lost)-(g.number()-before)), most)
		if full := g.full(rate); full || (behind && g.backlog > 0) {
			served = most
			if full {
				served = min(most, rate*(1-lost)*h)
				lost = max(0, 1-served*pods/max(arrived, 1e-9))
			}
		}
		g.cpu += served * f.h.s.CPUSecondsPerRequest * f.h.w.cpuFactor
		number := (g.number() + before) / 2
		g.in += number * h
		g.requests += served
		f.h.step.served += served * pods
		if lost > 0 {
			f.h.drop(f.at, arrived*lost)
		}
		if behind || g.backlog > 0 || g.mu <= 0 {
			f.behind(g, arrived*(1-lost), number)
		} else {
			f.latencies(g, arrived*(1-lost))
		}
	}
}

// behind records n requests that find a mean number in the pod, which has a
// backlog: they wait for it, give or take what is normal for as many.
func (f *flow) behind(g *flowGroup, n, number float64) {
	if g.mu <= 0 {
		f.h.violate(f.at, n)
		return
	}
	before := max(0, number-float64(g.servers)+1)
	squared, capacity := f.shape.cv*f.shape.cv, g.capacity()
	mean := before/capacity + 1/g.mu
	spread := math.Sqrt(before*(1+squared)/2/(capacity*capacity) + squared/(g.mu*g.mu))
	late := 0.0
	switch {
	case spread > 0:
		late = 0.5 * math.Erfc((f.h.limit-mean)/spread/math.Sqrt2)
	case mean > f.h.limit:
		late = 1
	}
	f.h.violate(f.at, late*n)
	for _, l := range f.levels {
		f.h.latency.addWeight(max(0, mean+spread*l.normal), n*l.share)
	}
}

// latencies records n requests that find a queue in equilibrium.
func (f *flow) latencies(g *flowGroup, n float64) {
	limit := f.h.limit * g.mu
	var late float64
	if g.quick {
		late = g.limited().late(&f.shape, g.servers, limit)
	} else {
		late = g.queue().late(&f.shape, limit)
	}
	alone := min(1, f.shape.longer(limit)/max(late, 1e-300))
	if v := f.lateCount(late, alone, n, g); v > 0 {
		f.h.violate(f.at, v)
	}
	// No more than a full pod, give or take.
	room := float64(g.room)
	longest := (room + math.Sqrt(2*room*(1+f.shape.cv*f.shape.cv))) / g.capacity()
	for i, tail := range f.tail(g) {
		f.h.latency.addWeight(min(tail/g.mu, longest), n*f.levels[i].share)
	}
}

// spellCV is the coefficient of variation of the time that a Brownian motion
// with negative drift spends above its start: E[exp(-θT)] = 2μ/(μ+√(μ²+2θ)) has
// the moments 1/2μ² and 1/μ⁴, so that it is √3.
const spellCV = 1.7320508075688772

// lateCount draws how many of n requests are late if a share of them is on
// average. Late ones come in spells, while the queue is long and again and again
// about as long: Poisson many of them, whose length has the mean r²/(1-r)², that
// of M/M/1 for high levels (Aldous, Probability approximations via the Poisson
// clumping heuristic, 1989, chapter B), and spreads as that of a Brownian motion
// does. Many spells are as good as their mean. The part of the late ones that is
// alone is late for its own work.
func (f *flow) lateCount(late, alone, n float64, g *flowGroup) float64 {
	r, room := min(g.r, flowMost), float64(g.room)
	spell := (1 + f.shape.cv*f.shape.cv) / 2 * r * r / ((1 - r) * (1 - r))
	spell = max(1, (1-alone)*min(spell, room*room/10)) // The walk ends where there is no room.
	mean := late * n
	if late > 0.3 || mean > 100*spell || mean < 1e-12 {
		return mean
	}
	v := 0.0
	for range int(poisson(f.noise, mean/spell)) {
		v += spell * f.spells.draw(f.noise)
	}
	return min(v, n)
}

// poisson draws a Poisson variable: by its intervals where the mean is small,
// else by the normal distribution.
func poisson(rng *rand.Rand, mean float64) float64 {
	if mean > 50 {
		return max(0, math.Floor(mean+math.Sqrt(mean)*rng.NormFloat64()+0.5))
	}
	n := -1.0
	for left := mean; left >= 0; left -= rng.ExpFloat64() {
		n++
	}
	return max(0, n)
}
