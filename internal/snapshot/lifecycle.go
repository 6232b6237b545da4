package snapshot

import (
	"math"
	"slices"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// outcomeSeconds is what the histograms of durations look back.
	outcomeSeconds = 3600
	// outcomeLeast is the number of requests in that time that a share is told
	// from: with fewer a single late one would be over any budget.
	outcomeLeast = 100
	// quantile90 is the quantile over starts, as that of start-up times.
	quantile90 = 0.9
)

// startup is what the starts of a container on record were like: one is a
// stretch of minutes in which pods were starting. Nil where there was none, or
// where it is not known how long they take.
func startup(s forecaster.Series, seconds float64) *recommender.Startup {
	var peaks []float64
	before := math.NaN()
	for _, v := range s.Values {
		switch {
		case math.IsNaN(v):
		case math.IsNaN(before):
			peaks = append(peaks, v)
		default:
			peaks[len(peaks)-1] = max(peaks[len(peaks)-1], v)
		}
		before = v
	}
	if len(peaks) == 0 || !(seconds > 0) {
		return nil
	}
	return &recommender.Startup{Starts: len(peaks), PeakCores: quantile(peaks, quantile90), Seconds: seconds}
}

// runs is how long the runs of a workload took, and the CPU time that a
// container used in them; nil where there was none.
func runs(w collector.Workload, container string) *recommender.Runs {
	if len(w.Runs) == 0 {
		return nil
	}
	var took, used []float64
	for _, r := range w.Runs {
		took = append(took, r.Seconds)
		if v, known := r.CPUSeconds[container]; known {
			used = append(used, v)
		}
	}
	out := &recommender.Runs{
		Count: len(took), Seconds: quantile(took, 0.5), SecondsP95: quantile(took, quantile95), DeadlineSeconds: w.DeadlineSeconds,
	}
	if len(used) > 0 {
		out.CPUSecondsP95 = quantile(used, quantile95)
	}
	return out
}

// outcome is the share of the last hour's requests, or tokens, that missed the
// objective; the worst of its parts. Nil where the objective has no time, or
// where there is no histogram or too little in it.
func outcome(w collector.Workload, o recommender.Objective, ready int) *recommender.Outcome {
	worst, rate, known := 0.0, 0.0, false
	for _, part := range []struct {
		of      collector.Timed
		seconds float64
	}{{collector.TimedRequests, o.LatencySeconds}, {collector.TimedFirstTokens, o.TTFTSeconds}, {collector.TimedNextTokens, o.ITLSeconds}} {
		if !(part.seconds > 0) {
			continue
		}
		if late, ok := lateShare(w.Durations[part.of], part.seconds); ok {
			worst, known = max(worst, late), true
			if part.of != collector.TimedNextTokens { // Of which a request has many.
				rate = total(w.Durations[part.of])
			}
		}
	}
	if !known {
		return nil
	}
	return &recommender.Outcome{ViolatedRatio: worst, WindowSeconds: outcomeSeconds, PodRate: rate / float64(max(1, ready))}
}

// total is how much a second a histogram has seen.
func total(buckets []collector.Bucket) float64 {
	most := 0.0
	for _, b := range buckets {
		most = max(most, b.Rate)
	}
	return most
}

// lateShare is the share of what took longer than a time. Within a bucket it is
// taken as evenly spread, as PromQL's histogram_quantile does. It is not known
// where the time is beyond the largest bound and not all is within that.
func lateShare(buckets []collector.Bucket, limit float64) (float64, bool) {
	if len(buckets) == 0 {
		return 0, false
	}
	total := total(buckets)
	if total*outcomeSeconds < outcomeLeast {
		return 0, false
	}
	i := slices.IndexFunc(buckets, func(b collector.Bucket) bool { return b.Seconds >= limit })
	if i < 0 || math.IsInf(buckets[i].Seconds, 1) {
		// The time is beyond all finite bounds: nothing is late if all is within
		// these, and otherwise it is not known.
		within := 0.0
		if last := max(i, 0) - 1; last >= 0 {
			within = buckets[last].Rate
		}
		return 0, within >= total
	}
	lower := collector.Bucket{}
	if i > 0 {
		lower = buckets[i-1]
	}
	share := (limit - lower.Seconds) / (buckets[i].Seconds - lower.Seconds)
	intime := lower.Rate + share*(buckets[i].Rate-lower.Rate)
	return min(max(1-intime/total, 0), 1), true
}
