package cli

import (
	"errors"
	"fmt"
	"slices"
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
	plans  []forecaster.Series // The covariates.
}

// readSeries reads the named column of a file, or every column of numbers that
// is no covariate, at steps of at least a minute, and the covariates beside it.
// Where the file holds several series told apart by a column of text, it
// returns each.
func readSeries(path, where, column string, covariates []string) ([]pickedSeries, error) {
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
		return tableSeries(table, column, "", covariates)
	}
	var out []pickedSeries
	for _, value := range values {
		part, err := table.Where(key, value)
		if err != nil {
			return nil, err
		}
		series, err := tableSeries(part, column, fmt.Sprintf("{%s=%s}", key, value), covariates)
		if err != nil {
			return nil, err
		}
		out = append(out, series...)
	}
	return out, nil
}

// tableSeries returns the series of a table, each labelled with its column and
// the suffix.
func tableSeries(table *scenario.Table, column, suffix string, covariates []string) ([]pickedSeries, error) {
	columns := []string{column}
	if column == "" {
		columns = slices.DeleteFunc(table.SeriesColumns(), func(c string) bool { return slices.Contains(covariates, c) })
		if len(columns) == 0 {
			return nil, table.NoNumbers()
		}
	}
	var plans []forecaster.Series
	for _, c := range covariates {
		plan, err := table.SeriesAtLeast(c, time.Minute)
		if err != nil {
			return nil, fmt.Errorf("--covariate %s: %w", c, err)
		}
		plans = append(plans, plan)
	}
	var out []pickedSeries
	for _, c := range columns {
		series, err := table.SeriesAtLeast(c, time.Minute)
		if err != nil {
			return nil, err
		}
		out = append(out, pickedSeries{name: table.Name, label: c + suffix, series: series, plans: plans})
	}
	return out, nil
}

// checkCovariates returns an error for a column that is to be forecast by itself,
// or that is named twice.
func checkCovariates(column string, covariates []string) error {
	for i, c := range covariates {
		switch {
		case c == "":
			return errors.New("--covariate is empty")
		case c == column:
			return fmt.Errorf("--covariate %s is the column that is forecast", c)
		case slices.Contains(covariates[:i], c):
			return fmt.Errorf("--covariate %s is given twice", c)
		}
	}
	return nil
}
