package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/mathext"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/scenario"
)

const (
	// covered is the coverage of the 0.95 quantile that no series may lie
	// significantly below.
	covered = 0.92
	// significance is the level of one test of one series and horizon, and of all
	// of them together (Bonferroni).
	significance, overall = 0.01, 0.05
)

// trial is one series at one horizon, by position, of values or of maxima.
type trial struct {
	name       string
	score      forecaster.Score
	long       bool // Of a series of five days and more.
	horizon    int
	exceeded   []bool // The 0.95 quantile, origin by origin.
	separate   float64
	chance     float64 // With separate trials.
	asIfApart  float64 // With every origin a trial.
	position95 int
}

// coverage prints what the outer quantiles cover of every column of all files
// that are long enough, by horizon, and on which series the 0.95 quantile lies
// significantly below 0.92.
func coverage(folder string, origins int) error {
	series, names, err := readAll(folder)
	if err != nil {
		return err
	}
	all := make([][]trial, len(series))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range series {
		g.Go(func() (err error) {
			all[i], err = trials(s, names[i], origins)
			_, _ = fmt.Fprintln(os.Stderr, names[i])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	flat := slices.Concat(all...)
	for _, long := range []bool{false, true} {
		some := slices.DeleteFunc(slices.Clone(flat), func(t trial) bool { return long && !t.long })
		title := "Every series"
		if long {
			title = "Series of five days and more"
		}
		_, _ = fmt.Fprintf(os.Stdout, "%s, %d origins each. Relative loss: geometric mean; coverage: mean over the series ± standard error.\n\n", title, origins)
		tabulate(os.Stdout, some)
	}
	return nil
}

// readAll returns every column of all files and of all series that a file
// holds.
func readAll(folder string) (out []forecaster.Series, names []string, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.csv.gz"))
	if err != nil || len(files) == 0 {
		return nil, nil, errors.Join(err, fmt.Errorf("no series in %q", folder))
	}
	for _, f := range files {
		table, err := scenario.ReadTable(f)
		if err != nil {
			return nil, nil, err
		}
		parts, err := partsOf(table)
		if err != nil {
			return nil, nil, err
		}
		for _, suffix := range slices.Sorted(maps.Keys(parts)) {
			part := parts[suffix]
			for _, column := range part.SeriesColumns() {
				s, err := part.SeriesAtLeast(column, time.Minute)
				if err != nil {
					return nil, nil, err
				}
				out, names = append(out, s), append(names, table.Name+" "+column+suffix)
			}
		}
	}
	return out, names, nil
}

// partsOf are the series that a column of text tells apart, by what is added to
// their names; the whole table where there is no such column.
func partsOf(table *scenario.Table) (map[string]*scenario.Table, error) {
	key, values := table.Groups()
	if key == "" {
		return map[string]*scenario.Table{"": table}, nil
	}
	parts := map[string]*scenario.Table{}
	for _, v := range values {
		part, err := table.Where(key, v)
		if err != nil {
			return nil, err
		}
		parts[fmt.Sprintf("{%s=%s}", key, v)] = part
	}
	return parts, nil
}

// trials backtests one series; one that is too short has none.
func trials(s forecaster.Series, name string, origins int) ([]trial, error) {
	b, err := forecaster.NewBacktest(s, forecaster.BacktestOptions{Origins: origins})
	if errors.Is(err, forecaster.ErrShortForHorizons) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	scorer := forecaster.NewScorer(b)
	out := make([]trial, 2*len(b.Horizons))
	at := slices.Index(b.Levels, 0.95)
	last := -1
	err = b.Run(func(step forecaster.BacktestStep) error {
		scorer.Add(step)
		if b.Origins[step.Index] == last {
			return nil // The same moment is not another trial.
		}
		last = b.Origins[step.Index]
		for h := range b.Horizons {
			for kind, y := range []float64{step.Point[h], step.Max[h]} {
				q := [2][]float64{step.Forecast.Point[h], step.Forecast.Max[h]}[kind][at]
				if !math.IsNaN(y) {
					out[2*h+kind].exceeded = append(out[2*h+kind].exceeded, y > q)
				}
			}
		}
		return nil
	})
	for i, score := range scorer.Scores() {
		t := &out[i]
		t.name, t.score, t.position95 = name, score, at
		t.horizon = i/2 + horizons - len(b.Horizons)
		t.long = time.Duration(s.Len())*s.Step >= multiDay
		t.test()
	}
	return out, err
}

// test finds the probability of so many exceedances or more if the coverage were
// 0.92: with as many trials as are separate, and as if every origin were one.
func (t *trial) test() {
	n := float64(len(t.exceeded))
	t.separate = n / spread(t.exceeded)
	misses := 0.0
	for _, e := range t.exceeded {
		if e {
			misses++
		}
	}
	t.chance, t.asIfApart = 1, 1
	if misses > 0 {
		t.chance = atLeast(misses/n*t.separate, t.separate, 1-covered)
		t.asIfApart = atLeast(misses, n, 1-covered)
	}
}

// atLeast is the probability of k or more of n trials where each has
// probability p, for numbers that need not be whole: the regularised incomplete
// beta function I_p(k, n-k+1).
func atLeast(k, n, p float64) float64 { return mathext.RegIncBeta(k, n-k+1, p) }

// spread is how many origins count as one trial: 1 + 2 Σ ρ over the lags up to the
// first autocorrelation ρ of the exceedances that is not positive (Geyer 1992,
// Practical Markov chain Monte Carlo), at least 1.
func spread(exceeded []bool) float64 {
	n := len(exceeded)
	mean := 0.0
	for _, e := range exceeded {
		if e {
			mean += 1 / float64(n)
		}
	}
	at := func(i int) float64 {
		if exceeded[i] {
			return 1 - mean
		}
		return -mean
	}
	sum, variance := 1.0, mean*(1-mean)*float64(n)
	for lag := 1; lag < n && variance > 0; lag++ {
		rho := 0.0
		for i := lag; i < n; i++ {
			rho += at(i) * at(i-lag) / variance
		}
		if rho <= 0 {
			break
		}
		sum += 2 * rho
	}
	return sum
}

// fewest is how many moments it takes to tell 0.92 from less.
const fewest = 20

// tabulate prints a line per horizon and kind, and the series that lie low.
func tabulate(w io.Writer, all []trial) {
	_, _ = fmt.Fprintln(w, "| horizon | target | series | relative loss | better on | coverage of 0.9 | 0.95 | 0.99 | series below 0.92 at 1 % | as if every origin were a trial |")
	_, _ = fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|")
	var near []trial // All that were tested up to an hour.
	for i := range 2 * horizons {
		maximum, horizon := i >= horizons, i%horizons
		some := slices.DeleteFunc(slices.Clone(all), func(t trial) bool { return t.horizon != horizon || t.score.Max != maximum || t.score.Rows == 0 })
		tested := slices.DeleteFunc(slices.Clone(some), func(t trial) bool { return len(t.exceeded) < fewest })
		if horizon < horizons-1 {
			near = append(near, tested...)
		}
		below := count(tested, func(t trial) bool { return t.chance < significance })
		apart := count(tested, func(t trial) bool { return t.asIfApart < significance })
		target := "value"
		if maximum {
			target = "maximum"
		}
		_, _ = fmt.Fprintf(w, "| %s | %s | %s | %d of %d | %d |\n", []string{"5 min", "15 min", "1 h", "1 day"}[horizon], target, figures(some), below, len(tested), apart)
	}
	low := slices.DeleteFunc(slices.Clone(near), func(t trial) bool { return t.chance >= significance })
	all95 := count(low, func(t trial) bool { return t.chance*float64(len(near)) < overall })
	_, _ = fmt.Fprintf(w, "\nUp to an hour %d of %d series and horizons lie below %g at %g %% each, %d at %g %% over all (Bonferroni).\n",
		len(low), len(near), covered, 100*significance, all95, 100*overall)
	slices.SortStableFunc(low, func(a, b trial) int { return cmp.Compare(a.chance, b.chance) })
	for _, t := range low {
		_, _ = fmt.Fprintf(w, "- %s\n", t)
	}
	_, _ = fmt.Fprintln(w)
}

// count is how many of the trials are so.
func count(some []trial, so func(trial) bool) int {
	return len(some) - len(slices.DeleteFunc(slices.Clone(some), so))
}

func (t trial) String() string {
	kind := "value"
	if t.score.Max {
		kind = "maximum"
	}
	return fmt.Sprintf("%s, %s %v: %.3f of %d, %.0f of them separate, p = %.2g", t.name, kind, t.score.Horizon, t.score.Coverage[t.position95], len(t.exceeded), t.separate, t.chance)
}

// figures are the number of series, the loss relative to seasonal naive, the share of
// series on which it is below 1, and coverages. Series whose
// reference makes no error have no relative loss and are left out.
func figures(some []trial) string {
	some = slices.DeleteFunc(some, func(t trial) bool { return math.IsNaN(t.score.Relative) })
	n := float64(len(some))
	logs, better := 0.0, 0.0
	for _, t := range some {
		logs += logLoss(t.score) / n
		if t.score.Relative < 1 {
			better += 100 / n
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d | %.4f | %.1f %%", len(some), math.Exp(logs), better)
	for level := 2; level < 5; level++ {
		sum, squares := 0.0, 0.0
		for _, t := range some {
			c := t.score.Coverage[level]
			sum += c
			squares += c * c
		}
		fmt.Fprintf(&out, " | %.4f ± %.4f", sum/n, math.Sqrt(max(0, squares/n-sum*sum/n/n)/n))
	}
	return out.String()
}
