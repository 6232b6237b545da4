package snapshot

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The quantile is what lies there in order, whatever the order was and however
// many values are alike or missing.
func TestQuantileIsThatOfValuesInOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		values := make([]float64, 1+random.IntN(60))
		for i := range values {
			values[i] = float64(random.IntN(20))
			if random.IntN(8) == 0 {
				values[i] = math.NaN()
			}
		}
		level := random.Float64()
		kept := slices.DeleteFunc(slices.Sorted(slices.Values(values)), math.IsNaN)
		want := math.NaN()
		if len(kept) > 0 {
			want = kept[min(len(kept)-1, int(level*float64(len(kept))))]
		}
		if got := quantile(values, level); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("the %g quantile of %v is %g, want %g", level, values, got, want)
		}
	}
	if got := quantile([]float64{math.Inf(1), 1, math.Inf(1)}, 0); got != 1 {
		t.Errorf("the least of 1 and infinity is %g", got)
	}
}
