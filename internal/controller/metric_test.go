package controller

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rightsize-dev/rightsize/internal/telemetry"
)

// What is told of two RightSizes is exposed under their names, with labels in
// order, and a value of a label that is no UTF-8 spoils nothing.
func TestMetricsOfRightSizes(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m, err := newMetrics(registry, "test", RoleAll)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		m.tell(types.NamespacedName{Namespace: "shop", Name: name}, "DryRun", map[string][]series{
			telemetry.RecommendedReplicas: {{nil, 3}},
			telemetry.DemandForecast:      {{[]string{"http", "0.5"}, 10}, {[]string{"queue\xff", "0.5"}, 1}},
		})
	}
	want := `
# HELP rightsize_demand_forecast Quantile of the maximum of the demand expected within the time it takes to react, in the unit of the signal.
# TYPE rightsize_demand_forecast gauge
rightsize_demand_forecast{namespace="shop",quantile="0.5",rightsize="a",signal="http"} 10
rightsize_demand_forecast{namespace="shop",quantile="0.5",rightsize="a",signal="queue�"} 1
rightsize_demand_forecast{namespace="shop",quantile="0.5",rightsize="b",signal="http"} 10
rightsize_demand_forecast{namespace="shop",quantile="0.5",rightsize="b",signal="queue�"} 1
# HELP rightsize_recommended_replicas Pods that the workload should have.
# TYPE rightsize_recommended_replicas gauge
rightsize_recommended_replicas{namespace="shop",rightsize="a"} 3
rightsize_recommended_replicas{namespace="shop",rightsize="b"} 3
# HELP rightsize_workloads Number of RightSizes by mode.
# TYPE rightsize_workloads gauge
rightsize_workloads{mode="Apply"} 0
rightsize_workloads{mode="DryRun"} 2
rightsize_workloads{mode="Initial"} 0
rightsize_workloads{mode="Paused"} 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), telemetry.DemandForecast, telemetry.RecommendedReplicas, telemetry.Workloads); err != nil {
		t.Error(err)
	}
}
