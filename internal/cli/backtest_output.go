package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// documentVersion is the apiVersion of every JSON document of the program.
const documentVersion = "rightsize.dev/v1alpha1"

// backtestWriter gets the results of a backtest in order.
type backtestWriter interface {
	series(s *backtestSeries) error
	end() error
}

func (o *backtestOptions) writer(w io.Writer) backtestWriter {
	switch o.output {
	case "csv":
		return &backtestCSV{w: w}
	case "json":
		return &backtestJSON{w: w, options: o}
	default:
		return &backtestTable{w: w, levels: o.quantiles}
	}
}

// backtestRows collects the CSV rows of one series.
type backtestRows struct {
	buf bytes.Buffer
	csv *csv.Writer
	of  *backtestSeries
}

func newBacktestRows(s *backtestSeries) *backtestRows {
	r := &backtestRows{of: s}
	r.csv = csv.NewWriter(&r.buf)
	return r
}

// add writes, for each horizon, the rows of the value at it and of the maximum
// up to it.
func (r *backtestRows) add(step forecaster.BacktestStep) {
	origin := step.Origin.UTC().Format(time.RFC3339Nano)
	f := step.Forecast
	for i, h := range f.Horizons {
		target := step.Origin.Add(h).UTC().Format(time.RFC3339Nano)
		r.quantiles(origin, h, target, "", f.Levels, f.Point[i], step.Point[i])
		r.quantiles(origin, h, "", "max:", f.Levels, f.Max[i], step.Max[i])
	}
}

func (r *backtestRows) quantiles(origin string, h time.Duration, target, prefix string, levels, quantiles []float64, actual float64) {
	if math.IsNaN(actual) {
		return
	}
	for j, level := range levels {
		// Errors of the buffer come back from bytes.
		_ = r.csv.Write([]string{
			r.of.name, r.of.column, origin, formatFloat(h.Seconds()), target,
			prefix + formatFloat(level), formatRounded(quantiles[j]), formatFloat(actual),
		})
	}
}

func (r *backtestRows) bytes() ([]byte, error) {
	r.csv.Flush()
	return r.buf.Bytes(), r.csv.Error()
}

