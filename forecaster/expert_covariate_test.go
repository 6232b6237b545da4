package forecaster_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// planned returns a load that follows a plan, by the slope, and the plan, which
// changes at random every hours and is known a day further.
func planned(seed uint64, days int, slope float64) (s, plan forecaster.Series) {
	r := rand.New(rand.NewPCG(seed, 9))
	plan = forecaster.Series{Start: monday(), Step: 3 * time.Hour}
	for range (days + 1) * 8 {
		plan.Values = append(plan.Values, float64(r.IntN(100)))
	}
	s = series(monday(), monday().Add(time.Duration(days)*24*time.Hour), 5*time.Minute, func(at time.Time) float64 {
		return 400 + slope*plan.Values[int(at.Sub(monday())/plan.Step)] + 5*r.NormFloat64()
	})
	return s, plan
}

// A load that follows a plan is forecast by the plan, of which its own past
// tells nothing.
func TestCovariate(t *testing.T) {
	t.Parallel()
	for _, slope := range []float64{3, -3} {
		for _, light := range []bool{false, true} {
			s, plan := planned(1, 7, slope)
			without, with, peak, inside := 0.0, 0.0, 0.0, 0.0
			const trials = 40
			for k := range trials {
				past := forecaster.Series{Start: s.Start, Step: s.Step, Values: s.Values[:len(s.Values)-40-k*13]}
				o := forecaster.Options{Light: light, Horizons: []time.Duration{3 * time.Hour}}
				now := len(past.Values) - 1
				top := math.Inf(-1)
				for _, v := range s.Values[now+1 : now+37] {
					top = max(top, v)
				}
				without += math.Abs(predictWith(t, past, o).At(3*time.Hour, 0.5) - s.Values[now+36])
				o.Covariates = []forecaster.Series{plan}
				f := predictWith(t, past, o)
				with += math.Abs(f.At(3*time.Hour, 0.5) - s.Values[now+36])
				peak += math.Abs(f.MaxWithin(3*time.Hour, 0.5) - top)
				if s.Values[now+36] <= f.At(3*time.Hour, 0.9) {
					inside++
				}
			}
			// The plan moves by a third of its range, that is 100, at a time;
			// noise alone makes an error of 4.
			if with > 0.25*without || with > 15*trials || peak > 20*trials || inside < 0.75*trials {
				t.Errorf("slope %g, light %v: mean error %.1f with the plan, %.1f without; of maxima %.1f; 0.9 covers %g",
					slope, light, with/trials, without/trials, peak/trials, inside/trials)
			}
		}
	}
}

// Plans that are not known, constant, far off, odd or absurd do no harm.
func TestOddCovariates(t *testing.T) {
	t.Parallel()
	s, plan := planned(2, 4, 2)
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]forecaster.Series{
		"empty":             {Start: monday(), Step: time.Hour},
		"constant":          {Start: monday(), Step: time.Hour, Values: []float64{7}},
		"gaps":              {Start: monday(), Step: time.Hour, Values: []float64{nan, 1, inf, 2, nan, -inf, 3}},
		"long ago":          {Start: monday().Add(-1e5 * time.Hour), Step: time.Minute, Values: []float64{1, 2}},
		"in the far future": {Start: monday().Add(1e5 * time.Hour), Step: time.Minute, Values: []float64{1, 2}},
		"huge":              {Start: monday(), Step: 24 * time.Hour, Values: []float64{1e149, -1e149, 1e308, 1e149, 5}},
		"ends now":          {Start: monday(), Step: plan.Step, Values: plan.Values[:4*8]},
		"its own past":      s,
	} {
		for _, light := range []bool{false, true} {
			f := predictWith(t, s, forecaster.Options{Light: light, Covariates: []forecaster.Series{c, plan}})
			if q := f.At(time.Hour, 0.5); q < 300 || q > 700 {
				t.Errorf("%s: median %v", name, q)
			}
		}
	}
	for want, c := range map[string]forecaster.Series{
		"covariate number 2: step: 0s is not positive": {Start: monday()},
		"covariate number 2: start: is missing":        {Step: time.Minute},
	} {
		_, err := forecaster.Predict(s, forecaster.Options{Covariates: []forecaster.Series{plan, c}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// With covariates too, a restart changes nothing: see TestIncrementalIsRebuild.
func TestIncrementalWithCovariates(t *testing.T) {
	t.Parallel()
	_, plan := planned(3, 5, 2)
	s := bumpy(4, 4*288, 5*time.Minute)
	s.Values[0] = math.NaN() // The model begins later than the series.
	s.Start = plan.Start.Add(7*time.Hour + 35*time.Minute)
	for _, light := range []bool{false, true} {
		o := forecaster.Options{History: 2 * 24 * time.Hour, Light: light, Covariates: []forecaster.Series{plan}}
		live, err := forecaster.NewModel(forecaster.Series{Start: s.Start, Step: s.Step}, o)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range s.Values {
			live.Update(v)
			if i%61 != 0 || i == 0 {
				continue
			}
			want, err := forecaster.Predict(forecaster.Series{Start: s.Start, Step: s.Step, Values: s.Values[:i+1]}, o)
			if err != nil {
				t.Fatal(err)
			}
			got, err := live.Forecast()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
				t.Fatalf("light %v, after %d values (-rebuilt +live):\n%s", light, i+1, diff)
			}
		}
	}
}
