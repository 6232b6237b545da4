package exporter

import (
	"github.com/prometheus/client_golang/prometheus"
)

// collectorFunc is a collector whose metrics are only known when they are
// read.
type collectorFunc func(s *sink)

// Describe describes nothing, which tells the registry so.
func (collectorFunc) Describe(chan<- *prometheus.Desc) {}

// Collect reads.
func (f collectorFunc) Collect(ch chan<- prometheus.Metric) {
	f(&sink{ch: ch, descs: map[string]*prometheus.Desc{}})
}

// sink takes what is collected.
type sink struct {
	ch    chan<- prometheus.Metric
	descs map[string]*prometheus.Desc
}

// gauge and counter take a value; labels are pairs of name and value. All
// metrics of one name have the same labels.
func (s *sink) gauge(name string, value float64, labels ...string) {
	s.send(prometheus.GaugeValue, name, value, labels)
}

func (s *sink) counter(name string, value float64, labels ...string) {
	s.send(prometheus.CounterValue, name, value, labels)
}

func (s *sink) send(kind prometheus.ValueType, name string, value float64, labels []string) {
	values := make([]string, 0, len(labels)/2)
	for i := 1; i < len(labels); i += 2 {
		values = append(values, labels[i])
	}
	desc := s.descs[name]
	if desc == nil {
		names := make([]string, 0, len(labels)/2)
		for i := 0; i < len(labels); i += 2 {
			names = append(names, labels[i])
		}
		desc = prometheus.NewDesc(name, name, names, nil)
		s.descs[name] = desc
	}
	s.ch <- prometheus.MustNewConstMetric(desc, kind, value, values...)
}

// usage is what cAdvisor tells: for each container, and once more for the
// pod's cgroup under an empty name.
func (e *Exporter) usage(s *sink) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
	for _, p := range e.all {
		cpu, memory := 0.0, 0.0
		for i := range p.containers {
			k := &p.containers[i]
			l := []string{
				"namespace", p.pod.Namespace, "pod", p.pod.Name, "container", k.name, "image", k.image,
				"id", "/kubepods/" + string(p.pod.UID) + "/" + k.name,
			}
			s.counter("container_cpu_usage_seconds_total", k.cpu, l...)
			s.gauge("container_memory_working_set_bytes", k.memory, l...)
			s.gauge("container_memory_usage_bytes", k.memory+cacheBytes, l...)
			s.counter("container_oom_events_total", k.ooms, l...)
			s.gauge("container_start_time_seconds", float64(k.started.Unix()), l...)
			if k.limited {
				s.counter("container_cpu_cfs_periods_total", k.periods, l...)
				s.counter("container_cpu_cfs_throttled_periods_total", k.throttled, l...)
			}
			cpu += k.cpu
			memory += k.memory
		}
		l := []string{
			"namespace", p.pod.Namespace, "pod", p.pod.Name, "container", "", "image", "", "id", "/kubepods/" + string(p.pod.UID),
		}
		s.counter("container_cpu_usage_seconds_total", cpu, l...)
		s.gauge("container_memory_working_set_bytes", memory, l...)
	}
}

// requests is what the applications tell themselves.
func (e *Exporter) requests(s *sink) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
	for _, p := range e.all {
		a := e.app(p.pod)
		if a == nil || a.UsageOnly || p.failed == nil {
			continue
		}
		l := []string{"namespace", p.pod.Namespace, "pod", p.pod.Name, "container", p.containers[0].name}
		all := p.served
		s.counter("http_requests_total", p.served, append(l, "code", "200")...)
		for code, n := range p.failed {
			s.counter("http_requests_total", n, append(l, "code", code)...)
			all += n
		}
		s.counter("http_request_duration_seconds_sum", p.seconds, l...)
		s.counter("http_request_duration_seconds_count", all, l...)
	}
}
