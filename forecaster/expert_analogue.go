package forecaster

import (
	"math"
	"time"
)

// Constants of the search for a day like today: how far back the last hours are
// compared, at how many points, and with how many days.
const (
	alikeSpan   = 3 * time.Hour
	alikePoints = 12
	alikeDays   = 13
)

// alike is how many days ago the last three hours were most like now,
//
//	argmin over k of Σ |y(t - i) - y(t - i - k days)|,  k = 1 … 13,
//
// over twelve points: a nearest-neighbour search over days, so that a holiday
// is forecast by the last Sunday and a Monday by a Monday. It is 0 while no
// whole day is known.
func (s *signals) alike() int {
	o := s.n - 1
	stride := max(1, int(s.steps(alikeSpan))/alikePoints)
	if o < s.day+alikePoints*stride || s.day < 2*alikePoints {
		return 0
	}
	var now [alikePoints]float64
	for i := range now {
		now[i] = s.at(o - i*stride)
	}
	best, least := 0, math.Inf(1)
	for k := 1; k <= alikeDays && o-k*s.day-(alikePoints-1)*stride >= 0; k++ {
		sum, past := 0.0, s.y[:o-k*s.day+1]
		for i := 0; i < alikePoints && sum < least; i++ {
			sum += math.Abs(now[i] - past[len(past)-1-i*stride])
		}
		if sum < least {
			best, least = k, sum
		}
	}
	return best
}

// byAlike is what followed on the day most like today, as it was; where the
// target lies beyond that day's end in the past, and in light mode, the level.
func byAlike(c *context) float64 { return c.cycle(c.hasAlike, c.likeDay) }

// byAlikeMoved adds the present distance from that day.
func byAlikeMoved(c *context) float64 {
	return c.cycle(c.hasAlike, c.likeDay+c.fastFade*(c.y-c.likeNow))
}
