package collector

import (
	"fmt"
	"strings"
	"time"
)

// scope is what every selector of a collection has in common.
type scope struct {
	// cluster is the label that tells clusters apart, empty for none.
	cluster string
	// common holds the user's matchers and the cluster's name; ksm and
	// cadvisor those of the preset.
	common, ksm, cadvisor matchers
	// namespaces restricts to a set; nil means all.
	namespaces matchers
	// window is that of rates and of whose a pod is; recent, where set, is that
	// of rates alone.
	window, recent time.Duration
	// before is how far back of a window the value of a counter before it is
	// looked for; zero means as long as the window.
	before time.Duration
	// sidecars says that there are init containers that keep running.
	sidecars bool
}

// in returns the scope restricted to a set of namespaces.
func (s scope) in(namespaces matchers) scope {
	s.namespaces = namespaces
	return s
}

// by lists labels for by, on and the like, led by the cluster.
func (s scope) by(labels ...string) string {
	if s.cluster != "" {
		labels = append([]string{s.cluster}, labels...)
	}
	return strings.Join(labels, ",")
}

// pod and owner are the identities of a pod and of what controls it.
func (s scope) pod() string { return s.by("namespace", "pod") }

func (s scope) container() string { return s.by("namespace", "pod", "container") }

func (s scope) owner(extra ...string) string {
	return s.by(append([]string{"namespace", "owner_kind", "owner_name"}, extra...)...)
}

// state selects series of kube-state-metrics, usage those of cAdvisor.
func (s scope) state(metric string, extra ...matcher) string {
	return metric + "{" + s.ksm.and(s.common...).and(s.namespaces...).and(extra...).String() + "}"
}

func (s scope) usage(metric string) string {
	// Series without a container are of the pod's cgroup, those of POD of its
	// sandbox: both would count twice.
	return metric + "{" + s.cadvisor.and(s.common...).and(s.namespaces...).
		and(notEqual("container", ""), notEqual("container", "POD")).String() + "}"
}

// owners has one series of value 1 for each pod that was seen within the
// window, with the kind and name of its controller; pods without one are their
// own owner, of kind Pod. Pods that the kubelet itself controls are left out.
// There is one series for a pod whatever happens, since two would fail the
// whole query: several kube-state-metrics, and pods of one name that follow
// each other, are folded.
func (s scope) owners(window time.Duration, extra ...matcher) string {
	owned := s.state("kube_pod_owner", append([]matcher{equal("owner_is_controller", "true"), notEqual("owner_kind", "Node")}, extra...)...)
	bare := s.state("kube_pod_owner", append([]matcher{{"owner_kind", "=~", "|<none>"}}, extra...)...)
	w := promDuration(window)
	return fmt.Sprintf(`topk by (%[1]s) (1, max by (%[2]s) (max_over_time(%[3]s[%[5]s])) or `+
		`label_replace(label_replace(max by (%[1]s) (max_over_time(%[4]s[%[5]s])), "owner_name", "$1", "pod", "(.*)"), "owner_kind", "Pod", "pod", ".*"))`,
		s.pod(), s.owner("pod"), owned, bare, w)
}

// perOwner joins series that have the labels of a pod with its owner and
// aggregates them to one for each owner and, where asked for, container.
func (s scope) perOwner(agg, inner, owners string, extra ...string) string {
	return fmt.Sprintf("%s by (%s) (%s * on (%s) group_left (owner_kind,owner_name) %s)", agg, s.owner(extra...), inner, s.pod(), owners)
}

// rates is the window of rates.
func (s scope) rates() string {
	if s.recent > 0 {
		return promDuration(s.recent)
	}
	return promDuration(s.window)
}

// rate is the rate of a cAdvisor counter for each container. Two scrapes of
// one cAdvisor, and two runs of one container, count once.
func (s scope) rate(metric string) string {
	return fmt.Sprintf("max by (%s) (rate(%s[%s]))", s.container(), s.usage(metric), s.rates())
}

func (s scope) cpu(agg string) string {
	return s.perOwner(agg, s.rate("container_cpu_usage_seconds_total"), s.owners(s.window), "container")
}

// memory is the peak within each step, so that what happens between two points
// is not lost.
func (s scope) memory(step time.Duration) string {
	peak := fmt.Sprintf("max by (%s) (max_over_time(%s[%s]))", s.container(), s.usage("container_memory_working_set_bytes"), promDuration(step))
	return s.perOwner("max", peak, s.owners(max(step, s.window)), "container")
}

func (s scope) throttled() string {
	owners := s.owners(s.window)
	return fmt.Sprintf("%s / (%s > 0)",
		s.perOwner("sum", s.rate("container_cpu_cfs_throttled_periods_total"), owners, "container"),
		s.perOwner("sum", s.rate("container_cpu_cfs_periods_total"), owners, "container"))
}

