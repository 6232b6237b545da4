package server_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/demo/block"
	"github.com/rightsize-dev/rightsize/demo/fleet"
	"github.com/rightsize-dev/rightsize/demo/server"
)

// start serves six hours of the demo's fleet.
func start(t *testing.T) *server.Server {
	t.Helper()
	f, err := fleet.New(fleet.Options{Seed: 1, History: 6 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := block.Write(t.Context(), f, dir, func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(t.Context(), dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestServerAnswersQueries(t *testing.T) {
	t.Parallel()
	c, err := api.NewClient(api.Config{Address: start(t).URL()})
	if err != nil {
		t.Fatal(err)
	}
	prom := v1.NewAPI(c)
	for name, tc := range map[string]struct {
		query string
		want  model.SampleValue
	}{
		"requests of the template":       {`max(kube_pod_container_resource_requests{namespace="web",container="shop",resource="cpu"})`, 0.5},
		"pods of a Deployment":           {`kube_deployment_spec_replicas{deployment="shop"}`, fleet.ShopReplicas},
		"quiet CPU of a pod, in tenths":  {`round(10*avg(rate(container_cpu_usage_seconds_total{container="shop"}[1h])))`, 2},
		"stale pods of a job are gone":   {`count(container_cpu_usage_seconds_total{container="etl"}) or vector(0)`, 0},
		"finished runs stay visible":     {`count(kube_pod_status_phase{namespace="data",phase="Succeeded"} == 1)`, 3},
		"GPU of a pod keeps its pod":     {`count(DCGM_FI_PROF_GR_ENGINE_ACTIVE{exported_namespace="ml",namespace="gpu-operator"})`, 3},
		"one target per node":            {`count(up{job="kubelet"})`, 9},
		"owners of ReplicaSets are told": {`count(kube_replicaset_owner{owner_kind="Rollout",owner_name="search"})`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, _, _, err := prom.Query(t.Context(), tc.query, fleet.ReportAt())
			if err != nil {
				t.Fatal(err)
			}
			vector, _ := v.(model.Vector)
			if len(vector) != 1 || vector[0].Value != tc.want {
				t.Errorf("%s gave %v, want %v", tc.query, vector, tc.want)
			}
		})
	}
	info, err := prom.Buildinfo(t.Context())
	if err != nil || info.Version == "" {
		t.Errorf("build info %+v, error %v", info, err)
	}
}

// TestEveryEndpointAnswers makes sure that parts which this server lacks are
// empty rather than broken.
func TestEveryEndpointAnswers(t *testing.T) {
	t.Parallel()
	url := start(t).URL()
	got := map[string]int{}
	paths := []string{
		"/-/ready", "/-/healthy", "/api/v1/labels", "/api/v1/rules", "/api/v1/alerts", "/api/v1/targets", "/api/v1/alertmanagers", "/api/v1/metadata",
		"/api/v1/scrape_pools", "/api/v1/status/tsdb", "/api/v1/status/config", "/api/v1/status/flags", "/api/v1/status/runtimeinfo",
		"/api/v1/status/buildinfo", "/api/v1/query_exemplars?query=up&start=1&end=2", "/api/v1/notifications",
	}
	want := map[string]int{}
	for _, p := range paths {
		want[p] = http.StatusOK
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+p, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		_ = res.Body.Close()
		got[p] = res.StatusCode
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestStartNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	if _, err := server.Start(t.Context(), t.TempDir(), "127.0.0.1:notaport"); err == nil {
		t.Error("a bad address gave no error")
	}
	file := filepath.Join(t.TempDir(), "meta.json", "below")
	if _, err := server.Start(t.Context(), "/dev/null/"+file, "127.0.0.1:0"); err == nil {
		t.Error("a bad data folder gave no error")
	}
}
