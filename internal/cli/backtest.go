package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// backtestOptions are the flags of the backtest command.
type backtestOptions struct {
	streams    Streams
	files      []string
	column     string
	where      string
	covariates []string
	horizons   []time.Duration
	quantiles  []float64
	origins    int
	light      bool
	without    []string
	only       string
	output     string
	file       string
}

func newBacktestCommand(s Streams) *cobra.Command {
	o := &backtestOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "backtest SERIES.csv[.gz]...",
		Short: "Measure how good forecasts would have been on recorded series",
		Long: `backtest forecasts recorded series from many moments of their second half and
compares with what came. Each forecast sees only what was before it, at most
14 days.

Scores are the weighted quantile loss (WQL), the same relative to a seasonal
naive forecast (the value one day earlier; below 1 is better than that), and the
coverage of each quantile: how often it was not exceeded. Maxima over the window
up to the horizon are scored beside the values at its end.

A file is a CSV with a header whose first column is timestamp_s, timestamp or
arrival_s; every further column of numbers is a series. Request traces, one row
per request, count as requests per minute. Where a file holds several series
told apart by a column of text, each is a series of its own: --where picks one.

A column that is known beforehand (a planned batch size, opening hours) is a
--covariate: every forecast may see all of it, also what lies ahead. Naming one
that would not have been known makes the scores worthless.

Exit codes: 0 ok, 1 a file could not be used (the others are still printed),
2 wrong usage.`,
		Example: `  # all columns of some files, as a table
  rightsize backtest traces/*.csv.gz

  # one column, an hour ahead, every forecast beside what came
  rightsize backtest web.csv --column requests_per_s --horizons 1h -o csv

  # scores for a dashboard
  rightsize backtest web.csv --origins 50 -o json -f scores.json

  # what is the profile of the week worth, and what would it do alone?
  rightsize backtest web.csv --without weekly-fast,weekly-slow
  rightsize backtest web.csv --only weekly-fast

  # what does it help to know the plan?
  rightsize backtest jobs.csv --column cpu_cores --covariate planned_jobs

  # one service out of a file that holds many
  rightsize backtest mesh.csv --where service=cart --column cpu_millicores`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files = args
			if err := o.check(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.column, "column", "", "the column to use (default every column of numbers)")
	f.StringVar(&o.where, "where", "", "use only rows in which COLUMN=VALUE")
	f.StringArrayVar(&o.covariates, "covariate", nil, "a column that is known beforehand, past and future (may be repeated)")
	f.DurationSliceVar(&o.horizons, "horizons", forecaster.DefaultHorizons(), "how far ahead to forecast")
	f.Lookup("horizons").DefValue = durationList(forecaster.DefaultHorizons())
	f.Float64SliceVar(&o.quantiles, "quantiles", forecaster.BacktestLevels(), "quantiles to forecast, between 0 and 1")
	f.Lookup("quantiles").DefValue = floatList(forecaster.BacktestLevels())
	f.IntVar(&o.origins, "origins", 200, "how many forecasts to make per series")
	f.BoolVar(&o.light, "light", false, "use the light forecaster, for very many series")
	f.StringSliceVar(&o.without, "without", nil, "leave out these parts of the forecaster (a wrong name lists them)")
	f.StringVar(&o.only, "only", "", "forecast by this point forecast and its past errors alone")
	f.StringVarP(&o.output, "output", "o", "table", "table, json or csv")
	f.StringVarP(&o.file, "file", "f", "", "write the result to this file instead of stdout")
	return cmd
}

func (o *backtestOptions) check(cmd *cobra.Command) error {
	if !slices.Contains([]string{"table", "json", "csv"}, o.output) {
		return usageErrorf("%s: --output %q is not one of table, json, csv", cmd.CommandPath(), o.output)
	}
	if o.origins < 1 {
		return usageErrorf("%s: --origins %d is not positive", cmd.CommandPath(), o.origins)
	}
	if err := (forecaster.Options{Without: o.without, Only: o.only}).CheckParts(); err != nil {
		return usageErrorf("%s: %w", cmd.CommandPath(), err)
	}
	if _, _, err := splitWhere(o.where); err != nil {
		return usageErrorf("%s: %w", cmd.CommandPath(), err)
	}
	if err := checkCovariates(o.column, o.covariates); err != nil {
		return usageErrorf("%s: %w", cmd.CommandPath(), err)
	}
	return checkForecastFlags(cmd, "--horizons", o.horizons, o.quantiles)
}

