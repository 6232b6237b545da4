package recommender

import (
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// sharePrior is how much variation of the logarithm of the number of pods it
// takes for the data to weigh as much as the assumption that pods share a
// total: 0.02 is that of a workload that spends half of its time with a third
// more pods. That memory is no less with more pods does not weigh more than
// shareSafe of such data.
const (
	sharePrior = 0.02
	shareSafe  = 6 * time.Hour
)

// Sharing is how the memory of a pod goes with the number of pods.
type Sharing struct {
	// Share is the exponent for fewer pods: 0 where each needs the same however
	// many there are, 1 where they share a total.
	Share float64
	// Pods is a number of pods, no more than the current, of which each is known to need
	// no more than Ratio, 1 or more, times what one of the current pods does; 0 where
	// there is none.
	Pods  int
	Ratio float64
}

// ShareMemory estimates how the memory of a pod follows the number of pods,
//
//	memory ∝ pods^-share,  0 ≤ share ≤ 1
//
// by least squares on the logarithms, drawn by a prior that variation in the number
// of pods outweighs. Where there are fewer pods than then it is drawn towards 1: pods
// may share a total, so that each needs more. Where there are more it is drawn
// towards 0: each may need what it did. It returns the memory as it would have been
// with current pods, and what of it holds for fewer. Both series have to be on one
// grid; where the number of pods is unknown or zero the memory is taken as it was.
// Steps in which the number changed tell nothing of the share.
func ShareMemory(memory, pods forecaster.Series, current int) (forecaster.Series, Sharing) {
	return ShareMemoryInto(nil, memory, pods, current)
}

// ShareMemoryInto is [ShareMemory] with the values in room, if it has enough
// capacity for them.
func ShareMemoryInto(room []float64, memory, pods forecaster.Series, current int) (forecaster.Series, Sharing) {
	out := forecaster.Series{Start: memory.Start, Step: memory.Step, Values: slices.Grow(room[:0], len(memory.Values))[:len(memory.Values)]}
	logs, last := out.Values, newLogarithm() // NaN where it does not count.
	count, mx, my := 0.0, 0.0, 0.0
	for i, m := range memory.Values {
		logs[i] = math.NaN()
		if n, same := podsAt(pods, memory, i); same && n > 0 && m > 0 && !math.IsInf(m, 0) {
			logs[i] = math.Log(m)
			count, mx, my = count+1, mx+last.of(n), my+logs[i]
		}
	}
	share, more := 1.0, 0.0
	if count > 0 {
		mx, my = mx/count, my/count
		var xx, xy float64
		for i, y := range logs {
			if math.IsNaN(y) {
				continue
			}
			n, _ := podsAt(pods, memory, i)
			x := last.of(n)
			xx += (x - mx) * (x - mx)
			xy += (x - mx) * (y - my)
		}
		prior := sharePrior * count
		safe := sharePrior * min(count, float64(shareSafe)/float64(memory.Step))
		share, more = min(max((prior-xy)/(xx+prior), 0), 1), min(max(-xy, 0), xx)/(xx+safe)
	}
	known := knownSharing{memory: memory, pods: pods, share: share, more: more}
	from, most := 0.0, 0.0 // The pods that had the most of the last days, as of current pods.
	first := len(memory.Values) - int(peakSpan/max(1, memory.Step))
	at := known.as(float64(current))
	for i := range memory.Values {
		n, of := at(i)
		out.Values[i] = of
		if i >= first && of > most && !math.IsInf(of, 0) {
			from, most = math.Ceil(n), of
		}
	}
	sharing := Sharing{Share: share}
	if from > 0 && from <= float64(current) {
		sharing.Pods, sharing.Ratio = int(from), max(1, known.peak(from)/most)
	}
	return out, sharing
}

// knownSharing is what memory there was, and how it goes with the number of pods: with
// the exponent share for fewer, more for more.
type knownSharing struct {
	memory, pods forecaster.Series
	share, more  float64
}

// as tells of grid points how many pods there were, 0 where unknown, and what the memory
// would have been with that many.
func (k knownSharing) as(pods float64) func(i int) (n, memory float64) {
	last, factor := pods, 1.0
	return func(i int) (n, memory float64) {
		n, _ = podsAt(k.pods, k.memory, i)
		if n <= 0 || pods <= 0 {
			return max(0, n), k.memory.Values[i]
		}
		if n != last {
			by := k.share
			if n < pods {
				by = k.more
			}
			last, factor = n, math.Pow(n/pods, by)
		}
		return n, k.memory.Values[i] * factor
	}
}

// peak is the most that one of that many pods would have had.
func (k knownSharing) peak(pods float64) float64 {
	most, at := 0.0, k.as(pods)
	for i := range k.memory.Values {
		if _, m := at(i); m > most && !math.IsInf(m, 0) { // Not where it is NaN.
			most = m
		}
	}
	return most
}

// logarithm is that of numbers which are often the same as the one before.
type logarithm struct{ n, log float64 }

func newLogarithm() *logarithm { return &logarithm{n: 1} }

func (l *logarithm) of(n float64) float64 {
	if n != l.n {
		l.n, l.log = n, math.Log(n)
	}
	return l.log
}

// podsAt is the number of pods that had the memory of grid point i, 0 where
// unknown, and whether it was the same a step before. Where more have come it is
// the number before: the largest of them still is one that shared with fewer.
func podsAt(pods, memory forecaster.Series, i int) (n float64, same bool) {
	if pods.Step <= 0 {
		return 0, false
	}
	j := int((memory.Start.Sub(pods.Start) + time.Duration(i)*memory.Step) / pods.Step)
	if j < 0 || j >= len(pods.Values) || math.IsNaN(pods.Values[j]) {
		return 0, false
	}
	n = pods.Values[j]
	if j == 0 || !(pods.Values[j-1] > 0) {
		return n, true
	}
	return min(n, pods.Values[j-1]), n == pods.Values[j-1]
}
