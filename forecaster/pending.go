package forecaster

import "slices"

// pendingRow is a forecast whose target is not known yet.
type pendingRow struct {
	origin            int32
	log, spread, lean float32
	points            []float32 // By expert.
}

// pendingMost is how many forecasts are noted between two fits, about. It takes
// steps below a quarter of a minute to have more.
const pendingMost = 1000

// stride is the distance, in steps, of the origins whose forecasts are noted.
func (a *aim) stride() int { return int(a.interval)/pendingMost + 1 }

// issue notes the forecast made at the newest observation, if its target will
// be known before the next fit.
func (f *fit) issue(m *Model) {
	o := m.history.last()
	if o%f.stride() != 0 || o+f.reach > f.at+int(f.interval) {
		return
	}
	a := *f.aim
	a.steps, a.ahead = f.reach, float64(f.reach)
	p := f.present(m.context(&a, f), &m.work)
	m.work.reset()
	row := pendingRow{origin: int32(o), log: float32(p.logScale), spread: float32(p.scale), lean: float32(p.lean)} //nolint:gosec // At most some ten thousand.
	for _, v := range p.points {
		row.points = append(row.points, float32(v))
	}
	f.pending = append(f.pending, row)
}

// settle takes the errors of the forecasts whose targets are complete by index
// now into the sample, so that the newest errors count between fits.
func (f *fit) settle(h *history, now int) {
	for len(f.pending) > 0 && int(f.pending[0].origin)+f.reach <= now {
		row := f.pending[0]
		f.pending = f.pending[1:]
		end := int(row.origin) + f.reach
		if end < f.width-1 || !h.halfSeen(end, f.width) {
			continue
		}
		f.insert(row, f.by*h.peak(end-f.width+1, end))
	}
}

func (f *fit) insert(row pendingRow, actual float64) {
	n := uint16(len(f.origins)) //nolint:gosec // Some hundred.
	f.origins = append(f.origins, row.origin)
	f.factors = append(f.factors, float32(f.stride()))
	f.decay = append(f.decay, float32(f.importance.decayed(float64(f.at)-float64(row.origin))))
	f.logs, f.spread, f.lean = append(f.logs, row.log), append(f.spread, row.spread), append(f.lean, row.lean)
	for k := range f.experts {
		e := &f.experts[k]
		u := float32(actual)
		if e.point != pointNothing {
			u = float32((actual - float64(row.points[k])) / float64(row.spread))
		}
		i, _ := slices.BinarySearch(e.errors, u)
		e.errors = slices.Insert(e.errors, i, u)
		e.rows = slices.Insert(e.rows, i, n)
	}
}