// over applies a function over a window, which ended offset ago, to the series
// of containers, folded to one for each. They may have several names: their
// containers differ.
func (s scope) over(function string, selectors []string, window, offset time.Duration) string {
	back := ""
	if offset > 0 {
		back = " offset " + promDuration(offset)
	}
	parts := make([]string, len(selectors))
	for i, selector := range selectors {
		parts[i] = fmt.Sprintf("%s(%s[%s]%s)", function, selector, promDuration(window), back)
	}
	return fmt.Sprintf("max by (%s) (%s)", s.container(), strings.Join(parts, " or "))
}

// growth is by how much a counter of containers grew within the window. Unlike
// increase it neither extrapolates nor loses what happens between the last
// sample of one window and the first of the next; a counter that is not there
// in the window before starts from its smallest value.
func (s scope) growth(selectors []string, window time.Duration) string {
	return fmt.Sprintf("clamp_min(%s - (%s or %s), 0)", s.over("max_over_time", selectors, window, 0),
		s.over("max_over_time", selectors, max(window, s.before), window), s.over("min_over_time", selectors, window, 0))
}

// statuses selects series of kube_pod_container_status_… of containers and,
// where there are sidecars, of init containers.
func (s scope) statuses(what string, extra ...matcher) []string {
	out := []string{s.state("kube_pod_container_status_"+what, extra...)}
	if s.sidecars {
		out = append(out, s.state("kube_pod_init_container_status_"+what, extra...))
	}
	return out
}

func (s scope) restarts(window time.Duration) string {
	return s.perOwner("sum", s.growth(s.statuses("restarts_total"), window), s.owners(window), "container") + " > 0"
}

// oomRestarts counts restarts after which the last termination was for want of
// memory.
func (s scope) oomRestarts(window time.Duration) string {
	killed := fmt.Sprintf("(%s and on (%s) max by (%[2]s) (%s) == 1)", s.growth(s.statuses("restarts_total"), window), s.container(),
		strings.Join(s.statuses("last_terminated_reason", equal("reason", "OOMKilled")), " or "))
	return s.perOwner("sum", killed, s.owners(window), "container") + " > 0"
}

// oomLimits are the memory limits of containers that were killed for want of
// memory within the window, as they were before anybody raised them.
func (s scope) oomLimits(window time.Duration) string {
	memory := equal("resource", "memory")
	selectors := []string{s.state("kube_pod_container_resource_limits", memory)}
	if s.sidecars {
		selectors = append(selectors, s.state("kube_pod_init_container_resource_limits", memory))
	}
	at := fmt.Sprintf("(%s and on (%s) (%s > 0) and on (%[2]s) max by (%[2]s) (%s) == 1)",
		s.over("min_over_time", selectors, window, 0), s.container(), s.growth(s.statuses("restarts_total"), window),
		strings.Join(s.statuses("last_terminated_reason", equal("reason", "OOMKilled")), " or "))
	return s.perOwner("max", at, s.owners(window), "container")
}

// usageWithCache is the most memory that containers used within the window,
// page cache included.
func (s scope) usageWithCache(window time.Duration) string {
	return s.perOwner("max", s.over("max_over_time", []string{s.usage("container_memory_usage_bytes")}, window, 0), s.owners(window), "container")
}

// oomEvents counts what the kernel reported.
func (s scope) oomEvents(window time.Duration) string {
	return s.perOwner("sum", s.growth([]string{s.usage("container_oom_events_total")}, window), s.owners(window), "container") + " > 0"
}

// oomTerminated counts containers that ended for want of memory and were not
// restarted, such as those of jobs.
func (s scope) oomTerminated(window time.Duration) string {
	selectors := s.statuses("terminated_reason", equal("reason", "OOMKilled"))
	ended := fmt.Sprintf("(%s == 1 unless on (%s) %s == 1)",
		s.over("max_over_time", selectors, window, 0), s.container(), s.over("max_over_time", selectors, window, window))
	return s.perOwner("sum", ended, s.owners(window), "container")
}

// replicas is a number of pods that the controllers themselves report, with
// the label deployment, statefulset, daemonset or replicaset. ReplicaSets of
// Deployments are left out, as the Deployment says the same.
func (s scope) replicas(deployment, statefulSet, daemonSet, replicaSet string) string {
	parts := []string{
		s.maxBy(deployment, "deployment"), s.maxBy(statefulSet, "statefulset"), s.maxBy(daemonSet, "daemonset"),
		fmt.Sprintf("(%s unless on (%s) %s)", s.maxBy(replicaSet, "replicaset"), s.by("namespace", "replicaset"),
			s.state("kube_replicaset_owner", equal("owner_kind", "Deployment"))),
	}
	return strings.Join(parts, " or ")
}

func (s scope) maxBy(metric, label string) string {
	return fmt.Sprintf("max by (%s) (%s)", s.by("namespace", label), s.state(metric, notEqual(label, "")))
}

