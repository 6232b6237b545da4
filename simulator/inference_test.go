package simulator_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// inferenceScenario reads prompts of 500 tokens in half a second and writes 11
// tokens in 1.1 s.
func inferenceScenario(arrivals []float64, replicas int) simulator.Scenario {
	sc := httpScenario(0, replicas, 2*time.Minute)
	sc.Name = "inference"
	sc.Service = simulator.Service{Inference: &simulator.InferenceService{
		PrefillTokensPerSecond: 1000, DecodeTokensPerSecond: 100, MaxBatch: 10, KVCacheTokens: 100000,
		GPUsPerPod: 2, PromptTokens: 500, OutputTokens: 11,
	}}
	sc.Objective = simulator.Objective{TTFTSeconds: 100, ITLSeconds: 100, Percentile: 0.95}
	sc.Cluster.NodeGPUs = 8
	sc.Prices.GPUHour = 2
	sc.Demand.Arrivals = arrivals
	return sc
}

// TestInferenceByHand works out TTFT and mean ITL of one, two and three
// requests.
//
//	one at 1 s:       reads until 1.5, writes until 2.6: TTFT 0.6, ITL 0.1
//	two at 1 s:       A reads until 1.5, B until 2.0, and A writes nothing
//	                  meanwhile; both write until 3.1: A has TTFT 0.6 and ITL
//	                  (2.1-0.6)/10 = 0.15, B has 1.1 and 0.1
//	a third at 2.5:   C reads until 3.0, A and B have 0.6 s left then and end at
//	                  3.6: A has ITL 0.2, B 0.15; C has TTFT 0.6 and ITL 0.1
//	batch of one:     B begins when A is done at 2.6: TTFT 2.2, ITL 0.1
func TestInferenceByHand(t *testing.T) {
	t.Parallel()
	one, two, three := []float64{1}, []float64{1, 1}, []float64{1, 1, 2.5}
	small := func(s *simulator.InferenceService) { s.KVCacheTokens = 1000 }
	single := func(s *simulator.InferenceService) { s.MaxBatch, s.DecodeTokensPerSecond = 1, 10 }
	none := func(*simulator.InferenceService) {}
	cases := map[string]struct {
		arrivals  []float64
		change    func(*simulator.InferenceService)
		ttft, itl float64
		want      float64 // Violated requests.
	}{
		"one, TTFT met":               {one, none, 0.6, 100, 0},
		"one, TTFT missed":            {one, none, 0.599, 100, 1},
		"one, ITL met":                {one, none, 0, 0.1, 0},
		"one, ITL missed":             {one, none, 0, 0.0999, 1},
		"two, TTFT of the second":     {two, none, 1.099, 0, 1},
		"two, TTFT met":               {two, none, 1.1, 0, 0},
		"two, ITL of the first":       {two, none, 0, 0.149, 1},
		"two, ITL met":                {two, none, 0, 0.15, 0},
		"two, one misses each":        {two, none, 1.0, 0.149, 2},
		"three, ITL of the first":     {three, none, 0, 0.199, 1},
		"three, ITL of the first two": {three, none, 0, 0.149, 2},
		"three, ITL met":              {three, none, 0, 0.2, 0},
		"three, TTFT of the second":   {three, none, 0.6, 0, 1},
		// 511 tokens each: the cache holds one.
		"no room in the cache":   {two, small, 2.199, 0.1, 1},
		"room when one has left": {two, small, 2.2, 0.1, 0},
		"batch of one":           {two, single, 2.199, 0.1, 1},
		"batch of one, met":      {two, single, 2.2, 0.1, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := inferenceScenario(tc.arrivals, 1)
			tc.change(sc.Service.Inference)
			sc.Objective.TTFTSeconds, sc.Objective.ITLSeconds = tc.ttft, tc.itl
			s := run(t, sc, simulator.Static())
			exactly(t, "violated", *s.SLOViolatedRequestRatio*float64(len(tc.arrivals)), tc.want)
			if *s.DroppedRequests != 0 || int(*s.ServedRequests) != len(tc.arrivals) {
				t.Errorf("%d served and %d dropped", *s.ServedRequests, *s.DroppedRequests)
			}
		})
	}
}

