package baseline

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// dayOf is a daily rhythm of minutes between 1 and 9, with noise.
func dayOf(days int, noise float64) []float64 {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]float64, days*1440)
	for i := range out {
		out[i] = 5 - 4*math.Cos(2*math.Pi*float64(i)/1440) + noise*rng.NormFloat64()
	}
	return out
}

// TestDSPForecast: a daily rhythm is found and repeated, with a margin of 1 to
// 20 % on top; what has no period of a day or a week is not forecast.
func TestDSPForecast(t *testing.T) {
	t.Parallel()
	got := dspForecast(dayOf(5, 0.3), 1)
	if len(got) != 1440 {
		t.Fatalf("%d minutes, want a day", len(got))
	}
	for _, minute := range []int{0, 360, 720, 1080} {
		want := 5 - 4*math.Cos(2*math.Pi*float64(minute)/1440)
		if got[minute] < want-0.3 || got[minute] > 1.2*want+0.4 {
			t.Errorf("minute %d: %v, want %v and a margin", minute, got[minute], want)
		}
	}
	again := dspForecast(dayOf(5, 0.3), 1)
	for i := range got {
		if got[i] != again[i] {
			t.Fatal("another result for the same series")
		}
	}
	week := make([]float64, 3*7*1440)
	for i := range week {
		if i%(7*1440) < 1440 { // Mondays only.
			week[i] = 10
		} else {
			week[i] = 1
		}
	}
	if got := dspForecast(week, 1); len(got) != 7*1440 || got[700] < 5 || got[3*1440] > 4 {
		t.Errorf("a weekly rhythm gives %d minutes", len(got))
	}
	noise := rand.New(rand.NewPCG(3, 4))
	random := make([]float64, 5*1440)
	for i := range random {
		random[i] = 5 + noise.NormFloat64()
	}
	for name, series := range map[string][]float64{
		"noise": random, "one day": dayOf(1, 0.1), "nothing": nil, "a constant": make([]float64, 5*1440),
		"twelve hours": func() []float64 {
			out := make([]float64, 5*1440)
			for i := range out {
				out[i] = 5 + math.Sin(2*math.Pi*float64(i)/720)
			}
			return out
		}(),
	} {
		if got := dspForecast(series, 1); got != nil {
			t.Errorf("%s: forecast of %d minutes", name, len(got))
		}
	}
}

// TestDSPError by hand: 10 % too much counts 0.1, 20 % too little
// -ln(0.8)/ln(1.25) = 1.
func TestDSPError(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		actual, estimated []float64
		want              float64
	}{
		"too much":               {[]float64{1, 1}, []float64{1.1, 1}, 0.05},
		"too little":             {[]float64{1, 1}, []float64{0.8, 1}, 0.5},
		"zero: absolute instead": {[]float64{0, 1}, []float64{0.5, 0.8}, 0.35},
	} {
		if got := dspError(tc.actual, tc.estimated); math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// TestHoltWinters: an additive season on a line continues exactly, whatever
// the smoothing, because the first two seasons say all of it; one step of the
// recurrence is checked by hand.
func TestHoltWinters(t *testing.T) {
	t.Parallel()
	season := []float64{-1, 0, 2, -1}
	flat := make([]float64, 12)
	for i := range flat {
		flat[i] = 10 + season[i%4]
	}
	for _, smooth := range []float64{0, 0.3, 0.9} {
		if got := holtWinters(flat, 4, smooth, smooth, smooth); math.Abs(got-9) > 1e-9 {
			t.Errorf("smoothing %v: %v, want 9", smooth, got)
		}
	}
	// m = 2, y = 0 2 2 4: l = 1, b = (3-1)/2 = 1, s = -1 1; α=0.5, β=γ=0.
	// t=0: l = 0.5(0+1) + 0.5·2 = 1.5, b = 1. t=1: l = 0.5(2-1) + 0.5·2.5 = 1.75.
	// t=2: l = 0.5·3 + 0.5·2.75 = 2.875. t=3: l = 0.5·3 + 0.5·3.875 = 3.4375.
	// ŷ = 3.4375 + 1 - 1.
	if got := holtWinters([]float64{0, 2, 2, 4}, 2, 0.5, 0, 0); math.Abs(got-3.4375) > 1e-12 {
		t.Errorf("%v, want 3.4375", got)
	}
}

// TestMinuteMeans: steps of 15 s make minutes, longer ones stand for several.
func TestMinuteMeans(t *testing.T) {
	t.Parallel()
	at := time.Unix(600, 0)
	m := minuteMeans{keep: 3}
	m.add(at, 99) // Of the minute that has just ended.
	for i := 1; i <= 8; i++ {
		m.add(at.Add(time.Duration(i)*15*time.Second), float64(i))
	}
	m.add(at.Add(2*time.Minute), 1000) // Seen already.
	m.add(at.Add(4*time.Minute), 7)
	m.add(at.Add(5*time.Minute), math.NaN())
	want := []float64{99, 2.5, 6.5, 7, 7}
	if len(m.values) != len(want) {
		t.Fatalf("%v, want %v", m.values, want)
	}
	for i, v := range want {
		if m.values[i] != v {
			t.Errorf("%v, want %v", m.values, want)
		}
	}
	if got := m.newest(); len(got) != 3 || got[0] != 6.5 {
		t.Errorf("newest %v", got)
	}
}
