package recommender_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

func repeat(n int, value ...float64) []float64 {
	var out []float64
	for i := range n {
		out = append(out, value[i%len(value)])
	}
	return out
}

func TestWindowMargin(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		peaks   []float64
		risk    float64
		regular bool
		want    float64
	}{
		"nothing known":             {risk: 0.05, want: 0.15},
		"four days are too few":     {peaks: repeat(4, 100), risk: 0.05, want: 0.15},
		"constant: the least":       {peaks: repeat(14, 100), risk: 0.05, want: 0.05},
		"gaps and zeros left out":   {peaks: append(repeat(3, 100), 0, math.NaN(), math.Inf(1), 100), risk: 0.05, want: 0.15},
		"working days: the most":    {peaks: repeat(14, 100, 100, 100, 100, 100, 20, 20), risk: 0.05, want: 0.3},
		"working days of a season":  {peaks: repeat(14, 100, 100, 100, 100, 100, 20, 20), risk: 0.05, regular: true, want: 0.05},
		"one higher record of many": {peaks: append(repeat(13, 100), 110), risk: 0.05, want: 0.05},
		// Every day is 2 % above the one before: Q_0.8 of the increases is 2 %.
		// Relative to the last of 10: mean 0.9162, σ 0.0549, k = 2.8087.
		"steady growth: the spread": {peaks: []float64{100, 102, 104.04, 106.12, 108.24, 110.41, 112.62, 114.87, 117.17, 119.51}, risk: 0.05, want: 0.0705},
		// Every day sets a record by 12 %: of 5 increases, the 0.8 quantile is the 4.8th.
		"records": {peaks: []float64{100, 112, 125.44, 140.49, 157.35, 176.23}, risk: 0.05, regular: true, want: 0.12},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peak := 0.0
			for _, p := range tc.peaks {
				if p > peak && !math.IsInf(p, 0) {
					peak = p
				}
			}
			if got := recommender.WindowMargin(tc.peaks, peak, tc.risk, tc.regular); math.Abs(got.Share-tc.want) > 0.0005 {
				t.Errorf("margin %+v, want %g", got, tc.want)
			}
		})
	}
}

// FuzzWindowMargin checks that the margin is within its bounds, that more risk
// never asks for more, and that units do not matter.
func FuzzWindowMargin(f *testing.F) {
	f.Add([]byte{10, 20, 30, 40, 50, 60}, 1.0, 60.0, 0.05)
	f.Add([]byte{255, 0, 255, 0, 1, 1, 1}, 1e300, 1e-300, 0.0)
	f.Fuzz(func(t *testing.T, raw []byte, unit, peak, risk float64) {
		peaks := make([]float64, len(raw))
		for i, b := range raw {
			peaks[i] = float64(b) * unit
		}
		m := recommender.WindowMargin(peaks, peak, risk, false)
		if !(m.Share >= 0.05 && m.Share <= 0.3) {
			t.Fatalf("margin %+v of %v", m, peaks)
		}
		if more := recommender.WindowMargin(peaks, peak, risk+0.1, false); more.Share > m.Share {
			t.Errorf("risk %g asks for %g, %g for %g", risk, m.Share, risk+0.1, more.Share)
		}
		if unit > 1e-100 && unit < 1e100 && peak > 1e-100 && peak < 1e100 {
			scaled := slices.Clone(peaks)
			for i := range scaled {
				scaled[i] *= 1024
			}
			if other := recommender.WindowMargin(scaled, peak*1024, risk, false); math.Abs(other.Share-m.Share) > 1e-9 {
				t.Errorf("margin %g in one unit, %g in another", m.Share, other.Share)
			}
		}
	})
}

// monday is a Monday at midnight.
func monday() time.Time { return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) }

// fives is n days of five-minute values up to an instant, that instant's
// included.
func fives(until time.Time, days int, value func(t time.Time) float64) forecaster.Series {
	const step = 5 * time.Minute
	n := days * 24 * 12
	s := forecaster.Series{Start: until.Add(-time.Duration(n-1) * step), Step: step, Values: make([]float64, n)}
	for i := range s.Values {
		s.Values[i] = value(s.Time(i))
	}
	return s
}

// weeklyPeak is high on Mondays from 9 to 12.
func weeklyPeak(low, high float64) func(time.Time) float64 {
	return func(t time.Time) float64 {
		if t.Weekday() == time.Monday && t.Hour() >= 9 && t.Hour() < 12 {
			return high
		}
		return low
	}
}

