package recommender_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// weekly is the season of a service that reaches 900 MiB on Monday mornings and
// 300 MiB else, and in whose next two hours nothing happens.
func weekly(within2h recommender.Bytes) *recommender.Season {
	s := &recommender.Season{PeriodSeconds: 7 * 24 * 3600, Periods: 2, Peaks: 1, Chance: 0.03}
	for range 24 {
		s.AheadPeaks = append(s.AheadPeaks, float64(within2h))
	}
	return s
}

func TestDecideMemory(t *testing.T) {
	t.Parallel()
	inPlace := func(s *recommender.Snapshot, ahead recommender.Bytes) *recommender.Container {
		c := &s.Containers[0]
		s.Policy.Vertical.InPlace = true
		c.Memory.Peak, c.Memory.Season = float64(900*mib), weekly(ahead)
		return c
	}
	killed := func(s *recommender.Snapshot, first, last time.Duration) *recommender.Container {
		c := &s.Containers[0]
		c.OOMKills, c.OOMLimit = 2, 500*mib
		c.FirstOOMKill, c.LastOOMKill = s.Now.Add(-first), s.Now.Add(-last)
		return c
	}
	const day = 24 * time.Hour
	cases := map[string]struct {
		change  func(*recommender.Snapshot)
		want    recommender.Bytes
		reason  recommender.ReasonCode
		message string // Part of it.
	}{
		"season: small between the peaks": {
			change: func(s *recommender.Snapshot) { inPlace(s, 300*mib) },
			// 300 MiB by the season, and below 380·0.95/0.99 by the forecast.
			want: 429 * mib, reason: recommender.ReasonMemorySeason, message: "repeats every 7 days",
		},
		"season: not without resizes in place": {
			change: func(s *recommender.Snapshot) { inPlace(s, 300*mib); s.Policy.Vertical.InPlace = false },
			want:   1035 * mib, reason: recommender.ReasonMemoryPeak,
		},
		"season: large before the peak": {
			change: func(s *recommender.Snapshot) { inPlace(s, 900*mib) },
			want:   1035 * mib, reason: recommender.ReasonMemoryPeak,
		},
		"season: not below what is used": {
			change: func(s *recommender.Snapshot) { inPlace(s, 300*mib).Memory.Last = float64(700 * mib) },
			want:   805 * mib, reason: recommender.ReasonMemorySeason,
		},
		"season: not where the forecast is not to be trusted": {
			change: func(s *recommender.Snapshot) { inPlace(s, 300*mib).Memory.Forecast.Coverage95 = 0.5 },
			want:   1035 * mib, reason: recommender.ReasonMemoryPeak,
		},
		"season: not on top of a leak": {
			change: func(s *recommender.Snapshot) { inPlace(s, 300*mib).Memory.TrendPerDay = float64(mib) },
			want:   1036 * mib, reason: recommender.ReasonMemoryTrend,
		},
		"season: not for longer than it sees": {
			change: func(s *recommender.Snapshot) { inPlace(s, 300*mib); s.Policy.HoldSeconds = 25 * 3600 },
			want:   1035 * mib, reason: recommender.ReasonMemoryPeak,
		},
		"season: not after it was told a day ago": {
			change: func(s *recommender.Snapshot) { inPlace(s, 300*mib).Memory.Forecast.Origin = s.Now.Add(-day) },
			want:   1035 * mib, reason: recommender.ReasonMemoryPeak,
		},
		"the owner's margin": {
			change: func(s *recommender.Snapshot) { s.Policy.Vertical.MemoryMargin = 0.5 },
			want:   600 * mib, reason: recommender.ReasonMemoryPeak, message: "50 % on top",
		},
		"what 14 days reached twice": {
			change: func(s *recommender.Snapshot) {
				s.Containers[0].Memory.DailyPeaks = []float64{float64(500 * mib), float64(500 * mib), float64(400 * mib)}
			},
			want: 575 * mib, reason: recommender.ReasonMemoryPeak,
		},
		"what 14 days reached once": {
			change: func(s *recommender.Snapshot) {
				s.Containers[0].Memory.DailyPeaks = []float64{float64(500 * mib), float64(400 * mib), float64(400 * mib)}
			},
			want: 460 * mib, reason: recommender.ReasonMemoryPeak,
		},
		"a leak, with the days it has left": {
			change: func(s *recommender.Snapshot) {
				c := &s.Containers[0]
				c.Memory.TrendPerDay, c.Limits.Memory = float64(40*mib), 600*mib
			},
			want: 500 * mib, reason: recommender.ReasonMemoryTrend, message: "limit of 600 MiB is reached in 5.00 days",
		},
		"a growing heap around a live set that does not grow is no leak": {
			change: func(s *recommender.Snapshot) {
				c := &s.Containers[0]
				c.Memory.TrendPerDay = float64(40 * mib)
				c.Runtime = &recommender.Runtime{Language: recommender.LanguageJVM, Live: float64(100 * mib), Heap: float64(200 * mib)}
			},
			want: 500 * mib, reason: recommender.ReasonMemoryTrend, message: "as a heap does that still may",
		},
		"growth beside a heap that is full is a leak": {
			change: func(s *recommender.Snapshot) {
				c := &s.Containers[0]
				c.Memory.TrendPerDay = float64(40 * mib)
				c.Runtime = &recommender.Runtime{
					Language: recommender.LanguageJVM, Live: float64(100 * mib), Heap: float64(200 * mib), HeapMax: float64(200 * mib),
				}
			},
			// 15 % of the 200 MiB outside of the heap, and a day's growth.
			want: 470 * mib, reason: recommender.ReasonMemoryTrend, message: "looks like a leak",
		},
		"a heap at its maximum gets no margin": {
			change: func(s *recommender.Snapshot) {
				c := &s.Containers[0]
				c.Runtime = &recommender.Runtime{Language: recommender.LanguageJVM, Heap: float64(340 * mib), HeapMax: float64(350 * mib), Outside: float64(40 * mib)}
			},
			// 15 % on the 50 MiB outside of it would be 408 MiB; 5 % on all is more.
			want: 420 * mib, reason: recommender.ReasonHeapBounded,
		},
		"killed once two days ago": {
			change: func(s *recommender.Snapshot) { killed(s, 2*day, 2*day) },
			want:   600 * mib, reason: recommender.ReasonOOMKilled, message: "until 2026-03-03 08:55",
		},
		"killed once three days ago": {
			change: func(s *recommender.Snapshot) { killed(s, 3*day, 3*day) },
			want:   460 * mib, reason: recommender.ReasonMemoryPeak,
		},
		"killed again after five days of peace, five days ago": {
			change: func(s *recommender.Snapshot) { killed(s, 10*day, 5*day) },
			want:   600 * mib, reason: recommender.ReasonOOMKilled, message: "until 2026-03-03 08:55",
		},
		"killed for two weeks until nine days ago": {
			change: func(s *recommender.Snapshot) { killed(s, 23*day, 9*day) },
			want:   460 * mib, reason: recommender.ReasonMemoryPeak,
		},
		"page cache keeps the limit": {
			change: func(s *recommender.Snapshot) {
				c := &s.Containers[0]
				c.Requests.Memory, c.Limits.Memory, c.PageCache = 1024*mib, 2048*mib, float64(900*mib)
			},
			// 300 used and 900 of cache under a limit that is twice the request.
			want: 600 * mib, reason: recommender.ReasonPageCache,
		},
		"page cache is no need without a limit": {
			change: func(s *recommender.Snapshot) { s.Containers[0].PageCache = float64(900 * mib) },
			want:   460 * mib, reason: recommender.ReasonMemoryPeak,
		},
		"the largest run of two weeks": {
			change: func(s *recommender.Snapshot) {
				s.Workload.Kind = "CronJob"
				s.Containers[0].Memory.DailyPeaks = []float64{float64(800 * mib), float64(300 * mib)}
			},
			want: 920 * mib, reason: recommender.ReasonPerRun,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			s.Containers[0].Requests.Memory = 2048 * mib
			tc.change(&s)
			d := decide(s)
			if got := d.Containers[0].Target.Memory; math.Abs(float64(got-tc.want)) > float64(mib) {
				t.Errorf("target %d MiB, want %d: %v", got/mib, tc.want/mib, d.Reasons)
			}
			found := false
			for _, r := range d.Reasons {
				found = found || r.Code == tc.reason && strings.Contains(r.Message, tc.message)
			}
			if !found {
				t.Errorf("no reason %s with %q in %v", tc.reason, tc.message, d.Reasons)
			}
		})
	}
}

