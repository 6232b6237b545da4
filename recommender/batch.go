package recommender

import "math"

// BatchServer is a pod that serves a language model by continuous batching:
// prompts are read one at a time, first come first served, and as long as none
// is read each of the m requests of the batch writes a token every
//
//	step(m) = MaxBatch/DecodeTokensPerSecond + StepSecondsPerToken·m·(I + O/2)
//
// seconds, for prompts of I tokens and outputs of O. Without the second term it
// is the service model of the simulator's inference workloads.
type BatchServer struct {
	// PrefillTokensPerSecond is how fast prompts are read, and
	// DecodeTokensPerSecond what is written with a batch of MaxBatch if it does
	// not matter how much the batch holds.
	PrefillTokensPerSecond float64 `json:"prefillTokensPerSecond"`
	DecodeTokensPerSecond  float64 `json:"decodeTokensPerSecond"`
	// StepSecondsPerToken is by how much longer a step takes for each token
	// that the batch holds, which attention reads; 0 where that does not matter.
	StepSecondsPerToken float64 `json:"stepSecondsPerToken,omitempty"`
	// MaxBatch is the number of requests served at a time, and KVCacheTokens
	// bounds their prompt and output tokens together.
	MaxBatch      int     `json:"maxBatch"`
	KVCacheTokens float64 `json:"kvCacheTokens"`
	// PromptTokens and OutputTokens are those of a mean request, the second at
	// least 1.
	PromptTokens float64 `json:"promptTokens"`
	OutputTokens float64 `json:"outputTokens"`
}

// usable says whether the server has everything that a capacity takes.
func (b BatchServer) usable() bool {
	return plausible(b.PrefillTokensPerSecond) && plausible(b.DecodeTokensPerSecond) && b.MaxBatch > 0 && b.KVCacheTokens > 0 &&
		b.StepSecondsPerToken >= 0 && b.PromptTokens >= 0 && b.OutputTokens >= 0
}

// Slots is how many mean requests there is room for in the batch and in the
// cache; 0 where one does not fit.
func (b BatchServer) Slots() int {
	tokens := b.PromptTokens + max(1, b.OutputTokens)
	return int(min(float64(b.MaxBatch), math.Floor(b.KVCacheTokens/tokens)))
}

// step is the time of a token in seconds in a batch of m, prefill that of a
// prompt.
func (b BatchServer) step(m float64) float64 {
	return float64(b.MaxBatch)/b.DecodeTokensPerSecond + b.StepSecondsPerToken*m*(b.PromptTokens+b.OutputTokens/2)
}
func (b BatchServer) prefill() float64 { return b.PromptTokens / b.PrefillTokensPerSecond }

// Throughput is the rate in requests a second at which a batch of m is served,
//
//	μ(m) = m / (O·s(m) + m·t)
//
// for outputs of O tokens at s(m) seconds each and prompts that take t seconds:
// writing gets the share 1 - μ(m)·t of the time that reading leaves it. At
// most it is 1/t.
func (b BatchServer) Throughput(m int) float64 {
	return float64(m) / (max(1, b.OutputTokens)*b.step(float64(m)) + float64(m)*b.prefill())
}

// BatchStates is the stationary distribution of the number of requests in a
// pod under Poisson arrivals, from the birth-death chain with rates λ and
// μ(min(m, slots)). Above the slots, where requests wait, it is geometric.
type BatchStates struct {
	// Below holds the probabilities of 0..slots-1 requests, Waits is that of
	// at least as many as there are slots: an arrival has to wait.
	Below []float64
	Waits float64
	// Batch is the mean number of requests in the batch of one that is served,
	// itself included.
	Batch float64
	// drain is μ(slots) - λ: P(wait > t) = Waits·exp(-drain·t).
	drain float64
}

// States returns the distribution at a rate in requests a second. At or above
// the largest throughput every request waits, with [ErrOverload].
func (b BatchServer) States(rate float64) (BatchStates, error) {
	slots := b.Slots()
	if slots < 1 || math.IsNaN(rate) || rate >= b.Throughput(slots) {
		return BatchStates{Waits: 1, Batch: float64(max(1, slots))}, ErrOverload
	}
	s := BatchStates{Below: make([]float64, slots), drain: b.Throughput(slots) - rate}
	// Weights relative to the largest so far, so that none overflows.
	weight, sum := 1.0, 1.0
	s.Below[0] = 1
	for m := 1; m < slots; m++ {
		weight *= rate / b.Throughput(m)
		s.Below[m] = weight
		sum += weight
		if weight > 1e200 {
			for i := range m + 1 {
				s.Below[i] /= weight
			}
			sum, weight = sum/weight, 1
		}
	}
	// Σ of the weights from slots on: a geometric series of ratio λ/μ(slots).
	full := b.Throughput(slots)
	above := weight * rate / full / (1 - rate/full)
	sum += above
	s.Waits = above / sum
	s.Batch = s.Waits * float64(slots)
	for i := range s.Below {
		s.Below[i] /= sum
		s.Batch += s.Below[i] * float64(i+1)
	}
	return s, nil
}

