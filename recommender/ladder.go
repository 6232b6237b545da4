package recommender

import (
	"math"
	"slices"
)

// most is the largest CPU in cores that container i may request on some pod, 0
// for any.
func (z *sizer) most(i int) float64 { return z.d.frame.tops[i] }

// top works out most.
func (f *frame) top(i int) float64 {
	top := f.boxes[i].hi[ofCPU]
	for _, c := range f.caps {
		if c.resource == ofCPU {
			top = min(top, f.limit(c, 1))
		}
	}
	largest := int64(0)
	for _, r := range f.rooms {
		largest = max(largest, r.amounts[ofCPU])
	}
	if len(f.rooms) > 0 {
		top = min(top, max(largest, f.presentPod[ofCPU]))
	}
	if top >= boundless {
		return 0
	}
	return max(float64(top)/1000, 0.001)
}

// ladder lists the sizes in cores to try for container i up to top: a geometric
// ladder with whole cores on it, moved onto the grid where there is one, since
// a pod between two rungs may carry less than the lower one.
func (f *frame) ladder(i int, top float64) []float64 {
	b := &f.boxes[i]
	if b.held[ofCPU] {
		return []float64{max(float64(b.present[ofCPU])/1000, 0.001)}
	}
	if b.grid == nil {
		return ladderCores(float64(b.lo[ofCPU])/1000, top)
	}
	var cores []float64
	for _, s := range b.grid.sizes {
		if c := float64(s[ofCPU]) / 1000; c <= top && s[ofCPU] >= b.lo[ofCPU] {
			cores = append(cores, c)
		}
	}
	if len(b.grid.sizes) == 0 {
		step := b.grid.step[ofCPU]
		for _, c := range ladderCores(float64(b.lo[ofCPU])/1000, top) {
			v := addSaturating(int64(math.Round(c*1000)), step-1)
			cores = append(cores, min(float64(b.grid.multiple(ofCPU, v))/1000, top))
		}
	}
	if len(cores) == 0 {
		cores = append(cores, top)
	}
	slices.Sort(cores)
	return slices.Compact(cores)
}

// ladderCores is the ladder from lo to hi.
func ladderCores(lo, hi float64) []float64 {
	cores := []float64{hi}
	for c := lo; c < hi; c *= ladderRatio {
		cores = append(cores, math.Ceil(c*1000)/1000)
	}
	for c := math.Ceil(lo); c < hi; c++ {
		cores = append(cores, c)
	}
	slices.Sort(cores)
	return slices.Compact(cores)
}