// A kill raises the limit, and the raised limit is not taken for the one that
// was not enough: the floor stays where it is.
func TestDecideMemoryAfterKillSettles(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]recommender.Bytes{"limit at the kill known": 500 * mib, "not known": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			c := &s.Containers[0]
			c.Requests.Memory, c.Limits.Memory = 500*mib, 500*mib
			c.Memory.Peak = float64(490 * mib)
			c.OOMKills, c.LastOOMKill, c.OOMLimit = 1, s.Now.Add(-time.Minute), known
			for range 10 {
				d := decide(s)
				c.Requests, c.Limits = d.Containers[0].Target, d.Containers[0].TargetLimits
				s.State, s.Now = d.State, s.Now.Add(5*time.Minute)
			}
			if want := 600 * mib; c.Limits.Memory < want-mib || c.Limits.Memory > want+mib {
				t.Errorf("ends at a limit of %d MiB, want %d", c.Limits.Memory/mib, want/mib)
			}
		})
	}
}

// Four pods that reach 400 MiB each, of which two are to stay.
func TestDecideMemoryOfFewerPods(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*recommender.Container)
		want   recommender.Bytes // With 15 % on top.
	}{
		"nothing is known: they share a total": {
			change: func(*recommender.Container) {}, want: 920 * mib,
		},
		"two have shown that it is enough": {
			change: func(c *recommender.Container) { c.MemoryPods, c.MemoryPodsRatio = 2, 1 }, want: 460 * mib,
		},
		"two needed a fifth more": {
			change: func(c *recommender.Container) { c.MemoryPods, c.MemoryPodsRatio = 2, 1.2 }, want: 552 * mib,
		},
		"three have shown it": {
			change: func(c *recommender.Container) { c.MemoryPods, c.MemoryPodsRatio = 3, 1 }, want: 690 * mib,
		},
		"no more than if they share a total": {
			change: func(c *recommender.Container) { c.MemoryPods, c.MemoryPodsRatio = 2, 3 }, want: 920 * mib,
		},
		"a forecast of more": {
			change: func(c *recommender.Container) {
				c.MemoryPods, c.MemoryPodsRatio = 2, 1
				c.Memory.Forecast = expects(float64(480*mib), float64(490*mib))
			}, want: 552 * mib,
		},
		"what killed has not been shown": {
			change: func(c *recommender.Container) {
				c.MemoryPods, c.MemoryPodsRatio = 2, 1
				c.OOMKills, c.OOMLimit, c.LastOOMKill = 1, 500*mib, shop().Now.Add(-time.Hour)
			}, want: 1200 * mib,
		},
		"nor where it was less": {
			change: func(c *recommender.Container) {
				c.MemoryPods, c.MemoryPodsRatio = 2, 1
				c.OOMKills, c.OOMLimit, c.LastOOMKill = 1, 300*mib, shop().Now.Add(-time.Hour)
			}, want: 920 * mib,
		},
		"a share that cannot be": {
			change: func(c *recommender.Container) { c.MemoryShare, c.MemoryPods, c.MemoryPodsRatio = -3, 2, 0.1 }, want: 460 * mib,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withDemand(shop(), 45, 100)
			s.Policy.Horizontal = recommender.HorizontalPolicy{Min: 2, Max: 2}
			c := &s.Containers[0]
			c.MemoryShare = 1
			tc.change(c)
			d := decide(s)
			if got := d.Containers[0].Target.Memory; d.DesiredReplicas != 2 || math.Abs(float64(got-tc.want)) > float64(mib) {
				t.Errorf("%d pods of %d MiB, want 2 of %d: %v", d.DesiredReplicas, got/mib, tc.want/mib, d.Reasons)
			}
		})
	}
}

