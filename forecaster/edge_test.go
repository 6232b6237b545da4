package forecaster_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// odd are series as no service should leave them: value i of n.
func odd() map[string]func(r *rand.Rand, i, n int) float64 {
	nan := math.NaN()
	extremes := []float64{1e300, -1e300, 5e-324, 1e-300, 0, nan, math.Inf(1), math.Inf(-1), -1, 1e30, 3}
	return map[string]func(r *rand.Rand, i, n int) float64{
		"zeros":      func(*rand.Rand, int, int) float64 { return 0 },
		"signed":     func(r *rand.Rand, _, _ int) float64 { return math.Copysign(0, float64(r.IntN(2))-0.5) },
		"extremes":   func(r *rand.Rand, _, _ int) float64 { return extremes[r.IntN(len(extremes))] },
		"huge":       func(r *rand.Rand, _, _ int) float64 { return 1e300 * (2*r.Float64() - 1) },
		"lowest":     func(*rand.Rand, int, int) float64 { return -1e300 },
		"tiny":       func(r *rand.Rand, _, _ int) float64 { return 1e-300 * r.Float64() },
		"subnormal":  func(r *rand.Rand, _, _ int) float64 { return 5e-324 * float64(r.IntN(9)-4) },
		"light ends": func(r *rand.Rand, _, _ int) float64 { return 1e30 * float64(r.IntN(3)-1) },
		"explodes":   func(_ *rand.Rand, i, _ int) float64 { return math.Exp2(float64(i) / 4) },
		"fades":      func(_ *rand.Rand, i, _ int) float64 { return math.Exp2(-float64(i) / 4) },
		"burst": func(r *rand.Rand, i, n int) float64 {
			if i > n*3/4 {
				return 1000 * r.Float64()
			}
			return 0
		},
		"other world": func(_ *rand.Rand, i, n int) float64 {
			if i < n/2 {
				return 1e-200
			}
			return 1e200
		},
		"changes sign": func(r *rand.Rand, i, _ int) float64 {
			if i/50%2 == 0 {
				return 5 + r.NormFloat64()
			}
			return -1e6 + r.NormFloat64()
		},
		"rare": func(r *rand.Rand, _, _ int) float64 {
			if r.IntN(40) > 0 {
				return nan
			}
			return r.NormFloat64()
		},
		"stops twice": func(r *rand.Rand, i, n int) float64 {
			if i > n/3 && i < n*3/5 || i > n*8/10 {
				return nan
			}
			return 3 + math.Sin(float64(i)/20) + r.Float64()
		},
	}
}

// Whatever comes, at any step, from any start, for any horizons and levels: a
// forecast keeps its promises, asking twice gives it twice, and a restart
// changes nothing.
func TestOddSeries(t *testing.T) {
	t.Parallel()
	many := make([]float64, 50)
	for i := range many {
		many[i] = float64(i+1) / 51
	}
	levels := [][]float64{nil, {0.5}, {0.99}, {0.01}, many, {0.6, 0.9, 0.999999}, {5e-324, 1 - 0x1p-53}}
	horizons := [][]time.Duration{nil, {time.Second}, {time.Minute, 30 * 24 * time.Hour}, {7 * 24 * time.Hour}, {4 * time.Hour}}
	histories := []time.Duration{0, 24 * time.Hour, 50 * time.Hour}
	starts := []time.Time{
		monday().Add(7*time.Hour + 35*time.Minute),
		{},
		time.Date(-200, 1, 1, 0, 0, 0, 1, time.UTC),
		time.Date(9999, 12, 1, 3, 4, 5, 6, time.UTC),
		time.Date(2026, 3, 28, 23, 59, 59, 999999999, time.FixedZone("", 5*3600+1800)),
	}
	for name, f := range odd() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := len(name) // A different corner of the options for each.
			for _, step := range []time.Duration{20 * time.Second, 5 * time.Minute, 7 * time.Minute, 3 * time.Hour, 24 * time.Hour, 72 * time.Hour} {
				for _, light := range []bool{false, true} {
					k++
					o := forecaster.Options{Light: light, Levels: levels[k%len(levels)], Horizons: horizons[k%len(horizons)], History: histories[k%len(histories)]}
					s := forecaster.Series{Start: starts[k%len(starts)], Step: step, Values: make([]float64, 500)}
					r := rand.New(rand.NewPCG(uint64(k), 1))
					for i := range s.Values {
						s.Values[i] = f(r, i, len(s.Values))
					}
					if diff := incremental(t, s, o); diff != "" {
						t.Fatalf("step %v, start %v, %+v: %s", step, s.Start, o, diff)
					}
				}
			}
		})
	}
}

