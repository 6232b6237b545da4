package controller

import (
	"slices"
	"strconv"
	"time"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/telemetry"
	"github.com/rightsize-dev/rightsize/recommender"
)

// quantilesTold are those of the forecast that metrics tell.
func quantilesTold() []float64 { return []float64{0.5, 0.95, 0.99} }

func one(value float64) []series { return []series{{value: value}} }

// measure tells a decision and the data it rests on.
func (r *recommends) measure(rs *v1alpha1.RightSize, s recommender.Snapshot, d recommender.Decision) {
	r.metrics.count(telemetry.Decisions, string(d.Action))
	for _, reason := range d.Reasons {
		r.metrics.count(telemetry.Reasons, string(reason.Code))
	}
	currency := d.Cost.Currency
	of := map[string][]series{
		telemetry.CurrentReplicas: one(float64(d.CurrentReplicas)),
		telemetry.CostPerHour:     {{[]string{currency}, d.Cost.CurrentPerHour}},
	}
	if d.Action != recommender.ActionNone {
		of[telemetry.DesiredReplicas] = one(float64(d.DesiredReplicas))
		of[telemetry.RecommendedReplicas] = one(float64(d.DesiredReplicas))
		of[telemetry.SavingsPerHour] = []series{{[]string{currency}, d.Cost.SavingsPerHour()}}
		var cpu, memory []series
		for _, c := range d.Containers {
			cpu = append(cpu, series{[]string{c.Name}, c.Target.CPU.Cores()})
			memory = append(memory, series{[]string{c.Name}, float64(c.Target.Memory)})
		}
		of[telemetry.RecommendedCPU], of[telemetry.RecommendedMemory] = cpu, memory
	}
	signal, usage := demandOf(s)
	of[telemetry.DemandObserved], of[telemetry.DemandForecast], of[telemetry.ForecastCoverage] = nil, nil, nil
	if usage.Samples > 0 {
		of[telemetry.DemandObserved] = []series{{[]string{signal}, usage.Last}}
	}
	if usage.Forecast.Valid() {
		ahead := recommender.Horizons(s, time.Second)[0]
		for _, q := range quantilesTold() {
			level := strconv.FormatFloat(q, 'g', -1, 64)
			of[telemetry.DemandForecast] = append(of[telemetry.DemandForecast], series{[]string{signal, level}, usage.Forecast.MaxWithin(ahead, q)})
		}
		if usage.Forecast.Coverage95 > 0 {
			of[telemetry.ForecastCoverage] = []series{{[]string{"0.95"}, usage.Forecast.Coverage95}}
		}
	}
	key := keyOf(rs)
	r.metrics.tell(key, string(rs.Spec.Mode), of)
	if age, ok := newestAge(s); ok {
		r.metrics.newest(key, s.Now.Add(-age))
	}
}

// demandOf is the demand where it is known, else the CPU of the container that
// uses the most of it.
func demandOf(s recommender.Snapshot) (string, recommender.Usage) {
	if s.Demand != nil {
		return s.Demand.Signal, s.Demand.Usage
	}
	if len(s.Containers) == 0 {
		return "cpu", recommender.Usage{}
	}
	return "cpu", slices.MaxFunc(s.Containers, func(a, b recommender.Container) int {
		switch {
		case a.CPU.Last < b.CPU.Last:
			return -1
		case a.CPU.Last > b.CPU.Last:
			return 1
		}
		return 0
	}).CPU
}

// newestAge is the age of the newest sample.
func newestAge(s recommender.Snapshot) (time.Duration, bool) {
	least, found := 0.0, false
	see := func(u recommender.Usage) {
		if u.Samples > 0 && (!found || u.AgeSeconds < least) {
			least, found = u.AgeSeconds, true
		}
	}
	for _, c := range s.Containers {
		see(c.CPU)
		see(c.Memory)
	}
	if s.Demand != nil {
		see(s.Demand.Usage)
	}
	return time.Duration(least * float64(time.Second)), found
}

// tell gives the conditions of a status as metrics, of this role alone.
func (r *recommends) tell(rs *v1alpha1.RightSize, s v1alpha1.RightSizeStatus) {
	r.metrics.tellConditions(keyOf(rs), string(rs.Spec.Mode), func(kind string) bool { return kind != v1alpha1.ConditionApplied }, s)
}
