package baseline_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/testkit/cputime"
	"github.com/rightsize-dev/rightsize/simulator"
)

// BenchmarkTwoWeeksOf replays 14 days of a queue at 5 items a second on average
// and of a language model at 6 requests a second, every one of them.
func BenchmarkTwoWeeksOf(b *testing.B) {
	daily := func(rate float64) func(int) float64 {
		return func(i int) float64 { return rate * (1 - 0.7*math.Cos(float64(i)*2*math.Pi/1440)) }
	}
	const rows = 14*24*60 + 60
	queue, model := queueScenario(daily(0)), modelScenario(daily(0))
	queue.Demand, model.Demand = minutes(rows, daily(5)), minutes(rows, daily(6))
	for name, sc := range map[string]simulator.Scenario{"queue": queue, "model": model} {
		for _, policy := range []string{"hpa", "rightsize"} {
			b.Run(name+"/"+policy, func(b *testing.B) {
				sc.Duration = 14 * 24 * time.Hour
				b.ReportAllocs()
				for b.Loop() {
					run(b, policy, sc)
				}
			})
		}
	}
}

// BenchmarkTwoWeeks replays 14 days of a web service at a step of 15 s, with a
// row a minute. The goals on one core: less than a second for hpa, less than
// 20 s for rightsize with the light forecaster. The policies whose names end in
// "light" have that; cpu-s is the CPU time of the whole process, which a
// busy machine stretches less than the wall clock.
func BenchmarkTwoWeeks(b *testing.B) {
	for name, rate := range map[string]float64{"requests": 3.9, "formulas": 150} {
		for _, policy := range []string{"static", "hpa", "vpa", "hpa+vpa", "rightsize", "rightsize/light"} {
			b.Run(name+"/"+policy, func(b *testing.B) {
				sc := webScenario(func(int) float64 { return 0 })
				sc.Duration = 14 * 24 * time.Hour
				sc.Demand = minutes(14*24*60+60, func(i int) float64 { return rate * (0.6 - 0.4*math.Cos(float64(i)*2*math.Pi/1440)) })
				policy, light := strings.CutSuffix(policy, "/light")
				if light {
					sc.Policies = map[string]simulator.Settings{policy: {"forecaster": "light"}}
				}
				b.ReportAllocs()
				began := cputime.Used(b)
				for b.Loop() {
					run(b, policy, sc)
				}
				b.ReportMetric((cputime.Used(b)-began).Seconds()/float64(b.N), "cpu-s")
			})
		}
	}
}
