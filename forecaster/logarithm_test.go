package forecaster

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Against math.Log: over the whole range of normal numbers, and near 1 and the
// ends of a binade, where digits cancel.
func TestLogarithms(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	values := []float64{1, math.E, math.Sqrt2, 1 / math.Sqrt2, 0x1p-1022, math.MaxFloat64, math.Nextafter(1, 0), math.Nextafter(1, 2), 0.5, 2}
	for range 100_000 {
		values = append(values, math.Ldexp(1+r.Float64(), r.IntN(2000)-1000), 1+0.4*(r.Float64()-0.5))
	}
	for _, v := range values {
		want := math.Log(v)
		if got := logarithm(v); math.Abs(got-want) > 2e-13*math.Max(math.Abs(want), 0.01) {
			t.Fatalf("log %v = %v, want %v", v, got, want)
		}
	}
	if logarithm(1) != 0 {
		t.Errorf("log 1 = %v", logarithm(1))
	}
}
