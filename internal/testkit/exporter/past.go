package exporter

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	server "github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
)

// pastHash is the hash in the name of the ReplicaSet of the past.
const pastHash = "5c9d7f8b64"

// Past is how a workload ran before the test: with pods of one size, made anew
// each day, under the app's own demand.
type Past struct {
	App      *App
	Template corev1.PodSpec
	Replicas int
	// Startup is the time from a pod's creation to its readiness.
	Startup time.Duration
	// The history has points at From, From+Interval, … up to To.
	From, To time.Time
	Interval time.Duration
}

// History is the series of the past, as [Exporter] would have told them. Its
// pods are not those that exist now.
func (p *Past) History() *server.History {
	h := &server.History{}
	a := p.App
	t := totals{from: p.From, interval: p.Interval}
	for at := p.From; !at.After(p.To); at = at.Add(p.Interval) {
		rate := a.Demand(at) / float64(p.Replicas)
		t.add(rate, a.wants(rate).CPUCores, a.latency(a.wants(rate).CPUCores, p.ceiling()))
	}
	const day = 24 * time.Hour
	for n, from := 0, p.From; from.Before(p.To); n, from = n+1, from.Add(day) {
		to := from.Add(day)
		if to.After(p.To) {
			to = p.To.Add(p.Interval) // They are there until the test begins.
		}
		for i := range p.Replicas {
			p.pod(h, &t, pastPod{day: n, index: i, from: from, to: to})
		}
	}
	p.workload(h)
	return h
}

func (p *Past) ceiling() float64 {
	return p.Template.Containers[0].Resources.Limits.Cpu().AsApproximateFloat64()
}

// workload adds the series of the controllers.
func (p *Past) workload(h *server.History) {
	ns, name := []string{"job", "kube-state-metrics", "namespace", p.App.Namespace}, p.App.Name
	n := server.Always(float64(p.Replicas))
	with := func(labels ...string) []string { return append(append([]string{}, ns...), labels...) }
	switch p.App.kind() {
	case "Deployment":
		h.Add("kube_replicaset_owner", server.Always(1), with("replicaset", name+"-"+pastHash, "owner_kind", "Deployment",
			"owner_name", name, "owner_is_controller", "true")...)
		h.Add("kube_deployment_spec_replicas", n, with("deployment", name)...)
		h.Add("kube_deployment_status_replicas_ready", n, with("deployment", name)...)
	case "StatefulSet":
		h.Add("kube_statefulset_replicas", n, with("statefulset", name)...)
		h.Add("kube_statefulset_status_replicas_ready", n, with("statefulset", name)...)
	case "DaemonSet":
		h.Add("kube_daemonset_status_desired_number_scheduled", n, with("daemonset", name)...)
		h.Add("kube_daemonset_status_number_ready", n, with("daemonset", name)...)
	}
}

// pastPod is one pod of one day.
type pastPod struct {
	day, index int
	from, to   time.Time
}

