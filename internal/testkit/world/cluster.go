package world

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const mib = 1 << 20

// Cluster builds the series of one Kubernetes cluster.
type Cluster struct {
	*World
	Name  string
	Begin time.Time
	// Scrapers is how many kube-state-metrics and cAdvisor scrapes there are.
	Scrapers int
}

// Pod is a simulated pod.
type Pod struct {
	Namespace, Name, Kind, Owner string
	From, To                     time.Time // Zero: always.
	ReadyAfter                   time.Duration
	Labels                       []string // As kube_pod_labels has them.
	Containers                   []Container
}

// Container is a simulated container: rates and amounts over time.
type Container struct {
	Name                      string
	CPU                       float64                   // Cores.
	Seconds                   func(t time.Time) float64 // Of CPU since the container began, instead of CPU.
	Memory                    func(t time.Time) float64
	RequestCPU, RequestMemory float64
	LimitMemory, Throttled    float64
	GPUs                      float64
	Restarts                  []time.Time
	OOM                       bool // Restarts, or the end of a job, are OOM kills.
	Sidecar                   bool // An init container that keeps running.
}

// started is when the run of the container that is under way at t began; its
// counters begin at zero then.
func (k Container) started(p Pod, begin, t time.Time) time.Time {
	start := p.From
	if start.IsZero() {
		start = begin
	}
	for _, r := range k.Restarts {
		if !t.Before(r) {
			start = r
		}
	}
	return start
}

// During is a value while the pod is there.
func (p Pod) During(value func(t time.Time) float64) func(t time.Time) (float64, bool) {
	return func(t time.Time) (float64, bool) {
		if (!p.From.IsZero() && t.Before(p.From)) || (!p.To.IsZero() && !t.Before(p.To)) {
			return 0, false
		}
		return value(t), true
	}
}

// Steady is always the same.
func Steady(v float64) func(time.Time) float64 { return func(time.Time) float64 { return v } }

// State adds a series of kube-state-metrics, once for each scraper.
func (c *Cluster) State(name string, value func(t time.Time) (float64, bool), labels ...string) {
	for i := range c.Scrapers {
		c.Add(name, value, append(slices.Clone(labels), "cluster", c.Name, "job", "kube-state-metrics", "instance", fmt.Sprintf("ksm-%d", i))...)
	}
}

// Pod adds everything that is exported about a pod.
func (c *Cluster) Pod(p Pod) {
	id := []string{"namespace", p.Namespace, "pod", p.Name, "uid", p.Name}
	controller := "true"
	if p.Kind == "" {
		controller = ""
	}
	one := p.During(Steady(1))
	c.State("kube_pod_owner", one, append(slices.Clone(id), "owner_kind", p.Kind, "owner_name", p.Owner, "owner_is_controller", controller)...)
	created := p.From
	if created.IsZero() {
		created = c.Begin
	}
	c.State("kube_pod_created", p.During(Steady(float64(created.Unix()))), id...)
	ready := created.Add(p.ReadyAfter)
	c.State("kube_pod_status_ready_time", func(t time.Time) (float64, bool) {
		v, ok := p.During(Steady(float64(ready.Unix())))(t)
		return v, ok && !t.Before(ready)
	}, id...)
	c.State("kube_pod_status_phase", one, append(slices.Clone(id), "phase", "Running")...)
	c.State("kube_pod_status_phase", p.During(Steady(0)), append(slices.Clone(id), "phase", "Pending")...)
	c.State("kube_pod_status_ready", p.During(func(t time.Time) float64 {
		if t.Before(ready) {
			return 0
		}
		return 1
	}), append(slices.Clone(id), "condition", "true")...)
	if len(p.Labels) > 0 {
		c.State("kube_pod_labels", one, append(slices.Clone(id), p.Labels...)...)
	}
	for _, k := range p.Containers {
		c.container(p, k, id)
	}
}

