package recommender

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// num prints three significant digits without an exponent.
func num(x float64) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(x)))))
	return strconv.FormatFloat(x, 'f', min(digits, 6), 64)
}

// percent prints a share as a percentage.
func percent(x float64) string { return strconv.FormatFloat(100*x, 'f', 0, 64) + " %" }

// size prints bytes in the largest binary unit that leaves a digit before the
// point.
func size(bytes float64) string {
	switch {
	case bytes >= float64(GiB):
		return strconv.FormatFloat(bytes/float64(GiB), 'f', 2, 64) + " GiB"
	case bytes >= float64(MiB):
		return strconv.FormatFloat(bytes/float64(MiB), 'f', 0, 64) + " MiB"
	default:
		return strconv.FormatFloat(bytes/float64(KiB), 'f', 0, 64) + " KiB"
	}
}

// span prints a duration in its largest fitting units.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.0f hours", d.Hours())
	case d >= 2*time.Minute:
		return fmt.Sprintf("%.0f minutes", d.Minutes())
	default:
		return fmt.Sprintf("%.0f seconds", d.Seconds())
	}
}

// stamp prints an instant to the minute.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }
