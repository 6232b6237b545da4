package controller

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/telemetry"
)

// metrics are those of package telemetry. Those about one RightSize are kept as
// values by its name, so that they vanish with it.
type metrics struct {
	counters   map[string]*prometheus.CounterVec
	gauges     map[string]*prometheus.GaugeVec
	histograms map[string]prometheus.Histogram
	described  map[string]described

	mu sync.Mutex
	of map[types.NamespacedName]*measured
}

// measured is what is told about one RightSize: series by their metric, and what
// the age of its data counts from.
type measured struct {
	series map[string][]series
	newest time.Time
	mode   string
}

// series is one value with the labels after namespace and name.
type series struct {
	labels []string
	value  float64
}

// newMetrics registers every metric.
func newMetrics(registry prometheus.Registerer, version string, role Role) (*metrics, error) {
	m := &metrics{
		counters: map[string]*prometheus.CounterVec{}, gauges: map[string]*prometheus.GaugeVec{}, histograms: map[string]prometheus.Histogram{},
		described: map[string]described{}, of: map[types.NamespacedName]*measured{},
	}
	all := []prometheus.Collector{m}
	for _, t := range telemetry.Metrics() {
		switch {
		case telemetry.OfRightSize(t) || t.Name == telemetry.Workloads:
			m.described[t.Name] = describe(t)
		case t.Type == telemetry.Counter:
			m.counters[t.Name] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: t.Name, Help: t.Help}, t.Labels)
			all = append(all, m.counters[t.Name])
		case t.Type == telemetry.Histogram:
			m.histograms[t.Name] = prometheus.NewHistogram(prometheus.HistogramOpts{
				Name: t.Name, Help: t.Help, Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 14), // To 149 s.
			})
			all = append(all, m.histograms[t.Name])
		default:
			m.gauges[t.Name] = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: t.Name, Help: t.Help}, t.Labels)
			all = append(all, m.gauges[t.Name])
		}
	}
	for _, c := range all {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	m.begin(version, role)
	return m, nil
}

// begin makes the series whose labels are known, so that rates of them start at
// zero.
func (m *metrics) begin(version string, role Role) {
	m.gauge(telemetry.BuildInfo, 1, version, string(role))
	for _, reason := range []string{frozenKillSwitch, frozenMetrics, frozenWarmUp} {
		m.gauge(telemetry.Frozen, 0, reason)
	}
	for _, name := range []string{telemetry.Decisions, telemetry.Changes, telemetry.Rollbacks, telemetry.Queries, telemetry.Surprises} {
		for _, labels := range telemetry.KnownLabels(name) {
			m.counters[name].WithLabelValues(labels...)
		}
	}
}

// The reasons for which everything is frozen.
const (
	frozenKillSwitch = "KillSwitch"
	frozenMetrics    = "MetricsUnavailable"
	frozenWarmUp     = "WarmUp"
)

func (m *metrics) gauge(name string, value float64, labels ...string) {
	m.gauges[name].WithLabelValues(labels...).Set(value)
}

func (m *metrics) count(name string, labels ...string) {
	m.counters[name].WithLabelValues(labels...).Inc()
}

func (m *metrics) observe(name string, d time.Duration) { m.histograms[name].Observe(d.Seconds()) }

// queried counts a query to Prometheus.
func (m *metrics) queried(result collector.QueryResult, took time.Duration) {
	m.count(telemetry.Queries, string(result))
	if result != collector.QueryRetried {
		m.observe(telemetry.QueryDuration, took)
	}
}

// tell replaces the series of some metrics of a RightSize.
func (m *metrics) tell(key types.NamespacedName, mode string, of map[string][]series) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.entry(key)
	w.mode = mode
	maps.Copy(w.series, of)
}

// tellConditions replaces the series of those conditions that are of one role.
func (m *metrics) tellConditions(key types.NamespacedName, mode string, mine func(string) bool, status v1alpha1.RightSizeStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.entry(key)
	w.mode = mode
	kept := slices.DeleteFunc(slices.Clone(w.series[telemetry.Condition]), func(s series) bool { return mine(s.labels[0]) })
	for _, c := range status.Conditions {
		if mine(c.Type) {
			kept = append(kept, series{[]string{c.Type, string(c.Status), c.Reason}, 1})
		}
	}
	w.series[telemetry.Condition] = kept
}

// newest is of when the data is that the last decision about a RightSize rests
// on.
func (m *metrics) newest(key types.NamespacedName, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entry(key).newest = at
}

func (m *metrics) entry(key types.NamespacedName) *measured {
	w := m.of[key]
	if w == nil {
		w = &measured{series: map[string][]series{}}
		m.of[key] = w
	}
	return w
}

// forget drops everything about a RightSize.
func (m *metrics) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.of, key)
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range m.described {
		to <- d.desc
	}
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	modes := map[string]float64{}
	for _, labels := range telemetry.KnownLabels(telemetry.Workloads) {
		modes[labels[0]] = 0
	}
	shared := pairs{}
	for key, w := range m.of {
		modes[w.mode]++
		of := labelsOf(key)
		if !w.newest.IsZero() {
			to <- m.described[telemetry.DataAge].metric(shared, of, series{value: max(0, time.Since(w.newest).Seconds())})
		}
		for name, all := range w.series {
			for _, s := range all {
				to <- m.described[name].metric(shared, of, s)
			}
		}
	}
	for mode, n := range modes {
		if mode != "" {
			to <- m.described[telemetry.Workloads].metric(shared, nil, series{[]string{mode}, n})
		}
	}
}
