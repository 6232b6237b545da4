package forecaster

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// ErrTooShort says that a series has no observation at all, so that nothing
// can be said about its future. One observation is enough for a forecast: a
// very wide one.
var ErrTooShort = errors.New("forecaster: no observation in the series")

// DefaultLevels returns the quantile levels that sizing works with, ascending.
func DefaultLevels() []float64 {
	return []float64{0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99}
}

// Forecast is what a series will do after its last observation, as quantiles.
// All numbers are finite, in the unit of the series, and non-decreasing in the
// level; the quantiles of the maximum are also non-decreasing in the horizon.
type Forecast struct {
	// Origin is the end of the series, the instant from which horizons count.
	// It is a gap where the series had stopped before.
	Origin time.Time
	// Horizons are the spans ahead of Origin, ascending, each a whole number
	// of steps and at least one.
	Horizons []time.Duration
	// Levels are the quantile levels, ascending, each in (0, 1).
	Levels []float64
	// Point[i][j] is the quantile Levels[j] of the value at
	// Origin+Horizons[i].
	Point [][]float64
	// Max[i][j] is the quantile Levels[j] of the largest value in the window
	// (Origin, Origin+Horizons[i]].
	Max [][]float64
	// Span is the length of history the forecast rests on, from the first to
	// the last observation.
	Span time.Duration
	// Confidence is how much the forecast knows, from 0 (it has seen one
	// value) to 1 (it has seen two full weeks without gaps and its recent
	// quantiles were right as often as they say).
	Confidence float64
	// Season is the seasonal period that helped the most, or 0 for none.
	Season time.Duration
	// Coverage95 is the share of recent values that the 0.95 quantile, made
	// before them at the shortest horizon, was not below; 0 if unknown.
	Coverage95 float64
}

// Valid says whether the forecast holds numbers that can be asked for.
func (f Forecast) Valid() bool {
	return len(f.Horizons) > 0 && len(f.Levels) > 0 &&
		len(f.Point) == len(f.Horizons) && len(f.Max) == len(f.Horizons)
}

// At returns the quantile of the value at the horizon, interpolated between
// horizons and levels. Horizons outside the forecast get its nearest one. It
// returns 0 for an invalid forecast.
func (f Forecast) At(horizon time.Duration, level float64) float64 {
	return f.lookup(f.Point, horizon, level)
}

// MaxWithin returns the quantile of the maximum over the window up to the
// horizon, interpolated like [Forecast.At].
func (f Forecast) MaxWithin(horizon time.Duration, level float64) float64 {
	return f.lookup(f.Max, horizon, level)
}

// Reach is the longest horizon, 0 for an invalid forecast.
func (f Forecast) Reach() time.Duration {
	if !f.Valid() {
		return 0
	}
	return f.Horizons[len(f.Horizons)-1]
}

func (f Forecast) lookup(table [][]float64, horizon time.Duration, level float64) float64 {
	if !f.Valid() {
		return 0
	}
	i, found := slices.BinarySearch(f.Horizons, horizon)
	if found || i == 0 {
		return Interpolate(f.Levels, table[i], level)
	}
	if i == len(f.Horizons) {
		return Interpolate(f.Levels, table[i-1], level)
	}
	lo, hi := Interpolate(f.Levels, table[i-1], level), Interpolate(f.Levels, table[i], level)
	w := float64(horizon-f.Horizons[i-1]) / float64(f.Horizons[i]-f.Horizons[i-1])
	return lo + w*(hi-lo)
}

// Interpolate returns the quantile of the given level from a table of levels
// and their quantiles, both ascending and of equal, positive length. Between
// levels it is linear. Above the highest level q_m it continues with an
// exponential tail through the two highest quantiles,
//
//	Q(p) = Q(p_m) + s ln((1-p_m)/(1-p)),  s = (Q(p_m)-Q(p_k))/ln((1-p_k)/(1-p_m))
//
// where p_k is the level below p_m; below the lowest level it is constant.
// Levels at or above 1 get the quantile of 1 - 1e-9, NaN gets NaN.
func Interpolate(levels, quantiles []float64, level float64) float64 {
	n := len(levels)
	if math.IsNaN(level) {
		return level
	}
	level = min(level, 1-1e-9)
	if level <= levels[0] || n == 1 {
		return quantiles[0]
	}
	if level > levels[n-1] {
		pm, pk := levels[n-1], levels[n-2]
		scale := (quantiles[n-1] - quantiles[n-2]) / math.Log((1-pk)/(1-pm))
		return quantiles[n-1] + scale*math.Log((1-pm)/(1-level))
	}
	i, found := slices.BinarySearch(levels, level)
	if found {
		return quantiles[i]
	}
	w := (level - levels[i-1]) / (levels[i] - levels[i-1])
	return quantiles[i-1] + w*(quantiles[i]-quantiles[i-1])
}

