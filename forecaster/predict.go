package forecaster

import (
	"math"
	"time"
)

// Predict returns quantiles of what the series does after its end. It is a
// function of its arguments alone. Gaps, infinities and numbers near the end of
// the float64 range count as missing; without any observation the error is
// [ErrTooShort].
//
// For every horizon, and for values and maxima apart, it makes point forecasts
// by smoothing, seasons and regression at some hundred past origins, turns
// each into a distribution by its own errors there, in units of a spread
// learned from volatility, time of day and level, weighs these per quantile by
// what they would have lost, and shifts the result to its stated coverage.
// Series of whole numbers have whole quantiles.
//
// docs/algorithms/forecasting.md has the formulas and their sources.
func Predict(s Series, o Options) (Forecast, error) {
	if s.Step <= 0 {
		return Forecast{}, errStep
	}
	steps, err := o.steps(s.Step)
	if err != nil {
		return Forecast{}, err
	}
	levels, err := o.levels()
	if err != nil {
		return Forecast{}, err
	}
	h, ok := newHistory(s)
	if !ok {
		return Forecast{}, ErrTooShort
	}
	p := &predictor{signals: newSignals(h), forecast: Forecast{
		Origin: s.End(), Levels: levels, Span: time.Duration(h.last()) * s.Step,
	}}
	for _, k := range steps {
		p.add(k)
	}
	p.finish()
	return p.forecast, nil
}

// predictor builds a Forecast horizon by horizon.
type predictor struct {
	*signals
	forecast Forecast
	covered  bool
	coverage float64
	// gain is how much of the loss each kind of season took away, summed over
	// horizons.
	daily, weekly, none float64
}

// add forecasts one horizon.
func (p *predictor) add(steps int) {
	f := &p.forecast
	point := newTarget(p.signals, steps, false).learn()
	mixed := point.mix(f.Levels, len(point.actual))
	row := mixed.quantiles(len(point.actual))
	peak := row
	if steps > 1 {
		l := newTarget(p.signals, steps, true).learn()
		peak = l.mix(f.Levels, len(l.actual)).quantiles(len(l.actual))
	}
	p.vote(point)
	if len(f.Horizons) == 0 {
		p.coverage, p.covered = point.recentCoverage()
	}
	f.Horizons = append(f.Horizons, time.Duration(steps)*p.step)
	f.Point = append(f.Point, p.unscale(row))
	f.Max = append(f.Max, p.order(p.unscale(peak)))
}

// unscale returns quantiles in the series' unit, finite, and whole where the
// series always was.
func (p *predictor) unscale(row []float64) []float64 {
	out := make([]float64, len(row))
	for j, v := range row {
		out[j] = min(max(v*p.scale, -math.MaxFloat64), math.MaxFloat64)
		if p.whole {
			out[j] = math.Round(out[j])
		}
	}
	return out
}

// order raises quantiles of a maximum to those of the value at its window's
// end, and to those of the maximum of the window before.
func (p *predictor) order(peak []float64) []float64 {
	f := &p.forecast
	point := f.Point[len(f.Point)-1]
	for j := range peak {
		peak[j] = max(peak[j], point[j])
		if n := len(f.Max); n > 0 {
			peak[j] = max(peak[j], f.Max[n-1][j])
		}
	}
	return peak
}

// vote notes what point forecasts with and without seasons lost.
func (p *predictor) vote(l *learned) {
	_, loss := l.stack(len(l.actual))
	best := func(from, to int) float64 {
		least := math.Inf(1)
		for k := from; k <= to; k++ {
			least = min(least, loss[k])
		}
		return least
	}
	p.none += best(candidateLevel, candidateDrift)
	p.daily += best(candidateYesterday, candidateDailyRatio)
	p.weekly += best(candidateLastWeek, candidateWeeklySlow)
}

// finish fills in what the forecast says about itself.
func (p *predictor) finish() {
	f := &p.forecast
	switch {
	case p.weekly < 0.98*min(p.daily, p.none):
		f.Season = time.Duration(p.week) * p.step
	case p.daily < 0.98*p.none:
		f.Season = time.Duration(p.day) * p.step
	}
	if p.covered {
		f.Coverage95 = p.coverage
	}
	f.Confidence = p.confidence()
}

// fullSpan is how much history confidence asks for.
const fullSpan = 14 * 24 * time.Hour

// confidence is the product of three shares: the root of the span over two
// weeks, observed values over grid points, and calibration, which loses 4
// points for each that the recent coverage of the 0.95 quantile lies under
// 0.95, and one for each it lies over.
func (p *predictor) confidence() float64 {
	span := min(1, float64(p.forecast.Span)/float64(fullSpan))
	n := min(len(p.y), int(p.steps(fullSpan))+1)
	observed := float64(p.seenIn(p.last(), n)) / float64(n+p.stale)
	calibration := 1.0
	if p.covered {
		calibration = 1 - 4*max(0, 0.95-p.coverage) - max(0, p.coverage-0.95)
	}
	return math.Sqrt(span) * observed * max(0, min(1, calibration))
}
