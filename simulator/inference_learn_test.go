package simulator_test

import (
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// TestInferenceIsLearned: from what metrics show of three hours in which the
// rate and the length of requests change, and of minutes in which more arrive
// than two pods can serve, a learner that knows nothing finds the simulated
// engine: prompts to 10 %, steps to 3 %, the cache to 10 %, the batch exactly.
func TestInferenceIsLearned(t *testing.T) {
	t.Parallel()
	sc := inferenceScenario(nil, 2)
	s := sc.Service.Inference
	*s = simulator.InferenceService{
		PrefillTokensPerSecond: 8000, DecodeTokensPerSecond: 1600, MaxBatch: 32, KVCacheTokens: 100_000, GPUsPerPod: 1,
		PromptTokens: 800, OutputTokens: 200,
	}
	sc.Duration = 3 * time.Hour
	sc.Demand = simulator.Demand{Epoch: time.Unix(0, 0).UTC(), End: 3 * 3600}
	for minute := range 180 {
		rate := 4 + 3*math.Sin(float64(minute)/20)
		if minute%60 >= 50 && minute%60 < 53 {
			rate = 14
		}
		sc.Demand.Offsets = append(sc.Demand.Offsets, float64(60*minute))
		sc.Demand.Rate = append(sc.Demand.Rate, rate)
		sc.Demand.PromptTokens = append(sc.Demand.PromptTokens, 800+300*math.Sin(float64(minute)/7))
		sc.Demand.OutputTokens = append(sc.Demand.OutputTokens, 200+80*math.Sin(float64(minute)/11))
	}
	l := recommender.NewBatchLearner(recommender.BatchServer{}, recommender.BatchServer{})
	identified := time.Duration(0)
	run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		l.Observe(simulator.InferenceStep(o))
		if _, e := l.Server(); e.Identified && identified == 0 {
			identified = at
		}
		return o.Keep()
	}))
	b, e := l.Server()
	near(t, "prefill", b.PrefillTokensPerSecond, s.PrefillTokensPerSecond, 0.1)
	near(t, "step", float64(b.MaxBatch)/b.DecodeTokensPerSecond, 0.02, 0.03)
	near(t, "cache", b.KVCacheTokens, s.KVCacheTokens, 0.1)
	if b.MaxBatch != s.MaxBatch {
		t.Errorf("batch of %d, want %d", b.MaxBatch, s.MaxBatch)
	}
	if identified == 0 || identified > 30*time.Minute {
		t.Errorf("identified after %v: %+v", identified, e)
	}
	// What counts in the end: what a pod carries.
	truth := recommender.BatchServer{
		PrefillTokensPerSecond: 8000, DecodeTokensPerSecond: 1600, MaxBatch: 32, KVCacheTokens: 100_000,
		PromptTokens: b.PromptTokens, OutputTokens: b.OutputTokens,
	}
	near(t, "capacity", b.Capacity(2, 0.1, 0.025), truth.Capacity(2, 0.1, 0.025), 0.05)
}
