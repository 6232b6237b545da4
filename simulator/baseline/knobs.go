package baseline

import (
	"fmt"
	"strings"

	"github.com/rightsize-dev/rightsize/simulator"
)

// Knob is one setting of a policy's own safety knobs.
type Knob struct {
	// Label says the setting, such as "target 60 %, window 30m".
	Label    string
	Settings simulator.Settings
}

// Knobs lists the settings that a policy's Pareto curve of cost and violations
// is made of, from cautious to bold: what its own users turn to be safer. They
// go on top of a scenario's overrides. A policy without such a knob has none.
func Knobs(policy string) []Knob {
	switch policy {
	case "hpa", "hpa+vpa", "phpa":
		return targetAndWindow()
	case "crane":
		return targets(40, 60, 80, 90)
	case "vpa":
		return percentileAndMargin()
	case "keda", "kpa", "themis":
		return targets(40, 50, 60, 70, 80, 90, 100, 120)
	case "krr":
		return krrKnobs()
	case WVA:
		return spares()
	case Dynamo:
		return targetsAndBounds()
	}
	if strings.HasPrefix(policy, "rightsize") {
		return riskAndChange()
	}
	return nil
}

// targetAndWindow are the target utilisation of an HPA and its downscale
// stabilisation, which matters as much, up to the most that its API takes.
func targetAndWindow() []Knob {
	var out []Knob
	for _, target := range []float64{30, 45, 60, 70, 80, 90} {
		for _, window := range []string{"0s", "5m", "30m", "1h"} {
			out = append(out, Knob{
				fmt.Sprintf("target %v %%, window %s", target, window),
				simulator.Settings{"targetUtilizationPercent": target, "downscaleStabilization": window},
			})
		}
	}
	return out
}

// targets are percentages of what a pod serves, or of its request.
func targets(percents ...float64) []Knob {
	out := make([]Knob, len(percents))
	for i, p := range percents {
		out[i] = Knob{fmt.Sprintf("target %v %%", p), simulator.Settings{"targetUtilizationPercent": p}}
	}
	return out
}

// percentileAndMargin are VPA's target percentile and safety margin. The upper
// bound's percentile is moved along where it would be below.
func percentileAndMargin() []Knob {
	const upper = 0.95
	var out []Knob
	for _, percentile := range []float64{1, 0.99, 0.95, 0.9, 0.8} {
		for _, margin := range []float64{0.5, 0.15, 0} {
			out = append(out, Knob{
				fmt.Sprintf("percentile %v, margin %v", percentile, margin),
				simulator.Settings{
					"targetPercentile": percentile, "upperBoundPercentile": max(upper, percentile), "marginFraction": margin,
				},
			})
		}
	}
	return out
}

// spares are the room that WVA leaves.
func spares() []Knob {
	var out []Knob
	for _, s := range []struct{ kv, queue float64 }{{0.5, 4.9}, {0.3, 4.5}, {0.2, 4}, {0.1, 3}, {0.05, 1.5}, {0.01, 0.5}} {
		out = append(out, Knob{
			fmt.Sprintf("spare KV %v, queue %v", s.kv, s.queue),
			simulator.Settings{"kvSpareTrigger": s.kv, "queueSpareTrigger": s.queue},
		})
	}
	return out
}

// targetsAndBounds are what Dynamo optimises for, and the KV cache use at which
// it adds a replica.
func targetsAndBounds() []Knob {
	var out []Knob
	for _, target := range []string{"latency", "throughput"} {
		for _, up := range []float64{0.3, 0.5, 0.8, 1} {
			out = append(out, Knob{
				fmt.Sprintf("%s, up at KV %v", target, up),
				simulator.Settings{"optimizationTarget": target, "kvCacheScaleUp": up, "kvCacheScaleDown": up / 2},
			})
		}
	}
	return out
}

// krrKnobs are KRR's percentile of CPU and buffer of memory.
func krrKnobs() []Knob {
	var out []Knob
	for _, percentile := range []float64{100, 99, 95, 90, 66} {
		for _, buffer := range []float64{50, 15} {
			out = append(out, Knob{
				fmt.Sprintf("percentile %v, buffer %v %%", percentile, buffer),
				simulator.Settings{"cpuPercentile": percentile, "memoryBufferPercentage": buffer},
			})
		}
	}
	return out
}

// riskAndChange are the risk that rightsize accepts and what a change has to
// save before it is made: from what there is no harm in to five hours of the
// workload's cost, where at most some changes a day are left.
func riskAndChange() []Knob {
	var out []Knob
	for _, risk := range []float64{0.005, 0.05, 0.2, 0.5} {
		for _, hours := range []float64{0.02, 0.1, 0.3, 0.8, 2, 5} {
			out = append(out, Knob{
				fmt.Sprintf("risk %v, change %v h", risk, hours),
				simulator.Settings{"risk": risk, "changeHours": hours},
			})
		}
	}
	return out
}
