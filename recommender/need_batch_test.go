package recommender_test

import (
	"math"
	"slices"
	"testing"

	"github.com/rightsize-dev/rightsize/recommender"
)

// TestDecideBacklog: 45 requests a second of 20 ms are 0.9 cores; 300 that
// wait are 5 more a second for a minute. Where they may wait for 120 s, of which
// 90 are gone by the time that an answer works, 10 a second are fast enough for
// 300, which 45 are anyway, and 3000 take 100.
func TestDecideBacklog(t *testing.T) {
	t.Parallel()
	cpu := func(backlog, wait float64) (float64, bool) {
		s := withDemand(shop(), 45, 45)
		s.Policy.Horizontal = recommender.HorizontalPolicy{Fixed: true}
		s.Policy.Objective.WaitSeconds, s.Policy.Vertical.InPlace = wait, true
		s.Containers[0].CPU = usage(0.1, 0.1, expects(0.1, 0.1))
		s.Demand.Backlog = backlog
		d := decide(s)
		return d.Containers[0].UncappedTarget.CPU.Cores() * 4, slices.Contains(codes(d), recommender.ReasonBacklog)
	}
	base, _ := cpu(0, 0)
	for _, tc := range []struct{ backlog, wait, more float64 }{
		{300, 0, 0.1}, {300, 30, 0.1}, {3000, 0, 1}, {300, 120, 0}, {3000, 120, 1.1},
	} {
		got, why := cpu(tc.backlog, tc.wait)
		// To a milli-CPU for each of the four pods.
		if math.Abs(got-base-tc.more) > 0.005 || why != (tc.more > 0) {
			t.Errorf("%v waiting for up to %v s: %v cores more (%v), want %v", tc.backlog, tc.wait, got-base, why, tc.more)
		}
	}
}

// TestDecidePatience: items that may wait for longer than it takes to resize
// their pods are sized for the median of the demand, others for its 0.95
// quantile, and so are pods that cannot be resized in place.
func TestDecidePatience(t *testing.T) {
	t.Parallel()
	cpu := func(wait float64, inPlace bool) float64 {
		s := withDemand(shop(), 50, 50+50*0.49/0.45) // 100 at the 0.95 quantile.
		s.Policy.Horizontal = recommender.HorizontalPolicy{Fixed: true}
		s.Policy.Vertical.InPlace = inPlace
		s.Policy.Objective.WaitSeconds = wait
		s.Replicas.ResizeSeconds = 5
		s.Containers[0].CPU = usage(0.9, 1, expects(1, 1.2))
		return decide(s).Containers[0].UncappedTarget.CPU.Cores() * 4
	}
	for _, tc := range []struct {
		wait    float64
		inPlace bool
		want    float64
	}{
		{0, true, 4*0.05 + 2}, {20, true, 4*0.05 + 2}, {60, false, 4*0.05 + 2}, {60, true, 4*0.05 + 1},
	} {
		if got := cpu(tc.wait, tc.inPlace); math.Abs(got-tc.want) > 0.02 {
			t.Errorf("wait %v, in place %v: %v cores, want %v", tc.wait, tc.inPlace, got, tc.want)
		}
	}
}

// model is a Deployment of four pods with a GPU each, whose demand is
// 10 requests a second and below 20 with probability 0.95.
func model() recommender.Snapshot {
	s := withDemand(shop(), 10, 10+10*0.49/0.45)
	s.Policy.Objective = recommender.Objective{TTFTSeconds: 2, ITLSeconds: 0.1, Percentile: 0.95}
	s.Policy.Prices.GPUHour = 2.5
	s.Containers[0].GPUs = 1
	s.Containers[0].CPU, s.Containers[0].Memory = recommender.Usage{}, recommender.Usage{}
	b := batchServer()
	s.Batch = &b
	return s
}

