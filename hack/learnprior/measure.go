package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// Of each file at most measuredSeries series are measured, evenly spaced, from
// measuredStarts moments each.
const (
	measuredSeries = 6
	measuredStarts = 4
)

// ages are the lengths of history, in minutes, at which forecasts are made.
func ages() []int { return []int{1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720} }

// tally adds up, over series of equal weight, shares and losses.
type tally struct {
	series, scored   float64
	cover95, cover99 float64
	loss             float64
}

// scores of one series: sums over its forecasts.
type scores struct{ rows, hit95, hit99, loss, size float64 }

// key says what a row of the result is about; 0 is for all.
type key struct {
	age     int
	horizon time.Duration
	peak    bool
}

// measure forecasts the first minutes of the series, as if each had begun at
// one of its moments, under a prior learned from all the other files. It prints
// coverage, the mean over series, and the weighted quantile loss, the geometric
// mean over series: for each the mean of twice the pinball loss over the
// mean of what came, at least 0.001.
func measure(files []file, w io.Writer) error {
	totals := map[key]*tally{}
	all := collect(files)
	for at, f := range files {
		o := forecaster.Options{Levels: forecaster.BacktestLevels(), Prior: all.without(at)}
		n := min(len(f.series), measuredSeries)
		for i := range n {
			s := f.series[i*len(f.series)/n]
			if err := measureSeries(s, o, totals); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
	return printTotals(w, totals)
}

func measureSeries(s forecaster.Series, o forecaster.Options, totals map[key]*tally) error {
	sums := map[key]*scores{}
	for start := range measuredStarts {
		from := (2*start + 1) * len(s.Values) / (2*measuredStarts + 1)
		for _, age := range ages() {
			k := int(time.Duration(age) * time.Minute / s.Step)
			if k == 0 || time.Duration(k)*s.Step != time.Duration(age)*time.Minute || from+k >= len(s.Values) {
				continue
			}
			past := forecaster.Series{Start: s.Time(from), Step: s.Step, Values: s.Values[from : from+k]}
			f, err := forecaster.Predict(past, o)
			if errors.Is(err, forecaster.ErrTooShort) {
				continue
			}
			if err != nil {
				return err
			}
			score(f, s.Values[from+k:], s.Step, age, sums)
		}
	}
	for k, v := range sums {
		if totals[k] == nil {
			totals[k] = &tally{}
		}
		t := totals[k]
		t.series++
		t.cover95 += v.hit95 / v.rows
		t.cover99 += v.hit99 / v.rows
		if v.size > 0 {
			t.scored++
			t.loss += math.Log(max(v.loss/v.size, 0.001))
		}
	}
	return nil
}

// score sets one forecast beside what came.
func score(f forecaster.Forecast, future []float64, step time.Duration, age int, sums map[key]*scores) {
	for i, h := range f.Horizons {
		k := int(h / step)
		if k > len(future) {
			continue
		}
		window := forecaster.Series{Values: future[:k]}
		rate(f.Levels, f.Point[i], future[k-1], key{age, h, false}, sums)
		rate(f.Levels, f.Max[i], window.Peak(), key{age, h, true}, sums)
	}
}

// rate adds one target, unless it is a gap, to the sums of its key, of its age
// and of its horizon.
func rate(levels, row []float64, y float64, k key, sums map[key]*scores) {
	if math.IsNaN(y) {
		return
	}
	loss := 0.0
	for j, level := range levels {
		loss += 2 * forecaster.Pinball(level, row[j], y) / float64(len(levels))
	}
	for _, at := range []key{{k.age, 0, k.peak}, {0, k.horizon, k.peak}, k} {
		if sums[at] == nil {
			sums[at] = &scores{}
		}
		t := sums[at]
		t.rows++
		t.loss += loss
		t.size += math.Abs(y)
		if y <= forecaster.Interpolate(levels, row, 0.95) {
			t.hit95++
		}
		if y <= forecaster.Interpolate(levels, row, 0.99) {
			t.hit99++
		}
	}
}

// printTotals prints a row for each age, for each horizon, and for each age at
// each horizon.
func printTotals(w io.Writer, totals map[key]*tally) error {
	var b strings.Builder
	b.WriteString("| history | horizon | series | values: 0.95 | 0.99 | loss | maxima: 0.95 | 0.99 | loss |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	horizons := append([]time.Duration{0}, forecaster.DefaultHorizons()...)
	for _, h := range horizons {
		for _, age := range append(ages(), 0) {
			k := key{age, h, false}
			v, m := totals[k], totals[key{age, h, true}]
			if v == nil || m == nil {
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | %.0f | %s | %s |\n", minutes(float64(age)), minutes(h.Minutes()), v.series, v, m)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func minutes(n float64) string {
	if n == 0 {
		return "all"
	}
	return fmt.Sprintf("%g min", n)
}

// String is three cells: the coverage of two quantiles and the loss.
func (t *tally) String() string {
	return fmt.Sprintf("%.3f | %.3f | %.3f", t.cover95/t.series, t.cover99/t.series, math.Exp(t.loss/t.scored))
}
