package forecaster

import (
	"math"
	"time"
)

// part is a fit for a part of a window: the largest of width values, of which
// the first comes lead steps after the next one.
type part struct {
	lead, width int
	fit         *fit
}

func newPartAim(h *history, lead, width int) *aim {
	a := newAim(h, lead+width, 0, true)
	a.width = width
	return a
}

// partsAhead lists the parts that forecasts need until the next fit: those of
// windows with an event in them. Lead and width are rounded as gaps are, so
// that an event far away needs few.
func (m *Model) partsAhead() []part {
	if len(m.events) == 0 {
		return nil
	}
	h := m.history
	known := map[[2]int]bool{}
	var out []part
	next := learnEvery(time.Duration(m.steps[0])*h.step, m.options.Light)
	for later := range int(h.steps(next)) + 1 {
		origin := m.end().Add(time.Duration(later) * h.step)
		for _, k := range m.steps {
			runs := m.events.runs(origin, h.step, k)
			if len(runs) < 2 {
				continue
			}
			_, apart := split(runs)
			for _, r := range apart {
				for _, stale := range [2]int{0, h.stale + later} {
					key := [2]int{roundGap(stale + r.from - 1), roundGap(r.to - r.from + 1)}
					if !known[key] {
						known[key] = true
						out = append(out, part{lead: key[0], width: key[1]})
					}
				}
			}
		}
	}
	return out
}

// peak forecasts the maximum up to horizon number i under the events. Where
// they change within the window it is, for every level, the largest of the
// quantiles of the parts; the whole window at the least factor is one of them.
// For parts that rise and fall together that is exact, else a little low.
func (m *Model) peak(i int) []float64 {
	usual := func() []float64 { return m.quantiles(i, true) }
	runs := m.events.runs(m.end(), m.history.step, m.steps[i])
	switch len(runs) {
	case 0:
		return usual()
	case 1:
		return m.apply(runs[0].effect, usual())
	}
	least, apart := split(runs)
	var out []float64
	if least > 0 {
		out = m.apply(effect{factor: least}, usual())
	}
	for _, r := range apart {
		row := m.partQuantiles(r)
		if row == nil {
			row = usual()
		}
		row = m.apply(r.effect, row)
		if out == nil {
			out = row
			continue
		}
		for j, v := range row {
			out[j] = max(out[j], v)
		}
	}
	return out
}

// partQuantiles forecasts the maximum over a part of a window by the fit for
// the nearest lead and width; nil if there is none.
func (m *Model) partQuantiles(r run) []float64 {
	h := m.history
	lead, width := h.stale+r.from-1, r.to-r.from+1
	var best *part
	least := math.Inf(1)
	for i := range m.parts {
		p := &m.parts[i]
		away := math.Abs(math.Log(float64(p.lead+1)/float64(lead+1))) + math.Abs(math.Log(float64(p.width)/float64(width)))
		if away < least {
			best, least = p, away
		}
	}
	if best == nil {
		return nil
	}
	f := best.fit
	c := m.context(newPartAim(h, lead, width), f)
	m.work.reset()
	return f.quantiles(c, h.last(), m.levels, &m.work)
}
