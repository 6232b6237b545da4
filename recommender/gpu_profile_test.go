package recommender_test

import (
	"math"
	"slices"
	"testing"

	"github.com/rightsize-dev/rightsize/recommender"
)

// TestAcceleratorServe: by hand. Weights of 16 GB leave 56 of 0.9·80 GB, and 2
// of 0.9·20 GB, that is a twenty-eighth of the cache.
func TestAcceleratorServe(t *testing.T) {
	t.Parallel()
	b := batchServer() // A million tokens; 900 a request.
	whole := recommender.AcceleratorProfile{Name: "whole", MemoryBytes: 80e9}
	for name, tc := range map[string]struct {
		to      recommender.AcceleratorProfile
		from    recommender.AcceleratorProfile
		weights float64
		cache   float64
		refused bool
	}{
		"the same":                      {whole, whole, 0, 1e6, false},
		"a slice":                       {recommender.AcceleratorProfile{MemoryBytes: 20e9}, whole, 16e9, 1e6 / 28.0, false},
		"a slice without room":          {recommender.AcceleratorProfile{MemoryBytes: 18e9}, whole, 16e9, 1e6 * 0.2 / 56, true},
		"a slice, weights not known":    {recommender.AcceleratorProfile{MemoryBytes: 20e9}, whole, 0, 1e6, true},
		"two of them":                   {recommender.AcceleratorProfile{MemoryBytes: 160e9}, whole, 16e9, 1e6 * 128 / 56, false},
		"more, weights not known":       {recommender.AcceleratorProfile{MemoryBytes: 160e9}, whole, 0, 1e6, false},
		"memory of the present unknown": {whole, recommender.AcceleratorProfile{}, 16e9, 1e6, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, why := tc.to.Serve(b, tc.from, tc.weights)
			if (why != "") != tc.refused || math.Abs(got.KVCacheTokens-tc.cache) > 1e-6*tc.cache {
				t.Errorf("%v tokens, want %v; refused %q, want %v", got.KVCacheTokens, tc.cache, why, tc.refused)
			}
		})
	}
	// 3 of 7 compute units and 4 of 8 parts of the memory.
	got, _ := recommender.AcceleratorProfile{Throughput: 0.5, PrefillThroughput: 3.0 / 7}.Serve(b, recommender.AcceleratorProfile{}, 0)
	if math.Abs(got.DecodeTokensPerSecond-320) > 1e-9 || math.Abs(got.PrefillTokensPerSecond-8000*3.0/7) > 1e-9 {
		t.Errorf("a slice writes %v and reads %v tokens/s", got.DecodeTokensPerSecond, got.PrefillTokensPerSecond)
	}
}

// TestExpectedServer: a full batch writes what its owner says, and of two profiles
// the ratios are those of what is said of them.
func TestExpectedServer(t *testing.T) {
	t.Parallel()
	whole := recommender.ExpectedServer(64, 400_000, 8000, 2500)
	tokens := whole.PromptTokens + whole.OutputTokens/2
	step := float64(whole.MaxBatch)/whole.DecodeTokensPerSecond + whole.StepSecondsPerToken*float64(whole.Slots())*tokens
	if math.Abs(64/step-2500) > 1e-6 || whole.PrefillTokensPerSecond != 8000 || whole.KVCacheTokens != 400_000 {
		t.Errorf("%+v writes %v tokens/s", whole, 64/step)
	}
	half := recommender.ExpectedServer(32, 200_000, 4000, 1250)
	b := batchServer()
	got, why := recommender.AcceleratorProfile{Serving: half}.Serve(b, recommender.AcceleratorProfile{Serving: whole}, 0)
	if why != "" || got.MaxBatch != b.MaxBatch/2 || math.Abs(got.KVCacheTokens-b.KVCacheTokens/2) > 1e-6 ||
		math.Abs(got.PrefillTokensPerSecond-b.PrefillTokensPerSecond/2) > 1e-6 || math.Abs(got.DecodeTokensPerSecond/b.DecodeTokensPerSecond-half.DecodeTokensPerSecond/whole.DecodeTokensPerSecond) > 1e-9 {
		t.Errorf("half of %+v is %+v, refused %q", b, got, why)
	}
	if _, why := (recommender.AcceleratorProfile{Serving: recommender.ExpectedServer(4, 100, 4000, 1250)}).Serve(b, recommender.AcceleratorProfile{Serving: whole}, 0); why == "" {
		t.Error("a cache of a hundred tokens serves")
	}
}

