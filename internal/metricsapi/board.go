package metricsapi

import (
	"maps"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// The external metrics. Amounts of a workload are of all its pods together.
const (
	// MetricReplicas is how many pods rightsize wants there to be.
	MetricReplicas = "rightsize_recommended_replicas"
	// MetricDemand is the newest demand, in the unit of its signal.
	MetricDemand = "rightsize_demand"
	// MetricDemandForecast is what the largest demand within a horizon stays below
	// with a probability, in the unit of the signal.
	MetricDemandForecast = "rightsize_demand_forecast"
	// MetricCPUForecast is the same of the CPU that a container uses, in cores.
	MetricCPUForecast = "rightsize_cpu_forecast_cores"
)

// Labels of the metrics, beside those of the RightSize itself, which come after
// these where they have the same name.
const (
	LabelRightSize = "rightsize"
	LabelSignal    = "signal"
	LabelContainer = "container"
	// LabelQuantile is a probability such as 0.95, LabelHorizon a span such as 15m.
	LabelQuantile = "quantile"
	LabelHorizon  = "horizon"
)

// Metrics are the names of all metrics.
func Metrics() []string {
	return []string{MetricReplicas, MetricDemand, MetricDemandForecast, MetricCPUForecast}
}

// Value is one value of an external metric.
type Value struct {
	Metric string
	Labels map[string]string
	At     time.Time
	Value  float64
}

// offered are the quantiles and horizons that forecasts are offered at.
func offeredLevels() []float64 { return []float64{0.5, 0.8, 0.9, 0.95, 0.99} }

func offeredHorizons() map[string]time.Duration {
	return map[string]time.Duration{
		"5m": 5 * time.Minute, "15m": 15 * time.Minute, "30m": 30 * time.Minute,
		"1h": time.Hour, "3h": 3 * time.Hour, "6h": 6 * time.Hour, "12h": 12 * time.Hour, "24h": 24 * time.Hour,
	}
}

// Board holds the values of the newest decision about each RightSize. It may be
// used from several goroutines.
type Board struct {
	mu     sync.RWMutex
	values map[types.NamespacedName][]Value
}

// NewBoard returns an empty board.
func NewBoard() *Board { return &Board{values: map[types.NamespacedName][]Value{}} }

// Post replaces what is known about a RightSize by what a decision rests on.
func (b *Board) Post(rs types.NamespacedName, s recommender.Snapshot, d recommender.Decision) {
	values := Values(rs.Name, s, d)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.values[rs] = values
}

// Remove forgets a RightSize.
func (b *Board) Remove(rs types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.values, rs)
}

// of are the values of a RightSize. The caller does not change them.
func (b *Board) of(rs types.NamespacedName) []Value {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.values[rs]
}

// Values are those of a decision, with the labels of this package. A decision
// without enough data has none: who scales by them sees that they are missing
// and stays where he is.
func Values(name string, s recommender.Snapshot, d recommender.Decision) []Value {
	if d.Action == recommender.ActionNone {
		return nil
	}
	var out []Value
	add := func(metric string, v float64, labels map[string]string) {
		all := map[string]string{LabelRightSize: name}
		maps.Copy(all, labels)
		out = append(out, Value{Metric: metric, Labels: all, At: d.At, Value: v})
	}
	if !s.Workload.Batch() {
		add(MetricReplicas, float64(d.DesiredReplicas), nil)
	}
	forecast := func(metric string, f forecaster.Forecast, label, value string) {
		for horizon, span := range offeredHorizons() {
			if span > f.Reach() {
				continue
			}
			for _, level := range offeredLevels() {
				add(metric, f.MaxWithin(span, level), map[string]string{
					label: value, LabelHorizon: horizon, LabelQuantile: strconv.FormatFloat(level, 'g', -1, 64),
				})
			}
		}
	}
	if s.Demand != nil && s.Demand.Samples > 0 {
		add(MetricDemand, s.Demand.Last, map[string]string{LabelSignal: s.Demand.Signal})
		forecast(MetricDemandForecast, s.Demand.Forecast, LabelSignal, s.Demand.Signal)
	}
	for _, c := range s.Containers {
		forecast(MetricCPUForecast, c.CPU.Forecast, LabelContainer, c.Name)
	}
	return out
}
