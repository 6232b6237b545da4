package forecaster

import (
	"math"
	"time"
)

// maxHistory and minHistorySteps bound what a forecast looks at: four weeks,
// but at least 2048 values where steps are long.
const (
	maxHistory      = 28 * 24 * time.Hour
	minHistorySteps = 2048
)

// history is a series made ready: cut to what is used, scaled to a largest
// absolute value of about 1, and without gaps. Index len(y)-1 is the last
// observation.
type history struct {
	step time.Duration
	y    []float64
	// known counts the observations up to and including each index.
	known []int32
	// stale is how many steps the series goes on after its last observation.
	stale int
	// day and week are in steps, at least 1. blur is the half width over which
	// seasonal profiles are smoothed.
	day, week, blur int
	// scale turns values of y back into the series' unit. It is a power of
	// two, so that scaling is exact.
	scale float64
	// low and high are what no forecast leaves, in units of y.
	low, high float64
	// mean is that of the absolute values.
	mean float64
	// whole says that all observations are whole numbers: replicas, requests.
	whole bool
}

// usable says whether a measurement is one: gaps, infinities and numbers whose
// differences would overflow are not.
func usable(v float64) bool { return math.Abs(v) <= math.MaxFloat64/16 }

// newHistory prepares a series; ok is false if it has no observation.
func newHistory(s Series) (h *history, ok bool) {
	first, last := 0, len(s.Values)-1
	for last >= 0 && !usable(s.Values[last]) {
		last--
	}
	if last < 0 {
		return nil, false
	}
	steps := max(int(maxHistory/s.Step)+1, minHistorySteps)
	first = max(first, last+1-steps)
	for !usable(s.Values[first]) {
		first++
	}
	h = &history{
		step: s.Step, stale: len(s.Values) - 1 - last,
		day: daySteps(s.Step), week: max(1, int((7*24*time.Hour+s.Step/2)/s.Step)),
	}
	h.blur = min(int(8*time.Minute/s.Step), h.day/48)
	if h.blur == 0 && h.day >= 96 {
		h.blur = 1
	}
	h.fill(s.Values[first : last+1])
	h.bound()
	return h, true
}

// fill copies the values, scaled, and closes gaps from the past alone: up to
// an hour (at least two steps) the last value holds, after that the value a
// day earlier.
func (h *history) fill(values []float64) {
	largest := 0.0
	h.scale, h.whole = 1, true
	for _, v := range values {
		if usable(v) {
			largest = max(largest, math.Abs(v))
			h.whole = h.whole && v == math.Trunc(v)
		}
	}
	if largest > 0 {
		_, exponent := math.Frexp(largest)
		h.scale = math.Ldexp(1, min(max(exponent, -1000), 1023))
	}
	hold := max(2, int(time.Hour/h.step))
	h.y, h.known = make([]float64, len(values)), make([]int32, len(values))
	var count int32
	last := 0
	for i, v := range values {
		switch {
		case usable(v):
			h.y[i] = v / h.scale
			h.mean += math.Abs(h.y[i])
			count++
			last = i
		case i-last > hold && i >= h.day:
			h.y[i] = h.y[i-h.day]
		default:
			h.y[i] = h.y[i-1]
		}
		h.known[i] = count
	}
	h.mean /= float64(count)
}

// bound sets low and high: forecasts of a series that was never negative are
// not either, and none goes beyond twice the largest value ever seen, or
// further if little has been seen.
func (h *history) bound() {
	smallest, largest := h.y[0], h.y[0]
	for _, v := range h.y {
		smallest, largest = min(smallest, v), max(largest, v)
	}
	hours := float64(len(h.y)-1) * h.step.Hours()
	reach := 1 + 4/(1+hours)
	h.high = largest + max(reach*math.Abs(largest), largest-smallest)
	if smallest < 0 {
		h.low = smallest - max(reach*math.Abs(smallest), largest-smallest)
	}
}

// clamp moves a forecast into the bounds.
func (h *history) clamp(v float64) float64 { return min(max(v, h.low), h.high) }

// seen says whether index i was observed.
func (h *history) seen(i int) bool {
	if i == 0 {
		return true
	}
	return h.known[i] > h.known[i-1]
}

// seenIn is how many of the k values that end at i were observed.
func (h *history) seenIn(i, k int) int {
	if i < k {
		return int(h.known[i])
	}
	return int(h.known[i] - h.known[i-k])
}

// last is the index of the last observation.
func (h *history) last() int { return len(h.y) - 1 }

// steps is a span in steps, at least 1.
func (h *history) steps(d time.Duration) float64 { return max(1, float64(d)/float64(h.step)) }
