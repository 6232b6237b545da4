package forecaster_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// bumpy is a demand with gaps of all lengths, among them one of three days, a
// jump of its level and zeros.
func bumpy(seed uint64, n int, step time.Duration) forecaster.Series {
	s := demand(n, step)
	s.Start = s.Start.Add(7*time.Hour + 35*time.Minute)
	r := rand.New(rand.NewPCG(seed, 7))
	gap := func(at, length int) {
		for i := at; i < min(n, at+length); i++ {
			s.Values[i] = math.NaN()
		}
	}
	for range n / 100 {
		gap(r.IntN(n), 1+r.IntN(4))
	}
	for range n / 1000 {
		gap(r.IntN(n), 1+r.IntN(40))
	}
	gap(r.IntN(n), int(72*time.Hour/step))
	for i := r.IntN(n); i < n; i++ {
		s.Values[i] *= 3
	}
	for i := range n / 50 {
		s.Values[r.IntN(n)] = float64(i % 2)
	}
	s.Values[r.IntN(n)] = math.Inf(1)
	return s
}

// A model that lived through a series, across midnights at which it forgets and
// through gaps, gives the very forecast of one that is built from its history:
// a restart changes nothing.
func TestIncrementalIsRebuild(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		step    time.Duration
		days    int
		options forecaster.Options
	}{
		"full, 5 minutes":        {step: 5 * time.Minute, days: 7, options: forecaster.Options{History: 3 * 24 * time.Hour}},
		"light, 5 minutes":       {step: 5 * time.Minute, days: 9, options: forecaster.Options{History: 4 * 24 * time.Hour, Light: true}},
		"full, 30 minutes":       {step: 30 * time.Minute, days: 24, options: forecaster.Options{History: 16 * 24 * time.Hour}},
		"full, 7 minutes":        {step: 7 * time.Minute, days: 5, options: forecaster.Options{History: 2 * 24 * time.Hour}},
		"full, 3 hours":          {step: 3 * time.Hour, days: 40, options: forecaster.Options{History: 20 * 24 * time.Hour}},
		"full, a minute, cold":   {step: time.Minute, days: 1, options: forecaster.Options{}},
		"full, 5 minutes, young": {step: 5 * time.Minute, days: 2, options: forecaster.Options{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := bumpy(uint64(tc.days), int(time.Duration(tc.days)*24*time.Hour/tc.step), tc.step)
			live, err := forecaster.NewModel(forecaster.Series{Start: s.Start, Step: s.Step}, tc.options)
			if err != nil {
				t.Fatal(err)
			}
			compared := 0
			for i, v := range s.Values {
				live.Update(v)
				if i%97 != 0 && i > 20 && i != len(s.Values)-1 {
					continue
				}
				want, wantErr := forecaster.Predict(forecaster.Series{Start: s.Start, Step: s.Step, Values: s.Values[:i+1]}, tc.options)
				got, gotErr := live.Forecast()
				if !errors.Is(gotErr, wantErr) {
					t.Fatalf("after %d values: error %v, rebuilt %v", i+1, gotErr, wantErr)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
					t.Fatalf("after %d values (-rebuilt +live):\n%s", i+1, diff)
				}
				compared++
			}
			if compared < 20 {
				t.Errorf("only %d comparisons", compared)
			}
		})
	}
}
