package forecaster_test

import (
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
	whole, each := run(forecaster.BacktestOptions{}), run(forecaster.BacktestOptions{Each: true})
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
