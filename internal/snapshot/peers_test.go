package snapshot_test

import (
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

// The traces on which the Vertical Pod Autoscaler 1.8.1 was measured to fail,
// at one sample a minute, here as the 5-minute means that a Prometheus range
// query gives. Its own numbers stand in the comments.

// minutes makes 5-minute means of a value that changes by the minute, from
// Monday 2026-02-02 until now.
func minutes(now time.Time, value func(t time.Time) float64) forecaster.Series {
	begin := time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)
	s := forecaster.Series{Start: begin.Add(5 * time.Minute), Step: 5 * time.Minute}
	for t := begin; !t.Add(5 * time.Minute).After(now); t = t.Add(5 * time.Minute) {
		sum := 0.0
		for m := range 5 {
			sum += value(t.Add(time.Duration(m) * time.Minute))
		}
		s.Values = append(s.Values, sum/5)
	}
	return s.Tail(14 * 24 * time.Hour)
}

// onePod is a workload of one pod with that usage.
func onePod(now time.Time, cpu, memory func(t time.Time) float64) collector.Workload {
	one := minutes(now, func(time.Time) float64 { return 1 })
	return collector.Workload{
		ID:      recommender.Workload{Namespace: "peers", Kind: "Deployment", Name: "trace"},
		Desired: one, Ready: one, StartupSeconds: 60,
		Containers: []collector.Container{{
			Name: "app", CPU: minutes(now, cpu), CPUMaxPod: minutes(now, cpu), Memory: minutes(now, memory),
		}},
	}
}

// target is what would be requested for the next hour.
func target(w collector.Workload, now time.Time) recommender.Resources {
	var r recommender.Recommender
	return r.Decide(snapshot.Build(w, now, recommender.Policy{HoldSeconds: 3600})).Containers[0].Target
}

// Bursts to one core for 3 to 12 minutes of every hour. The autoscaler says
// 247 milli-CPU up to 6 minutes and 1168 from 7 on.
func TestNoCliffOnHourlyBursts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC)
	var before recommender.MilliCPU
	for _, burst := range []int{3, 5, 6, 7, 12} {
		cpu := func(at time.Time) float64 {
			if at.Minute() < burst {
				return 1
			}
			return 0.2
		}
		got := target(onePod(now, cpu, func(time.Time) float64 { return 3e8 }), now).CPU
		// The largest 5-minute mean of a burst of 3 minutes is 0.68 cores.
		if least := math.Min(1, 0.2+0.8*float64(burst)/5) * 1000; float64(got) < least || got > 1500 {
			t.Errorf("bursts of %d minutes: %d milli-CPU, want %.0f to 1500", burst, got, least)
		}
		if before > 0 && float64(got) > 1.5*float64(before) {
			t.Errorf("bursts of %d minutes: %d milli-CPU after %d, a cliff", burst, got, before)
		}
		before = got
	}
}

// peak is Monday 09:00 to 12:00.
func peak(t time.Time) bool { return t.Weekday() == time.Monday && t.Hour() >= 9 && t.Hour() < 12 }

// Two cores and 900 MB on Monday mornings, else 0.2 cores and 300 MB. In week
// 4 the autoscaler says 247 milli-CPU and 351 MB on Monday at 08:59, and 247
// milli-CPU and 1038 MB a day later.
func TestWeeklyPeakIsSeenBeforeItComes(t *testing.T) {
	t.Parallel()
	cpu := func(t time.Time) float64 {
		if peak(t) {
			return 2
		}
		return 0.2
	}
	memory := func(t time.Time) float64 {
		if peak(t) {
			return 9e8
		}
		return 3e8
	}
	cases := map[string]struct {
		now            time.Time
		minCPU, maxCPU recommender.MilliCPU
	}{
		"Monday before the peak": {time.Date(2026, 3, 2, 8, 55, 0, 0, time.UTC), 2000, 3000},
		"in the middle of it":    {time.Date(2026, 3, 2, 10, 30, 0, 0, time.UTC), 2000, 3000},
		"a day after it":         {time.Date(2026, 3, 3, 8, 55, 0, 0, time.UTC), 200, 400},
		"an hour after it":       {time.Date(2026, 3, 2, 13, 0, 0, 0, time.UTC), 200, 700},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := target(onePod(tc.now, cpu, memory), tc.now)
			if got.CPU < tc.minCPU || got.CPU > tc.maxCPU {
				t.Errorf("%d milli-CPU, want %d to %d", got.CPU, tc.minCPU, tc.maxCPU)
			}
			if got.Memory < 9e8 || got.Memory > 12e8 {
				t.Errorf("%d bytes, want 9e8 to 12e8", got.Memory)
			}
		})
	}
}

// One kill at a request of 500 MB, then a steady 300 MB. The autoscaler stays
// at 716 MB for three days and is back at 351 MB on day 4.
func TestOOMIsForgottenAfterAWeek(t *testing.T) {
	t.Parallel()
	killed := time.Date(2026, 2, 20, 12, 0, 0, 0, time.UTC)
	memory := func(t time.Time) float64 {
		if t.After(killed.Add(-10*time.Minute)) && !t.After(killed) {
			return 5e8
		}
		return 3e8
	}
	for name, tc := range map[string]struct {
		after          time.Duration
		minMem, maxMem recommender.Bytes
	}{
		"the next day":    {24 * time.Hour, 6e8, 7e8},
		"nine days later": {9 * 24 * time.Hour, 3e8, 3.6e8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := killed.Add(tc.after)
			w := onePod(now, func(time.Time) float64 { return 0.2 }, memory)
			w.Containers[0].OOMKills, w.Containers[0].LastOOMKill = 1, killed
			if got := target(w, now).Memory; got < tc.minMem || got > tc.maxMem {
				t.Errorf("%d bytes, want %d to %d", got, tc.minMem, tc.maxMem)
			}
		})
	}
}
