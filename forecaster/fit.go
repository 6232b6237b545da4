package forecaster

import (
	"math"
	"slices"
)

// fit is what the past says about one target: how to weigh the point forecasts
// and how far off they were at a sample of past origins. It is made now and
// then; a forecast takes it together with the present.
//
// Numbers are scaled by a power of two so that the largest value of the history
// lies near 1.
type fit struct {
	*aim
	// reach is the distance that was learned from; less than the aim's where
	// history is short.
	reach           int
	by              float64 // The factor from the series' unit.
	low, high, mean float64
	at              int // Index of the newest observation at the fit.
	trials          float64
	usual           float64 // How much the target changes from day to day, see change.
	record          float64 // The largest of the last days, see record.
	prior           *Prior  // Nil for the learned one.
	points          []point
	cycle           int // The period that was detected, in steps, an hour if none was.
	// even gives all experts the same weight, unconditioned all errors what
	// their age is worth.
	even, unconditioned bool

	importance importance
	*rows      // Nil in light mode.

	stack       []float32  // Weights of the point forecasts in their mean.
	best        [4]float32 // The least summed absolute error, by season.
	regressions [2]*regression
	errorScale  errorScale
	experts     []expert
	shift       []float32 // Calibration per level, in units of the spread.
	table       *mixture  // In place of the rows, in light mode.
	coverage    float64   // Of the 0.95 quantile on the last day; NaN if unknown.
}

// rows are past forecasts with what came.
type rows struct {
	sample
	decay   []float32 // Of importance, at the fit.
	spread  []float32 // Scale of the error by row, with its logarithm.
	logs    []float32
	lean    []float32    // Side feature of the condition, by row.
	pending []pendingRow // Forecasts whose targets are not known yet, by origin.
}

// expert is one distribution: its point forecast plus a scale times quantiles
// of its own past errors in units of that scale.
type expert struct {
	// point is a position among the point forecasts, or one of the two below.
	point       int
	*pastErrors // Nil in light mode.
}

// pastErrors are (actual - point)/scale, ascending, and which row each is of.
type pastErrors struct {
	errors []float32
	rows   []uint16
}

const (
	pointStack   = -1 // The weighted mean of all point forecasts.
	pointNothing = -2 // Zero with scale one: the plain distribution of targets.
)

const (
	fullSample, lightSample = 320, 128
	// fullExperts and lightExperts are how many point forecasts become
	// distributions of their own, expertsWithin how much larger than the least
	// their error may be.
	fullExperts, lightExperts = 4, 2
	expertsWithin             = 1.6
)

// learner is a fit in the making: point forecasts at the sampled origins.
type learner struct {
	*fit
	model   *Model
	space   *workspace
	kept    *arena // Until all targets are learned.
	work    *arena // Until this one is.
	context *context
	aimed   aim         // What is learned from: the aim at the reach.
	targets []float64   // By the index at which they are complete, scaled.
	actual  []float64   // By row.
	values  [][]float64 // By point forecast, the two regressions last; then row.
	known   []errorInput
	weights []float64 // By row, at the fit.
	loss    []float64 // Of each point forecast: summed absolute error.
	// from are the origins of the rows: those sampled, and then those whose
	// targets will be known by the next fit.
	from []int32
	next int // The row that is to be filled.
}

// newLearner draws the sample for one target.
func (m *Model) newLearner(a *aim, y, base []float64, cycle int, space *workspace) *learner {
	h := m.history
	by := 1 / h.scale()
	low, high := h.bounds()
	f := &fit{
		rows: &rows{},
		aim:  a, reach: a.steps, by: by, low: by * low, high: by * high, mean: by * h.mean(), at: h.last(),
		points: m.points, cycle: cycle, prior: m.options.Prior, importance: h.importance(a), coverage: math.NaN(),
		even: !m.options.has(partWeights), unconditioned: !m.options.has(partCondition) || m.options.Only != "",
	}
	if !m.options.has(partEcho) {
		f.importance.day, f.importance.week = 0, 0
	}
	l := &learner{fit: f, model: m, space: space, kept: &space.kept, work: &space.work, context: &space.context, targets: y}
	if a.width > 1 {
		l.targets = l.kept.room(len(y))
		slidingMax(y, a.width, l.targets, l.work.room(len(y)))
	}
	f.usual = change(l.targets, a.width-1, h.day*((a.steps+h.day-1)/h.day)) // Over whole days.
	f.record = record(l.targets, a.steps, h.day)
	warm := min(h.day, h.len()/4)
	if f.at-a.steps-warm < 30 {
		f.reach = max(1, min(a.steps, h.len()/3))
	}
	l.aimed = *a
	l.aimed.steps, l.aimed.ahead = f.reach, float64(f.reach)
	if n := f.at - f.reach - warm + 1; n > 0 {
		l.draw(base, warm, n)
	}
	l.from = space.origins.room(len(f.origins) + l.room())[:len(f.origins)]
	copy(l.from, f.origins)
	if !m.options.Light {
		for o := max(0, f.at-f.reach+1); o <= min(f.at, f.at-f.reach+int(f.interval)); o++ {
			if h.wasSeen(o) && o%l.stride() == 0 {
				l.from = append(l.from, int32(o)) //nolint:gosec // At most some ten thousand.
			}
		}
	}
	l.weigh()
	l.work.reset()
	l.values = space.lists.room(len(f.points) + 2)
	for k := range l.values {
		l.values[k] = l.kept.room(len(l.from))
	}
	l.known = space.inputs.room(len(l.from))
	return l
}

