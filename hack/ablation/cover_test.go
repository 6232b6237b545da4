package main

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// The tail of the binomial distribution, by hand: all of three at one half is
// 1/8, two or three 4/8; at a tenth, two or more of four are
// 6·0.01·0.81 + 4·0.001·0.9 + 0.0001 = 0.0523.
func TestAtLeast(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ k, n, p, want float64 }{
		{3, 3, 0.5, 0.125}, {2, 3, 0.5, 0.5}, {2, 4, 0.1, 0.0523},
	} {
		if got := atLeast(tc.k, tc.n, tc.p); math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("%v or more of %v at %v: %v, want %v", tc.k, tc.n, tc.p, got, tc.want)
		}
	}
}

// Exceedances that come alone are separate trials; those in a row are not.
func TestSpread(t *testing.T) {
	t.Parallel()
	alone, row := make([]bool, 100), make([]bool, 100)
	for i := range 5 {
		alone[20*i+7], row[40+i] = true, true
	}
	if got := spread(alone); got != 1 {
		t.Errorf("alone: %v", got)
	}
	// The mean is 0.05, so that lag k of 1 to 4 has about (5-k)/5: 1 + 2·2 less a little.
	if got := spread(row); got < 4 || got > 5 {
		t.Errorf("five in a row: %v", got)
	}
	if got := spread(make([]bool, 10)); got != 1 {
		t.Errorf("none: %v", got)
	}
}

// A series whose quantiles are exceeded far too often is named; one that keeps
// what they state is not.
func TestTabulate(t *testing.T) {
	t.Parallel()
	make1 := func(name string, misses int) trial {
		out := trial{name: name, long: true, position95: 3, exceeded: make([]bool, 50)}
		for i := range misses {
			out.exceeded[50/misses*i] = true
		}
		c := 1 - float64(misses)/50
		out.score = forecaster.Score{Horizon: 5 * time.Minute, Rows: 50, Relative: 0.5, Coverage: []float64{0, 0, c, c, c}}
		out.test()
		return out
	}
	var b bytes.Buffer
	tabulate(&b, []trial{make1("good", 2), make1("bad", 16)})
	got := b.String()
	if !strings.Contains(got, "| 5 min | value | 2 | 0.5000 | 100.0 % | 0.8200 ± 0.0990 |") {
		t.Errorf("no line of the horizon in\n%s", got)
	}
	if !strings.Contains(got, "Up to an hour 1 of 2 series") || !strings.Contains(got, "- bad, value 5m0s: 0.680 of 50") || strings.Contains(got, "- good") {
		t.Errorf("the series that lies low is not told from the other in\n%s", got)
	}
}

// One series from end to end: a backtest with its trials.
func TestTrials(t *testing.T) {
	t.Parallel()
	s := forecaster.Series{Step: 30 * time.Minute}
	for i := range 6 * 48 {
		s.Values = append(s.Values, 10+math.Sin(float64(i)/7)+math.Sin(float64(i*i)))
	}
	got, err := trials(s, "a", 20)
	if err != nil || len(got) != 6 {
		t.Fatalf("%d targets, want those of 30 min, 1 h and a day: %v", len(got), err)
	}
	if last := got[5]; last.horizon != 3 || !last.score.Max || !last.long || len(last.exceeded) != 20 {
		t.Errorf("the day's maximum: %+v", last)
	}
	if short, err := trials(forecaster.Series{Step: time.Hour, Values: []float64{1, 2, 3}}, "b", 20); err != nil || short != nil {
		t.Errorf("too short: %v, %v", short, err)
	}
}
