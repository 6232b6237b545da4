package forecaster

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Event is something known beforehand that moves a series off its usual way: a
// launch, a sale, a maintenance. It holds at grid points t with
// Start ≤ t < End. Exactly one of Factor and Override is set. Where events
// overlap, factors multiply and an override prevails; two overrides may not
// overlap.
type Event struct {
	// Name is for people; errors tell it.
	Name string
	// Start and End bound the event; it ends before End.
	Start, End time.Time
	// Factor multiplies what the series would usually be; from 1e-6 to 1e6, 0
	// for an event with an override.
	Factor float64
	// Override is the level that takes the place of the usual one, in the unit
	// of the series; nil for an event with a factor.
	Override *float64
}

// effect is what the events of a stretch of time add up to.
type effect struct {
	start, end time.Time
	factor     float64
	replaced   bool // The level is replaced; the factor does not count.
	level      float64
}

// neutral says that an effect changes nothing.
func (e effect) neutral() bool { return !e.replaced && e.factor == 1 }

// calendar is the effects of all events, ascending and apart from each other.
type calendar []effect

// Bounds of factors, and of their products.
const (
	eventFactors  = 1e6
	eventProducts = 1e12
)

// calendar checks the events and lays them out in time.
func (o Options) calendar() (calendar, error) {
	var cuts []time.Time
	for i, e := range o.Events {
		if err := e.check(i); err != nil {
			return nil, err
		}
		cuts = append(cuts, e.Start, e.End)
	}
	slices.SortFunc(cuts, time.Time.Compare)
	cuts = slices.CompactFunc(cuts, time.Time.Equal)
	var out calendar
	for k := 1; k < len(cuts); k++ {
		e := effect{start: cuts[k-1], end: cuts[k], factor: 1}
		by := -1
		for i, event := range o.Events {
			switch {
			case e.start.Before(event.Start) || !e.start.Before(event.End):
			case event.Override == nil:
				e.factor *= event.Factor
			case by >= 0:
				return nil, event.errorf(i, "override", "overlaps that of event %s", o.Events[by].title(by))
			default:
				by, e.replaced, e.level = i, true, *event.Override
			}
		}
		if !(e.factor >= 1/eventProducts && e.factor <= eventProducts) {
			return nil, fmt.Errorf("forecaster: events at %s: the product of their factors is %g, not between %g and %g",
				e.start.UTC().Format(time.RFC3339), e.factor, 1/eventProducts, eventProducts)
		}
		if !e.neutral() {
			out = append(out, e)
		}
	}
	return out, nil
}

func (e Event) title(i int) string {
	if e.Name == "" {
		return fmt.Sprintf("number %d", i+1)
	}
	return fmt.Sprintf("%q", e.Name)
}

func (e Event) errorf(i int, field, format string, args ...any) error {
	return fmt.Errorf("forecaster: event %s: %s: %s", e.title(i), field, fmt.Sprintf(format, args...))
}

func (e Event) check(i int) error {
	switch {
	case e.Start.IsZero():
		return e.errorf(i, "start", "is missing")
	case !e.Start.Before(e.End):
		return e.errorf(i, "end", "%s is not after the start %s", e.End.Format(time.RFC3339), e.Start.Format(time.RFC3339))
	case e.Override != nil && e.Factor != 0:
		return e.errorf(i, "override", "an event has a factor or an override, not both")
	case e.Override != nil && !(math.Abs(*e.Override) <= 1e300):
		return e.errorf(i, "override", "%g is not a finite number", *e.Override)
	case e.Override == nil && e.Factor == 0:
		return e.errorf(i, "factor", "an event needs a factor or an override")
	case e.Override == nil && !(e.Factor >= 1/eventFactors && e.Factor <= eventFactors):
		return e.errorf(i, "factor", "%g is not between %g and %g", e.Factor, 1/eventFactors, eventFactors)
	}
	return nil
}

// after is the position of the first effect that ends after t.
func (c calendar) after(t time.Time) int {
	i, _ := slices.BinarySearchFunc(c, t, func(e effect, t time.Time) int {
		if e.end.After(t) {
			return 1
		}
		return -1
	})
	return i
}