// TestDecideModel: replicas carry the demand at the capacity of a pod, with
// half of what may be late, and sizes stay.
func TestDecideModel(t *testing.T) {
	t.Parallel()
	s := model()
	capacity := s.Batch.Capacity(2, 0.1, 0.025)
	d := decide(s)
	if want := int(math.Ceil(20 / capacity)); d.DesiredReplicas != want {
		t.Errorf("%d pods for 20 requests/s at %v each, want %d", d.DesiredReplicas, capacity, want)
	}
	if c := d.Containers[0]; c.Target != c.Requests || d.Action != recommender.ActionScale {
		t.Errorf("%v to %v", d.Action, c.Target)
	}
	if !slices.Contains(codes(d), recommender.ReasonQueueing) {
		t.Errorf("reasons %v do not tell the capacity", codes(d))
	}
	s.Demand.Backlog = 600 // Ten a second more.
	if got, want := decide(s).DesiredReplicas, int(math.Ceil(30/capacity)); got != want {
		t.Errorf("%d pods with a backlog, want %d", got, want)
	}
	s.Demand.Backlog = 0
	s.Policy.Objective.TTFTSeconds = 0.01 // Nothing meets that: 80 % of the throughput.
	if got, want := decide(s).DesiredReplicas, int(math.Ceil(20/(0.8*s.Batch.Throughput(32)))); got != want {
		t.Errorf("%d pods without an objective to meet, want %d", got, want)
	}
	s.Batch = nil // Then GPUs say nothing.
	if got := decide(s).DesiredReplicas; got != 4 {
		t.Errorf("%d pods without a model, want what is there", got)
	}
}

// TestDecideTokens: prompts and outputs that are forecast to be twice as long
// need more pods, at the expected number of requests; shorter ones change
// nothing, as the last half hour holds until they come.
func TestDecideTokens(t *testing.T) {
	t.Parallel()
	s := model()
	base := decide(s).DesiredReplicas
	tokens := func(factor float64) *recommender.Tokens {
		prompt, output := factor*s.Batch.PromptTokens, factor*s.Batch.OutputTokens
		return &recommender.Tokens{
			Prompt: usage(prompt, prompt, expects(prompt, prompt)), Output: usage(output, output, expects(output, output)),
		}
	}
	long := *s.Batch
	long.PromptTokens, long.OutputTokens = 4*long.PromptTokens, 4*long.OutputTokens
	for _, tc := range []struct {
		factor float64
		want   int
	}{{0.5, base}, {1, base}, {4, int(math.Ceil(10 / long.Capacity(2, 0.1, 0.025)))}} {
		s.Tokens = tokens(tc.factor)
		if got := decide(s).DesiredReplicas; got != tc.want {
			t.Errorf("tokens times %v: %d pods, want %d", tc.factor, got, tc.want)
		}
	}
}

// TestDecideUnidentified: until metrics have told how fast a pod is, it is
// taken to carry what it was seen to, and nothing is lowered.
func TestDecideUnidentified(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		evidence recommender.BatchEvidence
		want     int
	}{
		{recommender.BatchEvidence{SaturatedRate: 4}, 7}, // 20 / (0.8·4).
		{recommender.BatchEvidence{CarriedRate: 2.5}, 8}, // 20 / 2.5.
		{recommender.BatchEvidence{CarriedRate: 10}, 4},  // Two would do, but four are there.
	} {
		s := model()
		s.BatchEvidence = &tc.evidence
		d := decide(s)
		if d.DesiredReplicas != tc.want || !slices.Contains(codes(d), recommender.ReasonUnidentified) {
			t.Errorf("%+v: %d pods, want %d; %v", tc.evidence, d.DesiredReplicas, tc.want, codes(d))
		}
	}
}

// BenchmarkDecideModel decides on a language model with a batch of 256 and four
// profiles.
func BenchmarkDecideModel(b *testing.B) {
	s := model()
	s.Batch.MaxBatch, s.Batch.DecodeTokensPerSecond, s.Batch.StepSecondsPerToken = 256, 8000, 2e-8
	s.Accelerator, s.Policy.ModelBytes = "a", 16e9
	for _, name := range []string{"a", "b", "c", "d"} {
		s.Policy.Accelerators = append(s.Policy.Accelerators, recommender.AcceleratorProfile{Name: name, MemoryBytes: 80e9, PricePerHour: 2})
	}
	for b.Loop() {
		decide(s)
	}
}
