// Package record turns the measured history of a workload into a scenario and
// its trace, for the simulator to replay.
package record

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Service is what kind of service a recording is replayed as.
type Service string

const (
	// Usage replays CPU and memory as they were measured, in total.
	Usage Service = "usage"
	// HTTP replays requests, at the CPU that each took in the history.
	HTTP Service = "http"
)

// Options say how a workload is to be replayed.
type Options struct {
	// Name is that of the scenario; Trace that of its file.
	Name, Trace string
	Service     Service
	// Latency and Percentile are the objective of an http service.
	Latency    time.Duration
	Percentile float64
	// Warmup is how much of the history comes before the scored span; zero is
	// half of it, at most a week.
	Warmup time.Duration
	Prices recommender.Prices
}

// Recording is a scenario and its trace, as files.
type Recording struct{ Scenario, Trace []byte }

// ErrNoHistory says that there is nothing to replay.
var ErrNoHistory = errors.New("no CPU history")

// measured is a workload as one pod sees it: its containers together.
type measured struct {
	w        collector.Workload
	start    time.Time
	step     time.Duration
	n        int
	cpu      []float64 // Cores of all pods.
	podBytes []float64 // Working set of the pod that used the most.
	pods     []float64
	demand   *collector.Signal
	requests recommender.Resources // Of a pod.
	limits   recommender.Resources
}

// Workload makes the recording of one workload. Containers of a pod count
// together. The memory of all pods is taken to be that of the largest pod times
// their number, which is not less than it was.
func Workload(w collector.Workload, o Options) (Recording, error) {
	m, err := measure(w)
	if err != nil {
		return Recording{}, fmt.Errorf("%v: %w", w.ID, err)
	}
	service, err := m.service(o)
	if err != nil {
		return Recording{}, fmt.Errorf("%v: %w", w.ID, err)
	}
	return Recording{Scenario: []byte(m.scenario(o, service)), Trace: []byte(m.trace())}, nil
}

// measure adds the containers up, from the first to the last point that has
// CPU.
func measure(w collector.Workload) (*measured, error) {
	m := &measured{w: w}
	if !m.span() {
		return nil, ErrNoHistory
	}
	m.cpu, m.podBytes, m.pods = m.blank(), m.blank(), m.blank()
	cpuLimited, memoryLimited := true, true // A pod has a limit if each container has.
	for _, c := range w.Containers {
		m.addTo(m.cpu, c.CPU)
		m.addTo(m.podBytes, c.Memory)
		m.requests = m.requests.Add(c.Requests)
		m.limits = m.limits.Add(c.Limits)
		cpuLimited = cpuLimited && c.Limits.CPU > 0
		memoryLimited = memoryLimited && c.Limits.Memory > 0
	}
	if !cpuLimited {
		m.limits.CPU = 0
	}
	if !memoryLimited {
		m.limits.Memory = 0
	}
	m.addTo(m.pods, w.Ready)
	for i := range w.Signals {
		if w.Signals[i].Role == collector.RoleDemand && m.demand == nil {
			m.demand = &w.Signals[i]
		}
	}
	m.complete()
	return m, nil
}

// span finds the first and the last point that has CPU; it is false for fewer
// than two.
func (m *measured) span() bool {
	var last time.Time
	for _, c := range m.w.Containers {
		for i, v := range c.CPU.Values {
			if math.IsNaN(v) || c.CPU.Step <= 0 {
				continue
			}
			m.step = c.CPU.Step
			at := c.CPU.Time(i)
			if m.start.IsZero() || at.Before(m.start) {
				m.start = at
			}
			if at.After(last) {
				last = at
			}
		}
	}
	if m.start.IsZero() || !last.After(m.start) {
		return false
	}
	m.n = int(last.Sub(m.start)/m.step) + 1
	return true
}

