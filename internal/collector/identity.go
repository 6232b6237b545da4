package collector

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/recommender"
)

// identityTasks ask who is there: owners of owners over what is read, and what
// the newest pods look like.
func (x *collection) identityTasks() []task {
	s, window, end := x.scope, x.lately(), x.grids.fine.end
	var tasks []task
	for _, o := range []struct {
		metric, kind string
		label        model.LabelName
	}{{"kube_replicaset_owner", "ReplicaSet", "replicaset"}, {"kube_job_owner", "Job", "job_name"}} {
		if x.found.series[o.metric] == 0 {
			continue
		}
		t := task{
			signal: o.metric, required: true, call: call{what: "owners of " + o.kind + "s"},
			series: func(m model.Matrix) { x.owners.learn(o.kind, o.label, m) },
		}
		tasks = append(tasks, x.ranges(t, newGrid(end, window, max(window, x.span)), x.scaled(x.found.series[o.metric]), weight{2, 0},
			func(s scope) string { return s.ownersOf(o.metric, string(o.label), window) })...)
	}
	instant := func(signal, what, expr string, use func(*model.Sample)) {
		tasks = append(tasks, task{
			signal: signal, call: call{what: what, expr: expr, end: end},
			vector: func(v model.Vector) {
				x.fresh.mu.Lock()
				defer x.fresh.mu.Unlock()
				for _, sample := range v {
					use(sample)
				}
			},
		})
	}
	instant("existing", "the controllers", s.existing(recently), x.noteExisting)
	instant("kube_pod_created", "the newest pods", s.newest(window), func(sample *model.Sample) {
		p := x.fresh.pod(x.owners.of(sample.Metric))
		p.name, p.created = string(sample.Metric["pod"]), time.Unix(int64(sample.Value), 0)
	})
	instant("kube_pod_container_info", "the containers", s.ofNewest("info", window, nil), func(sample *model.Sample) {
		t := x.fresh.pod(x.owners.of(sample.Metric)).container(string(sample.Metric["container"]))
		t.listed, t.sidecar = true, t.sidecar || sample.Metric[labelSidecar] != ""
	})
	resources := matcher{"resource", "=~", "cpu|memory|nvidia_com_gpu|amd_com_gpu|gpu_intel_com_i915|gpu_intel_com_xe"}
	for what, into := range map[string]func(*template) *recommender.Resources{
		"requests": func(t *template) *recommender.Resources { return &t.requests },
		"limits":   func(t *template) *recommender.Resources { return &t.limits },
	} {
		expr := s.ofNewest("resource_"+what, window, []matcher{resources}, "resource")
		instant("kube_pod_container_resource_"+what, what, expr, func(sample *model.Sample) {
			t := x.fresh.pod(x.owners.of(sample.Metric)).container(string(sample.Metric["container"]))
			t.amount(into(t), sample.Metric["resource"], float64(sample.Value))
		})
	}
	instant("page_cache", "memory with page cache", s.usageWithCache(recently), func(sample *model.Sample) {
		x.fresh.cached[key{x.owners.of(sample.Metric), string(sample.Metric["container"])}] = float64(sample.Value)
	})
	if window == x.grids.coarse.step {
		instant("kube_pod_created", "when the newest pods were seen", s.lastSeen(window, x.grids.fine.step), x.noteSeen)
	}
	return append(tasks, x.selectorTasks()...)
}

// noteSeen notes when a pod was seen last: within the step after the newest
// point of the grid at which it was still there.
func (x *collection) noteSeen(sample *model.Sample) {
	step := x.grids.fine.step
	at := time.UnixMilli(int64(math.Round(float64(sample.Value) * 1000))).Add(step - 1).UTC().Truncate(step).Add(step)
	if at.Before(x.grids.fine.end) {
		x.fresh.pod(x.owners.of(sample.Metric)).seen = at
	}
}

func (x *collection) noteExisting(sample *model.Sample) {
	if w, ok := x.controller(sample.Metric); ok {
		x.owners.exists(w, x.grids.fine.end)
		x.fresh.existing[w] = true
	}
}

