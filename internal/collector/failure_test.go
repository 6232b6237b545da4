package collector_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

// isCPU picks one query out of all.
func isCPU(expr string) bool {
	return strings.HasPrefix(expr, "sum by") && strings.Contains(expr, "(rate(container_cpu_usage")
}

func TestFailuresOfTheServer(t *testing.T) {
	t.Parallel()
	status := func(code int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
	}
	body := func(contentType, text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(text))
		}
	}
	cases := map[string]struct {
		answer func(http.ResponseWriter)
		// only says which queries get the answer; nil means all.
		only func(expr string) bool
		want []string
		// wantRequests is how many such requests are sent; 0 means any.
		wantRequests int64
	}{
		"401": {answer: status(401, "no org id"), want: []string{"query the clusters from http://127", "401 Unauthorized: no org id", "--bearer-token-file", "X-Scope-OrgID"}, wantRequests: 1},
		// The client library tries GET after a 403 to POST.
		"403":                   {answer: status(403, ""), want: []string{"403 Forbidden", "role"}, wantRequests: 2},
		"404":                   {answer: status(404, "404 page not found"), want: []string{"404 Not Found", "/api/v1/query"}, wantRequests: 1},
		"redirect":              {answer: status(304, ""), want: []string{"304 Not Modified", "redirects"}, wantRequests: 1},
		"400":                   {answer: status(400, `{"status":"error","errorType":"bad_data","error":"parse error: unknown function"}`), only: isCPU, want: []string{"query CPU usage", "400 Bad Request: parse error: unknown function"}, wantRequests: 1},
		"422 for good":          {answer: status(422, `{"status":"error","errorType":"execution","error":"many-to-many matching not allowed"}`), only: isCPU, want: []string{"query CPU usage", "422 Unprocessable Entity: many-to-many matching"}, wantRequests: 1},
		"500":                   {answer: status(500, "boom\n\x1b[31mred"), only: isCPU, want: []string{"500 Internal Server Error: boom", "(tried 5 times)"}, wantRequests: 5},
		"502 with a web page":   {answer: status(502, "<html>bad gateway</html>"), want: []string{"502 Bad Gateway: server error: 502", "(tried 5 times)"}, wantRequests: 5},
		"429":                   {answer: status(429, "slow down"), want: []string{"429 Too Many Requests: slow down", "--concurrency"}, wantRequests: 5},
		"truncated JSON":        {answer: body("application/json", `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[17`), only: isCPU, want: []string{"query CPU usage", "cannot be read", "cut off", "(tried 3 times)"}, wantRequests: 3},
		"not JSON":              {answer: body("text/plain", "hello"), want: []string{"the answer cannot be read"}, wantRequests: 3},
		"a web page":            {answer: body("text/html; charset=utf-8", "<html>please log in</html>"), want: []string{"web page, not JSON", "login page"}, wantRequests: 1},
		"empty":                 {answer: body("application/json", ""), want: []string{"the answer cannot be read"}, wantRequests: 3},
		"error with 200":        {answer: body("application/json", `{"status":"error","errorType":"internal","error":"kaput"}`), want: []string{"kaput"}},
		"wrong type":            {answer: body("application/json", `{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`), only: isCPU, want: []string{"the answer is a scalar"}, wantRequests: 1},
		"nonsense in a value":   {answer: body("application/json", `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[["x","y"]]}]}}`), only: isCPU, want: []string{"the answer cannot be read"}},
		"wrong label type":      {answer: body("application/json", `{"status":"success","data":{"resultType":"vector","result":[{"metric":7,"value":[1,"2"]}]}}`), want: []string{"the answer cannot be read"}},
		"no pods":               {answer: body("application/json", `{"status":"success","data":{"resultType":"vector","result":[]}}`), want: []string{"has no series kube_pod_owner{}", "kube-state-metrics", "--at"}, wantRequests: 2}, // Once more, whether anything runs.
		"no usage":              {answer: body("application/json", `{"status":"success","data":{"resultType":"vector","result":[]}}`), only: func(e string) bool { return strings.HasPrefix(e, "label_replace(count(container") }, want: []string{"has no series container_cpu_usage_seconds_total", "cAdvisor"}},
		"no rates (one sample)": {answer: body("application/json", `{"status":"success","data":{"resultType":"matrix","result":[]}}`), only: isCPU, want: []string{"none that belongs to a pod", "two samples within 5m0s"}},
		"not honoured labels":   {answer: body("application/json", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"signal":"relabeled pods"},"value":[1,"5"]}]}}`), only: func(e string) bool { return strings.HasPrefix(e, "label_replace(count(container") }, want: []string{"honorLabels: true"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var hits atomic.Int64
			f := &fakeAPI{workloads: 2, podsEach: 2, before: func(w http.ResponseWriter, _ *http.Request, expr string) bool {
				if tc.only != nil && !tc.only(expr) {
					return false
				}
				hits.Add(1)
				tc.answer(w)
				return true
			}}
			_, err := collect(t, fakeConfig(f.start(t).URL))
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("error %q has control characters", err)
			}
			if tc.wantRequests > 0 && hits.Load() != tc.wantRequests {
				t.Errorf("%d requests, want %d", hits.Load(), tc.wantRequests)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // A port that nobody listens on.
	if err != nil {
		t.Fatal(err)
	}
	cfg := fakeConfig("http://user:secret@" + l.Addr().String())
	_ = l.Close()
	_, err = collect(t, cfg)
	if err == nil || !strings.Contains(err.Error(), "connection refused") || !strings.Contains(err.Error(), "port-forward") {
		t.Errorf("error is %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("error %q tells the password", err)
	}
	if q, ok := errors.AsType[*collector.QueryError](err); !ok || q.Attempts != 3 {
		t.Errorf("error is %#v, want a QueryError after 3 attempts", err)
	}
}

func TestSlow(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	f := &fakeAPI{workloads: 1, podsEach: 1, before: func(_ http.ResponseWriter, r *http.Request, _ string) bool {
		select {
		case <-r.Context().Done():
		case <-release:
		}
		return true
	}}
	cfg := fakeConfig(f.start(t).URL)
	t.Cleanup(func() { close(release) })
	cfg.Timeout = model.Duration(50 * time.Millisecond)
	_, err := collect(t, cfg)
	if err == nil || !strings.Contains(err.Error(), "no answer within 50ms") || !strings.Contains(err.Error(), "--timeout") {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, err := collector.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Collect(ctx, time.Now(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error after an interrupt is %v", err)
	}
}

// A server that is too weak for a query, in one way or another, gets smaller
// ones, and the history comes out the same.
func TestSplitting(t *testing.T) {
	t.Parallel()
	long := func(r *http.Request, points int) bool {
		start, _ := time.ParseDuration(r.FormValue("start") + "s")
		end, _ := time.ParseDuration(r.FormValue("end") + "s")
		return end-start >= time.Duration(points)*5*time.Minute
	}
	cases := map[string]func(w http.ResponseWriter){
		"too many samples": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = w.Write([]byte(`{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}`))
		},
		"server timeout": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`))
		},
		"oversize": func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 80<<10)) },
		"oversize, compressed": func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 80<<10))
			_ = z.Close()
		},
	}
	whole := &fakeAPI{workloads: 2, podsEach: 1}
	want, err := collect(t, fakeConfig(whole.start(t).URL))
	if err != nil {
		t.Fatal(err)
	}
	for name, refuse := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fakeAPI{workloads: 2, podsEach: 1, before: func(w http.ResponseWriter, r *http.Request, expr string) bool {
				if !isCPU(expr) || !long(r, 3) {
					return false
				}
				refuse(w)
				return true
			}}
			cfg := fakeConfig(f.start(t).URL)
			cfg.MaxResponseBytes = 64 << 10
			got, err := collect(t, cfg)
			if err != nil {
				t.Fatal(err)
			}
			cpu, wantCPU := got.Workloads[0].Containers[0].CPU, want.Workloads[0].Containers[0].CPU
			if cpu.Observed() != wantCPU.Observed() || cpu.Len() != 12 {
				t.Errorf("%d of %d points, want %d", cpu.Observed(), cpu.Len(), wantCPU.Observed())
			}
			// 12 points refused, 6 and 6 refused, 3, 3, 3 and 3.
			if extra := got.Queries - want.Queries; extra != 6 {
				t.Errorf("%d further queries, want 6", extra)
			}
		})
	}
	t.Run("never enough", func(t *testing.T) {
		t.Parallel()
		f := &fakeAPI{workloads: 2, podsEach: 1, before: func(w http.ResponseWriter, _ *http.Request, expr string) bool {
			if !isCPU(expr) {
				return false
			}
			cases["too many samples"](w)
			return true
		}}
		_, err := collect(t, fakeConfig(f.start(t).URL))
		if err == nil || !strings.Contains(err.Error(), "too tight even for a short query") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestRetries(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []time.Time
	f := &fakeAPI{workloads: 1, podsEach: 1, before: func(w http.ResponseWriter, _ *http.Request, expr string) bool {
		if !isCPU(expr) {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, time.Now())
		switch len(seen) {
		case 1:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2: // Closed without an answer.
			panic(http.ErrAbortHandler)
		case 3: // Cut off.
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"status":`))
			panic(http.ErrAbortHandler)
		default:
			return false
		}
		return true
	}}
	fleet, err := collect(t, fakeConfig(f.start(t).URL))
	if err != nil {
		t.Fatal(err)
	}
	// The transport itself repeats what was closed without an answer, which
	// only the server sees.
	if extra := f.requests.Load() - int64(fleet.Queries); len(fleet.Workloads) != 1 || extra < 0 || extra > 2 {
		t.Errorf("%d workloads by %d queries, the server saw %d", len(fleet.Workloads), fleet.Queries, f.requests.Load())
	}
	if d := seen[1].Sub(seen[0]); d < 900*time.Millisecond {
		t.Errorf("tried again after %s in spite of Retry-After: 1", d)
	}
}

// Optional signals may fail; the report is not lost for one of them.
func TestOptionalSignals(t *testing.T) {
	t.Parallel()
	f := &fakeAPI{workloads: 1, podsEach: 1, before: func(w http.ResponseWriter, _ *http.Request, expr string) bool {
		optional := strings.Contains(expr, "cfs_") || strings.Contains(expr, "http_requests_total") || strings.Contains(expr, "resource_requests")
		if !optional || strings.HasPrefix(expr, "label_replace(count(") {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"status":"error","errorType":"bad_data","error":"no such function"}`))
		return true
	}}
	fleet, err := collect(t, fakeConfig(f.start(t).URL))
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []string{"throttled", "http_requests", "kube_pod_container_resource_requests"} {
		i := slices.IndexFunc(fleet.Facts, func(f recommender.Fact) bool { return f.Signal == signal })
		if i < 0 || fleet.Facts[i].Code != recommender.FactMissing || !strings.Contains(fleet.Facts[i].Message, "no such function") {
			t.Errorf("no fact says why there is no %s: %v", signal, fleet.Facts)
		}
	}
	if n := fleet.Workloads[0].Containers[0].CPU.Observed(); n != 12 {
		t.Errorf("%d points of CPU, want 12", n)
	}
}

func TestBadSamples(t *testing.T) {
	t.Parallel()
	f := &fakeAPI{workloads: 1, podsEach: 1, before: func(w http.ResponseWriter, r *http.Request, expr string) bool {
		if !isCPU(expr) {
			return false
		}
		w.Header().Set("Date", time.Now().Add(2*time.Hour).UTC().Format(http.TimeFormat))
		end := r.FormValue("end")
		owner := `"namespace":"ns-0","owner_kind":"ReplicaSet","owner_name":"app-0-6d4cf56db6","container":"app"`
		_, _ = w.Write([]byte(`{"status":"success","warnings":["store sidecar-1: rpc error: code = Unavailable","PromQL warning: odd"],"data":{"resultType":"matrix","result":[
			{"metric":{` + owner + `},"values":[[1,"1"],[` + end + `,"0.5"],[` + end + `,"NaN"],[` + end + `,"+Inf"],[` + end + `,"-3"],[99999999999,"7"]]},
			{"metric":{},"values":[[` + end + `,"9"]]},
			{"metric":{` + owner + `},"histograms":[[` + end + `,{"count":"1","sum":"1"}]]}]}}`))
		return true
	}}
	fleet, err := collect(t, fakeConfig(f.start(t).URL))
	if err != nil {
		t.Fatal(err)
	}
	cpu := fleet.Workloads[0].Containers[0].CPU
	if last, _, ok := cpu.Last(); !ok || last != 0.5 || cpu.Observed() != 1 {
		t.Errorf("last is %g of %d observations, want 0.5 of 1", last, cpu.Observed())
	}
	if !math.IsNaN(cpu.Values[0]) {
		t.Errorf("a gap is %g", cpu.Values[0])
	}
	want := map[recommender.FactCode]string{
		recommender.FactInvalid:   "3 samples were NaN",
		recommender.FactPartial:   "rpc error",
		recommender.FactWarning:   "PromQL warning: odd",
		recommender.FactClockSkew: "ahead of the clock here",
	}
	for code, part := range want {
		if !slices.ContainsFunc(fleet.Facts, func(f recommender.Fact) bool { return f.Code == code && strings.Contains(f.Message, part) }) {
			t.Errorf("no fact %s about %q in %v", code, part, fleet.Facts)
		}
	}
	if !slices.ContainsFunc(fleet.Facts, func(f recommender.Fact) bool { return strings.Contains(f.Message, "1 samples lie after the end") }) {
		t.Errorf("no fact about a sample of the future in %v", fleet.Facts)
	}
}

func TestGetWherePostIsNotAllowed(t *testing.T) {
	t.Parallel()
	f := &fakeAPI{workloads: 1, podsEach: 1, before: func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if r.Method == http.MethodGet {
			return false
		}
		w.WriteHeader(http.StatusMethodNotAllowed)
		return true
	}}
	if _, err := collect(t, fakeConfig(f.start(t).URL)); err != nil {
		t.Error(err)
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	f := &fakeAPI{workloads: 1, podsEach: 1, every: 1}
	server := httptest.NewUnstartedServer(f)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	cfg := fakeConfig(server.URL)
	if _, err := collect(t, cfg); err == nil || !strings.Contains(err.Error(), "--tls-ca-file") {
		t.Errorf("error is %v", err)
	}
	cfg.HTTP.TLSConfig.InsecureSkipVerify = true
	if _, err := collect(t, cfg); err != nil {
		t.Error(err)
	}
	if _, err := collect(t, fakeConfig(strings.Replace(f.start(t).URL, "http:", "https:", 1))); err == nil || !strings.Contains(err.Error(), "http://") {
		t.Errorf("error is %v", err)
	}
}
