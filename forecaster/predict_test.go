package forecaster_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// monday is a Monday, 00:00 UTC.
func monday() time.Time { return time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) }

// series samples f from start to end, both included.
func series(start, end time.Time, step time.Duration, f func(time.Time) float64) forecaster.Series {
	s := forecaster.Series{Start: start, Step: step}
	for at := start; !at.After(end); at = at.Add(step) {
		s.Values = append(s.Values, f(at))
	}
	return s
}

// flat returns a series of n equal values.
func flat(n int, v float64) forecaster.Series {
	return forecaster.Series{Start: monday(), Step: 5 * time.Minute, Values: slices.Repeat([]float64{v}, n)}
}

func predict(t *testing.T, s forecaster.Series, horizons ...time.Duration) forecaster.Forecast {
	t.Helper()
	f, err := forecaster.Predict(s, forecaster.Options{Horizons: horizons})
	if err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, s, f)
	return f
}

// checkInvariants: what every forecast promises.
func checkInvariants(t *testing.T, s forecaster.Series, f forecaster.Forecast) {
	t.Helper()
	if !f.Valid() || !slices.IsSorted(f.Horizons) || !slices.IsSorted(f.Levels) {
		t.Fatalf("shape: %d horizons, %d point and %d max rows", len(f.Horizons), len(f.Point), len(f.Max))
	}
	if !f.Origin.Equal(s.End()) {
		t.Errorf("origin %v, the series ends at %v", f.Origin, s.End())
	}
	if !(f.Confidence >= 0 && f.Confidence <= 1) || !(f.Coverage95 >= 0 && f.Coverage95 <= 1) || f.Span < 0 {
		t.Errorf("confidence %v, coverage %v, span %v", f.Confidence, f.Coverage95, f.Span)
	}
	for i, h := range f.Horizons {
		if h <= 0 || h%s.Step != 0 {
			t.Errorf("horizon %v is not a whole number of steps of %v", h, s.Step)
		}
		for _, row := range [][]float64{f.Point[i], f.Max[i]} {
			if len(row) != len(f.Levels) || !slices.IsSorted(row) {
				t.Fatalf("%v: quantiles cross or are not %d: %v", h, len(f.Levels), row)
			}
			for _, v := range row {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("%v: quantiles %v", h, row)
				}
			}
		}
		for j := range f.Levels {
			if f.Max[i][j] < f.Point[i][j] {
				t.Errorf("%v: the maximum's quantile %v lies below the value's %v", h, f.Max[i], f.Point[i])
			}
			if i > 0 && f.Max[i][j] < f.Max[i-1][j] {
				t.Errorf("%v: the maximum fell with the horizon: %v after %v", h, f.Max[i], f.Max[i-1])
			}
		}
	}
}

// A peak on Mondays from 09:00 to 12:00, seen in full once and twice, is
// expected five minutes before the third, and not on a Tuesday.
func TestWeeklyPeak(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	load := func(at time.Time) float64 {
		v := 100 + 5*r.NormFloat64()
		if at.Weekday() == time.Monday && at.Hour() >= 9 && at.Hour() < 12 {
			v += 300
		}
		return v
	}
	cases := map[string]struct {
		end  time.Time
		span time.Duration
		want func(f forecaster.Forecast) (got, low, high float64)
	}{
		"median at 09:55": {
			end: monday().Add(14*24*time.Hour + 535*time.Minute), span: 14 * 24 * time.Hour,
			want: func(f forecaster.Forecast) (float64, float64, float64) { return f.At(time.Hour, 0.5), 300, 450 },
		},
		"median of the maximum until 09:55": {
			end: monday().Add(14*24*time.Hour + 535*time.Minute), span: 14 * 24 * time.Hour,
			want: func(f forecaster.Forecast) (float64, float64, float64) { return f.MaxWithin(time.Hour, 0.5), 350, 460 },
		},
		"five minutes ahead, 0.9 quantile": {
			end: monday().Add(14*24*time.Hour + 535*time.Minute), span: 14 * 24 * time.Hour,
			want: func(f forecaster.Forecast) (float64, float64, float64) { return f.At(5*time.Minute, 0.9), 300, 500 },
		},
		"in the peak, its end is known": {
			end: monday().Add(14*24*time.Hour + 715*time.Minute), span: 14 * 24 * time.Hour,
			want: func(f forecaster.Forecast) (float64, float64, float64) { return f.At(time.Hour, 0.5), 80, 200 },
		},
		"Tuesday stays quiet": {
			end: monday().Add(15*24*time.Hour + 535*time.Minute), span: 14 * 24 * time.Hour,
			want: func(f forecaster.Forecast) (float64, float64, float64) { return f.MaxWithin(time.Hour, 0.5), 90, 160 },
		},
		"a week ahead": {
			end: monday().Add(21*24*time.Hour + 600*time.Minute), span: 21 * 24 * time.Hour,
			want: func(f forecaster.Forecast) (float64, float64, float64) { return f.At(7*24*time.Hour, 0.5), 300, 450 },
		},
	}
	for name, tc := range cases {
		s := series(tc.end.Add(-tc.span), tc.end, 5*time.Minute, load)
		f := predict(t, s, 5*time.Minute, 15*time.Minute, time.Hour, 24*time.Hour, 7*24*time.Hour)
		if got, low, high := tc.want(f); got < low || got > high {
			t.Errorf("%s: %.0f, want between %.0f and %.0f", name, got, low, high)
		}
	}
}

