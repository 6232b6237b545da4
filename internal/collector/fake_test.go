package collector_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/internal/collector"
)

// fakeAPI answers like the HTTP API of a Prometheus that holds a regular fleet
// of Deployments: enough to see what is sent and how answers are taken. What
// PromQL means is tested on a real server.
type fakeAPI struct {
	// workloads have two containers and podsEach pods.
	workloads, podsEach int
	// every is how many of the points of a range are answered: each, or every
	// so many.
	every int
	// before may answer a request itself.
	before func(w http.ResponseWriter, r *http.Request, expr string) bool

	requests atomic.Int64
	points   atomic.Int64 // The most of any series.
}

// start serves the API.
func (f *fakeAPI) start(t testing.TB) *httptest.Server {
	t.Helper()
	if f.every == 0 {
		f.every = 1
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return server
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.requests.Add(1)
	expr := r.FormValue("query")
	if f.before != nil && f.before(w, r, expr) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	var b strings.Builder
	if strings.HasSuffix(r.URL.Path, "/query") {
		b.WriteString(`{"status":"success","data":{"resultType":"vector","result":[`)
		f.vector(&b, expr, r.FormValue("time"))
	} else {
		b.WriteString(`{"status":"success","data":{"resultType":"matrix","result":[`)
		f.matrix(&b, expr, r)
	}
	b.WriteString("]}}")
	_, _ = w.Write([]byte(b.String()))
}

func (f *fakeAPI) vector(b *strings.Builder, expr, at string) {
	item := func(labels string, v float64) {
		if !strings.HasSuffix(b.String()[max(0, b.Len()-1):], "[") {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, `{"metric":{%s},"value":[%s,"%g"]}`, labels, at, v)
	}
	pods := float64(f.workloads * f.podsEach)
	switch {
	case strings.HasPrefix(expr, "count by (cluster"):
		item(``, pods)
	case strings.HasPrefix(expr, "label_replace(count(container_cpu"):
		for name, n := range map[string]float64{
			"container_cpu_usage_seconds_total": 2 * pods, "container_memory_working_set_bytes": 2 * pods, "container_cpu_cfs_periods_total": pods,
			"container_oom_events_total": 2 * pods, "kube_replicaset_owner": 10 * float64(f.workloads), "kube_job_owner": 500, "kube_job_status_completion_time": 500, "container_start_time_seconds": 2 * pods, "kube_pod_created": pods,
			"kube_pod_container_info": 2 * pods, "kube_pod_container_resource_requests": 4 * pods, "kube_pod_container_resource_limits": 2 * pods,
			"kube_pod_container_status_restarts_total": 2 * pods, "kube_pod_status_phase": 5 * pods, "kube_pod_status_ready": 3 * pods,
			"kube_pod_status_ready_time": pods, "kube_deployment_spec_replicas": float64(f.workloads), "http_requests_total": 4 * pods,
			`istio_requests_total{reporter="destination"}`: 4 * pods, "vllm:num_requests_waiting": 10, "grpc_server_handled_total": pods,
		} {
			item(fmt.Sprintf(`"signal":%q`, name), n)
		}
	case strings.Contains(expr, `label_replace(count by (namespace)`):
		for ns := range min(20, f.workloads) {
			share := pods / 20
			item(fmt.Sprintf(`"namespace":"ns-%d","signal":"raw"`, ns), 2*share)
			item(fmt.Sprintf(`"namespace":"ns-%d","signal":"pods"`, ns), share)
			item(fmt.Sprintf(`"namespace":"ns-%d","signal":"owners"`, ns), share/float64(f.podsEach))
		}
	case strings.HasPrefix(expr, "topk by (namespace,owner_kind"):
		for i := range f.workloads {
			item(f.owner(i), 1.7e9)
		}
	}
}

func (f *fakeAPI) owner(i int) string {
	return fmt.Sprintf(`"namespace":"ns-%d","owner_kind":"ReplicaSet","owner_name":"app-%d-6d4cf56db6"`, i%20, i)
}

func (f *fakeAPI) matrix(b *strings.Builder, expr string, r *http.Request) {
	start, _ := strconv.ParseFloat(r.FormValue("start"), 64)
	end, _ := strconv.ParseFloat(r.FormValue("end"), 64)
	step, _ := strconv.ParseFloat(r.FormValue("step"), 64)
	n := int64((end-start)/step) + 1
	for old := f.points.Load(); n > old && !f.points.CompareAndSwap(old, n); old = f.points.Load() {
	}
	first := true
	series := func(labels string, v float64) {
		if !first {
			b.WriteByte(',')
		}
		first = false
		fmt.Fprintf(b, `{"metric":{%s},"values":[`, labels)
		for i := int64(0); i < n; i += int64(f.every) {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(b, `[%d,"%.16g"]`, int64(start+float64(i)*step), v*(1+0.3*float64(i%17)/17))
		}
		b.WriteString("]}")
	}
	perContainer := func(v float64) {
		for i := range f.workloads {
			series(f.owner(i)+`,"container":"app"`, v)
			series(f.owner(i)+`,"container":"proxy"`, v/10)
		}
	}
	switch {
	case strings.Contains(expr, "container_cpu_cfs"):
		perContainer(0.01)
	case strings.Contains(expr, "container_cpu_usage"):
		perContainer(0.123456789)
	case strings.Contains(expr, "container_memory"):
		perContainer(209715200)
	case strings.Contains(expr, "kube_replicaset_owner") && strings.HasPrefix(expr, "max by"):
		for i := range f.workloads {
			if !strings.Contains(expr, "deployment") {
				series(strings.ReplaceAll(fmt.Sprintf(`"namespace":"ns-%d","replicaset":"app-%d-6d4cf56db6","owner_kind":"Deployment","owner_name":"app-%d"`, i%20, i, i), " ", ""), 1)
			} else {
				series(fmt.Sprintf(`"namespace":"ns-%d","deployment":"app-%d"`, i%20, i), float64(f.podsEach))
			}
		}
	case strings.Contains(expr, "_requests_total"):
		for i := range f.workloads {
			series(f.owner(i), 100)
		}
	}
}

// fakeConfig is a short history without long waits.
func fakeConfig(url string) collector.Config {
	cfg := collector.DefaultConfig()
	cfg.URL = url
	cfg.History = model.Duration(time.Hour)
	cfg.Timeout = model.Duration(5 * time.Second)
	cfg.Backoff = model.Duration(time.Millisecond)
	cfg.HTTP.ProxyFromEnvironment = false
	return cfg
}

// collect runs a collection with a configuration.
func collect(t testing.TB, cfg collector.Config) (*collector.Fleet, error) {
	t.Helper()
	c, err := collector.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c.Collect(t.Context(), time.Now(), nil)
}
