package baseline

import (
	"cmp"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	day = 24 * time.Hour
	// craneStream tells the shuffles' random numbers from others of a seed.
	craneStream = 0x6372616e65
)

// dspForecast is Crane's prediction by digital signal processing (gocrane/
// crane, pkg/prediction/dsp) of a series of minutes: one period from its end
// on, nil where the series has no period of a day or a week, or fewer than two
// of them.
//
// Values outside the percentiles 0.1 and 99.9 are replaced by those before
// them. Of eight estimators, each a low-pass filtered copy of the last period
// and a margin, the one is taken whose estimate of the last period from those
// before it has the least error.
func dspForecast(minutes []float64, seed uint64) []float64 {
	values := slices.Clone(minutes)
	values = values[len(values)%int(day/craneSample):]
	clip(values)
	for _, period := range []int{int(day / craneSample), int(7 * day / craneSample)} {
		signal := values[len(values)%period:]
		if len(signal) < 2*period || dspPeriod(signal, seed) != period {
			continue
		}
		past, actual := signal[:len(signal)-period], signal[len(signal)-period:]
		best, least := -1, math.Inf(1)
		filters := dspFilters()
		for i, f := range filters {
			if e := dspError(actual, f.estimate(past, period)); e < least {
				best, least = i, e
			}
		}
		if best >= 0 {
			return filters[best].estimate(signal, period)
		}
	}
	return nil
}

// clip replaces extreme values.
func clip(values []float64) {
	if len(values) == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(values))
	low, high := quantileOf(sorted, 0.001), quantileOf(sorted, 0.999)
	for i := 1; i < len(values); i++ {
		if values[i] < low || values[i] > high {
			values[i] = values[i-1]
		}
	}
}

// dspPeriod is the period of a signal in samples, 0 for none: of the
// frequencies with more power than 99 of 100 shuffled copies of the signal have
// anywhere, the one at whose period the autocorrelation peaks highest.
func dspPeriod(signal []float64, seed uint64) int {
	const shuffles, rank, searchMinutes = 100, 98, 240
	n := len(signal)
	fft := fourier.NewFFT(n)
	rng := rand.New(rand.NewPCG(seed, craneStream))
	x, out := slices.Clone(signal), make([]complex128, n/2+1)
	powers := make([]float64, shuffles)
	for i := range powers {
		rng.Shuffle(n, func(a, b int) { x[a], x[b] = x[b], x[a] })
		for _, c := range fft.Coefficients(out, x)[1 : n/2] {
			powers[i] = max(powers[i], cmplx.Abs(c))
		}
	}
	slices.Sort(powers)
	spectrum := fft.Coefficients(out, signal)
	var hints []int
	for k := 2; k < n/2; k++ {
		if p := n / k; cmplx.Abs(spectrum[k]) > powers[rank] && (len(hints) == 0 || hints[len(hints)-1] > p) {
			hints = append(hints, p)
		}
	}
	cor := autocorrelation(signal)
	period, highest := 0, 0.0
	for _, p := range hints {
		if isPeak(cor, p, min(searchMinutes, p/2)) && cor[p] > highest {
			period, highest = p, cor[p]
		}
	}
	return period
}

// autocorrelation is the circular one at every lag, 1 at lag 0; all zero for a
// constant.
func autocorrelation(signal []float64) []float64 {
	n := len(signal)
	x := make([]float64, n)
	mean, squares := 0.0, 0.0
	for _, v := range signal {
		mean += v / float64(n)
	}
	for i, v := range signal {
		x[i] = v - mean
		squares += x[i] * x[i]
	}
	if squares == 0 {
		return x
	}
	fft := fourier.NewFFT(n)
	c := fft.Coefficients(nil, x)
	for i, v := range c {
		c[i] = complex(real(v)*real(v)+imag(v)*imag(v), 0)
	}
	out := fft.Sequence(nil, c)
	for i := range out {
		out[i] /= float64(n) * squares
	}
	return out
}

// isPeak says whether x rises over the k values up to i and falls over those
// after it, by straight lines through them.
func isPeak(x []float64, i, k int) bool {
	if i < 1 || i > len(x)-1 {
		return false
	}
	return slope(x[max(0, i-k):i+1]) > 0 && slope(x[i:min(len(x), i+k+1)]) < 0
}

// slope is that of the least-squares line through values at distance 1; NaN
// for less than two.
func slope(y []float64) float64 {
	n := float64(len(y))
	var sx, sy, sxy, sxx float64
	for i, v := range y {
		x := float64(i)
		sx, sy, sxy, sxx = sx+x, sy+v, sxy+x*v, sxx+x*x
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

// dspFilter is one of Crane's estimators.
type dspFilter struct {
	minItems     int     // Of the spectrum, the strongest ones.
	lowAmplitude float64 // Below which other items are dropped.
	margin       float64 // Added to the estimate.
}

// dspFilters are the eight that Crane chooses from by default.
func dspFilters() []dspFilter {
	var out []dspFilter
	for _, f := range []dspFilter{{minItems: 3, lowAmplitude: 1}, {minItems: 50, lowAmplitude: 0.05}} {
		for _, f.margin = range []float64{0.01, 0.1, 0.15, 0.2} {
			out = append(out, f)
		}
	}
	return out
}

// estimate is the last period of the filtered signal with the margin added.
//
// Upstream drops weak items above one an hour from the whole spectrum but
// weak slow ones from its mirrored half only, and takes the real part of what
// that gives: they count half.
func (f dspFilter) estimate(signal []float64, period int) []float64 {
	const maxItems, least = 100, 0.01
	n := len(signal)
	fft := fourier.NewFFT(n)
	c := fft.Coefficients(nil, signal)
	amplitudes := make([]float64, 0, n/2)
	for _, v := range c[1 : n/2] {
		amplitudes = append(amplitudes, cmplx.Abs(v)/float64(n))
	}
	slices.SortFunc(amplitudes, func(a, b float64) int { return cmp.Compare(b, a) })
	threshold := max(amplitudes[min(maxItems, len(amplitudes))-1], f.lowAmplitude)
	if len(amplitudes) >= f.minItems {
		threshold = min(threshold, amplitudes[f.minItems-1])
	}
	perHour := float64(n) * craneSample.Hours() // The item of one an hour.
	for k := 1; k < len(c); k++ {
		if cmplx.Abs(c[k])/float64(n) >= threshold {
			continue
		}
		if float64(k) > perHour {
			c[k] = 0
		} else {
			c[k] /= 2
		}
	}
	filtered := fft.Sequence(nil, c)
	out := make([]float64, period)
	for i := range out {
		v := filtered[n-period+i] / float64(n)
		if v <= 0 {
			v = least
		}
		out[i] = v * (1 + f.margin)
	}
	return out
}

// dspError is the mean relative error, in which too little by the share x
// counts -ln(1-x)/ln 1.25; the mean absolute error where something is as good
// as zero.
func dspError(actual, estimated []float64) float64 {
	const zero = 1e-3
	sum, absolute, relative := 0.0, 0.0, true
	for i, v := range actual {
		absolute += math.Abs(estimated[i] - v)
		switch {
		case v < zero:
			relative = false
		case estimated[i] < v:
			sum -= math.Log(estimated[i]/v) / math.Log(1.25)
		default:
			sum += (estimated[i] - v) / v
		}
	}
	if !relative {
		sum = absolute
	}
	return sum / float64(len(actual))
}
