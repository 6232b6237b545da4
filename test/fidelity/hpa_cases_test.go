package fidelity

import (
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

const (
	// hpaSync is the interval of decisions: 2 s in place of the default of
	// 15 s, so that half an hour of decisions takes four minutes. All other
	// times of the controller are shorter by about as much.
	hpaSync = 2 * time.Second
	// hpaFaster is by how much.
	hpaFaster = 7.5
	// hpaSyncs is the number of decisions of each case.
	hpaSyncs = 75
)

// hpaFlags are the settings that are flags of kube-controller-manager and so
// the same for all cases. Windows are odd numbers of seconds while decisions
// are two apart: whether something lies within a window then does not depend
// on whether the controller is some tenths of a second late.
func hpaFlags() simulator.Settings {
	return simulator.Settings{
		"downscaleStabilization": "41s", "cpuInitializationPeriod": "40s", "initialReadinessDelay": "4s", "tolerance": 0.1,
	}
}

// hpaCase is one workload.
type hpaCase struct {
	name string
	file string // Of simulator/testdata.
	// from is where in the demand the case begins, per how much of it passes
	// from one decision to the next: the demand is told faster than by its own
	// clock, so that much happens in few decisions.
	from, per time.Duration
	scale     float64 // Of the demand.
	target    float64
	behavior  object // In the words of autoscaling/v2; nil for none.
	change    func(*simulator.Scenario)
}

// object is one of a file: a mapping.
type object = map[string]any

// hpaCases cover what the algorithm decides by; the test requires that each
// path is taken.
func hpaCases() []hpaCase {
	policy := func(kind string, value, period float64) object {
		return object{"type": kind, "value": value, "periodSeconds": period}
	}
	return []hpaCase{
		// Recorded demand.
		{name: "worldcup", file: "traces/worldcup.yaml", from: 248 * time.Hour, per: 30 * time.Minute, scale: 1, target: 80},
		{
			name: "worldcup-careful", file: "traces/worldcup.yaml", from: 300 * time.Hour, per: 40 * time.Minute, scale: 4, target: 60,
			behavior: object{
				"scaleUp": object{"stabilizationWindowSeconds": 5., "policies": []any{policy("Percent", 50, 3), policy("Pods", 2, 5)}},
				"scaleDown": object{
					"stabilizationWindowSeconds": 21., "selectPolicy": "Min", "tolerance": 0.05,
					"policies": []any{policy("Percent", 20, 9), policy("Pods", 3, 7)},
				},
			},
		},
		{name: "elb-queue", file: "traces/elb-queue.yaml", from: 30 * time.Hour, per: 30 * time.Minute, scale: 4, target: 70},
		// Generated demand.
		{name: "web", file: "scenarios/web.yaml", from: 3 * time.Hour, per: 20 * time.Minute, scale: 3, target: 80},
		{name: "web-defaults", file: "scenarios/web.yaml", from: 9 * time.Hour, per: 30 * time.Minute, scale: 4, target: 80, behavior: object{}},
		{name: "bursty", file: "scenarios/bursty.yaml", from: 5 * time.Hour, per: time.Minute, scale: 6, target: 60},
		{
			name: "bursty-up-only", file: "scenarios/bursty.yaml", from: 9 * time.Hour, per: time.Minute, scale: 6, target: 50,
			behavior: object{
				"scaleUp":   object{"selectPolicy": "Min", "policies": []any{policy("Percent", 100, 15), policy("Pods", 1, 1)}},
				"scaleDown": object{"selectPolicy": "Disabled"},
			},
		},
		// A period of scaling down that is longer than those of scaling up.
		{
			name: "bursty-long-period", file: "scenarios/bursty.yaml", from: 13 * time.Hour, per: time.Minute, scale: 8, target: 50,
			behavior: object{
				"scaleUp":   object{"policies": []any{policy("Pods", 3, 1)}},
				"scaleDown": object{"stabilizationWindowSeconds": 0., "policies": []any{policy("Pods", 2, 31)}},
			},
		},
		// Pods wait for nodes and images.
		{
			name: "crowd", file: "scenarios/crowd.yaml", from: 150 * time.Minute, per: time.Minute, scale: 1, target: 80,
			change: func(sc *simulator.Scenario) { sc.Cluster.ImagePull = 5 * time.Second },
		},
		// What starting pods use must not count.
		{name: "flapping", file: "scenarios/flapping.yaml", from: 30 * time.Hour, per: 2 * time.Minute, scale: 1.5, target: 60, behavior: object{"scaleDown": object{"stabilizationWindowSeconds": 5.}}},
		// Metrics are missing, of some pods and for some time of all; the
		// target is above what the pods request.
		{
			name: "gaps", file: "scenarios/bursty.yaml", from: 5*time.Hour + 25*time.Minute, per: time.Minute, scale: 12, target: 110, behavior: object{
				"scaleDown": object{"stabilizationWindowSeconds": 11.},
			},
			change: func(sc *simulator.Scenario) {
				sc.Cluster.Burst = 0.5
				sc.Metrics = simulator.MetricsQuality{
					Delay: 2 * time.Second, MissingRatio: 0.25,
					Outages: []simulator.Outage{{At: 61 * time.Second, For: 12 * time.Second}},
				}
			},
		},
		// Containers crash, and a node is lost.
		{
			name: "breakdown", file: "scenarios/bursty.yaml", from: 5*time.Hour + 25*time.Minute, per: time.Minute, scale: 8, target: 70,
			change: func(sc *simulator.Scenario) {
				sc.Failures = []simulator.Failure{
					{At: 30 * time.Second, For: 8 * time.Second, Pods: 2},
					{At: 70 * time.Second, For: 30 * time.Second, Nodes: 1},
					{At: 110 * time.Second, For: 5 * time.Second, Pods: 3},
				}
			},
		},
	}
}

// scenario is the case as the simulator runs it.
func (c hpaCase) scenario(t *testing.T) simulator.Scenario {
	t.Helper()
	sc := cut(load(t, c.file), c.from, hpaSyncs*c.per, c.per.Seconds()/hpaSync.Seconds())
	sc.Name, sc.Step = c.name, hpaSync
	for i := range sc.Demand.Rate {
		sc.Demand.Rate[i] *= c.scale
	}
	if h := sc.Service.HTTP; h != nil {
		faster := *h
		faster.Startup = wholeSeconds(h.Startup)
		sc.Service.HTTP = &faster
	}
	if q := sc.Service.Queue; q != nil {
		faster := *q
		faster.Startup = wholeSeconds(q.Startup)
		sc.Service.Queue = &faster
	}
	sc.Cluster.NodeProvisioning = wholeSeconds(sc.Cluster.NodeProvisioning)
	sc.Failures, sc.Deploys, sc.Metrics = nil, nil, simulator.MetricsQuality{}
	if c.change != nil {
		c.change(&sc)
	}
	s := hpaFlags()
	s["targetUtilizationPercent"] = c.target
	if c.behavior != nil {
		s["behavior"] = c.behavior
	}
	sc.Policies = map[string]simulator.Settings{"hpa": s}
	return sc
}

// wholeSeconds is a time of the default pace at that of the test. The API
// knows whole seconds only.
func wholeSeconds(d time.Duration) time.Duration {
	return time.Duration(d.Seconds()/hpaFaster+0.5) * time.Second
}

// decisions are those of the simulated autoscaler.
func (c hpaCase) decisions(t *testing.T) []decision {
	t.Helper()
	sc := c.scenario(t)
	p, err := baseline.New("hpa", &sc)
	if err != nil {
		t.Fatal(err)
	}
	p.Every = hpaSync
	return record(t, sc, p)
}
