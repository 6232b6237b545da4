package forecaster

// Seasonal experts forecast by the same time of an earlier cycle. They differ
// in what they take from there and in how much of the present deviation from
// it they carry over. A deviation fades with the distance: by half in two
// hours (fast) or a day (slow). Where no whole cycle is known yet, each gives
// the level. For maxima all look at the largest value of the same window.

// byYesterday is seasonal naive: what was a day earlier.
func byYesterday(c *context) float64 { return c.cycle(c.hasDay, c.yesterday) }

// byYesterdayMoved adds the present distance from the level a day earlier.
func byYesterdayMoved(c *context) float64 {
	return c.cycle(c.hasDay, c.yesterday+c.fastFade*c.dayMoved)
}

// byYesterdayDrift adds what the series has gained since, from day to day.
func byYesterdayDrift(c *context) float64 { return c.cycle(c.hasDay, c.yesterday+c.rise*c.dayAge) }

// byDailyFast is the profile of the day, blurred over neighbours, plus the
// present deviation from it over a few steps.
func byDailyFast(c *context) float64 { return c.cycle(c.hasDay, c.dayUsual+c.fastFade*c.dayFast) }

// byDailySlow carries over the deviation of the last hours.
func byDailySlow(c *context) float64 { return c.cycle(c.hasDay, c.dayUsual+c.slowFade*c.daySlow) }

// byDailySharp is the profile step by step: for what happens at fixed minutes.
func byDailySharp(c *context) float64 { return c.cycle(c.hasDay, c.daySharp+c.fastFade*c.dayFast) }

// byDailyRatio multiplies the profile by how much higher than usual the level
// is, between a quarter and four times: a multiplicative season.
func byDailyRatio(c *context) float64 {
	if !c.hasDay {
		return c.base
	}
	now := c.base - c.dayFast
	if now <= 0.05*c.mean {
		return c.dayUsual
	}
	ratio := min(max(c.base/now, 0.25), 4)
	return c.dayUsual * (1 + c.fastFade*(ratio-1))
}

// byLastWeek is seasonal naive with the period of a week.
func byLastWeek(c *context) float64 { return c.cycle(c.hasWeek, c.lastWeek) }

// byWeeklyFast and weeklySlow are dailyFast and byDailySlow with the profile of
// the week.
func byWeeklyFast(c *context) float64 { return c.cycle(c.hasWeek, c.weekUsual+c.fastFade*c.weekFast) }

func byWeeklySlow(c *context) float64 { return c.cycle(c.hasWeek, c.weekUsual+c.slowFade*c.weekSlow) }

// byCycle is seasonal naive with the period that was detected, an hour where
// there is none.
func byCycle(c *context) float64 { return c.cycle(c.hasCycle, c.cycleAgo) }

// byCycleMoved adds the present distance from the level one such period earlier.
func byCycleMoved(c *context) float64 { return c.cycle(c.hasCycle, c.cycleAgo+c.cycleShift) }

// cyclesUsual is how many cycles make up the usual one.
const cyclesUsual = 4

// cycles returns the target at index j and the mean over it and those whole
// periods earlier, as far as they lie at first or after it.
func cycles(target func(int) float64, j, period, first int) (newest, usual float64) {
	newest = target(j)
	usual = newest
	for n := 1; n < cyclesUsual && j-n*period >= first; n++ {
		usual += (target(j-n*period) - usual) / float64(n+1)
	}
	return newest, usual
}

// byCycleUsual is the mean over the last four such periods: the noise of one is
// halved.
func byCycleUsual(c *context) float64 { return c.cycle(c.hasCycle, c.cycleUsual) }

// cycle is the forecast where a cycle is known, else the level.
func (c *context) cycle(known bool, v float64) float64 {
	if known {
		return v
	}
	return c.base
}