func TestColdStart(t *testing.T) {
	t.Parallel()
	f := predict(t, flat(1, 10), 5*time.Minute, 24*time.Hour)
	if got := f.At(5*time.Minute, 0.5); got < 9 || got > 11 {
		t.Errorf("median after one value of 10: %v", got)
	}
	// Wide: a factor of two cannot be ruled out in five minutes, nor of three
	// in a day.
	if q := f.At(5*time.Minute, 0.99); q < 18 {
		t.Errorf("0.99 quantile five minutes after one value of 10: %v", q)
	}
	if q := f.At(24*time.Hour, 0.95); q < 25 {
		t.Errorf("0.95 quantile a day after one value of 10: %v", q)
	}
	if f.Confidence != 0 || f.Coverage95 != 0 || f.Span != 0 {
		t.Errorf("one value: confidence %v, coverage %v, span %v", f.Confidence, f.Coverage95, f.Span)
	}
	for _, n := range []int{2, 3, 5, 12, 40, 100, 287, 288, 289, 600, 2016, 2017} {
		predict(t, flat(n, 10), 5*time.Minute, time.Hour, 24*time.Hour, 7*24*time.Hour)
	}
}

func TestNoObservation(t *testing.T) {
	t.Parallel()
	for name, values := range map[string][]float64{
		"empty": nil, "gaps": {math.NaN(), math.NaN()}, "infinite": {math.Inf(1), math.Inf(-1)},
	} {
		s := forecaster.Series{Start: monday(), Step: time.Minute, Values: values}
		if _, err := forecaster.Predict(s, forecaster.Options{}); !errors.Is(err, forecaster.ErrTooShort) {
			t.Errorf("%s: error %v, want ErrTooShort", name, err)
		}
	}
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		step time.Duration
		o    forecaster.Options
	}{
		"no step":          {0, forecaster.Options{}},
		"negative horizon": {time.Minute, forecaster.Options{Horizons: []time.Duration{-time.Minute}}},
		"level 1":          {time.Minute, forecaster.Options{Levels: []float64{1}}},
		"level NaN":        {time.Minute, forecaster.Options{Levels: []float64{math.NaN()}}},
		"a century":        {time.Minute, forecaster.Options{Horizons: []time.Duration{100 * 366 * 24 * time.Hour}}},
		"steps of a day":   {24 * time.Hour, forecaster.Options{Horizons: []time.Duration{math.MaxInt64}}},
		"a millisecond":    {time.Millisecond, forecaster.Options{Horizons: []time.Duration{time.Second}}},
		"a century's step": {100 * 366 * 24 * time.Hour, forecaster.Options{}},
		"endless history":  {time.Hour, forecaster.Options{History: math.MaxInt64}},
		"negative history": {time.Hour, forecaster.Options{History: -time.Hour}},
		"year of seconds":  {time.Second, forecaster.Options{History: 366 * 24 * time.Hour}},
	} {
		s := forecaster.Series{Start: monday(), Step: tc.step, Values: []float64{1}}
		if _, err := forecaster.Predict(s, tc.o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A constant series has a constant future, at any scale and sign.
func TestConstant(t *testing.T) {
	t.Parallel()
	for _, v := range []float64{0, 1, 1e-9, 1e15, -3, 1e300} {
		f := predict(t, flat(4032, v), 5*time.Minute, time.Hour, 24*time.Hour)
		for i := range f.Horizons {
			for j, q := range f.Max[i] {
				if math.Abs(q-v) > 0.01*math.Abs(v) {
					t.Errorf("constant %g: quantile %g of the maximum within %v is %g", v, f.Levels[j], f.Horizons[i], q)
				}
			}
		}
	}
}

// Forecasts of a scaled series are the scaled forecasts; the factor is a power
// of two, so equality is exact.
func TestScaleInvariance(t *testing.T) {
	t.Parallel()
	s := demand(1000, 5*time.Minute)
	scaled := forecaster.Series{Start: s.Start, Step: s.Step}
	for _, v := range s.Values {
		scaled.Values = append(scaled.Values, v*(1<<20))
	}
	f, g := predict(t, s), predict(t, scaled)
	for i := range f.Max {
		for j := range f.Max[i] {
			f.Max[i][j] *= 1 << 20
			f.Point[i][j] *= 1 << 20
		}
	}
	if diff := cmp.Diff(f, g); diff != "" {
		t.Errorf("scaled forecast differs (-want +got):\n%s", diff)
	}
}

// A forecast never leaves what the history makes thinkable.
func TestBounds(t *testing.T) {
	t.Parallel()
	s := demand(2000, 5*time.Minute)
	for i := 1900; i < 2000; i++ {
		s.Values[i] = 100 + 20*float64(i-1900) // A ramp to extrapolate.
	}
	peak := slices.Max(s.Values)
	f := predict(t, s, 5*time.Minute, 24*time.Hour)
	for i := range f.Max {
		if top := f.Max[i][len(f.Levels)-1]; top > 2.2*peak {
			t.Errorf("%v: %v, more than 2.2 times the largest value %v", f.Horizons[i], top, peak)
		}
		if f.Point[i][0] < 0 {
			t.Errorf("%v: %v, but the series was never negative", f.Horizons[i], f.Point[i][0])
		}
	}
}

// After a level shift the old season must not rule (trap: a time-of-day
// histogram alone covered 4 % after one).
func TestLevelShift(t *testing.T) {
	t.Parallel()
	s := demand(4032, 5*time.Minute)
	for i := 4032 - 72; i < 4032; i++ {
		s.Values[i] += 400
	}
	last := s.Values[4031]
	f := predict(t, s, 5*time.Minute, time.Hour)
	for _, h := range []time.Duration{5 * time.Minute, time.Hour} {
		if q := f.At(h, 0.5); q < 0.8*last || q > 1.2*last {
			t.Errorf("%v after the shift the median is %v, the level %v", h, q, last)
		}
	}
}

// Idle with rare bursts: the median is zero and the outer quantiles are not.
func TestIntermittent(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	s := flat(4032, 0)
	for i := range s.Values {
		if r.IntN(25) == 0 {
			s.Values[i] = 10 + 5*r.Float64()
		}
	}
	f := predict(t, s, 5*time.Minute, time.Hour)
	if q := f.At(5*time.Minute, 0.5); q > 0.5 {
		t.Errorf("median of an idle series: %v", q)
	}
	if q := f.At(5*time.Minute, 0.99); q < 8 || q > 16 {
		t.Errorf("0.99 quantile: %v, bursts are 10 to 15 high and come every 25 steps", q)
	}
	// Twelve steps hold a burst with probability 1 - 0.96^12 = 0.39.
	if q := f.MaxWithin(time.Hour, 0.8); q < 8 {
		t.Errorf("0.8 quantile of the hour's maximum: %v", q)
	}
}

// Gaps anywhere change nothing but what is known.
func TestGaps(t *testing.T) {
	t.Parallel()
	// It ends on a Thursday noon.
	whole := predict(t, demand(3024+144, 5*time.Minute), time.Hour)
	for name, gap := range map[string][2]int{
		"two days in the middle": {2000, 2576}, "the first four days": {0, 1152}, "scattered": {-1, -1},
	} {
		s := demand(3024+144, 5*time.Minute)
		for i := range s.Values {
			if i >= gap[0] && i < gap[1] || gap[0] < 0 && i%7 == 3 {
				s.Values[i] = math.NaN()
			}
		}
		f := predict(t, s, time.Hour)
		if got, want := f.At(time.Hour, 0.5), whole.At(time.Hour, 0.5); math.Abs(got-want) > 0.25*want {
			t.Errorf("%s: median %v, without gaps %v", name, got, want)
		}
		if f.Confidence >= whole.Confidence {
			t.Errorf("%s: confidence %v, without gaps %v", name, f.Confidence, whole.Confidence)
		}
	}
}

// A series that stopped an hour ago is forecast from its end, with the hour
// added to the distance: wider than if it had not stopped.
func TestStale(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 12))
	s := flat(4032, 1000)
	for i := 1; i < len(s.Values); i++ { // A random walk: distance matters.
		s.Values[i] = 1000 + 0.999*(s.Values[i-1]-1000) + r.NormFloat64()
	}
	fresh := predict(t, s, 5*time.Minute)
	s.Values = append(s.Values, slices.Repeat([]float64{math.NaN()}, 12)...)
	stale := predict(t, s, 5*time.Minute)
	width := func(f forecaster.Forecast) float64 { return f.At(5*time.Minute, 0.99) - f.At(5*time.Minute, 0.01) }
	// Thirteen steps instead of one: √13 = 3.6 times as wide.
	if ratio := width(stale) / width(fresh); ratio < 2.5 || ratio > 5 {
		t.Errorf("an hour after the last value the range is %v, right after it %v", width(stale), width(fresh))
	}
}

