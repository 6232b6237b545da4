package forecaster

import "time"

// detectCycle returns the period, in steps, of a rhythm other than the day
// and the week; an hour where there is none.
func detectCycle(_ []float64, h *history) int {
	if hour := int(h.steps(time.Hour)); hour >= 6 {
		return hour
	}
	return 0
}