// TestDecideAccelerator: 20 requests a second, of which the present profile
// carries capacity each.
func TestDecideAccelerator(t *testing.T) {
	t.Parallel()
	whole := recommender.AcceleratorProfile{Name: "whole", MemoryBytes: 80e9, PricePerHour: 4}
	decideWith := func(accelerators ...recommender.AcceleratorProfile) *recommender.AcceleratorChoice {
		s := model()
		s.Accelerator, s.Policy.Accelerators, s.Policy.ModelBytes = "whole", accelerators, 16e9
		base := decide(model())
		d := decide(s)
		if d.DesiredReplicas != base.DesiredReplicas {
			t.Errorf("%d replicas with profiles, %d without", d.DesiredReplicas, base.DesiredReplicas)
		}
		if got := slices.Contains(codes(d), recommender.ReasonAccelerator); got != (len(accelerators) > 0) {
			t.Errorf("reasons %v", codes(d))
		}
		return d.Accelerator
	}
	if got := decideWith(); got != nil {
		t.Errorf("a choice of %+v among none", got)
	}
	capacity := model().Batch.Capacity(2, 0.1, 0.025)
	n := int(math.Ceil(20 / capacity))
	got := decideWith(whole, recommender.AcceleratorProfile{Name: "same", MemoryBytes: 80e9, PricePerHour: 4})
	if got == nil || got.Name != "whole" || got.Replicas != n || got.CostPerHour != float64(4*n) {
		t.Errorf("at equal price %+v, want %d of the present one", got, n)
	}
	// Cheaper and as fast always wins; four times as fast for twice the price,
	// too; a slice that the weights do not fit into does not.
	for _, other := range []recommender.AcceleratorProfile{
		{Name: "cheaper", MemoryBytes: 80e9, PricePerHour: 3.99},
		{Name: "faster", MemoryBytes: 80e9, PricePerHour: 8, Throughput: 4},
	} {
		if got := decideWith(whole, other); got == nil || got.Name != other.Name || got.CurrentCostPerHour != float64(4*n) {
			t.Errorf("%+v, want %s", got, other.Name)
		}
	}
	small := recommender.AcceleratorProfile{Name: "small", MemoryBytes: 10e9, PricePerHour: 0.01}
	if got := decideWith(whole, small); got == nil || got.Name != "whole" {
		t.Errorf("%+v, although the weights do not fit", got)
	}
}

// TestFillVariants: by hand. A large pod carries 10 for 10, a small one 3 for
// 4, which is dearer for what it carries.
func TestFillVariants(t *testing.T) {
	t.Parallel()
	two := []recommender.Variant{{Name: "small", PricePerHour: 4}, {Name: "large", PricePerHour: 10}}
	perPod := []float64{3, 10}
	for name, tc := range map[string]struct {
		rate  float64
		edit  func(v []recommender.Variant)
		want  []int
		short float64
	}{
		"nothing":                  {0, nil, []int{0, 0}, 0},
		"a little: the small one":  {3, nil, []int{1, 0}, 0},  // 4 before 10.
		"two small ones":           {6, nil, []int{2, 0}, 0},  // 8 before 10.
		"a large one":              {7, nil, []int{0, 1}, 0},  // 10 before 12.
		"base and burst":           {13, nil, []int{1, 1}, 0}, // 14 before 16 and 20.
		"base and two":             {26, nil, []int{2, 2}, 0}, // 28 before 30.
		"full":                     {27, nil, []int{0, 3}, 0}, // 30 before 32.
		"the large one is bounded": {27, func(v []recommender.Variant) { v[1].Max = 1 }, []int{6, 1}, 0},
		"both are":                 {27, func(v []recommender.Variant) { v[1].Max, v[0].Max = 1, 2 }, []int{2, 1}, 11},
		"a minimum":                {10, func(v []recommender.Variant) { v[0].Min = 2 }, []int{4, 0}, 0}, // 16 before 18.
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := slices.Clone(two)
			if tc.edit != nil {
				tc.edit(v)
			}
			got, short := recommender.FillVariants(tc.rate, v, perPod)
			if !slices.Equal(got, tc.want) || math.Abs(short-tc.short) > 1e-9 {
				t.Errorf("%v short of %v, want %v short of %v", got, short, tc.want, tc.short)
			}
		})
	}
}

