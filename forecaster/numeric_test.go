package forecaster

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Ridge regression against the normal equations solved by hand: one feature
// x = 1, 2 with y = 2, 4 has X'X = 5, X'y = 10; the penalty adds
// 0.1·(5 + 5) = 1, so β = 10/6.
func TestRidgeByHand(t *testing.T) {
	t.Parallel()
	work, beta := &arena{}, make([]float64, 1)
	r := newRidge(1, work)
	r.add([]float64{1, 2}, []float64{2, 4}, []float64{1, 1})
	if !r.solve(0.1, beta, work) || math.Abs(beta[0]-10.0/6) > 1e-12 {
		t.Errorf("β = %v, want 1.667", beta)
	}
}

// Without penalty, noise or collinearity the coefficients come back; with
// constant or equal features they stay finite (trap: a covariance-form filter
// wound up to infinity on them).
func TestRidgeRecoversAndSurvives(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	want := []float64{3, -2, 0.5}
	work, beta := &arena{}, make([]float64, 3)
	r, flat := newRidge(3, work), newRidge(3, work)
	for rows := range 12 { // One to twelve at a time.
		var x, y, weights, same []float64
		for range rows {
			row := []float64{1, random.NormFloat64(), random.NormFloat64()}
			x, y, weights = append(x, row...), append(y, dot(want, row)), append(weights, 1+random.Float64())
			same = append(same, 1, 1, row[1])
		}
		r.add(x, y, weights)
		for i := range y {
			flat.add(same[3*i:3*i+3], []float64{2 + same[3*i+2]}, []float64{1})
		}
	}
	ok := r.solve(1e-12, beta, work)
	for i := range want {
		if !ok || math.Abs(beta[i]-want[i]) > 1e-6 {
			t.Fatalf("β = %v, want %v", beta, want)
		}
	}
	if !flat.solve(0.001, beta, work) || math.Abs(beta[0]-beta[1]) > 1e-6 || math.Abs(dot(beta, []float64{1, 1, 1})-3) > 0.05 {
		t.Errorf("equal features: β = %v, they should share 2", beta)
	}
	if newRidge(2, work).solve(0.1, beta[:2], work) {
		t.Error("no rows: solved")
	}
}

func TestSlidingMax(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(2, 2))
	for range 300 {
		values := make([]float64, 1+random.IntN(40))
		for i := range values {
			values[i] = float64(random.IntN(10) - 5)
			if random.IntN(6) == 0 {
				values[i] = math.NaN()
			}
		}
		k := 1 + random.IntN(45)
		got := gappyMax(values, k)
		for i := range values {
			want := math.NaN()
			if i >= k-1 {
				want = largest(values[i-k+1 : i+1])
			}
			if got[i] != want && !(math.IsNaN(got[i]) && math.IsNaN(want)) {
				t.Fatalf("window of %d at %d in %v: %v, want %v", k, i, values, got[i], want)
			}
		}
	}
	got := make([]float64, 3)
	slidingMax([]float64{2, 1, 3}, 2, got, make([]float64, 3))
	if !slices.Equal(got, []float64{2, 2, 3}) {
		t.Errorf("start of a window: %v", got)
	}
}

// Quantiles by hand: values 1, 2, 4 of weights 1, 2, 1 have their middles at
// 0.5, 2 and 3.5 of 4. Level 0.5 is at 2: value 2. Level 0.6875 is at 2.75, half
// way between 2 and 4: 3.
func TestWeightedQuantiles(t *testing.T) {
	t.Parallel()
	out := make([]float64, 4)
	var work arena
	work.weightedQuantiles([]float64{4, 1, 2}, []float64{1, 1, 2}, []float64{0.01, 0.5, 0.6875, 0.99}, out)
	if want := []float64{1, 2, 3, 4}; !slices.Equal(out, want) {
		t.Errorf("%v, want %v", out, want)
	}
	work.weightedQuantiles(nil, nil, []float64{0.5}, out[:1])
	if out[0] != 0 {
		t.Errorf("no values: %v", out[0])
	}
}

// Long samples are sorted by digits; the result has to be that of comparing.
func TestRadixSort(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 3))
	for _, n := range []int{1, radixFrom - 1, radixFrom, 1000} {
		var keys []uint64
		for i := range n {
			v := random.NormFloat64() * math.Exp2(float64(random.IntN(60)-30))
			keys = append(keys, sortKey(v, i))
			if got := sortedValue(keys[i]); got != float32(v) {
				t.Fatalf("%v came back as %v", v, got)
			}
		}
		want := slices.Clone(keys)
		slices.Sort(want)
		sortKeys(keys, make([]uint64, len(keys)))
		if !slices.Equal(keys, want) {
			t.Errorf("%d keys came out in another order", n)
		}
	}
	ascending := []float64{-1e30, -2, -1e-30, 0, 1e-30, 3, 1e30}
	for i := 1; i < len(ascending); i++ {
		if sortKey(ascending[i-1], 0) >= sortKey(ascending[i], 0) {
			t.Errorf("key of %g is not below that of %g", ascending[i-1], ascending[i])
		}
	}
}

