package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// contest is one series: the scores of the whole, and of each point forecast
// alone.
type contest struct {
	whole []forecaster.Score
	alone [][]forecaster.Score
}

// alone prints on what share of the series the whole loses less than each point
// forecast alone with its own past errors, by horizon.
func alone(folder string, every, origins int, kind forecaster.Alone, file string) error {
	series, names, err := read(folder, every)
	if err != nil {
		return err
	}
	contests, err := compete(series, names, origins, kind)
	if err != nil {
		return err
	}
	if file != "" {
		if err := os.WriteFile(file, losses(names, contests), 0o600); err != nil {
			return err
		}
	}
	report(os.Stdout, contests, origins)
	return nil
}

// compete backtests all series; progress goes to stderr.
func compete(series []forecaster.Series, names []string, origins int, kind forecaster.Alone) ([]contest, error) {
	contests := make([]contest, len(series))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range series {
		g.Go(func() (err error) {
			contests[i], err = oneContest(s, origins, kind)
			_, _ = fmt.Fprintln(os.Stderr, names[i])
			return err
		})
	}
	return contests, g.Wait()
}

func oneContest(s forecaster.Series, origins int, kind forecaster.Alone) (contest, error) {
	b, err := forecaster.NewBacktest(s, forecaster.BacktestOptions{Origins: origins, Alone: kind})
	if err != nil {
		return contest{}, err
	}
	points, _ := forecaster.Parts()
	whole := forecaster.NewScorer(b)
	scorers := make([]*forecaster.Scorer, len(points))
	for k := range scorers {
		scorers[k] = forecaster.NewScorer(b)
	}
	err = b.Run(func(step forecaster.BacktestStep) error {
		whole.Add(step)
		for k, f := range step.Alone {
			step.Forecast = f
			scorers[k].Add(step)
		}
		return nil
	})
	c := contest{whole: whole.Scores()}
	for _, s := range scorers {
		c.alone = append(c.alone, s.Scores())
	}
	return c, err
}

// losses is a CSV of the weighted quantile losses; the whole goes by the name
// everything.
func losses(names []string, contests []contest) []byte {
	points, _ := forecaster.Parts()
	var out bytes.Buffer
	out.WriteString("series,forecast,horizon_s,max,wql,coverage95\n")
	for i, c := range contests {
		row := func(name string, scores []forecaster.Score) {
			for _, s := range scores {
				fmt.Fprintf(&out, "%s,%s,%g,%t,%g,%g\n", names[i], name, s.Horizon.Seconds(), s.Max, s.WQL, s.Coverage[3])
			}
		}
		row("everything", c.whole)
		for k, name := range points {
			row(name, c.alone[k])
		}
	}
	return out.Bytes()
}

// report prints a line for each point forecast: the loss of the whole over its
// own, geometric means over the series, and the share of series on which the
// whole loses less; for values and maxima up to an hour, and over the three
// horizons together (the geometric mean of a series).
func report(w io.Writer, contests []contest, origins int) {
	points, _ := forecaster.Parts()
	_, _ = fmt.Fprintf(w, "%d series, %d origins each. Loss of everything over that of the point forecast alone, and the share of series on which everything is better.\n\n", len(contests), origins)
	_, _ = fmt.Fprintln(w, "| alone | 5 min | better | 15 min | better | 1 h | better | up to 1 h | better | max 15 min | better | max 1 h | better |")
	_, _ = fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for k, name := range points {
		_, _ = fmt.Fprintf(w, "| %s |", name)
		for _, over := range [][]target{{{0, false}}, {{1, false}}, {{2, false}}, {{0, false}, {1, false}, {2, false}}, {{1, true}}, {{2, true}}} {
			sum, better, n := 0.0, 0, 0
			for _, c := range contests {
				v := logRatio(c, k, over)
				if math.IsNaN(v) {
					continue
				}
				sum += v
				n++
				if v < 0 {
					better++
				}
			}
			_, _ = fmt.Fprintf(w, " %.3f | %.1f %% |", math.Exp(sum/float64(n)), 100*float64(better)/float64(n))
		}
		_, _ = fmt.Fprintln(w)
	}
}

// target is one horizon, by position, of values or of maxima.
type target struct {
	horizon int
	maximum bool
}

// logRatio is the mean logarithm of the loss of the whole over that of point
// forecast number k; NaN where a loss is not known or neither makes an error.
func logRatio(c contest, k int, over []target) float64 {
	sum := 0.0
	for _, t := range over {
		ours, theirs := at(c.whole, t.horizon, t.maximum).WQL, at(c.alone[k], t.horizon, t.maximum).WQL
		if ours == 0 && theirs == 0 {
			return math.NaN() // Nothing to compare.
		}
		const least = 1e-12 // Of a forecast without error.
		sum += math.Log(max(ours, least)/max(theirs, least)) / float64(len(over))
	}
	return sum
}
