package simulator

import (
	"math"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/rightsize-dev/rightsize/recommender"
)

// workShape is the distribution of the work of a request, gamma of mean 1, in
// the form that formulas need.
type workShape struct {
	cv    float64
	edges []workEdge // Ascending; nil for constant work.
}

// workEdge is a quantile: P(S <= at) = share.
type workEdge struct{ at, share float64 }

// newWorkShape cuts the distribution into nine tenths in equal parts and a
// tail in ever smaller ones.
func newWorkShape(cv float64) workShape {
	s := workShape{cv: cv}
	if cv == 0 {
		return s
	}
	const parts, tail, ratio, least = 36, 0.1, 0.75, 1e-6
	s.edges = append(s.edges, workEdge{})
	for i := 1; i < parts; i++ {
		s.edges = append(s.edges, workEdge{share: (1 - tail) * float64(i) / parts})
	}
	for t := tail; t > least; t *= ratio {
		s.edges = append(s.edges, workEdge{share: 1 - t})
	}
	for i := 1; i < len(s.edges); i++ {
		s.edges[i].at = gammaQuantile(cv, s.edges[i].share)
	}
	return s
}

// gammaQuantile is that of a gamma distribution of mean 1.
func gammaQuantile(cv, p float64) float64 {
	if cv == 1 {
		return -math.Log1p(-p)
	}
	shape := 1 / (cv * cv)
	return distuv.Gamma{Alpha: shape, Beta: shape}.Quantile(p)
}

// longer is P(S > t).
func (s *workShape) longer(t float64) float64 {
	switch s.cv {
	case 0:
		if t < 1 {
			return 1
		}
		return 0
	case 1:
		return math.Exp(-t)
	}
	i := sort.Search(len(s.edges), func(i int) bool { return s.edges[i].at >= t })
	if i == 0 {
		return 1
	}
	if i == len(s.edges) {
		return 0
	}
	a, b := s.edges[i-1], s.edges[i]
	return 1 - a.share - (b.share-a.share)*(t-a.at)/(b.at-a.at)
}

// growth is E[exp(xS)] - 1 of the work S, and its derivative, for x below 1/cv².
func (s *workShape) growth(x float64) (value, slope float64) {
	if s.cv == 0 {
		v := math.Exp(x)
		return math.Expm1(x), v
	}
	squared := s.cv * s.cv
	v := math.Pow(1-squared*x, -1/squared)
	return v - 1, v / (1 - squared*x)
}

// decay solves ρ·(E[exp(xS)]-1) = x for x > 0: waits in M/G/k end as
// exp(-x·k·t/E[S]), as Cramér and Lundberg have it for k = 1. Below 1/cv² the
// left side grows without bound, so there is a solution; Newton's method finds
// it from above, where the difference is convex.
func (s *workShape) decay(rho float64) float64 {
	if s.cv == 1 {
		return 1 - rho
	}
	if rho >= 1 {
		return s.rise(rho)
	}
	x := 2 * (1 - rho) / (rho * (1 + s.cv*s.cv)) // Above, by the second moment.
	high := math.Inf(1)
	if s.cv > 0 {
		high = 1 / (s.cv * s.cv)
	} else {
		x = min(x, 5-2*math.Log(rho))
	}
	if x >= high {
		x = high * (1 - 1e-9)
	}
	for range 60 {
		value, slope := s.growth(x)
		next := x - (rho*value-x)/(rho*slope-1)
		if !(next > 0) || math.Abs(next-x) < 1e-10*x {
			break
		}
		x = next
	}
	return x
}

// rise is the solution of the same equation for a load of 1 or more, which is
// not positive: queues rise from the top as they else decay. It lies between -ρ
// and 0.
func (s *workShape) rise(rho float64) float64 {
	lo, hi := -rho, -1e-12
	for range 60 {
		x := (lo + hi) / 2
		if value, _ := s.growth(x); rho*value-x > 0 {
			lo = x
		} else {
			hi = x
		}
	}
	return (lo + hi) / 2
}

// station is an M/G/k queue in equilibrium at a load, in units of the mean
// service time. Its waits are a sum of two exponentials after Tijms, A First
// Course in Stochastic Models (2003), chapter 9:
//
//	P(W > t) = main·exp(-decay·t) + rest·exp(-fast·t)
//
// The probability of a wait is Erlang's C, exact for k = 1 and for exponential
// work; the mean is exact there too, and else Cosmetatos' mean of constant and
// exponential work; how it ends is exact but for the factor.
type station struct {
	servers    int
	exact      bool    // M/D/1, whose waits are known.
	rho        float64 // Per server, below 1.
	waits      float64 // P(W > 0).
	main, rest float64
	slow, fast float64 // Per mean service time.
	queue      float64 // Mean number that wait.
	ratio      float64 // P(n+1 in the station)/P(n), beyond the servers.
}

