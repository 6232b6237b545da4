package forecaster

import (
	"math"
	"slices"
)

// sortKey maps a number, in single precision, to an integer of the same order:
// the bits of a float are ordered as they are for positive numbers and the
// other way round for negative ones. The lower half holds an index.
func sortKey(v float64, i int) uint64 {
	b := math.Float32bits(float32(v))
	if b>>31 == 1 {
		b = ^b
	} else {
		b |= 1 << 31
	}
	return uint64(b)<<32 | uint64(i) //nolint:gosec // An index is not negative.
}

// sortedValue is the number in a key.
func sortedValue(key uint64) float32 {
	b := uint32(key >> 32)
	if b>>31 == 1 {
		b &^= 1 << 31
	} else {
		b = ^b
	}
	return math.Float32frombits(b)
}

// radixFrom is the length from which sorting by digits beats comparing.
const radixFrom = 64

// sortKeys orders the keys by their upper halves, in four passes over digits of
// eight bits. spare is as long as keys.
func sortKeys(keys, spare []uint64) {
	if len(keys) < radixFrom {
		slices.Sort(keys)
		return
	}
	const bits = 8
	var counts [4][1 << bits]uint32
	for _, k := range keys {
		counts[0][k>>32&0xff]++
		counts[1][k>>40&0xff]++
		counts[2][k>>48&0xff]++
		counts[3][k>>56]++
	}
	from, to := keys, spare
	for digit := range counts {
		at, shift := uint32(0), 32+digit*bits
		count := &counts[digit]
		for d, n := range count {
			count[d] = at
			at += n
		}
		for _, k := range from {
			d := k >> shift & 0xff
			to[count[d]] = k
			count[d]++
		}
		from, to = to, from
	}
}

// weightedQuantiles writes the quantiles of the values at ascending levels.
// Each value stands in the middle of its weight; between values quantiles are
// linear, outside them constant. Without values they are 0.
func (a *arena) weightedQuantiles(values, weights, levels, out []float64) {
	if len(values) == 0 {
		clear(out)
		return
	}
	keys, spare := a.sortKeys(len(values))
	total := 0.0
	for i, v := range values {
		keys[i] = sortKey(v, i)
		total += weights[i]
	}
	sortKeys(keys, spare)
	at := func(k int) int { return int(uint32(keys[k])) } //nolint:gosec // The lower half.
	before, k := 0.0, 0
	for j, level := range levels {
		target := level * total
		for k < len(values) && before+weights[at(k)]/2 < target {
			before += weights[at(k)]
			k++
		}
		switch k {
		case 0:
			out[j] = values[at(0)]
		case len(values):
			out[j] = values[at(k-1)]
		default:
			a, b := at(k-1), at(k)
			lo, hi := before-weights[a]/2, before+weights[b]/2
			out[j] = values[a] + (target-lo)/(hi-lo)*(values[b]-values[a])
		}
	}
}
