package forecaster_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/forecaster"
)

func TestInterpolate(t *testing.T) {
	t.Parallel()
	levels, quantiles := []float64{0.5, 0.9, 0.99}, []float64{10, 20, 40}
	for name, tc := range map[string]struct{ level, want float64 }{
		"on a level":       {0.9, 20},
		"half way":         {0.7, 15},
		"below the lowest": {0.1, 10},
		// Exponential tail: scale 20/ln 10; 0.999 is another ln 10 away.
		"above the highest": {0.999, 60},
	} {
		if got := forecaster.Interpolate(levels, quantiles, tc.level); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
	if got := forecaster.Interpolate(levels, quantiles, 1); math.IsInf(got, 0) || got < 100 {
		t.Errorf("level 1: %v", got)
	}
	if got := forecaster.Interpolate(levels, quantiles, math.NaN()); !math.IsNaN(got) {
		t.Errorf("level NaN: %v", got)
	}
}

func TestForecastLookup(t *testing.T) {
	t.Parallel()
	f := forecaster.Forecast{
		Horizons: []time.Duration{time.Minute, 3 * time.Minute}, Levels: []float64{0.5, 0.9},
		Point: [][]float64{{1, 2}, {3, 4}}, Max: [][]float64{{2, 3}, {5, 6}},
	}
	for name, tc := range map[string]struct{ got, want float64 }{
		"first":   {f.At(time.Minute, 0.5), 1},
		"between": {f.At(2*time.Minute, 0.9), 3},
		"before":  {f.At(time.Second, 0.5), 1},
		"beyond":  {f.MaxWithin(time.Hour, 0.9), 6},
		"invalid": {forecaster.Forecast{}.At(time.Hour, 0.5), 0},
	} {
		if math.Abs(tc.got-tc.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, tc.got, tc.want)
		}
	}
	if f.Reach() != 3*time.Minute || (forecaster.Forecast{}).Reach() != 0 {
		t.Error("reach")
	}
}

func TestForecastJSON(t *testing.T) {
	t.Parallel()
	f := predict(t, demand(600, 5*time.Minute))
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var back forecaster.Forecast
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, back); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
	for name, text := range map[string]string{
		"shape":    `{"horizonsSeconds":[60],"levels":[0.5],"point":[[1]],"max":[]}`,
		"row":      `{"horizonsSeconds":[60],"levels":[0.5],"point":[[1,2]],"max":[[1]]}`,
		"crossing": `{"horizonsSeconds":[60],"levels":[0.5,0.9],"point":[[2,1]],"max":[[1,2]]}`,
		"levels":   `{"horizonsSeconds":[60],"levels":[0.9,0.5],"point":[[1,2]],"max":[[1,2]]}`,
		"level 2":  `{"horizonsSeconds":[60],"levels":[0.9,2],"point":[[1,2]],"max":[[1,2]]}`,
		"twice":    `{"horizonsSeconds":[60],"levels":[0.9,0.9],"point":[[1,2]],"max":[[1,2]]}`,
		"eternity": `{"horizonsSeconds":[1e300],"levels":[0.5],"point":[[1]],"max":[[1]]}`,
	} {
		if err := json.Unmarshal([]byte(text), &back); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSeries(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	s := forecaster.Series{Start: monday(), Step: time.Minute, Values: []float64{1, nan, 5, 2, nan}}
	if got := s.End(); !got.Equal(monday().Add(4 * time.Minute)) {
		t.Errorf("end %v", got)
	}
	if v, at, ok := s.Last(); !ok || v != 2 || !at.Equal(monday().Add(3*time.Minute)) {
		t.Errorf("last %v at %v, %v", v, at, ok)
	}
	if s.Observed() != 3 || s.Peak() != 5 || s.Len() != 5 {
		t.Errorf("observed %d, peak %v, length %d", s.Observed(), s.Peak(), s.Len())
	}
	if u := s.Until(monday().Add(150 * time.Second)); u.Len() != 3 || s.Until(monday().Add(-time.Second)).Len() != 0 {
		t.Errorf("until: %d values", u.Len())
	}
	if u := s.Tail(2 * time.Minute); u.Len() != 3 || !u.Start.Equal(monday().Add(2*time.Minute)) {
		t.Errorf("tail: %d values from %v", u.Len(), u.Start)
	}
	var none forecaster.Series
	if _, _, ok := none.Last(); ok || !math.IsNaN(none.Peak()) || !none.End().Equal(none.Start) {
		t.Error("empty series")
	}
}
