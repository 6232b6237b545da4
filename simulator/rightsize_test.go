package simulator

import (
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// rightsizeSetup is two days of history of a service whose demand follows a
// daily rhythm.
func rightsizeSetup() Setup {
	size := recommender.Resources{CPU: 1000, Memory: recommender.GiB}
	s := Setup{Start: time.Unix(2*86400+3600, 0).UTC(), Scenario: Scenario{
		Name: "x", Step: 15 * time.Second, Service: Service{HTTP: &HTTPService{CPUSecondsPerRequest: 0.02, CPUCV: 1}},
		Objective: Objective{LatencySeconds: 0.5, Percentile: 0.95}, Initial: Initial{Replicas: 2, Requests: size},
		Bounds: Bounds{MinReplicas: 1, MaxReplicas: 10, MinAllowed: recommender.Resources{CPU: 100, Memory: recommender.MiB}, MaxAllowed: size},
		Prices: recommender.Prices{CPUCoreHour: 1, MemoryGiBHour: 0.1},
	}}
	blank := func() forecaster.Series {
		return forecaster.Series{Start: time.Unix(15, 0).UTC(), Step: 15 * time.Second, Values: make([]float64, 2*5760)}
	}
	rng := newStream(1, streamRouting)
	h := History{Demand: blank(), CPU: blank(), Memory: blank(), Replicas: 2, Requests: size}
	for i := range h.CPU.Values {
		rate := 20 - 10*math.Cos(2*math.Pi*float64(i)/5760) + rng.NormFloat64()
		h.Demand.Values[i], h.CPU.Values[i], h.Memory.Values[i] = rate, 0.1+0.02*rate, 2e8
	}
	s.History = h
	return s
}

// TestRightsizeForecastsAreFresh: whichever forecast a decision looks at was
// made lately, however irregular decisions are.
func TestRightsizeForecastsAreFresh(t *testing.T) {
	t.Parallel()
	r := newRightsizer(DefaultRightsize(), rightsizeSetup())
	begin := time.Unix(2*86400, 0).UTC()
	size := recommender.Resources{CPU: 1000, Memory: recommender.GiB}
	rng := newStream(2, streamRouting)
	decided, relied := 0, 0
	for i := range 6 * 240 {
		now := begin.Add(time.Duration(i) * 15 * time.Second)
		rate := 20 - 10*math.Cos(2*math.Pi*float64(i)/5760) + rng.NormFloat64()
		if i > 720 { // Unlike anything in its history, and so not trusted.
			rate = 20 * math.Exp(2*rng.NormFloat64())
		}
		next := r.nextDecide
		r.Decide(Observation{
			Now: now, MetricsAt: now, Step: 15 * time.Second, HasDemand: true, DemandRate: rate, CPUCores: 0.1 + 0.02*rate, MemoryBytes: 2e8,
			Desired: 2, Ready: 2, Template: size,
			Pods: []PodObservation{{ID: 1, Ready: true, HasMetrics: true, Requests: size, Wanted: size}},
		})
		if r.nextDecide.Equal(next) {
			continue // No decision was due.
		}
		decided++
		const grid = 5 * time.Minute // Forecasts start at the end of whole five minutes.
		if age := now.Sub(r.demand.Forecast.Origin); age > r.o.ForecastEvery+r.o.Every+grid {
			t.Fatalf("the demand forecast is %v old at %v", age, now)
		}
		if r.demandDecides() {
			relied++
		} else if age := now.Sub(r.cpu.Forecast.Origin); age > r.o.ForecastEvery+r.o.Every+grid {
			t.Fatalf("the CPU forecast is %v old at %v", age, now)
		}
	}
	if relied == 0 || relied == decided {
		t.Errorf("relied on demand in %d of %d decisions: one of the cases was not met", relied, decided)
	}
}

// TestTracks: the series holds the largest minute of each five; a minute is the
// mean of its steps, or for memory their largest. A killed container did reach
// its limit.
func TestTracks(t *testing.T) {
	t.Parallel()
	s := rightsizeSetup()
	s.History = History{CPU: forecaster.Series{Step: 15 * time.Second}}
	h := newRightsizeHistory(s)
	begin := time.Unix(600, 0).UTC()
	for i := 1; i <= 5*4+1; i++ {
		now := begin.Add(time.Duration(i) * 15 * time.Second)
		o := Observation{
			Now: now, MetricsAt: now, Step: 15 * time.Second, HasDemand: true, DemandRate: float64(i), CPUCores: 1, MemoryBytes: 100, Ready: 2,
			Pods: []PodObservation{{HasMetrics: true, Limits: recommender.Resources{Memory: 700}}},
		}
		if i == 6 {
			o.Pods[0].LastOOMKill = now.Add(-time.Second)
		}
		h.add(o)
		h.add(o) // Seen twice, kept once.
	}
	if got := h.demand.series(); got.Len() != 1 || got.Values[0] != (17+18+19+20)/4.0 || !got.Start.Equal(begin.Add(5*time.Minute)) {
		t.Errorf("demand %v from %v", got.Values, got.Start)
	}
	if got := h.memory.series(); got.Len() != 1 || got.Values[0] != 700 {
		t.Errorf("memory %v", got.Values)
	}
	var u recommender.Usage
	h.demand.renew(&u, h.seen)
	if u.Last != 21 || u.Recent != 21 || u.Samples != 1 {
		t.Errorf("newest figures %+v", u)
	}
}

// TestPodsGoLast: pods are taken away only as others have in force what those are
// to have that stay, whichever of them stay.
func TestPodsGoLast(t *testing.T) {
	t.Parallel()
	small, large := recommender.Resources{CPU: 1000, Memory: 1 << 30}, recommender.Resources{CPU: 2000, Memory: 2 << 30}
	pod := func(has, wants recommender.Resources) PodObservation {
		return PodObservation{Ready: true, Requests: has, Wanted: wants}
	}
	starting := PodObservation{Requests: large, Wanted: large}
	for name, tc := range map[string]struct {
		pods []PodObservation
		want int
	}{
		"none has grown":     {[]PodObservation{pod(small, large), pod(small, large), pod(small, large), pod(small, large)}, 4},
		"some have":          {[]PodObservation{pod(large, large), pod(large, large), pod(small, large), pod(small, large)}, 3},
		"all have":           {[]PodObservation{pod(large, large), pod(large, large), pod(large, large), pod(large, large)}, 2},
		"they shrink":        {[]PodObservation{pod(large, small), pod(large, small), pod(large, small), pod(large, small)}, 4},
		"of those not ready": {[]PodObservation{pod(large, large), starting, starting, starting}, 4},
	} {
		r := &rightsizer{fewer: 2}
		a := Action{Replicas: 4, Template: large}
		if r.scaleDown(Observation{Desired: 4, Template: large, Pods: tc.pods}, &a); a.Replicas != tc.want || (r.fewer == 0) != (tc.want == 2) {
			t.Errorf("%s: %d of 4 pods stay, and %d wait to be the number; want %d", name, a.Replicas, r.fewer, tc.want)
		}
	}
}
