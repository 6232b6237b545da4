package collector

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rightsize-dev/rightsize/internal/pack"
	"github.com/rightsize-dev/rightsize/recommender"
)

// mostValues is how many values of an archive that is being filled are held as
// they were read, 64 MB of them, before they are packed.
const mostValues = 8 << 20

// archiveBytes bounds the answers that an archive asks for, of which several are
// taken apart at once.
const archiveBytes = 16 << 20

// Archive is the history that a collector has read, packed in memory, and what
// it knows of who belongs to whom. Reading it all at once or a bit at a time
// makes no difference to what is in it, as far as the server says the same. Its
// methods may be called from several goroutines.
type Archive struct {
	*Collector
	// most is how many values are read before they are packed; 0 means any.
	most     int
	maxBytes int64
	// turn counts the measurements of users' queries.
	turn atomic.Int64
	// loans are what series are lent in.
	loans sync.Pool

	// reading is held by the one who reads; what follows is theirs.
	reading sync.Mutex
	owners  *owners
	holes   map[string]hole
	found   *findings
	scope   scope

	// mu guards the rest.
	mu    sync.RWMutex
	grids grids
	kinds map[string]tableKind
	shelf map[recommender.Workload][]volume
	rest  map[string]*table
	// runs are those of Jobs, by the top-most controller and the Job's name.
	runs   map[recommender.Workload]map[string]knownRun
	now    *current
	newest map[recommender.Workload]recommender.Workload
	ids    []recommender.Workload
	facts  []recommender.Fact
	known  view
	// watched are the signals that owners of workloads named.
	watched map[recommender.Workload][]*watched
	// asked tells which they are, where that is known by whoever reads once.
	asked func(recommender.Workload) []UserSignal
}

// volume is one series of a workload: of one of its containers, or of itself.
type volume struct {
	table, container string
	series           *pack.Series
}

// tableKind is what is the same for all series of a table.
type tableKind struct {
	kind  kind
	merge merge
}

// NewArchive returns an empty archive, for a program that reads on and on.
func (c *Collector) NewArchive() *Archive {
	a := c.archive()
	a.most, a.maxBytes = mostValues, min(a.maxBytes, archiveBytes)
	return a
}

func (c *Collector) archive() *Archive {
	return &Archive{
		Collector: c, maxBytes: c.cfg.MaxResponseBytes, holes: map[string]hole{}, kinds: map[string]tableKind{},
		shelf: map[recommender.Workload][]volume{}, runs: map[recommender.Workload]map[string]knownRun{}, now: newCurrent(), watched: map[recommender.Workload][]*watched{},
	}
}

// At is the instant up to which history was read, the zero time before that.
func (a *Archive) At() time.Time {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.grids.fine.end
}

// Step is the distance of the points.
func (a *Archive) Step() time.Duration { return time.Duration(a.cfg.Step) }

// Facts are those of the fleet, as of the newest Read; what earlier ones could
// not read, and no later one could, is among them.
func (a *Archive) Facts() []recommender.Fact {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.Clone(a.facts)
}

// Workloads lists what there is, sorted by cluster, namespace, kind and name.
func (a *Archive) Workloads() []recommender.Workload {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.Clone(a.ids)
}

// Find returns a workload under the name it has here: one that names no cluster
// is looked for in the one that the configuration names, too.
func (a *Archive) Find(w recommender.Workload) (recommender.Workload, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if _, ok := slices.BinarySearchFunc(a.ids, w, compareWorkloads); ok || w.Cluster != "" {
		return w, ok
	}
	w.Cluster = a.cfg.Cluster
	_, ok := slices.BinarySearchFunc(a.ids, w, compareWorkloads)
	return w, ok
}

// Read brings the archive up to the instant, rounded down to the step: the
// first time by all of the history, later by what came since, and by what an
// earlier Read could not get. The newest point is read once more, since samples
// may have come late. It returns the number of HTTP requests sent. An error
// means that CPU, memory or owners could not be had; what is known stays.
// Progress, where given, hears how many of the queries are done; it may be
// called from several goroutines, but by one at a time.
func (a *Archive) Read(ctx context.Context, at time.Time, progress func(done, total int)) (int, error) {
	a.reading.Lock()
	defer a.reading.Unlock()
	x := a.collection(at, progress)
	if !x.since.IsZero() && x.grids.fine.end.Before(x.since) {
		return 0, fmt.Errorf("history that is known up to %s cannot be read up to %s",
			x.since.Format(time.RFC3339), x.grids.fine.end.Format(time.RFC3339))
	}
	err := x.read(ctx)
	return int(x.run.requests.Load()), err
}

