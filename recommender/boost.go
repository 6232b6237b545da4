package recommender

import (
	"fmt"
	"math"
)

const (
	// startsLeast is how many starts it takes to learn what one needs.
	startsLeast = 3
	// boostLeast is how much more than the steady size is worth a boost.
	boostLeast = 1.1
	// boostSeconds bounds how long a boost lasts.
	boostSeconds = 600
)

// boost is the CPU that past starts of container i used, where that is more
// than the size for afterwards. It ends with the start, so it takes sizes that
// can change in place, and it is no part of the steady size. Bounds, nodes and
// quotas hold for it, too.
func (d *draft) boost(i int, target Resources) *Boost {
	c, rules := d.s.Containers[i], d.rules(i)
	s, v := c.Startup, d.s.Policy.Vertical
	if s == nil || s.Starts < startsLeast || !(s.PeakCores > 0) || rules.Boost.Off || rules.Fixed || !v.InPlace || c.RestartOnCPU {
		return nil
	}
	cpu := min(FromCores(s.PeakCores), d.boostMost(i, target))
	if float64(cpu) <= boostLeast*float64(target.CPU) {
		return nil
	}
	b := &Boost{CPU: cpu, Seconds: min(orDefault(s.Seconds, boostSeconds), orDefault(rules.Boost.MaxSeconds, boostSeconds))}
	d.add(Reason{
		Code: ReasonStartupBoost, Container: c.Name, Subject: "cpu while starting", Unit: "cores", Before: target.CPU.Cores(), After: cpu.Cores(),
		Message: fmt.Sprintf("%d starts took up to %s cores for %s: %s cores while it starts, for %s at most",
			s.Starts, num(s.PeakCores), span(seconds(s.Seconds)), num(cpu.Cores()), span(seconds(b.Seconds))),
	})
	return b
}

// boostMost is the most CPU that container i may have while one pod starts.
func (d *draft) boostMost(i int, target Resources) MilliCPU {
	f := d.frame
	most := d.rules(i).Boost.MaxCPU.orMost()
	most = min(most, d.rules(i).MaxAllowed.CPU.orMost())
	for _, l := range d.s.LimitRanges {
		if l.Type == LimitRangeContainer {
			most = min(most, l.Max.CPU.orMost())
		}
	}
	pod := f.pod(amountsOf(d.chosen.sizes))
	spare := int64(boundless)
	for _, c := range f.caps {
		if c.resource != ofCPU {
			continue
		}
		used := pod[ofCPU]
		if c.shared {
			used = mulSaturating(used, max(1, d.chosen.replicas))
		}
		spare = min(spare, max(0, c.amount-used))
	}
	if len(f.rooms) > 0 {
		largest := int64(0)
		for _, r := range f.rooms {
			if r.amounts[ofMemory] >= pod[ofMemory] {
				largest = max(largest, r.amounts[ofCPU]-pod[ofCPU])
			}
		}
		spare = min(spare, max(0, largest))
	}
	return min(most, MilliCPU(addSaturating(int64(target.CPU), spare)))
}

// orMost is an upper bound, where zero means none.
func (m MilliCPU) orMost() MilliCPU {
	if m <= 0 {
		return math.MaxInt64
	}
	return m
}
