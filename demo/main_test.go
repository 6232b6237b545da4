package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rightsize-dev/rightsize/internal/cli"

	"github.com/rightsize-dev/rightsize/demo/block"
	"github.com/rightsize-dev/rightsize/demo/fleet"
	"github.com/rightsize-dev/rightsize/demo/server"
)

// prometheusEnv names the program of a released Prometheus server.
const prometheusEnv = "RIGHTSIZE_PROMETHEUS"

// history generates a fleet into a folder of the test.
func history(t *testing.T, o fleet.Options) (*fleet.Fleet, string) {
	t.Helper()
	began := time.Now()
	f, err := fleet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	stats, err := block.Write(t.Context(), f, dir, func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("generated %d workloads, %d series, %d samples, %.0f MB in %s",
		f.Workloads(), stats.Series, stats.Samples, float64(stats.Bytes)/1e6, time.Since(began).Round(time.Millisecond))
	return f, dir
}

// embedded serves the folder from within the test.
func embedded(t *testing.T, dir string) string {
	t.Helper()
	s, err := server.Start(t.Context(), dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.URL()
}

// released serves the folder from the released server, which is stopped when
// the test ends.
func released(t *testing.T, program, dir string) string {
	t.Helper()
	port := freePort(t)
	config := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(config, []byte("global: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	var log bytes.Buffer
	cmd := exec.CommandContext(context.Background(), program, "--config.file="+config, "--storage.tsdb.path="+dir,
		"--storage.tsdb.retention.time=10y", "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the server said:\n%s", log.String())
		}
	})
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if get(t, "http://"+address+"/-/ready") == http.StatusOK {
			return "http://" + address
		}
	}
	t.Fatalf("%s was not ready within a minute", program)
	return ""
}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// get returns the status of a request, 0 where there was no answer.
func get(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// counting puts a proxy before a server that counts requests.
func counting(t *testing.T, target string) (string, *atomic.Int64) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	n := new(atomic.Int64)
	proxy := httputil.NewSingleHostReverseProxy(u)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, n
}

// runReport runs `rightsize report -o json` as of the fleet's last instant.
func runReport(t *testing.T, f *fleet.Fleet, url string) []byte {
	t.Helper()
	began := time.Now()
	var out, diagnostics bytes.Buffer
	args := []string{"report", "--prometheus", url, "--at", f.At().Format(time.RFC3339), "-o", "json"}
	code := cli.Main(t.Context(), "rightsize", args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &diagnostics})
	if code != cli.ExitOK {
		t.Fatalf("rightsize %s: exit code %d\n%s", strings.Join(args, " "), code, diagnostics.String())
	}
	t.Logf("rightsize report took %s", time.Since(began).Round(time.Millisecond))
	return out.Bytes()
}

// TestReleasedServerGivesTheSameReport holds the server inside the demo to the
// released one: the same data folder gives the same report, byte for byte.
func TestReleasedServerGivesTheSameReport(t *testing.T) {
	program := os.Getenv(prometheusEnv)
	if program == "" {
		t.Skipf("%s does not name a Prometheus server: make test sets it", prometheusEnv)
	}
	f, dir := history(t, fleet.Options{Seed: fleet.DefaultSeed})
	inside := embedded(t, dir)
	outside := released(t, program, copyOf(t, dir))
	want := strings.ReplaceAll(string(runReport(t, f, inside)), inside, "URL")
	got := strings.ReplaceAll(string(runReport(t, f, outside)), outside, "URL")
	if want != got {
		t.Errorf("reports differ (-embedded +released):\n%s", cmp.Diff(want, got))
	}
}

// copyOf copies a data folder, since two servers do not share one.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestThousandsOfWorkloadsTakeFewQueries bounds what a report costs the
// server, whichever of the two it is.
func TestThousandsOfWorkloadsTakeFewQueries(t *testing.T) {
	if testing.Short() {
		t.Skip("generates 2000 workloads")
	}
	const workloads, most = 2000, 200
	f, dir := history(t, fleet.Options{Seed: fleet.DefaultSeed, Workloads: workloads})
	var direct string
	if program := os.Getenv(prometheusEnv); program != "" {
		direct = released(t, program, dir)
	} else {
		direct = embedded(t, dir)
	}
	url, requests := counting(t, direct)
	var doc struct {
		Queries int               `json:"queries"`
		Items   []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(runReport(t, f, url), &doc); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d workloads took %d HTTP requests", len(doc.Items), requests.Load())
	if len(doc.Items) != workloads {
		t.Errorf("the report has %d workloads, want %d", len(doc.Items), workloads)
	}
	if n := requests.Load(); n >= most || n == 0 {
		t.Errorf("%d HTTP requests, want fewer than %d", n, most)
	}
	if int64(doc.Queries) != requests.Load() {
		t.Errorf("the report says %d queries, the server saw %d", doc.Queries, requests.Load())
	}
}

// TestPercentilesMissTheWeeklyPeak holds the demo's claim about the others to
// the numbers: a peak of three hours a week is beyond the 90th and 95th
// percentile, and forgotten after a week.
func TestPercentilesMissTheWeeklyPeak(t *testing.T) {
	f, dir := history(t, fleet.Options{Seed: fleet.DefaultSeed})
	r, err := newRivals(embedded(t, dir), f.At())
	if err != nil {
		t.Fatal(err)
	}
	krr, err := r.krr(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	vpa, err := r.vpa(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("krr %+v, vpa %+v", krr, vpa)
	// A quiet pod uses 0.2 cores and 300 MB, one at the peak 2 and 900.
	if krr.cpu < 0.2 || krr.cpu > 0.35 || krr.memory < 900e6 {
		t.Errorf("p95 sizes a pod with %.2f cores and %.0f MB", krr.cpu, krr.memory/1e6)
	}
	// The real recommender says 0.247 cores and 351 MB for such a trace.
	if vpa.cpu < 0.2 || vpa.cpu > 0.35 || vpa.memory < 300e6 || vpa.memory > 450e6 {
		t.Errorf("decayed p90 sizes a pod with %.2f cores and %.0f MB", vpa.cpu, vpa.memory/1e6)
	}
}

func TestQuantileOfWeightedSamples(t *testing.T) {
	t.Parallel()
	samples := []weighted{{value: 3, weight: 1}, {value: 1, weight: 2}, {value: 2, weight: 1}}
	for q, want := range map[float64]float64{0: 1, 0.5: 1, 0.51: 2, 0.75: 2, 0.76: 3, 1: 3} {
		if got := quantile(samples, q); got != want {
			t.Errorf("quantile %g is %g, want %g", q, got, want)
		}
	}
}

// TestReplayOfAShortHistory wants an error that says what to do.
func TestReplayOfAShortHistory(t *testing.T) {
	t.Parallel()
	f, err := fleet.New(fleet.Options{History: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	_, err = writeScenario(f, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "--history") {
		t.Errorf("got error %v", err)
	}
}
