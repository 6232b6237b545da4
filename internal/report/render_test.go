package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/internal/report"
	"github.com/rightsize-dev/rightsize/recommender"
)

func write(t *testing.T, f report.Format, r report.Report, s report.Style) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, f, r, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// hostileReport has one workload that is named badly everywhere.
func hostileReport() report.Report {
	i := shop()
	i.Decision.Workload = recommender.Workload{Cluster: hostile, Namespace: hostile, Kind: "Deployment", Name: hostile}
	i.Decision.Containers[0].Name = hostile
	for k := range i.Decision.Reasons {
		i.Decision.Reasons[k].Message = hostile
	}
	i.Snapshot.Facts = []recommender.Fact{{Code: recommender.FactPartial, Message: hostile}}
	return report.Report{At: at(), Source: hostile, Version: hostile, Items: []report.Item{i}}
}

func TestTextIsSafeToPrint(t *testing.T) {
	t.Parallel()
	table := write(t, report.FormatTable, hostileReport(), report.Style{})
	markdown := write(t, report.FormatMarkdown, hostileReport(), report.Style{})
	outside := regexp.MustCompile("`[^`\n]*`").ReplaceAllString(markdown, "") // In code, nothing is markup.
	for _, bad := range []string{"\x1b", "\nx"} {
		if strings.Contains(table, bad) || strings.Contains(markdown, bad) {
			t.Errorf("%q is printed:\n%s\n%s", bad, table, markdown)
		}
	}
	for _, bad := range []string{"<img", "@team", "`"} {
		if strings.Contains(outside, bad) {
			t.Errorf("%q is outside of code:\n%s", bad, markdown)
		}
	}
	var b bytes.Buffer
	r := hostileReport()
	if err := report.Explain(&b, r.Items[0], report.Style{}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b") || strings.Contains(b.String(), "\nx") {
		t.Errorf("explain prints control characters:\n%q", b.String())
	}
}

