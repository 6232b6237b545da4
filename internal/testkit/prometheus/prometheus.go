// Package prometheus starts the released Prometheus server for a test, on
// loopback, gives it a history by remote write, and lets it scrape.
//
// Only tests import it. `make bin/prometheus` builds the program.
package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/testkit/process"
)

// BinaryEnv names the program.
const BinaryEnv = "RIGHTSIZE_PROMETHEUS"

// readyTimeout bounds the start of the server on a busy machine.
const readyTimeout = time.Minute

// backfill is how far behind the newest sample older ones may still be
// written, of series that are new or not. The head block has to be as long, or
// it would refuse them.
const backfill = "20d"

// Server is one that runs.
type Server struct {
	// URL is the base of its API.
	URL string

	t       testing.TB
	binary  string
	dir     string
	address string
	server  *process.Process
}

// Start starts a server that ends with the test and scrapes nothing yet. The
// test is skipped if the environment names no program.
func Start(t testing.TB) *Server {
	t.Helper()
	binary := os.Getenv(BinaryEnv)
	if binary == "" {
		t.Skipf("%s does not name a prometheus program: `make bin/prometheus` builds one", BinaryEnv)
	}
	s := &Server{t: t, binary: binary, dir: t.TempDir(), address: "127.0.0.1:0"}
	s.configure(time.Hour, nil)
	s.start()
	return s
}

// start starts the server and learns its address, which it keeps.
func (s *Server) start() {
	s.t.Helper()
	s.server = process.Run(s.t, s.binary, s.dir, nil,
		"--config.file="+s.config(), "--storage.tsdb.path="+filepath.Join(s.dir, "data"), "--storage.tsdb.retention.time=10y",
		"--storage.tsdb.min-block-duration="+backfill, "--storage.tsdb.max-block-duration="+backfill,
		"--web.listen-address="+s.address, "--web.enable-remote-write-receiver", "--web.enable-lifecycle", "--log.level=info")
	listening := regexp.MustCompile(`Listening on.*address=(127\.0\.0\.1:\d+)`)
	s.server.WaitReady(s.t, readyTimeout, func(ctx context.Context) error {
		log, err := os.ReadFile(s.server.Log())
		if err != nil {
			return err
		}
		m := listening.FindSubmatch(log)
		if m == nil {
			return fmt.Errorf("%s has not said where it listens", s.server.Name())
		}
		s.address = string(m[1])
		s.URL = "http://" + s.address
		_, err = send(ctx, http.MethodGet, s.URL+"/-/ready", nil)
		return err
	})
}

// Stop ends the server as losing its machine would; Restart starts it again on
// the same data at the same address.
func (s *Server) Stop() { s.server.Kill() }

// Restart starts a server that was stopped.
func (s *Server) Restart() {
	s.t.Helper()
	s.start()
}

// PID is that of the server's process.
func (s *Server) PID() int { return s.server.PID() }

// Target is something to scrape.
type Target struct {
	// Job becomes the label job where the series have none of their own.
	Job string
	// Address is host:port, Path that of the metrics.
	Address, Path string
}

// Scrape has the server scrape targets from now on, and only these. Labels
// that the series have win over those of the target.
func (s *Server) Scrape(interval time.Duration, targets ...Target) {
	s.t.Helper()
	s.configure(interval, targets)
	if _, err := send(s.t.Context(), http.MethodPost, s.URL+"/-/reload", nil); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) config() string { return filepath.Join(s.dir, "prometheus.yml") }

func (s *Server) configure(interval time.Duration, targets []Target) {
	s.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "global: {scrape_interval: %s, scrape_timeout: %s}\n", promDuration(interval), promDuration(min(interval, 30*time.Second)))
	fmt.Fprintf(&b, "storage: {tsdb: {out_of_order_time_window: %s}}\n", backfill)
	if len(targets) > 0 {
		b.WriteString("scrape_configs:\n")
	}
	for _, t := range targets {
		fmt.Fprintf(&b, "- {job_name: %q, honor_labels: true, metrics_path: %q, static_configs: [{targets: [%q]}]}\n", t.Job, t.Path, t.Address)
	}
	if err := os.WriteFile(s.config(), []byte(b.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func promDuration(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

// Sample is one series at one instant.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Query answers an instant query now.
func (s *Server) Query(expr string) ([]Sample, error) {
	body, err := send(s.t.Context(), http.MethodGet, s.URL+"/api/v1/query?query="+url.QueryEscape(expr), nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	out := make([]Sample, 0, len(answer.Data.Result))
	for _, r := range answer.Data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", expr, err)
		}
		out = append(out, Sample{Labels: r.Metric, Value: v})
	}
	return out, nil
}

// send asks a server; anything but a success is an error.
func send(ctx context.Context, method, url string, body []byte, header ...string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, answer)
	}
	return answer, nil
}