func (m *measured) blank() []float64 {
	out := make([]float64, m.n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}

// addTo adds a series where it is known.
func (m *measured) addTo(to []float64, s forecaster.Series) {
	for i, v := range s.Values {
		k := int(math.Round(float64(s.Time(i).Sub(m.start)) / float64(m.step)))
		if k < 0 || k >= m.n || math.IsNaN(v) {
			continue
		}
		if math.IsNaN(to[k]) {
			to[k] = 0
		}
		to[k] += v
	}
}

// complete makes up for what is not set: pods that are unknown, requests that
// a pod does not have.
func (m *measured) complete() {
	last := 1.0
	for i, v := range m.pods {
		if v >= 1 {
			last = v
		}
		m.pods[i] = last
	}
	if m.requests.CPU == 0 {
		m.requests.CPU = max(10, recommender.FromCores(largest(m.cpu)/last))
	}
	if m.requests.Memory == 0 {
		m.requests.Memory = max(16*recommender.MiB, recommender.FromBytes(largest(m.podBytes)))
	}
	if m.limits.CPU > 0 {
		m.limits.CPU = max(m.limits.CPU, m.requests.CPU)
	}
	if m.limits.Memory > 0 {
		m.limits.Memory = max(m.limits.Memory, m.requests.Memory)
	}
}

// largest is the largest of what is known, 0 for nothing.
func largest(values []float64) float64 {
	most := 0.0
	for _, v := range values {
		if v > most {
			most = v
		}
	}
	return most
}

// smallest is the smallest of what is known, 0 for nothing.
func smallest(values []float64) float64 {
	least := math.Inf(1)
	for _, v := range values {
		if v < least {
			least = v
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return least
}

// service is the part of the scenario that says what demand takes.
func (m *measured) service(o Options) (string, error) {
	startup := max(1, math.Round(m.w.StartupSeconds))
	if m.w.StartupSeconds == 0 {
		startup = 30
	}
	if o.Service != HTTP {
		memory := ""
		if largest(m.podBytes) > 0 {
			memory = ", memoryColumn: memory_mib"
		}
		return fmt.Sprintf("  service: {usage: {cpuColumn: cpu_cores%s, startup: %.0fs}}\n", memory, startup), nil
	}
	if m.demand == nil {
		return "", errors.New("no request rate was found: replay it by its usage")
	}
	rate := m.blank()
	m.addTo(rate, m.demand.Series)
	var samples []recommender.RelationSample
	for i := range rate {
		samples = append(samples, recommender.RelationSample{Demand: rate[i], CPU: m.cpu[i], Replicas: m.pods[i]})
	}
	fit := recommender.FitRelation(samples)
	if !fit.Valid || fit.PerUnit <= 0 {
		return "", fmt.Errorf("%s does not explain its CPU (R² %.2f over %d points): replay it by its usage", m.demand.Name, fit.R2, fit.Samples)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  # CPU = %.4g cores a pod + %.4g core-seconds a request explains %.0f %% of its variance.\n", fit.PerReplica, fit.PerUnit, 100*fit.R2)
	b.WriteString("  # Assumed: the spread of a request's work, and the memory of one under way.\n")
	fmt.Fprintf(&b, "  service:\n    http: {cpuSecondsPerRequest: %.6g, cpuCV: 1.0, baseCPU: %dm, baseMemory: %s, memoryPerConcurrentRequest: 1Mi,\n",
		fit.PerUnit, int64(math.Round(1000*fit.PerReplica)), mebibytes(recommender.FromBytes(smallest(m.podBytes))))
	fmt.Fprintf(&b, "           concurrencyPerPod: 100, startup: %.0fs}\n", startup)
	fmt.Fprintf(&b, "  objective: {latencySeconds: %g, percentile: %g}\n", o.Latency.Seconds(), o.Percentile)
	return b.String(), nil
}

// trace is the file of the series.
func (m *measured) trace() string {
	var b strings.Builder
	rate := m.blank()
	b.WriteString("timestamp_s,cpu_cores,memory_mib,replicas")
	if m.demand != nil {
		m.addTo(rate, m.demand.Series)
		b.WriteString(",requests_per_s")
	}
	b.WriteByte('\n')
	field := func(v float64, digits int) {
		b.WriteByte(',')
		if !math.IsNaN(v) {
			b.WriteString(strconv.FormatFloat(v, 'f', digits, 64))
		}
	}
	for i := range m.n {
		b.WriteString(strconv.FormatInt(m.start.Add(time.Duration(i)*m.step).Unix(), 10))
		field(m.cpu[i], 4)
		field(m.podBytes[i]*m.pods[i]/float64(recommender.MiB), 1)
		field(m.pods[i], 0)
		if m.demand != nil {
			field(rate[i], 3)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
