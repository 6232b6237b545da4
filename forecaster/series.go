package forecaster

import (
	"math"
	"slices"
	"time"
)

// Series is a regular history. Value i was measured at Start + i·Step.
type Series struct {
	// Start is the time of the first value.
	Start time.Time
	// Step is the distance between values, positive.
	Step time.Duration
	// Values are the measurements, oldest first; NaN is a gap.
	Values []float64
}

// Len is the number of grid points, gaps included.
func (s Series) Len() int { return len(s.Values) }

// Time returns the instant of grid point i.
func (s Series) Time(i int) time.Time { return s.Start.Add(time.Duration(i) * s.Step) }

// End returns the instant of the last grid point; Start for an empty series.
func (s Series) End() time.Time { return s.Time(max(0, len(s.Values)-1)) }

// Until returns the part of the series at or before t, sharing its values.
func (s Series) Until(t time.Time) Series {
	if s.Step <= 0 || len(s.Values) == 0 || t.Before(s.Start) {
		return Series{Start: s.Start, Step: s.Step}
	}
	n := min(int(t.Sub(s.Start)/s.Step)+1, len(s.Values))
	return Series{Start: s.Start, Step: s.Step, Values: s.Values[:n]}
}

// Tail returns the last part of the series that is at most span long.
func (s Series) Tail(span time.Duration) Series {
	if s.Step <= 0 {
		return s
	}
	n := min(int(span/s.Step)+1, len(s.Values))
	first := len(s.Values) - n
	return Series{Start: s.Time(first), Step: s.Step, Values: s.Values[first:]}
}

// Observed is the number of values that are not gaps.
func (s Series) Observed() int {
	n := 0
	for _, v := range s.Values {
		if !math.IsNaN(v) {
			n++
		}
	}
	return n
}

// Last returns the newest observation and its time. The boolean is false where
// there is none.
func (s Series) Last() (float64, time.Time, bool) {
	for i, v := range slices.Backward(s.Values) {
		if !math.IsNaN(v) {
			return v, s.Time(i), true
		}
	}
	return math.NaN(), time.Time{}, false
}

// Peak returns the largest observation, NaN where there is none.
func (s Series) Peak() float64 {
	peak := math.NaN()
	for _, v := range s.Values {
		if !math.IsNaN(v) && (math.IsNaN(peak) || v > peak) {
			peak = v
		}
	}
	return peak
}
