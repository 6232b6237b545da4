package collector

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/pack"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Roles of signals that only their owners can name.
const (
	// RoleQuantile is seconds that requests take, at a quantile.
	RoleQuantile Role = "quantile"
	// RoleErrors is failed requests a second.
	RoleErrors Role = "errors"
)

// MetricPromQL stands for the metric of a signal that a query gives.
const MetricPromQL = "promql"

// UserSignal is a signal that the owner of a workload names.
type UserSignal struct {
	// Name names it; Field is where it was written, for errors.
	Name, Field string
	// Preset is the name of a signal of the catalogue; where it is empty, Query
	// gives one series, of the role and the unit.
	Preset, Query, Unit string
	Role                Role
}

// watched is a user's signal with its history.
type watched struct {
	UserSignal
	// confined is the query that is sent, of cluster.
	confined string
	series   *pack.Series
	// until is up to when it was read, problem why the newest answer was none.
	until   time.Time
	problem string
}

// Watch says which signals of a workload its owner named: in place of what was
// said before, none for none. Errors name the field and what is in it; then
// nothing changes. What queries give is read from the next Read on, the first
// time over the whole history, by one query each.
func (a *Archive) Watch(w recommender.Workload, signals []UserSignal) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.watch(w, signals, a.confinement(w))
}

// watch is Watch with what the selectors of queries have to meet.
func (a *Archive) watch(w recommender.Workload, signals []UserSignal, within matchers) error {
	before := a.watched[w]
	after := make([]*watched, 0, len(signals))
	for _, u := range signals {
		n := &watched{UserSignal: u, series: &pack.Series{}}
		if u.Preset != "" {
			if err := a.catalog.known(u.Preset); err != nil {
				return fmt.Errorf("%s.preset: %w", u.Field, err)
			}
		} else {
			var err error
			if n.confined, err = confine(u.Query, within); err != nil {
				return fmt.Errorf("%s.promQL.query: %q: %w", u.Field, shorten(u.Query, 100), err)
			}
		}
		for _, old := range before {
			if old.confined != "" && old.confined == n.confined {
				n.series, n.until, n.problem = old.series, old.until, old.problem
			}
		}
		after = append(after, n)
	}
	a.watched[w] = after
	if len(after) == 0 {
		delete(a.watched, w)
	}
	return nil
}

// ask finds out which signals the owners of workloads named. What is wrong with
// them is a fact about the workload, which then is without any.
func (x *collection) ask() {
	if x.asked == nil {
		return
	}
	x.Archive.mu.Lock()
	defer x.Archive.mu.Unlock()
	for w := range x.shelf {
		signals := x.asked(w)
		if len(signals) == 0 || !x.wanted(w) {
			continue
		}
		within := matchers{equal("namespace", w.Namespace)}
		if x.scope.cluster != "" {
			within = within.and(equal(x.scope.cluster, w.Cluster))
		}
		if err := x.watch(w, signals, within); err != nil {
			nothing := &watched{UserSignal: signals[0], problem: err.Error(), series: &pack.Series{}}
			nothing.Role, nothing.Preset = RoleDemand, "" // Which role it has is not known: none is taken in its place.
			x.watched[w] = []*watched{nothing}
		}
	}
}

// known is an error unless there is a signal of the name.
func (c *catalogue) known(name string) error {
	var names []string
	for _, s := range c.Signals {
		if s.Role == RoleRuntime {
			continue
		}
		if s.Name == name {
			return nil
		}
		names = append(names, s.Name)
	}
	return fmt.Errorf("%q is not in the catalogue; there are %s", name, strings.Join(names, ", "))
}

// confinement is what the selectors of a workload's queries have to meet.
func (a *Archive) confinement(w recommender.Workload) matchers {
	ms := matchers{equal("namespace", w.Namespace)}
	switch {
	case a.known.scope != nil && a.known.scope.cluster != "":
		return ms.and(equal(a.known.scope.cluster, w.Cluster))
	case a.known.scope == nil && a.cfg.Cluster != "":
		return ms.and(equal(a.cfg.ClusterLabel, a.cfg.Cluster))
	default:
		return ms
	}
}