// weigh finds what each row counts at the fit, and its target.
func (l *learner) weigh() {
	n := len(l.origins)
	l.actual, l.weights, l.decay = l.kept.room(n), l.kept.room(n), l.narrow(n)
	middle := l.interval / 2
	im := l.wide(middle)
	var known echoes
	if n > 0 {
		known = im.echoes(float64(l.at-int(l.origins[0]))+middle, l.work)
	}
	for i, o := range l.origins {
		age := float64(l.at - int(o))
		decayed := im.decayed(age)
		l.decay[i] = float32(decayed)
		l.weights[i] = float64(l.factors[i]) * (decayed + known.at(age+middle))
		l.actual[i] = l.targets[int(o)+l.reach]
	}
}

// room is how many rows come to a fit before the next.
func (l *learner) room() int {
	if l.model.options.Light {
		return 0
	}
	return int(l.interval)/l.stride() + 1
}

// wide is the importance for the middle of the time until the next fit: the
// echoes last as long.
func (f *fit) wide(middle float64) importance {
	im := f.importance
	im.width += middle
	return im
}

// draw samples the n origins from first on.
func (l *learner) draw(base []float64, first, n int) {
	h := l.model.history
	surprise := l.work.take(n)
	middle := l.interval / 2
	weight := l.wide(middle).all(l.at, first, n, middle, l.work)
	for i := range surprise {
		o := first + i
		surprise[i] = -1
		if end := o + l.reach; h.wasSeen(o) && end >= l.width-1 && h.halfSeen(end, l.width) {
			surprise[i] = math.Abs(l.targets[end] - base[o])
		}
	}
	size := l.model.sampleSize()
	kept := min(n, size+1)
	s := sample{origins: rowsOf(l, &l.space.origins, kept)[:0], factors: l.narrow(kept)[:0]}
	l.sample = draw(s, surprise, weight, first, size, l.work)
}

// due is the origin of the row that is to be filled next, an index that does not
// come where there is none.
func (l *learner) due() int {
	if l.next == len(l.from) {
		return math.MaxInt
	}
	return int(l.from[l.next])
}

// visit fills in the row that is due, from signals that have come as far as that.
func (l *learner) visit(s *signals) {
	c := l.context
	s.context(c, &l.aimed, l.fit, l.targets)
	for k, p := range l.points {
		l.values[k][l.next] = l.clamp(p.at(c))
	}
	l.known[l.next] = c.errorInput()
	l.next++
}

// rowsOf returns n items for as many rows of the fit, to be written before they are
// read, with room for more. In light mode a fit does not keep its rows: they are in a
// block.
func rowsOf[T any](l *learner, space *block[T], n int) []T {
	if l.model.options.Light {
		return space.room(n)
	}
	return make([]T, n, n+l.room())
}

func (l *learner) narrow(n int) []float32 { return rowsOf(l, &l.space.narrow, n) }

// trim leaves the rows that were sampled. In a fit that keeps them they are its
// own.
func (l *learner) trim(values []float32) []float32 {
	n := len(l.origins)
	if l.model.options.Light {
		return values[:n]
	}
	return append(l.narrow(n)[:0], values[:n]...)
}

// clamp moves a forecast into the bounds.
func (f *fit) clamp(v float64) float64 { return min(max(v, f.low), f.high) }

// finish turns the rows into a fit.
func (l *learner) finish() *fit {
	l.regress()
	stacked := l.stackUp()
	l.measureScale(stacked)
	if l.model.alone != nil {
		l.model.alone[l.fit] = l.apart(stacked)
	}
	return l.distribute(stacked)
}

// distribute turns point forecasts into distributions.
func (l *learner) distribute(stacked []float64) *fit {
	f := l.fit
	l.chooseExperts(stacked)
	f.lean = l.narrow(len(l.from))
	for i := range f.lean {
		f.lean[i] = float32(lean(l.known[i].y, stacked[i], float64(f.spread[i])))
	}
	f.trials = f.independent()
	points := l.expertPoints(stacked)
	for i := len(l.origins); i < len(l.from); i++ {
		row := pendingRow{origin: l.from[i], log: f.logs[i], spread: f.spread[i], lean: f.lean[i]}
		for _, v := range points[i] {
			row.points = append(row.points, float32(v))
		}
		f.pending = append(f.pending, row)
	}
	f.logs, f.spread, f.lean = l.trim(f.logs), l.trim(f.spread), l.trim(f.lean)
	l.calibrate(points)
	for k := range f.best {
		f.best[k] = math.MaxFloat32
	}
	for k, p := range f.points {
		f.best[p.season] = min(f.best[p.season], float32(l.loss[k]))
	}
	if l.table != nil { // What the rows say is in the table.
		f.rows = nil
		experts := make([]expert, len(f.experts))
		for k, e := range f.experts {
			experts[k].point = e.point
		}
		f.experts = experts
	}
	return f
}

