package forecaster

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// sampled returns n values of f at the given step, f of the time in hours.
func sampled(n int, step time.Duration, f func(hours float64) float64) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = f(float64(i) * step.Hours())
	}
	return y
}

// every is a pulse of the given length that comes with the period, in hours.
func every(period, length, hours float64) float64 {
	if math.Mod(hours+1e-9, period) < length {
		return 1
	}
	return 0
}

func wave(period, hours float64) float64 { return math.Sin(2 * math.Pi * hours / period) }

// Rhythms are found at their period, whatever else the series does.
func TestDetectCycle(t *testing.T) {
	t.Parallel()
	const five, one = 5 * time.Minute, time.Minute
	cases := map[string]struct {
		step time.Duration
		days float64
		want time.Duration
		f    func(r *rand.Rand, hours float64) float64
	}{
		"6 h, as strong as the noise": {five, 14, 6 * time.Hour, func(r *rand.Rand, at float64) float64 { return 10 + wave(6, at) + r.NormFloat64() }},
		"8 h job of 20 min":           {five, 14, 8 * time.Hour, func(r *rand.Rand, at float64) float64 { return 3*every(8, 0.33, at) + r.NormFloat64() }},
		"12 h at minutes":             {one, 14, 12 * time.Hour, func(r *rand.Rand, at float64) float64 { return 10 + wave(12, at) + r.NormFloat64() }},
		"12 h, without noise":         {five, 14, 12 * time.Hour, func(_ *rand.Rand, at float64) float64 { return 10 + wave(12, at) }},
		"hourly cron at 5 minutes":    {five, 14, time.Hour, func(r *rand.Rand, at float64) float64 { return 4*every(1, 0.08, at) + r.NormFloat64() }},
		"hourly cron at minutes":      {one, 3, time.Hour, func(r *rand.Rand, at float64) float64 { return 4*every(1, 0.08, at) + r.NormFloat64() }},
		"45 min at 5 minutes":         {five, 7, 45 * time.Minute, func(r *rand.Rand, at float64) float64 { return wave(0.75, at) + r.NormFloat64() }},
		"45 min batch at minutes":     {one, 7, 45 * time.Minute, func(r *rand.Rand, at float64) float64 { return 3*every(0.75, 0.15, at) + r.NormFloat64() }},
		"7 h, which divides no day":   {five, 14, 7 * time.Hour, func(r *rand.Rand, at float64) float64 { return wave(7, at) + r.NormFloat64() }},
		"2 h beside a strong day": {five, 14, 2 * time.Hour, func(r *rand.Rand, at float64) float64 {
			return 20*max(0, wave(24, at)) + 2*wave(2, at) + r.NormFloat64()
		}},
		"saw tooth of 3 h": {five, 14, 3 * time.Hour, func(r *rand.Rand, at float64) float64 { return math.Mod(at, 3) + 0.5*r.NormFloat64() }},
		"90 min, with outliers": {five, 14, 90 * time.Minute, func(r *rand.Rand, at float64) float64 {
			if r.IntN(1000) == 0 {
				return 1e6
			}
			return wave(1.5, at) + r.NormFloat64()
		}},
		"4 h and a trend":    {five, 14, 4 * time.Hour, func(r *rand.Rand, at float64) float64 { return at + 2*wave(4, at) + r.NormFloat64() }},
		"6 h, huge":          {five, 14, 6 * time.Hour, func(r *rand.Rand, at float64) float64 { return 1e100 * (10 + wave(6, at) + r.NormFloat64()) }},
		"6 h, tiny":          {five, 14, 6 * time.Hour, func(r *rand.Rand, at float64) float64 { return 1e-100 * (10 + wave(6, at) + r.NormFloat64()) }},
		"idle, job each 6 h": {five, 14, 6 * time.Hour, func(_ *rand.Rand, at float64) float64 { return every(6, 0.25, at) }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, 2))
			n := int(tc.days * 24 / tc.step.Hours())
			y := sampled(n, tc.step, func(hours float64) float64 { return tc.f(r, hours) })
			got, found := detectCycle(y, newHistory(tc.step, 30*24*time.Hour, false))
			if d := time.Duration(got) * tc.step; !found || (d-tc.want).Abs() > max(tc.step, tc.want/100) {
				t.Errorf("found %v, a period of %v, want %v", found, d, tc.want)
			}
		})
	}
}