// forecastJSON is the wire form of a Forecast: times RFC 3339, durations in
// seconds.
type forecastJSON struct {
	Origin          time.Time   `json:"origin"`
	HorizonsSeconds []float64   `json:"horizonsSeconds"`
	Levels          []float64   `json:"levels"`
	Point           [][]float64 `json:"point"`
	Max             [][]float64 `json:"max"`
	SpanSeconds     float64     `json:"spanSeconds"`
	Confidence      float64     `json:"confidence"`
	SeasonSeconds   float64     `json:"seasonSeconds,omitempty"`
	Coverage95      float64     `json:"coverage95,omitempty"`
}

// MarshalJSON writes durations in seconds and times in RFC 3339.
func (f Forecast) MarshalJSON() ([]byte, error) {
	w := forecastJSON{
		Origin: f.Origin.UTC(), HorizonsSeconds: make([]float64, len(f.Horizons)), Levels: f.Levels,
		Point: f.Point, Max: f.Max, SpanSeconds: f.Span.Seconds(), Confidence: f.Confidence,
		SeasonSeconds: f.Season.Seconds(), Coverage95: f.Coverage95,
	}
	for i, h := range f.Horizons {
		w.HorizonsSeconds[i] = h.Seconds()
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON wrote and rejects tables whose shapes
// do not fit.
func (f *Forecast) UnmarshalJSON(data []byte) error {
	var w forecastJSON
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	if err := w.check(); err != nil {
		return err
	}
	*f = Forecast{
		Origin: w.Origin, Levels: w.Levels, Point: w.Point, Max: w.Max, Span: seconds(w.SpanSeconds),
		Confidence: w.Confidence, Season: seconds(w.SeasonSeconds), Coverage95: w.Coverage95,
	}
	for _, s := range w.HorizonsSeconds {
		f.Horizons = append(f.Horizons, seconds(s))
	}
	return nil
}

func (w forecastJSON) check() error {
	if len(w.Point) != len(w.HorizonsSeconds) || len(w.Max) != len(w.HorizonsSeconds) {
		return fmt.Errorf("forecaster: %d horizons with %d point and %d max rows",
			len(w.HorizonsSeconds), len(w.Point), len(w.Max))
	}
	if !ascending(w.Levels) || !ascending(w.HorizonsSeconds) {
		return errors.New("forecaster: levels and horizons have to be ascending")
	}
	if n := len(w.Levels); n > 0 && !(w.Levels[0] > 0 && w.Levels[n-1] < 1) {
		return fmt.Errorf("forecaster: levels %g to %g are not between 0 and 1", w.Levels[0], w.Levels[n-1])
	}
	if n := len(w.HorizonsSeconds); n > 0 && !(w.HorizonsSeconds[0] > 0 && w.HorizonsSeconds[n-1] <= maxSpan.Seconds()) {
		return fmt.Errorf("forecaster: horizons of %g to %g seconds are not between 0 and %v", w.HorizonsSeconds[0], w.HorizonsSeconds[n-1], maxSpan)
	}
	for _, rows := range [][][]float64{w.Point, w.Max} {
		for _, row := range rows {
			if len(row) != len(w.Levels) || !slices.IsSorted(row) {
				return fmt.Errorf("forecaster: a row of quantiles does not fit %d levels or is not ascending", len(w.Levels))
			}
		}
	}
	return nil
}

// ascending says that each number is larger than the one before.
func ascending(values []float64) bool {
	for i := 1; i < len(values); i++ {
		if !(values[i] > values[i-1]) {
			return false
		}
	}
	return true
}

func seconds(s float64) time.Duration {
	return time.Duration(math.Round(s * float64(time.Second)))
}
