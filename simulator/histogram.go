package simulator

import "math"

// A latency histogram has buckets of equal ratio within each octave: 64 of
// them, so that the middle of a bucket is within 0.8 % of everything in it.
// It reaches from a microsecond to 36 hours; what is outside counts as the
// nearest.
const (
	subBuckets   = 64
	subBits      = 6
	octaves      = 37
	lowestOctave = -20
	bucketCount  = octaves * subBuckets
	bucketOffset = (1023 + lowestOctave) << subBits
)

// latencies counts latencies by bucket. Counts are float64, since those of
// formulas are expectations.
type latencies struct {
	counts [bucketCount]float64
	// used says that there are counts, all of them between lo and hi.
	used   bool
	lo, hi int
}

func (l *latencies) add(seconds float64) { l.addWeight(seconds, 1) }

func (l *latencies) addWeight(seconds, weight float64) {
	i := int(math.Float64bits(seconds)>>(52-subBits)) - bucketOffset
	if uint(i) >= bucketCount { // A negative index becomes a large one.
		i = nearestBucket(i)
	}
	l.counts[i] += weight
	if !l.used {
		l.used, l.lo, l.hi = true, i, i
		return
	}
	l.lo, l.hi = min(l.lo, i), max(l.hi, i)
}

func nearestBucket(i int) int {
	if i < 0 {
		return 0
	}
	return bucketCount - 1
}

// take adds the counts of other to l and clears them.
func (l *latencies) take(other *latencies) {
	if !other.used {
		return
	}
	for i := other.lo; i <= other.hi; i++ {
		l.counts[i] += other.counts[i]
	}
	if !l.used {
		l.used, l.lo, l.hi = true, other.lo, other.hi
	}
	l.lo, l.hi = min(l.lo, other.lo), max(l.hi, other.hi)
	other.clear()
}

func (l *latencies) clear() {
	if l.used {
		clear(l.counts[l.lo : l.hi+1])
		l.used = false
	}
}

// above is the count of what is in buckets above that of a time.
func (l *latencies) above(seconds float64) float64 {
	if !l.used {
		return 0
	}
	i := int(math.Float64bits(seconds)>>(52-subBits)) - bucketOffset
	if uint(i) >= bucketCount {
		i = nearestBucket(i)
	}
	total := 0.0
	for _, c := range l.counts[max(i+1, l.lo):max(i+1, l.lo, l.hi+1)] {
		total += c
	}
	return total
}

// quantile is the middle of the bucket in which the p-quantile lies, 0 of
// nothing.
func (l *latencies) quantile(p float64) float64 {
	if !l.used {
		return 0
	}
	total := 0.0
	for _, c := range l.counts[l.lo : l.hi+1] {
		total += c
	}
	// As many as that, less a rounding error of the sums.
	rank, sum := p*total*(1-1e-12), 0.0
	for i := l.lo; i < l.hi; i++ {
		sum += l.counts[i]
		if sum >= rank && sum > 0 {
			return bucketMiddle(i)
		}
	}
	return bucketMiddle(l.hi)
}

// known is a quantile, nil of nothing.
func (l *latencies) known(p float64) *float64 {
	if !l.used {
		return nil
	}
	v := l.quantile(p)
	return &v
}

func bucketMiddle(i int) float64 {
	base := math.Ldexp(1, lowestOctave+i/subBuckets)
	return base * (1 + (float64(i%subBuckets)+0.5)/subBuckets)
}
