package collector

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"
)

// Steps of what changes rarely.
const (
	// eventStep is the distance of points of restarts and OOM kills.
	eventStep = 15 * time.Minute
	// coarseStep is that of owners and start-up times, and how far back the
	// newest pod of a workload may have lived.
	coarseStep = 24 * time.Hour
	// maxSignalQueries is how many queries the signals of the catalogue may
	// take together, before splits that the server forces.
	maxSignalQueries = 80
)

// collection is one run of a collector.
type collection struct {
	*Collector
	run    *run
	scope  scope
	found  *findings
	owners *owners
	now    *current
	groups []group

	fine, events, coarse grid
	starts               grid
	budget               budget

	// life is guarded by mu.
	life lifecycle

	tables  map[string]*table
	mu      sync.Mutex
	failed  map[string]error
	partial map[string]bool
}

// Collect reads the history that ends at the given instant, rounded down to
// the step. Progress, where given, hears how many of the queries are done; it
// may be called from several goroutines, but by one at a time. What is wrong
// with optional signals is in the facts of the fleet; an error means that CPU,
// memory or owners cannot be had.
func (c *Collector) Collect(ctx context.Context, at time.Time, progress func(done, total int)) (*Fleet, error) {
	step, history := time.Duration(c.cfg.Step), time.Duration(c.cfg.History)
	end := at.UTC().Truncate(step)
	x := &collection{
		Collector: c, run: newRun(progress), now: newCurrent(),
		fine:   newGrid(end, step, history),
		events: newGrid(end, min(max(step, eventStep), history), history),
		coarse: newGrid(end, min(max(step, coarseStep), history), history),
		starts: newGrid(end, startStep, min(startSpan, history)),
		life:   newLifecycle(),
		budget: budget{maxBytes: c.cfg.MaxResponseBytes, maxSamples: c.cfg.MaxSamples},
		tables: map[string]*table{}, failed: map[string]error{}, partial: map[string]bool{},
	}
	if err := x.read(ctx); err != nil {
		return nil, err
	}
	fleet := x.assemble()
	fleet.Queries = int(x.run.requests.Load())
	return fleet, nil
}

func (x *collection) read(ctx context.Context) error {
	var err error
	if x.scope, err = x.Collector.scope(ctx, x.run, x.fine.end); err != nil {
		return err
	}
	if x.found, err = x.discover(ctx, x.run, x.scope, x.fine); err != nil {
		return err
	}
	// Which containers are sidecars says nothing without those that are not.
	x.scope.sidecars = x.found.series[countSidecars] > 0 && x.found.series["kube_pod_container_info"] > 0
	x.missing(x.run, x.found)
	x.owners = newOwners(x.scope.cluster)
	x.groups = x.budget.groups(x.found.loads, weightUsage(), x.day())
	if err := x.execute(ctx, x.identityTasks()); err != nil {
		return err
	}
	if err := x.narrow(); err != nil {
		return err
	}
	if err := x.execute(ctx, x.signalTasks()); err != nil {
		return err
	}
	return x.checkUsage()
}

// day is how many points a query of usage should at least span before
// namespaces are read apart: each query opens all blocks of its time anyway.
func (x *collection) day() int { return max(1, min(x.fine.n, int(24*time.Hour/x.fine.step))) }

// task is one query of a collection.
type task struct {
	// signal is the name in facts.
	signal   string
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
			if x.failed[t.signal] == nil || err.Error() < x.failed[t.signal].Error() {
				x.failed[t.signal] = err
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
		if len(m) > 0 {
			x.mu.Lock()
			x.partial[t.signal] = true
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
