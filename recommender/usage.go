package recommender

import (
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

const (
	// recentSpan is what Usage.Recent looks back: the reaction time of a
	// reactive autoscaler with a few minutes of stabilization.
	recentSpan = 15 * time.Minute
	// peakSpan is what Usage.Peak looks back: a week and a day, so that every
	// weekly peak is in it, and the window that the Vertical Pod Autoscaler
	// uses for memory.
	peakSpan = 8 * 24 * time.Hour
	// trendDays is the least number of daily peaks that a trend is told from.
	trendDays = 5
	// trendZ is the one-sided 5 % point of the normal distribution, the
	// significance that a trend needs in the Mann-Kendall test.
	trendZ = 1.645
)

// Summarize puts the history of one quantity up to now into numbers, as
// [Describe] does, and forecasts it at the horizons.
func Summarize(s forecaster.Series, now time.Time, horizons []time.Duration) Usage {
	return foretell(Describe(s, now), s, now, horizons)
}

// foretell puts the forecast of s into what describes it.
func foretell(u Usage, s forecaster.Series, now time.Time, horizons []time.Duration) Usage {
	if u.Samples == 0 {
		return u
	}
	if f, err := forecaster.Predict(s.Until(now), forecaster.Options{Horizons: horizons}); err == nil {
		u.Forecast = f
	}
	return u
}

// Describe puts the history of one quantity up to now into numbers, without a
// forecast. Values after now are not looked at, values that are not finite are
// gaps. A series without any observation gives a Usage with no samples.
func Describe(s forecaster.Series, now time.Time) Usage {
	s = s.Until(now)
	last, at, ok := s.Last()
	if !ok {
		return Usage{}
	}
	u := Usage{
		Samples:     s.Observed(),
		AgeSeconds:  now.Sub(at).Seconds(),
		Last:        last,
		Recent:      s.Tail(now.Sub(s.End()) + recentSpan).Peak(),
		Peak:        s.Tail(peakSpan).Peak(),
		Mean:        mean(s.Values),
		TrendPerDay: trendPerDay(s.Tail(peakSpan)),
	}
	if math.IsNaN(u.Recent) {
		u.Recent = last
	}
	if math.IsNaN(u.Peak) {
		u.Peak = last
	}
	return u
}

// mean is the average of the values that are not NaN.
func mean(values []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// trendPerDay is the Theil-Sen slope of the peaks of the days that end with
// the series, the median of the slopes between all pairs. It is 0 where the
// Mann-Kendall test does not find a trend at the 5 % level,
//
//	z = (|S|-1)/√(n(n-1)(2n+5)/18) > 1.645
//
// where S is the number of rising less the number of falling pairs, and where
// fewer than five days have data.
//
// See Sen, Estimates of the regression coefficient based on Kendall's tau,
// JASA 63 (1968).
func trendPerDay(s forecaster.Series) float64 {
	peaks := dailyPeaks(s)
	n := len(peaks)
	if n < trendDays {
		return 0
	}
	var slopes []float64
	score := 0.0
	for i := range peaks {
		for j := i + 1; j < n; j++ {
			d := peaks[j].value - peaks[i].value
			slopes = append(slopes, d/float64(peaks[j].day-peaks[i].day))
			switch {
			case d > 0:
				score++
			case d < 0:
				score--
			}
		}
	}
	nf := float64(n)
	z := (math.Abs(score) - 1) / math.Sqrt(nf*(nf-1)*(2*nf+5)/18)
	if z <= trendZ {
		return 0
	}
	slices.Sort(slopes)
	return (slopes[(len(slopes)-1)/2] + slopes[len(slopes)/2]) / 2
}

type dayPeak struct {
	day   int
	value float64
}

// dailyPeaks returns the largest value of each whole day, counted back from
// the end of the series. Days without data are left out.
func dailyPeaks(s forecaster.Series) []dayPeak {
	if s.Step <= 0 {
		return nil
	}
	perDay := max(1, int(24*time.Hour/s.Step))
	days := len(s.Values) / perDay
	var peaks []dayPeak
	for d := range days {
		first := len(s.Values) - (days-d)*perDay
		day := forecaster.Series{Values: s.Values[first : first+perDay]}
		if p := day.Peak(); !math.IsNaN(p) {
			peaks = append(peaks, dayPeak{day: d, value: p})
		}
	}
	return peaks
}
