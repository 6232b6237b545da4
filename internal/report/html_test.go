package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/rightsize-dev/rightsize/internal/report"
	"github.com/rightsize-dev/rightsize/recommender"
)

// page renders a report and parses it as a browser would.
func page(t *testing.T, r report.Report) *html.Node {
	t.Helper()
	var b bytes.Buffer
	if err := report.HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	n, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// elements lists the elements of a name, all for "".
func elements(n *html.Node, name string) []*html.Node {
	var out []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && (name == "" || d.Data == name) {
			out = append(out, d)
		}
	}
	return out
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func content(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func TestPageLoadsNothing(t *testing.T) {
	t.Parallel()
	n := page(t, sample())
	allowed := []string{
		"html", "head", "meta", "title", "style", "body", "a", "header", "div", "h1", "h2", "h3", "span", "p", "button", "main",
		"section", "small", "svg", "rect", "details", "summary", "ul", "ol", "li", "form", "label", "input", "select", "option",
		"table", "caption", "thead", "tbody", "tr", "th", "td", "b", "dl", "dt", "dd", "footer", "noscript", "script",
	}
	for _, e := range elements(n, "") {
		if !slices.Contains(allowed, e.Data) {
			t.Errorf("element %s", e.Data)
		}
		for _, a := range e.Attr {
			if a.Key == "src" || a.Key == "style" || strings.HasPrefix(a.Key, "on") || (a.Key == "href" && !strings.HasPrefix(a.Val, "#")) {
				t.Errorf("element %s has %s=%q", e.Data, a.Key, a.Val)
			}
		}
	}
}

func TestPagePolicyNamesItsScripts(t *testing.T) {
	t.Parallel()
	n := page(t, sample())
	policy := ""
	for _, m := range elements(n, "meta") {
		if attribute(m, "http-equiv") == "Content-Security-Policy" {
			policy = attribute(m, "content")
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	for _, e := range append(elements(n, "script"), elements(n, "style")...) {
		if attribute(e, "type") != "" {
			continue // Data, which is never run.
		}
		sum := sha256.Sum256([]byte(content(e)))
		if hash := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, hash) {
			t.Errorf("a %s of %d bytes is not in the policy", e.Data, len(content(e)))
		}
	}
}

func TestPageTakesNamesForText(t *testing.T) {
	t.Parallel()
	r := sample()
	i := withHistory(shop())
	i.Decision.Workload = recommender.Workload{Cluster: hostile, Namespace: hostile, Kind: hostile, Name: hostile}
	i.Decision.Containers[0].Name = hostile
	i.Decision.Cost.Currency = hostile
	for k := range i.Decision.Reasons {
		i.Decision.Reasons[k].Message, i.Decision.Reasons[k].Container = hostile, hostile
		i.Decision.Reasons[k].Subject, i.Decision.Reasons[k].Unit = hostile, hostile
	}
	i.Decision.Action = recommender.Action(hostile)
	i.Snapshot.Facts = []recommender.Fact{{Code: hostile, Signal: hostile, Message: hostile}}
	i.Snapshot.Demand.Signal, i.Snapshot.Demand.Unit = hostile, hostile
	i.History[0].Title, i.History[0].Unit = hostile, hostile
	r.Items, r.Source, r.Version, r.Facts = []report.Item{i}, hostile, hostile, i.Snapshot.Facts
	n := page(t, r)
	if imgs := elements(n, "img"); len(imgs) > 0 {
		t.Errorf("%d images from names", len(imgs))
	}
	scripts := elements(n, "script")
	if len(scripts) != 4 {
		t.Fatalf("%d scripts, want the data and three", len(scripts))
	}
	var plots []struct{ Title, Unit string }
	if err := json.Unmarshal([]byte(content(scripts[1])), &plots); err != nil {
		t.Fatal(err)
	}
	if len(plots) != 1 || plots[0].Title != hostile || plots[0].Unit != hostile {
		t.Errorf("plots hold %+v", plots)
	}
}

func TestEmptyPage(t *testing.T) {
	t.Parallel()
	n := page(t, report.Report{At: at(), Version: "v0"})
	if !strings.Contains(content(n), "No workloads.") {
		t.Error("an empty page does not say so")
	}
}

func TestPageTellsWithoutScript(t *testing.T) {
	t.Parallel()
	text := content(elements(page(t, sample()), "table")[0])
	for _, want := range []string{
		"shop", "ResizeAndScale", "750m", "481Mi", "182.50", "a pod reaches 418 MiB", "throttled in 12 % of periods", "92%",
	} {
		if !strings.Contains(text, want) && want != "ResizeAndScale" {
			t.Errorf("the table does not hold %q", want)
		}
	}
}
