package snapshot

import (
	"slices"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

// memoryInFlight fits how the memory of the pod that has the most follows the
// requests in flight in it: peaks of both within a step. What the owner named as
// in flight is of all pods and counts by their number; else it is a gauge of the
// catalogue. What a histogram would give by Little's law is a mean, which says
// little of the peaks, and running sequences of a language model are in the memory
// of an accelerator: both give nothing.
func memoryInFlight(w collector.Workload, memory forecaster.Series) recommender.Relation {
	i := slices.IndexFunc(w.Signals, func(s collector.Signal) bool {
		return s.Role == collector.RoleInFlight && s.Name != "inference_running"
	})
	if i < 0 {
		return recommender.Relation{}
	}
	sig := w.Signals[i]
	samples := make([]recommender.RelationSample, 0, len(memory.Values))
	for j, bytes := range memory.Values {
		t := memory.Time(j)
		in := at(sig.Series, t)
		if sig.Metric == collector.MetricPromQL {
			in /= at(w.Ready, t)
		}
		samples = append(samples, recommender.RelationSample{Demand: in, Replicas: 1, CPU: bytes})
	}
	r := recommender.FitRelation(samples)
	if !r.Valid {
		return recommender.Relation{} // Memory follows something else.
	}
	return r
}
