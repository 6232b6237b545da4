package simulator_test

import (
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

// BenchmarkRequests measures the time per request: one op is a request.
func BenchmarkRequests(b *testing.B) {
	for name, sc := range map[string]simulator.Scenario{
		"10 pods of 1 core":  httpScenario(700, 10, 24*time.Hour),
		"100 pods of 1 core": httpScenario(7000, 100, 24*time.Hour),
	} {
		b.Run(name, func(b *testing.B) {
			sc.Service.HTTP.EveryRequest = true
			sc.Duration = time.Duration(float64(b.N)/sc.Demand.Rate[0]*1e9) + time.Minute
			b.ResetTimer()
			run(b, sc, simulator.Static())
		})
	}
}