// Stated coverage is real coverage, on a series whose law is known.
func TestCoverage(t *testing.T) {
	t.Parallel()
	s := demand(6000, 5*time.Minute)
	levels := []float64{0.1, 0.5, 0.9, 0.95}
	var hits [4]int
	const trials = 150
	for k := range trials {
		end := 4100 + k*12
		past := forecaster.Series{Start: s.Start, Step: s.Step, Values: s.Values[:end]}
		f, err := forecaster.Predict(past, forecaster.Options{Horizons: []time.Duration{15 * time.Minute}, Levels: levels})
		if err != nil {
			t.Fatal(err)
		}
		for j := range levels {
			if s.Values[end+2] <= f.Point[0][j] {
				hits[j]++
			}
		}
	}
	for j, level := range levels {
		// Three standard errors of 150 trials are at most 0.12.
		if got := float64(hits[j]) / trials; math.Abs(got-level) > 3*math.Sqrt(level*(1-level)/trials)+0.02 {
			t.Errorf("the %v quantile covered %v", level, got)
		}
	}
}

func TestDeterministic(t *testing.T) {
	t.Parallel()
	s := demand(3000, 5*time.Minute)
	before := slices.Clone(s.Values)
	if diff := cmp.Diff(predict(t, s), predict(t, s)); diff != "" {
		t.Errorf("two calls differ:\n%s", diff)
	}
	if !slices.Equal(before, s.Values) {
		t.Error("Predict changed its input")
	}
}

