package collector_test

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
)

// FuzzAnswers gives one kind of query an answer that is anything at all, and
// the others what they ask for. Whatever comes, the collection ends, what it
// says is one line, and what it read is on the grid and finite.
func FuzzAnswers(f *testing.F) {
	kinds := []string{
		"count by (cluster", "label_replace(count(container_cpu", "label_replace(count by (namespace)", "kube_replicaset_owner", "topk by (namespace,owner_kind",
		"resource_requests", "container_info", "container_cpu_usage", "container_memory_working_set", "restarts_total", "ready_time", "spec_replicas", "http_requests_total",
	}
	const owner = `"namespace":"ns-0","owner_kind":"ReplicaSet","owner_name":"app-0-6d4cf56db6","container":"app"`
	for i := range kinds {
		f.Add(byte(i), 200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{`+owner+`},"values":[[1,"1"],[1e300,"NaN"],[1700000000,"+Inf"]]}]}}`)
		f.Add(byte(i), 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{`+owner+`,"resource":"memory","signal":"kube_job_owner"},"value":[1700000000,"-1e300"]}]}}`)
	}
	f.Add(byte(7), 200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[17`)
	f.Add(byte(7), 200, `{"status":"success","data":{"resultType":"matrix","result":[null]}}`)
	f.Add(byte(7), 200, `{"status":"success","data":null}`)
	f.Add(byte(1), 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"signal":"container_cpu_usage_seconds_total"},"value":[1,"1e19"]},{"metric":{"signal":"container_memory_working_set_bytes"},"value":[1,"1e19"]}]}}`)
	f.Add(byte(2), 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"namespace":"\"} or up{","signal":"raw"},"value":[1,"NaN"]},{"metric":{"signal":"pods"},"value":[1,"-7"]}]}}`)
	f.Add(byte(8), 422, "{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"x\\n\\u001b[31m\"}")
	f.Add(byte(0), 503, "<html>")
	f.Fuzz(func(t *testing.T, which byte, status int, body string) {
		kind := kinds[int(which)%len(kinds)]
		fake := &fakeAPI{workloads: 2, podsEach: 1, before: func(w http.ResponseWriter, _ *http.Request, expr string) bool {
			if !strings.Contains(expr, kind) {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			if status >= 200 && status < 600 {
				w.WriteHeader(status)
			}
			_, _ = w.Write([]byte(body))
			return true
		}}
		server := fake.start(t)
		defer server.Close()
		cfg := fakeConfig(server.URL)
		cfg.Attempts = 1
		fleet, err := collect(t, cfg)
		if err != nil {
			if strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Fatalf("the error %q is not one line", err)
			}
			return
		}
		for _, w := range fleet.Workloads {
			checkNumbers(t, w)
		}
		for _, fact := range fleet.Facts {
			if strings.ContainsFunc(fact.Message, unicode.IsControl) {
				t.Fatalf("the fact %q is not one line", fact.Message)
			}
		}
	})
}

func checkNumbers(t *testing.T, w collector.Workload) {
	t.Helper()
	all := []forecaster.Series{w.Desired, w.Ready}
	for _, s := range w.Signals {
		all = append(all, s.Series)
	}
	for _, c := range w.Containers {
		all = append(all, c.CPU, c.CPUMaxPod, c.Memory, c.Throttled)
		if c.Requests.CPU < 0 || c.Requests.Memory < 0 || c.Limits.CPU < 0 || c.Limits.Memory < 0 || c.Restarts < 0 || c.OOMKills < 0 || c.GPUs < 0 {
			t.Fatalf("%s has amounts below zero: %+v", w.ID, c)
		}
	}
	for _, s := range all {
		if s.Len() != 0 && s.Len() != 12 {
			t.Fatalf("%s has a series of %d points, want 12", w.ID, s.Len())
		}
		for _, v := range s.Values {
			if math.IsInf(v, 0) || v < 0 {
				t.Fatalf("%s has the value %g", w.ID, v)
			}
		}
	}
	if math.IsNaN(w.StartupSeconds) || math.IsInf(w.StartupSeconds, 0) || w.StartupSeconds < 0 {
		t.Fatalf("%s starts in %g s", w.ID, w.StartupSeconds)
	}
}
