package cli

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/scenario"
)

// forecastPoints bounds how many horizons lie between the end of the series
// and the one asked for.
const forecastPoints = 48

// forecastOptions are the flags of the forecast command.
type forecastOptions struct {
	streams    Streams
	column     string
	where      string
	covariates []string
	horizon    time.Duration
	quantiles  []float64
	events     string
	output     string
	file       string
}

func newForecastCommand(s Streams) *cobra.Command {
	o := &forecastOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "forecast SERIES.csv[.gz] --column NAME",
		Short: "Forecast a recorded series from its end, as quantiles",
		Long: `forecast reads one column of a CSV file and prints quantiles of what comes after
its last row: of the value at each step up to the horizon (at most 48, evenly
spaced), and of the maximum up to there ("max:0.95"), which is what a size has
to carry.

The first column of the file is timestamp_s, timestamp or arrival_s. Request
traces, one row per request, are a series named "requests", per minute. Data
finer than a minute is averaged to minutes.

What is known beforehand stands in a file of events, a YAML list:

  - {name: sale, start: 2026-11-27T08:00:00Z, end: 2026-11-27T12:00:00Z, factor: 3}
  - {name: launch, start: 2026-12-01T09:00:00Z, end: 2026-12-01T18:00:00Z, override: 1200}

A factor multiplies the forecast while the event lasts, an override is the level
that takes its place, in the unit of the column. Events in the past are not
learned as usual demand.

A column that is known beforehand (a planned batch size, opening hours) is a
--covariate; the forecast follows it as far as demand did so far. Its plan for
the time ahead stands in rows in which the column that is forecast is empty: the
forecast then begins after the last row in which it is not.

Exit codes: 0 ok, 1 the file could not be used, 2 wrong usage.`,
		Example: `  # the next hour, as CSV
  rightsize forecast web.csv --column requests_per_s --horizon 1h

  # the next day, as a page with a chart that needs no network
  rightsize forecast web.csv.gz --column requests_per_s --horizon 24h -o html -f forecast.html

  # only the peak that 99 of 100 hours stay below
  rightsize forecast web.csv --column requests_per_s --quantiles 0.99 -o json

  # the next day with a sale in it
  rightsize forecast web.csv --column requests_per_s --horizon 24h --events sales.yaml

  # the next day, given how many jobs are planned
  rightsize forecast jobs.csv --column cpu_cores --covariate planned_jobs --horizon 24h

  # one service out of a file that holds many
  rightsize forecast mesh.csv --where service=cart --column cpu_millicores`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context(), args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.column, "column", "", "the column to forecast (may be left out where there is only one)")
	f.StringVar(&o.where, "where", "", "use only rows in which COLUMN=VALUE")
	f.StringArrayVar(&o.covariates, "covariate", nil, "a column that is known beforehand, past and future (may be repeated)")
	f.DurationVar(&o.horizon, "horizon", time.Hour, "how far ahead to forecast")
	f.Float64SliceVar(&o.quantiles, "quantiles", forecaster.BacktestLevels(), "quantiles to forecast, between 0 and 1")
	f.Lookup("quantiles").DefValue = floatList(forecaster.BacktestLevels())
	f.StringVar(&o.events, "events", "", "a YAML file of known events: {name, start, end, factor or override}")
	f.StringVarP(&o.output, "output", "o", "csv", "csv, json or html")
	f.StringVarP(&o.file, "file", "f", "", "write the result to this file instead of stdout")
	return cmd
}

func (o *forecastOptions) check(cmd *cobra.Command) error {
	if !slices.Contains([]string{"csv", "json", "html"}, o.output) {
		return usageErrorf("%s: --output %q is not one of csv, json, html", cmd.CommandPath(), o.output)
	}
	if _, _, err := splitWhere(o.where); err != nil {
		return usageErrorf("%s: %w", cmd.CommandPath(), err)
	}
	if err := checkCovariates(o.column, o.covariates); err != nil {
		return usageErrorf("%s: %w", cmd.CommandPath(), err)
	}
	return checkForecastFlags(cmd, "--horizon", []time.Duration{o.horizon}, o.quantiles)
}

