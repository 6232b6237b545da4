package recommender

import "math"

// speeds is the number of parameters of a [logFilter].
const speeds = 3

// prefillSpeed is the index of the seconds that a prompt token takes.
const prefillSpeed = 2

// minVariance keeps the filter from being surer than its formulas are right:
// a standard deviation of 0.5 %.
const minVariance = 2.5e-5

// logFilter is an extended Kalman filter of the logarithms of positive
// parameters that hardly change: they are estimated with relative errors, and
// stay positive.
type logFilter struct {
	x [speeds]float64
	p [speeds][speeds]float64
}

// newLogFilter starts at the values with the standard deviation of their
// logarithms.
func newLogFilter(values [speeds]float64, sd float64) logFilter {
	var f logFilter
	for i, v := range values {
		f.x[i] = math.Log(v)
		f.p[i][i] = sd * sd
	}
	return f
}

// values are the parameters.
func (f *logFilter) values() (a, b, c float64) {
	return math.Exp(f.x[0]), math.Exp(f.x[1]), math.Exp(f.x[2])
}

// forget doubles the variances every half-life, up to where nothing is known.
func (f *logFilter) forget(halfLives float64) {
	const most = 9 // e³ either way.
	grow := math.Exp2(halfLives)
	for i := range f.p {
		if f.p[i][i]*grow > most {
			continue
		}
		root := math.Sqrt(grow)
		for j := range f.p {
			f.p[i][j] *= root
			f.p[j][i] *= root
		}
	}
}

// widen gives every parameter at least the standard deviation again and
// forgets how they hang together.
func (f *logFilter) widen(sd float64) {
	for i := range f.p {
		for j := range f.p {
			if i == j {
				f.p[i][i] = max(f.p[i][i], sd*sd)
			} else {
				f.p[i][j] = 0
			}
		}
	}
}

// atMost bounds a parameter; what is known of it stays as uncertain.
func (f *logFilter) atMost(i int, bound float64) {
	if bound > 0 && !math.IsInf(bound, 1) {
		f.x[i] = min(f.x[i], math.Log(bound))
	}
}

// update takes one observation of the given variance, which model says what
// to expect of with its derivatives by the logarithms. It returns false for
// one that is too far off to be believed, and then changes nothing.
func (f *logFilter) update(seen, variance float64, model func(a, b, c float64) (float64, [speeds]float64)) bool {
	expected, h := model(f.values())
	var ph [speeds]float64 // P·h
	s := variance
	for i := range f.p {
		for j := range f.p {
			ph[i] += f.p[i][j] * h[j]
		}
		s += h[i] * ph[i]
	}
	off := seen - expected
	if math.IsNaN(off) || !(s > 0) || math.IsInf(s, 1) {
		return false
	}
	if off*off > gateSigmas*gateSigmas*s {
		return false
	}
	const most = 1.0 // A step of e: farther off the model is not linear.
	scale := 1.0
	for i := range ph {
		scale = min(scale, most/max(most, math.Abs(ph[i]/s*off)))
	}
	for i := range f.p {
		f.x[i] += ph[i] / s * off * scale
		for j := range f.p {
			f.p[i][j] -= ph[i] * ph[j] / s * scale
		}
	}
	for i := range f.p {
		f.p[i][i] = max(f.p[i][i], minVariance)
	}
	return true
}

// sd is the standard deviation of a combination of the logarithms.
func (f *logFilter) sd(h [speeds]float64) float64 {
	v := 0.0
	for i := range h {
		for j := range h {
			v += h[i] * f.p[i][j] * h[j]
		}
	}
	return math.Sqrt(max(0, v))
}
