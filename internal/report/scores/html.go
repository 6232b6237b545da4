package scores

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"

	"github.com/rightsize-dev/rightsize/internal/judge"
	"github.com/rightsize-dev/rightsize/internal/report/uplot"
	"github.com/rightsize-dev/rightsize/simulator"
)

//go:embed assets/page.html.tmpl assets/pareto.html.tmpl assets/page.css assets/page.js
var assets embed.FS

// colours is how many there are for policies.
const colours = 12

// page is what the templates print.
type page struct {
	Style, Library, Script template.HTML
	ContentPolicy          string
	Columns                []string
	Scenarios              []pageScenario
	// Of a Pareto page.
	Policies   []pagePolicy
	Reference  string
	Plots      []pagePlots
	Configured pageTable
	Levels     pageTable
	Pairs      pageTable
}

type pageScenario struct {
	Name    string
	About   judge.About
	Rows    []pageRow
	Scatter template.HTML
	// Data is what the charts show, as JSON; empty for none.
	Data template.JS
}

type pageRow struct {
	Colour int
	Policy string
	Cells  []pageCell
}

type pageCell struct{ Text, Class string }

type pagePolicy struct {
	Colour int
	Name   string
}

type pageTable struct {
	Header []string
	Rows   [][]string
}

// HTML writes one page that holds everything it needs: its policy forbids the
// browser to load anything. The scores need no JavaScript; the course of the
// runs does.
func HTML(w io.Writer, result judge.ShardFile, lists []simulator.ScoreList) error {
	var p page
	for _, c := range columns() {
		p.Columns = append(p.Columns, strings.ToLower(c.title))
	}
	for i, l := range lists {
		s, err := scenarioOf(l, result, i)
		if err != nil {
			return err
		}
		p.Scenarios = append(p.Scenarios, s)
	}
	return p.write(w, "page.html.tmpl")
}

// write fills one of the templates.
func (p *page) write(w io.Writer, name string) error {
	files := map[string]string{}
	for _, file := range []string{name, "page.css", "page.js"} {
		text, err := assets.ReadFile("assets/" + file)
		if err != nil {
			return fmt.Errorf("read page asset: %w", err)
		}
		files[file] = string(text)
	}
	t, err := template.New("page").Parse(files[name])
	if err != nil {
		return fmt.Errorf("parse page template: %w", err)
	}
	style, library, script := uplot.Style()+"\n"+files["page.css"], uplot.Script(), files["page.js"]
	p.ContentPolicy = fmt.Sprintf("default-src 'none'; script-src %s %s; style-src %s; base-uri 'none'; form-action 'none'",
		uplot.SourceHash(library), uplot.SourceHash(script), uplot.SourceHash(style))
	p.Style = template.HTML("<style>" + style + "</style>")       //nolint:gosec // Our own files.
	p.Library = template.HTML("<script>" + library + "</script>") //nolint:gosec // Our own files.
	p.Script = template.HTML("<script>" + script + "</script>")   //nolint:gosec // Our own files.
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

func scenarioOf(l simulator.ScoreList, result judge.ShardFile, index int) (pageScenario, error) {
	s := pageScenario{Name: l.Scenario}
	if index < len(result.Scenarios) {
		s.About = result.Scenarios[index]
	}
	best := cheapest(l)
	var points []point
	for i, item := range l.Items {
		row := pageRow{Colour: i % colours, Policy: item.Policy}
		for _, c := range columns() {
			cell := pageCell{Text: c.cell(item.Score)}
			switch {
			case c.title == "COST" && i == best:
				cell.Class = "best"
			case c.title == "VIOLATED" && !meets(item.Score), c.title == "OOM" && item.Score.OOMKills > 0:
				cell.Class = "bad"
			}
			row.Cells = append(row.Cells, cell)
		}
		s.Rows = append(s.Rows, row)
		if item.Score.CostToOracle != nil {
			points = append(points, point{
				colour: row.Colour, large: true, x: *item.Score.CostToOracle, y: orZero(item.Score.SLOViolatedRequestRatio), label: item.Policy,
			})
		}
	}
	s.Scatter = scatter(points, true)
	data, err := json.Marshal(courses(l, result, s.About))
	if err != nil {
		return s, fmt.Errorf("scenario %s: %w", l.Scenario, err)
	}
	s.Data = template.JS(data) //nolint:gosec // encoding/json escapes what would end a script.
	return s, nil
}

func orZero(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// meets says whether at most 0.1 % was violated.
func meets(s simulator.Score) bool {
	return s.SLOViolatedRequestRatio == nil || *s.SLOViolatedRequestRatio <= 0.001
}

// cheapest is the index of the cheapest item that meets the oracle's
// constraint, -1 if none does.
func cheapest(l simulator.ScoreList) int {
	best, cost := -1, math.Inf(1)
	for i, item := range l.Items {
		if c := item.Score.Cost; c != nil && *c < cost && meets(item.Score) && item.Score.OOMKills == 0 {
			best, cost = i, *c
		}
	}
	return best
}
