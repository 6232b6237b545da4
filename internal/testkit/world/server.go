// Package world writes the metrics of simulated clusters into a real Prometheus,
// as kube-state-metrics, cAdvisor and applications would export them.
package world

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// Server starts the Prometheus that RIGHTSIZE_PROMETHEUS names and
// returns its URL.
func Server(t testing.TB) string {
	t.Helper()
	binary := os.Getenv("RIGHTSIZE_PROMETHEUS")
	if binary == "" {
		t.Skip("RIGHTSIZE_PROMETHEUS does not name a prometheus binary")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte("global: {scrape_interval: 1h}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--storage.tsdb.retention.time=10y", "--web.listen-address=127.0.0.1:0", "--web.enable-remote-write-receiver", "--log.level=info")
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	address := make(chan string, 1)
	go func() {
		listening := regexp.MustCompile(`Listening on.*address=(127\.0\.0\.1:\d+)`)
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
	}()
	var base string
	select {
	case a := <-address:
		base = "http://" + a
	case <-time.After(20 * time.Second):
		t.Fatal("prometheus did not say where it listens")
	}
	for range 100 {
		resp, err := Get(t, base+"/-/ready")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return base
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("prometheus did not become ready")
	return ""
}

// Get sends a GET request.
func Get(t testing.TB, address string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}
