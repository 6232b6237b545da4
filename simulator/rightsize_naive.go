package simulator

import (
	"math"
	"slices"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// naiveErrors is how many past errors the naive forecast rests on: a day of
// five minutes.
const naiveErrors = 288

// naive replaces the quantiles of a forecast by those of a naive one, and
// leaves the rest as it is: with y the series, T its end and q the quantile of
// what this rule got wrong over the last day,
//
//	ŷ(T+k) = y(T) + q( y(t) - y(t-k) )
//	max    = y(T) + q( max of y over (t-k, t] - y(t-k) )
//
// It is what rightsize is worth without its forecaster. Gaps are left out; the
// result is not negative where the series is not, and does not fall with the
// level, nor the maximum with the horizon. A series without an observation
// leaves the forecast as it is.
func naive(f forecaster.Forecast, s forecaster.Series) forecaster.Forecast {
	last, _, ok := s.Last()
	if !ok || !f.Valid() || s.Step <= 0 {
		return f
	}
	out := f
	out.Point, out.Max = make([][]float64, len(f.Horizons)), make([][]float64, len(f.Horizons))
	for i, h := range f.Horizons {
		k := max(1, int(h/s.Step))
		point, peak := naiveErrorsAt(s.Values, k)
		out.Point[i] = naiveRow(last, point, f.Levels)
		out.Max[i] = naiveRow(last, peak, f.Levels)
		for j := range out.Max[i] {
			out.Max[i][j] = max(out.Max[i][j], out.Point[i][j])
			if i > 0 {
				out.Max[i][j] = max(out.Max[i][j], out.Max[i-1][j])
			}
		}
	}
	return out
}

// naiveErrorsAt are the errors of the rule k steps ahead, sorted.
func naiveErrorsAt(y []float64, k int) (point, peak []float64) {
	for t := len(y) - 1; t >= k && len(y)-t <= naiveErrors; t-- {
		if e := y[t] - y[t-k]; !math.IsNaN(e) {
			point = append(point, e)
		}
		most := math.NaN()
		for _, v := range y[t-k+1 : t+1] {
			if math.IsNaN(most) || v > most {
				most = v
			}
		}
		if e := most - y[t-k]; !math.IsNaN(e) {
			peak = append(peak, e)
		}
	}
	slices.Sort(point)
	slices.Sort(peak)
	return point, peak
}

// naiveRow adds the quantiles of sorted errors to a value; without errors the
// value is all there is.
func naiveRow(last float64, errors, levels []float64) []float64 {
	row := make([]float64, len(levels))
	for j, level := range levels {
		row[j] = last
		if n := len(errors); n > 0 {
			row[j] += errors[min(n-1, int(math.Ceil(level*float64(n)))-1)]
		}
		if last >= 0 {
			row[j] = max(0, row[j])
		}
	}
	return row
}
