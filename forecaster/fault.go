package forecaster

import (
	"math"
	"slices"
	"time"
)

const (
	// faultTimes is how many times as large as any other value of the history one has
	// to be that is taken for a fault of monitoring.
	faultTimes = 50
	// faultLength is how long a fault lasts at most: a rate over a few minutes
	// shows one false value in all of them.
	faultLength = 15 * time.Minute
	// faultValues is how many values have to be known before, and faultMean their
	// mean as a share of the largest: of a series that idles and bursts, fifty times
	// is no wonder.
	faultValues, faultMean = 100, 0.02
	// faultCalm is how many values have to be as before again.
	faultCalm = 2
)

// faults finds values that can only be mistakes: a counter that was reset and
// subtracted, a clock that jumped. A run of values is one if
//
//   - it begins with a value of more than fifty times the largest magnitude so far,
//     of a series whose mean magnitude is 2 % of that or more;
//   - it is over within a quarter of an hour: two values no larger than before follow;
//   - it is the only one. Two of them are a pattern, and both are believed.
//
// Until a run is over it is believed: it could be real. What is a fault is a
// function of the values since the anchor, and of nothing else.
type faults struct {
	limit int // Of a run, in steps.
	n     int // Grid points since the first observation.
	// count, sum and top are of the magnitudes that are believed.
	count    int
	sum, top float64
	// run are the values since one that may be the first of a fault, of which the
	// last that is wild ends at index wild; calm are as before since.
	run        []float64
	wild, calm int
	found      []fault // One at most.
}

// fault is the values from a grid point on that are not believed.
type fault struct {
	at     int
	values []float64
}

func newFaults(step time.Duration) faults {
	return faults{limit: max(1, int(faultLength/step))}
}

// add takes the value of the next grid point, NaN for a gap, and says whether what
// is a fault has changed by it.
func (f *faults) add(v float64) (changed bool) {
	f.n++
	size := math.Abs(v)
	switch {
	case f.run == nil && (f.count < faultValues || f.sum <= faultMean*f.top*float64(f.count) || !(size > faultTimes*f.top)):
		f.believe(v)
		return false
	case f.run == nil:
		f.run, f.wild, f.calm = []float64{v}, 1, 0
		return false
	}
	f.run = append(f.run, v)
	switch {
	case size > f.top:
		f.wild, f.calm = len(f.run), 0
	case size <= f.top: // No gap.
		f.calm++
	}
	switch {
	case f.wild > f.limit: // It is real.
		f.believe(f.run...)
		f.run = nil
		return false
	case f.calm < faultCalm:
		return false
	}
	f.believe(f.run[f.wild:]...)
	if f.found == nil {
		f.found = []fault{{f.n - len(f.run), slices.Clone(f.run[:f.wild])}}
	} else {
		f.believe(f.run[:f.wild]...)
		f.believe(f.found[0].values...)
		f.found = nil
	}
	f.run = nil
	return true
}

func (f *faults) believe(values ...float64) {
	for _, v := range values {
		if size := math.Abs(v); size >= 0 { // No gap.
			f.count++
			f.sum += size
			f.top = max(f.top, size)
		}
	}
}

// clean takes in a series and returns it with what is a fault at its end
// missing, and the indices at which that changed.
func (f *faults) clean(values []float64, h *history) (clean []float64, changed []int) {
	first := slices.IndexFunc(values, h.usable)
	if first < 0 {
		return values, nil
	}
	for i, v := range values[first:] {
		if f.add(h.given(v)) {
			changed = append(changed, first+i)
		}
	}
	clean = values
	for _, x := range f.found {
		clean = slices.Clone(values)
		for i := range x.values {
			clean[first+x.at+i] = math.NaN()
		}
	}
	return clean, changed
}

// restore puts back faults that were taken out of values, which begin at the first
// observation.
func restore(values []float64, found []fault) {
	for _, x := range found {
		copy(values[x.at:], x.values)
	}
}
