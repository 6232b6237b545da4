// Command learnprior learns from recorded series what a young one may do, and
// writes it as the table that package forecaster starts from:
//
//	go run ./hack/learnprior DIR
//
// writes forecaster/prior_table.go from every CSV file in DIR. With -measure it
// writes nothing but prints, in Markdown, how good forecasts of young series
// are, each under a table learned from all the other files.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/scenario"
)

func main() {
	measure := flag.Bool("measure", false, "print how good forecasts of young series are instead of writing a table")
	output := flag.String("o", "forecaster/prior_table.go", "the file to write")
	flag.Parse()
	if err := run(flag.Args(), *measure, *output, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "learnprior:", err)
		os.Exit(1)
	}
}

func run(args []string, measured bool, output string, stdout io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("want one folder of series files, got %d arguments", len(args))
	}
	files, err := read(args[0])
	if err != nil {
		return err
	}
	if measured {
		return measure(files, stdout)
	}
	series := 0
	for _, f := range files {
		series += len(f.series)
	}
	text, err := source(collect(files).without(-1), fmt.Sprintf("%d series of %d files", series, len(files)))
	if err != nil {
		return err
	}
	return os.WriteFile(output, text, 0o600)
}

// file is the series of one file that ever change.
type file struct {
	name   string
	series []forecaster.Series
}

// read returns the files of a folder that hold series, by name.
func read(dir string) ([]file, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.csv.gz"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: no file *.csv.gz", dir)
	}
	out := make([]file, 0, len(paths))
	for _, path := range paths {
		f, err := readFile(path)
		if err != nil {
			return nil, err
		}
		if len(f.series) > 0 {
			out = append(out, f)
		}
	}
	return out, nil
}

func readFile(path string) (file, error) {
	table, err := scenario.ReadTable(path)
	if err != nil {
		return file{}, err
	}
	tables := []*scenario.Table{table}
	if key, values := table.Groups(); key != "" {
		tables = nil
		for _, v := range values {
			part, err := table.Where(key, v)
			if err != nil {
				return file{}, err
			}
			tables = append(tables, part)
		}
	}
	out := file{name: table.Name}
	for _, t := range tables {
		for _, column := range t.SeriesColumns() {
			s, err := t.SeriesAtLeast(column, time.Minute)
			if err != nil {
				return file{}, err
			}
			if changes(s) {
				out.series = append(out.series, s)
			}
		}
	}
	return out, nil
}

// changes says whether a series has two values that differ.
func changes(s forecaster.Series) bool {
	first, _, ok := s.Last()
	return ok && slices.ContainsFunc(s.Values, func(v float64) bool { return v < first || v > first })
}