// newStation computes the queue for k servers at a load of rho each.
func newStation(work *workShape, k int, rho float64) station {
	s := station{servers: k, rho: rho, slow: 1, fast: 1}
	if rho <= 0 {
		return s
	}
	c := float64(k)
	s.exact = k == 1 && work.cv == 0
	s.waits = erlangC(k, rho)
	x := work.decay(rho)
	s.slow, s.ratio = x*c, rho/(rho+x)
	squared := work.cv * work.cv
	exponential := s.waits / (c * (1 - rho)) // Mean wait of M/M/k.
	constant := 0.5 * exponential * min(2, 1+(1-rho)*(c-1)*(math.Sqrt(4+5*c)-2)/(16*c*rho))
	mean := squared*exponential + (1-squared)*constant
	s.queue = rho * c * mean
	_, slope := work.growth(x)
	s.main = s.waits / rho * (1 - rho) / (rho*slope - 1)
	s.rest = s.waits - s.main
	spread := mean - s.main/s.slow
	if work.cv == 1 || !(s.rest*spread > 0) || !(s.main > 0) {
		s.main, s.rest, s.slow = s.waits, 0, s.waits/mean
		return s
	}
	s.fast = s.rest / spread
	return s
}

// erlangC is the probability of waiting in M/M/k at a load of rho each.
func erlangC(k int, rho float64) float64 {
	load, b := rho*float64(k), 1.0
	for j := 1; j <= k; j++ {
		b = load * b / (float64(j) + load*b)
	}
	return b / (1 - rho*(1-b))
}

// beyond is P(W > t) for t in mean service times.
func (s *station) beyond(t float64) float64 {
	switch {
	case t < 0:
		return 1
	case s.exact:
		return recommender.ConstantServiceWait(s.rho, t)
	}
	v := s.main * math.Exp(-s.slow*t)
	if s.rest != 0 {
		v += s.rest * math.Exp(-s.fast*t)
	}
	return min(1, max(0, v))
}

// late is P(W + S > t): exact for exponential work, and else a sum over the
// distribution of the work by the trapezoidal rule.
func (s *station) late(work *workShape, t float64) float64 {
	switch {
	case t <= 0:
		return 1
	case work.cv == 0:
		return s.beyond(t - 1)
	case work.cv == 1:
		return s.lateExponential(t)
	}
	sum, before := 0.0, s.beyond(t)
	last := work.edges[0]
	for _, e := range work.edges[1:] {
		if e.at >= t {
			part := (t - last.at) / (e.at - last.at) * (e.share - last.share)
			return min(1, sum+part*(before+s.waits)/2+1-last.share-part)
		}
		now := s.beyond(t - e.at)
		sum += (e.share - last.share) * (before + now) / 2
		last, before = e, now
	}
	return min(1, sum+1-last.share)
}

// lateExponential adds an exponential wait and exponential work.
func (s *station) lateExponential(t float64) float64 {
	e := math.Exp(-t)
	v := (1 - s.waits) * e
	if d := s.slow - 1; math.Abs(d) > 1e-6 {
		v += s.waits * (s.slow*e - math.Exp(-s.slow*t)) / d
	} else {
		v += s.waits * e * (1 + t)
	}
	return min(1, v)
}

// meanIn is the mean number in the station.
func (s *station) meanIn() float64 { return s.rho*float64(s.servers) + s.queue }

// lost is the share of arrivals that find room places taken, waiting ones and
// the servers included, and are turned away. See Tijms, section 9.7: exact for
// exponential work and for k = 1.
func (s *station) lost(room int) float64 {
	taken := s.waits * math.Pow(s.ratio, float64(max(0, room-s.servers)))
	return (1 - s.rho) * taken / (1 - s.rho*taken)
}

// count is the probability of n in the station.
func (s *station) count(n int) float64 {
	load := s.rho * float64(s.servers)
	if n >= s.servers {
		return s.waits * (1 - s.ratio) * math.Pow(s.ratio, float64(n-s.servers))
	}
	if load <= 0 {
		if n == 0 {
			return 1
		}
		return 0
	}
	// Down from the last server: p(k-1) = p(k)·k/load in M/M/k.
	p := s.waits * (1 - s.rho)
	for j := s.servers; j > n; j-- {
		p *= float64(j) / load
	}
	return min(1, p)
}

// overloaded is the share of arrivals that are turned away where more arrive
// than k servers can do: that of M/M/k/room, for any load.
func overloaded(k int, rho float64, room int) float64 {
	k = min(k, room)
	load, b := rho*float64(k), 1.0
	for j := 1; j <= k; j++ {
		b = load * b / (float64(j) + load*b)
	}
	// Beyond k servers the weights are b·ρ^i; from the top they are ρ^-i.
	places := float64(room - k)
	if rho <= 1 {
		return max(0, 1-1/rho)
	}
	down := (1 - math.Pow(1/rho, places+1)) / (1 - 1/rho)
	below := (1 - b) / b * math.Pow(1/rho, places)
	return 1 / (down + below)
}
