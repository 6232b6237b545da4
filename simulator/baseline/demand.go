package baseline

import (
	"math"

	"github.com/rightsize-dev/rightsize/simulator"
)

// demandOf is the signal that policies on demand scale by: requests a second,
// or for usage services the cores in use. The boolean is false where metrics
// do not say.
func demandOf(sc *simulator.Scenario, o simulator.Observation) (float64, bool) {
	if sc.Service.Usage != nil {
		return o.CPUCores, len(o.Pods) > 0
	}
	return o.DemandRate, o.HasDemand
}

// readTarget reads what demand one pod is to get: targetPerPod, or the
// percentage targetUtilizationPercent of what a pod of the initial size serves
// at the objective (of its CPU request for usage services).
func readTarget(sc *simulator.Scenario, s *settings) float64 {
	const percent, tiny, huge = 80, 1e-9, 1e12
	share := s.number("targetUtilizationPercent", percent, 1, 1000) / 100
	return s.number("targetPerPod", share*servedBy(sc), tiny, huge)
}

// servedBy is the demand that a pod of the initial size serves at the
// objective: the rate at which the share 1 - percentile of the requests is
// violated, by the model of the queue that the oracle plans with. A size that
// is too slow for the objective even without other requests counts with what
// its CPU is worth.
func servedBy(sc *simulator.Scenario) float64 {
	cores := sc.Ceiling(sc.Initial.Requests)
	h := sc.Service.HTTP
	if h == nil {
		return sc.Initial.Requests.CPU.Cores()
	}
	worth := math.Max(1e-9, cores-h.BaseCPU.Cores()) / h.CPUSecondsPerRequest
	m := newPodModel(h.CPUSecondsPerRequest, h.CPUCV, h.BaseCPU.Cores(), h.ConcurrencyPerPod, sc.Objective.LatencySeconds)
	late := 1 - sc.Objective.Percentile
	low, high := 0.0, worth
	const rounds = 40
	for range rounds {
		if middle := (low + high) / 2; m.violated(cores, middle) <= late {
			low = middle
		} else {
			high = middle
		}
	}
	if low < 1e-6*worth {
		return worth
	}
	return low
}
