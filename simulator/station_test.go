package simulator

import (
	"math"
	"testing"
)

// TestStationIsExact compares with what theory knows exactly.
func TestStationIsExact(t *testing.T) {
	t.Parallel()
	near := func(what string, got, want, tolerance float64) {
		t.Helper()
		if math.Abs(got-want) > tolerance*math.Abs(want)+1e-12 {
			t.Errorf("%s = %v, want %v ± %v %%", what, got, want, 100*tolerance)
		}
	}
	exponential, constant, wild := newWorkShape(1), newWorkShape(0), newWorkShape(2)
	for _, rho := range []float64{0.1, 0.5, 0.7, 0.9, 0.98} {
		// M/M/1: the time in the system is exponential with rate 1-ρ.
		s := newStation(&exponential, 1, rho)
		for _, x := range []float64{0.5, 2, 5} {
			near("M/M/1 tail", s.late(&exponential, x), math.Exp(-(1-rho)*x), 1e-9)
		}
		near("M/M/1 number", s.meanIn(), rho/(1-rho), 1e-9)
		near("M/M/1/5 loss", s.lost(5), (1-rho)*math.Pow(rho, 5)/(1-math.Pow(rho, 6)), 1e-9)
		near("M/M/1 states", s.count(3), (1-rho)*rho*rho*rho, 1e-9)
		// Pollaczek and Khinchine: Lq = ρ²(1+cv²)/(2(1-ρ)).
		for _, w := range []*workShape{&constant, &exponential, &wild} {
			s := newStation(w, 1, rho)
			near("M/G/1 queue", s.queue, rho*rho*(1+w.cv*w.cv)/(2*(1-rho)), 1e-9)
			near("M/G/1 wait", s.waits, rho, 1e-9)
			near("mean of the tail", s.main/s.slow+s.rest/s.fast, s.queue/rho, 1e-6)
		}
		// M/D/1, Erlang: P(W > t) = 1 - (1-ρ)·exp(ρt) for t up to a service.
		s = newStation(&constant, 1, rho)
		near("M/D/1 tail", s.beyond(0.5), 1-(1-rho)*math.Exp(rho*0.5), 1e-9)
		near("M/D/1 far tail", s.beyond(1.5), 1-(1-rho)*(math.Exp(1.5*rho)-0.5*rho*math.Exp(0.5*rho)), 1e-9)
	}
	// Erlang B: M/G/2/2.
	s := newStation(&wild, 2, 0.75)
	near("M/G/2/2 loss", s.lost(2), 1.125/(1+1.5+1.125), 1e-9)
	near("overload", overloaded(1, 2, 3), 8.0/15, 1e-9)
	near("deep overload", overloaded(4, 3, 100), 2.0/3, 1e-9)
	// M/M/4 at 3.2 erlangs.
	s = newStation(&exponential, 4, 0.8)
	near("Erlang C", s.waits, 0.5964, 1e-3)
}
