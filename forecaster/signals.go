package forecaster

import (
	"math"
	"slices"
	"time"
)

// signals are what can be told from the past at the newest observation. Each
// is carried on by one value at a time in constant time, so that the state
// after a history is the same however it was fed.
type signals struct {
	*history
	levels            []ewma // From the shortest half-life to a day.
	recent            [3]int // Those of twenty minutes, one hour and four hours.
	holt              holt
	winters           holtWinters
	shift             shift
	rare              intermittent
	rise              ewma // Growth per step: of the change in a day, half-life 12 h.
	daily             *season
	weekly            *season
	short             ewma // Volatility: of the absolute surprise, half-life 2 h.
	long              ewma // The same, half-life 3.5 days.
	rough             *profile
	alikeAt, likeDays int   // The index after which a day like today was looked for, and which it was.
	bases             *ring // The base level, by index.
	n                 int   // Values taken in.

	covariates []covariate
}

// Smoothing constants. They are round numbers from the literature's usual
// ranges and were not tuned per series.
const (
	dailyGain  = 0.3
	weeklyGain = 0.5
)

// newSignals prepares for targets that end at most reach steps ahead.
func newSignals(h *history, reach int) *signals {
	s := &signals{history: h}
	halves := h.halfLives()
	s.levels = make([]ewma, 0, len(halves))
	for _, half := range halves {
		s.levels = append(s.levels, newEWMA(half))
	}
	for i, d := range []time.Duration{20 * time.Minute, time.Hour, 4 * time.Hour} {
		k, found := slices.BinarySearch(halves, h.steps(d))
		if !found {
			k = max(0, k-1)
		}
		s.recent[i] = k
	}
	s.rise = newEWMA(h.steps(12 * time.Hour))
	s.short, s.long = newEWMA(h.steps(2*time.Hour)), newEWMA(h.steps(84*time.Hour))
	days := h.day * ((reach + h.day - 1) / h.day)
	s.daily = newSeason(h, h.day, days, reach, dailyGain)
	if !h.light {
		s.winters = newHoltWinters(h.day, days+reach)
		s.rough = newProfile(h.day, days+2*h.blur+1, 2*h.blur, dailyGain, false)
	}
	if !h.light && h.week > h.day {
		s.weekly = newSeason(h, h.week, h.week*((reach+h.week-1)/h.week), reach, weeklyGain)
	}
	kept := days + 1
	if !h.light {
		kept += h.day // For the cycle.
	}
	s.bases = newRing(kept, h.light)
	s.covariates = newCovariates(h)
	return s
}

// within makes room for n values, see [workspace.values].
func (s *signals) within(n int, space *workspace) {
	rings := []*ring{s.bases}
	profiles := []*profile{s.rough, s.daily.value, s.daily.sharp}
	if s.weekly != nil {
		profiles = append(profiles, s.weekly.value, s.weekly.sharp)
	}
	for _, p := range profiles {
		if p != nil {
			rings = append(rings, p.out)
		}
	}
	if s.winters.season != nil {
		rings = append(rings, s.winters.season)
	}
	for _, r := range rings {
		r.within(n, space)
	}
}

// halfLives returns those of the levels, in steps: one and four steps, twenty
// minutes, one hour, four hours and a day, without those that lie close.
func (h *history) halfLives() []float64 {
	out := []float64{1}
	for _, half := range []float64{4, h.steps(20 * time.Minute), h.steps(time.Hour), h.steps(4 * time.Hour), h.steps(24 * time.Hour)} {
		if half >= 1.8*out[len(out)-1] {
			out = append(out, half)
		}
	}
	return out
}

// baseHalfLife is the half-life of the base level, in steps.
func (h *history) baseHalfLife() float64 {
	halves := h.halfLives()
	return halves[min(1, len(halves)-1)]
}

// base is the level of a few steps, which others are measured against.
func (s *signals) base() float64 { return s.levels[min(1, len(s.levels)-1)].mean }

