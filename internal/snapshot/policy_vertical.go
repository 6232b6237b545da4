package snapshot

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

// vertical converts the bounds of the sizes. A list of containers stands for the
// whole list of the settings; what an entry leaves out is as the settings have
// it for all containers. Whether sizes change in place is known from the cluster
// and not from a spec.
func (c *conversion) vertical(to *recommender.VerticalPolicy, v v1alpha1.Vertical) {
	if v.Mode != "" {
		to.Fixed = v.Mode == v1alpha1.SizingFixed
	}
	if v.BurstPercent > 0 {
		to.Burst = percent(v.BurstPercent)
	}
	if v.MaxIncreasePercent > 0 {
		to.StepUp = percent(v.MaxIncreasePercent)
	}
	if v.MaxDecreasePercent > 0 {
		to.StepDown = percent(v.MaxDecreasePercent)
	}
	if len(v.Containers) == 0 {
		return
	}
	to.Containers = make([]recommender.ContainerPolicy, 0, len(v.Containers))
	for _, from := range v.Containers {
		path := fmt.Sprintf("spec.vertical.containers[%s]", from.Name)
		rules := c.container(path, from)
		to.Containers = append(to.Containers, rules)
		c.bounds(path, from, *to)
	}
}

func (c *conversion) container(path string, from v1alpha1.ContainerPolicy) recommender.ContainerPolicy {
	cpu, memory := from.CPU, from.Memory
	to := recommender.ContainerPolicy{
		Name:  from.Name,
		Fixed: from.Mode == v1alpha1.SizingFixed, FixedCPU: cpu.Mode == v1alpha1.SizingFixed, FixedMemory: memory.Mode == v1alpha1.SizingFixed,
		MinAllowed: recommender.Resources{
			CPU: c.cores(path+".cpu.minAllowed", cpu.MinAllowed), Memory: c.bytes(path+".memory.minAllowed", memory.MinAllowed),
		},
		MaxAllowed: recommender.Resources{
			CPU: c.cores(path+".cpu.maxAllowed", cpu.MaxAllowed), Memory: c.bytes(path+".memory.maxAllowed", memory.MaxAllowed),
		},
		CPUStep: c.cores(path+".cpu.step", cpu.Step), MemoryStep: c.bytes(path+".memory.step", memory.Step),
		CPUUtilization: percent(cpu.UtilizationPercent), MemoryMargin: percent(memory.MarginPercent),
		CPULimit: limit(cpu.Limit), MemoryLimit: limit(memory.Limit),
		MemoryPerCore: recommender.MemoryPerCore{
			Min: c.bytes(path+".memoryPerCPU.min", from.MemoryPerCPU.Min), Max: c.bytes(path+".memoryPerCPU.max", from.MemoryPerCPU.Max),
		},
		Boost: recommender.BoostPolicy{
			Off:    from.StartupBoost.Mode == v1alpha1.StartupBoostOff,
			MaxCPU: c.cores(path+".startupBoost.maxCPU", from.StartupBoost.MaxCPU), MaxSeconds: float64(from.StartupBoost.MaxSeconds),
		},
	}
	to.CPULimit.Headroom = int64(c.cores(path+".cpu.limit.headroom", cpu.Limit.Headroom))
	to.MemoryLimit.Headroom = int64(c.bytes(path+".memory.limit.headroom", memory.Limit.Headroom))
	for i, s := range from.Sizes {
		at := fmt.Sprintf("%s.sizes[%d]", path, i)
		to.Sizes = append(to.Sizes, recommender.Resources{CPU: c.cores(at+".cpu", s.CPU), Memory: c.bytes(at+".memory", s.Memory)})
	}
	return to
}

// limit converts all of a limit policy but its head-room, which has a unit.
func limit(l v1alpha1.LimitPolicy) recommender.Limit {
	return recommender.Limit{
		Policy: recommender.LimitPolicy(l.Type), Ratio: percent(l.RatioPercent),
		HeadroomShare: percent(l.HeadroomPercent), ThrottledShare: percent(l.ThrottledPercent),
	}
}

// bounds looks at a bound of the object against the other one of the settings;
// those of one place have been checked there.
func (c *conversion) bounds(path string, from v1alpha1.ContainerPolicy, v recommender.VerticalPolicy) {
	check := func(name string, lo, hi *resource.Quantity, least, most float64) {
		if lo != nil {
			least = lo.AsApproximateFloat64()
		}
		if hi != nil {
			most = hi.AsApproximateFloat64()
		}
		switch {
		case most <= 0 || least <= most:
		case lo != nil:
			c.add(path+name+".minAllowed", "must not exceed maxAllowed, got %s and a maximum of %v", lo, most)
		case hi != nil:
			c.add(path+name+".maxAllowed", "must not be below minAllowed, got %s and a minimum of %v", hi, least)
		}
	}
	check(".cpu", from.CPU.MinAllowed, from.CPU.MaxAllowed, v.MinAllowed.CPU.Cores(), v.MaxAllowed.CPU.Cores())
	check(".memory", from.Memory.MinAllowed, from.Memory.MaxAllowed, float64(v.MinAllowed.Memory), float64(v.MaxAllowed.Memory))
}
