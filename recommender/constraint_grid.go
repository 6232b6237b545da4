package recommender

import (
	"cmp"
	"math"
	"slices"
)

// grid is the set of sizes that a container may have within its box: those of a
// list, or those that are multiples of steps and keep a ratio of memory to CPU.
type grid struct {
	// sizes is ascending in cost; empty where any size on the steps is allowed.
	sizes []amounts
	step  amounts
	// perMilli bounds the bytes for each milli-CPU; 0 and +Inf do not bind.
	perMilli [2]float64
}

// newGrid returns the sizes that the rules allow, nil for any.
func newGrid(rules ContainerPolicy, prices Prices) *grid {
	g := &grid{
		step:     amounts{max(1, int64(rules.CPUStep)), max(1, int64(rules.MemoryStep))},
		perMilli: [2]float64{float64(rules.MemoryPerCore.Min) / 1000, math.Inf(1)},
	}
	if most := rules.MemoryPerCore.Max; most > 0 {
		g.perMilli[1] = max(float64(most)/1000, g.perMilli[0])
	}
	for _, s := range rules.Sizes {
		if s.CPU > 0 && s.Memory > 0 {
			g.sizes = append(g.sizes, s.amounts())
		}
	}
	slices.SortStableFunc(g.sizes, func(a, b amounts) int {
		return cmp.Or(cmp.Compare(prices.of(a), prices.of(b)), slices.Compare(a[:], b[:]))
	})
	if len(g.sizes) == 0 && g.step == (amounts{1, 1}) && g.perMilli[0] <= 0 && math.IsInf(g.perMilli[1], 1) {
		return nil
	}
	return g
}

// up is the cheapest size of the grid in the box that covers want, which is in
// the box, or the one that lacks the least.
func (g *grid) up(want amounts, b *box) amounts {
	if len(g.sizes) > 0 {
		return g.listed(want, b)
	}
	got := want
	for range 3 { // Rounding may break the ratio, and mending it the rounding.
		got[ofMemory] = max(got[ofMemory], ceilInt64(float64(got[ofCPU])*g.perMilli[0]))
		got[ofCPU] = max(got[ofCPU], ceilInt64(float64(got[ofMemory])/g.perMilli[1]))
		for r := range got {
			got[r] = g.multiple(r, addSaturating(got[r], g.step[r]-1))
		}
	}
	if got.within(b.hi) {
		return got
	}
	return g.down(got.atMost(b.hi), b)
}

// multiple rounds down to a multiple of the step.
func (g *grid) multiple(r int, v int64) int64 { return v - v%g.step[r] }

// down is the largest size of the grid that most allows. Where the box leaves
// none, its own least wins.
func (g *grid) down(most amounts, b *box) amounts {
	if len(g.sizes) > 0 {
		for _, s := range slices.Backward(g.sizes) {
			if s.within(most) && b.lo.within(s) {
				return s
			}
		}
		return g.smallest(b, most)
	}
	got := most
	for range 3 {
		got[ofMemory] = min(got[ofMemory], floorInt64(float64(got[ofCPU])*g.perMilli[1]))
		if g.perMilli[0] > 0 {
			got[ofCPU] = min(got[ofCPU], floorInt64(float64(got[ofMemory])/g.perMilli[0]))
		}
		for r := range got {
			got[r] = g.multiple(r, got[r])
		}
	}
	return b.clamped(got)
}

// listed is the cheapest size of the list that covers want, the one that lacks
// the least where none does.
func (g *grid) listed(want amounts, b *box) amounts {
	best, least := want, math.Inf(1)
	for _, s := range g.sizes {
		if !s.within(b.hi) || !b.lo.within(s) {
			continue
		}
		missing := max(lack(float64(want[0]), float64(s[0])), lack(float64(want[1]), float64(s[1])))
		if missing < least {
			best, least = s, missing
		}
		if missing == 0 {
			break // The first that covers is the cheapest.
		}
	}
	return best
}

// smallest is the cheapest size of the list in the box, else.
func (g *grid) smallest(b *box, otherwise amounts) amounts {
	for _, s := range g.sizes {
		if s.within(b.hi) && b.lo.within(s) {
			return s
		}
	}
	return b.clamped(otherwise)
}

// has says whether a size is on the grid.
func (g *grid) has(size amounts, b *box) bool {
	if len(g.sizes) > 0 {
		return slices.Contains(g.sizes, size)
	}
	return g.up(size, b) == size
}

// floorInt64 rounds down and saturates.
func floorInt64(x float64) int64 {
	if !(x > 0) {
		return 0
	}
	if x >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(math.Floor(x + 1e-6))
}
