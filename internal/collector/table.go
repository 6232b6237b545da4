package collector

import (
	"math"
	"sync"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// key is what a series is about: a workload, and a container where it has one.
type key struct {
	workload  recommender.Workload
	container string
}

// merge says how values of several series of one key come together.
type merge int

// The ways to merge.
const (
	mergeSum merge = iota
	mergeMax
)

// table is one signal of all workloads on one grid.
type table struct {
	grid  grid
	merge merge

	mu     sync.Mutex
	values map[key][]float64
}

func newTable(g grid, m merge) *table { return &table{grid: g, merge: m, values: map[key][]float64{}} }

// counts is how many samples were dropped, and why.
type counts struct{ invalid, future int }

// add puts the samples of one series on the grid. A point is a gap only where
// all series of the key have one.
func (t *table) add(k key, samples []model.SamplePair) counts {
	var c counts
	t.mu.Lock()
	defer t.mu.Unlock()
	values := t.values[k]
	for _, s := range samples {
		v := float64(s.Value)
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			c.invalid++
			continue
		}
		i, ok := t.grid.index(int64(s.Timestamp))
		if !ok {
			if s.Timestamp.Time().After(t.grid.end) {
				c.future++
			}
			continue
		}
		if values == nil {
			values = gaps(t.grid.n)
			t.values[k] = values
		}
		switch {
		case math.IsNaN(values[i]):
			values[i] = v
		case t.merge == mergeSum:
			values[i] += v
		default:
			values[i] = max(values[i], v)
		}
	}
	return c
}

// series is the signal of one key; without any sample it has no values.
func (t *table) series(k key) forecaster.Series {
	return forecaster.Series{Start: t.grid.start(), Step: t.grid.step, Values: t.values[k]}
}

// gaps is a history of nothing.
func gaps(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
	}
	return values
}