// TestInferenceScores: latency is end to end, GPUs are counted and paid for by
// the pod, and what metrics show adds up.
func TestInferenceScores(t *testing.T) {
	t.Parallel()
	sc := inferenceScenario([]float64{1, 1}, 2)
	sc.Initial.Replicas = 1
	sc.Service.Inference.KVCacheTokens = 2044 // Twice that of both.
	var first simulator.Observation
	s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		if at == 15*time.Second {
			first = o
			first.Pods = append([]simulator.PodObservation(nil), o.Pods...)
		}
		return o.Keep()
	}))
	near(t, "P99", *s.LatencyP99Seconds, 2.1, 0.01)
	near(t, "P50", *s.LatencyP50Seconds, 2.1, 0.01)
	exactly(t, "GPU hours", s.GPUHours, 2*120.0/3600)
	exactly(t, "cost", *s.Cost, (2*2+1+0.1)*120/3600)
	if s.CPUSlackRatio != nil || s.MemorySlackRatio != nil {
		t.Error("slack of what is not modelled")
	}
	exactly(t, "running", first.Running, 2*2.1/15)
	exactly(t, "pod's running", first.Pods[0].Running, 2*2.1/15)
	exactly(t, "KV cache", first.KVCacheUsage, 2*511*2.1/15/2044)
	exactly(t, "prompt tokens", first.PromptTokenRate, 1000.0/15)
	exactly(t, "output tokens", first.OutputTokenRate, 22.0/15)
	exactly(t, "demand", first.DemandRate, 2.0/15)
	// 0.6 and 1.1 s; the first writes from 1.5 to 3.1, the second from 2.
	exactly(t, "TTFT", first.TTFTSeconds, 0.85)
	exactly(t, "ITL", first.ITLSeconds, (1.6+1.1)/22)
}

// TestInferenceTokens: those of a trace's requests and of a rate file's rows
// go before the service's own, which hold for gaps.
func TestInferenceTokens(t *testing.T) {
	t.Parallel()
	gap := func() float64 { z := 0.0; return z / z }()
	sc := inferenceScenario([]float64{1, 21, 41}, 1)
	sc.Demand.PromptTokens = []float64{1000, gap, 0}
	sc.Demand.OutputTokens = []float64{1, 21, gap}
	// TTFT 1.1, 0.6 and 0.1.
	for ttft, want := range map[float64]float64{1.1: 0, 1.09: 1, 0.59: 2, 0.09: 3} {
		sc.Objective.TTFTSeconds = ttft
		s := run(t, sc, simulator.Static())
		exactly(t, "violated", *s.SLOViolatedRequestRatio*3, want)
		near(t, "longest", *s.LatencyP99Seconds, 0.5+2.1, 0.01)
	}
	sc.Demand = simulator.Demand{
		Epoch: sc.Demand.Epoch, Offsets: []float64{0, 60}, Rate: []float64{1, 0}, End: 120,
		PromptTokens: []float64{100, 100}, OutputTokens: []float64{2, 2},
	}
	s := run(t, sc, simulator.Static())
	if *s.LatencyP50Seconds > 1 {
		t.Errorf("the means of the row do not hold: latency %v", *s.LatencyP50Seconds)
	}
}

// TestInferenceDrops: without a ready pod, and what no cache could ever hold.
func TestInferenceDrops(t *testing.T) {
	t.Parallel()
	sc := inferenceScenario([]float64{1, 2}, 0)
	sc.Bounds.MinReplicas = 0
	if s := run(t, sc, simulator.Static()); *s.DroppedRequests != 2 {
		t.Errorf("%d dropped without a pod, want 2", *s.DroppedRequests)
	}
	sc = inferenceScenario([]float64{1, 2}, 1)
	sc.Service.Inference.KVCacheTokens = 510
	if s := run(t, sc, simulator.Static()); *s.DroppedRequests != 2 || *s.SLOViolatedRequestRatio != 1 {
		t.Errorf("%d dropped of what is larger than the cache, want 2", *s.DroppedRequests)
	}
}

