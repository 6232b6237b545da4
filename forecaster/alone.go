package forecaster

import (
	"math"
	"slices"
)

// Alone says whether a backtest adds what each point forecast would say by itself,
// for measuring what the whole is worth.
type Alone int

const (
	// NotAlone adds nothing.
	NotAlone Alone = iota
	// AloneScaled is what [Options.Only] gives, one after the other, but learned in
	// one go: the point forecast and its own past errors in units of how large
	// errors are in the state of the moment, those of late and of the same time of
	// day and week counting more, and moved to the coverage they state.
	AloneScaled
	// AloneBare has the past errors as they are, all alike, as the seasonal
	// naive reference has.
	AloneBare
)

// apart makes one fit by each point forecast alone.
func (l *learner) apart(stacked []float64) []*fit {
	names, _ := Parts()
	out := make([]*fit, 0, len(names))
	for _, name := range names {
		model, f, c := *l.model, *l.fit, *l
		model.options.Only, model.alone = name, nil
		rows := *l.rows
		rows.origins, rows.factors, rows.decay = slices.Clone(rows.origins), slices.Clone(rows.factors), slices.Clone(rows.decay)
		f.rows, f.unconditioned = &rows, true
		c.model, c.fit = &model, &f
		if model.kind == AloneBare {
			c.strip()
		}
		out = append(out, c.distribute(stacked))
	}
	return out
}

// strip takes away all but the errors themselves: scale, importance and
// calibration.
func (l *learner) strip() {
	l.model.options.Without = append(slices.Clone(l.model.options.Without), partCalibrate)
	l.importance = importance{halfLife: math.Inf(1), weekFade: math.Inf(1)}
	l.errorScale = errorScale{} // One.
	l.logs, l.spread = make([]float32, len(l.from)), slices.Repeat([]float32{1}, len(l.from))
	l.weights = make([]float64, len(l.origins))
	for i, v := range l.factors {
		l.weights[i], l.decay[i] = float64(v), 1
	}
}

// each returns one forecast by each of [Parts]' point forecasts.
func (m *Model) each() ([]Forecast, error) {
	names, _ := Parts()
	out := make([]Forecast, 0, len(names))
	for k, name := range names {
		c := *m
		c.options.Only, c.alone, c.stale = name, nil, nil
		pick := func(fits []*fit) []*fit {
			picked := make([]*fit, len(fits))
			for i, f := range fits {
				if f != nil {
					picked[i] = m.alone[f][k]
				}
			}
			return picked
		}
		c.values, c.maxima = pick(m.values), pick(m.maxima)
		f, err := c.Forecast()
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}
