package simulator

import "math"

// flowGroup are pods that are alike, each an M/G/k/K queue.
type flowGroup struct {
	ceiling float64
	pods    []*pod
	shape   *workShape

	servers     int
	mu          float64 // Requests a second of a worker.
	room, oomAt int

	// r is the load of the equilibrium that a pod is like, and backlog the
	// requests in it beyond that.
	r, backlog float64
	known      station // Of r.
	// quick says that there is so little room that the queue is in equilibrium
	// under any load within seconds; bounded is then that of r.
	quick   bool
	bounded BoundedQueue
	mean    float64 // Of bounded.
	of      float64 // The load that it is of.
	luck    float64 // Expected kills until the next.

	// Of one pod since the group began.
	cpu, in, requests float64
}

// podFlow is a pod's place in a group, and what it used of it that is not
// settled yet.
type podFlow struct {
	group              *flowGroup
	cpu0, in0          float64
	requests0          float64
	cpu, in, requested float64
}

func (f *flow) newGroup(p *pod) *flowGroup {
	s := f.h.s
	g := &flowGroup{
		ceiling: p.ceiling, shape: &f.shape, servers: min(workers(p.ceiling), s.ConcurrencyPerPod),
		mu: f.mu(p), room: s.ConcurrencyPerPod,
		oomAt: f.h.oomAt(p), luck: f.noise.ExpFloat64(),
	}
	g.known = newStation(g.shape, g.servers, 0)
	// A random walk between 0 and room settles within room²/5 ends or so.
	room := float64(g.room)
	g.quick, g.of = g.mu > 0 && room*room < 5*flowQuick*g.capacity(), -1
	return g
}

// limited is the equilibrium of pods with little room.
func (g *flowGroup) limited() *BoundedQueue {
	if g.of != g.r {
		load := g.r * float64(g.servers)
		ratio := g.r
		if g.r > 0 {
			ratio = g.r / (g.r + g.shape.decay(g.r))
		}
		g.of, g.bounded = g.r, newBoundedQueue(g.servers, load, ratio, g.room)
		g.mean = g.bounded.Mean()
	}
	return &g.bounded
}

// mu is the rate at which each worker of a pod serves.
func (f *flow) mu(p *pod) float64 {
	return workerSpeed(p.ceiling, f.h.s.BaseCPU.Cores()) / (f.h.s.CPUSecondsPerRequest * f.h.w.cpuFactor)
}

// collect moves what a pod used to the pod.
func (g *flowGroup) collect(p *pod) {
	u := &p.flow
	u.cpu += g.cpu - u.cpu0
	u.in += g.in - u.in0
	u.requested += g.requests - u.requests0
	u.cpu0, u.in0, u.requests0 = g.cpu, g.in, g.requests
}

// capacity is the largest rate that a pod serves.
func (g *flowGroup) capacity() float64 { return float64(g.servers) * g.mu }

// queue is the equilibrium that the pods are like.
func (g *flowGroup) queue() *station {
	if g.known.rho != g.r {
		g.known = newStation(g.shape, g.servers, g.r)
	}
	return &g.known
}

// number is the mean number of requests in a pod.
func (g *flowGroup) number() float64 {
	if g.quick {
		g.limited()
		return min(float64(g.room), g.mean)
	}
	return min(float64(g.room), g.queue().meanIn()+g.backlog)
}

// turn is the number from which on there is a backlog.
func (g *flowGroup) turn() float64 {
	if g.quick {
		return float64(g.room)
	}
	s := newStation(g.shape, g.servers, flowTurn)
	return s.meanIn()
}

// set makes the mean number in a pod n.
func (g *flowGroup) set(n float64) {
	g.backlog = 0
	if g.quick {
		g.r = 0 // It finds its load within seconds.
		return
	}
	if turn := g.turn(); n >= turn && g.mu > 0 {
		g.r, g.backlog = flowTurn, n-turn
		return
	} else if g.mu <= 0 {
		g.r, g.backlog = 0, n
		return
	}
	lo, hi := 0.0, flowTurn
	for range 30 {
		g.r = (lo + hi) / 2
		if g.queue().meanIn() < n {
			lo = g.r
		} else {
			hi = g.r
		}
	}
	if lo == 0 {
		g.r = 0
	}
}

