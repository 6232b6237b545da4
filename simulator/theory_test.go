package simulator_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// erlangTail is P(T > t) of the time a request is in an M/M/k queue with
// service rate mu and load erlangs (Erlang C wait plus exponential service).
func erlangTail(t *testing.T, k int, load, mu, at float64) float64 {
	t.Helper()
	c, err := recommender.WaitProbability(k, load)
	if err != nil {
		t.Fatal(err)
	}
	d := float64(k) - 1 - load
	if math.Abs(d) < 1e-9 {
		return math.Exp(-mu*at) * (1 + c*mu*at)
	}
	return math.Exp(-mu*at) * (1 + c*(1-math.Exp(-mu*at*d))/d)
}

// TestHTTPQueues compares the share of late requests with queueing theory. In
// each case some two million requests are simulated; shares between 1 % and
// 90 % then scatter by well under 3 % even where requests come in clusters.
func TestHTTPQueues(t *testing.T) {
	t.Parallel()
	const work = 0.01
	cases := map[string]struct {
		rate     float64
		replicas int
		cpu      recommender.MilliCPU
		base     recommender.MilliCPU
		cv       float64
		limit    float64
		room     int
		want     float64
	}{
		// exp(-(100-70)·0.1).
		"M/M/1": {rate: 70, replicas: 1, cpu: 1000, cv: 1, limit: 0.1, want: math.Exp(-3)},
		"M/M/4": {rate: 320, replicas: 1, cpu: 4000, cv: 1, limit: 0.03, want: erlangTail(t, 4, 3.2, 100, 0.03)},
		// A pod of 1.5 cores of which 0.5 are taken has two workers of half a core.
		"M/M/2 after base CPU": {rate: 80, replicas: 1, cpu: 1500, base: 500, cv: 1, limit: 0.1, want: erlangTail(t, 2, 1.6, 50, 0.1)},
		// A Poisson stream split at random is five Poisson streams.
		"five M/M/1 by random routing": {rate: 400, replicas: 5, cpu: 1000, cv: 1, limit: 0.1, want: math.Exp(-2)},
		// Whoever waits is late: the probability of that is ρ.
		"M/D/1 waits": {rate: 60, replicas: 1, cpu: 1000, cv: 0, limit: work * 1.0000001, want: 0.6},
		// P(W <= t) = (1-ρ)·exp(λt) for t up to one service time.
		"M/D/1 within one service": {rate: 60, replicas: 1, cpu: 1000, cv: 0, limit: 1.5 * work, want: 1 - 0.4*math.Exp(60*0.005)},
		// A request that finds three is dropped: (1-ρ)ρ³/(1-ρ⁴), and no other is late.
		"M/M/1/3 drops": {rate: 80, replicas: 1, cpu: 1000, cv: 1, limit: 1e6, room: 3, want: 0.2 * 0.512 / (1 - 0.4096)},
		// Erlang B: two workers, no queue, and the loss does not depend on cv.
		"M/G/2/2 drops": {rate: 150, replicas: 1, cpu: 2000, cv: 2, limit: 1e6, room: 2, want: 1.125 / (1 + 1.5 + 1.125)},
	}
	for name, tc := range cases {
		for how, every := range bothWays() {
			t.Run(name+how, func(t *testing.T) {
				t.Parallel()
				sc := httpScenario(tc.rate, tc.replicas, time.Duration(2e6/tc.rate)*time.Second)
				sc.Service.HTTP.EveryRequest = every
				sc.Initial.Requests.CPU = tc.cpu
				h := sc.Service.HTTP
				h.CPUCV, h.BaseCPU = tc.cv, tc.base
				if tc.room > 0 {
					h.ConcurrencyPerPod = tc.room
				}
				sc.Objective.LatencySeconds = tc.limit
				s := run(t, sc, simulator.Static())
				near(t, "violated share", *s.SLOViolatedRequestRatio, tc.want, 0.03)
				// Conservation: what arrives is served or dropped.
				near(t, "arrivals", float64(*s.ServedRequests+*s.DroppedRequests), tc.rate*sc.Duration.Seconds(), 0.005)
				// Work conservation: CPU used is that of the requests served.
				used := (1 - *s.CPUSlackRatio) * s.CPUCoreHours * 3600 / sc.Duration.Seconds()
				served := float64(*s.ServedRequests) / sc.Duration.Seconds()
				near(t, "CPU", used, served*work+tc.base.Cores()*float64(tc.replicas), 0.01)
			})
		}
	}
}

// bothWays are a simulation by formulas and one of every request.
func bothWays() map[string]bool { return map[string]bool{" by formulas": false, " by requests": true} }

