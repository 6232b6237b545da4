package forecaster

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Options say what to forecast. The zero value asks for the default horizons
// and levels.
type Options struct {
	// Horizons are the spans ahead of the end of the series, positive; each is
	// rounded up to whole steps, and equal ones are merged. Empty means
	// [DefaultHorizons].
	Horizons []time.Duration
	// Levels are the quantile levels, each in (0, 1). Empty means
	// [DefaultLevels].
	Levels []float64
	// History is how much of the past counts, in whole days; 0 means two weeks.
	// Up to a day more is used, since what is older is forgotten a day at a
	// time. At most ten years and two million steps.
	History time.Duration
	// Light is for very many series: fewer point forecasts, a week of
	// history in single precision, and errors that are not conditioned on the
	// present. It takes a tenth of the memory and of the time.
	Light bool
	// Without leaves out parts of the forecast, and Only forecasts by a single
	// one and its past errors: for measuring what each is worth. [Parts] lists
	// the names.
	Without []string
	Only    string
	// Events are known beforehand. Those ahead change the forecast, those in
	// the past are taken out of what is learned.
	Events []Event
	// Covariates are known beforehand: a planned batch size, a price, an opening
	// hour. Each covers the past and, as far as it is known, the future; the
	// value in force at an instant is the newest at or before it. Steps may
	// differ from those of the series. Their values are shared, not copied: they
	// must not change while a model uses them.
	Covariates []Series
	// Prior is what to expect of a series of which little has been seen; nil
	// means what was learned from recorded series of many kinds.
	Prior *Prior
}

// lightHistory is what light mode keeps beside the day under way.
const lightHistory = 7 * 24 * time.Hour

// history is what is kept behind the last midnight.
func (o Options) history() time.Duration {
	days := 14 * 24 * time.Hour
	if o.Light {
		days = lightHistory
	}
	if o.History > 0 && (!o.Light || o.History < days) {
		days = o.History
	}
	return max(24*time.Hour, days.Truncate(24*time.Hour))
}

// DefaultHorizons returns the spans that sizing looks at: 5 and 15 minutes, an
// hour and a day.
func DefaultHorizons() []time.Duration {
	return []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 24 * time.Hour}
}

var errStep = errors.New("forecaster: the step of a series has to be positive")

// maxSteps bounds a horizon, in steps of the series: one year of minutes.
const maxSteps = 366 * 24 * 60

// maxSpan bounds a horizon and a history, maxValues a history, in steps of the
// series: three weeks of seconds.
const (
	maxSpan   = 10 * 365 * 24 * time.Hour
	maxValues = 2_000_000
)

// Bounds of the step. Below a second, what comes between two fits would be more
// than a fit has room for.
const (
	minStep = time.Second
	maxStep = 366 * 24 * time.Hour
)

// check looks at the step and the length of a series and at the history that is
// asked for.
func (o Options) check(s Series) error {
	switch {
	case s.Step <= 0:
		return errStep
	case s.Step < minStep || s.Step > maxStep:
		return fmt.Errorf("forecaster: the step of a series has to be between %v and %v, not %v", minStep, maxStep, s.Step)
	case int64(len(s.Values)) > math.MaxInt64/int64(s.Step):
		return fmt.Errorf("forecaster: %d values at steps of %v are more than %v", len(s.Values), s.Step, time.Duration(math.MaxInt64))
	case o.History < 0 || o.History > maxSpan:
		return fmt.Errorf("forecaster: a history of %v is not between 0 and %v", o.History, maxSpan)
	case o.history()/s.Step > maxValues:
		return fmt.Errorf("forecaster: a history of %v has more than %d steps of %v", o.history(), maxValues, s.Step)
	}
	return nil
}

// steps returns the horizons in whole steps, ascending and without repeats.
func (o Options) steps(step time.Duration) ([]int, error) {
	horizons := o.Horizons
	if len(horizons) == 0 {
		horizons = DefaultHorizons()
	}
	out := make([]int, 0, len(horizons))
	for _, h := range horizons {
		if h <= 0 {
			return nil, fmt.Errorf("forecaster: horizon %v is not positive", h)
		}
		if h > maxSpan {
			return nil, fmt.Errorf("forecaster: horizon %v is longer than %v", h, maxSpan)
		}
		n := int(h / step)
		if time.Duration(n)*step < h {
			n++
		}
		if n > maxSteps {
			return nil, fmt.Errorf("forecaster: horizon %v is more than %d steps of %v", h, maxSteps, step)
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// levels returns the levels, ascending and without repeats.
func (o Options) levels() ([]float64, error) {
	if len(o.Levels) == 0 {
		return DefaultLevels(), nil
	}
	for _, l := range o.Levels {
		if math.IsNaN(l) || l <= 0 || l >= 1 {
			return nil, fmt.Errorf("forecaster: level %g is not between 0 and 1", l)
		}
	}
	out := slices.Clone(o.Levels)
	slices.Sort(out)
	return slices.Compact(out), nil
}
