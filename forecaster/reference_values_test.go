package forecaster

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// The reference values come from other implementations: see generate.py beside
// them. They are met to within referenceTolerance, relative to numbers above 1.
const referenceTolerance = 1e-9

// referenceTable reads the columns of a file; an empty cell is NaN.
func referenceTable(t *testing.T, name string) map[string][]float64 {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "reference", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	r := csv.NewReader(f)
	r.Comment = '#'
	records, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float64{}
	for _, record := range records[1:] {
		for i, cell := range record {
			v := math.NaN()
			if cell != "" {
				if v, err = strconv.ParseFloat(cell, 64); err != nil {
					t.Fatal(err)
				}
			}
			out[records[0][i]] = append(out[records[0][i]], v)
		}
	}
	return out
}

// agree compares with a reference value; NaN stands for none.
func agree(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !math.IsNaN(want) && !(math.Abs(got-want) <= referenceTolerance*max(1, math.Abs(want))) {
		t.Fatalf("%s: %v, the reference has %v", what, got, want)
	}
}

func TestReferenceSmoothing(t *testing.T) {
	t.Parallel()
	table := referenceTable(t, "smoothing.csv")
	for _, half := range []float64{1, 4, 5} {
		e := newEWMA(half)
		for i, v := range table["y"] {
			e.add(v)
			agree(t, fmt.Sprintf("half-life %g, value %d, weighted mean", half, i), e.mean, table[fmt.Sprintf("mean_%g", half)][i])
			agree(t, fmt.Sprintf("half-life %g, value %d, exponential smoothing", half, i), e.mean, table[fmt.Sprintf("ses_%g", half)][i])
		}
	}
}

func TestReferenceDampedTrend(t *testing.T) {
	t.Parallel()
	table := referenceTable(t, "damped_trend.csv")
	var h holt
	for i, v := range table["y"] {
		h.add(v)
		agree(t, fmt.Sprintf("value %d, level", i), h.level, table["level"][i])
		agree(t, fmt.Sprintf("value %d, slope", i), h.slope, table["slope"][i])
		for _, k := range []int{1, 12} {
			c := context{aim: newAim(newHistory(time.Minute, 30*24*time.Hour, false), k, 0, false)}
			c.smooth, c.slope = h.level, h.slope
			agree(t, fmt.Sprintf("value %d, forecast %d ahead", i, k), byTrend(&c), table[fmt.Sprintf("ahead_%d", k)][i])
		}
	}
}

func TestReferenceIntermittent(t *testing.T) {
	t.Parallel()
	table := referenceTable(t, "intermittent.csv")
	var m intermittent
	for i, v := range table["y"] {
		m.add(v)
		agree(t, fmt.Sprintf("value %d", i), m.rate(), table["rate"][i])
	}
}

func TestReferenceRidge(t *testing.T) {
	t.Parallel()
	table := referenceTable(t, "ridge.csv")
	const size = 6
	work, beta := &arena{}, make([]float64, size)
	r := newRidge(size, work)
	var x []float64
	for i := range table["y"] {
		for k := range size {
			x = append(x, table[fmt.Sprintf("x%d", k)][i])
		}
	}
	r.add(x, table["y"], table["weight"])
	if !r.solve(table["lambda"][0], beta, work) {
		t.Fatal("not solved")
	}
	for k, b := range beta {
		agree(t, fmt.Sprintf("coefficient %d", k), b, table["beta"][k])
	}
}

func TestReferenceQuantiles(t *testing.T) {
	t.Parallel()
	table := referenceTable(t, "quantiles.csv")
	levels := table["level"]
	out := make([]float64, len(levels))
	new(arena).weightedQuantiles(table["value"], table["weight"], levels, out)
	for i, q := range out {
		agree(t, fmt.Sprintf("quantile %g", levels[i]), q, table["quantile"][i])
	}
}

func TestReferencePinball(t *testing.T) {
	t.Parallel()
	table := referenceTable(t, "pinball.csv")
	for i, want := range table["loss"] {
		agree(t, fmt.Sprintf("row %d", i), Pinball(table["level"][i], table["quantile"][i], table["y"][i]), want)
	}
}

func TestReferenceNaive(t *testing.T) {
	t.Parallel()
	table := referenceTable(t, "naive.csv")
	s := Series{Start: time.Unix(0, 0), Step: time.Hour, Values: table["y"]}
	steps, levels := []int{1, 3, 30}, []float64{0.1, 0.5, 0.95}
	refs := newReferences(s, steps)
	compared := 0
	for origin := range s.Values {
		refs.advance(origin)
		for i, h := range steps {
			for kind, ref := range map[string]*reference{"value": refs.point[i], "max": refs.peak[i]} {
				got := ref.quantiles(origin, levels)
				for j, level := range levels {
					column := fmt.Sprintf("%s_%d_%g", kind, h, level)
					want := table[column][origin]
					if (got == nil) != math.IsNaN(want) {
						t.Fatalf("%s at %d: %v, the reference has %v", column, origin, got, want)
					}
					if got != nil {
						agree(t, fmt.Sprintf("%s at %d", column, origin), got[j], want)
						compared++
					}
				}
			}
		}
	}
	if compared < 3000 {
		t.Errorf("only %d comparisons", compared)
	}
}

func TestReferenceSlidingMax(t *testing.T) {
	t.Parallel()
	table := referenceTable(t, "sliding.csv")
	for _, k := range []int{1, 2, 7, 12, 199, 500} {
		column := fmt.Sprintf("max_%d", k)
		got := make([]float64, len(table["y"]))
		slidingMax(table["y"], k, got, make([]float64, len(got)))
		for i, v := range got {
			agree(t, fmt.Sprintf("%s at %d", column, i), v, table[column][i])
		}
	}
}

func TestReferenceShift(t *testing.T) {
	t.Parallel()
	table := referenceTable(t, "cusum.csv")
	var s shift
	for i, v := range table["y"] {
		s.add(v, table["volatility"][i])
		agree(t, fmt.Sprintf("value %d, mean", i), s.mean, table["mean"][i])
		agree(t, fmt.Sprintf("value %d, count", i), s.count, table["count"][i])
	}
}