// TestDecideVariants: the workload gets its own part.
func TestDecideVariants(t *testing.T) {
	t.Parallel()
	s := model()
	capacity := s.Batch.Capacity(2, 0.1, 0.025)
	slow := *s.Batch
	slow.PrefillTokensPerSecond, slow.DecodeTokensPerSecond = slow.PrefillTokensPerSecond*0.75, slow.DecodeTokensPerSecond*0.75
	s.Variants = []recommender.Variant{
		{Name: s.Workload.Name, Batch: *s.Batch, PricePerHour: 2.5, Max: 2, Desired: 4}, {Name: "burst", Batch: slow, PricePerHour: 2},
	}
	d := decide(s)
	if d.DesiredReplicas != 2 || !slices.Contains(codes(d), recommender.ReasonVariants) {
		t.Errorf("%d pods of the base for a need of %v, want its maximum of 2: %v", d.DesiredReplicas, 20/capacity, codes(d))
	}
	s.Workload.Name = "burst"
	s.Batch, s.Variants[0].Name = &slow, "base"
	want := int(math.Ceil((20 - 2*capacity) / slow.Capacity(2, 0.1, 0.025)))
	if got := decide(s).DesiredReplicas; got != want {
		t.Errorf("%d pods of the burst, want %d", got, want)
	}
}

// FuzzDecideModel: more demand or longer requests never get fewer pods, a
// cheaper profile as fast as the present one wins, and nothing is NaN.
func FuzzDecideModel(f *testing.F) {
	f.Add(10.0, 1.5, 800.0, 100.0, 2.0, 0.1, 0.9, 8000.0, 640.0, 32, 4e-8)
	f.Add(1e-3, 1e3, 1.0, 5000.0, 0.0, 0.0, 0.5, 1e5, 1e5, 256, 0.0)
	f.Fuzz(func(t *testing.T, rate, more, prompt, output, ttft, itl, cheaper, prefill, decode float64, batch int, perToken float64) {
		ok := func(v, lo, hi float64) bool { return v >= lo && v <= hi }
		if !ok(rate, 1e-6, 1e6) || !ok(more, 1, 1e3) || !ok(prompt, 1, 1e6) || !ok(output, 1, 1e5) || !ok(ttft, 0, 1e4) || !ok(itl, 0, 1e3) ||
			!ok(cheaper, 0.01, 0.99) || !ok(prefill, 1, 1e8) || !ok(decode, 1, 1e8) || batch < 1 || batch > 1000 || !ok(perToken, 0, 1e-5) {
			return
		}
		snapshot := func(rate float64) recommender.Snapshot {
			s := model()
			s.Demand.Usage = usage(rate, rate, expects(rate, 2*rate))
			s.Policy.Objective.TTFTSeconds, s.Policy.Objective.ITLSeconds = ttft, itl
			s.Policy.Horizontal.Max = 300
			s.Batch = &recommender.BatchServer{
				PrefillTokensPerSecond: prefill, DecodeTokensPerSecond: decode, MaxBatch: batch, KVCacheTokens: 1e6, StepSecondsPerToken: perToken,
				PromptTokens: prompt, OutputTokens: output,
			}
			s.Accelerator, s.Policy.ModelBytes = "now", 16e9
			s.Policy.Accelerators = []recommender.AcceleratorProfile{
				{Name: "now", MemoryBytes: 80e9, PricePerHour: 4}, {Name: "cheaper", MemoryBytes: 80e9, PricePerHour: 4 * cheaper},
			}
			return s
		}
		if b := snapshot(rate).Batch; b.Capacity(ttft, itl, 0.025)*3e5 < rate*more {
			return // Hopeless: all that is there is less than a thousandth.
		}
		d, e := decide(snapshot(rate)), decide(snapshot(rate*more))
		if e.DesiredReplicas < d.DesiredReplicas {
			t.Errorf("%d pods at %v requests/s, %d at %v", d.DesiredReplicas, rate, e.DesiredReplicas, rate*more)
		}
		if a := d.Accelerator; a != nil && (a.Name != "cheaper" || math.IsNaN(a.CostPerHour)) {
			t.Errorf("chose %+v", a)
		}
		if math.IsNaN(d.Cost.TargetPerHour) || math.IsInf(d.Cost.TargetPerHour, 0) {
			t.Errorf("cost %v", d.Cost)
		}
	})
}
