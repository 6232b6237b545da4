package forecaster

import (
	"fmt"
	"math"
	"time"
)

// covariate is a series known beforehand, and how the forecast one follows it:
//
//	b = Σ w (x - x̄)(y - ȳ) / Σ w (x - x̄)²,  forecast = y₀ + b (x(target) - x₀),
//
// the sums weighted with a half-life of 3.5 days, x̄ and ȳ means with a half-life of
// a day up to the value before, and y₀ and x₀ those of a few steps. So a plan
// moves the level by as much as its changes have moved it before. Within the
// window of a maximum x(target) is the largest planned value, the smallest where
// b is negative. Where the plan is not known the forecast is the level.
//
// It is least squares of one variable, with forgetting; the ridge regression over
// all point forecasts weighs it against the others.
type covariate struct {
	Series
	near, slow ewma
	product    ewma // Of the deviations, and of that of x squared.
	square     ewma
}

// Half-lives of the mean that deviations count from, and of their products.
const (
	covariateMean   = 24 * time.Hour
	covariateMemory = 84 * time.Hour
)

func checkCovariates(covariates []Series) error {
	for i, c := range covariates {
		if c.Step <= 0 {
			return fmt.Errorf("forecaster: covariate number %d: step: %v is not positive", i+1, c.Step)
		}
		if c.Start.IsZero() {
			return fmt.Errorf("forecaster: covariate number %d: start: is missing", i+1)
		}
	}
	return nil
}

func newCovariates(h *history) []covariate {
	out := make([]covariate, 0, len(h.planned))
	for _, s := range h.planned {
		out = append(out, covariate{
			Series: s, near: newEWMA(h.baseHalfLife()), slow: newEWMA(h.steps(covariateMean)),
			product: newEWMA(h.steps(covariateMemory)), square: newEWMA(h.steps(covariateMemory)),
		})
	}
	return out
}

// position is the index of the newest value at or before t, negative for none.
func (c *covariate) position(t time.Time) int {
	ahead := t.Sub(c.Start)
	if ahead < 0 {
		return -1
	}
	return int(ahead / c.Step)
}

// value is the value in force at position i, NaN where it is not known.
func (c *covariate) value(i int) float64 {
	if i < 0 || i >= len(c.Values) || !(math.Abs(c.Values[i]) <= 1e150) {
		return math.NaN()
	}
	return c.Values[i]
}

// add takes in the value at t of the series, whose mean before it was slow.
func (c *covariate) add(t time.Time, v, slow float64) {
	x := c.value(c.position(t))
	if math.IsNaN(x) {
		return
	}
	if c.slow.weight > 0 {
		d := x - c.slow.mean
		c.product.add(d * (v - slow))
		c.square.add(d * d)
	}
	c.near.add(x)
	c.slow.add(x)
}

// effect is how much the plan for the times after from, up to to, moves the
// level.
func (c *covariate) effect(from, to time.Time) float64 {
	if !(c.square.mean > 0) {
		return 0
	}
	slope := c.product.mean / c.square.mean
	most := math.Inf(-1)
	for i := c.position(from); i <= min(c.position(to), len(c.Values)-1); i++ {
		if x := c.value(i); !math.IsNaN(x) {
			most = max(most, slope*(x-c.near.mean))
		}
	}
	if math.IsInf(most, 0) || math.IsNaN(most) {
		return 0
	}
	return most
}

// plans are the forecasts by each covariate, times a factor.
func (s *signals) plans(a *aim, base, by float64) []float64 {
	if len(s.covariates) == 0 {
		return nil
	}
	out := make([]float64, len(s.covariates))
	last := s.start.Add(time.Duration(s.n-1+a.steps) * s.step)
	first := last.Add(-time.Duration(a.width-1) * s.step)
	for i := range s.covariates {
		out[i] = base + by*s.covariates[i].effect(first, last)
	}
	return out
}

// byPlan is the level moved by covariate number i.
func byPlan(i int) func(*context) float64 { return func(c *context) float64 { return c.plans[i] } }