func (p *Past) pod(h *server.History, t *totals, q pastPod) {
	during := func(v func(time.Time) float64) server.Value {
		return func(at time.Time) (float64, bool) { return v(at), !at.Before(q.from) && at.Before(q.to) }
	}
	value := func(v float64) server.Value { return during(func(time.Time) float64 { return v }) }
	since := func(sum []float64, factor float64) server.Value {
		return during(func(at time.Time) float64 { return factor * (t.at(sum, at) - t.at(sum, q.from)) })
	}
	name, ownerName := fmt.Sprintf("%s-%s-d%dp%d", p.App.Name, pastHash, q.day, q.index), p.App.Name
	ownerKind := p.App.kind()
	switch ownerKind {
	case "Deployment":
		ownerKind, ownerName = "ReplicaSet", p.App.Name+"-"+pastHash
	case "StatefulSet":
		name = fmt.Sprintf("%s-%d", p.App.Name, q.index)
	}
	uid := fmt.Sprintf("past-%d-%d", q.day, q.index)
	ksm := []string{"job", "kube-state-metrics", "namespace", p.App.Namespace, "pod", name, "uid", uid}
	with := func(l []string, more ...string) []string { return append(append([]string{}, l...), more...) }
	h.Add("kube_pod_owner", value(1), with(ksm, "owner_kind", ownerKind, "owner_name", ownerName, "owner_is_controller", "true")...)
	h.Add("kube_pod_created", value(float64(q.from.Unix())), ksm...)
	h.Add("kube_pod_status_ready_time", value(float64(q.from.Add(p.Startup).Unix())), ksm...)
	h.Add("kube_pod_status_phase", value(1), with(ksm, "phase", "Running")...)
	h.Add("kube_pod_status_ready", value(1), with(ksm, "condition", "true")...)
	for i, c := range running(&corev1.Pod{Spec: p.Template}) {
		p.container(h, c, i >= len(p.Template.Containers), with(ksm, "container", c.Name), value)
		cadvisor := []string{"job", "kubelet", "namespace", p.App.Namespace, "pod", name, "container", c.Name, "image", c.Image, "id", "/kubepods/" + uid + "/" + c.Name}
		memory := func(time.Time) float64 { return p.App.Others.MemoryBytes }
		cpu := during(func(at time.Time) float64 { return p.App.Others.CPUCores * at.Sub(q.from).Seconds() })
		if i == 0 {
			memory = func(at time.Time) float64 { return p.App.wants(p.App.Demand(at) / float64(p.Replicas)).MemoryBytes }
			cpu = since(t.cpu, 1)
		}
		h.Add("container_cpu_usage_seconds_total", cpu, cadvisor...)
		h.Add("container_memory_working_set_bytes", during(memory), cadvisor...)
		h.Add("container_memory_usage_bytes", during(func(at time.Time) float64 { return memory(at) + cacheBytes }), cadvisor...)
		if !c.Resources.Limits.Cpu().IsZero() {
			h.Add("container_cpu_cfs_periods_total", during(func(at time.Time) float64 { return cfsPeriods * at.Sub(q.from).Seconds() }), cadvisor...)
			h.Add("container_cpu_cfs_throttled_periods_total", value(0), cadvisor...)
		}
	}
	if p.App.UsageOnly {
		return
	}
	l := []string{"job", "apps", "namespace", p.App.Namespace, "pod", name, "container", p.Template.Containers[0].Name}
	server, client := 0.0, 0.0
	if p.App.Errors != nil {
		server, client = p.App.Errors(p.Template.Containers[0].Resources.Requests)
	}
	for code, share := range map[string]float64{"200": 1 - server - client, "500": server, "404": client} {
		h.Add("http_requests_total", since(t.requests, share), with(l, "code", code)...)
	}
	h.Add("http_request_duration_seconds_sum", since(t.seconds, 1), l...)
	h.Add("http_request_duration_seconds_count", since(t.requests, 1), l...)
}

// container adds what kube-state-metrics tells about one.
func (p *Past) container(h *server.History, c corev1.Container, init bool, l []string, value func(float64) server.Value) {
	prefix, info := "kube_pod_container_", l
	if init {
		prefix, info = "kube_pod_init_container_", append(append([]string{}, l...), "restart_policy", "Always")
	}
	h.Add(prefix+"info", value(1), info...)
	h.Add(prefix+"status_restarts_total", value(0), l...)
	for what, list := range map[string]corev1.ResourceList{"requests": c.Resources.Requests, "limits": c.Resources.Limits} {
		for name, quantity := range list {
			h.Add(prefix+"resource_"+what, value(quantity.AsApproximateFloat64()), append(append([]string{}, l...), "resource", string(name))...)
		}
	}
}

// totals are sums over time of one pod's requests, core-seconds and seconds of
// requests.
type totals struct {
	from                   time.Time
	interval               time.Duration
	requests, cpu, seconds []float64
}

// add lets an interval pass at a rate of requests a second.
func (t *totals) add(rate, cores, latency float64) {
	s := t.interval.Seconds()
	push := func(sum *[]float64, v float64) {
		last := 0.0
		if n := len(*sum); n > 0 {
			last = (*sum)[n-1]
		}
		*sum = append(*sum, last+v*s)
	}
	push(&t.requests, rate)
	push(&t.cpu, cores)
	push(&t.seconds, rate*latency)
}

// at is a sum at an instant, straight between its points.
func (t *totals) at(sum []float64, at time.Time) float64 {
	i := int(at.Sub(t.from) / t.interval)
	if i < 0 || i >= len(sum)-1 {
		return sum[min(max(i, 0), len(sum)-1)]
	}
	past := float64(at.Sub(t.from)%t.interval) / float64(t.interval)
	return sum[i] + past*(sum[i+1]-sum[i])
}
