package forecaster

import (
	"math"
	"slices"
	"time"
)

// expert is one distribution: at each row its point forecast plus a scale
// times quantiles of its own past errors in units of that scale.
type expert struct {
	point []float64
	scale []float64
	// errors are quantiles of (actual - point)/scale, by level.
	errors []float64
	loss   []float64 // Pinball loss by level.
}

const (
	// expertsKept is how many point forecasts become distributions.
	expertsKept = 7
	// expertsWithin is how much larger than the least their error may be.
	expertsWithin = 1.6
)

// mixture is a set of experts with weights per level.
type mixture struct {
	*learned
	levels  []float64
	spread  []float64 // Scale of the error, by row.
	experts []*expert
	weights [][]float64 // By level, then expert.
	shift   []float64   // Correction per level, in units of the spread.
}

// mix turns what was learned into a distribution, using only the sampled
// origins before upTo (an index into the sample).
func (l *learned) mix(levels []float64, upTo int) *mixture {
	m := &mixture{learned: l, levels: levels, shift: make([]float64, len(levels))}
	stacked, loss := l.stack(upTo)
	m.spread = l.measureSpread(stacked, upTo)
	least := slices.Min(loss)
	order := make([]int, len(loss))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case loss[a] < loss[b]:
			return -1
		case loss[a] > loss[b]:
			return 1
		}
		return 0
	})
	m.experts = append(m.experts, &expert{point: stacked, scale: m.spread})
	for n, k := range order {
		if n >= expertsKept || loss[k] > expertsWithin*least {
			break
		}
		if n > 0 && loss[k] == loss[order[n-1]] {
			continue // The same forecast under another name.
		}
		m.experts = append(m.experts, &expert{point: l.points[k], scale: m.spread})
	}
	rows := len(l.actual) + 1
	ones := make([]float64, rows)
	for i := range ones {
		ones[i] = 1
	}
	m.experts = append(m.experts, &expert{point: make([]float64, rows), scale: ones})
	work := &scratch{errors: make([]float64, upTo)}
	for _, e := range m.experts {
		e.fit(m, work)
	}
	m.weigh()
	m.calibrate(work)
	return m
}

// scratch is memory for errors at the origins that may be used.
type scratch struct {
	quantiler
	errors []float64
}

// fit finds the quantiles of an expert's errors and what they would have lost.
func (e *expert) fit(m *mixture, work *scratch) {
	n := len(work.errors)
	for i := range work.errors {
		work.errors[i] = (m.actual[i] - e.point[i]) / e.scale[i]
	}
	both := make([]float64, 2*len(m.levels))
	e.errors, e.loss = both[:len(m.levels)], both[len(m.levels):]
	work.quantiles(work.errors, m.learned.weights[:n], m.levels, e.errors)
	for j, level := range m.levels {
		q, miss, above := e.errors[j], 0.0, 0.0
		for i, u := range work.errors {
			d := m.learned.weights[i] * e.scale[i] * (u - q)
			above += d
			miss += math.Abs(d)
		}
		// level·d for d > 0 and (level-1)·d for d < 0 is |d|/2 + (level-1/2)·d.
		e.loss[j] = miss/2 + (level-0.5)*above
	}
}

// weigh gives each level its weights. Losses of neighbouring levels count
// half, since outer quantiles see few misses.
func (m *mixture) weigh() {
	m.weights = make([][]float64, len(m.levels))
	loss := make([]float64, len(m.experts))
	for j := range m.levels {
		for k, e := range m.experts {
			loss[k] = e.loss[j]
		}
		m.weights[j] = softmax(loss)
	}
}

// raw is the weighted quantile before correction, summed as differences from
// the first expert so that experts who agree are repeated exactly.
func (m *mixture) raw(row, j int) float64 {
	base, sum := m.experts[0].point[row], 0.0
	for k, w := range m.weights[j] {
		if w > 0 {
			e := m.experts[k]
			sum += w * (e.point[row] - base + e.scale[row]*e.errors[j])
		}
	}
	return base + sum
}

