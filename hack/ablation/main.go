// Ablation measures what each part of the forecaster is worth: it backtests the
// first column of recorded series with everything and without each part, and
// prints a Markdown table.
//
//	go run ./hack/ablation -every 3 -origins 40 FOLDER
//
// With -alone it asks instead on how many series the whole is better than each
// point forecast alone, which takes one run for all of them: alone.go.
//
//	go run ./hack/ablation -alone -bare -every 1 -origins 50 -scores scores.csv FOLDER
//
// With -coverage it asks what the outer quantiles cover of every column of all
// files, and on which series significantly too little: cover.go.
//
//	go run ./hack/ablation -coverage -origins 50 FOLDER
package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/scenario"
)

// multiDay is the shortest series that is looked at.
const multiDay = 5 * 24 * time.Hour

// horizons are the four default ones, by position: series of long steps have
// them rounded up.
const horizons = 4

func main() {
	every := flag.Int("every", 3, "take every n-th file")
	origins := flag.Int("origins", 40, "forecasts per series")
	apart := flag.Bool("alone", false, "compare the whole with each point forecast alone, series by series")
	bare := flag.Bool("bare", false, "with -alone, give each its past errors as they are, without scale, importance and calibration")
	cover := flag.Bool("coverage", false, "tell what the outer quantiles cover of every column of all files")
	scores := flag.String("scores", "", "with -alone, write the losses to this CSV file")
	flag.Parse()
	measure := run
	if *apart {
		kind := forecaster.AloneScaled
		if *bare {
			kind = forecaster.AloneBare
		}
		measure = func(folder string, every, origins int) error { return alone(folder, every, origins, kind, *scores) }
	}
	if *cover {
		measure = func(folder string, _, origins int) error { return coverage(folder, origins) }
	}
	if err := measure(flag.Arg(0), *every, *origins); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "ablation:", err)
		os.Exit(1)
	}
}

// variant is one way to forecast.
type variant struct {
	name    string
	options forecaster.BacktestOptions
}

func variants() []variant {
	out := []variant{{name: "everything"}, {name: "light mode", options: forecaster.BacktestOptions{Light: true}}}
	points, rest := forecaster.Parts()
	for _, part := range append(rest, points[1:]...) {
		out = append(out, variant{"without " + part, forecaster.BacktestOptions{Without: []string{part}}})
	}
	aggregation := append([]string{"stack", "plain", "ridge", "ridge-log", "condition", "echo"}, points[2:len(points)-2]...)
	out = append(out,
		variant{"calibration without aggregation (level and last)", forecaster.BacktestOptions{Without: aggregation}},
		variant{"aggregation without calibration, condition, echo", forecaster.BacktestOptions{Without: []string{"calibration", "condition", "echo"}}})
	return out
}

func run(folder string, every, origins int) error {
	series, _, err := read(folder, every)
	if err != nil {
		return err
	}
	fmt.Printf("%d series, %d origins each. Relative weighted quantile loss, geometric means; coverage of the 0.95 quantile, means.\n\n", len(series), origins)
	fmt.Println("| variant | 5 min | 15 min | 1 h | 1 day | max 15 min | max 1 h | max 1 day | coverage 5 min | 1 h | 1 day | worse than everything on |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|")
	var reference [][]forecaster.Score
	for _, v := range variants() {
		scores, err := measure(series, v.options, origins)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		if reference == nil {
			reference = scores
		}
		fmt.Printf("| %s |%s\n", v.name, row(scores, reference))
	}
	return nil
}

// read returns the first column of every n-th file that is long enough, and the
// names of these files.
func read(folder string, every int) (out []forecaster.Series, names []string, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.csv.gz"))
	if err != nil || len(files) == 0 {
		return nil, nil, errors.Join(err, fmt.Errorf("no series in %q", folder))
	}
	long := 0
	for _, f := range files {
		table, err := scenario.ReadTable(f)
		if err != nil {
			return nil, nil, err
		}
		if key, _ := table.Groups(); key != "" || len(table.SeriesColumns()) == 0 {
			continue
		}
		s, err := table.SeriesAtLeast(table.SeriesColumns()[0], time.Minute)
		if err != nil {
			return nil, nil, err
		}
		if time.Duration(s.Len())*s.Step < multiDay {
			continue
		}
		if long%every == 0 {
			out = append(out, s)
			names = append(names, strings.TrimSuffix(filepath.Base(f), ".csv.gz"))
		}
		long++
	}
	return out, names, nil
}

// measure backtests all series.
func measure(series []forecaster.Series, o forecaster.BacktestOptions, origins int) ([][]forecaster.Score, error) {
	o.Origins = origins
	out := make([][]forecaster.Score, len(series))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range series {
		g.Go(func() error {
			b, err := forecaster.NewBacktest(s, o)
			if err != nil {
				return err
			}
			scorer := forecaster.NewScorer(b)
			err = b.Run(func(step forecaster.BacktestStep) error {
				scorer.Add(step)
				return nil
			})
			out[i] = scorer.Scores()
			return err
		})
	}
	return out, g.Wait()
}

// at is the score of a horizon by position; series of long steps have fewer.
func at(scores []forecaster.Score, horizon int, maximum bool) forecaster.Score {
	i := 2 * max(0, horizon-(horizons-len(scores)/2))
	if maximum {
		i++
	}
	return scores[i]
}

// row is a line of the table: losses, coverage, and on what share of series and
// of the horizons up to an hour the variant loses more than everything.
func row(scores, reference [][]forecaster.Score) string {
	var out strings.Builder
	for h := range horizons {
		fmt.Fprintf(&out, " %.3f |", math.Exp(mean(scores, h, false, logLoss)))
	}
	for h := 1; h < horizons; h++ {
		fmt.Fprintf(&out, " %.3f |", math.Exp(mean(scores, h, true, logLoss)))
	}
	for _, h := range []int{0, 2, 3} {
		fmt.Fprintf(&out, " %.3f |", mean(scores, h, false, func(s forecaster.Score) float64 { return s.Coverage[3] }))
	}
	worse, all := 0.0, 0.0
	for i, s := range scores {
		for h := range horizons - 1 {
			if a, b := at(s, h, false).WQL, at(reference[i], h, false).WQL; !math.IsNaN(a + b) {
				all++
				if a > b {
					worse++
				}
			}
		}
	}
	fmt.Fprintf(&out, " %.0f %% |", 100*worse/all)
	return out.String()
}

// logLoss is the logarithm of the relative loss, with the floor that summaries
// of a backtest have.
func logLoss(s forecaster.Score) float64 {
	if math.IsNaN(s.Relative) {
		return math.NaN()
	}
	return math.Log(max(s.Relative, 1e-3))
}

// mean is that of a figure over the series that have it.
func mean(scores [][]forecaster.Score, horizon int, maximum bool, of func(forecaster.Score) float64) float64 {
	sum, n := 0.0, 0.0
	for _, s := range scores {
		if v := of(at(s, horizon, maximum)); !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	return sum / n
}