func formatFloat(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// formatRounded writes ten digits, more than any forecast is good for.
func formatRounded(v float64) string { return strconv.FormatFloat(v, 'g', 10, 64) }

// backtestCSV writes every forecast beside what came.
type backtestCSV struct {
	w      io.Writer
	header bool
}

func (b *backtestCSV) start() error {
	if b.header {
		return nil
	}
	b.header = true
	_, err := io.WriteString(b.w, "series,column,origin,horizon_s,target_time,quantile,forecast,actual\n")
	return err
}

func (b *backtestCSV) series(s *backtestSeries) error {
	if err := b.start(); err != nil {
		return err
	}
	_, err := b.w.Write(s.rows)
	s.rows = nil
	return err
}

func (b *backtestCSV) end() error { return b.start() }

// number is a float64 that is null in JSON where it is not finite.
type number float64

// MarshalJSON writes null for NaN and infinities.
func (n number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

func numbers(values []float64) []number {
	out := make([]number, len(values))
	for i, v := range values {
		out[i] = number(v)
	}
	return out
}

// backtestReport is the JSON document of a backtest.
type backtestReport struct {
	APIVersion string               `json:"apiVersion"`
	Kind       string               `json:"kind"`
	Quantiles  []float64            `json:"quantiles"`
	Origins    int                  `json:"origins"`
	Series     []backtestSeriesJSON `json:"series"`
	// Summary holds geometric means over the series.
	Summary []backtestSummaryJSON `json:"summary"`
}

type backtestSeriesJSON struct {
	Series      string              `json:"series"`
	Column      string              `json:"column"`
	StepSeconds float64             `json:"stepSeconds"`
	Points      int                 `json:"points"`
	Scores      []backtestScoreJSON `json:"scores"`
}

type backtestScoreJSON struct {
	HorizonSeconds float64  `json:"horizonSeconds"`
	Target         string   `json:"target"`
	Rows           int      `json:"rows"`
	WQL            number   `json:"wql"`
	ReferenceWQL   number   `json:"referenceWql"`
	RelativeWQL    number   `json:"relativeWql"`
	Coverage       []number `json:"coverage"`
}

type backtestSummaryJSON struct {
	HorizonSeconds float64  `json:"horizonSeconds"`
	Target         string   `json:"target"`
	Series         int      `json:"series"`
	ZeroReference  int      `json:"zeroReference"`
	Unscored       int      `json:"unscored"`
	RelativeWQL    number   `json:"relativeWql"`
	Coverage       []number `json:"coverage"`
	WorstCoverage  []number `json:"worstCoverage"`
}

// targetName tells the two kinds of targets apart.
func targetName(peak bool) string {
	if peak {
		return "max"
	}
	return "point"
}

// backtestJSON collects scores and writes one document at the end.
type backtestJSON struct {
	w       io.Writer
	options *backtestOptions
	report  backtestReport
	scores  [][]forecaster.Score
}

func (b *backtestJSON) series(s *backtestSeries) error {
	item := backtestSeriesJSON{Series: s.name, Column: s.column, StepSeconds: s.stepS, Points: s.points}
	for _, score := range s.scores {
		item.Scores = append(item.Scores, backtestScoreJSON{
			HorizonSeconds: score.Horizon.Seconds(), Target: targetName(score.Max), Rows: score.Rows,
			WQL: number(score.WQL), ReferenceWQL: number(score.ReferenceWQL),
			RelativeWQL: number(score.Relative), Coverage: numbers(score.Coverage),
		})
	}
	b.report.Series = append(b.report.Series, item)
	b.report.Quantiles = s.plan.Levels
	b.scores = append(b.scores, s.scores)
	return nil
}

func (b *backtestJSON) end() error {
	b.report.APIVersion, b.report.Kind, b.report.Origins = documentVersion, "BacktestReport", b.options.origins
	if b.report.Series == nil {
		b.report.Series, b.report.Quantiles = []backtestSeriesJSON{}, b.options.quantiles
	}
	b.report.Summary = []backtestSummaryJSON{}
	for _, s := range forecaster.Summarize(b.scores...) {
		b.report.Summary = append(b.report.Summary, backtestSummaryJSON{
			HorizonSeconds: s.Horizon.Seconds(), Target: targetName(s.Max), Series: s.Series,
			ZeroReference: s.ZeroReference, Unscored: s.Unscored, RelativeWQL: number(s.Relative),
			Coverage: numbers(s.Coverage), WorstCoverage: numbers(s.WorstCoverage),
		})
	}
	e := json.NewEncoder(b.w)
	e.SetIndent("", "  ")
	return e.Encode(b.report)
}

// backtestTable writes aligned columns once all series are known.
type backtestTable struct {
	w      io.Writer
	levels []float64
	rows   []*backtestSeries
}

func (b *backtestTable) series(s *backtestSeries) error {
	b.rows = append(b.rows, s)
	b.levels = s.plan.Levels
	return nil
}

func (b *backtestTable) end() error {
	if len(b.rows) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(b.w, 0, 0, 2, ' ', 0)
	b.head(t, "SERIES\tCOLUMN\tHORIZON\tTARGET\tROWS\tWQL\tRELATIVE", "COVER")
	var scores [][]forecaster.Score
	for _, s := range b.rows {
		scores = append(scores, s.scores)
		for _, score := range s.scores {
			_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s", s.name, s.column, shortDuration(score.Horizon),
				targetName(score.Max), score.Rows, cell(score.WQL), cell(score.Relative))
			b.cells(t, score.Coverage)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(b.w, "\nAll series: geometric mean of the loss relative to seasonal naive, mean coverage")
	t = tabwriter.NewWriter(b.w, 0, 0, 2, ' ', 0)
	b.head(t, "HORIZON\tTARGET\tSERIES\tZERO-REFERENCE\tUNSCORED\tRELATIVE", "COVER")
	for _, s := range forecaster.Summarize(scores...) {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%s", shortDuration(s.Horizon), targetName(s.Max),
			s.Series, s.ZeroReference, s.Unscored, cell(s.Relative))
		b.cells(t, s.Coverage)
	}
	return t.Flush()
}

// head writes a header line; a writer's errors come back from its Flush.
func (b *backtestTable) head(w io.Writer, columns, perLevel string) {
	_, _ = io.WriteString(w, columns)
	for _, level := range b.levels {
		_, _ = fmt.Fprintf(w, "\t%s-%s", perLevel, formatFloat(level))
	}
	_, _ = io.WriteString(w, "\n")
}

func (b *backtestTable) cells(w io.Writer, values []float64) {
	for _, v := range values {
		_, _ = fmt.Fprintf(w, "\t%s", cell(v))
	}
	_, _ = io.WriteString(w, "\n")
}

// cell is a figure of a table, "-" where there is none.
func cell(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// shortDuration is Go syntax without trailing zero units: 15m, not 15m0s.
func shortDuration(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	default:
		return d.String()
	}
}

// durationList and floatList are lists as a user would write them.
func durationList(ds []time.Duration) string {
	parts := make([]string, len(ds))
	for i, d := range ds {
		parts[i] = shortDuration(d)
	}
	return strings.Join(parts, ",")
}

func floatList(vs []float64) string {
	parts := make([]string, len(vs))
	for i, v := range vs {
		parts[i] = formatFloat(v)
	}
	return strings.Join(parts, ",")
}
