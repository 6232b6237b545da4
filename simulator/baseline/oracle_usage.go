package baseline

import (
	"math"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// memoryMargin is added to the memory that a pod is known to need, so that a
// limit is never met by rounding.
const memoryMargin = 1.001

// usagePods share totals evenly: each gets the CPU of its share, and what is
// above its ceiling is lost.
type usagePods struct {
	sc      *simulator.Scenario
	ceiling float64 // Cores a pod may use per core it requests.
	limit   float64 // Bytes it may use per byte it requests; 0 without a limit.
	slack   float64 // Factor on the memory that is needed.
	// fixed is the one size to take, nil for the best.
	fixed *recommender.Resources
}

func newUsagePods(sc *simulator.Scenario) *usagePods {
	return &usagePods{sc: sc, ceiling: ceilingRatio(sc), limit: memoryRatio(sc), slack: 1}
}

// only is the model with pods of one size.
func (u *usagePods) only(size recommender.Resources) *usagePods {
	fixed := *u
	fixed.fixed = &size
	return &fixed
}

// ceilingRatio is the CPU that a pod may use over what it requests.
func ceilingRatio(sc *simulator.Scenario) float64 {
	return sc.Ceiling(sc.Initial.Requests) / sc.Initial.Requests.CPU.Cores()
}

// memoryRatio is the memory limit over the request, 0 without a limit.
func memoryRatio(sc *simulator.Scenario) float64 {
	return float64(sc.Initial.Limits.Memory) / float64(sc.Initial.Requests.Memory)
}

// price changes nothing: CPU that is lost always costs more than CPU.
func (u *usagePods) price(float64) {}

func (u *usagePods) pick(n int, l load) choice {
	cpu, memory := l.rate/float64(n), l.memory/float64(n)+leaked(u.sc)
	want := recommender.Resources{CPU: recommender.FromCores(cpu / u.ceiling), Memory: 1}
	if u.limit > 0 {
		want.Memory = recommender.FromBytes(memory * memoryMargin * u.slack / u.limit)
	}
	got := want.Clamp(u.sc.Bounds.MinAllowed, roomFor(u.sc, max(n, l.crowd)))
	if u.fixed != nil {
		got = *u.fixed
	}
	c := choice{size: got}
	top := got.CPU.Cores() * u.ceiling
	c.bad = max(0, cpu-top)
	if c.bad <= 1e-9*cpu { // A rounding error.
		c.bad = 0
	}
	c.cost = costOf(u.sc.Prices, max(got.CPU.Cores(), min(cpu, top)), max(float64(got.Memory), memory))
	if u.limit > 0 && float64(got.Memory)*u.limit < memory {
		c.cost = math.Inf(1) // It would be killed.
	}
	return c
}

// costOf is the price of cores and bytes a second.
func costOf(p recommender.Prices, cores, bytes float64) float64 {
	return (p.CPUCoreHour*cores + p.MemoryGiBHour*bytes/float64(recommender.GiB)) / 3600
}

// roomFor is the largest size that each of n pods can have on the nodes that
// exist, spread evenly, and within the quota.
func roomFor(sc *simulator.Scenario, n int) recommender.Resources {
	each := (n + max(1, sc.Cluster.Nodes) - 1) / max(1, sc.Cluster.Nodes)
	room := recommender.Resources{
		CPU:    min(sc.Bounds.MaxAllowed.CPU, sc.Cluster.Node.CPU/recommender.MilliCPU(each)),
		Memory: min(sc.Bounds.MaxAllowed.Memory, sc.Cluster.Node.Memory/recommender.Bytes(each)),
	}
	if quota := sc.Cluster.Quota; quota.CPU > 0 {
		room.CPU = min(room.CPU, quota.CPU/recommender.MilliCPU(n))
	}
	if quota := sc.Cluster.Quota; quota.Memory > 0 {
		room.Memory = min(room.Memory, quota.Memory/recommender.Bytes(n))
	}
	return room
}