func TestKthLargest(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(4, 4))
	for range 300 {
		values := make([]float64, 1+random.IntN(50))
		for i := range values {
			values[i] = float64(random.IntN(8))
		}
		sorted := slices.Sorted(slices.Values(values))
		k := 1 + random.IntN(len(values))
		if got, want := KthLargest(slices.Clone(values), k), sorted[len(sorted)-k]; got != want {
			t.Fatalf("%d-th largest of %v is %v, want %v", k, values, got, want)
		}
	}
}

// A sample keeps every big surprise, leaves out what cannot be used, is in
// order, and its weights add up to the importance of what it stands for.
func TestDraw(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 5))
	const n, last = 5000, 7000
	surprise, importance := make([]float64, n), make([]float64, n)
	usable := 0.0
	for i := range surprise {
		surprise[i] = random.ExpFloat64()
		importance[i] = math.Exp2(-float64(n-1-i) / 1000)
		switch {
		case i%10 == 0:
			surprise[i] = -1
		case i%1000 == 777:
			surprise[i] = 500
		}
		if surprise[i] >= 0 {
			usable += importance[i]
		}
	}
	const first, size = last - n + 1, 500
	s := draw(sample{}, surprise, importance, first, size, new(arena))
	total, big := 0.0, 0
	for k, o := range s.origins {
		i := int(o) - first
		total += float64(s.factors[k]) * importance[i]
		if surprise[i] < 0 {
			t.Errorf("origin %d cannot be used", o)
		}
		if surprise[i] == 500 {
			big++
		}
	}
	if !slices.IsSorted(s.origins) || len(s.origins) > size+1 || len(s.origins) < size/2 {
		t.Errorf("%d origins, sorted %v", len(s.origins), slices.IsSorted(s.origins))
	}
	if big != 5 {
		t.Errorf("%d of 5 big surprises", big)
	}
	if math.Abs(total/usable-1) > 0.02 {
		t.Errorf("weights add up to %v, importance to %v", total, usable)
	}
}

func TestSoftmax(t *testing.T) {
	t.Parallel()
	// exp(-14·(1.1-1)) = 0.2466; 3 times the loss gets nothing.
	got := make([]float64, 3)
	softmax([]float64{1, 1.1, 3}, 14, got)
	want := []float64{1 / 1.2466, 0.2466 / 1.2466, 0}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-4 {
			t.Errorf("weights %v, want %v", got, want)
		}
	}
	if softmax([]float64{0, 0, 1}, 14, got); !slices.Equal(got, []float64{0.5, 0.5, 0}) {
		t.Errorf("without loss: %v", got)
	}
}

// The mean of 1, 2, 4 at a half-life of one step: (1/4 + 2/2 + 4)/(7/4) = 3.
func TestEWMAByHand(t *testing.T) {
	t.Parallel()
	e := newEWMA(1)
	for i, want := range []float64{1, 5.0 / 3, 3} {
		e.add([]float64{1, 2, 4}[i])
		if math.Abs(e.mean-want) > 1e-12 {
			t.Errorf("after %d values %v, want %v", i+1, e.mean, want)
		}
	}
	constant := newEWMA(37)
	for range 5000 {
		if constant.add(0.1); constant.mean != 0.1 {
			t.Fatalf("the mean of a constant 0.1 is %v", constant.mean)
		}
	}
}

func TestOrderStatistics(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(6, 6))
	values := make([]float64, 300)
	for i := range values {
		values[i] = float64(random.IntN(40))
		if i%13 == 0 {
			values[i] = math.NaN()
		}
	}
	o := newOrderStatistics(values)
	for i := range values {
		o.add(i, 1)
		if i >= 50 {
			o.add(i-50, -1)
		}
		var in []float64
		for _, v := range values[max(0, i-49) : i+1] {
			if !math.IsNaN(v) {
				in = append(in, v)
			}
		}
		slices.Sort(in)
		if o.count != len(in) {
			t.Fatalf("%d values are in, want %d", o.count, len(in))
		}
		for k := range in {
			if got := o.kth(k); got != in[k] {
				t.Fatalf("at %d the %d-th smallest is %v, want %v", i, k, got, in[k])
			}
		}
	}
}

func TestPinball(t *testing.T) {
	t.Parallel()
	if got := Pinball(0.9, 10, 13); math.Abs(got-2.7) > 1e-12 {
		t.Errorf("3 above the 0.9 quantile: %v, want 2.7", got)
	}
	if got := Pinball(0.9, 10, 7); math.Abs(got-0.3) > 1e-12 {
		t.Errorf("3 below the 0.9 quantile: %v, want 0.3", got)
	}
}

// Observations are counted in words: against counting one by one.
func TestHalfSeen(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(9, 9))
	h := newHistory(time.Minute, 24*time.Hour, false)
	for i := range 300 {
		v := float64(i)
		if i > 0 && random.IntN(5) < 2 {
			v = math.NaN()
		}
		h.add(v, func(float64) {})
	}
	for end := range h.len() {
		for k := 1; k <= end+20; k++ {
			n := 0
			for i := max(0, end+1-k); i <= end; i++ {
				if h.wasSeen(i) {
					n++
				}
			}
			if got := h.halfSeen(end, k); got != (2*n >= k) {
				t.Fatalf("%d of the %d values up to %d are observations, half: %v", n, k, end, got)
			}
		}
	}
}
