package collector

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Names of the tables.
const (
	tableCPU           = "cpu"
	tableCPUMaxPod     = "cpu_max_pod"
	tableMemory        = "memory"
	tableThrottled     = "throttled"
	tableRestarts      = "restarts"
	tableOOMRestarts   = "oom_restarts"
	tableOOMEvents     = "oom_events"
	tableOOMTerminated = "oom_terminated"
	tableOOMLimits     = "oom_limits"
	tableDesired       = "desired"
	tableReady         = "ready"
	tablePods          = "pods"
	tablePodsReady     = "pods_ready"
	tableStartup       = "startup"
	tableStartCPU      = "start_cpu"
	tableRuns          = "runs"
)

// history is one signal that is read for all workloads.
type history struct {
	name, what string
	// needs is the metric without which the query would be empty; empty where
	// its absence at most times says nothing.
	needs    string
	required bool
	kind     kind
	merge    merge
	weight   weight
	// expr is the query for a point that tells of a span of time before it.
	expr func(s scope, span time.Duration) string
}

// groups are the sets of namespaces that the history is read by.
func (h history) groups(groups []group) []group {
	if h.weight.raw > 0 {
		return groups
	}
	perOwner := slices.Clone(groups)
	for i := range perOwner {
		perOwner[i].load = perOwner[i].load.perOwner()
	}
	return perOwner
}

// histories lists what is read besides the catalogue.
func (x *collection) histories() []history {
	allPods := x.found.series["kube_deployment_spec_replicas"] == 0
	const restarts = "kube_pod_container_status_restarts_total"
	return []history{
		{tableCPU, "CPU usage", "container_cpu_usage_seconds_total", true, onFine, mergeSum, weightUsage(), func(s scope, _ time.Duration) string { return s.cpu("sum") }},
		{tableCPUMaxPod, "CPU usage of the largest pod", "container_cpu_usage_seconds_total", false, onFine, mergeMax, weightUsage(), func(s scope, _ time.Duration) string { return s.cpu("max") }},
		{tableMemory, "memory usage", "container_memory_working_set_bytes", true, onFine, mergeMax, weightUsage(), scope.memory},
		{tableThrottled, "throttling", "container_cpu_cfs_periods_total", false, onFine, mergeMax, weightUsage(), func(s scope, _ time.Duration) string { return s.throttled() }},
		{tableRestarts, "restarts", restarts, false, onEvents, mergeSum, weightGrowth(), scope.restarts},
		{tableOOMRestarts, "OOM kills", restarts, false, onEvents, mergeSum, weightGrowth(), scope.oomRestarts},
		{tableOOMEvents, "OOM events", "container_oom_events_total", false, onEvents, mergeSum, weightGrowth(), scope.oomEvents},
		{tableOOMTerminated, "OOM kills of finished containers", "", false, onEvents, mergeSum, weightUsage(), scope.oomTerminated},
		{tableOOMLimits, "memory limits at OOM kills", "kube_pod_container_resource_limits", false, onEvents, mergeMax, weightGrowth(), scope.oomLimits},
		{tableDesired, "desired replicas", "kube_deployment_spec_replicas", false, onFine, mergeSum, weightReplicas(), func(s scope, _ time.Duration) string {
			return s.replicas("kube_deployment_spec_replicas", "kube_statefulset_replicas", "kube_daemonset_status_desired_number_scheduled", "kube_replicaset_spec_replicas")
		}},
		{tableReady, "ready replicas", "kube_deployment_spec_replicas", false, onFine, mergeSum, weightReplicas(), func(s scope, _ time.Duration) string {
			return s.replicas("kube_deployment_status_replicas_ready", "kube_statefulset_status_replicas_ready", "kube_daemonset_status_number_ready", "kube_replicaset_status_ready_replicas")
		}},
		{tablePods, "pods", "kube_pod_status_phase", false, onFine, mergeSum, weightPods(), func(s scope, _ time.Duration) string {
			return s.pods("kube_pod_status_phase", matcher{"phase", "=~", "Pending|Running"}, allPods)
		}},
		{tablePodsReady, "ready pods", "kube_pod_status_ready", false, onFine, mergeSum, weightPods(), func(s scope, _ time.Duration) string {
			return s.pods("kube_pod_status_ready", equal("condition", "true"), allPods)
		}},
		{tableStartup, "start-up times", "kube_pod_status_ready_time", false, onCoarse, mergeMax, weightPods(), scope.startup},
		{tableStartCPU, "CPU at start", "container_start_time_seconds", false, onStarts, mergeMax, weightGrowth(), func(s scope, _ time.Duration) string { return s.startCPU() }},
	}
}

// there says whether a metric is there at all.
func (x *collection) there(h history) bool { return h.needs == "" || x.found.series[h.needs] > 0 }

// signalTasks are the range queries of the window under way for everything that
// is there and wanted.
func (x *collection) signalTasks(wanted func(table string) bool) []task {
	var tasks []task
	for _, h := range x.histories() {
		g := x.grids.of(h.kind).within(x.under)
		if g.n == 0 || !x.there(h) || !wanted(h.name) {
			continue
		}
		t := newTable(h.kind, g, h.merge)
		x.tables[h.name] = t
		tasks = append(tasks, x.ranges(task{
			signal: h.name, table: h.name, required: h.required, call: call{what: h.what, partial: x.partialAnswer(h.name)},
			series: func(m model.Matrix) { x.store(h.name, t, m) },
		}, g, h.groups(x.groups), h.weight, func(s scope) string { return h.expr(s, x.grids.of(h.kind).step) })...)
	}
	if wanted(tableRuns) {
		tasks = append(tasks, x.runTasks(x.grids.coarse.within(x.under))...)
	}
	for _, spec := range x.catalog.Signals {
		for _, a := range spec.Aliases {
			if name := aliasTable(spec, a); wanted(name) && !x.refused[name] && x.found.series[a.id()] > 0 {
				tasks = append(tasks, x.aliasTasks(spec, a)...)
			}
		}
	}
	return tasks
}

