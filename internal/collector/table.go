package collector

import (
	"math"
	"sync"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/internal/pack"
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

// table is one signal of all workloads on one grid, as it is read.
type table struct {
	kind  kind
	grid  grid
	merge merge

	mu     sync.Mutex
	values map[key][]float64
}

func newTable(k kind, g grid, m merge) *table {
	return &table{kind: k, grid: g, merge: m, values: map[key][]float64{}}
}

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
		values[i] = t.merge.both(values[i], v)
	}
	return c
}

// both is what two values come to, of which the first may be a gap.
func (m merge) both(a, b float64) float64 {
	switch {
	case math.IsNaN(a):
		return b
	case math.IsNaN(b):
		return a
	case m == mergeSum:
		return a + b
	default:
		return max(a, b)
	}
}

// value is that of a table of one point, NaN where there is none.
func (t *table) value(k key) float64 {
	if t == nil || len(t.values[k]) == 0 {
		return math.NaN()
	}
	return pack.Round(t.values[k][0])
}

// gaps is a history of nothing.
func gaps(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
	}
	return values
}