func TestFindSeason(t *testing.T) {
	t.Parallel()
	weekly := weeklyPeak(300, 900)
	office := func(t time.Time) float64 { // By day from 8 to 18, a little different each day.
		if t.Hour() >= 8 && t.Hour() < 18 {
			return 800 + float64(t.YearDay()%3)*20
		}
		return 300
	}
	week4 := monday().AddDate(0, 0, 21)
	cases := map[string]struct {
		until      time.Time
		days       int
		value      func(time.Time) float64
		wantPeriod time.Duration // 0 for none.
		within     int           // Hours.
		want       float64
	}{
		"weekly, two hours before":        {week4.Add(7 * time.Hour), 14, weekly, 168 * time.Hour, 2, 900},
		"weekly, three hours before":      {week4.Add(6 * time.Hour), 14, weekly, 168 * time.Hour, 1, 300},
		"weekly, an hour after":           {week4.Add(13*time.Hour + 5*time.Minute), 14, weekly, 168 * time.Hour, 2, 300},
		"weekly, the day after":           {week4.Add(33 * time.Hour), 14, weekly, 168 * time.Hour, 2, 300},
		"a week has shown no repetition":  {week4.Add(33 * time.Hour), 13, weekly, 0, 0, 0},
		"daily, by night":                 {week4.Add(time.Hour), 6, office, 24 * time.Hour, 5, 300},
		"daily, in the morning":           {week4.Add(6 * time.Hour), 6, office, 24 * time.Hour, 2, 840},
		"four days could be chance":       {week4, 4, office, 0, 0, 0},
		"constant":                        {week4, 14, func(time.Time) float64 { return 500 }, 0, 0, 0},
		"peaks at other times each week":  {week4, 14, func(t time.Time) float64 { return weekly(t.Add(time.Duration(t.YearDay()/7) * 5 * time.Hour)) }, 0, 0, 0},
		"grows by 3 % a day":              {week4, 14, func(t time.Time) float64 { return office(t) * math.Pow(1.03, float64(t.YearDay())) }, 24 * time.Hour, 1, 0},
		"a new high last night":           {week4, 14, func(t time.Time) float64 { return office(t) + 600*b2f(week4.Sub(t) < 2*time.Hour) }, 0, 0, 0},
		"most of the last week not known": {week4, 14, func(t time.Time) float64 { return office(t) / b2f(week4.Sub(t) > 100*time.Hour) }, 0, 0, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fives(tc.until, tc.days, tc.value)
			for i, v := range s.Values {
				if math.IsInf(v, 0) {
					s.Values[i] = math.NaN()
				}
			}
			got := recommender.FindSeason(s)
			switch {
			case tc.wantPeriod == 0 && got != nil:
				t.Fatalf("found %+v", got)
			case tc.wantPeriod == 0:
				return
			case got == nil:
				t.Fatal("found none")
			}
			if got.PeriodSeconds != tc.wantPeriod.Seconds() {
				t.Errorf("period %g s, want %v", got.PeriodSeconds, tc.wantPeriod)
			}
			if at := got.AheadPeaks[tc.within-1]; tc.want > 0 && at != tc.want {
				t.Errorf("within %d hours %g, want %g", tc.within, at, tc.want)
			}
		})
	}
}

// Random spikes pass for a season about as seldom as the chance that is
// accepted.
func TestFindSeasonInNoise(t *testing.T) {
	t.Parallel()
	found, tried := 0, 400
	state := uint64(1)
	random := func(n uint64) int { // A linear congruential generator (Knuth's MMIX).
		state = state*6364136223846793005 + 1442695040888963407
		return int((state >> 33) % n)
	}
	for range tried {
		spikes := map[int]bool{random(168): true, 168 + random(168): true, 168 + random(168): true}
		s := hourly(336, func(i int) float64 { return 300 + 600*b2f(spikes[i]) })
		if recommender.FindSeason(s) != nil {
			found++
		}
	}
	if share := float64(found) / float64(tried); share > 0.05 {
		t.Errorf("a season was found in %.1f %% of random spikes", 100*share)
	}
}

// FuzzFindSeason checks that the outlook never falls with the span, is finite
// and never above what was seen.
func FuzzFindSeason(f *testing.F) {
	f.Add([]byte{1, 9, 1, 1}, uint16(336))
	f.Add([]byte{1, 1, 1, 1, 1, 1, 1, 1, 200, 200, 200, 200, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, uint16(200))
	f.Fuzz(func(t *testing.T, raw []byte, n uint16) {
		if len(raw) == 0 {
			t.Skip()
		}
		s := hourly(int(n%2000), func(i int) float64 {
			if b := raw[i%len(raw)]; b < 255 {
				return float64(b)
			}
			return math.NaN()
		})
		season := recommender.FindSeason(s)
		if season == nil {
			return
		}
		if !slices.IsSorted(season.AheadPeaks) || season.AheadPeaks[len(season.AheadPeaks)-1] > s.Peak() || season.AheadPeaks[0] < 0 {
			t.Errorf("outlook %v of a series with the peak %g", season.AheadPeaks, s.Peak())
		}
	})
}
