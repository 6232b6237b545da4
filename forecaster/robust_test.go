package forecaster_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// What monitoring does to a series does not mislead its forecasts: two weeks of a
// demand with one fault each against the same without. Medians move little; upper
// quantiles may be wider, but not by the size of the fault.
func TestFaultsOfMonitoring(t *testing.T) {
	t.Parallel()
	const n, hour, day = 3024 + 1008, 12, 288
	for name, tc := range map[string]struct {
		fault func(v []float64)
		// wide is how many times the 0.95 quantile without the fault may be exceeded.
		median, wide float64
	}{
		"a spike a thousandfold, two values ago":   {func(v []float64) { v[n-3] *= 1000 }, 0.15, 2},
		"a spike a thousandfold, an hour ago":      {func(v []float64) { v[n-hour] *= 1000 }, 0.1, 2},
		"a spike a thousandfold, yesterday":        {func(v []float64) { v[n-day] *= 1000 }, 0.1, 2},
		"three values a thousandfold, a week ago":  {func(v []float64) { v[n-7*day] *= 1000; v[n-7*day+1] *= 2000; v[n-7*day+2] *= 900 }, 0.15, 2},
		"a reset counter that was subtracted":      {func(v []float64) { v[n-3] = -1e6 }, 0.15, 2},
		"one value of nothing":                     {func(v []float64) { v[n-2] = 0 }, 0.15, 1.5},
		"every thirtieth value of nothing":         {func(v []float64) { every(v, 30, 0) }, 0.25, 1.5},
		"every thirtieth value a gap":              {func(v []float64) { every(v, 30, math.NaN()) }, 0.25, 1.3},
		"three missing days, until half a day ago": {func(v []float64) { gone(v[n-3*day-day/2 : n-day/2]) }, 0.2, 1.5},
		"three missing days, until an hour ago":    {func(v []float64) { gone(v[n-3*day-hour : n-hour]) }, 0.2, 1.5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := demand(n, 5*time.Minute)
			whole := predict(t, s, 5*time.Minute, time.Hour)
			tc.fault(s.Values)
			f := predict(t, s, 5*time.Minute, time.Hour)
			for _, h := range f.Horizons {
				if got, want := f.At(h, 0.5), whole.At(h, 0.5); math.Abs(got/want-1) > tc.median {
					t.Errorf("%v: median %v, without the fault %v", h, got, want)
				}
				if got, want := f.MaxWithin(h, 0.95), whole.MaxWithin(h, 0.95); got > tc.wide*want || got < want/tc.wide {
					t.Errorf("%v: 0.95 quantile of the maximum %v, without the fault %v", h, got, want)
				}
			}
		})
	}
}

func every(v []float64, k int, value float64) {
	for i := k / 2; i < len(v); i += k {
		v[i] = value
	}
}

func gone(v []float64) {
	for i := range v {
		v[i] = math.NaN()
	}
}

// A counter that grows and starts from zero at every restart (memory that leaks,
// bytes sent) is forecast to go on from where it is, not from where it was.
func TestCounterReset(t *testing.T) {
	t.Parallel()
	s := series(monday(), monday().Add(12*24*time.Hour), 5*time.Minute, func(now time.Time) float64 {
		since := now.Sub(monday())
		return (since % (53 * time.Hour)).Hours() // Last restart at 5·53 = 265 h of 288 h.
	})
	f := predict(t, s, 5*time.Minute, time.Hour)
	for _, h := range f.Horizons {
		if got, want := f.At(h, 0.5), 23+h.Hours(); math.Abs(got-want) > 0.5 {
			t.Errorf("%v ahead %v, want %v", h, got, want)
		}
	}
	whole := s.Values
	s.Values = whole[:265*12+3*12+1] // Three hours after the restart.
	f = predict(t, s, 5*time.Minute, time.Hour)
	for _, h := range f.Horizons {
		if got, want := f.At(h, 0.5), 3+h.Hours(); math.Abs(got-want) > 1 {
			t.Errorf("%v ahead, three hours after a restart: %v, want %v", h, got, want)
		}
	}
	// Just restarted it could also go back, but outer quantiles cover the growth.
	s.Values = whole[:265*12+7]
	if got := predict(t, s, time.Hour).MaxWithin(time.Hour, 0.95); got < 1.5 {
		t.Errorf("half an hour after a restart the 0.95 quantile of the next hour's maximum is %v, want at least 1.5", got)
	}
}

