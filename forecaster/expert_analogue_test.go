package forecaster

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// Days of two kinds, busy and quiet in turns of five and two as in a week, and
// a holiday: on Saturday at noon the most similar day is last Saturday or last
// Sunday, on Monday one of last week's days or the last Friday, and on a quiet
// Wednesday one of the days of a weekend.
func TestAlike(t *testing.T) {
	t.Parallel()
	const day = 288
	quiet := func(d int) bool { return d%7 >= 5 || d == 9 } // Day 0 is a Monday, day 9 a holiday.
	for name, tc := range map[string]struct {
		now  int // The day on which it is noon.
		want func(past int) bool
	}{
		"Saturday": {12, quiet},
		"Monday":   {14, func(past int) bool { return !quiet(past) }},
		"holiday":  {9, quiet},
	} {
		r := rand.New(rand.NewPCG(5, uint64(tc.now)))
		h := newHistory(5*time.Minute, 15*24*time.Hour, false)
		s := newSignals(h, 12)
		for i := 0; i <= tc.now*day+day/2; i++ {
			v := 100 + 20*math.Sin(2*math.Pi*float64(i)/day) + r.NormFloat64()
			if quiet(i / day) {
				v /= 3
			}
			h.add(v, s.add)
		}
		if k := s.alike(); k < 1 || !tc.want(tc.now-k) {
			t.Errorf("%s, day %d: like day %d", name, tc.now, tc.now-k)
		}
	}
	h := newHistory(5*time.Minute, 15*24*time.Hour, false)
	s := newSignals(h, 12)
	for range day {
		h.add(1, s.add)
	}
	if k := s.alike(); k != 0 {
		t.Errorf("on the first day: like %d days ago", k)
	}
}

// The weighted mean of losses under softmax weights stays within the stated
// share of the least one, 1 + W((K-1)/e)/κ, for any losses.
func TestSoftmaxBound(t *testing.T) {
	t.Parallel()
	lambert := func(x float64) float64 { // By Newton's method, w e^w = x.
		w := math.Log1p(x)
		for range 50 {
			e := math.Exp(w)
			w -= (w*e - x) / (e * (1 + w))
		}
		return w
	}
	r := rand.New(rand.NewPCG(6, 6))
	for range 20000 {
		loss, weights := make([]float64, 2+r.IntN(8)), make([]float64, 10)
		for k := range loss {
			loss[k] = 1 + math.Abs(r.NormFloat64())*math.Exp(4*r.Float64()-4)
		}
		kappa := []float64{8, 14}[r.IntN(2)]
		softmax(loss, kappa, weights[:len(loss)])
		mean, least := 0.0, math.Inf(1)
		for k, v := range loss {
			mean += weights[k] * v
			least = min(least, v)
		}
		if bound := 1 + lambert(float64(len(loss)-1)/math.E)/kappa; mean > least*bound*(1+1e-9) {
			t.Fatalf("losses %v at κ = %g: mean %v, least %v, bound %v", loss, kappa, mean, least, bound)
		}
	}
}
