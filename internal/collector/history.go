package collector

import (
	"fmt"
	"maps"
	"slices"

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
)

// history is one signal that is read for all workloads.
type history struct {
	name, what string
	// needs is the metric without which the query would be empty; empty where
	// its absence at most times says nothing.
	needs    string
	required bool
	grid     grid
	merge    merge
	weight   weight
	expr     func(scope) string
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
	f, e := x.fine, x.events
	allPods := x.found.series["kube_deployment_spec_replicas"] == 0
	return []history{
		{tableCPU, "CPU usage", "container_cpu_usage_seconds_total", true, f, mergeSum, weightUsage(), func(s scope) string { return s.cpu("sum") }},
		{tableCPUMaxPod, "CPU usage of the largest pod", "container_cpu_usage_seconds_total", false, f, mergeMax, weightUsage(), func(s scope) string { return s.cpu("max") }},
		{tableMemory, "memory usage", "container_memory_working_set_bytes", true, f, mergeMax, weightUsage(), func(s scope) string { return s.memory(f.step) }},
		{tableThrottled, "throttling", "container_cpu_cfs_periods_total", false, f, mergeMax, weightUsage(), scope.throttled},
		{tableRestarts, "restarts", "kube_pod_container_status_restarts_total", false, e, mergeSum, weightGrowth(), func(s scope) string { return s.restarts(e.step) }},
		{tableOOMRestarts, "OOM kills", "kube_pod_container_status_restarts_total", false, e, mergeSum, weightGrowth(), func(s scope) string { return s.oomRestarts(e.step) }},
		{tableOOMEvents, "OOM events", "container_oom_events_total", false, e, mergeSum, weightGrowth(), func(s scope) string { return s.oomEvents(e.step) }},
		{tableOOMTerminated, "OOM kills of finished containers", "", false, e, mergeSum, weightUsage(), func(s scope) string { return s.oomTerminated(e.step) }},
		{tableOOMLimits, "memory limits at OOM kills", "kube_pod_container_resource_limits", false, e, mergeMax, weightGrowth(), func(s scope) string { return s.oomLimits(e.step) }},
		{tableDesired, "desired replicas", "kube_deployment_spec_replicas", false, f, mergeSum, weightReplicas(), func(s scope) string {
			return s.replicas("kube_deployment_spec_replicas", "kube_statefulset_replicas", "kube_daemonset_status_desired_number_scheduled", "kube_replicaset_spec_replicas")
		}},
		{tableReady, "ready replicas", "kube_deployment_spec_replicas", false, f, mergeSum, weightReplicas(), func(s scope) string {
			return s.replicas("kube_deployment_status_replicas_ready", "kube_statefulset_status_replicas_ready", "kube_daemonset_status_number_ready", "kube_replicaset_status_ready_replicas")
		}},
		{tablePods, "pods", "kube_pod_status_phase", false, f, mergeSum, weightPods(), func(s scope) string {
			return s.pods("kube_pod_status_phase", matcher{"phase", "=~", "Pending|Running"}, allPods)
		}},
		{tablePodsReady, "ready pods", "kube_pod_status_ready", false, f, mergeSum, weightPods(), func(s scope) string {
			return s.pods("kube_pod_status_ready", equal("condition", "true"), allPods)
		}},
		{tableStartup, "start-up times", "kube_pod_status_ready_time", false, x.coarse, mergeMax, weightPods(), func(s scope) string { return s.startup(x.coarse.step) }},
		{tableStartCPU, "CPU at start", "container_start_time_seconds", false, x.starts, mergeMax, weightGrowth(), scope.startCPU},
	}
}

// signalTasks are the range queries for everything that is there.
func (x *collection) signalTasks() []task {
	var tasks []task
	for _, h := range x.histories() {
		if h.needs != "" && x.found.series[h.needs] == 0 {
			continue
		}
		t := newTable(h.grid, h.merge)
		x.tables[h.name] = t
		tasks = append(tasks, x.ranges(task{
			signal: h.name, required: h.required, call: call{what: h.what},
			series: func(m model.Matrix) { x.store(h.name, t, m) },
		}, h.grid, h.groups(x.groups), h.weight, h.expr)...)
	}
	tasks = append(tasks, x.runTasks()...)
	tasks = append(tasks, x.durationTasks()...)
	left := maxSignalQueries
	for _, spec := range x.catalog.Signals {
		if spec.Role == RoleDurations {
			continue
		}
		for _, a := range spec.Aliases {
			some := x.aliasTasks(spec, a, left)
			left -= len(some)
			tasks = append(tasks, some...)
		}
	}
	return tasks
}

// aliasTasks are the queries of one metric of the catalogue: none where it
// would take more than are left.
func (x *collection) aliasTasks(spec signalSpec, a aliasSpec, left int) []task {
	n := x.found.series[a.id()]
	if n == 0 {
		return nil
	}
	var l load
	for _, g := range x.groups {
		l = l.add(g.load)
	}
	if spec.Role != RoleRuntime {
		l = l.perOwner()
	}
	l.raw = n
	name := aliasTable(spec, a)
	if spans := x.budget.spans(x.fine.n, l, weightSignal()); len(spans) > left {
		x.run.fact(recommender.FactMissing, spec.Name, "%s has %d series and would take %d queries, more than are left for signals; narrow the namespaces", a.Metric, n, len(spans))
		return nil
	}
	m := mergeSum
	if spec.Pods == "max" {
		m = mergeMax
	}
	g := x.fine
	if spec.Role == RoleRuntime {
		g = x.events
	}
	t := newTable(g, m)
	x.tables[name] = t
	return x.ranges(task{
		signal: spec.Name, call: call{what: spec.Name + " from " + a.Metric},
		series: func(m model.Matrix) { x.store(spec.Name, t, m) },
	}, g, []group{{load: l}}, weightSignal(), func(s scope) string { return x.catalog.signal(s, spec, a, promDuration(g.step)) })
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

// checkUsage fails where there is no usage at all, and turns the failures of
// optional signals into facts.
func (x *collection) checkUsage() error {
	for _, m := range []struct{ table, metric, why string }{
		{tableCPU, "container_cpu_usage_seconds_total", fmt.Sprintf("a rate needs two samples within %s (--rate-window)", x.scope.window)},
		{tableMemory, "container_memory_working_set_bytes", "there is none within the history"},
	} {
		if len(x.tables[m.table].values) > 0 {
			continue
		}
		cluster := ""
		if x.scope.cluster != "" {
			cluster = fmt.Sprintf(", or cAdvisor's series have another label %s than those of kube-state-metrics", x.scope.cluster)
		}
		return fmt.Errorf("%s has %d series of %s, but none that belongs to a pod of kube_pod_owner: %s%s",
			x.Source(), x.found.series[m.metric], m.metric, m.why, cluster)
	}
	for _, signal := range slices.Sorted(maps.Keys(x.failed)) {
		code := recommender.FactMissing
		if x.partial[signal] && x.tables[signal] != nil { // Not for the catalogue: a gap in demand is a gap.
			code = recommender.FactPartial
		}
		x.run.fact(code, signal, "%v", x.failed[signal])
	}
	return nil
}
