package snapshot_test

import (
	"math"
	"testing"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

// TestMemoryInFlight: pods that hold 100 MiB and 8 MiB for each request in
// flight, of which there are 2 to 6 in the fullest.
func TestMemoryInFlight(t *testing.T) {
	t.Parallel()
	inFlight := func(h float64) float64 { return 2 * daily(h) }
	grows := func(h float64) float64 { return (100 + 8*inFlight(h)) * (1 << 20) }
	sum := func(h float64) float64 { return 4 * inFlight(h) }
	gauge := collector.Signal{Name: "requests_in_flight", Unit: "requests", Role: collector.RoleInFlight, Metric: "http_requests_in_flight", Series: every5m(inFlight)}
	for name, tc := range map[string]struct {
		signal collector.Signal
		memory func(h float64) float64
		each   float64
	}{
		"a gauge":               {gauge, grows, 8 << 20},
		"a query, of four pods": {collector.Signal{Name: "busy", Role: collector.RoleInFlight, Metric: collector.MetricPromQL, Named: true, Series: every5m(sum)}, grows, 8 << 20},
		"of a language model":   {collector.Signal{Name: "inference_running", Role: collector.RoleInFlight, Series: every5m(inFlight)}, grows, 0},
		"another role":          {collector.Signal{Name: "busy", Role: collector.RoleQueue, Series: every5m(inFlight)}, grows, 0},
		"memory that stays":     {gauge, constant(200 << 20), 0},
		"memory of other times": {gauge, func(h float64) float64 { return (100 + 50*math.Sin(h*h)) * (1 << 20) }, 0},
		"no values":             {collector.Signal{Name: "requests_in_flight", Role: collector.RoleInFlight, Series: every5m(constant(math.NaN()))}, grows, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shop()
			w.Signals = append(w.Signals, tc.signal)
			w.Containers[0].Memory = every5m(tc.memory)
			c := snapshot.Build(w, now(), recommender.Policy{}, snapshot.Light()).Containers[0]
			if r := c.MemoryInFlight; r.Valid != (tc.each > 0) || math.Abs(r.PerUnit-tc.each) > 0.02*tc.each || r.Valid && math.Abs(r.PerReplica-(100<<20)) > 2<<20 {
				t.Errorf("memory follows requests as %+v, want %g bytes for each", r, tc.each)
			}
			if !c.MemoryInFlight.Valid && c.MemoryInFlight != (recommender.Relation{}) {
				t.Errorf("what is not valid is %+v", c.MemoryInFlight)
			}
		})
	}
}
