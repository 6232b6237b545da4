package forecaster

// Constants of the damped trend: in the ranges that Hyndman and Athanasopoulos
// give, the same for every series.
const (
	holtLevel = 0.4
	holtTrend = 0.05
	holtDamp  = 0.97
)

// holt is exponential smoothing with a damped trend: level l and slope b,
//
//	l' = α y + (1-α)(l + φ b),  b' = β (l' - l) + (1-β) φ b,
//
// forecast h steps ahead by l + b (φ + φ² + … + φʰ). It starts at the first
// value without a slope.
//
// See Hyndman and Athanasopoulos, Forecasting: Principles and Practice,
// section on damped trend methods.
type holt struct {
	level, slope float64
	started      bool
}

func (h *holt) add(v float64) {
	if !h.started {
		h.level, h.started = v, true
		return
	}
	ahead := h.level + holtDamp*h.slope
	next := ahead + holtLevel*(v-ahead)
	h.slope = holtDamp*h.slope + holtTrend*(next-h.level-holtDamp*h.slope)
	h.level = next
}

// byTrend extrapolates the damped trend to the end of the target's window.
func byTrend(c *context) float64 { return c.smooth + c.trendGain*c.slope }

// byDrift adds to the level what the series has gained from day to day, per step
// of the distance.
func byDrift(c *context) float64 { return c.base + c.rise*c.ahead }