// Late is the share of requests whose time to the first token exceeds ttft or
// whose mean time between tokens exceeds itl, in seconds; zero is no bound.
//
// A request that finds a slot waits for the prompts before it, as in M/D/1;
// one that finds none waits for a slot, and then hardly for prompts. While it
// writes, each prompt that is read delays it; their number is Poisson. See
// docs/algorithms/sizing.md.
func (b BatchServer) Late(rate, ttft, itl float64) float64 {
	s, err := b.States(rate)
	if err != nil {
		return 1
	}
	return 1 - (1-b.slowStart(s, rate, ttft))*(1-b.slowTokens(s, rate, itl))
}

// slowStart is the share of requests whose first token comes later than ttft.
func (b BatchServer) slowStart(s BatchStates, rate, ttft float64) float64 {
	if ttft <= 0 {
		return 0
	}
	left := ttft - b.prefill() - b.step(s.Batch)
	switch {
	case left < 0:
		return 1
	case b.prefill() <= 0:
		return s.Waits * math.Exp(-s.drain*left)
	}
	return (1-s.Waits)*ConstantServiceWait(rate*b.prefill(), left/b.prefill()) + s.Waits*math.Exp(-s.drain*left)
}

// slowTokens is the share of requests whose mean time between tokens exceeds
// itl: more prompts are read while they write than that leaves time for.
func (b BatchServer) slowTokens(s BatchStates, rate, itl float64) float64 {
	between := max(1, b.OutputTokens) - 1
	if itl <= 0 || between <= 0 {
		return 0
	}
	step := b.step(s.Batch)
	spare := (itl*(1+1e-9) - step) * between
	switch {
	case spare < 0:
		return 1
	case b.prefill() <= 0:
		return 0
	}
	delays := math.Floor(spare / b.prefill())
	return poissonAbove(rate*(between*step+delays*b.prefill()), delays)
}

// poissonAbove is P(X > n) for a Poisson variable of the given mean.
func poissonAbove(mean, n float64) float64 {
	if mean <= 0 {
		return 0
	}
	spread := 12*math.Sqrt(mean) + 30
	if n > mean+spread {
		return 0
	}
	lg, _ := math.Lgamma(n + 2)
	term := math.Exp((n+1)*math.Log(mean) - mean - lg)
	if n < mean-spread {
		return 1
	}
	sum := 0.0
	for k := n + 1; k < mean+spread+n; k++ {
		sum += term
		term *= mean / (k + 1)
		if term < 1e-18*sum {
			break
		}
	}
	return min(1, sum)
}

// Capacity is the largest rate per second at which no more than late of the
// requests miss an objective; 0 where even a lone request does. It is found by
// bisection to a thousandth.
func (b BatchServer) Capacity(ttft, itl, late float64) float64 {
	slots := b.Slots()
	if slots < 1 || b.Late(0, ttft, itl) > late {
		return 0
	}
	lo, hi := 0.0, b.Throughput(slots)
	for hi-lo > 1e-3*hi {
		mid := (lo + hi) / 2
		if b.Late(mid, ttft, itl) <= late {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// within is the largest rate that meets an objective with half of what it
// allows to be late, or most of the throughput where there is none or where no
// rate meets it.
func (b BatchServer) within(o Objective) float64 {
	if o.TTFTSeconds > 0 || o.ITLSeconds > 0 {
		if rate := b.Capacity(o.TTFTSeconds, o.ITLSeconds, (1-o.Percentile)*lateShare); rate > 0 {
			return rate
		}
	}
	return saturation * b.Throughput(max(1, b.Slots()))
}

// binding names what keeps a pod from carrying more than the rate: at a little
// more the objective that is missed most, or what requests wait for.
func (b BatchServer) binding(rate float64, o Objective) string {
	rate = min(rate*1.01, b.Throughput(max(1, b.Slots()))*(1-1e-6))
	s, err := b.States(rate)
	if err != nil {
		return "room for one request"
	}
	if b.slowTokens(s, rate, o.ITLSeconds) > b.slowStart(s, rate, o.TTFTSeconds) {
		return "time between tokens"
	}
	left := o.TTFTSeconds - b.prefill() - b.step(s.Batch)
	switch slots := s.Waits * math.Exp(-s.drain*max(0, left)); {
	case slots*2 < b.slowStart(s, rate, o.TTFTSeconds):
		return "time to the first token: prompts wait to be read"
	case b.Slots() < b.MaxBatch:
		return "KV cache: requests wait for room"
	default:
		return "batch size: requests wait for a place"
	}
}
