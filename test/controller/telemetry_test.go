package controller_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/rightsize-dev/rightsize/internal/telemetry"
)

// testMetrics: a program that has decided and changed something serves every
// metric of package telemetry, with its labels and no others, and none beside
// them. docs/reference/metrics.md is held to that package by its own test.
func testMetrics(t *testing.T, p *program) {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(p.page(t)))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range telemetry.Metrics() {
		known[m.Name] = true
		f, ok := families[m.Name]
		if !ok {
			t.Errorf("%s is not served", m.Name)
			continue
		}
		if f.GetHelp() != m.Help || strings.ToLower(f.GetType().String()) != string(m.Type) {
			t.Errorf("%s is a %s: %s; want a %s: %s", m.Name, f.GetType(), f.GetHelp(), m.Type, m.Help)
		}
		for _, s := range f.Metric {
			labels := map[string]bool{}
			for _, l := range s.Label {
				labels[l.GetName()] = true
			}
			want := slices.Sorted(slices.Values(m.Labels))
			if got := slices.Sorted(maps.Keys(labels)); !slices.Equal(got, want) {
				t.Errorf("%s has the labels %v, want %v", m.Name, got, want)
			}
		}
	}
	for name := range families {
		if strings.HasPrefix(name, "rightsize_") && !known[name] {
			t.Errorf("%s is served and not in package telemetry", name)
		}
	}
	for _, name := range []string{telemetry.ReconcileTotal, telemetry.ReconcileDuration, telemetry.QueueDepth, telemetry.APIRequests, telemetry.ProcessCPU} {
		if _, ok := families[name]; !ok {
			t.Errorf("%s, which the chart uses, is not served", name)
		}
	}
}

// spans receives spans by OTLP over HTTP.
type spans struct {
	url string

	mu sync.Mutex
	// of are the names of the spans of each trace.
	of map[string]map[string]bool
}

// receive starts a receiver that ends with the test.
func receive(t *testing.T) *spans {
	t.Helper()
	s := &spans{of: map[string]map[string]bool{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collectortrace.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &request) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					trace := string(span.TraceId)
					if s.of[trace] == nil {
						s.of[trace] = map[string]bool{}
					}
					s.of[trace][span.Name] = true
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// await waits until one trace has spans of all these names.
func (s *spans) await(t *testing.T, names ...string) {
	t.Helper()
	for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		s.mu.Lock()
		for _, has := range s.of {
			if !slices.ContainsFunc(names, func(name string) bool { return !has[name] }) {
				s.mu.Unlock()
				return
			}
		}
		s.mu.Unlock()
	}
	t.Errorf("no trace has the spans %v; there are %v", names, s.of)
}
