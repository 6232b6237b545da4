package simulator

import (
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Service is what demand costs; exactly one field is set.
type Service struct {
	HTTP      *HTTPService
	Queue     *QueueService
	Inference *InferenceService
	Usage     *UsageService
}

// HTTPService is a service that answers requests.
type HTTPService struct {
	// CPUSecondsPerRequest is the mean CPU time of a request in core-seconds,
	// positive; CPUCV is its coefficient of variation: the distribution is
	// gamma, which is exponential at 1 and constant at 0.
	CPUSecondsPerRequest float64
	CPUCV                float64
	// BaseCPU and BaseMemory are what a ready pod uses without requests.
	BaseCPU    recommender.MilliCPU
	BaseMemory recommender.Bytes
	// MemoryPerConcurrentRequest comes on top for each request in the pod.
	MemoryPerConcurrentRequest recommender.Bytes
	// ConcurrencyPerPod is how many requests a pod holds, waiting ones
	// included; further ones are dropped.
	ConcurrencyPerPod int
	// Startup is the time from a pod's binding to a node to its readiness, if
	// the CPU it may use is at least StartupCPU.
	Startup    time.Duration
	StartupCPU recommender.MilliCPU
	// Timeout is how long a client waits for an answer, zero for ever. Retries
	// is how often it asks again, each time RetryDelay after the attempt before
	// was turned away or timed out. Each attempt counts as demand; a request is
	// dropped when the last one fails.
	Timeout    time.Duration
	Retries    int
	RetryDelay time.Duration
	// EveryRequest makes it be simulated request by request even at rates at
	// which formulas take over: exact, and slow.
	EveryRequest bool
}

// QueueService is a service whose pods take items from one shared queue.
type QueueService struct {
	// CPUSecondsPerItem is the mean CPU time of an item in core-seconds,
	// positive; CPUCV its coefficient of variation (gamma, as for requests).
	CPUSecondsPerItem float64
	CPUCV             float64
	// WorkersPerPod is how many items a pod works on at a time. Each worker
	// gets an equal share of the pod's cores, at most one.
	WorkersPerPod int
	// BaseCPU and BaseMemory are what a ready pod uses without items;
	// MemoryPerItem comes on top for each item that is worked on.
	BaseCPU       recommender.MilliCPU
	BaseMemory    recommender.Bytes
	MemoryPerItem recommender.Bytes
	// Startup and StartupCPU are those of [HTTPService].
	Startup    time.Duration
	StartupCPU recommender.MilliCPU
}

// InferenceService is a language model served on GPUs by continuous batching.
type InferenceService struct {
	// PrefillTokensPerSecond is how fast a pod reads prompts, one at a time;
	// DecodeTokensPerSecond is what it writes with MaxBatch sequences: each of
	// them, however many there are, gets its MaxBatch-th part.
	PrefillTokensPerSecond float64
	DecodeTokensPerSecond  float64
	// MaxBatch is how many requests a pod serves at a time, those whose prompt
	// is still to be read included. KVCacheTokens bounds the sum of their
	// prompt and output tokens.
	MaxBatch      int
	KVCacheTokens float64
	// GPUsPerPod are requested by each pod.
	GPUsPerPod int
	// Startup is the time from a pod's binding to a node to its readiness.
	Startup time.Duration
	// PromptTokens and OutputTokens are those of a request where the trace
	// does not say; both at least 1.
	PromptTokens float64
	OutputTokens float64
}

// UsageService replays measured usage: its demand is CPU in cores and memory
// in bytes, both totals that the ready pods share evenly.
type UsageService struct {
	// Startup is the time from a pod's binding to a node to its readiness.
	Startup time.Duration
}

// Startup is the nominal time from a pod's binding to a node to its readiness;
// it is longer for a pod that may use less than its start-up CPU.
func (s Service) Startup() time.Duration {
	switch {
	case s.HTTP != nil:
		return s.HTTP.Startup
	case s.Queue != nil:
		return s.Queue.Startup
	case s.Inference != nil:
		return s.Inference.Startup
	default:
		return s.Usage.Startup
	}
}

// StartupCPU is the CPU that a pod takes to start at full speed; zero where
// its start does not depend on CPU.
func (s Service) StartupCPU() recommender.MilliCPU {
	switch {
	case s.HTTP != nil:
		return s.HTTP.StartupCPU
	case s.Queue != nil:
		return s.Queue.StartupCPU
	default:
		return 0
	}
}

// kind is the name of the field that is set.
func (s Service) kind() string {
	switch {
	case s.HTTP != nil:
		return "http"
	case s.Queue != nil:
		return "queue"
	case s.Inference != nil:
		return "inference"
	default:
		return "usage"
	}
}

// Requests says whether demand is a number of requests or items, and not
// measured usage.
func (s Service) Requests() bool { return s.Usage == nil }

// GPUsPerPod is how many GPUs each pod requests.
func (s Service) GPUsPerPod() int {
	if s.Inference == nil {
		return 0
	}
	return s.Inference.GPUsPerPod
}

// baseMemory is what a container uses from its start on.
func (s Service) baseMemory() float64 {
	switch {
	case s.HTTP != nil:
		return float64(s.HTTP.BaseMemory)
	case s.Queue != nil:
		return float64(s.Queue.BaseMemory)
	default:
		return 0
	}
}
