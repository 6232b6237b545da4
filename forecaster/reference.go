package forecaster

import (
	"math"
	"slices"
	"time"
)

// referenceErrors is how long the reference looks back for its errors.
const referenceErrors = 7 * 24 * time.Hour

// references are the seasonal naive forecasts of a series at every horizon: of
// the value and of the maximum of the window.
type references struct {
	point []*reference
	peak  []*reference
	at    int
	span  int
}

// reference is one seasonal naive forecast. The forecast of target t (a value,
// or the maximum of a window that ends at t) is the target one day earlier,
// for horizons over a day the latest whole number of days earlier that is
// known; its quantiles add the empirical quantiles of the errors that this
// rule made on the targets of the 7 days up to the origin.
type reference struct {
	targets []float64 // By the index at which they are complete; NaN for none.
	errors  []float64 // targets[t] - targets[t-lag].
	lag     int
	ahead   int // Steps from the origin to the end of the window.
	window  *orderStatistics
}

func newReferences(s Series, steps []int) *references {
	day := daySteps(s.Step)
	r := &references{at: -1, span: max(1, int(referenceErrors/s.Step))}
	values := make([]float64, len(s.Values))
	for i, v := range s.Values {
		values[i] = finite(v)
	}
	var shared *reference // Points within a day have equal errors.
	for _, k := range steps {
		lag := (k + day - 1) / day * day
		point := &reference{targets: values, lag: lag, ahead: k}
		if shared != nil && shared.lag == lag {
			point.errors, point.window = shared.errors, shared.window
		} else {
			point.learn()
			shared = point
		}
		r.point = append(r.point, point)
		peak := &reference{targets: gappyMax(values, k), lag: lag, ahead: k}
		peak.learn()
		r.peak = append(r.peak, peak)
	}
	return r
}

// learn finds the errors of every target and prepares to hold a window of
// them.
func (r *reference) learn() {
	r.errors = make([]float64, len(r.targets))
	for t := range r.targets {
		r.errors[t] = math.NaN()
		if t >= r.lag {
			r.errors[t] = r.targets[t] - r.targets[t-r.lag]
		}
	}
	r.window = newOrderStatistics(r.errors)
}

// advance moves the origin forward: errors of targets up to it come in, those
// of targets 7 days before it or earlier go.
func (r *references) advance(origin int) {
	from := r.at
	r.at = max(r.at, origin)
	done := map[*orderStatistics]bool{}
	for _, ref := range slices.Concat(r.point, r.peak) {
		if done[ref.window] {
			continue
		}
		done[ref.window] = true
		for t := from + 1; t <= r.at; t++ {
			ref.window.add(t, 1)
			if t >= r.span {
				ref.window.add(t-r.span, -1)
			}
		}
	}
}

// quantiles returns the forecast at the origin; nil if the target one day
// earlier or any error is missing.
func (r *reference) quantiles(origin int, levels []float64) []float64 {
	t := origin + r.ahead - r.lag
	if t < 0 || math.IsNaN(r.targets[t]) || r.window.count == 0 {
		return nil
	}
	out := make([]float64, len(levels))
	for j, level := range levels {
		out[j] = r.targets[t] + r.window.quantile(level)
	}
	return out
}

// orderStatistics holds a changing subset of known values and finds its
// quantiles in logarithmic time: a Fenwick tree counts, by rank among all the
// values, which are in.
type orderStatistics struct {
	sorted []float64
	rank   []int32 // By index of the value; -1 for NaN.
	tree   []int32
	count  int
}

func newOrderStatistics(values []float64) *orderStatistics {
	order := make([]int32, 0, len(values))
	for i, v := range values {
		if !math.IsNaN(v) {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		if d := values[a] - values[b]; d < 0 {
			return -1
		} else if d > 0 {
			return 1
		}
		return int(a - b)
	})
	o := &orderStatistics{
		sorted: make([]float64, len(order)), rank: make([]int32, len(values)), tree: make([]int32, len(order)+1),
	}
	for i := range o.rank {
		o.rank[i] = -1
	}
	for rank, i := range order {
		o.sorted[rank] = values[i]
		o.rank[i] = int32(rank)
	}
	return o
}

// add puts the value of index i in (by 1) or takes it out (by -1).
func (o *orderStatistics) add(i int, by int32) {
	if i >= len(o.rank) || o.rank[i] < 0 {
		return
	}
	o.count += int(by)
	for k := int(o.rank[i]) + 1; k < len(o.tree); k += k & -k {
		o.tree[k] += by
	}
}

// kth returns the k-th smallest value that is in, from 0.
func (o *orderStatistics) kth(k int) float64 {
	at, left := 0, int32(k) //nolint:gosec // Less than count.
	bit := 1
	for bit*2 < len(o.tree) {
		bit *= 2
	}
	for ; bit > 0; bit /= 2 {
		if next := at + bit; next < len(o.tree) && o.tree[next] <= left {
			at = next
			left -= o.tree[next]
		}
	}
	return o.sorted[at]
}

// quantile interpolates linearly between the order statistics around
// level·(count-1), the default of R and NumPy.
func (o *orderStatistics) quantile(level float64) float64 {
	position := level * float64(o.count-1)
	k := int(position)
	lo := o.kth(k)
	if w := position - float64(k); w > 0 && k+1 < o.count {
		return lo + w*(o.kth(k+1)-lo)
	}
	return lo
}
