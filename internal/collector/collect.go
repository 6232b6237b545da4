package collector

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Steps of what changes rarely.
const (
	// eventStep is the distance of points of restarts and OOM kills.
	eventStep = 15 * time.Minute
	// coarseStep is that of start-up times, and how far back the newest pod of a
	// workload may have lived.
	coarseStep = 24 * time.Hour
	// maxSignalQueries is how many queries the signals of the catalogue may
	// take together, before splits that the server forces.
	maxSignalQueries = 80
)

// collection is one run of reading into an archive.
type collection struct {
	*Archive
	run    *run
	fresh  *current
	groups []group
	grids  grids
	// since is up to when the archive is complete, the zero time where it is
	// empty; span is how much time is read.
	since  time.Time
	span   time.Duration
	budget budget
	// refused are the metrics of the catalogue that would take too many queries.
	refused map[string]bool

	// under is what is under way, with the tables of it.
	under  window
	tables map[string]*table
	rest   map[string]*table

	mu sync.Mutex
	// failed are the queries, by their signal, that failed and fill no table.
	// broken are tables of which a query failed, partial those of which some
	// query was answered, and incomplete those of which an answer was not whole.
	failed, broken      map[string]error
	partial, incomplete map[string]bool
}

// Collect reads the history that ends at the given instant, rounded down to
// the step. Progress, where given, hears how many of the queries are done; it
// may be called from several goroutines, but by one at a time. What is wrong
// with optional signals is in the facts of the fleet; an error means that CPU,
// memory or owners cannot be had.
func (c *Collector) Collect(ctx context.Context, at time.Time, progress func(done, total int)) (*Fleet, error) {
	return c.CollectNamed(ctx, at, nil, progress)
}

// CollectNamed is Collect where the owners of workloads named signals, which a
// function tells for each; nil for none.
func (c *Collector) CollectNamed(ctx context.Context, at time.Time, named func(recommender.Workload) []UserSignal, progress func(done, total int)) (*Fleet, error) {
	a := c.archive()
	a.asked = named
	queries, err := a.Read(ctx, at, progress)
	if err != nil {
		return nil, err
	}
	fleet := &Fleet{At: a.grids.fine.end, Facts: a.facts, Queries: queries}
	for _, id := range a.ids {
		w, _ := a.Workload(id)
		fleet.Workloads = append(fleet.Workloads, w)
	}
	return fleet, nil
}

func (x *collection) read(ctx context.Context) error {
	known := !x.At().IsZero()
	scope, err := x.Collector.scope(ctx, x.run, x.grids.fine.end, known)
	if err != nil {
		return err
	}
	switch {
	case x.owners == nil:
		x.owners = newOwners(scope.cluster)
	case scope.cluster == "":
		scope.cluster = x.scope.cluster // Only one of several clusters is left; its workloads are called as before.
	case scope.cluster != x.scope.cluster:
		return x.anew(ctx)
	}
	found, err := x.discover(ctx, x.run, scope, x.grids.fine.within(window{x.grids.fine.end.Add(-x.span), x.grids.fine.end}), known)
	if err != nil {
		return err
	}
	found.add(x.found)
	x.found = found
	// Which containers are sidecars says nothing without those that are not.
	scope.sidecars = found.series[countSidecars] > 0 && found.series["kube_pod_container_info"] > 0
	x.scope = scope
	x.missing(x.run, found)
	x.groups = x.budget.groups(found.loads, weightUsage(), x.day())
	if err := x.execute(ctx, x.identityTasks()); err != nil {
		return err
	}
	if err := x.narrow(); err != nil {
		return err
	}
	if err := x.readWindows(ctx); err != nil {
		return err
	}
	x.ask()
	if err := x.readWatched(ctx); err != nil {
		return err
	}
	return x.finish()
}

