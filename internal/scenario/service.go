package scenario

import (
	"slices"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

func readService(o *object, sc *simulator.Scenario, src *source) {
	kinds := []string{"http", "queue", "inference", "usage"}
	given := slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return !o.has(k) })
	o.done()
	if len(given) != 1 {
		o.fail("", "needs exactly one of %s, got %d", strings.Join(kinds, ", "), len(given))
		return
	}
	switch kind := given[0]; kind {
	case "http":
		sc.Service.HTTP = readHTTP(o.object(kind), sc)
	case "queue":
		sc.Service.Queue = readQueue(o.object(kind), sc)
	case "inference":
		sc.Service.Inference = readInference(o.object(kind))
		src.tokens = true
	default:
		sc.Service.Usage = readUsage(o.object(kind), sc, src)
	}
}

// readMemory reads what happens to memory beside the work.
func readMemory(o *object, sc *simulator.Scenario) {
	sc.Memory = simulator.MemoryEffects{
		GrowthPerHour: float64(o.memory("memoryGrowthPerHour", 0)), PageCache: float64(o.memory("pageCache", 0)),
	}
}

func readHTTP(o *object, sc *simulator.Scenario) *simulator.HTTPService {
	defer o.done()
	readMemory(o, sc)
	o.required("cpuSecondsPerRequest")
	return &simulator.HTTPService{
		CPUSecondsPerRequest:       o.number("cpuSecondsPerRequest", 0),
		CPUCV:                      o.number("cpuCV", 1),
		BaseCPU:                    o.cpu("baseCPU", 0),
		BaseMemory:                 o.memory("baseMemory", 0),
		MemoryPerConcurrentRequest: o.memory("memoryPerConcurrentRequest", 0),
		ConcurrencyPerPod:          o.integer("concurrencyPerPod", 100),
		Startup:                    o.duration("startup", 30*time.Second),
		StartupCPU:                 o.cpu("startupCPU", 0),
		Timeout:                    o.duration("timeout", 0),
		Retries:                    o.integer("retries", 0),
		RetryDelay:                 o.duration("retryDelay", 0),
		EveryRequest:               o.flag("everyRequest"),
	}
}

func readQueue(o *object, sc *simulator.Scenario) *simulator.QueueService {
	defer o.done()
	readMemory(o, sc)
	o.required("cpuSecondsPerItem")
	return &simulator.QueueService{
		CPUSecondsPerItem: o.number("cpuSecondsPerItem", 0),
		CPUCV:             o.number("cpuCV", 1),
		WorkersPerPod:     o.integer("workersPerPod", 1),
		BaseCPU:           o.cpu("baseCPU", 0),
		BaseMemory:        o.memory("baseMemory", 0),
		MemoryPerItem:     o.memory("memoryPerItem", 0),
		Startup:           o.duration("startup", 30*time.Second),
		StartupCPU:        o.cpu("startupCPU", 0),
	}
}

func readInference(o *object) *simulator.InferenceService {
	defer o.done()
	o.required("prefillTokensPerSecond", "decodeTokensPerSecond", "maxBatch", "kvCacheTokens")
	return &simulator.InferenceService{
		PrefillTokensPerSecond: o.number("prefillTokensPerSecond", 0),
		DecodeTokensPerSecond:  o.number("decodeTokensPerSecond", 0),
		MaxBatch:               o.integer("maxBatch", 0),
		KVCacheTokens:          o.number("kvCacheTokens", 0),
		GPUsPerPod:             o.integer("gpusPerPod", 1),
		Startup:                o.duration("startup", 180*time.Second),
		PromptTokens:           o.number("promptTokens", 800),
		OutputTokens:           o.number("outputTokens", 200),
	}
}

func readUsage(o *object, sc *simulator.Scenario, src *source) *simulator.UsageService {
	defer o.done()
	readMemory(o, sc)
	o.required("cpuColumn")
	src.usage = true
	src.cpuColumn = o.text("cpuColumn")
	src.memoryColumn = o.text("memoryColumn")
	src.cpuScale = readScale(o, "cpuScale")
	src.memoryScale = readScale(o, "memoryScale")
	return &simulator.UsageService{Startup: o.duration("startup", 30*time.Second)}
}

func readScale(o *object, name string) float64 {
	v := o.number(name, 1)
	if v <= 0 {
		o.fail(name, "must be > 0, got %v", v)
	}
	return v
}

func readObjective(o *object, given bool, service simulator.Service) simulator.Objective {
	if service.Usage != nil {
		if given {
			o.fail("", "must be absent for a usage service: any loss counts")
		}
		return simulator.Objective{}
	}
	defer o.done()
	out := simulator.Objective{Percentile: o.number("percentile", 0.95)}
	switch {
	case service.HTTP != nil:
		o.required("latencySeconds")
		out.LatencySeconds = o.number("latencySeconds", 0)
	case service.Queue != nil:
		o.required("waitSeconds")
		out.WaitSeconds = o.number("waitSeconds", 0)
	case service.Inference != nil:
		out.TTFTSeconds = o.number("ttftSeconds", 0)
		out.ITLSeconds = o.number("itlSeconds", 0)
	}
	return out
}