// checkForecastFlags checks the flags that forecast and backtest share.
func checkForecastFlags(cmd *cobra.Command, name string, horizons []time.Duration, quantiles []float64) error {
	if len(horizons) == 0 {
		return usageErrorf("%s: %s is empty", cmd.CommandPath(), name)
	}
	for _, h := range horizons {
		if h <= 0 {
			return usageErrorf("%s: %s %v is not positive", cmd.CommandPath(), name, h)
		}
	}
	if len(quantiles) == 0 {
		return usageErrorf("%s: --quantiles is empty", cmd.CommandPath())
	}
	for _, q := range quantiles {
		if !(q > 0 && q < 1) {
			return usageErrorf("%s: --quantiles %g is not between 0 and 1", cmd.CommandPath(), q)
		}
	}
	return nil
}

// backtestSeries is one series to backtest, and then its result.
type backtestSeries struct {
	name   string // Of the file.
	column string
	path   string
	plan   *forecaster.Backtest
	stepS  float64
	points int

	scores []forecaster.Score
	rows   []byte // CSV, where asked for.
	err    error
	done   chan struct{}
}

// backtestFile is what one file holds.
type backtestFile struct {
	path   string
	series []*backtestSeries
	err    error
}

func (o *backtestOptions) run(ctx context.Context) error {
	files, err := o.read(ctx)
	if err != nil {
		return err
	}
	w, finish, err := o.streams.output(o.file)
	if err != nil {
		return err
	}
	failed, err := o.evaluate(ctx, files, w)
	if err := finish(err); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("backtest: %d of %d files could not be used", failed, len(files))
	}
	return nil
}

// read reads all files; what is wrong with one is kept beside it.
func (o *backtestOptions) read(ctx context.Context) ([]backtestFile, error) {
	files := make([]backtestFile, len(o.files))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, path := range o.files {
		g.Go(func() error {
			files[i].path = path
			files[i].series, files[i].err = o.readFile(path)
			return ctx.Err()
		})
	}
	return files, g.Wait()
}

// readFile plans the backtests of a file. A series that is too short is an
// error beside those that are not: the first such is told, for all.
func (o *backtestOptions) readFile(path string) ([]*backtestSeries, error) {
	picked, err := readSeries(path, o.where, o.column, o.covariates)
	if err != nil {
		return nil, err
	}
	options := forecaster.BacktestOptions{Horizons: o.horizons, Levels: o.quantiles, Origins: o.origins, Light: o.light, Without: o.without, Only: o.only}
	var out []*backtestSeries
	var first error
	for _, p := range picked {
		options.Covariates = p.plans
		plan, err := forecaster.NewBacktest(p.series, options)
		if err != nil {
			if first == nil {
				first = fmt.Errorf("%s: column %s: %w", path, p.label, err)
			}
			continue
		}
		out = append(out, &backtestSeries{
			name: p.name, column: p.label, path: path, plan: plan,
			stepS: p.series.Step.Seconds(), points: p.series.Len(), done: make(chan struct{}),
		})
	}
	return out, first
}

// evaluate runs the backtests, several at a time, and writes their results in
// the order of the files. It returns how many files failed.
func (o *backtestOptions) evaluate(ctx context.Context, files []backtestFile, w io.Writer) (int, error) {
	total := 0
	for _, f := range files {
		total += len(f.series) * o.origins
	}
	bar := o.streams.startProgress("backtest", total)
	defer bar.finish()
	ctx, cancel := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0) + 1) // One of them only hands out work.
	g.Go(func() error {
		for _, f := range files {
			for _, s := range f.series {
				g.Go(func() error {
					defer close(s.done)
					s.err = o.backtest(ctx, s, bar)
					return ctx.Err()
				})
			}
		}
		return nil
	})
	failed, err := o.collect(ctx, files, o.writer(w))
	if err != nil {
		cancel()
	}
	waitErr := g.Wait()
	cancel()
	return failed, errors.Join(err, waitErr)
}

// collect writes results as they become known, in order.
func (o *backtestOptions) collect(ctx context.Context, files []backtestFile, w backtestWriter) (int, error) {
	failed := 0
	for _, f := range files {
		err := f.err
		for _, s := range f.series {
			select {
			case <-s.done:
			case <-ctx.Done():
				return failed, nil // The reason comes from the group.
			}
			if s.err != nil {
				err = errors.Join(err, fmt.Errorf("%s: column %s: %w", s.path, s.column, s.err))
				continue
			}
			if err := w.series(s); err != nil {
				return failed, err
			}
		}
		if err != nil {
			failed++
			_, _ = fmt.Fprintf(o.streams.Err, "rightsize: backtest: %v\n", err)
		}
	}
	return failed, w.end()
}

// backtest runs the backtest of one series.
func (o *backtestOptions) backtest(ctx context.Context, s *backtestSeries, bar *progress) error {
	scorer := forecaster.NewScorer(s.plan)
	rows := newBacktestRows(s)
	err := s.plan.Run(func(step forecaster.BacktestStep) error {
		scorer.Add(step)
		if o.output == "csv" {
			rows.add(step)
		}
		bar.add(1)
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	s.scores = scorer.Scores()
	s.rows, err = rows.bytes()
	return err
}
