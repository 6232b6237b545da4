package telemetry_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/internal/telemetry"
)

var update = flag.Bool("update", false, "write docs/reference/metrics.md")

// Names and help follow Prometheus' conventions: base units, _total on counters
// alone, no pod on any metric and no object on counters.
func TestConventions(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^rightsize_[a-z]+(_[a-z]+)*$`)
	seen := map[string]bool{}
	for _, m := range telemetry.Metrics() {
		if !name.MatchString(m.Name) {
			t.Errorf("%s is not a name in lower case that begins with rightsize_", m.Name)
		}
		if seen[m.Name] {
			t.Errorf("%s is there twice", m.Name)
		}
		seen[m.Name] = true
		if (m.Type == telemetry.Counter) != strings.HasSuffix(m.Name, "_total") {
			t.Errorf("%s is a %s: _total is for counters", m.Name, m.Type)
		}
		if m.Type == telemetry.Counter && slices.Contains(m.Labels, telemetry.LabelRightSize) {
			t.Errorf("%s is a counter for each RightSize", m.Name)
		}
		if m.Type == telemetry.Histogram && len(m.Labels) > 0 {
			t.Errorf("%s is a histogram with labels", m.Name)
		}
		if !strings.HasSuffix(m.Help, ".") || len(m.Help) < 20 {
			t.Errorf("%s: help is no sentence: %s", m.Name, m.Help)
		}
		for _, l := range m.Labels {
			if l == "pod" || l == "le" {
				t.Errorf("%s has the label %s", m.Name, l)
			}
		}
	}
}

// docs/reference/metrics.md is what this package says. To write it:
// go test ./internal/telemetry -update.
func TestReferenceIsCurrent(t *testing.T) {
	t.Parallel()
	const file = "../../docs/reference/metrics.md"
	var b strings.Builder
	b.WriteString("<!-- Written by go test ./internal/telemetry -update. DO NOT EDIT. -->\n\n# Metrics reference\n\n")
	b.WriteString("What `rightsize-controller` serves at `/metrics`, beside the metrics of controller-runtime, of its Kubernetes client and of Go.\n\n")
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, m := range telemetry.Metrics() {
		labels := make([]string, len(m.Labels))
		for i, l := range m.Labels {
			labels[i] = "`" + l + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, strings.Join(labels, ", "), m.Help)
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("%s is not current (-want +got):\n%s", file, diff)
	}
}
