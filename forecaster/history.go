package forecaster

import (
	"math"
	"math/bits"
	"time"
)

// history is what a model remembers of its series, on the series' grid and
// without gaps: index 0 is the first observation, the last index the newest.
type history struct {
	step time.Duration
	// day and week are in steps, at least 1. blur is the half width over which
	// seasonal profiles are smoothed.
	day, week, blur int
	// y are the values, gaps closed from the past alone. narrow holds them in
	// half the space where light is set.
	y      []float64
	narrow []float32
	light  bool
	limit  int      // How many there will be at most.
	seen   []uint64 // A bit for each index that was observed.
	before []int32  // Observations before each word of seen.
	// stale counts the gaps since the newest observation.
	stale int

	extent
	size float64 // Sum of the absolute values of the observations.
	// zeros says that some observation is 0, least is the smallest above it.
	zeros bool
	least float64
	// start is the time of index 0.
	start   time.Time
	planned []Series // Covariates.
	// whole says that all observations are whole numbers: replicas, requests.
	whole bool
}

// extent is how many observations there were, between what they lie, and how
// many of them were the largest value.
type extent struct {
	observed, top     int
	smallest, largest float64
}

func (e *extent) add(v float64) {
	if e.observed == 0 {
		e.smallest, e.largest = v, v
	}
	switch {
	case v > e.largest:
		e.top = 1
	case v == e.largest:
		e.top++
	}
	e.observed++
	e.smallest, e.largest = min(e.smallest, v), max(e.largest, v)
}

// bounds are what no forecast leaves: one of a series that was never negative
// is not either, and none goes beyond twice the largest value ever seen, or
// further if little has been seen: hours from the first observation to the
// newest.
func (e *extent) bounds(hours float64) (low, high float64) {
	reach := 1 + 4/(1+hours)
	high = e.largest + max(reach*math.Abs(e.largest), e.largest-e.smallest)
	if e.smallest < 0 {
		low = e.smallest - max(reach*math.Abs(e.smallest), e.largest-e.smallest)
	}
	return low, min(high, math.MaxFloat64)
}

// ceiling says whether v is next to a largest value that at least half of the
// observations took, such as 100 % of availability: within 2 % of the
// range.
func (e *extent) ceiling(v float64) bool {
	return 2*e.top >= e.observed && math.Abs(v-e.largest) <= 0.02*(e.largest-e.smallest)
}

// newHistory prepares for at most span.
func newHistory(step, span time.Duration, light bool) *history {
	h := &history{step: step, light: light, limit: int(span/step) + 1, whole: true, day: daySteps(step), week: max(1, int((7*24*time.Hour+step/2)/step))}
	h.blur = min(int(8*time.Minute/step), h.day/48)
	if h.blur == 0 && h.day >= 96 {
		h.blur = 1
	}
	return h
}

// within makes room for the first n values, see [workspace.values].
func (h *history) within(n int, space *workspace) {
	n = min(n, h.limit)
	h.y, h.narrow = space.values(n, h.light)
	h.seen, h.before = make([]uint64, 0, n/64+1), make([]int32, 0, n/64+1)
}

// usable says whether a measurement is one: gaps, infinities and numbers whose
// sums would overflow are not. The bound of light mode is a number that single
// precision has, so that a value passes again once it has been rounded.
func (h *history) usable(v float64) bool {
	if h.light {
		return math.Abs(v) <= 0x1p100
	}
	return math.Abs(v) <= 1e300
}

// kept is a value as it is remembered.
func (h *history) kept(v float64) float64 {
	if h.light {
		return float64(float32(v))
	}
	return v
}

// given is a value as it is remembered, NaN for one that is missing.
func (h *history) given(v float64) float64 {
	if !h.usable(v) {
		return math.NaN()
	}
	return h.kept(v)
}

// len is the number of grid points from the first observation to the newest.
func (h *history) len() int { return len(h.y) + len(h.narrow) }

// last is the index of the newest observation.
func (h *history) last() int { return h.len() - 1 }

func (h *history) at(i int) float64 {
	if h.light {
		return float64(h.narrow[i])
	}
	return h.y[i]
}

