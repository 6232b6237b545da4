package forecaster

import "math"

// mixture is the quantiles of the experts of a fit and their weights, each per
// level.
type mixture struct {
	// quantiles are in units of the expert's scale: expert by expert, each by
	// level. weights are level by level, each by expert.
	quantiles, weights []float32
}

// mix weighs the sampled errors and finds, for each expert k and level τ, the
// quantile q_k(τ) of its errors in units of the scale, the weighted pinball
// loss L_k(τ) it would have had, and from these the weights of the level,
//
//	w_k(τ) ∝ exp(-κ (L_k(τ)/min L(τ) - 1)).
//
// Weighing each level apart lets a cautious expert rule the outer quantiles and
// a sharp one the median. One walk over the sorted errors gives both: below
// the quantile lie Σ ws and Σ wse (e an error, s its scale), so the loss is
//
//	τ (Σ_above wse - q Σ_above ws) + (1-τ) (q Σ_below ws - Σ_below wse).
func (f *fit) mix(weights, levels []float64, work *arena) *mixture {
	k, n := len(f.experts), len(levels)
	room := make([]float32, 2*k*n)
	m := &mixture{quantiles: room[: k*n : k*n], weights: room[k*n:]}
	total := 0.0
	scales := work.room(len(weights)) // Times the weights.
	for i, w := range weights {
		total += w
		scales[i] = w * float64(f.spread[i])
	}
	loss, sums := work.room(k*n), work.room(2*n)
	for i := range f.experts {
		e, by := &f.experts[i], scales
		if e.point == pointNothing {
			by = weights // Its scale is one.
		}
		e.walk(weights, by, total, levels, m.quantiles[i*n:(i+1)*n], sums, loss[i*n:(i+1)*n])
	}
	column, share := work.take(k), work.take(k)
	for j := range levels {
		for i := range column {
			column[i] = loss[i*n+j]
		}
		if f.even {
			clear(column)
		}
		softmax(column, f.sharpness(), share)
		for i, w := range share {
			m.weights[j*k+i] = float32(w)
		}
	}
	return m
}

func (e *expert) walk(weights, scales []float64, total float64, levels []float64, quantiles []float32, sums, loss []float64) {
	n := len(e.errors)
	if n == 0 {
		clear(quantiles)
		clear(loss)
		return
	}
	errors, rows := e.errors[:n], e.rows[:n]
	before, scale, scaled, k := 0.0, 0.0, 0.0, 0
	for j, level := range levels {
		target := level * total
		for k < n {
			w := weights[rows[k]]
			if before+w/2 >= target {
				break
			}
			s := scales[rows[k]]
			before += w
			scale += s
			scaled += s * float64(errors[k])
			k++
		}
		switch k {
		case 0:
			quantiles[j] = errors[0]
		case n:
			quantiles[j] = errors[n-1]
		default:
			lo, hi := before-weights[rows[k-1]]/2, before+weights[rows[k]]/2
			a, b := float64(errors[k-1]), float64(errors[k])
			quantiles[j] = float32(a + (target-lo)/(hi-lo)*(b-a))
		}
		sums[2*j], sums[2*j+1] = scale, scaled
	}
	for ; k < n; k++ {
		s := scales[rows[k]]
		scale += s
		scaled += s * float64(errors[k])
	}
	for j, level := range levels {
		q, s, e := float64(quantiles[j]), sums[2*j], sums[2*j+1]
		loss[j] = level*(scaled-e-q*(scale-s)) + (1-level)*(q*s-e)
	}
}

// at is the mean over the experts of the quantile of level number j, given
// their point forecasts and the scale. It is summed as differences from the
// first expert so that experts who agree are repeated exactly.
func (m *mixture) at(f *fit, j, levels int, points []float64, spread float64) float64 {
	k := len(f.experts)
	base := points[0]
	sum := 0.0
	for i, w := range m.weights[j*k : (j+1)*k] {
		if w == 0 {
			continue
		}
		scale := spread
		if f.experts[i].point == pointNothing {
			scale = 1
		}
		sum += float64(w) * (points[i] - base + scale*float64(m.quantiles[i*levels+j]))
	}
	return base + sum
}

// condition returns the weights of the sampled errors for the present: their
// importance, and how alike the state was,
//
//	φ + 1/(1 + (Δlog s/a)² + (bΔu)²),
//
// s being the scale of the error and u how far the newest value lay from the
// forecast, in units of s and squashed. Errors of alike situations are the
// better guide: a nearest-neighbour forecast of the error. At a day's horizon,
// with few separate trials, all count nearly the same. (Weighting residuals by
// nearness in time and state keeps conformal coverage where they are not
// exchangeable: Barber et al. 2023, Conformal prediction beyond
// exchangeability; Guan 2023, Localized conformal prediction.)
func (f *fit) condition(now int, logScale, lean float64, work *arena) []float64 {
	far := f.hours / (f.hours + 4)
	width, steep, floor := 0.2+0.4*far, 3-1.6*far, 0.02+0.17*far
	since := f.importance.decayed(float64(now - f.at))
	n := len(f.origins)
	out := work.room(n)
	if n == 0 {
		return out
	}
	known := f.importance.echoes(float64(now-int(f.origins[0])), work)
	byWidth := 1 / width
	decay, factors, logs, leans := f.decay[:n], f.factors[:n], f.logs[:n], f.lean[:n]
	for i, o := range f.origins {
		w := float64(factors[i]) * (since*float64(decay[i]) + known.at(float64(now-int(o))))
		if !f.unconditioned {
			a := (float64(logs[i]) - logScale) * byWidth
			b := (float64(leans[i]) - lean) * steep
			w *= floor + 1/(1+a*a+b*b)
		}
		out[i] = w
	}
	return out
}

// lean is how far the newest value lies from the forecast, in units of the
// scale, squashed to ±3.
func lean(y, point, scale float64) float64 {
	u := (y - point) / scale
	return u / (1 + math.Abs(u)/3)
}
