package forecaster

import (
	"slices"
	"time"
)

// Model forecasts one series that grows. [Model.Update] takes the next value
// in constant time (amortised, see below), [Model.Forecast] gives quantiles of
// what comes after it.
//
// A model rests on the values since its anchor: a midnight (UTC) at least
// [Options.History] back, moved up by a day each day. What it knows is a
// function of those values alone, however they were fed: a model built from the
// history by [NewModel] and one that lived through it give the same forecasts,
// bit for bit, so a restart changes nothing.
//
// Smoothing, profiles and volatility are carried on with every value. How to
// weigh and correct the point forecasts made from them is learned anew every
// hour on the clock for targets up to a quarter of an hour ahead, every two up
// to six hours, every four beyond and in light mode, on the first day of a series
// whenever it has grown by a fifth, when a value goes beyond the bounds of
// forecasts, when a value has turned out a fault of monitoring, and when the anchor
// moves. A Model is not safe for concurrent use.
type Model struct {
	options Options
	steps   []int
	levels  []float64
	points  []point
	events  calendar

	first   time.Time // Of the next value while there is none, then of index 0.
	history *history
	signals *signals
	agenda  agenda
	faults  faults
	// cycle is the period in steps of a rhythm, looked for when all is learned.
	cycle      int
	cycleFound bool
	values     []*fit
	maxima     []*fit
	parts      []part                // Fits for parts of windows that events cut.
	stale      map[staleKey]staleFit // Fits for a series that has stopped.
	work       arena
	present    *context   // Of the target that is forecast.
	brief      *workspace // Where the history lies of a model that is not kept; else nil.
	kind       Alone
	alone      map[*fit][]*fit // Of each fit those by each point forecast alone; nil unless asked for.
}

// staleKey tells apart targets that are forecast after a gap.
type staleKey struct {
	horizon int
	maximum bool
}

// staleFit is a fit made for a gap of that many steps. One for a longer gap, or
// with a rhythm found since, takes its place.
type staleFit struct {
	gap int
	*fit
}

// NewModel returns a model that has seen the values of a series; of a series
// without values it takes start and step. Gaps, infinities and numbers near
// the end of the float64 range count as missing.
func NewModel(s Series, o Options) (*Model, error) {
	return newModel(s, o, NotAlone, nil)
}

func newModel(s Series, o Options, kind Alone, brief *workspace) (*Model, error) {
	if err := o.check(s); err != nil {
		return nil, err
	}
	steps, err := o.steps(s.Step)
	if err != nil {
		return nil, err
	}
	levels, err := o.levels()
	if err != nil {
		return nil, err
	}
	if err := o.CheckParts(); err != nil {
		return nil, err
	}
	if err := checkCovariates(o.Covariates); err != nil {
		return nil, err
	}
	events, err := o.calendar()
	if err != nil {
		return nil, err
	}
	m := &Model{options: o, steps: steps, levels: levels, points: points(o), events: events, brief: brief}
	if kind != NotAlone {
		m.kind, m.alone = kind, map[*fit][]*fit{}
	}
	m.load(events.usualSeries(o.Needed(s)), true)
	return m, nil
}

// load starts anew with the values of a series, and learns from them if asked
// to: each kind of target once, at the last time it was due.
func (m *Model) load(s Series, learn bool) {
	m.first = s.Start
	m.history = newHistory(s.Step, m.options.history()+24*time.Hour, m.options.Light)
	m.history.planned = m.options.Covariates
	m.history.within(len(s.Values), m.brief)
	m.signals = newSignals(m.history, m.steps[len(m.steps)-1])
	m.signals.within(len(s.Values), m.brief)
	m.agenda, m.values, m.maxima, m.parts, m.stale = agenda{}, nil, nil, nil, nil
	m.faults = newFaults(s.Step)
	values, changed := m.faults.clean(s.Values, m.history)
	var last [3]int // When each kind of target was learned last, see learnEvery.
	for i, v := range values {
		due := m.agenda.add(m.history, s.Time(i), v)
		if slices.Contains(changed, i) {
			due = learnRarely
		}
		for k := range last {
			if due >= learnRarely>>k {
				last[k] = i + 1
			}
		}
	}
	for i, v := range values {
		m.take(v)
		m.follow(v)
		for k, at := range last {
			if !learn || i+1 != at {
				continue
			}
			over := time.Duration(0)
			if later := slices.IndexFunc(last[:], func(n int) bool { return n > at }); later >= 0 {
				over = learnRarely >> later // Those are learned again.
			}
			m.learn(learnRarely>>k, over)
			break
		}
	}
}

// anchor is the instant before which a series that has come to t is forgotten.
func (o Options) anchor(t time.Time) time.Time {
	return t.UTC().Truncate(24 * time.Hour).Add(-o.history())
}

// Needed is the part of a series that a forecast of what comes after it rests
// on, sharing its values: it gives the same forecast as the whole.
func (o Options) Needed(s Series) Series {
	if len(s.Values) == 0 || s.Step <= 0 {
		return s
	}
	cut := o.anchor(s.End()).Sub(s.Start)
	if cut <= 0 {
		return s
	}
	k := int((cut + s.Step - 1) / s.Step)
	return Series{Start: s.Time(k), Step: s.Step, Values: s.Values[k:]}
}

