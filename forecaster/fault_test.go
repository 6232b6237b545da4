package forecaster

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Which values are taken for faults, at steps of five minutes: three in a row at
// most, once, and only where they stand out of all that was before.
func TestFaults(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	busy := func(n int) []float64 { // Between 5 and 10.
		v := make([]float64, n)
		for i := range v {
			v[i] = 5 + float64(i%6)
		}
		return v
	}
	idle := func(n int) []float64 { // 10 once, else nothing: a mean of 1 % of it.
		v := make([]float64, n)
		v[3] = 10
		return v
	}
	for name, tc := range map[string]struct {
		before, then []float64
		gone         []int // Indices into then.
		changed      []int
	}{
		"a spike":                    {busy(200), []float64{501, 5, 5}, []int{0}, []int{2}},
		"not over yet":               {busy(200), []float64{501, 5}, nil, nil},
		"fifty times is no wonder":   {busy(200), []float64{500, 5, 5}, nil, nil},
		"negative":                   {busy(200), []float64{-501, 5, 5}, []int{0}, []int{2}},
		"three":                      {busy(200), []float64{501, 11, 1e9, 5, 5}, []int{0, 1, 2}, []int{4}},
		"with a dip":                 {busy(200), []float64{501, 5, 1e9, 5, 5}, []int{0, 1, 2}, []int{4}},
		"four":                       {busy(200), []float64{501, 501, 501, 501, 5, 5}, nil, nil},
		"gaps":                       {busy(200), []float64{501, nan, nan, nan, nan, 5, nan, 5}, []int{0}, []int{7}},
		"again":                      {busy(200), []float64{501, 5, 5, 5, 600, 5, 5}, nil, []int{2, 6}},
		"and again":                  {busy(200), []float64{501, 5, 5, 5, 600, 5, 5, 700, 5, 5}, nil, []int{2, 6}},
		"idle":                       {idle(200), []float64{501, 0, 0}, nil, nil},
		"little is known":            {busy(99), []float64{501, 5, 5}, nil, nil},
		"only zeros":                 {make([]float64, 200), []float64{501, 0, 0}, nil, nil},
		"after gaps at the start":    {append([]float64{nan, nan}, busy(200)...), []float64{501, 5, 5}, []int{0}, []int{2}},
		"what cannot be is no fault": {busy(200), []float64{math.Inf(1), 5, 5}, nil, nil},
	} {
		f := newFaults(5 * time.Minute)
		h := newHistory(5*time.Minute, 24*time.Hour, false)
		values := append(append([]float64{}, tc.before...), tc.then...)
		want := append([]float64{}, values...)
		for _, i := range tc.gone {
			want[len(tc.before)+i] = nan
		}
		got, changed := f.clean(values, h)
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for i := range changed {
			changed[i] -= len(tc.before)
		}
		if diff := cmp.Diff(tc.changed, changed); diff != "" {
			t.Errorf("%s: changed after (-want +got):\n%s", name, diff)
		}
		first := 0
		for !h.usable(got[first]) {
			first++
		}
		if restore(got[first:], f.found); !cmp.Equal(values, got, cmpopts.EquateNaNs()) {
			t.Errorf("%s: restored to %v", name, got[len(tc.before):])
		}
	}
}