// pods counts pods for controllers that report no numbers of their own, or for
// all.
func (s scope) pods(metric string, which matcher, all bool) string {
	var extra []matcher
	if !all {
		extra = []matcher{{"owner_kind", "!~", "ReplicaSet|StatefulSet|DaemonSet"}}
	}
	one := fmt.Sprintf("max by (%s) (%s)", s.pod(), s.state(metric, which))
	return s.perOwner("sum", one, s.owners(s.window, extra...))
}

// startup is the 0.9 quantile of the time to readiness of the pods that were
// created within the window. The smallest time of readiness is the first.
func (s scope) startup(window time.Duration) string {
	w := promDuration(window)
	took := fmt.Sprintf("((max by (%[1]s) (min_over_time(%[2]s[%[4]s])) - (max by (%[1]s) (max_over_time(%[3]s[%[4]s])) > (time() - %[5]d))) >= 0)",
		s.pod(), s.state("kube_pod_status_ready_time"), s.state("kube_pod_created"), w, int64(window.Seconds()))
	return s.perOwner("quantile", "0.9, "+took, s.owners(window))
}

// ownersOf lists who controls objects of a kind over the window.
func (s scope) ownersOf(metric, label string, window time.Duration) string {
	return fmt.Sprintf("max by (%s) (max_over_time(%s[%s]))", s.owner(label),
		s.state(metric, notEqual(label, ""), matcher{"owner_kind", "!~", "|<none>"}, notEqual("owner_is_controller", "false")), promDuration(window))
}

// newest has the newest pod of each owner with the time of its creation.
func (s scope) newest(window time.Duration) string {
	return fmt.Sprintf("topk by (%[1]s) (1, max by (%[2]s) (last_over_time(%[3]s[%[4]s])) * on (%[2]s) group_left (owner_kind,owner_name) %[5]s)",
		s.owner(), s.pod(), s.state("kube_pod_created"), promDuration(window), s.owners(window))
}

// lastSeen is when the newest pod of each owner was last seen, at the points of
// a grid.
func (s scope) lastSeen(window, step time.Duration) string {
	return fmt.Sprintf("max by (%s) (max_over_time(timestamp(%s)[%s:%s])) * on (%[1]s) group_left (owner_kind,owner_name) (%[5]s * 0 + 1)",
		s.pod(), s.state("kube_pod_created"), promDuration(window), promDuration(step), s.newest(window))
}

// labelSidecar marks containers of the newest pods that are sidecars.
const labelSidecar = "sidecar"

// ofNewest is a value of the containers of the newest pod of each owner: the
// metric is kube_pod_container_ and what. Native sidecars, init containers that
// keep running, are among them; kube-state-metrics has them, like any init
// container, under names of their own, and tells which they are by one metric.
func (s scope) ofNewest(what string, window time.Duration, extra []matcher, labels ...string) string {
	w := promDuration(window)
	all := fmt.Sprintf("last_over_time(%s[%s])", s.state("kube_pod_container_"+what, extra...), w)
	labels = append([]string{"container"}, labels...)
	if s.sidecars {
		of := fmt.Sprintf("last_over_time(%s[%s])", s.state("kube_pod_init_container_"+what, extra...), w)
		is := fmt.Sprintf("last_over_time(%s[%s])", s.sidecarInfo(), w)
		all += fmt.Sprintf(` or label_replace(%s and on (%s) %s, %q, "true", "", "")`, of, s.container(), is, labelSidecar)
		labels = append(labels, labelSidecar)
	}
	one := fmt.Sprintf("max by (%s) (%s)", s.by(append([]string{"namespace", "pod"}, labels...)...), all)
	return s.perOwner("max", one, "("+s.newest(window)+" * 0 + 1)", labels...)
}

// sidecarInfo selects one series for each native sidecar. The label is there
// since kube-state-metrics 2.11.
func (s scope) sidecarInfo() string {
	return s.state("kube_pod_init_container_info", equal("restart_policy", "Always"))
}

// existing lists the controllers that exist at the end of the window.
func (s scope) existing(window time.Duration) string {
	var parts []string
	for _, m := range [][2]string{
		{"kube_deployment_spec_replicas", "deployment"},
		{"kube_statefulset_replicas", "statefulset"},
		{"kube_daemonset_status_desired_number_scheduled", "daemonset"},
		{"kube_cronjob_info", "cronjob"},
	} {
		parts = append(parts, fmt.Sprintf("max by (%s) (last_over_time(%s[%s]))",
			s.by("namespace", m[1]), s.state(m[0], notEqual(m[1], "")), promDuration(window)))
	}
	return strings.Join(parts, " or ")
}

// promDuration writes a whole number of seconds as PromQL does.
func promDuration(d time.Duration) string { return fmt.Sprintf("%ds", int64(d.Seconds())) }

// replaceLabel copies a label on the server.
func replaceLabel(expr, dst, src string) string {
	if dst == src {
		return expr
	}
	return fmt.Sprintf(`label_replace(%s, %q, "$1", %q, "(.*)")`, expr, dst, src)
}