// sharpness is κ of the weights exp(-κ (loss/least - 1)): less for horizons of
// which the history holds few.
func (a *aim) sharpness() float64 {
	if a.hours < 0.5 {
		return 14
	}
	return 8
}

// stackUp weighs the point forecasts by the sums of their absolute errors and
// returns their mean, by row.
func (l *learner) stackUp() []float64 {
	l.loss = make([]float64, len(l.values))
	for k, values := range l.values {
		for i, w := range l.weights {
			l.loss[k] += w * math.Abs(l.actual[i]-values[i])
		}
	}
	for _, part := range []string{partRidge, partRidgeLog} {
		if !l.model.options.has(part) || l.at+1 < ridgeTrials*l.reach {
			l.loss[l.position(part)] = math.Inf(1)
		}
	}
	share := l.work.take(len(l.loss))
	softmax(l.loss, l.sharpness(), share)
	l.stack = make([]float32, len(share))
	out := l.work.take(len(l.from))
	copy(out, l.values[0])
	for k, w := range share {
		l.stack[k] = float32(w)
		if w == 0 {
			continue
		}
		for i, v := range l.values[k] {
			out[i] += w * (v - l.values[0][i])
		}
	}
	return out
}

// softmax turns losses into weights that add up to one,
//
//	w ∝ exp(-κ (loss/least - 1)),
//
// without those below a hundredth of the largest. For K experts the weighted
// mean of the losses is then above the least by a factor of at most
// 1 + W((K-1)/e)/κ, W being Lambert's function: 7 % for eight experts and
// κ = 14; and by convexity so is the pinball loss of the mean forecast.
func softmax(loss []float64, sharpness float64, out []float64) {
	least := slices.Min(loss)
	total := 0.0
	for k, v := range loss {
		out[k] = 0
		switch {
		case v <= least:
			out[k] = 1
		case least > 0:
			out[k] = math.Exp(-sharpness * (v/least - 1))
		}
		if out[k] < 0.01 {
			out[k] = 0
		}
		total += out[k]
	}
	for k := range out {
		out[k] /= total
	}
}

// chooseExperts keeps the distributions of the stacked mean, of the best point
// forecasts, and of targets as such.
func (l *learner) chooseExperts(stacked []float64) {
	order := make([]int, len(l.loss))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case l.loss[a] < l.loss[b]:
			return -1
		case l.loss[a] > l.loss[b]:
			return 1
		}
		return 0
	})
	o := l.model.options
	if o.Only != "" {
		k := l.position(o.Only)
		l.addExpert(k, l.values[k])
		return
	}
	if o.has(partStack) {
		l.addExpert(pointStack, stacked)
	}
	kept := fullExperts
	if o.Light {
		kept = lightExperts
	}
	for n, k := range order {
		if kept == 0 || l.loss[k] > expertsWithin*l.loss[order[0]] {
			break
		}
		if n > 0 && l.loss[k] == l.loss[order[n-1]] {
			continue // The same forecast under another name.
		}
		l.addExpert(k, l.values[k])
		kept--
	}
	if o.has(partPlain) {
		l.addExpert(pointNothing, nil)
	}
}

// position is where a point forecast stands among the values.
func (l *learner) position(name string) int {
	switch name {
	case partRidge:
		return len(l.points)
	case partRidgeLog:
		return len(l.points) + 1
	}
	return max(0, slices.IndexFunc(l.points, func(p point) bool { return p.name == name }))
}

// addExpert sorts the errors of a point forecast.
func (l *learner) addExpert(point int, values []float64) {
	n := len(l.origins)
	e := expert{point: point, pastErrors: &pastErrors{errors: l.narrow(n), rows: rowsOf(l, &l.space.ranks, n)}}
	keys, spare := l.work.sortKeys(n)
	for i, actual := range l.actual {
		u := actual
		if values != nil {
			u = (actual - values[i]) / float64(l.spread[i])
		}
		keys[i] = sortKey(u, i)
	}
	sortKeys(keys, spare)
	for k, key := range keys {
		e.errors[k], e.rows[k] = sortedValue(key), uint16(key&0xffff)
	}
	l.experts = append(l.experts, e)
}

// independent is about how many separate trials the sample holds: origins
// closer than the horizon (at most six hours) see much the same future.
func (f *fit) independent() float64 {
	if len(f.origins) == 0 {
		return 0
	}
	span := float64(f.origins[len(f.origins)-1]-f.origins[0]) + 1
	apart := max(1, min(float64(f.reach), 6*f.ahead/max(f.hours, 1e-9)))
	return min(span/apart, float64(len(f.origins)))
}
