package forecaster

import (
	"math"
	"time"
)

// moment is what the signals say at one index, whatever the target.
type moment struct {
	alike                                int // Days since the moment most like this.
	y, lag1, lag2                        float64
	base                                 float64    // Level of a few steps.
	recent                               [3]float64 // Of twenty minutes, one hour, four hours.
	slow                                 float64    // Of a day.
	smooth, slope                        float64    // Of the damped trend.
	rise                                 float64    // Growth per step.
	shift                                float64    // Mean since the last change of level.
	rare                                 float64    // Of intermittent demand.
	dayFast, daySlow, weekFast, weekSlow float64    // Deviations from the profiles.
	short, long                          float64    // Volatility.
	winters, wintersSlope                float64    // Level and slope of the seasonal smoothing.
}

// moment fills in the present, times a factor.
func (s *signals) moment(m *moment, by float64) {
	t := s.n - 1
	*m = moment{
		y: by * s.at(t), lag1: by * s.at(max(0, t-1)), lag2: by * s.at(max(0, t-2)),
		base: by * s.base(), slow: by * s.levels[len(s.levels)-1].mean,
		smooth: by * s.holt.level, slope: by * s.holt.slope, rise: by * s.rise.mean,
		shift: by * s.shift.mean, rare: by * s.rare.rate(),
		dayFast: by * s.daily.fast.mean, daySlow: by * s.daily.slow.mean,
		short: by * s.short.mean, long: by * s.long.mean,
		winters: by * s.winters.level, wintersSlope: by * s.winters.slope,
	}
	for i, k := range s.recent {
		m.recent[i] = by * s.levels[k].mean
	}
	if !s.light {
		if s.alikeAt != s.n { // Asked for by every target.
			s.alikeAt, s.likeDays = s.n, s.alike()
		}
		m.alike = s.likeDays
	}
	if s.weekly != nil {
		m.weekFast, m.weekSlow = by*s.weekly.fast.mean, by*s.weekly.slow.mean
	}
}

// context is everything a point forecast may look at: the present, and what
// the target was, or usually is, at the same phase of earlier cycles.
type context struct {
	moment
	*aim
	mean float64 // Of the absolute values.
	peak float64 // The last window of the target's length, the level for values.

	hasDay, hasWeek, hasCycle   bool
	yesterday, dayMoved, dayAge float64
	dayUsual, daySharp          float64
	lastWeek, weekUsual         float64
	wintersSeason               float64
	cycleAgo, cycleShift        float64
	cycleUsual                  float64
	plans                       []float64 // By covariate.
	hasAlike                    bool
	likeDay, likeNow            float64 // The target after the moment most like now, and that moment.
	rough                       float64 // Volatility usual at this time of day.
}

// aim is what one set of quantiles is about: the value ahead steps from the
// newest observation, or the largest of the width values that end there.
type aim struct {
	maximum bool
	width   int
	steps   int // From the newest observation to the window's end.
	// ahead is steps as a number, hours in hours.
	ahead, hours float64
	// fastFade, slowFade and trendGain say what is left at the end of a
	// deviation from the season, and how many slopes a trend has gone.
	fastFade, slowFade, trendGain float64
	interval                      float64 // Steps between fits.
}

// learnEvery is how often, on the clock, a target is learned anew: the nearer
// it is, the sooner what was learned is stale. Each divides the next.
func learnEvery(horizon time.Duration, light bool) time.Duration {
	switch {
	case light || horizon > 6*time.Hour:
		return learnRarely
	case horizon > 15*time.Minute:
		return learnRarely / 2
	}
	return learnRarely / 4
}

const learnRarely = 4 * time.Hour

// Deviations from the season fade with these half-lives.
const (
	fastFade = 2 * time.Hour
	slowFade = 24 * time.Hour
)

func newAim(h *history, steps, stale int, maximum bool) *aim {
	a := &aim{maximum: maximum, width: 1, steps: stale + steps}
	if maximum {
		a.width = steps
	}
	a.ahead = float64(a.steps)
	a.hours = a.ahead * h.step.Hours()
	a.interval = h.steps(learnEvery(time.Duration(steps)*h.step, h.light))
	a.fastFade = math.Exp2(-a.ahead / h.steps(fastFade))
	a.slowFade = math.Exp2(-a.ahead / h.steps(slowFade))
	a.trendGain = holtDamp * (1 - math.Pow(holtDamp, a.ahead)) / (1 - holtDamp)
	return a
}

// context fills in the present for one target of a fit. targets are the values of
// the target by index, where they have been found already.
func (s *signals) context(c *context, a *aim, f *fit, targets []float64) {
	o, by, cycle := s.n-1, f.by, f.cycle
	*c = context{aim: a, mean: f.mean}
	m := &c.moment
	s.moment(m, by)
	c.peak, c.rough, c.plans = m.base, m.long, s.plans(a, m.base, by)
	window := func(j int) float64 {
		if targets != nil {
			return targets[j]
		}
		return by * s.peak(j-a.width+1, j)
	}
	if a.maximum && o >= a.width {
		c.peak = window(o)
	}
	s.dayContext(c, a, by, window)
	if k := m.alike; k > 0 {
		if j := o + a.steps - k*s.day; j <= o && j >= a.width-1 {
			c.hasAlike, c.likeDay, c.likeNow = true, window(j), by*s.at(o-k*s.day)
		}
	}
	if j := index(o, a.steps, s.week); s.weekly != nil && j >= a.width-1 && o >= s.week {
		k := max(0, min(j, o-s.blur))
		c.hasWeek, c.lastWeek = true, window(j)
		c.weekUsual = by * s.weekly.value.out.peak(k-a.width+1, k)
	}
	if cycle > 0 {
		if j := index(o, a.steps, cycle); j >= a.width-1 && j >= a.steps {
			c.hasCycle = true
			c.cycleAgo, c.cycleUsual = cycles(window, j, cycle, a.width-1)
			if before := j - a.steps; s.bases.holds(before) { // After a long gap it is not.
				c.cycleShift = m.base - by*s.bases.at(before)
			}
		}
	}
}

// dayContext fills in what the target was, and usually is, at this time of day.
func (s *signals) dayContext(c *context, a *aim, by float64, window func(int) float64) {
	o := s.n - 1
	j := index(o, a.steps, s.day)
	if j >= 0 && o >= s.day {
		if s.rough != nil {
			c.rough = by * s.rough.out.at(max(0, min(j, o-2*s.blur)))
		}
	}
	if j >= a.width-1 && o >= s.day {
		c.hasDay, c.yesterday, c.dayAge = true, window(j), float64(o+a.steps-j)
		if before := j - a.steps; s.bases.holds(before) {
			c.dayMoved = c.base - by*s.bases.at(before)
		}
		k := max(0, min(j, o-s.blur))
		c.dayUsual = by * s.daily.value.out.peak(k-a.width+1, k)
		if !s.light {
			c.wintersSeason = by * s.winters.season.peak(j-a.width+1, j)
		}
		c.daySharp = c.dayUsual
		if s.daily.sharp != s.daily.value || !a.maximum && !s.light {
			c.daySharp = by * s.daily.sharp.out.peak(j-a.width+1, j)
		}
	}
}
