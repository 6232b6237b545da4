package recommender_test

import (
	"math"
	"testing"

	"github.com/rightsize-dev/rightsize/recommender"
)

// batchServer writes 20 tokens a second for each of up to 32 requests.
func batchServer() recommender.BatchServer {
	return recommender.BatchServer{
		PrefillTokensPerSecond: 8000, DecodeTokensPerSecond: 640, MaxBatch: 32, KVCacheTokens: 1e6, PromptTokens: 800, OutputTokens: 100,
	}
}

// TestBatchThroughput: by hand. A prompt takes 0.1 s, an output 100·0.05 s.
func TestBatchThroughput(t *testing.T) {
	t.Parallel()
	b := batchServer()
	for m, want := range map[int]float64{1: 1 / 5.1, 10: 10 / 6.0, 32: 32 / 8.2} {
		if got := b.Throughput(m); math.Abs(got-want) > 1e-12 {
			t.Errorf("μ(%d) = %v, want %v", m, got, want)
		}
	}
	b.KVCacheTokens = 9100
	if got := b.Slots(); got != 10 { // Of 900 tokens each.
		t.Errorf("%d slots, want 10", got)
	}
	b.KVCacheTokens = 800
	if got := b.Slots(); got != 0 || b.Late(0.01, 1, 1) != 1 || b.Capacity(1, 1, 0.05) != 0 {
		t.Errorf("%d slots in a cache without room, and a capacity", got)
	}
}

// TestBatchStatesAreErlang: without prompts the chain is M/M/c, so the
// probability of waiting is Erlang's C.
func TestBatchStatesAreErlang(t *testing.T) {
	t.Parallel()
	b := batchServer()
	b.PromptTokens = 0
	for _, load := range []float64{0, 0.1, 8, 25, 31, 31.99} {
		s, err := b.States(load / 5)
		if err != nil {
			t.Fatal(err)
		}
		want, err := recommender.WaitProbability(32, load)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(s.Waits-want) > 1e-9 {
			t.Errorf("%v erlangs: waits %v, want %v", load, s.Waits, want)
		}
		sum := s.Waits
		for _, p := range s.Below {
			sum += p
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("%v erlangs: probabilities sum up to %v", load, sum)
		}
	}
	if s, err := b.States(6.4); err == nil || s.Waits != 1 {
		t.Errorf("overload: %v, error %v", s.Waits, err)
	}
}

// TestBatchWaitsForPrompts compares with the exact distribution of M/D/1,
// P(W <= t) = (1-ρ)·Σ_{j≤t/d} (λ(jd-t))^j/j!·e^{-λ(jd-t)} (Erlang 1909). With
// outputs of one token nothing but reading takes time.
func TestBatchWaitsForPrompts(t *testing.T) {
	t.Parallel()
	b := recommender.BatchServer{
		PrefillTokensPerSecond: 1000, DecodeTokensPerSecond: 1e12, MaxBatch: 10000, KVCacheTokens: 1e12, PromptTokens: 10, OutputTokens: 1,
	}
	const d = 0.01
	for _, rho := range []float64{0.01, 0.3, 0.6, 0.9, 0.97} {
		for _, units := range []float64{0, 0.5, 1, 2.5, 5, 7.9, 8.1, 12} {
			rate, wait := rho/d, units*d
			exact := 0.0
			for j := 0.0; j <= units; j++ {
				lg, _ := math.Lgamma(j + 1)
				x := rate * (j*d - wait) // Not positive.
				term := math.Exp(j*math.Log(math.Max(-x, 1e-300)) - lg - x)
				if j == 0 {
					term = math.Exp(-x)
				}
				exact += term * math.Pow(-1, j)
			}
			exact = 1 - (1-rho)*exact
			got := b.Late(rate, wait+d+1e-8+1e-12, 0)
			if math.Abs(got-exact) > 1e-4*exact+1e-8 {
				t.Errorf("ρ %v: P(W > %v·d) = %v, want %v", rho, units, got, exact)
			}
		}
	}
}

// TestBatchTokens: at 5 requests a second each reads for 0.1 s, and 99 tokens
// after the first take 4.95 s. A mean of 0.055 s leaves 0.495 s: four prompts,
// in which time 5·(4.95+0.4) = 26.75 arrive on average.
func TestBatchTokens(t *testing.T) {
	t.Parallel()
	b := batchServer()
	b.DecodeTokensPerSecond *= 10 // So that there is room for the load.
	b.MaxBatch *= 10
	want := 1.0
	p := math.Exp(-26.75)
	for k := range 5 {
		want -= p
		p *= 26.75 / float64(k+1)
	}
	if got := b.Late(5, 0, 0.055); math.Abs(got-want) > 1e-9 {
		t.Errorf("slow tokens %v, want %v", got, want)
	}
	if got := b.Late(5, 0, 0.0499); got != 1 {
		t.Errorf("tokens faster than they are written: %v late, want all", got)
	}
}

// TestBatchCapacity: it is met, a little more is not, and more objective needs
// more room.
func TestBatchCapacity(t *testing.T) {
	t.Parallel()
	b := batchServer()
	last := math.Inf(1)
	for _, ttft := range []float64{10, 2, 1, 0.5, 0.2} {
		c := b.Capacity(ttft, 0.1, 0.05)
		if b.Late(c, ttft, 0.1) > 0.05 || c > last || c <= 0 {
			t.Errorf("TTFT %v: capacity %v after %v", ttft, c, last)
		}
		if c < 0.999*b.Throughput(32) && b.Late(1.002*c, ttft, 0.1) <= 0.05 {
			t.Errorf("TTFT %v: %v would be possible", ttft, 1.002*c)
		}
		last = c
	}
	if c := b.Capacity(0.14, 0.1, 0.05); c != 0 { // Reading and a token take 0.15.
		t.Errorf("capacity %v for an objective that nothing meets", c)
	}
}

// FuzzBatchLate: a share, not falling in the rate.
func FuzzBatchLate(f *testing.F) {
	f.Add(8000.0, 640.0, 32, 800.0, 100.0, 1.0, 1.0, 0.1)
	f.Fuzz(func(t *testing.T, prefill, decode float64, batch int, prompt, output, rate, ttft, itl float64) {
		ok := func(v, lo, hi float64) bool { return v >= lo && v <= hi }
		if !ok(prefill, 1, 1e9) || !ok(decode, 1, 1e9) || batch < 1 || batch > 2000 || !ok(prompt, 0, 1e6) || !ok(output, 1, 1e6) ||
			!ok(rate, 0, 1e6) || !ok(ttft, 0, 1e4) || !ok(itl, 0, 1e4) {
			return
		}
		b := recommender.BatchServer{
			PrefillTokensPerSecond: prefill, DecodeTokensPerSecond: decode, MaxBatch: batch, KVCacheTokens: 1e9,
			PromptTokens: prompt, OutputTokens: output,
		}
		low, high := b.Late(rate, ttft, itl), b.Late(rate*1.5+1e-6, ttft, itl)
		if math.IsNaN(low) || low < 0 || low > 1 || high < low-1e-6 {
			t.Errorf("late %v at %v and %v above", low, rate, high)
		}
	})
}
