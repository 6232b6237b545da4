package forecaster_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/testkit/cputime"
)

// demand is a service with a daily and a weekly rhythm, noise and a few
// spikes.
func demand(n int, step time.Duration) forecaster.Series {
	r := rand.New(rand.NewPCG(1, 2))
	s := forecaster.Series{Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Step: step, Values: make([]float64, n)}
	for i := range s.Values {
		at := s.Time(i)
		hours := at.Sub(s.Start).Hours()
		v := 100 + 40*math.Sin(2*math.Pi*hours/24)
		if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
			v *= 0.6
		}
		v += 8 * r.NormFloat64()
		if r.IntN(500) == 0 {
			v += 150
		}
		s.Values[i] = max(0, v)
	}
	return s
}

var modes = map[string]forecaster.Options{"full": {}, "light": {Light: true}, "a sale a day": {Events: sales()}}

// sales are two hours each day for a month.
func sales() []forecaster.Event {
	var out []forecaster.Event
	for day := range 30 {
		start := monday().Add(time.Duration(24*day+10) * time.Hour)
		out = append(out, forecaster.Event{Name: "sale", Start: start, End: start.Add(2 * time.Hour), Factor: 2})
	}
	return out
}

// BenchmarkRebuild builds a model from 14 days at 5-minute steps, horizons 5
// min, 15 min, 1 h and 1 day, values and maxima.
func BenchmarkRebuild(b *testing.B) {
	benchEach(b, func(s forecaster.Series, o forecaster.Options) error {
		_, err := forecaster.NewModel(s, o)
		return err
	})
}

// benchEach measures something that is done with such a history, in each mode.
func benchEach(b *testing.B, do func(forecaster.Series, forecaster.Options) error) {
	b.Helper()
	s := demand(4032, 5*time.Minute)
	for name, o := range modes {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			start := cputime.Used(b)
			for b.Loop() {
				if err := do(s, o); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cputime.Used(b)-start)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkPredict forecasts once from such a history, as a controller does that
// keeps histories and no models.
func BenchmarkPredict(b *testing.B) {
	benchEach(b, func(s forecaster.Series, o forecaster.Options) error {
		_, err := forecaster.Predict(s, o)
		return err
	})
}

// BenchmarkUpdateAndForecast carries such a model on by one value and forecasts
// every horizon. It goes on for days of the series, so that what is learned
// anew every few hours and every midnight is in the mean.
func BenchmarkUpdateAndForecast(b *testing.B) {
	const known = 14 * 288
	s := demand(known+2000, 5*time.Minute)
	for name, o := range modes {
		b.Run(name, func(b *testing.B) {
			m, err := forecaster.NewModel(forecaster.Series{Start: s.Start, Step: s.Step, Values: s.Values[:known]}, o)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			i, start := 0, cputime.Used(b)
			for b.Loop() {
				m.Update(s.Values[known+i%2000])
				i++
				if _, err := m.Forecast(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cputime.Used(b)-start)/float64(b.N), "cpu-ns/op")
		})
	}
}
