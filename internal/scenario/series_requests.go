package scenario

import (
	"errors"
	"fmt"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// Requests are the rows of a request trace.
type Requests struct {
	// Arrivals are seconds since the Unix epoch, ascending; relative traces
	// start near 0. Equal ones are requests that arrived together.
	Arrivals []float64
	// Columns are the named columns, one value per request, NaN for a gap.
	Columns map[string][]float64
}

// RequestTrace says whether a row is a request and not a sample: the first
// column is arrival_s, or it is timestamp_s and the rows lie on no grid, in
// order of time and not in several series one below the other.
func (t *Table) RequestTrace() bool {
	if t.arrival {
		return true
	}
	return !t.grid().regular && len(t.times) > 2 && t.ascending(false) == nil
}

// Requests returns the rows of a request trace with some of its columns. Times
// that go back are an error.
func (t *Table) Requests(columns ...string) (Requests, error) {
	if err := t.ascending(false); err != nil {
		return Requests{}, err
	}
	out := Requests{Arrivals: make([]float64, len(t.times)), Columns: map[string][]float64{}}
	for i, at := range t.times {
		out.Arrivals[i] = float64(at) / float64(time.Second)
	}
	for _, name := range columns {
		values, err := t.Numbers(name)
		if err != nil {
			return Requests{}, err
		}
		out.Columns[name] = values
	}
	return out, nil
}

// RequestsPerMinute counts the rows of a request trace by minutes of the
// clock, from the minute of the first to that of the last.
func (t *Table) RequestsPerMinute() (forecaster.Series, error) {
	if err := t.ascending(false); err != nil {
		return forecaster.Series{}, err
	}
	if len(t.times) == 0 {
		return forecaster.Series{}, errors.New("no rows")
	}
	first := floorTo(t.times[0], int64(time.Minute))
	b := bins{from: first, label: first, width: int64(time.Minute)}
	n := b.of(t.times[len(t.times)-1]) + 1
	if n > maxGridPoints {
		return forecaster.Series{}, t.tooLong(b.width)
	}
	counts := make([]float64, n)
	for _, at := range t.times {
		counts[b.of(at)]++
	}
	return forecaster.Series{Start: time.Unix(0, first).UTC(), Step: time.Minute, Values: counts}, nil
}

// SeriesColumns are the names that [Table.Series] knows: the columns of
// numbers, or [RequestsColumn] for a request trace.
func (t *Table) SeriesColumns() []string {
	if t.RequestTrace() {
		return []string{RequestsColumn}
	}
	return t.Columns()
}

// NoNumbers is the error for a file without any column of numbers: it names
// the first cell of text.
func (t *Table) NoNumbers() error {
	for i := range t.columns {
		if c := &t.columns[i]; c.bad > 0 {
			return t.cellError(c.firstAt, c.name, fmt.Sprintf("%q is not a number, and the file has no column of numbers",
				c.text[c.firstAt]))
		}
	}
	return &CellError{Path: t.path, Line: 1, Problem: "the file has no column of numbers"}
}
