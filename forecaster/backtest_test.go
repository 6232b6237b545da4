package forecaster_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// Origins by the contract's formula, by hand: floor(n/2) + floor(i (n-1-K-floor(n/2)) / (N-1)).
func TestOrigins(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		n, origins int
		horizon    time.Duration
		want       []int
	}{
		// n=100, K=12: room 100-1-12-50 = 37; 37i/4 = 0, 9.25, 18.5, 27.75, 37.
		"even": {100, 5, time.Hour, []int{50, 59, 68, 77, 87}},
		// n=101, K=12: first 50, room 38; 38i/3 = 0, 12.67, 25.33, 38.
		"odd": {101, 4, time.Hour, []int{50, 62, 75, 88}},
		// n=25, K=12: room 0.
		"just enough": {25, 3, time.Hour, []int{12, 12, 12}},
		"one origin":  {100, 1, time.Hour, []int{50}},
		// room 30-1-12-15 = 2 for 7 origins: 2i/6.
		"repeats": {30, 7, time.Hour, []int{15, 15, 15, 16, 16, 16, 17}},
	}
	for name, tc := range cases {
		b, err := forecaster.NewBacktest(flat(tc.n, 1), forecaster.BacktestOptions{
			Horizons: []time.Duration{5 * time.Minute, tc.horizon}, Origins: tc.origins,
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(tc.want, b.Origins); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestBacktestTooShort(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 12, 24} {
		_, err := forecaster.NewBacktest(flat(n, 1), forecaster.BacktestOptions{Horizons: []time.Duration{time.Hour}})
		if !errors.Is(err, forecaster.ErrShortForHorizons) {
			t.Errorf("%d points, 12 steps ahead: error %v", n, err)
		}
	}
	if _, err := forecaster.NewBacktest(flat(100, 1), forecaster.BacktestOptions{Origins: -1}); err == nil {
		t.Error("-1 origins: no error")
	}
}

func steps(t *testing.T, s forecaster.Series, o forecaster.BacktestOptions) (*forecaster.Backtest, []forecaster.BacktestStep) {
	t.Helper()
	b, err := forecaster.NewBacktest(s, o)
	if err != nil {
		t.Fatal(err)
	}
	var out []forecaster.BacktestStep
	if err := b.Run(func(step forecaster.BacktestStep) error {
		out = append(out, step)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return b, out
}

// Nothing that comes after an origin changes the forecast made there, nor the
// reference.
func TestNoLookAhead(t *testing.T) {
	t.Parallel()
	s := demand(1200, 5*time.Minute)
	o := forecaster.BacktestOptions{Horizons: []time.Duration{5 * time.Minute, time.Hour}, Origins: 9}
	b, original := steps(t, s, o)
	for i, origin := range b.Origins {
		changed := forecaster.Series{Start: s.Start, Step: s.Step, Values: slices.Clone(s.Values)}
		for k := origin + 1; k < len(changed.Values); k++ {
			changed.Values[k] = 1e6
		}
		_, after := steps(t, changed, o)
		for _, diff := range []string{
			cmp.Diff(original[i].Forecast, after[i].Forecast),
			cmp.Diff(original[i].PointReference, after[i].PointReference),
			cmp.Diff(original[i].MaxReference, after[i].MaxReference),
		} {
			if diff != "" {
				t.Fatalf("origin %d saw its future:\n%s", origin, diff)
			}
		}
		past := forecaster.Series{Start: s.Start, Step: s.Step, Values: s.Values[:origin+1]}
		alone, err := forecaster.Predict(past, forecaster.Options{Horizons: o.Horizons, Levels: forecaster.BacktestLevels()})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(alone, original[i].Forecast); diff != "" {
			t.Fatalf("origin %d: the backtest's forecast is not that of the history:\n%s", origin, diff)
		}
	}
}

// A forecast sees at most 14 days.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	s := demand(24*40, time.Hour)
	o := forecaster.BacktestOptions{Horizons: []time.Duration{time.Hour}, Origins: 3}
	b, original := steps(t, s, o)
	last := b.Origins[2]
	for k := range last - 14*24 {
		s.Values[k] = 1e6
	}
	_, after := steps(t, s, o)
	if diff := cmp.Diff(original[2].Forecast, after[2].Forecast); diff != "" {
		t.Errorf("values older than 14 days changed the forecast:\n%s", diff)
	}
}

// The seasonal naive reference, against a direct computation.
func TestReference(t *testing.T) {
	t.Parallel()
	s := demand(24*30, time.Hour)
	s.Values[400], s.Values[500] = math.NaN(), math.NaN()
	horizons := []time.Duration{time.Hour, 5 * time.Hour, 24 * time.Hour, 30 * time.Hour}
	b, got := steps(t, s, forecaster.BacktestOptions{Horizons: horizons, Origins: 40, Levels: []float64{0.1, 0.5, 0.95}})
	for i, origin := range b.Origins {
		for j, h := range horizons {
			k := int(h / time.Hour)
			lag := (k + 23) / 24 * 24
			point := func(x int) float64 { return s.Values[x] }
			peak := func(x int) float64 {
				top := math.NaN()
				for _, v := range s.Values[x-k+1 : x+1] {
					if !math.IsNaN(v) && !(v <= top) {
						top = v
					}
				}
				return top
			}
			for kind, tc := range map[string]struct {
				at   func(int) float64
				got  []float64
				from int
			}{
				"point": {point, got[i].PointReference[j], 0}, "max": {peak, got[i].MaxReference[j], k - 1},
			} {
				want := naive(tc.at, origin, k, lag, tc.from, b.Levels)
				if diff := cmp.Diff(want, tc.got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
					t.Fatalf("%s %v at origin %d (-want +got):\n%s", kind, h, origin, diff)
				}
			}
		}
	}
}

// naive is the reference by its definition: the target one lag earlier plus
// quantiles of the errors of the targets of the last 7 days.
func naive(at func(int) float64, origin, k, lag, from int, levels []float64) []float64 {
	var errs []float64
	for x := max(origin-7*24+1, lag+from); x <= origin; x++ {
		if e := at(x) - at(x-lag); !math.IsNaN(e) {
			errs = append(errs, e)
		}
	}
	slices.Sort(errs)
	base := at(origin + k - lag)
	if math.IsNaN(base) || len(errs) == 0 {
		return nil
	}
	out := make([]float64, len(levels))
	for j, level := range levels {
		position := level * float64(len(errs)-1)
		lo := int(position)
		hi := min(lo+1, len(errs)-1)
		out[j] = base + errs[lo] + (position-float64(lo))*(errs[hi]-errs[lo])
	}
	return out
}

// Scores by hand: two targets, two levels.
func TestScoresByHand(t *testing.T) {
	t.Parallel()
	b := &forecaster.Backtest{Horizons: []time.Duration{time.Hour}, Levels: []float64{0.5, 0.9}}
	s := forecaster.NewScorer(b)
	step := func(y, peak float64, ours, reference []float64) {
		s.Add(forecaster.BacktestStep{
			Forecast: forecaster.Forecast{Point: [][]float64{ours}, Max: [][]float64{ours}},
			Point:    []float64{y}, Max: []float64{peak},
			PointReference: [][]float64{reference}, MaxReference: [][]float64{nil},
		})
	}
	// Level 0.5: 2·0.5·(10-8) = 2. Level 0.9: 2·0.1·(13-10) = 0.6. Mean 1.3.
	// Reference: 2·0.5·(10-5) = 5, 2·0.9·(10-9) = 1.8. Mean 3.4.
	step(10, 10, []float64{8, 13}, []float64{5, 9})
	// Level 0.5: 2·0.5·(6-4) = 2. Level 0.9: 2·0.1·(9-4) = 1. Mean 1.5. No
	// reference; the maximum is a gap.
	step(4, math.NaN(), []float64{6, 9}, nil)
	step(math.NaN(), math.NaN(), []float64{6, 9}, []float64{6, 9})
	want := []forecaster.Score{
		// WQL: (1.3 + 1.5)/(10 + 4) = 0.2. Reference: 3.4/10. Relative, on the
		// first target alone: 1.3/3.4.
		{Horizon: time.Hour, Rows: 2, WQL: 0.2, ReferenceWQL: 0.34, Relative: 1.3 / 3.4, Coverage: []float64{0.5, 1}},
		{Horizon: time.Hour, Max: true, Rows: 1, WQL: 0.13, ReferenceWQL: math.NaN(), Relative: math.NaN(), Coverage: []float64{0, 1}},
	}
	if diff := cmp.Diff(want, s.Scores(), cmpopts.EquateApprox(1e-12, 0), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	score := func(relative, coverage float64, zero bool) []forecaster.Score {
		return []forecaster.Score{{Horizon: time.Hour, Relative: relative, ZeroReference: zero, Coverage: []float64{coverage}}}
	}
	got := forecaster.Summarize(score(0.5, 0.9, false), score(2, 1, false), score(math.NaN(), 1, true),
		score(math.NaN(), 1, false), score(0.125, 0.8, false))
	// (0.5 · 2 · 0.125)^(1/3) = 0.5.
	want := []forecaster.Summary{{
		Horizon: time.Hour, Series: 3, ZeroReference: 1, Unscored: 1, Relative: 0.5,
		Coverage: []float64{0.9}, WorstCoverage: []float64{0.8},
	}}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	none := forecaster.Summarize(score(math.NaN(), 1, true))
	if len(none) != 1 || !math.IsNaN(none[0].Relative) || none[0].ZeroReference != 1 {
		t.Errorf("only a zero reference: %+v", none)
	}
}

// Series without information are scored without errors: all missing gives no
// rows, constant zero no loss.
func TestDegenerateSeries(t *testing.T) {
	t.Parallel()
	o := forecaster.BacktestOptions{Horizons: []time.Duration{5 * time.Minute, time.Hour}, Origins: 20}
	for name, tc := range map[string]struct {
		value float64
		rows  int
	}{"missing": {math.NaN(), 0}, "zero": {0, 20}, "constant": {7, 20}} {
		b, got := steps(t, flat(1000, tc.value), o)
		scorer := forecaster.NewScorer(b)
		for _, step := range got {
			scorer.Add(step)
		}
		for _, s := range scorer.Scores() {
			if s.Rows != tc.rows || s.ZeroReference != (tc.rows > 0) {
				t.Errorf("%s: %+v", name, s)
			}
			if tc.rows > 0 && s.Coverage[0] != 1 {
				t.Errorf("%s: coverage %v", name, s.Coverage)
			}
		}
	}
}
