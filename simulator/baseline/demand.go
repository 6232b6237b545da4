package baseline

import (
	"math"
	"slices"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// demandOf is the signal that policies on demand scale by: requests a second,
// or for usage services the cores in use. The boolean is false where metrics
// do not say.
func demandOf(sc *simulator.Scenario, o simulator.Observation) (float64, bool) {
	if sc.Service.Usage != nil {
		known := slices.ContainsFunc(o.Pods, func(p simulator.PodObservation) bool { return p.HasMetrics })
		return o.CPUCores, known
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

// Serves is the demand that a pod of a size serves at the scenario's objective:
// requests or items a second, or cores.
func Serves(sc *simulator.Scenario, size recommender.Resources) float64 {
	one := *sc
	one.Initial.Requests, one.Initial.Limits = size, sc.Limits(size)
	return servedBy(&one)
}

// servedBy is the demand that a pod of the initial size serves at the
// objective: the rate at which the share 1 - percentile of the requests is
// violated, by the models of queues that the oracle plans with; for usage
// services its CPU request. A size that is too slow for the objective even
// without other requests counts with what it works off at all.
func servedBy(sc *simulator.Scenario) float64 {
	cores := sc.Ceiling(sc.Initial.Requests)
	late := 1 - sc.Objective.Percentile
	switch s, o := sc.Service, sc.Objective; {
	case s.HTTP != nil:
		h := s.HTTP
		m := newPodModel(h.CPUSecondsPerRequest, h.CPUCV, h.BaseCPU.Cores(), h.ConcurrencyPerPod, o.LatencySeconds)
		return largestRate(math.Max(1e-9, cores-h.BaseCPU.Cores())/h.CPUSecondsPerRequest, func(rate float64) bool {
			return m.violated(cores, rate) <= late
		})
	case s.Queue != nil:
		q := s.Queue
		speed := math.Max(1e-9, q.WorkerSpeed(cores))
		p := queuePods{sc: sc, stretch: (1 + q.CPUCV*q.CPUCV) / 2, limit: o.WaitSeconds}
		return largestRate(float64(q.WorkersPerPod)*speed/q.CPUSecondsPerItem, func(rate float64) bool {
			return p.late(1, rate, speed) <= late
		})
	case s.Inference != nil:
		b := batchServer(s.Inference, s.Inference.PromptTokens, s.Inference.OutputTokens)
		if served := b.Capacity(o.TTFTSeconds, o.ITLSeconds, late); served > 0 {
			return served
		}
		return s.Inference.DecodeTokensPerSecond / s.Inference.OutputTokens
	default:
		return sc.Initial.Requests.CPU.Cores()
	}
}

// largestRate is the largest rate up to most that meets an objective, most
// where none does.
func largestRate(most float64, meets func(rate float64) bool) float64 {
	const rounds, none = 40, 1e-6
	low, high := 0.0, most
	for range rounds {
		if middle := (low + high) / 2; meets(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	if low < none*most {
		return most
	}
	return low
}
