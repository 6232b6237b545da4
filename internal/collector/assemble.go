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

// assemble puts the fleet together from what was read.
func (x *collection) assemble() *Fleet {
	fleet := &Fleet{At: x.fine.end}
	containers := map[recommender.Workload]map[string]bool{}
	note := func(w recommender.Workload, container string) {
		if containers[w] == nil {
			containers[w] = map[string]bool{}
		}
		if container != "" {
			containers[w][container] = true
		}
	}
	for _, name := range []string{tableCPU, tableMemory} {
		for k := range x.tables[name].values {
			note(k.workload, k.container)
		}
	}
	newest := x.newestOwners()
	for w := range newest {
		note(w, "")
	}
	for w := range x.now.existing {
		if x.wanted(w) {
			note(w, "")
		}
	}
	gone := 0
	for w, names := range containers {
		raw, alive := newest[w]
		if !alive && !x.now.existing[w] && x.knowsLiving() {
			gone++
			continue
		}
		fleet.Workloads = append(fleet.Workloads, x.workload(w, raw, slices.Sorted(maps.Keys(names))))
	}
	if gone > 0 {
		x.run.fact(recommender.FactWarning, "", "%d workloads that ran earlier exist no more and are left out", gone)
	}
	slices.SortFunc(fleet.Workloads, func(a, b Workload) int { return compareWorkloads(a.ID, b.ID) })
	fleet.Facts = x.run.report(x.fine.step)
	return fleet
}

func compareWorkloads(a, b recommender.Workload) int {
	return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// knowsLiving says whether it is known which workloads exist; without
// kube_pod_created and the controllers' own series it is not.
func (x *collection) knowsLiving() bool { return len(x.now.created) > 0 }

// newestOwners gives for each workload the owner, such as its ReplicaSet, of
// its newest pod.
func (x *collection) newestOwners() map[recommender.Workload]recommender.Workload {
	newest := map[recommender.Workload]recommender.Workload{}
	for raw, created := range x.now.created {
		w := x.owners.resolve(raw)
		if w.Name == "" || !x.wanted(w) {
			continue
		}
		old, ok := newest[w]
		if !ok || created.After(x.now.created[old]) || (created.Equal(x.now.created[old]) && raw.Name > old.Name) {
			newest[w] = raw
		}
	}
	return newest
}

// workload builds one workload; raw is the owner of its newest pod and names
// are the containers that have a history.
func (x *collection) workload(w, raw recommender.Workload, names []string) Workload {
	out := Workload{ID: w, Desired: x.history(tableDesired, key{workload: w}), Ready: x.history(tableReady, key{workload: w})}
	if out.Desired.Observed() == 0 {
		out.Desired = x.history(tablePods, key{workload: w})
	}
	if out.Ready.Observed() == 0 {
		out.Ready = x.history(tablePodsReady, key{workload: w})
	}
	if template := x.now.containers[raw]; len(template) > 0 {
		var removed []string
		for _, n := range names {
			if !template[n] {
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
		names = slices.Sorted(maps.Keys(template))
	} else if raw.Name == "" {
		out.Facts = append(out.Facts, recommender.Fact{
			Code: recommender.FactMissing, Signal: "requests",
			Message: fmt.Sprintf("no pod was seen in the %s before: current requests and limits are unknown", x.coarse.step),
		})
	}
	for _, n := range names {
		out.Containers = append(out.Containers, x.container(w, raw, n))
	}
	out.StartupSeconds = p90(x.history(tableStartup, key{workload: w}).Values)
	out.Signals = x.signals(w)
	out.Runs, out.DeadlineSeconds, out.Durations = x.runsOf(w), x.life.deadlines[w], x.durationsOf(w)
	return out
}

// history is one series of a table that may not have been read.
func (x *collection) history(table string, k key) forecaster.Series {
	t := x.tables[table]
	if t == nil {
		return forecaster.Series{Start: x.fine.start(), Step: x.fine.step}
	}
	return t.series(k)
}

func (x *collection) container(w, raw recommender.Workload, name string) Container {
	k, template := key{w, name}, key{raw, name}
	c := Container{
		Name:     name,
		Requests: x.now.requests[template], Limits: x.now.limits[template], GPUs: x.now.gpus[template],
		Sidecar: x.now.sidecars[template],
		CPU:     x.history(tableCPU, k), CPUMaxPod: x.history(tableCPUMaxPod, k),
		Memory: x.history(tableMemory, k), Throttled: x.history(tableThrottled, k),
	}
	c.Restarts, _, _ = events(x.history(tableRestarts, k))
	c.OOMKills, c.FirstOOMKill, c.LastOOMKill = events(x.history(tableOOMRestarts, k), x.history(tableOOMEvents, k), x.history(tableOOMTerminated, k))
	if limit := x.history(tableOOMLimits, k).Peak(); limit > 0 {
		c.OOMLimit = recommender.FromBytes(limit)
	}
	if v := x.now.cached[template]; v > 0 && !math.IsInf(v, 0) {
		c.UsageWithCache = v
	}
	c.Runtime = x.runtime(w, raw, name)
	c.StartCPU = x.history(tableStartCPU, k)
	return c
}

// runtime are the figures of a container's language runtime. Series that name
// no container are those of the only one there is.
func (x *collection) runtime(w, raw recommender.Workload, name string) map[string]forecaster.Series {
	var out map[string]forecaster.Series
	for _, spec := range x.catalog.Signals {
		if spec.Role != RoleRuntime {
			continue
		}
		for _, a := range spec.Aliases {
			s := x.history(aliasTable(spec, a), key{w, name})
			if s.Observed() == 0 && len(x.now.containers[raw]) == 1 {
				s = x.history(aliasTable(spec, a), key{workload: w})
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

// events counts what several sources saw. Within one step they saw the same
// events, so the source that saw most counts. The times are the ends of the
// first and of the last step with any.
func events(sources ...forecaster.Series) (total int, first, last time.Time) {
	longest := slices.MaxFunc(sources, func(a, b forecaster.Series) int { return cmp.Compare(a.Len(), b.Len()) })
	for i := range longest.Len() {
		most := 0.0
		for _, s := range sources {
			if i < s.Len() && s.Values[i] > most {
				most = s.Values[i]
			}
		}
		if n := int(math.Round(most)); n > 0 {
			total += n
			last = longest.Time(i)
			if first.IsZero() {
				first = last
			}
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
func (x *collection) signals(w recommender.Workload) []Signal {
	var out []Signal
	for _, spec := range x.catalog.Signals {
		if spec.Role == RoleRuntime || spec.Role == RoleDurations {
			continue
		}
		for _, a := range spec.Aliases {
			s := x.history(aliasTable(spec, a), key{workload: w})
			if s.Observed() > 0 {
				out = append(out, Signal{Name: spec.Name, Unit: spec.Unit, Role: spec.Role, Coarse: a.Coarse, Series: s})
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
