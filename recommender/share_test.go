package recommender_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// hourly makes a series of n hours.
func hourly(n int, value func(i int) float64) forecaster.Series {
	s := forecaster.Series{Start: time.Unix(0, 0).UTC(), Step: time.Hour, Values: make([]float64, n)}
	for i := range s.Values {
		s.Values[i] = value(i)
	}
	return s
}

func TestShareMemory(t *testing.T) {
	t.Parallel()
	dayNight := func(i int) float64 { // 4 pods by night, 12 by day.
		if i%24 >= 8 && i%24 < 20 {
			return 12
		}
		return 4
	}
	cases := map[string]struct {
		memory, pods func(i int) float64
		current      int
		wantShare    float64
		wantFirst    float64 // Memory of hour 0 as of current pods.
		wantMost     float64 // The most of all hours, where it is looked at.
		wantPods     int     // Known to need no more, or by as much as wantRatio, 1 if not said.
		wantRatio    float64
	}{
		"each pod needs the same": {
			memory: func(int) float64 { return 300 }, pods: dayNight, current: 12, wantShare: 0.06, wantFirst: 300, wantPods: 4, wantRatio: 1.07,
		},
		"pods share a total": {
			memory: func(i int) float64 { return 1200 / dayNight(i) }, pods: dayNight, current: 12, wantShare: 1, wantFirst: 100, wantPods: 4, wantRatio: 2.99,
		},
		"never scaled: assumed to share with fewer": {
			memory: func(int) float64 { return 300 }, pods: func(int) float64 { return 4 }, current: 2, wantShare: 1, wantFirst: 600,
		},
		"never scaled: assumed not to share with more": {
			memory: func(int) float64 { return 300 }, pods: func(int) float64 { return 4 }, current: 8, wantShare: 1, wantFirst: 300, wantPods: 4,
		},
		// Pods that have just started say little of what they will need.
		"more for an hour": {
			memory: func(i int) float64 { return 300 / (1 + b2f(i > 238)) }, pods: func(i int) float64 { return 4 + b2f(i > 237) },
			current: 5, wantShare: 1, wantFirst: 281, wantPods: 4, wantRatio: 1.07,
		},
		// In the hour in which eight more come, memory is that of the four before them.
		"pods come within a step": {
			memory: func(i int) float64 {
				if i%24 == 8 {
					return 300
				}
				return 1200 / dayNight(i)
			}, pods: dayNight, current: 1, wantShare: 1, wantFirst: 1200, wantMost: 1200,
		},
		"a value that is none": {
			memory: func(i int) float64 {
				if i == 5 {
					return math.Inf(1)
				}
				return 300
			}, pods: func(int) float64 { return 4 }, current: 8, wantShare: 1, wantFirst: 300, wantPods: 4,
		},
		"pods unknown: as it was": {
			memory: func(int) float64 { return 300 }, pods: func(int) float64 { return math.NaN() }, current: 2, wantShare: 1, wantFirst: 300,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, sharing := recommender.ShareMemory(hourly(240, tc.memory), hourly(240, tc.pods), tc.current)
			if math.Abs(sharing.Share-tc.wantShare) > 0.02 {
				t.Errorf("share %g, want %g", sharing.Share, tc.wantShare)
			}
			if want := max(b2f(tc.wantPods > 0), tc.wantRatio); sharing.Pods != tc.wantPods || math.Abs(sharing.Ratio-want) > 0.01 {
				t.Errorf("%d pods are known to need %.2f as much, want %d and %.2f", sharing.Pods, sharing.Ratio, tc.wantPods, want)
			}
			if math.Abs(got.Values[0]-tc.wantFirst) > 2 {
				t.Errorf("hour 0 as of %d pods is %g, want %g", tc.current, got.Values[0], tc.wantFirst)
			}
			if most := slices.Max(got.Values); tc.wantMost > 0 && math.Abs(most-tc.wantMost) > 2 {
				t.Errorf("the most as of %d pods is %g, want %g", tc.current, most, tc.wantMost)
			}
		})
	}
}

func TestSummarizeTrend(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	now := time.Unix(0, 0).UTC().Add(239 * time.Hour)
	cases := map[string]struct {
		value func(i int) float64
		want  float64 // MiB a day.
	}{
		"leak of 24 MiB a day":  {value: func(i int) float64 { return mib * float64(100+i) }, want: 24},
		"constant":              {value: func(int) float64 { return 100 * mib }, want: 0},
		"daily season":          {value: func(i int) float64 { return mib * (100 + 50*math.Sin(2*math.Pi*float64(i)/24)) }, want: 0},
		"one day is an outlier": {value: func(i int) float64 { return mib * (100 + 500*b2f(i/24 == 7)) }, want: 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := recommender.Summarize(hourly(240, tc.value), now, []time.Duration{time.Hour})
			if math.Abs(got.TrendPerDay/mib-tc.want) > 0.5 {
				t.Errorf("trend %.2f MiB a day, want %.2f", got.TrendPerDay/mib, tc.want)
			}
		})
	}
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
