package forecaster

import (
	"math"
	"slices"
	"time"
)

// learned is what the past says about one target: point forecasts at sampled
// origins and, in the last row, at the origin that counts.
type learned struct {
	*target
	sample
	actual []float64   // At the sampled origins.
	points [][]float64 // By candidate, then row; the last two are regressions.
	// reach is the distance that was learned from; less than ahead where
	// history is short.
	reach int
}

// halfLife is the age at which an error counts half: two days, more for
// horizons over an hour, up to four.
func (t *target) halfLife() time.Duration {
	return min(2*sampleHalfLife, max(sampleHalfLife, sampleHalfLife+2*time.Duration(t.ahead)*t.step))
}

// learn makes every candidate's forecasts at a sample of past origins.
func (t *target) learn() *learned {
	l := &learned{target: t, reach: t.ahead}
	warm := min(t.daily.period, len(t.y)/4)
	if t.last()-t.ahead-warm < 30 {
		l.reach = max(1, min(t.ahead, len(t.y)/3))
	}
	if n := t.last() - l.reach - warm + 1; n > 0 {
		last := t.last() - l.reach
		l.sample = draw(t.surprises(warm, n, l.reach), t.importance(last, n, t.steps(t.halfLife())), last)
	}
	rows := len(l.origins) + 1
	l.actual = make([]float64, rows-1)
	flat := make([]float64, (candidateCount+2)*rows)
	for k := range candidateCount + 2 {
		l.points = append(l.points, flat[k*rows:(k+1)*rows])
	}
	row := make([]float64, candidateCount)
	for i := range rows {
		o, ahead := l.origin(i)
		if i < rows-1 {
			l.actual[i] = t.z[o+ahead]
		}
		t.candidates(o, ahead, row)
		for k, v := range row {
			l.points[k][i] = t.clamp(v)
		}
	}
	l.regress()
	return l
}

// origin is where the forecast of a row is made and how far it looks.
func (l *learned) origin(row int) (o, ahead int) {
	if row < len(l.origins) {
		return l.origins[row], l.reach
	}
	return l.last(), l.ahead
}

// surprises returns, for the n origins from first on, how far the target came
// from the level; -1 where the origin or the target is a gap.
func (t *target) surprises(first, n, ahead int) []float64 {
	out := make([]float64, n)
	for i := range out {
		o := first + i
		out[i] = -1
		if t.seen(o) && o+ahead >= t.width-1 && 2*t.seenIn(o+ahead, t.width) >= t.width {
			out[i] = math.Abs(t.z[o+ahead] - t.base[o])
		}
	}
	return out
}

// stack returns a softmax-weighted mean of the candidates, by the sums of their
// absolute errors at the first n origins, and those sums.
func (l *learned) stack(n int) (mean, loss []float64) {
	loss = make([]float64, len(l.points))
	for k, points := range l.points {
		for i, w := range l.weights[:n] {
			loss[k] += w * math.Abs(l.actual[i]-points[i])
		}
	}
	base := l.points[candidateLevel]
	mean = slices.Clone(base)
	for k, w := range softmax(loss) {
		if w == 0 {
			continue
		}
		for i, v := range l.points[k] {
			mean[i] += w * (v - base[i])
		}
	}
	return mean, loss
}

// measureSpread returns, by row, how large errors of the given point forecasts
// are, learned at the first n origins from volatility, time of day and level:
//
//	log(|error| + ε) = β · features,  spread = exp(β · features).
func (l *learned) measureSpread(point []float64, n int) []float64 {
	rows := len(l.actual) + 1
	total, weight := 0.0, 0.0
	for i, w := range l.weights[:n] {
		total += w * math.Abs(l.actual[i]-point[i])
		weight += w
	}
	typical := 1e-9*l.mean + 1e-15
	if weight > 0 {
		typical += total / weight
	}
	x := make([]float64, rows*spreadCount)
	r := newRidge(spreadCount)
	for i := range rows {
		o, ahead := l.origin(i)
		row := x[i*spreadCount : (i+1)*spreadCount]
		l.spreadFeatures(o, ahead, point[i], row)
		if i < n {
			r.add(row, math.Log((math.Abs(l.actual[i]-point[i])+0.1*typical)/typical), l.weights[i])
		}
	}
	beta, ok := r.solve(spreadPenalty * (1 + float64(l.ahead)*l.step.Hours()/2))
	spread := make([]float64, rows)
	for i := range spread {
		spread[i] = typical
		if ok && r.rows >= 4*spreadCount {
			e := dot(beta, x[i*spreadCount:(i+1)*spreadCount])
			spread[i] *= math.Exp(min(max(e, -4), 4))
		}
	}
	return spread
}

// spreadPenalty is that of the regression for the spread at short horizons; it
// grows like that of the forecasts.
const spreadPenalty = 0.001

// softmaxSharpness is κ of the weights exp(-κ (loss/least - 1)).
const softmaxSharpness = 14

// softmax turns losses into weights that add up to one; experts with less
// than a hundredth of the best one's weight get none.
func softmax(loss []float64) []float64 {
	least := slices.Min(loss)
	weights := make([]float64, len(loss))
	total := 0.0
	for k, v := range loss {
		switch {
		case v <= least:
			weights[k] = 1
		case least > 0:
			weights[k] = math.Exp(-softmaxSharpness * (v/least - 1))
		}
		if weights[k] < 0.01 {
			weights[k] = 0
		}
		total += weights[k]
	}
	for k := range weights {
		weights[k] /= total
	}
	return weights
}

// independent is about how many separate trials the sample holds: origins
// closer than the horizon (at most six hours) see much the same future.
func (l *learned) independent() float64 {
	if len(l.origins) == 0 {
		return 0
	}
	span := float64(l.origins[len(l.origins)-1]-l.origins[0]) + 1
	apart := max(1, min(float64(l.reach), l.steps(6*time.Hour)))
	return min(span/apart, float64(len(l.origins)))
}
