package metricsapi_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/metricsapi"
	"github.com/rightsize-dev/rightsize/recommender"
)

func instant(seconds int) time.Time { return time.Date(2026, 11, 20, 12, 0, seconds, 0, time.UTC) }

func TestByWorkload(t *testing.T) {
	t.Parallel()
	web := recommender.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}
	pods := []metricsapi.PodUsage{
		{Namespace: "shop", Name: "web-1", At: instant(30), Containers: []metricsapi.ContainerUsage{{Name: "proxy", CPUCores: 0.125}, {Name: "app", CPUCores: 0.5, MemoryBytes: 100}}},
		{Namespace: "shop", Name: "web-2", At: instant(10), Containers: []metricsapi.ContainerUsage{{Name: "app", CPUCores: 0.75, MemoryBytes: 50}}},
		{Namespace: "shop", Name: "web-3", At: instant(20)},
		{Namespace: "shop", Name: "toolbox", At: instant(0), Containers: []metricsapi.ContainerUsage{{Name: "sh", CPUCores: 9}}},
	}
	got := metricsapi.ByWorkload(pods, func(_, pod string) (recommender.Workload, bool) { return web, pod != "toolbox" })
	want := map[recommender.Workload]metricsapi.WorkloadUsage{web: {
		Pods: 3, Oldest: instant(10), Newest: instant(30),
		Containers: []metricsapi.ContainerTotal{
			{Name: "app", Pods: 2, CPUCores: 1.25, MaxCPUCores: 0.75, MaxMemoryBytes: 100},
			{Name: "proxy", Pods: 1, CPUCores: 0.125, MaxCPUCores: 0.125},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if age := got[web].Age(instant(40)); age != 30*time.Second {
		t.Errorf("age %v, want that of web-2, 30s", age)
	}
}

// hourly is a forecast with one horizon, of an hour, whose quantile of the
// maximum is ten times its level.
func hourly() forecaster.Forecast {
	levels := []float64{0.1, 0.5, 0.9, 0.99}
	row := make([]float64, len(levels))
	for i, l := range levels {
		row[i] = 10 * l
	}
	return forecaster.Forecast{Horizons: []time.Duration{time.Hour}, Levels: levels, Point: [][]float64{row}, Max: [][]float64{row}}
}

func TestValuesOfADecision(t *testing.T) {
	t.Parallel()
	s := recommender.Snapshot{
		Workload:   recommender.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"},
		Demand:     &recommender.Demand{Signal: "http_requests", Usage: recommender.Usage{Samples: 3, Last: 7, Forecast: hourly()}},
		Containers: []recommender.Container{{Name: "app"}},
	}
	d := recommender.Decision{At: instant(0), Action: recommender.ActionScale, DesiredReplicas: 4}
	find := func(values []metricsapi.Value, metric string, labels map[string]string) []float64 {
		var out []float64
		for _, v := range values {
			if v.Metric == metric && cmp.Equal(v.Labels, labels) && v.At.Equal(d.At) {
				out = append(out, v.Value)
			}
		}
		return out
	}
	values := metricsapi.Values("web", s, d)
	cases := map[string]struct {
		metric string
		labels map[string]string
		want   []float64
	}{
		"replicas": {metricsapi.MetricReplicas, map[string]string{"rightsize": "web"}, []float64{4}},
		"demand":   {metricsapi.MetricDemand, map[string]string{"rightsize": "web", "signal": "http_requests"}, []float64{7}},
		"a quantile of the forecast": {
			metricsapi.MetricDemandForecast,
			map[string]string{"rightsize": "web", "signal": "http_requests", "quantile": "0.9", "horizon": "1h"},
			[]float64{9},
		},
		"beyond the forecast": {
			metricsapi.MetricDemandForecast,
			map[string]string{"rightsize": "web", "signal": "http_requests", "quantile": "0.9", "horizon": "3h"},
			nil,
		},
		"CPU that has no forecast": {
			metricsapi.MetricCPUForecast, map[string]string{"rightsize": "web", "container": "app", "quantile": "0.9", "horizon": "1h"}, nil,
		},
	}
	for name, tc := range cases {
		if diff := cmp.Diff(tc.want, find(values, tc.metric, tc.labels)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	d.Action = recommender.ActionNone
	if values := metricsapi.Values("web", s, d); len(values) > 0 {
		t.Errorf("without enough data there are values: %v", values)
	}
}