// settling is the time in seconds in which the queue comes 1/e of the way
// nearer to its equilibrium: the number in it has to change, at the rate
// capacity·(ρ-r). The derivative of the number is exact for M/M/1.
func (g *flowGroup) settling() float64 {
	s := g.queue()
	stretch := (1 + g.shape.cv*g.shape.cv) / 2
	return (float64(g.servers) + stretch*s.waits*(2-g.r)/((1-g.r)*(1-g.r))) / g.capacity()
}

// move lets up to left seconds go by under a rate per pod, and returns how
// many did.
func (g *flowGroup) move(rate, left float64) float64 {
	capacity := g.capacity()
	if capacity <= 0 {
		g.backlog = min(float64(g.room), g.backlog+rate*left)
		return left
	}
	rho := rate / capacity
	if g.quick {
		g.r = rho
		return left
	}
	if g.backlog > 0 || (rho > flowOver && g.r >= flowTurn) {
		return g.fill(rho, left)
	}
	settling := g.settling()
	target := rho
	if rho <= flowOver {
		target = min(rho, flowMost)
		if left > 8*settling || math.Abs(target-g.r) < 1e-6 {
			g.r = target
			return left
		}
	}
	span := min(left, max(settling/2, left/8))
	if target > g.r {
		span = min(span, max(0.05*settling/(target-g.r), left/64))
	}
	g.r += (target - g.r) * -math.Expm1(-span/settling)
	if rho > flowOver {
		g.r = min(g.r, flowTurn)
	}
	g.r = max(g.r, 0)
	return span
}

// fill lets the backlog grow or shrink as a fluid does.
func (g *flowGroup) fill(rho, left float64) float64 {
	growth := (rho - 1) * g.capacity()
	most, before := g.most(rho), g.backlog
	span := min(left, flowPiece)
	switch {
	case growth < 0 && before < -growth*span:
		span = max(before/-growth, 1e-9)
		g.backlog = 0
	case growth > 0 && before >= most:
		g.backlog = most
		return left
	default:
		g.backlog = min(most, before+growth*span)
	}
	return span
}

// most is the largest backlog: from the top the number of free places is
// geometric with the mean 1/(ρ-1).
func (g *flowGroup) most(rho float64) float64 {
	if rho <= flowOver {
		return float64(g.room)
	}
	return max(0, float64(g.room)-1/(rho-1)-g.queue().meanIn())
}

// full says whether arrivals overload a pod that has all the backlog there is
// room for.
func (g *flowGroup) full(rate float64) bool {
	if g.quick {
		return false
	}
	rho := rate / g.capacity()
	return g.mu > 0 && rho > flowOver && g.r >= flowTurn && g.backlog >= g.most(rho)
}

// lost is the share of arrivals that find no room.
func (g *flowGroup) lost(rate float64) float64 {
	capacity := g.capacity()
	switch {
	case g.quick:
		return g.limited().Full
	case capacity <= 0:
		if g.backlog >= float64(g.room) {
			return 1
		}
		return 0
	case g.full(rate):
		return overloaded(g.servers, rate/capacity, g.room)
	case g.backlog > 0:
		return 0
	default:
		return g.queue().lost(g.room)
	}
}

// hazard is the rate at which a pod comes to need more memory than its limit:
// that of arrivals which find all the requests that it still has room for.
func (g *flowGroup) hazard(rate float64) float64 {
	if n := g.number(); n >= float64(g.oomAt) {
		return max(rate, 1)
	}
	if g.oomAt < 1 {
		return math.Inf(1)
	}
	if g.quick {
		return rate * g.limited().count(g.servers, g.oomAt-1)
	}
	return rate * g.queue().count(g.oomAt-1)
}
