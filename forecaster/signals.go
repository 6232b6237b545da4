package forecaster

import (
	"math"
	"slices"
	"time"
)

// signals are what can be told from the past at every index, each found in one
// pass over the history: element t depends on y[0..t] alone, but for the
// profiles, which [signals.profileAt] reads no later than it may.
type signals struct {
	*history
	levels [][]float64  // EWMAs, from the shortest half-life to a day.
	base   []float64    // The one of a few steps.
	recent [3][]float64 // Those of twenty minutes, one hour and four hours.
	slope  []float64    // Of a damped-trend Holt smoother.
	smooth []float64    // Level of that smoother.
	rise   []float64    // Growth per step: EWMA of the change in a day, half-life 12 h.
	daily  *profile
	weekly *profile  // Nil with less than a week of history.
	short  []float64 // Volatility: EWMA of the absolute surprise, half-life 2 h.
	long   []float64 // The same, half-life 3.5 days.
	rough  []float64 // Profile of the absolute surprise by time of day.
}

// profile is a season: what the time of day (or of the week) usually brings,
// and how far the series lies from that now.
type profile struct {
	period int
	sharp  []float64 // Exponentially weighted over periods, step by step.
	value  []float64 // The same, smoothed over neighbours in time.
	fast   []float64 // EWMA of y - value one period earlier, a few steps.
	slow   []float64 // The same over hours.
}

// Smoothing constants. They are round numbers from the literature's usual
// ranges and were not tuned per series.
const (
	dailyGain  = 0.3
	weeklyGain = 0.5
	holtLevel  = 0.4
	holtTrend  = 0.05
	holtDamp   = 0.97
)

func newSignals(h *history) *signals {
	s := &signals{history: h}
	halves := s.halfLives()
	for _, half := range halves {
		s.levels = append(s.levels, ewma(h.y, half))
	}
	s.base = s.levels[min(1, len(halves)-1)]
	for i, d := range []time.Duration{20 * time.Minute, time.Hour, 4 * time.Hour} {
		s.recent[i] = s.levels[nearest(halves, s.steps(d))]
	}
	s.smooth, s.slope = holt(h.y)
	surprise := s.surprise()
	s.volatility(surprise)
	blurred := blur(h.y, h.blur)
	slow := s.levels[len(s.levels)-1]
	s.daily = newProfile(h, blurred, slow, h.day, dailyGain)
	if len(h.y) > h.week && h.week > h.day {
		s.weekly = newProfile(h, blurred, slow, h.week, weeklyGain)
	}
	s.rise = s.growth()
	s.rough = seasonal(blur(surprise, 2*h.blur), h.day, dailyGain)
	return s
}

// halfLives returns those of the levels, in steps: one and four steps, twenty
// minutes, one hour, four hours and a day, without those that lie close.
func (s *signals) halfLives() []float64 {
	out := []float64{1}
	for _, half := range []float64{
		4, s.steps(20 * time.Minute), s.steps(time.Hour), s.steps(4 * time.Hour), s.steps(24 * time.Hour),
	} {
		if half >= 1.8*out[len(out)-1] {
			out = append(out, half)
		}
	}
	return out
}

// nearest is the index of the largest half-life up to the one asked for.
func nearest(halves []float64, half float64) int {
	i, found := slices.BinarySearch(halves, half)
	if !found {
		i = max(0, i-1)
	}
	return i
}

// surprise is how far each value lay from the level before it.
func (s *signals) surprise() []float64 {
	out := make([]float64, len(s.y))
	for t := 1; t < len(s.y); t++ {
		out[t] = math.Abs(s.y[t] - s.base[t-1])
	}
	return out
}

func (s *signals) volatility(surprise []float64) {
	s.short = ewma(surprise, s.steps(2*time.Hour))
	s.long = ewma(surprise, s.steps(84*time.Hour))
}

// growth is how much the series gains per step, from day to day: 0 on the
// first day.
func (s *signals) growth() []float64 {
	out := make([]float64, len(s.y))
	if len(s.y) <= s.day {
		return out
	}
	change := make([]float64, len(s.y)-s.day)
	for i := range change {
		change[i] = (s.y[i+s.day] - s.y[i]) / float64(s.day)
	}
	copy(out[s.day:], ewma(change, s.steps(12*time.Hour)))
	return out
}

// ewma is the exponentially weighted mean with the given half-life in steps,
// corrected for its start: weights of the values so far add up to one. That of
// a constant is exactly the constant.
func ewma(y []float64, half float64) []float64 {
	keep := math.Exp2(-1 / half)
	out := make([]float64, len(y))
	mean, weight := y[0], 1.0
	out[0] = mean
	gain, settled := 1-keep, false
	for t := 1; t < len(y); t++ {
		if !settled {
			weight = keep*weight + 1
			gain = 1 / weight
			settled = gain <= (1-keep)*(1+1e-9)
		}
		mean += gain * (y[t] - mean)
		out[t] = mean
	}
	return out
}

// holt is exponential smoothing with a damped trend: level l and slope b,
//
//	l' = α y + (1-α)(l + φ b),  b' = β (l' - l) + (1-β) φ b.
//
// See Hyndman and Athanasopoulos, Forecasting: Principles and Practice,
// section on damped trend methods.
func holt(y []float64) (level, slope []float64) {
	level, slope = make([]float64, len(y)), make([]float64, len(y))
	l, b := y[0], 0.0
	level[0] = l
	for t := 1; t < len(y); t++ {
		ahead := l + holtDamp*b
		next := ahead + holtLevel*(y[t]-ahead)
		b = holtDamp*b + holtTrend*(next-l-holtDamp*b)
		l = next
		level[t], slope[t] = l, b
	}
	return level, slope
}

// blur is the mean over w values to each side.
func blur(y []float64, w int) []float64 {
	if w == 0 {
		return y
	}
	out := make([]float64, len(y))
	sum, from, to := 0.0, 0, 0 // Of y[from:to].
	for t := range y {
		for ; to < min(len(y), t+w+1); to++ {
			sum += y[to]
		}
		for ; from < t-w; from++ {
			sum -= y[from]
		}
		out[t] = sum / float64(to-from)
	}
	return out
}

// seasonal is, at each index, the exponentially weighted mean of the values at
// the same phase up to there.
func seasonal(y []float64, period int, gain float64) []float64 {
	out := make([]float64, len(y))
	copy(out, y[:min(period, len(y))])
	for t := period; t < len(y); t++ {
		out[t] = out[t-period] + gain*(y[t]-out[t-period])
	}
	return out
}

func newProfile(h *history, blurred, slow []float64, period int, gain float64) *profile {
	p := &profile{period: period, sharp: seasonal(h.y, period, gain)}
	p.value = p.sharp
	if h.blur > 0 {
		p.value = seasonal(blurred, period, gain)
	}
	off := make([]float64, len(h.y))
	for t, v := range h.y {
		if t >= period {
			off[t] = v - p.value[t-period]
		} else {
			off[t] = v - slow[t]
		}
	}
	p.fast = ewma(off, max(1, min(h.steps(15*time.Minute), 3)))
	p.slow = ewma(off, h.steps(6*time.Hour))
	return p
}

// index is the newest index at or before o that has the phase of o+ahead,
// negative if there is none.
func (p *profile) index(o, ahead int) int {
	return o + ahead - (ahead+p.period-1)/p.period*p.period
}
