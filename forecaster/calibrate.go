package forecaster

import (
	"math"
	"slices"
	"time"
)

// calibrate finds how far each quantile of the mixture has to move, in units of
// the scale, to have had its share of the sampled targets below it. Means of
// quantiles are too wide where the errors of experts cancel. With few separate
// trials the move is not trusted: it counts n/(n+5). It is conformal
// calibration with weights that fade with age, so that it follows a drift.
func (l *learner) calibrate(points [][]float64) {
	levels := l.model.levels
	l.shift = make([]float32, len(levels))
	shift := l.work.take(len(levels))
	m := l.mix(l.weights, levels, l.work)
	if l.model.options.Light {
		l.table = m
	}
	n := len(l.origins)
	if n == 0 || !l.model.options.has(partCalibrate) {
		return
	}
	trust := l.trials / (l.trials + 5)
	scores := l.work.take(n)
	for j, level := range levels {
		outer := level <= innerLow || level >= innerHigh
		if len(levels) > denseLevels && !outer && level != 0.5 && j > 0 && j < len(levels)-1 {
			shift[j] = math.NaN()
			continue
		}
		for i := range scores {
			s := float64(l.spread[i])
			scores[i] = (l.actual[i] - m.at(l.fit, j, len(levels), points[i], s)) / s
		}
		l.work.weightedQuantiles(scores, l.weights, levels[j:j+1], shift[j:j+1])
		shift[j] *= trust
	}
	bridge(levels, shift)
	for j, v := range shift {
		l.shift[j] = float32(v)
	}
	if !l.maximum && l.steps == l.model.steps[0] { // It is asked for at the shortest horizon.
		l.coverage = l.recentCoverage(points)
	}
}

// Of more than denseLevels levels, those between innerLow and innerHigh are
// not calibrated but follow their neighbours and the median.
const (
	denseLevels         = 7
	innerLow, innerHigh = 0.1, 0.9
)

// bridge replaces NaN by linear interpolation over the levels. The first and
// the last are no NaN.
func bridge(levels, values []float64) {
	last := 0
	for j, v := range values {
		if math.IsNaN(v) {
			continue
		}
		for k := last + 1; k < j; k++ {
			w := (levels[k] - levels[last]) / (levels[j] - levels[last])
			values[k] = values[last] + w*(v-values[last])
		}
		last = j
	}
}

// expertPoints are the point forecasts of the experts, row by row.
func (l *learner) expertPoints(stacked []float64) [][]float64 {
	flat := l.work.take(len(l.from) * len(l.experts))
	out := l.space.lists.room(len(l.from))
	for i := range out {
		out[i] = flat[i*len(l.experts) : (i+1)*len(l.experts)]
		for k, e := range l.experts {
			switch e.point {
			case pointStack:
				out[i][k] = stacked[i]
			case pointNothing:
			default:
				out[i][k] = l.values[e.point][i]
			}
		}
	}
	return out
}

// recentCoverage is the share of the last day's targets that the 0.95
// quantile, its weights and its calibration learned from what was before, was
// not below; NaN where there is too little to say.
func (l *learner) recentCoverage(points [][]float64) float64 {
	since := l.at - int(24*time.Hour/l.model.history.step)
	split, _ := slices.BinarySearchFunc(l.origins, since, func(o int32, at int) int { return int(o) - at })
	before := split
	for before > 0 && split < len(l.origins) && int(l.origins[before-1])+l.reach > int(l.origins[split]) {
		before--
	}
	if before < 50 || len(l.origins)-split < 12 {
		return math.NaN()
	}
	past := l.work.take(len(l.weights))
	copy(past, l.weights[:before])
	level := []float64{0.95}
	m := l.mix(past, level, l.work)
	scores, shift := l.work.take(len(past)), make([]float64, 1)
	for i := range scores {
		s := float64(l.spread[i])
		scores[i] = (l.actual[i] - m.at(l.fit, 0, 1, points[i], s)) / s
	}
	l.work.weightedQuantiles(scores[:before], past[:before], level, shift)
	hit, total := 0.0, 0.0
	for i := split; i < len(scores); i++ {
		total += l.weights[i]
		if scores[i] <= shift[0] {
			hit += l.weights[i]
		}
	}
	return hit / total
}

// present is what a fit makes of a context: the point forecasts of its experts
// and the scale of their errors.
type present struct {
	middle          float64 // The stacked mean.
	scale, logScale float64
	lean            float64
	points          []float64 // By expert.
}

func (f *fit) present(c *context, work *arena) present {
	values := work.take(len(f.points) + 2)
	for k, p := range f.points {
		values[k] = f.clamp(p.at(c))
	}
	for i, r := range f.regressions {
		values[len(f.points)+i] = f.clamp(r.at(values[:len(f.points)]))
	}
	p := present{middle: values[0], points: work.take(len(f.experts))}
	for k, w := range f.stack {
		if w != 0 {
			p.middle += float64(w) * (values[k] - values[0])
		}
	}
	p.logScale = f.errorScale.logAt(c.errorInput(), p.middle)
	p.scale = math.Exp(p.logScale)
	p.lean = lean(c.y, p.middle, p.scale)
	for k, e := range f.experts {
		switch e.point {
		case pointStack:
			p.points[k] = p.middle
		case pointNothing:
		default:
			p.points[k] = values[e.point]
		}
	}
	return p
}

// quantiles is the distribution at the present, ascending and within bounds,
// in the unit of the series. Where little is known a prior widens it.
func (f *fit) quantiles(c *context, now int, levels []float64, work *arena) []float64 {
	p := f.present(c, work)
	middle, scale := p.middle, p.scale
	m, weights := f.table, []float64(nil)
	if m == nil {
		weights = f.condition(now, p.logScale, p.lean, work)
		m = f.mix(weights, levels, work)
	}
	ignorance := f.ignorance()
	var young []float64
	if ignorance > 0 {
		young = f.young(c, now, levels)
	}
	wider := f.fewDays() * math.Sqrt(math.Sqrt(f.ahead/float64(f.reach))) // Where less far was learned from.
	trials := f.effective(weights)
	out := make([]float64, len(levels))
	for j := range levels {
		out[j] = m.at(f, j, len(levels), p.points, scale) + float64(f.shift[j])*scale
	}
	centre := middle
	if levels[0] <= 0.5 && levels[len(levels)-1] >= 0.5 {
		centre = Interpolate(levels, out, 0.5)
	}
	for j, level := range levels {
		q := f.outward(level, centre, centre+wider*scarcity(level, trials)*(out[j]-centre))
		if math.IsNaN(q) {
			q = middle
		}
		q = f.clampOuter(level, f.beyond(level, q))
		if ignorance > 0 {
			q = (1-ignorance)*q + ignorance*f.clampPrior(level, young[j])
		}
		out[j] = q / f.by
	}
	slices.Sort(out)
	return out
}
