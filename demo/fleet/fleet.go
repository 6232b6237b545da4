package fleet

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// Defaults and bounds of Options.
const (
	// DefaultSeed is the seed of the published demo.
	DefaultSeed = 1
	// DefaultHistory is a little more than the two weeks that rightsize reads.
	DefaultHistory = 15 * 24 * time.Hour
	// DefaultInterval is a usual scrape interval.
	DefaultInterval = time.Minute
	// ScaleHistory and ScaleInterval are the defaults of fleets of a given
	// size, which are wide and short.
	ScaleHistory  = 36 * time.Hour
	ScaleInterval = 2 * time.Minute
	// MaxWorkloads bounds Options.Workloads.
	MaxWorkloads = 20_000
	// future is how far beyond Options.At the fleet lives on.
	future = 24 * time.Hour
)

// ReportAt is the instant at which the published demo asks for its report: a
// Monday, five minutes before the weekly service's peak.
func ReportAt() time.Time { return time.Date(2026, time.March, 2, 8, 55, 0, 0, time.UTC) }

// Options say which fleet to generate.
type Options struct {
	// Seed picks the noise, the names and the accidents.
	Seed uint64
	// At is the last instant of the history; zero means ReportAt.
	At time.Time
	// History is the length of the history, at least two hours; zero means
	// DefaultHistory, or ScaleHistory where Workloads is given.
	History time.Duration
	// Interval is the distance between scrapes, from 15 seconds to 4 minutes;
	// zero means DefaultInterval, or ScaleInterval where Workloads is given.
	Interval time.Duration
	// Workloads asks for that many small workloads instead of the catalogue
	// of different ones; zero means the catalogue.
	Workloads int
}

// withDefaults fills in zero fields and checks the others.
func (o Options) withDefaults() (Options, error) {
	history, interval := DefaultHistory, DefaultInterval
	if o.Workloads > 0 {
		history, interval = ScaleHistory, ScaleInterval
	}
	if o.At.IsZero() {
		o.At = ReportAt()
	}
	if o.History == 0 {
		o.History = history
	}
	if o.Interval == 0 {
		o.Interval = interval
	}
	switch {
	case o.Workloads < 0 || o.Workloads > MaxWorkloads:
		return o, fmt.Errorf("workloads %d: want 0 to %d", o.Workloads, MaxWorkloads)
	case o.Interval < 15*time.Second || o.Interval > 4*time.Minute || o.Interval%time.Second != 0:
		return o, fmt.Errorf("interval %s: want whole seconds from 15s to 4m", o.Interval)
	case o.History < 2*time.Hour || o.History > 366*24*time.Hour:
		return o, fmt.Errorf("history %s: want 2h to 366 days", o.History)
	}
	o.At = o.At.UTC().Truncate(time.Second)
	o.History = o.History.Truncate(o.Interval)
	return o, nil
}

// Label is one label of a series.
type Label struct {
	Name  string
	Value string
}

// Series is one Prometheus series.
type Series struct {
	// Labels are sorted by name; the metric's name is that of __name__.
	Labels []Label
	// Start is the instant of the first value, Interval the distance between
	// values.
	Start    time.Time
	Interval time.Duration
	// Values are the samples. They may only be read until the function that
	// was given the series returns.
	Values []float64
}

// Fleet is a fleet of workloads with their past and a day of their future.
type Fleet struct {
	opts      Options
	grid      grid
	workloads []workload
}

// New returns the fleet that the options describe. Nothing is generated yet.
func New(o Options) (*Fleet, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	g := newGrid(o)
	f := &Fleet{opts: o, grid: g, workloads: catalogue(o.At)}
	if o.Workloads > 0 {
		f.workloads = crowd(o)
	}
	return f, nil
}

// At is the last instant of the history.
func (f *Fleet) At() time.Time { return f.opts.At }

// Start is the first instant of the history.
func (f *Fleet) Start() time.Time { return f.grid.start }

// Interval is the distance between scrapes.
func (f *Fleet) Interval() time.Duration { return f.opts.Interval }

// Seed is Options.Seed.
func (f *Fleet) Seed() uint64 { return f.opts.Seed }

// Workloads is the number of workloads.
func (f *Fleet) Workloads() int { return len(f.workloads) }

// Each calls yield for every series of the fleet, workload by workload, and
// stops at its first error; done of total workloads were finished before. Equal
// labels may come again, for a later time: a pod that kept its name.
func (f *Fleet) Each(yield func(s Series, done, total int) error) error {
	e := &emitter{fleet: f, yield: yield, targets: map[string]target{}}
	for i := range f.workloads {
		e.done = i
		r := f.run(&f.workloads[i])
		e.workload(r)
		if e.err != nil {
			return fmt.Errorf("workload %s: %w", f.workloads[i].id(), e.err)
		}
	}
	e.infrastructure()
	return e.err
}

// rng returns the source of randomness for one purpose of one workload, which
// no other purpose disturbs.
func (f *Fleet) rng(w *workload, purpose string) *rand.Rand {
	return rand.New(rand.NewPCG(f.opts.Seed, hash(w.id()+"/"+purpose)))
}

// hash is a stable hash of a name.
func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // A hash never fails.
	return h.Sum64()
}

// grid is the sequence of scrapes: n of them up to Options.At, then more that
// are only known to the generator.
type grid struct {
	start time.Time
	step  time.Duration
	n     int
	total int
}

func newGrid(o Options) grid {
	n := int(o.History/o.Interval) + 1
	return grid{start: o.At.Add(-o.History), step: o.Interval, n: n, total: n + int(future/o.Interval)}
}

// time is the instant of grid point i.
func (g grid) time(i int) time.Time { return g.start.Add(time.Duration(i) * g.step) }

// unix is the same in seconds since 1970.
func (g grid) unix(i int) int64 { return g.start.Unix() + int64(i)*int64(g.step/time.Second) }

// seconds is the step.
func (g grid) seconds() float64 { return g.step.Seconds() }

// index is the first grid point at or after the instant, which may be before
// the first or after the last one.
func (g grid) index(unix int64) int {
	step := int64(g.step / time.Second)
	d := unix - g.start.Unix()
	if d <= 0 {
		return int(d / step)
	}
	return int((d + step - 1) / step)
}
