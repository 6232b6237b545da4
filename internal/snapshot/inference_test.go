package snapshot_test

import (
	"math"
	"slices"
	"testing"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

// chat is a Deployment of four pods with a GPU each that serve 4 requests a
// second at midnight and 12 at noon, of 500 to 1500 prompt tokens and 200 of
// output, on engines that read 10000 tokens a second and take 20 ms for a step.
func chat() collector.Workload {
	w := shop()
	w.ID.Name = "chat"
	rate := func(h float64) float64 { return 4 * daily(h) }
	prompt := func(h float64) float64 { return 1000 + 500*math.Sin(h) }
	busy := func(h float64) float64 { return rate(h) * prompt(h) / 4 / 10000 }
	itl := func(h float64) float64 { return 0.02 / (1 - busy(h)) }
	ttft := func(h float64) float64 { return prompt(h)/10000*(1+0.75*busy(h)/(1-busy(h))) + 0.02 }
	signal := func(name string, role collector.Role, f func(h float64) float64) collector.Signal {
		return collector.Signal{Name: name, Unit: "u", Role: role, Series: every5m(f)}
	}
	w.Signals = []collector.Signal{
		signal("generation_tokens", collector.RoleDemand, func(h float64) float64 { return 200 * rate(h) }),
		signal("prompt_tokens", collector.RoleDemand, func(h float64) float64 { return prompt(h) * rate(h) }),
		signal("inference_requests", collector.RoleDemand, rate),
		signal("inference_queue", collector.RoleQueue, constant(0)),
		signal("inference_running", collector.RoleInFlight, func(h float64) float64 { return rate(h) * 200 * itl(h) }),
		signal("first_token_seconds", collector.RoleLatency, func(h float64) float64 { return rate(h) * ttft(h) }),
		signal("first_tokens", collector.RoleLatency, rate),
		signal("token_seconds", collector.RoleLatency, func(h float64) float64 { return 200 * rate(h) * itl(h) }),
		signal("next_tokens", collector.RoleLatency, func(h float64) float64 { return 200 * rate(h) }),
		signal("kv_cache", collector.RoleCache, func(h float64) float64 { return rate(h) / 4 * 200 * itl(h) * (prompt(h) + 200) / 400_000 }),
		signal("gpu_activity", collector.RoleGPU, daily),
	}
	return w
}

// TestInference: the engine is learned from the history, requests are the
// demand, and the GPUs of a language model stand for nothing.
func TestInference(t *testing.T) {
	t.Parallel()
	s := snapshot.Build(chat(), now(), recommender.Policy{Engine: recommender.BatchServer{MaxBatch: 64}})
	if s.Batch == nil || !s.BatchEvidence.Identified {
		t.Fatalf("batch %+v, evidence %+v", s.Batch, s.BatchEvidence)
	}
	for name, tc := range map[string]struct{ got, want, tolerance float64 }{
		"prefill":       {s.Batch.PrefillTokensPerSecond, 10000, 0.05},
		"step":          {float64(s.Batch.MaxBatch) / s.Batch.DecodeTokensPerSecond, 0.02, 0.05},
		"cache":         {s.Batch.KVCacheTokens, 400_000, 0.1},
		"batch":         {float64(s.Batch.MaxBatch), 64, 0},
		"demand now":    {s.Demand.Last, 4, 0.01},
		"output tokens": {s.Tokens.Output.Last, 200, 0.01},
	} {
		if math.Abs(tc.got-tc.want) > tc.tolerance*tc.want {
			t.Errorf("%s is %v, want %v", name, tc.got, tc.want)
		}
	}
	if s.Policy.Horizontal.Fixed || s.Demand.Signal != "inference_requests" || s.GPU == nil || s.GPU.Follows {
		t.Errorf("fixed %v, demand %s, GPU %+v", s.Policy.Horizontal.Fixed, s.Demand.Signal, s.GPU)
	}
	w := chat() // Without the times nothing can be learned.
	w.Signals = slices.DeleteFunc(w.Signals, func(s collector.Signal) bool { return s.Role == collector.RoleLatency })
	if s := snapshot.Build(w, now(), recommender.Policy{}); s.Batch != nil || s.Demand.Signal != "generation_tokens" {
		t.Errorf("batch %+v, demand %s", s.Batch, s.Demand.Signal)
	}
}

// TestInferenceDemand: what the owner named is the demand, in requests, as many
// as it brings; what the engine counts is learned from all the same.
func TestInferenceDemand(t *testing.T) {
	t.Parallel()
	rate := func(h float64) float64 { return 4 * daily(h) } // As in chat.
	named := func(name, unit string, f func(h float64) float64) collector.Signal {
		return collector.Signal{Name: name, Unit: unit, Role: collector.RoleDemand, Metric: collector.MetricPromQL, Named: true, Series: every5m(f)}
	}
	late := func(h float64) float64 { // Nothing is known of it before the last day.
		if h < (days-1)*24 {
			return math.NaN()
		}
		return rate(h)
	}
	for name, tc := range map[string]struct {
		own    []collector.Signal
		signal string
		unit   string
		last   float64
	}{
		"none":                  {nil, "inference_requests", "u", 4},
		"arrivals at a gateway": {[]collector.Signal{named("arrivals", "1/s", func(h float64) float64 { return 1.1 * rate(h) })}, "arrivals", "1/s", 4.4},
		"chats of 3 requests":   {[]collector.Signal{named("chats", "chats/s", func(h float64) float64 { return rate(h) / 3 })}, "chats", "requests/s", 4},
		"known for a day":       {[]collector.Signal{named("arrivals", "1/s", late)}, "arrivals", "1/s", 4},
		"nothing known":         {[]collector.Signal{named("arrivals", "1/s", constant(math.NaN()))}, "inference_requests", "u", 4},
		"tokens": {
			[]collector.Signal{named("generation_tokens", "tokens/s", func(h float64) float64 { return 200 * rate(h) })},
			"inference_requests", "u", 4,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := chat()
			w.Signals = append(tc.own, w.Signals...)
			s := snapshot.Build(w, now(), recommender.Policy{Engine: recommender.BatchServer{MaxBatch: 64}})
			if s.Batch == nil || !s.BatchEvidence.Identified || s.Policy.Horizontal.Fixed {
				t.Fatalf("batch %+v, evidence %+v, fixed %v", s.Batch, s.BatchEvidence, s.Policy.Horizontal.Fixed)
			}
			if d := s.Demand; d.Signal != tc.signal || d.Unit != tc.unit || math.Abs(d.Last-tc.last) > 0.01*tc.last {
				t.Errorf("the demand is %v %s of %s, want %v %s of %s", d.Last, d.Unit, d.Signal, tc.last, tc.unit, tc.signal)
			}
			if got := s.Tokens.Output.Last; math.Abs(got-200) > 1 {
				t.Errorf("a request writes %v tokens, want 200", got)
			}
		})
	}
}

