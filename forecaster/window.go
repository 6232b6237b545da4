package forecaster

import "math"

// slidingMax returns, for every index, the largest of the k values that end
// there, of as many as there are near the start. It cuts the values into
// blocks of k and takes, of the two blocks a window touches, the maximum to
// the end of the one and from the start of the other: three comparisons per
// value whatever k is (van Herk 1992; Gil and Werman 1993). Values must not be
// NaN. out and tail, which is lost, are as long as values.
func slidingMax(values []float64, k int, out, tail []float64) {
	n := len(values)
	for start := 0; start < n; start += k {
		end := min(start+k, n)
		top := values[start]
		for i := start; i < end; i++ {
			if v := values[i]; v > top {
				top = v
			}
			out[i] = top // From the start of the block to i.
		}
		top = values[end-1]
		for i := end - 1; i >= start; i-- {
			if v := values[i]; v > top {
				top = v
			}
			tail[i] = top // From i to the end of the block.
		}
	}
	for i := k; i < n; i++ {
		if v := tail[i-k+1]; v > out[i] {
			out[i] = v
		}
	}
}

// gappyMax is slidingMax of values some of which are NaN. It is NaN where a
// window holds nothing else or begins before the first value.
func gappyMax(values []float64, k int) []float64 {
	filled := make([]float64, len(values))
	for i, v := range values {
		filled[i] = v
		if math.IsNaN(v) {
			filled[i] = math.Inf(-1)
		}
	}
	out := make([]float64, len(values))
	slidingMax(filled, k, out, make([]float64, len(values)))
	for i, v := range out {
		if i < k-1 || math.IsInf(v, -1) {
			out[i] = math.NaN()
		}
	}
	return out
}