func (o *forecastOptions) run(ctx context.Context, path string) error {
	picked, err := o.read(path)
	if err != nil {
		return err
	}
	var events []forecaster.Event
	if o.events != "" {
		if events, err = scenario.LoadEvents(o.events); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, last, ok := picked.series.Last(); ok && len(picked.plans) > 0 {
		picked.series = picked.series.Until(last)
	}
	f, err := forecaster.Predict(picked.series, forecaster.Options{
		Horizons: forecastHorizons(o.horizon, picked.series.Step), Levels: o.quantiles, Events: events, Covariates: picked.plans,
	})
	if errors.Is(err, forecaster.ErrTooShort) {
		return fmt.Errorf("%s: column %s has no value", path, picked.label)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	w, finish, err := o.streams.output(o.file)
	if err != nil {
		return err
	}
	return finish(o.write(w, picked, f))
}

// read returns the one series that is meant.
func (o *forecastOptions) read(path string) (pickedSeries, error) {
	picked, err := readSeries(path, o.where, o.column, o.covariates)
	if err != nil {
		return pickedSeries{}, err
	}
	if len(picked) == 1 {
		return picked[0], nil
	}
	labels := make([]string, 0, len(picked))
	for _, p := range picked {
		labels = append(labels, p.label)
	}
	const shown = 6
	if len(labels) > shown {
		labels = append(labels[:shown], "...")
	}
	if o.column == "" {
		return pickedSeries{}, usageErrorf("rightsize forecast: %s holds %d series, pick one with --column (and --where): %s",
			path, len(picked), strings.Join(labels, ", "))
	}
	return pickedSeries{}, usageErrorf("rightsize forecast: %s holds %d series of that column, pick one with --where: %s",
		path, len(picked), strings.Join(labels, ", "))
}

// forecastHorizons are the steps up to a horizon, thinned evenly, the horizon
// itself last.
func forecastHorizons(horizon, step time.Duration) []time.Duration {
	last := max(1, int((horizon+step-1)/step))
	n := min(last, forecastPoints)
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = time.Duration((i+1)*last/n) * step
	}
	return out
}

// forecastJSON is the JSON document of a forecast.
type forecastJSON struct {
	APIVersion  string              `json:"apiVersion"`
	Kind        string              `json:"kind"`
	Series      string              `json:"series"`
	Column      string              `json:"column"`
	StepSeconds float64             `json:"stepSeconds"`
	Forecast    forecaster.Forecast `json:"forecast"`
}

func (o *forecastOptions) write(w io.Writer, p pickedSeries, f forecaster.Forecast) error {
	switch o.output {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(forecastJSON{
			APIVersion: documentVersion, Kind: "SeriesForecast", Series: p.name, Column: p.label,
			StepSeconds: p.series.Step.Seconds(), Forecast: f,
		})
	case "html":
		return writeForecastPage(w, p, f)
	default:
		return writeForecastCSV(w, p, f)
	}
}

// writeForecastCSV writes the columns of a backtest but for the actual value.
func writeForecastCSV(w io.Writer, p pickedSeries, f forecaster.Forecast) error {
	c := csv.NewWriter(w)
	// Errors of the writer come back from Error.
	_ = c.Write([]string{"series", "column", "origin", "horizon_s", "target_time", "quantile", "forecast"})
	origin := f.Origin.UTC().Format(time.RFC3339Nano)
	for i, h := range f.Horizons {
		target := f.Origin.Add(h).UTC().Format(time.RFC3339Nano)
		for j, level := range f.Levels {
			_ = c.Write([]string{
				p.name, p.label, origin, formatFloat(h.Seconds()), target, formatFloat(level), formatRounded(f.Point[i][j]),
			})
		}
		for j, level := range f.Levels {
			_ = c.Write([]string{
				p.name, p.label, origin, formatFloat(h.Seconds()), "", "max:" + formatFloat(level), formatRounded(f.Max[i][j]),
			})
		}
	}
	c.Flush()
	return c.Error()
}
