package report

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rightsize-dev/rightsize/recommender"
)

// HoursPerMonth turns an hourly cost into a monthly one: 8,760 hours a year by
// twelve.
const HoursPerMonth = 730

// unset is printed where no amount is set.
const unset = "n/a"

// cpuText is 250m below a core and 1.5 from there.
func cpuText(m recommender.MilliCPU) string {
	switch {
	case m == 0:
		return unset
	case m < 1000:
		return strconv.FormatInt(int64(m), 10) + "m"
	default:
		return trimZeros(strconv.FormatFloat(m.Cores(), 'f', decimals(m.Cores()), 64))
	}
}

// memoryText is in the largest binary unit that leaves a digit before the
// point, to three digits or so.
func memoryText(b recommender.Bytes) string {
	units := []struct {
		size recommender.Bytes
		name string
	}{{recommender.GiB << 10, "Ti"}, {recommender.GiB, "Gi"}, {recommender.MiB, "Mi"}, {recommender.KiB, "Ki"}}
	if b == 0 {
		return unset
	}
	for _, u := range units {
		if b >= u.size {
			x := float64(b) / float64(u.size)
			digits := 0
			if u.size >= recommender.GiB {
				digits = decimals(x)
			}
			return trimZeros(strconv.FormatFloat(x, 'f', digits, 64)) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// decimals leaves about three digits.
func decimals(x float64) int {
	switch {
	case x >= 100:
		return 0
	case x >= 10:
		return 1
	default:
		return 2
	}
}

func trimZeros(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// moneyText prints an amount without its currency: whole with thousands apart
// from 1,000, cents below, three digits below one.
func moneyText(x float64) string {
	abs := math.Abs(x)
	var s string
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return unset
	case abs < 0.000005:
		return "0"
	case abs < 0.995:
		digits := min(2-int(math.Floor(math.Log10(abs))), 6)
		s = trimZeros(strconv.FormatFloat(abs, 'f', digits, 64))
	case abs < 999.995:
		s = strconv.FormatFloat(abs, 'f', 2, 64)
	default:
		s = thousands(strconv.FormatFloat(abs, 'f', 0, 64))
	}
	if x < 0 {
		return "-" + s
	}
	return s
}

func thousands(digits string) string {
	var b strings.Builder
	for i, r := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// percentText prints a share in whole percent.
func percentText(share float64) string {
	if math.IsNaN(share) || math.IsInf(share, 0) {
		return unset
	}
	return strconv.FormatFloat(math.Round(100*share)+0, 'f', 0, 64) + "%"
}

// change is "now→want", or one of them where both are the same.
func change(now, want string) string {
	if now == want {
		return now
	}
	return now + "→" + want
}

// amountText prints the number of a reason in its unit.
func amountText(x float64, unit string) string {
	switch unit {
	case "cores":
		if x > 0 && x < 0.001 {
			return "<1m"
		}
		return orZero(cpuText(recommender.FromCores(x)))
	case "bytes":
		return orZero(memoryText(recommender.FromBytes(x)))
	case "":
		return numberText(x)
	case UnitPods:
		return trimZeros(strconv.FormatFloat(x, 'f', 2, 64))
	default:
		return numberText(x) + " " + printable(unit)
	}
}

// orZero prints a zero that is one, not an amount that is not set.
func orZero(s string) string {
	if s == unset {
		return "0"
	}
	return s
}

// numberText prints about three digits without an exponent.
func numberText(x float64) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(x)))))
	return trimZeros(strconv.FormatFloat(x, 'f', min(digits, 6), 64))
}

// spanText prints a duration in the largest units that fit.
func spanText(seconds float64) string {
	d := time.Duration(math.Min(seconds, 1e9) * float64(time.Second))
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= 2*u.unit || d == u.unit {
			return counted(float64(d)/float64(u.unit), u.name)
		}
	}
	return counted(d.Seconds(), "second")
}

// counted prints a number with one decimal and its unit.
func counted(x float64, unit string) string {
	n := trimZeros(strconv.FormatFloat(x, 'f', 1, 64))
	if n == "1" {
		return "1 " + unit
	}
	return n + " " + unit + "s"
}

// timeText prints an instant to the minute in UTC.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// printable makes names and messages that came from elsewhere safe to print
// on one line of a terminal: whatever is not printable becomes a question
// mark.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}
