package forecaster

import (
	"math"
	"slices"
	"time"
)

// Forecast returns quantiles of what comes after the newest grid point. Without
// any observation the error is [ErrTooShort].
func (m *Model) Forecast() (Forecast, error) {
	h := m.history
	if h.len() == 0 {
		return Forecast{}, ErrTooShort
	}
	n := len(m.steps)
	f := Forecast{
		Origin: m.end(), Levels: slices.Clone(m.levels), Span: time.Duration(h.last()) * h.step,
		Horizons: make([]time.Duration, 0, n), Point: make([][]float64, 0, n), Max: make([][]float64, 0, n),
	}
	rows := make([]float64, 2*n*len(m.levels)) // In one piece: forecasts are kept by the thousand.
	for i, k := range m.steps {
		ahead := time.Duration(k) * h.step
		event, _ := m.events.at(f.Origin.Add(ahead))
		point := m.apply(event, m.quantiles(i, false))
		peak := point
		if k > 1 {
			peak = m.peak(i)
		}
		f.Horizons = append(f.Horizons, ahead)
		var row []float64
		row, rows = cut(rows, len(m.levels))
		f.Point = append(f.Point, m.whole(point, row))
		row, rows = cut(rows, len(m.levels))
		f.Max = append(f.Max, order(m.whole(peak, row), f))
	}
	m.describe(&f)
	if m.options.Light {
		m.work, m.present = arena{}, nil // Room is dearer than time.
	}
	return f, nil
}

// quantiles forecasts one target. After a gap that is long for the horizon it
// is learned at the distance from the last observation.
func (m *Model) quantiles(i int, maximum bool) []float64 {
	h, k := m.history, m.steps[i]
	f := m.values[i]
	if maximum {
		f = m.maxima[i]
	}
	if gap := roundGap(h.stale); 4*gap > k {
		key := staleKey{i, maximum}
		if was := m.stale[key]; was.gap != gap || was.cycle != m.cycle {
			if m.stale == nil {
				m.stale = map[staleKey]staleFit{}
			}
			m.stale[key] = staleFit{gap, m.fit([]*aim{newAim(h, k, gap, maximum)}, false)[0]}
		}
		f = m.stale[key].fit
	}
	a := newAim(h, k, h.stale, maximum)
	c := m.context(a, f)
	m.work.reset()
	return f.quantiles(c, h.last(), m.levels, &m.work)
}

// context is the present for one target. The next call takes its place.
func (m *Model) context(a *aim, f *fit) *context {
	if m.present == nil {
		m.present = &context{}
	}
	m.signals.context(m.present, a, f, nil)
	return m.present
}

// roundGap rounds down to 1, 2, 3, 4, 6, 8, 12, 16, 24 and so on.
func roundGap(n int) int {
	if n < 4 {
		return n
	}
	p := 4
	for 2*p <= n {
		p *= 2
	}
	if n >= p+p/2 {
		return p + p/2
	}
	return p
}

// cut cuts the first n values off.
func cut(values []float64, n int) (first, rest []float64) { return values[:n:n], values[n:] }

// whole returns, in out, quantiles that the series can take: whole where it always was;
// where it is zero at times, not between zero and the least that it was above;
// and its ceiling where they lie next to one.
func (m *Model) whole(row, out []float64) []float64 {
	h := m.history
	for j, v := range row {
		switch {
		case h.whole:
			v = math.Round(v)
		case h.zeros && len(m.events) == 0 && v > 0 && v < h.least/2:
			v = 0
		case h.zeros && len(m.events) == 0 && v > 0 && v < h.least:
			v = h.least
		case len(m.events) == 0 && h.ceiling(v):
			v = h.largest
		}
		out[j] = v
	}
	return out
}

// order raises quantiles of a maximum to those of the value at its window's
// end, and to those of the maximum of the window before.
func order(peak []float64, f Forecast) []float64 {
	point := f.Point[len(f.Point)-1]
	for j := range peak {
		peak[j] = max(peak[j], point[j])
		if n := len(f.Max); n > 0 {
			peak[j] = max(peak[j], f.Max[n-1][j])
		}
	}
	return peak
}

// describe fills in what the forecast says about itself.
func (m *Model) describe(f *Forecast) {
	var loss [4]float64
	for _, v := range m.values {
		for r, b := range v.best {
			loss[r] += float64(b)
		}
	}
	h := m.history
	if !m.cycleFound {
		loss[seasonCycle] = math.Inf(1)
	}
	// The shortest period that is as good as any, within two percent.
	enough := slices.Min(loss[:]) / 0.98
	switch {
	case loss[seasonNone] <= enough:
	case loss[seasonCycle] <= enough:
		f.Season = time.Duration(m.cycle) * h.step
	case loss[seasonDay] <= enough:
		f.Season = time.Duration(h.day) * h.step
	default:
		f.Season = time.Duration(h.week) * h.step
	}
	if v := m.values[0].coverage; !math.IsNaN(v) {
		f.Coverage95 = v
	}
	f.Confidence = m.confidence(*f)
}

// fullSpan is how much history confidence asks for.
const fullSpan = 14 * 24 * time.Hour

// confidence is the product of three shares: the root of the span over two
// weeks, observed values over grid points, and calibration, which loses 4
// points for each that the recent coverage of the 0.95 quantile lies under
// 0.95, and one for each it lies over.
func (m *Model) confidence(f Forecast) float64 {
	h := m.history
	span := min(1, float64(f.Span)/float64(fullSpan))
	observed := float64(h.observed) / float64(h.len()+h.stale)
	calibration := 1.0
	if f.Coverage95 > 0 {
		calibration = 1 - 4*max(0, 0.95-f.Coverage95) - max(0, f.Coverage95-0.95)
	}
	return math.Sqrt(span) * observed * max(0, min(1, calibration))
}

// Predict returns quantiles of what a series does after its end: those of
// [Model.Forecast] of a [Model] that has seen it.
func Predict(s Series, o Options) (Forecast, error) {
	space := borrowWorkspace()
	defer space.giveBack()
	m, err := newModel(s, o, NotAlone, space)
	if err != nil {
		return Forecast{}, err
	}
	return m.Forecast()
}