// collection prepares one run of reading.
func (a *Archive) collection(at time.Time, progress func(done, total int)) *collection {
	x := &collection{
		Archive: a, run: newRun(progress), fresh: newCurrent(), grids: a.cfg.grids(at), since: a.At(),
		budget: budget{maxBytes: a.maxBytes, maxSamples: a.cfg.MaxSamples},
		failed: map[string]error{},
	}
	// Who is selected may change at any time, and with it what is read.
	if a.cfg.Selector != "" || x.since.Before(x.grids.start()) {
		x.since = time.Time{}
	}
	x.span = x.grids.fine.over()
	if !x.since.IsZero() {
		x.span = x.grids.fine.end.Sub(x.since) + x.grids.fine.step
	}
	return x
}

// commit packs what was read of a window.
func (a *Archive) commit(tables map[string]*table) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, t := range tables {
		a.kinds[name] = tableKind{t.kind, t.merge}
		first := t.grid.number()
		for k, values := range t.values {
			a.volume(k.workload, name, k.container).Put(first, values)
		}
	}
}

// volume is a series of a workload, made where there is none.
func (a *Archive) volume(w recommender.Workload, table, container string) *pack.Series {
	for _, v := range a.shelf[w] {
		if v.table == table && v.container == container {
			return v.series
		}
	}
	s := &pack.Series{}
	a.shelf[w] = append(a.shelf[w], volume{table, container, s})
	return s
}

// finish makes what was read the state of the archive.
func (x *collection) finish() error {
	a := x.Archive
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rekey()
	if err := x.checkUsage(); err != nil {
		return err
	}
	a.grids = x.grids
	a.forget()
	a.owners.forget(x.grids.start())
	x.fresh.after(a.now, x.grids.fine.end, x.grids.fine.end.Add(-x.grids.coarse.step))
	a.now, a.rest = x.fresh, x.rest
	x.list()
	x.noteFailures()
	a.facts = x.run.report(x.grids.fine.step)
	scope := x.scope
	a.known = view{scope: &scope, end: x.grids.fine.end, owners: x.owners, found: x.found.series}
	return nil
}

// rekey moves the series of owners whose own controller has become known.
func (a *Archive) rekey() {
	for w, volumes := range a.shelf {
		to := a.owners.resolve(w)
		if to == w {
			continue
		}
		for _, v := range volumes {
			first, last, ok := v.series.Range()
			if !ok {
				continue
			}
			n := int(last-first) + 1
			into := a.volume(to, v.table, v.container)
			sum, m := into.Get(first, n), a.kinds[v.table].merge
			for i, value := range v.series.Get(first, n) {
				sum[i] = m.both(sum[i], value)
			}
			into.Put(first, sum)
		}
		delete(a.shelf, w)
	}
	for w, runs := range a.runs {
		if to := a.owners.resolve(w); to != w {
			for _, r := range runs {
				a.addRun(to, r)
			}
			delete(a.runs, w)
		}
	}
}

// forget drops what is older than the history.
func (a *Archive) forget() {
	for w, volumes := range a.shelf {
		kept := slices.DeleteFunc(volumes, func(v volume) bool {
			first := a.grids.of(a.kinds[v.table].kind).number()
			_, last, ok := v.series.Range()
			v.series.Forget(first)
			return !ok || last < first
		})
		if len(kept) == 0 {
			delete(a.shelf, w)
		} else {
			a.shelf[w] = kept
		}
	}
	for w := range a.runs {
		a.forgetRuns(w)
	}
}

// Bytes is about how much memory the series take.
func (a *Archive) Bytes() int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	n := 0
	for _, volumes := range a.shelf {
		for _, v := range volumes {
			n += v.series.Bytes()
		}
	}
	return n
}