// at is the effect at t, and whether there is any.
func (c calendar) at(t time.Time) (effect, bool) {
	i := c.after(t)
	if i == len(c) || c[i].start.After(t) {
		return effect{factor: 1}, false
	}
	return c[i], true
}

// usual is what a measurement at t would have been without events: divided by
// their factor, a gap where the level was replaced. So events are not learned
// as if they were to come again.
func (c calendar) usual(t time.Time, v float64) float64 {
	e, ok := c.at(t)
	switch {
	case !ok:
		return v
	case e.replaced:
		return math.NaN()
	}
	return v / e.factor
}

// wasWhole says whether a value that was divided by the factor was whole before,
// but for rounding.
func (e effect) wasWhole(v float64) bool {
	v *= e.factor
	return math.Abs(v-math.Round(v)) <= 1e-6*max(1, math.Abs(v))
}

// usualSeries is usual of a whole series; the series itself without events.
func (c calendar) usualSeries(s Series) Series {
	if len(c) == 0 {
		return s
	}
	out := Series{Start: s.Start, Step: s.Step, Values: slices.Clone(s.Values)}
	for i, v := range out.Values {
		out.Values[i] = c.usual(s.Time(i), v)
	}
	return out
}

// run is a part of a window, of the steps from..to after its origin, in which
// the effect is one.
type run struct {
	effect
	from, to int
}

// runs cuts the window of k steps after the origin where the effect changes.
// Without any effect it is nil.
func (c calendar) runs(origin time.Time, step time.Duration, k int) []run {
	var out []run
	next := 1
	for _, e := range c[c.after(origin):] {
		from, to := firstStep(origin, step, e.start), min(firstStep(origin, step, e.end)-1, k)
		from = max(from, next)
		if from > k {
			break
		}
		if from > to {
			continue
		}
		if from > next {
			out = append(out, run{effect{factor: 1}, next, from - 1})
		}
		if n := len(out); n > 0 && out[n-1].to == from-1 && out[n-1].same(e) {
			out[n-1].to = to
		} else {
			out = append(out, run{e, from, to})
		}
		next = to + 1
	}
	if out != nil && next <= k {
		out = append(out, run{effect{factor: 1}, next, k})
	}
	return out
}

func (e effect) same(o effect) bool {
	return e.replaced == o.replaced && e.level == o.level && (e.replaced || e.factor == o.factor)
}

// firstStep is the first step after the origin, from 1, that lies at or after t.
func firstStep(origin time.Time, step time.Duration, t time.Time) int {
	ahead := t.Sub(origin)
	n := int(ahead / step)
	if ahead%step > 0 {
		n++
	}
	return max(1, n)
}

// split returns the factor that holds for the whole window at least, and the
// runs that go beyond it and have to be forecast apart. With an override, which
// may lower the level as well as raise it, that is every run, and least is 0.
func split(runs []run) (least float64, apart []run) {
	least = math.Inf(1)
	for _, r := range runs {
		if r.replaced {
			return 0, runs
		}
		least = min(least, r.factor)
	}
	for _, r := range runs {
		if r.factor > least {
			apart = append(apart, r)
		}
	}
	return least, apart
}

// apply returns quantiles under the effect. A factor multiplies them. A level
// takes the place of the median m and keeps the spread relative to it,
//
//	level + |level| (q - m) / max(|m|, mean),
//
// mean being that of the absolute values so far: where the median is next to
// nothing, as at night, the spread is not relative to that.
func (m *Model) apply(e effect, row []float64) []float64 {
	if e.neutral() {
		return row
	}
	h := m.history
	out := make([]float64, len(row))
	median := Interpolate(m.levels, row, 0.5)
	size := max(math.Abs(median), h.mean())
	for j, q := range row {
		v := e.factor * q
		if e.replaced {
			v = e.level
			if size > 0 {
				v += math.Abs(e.level) * ((q - median) / size)
			}
			if e.level >= 0 && h.smallest >= 0 {
				v = max(0, v)
			}
		}
		out[j] = min(max(v, -math.MaxFloat64), math.MaxFloat64)
	}
	return out
}