// restTasks are the instant queries for the time after the newest points.
func (x *collection) restTasks() []task {
	var tasks []task
	for _, h := range x.histories() {
		g, ok := x.grids.rest(h.kind)
		if !ok || !x.there(h) {
			continue
		}
		t := newTable(h.kind, g, h.merge)
		x.rest[h.name] = t
		for _, gr := range h.groups(x.groups) {
			tasks = append(tasks, task{
				signal: h.name, call: call{what: h.what + " of late", expr: h.expr(x.scope.in(gr.namespaces), g.step), end: g.end},
				vector: func(v model.Vector) { x.store(h.name, t, matrixOf(v)) },
			})
		}
	}
	if g, ok := x.grids.rest(onCoarse); ok {
		tasks = append(tasks, x.runTasks(g)...)
	}
	return append(tasks, x.durationTasks()...)
}

// matrixOf makes series of one value of an instant answer.
func matrixOf(v model.Vector) model.Matrix {
	m := make(model.Matrix, len(v))
	for i, s := range v {
		m[i] = &model.SampleStream{Metric: s.Metric, Values: []model.SamplePair{{Timestamp: s.Timestamp, Value: s.Value}}}
	}
	slices.SortFunc(m, func(a, b *model.SampleStream) int { return cmp.Compare(a.Metric.String(), b.Metric.String()) })
	return m
}

// load is that of a metric of the catalogue.
func (x *collection) load(spec signalSpec, a aliasSpec) load {
	var l load
	for _, g := range x.groups {
		l = l.add(g.load)
	}
	if spec.Role != RoleRuntime {
		l = l.perOwner()
	}
	l.raw = x.found.series[a.id()]
	return l
}

// refuse finds the metrics whose whole history would take more queries than are
// left for the catalogue.
func (x *collection) refuse() {
	x.refused = map[string]bool{}
	left := maxSignalQueries
	for _, spec := range x.catalog.Signals {
		for _, a := range spec.Aliases {
			n := x.found.series[a.id()]
			if n == 0 {
				continue
			}
			spans := len(x.budget.spans(x.grids.fine.n, x.load(spec, a), weightSignal()))
			if spans > left {
				x.refused[aliasTable(spec, a)] = true
				x.run.fact(recommender.FactMissing, spec.Name, "%s has %d series and would take %d queries, more than are left for signals; narrow the namespaces", a.Metric, n, spans)
				continue
			}
			left -= spans
		}
	}
}

// aliasTasks are the queries of one metric of the catalogue.
func (x *collection) aliasTasks(spec signalSpec, a aliasSpec) []task {
	m, k := mergeSum, onFine
	if spec.Pods == "max" {
		m = mergeMax
	}
	if spec.Role == RoleRuntime {
		k = onEvents
	}
	g := x.grids.of(k).within(x.under)
	if g.n == 0 {
		return nil
	}
	name := aliasTable(spec, a)
	t := newTable(k, g, m)
	x.tables[name] = t
	return x.ranges(task{
		signal: spec.Name, table: name, call: call{what: spec.Name + " from " + a.Metric, partial: x.partialAnswer(name)},
		series: func(m model.Matrix) { x.store(spec.Name, t, m) },
	}, g, []group{{load: x.load(spec, a)}}, weightSignal(), func(s scope) string {
		return x.catalog.signal(s, spec, a, promDuration(x.grids.of(k).step))
	})
}

// aliasTable is the name of the table of an alias.
func aliasTable(spec signalSpec, a aliasSpec) string { return spec.Name + "/" + a.id() }

// store puts an answer into its table, under the top-most controllers.
func (x *collection) store(signal string, t *table, matrix model.Matrix) {
	var dropped counts
	for _, s := range matrix {
		w, ok := x.controller(s.Metric)
		if !ok {
			w = x.owners.of(s.Metric)
		}
		w = x.owners.resolve(w)
		if w.Name == "" || !x.wanted(w) {
			continue
		}
		c := t.add(key{w, string(s.Metric["container"])}, s.Values)
		dropped.invalid += c.invalid
		dropped.future += c.future
	}
	x.run.dropped(signal, dropped.invalid, dropped.future)
}

// checkUsage fails where there is no usage at all.
func (x *collection) checkUsage() error {
	for _, m := range []struct{ table, metric, why string }{
		{tableCPU, "container_cpu_usage_seconds_total", fmt.Sprintf("a rate needs two samples within %s (--rate-window)", x.scope.window)},
		{tableMemory, "container_memory_working_set_bytes", "there is none within the history"},
	} {
		if x.holds(m.table) {
			continue
		}
		cluster := ""
		if x.scope.cluster != "" {
			cluster = fmt.Sprintf(", or cAdvisor's series have another label %s than those of kube-state-metrics", x.scope.cluster)
		}
		return fmt.Errorf("%s has %d series of %s, but none that belongs to a pod of kube_pod_owner: %s%s",
			x.Source(), x.found.series[m.metric], m.metric, m.why, cluster)
	}
	return nil
}

// holds says whether there is any series of a table.
func (a *Archive) holds(table string) bool {
	for _, volumes := range a.shelf {
		for _, v := range volumes {
			if v.table == table {
				return true
			}
		}
	}
	return false
}