// TestHTTPPercentiles: the sojourn time of M/M/1 is exponential with rate
// μ-λ = 30 a second, so its p-quantile is -ln(1-p)/30. The histogram adds at
// most 0.8 %.
func TestHTTPPercentiles(t *testing.T) {
	t.Parallel()
	for how, every := range bothWays() {
		sc := httpScenario(70, 1, 8*time.Hour)
		sc.Service.HTTP.EveryRequest = every
		s := run(t, sc, simulator.Static())
		for p, got := range map[float64]*float64{0.5: s.LatencyP50Seconds, 0.95: s.LatencyP95Seconds, 0.99: s.LatencyP99Seconds} {
			near(t, "quantile"+how, *got, -math.Log(1-p)/30, 0.03)
		}
	}
}

// TestHTTPMemory: the mean number in M/M/1 at ρ = 0.7 is ρ/(1-ρ) = 7/3, each
// of which takes 10 MiB on top of 100 MiB.
func TestHTTPMemory(t *testing.T) {
	t.Parallel()
	sc := httpScenario(70, 1, 8*time.Hour)
	h := sc.Service.HTTP
	h.BaseMemory, h.MemoryPerConcurrentRequest = 100*recommender.MiB, 10*recommender.MiB
	for how, every := range bothWays() {
		sc.Service.HTTP.EveryRequest = every
		s := run(t, sc, simulator.Static())
		near(t, "memory"+how, (1-*s.MemorySlackRatio)*1024, 100+10*7.0/3, 0.01)
	}
}

// TestPollaczekKhinchine: the mean number in M/G/1 is ρ + ρ²(1+cv²)/(2(1-ρ)), as
// the memory of requests shows it.
func TestPollaczekKhinchine(t *testing.T) {
	t.Parallel()
	for _, cv := range []float64{0, 0.5, 1, 2} {
		for _, rho := range []float64{0.5, 0.8} {
			for how, every := range bothWays() {
				sc := httpScenario(100*rho, 1, 16*time.Hour)
				h := sc.Service.HTTP
				h.CPUCV, h.MemoryPerConcurrentRequest, h.EveryRequest = cv, recommender.MiB, every
				s := run(t, sc, simulator.Static())
				want := rho + rho*rho*(1+cv*cv)/(2*(1-rho))
				near(t, fmt.Sprintf("number at ρ %v and cv %v%s", rho, cv, how), (1-*s.MemorySlackRatio)*1024, want, 0.04)
			}
		}
	}
}

// TestThrottling: the CPU that arrives in 15 s has the mean λb·15 and the
// standard deviation b·√(15λ(1+cv²)) (compound Poisson). A pod is throttled in
// about as many steps as that exceeds 99 % of what it can do; work that is left
// over from the step before shifts it a little.
func TestThrottling(t *testing.T) {
	t.Parallel()
	for _, rho := range []float64{0.5, 0.88, 0.9, 0.92} {
		for how, every := range bothWays() {
			sc := httpScenario(rho*50, 1, 5*24*time.Hour)
			sc.Service.HTTP.CPUSecondsPerRequest, sc.Service.HTTP.EveryRequest = 0.02, every
			s := run(t, sc, simulator.Static())
			z := (0.99 - rho) * 15 / (0.02 * math.Sqrt(15*50*rho*2))
			want := 0.5 * math.Erfc(z/math.Sqrt2)
			if got := s.ThrottledSeconds / sc.Duration.Seconds(); math.Abs(got-want) > 0.4*want+0.001 {
				t.Errorf("ρ %v%s: throttled in %v of the time, want about %v", rho, how, got, want)
			}
		}
	}
}

// TestArrivalsArePoisson: counts of a Poisson process have the variance of
// their mean, in every row of a changing rate.
func TestArrivalsArePoisson(t *testing.T) {
	t.Parallel()
	sc := httpScenario(0, 10, 20*time.Hour)
	sc.Demand.Offsets, sc.Demand.Rate = nil, nil
	for h := range 20 {
		sc.Demand.Offsets = append(sc.Demand.Offsets, float64(h)*3600)
		sc.Demand.Rate = append(sc.Demand.Rate, float64(10+10*(h%2)))
	}
	type moments struct{ n, sum, squares float64 }
	var of [2]moments
	run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		if o.HasDemand {
			m := &of[int((at-time.Second).Hours())%2]
			count := o.DemandRate * 15
			m.n, m.sum, m.squares = m.n+1, m.sum+count, m.squares+count*count
		}
		return o.Keep()
	}))
	for i, m := range of {
		mean := m.sum / m.n
		near(t, "mean count", mean, float64(15*(10+10*i)), 0.01)
		// 2400 counts: the variance scatters by √(2/2400) = 3 %.
		near(t, "variance of counts", m.squares/m.n-mean*mean, mean, 0.1)
	}
}
