package recommender

import (
	"math"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

const (
	// seasonHours is how far ahead a season is told.
	seasonHours = 24
	// seasonTested is how many of the newest hours a season is tested on.
	seasonTested = 7 * 24
	// seasonTolerance is by how much an hour may exceed what the season said:
	// less than the margin that comes on top.
	seasonTolerance = 0.1
	// seasonWorth is the least by which the season's high has to be above its
	// low.
	seasonWorth = 1.25
	// seasonChance is the probability with which times without any rhythm may
	// pass for one.
	seasonChance = 0.05
	// seasonKnown is the share of the tested hours that has to have data.
	seasonKnown = 0.9
)

// Season says how high a quantity goes at what time, as it did a day or a week
// before.
type Season struct {
	// PeriodSeconds is a day or a week, Periods how many of them were seen.
	PeriodSeconds float64 `json:"periodSeconds"`
	Periods       int     `json:"periods"`
	// Peaks is the number of times in the last week that the quantity was high
	// and the periods before had said so, and Chance the probability of that
	// many hits if those times were random.
	Peaks  int     `json:"peaks"`
	Chance float64 `json:"chance"`
	// AheadPeaks[h] is the most that is expected within h+1 hours.
	AheadPeaks []float64 `json:"aheadPeaks"`
}

// within is the most expected within the span; false where the season does not
// see that far.
func (s *Season) within(span time.Duration) (float64, bool) {
	hours := int(math.Ceil(span.Hours()))
	if s == nil || hours < 1 || hours > len(s.AheadPeaks) {
		return 0, false
	}
	return s.AheadPeaks[hours-1], true
}

// FindSeason returns the rhythm of the window maximum of a series; nil where
// there is none to rely on. A week is preferred to a day, since it tells
// Mondays from Sundays.
//
// The series is cut into hours that end with it. What a season with period P
// says about an hour is the most of all hours that are a multiple of P earlier,
// and of the hours next to those, so that a rhythm may be up to an hour early
// or late (summer time):
//
//	E(t) = max over k ≥ 1 and |d| ≤ 1 of  max(t - kP + d)
//
// It is relied on where all of this holds:
//
//   - at least two periods were seen;
//   - in no hour of the last week was more used than E of it and 10 %, with E
//     from earlier hours only;
//   - it is no coincidence: there were e times at which usage was above the
//     middle between the lowest E and the highest hour, and all of them fell into
//     the share f of hours that E had said would be high, which random times do
//     with probability f^e ≤ 0.05;
//   - the highest hour is at least a quarter above the lowest E.
func FindSeason(s forecaster.Series) *Season {
	hours := hourlyPeaks(s)
	for _, period := range []int{7 * 24, 24} {
		if season := hours.season(period); season != nil {
			return season
		}
	}
	return nil
}

// hourPeaks are the largest values of the hours that end with a series, newest
// first; NaN for an hour without data.
type hourPeaks []float64

func hourlyPeaks(s forecaster.Series) hourPeaks {
	per := 0
	if s.Step > 0 && s.Step <= time.Hour {
		per = int(time.Hour / s.Step)
	}
	if per == 0 || time.Duration(per)*s.Step != time.Hour {
		return nil
	}
	out := make(hourPeaks, len(s.Values)/per)
	for j := range out {
		end := len(s.Values) - j*per
		out[j] = forecaster.Series{Values: s.Values[end-per : end]}.Peak()
	}
	return out
}

// at is E of the hour with that index, negative for hours to come; NaN where
// nothing is known.
func (h hourPeaks) at(hour, period int) float64 {
	most := math.NaN()
	for k := hour + period; k <= len(h); k += period {
		for j := max(k-1, 0); j <= min(k+1, len(h)-1); j++ {
			if v := h[j]; !math.IsNaN(v) && !(v <= most) {
				most = v
			}
		}
	}
	return most
}

func (h hourPeaks) season(period int) *Season {
	periods := len(h) / period
	if periods < 2 {
		return nil
	}
	tested := min(seasonTested, (periods-1)*period)
	said := make([]float64, tested)
	low, top, known := math.Inf(1), 0.0, 0
	for j := range said {
		said[j] = h.at(j, period)
		if h[j] > said[j]*(1+seasonTolerance) {
			return nil
		}
		if !math.IsNaN(h[j] + said[j]) {
			low, top, known = min(low, said[j]), max(top, h[j]), known+1
		}
	}
	if float64(known) < seasonKnown*float64(tested) || !(top >= seasonWorth*low) {
		return nil
	}
	out := &Season{PeriodSeconds: float64(period) * 3600, Periods: periods}
	out.Peaks, out.Chance = h.chance(said, low/2+top/2)
	if out.Peaks == 0 || out.Chance > seasonChance {
		return nil
	}
	most := forecaster.Series{Values: h}.Peak()
	ahead := 0.0
	for hour := range seasonHours {
		expected := h.at(-1-hour, period)
		if math.IsNaN(expected) {
			expected = most
		}
		ahead = max(ahead, expected)
		out.AheadPeaks = append(out.AheadPeaks, ahead)
	}
	return out
}

// chance is the number of times at which the newest hours were above the
// middle, and the probability that as many random times would all fall where
// it was said that they would.
func (h hourPeaks) chance(said []float64, middle float64) (times int, chance float64) {
	high, above := 0, false
	for j, e := range said {
		if e > middle {
			high++
		}
		if h[j] > middle && !above {
			times++
		}
		above = h[j] > middle
	}
	return times, math.Pow(float64(high)/float64(len(said)), float64(times))
}
