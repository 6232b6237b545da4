package forecaster

import (
	"math"
	"time"
)

const (
	// extremeShare: one in so many sampled origins is among the most surprising
	// ones.
	extremeShare = 6
	// sampleHalfLife is the age at which what happened counts half at short
	// horizons. It grows by eight horizons, to ten days.
	sampleHalfLife = 2 * 24 * time.Hour
	// dayEcho and weekEcho are how much more an origin counts that has the
	// time of day, or of the week, of the one that matters.
	dayEcho  = 4.0
	weekEcho = 10.0
)

// importance says how much a past origin counts for the present: half as much
// for every half-life of age, and more near the present phase of the day and
// of the week. What happens at nine on Mondays is told by what happened at
// nine on Mondays, however rare that was. For an origin that is age steps old,
//
//	2^(-age/H) + 4 k(day) 2^(-d/2H) + 10 k(week) 2^(-w/7 d),
//
// where k is 1 at a whole number of periods and falls to 0 within the width, and
// d and w are that number of days and weeks.
type importance struct {
	halfLife  float64 // H, in steps.
	day, week float64 // Periods in steps; 0 for one that is not known yet.
	weekFade  float64
	width     float64
}

func (h *history) importance(a *aim) importance {
	im := importance{
		halfLife: h.steps(min(5*sampleHalfLife, sampleHalfLife+8*time.Duration(a.steps)*h.step)),
		weekFade: h.steps(7 * 24 * time.Hour),
		width:    max(h.steps(15*time.Minute), min(a.ahead, h.steps(2*time.Hour))),
	}
	if h.day >= 24 {
		im.day = float64(h.day)
		if !h.light && h.week > h.day && h.len() > h.week {
			im.week = float64(h.week)
		}
	}
	return im
}

// decayed is 2^(-age/H).
func (im importance) decayed(age float64) float64 { return math.Exp2(-age / im.halfLife) }

// echoes are what importance adds for the time of day and of week.
type echoes struct{ day, week echo }

// echoes for ages up to the oldest.
func (im importance) echoes(oldest float64, work *arena) echoes {
	return echoes{
		im.echo(im.day, dayEcho, 2*im.halfLife, oldest, work),
		im.echo(im.week, weekEcho, im.weekFade, oldest, work),
	}
}

func (e *echoes) at(age float64) float64 { return e.day.at(age) + e.week.at(age) }

// echo is that of one period.
type echo struct {
	period, rate, narrow float64   // In steps; one over it and over the width.
	faded                []float64 // By whole periods of age: none at 0.
}

func (im importance) echo(period, strength, fade, oldest float64, work *arena) echo {
	e := echo{period: period, narrow: 1 / (im.width + 1)}
	if period == 0 {
		e.faded = work.take(1)
		return e
	}
	e.rate = 1 / period
	e.faded = work.room(int(max(0, oldest)/period) + 2)
	keep := math.Exp2(-period / fade)
	for cycles := range e.faded {
		e.faded[cycles] = strength
		strength *= keep
	}
	e.faded[0] = 0
	return e
}

func (e *echo) at(age float64) float64 {
	cycles := int(age*e.rate + 0.5)
	near := 1 - math.Abs(age-float64(cycles)*e.period)*e.narrow
	if near <= 0 {
		return 0
	}
	return near * e.faded[cycles]
}

// all is what n origins from first on count, seen from steps after the index
// at: the same as asking for each, but faster.
func (im importance) all(at, first, n int, steps float64, work *arena) []float64 {
	out := work.room(n)
	keep, decayed := math.Exp2(-1/im.halfLife), im.decayed(float64(at-first-n+1))
	for i := n - 1; i >= 0; i-- {
		out[i] = decayed
		decayed *= keep
	}
	now := float64(at) + steps
	known := im.echoes(now-float64(first), work)
	for _, e := range []*echo{&known.day, &known.week} {
		if e.period == 0 {
			continue
		}
		for centre := now - e.period; centre+im.width >= float64(first); centre -= e.period {
			for o := max(first, int(math.Ceil(centre-im.width))); o < first+n && float64(o) <= centre+im.width; o++ {
				out[o-first] += e.at(now - float64(o))
			}
		}
	}
	return out
}

// sample is a set of past origins, ascending. factors make sums over it
// estimates of sums over all origins: each stands for so many of its kind.
type sample struct {
	origins []int32
	factors []float32
}

// draw samples size of the origins first... into s, given how surprising each was
// (negative for one that cannot be used) and how much it counts. The most
// surprising, by importance, are all in, each for itself; the rest is taken at
// even steps of importance. So rare jumps, which decide the outer quantiles and
// the worth of a weekly season, are not missed by chance. (Taking the largest
// units with certainty and the rest systematically with probability
// proportional to size is standard in survey sampling: Cochran, Sampling
// Techniques, 1977.)
func draw(s sample, surprise, importance []float64, first, size int, work *arena) sample {
	n := len(surprise)
	put := func(i int, factor float64) {
		s.origins = append(s.origins, int32(first+i)) //nolint:gosec // At most some ten thousand.
		s.factors = append(s.factors, float32(factor))
	}
	if n <= size {
		for i, v := range surprise {
			if v >= 0 {
				put(i, 1)
			}
		}
		return s
	}
	scores, sorted := work.take(n), work.take(n)
	for i, v := range surprise {
		scores[i] = v * importance[i]
	}
	copy(sorted, scores)
	threshold := max(0, KthLargest(sorted, size/extremeShare))
	rest, count := 0.0, size
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
		times := 0.0
		switch {
		case score > threshold:
			put(i, 1)
			continue
		case score >= 0 && stride > 0: // Zero where all of the rest is too old to count.
			for next -= importance[i]; next < 0; next += stride {
				times++
			}
		}
		if times > 0 {
			put(i, times*stride/importance[i])
		}
	}
	return s
}

// KthLargest returns the k-th largest of values that are not NaN, which it
// reorders: 1 is for the largest, len(values) for the least, and k is between
// them. It takes linear time on average (Hoare's quickselect).
func KthLargest(values []float64, k int) float64 {
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
