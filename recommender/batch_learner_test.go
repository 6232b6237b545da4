package recommender_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rightsize-dev/rightsize/recommender"
)

// engine makes observations by the formulas that the learner assumes: a step
// of 20 ms and 40 ns a token held, prompts at 10000 tokens a second.
type engine struct{ step, perToken, prefill float64 }

func (e engine) observe(rate, prompt, output, pods float64) recommender.BatchObservation {
	reading, writing := rate/pods*prompt, rate/pods*output
	rho := reading / e.prefill
	itl := e.step / (1 - rho - e.perToken*writing*(prompt+output/2)) // ITL = (a + g·w·ITL·(I+O/2)) / (1-ρ).
	running := rate * output * itl
	return recommender.BatchObservation{
		Seconds: 15, Pods: pods, Requests: rate, PromptTokens: rate * prompt, OutputTokens: rate * output, Running: running,
		CacheUsage: running / pods * (prompt + output) / 300_000, ITLSeconds: itl,
		TTFTSeconds: prompt/e.prefill*(1+0.75*rho/(1-rho)) + itl*(1-rho),
	}
}

// TestBatchLearnerIdentifies: without a prior, from an hour of observations
// with noise of 3 % and different prompts and outputs, the parameters to 5 %.
func TestBatchLearnerIdentifies(t *testing.T) {
	t.Parallel()
	e := engine{step: 0.02, perToken: 40e-9, prefill: 10000}
	rng := rand.New(rand.NewPCG(1, 2))
	l := recommender.NewBatchLearner(recommender.BatchServer{MaxBatch: 64}, recommender.BatchServer{})
	if _, ev := l.Server(); ev.Identified {
		t.Error("identified before any observation")
	}
	for range 240 {
		o := e.observe(4+8*rng.Float64(), 300+900*rng.Float64(), 100+200*rng.Float64(), 3)
		o.ITLSeconds *= 1 + 0.03*rng.NormFloat64()
		o.TTFTSeconds *= 1 + 0.03*rng.NormFloat64()
		l.Observe(o)
	}
	b, ev := l.Server()
	if !ev.Identified || ev.Observations != 240 || ev.Rejected > 2 {
		t.Errorf("evidence %+v", ev)
	}
	near := func(what string, got, want, tolerance float64) {
		if math.Abs(got/want-1) > tolerance {
			t.Errorf("%s %v, want %v ± %v", what, got, want, tolerance)
		}
	}
	near("step", 64/b.DecodeTokensPerSecond, e.step, 0.05)
	near("prefill", b.PrefillTokensPerSecond, e.prefill, 0.05)
	near("per token", b.StepSecondsPerToken, e.perToken, 0.5) // 3 % of a step here.
	near("cache", b.KVCacheTokens, 300_000, 0.1)
	near("prompt", b.PromptTokens, 750, 0.1)
	near("output", b.OutputTokens, 200, 0.1)

	// Twice as fast from now on: a new GPU. The gate gives way after 20.
	e.step, e.prefill = 0.005, 40000
	for range 240 {
		l.Observe(e.observe(4+8*rng.Float64(), 300+900*rng.Float64(), 100+200*rng.Float64(), 3))
	}
	b, ev = l.Server()
	if ev.Rejected < 20 {
		t.Errorf("only %d observations of another engine were set aside", ev.Rejected)
	}
	near("new step", 64/b.DecodeTokensPerSecond, e.step, 0.05)
	near("new prefill", b.PrefillTokensPerSecond, e.prefill, 0.1)
}

// TestBatchLearnerWithoutTokens: a model that answers with one token or none
// never shows how fast it writes, and is identified by how fast it reads.
func TestBatchLearnerWithoutTokens(t *testing.T) {
	t.Parallel()
	for name, output := range map[string]float64{"none": 0, "one": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := engine{step: 1e-5, prefill: 8000}
			rng := rand.New(rand.NewPCG(1, 2))
			l := recommender.NewBatchLearner(recommender.BatchServer{MaxBatch: 32}, recommender.BatchServer{})
			for range 240 {
				o := e.observe(2+10*rng.Float64(), 1000, output, 2)
				o.TTFTSeconds *= 1 + 0.03*rng.NormFloat64()
				o.ITLSeconds = 5 // Of nothing: what is between one token and the next that there is not.
				l.Observe(o)
			}
			b, ev := l.Server()
			if !ev.Identified || ev.Rejected > 2 || math.Abs(b.PrefillTokensPerSecond/8000-1) > 0.05 || b.OutputTokens != 1 {
				t.Errorf("%+v of %+v, want 8000 prompt tokens a second", b, ev)
			}
		})
	}
}

// TestBatchLearnerWithoutTimes: an engine that does not tell how long tokens take
// is told by its time to the first token alone, whatever stands for the unknown.
func TestBatchLearnerWithoutTimes(t *testing.T) {
	t.Parallel()
	for _, unknown := range []float64{0, math.NaN(), math.Inf(1), -1} {
		e := engine{step: 1e-5, prefill: 8000}
		rng := rand.New(rand.NewPCG(1, 2))
		l := recommender.NewBatchLearner(recommender.BatchServer{MaxBatch: 32}, recommender.BatchServer{})
		for range 240 {
			o := e.observe(2+10*rng.Float64(), 1000, 50, 2)
			o.ITLSeconds = unknown
			l.Observe(o)
		}
		b, ev := l.Server()
		if ev.Identified || ev.Rejected > 2 || ev.Observations != 240 || !(math.Abs(b.PrefillTokensPerSecond/8000-1) < 0.05) || math.IsNaN(ev.StepSD) {
			t.Errorf("%v: %+v of %+v, want 8000 prompt tokens a second, and not identified", unknown, ev, b)
		}
	}
}

