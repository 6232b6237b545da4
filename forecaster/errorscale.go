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
	log, floor float64   // Of t; what is added before taking logarithms.
	beta       []float64 // Nil where there is too little to learn from.
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
func (e *errorScale) features(in *errorInput, point float64, out *[errorFeatures]float64) {
	out[0] = math.E // Its logarithm is 1.
	out[1] = in.short + e.floor
	out[2] = in.long + e.floor
	out[3] = math.Abs(point) + 10*e.floor
	out[4] = in.rough + e.floor
	out[5] = math.Abs(in.y-in.base) + e.floor
	out[6] = math.Abs(in.y-point) + e.floor
	logarithms(out[:])
	out[0] = 1
}

// logAt is the logarithm of the scale.
func (e *errorScale) logAt(in errorInput, point float64) float64 {
	if e.beta == nil {
		return e.log
	}
	var x [errorFeatures]float64
	e.features(&in, point, &x)
	return e.of(x[:])
}

// of is the logarithm of the scale for the features.
func (e *errorScale) of(x []float64) float64 {
	if e.beta == nil {
		return e.log
	}
	return e.log + min(max(dot(e.beta, x), -4), 4)
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
	typical := 1e-9*l.mean + 1e-15
	if weight > 0 {
		typical += total / weight
	}
	e.log = math.Log(typical)
	rows := len(l.weights)
	x, y := l.work.room(len(l.known)*errorFeatures), l.work.room(rows)
	for i := range l.known {
		e.features(&l.known[i], point[i], (*[errorFeatures]float64)(x[i*errorFeatures:]))
	}
	for i := range y {
		y[i] = (math.Abs(l.actual[i]-point[i]) + 0.1*typical) / typical
	}
	logarithms(y)
	r, beta := newRidge(errorFeatures, l.work), make([]float64, errorFeatures)
	r.add(x[:rows*errorFeatures], y, l.weights)
	if r.rows >= 4*errorFeatures && r.solve(scalePenalty*(1+l.hours/2), beta, l.work) {
		e.beta = beta
	}
	l.logs, l.spread = l.narrow(len(l.known)), l.narrow(len(l.known))
	for i := range l.known {
		v := e.of(x[i*errorFeatures : (i+1)*errorFeatures])
		l.logs[i], l.spread[i] = float32(v), float32(math.Exp(v))
	}
}
