package baseline_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// engine is a replica of a model with its KV cache used and requests waiting.
type engine struct{ kv, waiting float64 }

// askEngines shows a policy the same engines for five minutes, all ready, and
// returns what it asks for at the end, at the first change, or with replicas
// that are not ready for now.
func askEngines(t *testing.T, name string, settings simulator.Settings, starting int, engines ...engine) int {
	t.Helper()
	sc := modelScenario(func(int) float64 { return 1 })
	sc.Bounds.MinReplicas = 1
	sc.Policies = map[string]simulator.Settings{name: settings}
	p, err := baseline.New(name, &sc)
	if err != nil {
		t.Fatal(err)
	}
	d, err := p.New(simulator.Setup{Scenario: sc, Start: hpaNow()})
	if err != nil {
		t.Fatal(err)
	}
	desired := len(engines) + starting
	for at := time.Duration(0); at <= 6*time.Minute; at += 15 * time.Second {
		o := simulator.Observation{Now: hpaNow().Add(at), MetricsAt: hpaNow().Add(at), Step: 15 * time.Second, Desired: desired, Ready: len(engines)}
		for i, e := range engines {
			o.Pods = append(o.Pods, simulator.PodObservation{ID: i, Ready: true, HasMetrics: true, KVCacheUsage: e.kv, Waiting: e.waiting})
		}
		if got := d.Decide(o).Replicas; got != desired {
			return got
		}
	}
	return desired
}

// TestWVA: the rules of the saturation analyser, after the 240 s of its HPA.
func TestWVA(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		engines  []engine
		starting int
		want     int
	}{
		"room":                                {[]engine{{0.5, 0}, {0.6, 0}}, 0, 2},  // One less would be at 1.1.
		"mean spare KV below 0.1":             {[]engine{{0.75, 0}, {0.7, 0}}, 0, 3}, // (0.05 + 0.1)/2.
		"mean spare queue below 3":            {[]engine{{0.1, 2.5}, {0.1, 2}}, 0, 3},
		"all saturated":                       {[]engine{{0.9, 0}, {0.1, 5}}, 0, 3},
		"a saturated one does not count":      {[]engine{{0.9, 9}, {0.3, 0}, {0.5, 0}}, 0, 3},
		"down where one less leaves room":     {[]engine{{0.2, 0}, {0.2, 0}, {0.2, 0}}, 0, 2},
		"no further up while replicas start":  {[]engine{{0.9, 9}}, 1, 2},
		"one alone is not taken away":         {[]engine{{0, 0}}, 0, 1},
		"the queue keeps one from going down": {[]engine{{0.2, 1.5}, {0.2, 1.5}}, 0, 2}, // One would have 3: 2 left.
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := askEngines(t, baseline.WVA, nil, tc.starting, tc.engines...); got != tc.want {
				t.Errorf("%d replicas, want %d", got, tc.want)
			}
		})
	}
}

// TestDynamo: the thresholds of the load loop; a request that waits holds
// (800 + 200)/100000 of a KV cache.
func TestDynamo(t *testing.T) {
	t.Parallel()
	alone := simulator.Settings{"predictive": false}
	latency := simulator.Settings{"predictive": false, "optimizationTarget": "latency"}
	cases := map[string]struct {
		settings simulator.Settings
		engines  []engine
		starting int
		want     int
	}{
		"between":                   {alone, []engine{{0.7, 0}, {0.5, 0}}, 0, 2},
		"any above":                 {alone, []engine{{1, 0.9}, {0.1, 0}}, 0, 3},
		"any queue of a prompt":     {alone, []engine{{0.1, 1}, {0.1, 0}}, 0, 3},
		"all below":                 {alone, []engine{{0.5, 0}, {0.1, 0}}, 0, 1},
		"not while replicas start":  {alone, []engine{{1, 5}}, 1, 2},
		"latency: sooner":           {latency, []engine{{0.5, 0}, {0.1, 0}}, 0, 3},
		"latency: not down so soon": {latency, []engine{{0.2, 0}, {0.05, 0}}, 0, 2},
		"never none":                {alone, []engine{{0, 0}}, 0, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := askEngines(t, baseline.Dynamo, tc.settings, tc.starting, tc.engines...); got != tc.want {
				t.Errorf("%d replicas, want %d", got, tc.want)
			}
		})
	}
}

// TestEnginePoliciesServe: on a rhythm that they know the service of, both keep
// most requests within the objective without asking for the maximum.
func TestEnginePoliciesServe(t *testing.T) {
	t.Parallel()
	sc := modelScenario(func(i int) float64 { return 12 + 8*math.Sin(float64(i)/20) })
	oracle := run(t, baseline.Oracle, sc)
	for _, name := range []string{baseline.WVA, baseline.Dynamo} {
		s := run(t, name, sc)
		if *s.SLOViolatedRequestRatio > 0.2 || *s.Cost > 4**oracle.Cost || s.ScaleEvents == 0 {
			t.Errorf("%s: violated %v, cost %v of the oracle's, %d scalings", name, *s.SLOViolatedRequestRatio, *s.Cost / *oracle.Cost, s.ScaleEvents)
		}
	}
	web := webScenario(func(int) float64 { return 1 })
	if _, err := baseline.New(baseline.WVA, &web); err == nil || !strings.Contains(err.Error(), "inference services only") {
		t.Errorf("on a web service: %v", err)
	}
}
