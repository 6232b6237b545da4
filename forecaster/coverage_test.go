package forecaster_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// bursty is a service with a daily rhythm and, once a day at any time, a burst
// whose height has Cauchy's distribution: nothing has a heavier tail, and what
// two weeks hold says little about it.
func bursty(seed uint64) forecaster.Series {
	r := rand.New(rand.NewPCG(seed, 1))
	var at time.Time
	height := 0.0
	return series(monday(), monday().Add(30*24*time.Hour), 15*time.Minute, func(now time.Time) float64 {
		if now.Hour() == 0 && now.Minute() == 0 {
			at = now.Add(time.Duration(r.IntN(96)) * 15 * time.Minute)
			height = math.Abs(r.NormFloat64() / r.NormFloat64())
		}
		v := 100 + 30*math.Sin(2*math.Pi*now.Sub(monday()).Hours()/24) + 3*r.NormFloat64()
		if now.Equal(at) {
			v += 20 * height
		}
		return max(0, v)
	})
}

// The outer quantiles of the largest value of a day cover nearly what they state
// though there were only fourteen such values to learn from: without the step outward
// the 0.99 quantile covers 0.953.
func TestCoverageOfTheDaysMaximum(t *testing.T) {
	t.Parallel()
	hit95, hit99, trials := 0, 0, 0
	for seed := range uint64(12) {
		b, err := forecaster.NewBacktest(bursty(seed), forecaster.BacktestOptions{Horizons: []time.Duration{24 * time.Hour}, Origins: 25})
		if err != nil {
			t.Fatal(err)
		}
		err = b.Run(func(s forecaster.BacktestStep) error {
			trials++
			if s.Max[0] <= s.Forecast.MaxWithin(24*time.Hour, 0.95) {
				hit95++
			}
			if s.Max[0] <= s.Forecast.MaxWithin(24*time.Hour, 0.99) {
				hit99++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	c95, c99 := float64(hit95)/float64(trials), float64(hit99)/float64(trials)
	t.Logf("0.95 covers %.3f, 0.99 %.3f of %d", c95, c99, trials)
	if c95 < 0.9 || c95 > 0.99 || c99 < 0.96 {
		t.Errorf("of %d largest values of a day the 0.95 quantile covers %.3f, the 0.99 quantile %.3f", trials, c95, c99)
	}
}

// Of a series that began a quarter of an hour ago the outer quantiles of the
// day's maximum are told apart and lie beyond what bounds the others; all are
// finite multiples of what was seen.
func TestYoungDaysMaximum(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	s := series(monday(), monday().Add(14*time.Minute), time.Minute, func(time.Time) float64 { return math.Exp(r.NormFloat64()) })
	f := predict(t, s, time.Hour, 24*time.Hour)
	top := s.Peak()
	day := func(level float64) float64 { return f.MaxWithin(24*time.Hour, level) }
	if !(day(0.9) < day(0.95) && day(0.95) < day(0.99)) {
		t.Errorf("quantiles of a day's maximum %v, %v, %v coincide", day(0.9), day(0.95), day(0.99))
	}
	if day(0.99) > 20*top || f.MaxWithin(time.Hour, 0.99) > 6*top {
		t.Errorf("after %v at most: 0.99 of an hour's maximum %v, of a day's %v", top, f.MaxWithin(time.Hour, 0.99), day(0.99))
	}
}