// TestInferencePrior: what the owner expects of an engine stands in for what
// nothing measures, and gives way to what is measured.
func TestInferencePrior(t *testing.T) {
	t.Parallel()
	p := recommender.Policy{EnginePrior: recommender.ExpectedServer(64, 400_000, 5000, 3200)}
	w := chat()
	w.Signals = slices.DeleteFunc(w.Signals, func(s collector.Signal) bool { return s.Role == collector.RoleLatency })
	s := snapshot.Build(w, now(), p)
	if s.Batch == nil || s.BatchEvidence.Identified || s.Policy.Horizontal.Fixed || s.Demand.Signal != "inference_requests" {
		t.Fatalf("batch %+v, evidence %+v, demand %+v", s.Batch, s.BatchEvidence, s.Demand)
	}
	if math.Abs(s.Batch.PrefillTokensPerSecond-5000) > 1 || math.Abs(s.Batch.OutputTokens-200) > 1 {
		t.Errorf("the server is %+v", s.Batch)
	}
	s = snapshot.Build(chat(), now(), p)
	if !s.BatchEvidence.Identified || math.Abs(s.Batch.PrefillTokensPerSecond-10000) > 500 || s.Batch.MaxBatch > 64 {
		t.Errorf("measured it is %+v, evidence %+v", s.Batch, s.BatchEvidence)
	}
}

// TestGPUActivity: that of a service which is no language model stands for its
// demand.
func TestGPUActivity(t *testing.T) {
	t.Parallel()
	w := shop()
	w.Signals = []collector.Signal{{
		Name: "gpu_activity", Unit: "gpus", Role: collector.RoleGPU, Coarse: true, Series: every5m(daily),
	}}
	s := snapshot.Build(w, now(), recommender.Policy{})
	if s.GPU == nil || !s.GPU.Follows || !s.GPU.Coarse || math.Abs(s.GPU.Last-1) > 0.01 || s.Policy.Horizontal.Fixed {
		t.Errorf("GPU %+v, fixed %v", s.GPU, s.Policy.Horizontal.Fixed)
	}
	w.Containers[0].GPUs = 0
	if s := snapshot.Build(w, now(), recommender.Policy{}); s.GPU != nil || !s.Policy.Horizontal.Fixed {
		t.Errorf("GPU %+v of a workload without any, fixed %v", s.GPU, s.Policy.Horizontal.Fixed)
	}
}
