package recommender

import (
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// Parameters of the memory window. All but the floor were set on the table of
// docs/algorithms/sizing.md, 35 recorded machines over 22 days each.
const (
	// windowDays is how many daily peaks are kept, as much as the collector
	// reads by default.
	windowDays = 14
	// marginFloor is for what happens between two samples.
	marginFloor = 0.05
	// marginMost bounds what the spread of daily peaks adds: where peaks come
	// at two heights (on working days and not), their spread says little about
	// a third.
	marginMost = 0.3
	// marginDays is the least number of daily peaks that a margin is learned
	// from; below it [defaultMemoryMargin] holds.
	marginDays = 5
	// recordDays and recordLevel: the margin covers this share of the days on
	// how far their peak was above those of the days before.
	recordDays  = 5
	recordLevel = 0.8
	// regularDays replaces recordDays where a season is accepted: what comes
	// every week is no record.
	regularDays = 8
)

// Margin is what is added to the peak of a window for peaks that are higher
// than any in it, as shares of that peak.
type Margin struct {
	// Share is what is added, the largest of the others within its bounds.
	Share float64
	// Record is the conformal part: by how much days exceeded the peaks of the
	// days before them, its quantile. Spread is what the mean and the standard
	// deviation of the daily peaks say; it may be negative, and is 0 for a
	// regular window.
	Record, Spread float64
	// Days is the number of daily peaks it was learned from; 0 where there
	// were too few of them, and the share is a constant.
	Days int
}

// WindowMargin learns the margin on top of a window's peak M from daily peaks,
// oldest first, for the accepted risk ε that the next day's peak is above it:
//
//	share = min(30 %, max(5 %, Q_0.8(r), (μ+kσ)/M - 1)),   k = √(4/(9ε) - 1)
//
// where r are the relative increases of each day's peak over the largest of the
// five days before it, without the largest increase, and Q the conformal quantile, (n+1)p-th of n. μ and σ
// are of the daily peaks: a unimodal variable is k or more standard deviations
// above its mean with probability 4/(9(k²+1)) at most (the one-sided
// inequality of Vysochanskij and Petunin, 1980). A regular window, one that an
// accepted season explains, has no use for the spread, and increases are over
// the eight days before.
//
// Fewer than five positive peaks, or none for M, give 15 %. Peaks that are not finite or not
// positive are left out.
func WindowMargin(peaks []float64, peak, risk float64, regular bool) Margin {
	kept := make([]float64, 0, len(peaks))
	for _, p := range peaks {
		if p > 0 && !math.IsInf(p, 0) {
			kept = append(kept, p)
		}
	}
	if len(kept) < marginDays || !(peak > 0) {
		return Margin{Share: defaultMemoryMargin}
	}
	m := Margin{Days: len(kept)}
	if regular {
		m.Record = recordQuantile(kept, regularDays)
	} else {
		m.Record, m.Spread = recordQuantile(kept, recordDays), spread(kept, peak, risk)
	}
	share := max(m.Record, m.Spread)
	m.Share = min(max(share, marginFloor), marginMost)
	return m
}

// recordQuantile is the conformal quantile of the increases over the peaks of
// so many days before, without the largest: that is in the window's peak.
func recordQuantile(peaks []float64, days int) float64 {
	var increases []float64
	for d := 1; d < len(peaks); d++ {
		before := slices.Max(peaks[max(0, d-days):d])
		increases = append(increases, max(0, peaks[d]/before-1))
	}
	slices.Sort(increases)
	increases = increases[:len(increases)-1]
	at := recordLevel*float64(len(increases)+1) - 1
	i := min(max(int(at), 0), len(increases)-1)
	if i == len(increases)-1 {
		return increases[i]
	}
	return increases[i] + max(0, at-float64(i))*(increases[i+1]-increases[i])
}

// spread is (μ+kσ)/peak - 1. The peaks are scaled first and bounded to
// the window's, as a peak that is not waited for is no reason for a margin.
func spread(peaks []float64, peak, risk float64) float64 {
	k := math.Sqrt(max(0, 4/(9*min(max(risk, 1e-4), 0.5))-1))
	scaled := func(p float64) float64 { return min(p/peak, 1) }
	mean, square := 0.0, 0.0
	for _, p := range peaks {
		mean += scaled(p) / float64(len(peaks))
	}
	for _, p := range peaks {
		square += (scaled(p) - mean) * (scaled(p) - mean)
	}
	return mean + k*math.Sqrt(square/float64(len(peaks)-1)) - 1
}

// windowPeak is the most that the next days are taken to reach without a
// margin: the peak of the last 8 days, or what was reached twice in 14: a peak
// that came once, more than a week ago, is not waited for.
func (u Usage) windowPeak() float64 {
	peak := max(u.Peak, u.Last)
	if len(u.DailyPeaks) < 2 {
		return peak
	}
	sorted := slices.Clone(u.DailyPeaks)
	slices.Sort(sorted)
	return max(peak, sorted[len(sorted)-2])
}

// SummarizeMemory is [Summarize] for memory: with the daily peaks and the
// season of the window maximum, which sizes that cannot be taken back rest on.
func SummarizeMemory(s forecaster.Series, now time.Time, horizons []time.Duration) Usage {
	return foretell(DescribeMemory(s, now), s, now, horizons)
}

// DescribeMemory is [SummarizeMemory] without a forecast.
func DescribeMemory(s forecaster.Series, now time.Time) Usage {
	u := Describe(s, now)
	if u.Samples == 0 {
		return u
	}
	past := s.Until(now)
	days := dailyPeaks(past)
	for _, d := range days[max(0, len(days)-windowDays):] {
		u.DailyPeaks = append(u.DailyPeaks, d.value)
	}
	u.Season = FindSeason(past)
	return u
}
