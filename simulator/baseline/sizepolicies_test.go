package baseline_test

import (
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// historyOf is a history of one pod a minute with the given CPU; memory is
// 200 MiB but for one peak.
func historyOf(minutes int, cores func(i int) float64) simulator.History {
	end := hpaNow()
	series := func() forecaster.Series {
		return forecaster.Series{
			Start: end.Add(-time.Duration(minutes-1) * time.Minute), Step: time.Minute, Values: make([]float64, minutes),
		}
	}
	h := simulator.History{CPU: series(), Memory: series(), Replicas: 1, Requests: recommender.Resources{CPU: 1000}}
	for i := range minutes {
		h.CPU.Values[i] = cores(i)
		h.Memory.Values[i] = 200 << 20
	}
	h.Memory.Values[minutes/2] = 400 << 20
	return h
}

// TestKRR: the 95th percentile of CPU and the largest memory with 15 %, at the
// scored start and never again; nothing from a history that is too short.
func TestKRR(t *testing.T) {
	t.Parallel()
	// A tenth of the time at 1 core, else at 0.2. Minutes lie further apart
	// than KRR's 75 s half of the time, so its points are not all one minute;
	// the 95th percentile is at 1 core all the same.
	tenth := func(i int) float64 {
		if i%10 == 0 {
			return 1
		}
		return 0.2
	}
	// One in 50 is beyond the percentile.
	rare := func(i int) float64 {
		if i%100 < 2 {
			return 1
		}
		return 0.2
	}
	const mib = float64(recommender.MiB)
	cases := map[string]struct {
		history  simulator.History
		settings simulator.Settings
		cpu      float64
		memory   float64 // In MiB.
	}{
		"bursts in a tenth of the time": {historyOf(3000, tenth), nil, 1, 460},
		"bursts in a fiftieth":          {historyOf(3000, rare), nil, 0.2, 460},
		"at another percentile":         {historyOf(3000, tenth), simulator.Settings{"cpuPercentile": 50.0}, 0.2, 460},
		"with another buffer":           {historyOf(3000, rare), simulator.Settings{"memoryBufferPercentage": 50.0}, 0.2, 600},
		"at the floor of CPU":           {historyOf(3000, func(int) float64 { return 0.001 }), nil, 0.01, 460},
		"less than three hours":         {historyOf(170, rare), nil, 1, 512},
		"too few points":                {historyOf(3000, rare), simulator.Settings{"pointsRequired": 5000.0}, 1, 512},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := webScenario(func(int) float64 { return 1 })
			sc.Policies = map[string]simulator.Settings{"krr": tc.settings}
			p, err := baseline.New("krr", &sc)
			if err != nil {
				t.Fatal(err)
			}
			d, err := p.New(simulator.Setup{Scenario: sc, Start: hpaNow(), History: tc.history})
			if err != nil {
				t.Fatal(err)
			}
			o := observe(podAt(0.2))
			o.Template = sc.Initial.Requests
			if a := d.Decide(o); a.Template != o.Template {
				t.Errorf("template %v before the scored start", a.Template)
			}
			o.Scored = true
			got := d.Decide(o).Template
			if math.Abs(got.CPU.Cores()-tc.cpu) > 1e-9 || math.Abs(float64(got.Memory)/mib-tc.memory) > 0.001 {
				t.Errorf("template %v cores, %v MiB, want %v and %v", got.CPU.Cores(), float64(got.Memory)/mib, tc.cpu, tc.memory)
			}
			o.Pods[0].CPUCores, o.Template = 5, got
			if a := d.Decide(o); a.Template != got || len(a.Resize) > 0 {
				t.Errorf("it runs again: %+v", a)
			}
		})
	}
}

// TestStaticBest: nothing that never changes and meets the oracle's constraint
// costs less, and it costs at least as much as the oracle.
func TestStaticBest(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"web, waves", "web, constant", "usage", "web, nodes to come"} {
		sc := oracleScenarios()[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, oracle := run(t, baseline.StaticBest, sc), run(t, baseline.Oracle, sc)
			if got.Cost == nil || oracle.Cost == nil {
				t.Fatal("no cost")
			}
			if *got.SLOViolatedRequestRatio > 0.001 || got.OOMKills > 0 {
				t.Errorf("violates %v, %d kills", *got.SLOViolatedRequestRatio, got.OOMKills)
			}
			if *got.Cost < *oracle.Cost*0.999 {
				t.Errorf("costs %v, the oracle %v", *got.Cost, *oracle.Cost)
			}
			for _, n := range []int{2, 3, 4, 6, 8, 12, 16} {
				other := sc
				other.Initial.Replicas = n
				other.Bounds.MinReplicas = min(n, other.Bounds.MinReplicas)
				s := run(t, "static", other)
				if *s.SLOViolatedRequestRatio <= 0.001 && s.OOMKills == 0 && *s.Cost < *got.Cost*0.999 {
					t.Errorf("%d pods of the initial size cost %v, it costs %v", n, *s.Cost, *got.Cost)
				}
			}
		})
	}
	none := webScenario(func(int) float64 { return 1e5 })
	none.Service.HTTP.ConcurrencyPerPod = 10
	none.Demand.Rate[100] = 1e4
	for i := range none.Demand.Rate {
		none.Demand.Rate[i] = 2000
	}
	none.Bounds.MaxReplicas = 2
	if s := run(t, baseline.StaticBest, none); s.Cost != nil {
		t.Errorf("cost %v where nothing suffices", *s.Cost)
	}
}

// TestThemisResizesFirst: pods that demand outgrows are resized at once, and
// go back when the replicas are there.
func TestThemisResizesFirst(t *testing.T) {
	t.Parallel()
	sc := webScenario(func(int) float64 { return 1 })
	p, err := baseline.New("themis", &sc)
	if err != nil {
		t.Fatal(err)
	}
	d, err := p.New(simulator.Setup{Scenario: sc, Start: hpaNow()})
	if err != nil {
		t.Fatal(err)
	}
	at := func(after time.Duration, demand float64, ready int) simulator.Action {
		o := observe(evenly(ready, 0)...)
		o.Now, o.Ready, o.HasDemand, o.DemandRate, o.Template = hpaNow().Add(after), ready, true, demand, sc.Initial.Requests
		for i := range o.Pods {
			o.Pods[i].ID, o.Pods[i].Wanted = i, sc.Initial.Requests
		}
		return d.Decide(o)
	}
	if a := at(0, 60, 3); len(a.Resize) != 0 || a.Template != sc.Initial.Requests {
		t.Errorf("at rest: %+v", a)
	}
	a := at(15*time.Second, 300, 3)
	if a.Replicas < 8 || len(a.Resize) != 3 || a.Resize[0].Requests.CPU < 2000 || a.Template != sc.Initial.Requests {
		t.Errorf("in a surge: %+v", a)
	}
	if a := at(30*time.Second, 300, a.Replicas); len(a.Resize) != 0 {
		t.Errorf("with the replicas ready: %+v", a)
	}
}
