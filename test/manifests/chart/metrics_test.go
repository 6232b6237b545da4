package chart_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/rightsize-dev/rightsize/internal/telemetry"
)

// foreign are metrics of others that the chart may use, beside those that
// controller-runtime adds.
func foreign() []string {
	return []string{
		telemetry.ReconcileTotal, telemetry.ReconcileErrors, telemetry.ReconcileDuration, telemetry.QueueDepth, telemetry.QueueWait,
		telemetry.APIRequests, telemetry.LeaderStatus, telemetry.ProcessCPU, telemetry.ProcessMemory,
		"kube_pod_container_resource_requests",
	}
}

// checkExpression parses an expression and checks that every metric in it, with
// every label it is selected by, is one that telemetry defines.
func checkExpression(t *testing.T, where, expression string, recorded []string) {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	if err != nil {
		t.Errorf("%s: %v in %s", where, err, expression)
		return
	}
	parser.Inspect(e, func(node parser.Node, _ []parser.Node) error {
		v, ok := node.(*parser.VectorSelector)
		if !ok || slices.Contains(foreign(), v.Name) || slices.Contains(recorded, v.Name) {
			return nil
		}
		m, ok := metric(v.Name)
		if !ok {
			t.Errorf("%s: %s is not in internal/telemetry", where, v.Name)
			return nil
		}
		for _, l := range v.LabelMatchers {
			if l.Name != model.MetricNameLabel && !slices.Contains(m.Labels, l.Name) {
				t.Errorf("%s: %s has no label %s", where, v.Name, l.Name)
			}
		}
		return nil
	})
}

// metric finds a metric by the name of one of its series.
func metric(name string) (telemetry.Metric, bool) {
	for _, m := range telemetry.Metrics() {
		if m.Name == name && m.Type != telemetry.Histogram {
			return m, true
		}
		if m.Type == telemetry.Histogram && slices.Contains([]string{m.Name + "_bucket", m.Name + "_sum", m.Name + "_count"}, name) {
			return m, true
		}
	}
	return telemetry.Metric{}, false
}

func TestRules(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(chartDir + "/files/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(data, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	var recorded []string
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				recorded = append(recorded, r.Record)
			}
		}
	}
	if len(recorded) < 4 {
		t.Errorf("%d recording rules", len(recorded))
	}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			checkExpression(t, r.Record+r.Alert, r.Expr, recorded)
			if r.Alert == "" {
				continue
			}
			if !slices.Contains([]string{"info", "warning", "critical"}, r.Labels["severity"]) {
				t.Errorf("%s has the severity %q", r.Alert, r.Labels["severity"])
			}
			for _, annotation := range []string{"summary", "description"} {
				if r.Annotations[annotation] == "" {
					t.Errorf("%s has no %s", r.Alert, annotation)
				}
			}
		}
	}
}

// The dashboard's queries use metrics that exist, its panels do not overlap,
// and every one has a query.
func TestDashboard(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(chartDir + "/files/dashboards/rightsize.json")
	if err != nil {
		t.Fatal(err)
	}
	type gridPos struct{ H, W, X, Y int }
	var d struct {
		Templating struct {
			List []struct{ Name, Definition string }
		}
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos gridPos
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			expression := strings.NewReplacer("$__rate_interval", "5m", "$namespace", "shop", "$rightsize", "web").Replace(target.Expr)
			checkExpression(t, p.Title, expression, nil)
			for _, name := range regexp.MustCompile(`rightsize_[a-z_]+`).FindAllString(expression, -1) {
				used[name] = true
			}
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, ok := taken[at]; ok {
					t.Fatalf("the panels %q and %q overlap", other, p.Title)
				}
				taken[at] = p.Title
			}
		}
	}
	for _, m := range telemetry.Metrics() {
		name := m.Name
		if m.Type == telemetry.Histogram {
			name += "_bucket"
		}
		if !used[name] && m.Name != telemetry.BuildInfo && m.Name != telemetry.CostPerHour {
			t.Errorf("%s is on no panel", m.Name)
		}
	}
	for _, v := range d.Templating.List {
		if name, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			selector, _, _ := strings.Cut(name, ", ")
			checkExpression(t, "variable "+v.Name, strings.ReplaceAll(selector, "$namespace", "shop"), nil)
		}
	}
}
