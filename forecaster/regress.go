package forecaster

import "math"

const (
	// ridgePenalty is that of the regressions at short horizons, relative to
	// the size of the features.
	ridgePenalty = 0.003
	// ridgeBlocks is how often a regression is solved again on the way through
	// the history, so that every past forecast is made from its own past.
	ridgeBlocks = 10
)

// regression is a ridge regression of the target on all candidates, both as
// differences from the level, in one of two views: as they are, where effects
// add up, or as logarithms, where they multiply.
type regression struct {
	*learned
	logs  bool
	floor float64   // Added before taking logarithms.
	base  []float64 // The level in the view, by row.
	x     []float64 // Features, row by row.
	out   []float64 // The forecasts.
}

// regress fills in the last two candidates. Negative series have no
// logarithms; they get the same regression twice.
func (l *learned) regress() {
	plain, logs := l.points[candidateCount], l.points[candidateCount+1]
	(&regression{learned: l, out: plain}).run()
	if l.low < 0 {
		copy(logs, plain)
		return
	}
	(&regression{learned: l, out: logs, logs: true, floor: 0.05*l.mean + 1e-12}).run()
}

// view and back go from values to the view and from there to values.
func (r *regression) view(v float64) float64 {
	if r.logs {
		return math.Log(max(v, 0) + r.floor)
	}
	return v
}

func (r *regression) back(v float64) float64 {
	if r.logs {
		return math.Exp(min(v, 5)) - r.floor
	}
	return v
}

// prepare finds the features: an intercept and how far each candidate lies from
// the level.
func (r *regression) prepare() {
	rows := len(r.out)
	r.x, r.base = make([]float64, rows*candidateCount), make([]float64, rows)
	for i := range rows {
		r.base[i] = r.view(r.points[candidateLevel][i])
		row := r.row(i)
		row[0] = 0.1 * r.mean
		for c := 1; c < candidateCount; c++ {
			row[c] = r.view(r.points[c][i]) - r.base[i]
		}
	}
}

func (r *regression) row(i int) []float64 {
	return r.x[i*candidateCount : (i+1)*candidateCount]
}

// penalty grows with the horizon, since the same history then holds fewer
// separate trials.
func (r *regression) penalty() float64 {
	return ridgePenalty * (1 + 4*float64(r.ahead)*r.step.Hours())
}

// run goes through the history in blocks of origins. The forecasts of a block
// rest on the targets complete by its start; those of the blocks before there
// are enough rest on the first coefficients that exist.
func (r *regression) run() {
	r.prepare()
	n := len(r.actual)
	fit := newRidge(candidateCount)
	var beta []float64
	known, pending := 0, 0 // Rows used; the first row without a forecast.
	for block := range ridgeBlocks + 1 {
		from, to := block*n/ridgeBlocks, (block+1)*n/ridgeBlocks
		if block == ridgeBlocks {
			from, to = n, n+1
		}
		now, _ := r.origin(from)
		for ; known < n && r.origins[known]+r.reach <= now; known++ {
			fit.add(r.row(known), r.view(r.actual[known])-r.base[known], r.weights[known])
		}
		if fit.rows >= 2*candidateCount {
			if next, ok := fit.solve(r.penalty()); ok {
				beta = next
			}
		}
		if beta != nil {
			r.forecast(beta, pending, to)
			pending = to
		}
	}
	if beta == nil {
		copy(r.out, r.points[candidateLevel])
	}
}

// forecast fills in the rows in [from, to).
func (r *regression) forecast(beta []float64, from, to int) {
	for i := from; i < to; i++ {
		r.out[i] = r.clamp(r.back(r.base[i] + dot(beta, r.row(i))))
	}
}