// queries lists those of users with their workloads, in a steady order.
func (a *Archive) queries() []userQuery {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var out []userQuery
	for _, w := range slices.SortedFunc(maps.Keys(a.watched), compareWorkloads) {
		for _, n := range a.watched[w] {
			if n.confined != "" {
				out = append(out, userQuery{w, n})
			}
		}
	}
	return out
}

type userQuery struct {
	workload recommender.Workload
	signal   *watched
}

// readWatched brings the users' signals up to date. What fails is a fact about
// its workload alone.
func (x *collection) readWatched(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(x.cfg.Concurrency)
	for _, q := range x.queries() {
		from := x.grids.start()
		if q.signal.until.After(from) {
			from = q.signal.until.Add(-x.grids.fine.step)
		}
		grid := x.grids.fine.within(window{from, x.grids.fine.end})
		if grid.n == 0 {
			continue
		}
		x.run.planned(1)
		g.Go(func() error {
			values, err := x.readUser(gctx, q, grid)
			if gctx.Err() != nil {
				return gctx.Err()
			}
			x.Archive.mu.Lock()
			defer x.Archive.mu.Unlock()
			q.signal.problem = ""
			if err != nil {
				q.signal.problem = err.Error()
				return nil
			}
			q.signal.series.Put(grid.number(), values)
			q.signal.series.Forget(x.grids.fine.number())
			q.signal.until = x.grids.fine.end
			return nil
		})
	}
	return g.Wait()
}

// readUser sends the query of a user.
func (x *collection) readUser(ctx context.Context, q userQuery, g grid) ([]float64, error) {
	t := newTable(onFine, g, mergeSum)
	k, series := key{workload: q.workload}, 0
	c := call{what: "the signal " + q.signal.Name, expr: q.signal.confined, start: g.start(), end: g.end, step: g.step}
	err := x.client.series(ctx, x.run, c, func(m model.Matrix) {
		series = max(series, len(m))
		for _, s := range m {
			t.add(k, s.Values)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s.promQL.query: %w", q.signal.Field, err)
	}
	if series > 1 {
		return nil, fmt.Errorf("%s.promQL.query: %q gives %d series, not one: aggregate it, for example by sum()",
			q.signal.Field, shorten(q.signal.Query, 100), series)
	}
	return t.values[k], nil
}

// chosen puts what the owner of a workload named in front of what the catalogue
// knows, in their order. Where demand is named and not known, there is none.
func (a *Archive) chosen(w recommender.Workload, found []Signal) ([]Signal, []recommender.Fact) {
	named := a.watched[w]
	if len(named) == 0 {
		return found, nil
	}
	var first []Signal
	var facts []recommender.Fact
	wants, has := false, false
	for _, n := range named {
		s, ok := a.userSignal(n, found)
		demand := s.Role == RoleDemand
		wants, has = wants || demand, has || demand && ok
		if !ok {
			problem := n.problem
			if problem == "" {
				problem = n.Field + ": no value within the history"
			}
			facts = append(facts, recommender.Fact{Code: recommender.FactMissing, Signal: n.Name, Message: problem})
			continue
		}
		s.Named = true
		first = append(first, s)
	}
	for _, s := range found {
		taken := slices.ContainsFunc(first, func(f Signal) bool { return f.Key() == s.Key() })
		if !taken && (s.Role != RoleDemand || has || !wants) {
			first = append(first, s)
		}
	}
	return first, facts
}

// userSignal is the signal as it is known; false where it is not.
func (a *Archive) userSignal(n *watched, found []Signal) (Signal, bool) {
	if n.Preset == "" {
		g := a.grids.fine
		s := Signal{Name: n.Name, Unit: n.Unit, Role: n.Role, Metric: MetricPromQL, Series: forecaster.Series{Start: g.start(), Step: g.step}}
		if first, last, ok := n.series.Range(); ok && last >= g.number() && first < g.number()+int64(g.n) {
			s.Series.Values = n.series.Get(g.number(), g.n)
		}
		return s, s.Series.Observed() > 0
	}
	for _, s := range found {
		if s.Name == n.Preset {
			return s, true
		}
	}
	for _, spec := range a.catalog.Signals {
		if spec.Name == n.Preset {
			return Signal{Name: spec.Name, Role: spec.Role}, false
		}
	}
	return Signal{}, false
}
