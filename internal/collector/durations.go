package collector

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/recommender"
)

// durationsSpan is how far back durations are looked at: long enough that a
// few in a thousand show, short enough to steer by.
const durationsSpan = time.Hour

// durationTasks ask for the histograms of the catalogue, all workloads at
// once.
func (x *collection) durationTasks() []task {
	var tasks []task
	for _, spec := range x.catalog.Signals {
		if spec.Role != RoleDurations {
			continue
		}
		for rank, a := range spec.Aliases {
			if x.found.series[a.id()] == 0 {
				continue
			}
			tasks = append(tasks, task{
				signal: spec.Name, call: call{what: spec.Name + " from " + a.Metric, expr: x.catalog.signal(x.scope, spec, a, ""), end: x.fine.end},
				vector: func(v model.Vector) { x.noteDurations(spec, a, rank, v) },
			})
		}
	}
	return tasks
}

// noteDurations keeps the buckets of the first alias that has any for a
// workload.
func (x *collection) noteDurations(spec signalSpec, a aliasSpec, rank int, v model.Vector) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, sample := range v {
		w := x.owners.resolve(x.owners.of(sample.Metric))
		le, err := strconv.ParseFloat(string(sample.Metric[model.BucketLabel]), 64)
		rate := float64(sample.Value)
		if err != nil || math.IsNaN(le) || !(rate >= 0) || math.IsInf(rate, 0) || w.Name == "" || !x.wanted(w) {
			continue
		}
		if a.Milliseconds {
			le /= 1000
		}
		if x.life.durations[w] == nil {
			x.life.durations[w] = map[string]*histogram{}
		}
		h := x.life.durations[w][spec.Name]
		if h == nil || rank < h.rank {
			h = &histogram{rank: rank, rates: map[float64]float64{}}
			x.life.durations[w][spec.Name] = h
		}
		if h.rank == rank {
			h.rates[le] += rate
		}
	}
}

// histogram is the cumulative rates by upper bound, and which alias they are
// from.
type histogram struct {
	rank  int
	rates map[float64]float64
}

// durationsOf are the histograms of a workload, by signal.
func (x *collection) durationsOf(w recommender.Workload) map[string][]Bucket {
	var out map[string][]Bucket
	for name, h := range x.life.durations[w] {
		var buckets []Bucket
		for le, rate := range h.rates {
			buckets = append(buckets, Bucket{Seconds: le, Rate: rate})
		}
		slices.SortFunc(buckets, func(a, b Bucket) int { return cmp.Compare(a.Seconds, b.Seconds) })
		if out == nil {
			out = map[string][]Bucket{}
		}
		out[name] = buckets
	}
	return out
}
