package forecaster

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// BacktestHistory is how much history a backtest gives each forecast.
const BacktestHistory = 14 * 24 * time.Hour

// ErrShortForHorizons says that a series ends before the longest horizon of
// its backtest.
var ErrShortForHorizons = errors.New("too short for its horizons")

// BacktestOptions say how a series is backtested. The zero value is the
// default protocol.
type BacktestOptions struct {
	// Horizons are as in [Options].
	Horizons []time.Duration
	// Levels are the quantile levels; empty means [BacktestLevels].
	Levels []float64
	// Origins is how many forecasts are made; 0 means 200.
	Origins int
	// Light, Without and Only are as in [Options].
	Light   bool
	Without []string
	Only    string
	// Covariates are as in [Options]: every forecast sees all of them.
	Covariates []Series
	// Alone adds to every step the forecasts by each point forecast alone.
	Alone Alone
}

// BacktestLevels returns the levels of the default protocol.
func BacktestLevels() []float64 { return []float64{0.1, 0.5, 0.9, 0.95, 0.99} }

// Backtest is a rolling-origin evaluation of [Predict] on one series, ready to
// run.
//
// With n grid points and K steps of the longest horizon, origin i of N is at
// index
//
//	floor(n/2) + floor(i (n-1-K-floor(n/2)) / (N-1)),
//
// floor(n/2) if N is 1. Each forecast sees the values up to and including its
// origin, at most [BacktestHistory] of them, and nothing else.
type Backtest struct {
	// Horizons and Levels are those of the forecasts, rounded and sorted.
	Horizons []time.Duration
	Levels   []float64
	// Origins are indices into the series, ascending; in a short series some
	// repeat.
	Origins []int

	series Series
	steps  []int
	// options are those of each forecast.
	options Options
	alone   Alone
}

// NewBacktest plans a backtest. It returns [ErrShortForHorizons] if there is
// no room for the longest horizon after the first origin.
func NewBacktest(s Series, o BacktestOptions) (*Backtest, error) {
	if err := (Options{}).check(s); err != nil {
		return nil, err
	}
	if len(o.Levels) == 0 {
		o.Levels = BacktestLevels()
	}
	if o.Origins == 0 {
		o.Origins = 200
	}
	if o.Origins < 1 {
		return nil, fmt.Errorf("forecaster: %d origins", o.Origins)
	}
	// A model keeps up to a day more than it is asked for.
	predict := Options{
		Horizons: o.Horizons, Levels: o.Levels, History: BacktestHistory - 24*time.Hour,
		Light: o.Light, Without: o.Without, Only: o.Only, Covariates: o.Covariates,
	}
	if err := predict.CheckParts(); err != nil {
		return nil, err
	}
	if err := checkCovariates(o.Covariates); err != nil {
		return nil, err
	}
	steps, err := predict.steps(s.Step)
	if err != nil {
		return nil, err
	}
	levels, err := predict.levels()
	if err != nil {
		return nil, err
	}
	b := &Backtest{Levels: levels, series: s, steps: steps, options: predict, alone: o.Alone}
	for _, k := range steps {
		b.Horizons = append(b.Horizons, time.Duration(k)*s.Step)
	}
	first, longest := len(s.Values)/2, steps[len(steps)-1]
	room := len(s.Values) - 1 - longest - first
	if room < 0 || len(s.Values) == 0 {
		return nil, fmt.Errorf("%w: %d steps of %v, a horizon of %v needs at least %d",
			ErrShortForHorizons, len(s.Values), s.Step, b.Horizons[len(steps)-1], 2*longest+1)
	}
	b.Origins = make([]int, o.Origins)
	for i := range b.Origins {
		b.Origins[i] = first
		if o.Origins > 1 {
			b.Origins[i] += i * room / (o.Origins - 1)
		}
	}
	return b, nil
}

// BacktestStep is one forecast of a backtest beside what came.
type BacktestStep struct {
	// Index counts the origins from 0. Origin is the instant of the forecast.
	Index  int
	Origin time.Time
	// Forecast has the horizons and levels of the [Backtest].
	Forecast Forecast
	// Alone are those by each point forecast of [Parts] alone, if asked for.
	Alone []Forecast
	// Point and Max are what came, per horizon: the value at the horizon, NaN
	// for a gap, and the largest value up to it, NaN if there is none.
	Point []float64
	Max   []float64
	// PointReference and MaxReference are the quantiles of the seasonal naive
	// forecast, per horizon and level; nil for a horizon it cannot reach.
	PointReference [][]float64
	MaxReference   [][]float64
}

// Run makes the forecasts in the order of their origins and hands each to
// visit, which may stop the run by an error; Run returns it. An origin before
// which there is no value at all is left out.
func (b *Backtest) Run(visit func(BacktestStep) error) error {
	refs := newReferences(b.series, b.steps)
	for i, origin := range b.Origins {
		refs.advance(origin)
		f, alone, err := b.predict(origin)
		if errors.Is(err, ErrTooShort) {
			continue
		}
		if err != nil {
			return err
		}
		step := BacktestStep{Index: i, Origin: b.series.Time(origin), Forecast: f, Alone: alone}
		for j, k := range b.steps {
			future := b.series.Values[origin+1 : origin+k+1]
			step.Point = append(step.Point, finite(future[k-1]))
			step.Max = append(step.Max, largest(future))
			step.PointReference = append(step.PointReference, refs.point[j].quantiles(origin, b.Levels))
			step.MaxReference = append(step.MaxReference, refs.peak[j].quantiles(origin, b.Levels))
		}
		if err := visit(step); err != nil {
			return err
		}
	}
	return nil
}

// predict forecasts from one origin.
func (b *Backtest) predict(origin int) (f Forecast, alone []Forecast, err error) {
	m, err := newModel(b.history(origin), b.options, b.alone, nil)
	if err != nil {
		return Forecast{}, nil, err
	}
	if f, err = m.Forecast(); err == nil && b.alone != NotAlone {
		alone, err = m.each()
	}
	return f, alone, err
}

// history is what a forecast at the origin may see.
func (b *Backtest) history(origin int) Series {
	seen := Series{Start: b.series.Start, Step: b.series.Step, Values: b.series.Values[:origin+1]}
	return seen.Tail(BacktestHistory)
}

// finite maps infinities to NaN, the mark of a gap.
func finite(v float64) float64 {
	if math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

// largest is the largest value that is not a gap, NaN if there is none.
func largest(values []float64) float64 {
	top := math.NaN()
	for _, v := range values {
		if v = finite(v); !math.IsNaN(v) && (math.IsNaN(top) || v > top) {
			top = v
		}
	}
	return top
}

// daySteps is one day in steps, at least 1.
func daySteps(step time.Duration) int {
	return max(1, int((24*time.Hour+step/2)/step))
}
