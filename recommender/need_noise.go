package recommender

import (
	"math"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// Counting says what observations of a demand were counted over, so that the
// noise of counting can be told from a change of the rate. Its zero value says
// that nothing is known: observations are taken for rates. It only makes sense
// where the demand's unit is what arrives one by one, requests or items.
type Counting struct {
	// Seconds is the span that each value is the mean of, PeakOf how many of
	// them each value of the series that is forecast is the largest of; 0 counts
	// as 1.
	Seconds float64 `json:"seconds,omitempty"`
	PeakOf  int     `json:"peakOf,omitempty"`
	// LastSeconds is the span that Usage.Last is the mean of; 0 counts as
	// Seconds.
	LastSeconds float64 `json:"lastSeconds,omitempty"`
}

// ahead is the quantile of the largest rate of arrivals within a span. What
// the forecast was made from is counted, and counts of Poisson arrivals at a
// steady rate λ over T seconds scatter around it by √(λ/T). A queue's capacity
// has that in it already, so that it would count twice. The largest of k counts
// of rates that scatter by τ lies, at the level p, z_p = Φ⁻¹(p^{1/k}) standard
// deviations ω = √(τ² + λ/T) above the mean; the rates alone would lie z_p·τ above
// it. So
//
//	Q'(p) = Q(p) - z_p·(ω - √(ω² - λ/T)),   ω = max(√(λ/T), (Q(0.95) - Q(½))/(z_0.95 - z_½))
//
// and not less than the rate of which Q(p) is the quantile of a count. Where the
// forecast is wide, which counting does not explain, little is taken away.
func (d *draft) ahead(dem *Demand, span time.Duration, level float64) float64 {
	return dem.Counting.rate(level, func(level float64) float64 { return d.within(dem.Forecast, span, level) })
}

// rate is the quantile of a rate by those of its counts.
func (c Counting) rate(level float64, counted func(level float64) float64) float64 {
	q := counted(level)
	if q <= 0 || !plausible(c.Seconds) {
		return q
	}
	const wide = 0.95
	median, high, peakOf := counted(0.5), counted(wide), float64(c.PeakOf)
	zp, zm, zw := largestOf(peakOf, level), largestOf(peakOf, 0.5), largestOf(peakOf, wide)
	noise := rateBelow(median, c.Seconds, zm) / c.Seconds
	spread := max(math.Sqrt(noise), (high-median)/(zw-zm))
	rates := math.Sqrt(max(0, spread*spread-noise))
	return max(q-zp*(spread-rates), rateBelow(q, c.Seconds, zp))
}

// newest is the least rate that the newest observation is evidence of: the one
// of which it is the 0.95 quantile of a count.
func (d *draft) newest(dem *Demand) float64 {
	c := dem.Counting
	over := orDefault(c.LastSeconds, c.Seconds)
	if !plausible(over) || dem.Last <= 0 {
		return dem.Last
	}
	return rateBelow(dem.Last, over, residualZ)
}

// lately is the largest rate of the last 15 minutes, of which the largest
// observation is the median of the largest of so many counts.
func (d *draft) lately(dem *Demand) float64 {
	c := dem.Counting
	if !plausible(c.Seconds) {
		return dem.Recent
	}
	return rateBelow(dem.Recent, c.Seconds, largestOf(recentSpan.Seconds()/c.Seconds, 0.5))
}

// largestOf is the quantile of the largest of n standard normal variables, not
// below 0.
func largestOf(n, level float64) float64 {
	return max(0, distuv.UnitNormal.Quantile(math.Pow(level, 1/max(1, n))))
}

// rateBelow is the rate of which a count over so many seconds is z standard
// deviations above its mean: μ + z·√(μ/T) = rate.
func rateBelow(rate, over, z float64) float64 {
	root := (math.Sqrt(z*z+4*rate*over) - z) / 2
	return root * root / over
}
