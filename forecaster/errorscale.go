package forecaster

import "math"

// errorInput is what the size of an error may depend on beside the forecast:
// the newest value and its level, volatility over hours and over days, and the
// volatility usual at this time of day.
type errorInput struct{ y, base, short, long, rough float64 }

func (c *context) errorInput() errorInput {
	return errorInput{y: c.y, base: c.base, short: c.short, long: c.long, rough: c.rough}
}

// errorScale says how large errors are at an origin, learned by ridge
// regression in logarithms,
//
//	log((|error| + ε)/t) = β · features,  scale = t exp(β · features),
//
// t being the typical error and ε a tenth of it.
type errorScale struct {
	typical, floor float64
	beta           []float64 // Nil where there is too little to learn from.
}

const (
	errorFeatures = 7
	// scalePenalty is that of the ridge regression at short horizons; it grows
	// with the horizon, of which the same history holds fewer.
	scalePenalty = 0.001
)

// features of an input and a forecast: the logarithms of short, long and usual
// volatility, of the forecast itself, and of how far the newest value lies
// from its level and from the forecast.
func (e *errorScale) features(in errorInput, point float64, out *[errorFeatures]float64) {
	out[0] = 1
	out[1] = math.Log(in.short + e.floor)
	out[2] = math.Log(in.long + e.floor)
	out[3] = math.Log(math.Abs(point) + 10*e.floor)
	out[4] = math.Log(in.rough + e.floor)
	out[5] = math.Log(math.Abs(in.y-in.base) + e.floor)
	out[6] = math.Log(math.Abs(in.y-point) + e.floor)
}

// logAt is the logarithm of the scale.
func (e *errorScale) logAt(in errorInput, point float64) float64 {
	scale := math.Log(e.typical)
	if e.beta == nil {
		return scale
	}
	var x [errorFeatures]float64
	e.features(in, point, &x)
	return scale + min(max(dot(e.beta, x[:]), -4), 4)
}

// measureScale learns the scale of the errors of the given point forecasts.
func (l *learner) measureScale(point []float64) {
	total, weight := 0.0, 0.0
	for i, w := range l.weights {
		total += w * math.Abs(l.actual[i]-point[i])
		weight += w
	}
	e := &l.errorScale
	e.floor = 1e-3*l.mean + 1e-12
	e.typical = 1e-9*l.mean + 1e-15
	if weight > 0 {
		e.typical += total / weight
	}
	r := newRidge(errorFeatures)
	var x [errorFeatures]float64
	for i, in := range l.known[:len(l.weights)] {
		e.features(in, point[i], &x)
		r.add(x[:], math.Log((math.Abs(l.actual[i]-point[i])+0.1*e.typical)/e.typical), l.weights[i])
	}
	if r.rows >= 4*errorFeatures {
		if beta, ok := r.solve(scalePenalty * (1 + l.hours/2)); ok {
			e.beta = beta
		}
	}
	l.logs, l.spread = make([]float32, len(l.known)), make([]float32, len(l.known))
	for i, in := range l.known {
		v := e.logAt(in, point[i])
		l.logs[i], l.spread[i] = float32(v), float32(math.Exp(v))
	}
}
