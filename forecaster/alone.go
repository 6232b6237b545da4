package forecaster

import "slices"

// What each point forecast would say by itself, for measuring what the whole is
// worth, is what [Options.Only] gives, one after the other, but learned
// in one go: the point forecast and its own past errors, scaled by how large
// errors are in the state of the moment, their quantiles moved to the coverage
// they state.

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
		out = append(out, c.distribute(stacked))
	}
	return out
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
