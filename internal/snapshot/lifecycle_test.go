package snapshot

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

func TestStartup(t *testing.T) {
	t.Parallel()
	gap := math.NaN()
	for name, c := range map[string]struct {
		minutes []float64
		seconds float64
		want    *recommender.Startup
	}{
		"no start":                    {[]float64{gap, gap}, 45, nil},
		"how long is not known":       {[]float64{gap, 1, gap}, 0, nil},
		"one start of three minutes":  {[]float64{gap, 0.5, 2, 1, gap}, 150, &recommender.Startup{Starts: 1, PeakCores: 2, Seconds: 150}},
		"it starts with the history":  {[]float64{1.5, gap}, 45, &recommender.Startup{Starts: 1, PeakCores: 1.5, Seconds: 45}},
		"the 0.9 quantile of several": {[]float64{1, gap, 2, gap, 3, gap, 9, gap}, 45, &recommender.Startup{Starts: 4, PeakCores: 9, Seconds: 45}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := startup(forecaster.Series{Step: time.Minute, Values: c.minutes}, c.seconds)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRuns(t *testing.T) {
	t.Parallel()
	w := collector.Workload{DeadlineSeconds: 3600}
	if got := runs(w, "etl"); got != nil {
		t.Errorf("without runs there are %v", got)
	}
	for i := range 20 {
		r := collector.Run{Seconds: 100 + float64(i)}
		if i >= 10 { // Of the first the CPU time is not known.
			r.CPUSeconds = map[string]float64{"etl": 2 * r.Seconds, "other": 1}
		}
		w.Runs = append(w.Runs, r)
	}
	want := &recommender.Runs{Count: 20, Seconds: 110, SecondsP95: 119, CPUSecondsP95: 238, DeadlineSeconds: 3600}
	if diff := cmp.Diff(want, runs(w, "etl")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	requests := map[collector.Timed][]collector.Bucket{collector.TimedRequests: {{Seconds: 0.1, Rate: 8}, {Seconds: 0.5, Rate: 9}, {Seconds: inf, Rate: 10}}}
	tokens := map[collector.Timed][]collector.Bucket{
		collector.TimedFirstTokens: {{Seconds: 1, Rate: 9.9}, {Seconds: inf, Rate: 10}},
		collector.TimedNextTokens:  {{Seconds: 0.05, Rate: 80}, {Seconds: inf, Rate: 100}},
	}
	for name, c := range map[string]struct {
		durations map[collector.Timed][]collector.Bucket
		objective recommender.Objective
		want      float64 // Negative: unknown.
	}{
		"at a bound":                   {requests, recommender.Objective{LatencySeconds: 0.5}, 0.1},
		"within a bucket":              {requests, recommender.Objective{LatencySeconds: 0.3}, 0.15},
		"within the first":             {requests, recommender.Objective{LatencySeconds: 0.05}, 0.6},
		"beyond the last":              {requests, recommender.Objective{LatencySeconds: 2}, -1},
		"no objective":                 {requests, recommender.Objective{}, -1},
		"no histogram":                 {nil, recommender.Objective{LatencySeconds: 0.5}, -1},
		"the worse of both":            {tokens, recommender.Objective{TTFTSeconds: 1, ITLSeconds: 0.05}, 0.2},
		"one of both":                  {tokens, recommender.Objective{TTFTSeconds: 1}, 0.01},
		"all within the finite bounds": {map[collector.Timed][]collector.Bucket{collector.TimedRequests: {{Seconds: 0.1, Rate: 8}, {Seconds: inf, Rate: 8}}}, recommender.Objective{LatencySeconds: 1}, 0},
		"too few requests":             {map[collector.Timed][]collector.Bucket{collector.TimedRequests: {{Seconds: 0.1, Rate: 0}, {Seconds: inf, Rate: 0.02}}}, recommender.Objective{LatencySeconds: 0.1}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := outcome(collector.Workload{Durations: c.durations}, c.objective, 2)
			switch {
			case c.want < 0 && got != nil:
				t.Errorf("outcome is %v, want none", *got)
			case c.want >= 0 && c.objective.ITLSeconds == 0 && got != nil && got.PodRate != total(c.durations[collector.TimedRequests])/2+total(c.durations[collector.TimedFirstTokens])/2:
				t.Errorf("a pod serves %g requests a second", got.PodRate)
			case c.want >= 0 && (got == nil || math.Abs(got.ViolatedRatio-c.want) > 1e-9 || got.WindowSeconds != 3600):
				t.Errorf("outcome is %v, want %g in an hour", got, c.want)
			}
		})
	}
}
