package main

import (
	"os"
	"testing"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// On every twelfth recorded file the outer quantiles cover what they state: five
// minutes ahead and, of the value and the largest value, a day ahead.
func TestCoverageOnTraces(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("RIGHTSIZE_TRACES")
	if dir == "" {
		t.Skip("RIGHTSIZE_TRACES names no folder of recorded traces")
	}
	series, _, err := read(dir, 12)
	if err != nil {
		t.Fatal(err)
	}
	scores, err := measure(series, forecaster.BacktestOptions{}, 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		what    string
		horizon int
		maximum bool
		level   int // 3 for 0.95, 4 for 0.99.
		least   float64
	}{
		{"0.95 of the value in 5 min", 0, false, 3, 0.93},
		{"0.99 of the value in 5 min", 0, false, 4, 0.97},
		{"0.95 of an hour's maximum", 2, true, 3, 0.93},
		{"0.95 of the value in a day", 3, false, 3, 0.92},
		{"0.99 of the value in a day", 3, false, 4, 0.97},
		{"0.95 of a day's maximum", 3, true, 3, 0.92},
		{"0.99 of a day's maximum", 3, true, 4, 0.97},
	} {
		got := mean(scores, tc.horizon, tc.maximum, func(s forecaster.Score) float64 { return s.Coverage[tc.level] })
		t.Logf("%s: %.4f", tc.what, got)
		if got < tc.least {
			t.Errorf("%s covers %.4f of %d series, want %v", tc.what, got, len(series), tc.least)
		}
	}
}