// incremental feeds a model value by value and says where it differs from one
// that is rebuilt.
func incremental(t *testing.T, s forecaster.Series, o forecaster.Options) string {
	t.Helper()
	live, err := forecaster.NewModel(forecaster.Series{Start: s.Start, Step: s.Step}, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range s.Values {
		live.Update(v)
		if i > 2 && i%83 != 0 && i != len(s.Values)-1 {
			continue
		}
		past := forecaster.Series{Start: s.Start, Step: s.Step, Values: s.Values[:i+1]}
		want, wantErr := forecaster.Predict(past, o)
		for range 2 {
			got, err := live.Forecast()
			if !errors.Is(err, wantErr) {
				return fmt.Sprintf("after %d values: error %v, rebuilt %v", i+1, err, wantErr)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				return fmt.Sprintf("after %d values (-rebuilt +live):\n%s", i+1, diff)
			}
			if err == nil {
				checkInvariants(t, past, got)
			}
		}
	}
	return ""
}

// A model that saw nothing for longer than its history still knows the time.
func TestTimeAfterLongGap(t *testing.T) {
	t.Parallel()
	for _, gap := range []time.Duration{time.Hour, 47 * time.Hour, 49 * time.Hour, 20*24*time.Hour + 5*time.Minute} {
		m, err := forecaster.NewModel(flat(100, 5), forecaster.Options{History: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for range gap / (5 * time.Minute) {
			m.Update(math.NaN())
		}
		m.Update(6)
		f, err := m.Forecast()
		if err != nil {
			t.Fatal(err)
		}
		if want := flat(100, 5).End().Add(gap + 5*time.Minute); !f.Origin.Equal(want) {
			t.Errorf("gap of %v: the forecast is from %v, the value from %v", gap, f.Origin, want)
		}
	}
}

// A service that has idled for days and is called between two fits is forecast
// to be busy at once, not only from the next fit on.
func TestBurstAfterIdle(t *testing.T) {
	t.Parallel()
	for _, idle := range []float64{0, 1, -1} {
		for _, light := range []bool{false, true} {
			s := flat(3*288+3, idle) // To ten past midnight.
			m, err := forecaster.NewModel(s, forecaster.Options{Light: light})
			if err != nil {
				t.Fatal(err)
			}
			for range 4 {
				m.Update(1000)
			}
			f, err := m.Forecast()
			if err != nil {
				t.Fatal(err)
			}
			// Light mode learns no errors between fits and follows more slowly.
			least := map[bool]float64{false: 900, true: 300}[light]
			if q := f.MaxWithin(15*time.Minute, 0.95); q < least {
				t.Errorf("idle at %g, light %v: after 20 minutes of 1000 the 0.95 quantile is %g", idle, light, q)
			}
		}
	}
}

// What a caller does to a forecast, or to what a model was made from, does not
// reach the model; and no forecast changes when the model goes on.
func TestNothingIsShared(t *testing.T) {
	t.Parallel()
	s := demand(600, 5*time.Minute)
	untouched := slices.Clone(s.Values)
	o := forecaster.Options{Levels: []float64{0.9, 0.5, 0.99}, Horizons: []time.Duration{time.Hour, 5 * time.Minute}}
	m, err := forecaster.NewModel(s, o)
	if err != nil {
		t.Fatal(err)
	}
	first, err := m.Forecast()
	if err != nil {
		t.Fatal(err)
	}
	kept := predictWith(t, s, o)
	if diff := cmp.Diff(kept, first); diff != "" {
		t.Fatal(diff)
	}
	if !slices.Equal(o.Levels, []float64{0.9, 0.5, 0.99}) || o.Horizons[0] != time.Hour || !slices.Equal(s.Values, untouched) {
		t.Error("what the model was made from has changed")
	}
	o.Levels[0], o.Horizons[0] = 0.1, time.Minute
	clear(s.Values)
	spoiled, err := m.Forecast()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range append([][]float64{spoiled.Levels}, append(spoiled.Point, spoiled.Max...)...) {
		for j := range row {
			row[j] = 7
		}
	}
	clear(spoiled.Horizons)
	again, err := m.Forecast()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(kept, again); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	for range 20 {
		m.Update(1e6)
	}
	if diff := cmp.Diff(kept, first); diff != "" {
		t.Errorf("a forecast changed when the model went on:\n%s", diff)
	}
}

// While a series has stopped, what its fits say does not depend on when it was
// asked, either.
func TestStoppedIsRebuild(t *testing.T) {
	t.Parallel()
	// Pulses every 55 minutes are found only by the next fit on the clock, which
	// falls into the gap.
	s := flat(115, 100)
	for i := range s.Values {
		s.Values[i] += 10 * math.Sin(float64(i*i%97))
		if i%11 == 0 {
			s.Values[i] += 300
		}
	}
	for range 100 {
		s.Values = append(s.Values, math.NaN())
	}
	live, err := forecaster.NewModel(forecaster.Series{Start: s.Start, Step: s.Step}, forecaster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range s.Values {
		live.Update(v)
		if i < 110 {
			continue
		}
		got, err := live.Forecast()
		if err != nil {
			t.Fatal(err)
		}
		past := forecaster.Series{Start: s.Start, Step: s.Step, Values: s.Values[:i+1]}
		if diff := cmp.Diff(predictWith(t, past, forecaster.Options{}), got); diff != "" {
			t.Fatalf("after %d values (-rebuilt +live):\n%s", i+1, diff)
		}
	}
}