func (c *Cluster) container(p Pod, k Container, id []string) {
	id = append(slices.Clone(id), "container", k.Name)
	prefix := "kube_pod_container_"
	switch { // kube-state-metrics: docs/metrics/workload/pod-metrics.md.
	case k.Sidecar:
		prefix = "kube_pod_init_container_"
		c.State(prefix+"info", p.During(Steady(1)), append(slices.Clone(id), "restart_policy", "Always")...)
	case strings.HasPrefix(k.Name, "init-"):
		prefix = "kube_pod_init_container_"
		c.State(prefix+"info", p.During(Steady(1)), append(slices.Clone(id), "restart_policy", "")...)
	default:
		c.State(prefix+"info", p.During(Steady(1)), id...)
	}
	for resource, v := range map[string]float64{"cpu": k.RequestCPU, "memory": k.RequestMemory, "nvidia_com_gpu": k.GPUs} {
		if v > 0 {
			c.State(prefix+"resource_requests", p.During(Steady(v)), append(slices.Clone(id), "resource", resource, "node", "n1")...)
		}
	}
	if k.LimitMemory > 0 {
		c.State(prefix+"resource_limits", p.During(Steady(k.LimitMemory)), append(slices.Clone(id), "resource", "memory", "node", "n1")...)
	}
	count := func(t time.Time) float64 {
		n := 0.0
		for _, r := range k.Restarts {
			if !t.Before(r) {
				n++
			}
		}
		return n
	}
	c.State(prefix+"status_restarts_total", p.During(count), id...)
	if k.OOM && len(k.Restarts) > 0 {
		c.State(prefix+"status_last_terminated_reason", func(t time.Time) (float64, bool) {
			_, ok := p.During(count)(t)
			return 1, ok && count(t) > 0
		}, append(slices.Clone(id), "reason", "OOMKilled")...)
	}
	if k.OOM && len(k.Restarts) == 0 { // The last minute of a job's pod.
		c.State(prefix+"status_terminated_reason", func(t time.Time) (float64, bool) {
			_, ok := p.During(Steady(1))(t)
			return 1, ok && !t.Before(p.To.Add(-time.Minute))
		}, append(slices.Clone(id), "reason", "OOMKilled")...)
	}
	seconds := func(rate float64) func(t time.Time) (float64, bool) {
		return p.During(func(t time.Time) float64 {
			return rate * t.Sub(k.started(p, c.Begin, t)).Seconds()
		})
	}
	cpu := seconds(k.CPU)
	if k.Seconds != nil {
		cpu = p.During(k.Seconds)
	}
	for i := range c.Scrapers {
		usage := []string{
			"namespace", p.Namespace, "pod", p.Name, "container", k.Name, "image", "example/" + k.Name, "id", "/kubepods/" + p.Name + "/" + k.Name,
			"cluster", c.Name, "job", "kubelet", "metrics_path", "/metrics/cadvisor", "instance", fmt.Sprintf("n%d", i),
		}
		c.Add("container_cpu_usage_seconds_total", cpu, usage...)
		c.Add("container_start_time_seconds", p.During(func(t time.Time) float64 { return float64(k.started(p, c.Begin, t).Unix()) }), usage...)
		c.Add("container_memory_working_set_bytes", p.During(k.Memory), usage...)
		c.Add("container_memory_usage_bytes", p.During(func(t time.Time) float64 { return k.Memory(t) + 50*mib }), usage...)
		if k.Throttled > 0 {
			c.Add("container_cpu_cfs_periods_total", seconds(10), usage...)
			c.Add("container_cpu_cfs_throttled_periods_total", seconds(10*k.Throttled), usage...)
		}
		// The pod's cgroup and its sandbox, which must not count.
		for _, other := range []string{"", "POD"} {
			labels := slices.Clone(usage)
			labels[5] = other
			c.Add("container_cpu_usage_seconds_total", seconds(100*k.CPU), labels...)
			c.Add("container_memory_working_set_bytes", p.During(Steady(1e12)), labels...)
		}
	}
}
