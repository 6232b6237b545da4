package scenario

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// RequestsColumn is what the number of requests of a request trace is called
// where a column name is asked for. A trace may have a column of this name of
// its own only if it is not a request trace.
const RequestsColumn = "requests"

// Table is a series file as read: rows with a time each, columns of numbers or
// text. What a row means, a sample of a series or a request, is decided by
// [Table.RequestTrace].
type Table struct {
	// Name is the file's name without folder and extensions.
	Name string

	path    string
	times   []int64 // Unix time in nanoseconds.
	lines   []int   // Line of each row in the file, from 1.
	columns []column
	arrival bool // The first column is arrival_s.
}

// column is one column after the first. Text is kept only where it is needed
// to tell rows apart.
type column struct {
	name    string
	numbers []float64 // NaN for a gap and for text.
	text    []string  // Nil for a column that holds only numbers and gaps.
	filled  int       // Cells that are neither empty nor NaN.
	bad     int       // Cells that are not numbers.
	firstAt int       // Row of the first cell that is not a number.
}

// isNumeric says whether the column is meant to hold numbers: at least half of
// its filled cells are. A column of gaps only holds numbers.
func (c *column) isNumeric() bool { return 2*c.bad <= c.filled }

// CellError is an error about one place of a series file.
type CellError struct {
	// Path is the file, Line counts from 1, Column is the name of the column,
	// empty where the whole line is meant.
	Path   string
	Line   int
	Column string
	// Problem says what is wrong, with the offending value.
	Problem string
}

// Error names file, line and column.
func (e *CellError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("%s: line %d: %s", e.Path, e.Line, e.Problem)
	}
	return fmt.Sprintf("%s: line %d, column %s: %s", e.Path, e.Line, e.Column, e.Problem)
}

// ErrNoColumn says that a named column is not in the file.
var ErrNoColumn = errors.New("no such column")

// Rows is the number of rows.
func (t *Table) Rows() int { return len(t.times) }

// Time is the instant of a row.
func (t *Table) Time(row int) time.Time { return time.Unix(0, t.times[row]).UTC() }

// Columns are the names of the columns of numbers, in the file's order.
func (t *Table) Columns() []string {
	var names []string
	for i := range t.columns {
		if t.columns[i].isNumeric() {
			names = append(names, t.columns[i].name)
		}
	}
	return names
}

// TextColumns are the names of the columns that do not hold numbers.
func (t *Table) TextColumns() []string {
	var names []string
	for i := range t.columns {
		if !t.columns[i].isNumeric() {
			names = append(names, t.columns[i].name)
		}
	}
	return names
}

// Numbers returns a column row by row, NaN for a gap. It shares the table's
// memory.
func (t *Table) Numbers(name string) ([]float64, error) {
	c, err := t.find(name)
	if err != nil {
		return nil, err
	}
	if c.bad > 0 {
		return nil, t.cellError(c.firstAt, c.name, fmt.Sprintf("%q is not a number", c.text[c.firstAt]))
	}
	return c.numbers, nil
}

// Where returns the rows in which the named column has the given value.
func (t *Table) Where(name, value string) (*Table, error) {
	c, err := t.find(name)
	if err != nil {
		return nil, err
	}
	match := func(row int) bool { return row < len(c.text) && c.text[row] == value }
	if want, ok := parseNumber(value); ok && c.bad == 0 {
		match = func(row int) bool { return c.numbers[row] == want }
	}
	var rows []int
	for row := range t.times {
		if match(row) {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: no row with %s = %s", t.path, name, value)
	}
	return t.pick(rows), nil
}

// pick returns a table of some of the rows.
func (t *Table) pick(rows []int) *Table {
	out := &Table{Name: t.Name, path: t.path, arrival: t.arrival}
	for _, row := range rows {
		out.times = append(out.times, t.times[row])
		out.lines = append(out.lines, t.lines[row])
	}
	for i := range t.columns {
		out.columns = append(out.columns, t.columns[i].pick(rows))
	}
	return out
}

func (c *column) pick(rows []int) column {
	out := column{name: c.name, numbers: make([]float64, 0, len(rows))}
	if c.text != nil {
		out.text = make([]string, 0, len(rows))
	}
	for i, row := range rows {
		out.numbers = append(out.numbers, c.numbers[row])
		switch {
		case !math.IsNaN(c.numbers[row]):
			out.filled++
		case row < len(c.text) && !isGap(c.text[row]):
			out.filled++
			if out.bad == 0 {
				out.firstAt = i
			}
			out.bad++
		}
		if c.text != nil {
			out.text = append(out.text, c.text[row])
		}
	}
	return out
}

// Groups tells the series apart that a file holds one below the other or row
// by row: the first text column by which times are strictly ascending within
// each of its values, and those values in the order of their first row. The
// name is empty for a file of one series.
func (t *Table) Groups() (name string, values []string) {
	if t.arrival || t.ascending(true) == nil {
		return "", nil
	}
	for i := range t.columns {
		c := &t.columns[i]
		if c.isNumeric() {
			continue
		}
		if values, ok := t.groupBy(c); ok {
			return c.name, values
		}
	}
	return "", nil
}

// groupBy returns the values of a text column if they split the rows into
// regular series.
func (t *Table) groupBy(c *column) ([]string, bool) {
	rows := map[string][]int{}
	var values []string
	for row, v := range c.text {
		seen := rows[v]
		if len(seen) == 0 {
			values = append(values, v)
		} else if t.times[seen[len(seen)-1]] >= t.times[row] {
			return nil, false
		}
		rows[v] = append(seen, row)
	}
	regular := 0
	for _, v := range values {
		if t.pick(rows[v]).grid().regular {
			regular++
		}
	}
	return values, 2*regular > len(values)
}

func (t *Table) find(name string) (*column, error) {
	i := slices.IndexFunc(t.columns, func(c column) bool { return c.name == name })
	if i < 0 {
		return nil, fmt.Errorf("%s: %w: %q (columns: %s)", t.path, ErrNoColumn, name, strings.Join(t.names(), ", "))
	}
	return &t.columns[i], nil
}

func (t *Table) names() []string {
	names := make([]string, len(t.columns))
	for i := range t.columns {
		names[i] = t.columns[i].name
	}
	return names
}

// ascending checks that times never go back, nor repeat if strict.
func (t *Table) ascending(strict bool) error {
	for i := 1; i < len(t.times); i++ {
		switch before, now := t.times[i-1], t.times[i]; {
		case now < before:
			return t.cellError(i, t.timeColumn(), fmt.Sprintf("time %s is before that of the row above, %s",
				t.Time(i).Format(time.RFC3339Nano), t.Time(i-1).Format(time.RFC3339Nano)))
		case strict && now == before:
			return t.cellError(i, t.timeColumn(), fmt.Sprintf("time %s repeats that of the row above",
				t.Time(i).Format(time.RFC3339Nano)))
		}
	}
	return nil
}

func (t *Table) timeColumn() string {
	if t.arrival {
		return arrivalColumn
	}
	return timeColumns()[0]
}

func (t *Table) cellError(row int, column, problem string) error {
	return &CellError{Path: t.path, Line: t.lines[row], Column: column, Problem: problem}
}
