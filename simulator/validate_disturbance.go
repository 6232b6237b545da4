package simulator

import (
	"fmt"
	"time"
)

func (sc *Scenario) checkDisturbances(c *checker) {
	m := sc.Memory
	c.notNegative("spec.service."+sc.Service.kind()+".memoryGrowthPerHour", m.GrowthPerHour)
	c.notNegative("spec.service."+sc.Service.kind()+".pageCache", m.PageCache)
	c.require(m == MemoryEffects{} || sc.Service.Inference == nil, "spec.service.inference", "has no memory that could grow")
	q := sc.Metrics
	c.notNegativeSpan("spec.metrics.delay", q.Delay)
	c.require(q.Delay <= 24*time.Hour, "spec.metrics.delay", "must be at most 24h, got %v", q.Delay)
	c.require(q.MissingRatio >= 0 && q.MissingRatio <= 1, "spec.metrics.missingRatio", "must be from 0 to 1, got %v", q.MissingRatio)
	for i, o := range q.Outages {
		path := fmt.Sprintf("spec.metrics.outages[%d].", i)
		sc.checkAt(c, path+"at", o.At)
		c.positiveSpan(path+"for", o.For)
	}
	for i, f := range sc.Failures {
		path := fmt.Sprintf("spec.failures[%d]", i)
		sc.checkAt(c, path+".at", f.At)
		c.notNegativeSpan(path+".for", f.For)
		c.require(f.Pods >= 0 && f.Nodes >= 0 && (f.Pods > 0) != (f.Nodes > 0), path, "needs exactly one of pods and nodes, at least 1")
	}
	for i, d := range sc.Deploys {
		path := fmt.Sprintf("spec.deploys[%d]", i)
		c.require(sc.Service.HTTP != nil || sc.Service.Queue != nil, path, "is for http and queue services only")
		sc.checkAt(c, path+".at", d.At)
		c.require(d.CPUFactor > 0 && d.CPUFactor <= 1000, path+".cpuSecondsPerRequestFactor", "must be > 0 and at most 1000, got %v", d.CPUFactor)
		c.require(d.MemoryFactor > 0 && d.MemoryFactor <= 1000, path+".memoryFactor", "must be > 0 and at most 1000, got %v", d.MemoryFactor)
	}
	sc.checkQuota(c)
}

// checkAt refuses what does not lie in the scored span.
func (sc *Scenario) checkAt(c *checker, path string, at time.Duration) {
	c.require(at >= 0 && at < sc.Duration, path, "must be within the scored span of %v, got %v", sc.Duration, at)
}

func (sc *Scenario) checkQuota(c *checker) {
	const path = "spec.cluster."
	c.notNegativeSpan(path+"imagePull", sc.Cluster.ImagePull)
	quota, in := sc.Cluster.Quota, sc.Initial
	check := func(name string, most, each float64) {
		c.notNegative(path+"quota."+name, most)
		c.require(most == 0 || float64(in.Replicas)*each <= most*(1+1e-9), path+"quota."+name,
			"the initial pods request %v, more than %v", float64(in.Replicas)*each, most)
	}
	check("cpu", quota.CPU.Cores(), in.Requests.CPU.Cores())
	check("memory", float64(quota.Memory), float64(in.Requests.Memory))
}
