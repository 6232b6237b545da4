package collector_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

// TestQueriesOfALargeCluster bounds the load on a Prometheus: 2,000 Deployments
// of 5 pods and 2 containers, 14 days of history every 5 minutes, and three
// demand signals with up to 40,000 series.
func TestQueriesOfALargeCluster(t *testing.T) {
	t.Parallel()
	f := &fakeAPI{workloads: 2000, podsEach: 5, every: 1 << 20} // One point of each part is enough.
	cfg := fakeConfig(f.start(t).URL)
	cfg.History = 0
	fleet, err := collect(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d workloads by %d queries of up to %d points", len(fleet.Workloads), fleet.Queries, f.points.Load())
	if len(fleet.Workloads) != 2000 || fleet.Queries >= 200 || int64(fleet.Queries) != f.requests.Load() {
		t.Errorf("%d workloads by %d queries, the server saw %d; want 2000 by fewer than 200", len(fleet.Workloads), fleet.Queries, f.requests.Load())
	}
	if p := f.points.Load(); p > 11000 {
		t.Errorf("a query asked for %d points per series, more than Prometheus gives", p)
	}
	w := fleet.Workloads[0]
	if w.ID.Kind != "Deployment" || len(w.Containers) != 2 || len(w.Signals) != 1 {
		t.Errorf("%s has %d containers and %d signals", w.ID, len(w.Containers), len(w.Signals))
	}
}

// TestPointsPerSeries keeps a small cluster with a fine step under the limit.
func TestPointsPerSeries(t *testing.T) {
	t.Parallel()
	f := &fakeAPI{workloads: 1, podsEach: 1, every: 1 << 20}
	cfg := fakeConfig(f.start(t).URL)
	cfg.History, cfg.Step = model.Duration(collector.MaxHistory), model.Duration(time.Minute)
	if _, err := collect(t, cfg); err != nil { // 40,320 points.
		t.Fatal(err)
	}
	if p := f.points.Load(); p > 11000 || p < 5000 {
		t.Errorf("a query asked for %d points per series, want the most that Prometheus gives", p)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	f := &fakeAPI{workloads: 3, podsEach: 1}
	c, err := collector.New(fakeConfig(f.start(t).URL))
	if err != nil {
		t.Fatal(err)
	}
	done, total := 0, 0
	if _, err := c.Collect(t.Context(), time.Now(), func(d, n int) {
		if d < done || n < total || d > n {
			t.Errorf("progress went from %d of %d to %d of %d", done, total, d, n)
		}
		done, total = d, n
	}); err != nil {
		t.Fatal(err)
	}
	if done != total || done == 0 {
		t.Errorf("progress ended at %d of %d", done, total)
	}
}

func TestDeletedAndScaledToZero(t *testing.T) {
	t.Parallel()
	// The first has pods now, the second has none but exists, the third is gone.
	f := &fakeAPI{workloads: 3, podsEach: 1, before: func(w http.ResponseWriter, r *http.Request, expr string) bool {
		var result string
		switch {
		case strings.HasPrefix(expr, "topk by (namespace,owner_kind"):
			result = `"namespace":"ns-0","owner_kind":"ReplicaSet","owner_name":"app-0-6d4cf56db6"`
		case strings.HasPrefix(expr, "max by (namespace,deployment) (last_over_time(kube_deployment_spec_replicas"):
			result = `"namespace":"ns-1","deployment":"app-1"`
		default:
			return false
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{%s},"value":[%s,"1"]}]}}`, result, r.FormValue("time"))
		return true
	}}
	fleet, err := collect(t, fakeConfig(f.start(t).URL))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, w := range fleet.Workloads {
		names = append(names, w.ID.Name)
	}
	if fmt.Sprint(names) != "[app-0 app-1]" {
		t.Errorf("workloads are %v", names)
	}
	if fs := fleet.Workloads[1].Facts; len(fs) != 1 || fs[0].Code != recommender.FactMissing || fs[0].Signal != "requests" {
		t.Errorf("facts of the one without pods are %v", fs)
	}
}

// BenchmarkCollect reads 2,000 workloads with all their points: 14 days every
// 5 minutes in about 2 GB of JSON. It takes a minute, so it has to be asked
// for by RIGHTSIZE_BENCH_LARGE=1.
func BenchmarkCollect(b *testing.B) {
	workloads := 100
	if os.Getenv("RIGHTSIZE_BENCH_LARGE") != "" {
		workloads = 2000
	}
	f := &fakeAPI{workloads: workloads, podsEach: 5}
	cfg := fakeConfig(f.start(b).URL)
	cfg.History, cfg.Timeout = 0, model.Duration(5*time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		fleet, err := collect(b, cfg)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(fleet.Queries), "queries/op")
	}
}
