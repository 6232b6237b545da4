package collector

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Sizes of JSON answers, measured on Prometheus 3: a point is a time of 10 to
// 14 characters and a quoted value of up to 20; a series has its labels.
const (
	bytesPerPoint  = 34
	bytesPerSeries = 250
	// budgetShare leaves room for what the estimate does not know.
	budgetShare = 0.8
)

// load is how much there is to read in one namespace, or in several.
type load struct {
	// raw is the number of series of containers and pods that of pods; owners
	// and out are the numbers of series after aggregation to owners, and to
	// containers of owners.
	raw, pods, owners, out int
}

func (l load) add(o load) load {
	return load{l.raw + o.raw, l.pods + o.pods, l.owners + o.owners, l.out + o.out}
}

// perOwner is the load of a query that aggregates to owners alone.
func (l load) perOwner() load {
	l.out = l.owners
	return l
}

// namespaceLoad is the load of a namespace.
type namespaceLoad struct {
	name string
	load load
}

// group is a set of namespaces that is read by one query.
type group struct {
	// namespaces selects the set; nil means all.
	namespaces matchers
	load       load
}

// span is a part of the grid of n points that ends at index n-1.
type span struct{ first, last int }

// weight is how many vectors a server holds at once for a kind of query: of
// the raw series of containers, and of pods. They follow how Prometheus counts
// against --query.max-samples: operands and the result of the largest
// operation.
type weight struct{ raw, pods int }

func weightUsage() weight    { return weight{2, 2} }
func weightGrowth() weight   { return weight{5, 2} }
func weightPods() weight     { return weight{0, 4} }
func weightReplicas() weight { return weight{0, 2} }
func weightSignal() weight   { return weight{1, 3} }

// budget is what one answer and one query may take.
type budget struct {
	maxBytes   int64
	maxSamples int64
}

// points is how many grid points a query over the load may have.
func (b budget) points(l load, w weight) int {
	byBytes := (budgetShare*float64(b.maxBytes) - float64(l.out)*bytesPerSeries) / math.Max(1, float64(l.out)*bytesPerPoint)
	bySamples := float64(b.maxSamples) / math.Max(1, float64(w.raw*l.raw+w.pods*l.pods))
	return max(1, int(min(byBytes, bySamples, maxPoints)))
}

// spans splits n points into as few equal parts as the budget allows.
func (b budget) spans(n int, l load, w weight) []span {
	per := b.points(l, w)
	count := (n + per - 1) / per
	out := make([]span, 0, count)
	for i := range count {
		out = append(out, span{i * n / count, (i+1)*n/count - 1})
	}
	return out
}

// groups puts namespaces together as far as a query over them can still span
// floor points. The last group takes what the census did not see.
func (b budget) groups(loads []namespaceLoad, w weight, floor int) []group {
	loads = slices.Clone(loads)
	slices.SortFunc(loads, func(a, b namespaceLoad) int { return cmp.Compare(a.name, b.name) })
	var sets [][]string
	var sums []load
	for _, l := range loads {
		last := len(sets) - 1
		if last >= 0 && b.points(sums[last].add(l.load), w) >= floor {
			sets[last] = append(sets[last], l.name)
			sums[last] = sums[last].add(l.load)
			continue
		}
		sets, sums = append(sets, []string{l.name}), append(sums, l.load)
	}
	if len(sets) < 2 {
		var all load
		for _, s := range sums {
			all = all.add(s)
		}
		return []group{{load: all}}
	}
	groups := make([]group, len(sets))
	for i, set := range sets {
		groups[i] = group{namespaces: matchers{oneOf("namespace", set)}, load: sums[i]}
	}
	others := slices.Concat(sets[:len(sets)-1]...)
	groups[len(groups)-1].namespaces = matchers{noneOf("namespace", others)}
	return groups
}

// grid is the regular times of a collection: n points, the last at end.
type grid struct {
	end  time.Time
	step time.Duration
	n    int
}

func newGrid(end time.Time, step, history time.Duration) grid {
	return grid{end: end, step: step, n: max(1, int(history/step))}
}

// gridOf is the grid of the multiples of a step since the zero time that are
// within a history that ends at end.
func gridOf(end time.Time, step, history time.Duration) grid {
	last := end.Truncate(step)
	left := history - end.Sub(last)
	return grid{end: last, step: step, n: max(1, int((left+step-1)/step))}
}

// kind tells which of the grids a table is on.
type kind int

// The kinds of grids.
const (
	onFine kind = iota
	onEvents
	onCoarse
	onStarts
)

// grids are those of a history. Their points are multiples of their steps,
// whenever the history ends, so that histories of different ends share them.
type grids struct{ fine, events, coarse, starts grid }

func (c *Config) grids(at time.Time) grids {
	step, history := time.Duration(c.Step), time.Duration(c.History)
	end := at.UTC().Truncate(step)
	return grids{
		fine:   newGrid(end, step, history),
		events: gridOf(end, min(max(step, eventStep), history), history),
		coarse: gridOf(end, min(max(step, coarseStep), history), history),
		starts: gridOf(end, startStep, min(startSpan, history)),
	}
}

func (g grids) of(k kind) grid {
	switch k {
	case onEvents:
		return g.events
	case onCoarse:
		return g.coarse
	case onStarts:
		return g.starts
	case onFine:
	}
	return g.fine
}

// start is where the history begins: at the end of what is before its first
// point.
func (g grids) start() time.Time { return g.fine.end.Add(-g.fine.over()) }

// rest is the span after the last point of a grid that its next point will
// tell of, with a point at its end: up to the end of the history for events, up
// to the newest point of events for what is coarser. False where there is none.
func (g grids) rest(k kind) (grid, bool) {
	end := g.fine.end
	if k == onCoarse {
		end = g.events.end
	}
	left := end.Sub(g.of(k).end)
	return grid{end: end, step: left, n: 1}, (k == onEvents || k == onCoarse) && left > 0
}

// window is a span of time, without its beginning.
type window struct{ from, to time.Time }

// within is the part of the grid in a window; it may have no points.
func (g grid) within(w window) grid {
	first := max(0, int((w.from.Sub(g.start())+g.step)/g.step))
	if w.from.Before(g.start()) {
		first = 0
	}
	last := g.n - 1
	if w.to.Before(g.end) {
		last = g.n - 1 - int((g.end.Sub(w.to)+g.step-1)/g.step)
	}
	return grid{end: g.at(last), step: g.step, n: max(0, last-first+1)}
}

// number is that of the first point among all multiples of the step. Those of
// two grids of one step can be compared.
func (g grid) number() int64 {
	const zero = 62135596800 // From the zero time of Truncate to that of Unix.
	return (g.start().Unix() + zero) / int64(g.step/time.Second)
}

func (g grid) start() time.Time    { return g.at(0) }
func (g grid) at(i int) time.Time  { return g.end.Add(-time.Duration(g.n-1-i) * g.step) }
func (g grid) over() time.Duration { return time.Duration(g.n) * g.step }
func (g grid) index(ms int64) (int, bool) {
	d := ms - g.start().UnixMilli()
	step := g.step.Milliseconds()
	i := int(d / step)
	return i, d >= 0 && d%step == 0 && i < g.n
}