// calibrate shifts each quantile, in units of the spread, to where it has had
// its stated share of the past below it: averages of quantiles are otherwise
// too wide, since errors of experts partly cancel. This is the batch form of
// conformal calibration.
func (m *mixture) calibrate(work *scratch) {
	n := len(work.errors)
	trust := m.independent()
	trust /= trust + 5
	for j, level := range m.levels {
		outer := j == 0 || j == len(m.levels)-1
		if len(m.levels) > denseLevels && !outer && level > innerLow && level < innerHigh && level != 0.5 {
			m.shift[j] = math.NaN()
			continue
		}
		for i := range work.errors {
			work.errors[i] = (m.actual[i] - m.raw(i, j)) / m.spread[i]
		}
		work.quantiles(work.errors, m.learned.weights[:n], m.levels[j:j+1], m.shift[j:j+1])
		m.shift[j] *= trust
	}
	bridge(m.levels, m.shift)
}

// bridge replaces NaN by linear interpolation over the levels.
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

// Of more than denseLevels levels, those between innerLow and innerHigh are
// not calibrated but follow their neighbours and the median.
const (
	denseLevels         = 7
	innerLow, innerHigh = 0.1, 0.9
)

// scarcity widens quantiles by this much for each share of the history that
// the horizon takes: the errors of a day ahead in a week of history are those
// of seven trials, whose quantiles lie too close together.
const scarcity = 2

// quantiles is the distribution at a row, ascending and within bounds. Where
// little is known a prior widens it.
func (m *mixture) quantiles(row int) []float64 {
	known := m.independent()
	ignorance := 2 / (2 + known*known*known)
	if ignorance < 1e-3 {
		ignorance = 0
	}
	out := make([]float64, len(m.levels))
	stretch := math.Sqrt(math.Sqrt(float64(m.ahead)/float64(m.reach))) * (1 + scarcity*float64(m.reach)/float64(len(m.y)))
	middle := m.experts[0].point[row]
	for j, level := range m.levels {
		q := m.raw(row, j) + m.shift[j]*m.spread[row]
		q = middle + stretch*(q-middle)
		out[j] = (1-ignorance)*q + ignorance*m.prior(middle, level)
	}
	slices.Sort(out)
	for j := range out {
		out[j] = m.clamp(out[j])
	}
	return out
}

// prior is what may come where nothing is known but a level: log-normal
// factors whose spread grows with the horizon, about 1.75 times the level at
// the 0.95 quantile five minutes ahead, 3.2 times a day ahead. Maxima lie
// above the level.
func (m *mixture) prior(middle, level float64) float64 {
	if m.peak {
		level = (1 + level) / 2
	}
	hours := float64(m.ahead) * m.step.Hours()
	sigma := 0.3 * math.Sqrt(1+math.Log1p(4*hours))
	return middle + max(math.Abs(middle), m.mean)*(math.Exp(sigma*normalQuantile(level))-1)
}

// normalQuantile is that of the standard normal distribution.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// recentCoverage is the share of the last day's targets that the 0.95
// quantile, learned from what was before, was not below; ok is false where
// there is too little to say.
func (l *learned) recentCoverage() (share float64, ok bool) {
	split, _ := slices.BinarySearch(l.origins, l.last()-int(l.steps(24*time.Hour)))
	before := split
	for before > 0 && split < len(l.origins) && l.origins[before-1]+l.reach > l.origins[split] {
		before--
	}
	if before < 50 || len(l.origins)-split < 12 {
		return 0, false
	}
	m := l.mix([]float64{0.95}, before)
	hit, total := 0.0, 0.0
	for i := split; i < len(l.origins); i++ {
		total += l.weights[i]
		if l.actual[i] <= m.raw(i, 0)+m.shift[0]*m.spread[i] {
			hit += l.weights[i]
		}
	}
	return hit / total, true
}
