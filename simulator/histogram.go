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

// latencies counts latencies by bucket.
type latencies struct{ counts [bucketCount]uint32 }

func (l *latencies) add(seconds float64) {
	i := int(math.Float64bits(seconds)>>(52-subBits)) - bucketOffset
	if uint(i) >= bucketCount { // A negative index becomes a large one.
		i = nearestBucket(i)
	}
	l.counts[i]++
}

func nearestBucket(i int) int {
	if i < 0 {
		return 0
	}
	return bucketCount - 1
}

// latencyTotals adds up histograms.
type latencyTotals struct {
	counts [bucketCount]uint64
	n      uint64
}

func (t *latencyTotals) addAll(l *latencies) {
	for i, c := range l.counts {
		if c > 0 {
			t.counts[i] += uint64(c)
			t.n += uint64(c)
		}
	}
}

// quantile is the middle of the bucket in which the p-quantile lies, nil of
// nothing.
func (t *latencyTotals) quantile(p float64) *float64 {
	if t.n == 0 {
		return nil
	}
	rank := uint64(math.Ceil(p * float64(t.n)))
	sum := uint64(0)
	for i, c := range t.counts {
		sum += c
		if sum >= max(rank, 1) {
			v := bucketMiddle(i)
			return &v
		}
	}
	return nil
}

// quantile is that of a single histogram, 0 of nothing.
func (l *latencies) quantile(p float64) float64 {
	n := uint64(0)
	for _, c := range l.counts {
		n += uint64(c)
	}
	rank, sum := uint64(math.Ceil(p*float64(n))), uint64(0)
	for i, c := range l.counts {
		sum += uint64(c)
		if sum >= max(rank, 1) {
			return bucketMiddle(i)
		}
	}
	return 0
}

func bucketMiddle(i int) float64 {
	base := math.Ldexp(1, lowestOctave+i/subBuckets)
	return base * (1 + (float64(i%subBuckets)+0.5)/subBuckets)
}
