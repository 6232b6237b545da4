// Package world writes the metrics of simulated clusters into a real Prometheus,
// as kube-state-metrics, cAdvisor and applications would export them.
package world

import (
	"net/http"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
)

// Server starts a Prometheus that ends with the test and returns its URL.
func Server(t testing.TB) string {
	t.Helper()
	return prometheus.Start(t).URL
}

// Get asks for an address; the caller closes the body.
func Get(t testing.TB, address string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}

// World is the series of simulated clusters: labels with __name__, and the
// value at an instant, which may be absent.
type World struct{ prometheus.History }

// Write sends everything in [from, to] by remote write, in order of time.
// Series that vanish get a staleness marker, as a scrape would give them.
func (w *World) Write(t testing.TB, base string, from, to time.Time, interval time.Duration) {
	t.Helper()
	prometheus.Write(t, base, &w.History, from, to, interval)
}
