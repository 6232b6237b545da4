package simulator

import "math"

// flowLevel is a part of the distribution of latencies, in the middle of which
// it is looked at.
type flowLevel struct {
	middle, share float64
	normal        float64 // The quantile of the normal distribution there.
}

// newFlowLevels cuts it finer where quantiles are asked for, which lie in the
// middle of a part.
func newFlowLevels() []flowLevel {
	var out []flowLevel
	cut := func(from, to float64, parts int) {
		share := (to - from) / float64(parts)
		for i := range parts {
			middle := from + share*(float64(i)+0.5)
			out = append(out, flowLevel{middle: middle, share: share, normal: math.Sqrt2 * math.Erfinv(2*middle-1)})
		}
	}
	cut(0, 0.49, 10)
	cut(0.49, 0.51, 1)
	cut(0.51, 0.94, 14)
	cut(0.94, 0.96, 5)
	cut(0.96, 0.985, 6)
	cut(0.985, 0.995, 5)
	cut(0.995, 1, 6)
	return out
}

// tailKey is a queue up to its time scale, with its load in hundredths.
type tailKey struct{ servers, load int }

// tail are the latencies at the levels, in mean service times, for the nearest
// hundredth of the load.
func (f *flow) tail(g *flowGroup) []float64 {
	key := tailKey{servers: g.servers, load: int(math.Round(100 * g.r))}
	if t, ok := f.tails[key]; ok {
		return t
	}
	s := newStation(&f.shape, g.servers, float64(key.load)/100)
	out := make([]float64, len(f.levels))
	for i, l := range f.levels {
		lo, hi := 1e-6, 1e4
		for range 26 {
			middle := math.Sqrt(lo * hi)
			if s.late(&f.shape, middle) > 1-l.middle {
				lo = middle
			} else {
				hi = middle
			}
		}
		out[i] = math.Sqrt(lo * hi)
	}
	f.tails[key] = out
	return out
}
