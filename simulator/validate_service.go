package simulator

import "math"

func (sc *Scenario) checkService(c *checker) {
	s := sc.Service
	kinds := 0
	for _, given := range []bool{s.HTTP != nil, s.Queue != nil, s.Inference != nil, s.Usage != nil} {
		if given {
			kinds++
		}
	}
	c.require(kinds == 1, "spec.service", "needs exactly one of http, queue, inference and usage, got %d", kinds)
	if c.err != nil {
		return
	}
	switch {
	case s.HTTP != nil:
		sc.checkHTTP(c)
	case s.Queue != nil:
		sc.checkQueue(c)
	case s.Inference != nil:
		sc.checkInference(c)
	default:
		c.notNegativeSpan("spec.service.usage.startup", s.Usage.Startup)
		c.require(sc.Objective == Objective{}, "spec.objective", "must be absent for a usage service")
		return
	}
	p := sc.Objective.Percentile
	c.require(p > 0 && p < 1, "spec.objective.percentile", "must be between 0 and 1, got %v", p)
}

func (sc *Scenario) checkHTTP(c *checker) {
	h := sc.Service.HTTP
	const path = "spec.service.http."
	c.positive(path+"cpuSecondsPerRequest", h.CPUSecondsPerRequest)
	c.variation(path+"cpuCV", h.CPUCV)
	c.notNegative(path+"baseCPU", h.BaseCPU.Cores())
	c.notNegative(path+"baseMemory", float64(h.BaseMemory))
	c.notNegative(path+"memoryPerConcurrentRequest", float64(h.MemoryPerConcurrentRequest))
	c.count(path+"concurrencyPerPod", h.ConcurrencyPerPod, 1_000_000)
	c.notNegativeSpan(path+"startup", h.Startup)
	c.notNegative(path+"startupCPU", h.StartupCPU.Cores())
	c.notNegativeSpan(path+"timeout", h.Timeout)
	c.require(h.Retries >= 0 && h.Retries <= 100, path+"retries", "must be from 0 to 100, got %d", h.Retries)
	c.notNegativeSpan(path+"retryDelay", h.RetryDelay)
	c.require(h.Retries == 0 || h.Timeout > 0 || h.RetryDelay > 0, path+"retryDelay", "must be > 0 where retries have no timeout")
	c.positive("spec.objective.latencySeconds", sc.Objective.LatencySeconds)
	sc.checkOnly(c, Objective{LatencySeconds: sc.Objective.LatencySeconds})
}

func (sc *Scenario) checkQueue(c *checker) {
	q := sc.Service.Queue
	const path = "spec.service.queue."
	c.positive(path+"cpuSecondsPerItem", q.CPUSecondsPerItem)
	c.variation(path+"cpuCV", q.CPUCV)
	c.count(path+"workersPerPod", q.WorkersPerPod, 1000)
	c.require(q.WorkersPerPod*max(1, sc.Bounds.MaxReplicas) <= 1_000_000, path+"workersPerPod",
		"%d workers in up to %d pods are more than a million", q.WorkersPerPod, sc.Bounds.MaxReplicas)
	c.notNegative(path+"baseCPU", q.BaseCPU.Cores())
	c.notNegative(path+"baseMemory", float64(q.BaseMemory))
	c.notNegative(path+"memoryPerItem", float64(q.MemoryPerItem))
	c.notNegativeSpan(path+"startup", q.Startup)
	c.notNegative(path+"startupCPU", q.StartupCPU.Cores())
	// Waiting for nothing at all is an objective, too.
	c.notNegative("spec.objective.waitSeconds", sc.Objective.WaitSeconds)
	sc.checkOnly(c, Objective{WaitSeconds: sc.Objective.WaitSeconds})
}

func (sc *Scenario) checkInference(c *checker) {
	s, o := sc.Service.Inference, sc.Objective
	const path = "spec.service.inference."
	c.positive(path+"prefillTokensPerSecond", s.PrefillTokensPerSecond)
	c.positive(path+"decodeTokensPerSecond", s.DecodeTokensPerSecond)
	c.count(path+"maxBatch", s.MaxBatch, 100_000)
	c.positive(path+"kvCacheTokens", s.KVCacheTokens)
	c.count(path+"gpusPerPod", s.GPUsPerPod, 1000)
	c.notNegativeSpan(path+"startup", s.Startup)
	c.require(s.PromptTokens >= 1 && s.PromptTokens <= 1e9, path+"promptTokens", "must be at least 1, got %v", s.PromptTokens)
	c.require(s.OutputTokens >= 1 && s.OutputTokens <= 1e9, path+"outputTokens", "must be at least 1, got %v", s.OutputTokens)
	c.notNegative("spec.objective.ttftSeconds", o.TTFTSeconds)
	c.notNegative("spec.objective.itlSeconds", o.ITLSeconds)
	c.require(o.TTFTSeconds > 0 || o.ITLSeconds > 0, "spec.objective", "needs ttftSeconds or itlSeconds")
	sc.checkOnly(c, Objective{TTFTSeconds: o.TTFTSeconds, ITLSeconds: o.ITLSeconds})
}

// checkOnly refuses objectives that another kind of service has.
func (sc *Scenario) checkOnly(c *checker, want Objective) {
	want.Percentile = sc.Objective.Percentile
	c.require(sc.Objective == want, "spec.objective", "has fields of another kind of service")
}

func (c *checker) variation(path string, cv float64) {
	c.notNegative(path, cv)
	c.require(cv <= 10, path, "must be at most 10, got %v", cv)
}

func (c *checker) count(path string, n, most int) {
	c.require(n >= 1, path, "must be at least 1, got %d", n)
	c.require(n <= most, path, "must be at most %d, got %d", most, n)
}

func (c *checker) positive(path string, v float64) {
	c.require(v > 0 && !math.IsInf(v, 0), path, "must be > 0, got %v", v)
}

func (c *checker) notNegative(path string, v float64) {
	c.require(v >= 0 && !math.IsInf(v, 0), path, "must be >= 0, got %v", v)
}
