package collector

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// list finds out which workloads there are.
func (x *collection) list() {
	x.newest = x.newestOwners()
	ids := map[recommender.Workload]bool{}
	for w, volumes := range x.shelf {
		for _, v := range volumes {
			if v.table == tableCPU || v.table == tableMemory {
				ids[w] = x.wanted(w)
			}
		}
	}
	for w := range x.newest {
		ids[w] = true
	}
	for w := range x.now.existing {
		ids[w] = ids[w] || x.wanted(w)
	}
	x.ids = nil
	gone := 0
	for w, wanted := range ids {
		_, alive := x.newest[w]
		switch {
		case !wanted:
		case !alive && !x.now.existing[w] && x.now.knowsLiving():
			gone++
		default:
			x.ids = append(x.ids, w)
		}
	}
	if gone > 0 {
		x.run.fact(recommender.FactWarning, "", "%d workloads that ran earlier exist no more and are left out", gone)
	}
	slices.SortFunc(x.ids, compareWorkloads)
}

func compareWorkloads(a, b recommender.Workload) int {
	return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// newestOwners gives for each workload the owner, such as its ReplicaSet, of
// its newest pod.
func (x *collection) newestOwners() map[recommender.Workload]recommender.Workload {
	newest := map[recommender.Workload]recommender.Workload{}
	for raw, pod := range x.now.newest {
		w := x.owners.resolve(raw)
		if w.Name == "" || !x.wanted(w) || pod.created.IsZero() {
			continue
		}
		old, ok := newest[w]
		if !ok || pod.created.After(x.now.newest[old].created) || (pod.created.Equal(x.now.newest[old].created) && raw.Name > old.Name) {
			newest[w] = raw
		}
	}
	return newest
}

// Workload puts one workload together; false where there is none.
func (a *Archive) Workload(w recommender.Workload) (Workload, bool) {
	return assembly{Archive: a}.workload(w)
}

// With has a function look at one workload; false where there is none. Its series
// are lent: they hold other values once the function has returned, and what is kept
// of them has to be copied. That saves 200 KB a look.
func (a *Archive) With(w recommender.Workload, look func(Workload)) bool {
	l, ok := a.loans.Get().(*loan)
	if !ok {
		l = &loan{}
	}
	defer func() {
		l.back()
		a.loans.Put(l)
	}()
	out, ok := assembly{a, l}.workload(w)
	if ok {
		look(out)
	}
	return ok
}

// loan is the room that the series of one workload are lent.
type loan struct{ taken, free [][]float64 }

// take is room for n values and one more; of its own where nothing is lent.
func (l *loan) take(n int) []float64 {
	if l == nil {
		return make([]float64, n, n+1)
	}
	var room []float64
	if last := len(l.free) - 1; last >= 0 {
		room, l.free = l.free[last], l.free[:last]
	}
	if cap(room) <= n {
		room = make([]float64, n, n+1)
	}
	l.taken = append(l.taken, room)
	return room[:n]
}

// back takes back what was lent.
func (l *loan) back() { l.free, l.taken = append(l.free, l.taken...), l.taken[:0] }

// assembly puts workloads together from an archive, in room that is lent or, where
// there is no loan, of their own.
type assembly struct {
	*Archive
	loan *loan
}

func (a assembly) workload(w recommender.Workload) (Workload, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if _, ok := slices.BinarySearchFunc(a.ids, w, compareWorkloads); !ok {
		return Workload{}, false
	}
	out := Workload{ID: w, Desired: a.history(tableDesired, key{workload: w}), Ready: a.history(tableReady, key{workload: w})}
	if out.Desired.Observed() == 0 {
		out.Desired = a.history(tablePods, key{workload: w})
	}
	if out.Ready.Observed() == 0 {
		out.Ready = a.history(tablePodsReady, key{workload: w})
	}
	raw := a.newest[w]
	pod := a.now.newest[raw]
	names := a.names(w)
	if listed := pod.listed(); len(listed) > 0 {
		var removed []string
		for _, n := range names {
			if !listed[n] {
				removed = append(removed, n)
			}
		}
		if len(removed) > 0 {
			out.Facts = append(out.Facts, recommender.Fact{
				Code: recommender.FactWarning,
				Message: fmt.Sprintf("containers that are not among those of the newest pod are left out: %s (removed, or init containers)",
					strings.Join(removed, ", ")),
			})
		}
		names = slices.Sorted(maps.Keys(listed))
	} else if raw.Name == "" {
		out.Facts = append(out.Facts, recommender.Fact{
			Code: recommender.FactMissing, Signal: "requests",
			Message: fmt.Sprintf("no pod was seen in the %s before: current requests and limits are unknown", a.grids.coarse.step),
		})
	}
	for _, n := range names {
		out.Containers = append(out.Containers, a.container(w, raw, n))
	}
	k := key{workload: w}
	out.StartupSeconds = p90(append(a.history(tableStartup, k).Values, a.rest[tableStartup].value(k)))
	signals, facts := a.chosen(w, a.signals(w))
	out.Signals, out.Facts = signals, append(out.Facts, facts...)
	out.Runs, out.DeadlineSeconds, out.Durations = a.runsOf(w), a.now.deadlines[w], durationsOf(a.now.durations[w])
	return out, true
}

// names are the containers of which there is usage.
func (a *Archive) names(w recommender.Workload) []string {
	var names []string
	for _, v := range a.shelf[w] {
		if (v.table == tableCPU || v.table == tableMemory) && v.container != "" && !slices.Contains(names, v.container) {
			names = append(names, v.container)
		}
	}
	slices.Sort(names)
	return names
}

// history is one series; it has no values where none of them is known.
func (a assembly) history(table string, k key) forecaster.Series {
	g := a.grids.of(a.kinds[table].kind)
	out := forecaster.Series{Start: g.start(), Step: g.step}
	for _, v := range a.shelf[k.workload] {
		if v.table != table || v.container != k.container {
			continue
		}
		first := g.number()
		if start, last, ok := v.series.Range(); ok && last >= first && start < first+int64(g.n) {
			out.Values = a.loan.take(g.n)
			v.series.Read(first, out.Values)
		}
		break
	}
	return out
}

func (a assembly) container(w, raw recommender.Workload, name string) Container {
	k, now := key{w, name}, a.now.newest[raw].of(name)
	c := Container{
		Name: name, Requests: now.requests, Limits: now.limits, GPUs: now.gpus, Sidecar: now.sidecar,
		CPU: a.history(tableCPU, k), CPUMaxPod: a.history(tableCPUMaxPod, k),
		Memory: a.history(tableMemory, k), Throttled: a.history(tableThrottled, k),
	}
	c.Restarts, _, _ = a.events(k, tableRestarts)
	c.OOMKills, c.FirstOOMKill, c.LastOOMKill = a.events(k, tableOOMRestarts, tableOOMEvents, tableOOMTerminated)
	for _, limit := range []float64{a.history(tableOOMLimits, k).Peak(), a.rest[tableOOMLimits].value(k)} {
		if limit > 0 {
			c.OOMLimit = max(c.OOMLimit, recommender.FromBytes(limit))
		}
	}
	if v := a.now.cached[key{raw, name}]; v > 0 && !math.IsInf(v, 0) {
		c.UsageWithCache = v
	}
	c.Runtime = a.runtime(w, raw, name)
	c.StartCPU = a.history(tableStartCPU, k)
	return c
}

// runtime are the figures of a container's language runtime. Series that name
// no container are those of the only one there is.
func (a assembly) runtime(w, raw recommender.Workload, name string) map[string]forecaster.Series {
	var out map[string]forecaster.Series
	only := len(a.now.newest[raw].listed()) == 1
	for _, spec := range a.catalog.Signals {
		if spec.Role != RoleRuntime {
			continue
		}
		for _, alias := range spec.Aliases {
			s := a.history(aliasTable(spec, alias), key{w, name})
			if s.Observed() == 0 && only {
				s = a.history(aliasTable(spec, alias), key{workload: w})
			}
			if s.Observed() > 0 {
				if out == nil {
					out = map[string]forecaster.Series{}
				}
				out[spec.Name] = s
				break
			}
		}
	}
	return out
}

// events counts what several tables saw of a container. Within one step they
// saw the same events, so the one that saw most counts. The times are the ends
// of the first and of the last step with any.
func (a assembly) events(k key, tables ...string) (total int, first, last time.Time) {
	values := a.loan.take(a.grids.events.n + 1) // The last is what came after the grid.
	clear(values)
	for _, table := range tables {
		for i, v := range append(a.history(table, k).Values, a.rest[table].value(k)) {
			if v > 0 {
				values[i] = max(values[i], v)
			}
		}
	}
	for i, v := range values {
		n := int(math.Round(v))
		if n == 0 {
			continue
		}
		total += n
		last = a.grids.events.at(i)
		if i == a.grids.events.n {
			last = a.grids.fine.end
		}
		if first.IsZero() {
			first = last
		}
	}
	return total, first, last
}

// p90 is the nearest-rank 0.9 quantile of the numbers among values, 0 where
// there are none.
func p90(values []float64) float64 {
	values = slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(math.Ceil(0.9*float64(len(values))))-1)]
}

// signals are those of the catalogue that there is data for: the primary
// demand first, the others in the order of the catalogue.
func (a assembly) signals(w recommender.Workload) []Signal {
	var out []Signal
	for _, spec := range a.catalog.Signals {
		if spec.Role == RoleRuntime {
			continue
		}
		for _, alias := range spec.Aliases {
			s := a.history(aliasTable(spec, alias), key{workload: w})
			if s.Observed() > 0 {
				out = append(out, Signal{Name: spec.Name, Unit: spec.Unit, Role: spec.Role, Metric: alias.id(), Coarse: alias.Coarse, Series: s})
				break
			}
		}
	}
	primary := slices.IndexFunc(out, func(s Signal) bool { return s.Role == RoleDemand && s.Series.Peak() > 0 })
	if primary > 0 {
		first := out[primary]
		out = slices.Insert(slices.Delete(out, primary, primary+1), 0, first)
	}
	return out
}
