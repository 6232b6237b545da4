package simulator //nolint:testpackage // The naive forecast has no name outside.

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// TestNaive by hand: y = 0 1 2 … 9 grew by k in every k steps, so the value k
// steps ahead and the maximum until then are 9 + k at every level.
func TestNaive(t *testing.T) {
	t.Parallel()
	s := forecaster.Series{Start: time.Unix(0, 0), Step: time.Minute, Values: []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}
	f := forecaster.Forecast{
		Horizons: []time.Duration{time.Minute, 3 * time.Minute, time.Hour}, Levels: []float64{0.1, 0.9},
		Point: make([][]float64, 3), Max: make([][]float64, 3), Confidence: 0.5,
	}
	got := naive(f, s)
	want := [][]float64{{10, 10}, {12, 12}, {9, 9}} // Nothing is known of an hour.
	if diff := cmp.Diff(want, got.Point); diff != "" {
		t.Errorf("point: %s", diff)
	}
	want[2] = []float64{12, 12} // A maximum does not fall with the horizon.
	if diff := cmp.Diff(want, got.Max); diff != "" || got.Confidence != 0.5 {
		t.Errorf("max: %s", diff)
	}
	s.Values = []float64{4, math.NaN(), 1, 5, math.NaN()}
	got = naive(f, s)                                 // One step: 5-1 = 4; the last value is 5.
	if got.Point[0][1] != 9 || got.Point[1][0] != 6 { // Three steps: 5-4 = 1.
		t.Errorf("with gaps: %v", got.Point)
	}
	if got := naive(f, forecaster.Series{Step: time.Minute}); got.Point[0] != nil {
		t.Errorf("of nothing: %v", got.Point)
	}
}