// peak is the largest of the values from..to, both included.
func (h *history) peak(from, to int) float64 {
	top := h.at(from)
	for i := from + 1; i <= to; i++ {
		if v := h.at(i); v > top {
			top = v
		}
	}
	return top
}

// add takes the next grid point and hands every value that is thereby known,
// that of closed gaps included, to step. A gap is only counted: it is closed
// when the next observation comes. Up to an hour (at least two steps) the last
// value holds in it, after that the value a day earlier.
func (h *history) add(v float64, step func(v float64)) {
	if !h.usable(v) {
		if h.len() > 0 {
			h.stale++
		}
		return
	}
	hold := max(2, int(time.Hour/h.step))
	for k := 1; k <= h.stale; k++ {
		fill := h.at(h.last())
		if k > hold && h.len() >= h.day {
			fill = h.at(h.len() - h.day)
		}
		h.push(fill)
		step(h.at(h.last()))
	}
	h.stale = 0
	h.push(v)
	v = h.at(h.last())
	h.seen[h.last()/64] |= 1 << (h.last() % 64)
	h.extent.add(v)
	h.size += math.Abs(v)
	h.whole = h.whole && v == math.Trunc(v)
	h.zeros = h.zeros || v == 0
	if v > 0 && (h.least == 0 || v < h.least) {
		h.least = v
	}
	step(v)
}

func (h *history) push(v float64) {
	if n := h.len(); n == cap(h.y)+cap(h.narrow) {
		size := max(n+1, min(2*n, h.limit), 32)
		if h.light {
			h.narrow = append(make([]float32, 0, size), h.narrow...)
		} else {
			h.y = append(make([]float64, 0, size), h.y...)
		}
	}
	if h.light {
		h.narrow = append(h.narrow, float32(v))
	} else {
		h.y = append(h.y, v)
	}
	if len(h.seen)*64 < h.len() {
		h.seen = append(h.seen, 0)
		h.before = append(h.before, int32(h.observed)) //nolint:gosec // At most some million.
	}
}

func (h *history) wasSeen(i int) bool { return h.seen[i/64]>>(i%64)&1 == 1 }

// seenBefore is how many observations there are before index i.
func (h *history) seenBefore(i int) int {
	word := i / 64
	if word == len(h.seen) {
		return h.observed
	}
	return int(h.before[word]) + bits.OnesCount64(h.seen[word]&(1<<(i%64)-1))
}

// halfSeen says whether at least half of the k values that end at i were
// observed.
func (h *history) halfSeen(i, k int) bool {
	if h.observed == h.len() { // There is no gap.
		return 2*min(i+1, k) >= k
	}
	return 2*(h.seenBefore(i+1)-h.seenBefore(max(0, i+1-k))) >= k
}

// mean is that of the absolute values.
func (h *history) mean() float64 { return h.size / float64(h.observed) }

// raw returns the history from index i on with its gaps as NaN, up to the
// present.
func (h *history) raw(i int) []float64 {
	out := make([]float64, 0, h.len()-i+h.stale)
	for ; i < h.len(); i++ {
		v := math.NaN()
		if h.wasSeen(i) {
			v = h.at(i)
		}
		out = append(out, v)
	}
	for range h.stale {
		out = append(out, math.NaN())
	}
	return out
}

// values returns all values; the caller must not change them. In light mode they
// are in the block.
func (h *history) values(space *arena) []float64 {
	if !h.light {
		return h.y
	}
	out := space.room(len(h.narrow))
	for i, v := range h.narrow {
		out[i] = float64(v)
	}
	return out
}

// scale is a power of two that brings the largest value near 1, so that no sum
// of squares overflows and scaling is exact.
func (h *history) scale() float64 {
	top := max(math.Abs(h.smallest), math.Abs(h.largest))
	if top == 0 {
		return 1
	}
	_, exponent := math.Frexp(top)
	return math.Ldexp(1, min(max(exponent, -1000), 1023))
}

// bounds are what no forecast leaves.
func (h *history) bounds() (low, high float64) {
	return h.extent.bounds(float64(h.last()) * h.step.Hours())
}

// steps is a span in steps, at least 1.
func (h *history) steps(d time.Duration) float64 { return max(1, float64(d)/float64(h.step)) }