// TestBatchLearnerLimits: the largest batch is the one seen while requests
// waited and the cache had room, and half more than any seen before that.
func TestBatchLearnerLimits(t *testing.T) {
	t.Parallel()
	e := engine{step: 0.02, prefill: 1e5}
	l := recommender.NewBatchLearner(recommender.BatchServer{}, recommender.BatchServer{})
	o := e.observe(4, 500, 100, 2)
	o.Running = 20
	l.Observe(o)
	if b, _ := l.Server(); b.MaxBatch != 15 {
		t.Errorf("batch of %d after 10 a pod, want 15", b.MaxBatch)
	}
	o.Running, o.Waiting, o.CacheUsage = 64, 30, 0.95
	l.Observe(o)
	if b, _ := l.Server(); b.MaxBatch != 48 {
		t.Errorf("batch of %d where the cache was full at 32, want 48", b.MaxBatch)
	}
	o.CacheUsage = 0.5
	l.Observe(o)
	b, ev := l.Server()
	if b.MaxBatch != 32 {
		t.Errorf("batch of %d where 32 ran and others waited, want 32", b.MaxBatch)
	}
	if math.Abs(ev.SaturatedRate-2) > 1e-9 || math.Abs(ev.CarriedRate-2) > 1e-3 {
		t.Errorf("a pod served %v while requests waited and %v while none did, want 2 and 2", ev.SaturatedRate, ev.CarriedRate)
	}
}

// FuzzBatchLearner: whatever metrics say, what comes out is usable.
func FuzzBatchLearner(f *testing.F) {
	f.Add(15.0, 3.0, 5.0, 4000.0, 1000.0, 20.0, 0.0, 0.3, 0.2, 0.02)
	f.Add(1e300, 1.0, 1e-300, 1e300, 1e300, math.Inf(1), -1.0, 2.0, math.NaN(), 1e-300)
	f.Fuzz(func(t *testing.T, seconds, pods, requests, prompt, output, running, waiting, cache, ttft, itl float64) {
		l := recommender.NewBatchLearner(recommender.BatchServer{}, recommender.BatchServer{})
		for range 30 {
			l.Observe(recommender.BatchObservation{
				Seconds: seconds, Pods: pods, Requests: requests, PromptTokens: prompt, OutputTokens: output,
				Running: running, Waiting: waiting, CacheUsage: cache, TTFTSeconds: ttft, ITLSeconds: itl,
			})
			l.Observe(engine{step: 0.02, prefill: 1e4}.observe(5, 500, 100, 2))
		}
		b, ev := l.Server()
		for name, v := range map[string]float64{
			"prefill": b.PrefillTokensPerSecond, "decode": b.DecodeTokensPerSecond, "batch": float64(b.MaxBatch),
			"cache": b.KVCacheTokens, "prompt": b.PromptTokens, "output": b.OutputTokens,
		} {
			if !(v > 0) || math.IsInf(v, 1) {
				t.Errorf("%s is %v", name, v)
			}
		}
		for name, v := range map[string]float64{
			"per token": b.StepSecondsPerToken, "step sd": ev.StepSD, "prefill sd": ev.PrefillSD, "saturated": ev.SaturatedRate,
			"carried": ev.CarriedRate,
		} {
			if !(v >= 0) || math.IsInf(v, 1) {
				t.Errorf("%s is %v", name, v)
			}
		}
	})
}

// TestPriorServer: by hand for eight thousand million parameters of two bytes
// on an H100: 16e9/(0.6·3350e9) = 7.96 ms a step, 0.4·989e12/16e9 = 24725
// prompt tokens a second, (72e9-16e9)/131072 = 427246 tokens of cache.
func TestPriorServer(t *testing.T) {
	t.Parallel()
	g, ok := recommender.FindGPU("NVIDIA H100 80GB HBM3")
	if !ok {
		t.Fatal("an H100 is not known")
	}
	b, ok := recommender.PriorServer(g, recommender.LanguageModel{Parameters: 8e9}, 1)
	if !ok || math.Abs(256/b.DecodeTokensPerSecond-7.96e-3) > 1e-5 || math.Abs(b.PrefillTokensPerSecond-24725) > 1 || b.KVCacheTokens != 427246 {
		t.Errorf("%+v", b)
	}
	if _, ok := recommender.PriorServer(g, recommender.LanguageModel{Parameters: 70e9}, 1); ok {
		t.Error("140 GB of weights fit into 80 GB")
	}
	if _, ok := recommender.PriorServer(g, recommender.LanguageModel{Parameters: 70e9}, 2); !ok {
		t.Error("140 GB of weights do not fit into two of 80 GB")
	}
	if _, ok := recommender.PriorServer(g.Part(1.0/7, 1.0/8), recommender.LanguageModel{Parameters: 8e9}, 1); ok {
		t.Error("16 GB of weights fit into a 1g.10gb")
	}
	// Named as dcgm-exporter's modelName does.
	for name, memory := range map[string]float64{
		"NVIDIA A100-SXM4-80GB": 80e9, "NVIDIA A100-SXM4-40GB": 40e9, "NVIDIA L4": 24e9, "NVIDIA L40S": 48e9, "Tesla T4": 16e9, "NVIDIA A10G": 0,
		"NVIDIA A10": 24e9, "AMD Instinct MI300X": 192e9, "": 0,
	} {
		if g, _ := recommender.FindGPU(name); g.MemoryBytes != memory {
			t.Errorf("%q has %v bytes, want %v", name, g.MemoryBytes, memory)
		}
	}
}
