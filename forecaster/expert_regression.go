package forecaster

import (
	"math"
	"slices"
)

const (
	// ridgePenalty is that of the regressions at short horizons, relative to
	// the size of the features.
	ridgePenalty = 0.003
	// ridgeBlocks is how often a regression is solved again on the way through
	// the history, so that every past forecast is made from its own past.
	ridgeBlocks = 6
	// ridgeTrials is how many horizons the history has to hold before a
	// regression is believed.
	ridgeTrials = 10
)

// regression is a ridge regression of the target on all point forecasts, both
// as differences from the level x₀, in one of two views v: as they are, where
// effects add up, or as logarithms, where they multiply,
//
//	v(z) - v(x₀) = β₀ + Σ βᵢ (v(xᵢ) - v(x₀)),  (X'WX + λD) β = X'Wy,
//
// D = diag(X'WX) + mean(diag) I. See Hoerl and Kennard (1970), Ridge
// regression. λ grows with the horizon, since the same history then holds fewer
// separate trials.
type regression struct {
	logs  bool
	floor float64 // Added before taking logarithms.
	unit  float64 // The intercept's feature.
	beta  []float64
}

// view and back go from values to the view and from there to values.
func (r *regression) view(v float64) float64 {
	if r.logs {
		return logarithm(max(v, 0) + r.floor)
	}
	return v
}

// viewAll is view of many.
func (r *regression) viewAll(out, values []float64) {
	copy(out, values)
	if !r.logs {
		return
	}
	for i, v := range out {
		out[i] = max(v, 0) + r.floor
	}
	logarithms(out)
}

func (r *regression) back(v float64) float64 {
	if r.logs {
		return math.Exp(min(v, 5)) - r.floor
	}
	return v
}

// at is the forecast given the point forecasts; the level where nothing is
// learned.
func (r *regression) at(values []float64) float64 {
	if r.beta == nil {
		return values[0]
	}
	base := r.view(values[0])
	sum := base + r.beta[0]*r.unit
	for k := 1; k < len(r.beta); k++ {
		if b := r.beta[k]; b != 0 {
			sum += b * (r.view(values[k]) - base)
		}
	}
	return r.back(sum)
}

// features are the point forecasts of n rows in the view, as differences from
// the level: row by row, led by the intercept's.
func (r *regression) features(values [][]float64, n int, work *arena) (x, base []float64) {
	size := len(values)
	x, base = work.room(n*size), work.room(n)
	r.viewAll(base, values[0][:n])
	for i := range n {
		x[i*size] = r.unit
	}
	column := work.room(n)
	for k := 1; k < size; k++ {
		r.viewAll(column, values[k][:n])
		for i, v := range column {
			x[i*size+k] = v - base[i]
		}
	}
	return x, base
}

// regress fills in the last two point forecasts. Negative series have no
// logarithms, and light mode saves them: they get the same regression twice.
func (l *learner) regress() {
	n := len(l.points)
	l.regressions[0] = l.regressOn(regression{unit: 0.1 * l.mean}, l.values[n])
	if l.low < 0 || l.model.options.Light {
		l.regressions[1] = l.regressions[0]
		copy(l.values[n+1], l.values[n])
		return
	}
	l.regressions[1] = l.regressOn(regression{unit: 0.1 * l.mean, logs: true, floor: 0.05*l.mean + 1e-12}, l.values[n+1])
}

// regressOn goes through the history in blocks of origins. The forecasts of a
// block rest on the targets complete by its start; those of the blocks before
// there are enough rest on the first coefficients that exist.
func (l *learner) regressOn(r regression, out []float64) *regression {
	n, sampled, size := len(l.from), len(l.origins), len(l.points)
	x, base := r.features(l.values[:size], n, l.work)
	y := l.work.room(sampled)
	r.viewAll(y, l.actual)
	for i := range y {
		y[i] -= base[i]
	}
	fit := newRidge(size, l.work)
	beta, solved := l.work.room(size), false
	known, pending := 0, 0 // Rows used; the first row without a forecast.
	for block := range ridgeBlocks + 1 {
		from, to := block*sampled/ridgeBlocks, (block+1)*sampled/ridgeBlocks
		now := l.at
		if block < ridgeBlocks && from < sampled {
			now = int(l.origins[from])
		} else {
			to = n
		}
		next := known
		for next < sampled && int(l.origins[next])+l.reach <= now {
			next++
		}
		fit.add(x[known*size:next*size], y[known:next], l.weights[known:next])
		known = next
		if fit.rows >= 2*size && fit.solve(ridgePenalty*(1+4*l.hours), beta, l.work) {
			solved = true
		}
		if !solved {
			continue
		}
		for i := pending; i < to; i++ {
			out[i] = base[i] + dot(beta, x[i*size:(i+1)*size])
		}
		for ; pending < to; pending++ {
			out[pending] = l.clamp(r.back(out[pending]))
		}
	}
	if !solved {
		copy(out, l.values[0])
		return &r
	}
	r.beta = slices.Clone(beta)
	return &r
}
