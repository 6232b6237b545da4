package forecaster

import (
	"math"
	"time"
)

// target is what one set of quantiles is about: the value at a horizon, or the
// largest value of the window up to it.
type target struct {
	*signals
	peak bool
	// width is the length of the window in steps, 1 for values. ahead is the
	// distance from the last observation to the window's end.
	width, ahead int
	// z is the target by the index at which it is complete: y itself, or its
	// maximum over the width. day and week are the profiles, likewise.
	z, dayValue, weekValue, daySharp []float64
	// fastFade, slowFade and trend say what is left, ahead steps later, of a
	// deviation from the season, and how many slopes a trend has gone.
	fastFade, slowFade, trend float64
}

// Deviations from the season fade with these half-lives.
const (
	fastFade = 2 * time.Hour
	slowFade = 24 * time.Hour
)

func newTarget(s *signals, steps int, peak bool) *target {
	t := &target{signals: s, peak: peak, width: 1, ahead: s.stale + steps, z: s.y, dayValue: s.daily.value, daySharp: s.daily.sharp}
	t.fastFade = math.Exp2(-float64(t.ahead) / t.steps(fastFade))
	t.slowFade = math.Exp2(-float64(t.ahead) / t.steps(slowFade))
	t.trend = holtDamp * (1 - math.Pow(holtDamp, float64(t.ahead))) / (1 - holtDamp)
	if s.weekly != nil {
		t.weekValue = s.weekly.value
	}
	if peak && steps > 1 {
		t.width = steps
		t.z = slidingMax(s.y, steps)
		t.dayValue = slidingMax(s.daily.value, steps)
		t.daySharp = t.dayValue
		if s.blur > 0 {
			t.daySharp = slidingMax(s.daily.sharp, steps)
		}
		if s.weekly != nil {
			t.weekValue = slidingMax(s.weekly.value, steps)
		}
	}
	return t
}

// candidates are the names of the point forecasts that [target.candidates]
// makes, by position.
const (
	candidateLevel = iota // The base of the regressions.
	candidateLast
	candidateTwentyMinutes
	candidateHour
	candidateHours
	candidateDayLevel
	candidateTrend
	candidateDrift
	candidateYesterday
	candidateYesterdayMoved
	candidateYesterdayDrift
	candidateDailyFast
	candidateDailySlow
	candidateDailySharp
	candidateDailyRatio
	candidateLastWeek
	candidateWeeklyFast
	candidateWeeklySlow
	candidateRecentPeak
	candidateCount
)

// candidates writes the point forecasts made at origin o for the target that
// ends ahead steps later. A season that is not known yet is left to the level.
func (t *target) candidates(o, ahead int, out []float64) {
	base := t.base[o]
	out[candidateLevel] = base
	out[candidateLast] = t.y[o]
	out[candidateTwentyMinutes] = t.recent[0][o]
	out[candidateHour] = t.recent[1][o]
	out[candidateHours] = t.recent[2][o]
	out[candidateDayLevel] = t.levels[len(t.levels)-1][o]
	out[candidateTrend] = t.smooth[o] + t.trend*t.slope[o]
	out[candidateDrift] = base + t.rise[o]*float64(ahead)
	out[candidateRecentPeak] = base
	if t.peak && o >= t.width {
		out[candidateRecentPeak] = t.z[o]
	}
	t.dailyCandidates(o, ahead, out)
	t.weeklyCandidates(o, ahead, out)
}

func (t *target) dailyCandidates(o, ahead int, out []float64) {
	base := out[candidateLevel]
	for k := candidateYesterday; k <= candidateDailyRatio; k++ {
		out[k] = base
	}
	j := t.daily.index(o, ahead)
	if j < t.width-1 || o < t.daily.period {
		return
	}
	out[candidateYesterday] = t.z[j]
	out[candidateYesterdayMoved] = t.z[j]
	out[candidateYesterdayDrift] = t.z[j]
	if before := j - ahead; before >= 0 {
		out[candidateYesterdayMoved] += t.fastFade * (base - t.base[before])
	}
	out[candidateYesterdayDrift] += t.rise[o] * float64(o+ahead-j)
	usual := t.dayValue[max(0, min(j, o-t.blur))]
	out[candidateDailyFast] = usual + t.fastFade*t.daily.fast[o]
	out[candidateDailySlow] = usual + t.slowFade*t.daily.slow[o]
	out[candidateDailySharp] = t.daySharp[j] + t.fastFade*t.daily.fast[o]
	out[candidateDailyRatio] = usual
	if now := base - t.daily.fast[o]; now > 0.05*t.mean {
		ratio := min(max(base/now, 0.25), 4)
		out[candidateDailyRatio] = usual * (1 + t.fastFade*(ratio-1))
	}
}

func (t *target) weeklyCandidates(o, ahead int, out []float64) {
	for k := candidateLastWeek; k <= candidateWeeklySlow; k++ {
		out[k] = out[candidateLevel]
	}
	if t.weekly == nil || o < t.weekly.period {
		return
	}
	j := t.weekly.index(o, ahead)
	if j < t.width-1 {
		return
	}
	out[candidateLastWeek] = t.z[j]
	usual := t.weekValue[max(0, min(j, o-t.blur))]
	out[candidateWeeklyFast] = usual + t.fastFade*t.weekly.fast[o]
	out[candidateWeeklySlow] = usual + t.slowFade*t.weekly.slow[o]
}

// spread features, in logarithms, say how uncertain the target is.
const spreadCount = 7

// spreadFeatures writes what the size of the error may depend on: volatility
// over hours and days, that of this time of day, the forecast itself, and how
// far the last value lies from the level and from the forecast.
func (t *target) spreadFeatures(o, ahead int, point float64, out []float64) {
	floor := 1e-3*t.mean + 1e-12
	out[0] = 1
	out[1] = math.Log(t.short[o] + floor)
	out[2] = math.Log(t.long[o] + floor)
	out[3] = math.Log(math.Abs(point) + 10*floor)
	out[4] = out[2]
	out[5] = math.Log(math.Abs(t.y[o]-t.base[o]) + floor)
	out[6] = math.Log(math.Abs(t.y[o]-point) + floor)
	if j := t.daily.index(o, ahead); j >= 0 && o >= t.daily.period {
		out[4] = math.Log(t.rough[max(0, min(j, o-2*t.blur))] + floor)
	}
}