// Memory that leaks at a steady rate is expected to go on.
func TestGrowth(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(13, 14))
	end := monday().Add(10 * 24 * time.Hour)
	s := series(monday(), end, 5*time.Minute, func(at time.Time) float64 {
		return 1000 + 2*at.Sub(monday()).Hours() + r.NormFloat64()
	})
	f := predict(t, s, time.Hour, 24*time.Hour)
	// 1480 now, 1528 in a day.
	if got := f.At(24*time.Hour, 0.5); math.Abs(got-1528) > 5 {
		t.Errorf("median a day ahead %v, want 1528", got)
	}
	if got := f.MaxWithin(24*time.Hour, 0.95); got < 1528 || got > 1545 {
		t.Errorf("0.95 quantile of the day's maximum %v, want a little above 1530", got)
	}
}

func TestSeason(t *testing.T) {
	t.Parallel()
	end := monday().Add(21 * 24 * time.Hour)
	r := rand.New(rand.NewPCG(7, 8))
	for name, tc := range map[string]struct {
		want time.Duration
		f    func(time.Time) float64
	}{
		"noise": {0, func(time.Time) float64 { return 100 + r.NormFloat64() }},
		"daily": {24 * time.Hour, func(at time.Time) float64 {
			return 100 + 50*math.Sin(2*math.Pi*at.Sub(monday()).Hours()/24) + r.NormFloat64()
		}},
		"every 7 hours": {7 * time.Hour, func(at time.Time) float64 {
			return 100 + 50*math.Sin(2*math.Pi*at.Sub(monday()).Hours()/7) + r.NormFloat64()
		}},
		"a job every 6 hours": {6 * time.Hour, func(at time.Time) float64 {
			if at.Sub(monday())%(6*time.Hour) < time.Hour {
				return 200 + r.NormFloat64()
			}
			return 100 + r.NormFloat64()
		}},
	} {
		f := predict(t, series(monday(), end, 15*time.Minute, tc.f), time.Hour, 24*time.Hour)
		if f.Season != tc.want {
			t.Errorf("%s: season %v, want %v", name, f.Season, tc.want)
		}
	}
}

