package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/format"
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
)

// learnStarts is how many moments of a series count as its beginning.
const learnStarts = 40

// sample is one target, relative to what was known, the file it is of, and the
// row of the prior it belongs to.
type sample struct {
	value, weight float64
	file, row     int
}

// samples are all targets by kind, horizon and history, ascending.
type samples [2][4][7][]sample

// collect gathers the samples of all files. Every series weighs the same in
// every cell it has a target for.
func collect(files []file) *samples {
	out := &samples{}
	for i, f := range files {
		for _, s := range f.series {
			out.add(s, i)
		}
	}
	for kind := range out {
		for i := range out[kind] {
			for k := range out[kind][i] {
				slices.SortStableFunc(out[kind][i][k], func(a, b sample) int { return cmp.Compare(a.value, b.value) })
			}
		}
	}
	return out
}

// whole is a span in steps; ok is false where that is no whole number.
func whole(d, step time.Duration) (n int, ok bool) {
	n = int(d / step)
	return n, n > 0 && d%step == 0
}

// add takes the samples of one series: what came after its first value and
// after each length of history, as if it had begun at one of many moments.
func (all *samples) add(s forecaster.Series, file int) {
	histories := forecaster.PriorHistories()
	for k, history := range append([]time.Duration{s.Step}, histories[:]...) {
		n, ok := whole(history, s.Step)
		if !ok {
			continue
		}
		for i, horizon := range forecaster.PriorHorizons() {
			ahead, ok := whole(horizon, s.Step)
			if !ok || len(s.Values) <= n+ahead {
				continue
			}
			for kind, found := range beginnings(s, n, ahead, k, file) {
				for _, v := range found {
					v.weight = 1 / float64(len(found))
					cell := &all[kind][i][v.row]
					*cell = append(*cell, v)
				}
			}
		}
	}
}

// beginnings returns the samples, values and maxima, after n values each, of
// which history number k consists; number 0 is a single value.
func beginnings(s forecaster.Series, n, ahead, k, file int) [2][]sample {
	var out [2][]sample
	room := len(s.Values) - n - ahead
	for start := range learnStarts {
		from := start * room / learnStarts
		past, ok := known(s.Values[from:from+n], s.Step)
		if !ok {
			continue
		}
		row := 0
		if k > 0 {
			nodes := forecaster.PriorRoughness()
			row = 1 + (k-1)*len(nodes) + past.class(nodes[:])
		}
		last, top := outcome(s.Values[from+n : from+n+ahead])
		for kind, y := range [2]float64{last, top} {
			if !math.IsNaN(y) {
				out[kind] = append(out[kind], sample{value: (y - past.level) / past.size, file: file, row: row})
			}
		}
	}
	return out
}

// outcome is the last of the values and the largest, NaN where the last is a
// gap and where more than half are.
func outcome(values []float64) (last, top float64) {
	top = math.Inf(-1)
	observed := 0
	for _, v := range values {
		if !math.IsNaN(v) {
			top = max(top, v)
			observed++
		}
	}
	if 2*observed < len(values) {
		top = math.NaN()
	}
	return values[len(values)-1], top
}

// Half-lives of the level that forecasts start from, in steps, and of the mean
// surprise: those of the forecaster's signals.
const (
	levelHalfLife    = 4
	surpriseHalfLife = 2 * time.Hour
)

// state is what a forecast starts from.
type state struct{ level, size, surprise float64 }

// class is the nearest roughness of a prior, over the logarithm.
func (s state) class(nodes []float64) int {
	for i, r := range nodes[1:] {
		if s.surprise/s.size <= math.Sqrt(nodes[i]*r) {
			return i
		}
	}
	return len(nodes) - 1
}

// known is the state after some values. It is not ok after a gap and where all
// values are 0, which have no scale.
func known(values []float64, step time.Duration) (state, bool) {
	if math.IsNaN(values[len(values)-1]) {
		return state{}, false
	}
	keep, slow := math.Exp2(-1.0/levelHalfLife), math.Exp2(-float64(step)/float64(surpriseHalfLife))
	var s state
	weight, slowWeight, total, count := 0.0, 0.0, 0.0, 0.0
	for _, v := range values {
		if math.IsNaN(v) {
			continue
		}
		surprise := 0.0
		if count > 0 {
			surprise = math.Abs(v - s.level)
		}
		slowWeight = slow*slowWeight + 1
		s.surprise += (surprise - s.surprise) / slowWeight
		weight = keep*weight + 1
		s.level += (v - s.level) / weight
		total += math.Abs(v)
		count++
	}
	s.size = max(math.Abs(s.level), total/count)
	return s, total > 0
}

// without returns the table of all files but one; -1 for all.
func (all *samples) without(file int) *forecaster.Prior {
	var out forecaster.Prior
	for kind := range all {
		for i := range all[kind] {
			for k, cell := range all[kind][i] {
				quantiles(cell, file, out[kind][i][k][:])
			}
		}
	}
	return &out
}

// quantiles are those of a cell, ascending, without the samples of a file.
func quantiles(cell []sample, file int, out []float32) {
	total := 0.0
	for _, s := range cell {
		if s.file != file {
			total += s.weight
		}
	}
	levels := forecaster.DefaultLevels()
	sum, j := 0.0, 0
	for _, s := range cell {
		if s.file == file {
			continue
		}
		sum += s.weight
		for ; j < len(levels) && sum >= levels[j]*total; j++ {
			out[j] = float32(s.value)
		}
	}
}

// source is the table as Go source.
func source(p *forecaster.Prior, from string) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated by go run ./hack/learnprior DIR from %s. DO NOT EDIT.\n\npackage forecaster\n\n", from)
	b.WriteString("// learnedPrior is the prior of a series of which nothing else is known.\nfunc learnedPrior() *Prior {\nreturn &Prior{\n")
	for kind := range p {
		fmt.Fprintf(&b, "{ // %s.\n", [2]string{"Values", "Maxima"}[kind])
		for i, horizon := range forecaster.PriorHorizons() {
			fmt.Fprintf(&b, "{ // %v ahead.\n", horizon)
			for _, row := range p[kind][i] {
				b.WriteString("{")
				for j, v := range row {
					if j > 0 {
						b.WriteString(", ")
					}
					fmt.Fprintf(&b, "%.3g", v+0) // No negative zero.
				}
				b.WriteString("},\n")
			}
			b.WriteString("},\n")
		}
		b.WriteString("},\n")
	}
	b.WriteString("}\n}\n")
	return format.Source(b.Bytes())
}
