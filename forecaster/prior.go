package forecaster

import (
	"math"
	"slices"
	"time"
)

// Prior is what to expect of a series of which little has been seen: quantiles,
// at the levels of [DefaultLevels], of
//
//	(target - level) / size,  size = max(|level|, mean of |y| so far),
//
// level being the exponentially weighted mean that all forecasts start from. It
// has no unit. There are two kinds, of values and of maxima; for each, one set
// of rows for each of [PriorHorizons]; and of these, first one for a series of
// a single value, then for each of [PriorHistories] one for each of
// [PriorRoughness].
type Prior [2][priorHorizons][1 + priorHistories*priorRoughness][priorLevels]float32

const (
	priorHorizons  = 4
	priorHistories = 2
	priorRoughness = 3
	priorLevels    = 13
)

// PriorHorizons are the spans ahead for which a prior has quantiles. Between
// them it is interpolated over the logarithm; outside, the nearest counts.
func PriorHorizons() [priorHorizons]time.Duration {
	return [...]time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 24 * time.Hour}
}

// PriorHistories are the lengths of history for which a prior has quantiles,
// interpolated likewise.
func PriorHistories() [priorHistories]time.Duration {
	return [...]time.Duration{15 * time.Minute, 4 * time.Hour}
}

// PriorRoughness are the values of roughness for which a prior has quantiles,
// interpolated likewise: the mean absolute surprise of the last hours
// (half-life 2 h) over the size. What has been calm so far is expected to stay
// calmer than what was not.
func PriorRoughness() [priorRoughness]float64 { return [...]float64{0.003, 0.03, 0.3} }

// between finds where v lies among ascending positive numbers: the position of
// the one below and the share of the way, over the logarithm, to the next.
func between(nodes []float64, v float64) (i int, share float64) {
	i, found := slices.BinarySearch(nodes, v)
	switch {
	case found:
		return i, 0
	case i == 0 || math.IsNaN(v):
		return 0, 0
	case i == len(nodes):
		return i - 1, 0
	}
	return i - 1, math.Log(v/nodes[i-1]) / math.Log(nodes[i]/nodes[i-1])
}

// row is the quantiles for a target so many hours ahead, after a history of that
// many values, hours and roughness. Of a few values roughness says little, it
// could be chance: the row of a single value then counts 2/values².
func (p *Prior) row(maximum bool, ahead float64, values int, seen, roughness float64) []float64 {
	table := &p[0]
	if maximum {
		table = &p[1]
	}
	var horizons [priorHorizons]float64
	for i, d := range PriorHorizons() {
		horizons[i] = d.Hours()
	}
	var histories [priorHistories]float64
	for i, d := range PriorHistories() {
		histories[i] = d.Hours()
	}
	rough := PriorRoughness()
	i, a := between(horizons[:], ahead)
	k, b := between(histories[:], seen)
	r, c := between(rough[:], roughness)
	out := make([]float64, priorLevels)
	add := func(i, row int, weight float64) {
		if weight == 0 {
			return
		}
		for j, q := range table[i][row] {
			out[j] += weight * float64(q)
		}
	}
	for di, wi := range [2]float64{1 - a, a} {
		chance := min(1, 2/float64(values*values))
		add(i+di, 0, wi*chance)
		wi *= 1 - chance
		for dk, wk := range [2]float64{1 - b, b} {
			at := 1 + (k+dk)*priorRoughness + r
			add(i+di, at, wi*wk*(1-c))
			add(i+di, at+1, wi*wk*c)
		}
	}
	return out
}

// ignorance is the weight of the prior in the quantiles, for n separate trials
// of the horizon,
//
//	(2/(2 + n^1.5) - 0.1)/0.9, at least 0,
//
// n counting less in the measure that the fit had to be learned at a shorter
// reach. It is 1 without any trial, 0.63 for one and 0 from 7 on: the outer
// quantiles of
// the prior are far out, and a little of them is a lot.
func (f *fit) ignorance() float64 {
	n := f.trials * float64(f.reach) / f.ahead
	return max(0, (2/(2+n*math.Sqrt(n))-0.1)/0.9)
}

// young is what the prior says at the present, in the unit of the fit.
func (f *fit) young(c *context, now int, levels []float64) []float64 {
	p := f.prior
	if p == nil {
		p = learnedPrior()
	}
	size := max(math.Abs(c.base), f.mean)
	roughness := 0.0
	if size > 0 {
		roughness = c.short / size
	}
	seen := float64(now+1) * c.hours / c.ahead
	row := p.row(f.maximum, c.hours, now+1, seen, roughness)
	out, known := make([]float64, len(levels)), DefaultLevels()
	for j, level := range levels {
		out[j] = c.base + size*Interpolate(known, row, level)
	}
	return out
}

// clampPrior moves what the prior says into the bounds of forecasts. They are
// further out for the outer quantiles of the largest value of a day, by
//
//	(0.1/(1-τ))^(day/2),
//
// day being the horizon over a day, at most 1: of a series that has just begun
// one day in four goes beyond ten times the bounds.
func (f *fit) clampPrior(level, v float64) float64 {
	high := f.high
	if f.maximum && level > 0.9 && high > 0 {
		high = min(math.MaxFloat64, high*math.Pow(0.1/(1-level), min(1, f.hours/24)/2))
	}
	return min(max(v, f.low), high)
}
