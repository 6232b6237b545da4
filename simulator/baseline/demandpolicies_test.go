package baseline_test

import (
	"maps"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// look is one observation of a policy on demand: the demand at an instant with
// so many pods asked for and ready, and what the policy should ask for.
type look struct {
	at             time.Duration
	demand         float64
	desired, ready int
	want           int
}

// blind is a demand that metrics do not know, outage one where there are none.
const (
	blind  = -1
	outage = -2
)

// follow shows a policy what it looks at, and checks what it asks for.
func follow(t *testing.T, name string, sc simulator.Scenario, settings simulator.Settings, looks []look) {
	t.Helper()
	sc.Policies = map[string]simulator.Settings{name: settings}
	p, err := baseline.New(name, &sc)
	if err != nil {
		t.Fatal(err)
	}
	setup := simulator.Setup{Scenario: sc, Start: hpaNow()}
	setup.Scenario.Demand = simulator.Demand{}
	d, err := p.New(setup)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range looks {
		o := observe(evenly(l.desired, 0)...)
		o.Now, o.Ready, o.Template = hpaNow().Add(l.at), l.ready, sc.Initial.Requests
		o.HasDemand, o.DemandRate = l.demand >= 0, max(0, l.demand)
		if l.demand != outage {
			o.MetricsAt = o.Now
		}
		if got := d.Decide(o).Replicas; got != l.want {
			t.Fatalf("%s asks for %d replicas at %v, want %d", name, got, l.at, l.want)
		}
	}
}

// TestKEDA: an AverageValue metric of an HPA is ceil(demand/threshold), outside
// of the tolerance; the operator switches between none and one.
func TestKEDA(t *testing.T) {
	t.Parallel()
	const s, m = time.Second, time.Minute
	zero := webScenario(func(int) float64 { return 1 })
	zero.Bounds.MinReplicas = 0
	least := webScenario(func(int) float64 { return 1 })
	cases := map[string]struct {
		sc       simulator.Scenario
		settings simulator.Settings
		looks    []look
	}{
		"ceil(demand/threshold)": {least, nil, []look{{0, 70, 2, 2, 4}}}, // ceil(70/20).
		"within the tolerance":   {least, nil, []look{{0, 66, 3, 3, 3}}}, // 66/60 = 1.1.
		"outside of it":          {least, nil, []look{{0, 67, 3, 3, 4}}},
		"the HPA at most doubles": {
			least, nil, []look{{0, 1000, 3, 3, 6}, {15 * s, 1000, 6, 3, 12}, {30 * s, 1000, 12, 3, 24}, {45 * s, 1000, 24, 3, 40}},
		},
		"asks every 30 s": {least, nil, []look{{0, 40, 2, 2, 2}, {15 * s, 80, 2, 2, 2}, {30 * s, 80, 2, 2, 4}}},
		"comes down after 5 min": {
			least, nil, []look{{0, 80, 4, 4, 4}, {30 * s, 20, 4, 4, 4}, {4*m + 45*s, 20, 4, 4, 4}, {5 * m, 20, 4, 4, 2}},
		},
		"no value counts as zero": {least, simulator.Settings{"downscaleStabilization": "0s"}, []look{{0, blind, 8, 8, 2}}},
		"what was there lately counts on": {
			least,
			simulator.Settings{"downscaleStabilization": "0s"},
			[]look{{0, 80, 4, 4, 4}, {30 * s, blind, 4, 4, 4}, {5 * m, blind, 4, 4, 4}, {5*m + 30*s, blind, 4, 4, 2}},
		},
		"an outage is an error: no change": {
			least, simulator.Settings{"downscaleStabilization": "0s"}, []look{{0, 80, 4, 4, 4}, {30 * s, outage, 4, 4, 4}, {10 * m, outage, 4, 4, 4}},
		},
		"unless told otherwise":     {least, simulator.Settings{"ignoreNullValues": false}, []look{{0, blind, 8, 8, 8}}},
		"zero after the cooldown":   {zero, nil, []look{{0, 0, 1, 1, 1}, {5 * m, 0, 1, 1, 1}, {5*m + 30*s, 0, 1, 1, 0}}},
		"awake above activation":    {zero, nil, []look{{0, 0, 0, 0, 0}, {30 * s, 1, 0, 0, 1}}},
		"asleep below activation":   {zero, simulator.Settings{"activationThreshold": 5.0}, []look{{0, 5, 0, 0, 0}, {30 * s, 6, 0, 0, 1}}},
		"never zero with a minimum": {least, nil, []look{{0, 0, 2, 2, 2}, {10 * m, 0, 2, 2, 2}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := simulator.Settings{"targetPerPod": 20.0}
			maps.Copy(settings, tc.settings)
			follow(t, "keda", tc.sc, settings, tc.looks)
		})
	}
}

// TestKPA: the rules of knative/serving, pkg/autoscaler/scaling/autoscaler.go,
// with 10 requests a second for each pod.
func TestKPA(t *testing.T) {
	t.Parallel()
	const s = time.Second
	sc := webScenario(func(int) float64 { return 1 })
	zero := webScenario(func(int) float64 { return 1 })
	zero.Bounds.MinReplicas = 0
	cases := map[string]struct {
		sc       simulator.Scenario
		settings simulator.Settings
		looks    []look
	}{
		"the mean of 60 s": {
			// The mean is 30, 37.5, 40, 41.25, and 45 when the first has left.
			sc, nil, []look{{0, 30, 3, 3, 3}, {15 * s, 45, 3, 3, 4}, {30 * s, 45, 4, 4, 4}, {45 * s, 45, 4, 4, 5}, {60 * s, 45, 5, 5, 5}},
		},
		"panic at twice of what ready pods take": {
			sc, nil, []look{{0, 30, 3, 3, 3}, {15 * s, 60, 3, 3, 6}}, // Six for three ready ones.
		},
		"no panic below": {sc, nil, []look{{0, 30, 3, 3, 3}, {15 * s, 50, 3, 3, 4}}},
		"in a panic nothing goes down, for a stable window after": {
			sc, nil, []look{
				{0, 30, 3, 3, 3}, {15 * s, 100, 3, 3, 10}, {30 * s, 10, 10, 10, 10}, {75 * s, 10, 10, 10, 10}, {90 * s, 10, 10, 10, 5},
			},
		},
		"at most halved at a time": {sc, nil, []look{{0, 10, 20, 20, 10}, {15 * s, 10, 10, 10, 5}}},
		"or as told":               {sc, simulator.Settings{"maxScaleDownRate": 10.0}, []look{{0, 10, 20, 20, 2}}},
		"at most so many times":    {sc, simulator.Settings{"maxScaleUpRate": 2.0}, []look{{0, 300, 3, 3, 6}}},
		"no metrics, no change":    {sc, nil, []look{{0, blind, 5, 5, 5}}},
		"the scale-down delay": {
			sc,
			simulator.Settings{"scaleDownDelay": "30s"},
			[]look{{0, 80, 8, 8, 8}, {15 * s, 0, 8, 8, 8}, {30 * s, 0, 8, 8, 4}}, // 80/2 = 40, 4; then 80/3 = 2.7: halved.
		},
		"to zero after a stable window and the grace period": {
			zero, nil, []look{{0, 1, 1, 1, 1}, {45 * s, 0, 1, 1, 1}, {60 * s, 0, 1, 1, 1}, {75 * s, 0, 1, 1, 1}, {90 * s, 0, 1, 1, 0}},
		},
		"and back": {zero, nil, []look{{0, 0, 0, 0, 0}, {15 * s, 25, 0, 0, 3}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := simulator.Settings{"targetPerPod": 10.0}
			maps.Copy(settings, tc.settings)
			follow(t, "kpa", tc.sc, settings, tc.looks)
		})
	}
}

// TestTargetIsWhatThePodServes: 80 % of what the initial size serves at the
// objective. On M/M/1 with mean work w on one core and objective T at
// percentile p that is μ - ln(1/(1-p))/T, here 100 - ln(20)/0.1 = 70.0; 80 % of
// it is 56, so 113 requests a second need 3 pods and 110 need 2.
func TestTargetIsWhatThePodServes(t *testing.T) {
	t.Parallel()
	sc := webScenario(func(int) float64 { return 1 })
	h := sc.Service.HTTP
	h.CPUSecondsPerRequest, h.BaseCPU, h.ConcurrencyPerPod = 0.01, 0, 1_000_000
	sc.Objective.LatencySeconds = 0.1
	sc.Bounds.MinReplicas = 1
	for _, name := range []string{"keda", "kpa"} {
		settings := simulator.Settings{}
		if name == "keda" {
			settings["tolerance"] = 0.0
		}
		follow(t, name, sc, settings, []look{{0, 110, 2, 2, 2}})
		follow(t, name, sc, settings, []look{{0, 113, 2, 2, 3}})
	}
}

// TestPolicySettings: what is wrong with a setting is said with its path.
func TestPolicySettings(t *testing.T) {
	t.Parallel()
	rules := func(v any) simulator.Settings {
		return simulator.Settings{"behavior": map[string]any{"scaleDown": v}}
	}
	cases := map[string]struct {
		policy   string
		settings simulator.Settings
		want     string
	}{
		"unknown": {"keda", simulator.Settings{"poll": "1s"}, "spec.policies.keda.poll: unknown setting"},
		"behavior that is no mapping": {
			"hpa", simulator.Settings{"behavior": "fast"}, "spec.policies.hpa.behavior: must be a mapping, got fast",
		},
		"unknown rules": {
			"hpa",
			simulator.Settings{"behavior": map[string]any{"scaleSideways": nil}},
			"spec.policies.hpa.behavior.scaleSideways: unknown setting (known: scaleDown, scaleUp)",
		},
		"window too long": {
			"hpa", rules(map[string]any{"stabilizationWindowSeconds": 3601.0}),
			"spec.policies.hpa.behavior.scaleDown.stabilizationWindowSeconds: must be a number from 0 to 3600, got 3601",
		},
		"no policies": {
			"hpa", rules(map[string]any{"policies": []any{}}),
			"spec.policies.hpa.behavior.scaleDown.policies: must be a list of at least one mapping, got []",
		},
		"policy that is no mapping": {
			"hpa", rules(map[string]any{"policies": []any{"all"}}),
			"spec.policies.hpa.behavior.scaleDown.policies[0]: must be a mapping, got all",
		},
		"policy without a period": {
			"hpa", rules(map[string]any{"policies": []any{map[string]any{"type": "Pods", "value": 1.0}}}),
			"spec.policies.hpa.behavior.scaleDown.policies[0].periodSeconds: is required",
		},
		"policy of another type": {
			"hpa", rules(map[string]any{"policies": []any{map[string]any{"type": "Cores", "value": 1.0, "periodSeconds": 1.0}}}),
			"spec.policies.hpa.behavior.scaleDown.policies[0].type: must be one of Pods, Percent, got Cores",
		},
		"half a pod": {
			"hpa", rules(map[string]any{"policies": []any{map[string]any{"type": "Pods", "value": 1.5, "periodSeconds": 1.0}}}),
			"spec.policies.hpa.behavior.scaleDown.policies[0].value: must be a whole number, got 1.5",
		},
		"window of KPA":   {"kpa", simulator.Settings{"stableWindow": "2s"}, "spec.policies.kpa.stableWindow: must be a duration from 6s to 1h0m0s, got 2s"},
		"KRR's history":   {"krr", simulator.Settings{"historyDuration": "1h"}, "spec.policies.krr.historyDuration: must be a duration from 3h0m0s to 3360h0m0s, got 1h"},
		"season of PHPA":  {"phpa", simulator.Settings{"seasonalPeriods": 1.0}, "spec.policies.phpa.seasonalPeriods: must be a number from 2 to 100000, got 1"},
		"Crane's history": {"crane", simulator.Settings{"historyLength": "1h"}, "spec.policies.crane.historyLength: must be a duration from 48h0m0s to 1440h0m0s, got 1h"},
		"not a boolean":   {"keda", simulator.Settings{"ignoreNullValues": "no"}, "spec.policies.keda.ignoreNullValues: must be true or false, got no"},
		"static-best":     {"static-best", simulator.Settings{"x": 1.0}, "spec.policies.static-best.x: unknown setting (known: none)"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := webScenario(func(int) float64 { return 1 })
			sc.Policies = map[string]simulator.Settings{tc.policy: tc.settings}
			err := baseline.CheckSettings(&sc)
			if err == nil || len(err.Error()) < len(tc.want) || err.Error()[:len(tc.want)] != tc.want {
				t.Errorf("error %v, want %s…", err, tc.want)
			}
		})
	}
}
