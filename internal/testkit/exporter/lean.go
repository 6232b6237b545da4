package exporter

import (
	"slices"
	"time"

	server "github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
)

// Lean is the past of many Deployments with as few series as show their usage:
// one pod each, which does what Pods did, under the names that the collector
// reads.
type Lean struct {
	Apps     []*App
	Pods     int
	From, To time.Time
	Interval time.Duration
}

// History is the series of the past.
func (l *Lean) History() *server.History {
	h := &server.History{}
	for _, a := range l.Apps {
		t := totals{from: l.From, interval: l.Interval}
		for at := l.From; !at.After(l.To); at = at.Add(l.Interval) {
			rate := a.Demand(at)
			t.add(rate, a.wants(rate).CPUCores+float64(l.Pods-1)*a.IdleCPU, 0)
		}
		rs := a.Name + "-" + pastHash
		ksm := []string{"job", "kube-state-metrics", "namespace", a.Namespace}
		for _, metric := range []string{"kube_deployment_spec_replicas", "kube_deployment_status_replicas_ready"} {
			h.Add(metric, server.Always(float64(l.Pods)), append(ksm[:4:4], "deployment", a.Name)...)
		}
		pod := []string{"namespace", a.Namespace, "pod", rs + "-past"}
		h.Add("kube_replicaset_owner", server.Always(1), append(ksm[:4:4], "replicaset", rs, "owner_kind", "Deployment",
			"owner_name", a.Name, "owner_is_controller", "true")...)
		h.Add("kube_pod_owner", server.Always(1), append(pod[:4:4], "job", "kube-state-metrics", "uid", "past", "owner_kind", "ReplicaSet",
			"owner_name", rs, "owner_is_controller", "true")...)
		usage := slices.Concat(pod, []string{"job", "kubelet", "container", "app", "image", "example.com/app:1", "id", "/kubepods/past"})
		h.Add("container_cpu_usage_seconds_total", func(at time.Time) (float64, bool) { return t.at(t.cpu, at), true }, usage...)
		h.Add("container_memory_working_set_bytes", func(at time.Time) (float64, bool) {
			return a.wants(a.Demand(at) / float64(l.Pods)).MemoryBytes, true
		}, usage...)
		h.Add("http_requests_total", func(at time.Time) (float64, bool) { return t.at(t.requests, at), true },
			append(pod[:4:4], "job", "apps", "container", "app", "code", "200")...)
	}
	return h
}
