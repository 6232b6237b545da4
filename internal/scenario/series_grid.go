package scenario

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// maxGridPoints bounds a regular series, so that two rows that are years apart
// in a file of one-second data are an error and not an hour of zeros.
const maxGridPoints = 20_000_000

// grid is how the rows of a table lie in time.
type grid struct {
	step    int64 // Most common distance in nanoseconds, else the median.
	regular bool
}

// grid finds the interval of the rows. Rows are regular if three in five
// distances are whole multiples of the interval, give or take 15 %, and fewer
// than one in five is less than half of it: waiting times of a Poisson process
// fail both.
func (t *Table) grid() grid {
	if len(t.times) < 2 {
		return grid{step: int64(time.Minute), regular: true}
	}
	distances := make([]int64, 0, len(t.times)-1)
	for i := 1; i < len(t.times); i++ {
		if d := t.times[i] - t.times[i-1]; d > 0 {
			distances = append(distances, d)
		}
	}
	if len(distances) == 0 {
		return grid{step: int64(time.Minute)}
	}
	slices.Sort(distances)
	g := grid{step: mostCommon(distances)}
	whole, short := 0, len(t.times)-1-len(distances)
	for _, d := range distances {
		ratio := float64(d) / float64(g.step)
		k := math.Round(ratio)
		if k >= 1 && math.Abs(ratio-k) <= 0.15 {
			whole++
		}
		if ratio < 0.5 {
			short++
		}
	}
	n := len(t.times) - 1
	g.regular = 5*whole >= 3*n && 5*short < n
	return g
}

// mostCommon returns the value that more than half of the sorted values have
// (which is then their median) or else the median.
func mostCommon(sorted []int64) int64 {
	best, run, count := sorted[len(sorted)/2], 0, 0
	for i, v := range sorted {
		if i > 0 && v == sorted[i-1] {
			run++
		} else {
			run = 1
		}
		if run > count && 10*run >= 3*len(sorted) {
			best, count = v, run
		}
	}
	return best
}

// Series returns a column on the file's own regular grid: it starts at the
// first row and its step is the most common distance of rows. A row goes to
// the nearest grid point, rows that share one are averaged, and grid points
// without a row are gaps. Of a request trace it returns only
// [RequestsColumn], as [Table.RequestsPerMinute] does.
func (t *Table) Series(column string) (forecaster.Series, error) {
	if t.RequestTrace() {
		if column != RequestsColumn {
			return forecaster.Series{}, fmt.Errorf("%s: a request trace is a series only of %q, not of column %q",
				t.path, RequestsColumn, column)
		}
		return t.RequestsPerMinute()
	}
	values, err := t.Numbers(column)
	if err != nil {
		return forecaster.Series{}, err
	}
	if err := t.ascending(true); err != nil {
		return forecaster.Series{}, err
	}
	step := t.grid().step
	return t.average(values, bins{from: t.times[0] - step/2, label: t.times[0], width: step})
}

// SeriesAtLeast returns a column like [Table.Series], averaged to the step if
// the file's interval is finer. Averages cover whole steps since the Unix
// epoch, so that a minute is a minute of the clock.
func (t *Table) SeriesAtLeast(column string, step time.Duration) (forecaster.Series, error) {
	if t.RequestTrace() || time.Duration(t.grid().step) >= step {
		return t.Series(column)
	}
	values, err := t.Numbers(column)
	if err != nil {
		return forecaster.Series{}, err
	}
	if err := t.ascending(true); err != nil {
		return forecaster.Series{}, err
	}
	first := floorTo(t.times[0], int64(step))
	return t.average(values, bins{from: first, label: first, width: int64(step)})
}

// bins are equal spans of time, in nanoseconds: the first begins at from, and
// label is the instant it stands for.
type bins struct{ from, label, width int64 }

func (b bins) of(at int64) int64 { return floorDiv(at-b.from, b.width) }

// average takes the mean of the values in each bin; a bin without any is a
// gap.
func (t *Table) average(values []float64, b bins) (forecaster.Series, error) {
	n := b.of(t.times[len(t.times)-1]) + 1
	if n > maxGridPoints {
		return forecaster.Series{}, t.tooLong(b.width)
	}
	sums, counts := make([]float64, n), make([]int32, n)
	for i, v := range values {
		if math.IsNaN(v) {
			continue
		}
		k := b.of(t.times[i])
		sums[k] += v
		counts[k]++
	}
	for k := range sums {
		switch counts[k] {
		case 0:
			sums[k] = math.NaN()
		case 1: // Exact as it is.
		default:
			sums[k] /= float64(counts[k])
		}
	}
	return forecaster.Series{Start: time.Unix(0, b.label).UTC(), Step: time.Duration(b.width), Values: sums}, nil
}

func (t *Table) tooLong(step int64) error {
	return fmt.Errorf("%s: from %s to %s are more than %d steps of %v", t.path,
		t.Time(0).Format(time.RFC3339), t.Time(len(t.times)-1).Format(time.RFC3339), maxGridPoints, time.Duration(step))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorTo(a, step int64) int64 { return floorDiv(a, step) * step }
