package scores

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/rightsize-dev/rightsize/simulator"
)

//go:embed assets/page.html.tmpl
var pageTemplate string

// HTML writes one page that needs neither network nor scripts: the scores, and
// the course of each run where the items have one.
func HTML(w io.Writer, lists []simulator.ScoreList) error {
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("parse page template: %w", err)
	}
	p := page{}
	for i := range colours {
		p.Colours = append(p.Colours, template.CSS(fmt.Sprintf("--s%d", i))) //nolint:gosec // A number.
	}
	for _, c := range columns() {
		p.Columns = append(p.Columns, strings.ToLower(c.title))
	}
	for _, l := range lists {
		p.Scenarios = append(p.Scenarios, scenarioOf(l))
	}
	return t.Execute(w, p)
}

// colours is how many there are for policies.
const colours = 9

// page is what the template prints.
type page struct {
	Colours   []template.CSS
	Columns   []string
	Scenarios []pageScenario
}

type pageScenario struct {
	Name   string
	Rows   []pageRow
	Charts []chart
}

type pageRow struct {
	Colour int
	Policy string
	Cells  []pageCell
}

type pageCell struct{ Text, Class string }

func scenarioOf(l simulator.ScoreList) pageScenario {
	s := pageScenario{Name: l.Scenario, Charts: chartsOf(l)}
	best := cheapest(l)
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
	}
	return s
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

// chart is one quantity over time, a line per policy.
type chart struct {
	Title string
	Grid  []mark
	Ticks []mark
	Lines []line
}

// mark is a label at a place on an axis.
type mark struct{ X, Y, Text string }

// line is drawn in the colour of a policy, or none where it is of all.
type line struct{ Class, Path string }

// The plot's area within the view box of the template, and how many points a
// line has at most.
const (
	plotLeft, plotRight = 44.0, 612.0
	plotTop, plotBottom = 8.0, 170.0
	plotPoints          = 500
)

// chartsOf draws nothing where items have no series.
func chartsOf(l simulator.ScoreList) []chart {
	var with []int
	for i, item := range l.Items {
		if item.Series != nil && len(item.Series.Replicas) > 0 {
			with = append(with, i)
		}
	}
	if len(with) == 0 {
		return nil
	}
	quantities := []struct {
		title string
		of    func(*simulator.ScoreSeries) []float64
		once  bool // The same for all policies.
	}{
		{"demand (requests a second, or cores)", func(s *simulator.ScoreSeries) []float64 { return s.Demand }, true},
		{"ready replicas", func(s *simulator.ScoreSeries) []float64 { return floats(s.ReadyReplicas) }, false},
		{"CPU requested (cores)", func(s *simulator.ScoreSeries) []float64 { return s.CPURequestCores }, false},
		{"memory requested (GiB)", func(s *simulator.ScoreSeries) []float64 { return s.MemoryRequestGiB }, false},
	}
	var out []chart
	for _, q := range quantities {
		c := chart{Title: q.title}
		top, values := 0.0, map[int][]float64{}
		for _, i := range with {
			values[i] = thin(q.of(l.Items[i].Series), plotPoints)
			for _, v := range values[i] {
				top = max(top, v)
			}
			if q.once {
				break
			}
		}
		top = c.grid(top)
		for _, i := range with {
			if values[i] != nil {
				c.Lines = append(c.Lines, line{Class: lineClass(i, q.once), Path: path(values[i], top)})
			}
		}
		c.ticks(len(l.Items[with[0]].Series.Replicas))
		out = append(out, c)
	}
	return out
}

// lineClass names the colour of the policy of item i, or that of all.
func lineClass(i int, all bool) string {
	if all {
		return "all"
	}
	return fmt.Sprintf("c%d", i%colours)
}

func floats(ints []int) []float64 {
	out := make([]float64, len(ints))
	for i, n := range ints {
		out[i] = float64(n)
	}
	return out
}

// thin keeps the largest of as many neighbours as it takes.
func thin(values []float64, most int) []float64 {
	each := (len(values) + most - 1) / most
	if each <= 1 {
		return values
	}
	out := make([]float64, 0, most)
	for i := 0; i < len(values); i += each {
		peak := values[i]
		for _, v := range values[i:min(i+each, len(values))] {
			peak = max(peak, v)
		}
		out = append(out, peak)
	}
	return out
}

// grid draws round values up to top and returns the largest of them.
func (c *chart) grid(top float64) float64 {
	if top <= 0 {
		top = 1
	}
	const most = 5
	tens := math.Pow(10, math.Floor(math.Log10(top/most)))
	step := 10 * tens
	for _, f := range []float64{5, 2, 1} {
		if top <= most*f*tens {
			step = f * tens
		}
	}
	n := math.Ceil(top/step - 1e-9)
	for i := 0.0; i <= n; i++ {
		y := plotBottom - (plotBottom-plotTop)*i/n
		c.Grid = append(c.Grid, mark{Y: coordinate(y), Text: number(i * step)})
	}
	return n * step
}

// ticks names some instants of a run of so many minutes.
func (c *chart) ticks(minutes int) {
	unit, name := 60, "h"
	if minutes > 3*1440 {
		unit, name = 1440, "d"
	} else if minutes < 180 {
		unit, name = 1, "min"
	}
	all := minutes / unit
	each := max(1, (all+7)/8)
	for k := 0; k <= all; k += each {
		x := plotLeft + (plotRight-plotLeft)*float64(k*unit)/float64(minutes)
		c.Ticks = append(c.Ticks, mark{X: coordinate(x), Text: strconv.Itoa(k) + " " + name})
	}
}

// path steps from value to value.
func path(values []float64, top float64) string {
	var b strings.Builder
	width := (plotRight - plotLeft) / float64(len(values))
	for i, v := range values {
		y := coordinate(plotBottom - (plotBottom-plotTop)*v/top)
		x := coordinate(plotLeft + width*float64(i))
		if i == 0 {
			b.WriteString("M" + x + " " + y)
			continue
		}
		b.WriteString("H" + x + "V" + y)
	}
	b.WriteString("H" + coordinate(plotRight))
	return b.String()
}

func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