// controller reads a workload from a series that kube-state-metrics has about
// the controller itself.
func (x *collection) controller(m model.Metric) (recommender.Workload, bool) {
	for _, k := range []struct {
		label model.LabelName
		kind  model.LabelValue
	}{
		{"deployment", "Deployment"},
		{"statefulset", "StatefulSet"},
		{"daemonset", "DaemonSet"},
		{"replicaset", "ReplicaSet"},
		{"cronjob", "CronJob"},
	} {
		if name := m[k.label]; name != "" {
			return x.owners.id(m, k.kind, name), true
		}
	}
	return recommender.Workload{}, false
}

// selectorTasks ask which owners have pods with the labels of the selector.
func (x *collection) selectorTasks() []task {
	requirements, err := parseSelector(x.cfg.Selector)
	if err != nil || len(requirements) == 0 {
		return nil // Validate has seen it.
	}
	var ms, present []matcher
	for _, r := range requirements {
		ms = append(ms, r.matcher())
		present = append(present, notEqual(labelSeries(r.key), ""))
	}
	s, window := x.scope, x.grids.coarse.step
	x.fresh.selected = map[recommender.Workload]bool{}
	one := fmt.Sprintf("max by (%s) (last_over_time(%s[%s]))", s.pod(), s.state("kube_pod_labels", ms...), promDuration(window))
	tasks := []task{{
		signal: "kube_pod_labels", required: true,
		call: call{what: "pods by their labels", expr: s.perOwner("max", one, s.owners(window)), end: x.grids.fine.end},
		vector: func(v model.Vector) {
			x.fresh.mu.Lock()
			defer x.fresh.mu.Unlock()
			for _, sample := range v {
				x.fresh.selected[x.owners.of(sample.Metric)] = true
			}
		},
	}}
	var exported []string
	for i, p := range present {
		exported = append(exported, fmt.Sprintf(`label_replace(count(last_over_time(%s[%s])), "key", "%d", "", "")`,
			s.state("kube_pod_labels", p), promDuration(window), i))
	}
	return append(tasks, task{
		signal: "kube_pod_labels", required: true,
		call: call{what: "exported labels", expr: strings.Join(exported, " or "), end: x.grids.fine.end},
		vector: func(v model.Vector) {
			seen := map[string]bool{}
			for _, sample := range v {
				seen[string(sample.Metric["key"])] = true
			}
			for i, r := range requirements {
				if !seen[strconv.Itoa(i)] {
					x.noteUnexported(r)
				}
			}
		},
	})
}

func (x *collection) noteUnexported(r requirement) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failed["selector"] = fmt.Errorf("selector %q: no series of kube_pod_labels has the label %s: "+
		"start kube-state-metrics with --metric-labels-allowlist=pods=[%s], or check the key", x.cfg.Selector, labelSeries(r.key), r.key)
}

// narrow applies the selector once the owners are known: to whole workloads,
// older ReplicaSets included, and to the namespaces that are read.
func (x *collection) narrow() error {
	if x.fresh.selected == nil {
		return nil
	}
	if err := x.failed["selector"]; err != nil {
		return err
	}
	selected, namespaces := map[recommender.Workload]bool{}, map[string]bool{}
	for raw := range x.fresh.selected {
		w := x.owners.resolve(raw)
		selected[w] = true
		namespaces[w.Namespace] = true
	}
	if len(selected) == 0 {
		return fmt.Errorf("selector %q selects no pod that ran in the %s before %s", x.cfg.Selector, x.grids.coarse.step, x.grids.fine.end.Format(time.RFC3339))
	}
	x.fresh.selected = selected
	only := oneOf("namespace", slices.Sorted(maps.Keys(namespaces)))
	x.scope.common = x.scope.common.and(only)
	var loads []namespaceLoad
	for _, l := range x.found.loads {
		if namespaces[l.name] {
			loads = append(loads, l)
		}
	}
	x.groups = x.budget.groups(loads, weightUsage(), x.day())
	return nil
}

// wanted says whether a workload is to be read.
func (x *collection) wanted(w recommender.Workload) bool {
	return x.fresh.selected == nil || x.fresh.selected[w]
}
