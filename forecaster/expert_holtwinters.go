package forecaster

// Constants of the seasonal smoothing, fixed for every series.
const (
	seasonalLevel  = 0.3
	seasonalTrend  = 0.05
	seasonalDamp   = 0.97
	seasonalSeason = 0.3
)

// holtWinters is additive Holt-Winters smoothing with a damped trend and a
// season of one day, in its error-correction form: with e = y - (l + φ b + s),
//
//	l' = l + φ b + α e,  b' = φ b + α β e,  s' = s + γ (1-α) e,
//
// s being the season at the same phase a day earlier. Other than the profiles,
// its season is what is left after the level, so that a change of level does
// not blur it. On the first day the season is how far values lie from the level
// of a day. See Hyndman and Athanasopoulos, Forecasting: Principles and
// Practice, section on the Holt-Winters seasonal method.
type holtWinters struct {
	period       int
	level, slope float64
	season       *ring
}

func newHoltWinters(period, kept int) holtWinters {
	return holtWinters{period: period, season: newRing(max(kept, period)+1, false)}
}

// add takes the next value; slow is the level of a day.
func (h *holtWinters) add(v, slow float64) {
	t := h.season.n
	if t < h.period {
		h.level = slow
		h.season.push(v - slow)
		return
	}
	s := h.season.at(t - h.period)
	e := v - (h.level + seasonalDamp*h.slope + s)
	h.level += seasonalDamp*h.slope + seasonalLevel*e
	h.slope = seasonalDamp*h.slope + seasonalLevel*seasonalTrend*e
	h.season.push(s + seasonalSeason*(1-seasonalLevel)*e)
}

// byHoltWinters extrapolates level, trend and season.
func byHoltWinters(c *context) float64 {
	return c.cycle(c.hasDay, c.winters+c.trendGain*c.wintersSlope+c.wintersSeason)
}