// TestGPUsArePlaced: a node of eight GPUs holds four pods of two; the fifth
// waits for a node, and costs meanwhile. Pods that are removed finish.
func TestGPUsArePlaced(t *testing.T) {
	t.Parallel()
	sc := inferenceScenario([]float64{29, 29, 29, 29}, 4)
	sc.Cluster.Nodes, sc.Cluster.NodeProvisioning = 1, 40*time.Second
	s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		switch at {
		case 0:
			a.Replicas = 5
		case 30 * time.Second:
			a.Replicas = 1
		}
		return a
	}))
	exactly(t, "pending seconds", s.PendingPodSeconds, 30)
	exactly(t, "GPU hours", s.GPUHours, 2*(5*30+90.0)/3600)
	if *s.ServedRequests != 4 {
		t.Errorf("%d served, want 4", *s.ServedRequests)
	}
}

// TestInferenceTheory compares the share of late first tokens with queueing
// theory over some hundred thousand requests.
func TestInferenceTheory(t *testing.T) {
	t.Parallel()
	const n = 400_000
	server := func(s *simulator.InferenceService) recommender.BatchServer {
		return recommender.BatchServer{
			PrefillTokensPerSecond: s.PrefillTokensPerSecond, DecodeTokensPerSecond: s.DecodeTokensPerSecond,
			MaxBatch: s.MaxBatch, KVCacheTokens: s.KVCacheTokens, PromptTokens: s.PromptTokens, OutputTokens: s.OutputTokens,
		}
	}
	cases := map[string]struct {
		rate          float64
		prompt, batch float64
		output        float64 // Exponential, if random.
		random        bool
		limit         float64 // Seconds to the first token.
		want          func(simulator.InferenceService) float64
		tolerance     float64
	}{
		// Nothing but reading takes time: M/D/1 at ρ = 0.7 (exact).
		"prompts queue as in M/D/1": {
			rate: 7, prompt: 100, batch: 1000, output: 1, limit: 0.1 + 0.15 + 0.0001,
			want: func(s simulator.InferenceService) float64 { return server(&s).Late(7, 0.1+0.15+0.0001, 0) }, tolerance: 0.03,
		},
		// Nothing but writing takes time: M/M/8 at ten seconds each, 6.4 erlangs.
		"batch is M/M/c": {
			rate: 0.64, prompt: 0, batch: 8, output: 100, random: true, limit: 2.1,
			want: func(simulator.InferenceService) float64 { return erlangWait(t, 8, 6.4, 0.1, 2) }, tolerance: 0.06,
		},
		// Both: the birth-death chain with μ(m) = m/(O·s + m·t), which takes the
		// time of a request to be exponential.
		"batch is the chain": {
			rate: 0.55, prompt: 200, batch: 8, output: 100, random: true, limit: 3,
			want: func(s simulator.InferenceService) float64 { return server(&s).Late(0.55, 3, 0) }, tolerance: 0.12,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(3, 9))
			at, arrivals, outputs := 0.0, []float64{}, []float64{}
			for range n {
				at += rng.ExpFloat64() / tc.rate
				output := tc.output
				if tc.random {
					output *= rng.ExpFloat64()
				}
				arrivals, outputs = append(arrivals, at), append(outputs, output)
			}
			sc := inferenceScenario(arrivals, 1)
			sc.Duration = time.Duration(at+1) * time.Second
			sc.Demand.OutputTokens = outputs
			s := sc.Service.Inference
			s.MaxBatch, s.DecodeTokensPerSecond = int(tc.batch), 10*tc.batch
			if !tc.random {
				s.DecodeTokensPerSecond = 1e4 * tc.batch
			}
			s.PromptTokens, s.OutputTokens, s.KVCacheTokens = tc.prompt, tc.output, 1e9
			sc.Demand.PromptTokens = make([]float64, n)
			for i := range sc.Demand.PromptTokens {
				sc.Demand.PromptTokens[i] = tc.prompt
			}
			s.PromptTokens = max(1, tc.prompt)
			sc.Objective.TTFTSeconds, sc.Objective.ITLSeconds = tc.limit, 0
			got := run(t, sc, simulator.Static())
			near(t, "late first tokens", *got.SLOViolatedRequestRatio, tc.want(*s), tc.tolerance)
		})
	}
}