// What is no rhythm of its own is none: constants, and profiles of the day or
// the week of any shape, whose spectra are combs of lines.
func TestNoCycle(t *testing.T) {
	t.Parallel()
	office := func(at float64) float64 {
		hour := math.Mod(at, 24)
		if day := int(at/24) % 7; day < 5 && hour >= 9 && hour < 17 {
			return 1
		}
		return 0
	}
	cases := map[string]func(r *rand.Rand, hours float64) float64{
		"zero":                  func(*rand.Rand, float64) float64 { return 0 },
		"constant":              func(*rand.Rand, float64) float64 { return 0.1 },
		"constant, but one":     func(_ *rand.Rand, at float64) float64 { return every(1e6, 1, at) },
		"straight line":         func(_ *rand.Rand, at float64) float64 { return 3 * at },
		"step":                  func(_ *rand.Rand, at float64) float64 { return math.Floor(at / 170) },
		"day, no noise":         func(_ *rand.Rand, at float64) float64 { return wave(24, at) },
		"half a wave a day":     func(r *rand.Rand, at float64) float64 { return 10*max(0, wave(24, at)) + 0.1*r.NormFloat64() },
		"office hours":          func(r *rand.Rand, at float64) float64 { return 10*office(at) + 0.1*r.NormFloat64() },
		"office hours, noisy":   func(r *rand.Rand, at float64) float64 { return 10*office(at) + 5*r.NormFloat64() },
		"nightly job":           func(r *rand.Rand, at float64) float64 { return 10*every(24, 0.5, at) + 0.1*r.NormFloat64() },
		"weekly job":            func(r *rand.Rand, at float64) float64 { return 10*every(168, 3, at) + 0.1*r.NormFloat64() },
		"day, noise of its own": func(r *rand.Rand, at float64) float64 { return (1.2 + wave(24, at)) * (3 + r.NormFloat64()) },
	}
	for name, f := range cases {
		for _, step := range []time.Duration{5 * time.Minute, time.Minute} {
			r := rand.New(rand.NewPCG(3, 4))
			y := sampled(int(14*24/step.Hours()), step, func(hours float64) float64 { return f(r, hours) })
			got, found := detectCycle(y, newHistory(step, 30*24*time.Hour, false))
			if hour := int(time.Hour / step); found || got != hour {
				t.Errorf("%s at %v: found %v, a period of %v", name, step, found, time.Duration(got)*step)
			}
		}
	}
	for n := range 40 {
		if _, found := detectCycle(make([]float64, n), newHistory(time.Minute, 30*24*time.Hour, false)); found {
			t.Errorf("found in %d zeros", n)
		}
	}
	if got, found := detectCycle([]float64{1}, newHistory(time.Hour, 30*24*time.Hour, false)); got != 0 || found {
		t.Errorf("at steps of an hour there is no hour in steps: %d, %v", got, found)
	}
}

// noises have no rhythm at all.
var noises = map[string]func(r *rand.Rand, y []float64){
	"white": func(r *rand.Rand, y []float64) {
		for i := range y {
			y[i] = r.NormFloat64()
		}
	},
	"AR(1) 0.95": func(r *rand.Rand, y []float64) {
		v := 0.0
		for i := range y {
			v = 0.95*v + r.NormFloat64()
			y[i] = v
		}
	},
	"random walk": func(r *rand.Rand, y []float64) {
		v := 0.0
		for i := range y {
			v += r.NormFloat64()
			y[i] = v
		}
	},
	"rare spikes": func(r *rand.Rand, y []float64) {
		for i := range y {
			y[i] = 0
			if r.IntN(100) == 0 {
				y[i] = 1 + 10*r.ExpFloat64()
			}
		}
	},
	"bursts": func(r *rand.Rand, y []float64) {
		left := 0
		for i := range y {
			if left--; left < 0 && r.IntN(60) == 0 {
				left = r.IntN(24)
			}
			y[i] = 0.2 * r.NormFloat64()
			if left > 0 {
				y[i] += 5
			}
		}
	},
}

// In noise of any colour a rhythm is found no more often than stated: with
// probability 0.01, of 200 series in no more than 6 (the binomial law exceeds
// 6 with probability 0.004).
func TestCycleFalsePositives(t *testing.T) {
	t.Parallel()
	for name, fill := range noises {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrong := 0
			y := make([]float64, 4032)
			for seed := range uint64(200) {
				fill(rand.New(rand.NewPCG(seed, 5)), y)
				if _, found := detectCycle(y, newHistory(5*time.Minute, 30*24*time.Hour, false)); found {
					wrong++
				}
			}
			if wrong > 6 {
				t.Errorf("found in %d of 200", wrong)
			}
			t.Logf("found in %d of 200", wrong)
		})
	}
}

// BenchmarkDetectCycle looks for a rhythm in 14 days, at steps of 5 minutes and
// of one.
func BenchmarkDetectCycle(b *testing.B) {
	for name, step := range map[string]time.Duration{"5m": 5 * time.Minute, "1m": time.Minute} {
		b.Run(name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(6, 7))
			y := sampled(int(14*24/step.Hours()), step, func(hours float64) float64 {
				return 10 + wave(24, hours) + wave(6, hours) + r.NormFloat64()
			})
			h := newHistory(step, 30*24*time.Hour, false)
			b.ReportAllocs()
			for b.Loop() {
				detectCycle(y, h)
			}
		})
	}
}
