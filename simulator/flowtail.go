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
type tailKey struct{ servers, load, room int }

// tail are the latencies at the levels, in mean service times, for the nearest
// hundredth of the load.
func (f *flow) tail(g *flowGroup) []float64 {
	const most = 300 // Of the load in hundredths.
	key := tailKey{servers: g.servers, load: min(most, int(math.Round(100*g.r)))}
	if g.quick {
		key.room = g.room
	}
	if t, ok := f.tails[key]; ok {
		return t
	}
	late := f.latenessAt(g, float64(key.load)/100)
	out := make([]float64, len(f.levels))
	// Between the points of a grid latencies are interpolated.
	const ratio, end = 1.12, 1e5
	t0, late0, next := 0.0, 1.0, 0
	for t1 := 1e-3; t1 < end && next < len(out); t1 *= ratio {
		late1 := late(t1)
		for next < len(out) && late1 <= 1-f.levels[next].middle {
			part := 1.0
			if late0 > late1 {
				part = (late0 - 1 + f.levels[next].middle) / (late0 - late1)
			}
			out[next] = t0 + part*(t1-t0)
			next++
		}
		t0, late0 = t1, late1
	}
	for ; next < len(out); next++ {
		out[next] = t0
	}
	f.tails[key] = out
	return out
}

// latenessAt is P(latency > t) at a load, t in mean service times.
func (f *flow) latenessAt(g *flowGroup, load float64) func(t float64) float64 {
	if !g.quick {
		s := newStation(&f.shape, g.servers, load)
		return func(t float64) float64 { return s.late(&f.shape, t) }
	}
	ratio := load
	if load > 0 {
		ratio = load / (load + f.shape.decay(load))
	}
	q := newBoundedQueue(g.servers, load*float64(g.servers), ratio, g.room)
	return func(t float64) float64 { return q.late(&f.shape, g.servers, t) }
}
