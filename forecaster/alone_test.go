package forecaster_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// A backtest of each point forecast in one go says what backtests of one at a time
// say, gaps and a level shift included.
func TestEachIsOnly(t *testing.T) {
	t.Parallel()
	names, _ := forecaster.Parts()
	run := func(o forecaster.BacktestOptions) (steps []forecaster.BacktestStep) {
		o.Origins, o.Horizons = 7, []time.Duration{5 * time.Minute, time.Hour, 6 * time.Hour}
		b, err := forecaster.NewBacktest(bumpy(3, 6*288, 5*time.Minute), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Run(func(s forecaster.BacktestStep) error {
			steps = append(steps, s)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return steps
	}
	whole, each := run(forecaster.BacktestOptions{}), run(forecaster.BacktestOptions{Alone: forecaster.AloneScaled})
	for i := range whole {
		if diff := cmp.Diff(whole[i].Forecast, each[i].Forecast); diff != "" {
			t.Fatalf("the whole changes (-without +with the others):\n%s", diff)
		}
	}
	for _, k := range []int{0, 4, 16, len(names) - 2, len(names) - 1} {
		only := run(forecaster.BacktestOptions{Only: names[k]})
		for i := range only {
			if diff := cmp.Diff(only[i].Forecast, each[i].Alone[k]); diff != "" {
				t.Errorf("%s, origin %d (-only +each):\n%s", names[k], i, diff)
			}
		}
	}
}

// Bare, the newest value by itself is a random walk: of steps of ±1 and 0 in equal
// parts and no order, the quantiles at any moment are those of the steps.
func TestAloneBare(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 11))
	s := forecaster.Series{Start: monday(), Step: 5 * time.Minute, Values: []float64{1000}}
	for range 4000 {
		s.Values = append(s.Values, s.Values[len(s.Values)-1]+float64(r.IntN(3)-1))
	}
	b, err := forecaster.NewBacktest(s, forecaster.BacktestOptions{
		Origins: 5, Horizons: []time.Duration{5 * time.Minute}, Levels: []float64{0.1, 0.5, 0.9}, Alone: forecaster.AloneBare,
	})
	if err != nil {
		t.Fatal(err)
	}
	err = b.Run(func(step forecaster.BacktestStep) error {
		now := s.Values[b.Origins[step.Index]]
		if diff := cmp.Diff([]float64{now - 1, now, now + 1}, step.Alone[1].Point[0]); diff != "" {
			t.Errorf("origin %d (-want +got):\n%s", step.Index, diff)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
