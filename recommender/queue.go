package recommender

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// ErrOverload says that more work arrives than can be served.
var ErrOverload = errors.New("recommender: load exceeds capacity")

// WaitProbability is the probability that a request arriving at an M/M/c queue
// has to wait, the Erlang C formula:
//
//	C(c, a) = B / (1 - ρ(1 - B)),  ρ = a/c
//
// where B is the Erlang B blocking probability, found by the recurrence
// B(0) = 1, B(n) = aB(n-1) / (n + aB(n-1)), which neither overflows nor
// cancels. Servers is c, at least 1; load is a = λ/μ in erlangs, not negative.
// At ρ ≥ 1 every request waits: the result is 1 with ErrOverload.
//
// See Harchol-Balter, Performance Modeling and Design of Computer Systems
// (2013), chapter 14.
func WaitProbability(servers int, load float64) (float64, error) {
	if servers < 1 || math.IsNaN(load) || load < 0 {
		return 0, fmt.Errorf("recommender: %d servers under %g erlangs", servers, load)
	}
	rho := load / float64(servers)
	if rho >= 1 {
		return 1, ErrOverload
	}
	b := 1.0
	for n := 1; n <= servers; n++ {
		b = load * b / (float64(n) + load*b)
	}
	return b / (1 - rho*(1-b)), nil
}

// ConstantServiceWait is P(wait > t·d) in M/D/1 with service time d, for t not
// negative. Up to some service times it is Erlang's sum,
//
//	P(wait <= t·d) = (1-ρ)·Σ_{j <= t} (ρ(j-t))^j/j! · exp(-ρ(j-t))
//
// whose terms alternate and grow with t; beyond, it ends exponentially as
// Cramér and Lundberg have it, to which it is then equal in all digits. Rho is
// the load; at 1 or more everyone waits for good.
//
// See Tijms, A First Course in Stochastic Models (2003), chapter 9.
func ConstantServiceWait(rho, t float64) float64 {
	const few = 8
	switch {
	case rho <= 0:
		return 0
	case rho >= 1:
		return 1
	case t < few:
		return erlangWait(rho, t)
	}
	// x = η·d solves ρ(e^x - 1) = x, x > 0: Newton's method from above.
	x := min(2*(1-rho)/rho, 5-2*math.Log(rho))
	for range 50 {
		e := math.Expm1(x)
		next := x - (rho*e-x)/(rho*(e+1)-1)
		if math.Abs(next-x) < 1e-12*(1+x) {
			break
		}
		x = next
	}
	return min(rho, (1-rho)/(rho*math.Exp(x)-1)*math.Exp(-x*t))
}

// erlangWait is 1 - Erlang's sum.
func erlangWait(rho, t float64) float64 {
	sum, factorial := 0.0, 1.0
	for j := 0.0; j <= t; j++ {
		if j > 0 {
			factorial *= j
		}
		x := rho * (j - t) // Not positive.
		sum += math.Pow(x, j) / factorial * math.Exp(-x)
	}
	return min(rho, max(0, 1-(1-rho)*sum))
}

// servicePoints is how many points a service time distribution is cut into.
// With 64, the tail of M/M/1 is met within 1 % (see the tests).
const servicePoints = 64

// Server is a pod that serves requests: ceil(c) workers, each at an equal
// share of the cores that are left after what the pod uses without requests.
// It is the service model of the simulator's http workloads.
type Server struct {
	// CPUPerRequest is the mean CPU time of a request in core-seconds.
	CPUPerRequest float64
	// Idle is the CPU in cores that the pod uses without requests.
	Idle float64
	// service holds equally likely service times over their mean, stretch is
	// (1+cv²)/2.
	service []float64
	stretch float64
}

// NewServer returns a Server whose requests take gamma-distributed CPU time of
// the given mean and coefficient of variation (1 is exponential, 0 constant).
func NewServer(cpuPerRequest, cv, idle float64) Server {
	s := Server{CPUPerRequest: cpuPerRequest, Idle: idle, stretch: (1 + cv*cv) / 2, service: make([]float64, servicePoints)}
	for i := range s.service {
		s.service[i] = gammaQuantile(cv, (float64(i)+0.5)/servicePoints)
	}
	return s
}

// gammaQuantile is the quantile of a gamma distribution of mean 1.
func gammaQuantile(cv, p float64) float64 {
	switch {
	case cv <= 0:
		return 1
	case cv == 1:
		return -math.Log1p(-p)
	default:
		shape := 1 / (cv * cv)
		return distuv.Gamma{Alpha: shape, Beta: shape}.Quantile(p)
	}
}

// Late is the share of requests that take longer than limit seconds on a pod
// of that many cores with Poisson arrivals at rate per second. The wait is
// that of M/M/k, its time scale stretched by (1+cv²)/2 as Allen and Cunneen do
// for the mean; it ends exponentially,
//
//	P(wait > t) = C(k, a)·exp(-t(kμ-λ)/((1+cv²)/2))
//
// and the service time is added to it by summing over the points of its
// distribution. Under overload the share is 1.
func (s Server) Late(cores, rate, limit float64) float64 {
	workers := math.Ceil(cores)
	speed := (cores - s.Idle) / workers
	if speed <= 0 {
		return 1
	}
	mean := s.CPUPerRequest / speed
	waits, err := WaitProbability(int(workers), rate*mean)
	if err != nil {
		return 1
	}
	decay := (workers/mean - rate) / s.stretch
	if s.stretch == 1 {
		return exponentialLate(waits, decay*mean, limit/mean)
	}
	late := 0.0
	for _, x := range s.service {
		left := limit - x*mean
		if left <= 0 {
			late++
			continue
		}
		late += waits * math.Exp(-decay*left)
	}
	return late / float64(len(s.service))
}

// exponentialLate is P(wait + service > a) for an exponential service time of
// mean 1 and P(wait > t) = c·exp(-bt),
//
//	e^-a + c·(e^-a - e^-ba)/(b - 1)
//
// and e^-a·(1 + ca) in the limit b = 1.
func exponentialLate(c, b, a float64) float64 {
	rest := math.Exp(-a)
	if near := (b - 1) * a; math.Abs(near) < 1e-6 {
		return min(1, rest*(1+c*a))
	}
	return min(1, rest+c*(rest-math.Exp(-b*a))/(b-1))
}

// Capacity is the largest rate per second at which no more than late of the
// requests take longer than limit seconds on a pod of that many cores; 0 where
// even a lone request does. It is found by bisection to a thousandth.
func (s Server) Capacity(cores, limit, late float64) float64 {
	hi := (cores - s.Idle) / s.CPUPerRequest
	if hi <= 0 || s.Late(cores, 0, limit) > late {
		return 0
	}
	lo := 0.0
	for hi-lo > 1e-3*hi {
		mid := (lo + hi) / 2
		if s.Late(cores, mid, limit) <= late {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}
