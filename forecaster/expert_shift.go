package forecaster

import "math"

// shift is the mean since the series last changed its level, for series that
// stand still between steps: a deploy, a switch of traffic. The mean is plain,
// so that it gets ever steadier while nothing changes. A change is seen by a
// two-sided cumulative sum of the deviations,
//
//	S⁺ = max(0, S⁺ + (y-m)/v - k),  S⁻ = max(0, S⁻ - (y-m)/v - k),
//
// v the long volatility: when one of them passes the threshold, the mean starts
// anew at the present value. See Page (1954), Continuous inspection schemes.
type shift struct {
	mean, count float64
	up, down    float64
}

// Slack and threshold of the cumulative sums, in volatilities (which are mean
// absolute surprises): a jump of six is seen at once, one of two in four steps.
const (
	shiftSlack     = 0.75
	shiftThreshold = 5
	shiftMemory    = 1000 // Values after which the mean starts to forget.
)

func (s *shift) add(v, volatility float64) {
	if s.count == 0 {
		s.mean, s.count = v, 1
		return
	}
	d := v - s.mean
	if volatility > 0 {
		u := min(max(d/volatility, -100), 100)
		s.up, s.down = max(0, s.up+u-shiftSlack), max(0, s.down-u-shiftSlack)
	}
	if s.up > shiftThreshold || s.down > shiftThreshold || (volatility == 0 && d != 0) {
		*s = shift{mean: v, count: 1}
		return
	}
	s.count = math.Min(s.count+1, shiftMemory)
	s.mean += d / s.count
}

// byShift is the mean since the last change of level.
func byShift(c *context) float64 { return c.shift }