// FuzzDecideMemory checks what holds for any memory: JSON, order of the bounds,
// never below what is used or the owner's minimum, more used never less asked for, and a limit that
// shrinks never below usage with page cache.
func FuzzDecideMemory(f *testing.F) {
	f.Add(3e8, 4e8, 5e8, 1e8, 0.0, int64(1<<30), int64(1<<30), int64(0), uint8(1))
	f.Add(3e8, 9e8, 9e8, 0.0, 1e6, int64(1<<30), int64(1<<31), int64(5e8), uint8(255))
	f.Add(0.0, 1e300, 1e18, 1e18, 1e12, int64(0), int64(math.MaxInt64), int64(1), uint8(7))
	f.Fuzz(func(t *testing.T, last, peak, ahead, cache, grow float64, request, limit, oom int64, flags uint8) {
		for _, x := range []float64{last, peak, ahead, cache, grow} {
			if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
				t.Skip("the collector lets no such number through")
			}
		}
		build := func(last, peak, ahead float64) recommender.Snapshot {
			s := shop()
			s.Policy.Vertical.InPlace = flags&1 != 0
			c := &s.Containers[0]
			c.Requests.Memory, c.Limits.Memory = recommender.Bytes(max(0, request)), recommender.Bytes(max(0, limit))
			c.Memory = usage(last, max(last, peak), expects(min(last, peak), max(last, peak)))
			c.Memory.TrendPerDay, c.PageCache = grow, cache
			if flags&2 != 0 {
				c.Memory.Season = weekly(recommender.FromBytes(ahead))
			}
			if flags&4 != 0 {
				c.OOMKills, c.LastOOMKill, c.OOMLimit = 1, s.Now.Add(-time.Hour), recommender.Bytes(max(0, oom))
			}
			if flags&8 != 0 {
				c.Runtime = &recommender.Runtime{Language: recommender.LanguageJVM, Heap: peak, HeapMax: ahead, Live: cache, Outside: grow}
			}
			if flags&16 != 0 {
				c.Memory.DailyPeaks = []float64{peak, last, peak / 2, ahead, last, peak}
			}
			return s
		}
		d := decide(build(last, peak, ahead))
		if _, err := json.Marshal(d); err != nil {
			t.Fatalf("decision is not JSON: %v", err)
		}
		got := d.Containers[0]
		if got.LowerBound.Memory > got.Target.Memory || got.UpperBound.Memory < got.Target.Memory {
			t.Errorf("target out of order: %+v", got)
		}
		if got.Target.Memory < min(recommender.FromBytes(last), math.MaxInt64/2) {
			t.Errorf("%d requested, %g used", got.Target.Memory, last)
		}
		if held := last + cache; got.TargetLimits.Memory < got.Limits.Memory && float64(got.TargetLimits.Memory) < min(held, float64(got.Limits.Memory))*0.999-1 && cache > 0 {
			t.Errorf("limit %d to %d, %g held", got.Limits.Memory, got.TargetLimits.Memory, held)
		}
		if flags&24 == 0 { // A higher peak may show that a heap is at its maximum, or make a spread smaller.
			if more := decide(build(last*1.5, peak*1.5, ahead*1.5)).Containers[0].Target.Memory; float64(more) < float64(got.Target.Memory)*0.9 {
				t.Errorf("%d for more memory, %d for less", more, got.Target.Memory)
			}
		}
	})
}
