package forecaster

import (
	"math"
	"slices"
	"time"
)

const (
	// sampleSize is about how many past origins a forecast learns from; one in
	// extremeShare of them is among the most surprising ones.
	sampleSize   = 500
	extremeShare = 6
	// sampleHalfLife is the age at which what happened counts half at short
	// horizons.
	sampleHalfLife = 2 * 24 * time.Hour
	// dayEcho and weekEcho are how much more an origin counts that has the
	// time of day, or of the week, of the one that matters.
	dayEcho  = 4.0
	weekEcho = 10.0
)

// sample is a set of past origins, ascending, with weights that make sums over
// it estimates of sums over all origins, each counted by its importance.
type sample struct {
	origins []int
	weights []float64
}

// importance is how much each of n origins up to last counts: half as much for
// every half-life of age, and more near the phase of the day and of the week
// that now has, within the given width in steps. What happens at nine on
// Mondays is told by what happened at nine on Mondays, however rare that was.
func (t *target) importance(last, n int, halfLife float64) []float64 {
	out := make([]float64, n)
	decay, weight := math.Exp2(-1/halfLife), 1.0
	for i := n - 1; i >= 0; i-- {
		out[i] = weight
		weight *= decay
	}
	width := max(t.steps(15*time.Minute), min(float64(t.ahead), t.steps(2*time.Hour)))
	first := last - n + 1
	echo := func(period int, strength, fade float64) {
		for k := 1; k*period <= t.last()-first+int(width); k++ {
			centre := t.last() - k*period
			for o := max(first, centre-int(width)); o <= min(last, centre+int(width)); o++ {
				near := 1 - math.Abs(float64(o-centre))/(width+1)
				out[o-first] += strength * near * math.Exp2(-float64(t.last()-o)/fade)
			}
		}
	}
	if t.day >= 24 {
		echo(t.day, dayEcho, 2*halfLife)
		if t.weekly != nil {
			echo(t.week, weekEcho, t.steps(7*24*time.Hour))
		}
	}
	return out
}

// draw samples the n origins that end with index last, given how surprising
// each was (negative for one that cannot be used) and its importance. The most
// surprising, by importance, are all in, each with its own weight; the rest is
// taken at even steps of importance, with equal weights. So rare jumps, which
// decide the outer quantiles and the worth of a weekly season, are not missed
// by chance. (Taking the largest units with certainty and the rest
// systematically with probability proportional to size is standard in survey
// sampling: Cochran, Sampling Techniques, 1977.)
func draw(surprise, importance []float64, last int) sample {
	n := len(surprise)
	first := last - n + 1
	s := sample{origins: make([]int, 0, sampleSize+1), weights: make([]float64, 0, sampleSize+1)}
	if n <= sampleSize {
		for i, v := range surprise {
			if v >= 0 {
				s.origins = append(s.origins, first+i)
				s.weights = append(s.weights, importance[i])
			}
		}
		return s
	}
	const extremes = sampleSize / extremeShare
	scores := make([]float64, n)
	for i, v := range surprise {
		scores[i] = v * importance[i]
	}
	threshold := max(0, kthLargest(slices.Clone(scores), extremes))
	rest, count := 0.0, sampleSize
	for i, score := range scores {
		switch {
		case score > threshold:
			count--
		case score >= 0:
			rest += importance[i]
		}
	}
	stride := rest / float64(count)
	next := stride / 2
	for i, score := range scores {
		weight := 0.0
		switch {
		case score > threshold:
			weight = importance[i]
		case score >= 0:
			for next -= importance[i]; next < 0; next += stride {
				weight += stride
			}
		}
		if weight > 0 {
			s.origins = append(s.origins, first+i)
			s.weights = append(s.weights, weight)
		}
	}
	return s
}

// kthLargest returns the k-th largest value, from 1, reordering the values.
func kthLargest(values []float64, k int) float64 {
	target := len(values) - k
	lo, hi := 0, len(values)-1
	for lo < hi {
		pivot := median3(values[lo], values[(lo+hi)/2], values[hi])
		i, j := lo, hi
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		switch {
		case target <= j:
			hi = j
		case target >= i:
			lo = i
		default:
			return values[target]
		}
	}
	return values[target]
}

func median3(a, b, c float64) float64 { return max(min(a, b), min(max(a, b), c)) }
