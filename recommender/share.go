package recommender

import (
	"math"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// sharePrior is how much variation of the logarithm of the number of pods it
// takes for the data to weigh as much as the assumption that pods share a
// total: 0.02 is that of a workload that spends half of its time with a third
// more pods.
const sharePrior = 0.02

// ShareMemory estimates how the memory of a pod follows the number of pods,
//
//	memory ∝ pods^-share,  0 ≤ share ≤ 1
//
// by least squares on the logarithms, drawn towards 1 (pods share a total, so
// fewer pods need more each) by a prior that variation in the number of pods
// outweighs. It returns the memory as it would have been with current pods,
// and the share. Both series have to be on one grid; where the number of pods
// is unknown or zero the memory is taken as it was.
func ShareMemory(memory, pods forecaster.Series, current int) (forecaster.Series, float64) {
	xs, ys := make([]float64, 0, len(memory.Values)), make([]float64, 0, len(memory.Values))
	for i, m := range memory.Values {
		if n := podsAt(pods, memory, i); n > 0 && m > 0 && !math.IsInf(m, 0) {
			xs, ys = append(xs, math.Log(n)), append(ys, math.Log(m))
		}
	}
	share := 1.0
	if len(xs) > 0 {
		mx, my := mean(xs), mean(ys)
		var xx, xy float64
		for i := range xs {
			xx += (xs[i] - mx) * (xs[i] - mx)
			xy += (xs[i] - mx) * (ys[i] - my)
		}
		prior := sharePrior * float64(len(xs))
		share = min(max((prior-xy)/(xx+prior), 0), 1)
	}
	out := forecaster.Series{Start: memory.Start, Step: memory.Step, Values: make([]float64, len(memory.Values))}
	for i, m := range memory.Values {
		out.Values[i] = m
		if n := podsAt(pods, memory, i); n > 0 && current > 0 && n != float64(current) {
			out.Values[i] = m * math.Pow(n/float64(current), share)
		}
	}
	return out, share
}

// podsAt is the number of pods at grid point i of memory, 0 where unknown.
func podsAt(pods, memory forecaster.Series, i int) float64 {
	if pods.Step <= 0 {
		return 0
	}
	j := int((memory.Start.Sub(pods.Start) + time.Duration(i)*memory.Step) / pods.Step)
	if j < 0 || j >= len(pods.Values) || math.IsNaN(pods.Values[j]) {
		return 0
	}
	return pods.Values[j]
}