// Replicas and requests come in whole numbers, and so do their quantiles.
func TestWholeNumbers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 10))
	s := flat(2000, 0)
	for i := range s.Values {
		s.Values[i] = float64(3 + r.IntN(3))
	}
	f := predict(t, s)
	for i := range f.Horizons {
		for j := range f.Levels {
			if v := f.Point[i][j]; v != math.Trunc(v) || f.Max[i][j] != math.Trunc(f.Max[i][j]) {
				t.Errorf("%v, level %v: %v and %v", f.Horizons[i], f.Levels[j], v, f.Max[i][j])
			}
		}
	}
	// The largest of 288 throws of a three-sided die.
	if got := f.MaxWithin(24*time.Hour, 0.5); got != 5 {
		t.Errorf("median of the day's maximum is %v, want 5", got)
	}
}

// A series that is zero at times and at least 5 otherwise has no quantile in
// between.
func TestNothingBetweenZeroAndLeast(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	s := series(monday(), monday().Add(6*24*time.Hour), 5*time.Minute, func(time.Time) float64 {
		if r.IntN(3) > 0 {
			return 0
		}
		return 5 + 3*r.Float64()
	})
	f := predict(t, s)
	between, positive := 0, 0
	for _, rows := range [][][]float64{f.Point, f.Max} {
		for _, row := range rows {
			for _, v := range row {
				if v > 0 {
					positive++
					if v < 5 {
						between++
					}
				}
			}
		}
	}
	if between > 0 || positive == 0 {
		t.Errorf("%d quantiles between zero and the least value, %d positive", between, positive)
	}
}

// Clocks that go forward move a working day by an hour. The first peak after
// that comes an hour earlier than ever before; after four days its quantiles
// are right again.
func TestDaylightSaving(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 9))
	change := monday().Add(13*24*time.Hour + 2*time.Hour)
	s := series(monday(), change.Add(6*24*time.Hour), 5*time.Minute, func(at time.Time) float64 {
		if at.After(change) {
			at = at.Add(time.Hour)
		}
		v := 50 + 2*r.NormFloat64()
		if at.Hour() >= 9 && at.Hour() < 17 {
			v += 100
		}
		return v
	})
	below, total := 0, 0
	for end := change.Add(4 * 24 * time.Hour); end.Before(change.Add(6*24*time.Hour - 2*time.Hour)); end = end.Add(25 * time.Minute) {
		f := predict(t, s.Until(end), time.Hour)
		actual := s.Until(end.Add(time.Hour)).Values
		if actual[len(actual)-1] <= f.At(time.Hour, 0.95) {
			below++
		}
		total++
	}
	if share := float64(below) / float64(total); share < 0.85 {
		t.Errorf("the 0.95 quantile covered %.2f of %d values after the change", share, total)
	}
}
