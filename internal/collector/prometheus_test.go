package collector_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
)

func get(t *testing.T, address string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}

// cluster builds the series of one Kubernetes cluster.
type cluster struct {
	*prometheus.History
	name  string
	begin time.Time
	// scrapers is how many kube-state-metrics and cAdvisor scrapes there are.
	scrapers int
}

// pod is a simulated pod.
type pod struct {
	namespace, name, kind, owner string
	from, to                     time.Time // Zero: always.
	readyAfter                   time.Duration
	containers                   []simContainer
}

// simContainer is a simulated container: rates and amounts over time.
type simContainer struct {
	name                      string
	cpu                       float64 // Cores.
	memory                    func(t time.Time) float64
	requestCPU, requestMemory float64
	limitMemory, throttled    float64
	gpus                      float64
	restarts                  []time.Time
	oom                       bool // Restarts, or the end of a job, are OOM kills.
	sidecar                   bool // An init container that keeps running.
}

// started is when the run of the container that is under way at t began; its
// counters begin at zero then.
func (k simContainer) started(p pod, begin, t time.Time) time.Time {
	start := p.from
	if start.IsZero() {
		start = begin
	}
	for _, r := range k.restarts {
		if !t.Before(r) {
			start = r
		}
	}
	return start
}

func (p pod) during(value func(t time.Time) float64) func(t time.Time) (float64, bool) {
	return func(t time.Time) (float64, bool) {
		if (!p.from.IsZero() && t.Before(p.from)) || (!p.to.IsZero() && !t.Before(p.to)) {
			return 0, false
		}
		return value(t), true
	}
}

func steady(v float64) func(time.Time) float64 { return func(time.Time) float64 { return v } }

// state adds a series of kube-state-metrics, once for each scraper.
func (c *cluster) state(name string, value func(t time.Time) (float64, bool), labels ...string) {
	for i := range c.scrapers {
		c.Add(name, value, append(slices.Clone(labels), "cluster", c.name, "job", "kube-state-metrics", "instance", fmt.Sprintf("ksm-%d", i))...)
	}
}

// pod adds everything that is exported about a pod.
func (c *cluster) pod(p pod) {
	id := []string{"namespace", p.namespace, "pod", p.name, "uid", p.name}
	controller := "true"
	if p.kind == "" {
		controller = ""
	}
	one := p.during(steady(1))
	c.state("kube_pod_owner", one, append(slices.Clone(id), "owner_kind", p.kind, "owner_name", p.owner, "owner_is_controller", controller)...)
	created := p.from
	if created.IsZero() {
		created = c.begin
	}
	c.state("kube_pod_created", p.during(steady(float64(created.Unix()))), id...)
	ready := created.Add(p.readyAfter)
	c.state("kube_pod_status_ready_time", func(t time.Time) (float64, bool) {
		v, ok := p.during(steady(float64(ready.Unix())))(t)
		return v, ok && !t.Before(ready)
	}, id...)
	c.state("kube_pod_status_phase", one, append(slices.Clone(id), "phase", "Running")...)
	c.state("kube_pod_status_phase", p.during(steady(0)), append(slices.Clone(id), "phase", "Pending")...)
	c.state("kube_pod_status_ready", p.during(func(t time.Time) float64 {
		if t.Before(ready) {
			return 0
		}
		return 1
	}), append(slices.Clone(id), "condition", "true")...)
	if p.owner == "web-7f9c6b5d4f" {
		c.state("kube_pod_labels", one, append(slices.Clone(id), "label_app", "web")...)
	}
	for _, k := range p.containers {
		c.container(p, k, id)
	}
}

func (c *cluster) container(p pod, k simContainer, id []string) {
	id = append(slices.Clone(id), "container", k.name)
	prefix := "kube_pod_container_"
	switch { // kube-state-metrics: docs/metrics/workload/pod-metrics.md.
	case k.sidecar:
		prefix = "kube_pod_init_container_"
		c.state(prefix+"info", p.during(steady(1)), append(slices.Clone(id), "restart_policy", "Always")...)
	case strings.HasPrefix(k.name, "init-"):
		prefix = "kube_pod_init_container_"
		c.state(prefix+"info", p.during(steady(1)), append(slices.Clone(id), "restart_policy", "")...)
	default:
		c.state(prefix+"info", p.during(steady(1)), id...)
	}
	for resource, v := range map[string]float64{"cpu": k.requestCPU, "memory": k.requestMemory, "nvidia_com_gpu": k.gpus} {
		if v > 0 {
			c.state(prefix+"resource_requests", p.during(steady(v)), append(slices.Clone(id), "resource", resource, "node", "n1")...)
		}
	}
	if k.limitMemory > 0 {
		c.state(prefix+"resource_limits", p.during(steady(k.limitMemory)), append(slices.Clone(id), "resource", "memory", "node", "n1")...)
	}
	count := func(t time.Time) float64 {
		n := 0.0
		for _, r := range k.restarts {
			if !t.Before(r) {
				n++
			}
		}
		return n
	}
	c.state(prefix+"status_restarts_total", p.during(count), id...)
	if k.oom && len(k.restarts) > 0 {
		c.state(prefix+"status_last_terminated_reason", func(t time.Time) (float64, bool) {
			_, ok := p.during(count)(t)
			return 1, ok && count(t) > 0
		}, append(slices.Clone(id), "reason", "OOMKilled")...)
	}
	if k.oom && len(k.restarts) == 0 { // The last minute of a job's pod.
		c.state(prefix+"status_terminated_reason", func(t time.Time) (float64, bool) {
			_, ok := p.during(steady(1))(t)
			return 1, ok && !t.Before(p.to.Add(-time.Minute))
		}, append(slices.Clone(id), "reason", "OOMKilled")...)
	}
	seconds := func(rate float64) func(t time.Time) (float64, bool) {
		return p.during(func(t time.Time) float64 {
			return rate * t.Sub(k.started(p, c.begin, t)).Seconds()
		})
	}
	for i := range c.scrapers {
		usage := []string{
			"namespace", p.namespace, "pod", p.name, "container", k.name, "image", "example/" + k.name, "id", "/kubepods/" + p.name + "/" + k.name,
			"cluster", c.name, "job", "kubelet", "metrics_path", "/metrics/cadvisor", "instance", fmt.Sprintf("n%d", i),
		}
		c.Add("container_cpu_usage_seconds_total", seconds(k.cpu), usage...)
		c.Add("container_start_time_seconds", p.during(func(t time.Time) float64 { return float64(k.started(p, c.begin, t).Unix()) }), usage...)
		c.Add("container_memory_working_set_bytes", p.during(k.memory), usage...)
		c.Add("container_memory_usage_bytes", p.during(func(t time.Time) float64 { return k.memory(t) + 50*mib }), usage...)
		if k.throttled > 0 {
			c.Add("container_cpu_cfs_periods_total", seconds(10), usage...)
			c.Add("container_cpu_cfs_throttled_periods_total", seconds(10*k.throttled), usage...)
		}
		// The pod's cgroup and its sandbox, which must not count.
		for _, other := range []string{"", "POD"} {
			labels := slices.Clone(usage)
			labels[5] = other
			c.Add("container_cpu_usage_seconds_total", seconds(100*k.cpu), labels...)
			c.Add("container_memory_working_set_bytes", p.during(steady(1e12)), labels...)
		}
	}
}
