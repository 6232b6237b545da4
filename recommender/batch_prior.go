package recommender

import (
	"maps"
	"math"
	"slices"
	"strings"
)

const (
	// priorSpread is the standard deviation of the logarithms of a prior from
	// the table: a factor of two either way.
	priorSpread = 0.7
	// vagueSpread is that where not even the GPU is known: from a small model
	// on a large GPU to the opposite is a factor of a hundred.
	vagueSpread = 1.5
	// bandwidthShare and computeShare are the parts of the data sheet's figures
	// that engines reach in decoding and in prefill. They are round numbers
	// that the spread makes no matter of.
	bandwidthShare, computeShare = 0.6, 0.4
	// memoryShare is the part of a GPU's memory that engines take, the default
	// of vLLM's --gpu-memory-utilization.
	memoryShareOfGPU = 0.9
	// priorBatch is the default of vLLM's --max-num-seqs.
	priorBatch = 256
	// priorPrompt and priorOutput are the tokens of a request before any was
	// seen.
	priorPrompt, priorOutput = 1000, 250
)

// GPU is what a data sheet says of one.
type GPU struct {
	// MemoryBytes and BytesPerSecond are of its memory, FLOPS of 16-bit
	// matrices without sparsity.
	MemoryBytes    float64
	BytesPerSecond float64
	FLOPS          float64
}

// Part is the GPU that a share of the compute units and of the memory make,
// such as a MIG instance: 3g.40gb of an H100 has 3 of 7 and 4 of 8.
func (g GPU) Part(compute, memory float64) GPU {
	return GPU{MemoryBytes: g.MemoryBytes * memory, BytesPerSecond: g.BytesPerSecond * memory, FLOPS: g.FLOPS * compute}
}

// gpus are by the makers' data sheets (NVIDIA T4, L4, A10, L40S, A100, H100
// SXM, H200 and B200; AMD MI300X). The name is a part of what metrics call
// them, such as "NVIDIA H100 80GB HBM3" of dcgm-exporter's modelName.
func gpus() map[string]GPU {
	const gb, tera = 1e9, 1e12
	return map[string]GPU{
		"T4":             {16 * gb, 320 * gb, 65 * tera},
		"L4":             {24 * gb, 300 * gb, 121 * tera},
		"A10":            {24 * gb, 600 * gb, 125 * tera},
		"L40S":           {48 * gb, 864 * gb, 362 * tera},
		"A100":           {40 * gb, 1555 * gb, 312 * tera},
		"A100 80GB":      {80 * gb, 2039 * gb, 312 * tera},
		"A100-80GB":      {80 * gb, 2039 * gb, 312 * tera},
		"H100":           {80 * gb, 3350 * gb, 989 * tera},
		"H200":           {141 * gb, 4800 * gb, 989 * tera},
		"B200":           {180 * gb, 8000 * gb, 2250 * tera},
		"MI300X":         {192 * gb, 5300 * gb, 1307 * tera},
		"A100-SXM4-80GB": {80 * gb, 2039 * gb, 312 * tera},
		"A100-PCIE-80GB": {80 * gb, 1935 * gb, 312 * tera},
	}
}

// FindGPU returns the GPU whose name is in what metrics call it, the longest
// of several, and whether there is one.
func FindGPU(name string) (GPU, bool) {
	best := ""
	table := gpus()
	words := " " + strings.ToUpper(strings.ReplaceAll(name, "_", " ")) + " "
	for _, k := range slices.Sorted(maps.Keys(table)) {
		at := strings.Index(words, k)
		if at < 0 || len(k) <= len(best) {
			continue
		}
		// L4 is not in L40S, nor A10 in A100.
		if next := words[at+len(k)]; next >= '0' && next <= '9' || next >= 'A' && next <= 'Z' {
			continue
		}
		best = k
	}
	return table[best], best != ""
}

// LanguageModel is what is to be known of a model to guess how fast it is.
type LanguageModel struct {
	// Parameters are those that a token passes, BytesPerParameter 2 for 16-bit
	// weights; zero means 2.
	Parameters        float64
	BytesPerParameter float64
}

// cacheBytes is what a token takes in the KV cache. Llama 3 with 8 and 70
// thousand million parameters has 128 and 320 KiB (2 · layers · 8 heads · 128
// · 2 bytes, with 32 and 80 layers), between and beyond which it goes with
// the power 0.42.
func (m LanguageModel) cacheBytes() float64 { return 131072 * math.Pow(m.Parameters/8e9, 0.42) }

func (m LanguageModel) weights() float64 {
	return m.Parameters * orDefault(m.BytesPerParameter, 2)
}

// PriorServer guesses how a pod of that many GPUs serves a model: by the
// roofline, in which a step reads all weights and the cache once and a prompt
// token takes two operations a parameter,
//
//	a = weights / (0.6·bandwidth)    g = cache bytes a token / (0.6·bandwidth)
//	p = 2·parameters / (0.4·FLOPS)
//
// The second result is false where the model does not fit.
func PriorServer(g GPU, m LanguageModel, count int) (BatchServer, bool) {
	n := float64(max(1, count))
	room := memoryShareOfGPU*g.MemoryBytes*n - m.weights()
	if !(m.Parameters > 0) || !(g.BytesPerSecond > 0) || !(g.FLOPS > 0) || room < m.cacheBytes() {
		return BatchServer{}, false
	}
	bandwidth := bandwidthShare * g.BytesPerSecond * n
	return BatchServer{
		PrefillTokensPerSecond: computeShare * g.FLOPS * n / (2 * m.Parameters),
		DecodeTokensPerSecond:  priorBatch * bandwidth / m.weights(),
		StepSecondsPerToken:    m.cacheBytes() / bandwidth,
		MaxBatch:               priorBatch,
		KVCacheTokens:          math.Floor(room / m.cacheBytes()),
		PromptTokens:           priorPrompt, OutputTokens: priorOutput,
	}, true
}

// ExpectedServer is the server of which its owner says how large a batch and a
// cache are, how fast one prompt is read, and how many tokens a full batch writes
// a second: its step(MaxBatch) takes MaxBatch over these. How much of that is for
// what the batch holds is not said, and taken from a model of eight thousand
// million parameters on an A100, with mean requests of the prior.
func ExpectedServer(maxBatch int, cacheTokens, prefillPerSecond, decodePerSecond float64) BatchServer {
	b := vaguePrior()
	b.MaxBatch, b.KVCacheTokens, b.PrefillTokensPerSecond = maxBatch, cacheTokens, prefillPerSecond
	full := float64(max(1, b.Slots()))
	alone := float64(priorBatch) / b.DecodeTokensPerSecond
	b.DecodeTokensPerSecond = float64(maxBatch) / alone // Its steps as those of the model, for their ratio.
	stretch := float64(maxBatch) / decodePerSecond / b.step(full)
	b.DecodeTokensPerSecond /= stretch
	b.StepSecondsPerToken *= stretch
	return b
}

// vaguePrior is eight thousand million parameters on an A100.
func vaguePrior() BatchServer {
	g, _ := FindGPU("A100")
	b, _ := PriorServer(g, LanguageModel{Parameters: 8e9}, 1)
	return b
}
