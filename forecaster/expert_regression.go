package forecaster

import "math"

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
	x, base = work.take(n*size), work.take(n)
	for i := range n {
		base[i] = r.view(values[0][i])
		row := x[i*size : (i+1)*size]
		row[0] = r.unit
		for k := 1; k < size; k++ {
			row[k] = r.view(values[k][i]) - base[i]
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
	fit := newRidge(size)
	known, pending := 0, 0 // Rows used; the first row without a forecast.
	for block := range ridgeBlocks + 1 {
		from, to := block*sampled/ridgeBlocks, (block+1)*sampled/ridgeBlocks
		now := l.at
		if block < ridgeBlocks && from < sampled {
			now = int(l.origins[from])
		} else {
			to = n
		}
		for ; known < sampled && int(l.origins[known])+l.reach <= now; known++ {
			fit.add(x[known*size:(known+1)*size], r.view(l.actual[known])-base[known], l.weights[known])
		}
		if fit.rows >= 2*size {
			if beta, ok := fit.solve(ridgePenalty * (1 + 4*l.hours)); ok {
				r.beta = beta
			}
		}
		if r.beta == nil {
			continue
		}
		for ; pending < to; pending++ {
			out[pending] = l.clamp(r.back(base[pending] + dot(r.beta, x[pending*size:(pending+1)*size])))
		}
	}
	if r.beta == nil {
		copy(out, l.values[0])
	}
	return &r
}
