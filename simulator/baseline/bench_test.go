package baseline_test

import (
	"math"
	"testing"
	"time"
)

// BenchmarkTwoWeeks replays 14 days of a web service at a step of 15 s, with a
// row a minute. The goal is less than a second for hpa on one core.
func BenchmarkTwoWeeks(b *testing.B) {
	for name, rate := range map[string]float64{"requests": 3.9, "formulas": 150} {
		for _, policy := range []string{"static", "hpa", "vpa", "hpa+vpa"} {
			b.Run(name+"/"+policy, func(b *testing.B) {
				sc := webScenario(func(int) float64 { return 0 })
				sc.Duration = 14 * 24 * time.Hour
				sc.Demand = minutes(14*24*60+60, func(i int) float64 { return rate * (0.6 - 0.4*math.Cos(float64(i)*2*math.Pi/1440)) })
				b.ReportAllocs()
				for b.Loop() {
					run(b, policy, sc)
				}
			})
		}
	}
}
