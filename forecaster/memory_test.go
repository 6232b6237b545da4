package forecaster_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// What a model holds on to, for 14 days at 5-minute steps and the four default
// horizons, is bounded: large clusters have tens of thousands of signals.
//
//nolint:paralleltest // It measures the heap.
func TestMemoryOfModels(t *testing.T) {
	const models = 150
	s := demand(14*288, 5*time.Minute)
	for name, bound := range map[string]float64{"full": 300e3, "light": 25e3} {
		t.Run(name, func(t *testing.T) {
			kept := make([]*forecaster.Model, models)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for i := range kept {
				m, err := forecaster.NewModel(s, modes[name])
				if err != nil {
					t.Fatal(err)
				}
				if _, err := m.Forecast(); err != nil {
					t.Fatal(err)
				}
				kept[i] = m
			}
			runtime.GC()
			runtime.GC() // Memory for learning, which models share, is given back at the second.
			runtime.ReadMemStats(&after)
			runtime.KeepAlive(kept)
			each := float64(after.HeapAlloc-before.HeapAlloc) / models
			t.Logf("%.1f KB a model", each/1e3)
			if each > bound {
				t.Errorf("%.1f KB a model, more than %.0f", each/1e3, bound/1e3)
			}
		})
	}
}
