package forecaster

import (
	"math"
	"slices"
	"testing"
	"time"
)

// The learned quantiles are finite, ascend with the level, and those of maxima
// lie above those of values.
func TestLearnedPrior(t *testing.T) {
	t.Parallel()
	p := learnedPrior()
	for i := range p[0] {
		for k := range p[0][i] {
			for kind := range p {
				row := p[kind][i][k]
				if !slices.IsSorted(row[:]) || math.IsInf(float64(row[priorLevels-1]), 0) || row[priorLevels-1] <= 0 {
					t.Errorf("kind %d, horizon %d, row %d: %v", kind, i, k, row)
				}
			}
			// Medians, and the 0.95 quantile.
			for _, j := range []int{6, 11} {
				if v, m := p[0][i][k][j], p[1][i][k][j]; m < v-0.01 {
					t.Errorf("horizon %d, row %d, level %d: maximum %v below value %v", i, k, j, m, v)
				}
			}
		}
	}
}

// At its nodes a prior is the table; half way between two, over the logarithm,
// the mean of both.
func TestPriorRow(t *testing.T) {
	t.Parallel()
	var p Prior
	n := float32(0)
	for kind := range p {
		for i := range p[kind] {
			for k := range p[kind][i] {
				n++
				for j := range p[kind][i][k] {
					p[kind][i][k][j] = n
				}
			}
		}
	}
	const rows, many = 1 + priorHistories*priorRoughness, 1_000_000
	const minute = 1.0 / 60
	for name, tc := range map[string]struct {
		maximum                bool
		ahead, seen, roughness float64
		values                 int
		want                   float64
	}{
		"one value, 5 min":       {false, 5 * minute, minute, 0, 1, 1},
		"one value, a minute":    {false, minute, minute, 0, 1, 1},
		"one value, 15 min":      {false, 15 * minute, minute, 9, 1, 1 + rows},
		"maximum":                {true, 5 * minute, minute, 0, 1, 1 + 4*rows},
		"a week ahead":           {false, 168, minute, 0, 1, 1 + 3*rows},
		"calm, 15 min":           {false, 5 * minute, 15 * minute, 0, many, 2},
		"rough, 15 min":          {false, 5 * minute, 15 * minute, 5, many, 4},
		"calm, days":             {false, 5 * minute, 100, 0, many, 5},
		"between two horizons":   {false, math.Sqrt(5*15) * minute, minute, 0, 1, 1 + rows/2.0},
		"between two histories":  {false, 5 * minute, 1, 0, many, 3.5},
		"between two roughness":  {false, 5 * minute, 100, math.Sqrt(0.03 * 0.3), many, 6.5},
		"two values, half trust": {false, 5 * minute, 10 * minute, 5, 2, (1 + 4) / 2.0},
		"roughness unknown":      {false, 5 * minute, 15 * minute, math.NaN(), many, 2},
	} {
		for _, got := range p.row(tc.maximum, tc.ahead, tc.values, tc.seen, tc.roughness) {
			if math.Abs(got-tc.want) > 1e-5 {
				t.Errorf("%s: %v, want %v", name, got, tc.want)
				break
			}
		}
	}
}

// After one value the forecast is the prior, in the unit of the series.
func TestForecastOfOneValue(t *testing.T) {
	t.Parallel()
	var own Prior
	for kind := range own {
		for i := range own[kind] {
			for j := range own[kind][i][0] {
				own[kind][i][0][j] = float32(j-6)/8 + float32(kind)
			}
		}
	}
	s := Series{Start: time.Unix(0, 0), Step: time.Minute, Values: []float64{8}}
	f, err := Predict(s, Options{Prior: &own})
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range f.Horizons {
		for j := range f.Levels {
			if point, peak := float64(2+j), float64(10+j); f.Point[i][j] != point || f.Max[i][j] != peak {
				t.Errorf("%v: value %v, maximum %v, want %v and %v", h, f.Point[i][j], f.Max[i][j], point, peak)
			}
		}
	}
}