// A deploy that doubles what a service uses: from half an hour after it on the 0.95
// quantiles cover nearly what they state.
func TestDeploy(t *testing.T) {
	t.Parallel()
	const before, after = 9 * 288, 2 * 288
	s := demand(before+after, 5*time.Minute)
	for i := before; i < len(s.Values); i++ {
		s.Values[i] *= 2
	}
	hits, trials := 0, 0
	for end := before + 6; end+12 < len(s.Values); end += 11 {
		f, err := forecaster.Predict(forecaster.Series{Start: s.Start, Step: s.Step, Values: s.Values[:end]},
			forecaster.Options{Horizons: []time.Duration{15 * time.Minute, time.Hour}, Levels: []float64{0.5, 0.95}})
		if err != nil {
			t.Fatal(err)
		}
		for i, k := range []int{3, 12} {
			trials++
			if s.Values[end+k-1] <= f.Point[i][1] {
				hits++
			}
		}
	}
	// 0.95 less three standard errors of 104 trials is 0.886; they overlap, and the
	// level is new.
	if share := float64(hits) / float64(trials); share < 0.85 {
		t.Errorf("since the deploy the 0.95 quantiles covered %.3f of %d values", share, trials)
	}
}

// A model that lived through faults of monitoring, and through what only looked like
// one, gives the forecast of one that is rebuilt, at every step near them.
func TestFaultsAreRebuilt(t *testing.T) {
	t.Parallel()
	const day, step = 96, 15 * time.Minute
	for name, tc := range map[string]struct {
		light bool
		wild  map[int]float64 // By index, NaN for a gap.
	}{
		"one":                     {false, map[int]float64{3*day + 50: 1e6}},
		"one, light":              {true, map[int]float64{3*day + 50: 1e6 + 0.1}},
		"at midnight":             {false, map[int]float64{3*day + 95: 1e6}},
		"negative, with a gap":    {false, map[int]float64{3*day + 50: -1e6, 3*day + 51: math.NaN(), 3*day + 52: 3, 3*day + 53: math.NaN()}},
		"two are believed":        {false, map[int]float64{3*day + 50: 1e6, 3*day + 80: 2e6}},
		"two, one forgotten":      {false, map[int]float64{2*day + 50: 1e6, 5*day + 30: 2e6}},
		"too long":                {false, map[int]float64{3*day + 50: 1e6, 3*day + 51: 1e6}},
		"during the first values": {false, map[int]float64{60: 1e6}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := demand(6*day, step)
			s.Start = s.Start.Add(7 * time.Hour)
			for i, v := range tc.wild {
				s.Values[i] = v
			}
			o := forecaster.Options{History: 2 * 24 * time.Hour, Light: tc.light, Horizons: []time.Duration{step, time.Hour, 24 * time.Hour}}
			live, err := forecaster.NewModel(forecaster.Series{Start: s.Start, Step: s.Step}, o)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range s.Values {
				live.Update(v)
				near := i%67 == 0
				for k := range tc.wild {
					near = near || i >= k && i < k+6
				}
				if !near {
					continue
				}
				got, err := live.Forecast()
				if err != nil {
					t.Fatal(err)
				}
				want, err := forecaster.Predict(forecaster.Series{Start: s.Start, Step: s.Step, Values: s.Values[:i+1]}, o)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
					t.Fatalf("after %d values (-rebuilt +live):\n%s", i+1, diff)
				}
			}
		})
	}
}