// add takes in the next value.
func (s *signals) add(v float64) {
	surprise := 0.0
	if s.n > 0 {
		surprise = math.Abs(v - s.base())
	}
	for i := range s.covariates {
		t := s.start.Add(time.Duration(s.n) * s.step)
		s.covariates[i].add(t, v, s.levels[len(s.levels)-1].mean)
	}
	for i := range s.levels {
		s.levels[i].add(v)
	}
	s.holt.add(v)
	if !s.light {
		s.shift.add(v, s.long.mean)
		s.rare.add(v)
	}
	s.short.add(surprise)
	s.long.add(surprise)
	if s.n >= s.day {
		s.rise.add((v - s.at(s.n-s.day)) / float64(s.day))
	}
	slow := s.levels[len(s.levels)-1].mean
	s.daily.add(s.n, v, slow)
	if !s.light {
		s.winters.add(v, slow)
		s.rough.add(surprise)
	}
	if s.weekly != nil {
		s.weekly.add(s.n, v, slow)
	}
	s.bases.push(s.base())
	s.n++
}

// ewma is an exponentially weighted mean, corrected for its start: the weights
// of the values so far add up to one. That of a constant is exactly the
// constant.
type ewma struct {
	keep, gain, weight, mean float64
	settled                  bool
}

// newEWMA has the given half-life, in values.
func newEWMA(half float64) ewma { return ewma{keep: math.Exp2(-1 / half)} }

func (e *ewma) add(v float64) {
	if !e.settled {
		e.weight = e.keep*e.weight + 1
		e.gain = 1 / e.weight
		e.settled = e.gain <= (1-e.keep)*(1+1e-9)
	}
	e.mean += e.gain * (v - e.mean)
}

// profile is what each phase of a period usually brings: the exponentially
// weighted mean over periods of the values, blurred over w neighbours to each
// side. Its value at an index is known w values later.
type profile struct {
	period, w int
	// apart is the distance of the neighbours that are looked at: more than one
	// where there are very many, so that a value costs the same at any step.
	apart int
	gain  float64
	near  *ring // The newest 2w+1 values.
	out   *ring
}

// blurMost is how many neighbours on each side a profile is blurred over at
// most; it takes steps below a quarter of a minute to have more.
const blurMost = 64

func newProfile(period, kept, w int, gain float64, light bool) *profile {
	return &profile{period: period, w: w, apart: max(1, (w+blurMost-1)/blurMost), gain: gain, near: newRing(2*w+1, light), out: newRing(max(kept, period), light)}
}

func (p *profile) add(v float64) {
	if p.w == 0 {
		p.know(v)
		return
	}
	p.near.push(v)
	i := p.near.n - 1 - p.w // The index that is complete now.
	if i < 0 {
		return
	}
	sum, count := 0.0, 0
	for k := max(0, i-p.w); k <= i+p.w; k += p.apart {
		sum += p.near.at(k)
		count++
	}
	p.know(sum / float64(count))
}

// know takes in the mean over the neighbours of the next index.
func (p *profile) know(usual float64) {
	if i := p.out.n; i >= p.period {
		before := p.out.at(i - p.period)
		usual = before + p.gain*(usual-before)
	}
	p.out.push(usual)
}

// season is a rhythm: what the time of day (or of the week) usually brings,
// step by step and blurred over neighbours, and how far the series lies from
// that now.
type season struct {
	period       int
	sharp, value *profile // One and the same where nothing is blurred, and in light mode.
	fast, slow   ewma     // Of y - value one period earlier: a few steps, hours.
}

// newSeason keeps what targets need that end reach steps ahead, of which the
// last cycle is span steps long.
func newSeason(h *history, period, span, reach int, gain float64) *season {
	s := &season{
		period: period, value: newProfile(period, span+reach, h.blur, gain, h.light),
		fast: newEWMA(max(1, min(h.steps(15*time.Minute), 3))), slow: newEWMA(h.steps(6 * time.Hour)),
	}
	s.sharp = s.value
	if h.blur > 0 && !h.light {
		s.sharp = newProfile(period, span+reach, 0, gain, false)
	}
	return s
}

func (s *season) add(t int, v, slow float64) {
	off := v - slow
	if t >= s.period {
		off = v - s.value.out.at(t-s.period)
	}
	s.fast.add(off)
	s.slow.add(off)
	s.value.add(v)
	if s.sharp != s.value {
		s.sharp.add(v)
	}
}

// index is the newest index at or before o that has the phase of o+ahead for
// the period, negative if there is none.
func index(o, ahead, period int) int { return o + ahead - (ahead+period-1)/period*period }
