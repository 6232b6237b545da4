package collector

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
)

// durationsSpan is how far back durations are looked at: long enough that a
// few in a thousand show, short enough to steer by.
const durationsSpan = time.Hour

// histogram is the cumulative rates by upper bound in seconds, and the rank in
// the catalogue of the metric they are from.
type histogram struct {
	rank  int
	rates map[float64]float64
}

// durationTasks ask for the histograms of the catalogue, all workloads at
// once.
func (x *collection) durationTasks() []task {
	s := x.scope
	s.recent = durationsSpan
	var tasks []task
	for rank, l := range x.catalog.Latencies {
		if x.found.series[l.id()] == 0 {
			continue
		}
		expr := x.catalog.signal(s, signalSpec{Role: RoleQuantile, Pods: "sum"}, l.aliasSpec, "")
		tasks = append(tasks, task{
			signal: "durations", call: call{what: "durations of " + string(l.Of) + " from " + l.Metric, expr: expr, end: x.grids.fine.end},
			vector: func(v model.Vector) { x.noteDurations(l, rank, v) },
		})
	}
	return tasks
}

// noteDurations keeps the buckets of the first metric that has any for a
// workload.
func (x *collection) noteDurations(l latencySpec, rank int, v model.Vector) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, sample := range v {
		w := x.owners.resolve(x.owners.of(sample.Metric))
		le, err := strconv.ParseFloat(string(sample.Metric[model.BucketLabel]), 64)
		rate := float64(sample.Value)
		if err != nil || math.IsNaN(le) || !(rate >= 0) || math.IsInf(rate, 0) || w.Name == "" || !x.wanted(w) {
			continue
		}
		byWhat := x.fresh.durations[w]
		if byWhat == nil {
			byWhat = map[Timed]*histogram{}
			x.fresh.durations[w] = byWhat
		}
		h := byWhat[l.Of]
		if h == nil || rank < h.rank {
			h = &histogram{rank: rank, rates: map[float64]float64{}}
			byWhat[l.Of] = h
		}
		if h.rank == rank {
			h.rates[le*l.Scale] += rate
		}
	}
}

// durationsOf are the histograms of a workload.
func durationsOf(histograms map[Timed]*histogram) map[Timed][]Bucket {
	if len(histograms) == 0 {
		return nil
	}
	out := map[Timed][]Bucket{}
	for of, h := range histograms {
		for le, rate := range h.rates {
			out[of] = append(out[of], Bucket{Seconds: le, Rate: rate})
		}
		slices.SortFunc(out[of], func(a, b Bucket) int { return cmp.Compare(a.Seconds, b.Seconds) })
	}
	return out
}