// end is the time of the newest grid point.
func (m *Model) end() time.Time {
	return m.first.Add(time.Duration(m.history.len()+m.history.stale-1) * m.history.step)
}

// take carries the signals on by one value.
func (m *Model) take(v float64) {
	if m.history.len() == 0 && !m.history.usable(v) {
		m.first = m.first.Add(m.history.step)
		return
	}
	if m.history.len() == 0 {
		m.history.start = m.first
	}
	whole := m.history.whole
	m.history.add(v, m.signals.add)
	if e, ok := m.events.at(m.end()); ok && m.history.stale == 0 {
		m.history.whole = whole && e.wasWhole(m.history.at(m.history.last()))
	}
	if m.history.stale == 0 {
		m.stale = nil
	}
}

// Update takes the next value on the grid; NaN for one that is missing.
func (m *Model) Update(v float64) {
	h := m.history
	now := m.first
	if h.len() > 0 {
		now = m.end().Add(h.step)
	}
	v = m.events.usual(now, v)
	if anchor := m.options.anchor(now); h.len() > 0 && m.first.Before(anchor) && m.options.anchor(now.Add(-h.step)).Before(anchor) {
		kept := Series{Start: now, Step: h.step} // Where nothing but gaps is left.
		if k := int((anchor.Sub(m.first) + h.step - 1) / h.step); k < h.len() {
			kept.Start, kept.Values = m.first.Add(time.Duration(k)*h.step), m.seen(m.faults.found)[k:]
		}
		m.load(kept, false) // At midnight all is learned below.
	}
	if found := m.faults.found; (m.history.len() > 0 || m.history.usable(v)) && m.faults.add(m.history.given(v)) {
		m.load(Series{Start: m.first, Step: h.step, Values: append(m.seen(found), v)}, false)
		m.learn(learnRarely, 0)
		return
	}
	m.take(v)
	m.follow(v)
	m.learn(m.agenda.add(m.history, now, v), 0)
}

// seen is the history since the first observation as it was given: with its gaps,
// and with what was taken for faults.
func (m *Model) seen(found []fault) []float64 {
	values := m.history.raw(0)
	restore(values, found)
	return values
}

// follow lets the fits learn from the newest value, if it is one.
func (m *Model) follow(v float64) {
	if m.options.Light || m.values == nil || !m.history.usable(v) {
		return
	}
	for i := range m.values {
		for _, f := range []*fit{m.values[i], m.maxima[i]} {
			if f == nil { // A window of one step has no maximum of its own.
				continue
			}
			f.settle(m.history, m.history.last())
			f.issue(m)
			for _, g := range m.alone[f] {
				g.settle(m.history, m.history.last())
				g.issue(m)
			}
		}
	}
}

func (m *Model) sampleSize() int {
	if m.options.Light {
		return lightSample
	}
	return fullSample
}

// learn fits anew the targets that are learned at least so often, without those
// that are learned as often as over or more often.
func (m *Model) learn(due, over time.Duration) {
	if due == 0 || m.history.len() == 0 {
		return
	}
	var aims []*aim
	var at []**fit
	if m.values == nil {
		m.values, m.maxima = make([]*fit, len(m.steps)), make([]*fit, len(m.steps))
	}
	for i, k := range m.steps {
		every := learnEvery(time.Duration(k)*m.history.step, m.options.Light)
		if every <= over {
			continue
		}
		if every > due {
			break
		}
		aims, at = append(aims, newAim(m.history, k, 0, false)), append(at, &m.values[i])
		if k > 1 {
			aims, at = append(aims, newAim(m.history, k, 0, true)), append(at, &m.maxima[i])
		}
	}
	if len(aims) == 0 && due < learnRarely {
		return
	}
	m.parts = m.partsAhead()
	for i := range m.parts {
		aims, at = append(aims, newPartAim(m.history, m.parts[i].lead, m.parts[i].width)), append(at, &m.parts[i].fit)
	}
	for i, f := range m.fit(aims, due == learnRarely) {
		*at[i] = f
	}
}

// fit learns several targets in one pass over the history, and before that, if
// asked to, looks for a rhythm.
func (m *Model) fit(aims []*aim, detect bool) []*fit {
	h := m.history
	by := 1 / h.scale()
	space := borrowWorkspace()
	defer space.giveBack()
	y := h.values(&space.kept)
	scaled, base := space.kept.room(len(y)), space.kept.room(len(y))
	replay := newSignals(h, m.steps[len(m.steps)-1])
	replay.within(len(y), space)
	level := newEWMA(replay.baseHalfLife())
	for i, v := range y {
		level.add(v)
		scaled[i], base[i] = by*v, by*level.mean
	}
	if detect {
		m.cycle, m.cycleFound = detectCycle(scaled, h)
	}
	learners := make([]*learner, len(aims))
	for i, a := range aims {
		learners[i] = m.newLearner(a, scaled, base, m.cycle, space)
	}
	next := 0 // The first origin that one of them asks for.
	for o, v := range y {
		replay.add(v)
		if o < next {
			continue
		}
		next = len(y)
		for _, l := range learners {
			if l.due() == o {
				l.visit(replay)
			}
			next = min(next, l.due())
		}
	}
	fits := make([]*fit, len(aims))
	for i, l := range learners {
		fits[i] = l.finish()
		space.work.reset()
	}
	return fits
}