// anew reads everything into an archive of its own and takes that over:
// workloads are told apart by another label than before.
func (x *collection) anew(ctx context.Context) error {
	a, fresh := x.Archive, x.archive()
	fresh.most, fresh.maxBytes, fresh.asked = a.most, a.maxBytes, a.asked
	again := fresh.collection(x.grids.fine.end, nil)
	again.run = x.run
	if err := again.read(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.owners, a.holes, a.found, a.scope = fresh.owners, fresh.holes, fresh.found, fresh.scope
	a.grids, a.kinds, a.shelf, a.rest, a.runs = fresh.grids, fresh.kinds, fresh.shelf, fresh.rest, fresh.runs
	a.now, a.newest, a.ids, a.facts, a.known = fresh.now, fresh.newest, fresh.ids, fresh.facts, fresh.known
	return nil
}

// readWindows reads what is there of the windows, one after the other, so that
// no more is held unpacked than is allowed.
func (x *collection) readWindows(ctx context.Context) error {
	x.refuse()
	due := x.dueHoles()
	for name, h := range due {
		for _, w := range x.windows(h.window) {
			if err := x.readWindow(ctx, w, h.tries, func(table string) bool { return table == name }); err != nil {
				maps.Copy(x.holes, due)
				return err
			}
		}
		delete(due, name)
	}
	end := x.grids.fine.end
	for _, w := range x.windows(window{end.Add(-x.span), end}) {
		if err := x.readWindow(ctx, w, 0, func(string) bool { return true }); err != nil {
			return err
		}
	}
	x.rest = map[string]*table{}
	return x.execute(ctx, x.restTasks())
}

// readWindow reads the tables that are wanted and packs them.
func (x *collection) readWindow(ctx context.Context, w window, tries int, wanted func(table string) bool) error {
	x.under, x.tables = w, map[string]*table{}
	x.broken, x.partial, x.incomplete = map[string]error{}, map[string]bool{}, map[string]bool{}
	if err := x.execute(ctx, x.signalTasks(wanted)); err != nil {
		return err
	}
	x.commit(x.tables)
	x.noteHoles(tries)
	return nil
}

// windows splits a time that is to be read.
func (x *collection) windows(w window) []window {
	g := x.grids.fine.within(w)
	if g.n == 0 {
		return nil
	}
	per := g.n
	if x.most > 0 {
		var l load
		for _, gr := range x.groups {
			l = l.add(gr.load)
		}
		// Four series of each container, and as many of each workload.
		per = max(1, min(g.n, x.most/max(1, 4*l.out+4*l.owners)))
	}
	count := (g.n + per - 1) / per
	out := make([]window, 0, count)
	for i := range count {
		out = append(out, window{g.at(i*g.n/count - 1), g.at((i+1)*g.n/count - 1)})
	}
	return out
}

// day is how many points a query of usage should at least span before
// namespaces are read apart: each query opens all blocks of its time anyway.
func (x *collection) day() int {
	return max(1, int(min(x.span, 24*time.Hour)/x.grids.fine.step))
}

// lately is how far back the newest pod of a workload is looked for: as far as
// the archive does not know yet.
func (x *collection) lately() time.Duration {
	return min(max(x.span, x.scope.window), x.grids.coarse.step)
}

// task is one query of a collection.
type task struct {
	// signal is the name in facts, table that of the table it fills.
	signal   string
	table    string
	call     call
	required bool
	// series takes the answer of a range query, vector that of an instant one.
	series func(model.Matrix)
	vector func(model.Vector)
}

// execute sends the queries of the tasks, as many at once as are allowed. An
// optional one that fails is noted.
func (x *collection) execute(ctx context.Context, tasks []task) error {
	x.run.planned(len(tasks))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(x.cfg.Concurrency)
	for _, t := range tasks {
		g.Go(func() error {
			err := x.perform(gctx, t)
			if err == nil || t.required || gctx.Err() != nil {
				return err
			}
			x.mu.Lock()
			defer x.mu.Unlock()
			errs, name := x.failed, t.signal
			if t.table != "" {
				errs, name = x.broken, t.table
			}
			if errs[name] == nil || err.Error() < errs[name].Error() {
				errs[name] = err
			}
			return nil
		})
	}
	return g.Wait()
}

func (x *collection) perform(ctx context.Context, t task) error {
	if t.vector != nil {
		v, err := x.client.instant(ctx, x.run, t.call)
		if err != nil {
			return err
		}
		t.vector(v)
		return nil
	}
	return x.client.series(ctx, x.run, t.call, func(m model.Matrix) {
		if len(m) > 0 && t.table != "" {
			x.mu.Lock()
			x.partial[t.table] = true
			x.mu.Unlock()
		}
		t.series(m)
	})
}

// ranges makes the tasks of one range query: one for each group of namespaces
// and span of time that the budget asks for.
func (x *collection) ranges(t task, g grid, groups []group, w weight, expr func(scope) string) []task {
	var tasks []task
	for _, gr := range groups {
		t.call.expr = expr(x.scope.in(gr.namespaces))
		for _, sp := range x.budget.spans(g.n, gr.load, w) {
			t.call.start, t.call.end, t.call.step = g.at(sp.first), g.at(sp.last), g.step
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// scaled is the groups with the loads of something of which there are n series
// in all, as many after aggregation.
func (x *collection) scaled(n int) []group {
	total := 0
	for _, g := range x.groups {
		total += max(1, g.load.raw)
	}
	out := make([]group, len(x.groups))
	for i, g := range x.groups {
		share := float64(max(1, g.load.raw)) / float64(total) * float64(n)
		out[i] = group{namespaces: g.namespaces, load: load{raw: int(share) + 1, out: int(share) + 1}}
	}
	return out
}