func TestTableRowsSplitAtSpaces(t *testing.T) {
	t.Parallel()
	lines := strings.Split(write(t, report.FormatTable, sample(), report.Style{}), "\n")
	header := strings.Fields(lines[0])
	want := []string{"NAMESPACE", "WORKLOAD", "CONTAINER", "REPLICAS", "CPU", "MEMORY", "USD/MONTH", "SAVES", "ACTION", "CONFIDENCE", "REASON"}
	if diff := cmp.Diff(want, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	for _, line := range lines[1:8] {
		if n := len(strings.Fields(line)); n < len(header) {
			t.Errorf("%d fields in %q", n, line)
		}
		at := strings.Index(lines[0], "REASON")
		if r := []rune(line); len(r) > at && r[at-1] != ' ' {
			t.Errorf("the last column of %q does not start below its header", line)
		}
	}
}

func TestTerminalTableFits(t *testing.T) {
	t.Parallel()
	text := write(t, report.FormatTable, sample(), report.Style{Colour: true, Width: 100})
	table, _, _ := strings.Cut(text, "\n\n")
	for line := range strings.SplitSeq(table, "\n") {
		if n := len([]rune(stripColour(line))); n > 100 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

func stripColour(s string) string {
	var b strings.Builder
	inside := false
	for _, r := range s {
		switch {
		case r == '\x1b':
			inside = true
		case inside && r == 'm':
			inside = false
		case !inside:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func TestClusterColumn(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Items[0].Decision.Workload.Cluster = "eu-1"
	lines := strings.Split(write(t, report.FormatTable, r, report.Style{}), "\n")
	if !strings.HasPrefix(lines[0], "CLUSTER") || !strings.HasPrefix(lines[1], "eu-1 ") || !strings.HasPrefix(lines[2], "- ") {
		t.Errorf("got\n%s\n%s\n%s", lines[0], lines[1], lines[2])
	}
}

func TestSorting(t *testing.T) {
	t.Parallel()
	names := func(by report.Sort) []string {
		var out []string
		for _, i := range sample().Sorted(by).Items {
			out = append(out, i.Decision.Workload.String())
		}
		return out
	}
	byName := []string{"data/CronJob/nightly", "data/StatefulSet/db", "legacy/Deployment/silent", "web/DaemonSet/shop", "web/Deployment/shop", "web/Rollout/canary"}
	if diff := cmp.Diff(byName, names(report.SortName)); diff != "" {
		t.Errorf("by name (-want +got):\n%s", diff)
	}
	// 0.25, 0, 0, -0.01 and -0.2 an hour; the batch workload at the end.
	bySavings := []string{"web/Deployment/shop", "data/StatefulSet/db", "legacy/Deployment/silent", "web/DaemonSet/shop", "web/Rollout/canary", "data/CronJob/nightly"}
	if diff := cmp.Diff(bySavings, names(report.SortSavings)); diff != "" {
		t.Errorf("by savings (-want +got):\n%s", diff)
	}
}

func TestTotals(t *testing.T) {
	t.Parallel()
	got := sample().Totals()
	want := report.Totals{
		Workloads: 6, Batch: 1, WithProblems: 1, Currency: "USD",
		Actions: map[recommender.Action]int{
			recommender.ActionHold: 1, recommender.ActionNone: 1, recommender.ActionResize: 3, recommender.ActionResizeAndScale: 1,
		},
		// (0.2 + 0.0175 + 0.01 + 0.36 + 0.1) and (0.2 + 0.0175 + 0.02 + 0.11 + 0.3), each x 730.
		CurrentPerMonth: 501.875, TargetPerMonth: 472.675, SavingsPerMonth: 29.2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJSONHoldsTheDecisions(t *testing.T) {
	t.Parallel()
	var doc struct {
		APIVersion, Kind string
		Items            []struct{ Decision json.RawMessage }
	}
	r := sample()
	if err := json.Unmarshal([]byte(write(t, report.FormatJSON, r, report.Style{})), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.APIVersion != "rightsize.dev/v1alpha1" || doc.Kind != "Report" || len(doc.Items) != len(r.Items) {
		t.Fatalf("document %s %s with %d items", doc.APIVersion, doc.Kind, len(doc.Items))
	}
	for i, item := range doc.Items {
		want, err := json.Marshal(r.Items[i].Decision)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := json.Compact(&got, item.Decision); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("decision %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestCSVColumnsAddUp(t *testing.T) {
	t.Parallel()
	rows, err := csv.NewReader(strings.NewReader(write(t, report.FormatCSV, sample(), report.Style{}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	sum := 0.0
	for _, row := range rows[1:] {
		if v := row[column["savings_per_month"]]; v != "" {
			var x float64
			if err := json.Unmarshal([]byte(v), &x); err != nil {
				t.Fatal(err)
			}
			sum += x
		}
	}
	if want := sample().Totals().SavingsPerMonth; math.Abs(sum-want) > 0.005 {
		t.Errorf("savings add up to %g, want %g", sum, want)
	}
}

func TestMarkdownFitsAComment(t *testing.T) {
	t.Parallel()
	r := sample()
	for range 2000 {
		r.Items = append(r.Items, shop())
	}
	text := write(t, report.FormatMarkdown, r, report.Style{})
	if len(text) > 65_536 {
		t.Errorf("%d bytes, a comment holds 65,536", len(text))
	}
	if !strings.Contains(text, "more would change and did not fit here") {
		t.Error("it does not say that rows are left out")
	}
}

func TestNothingToPatch(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Items = r.Items[1:3] // One holds, one has no data.
	if text := write(t, report.FormatKustomize, r, report.Style{}); !strings.Contains(text, "# Nothing would change.") || strings.Contains(text, "---") {
		t.Errorf("got\n%s", text)
	}
}

func TestHostileNamesStayScalars(t *testing.T) {
	t.Parallel()
	r := hostileReport()
	patch := write(t, report.FormatKustomize, r, report.Style{})
	_, doc, _ := strings.Cut(patch, "---\n")
	var got struct {
		Metadata struct{ Name, Namespace string }
		Spec     struct {
			Template struct {
				Spec struct{ Containers []struct{ Name string } }
			}
		}
	}
	if err := yaml.Unmarshal([]byte(doc), &got); err != nil {
		t.Fatalf("%v in\n%s", err, patch)
	}
	if got.Metadata.Name != hostile || got.Metadata.Namespace != hostile || got.Spec.Template.Spec.Containers[0].Name != hostile {
		t.Errorf("got %+v", got)
	}
	var values map[string]map[string]map[string]any
	text := write(t, report.FormatHelmValues, r, report.Style{})
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if values[hostile][hostile][hostile] == nil {
		t.Errorf("got %v", values)
	}
}

func TestParseFormat(t *testing.T) {
	t.Parallel()
	for _, f := range report.Formats() {
		if got, err := report.ParseFormat(string(f)); err != nil || got != f {
			t.Errorf("%s: got %s, %v", f, got, err)
		}
	}
	if _, err := report.ParseFormat("pdf"); err == nil || !strings.Contains(err.Error(), "helm-values") {
		t.Errorf("got %v", err)
	}
}
