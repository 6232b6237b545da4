package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/scenario"
)

// splitWhere splits COLUMN=VALUE; both are empty for an empty filter.
func splitWhere(where string) (column, value string, err error) {
	if where == "" {
		return "", "", nil
	}
	column, value, ok := strings.Cut(where, "=")
	if !ok || column == "" {
		return "", "", fmt.Errorf("--where %q is not COLUMN=VALUE", where)
	}
	return column, value, nil
}

// pickedSeries is one series of a file.
type pickedSeries struct {
	name   string // The file's, without folder and extensions.
	label  string // The column, with the value that picks its rows, if any.
	series forecaster.Series
}

// readSeries reads the named column of a file, or every column of numbers, at
// steps of at least a minute. Where the file holds several series told apart
// by a column of text, it returns each.
func readSeries(path, where, column string) ([]pickedSeries, error) {
	table, err := scenario.ReadTable(path)
	if err != nil {
		return nil, err
	}
	if name, value, _ := splitWhere(where); name != "" {
		if table, err = table.Where(name, value); err != nil {
			return nil, err
		}
	}
	key, values := table.Groups()
	if key == "" {
		return tableSeries(table, column, "")
	}
	var out []pickedSeries
	for _, value := range values {
		part, err := table.Where(key, value)
		if err != nil {
			return nil, err
		}
		series, err := tableSeries(part, column, fmt.Sprintf("{%s=%s}", key, value))
		if err != nil {
			return nil, err
		}
		out = append(out, series...)
	}
	return out, nil
}

// tableSeries returns the series of a table, each labelled with its column and
// the suffix.
func tableSeries(table *scenario.Table, column, suffix string) ([]pickedSeries, error) {
	columns := []string{column}
	if column == "" {
		if columns = table.SeriesColumns(); len(columns) == 0 {
			return nil, table.NoNumbers()
		}
	}
	var out []pickedSeries
	for _, c := range columns {
		series, err := table.SeriesAtLeast(c, time.Minute)
		if err != nil {
			return nil, err
		}
		out = append(out, pickedSeries{name: table.Name, label: c + suffix, series: series})
	}
	return out, nil
}
