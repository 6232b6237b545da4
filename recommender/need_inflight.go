package recommender

import (
	"fmt"
	"math"
)

// inFlightSpan is the time in seconds for which a pod's memory has to hold the
// requests that gather in it, but for the accepted risk.
const inFlightSpan = 3600

// InFlight is the number of requests in a pod that is exceeded with at most
// the probability risk within so many seconds, on that many cores and with
// Poisson arrivals at rate per second. In M/M/k at the load ρ states above k are
// geometric, and excursions to a high one come like a Poisson process, so that
//
//	P(more than n within T) ≈ T·λ·C·(1-ρ)²·ρ^(n-k)
//
// with C the probability of a wait (Aldous, Probability Approximations via the
// Poisson Clumping Heuristic, 1989, section B). As for waits, other service times
// stretch ln(1/ρ) by (1+cv²)/2. It is at least the number of workers k, and
// infinite under overload.
func (s Server) InFlight(cores, rate, seconds, risk float64) float64 {
	workers := math.Ceil(cores)
	speed := (cores - s.Idle) / workers
	if speed <= 0 || math.IsNaN(rate) {
		return math.Inf(1)
	}
	if rate <= 0 {
		return workers
	}
	load := rate * s.CPUPerRequest / speed
	waits, err := WaitProbability(int(workers), load)
	if err != nil {
		return math.Inf(1)
	}
	rho := load / workers
	crossings := seconds * rate * waits * (1 - rho) * (1 - rho)
	return workers + max(0, math.Log(crossings/risk)/math.Log(1/rho)*max(1, s.stretch))
}

// gathered is the memory that container i needs for the requests that may
// gather in a pod of that many cores before they are worked off. What a request
// holds is learned from how memory followed those in flight; peaks within a
// sample are in no history, and a pod that is new has had none.
func (z *sizer) gathered(i int, cores float64) float64 {
	rel := z.d.s.Containers[i].MemoryInFlight
	if i != z.n.serving || !rel.Valid {
		return 0
	}
	return rel.PerReplica + rel.PerUnit*z.inFlight(cores)
}

// inFlight is the number of requests that may gather in a pod of that many
// cores that carries all it can.
func (z *sizer) inFlight(cores float64) float64 {
	all := cores * (1 + z.d.s.Policy.Vertical.Burst)
	n := z.n.server.InFlight(all, z.capacity(cores), inFlightSpan, z.d.s.Policy.Risk)
	if math.IsInf(n, 1) {
		return 0 // Not known.
	}
	return n
}

// gatheredReason tells where requests in flight decide the memory.
func (d *draft) gatheredReason(z *sizer, o option) {
	i := z.n.serving
	if i < 0 {
		return
	}
	c, cores := d.s.Containers[i], o.sizes[i].CPU.Cores()
	if need := z.gathered(i, cores); need > z.n.containers[i].memory {
		d.add(Reason{
			Code: ReasonMemoryInFlight, Container: c.Name, Subject: "memory", Unit: "bytes", Before: z.n.containers[i].memory, After: need,
			Message: fmt.Sprintf("a pod holds %s and %s for each request in flight, of which up to %s gather within an hour with probability %s",
				size(c.MemoryInFlight.PerReplica), size(c.MemoryInFlight.PerUnit), num(z.inFlight(cores)), percent(1-d.s.Policy.Risk)),
		})
	}
}
