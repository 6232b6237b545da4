package scores

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
)

// point is a run on a plot of cost against violations.
type point struct {
	colour int
	large  bool
	x, y   float64 // Cost over the oracle's, share of violations.
	label  string
	line   bool // Part of its colour's line: no other point of it is better.
}

// The scatter plot's view box, and what is as good as no violation on its
// logarithmic axis.
const (
	scatterWidth, scatterHeight = 520.0, 340.0
	scatterLeft, scatterRight   = 62.0, 506.0
	scatterTop, scatterBottom   = 12.0, 296.0
	scatterLeast                = 1e-5
)

// scatter draws cost against violations, both on logarithmic axes: the lower
// left is best. Points tell what they are on hover, and beside them where they
// are named.
func scatter(points []point, named bool) template.HTML {
	if len(points) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="scatter" viewBox="0 0 %g %g" role="img" aria-label="cost against violations">`, scatterWidth, scatterHeight)
	a := scatterAxesOf(points)
	a.draw(&b)
	for colour := range colours {
		a.line(&b, points, colour)
	}
	for _, p := range points {
		radius := 2.5
		if p.large {
			radius = 5
		}
		fmt.Fprintf(&b, `<circle class="f%d" cx="%.1f" cy="%.1f" r="%g"><title>%s: cost %.3f, violated %s</title></circle>`,
			p.colour, a.x(p.x), a.y(p.y), radius, html.EscapeString(p.label), p.x, percent(&p.y))
	}
	if named {
		a.name(&b, points)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // Labels are escaped above.
}

// scatterAxes are the ends of the cost axis.
type scatterAxes struct{ low, high float64 }

func scatterAxesOf(points []point) scatterAxes {
	a := scatterAxes{low: 0.8, high: 1.3}
	for _, p := range points {
		a.low, a.high = min(a.low, p.x), max(a.high, p.x)
	}
	const left, right = 1 / 1.05, 1.12 // Room beside the points.
	return scatterAxes{a.low * left, a.high * right}
}

func (a scatterAxes) x(v float64) float64 {
	return scatterLeft + (scatterRight-scatterLeft)*math.Log(v/a.low)/math.Log(a.high/a.low)
}

func (a scatterAxes) y(v float64) float64 {
	return scatterBottom - (scatterBottom-scatterTop)*math.Log(max(v, scatterLeast)/scatterLeast)/math.Log(1/scatterLeast)
}

// draw writes the axes.
func (a scatterAxes) draw(b *strings.Builder) {
	for _, v := range []float64{1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1} {
		text := percentLevel(v)
		if v == scatterLeast {
			text = "0"
		}
		fmt.Fprintf(b, `<line class="rule" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text x="%g" y="%.1f" text-anchor="end" dy="4">%s</text>`,
			scatterLeft, scatterRight, a.y(v), a.y(v), scatterLeft-6, a.y(v), text)
	}
	for _, v := range costTicks(a.low, a.high) {
		fmt.Fprintf(b, `<line class="rule" x1="%.1f" x2="%.1f" y1="%g" y2="%g"/><text x="%.1f" y="%g" text-anchor="middle">%s</text>`,
			a.x(v), a.x(v), scatterTop, scatterBottom, a.x(v), scatterBottom+16, strconv.FormatFloat(v, 'g', 3, 64))
	}
	fmt.Fprintf(b, `<text class="axis" x="%g" y="%g" text-anchor="middle">cost / oracle</text>`, (scatterLeft+scatterRight)/2, scatterHeight-8)
	fmt.Fprintf(b, `<text class="axis" transform="translate(12 %g) rotate(-90)" text-anchor="middle">violated</text>`, (scatterTop+scatterBottom)/2)
}

// line joins the points of a colour that are part of its line.
func (a scatterAxes) line(b *strings.Builder, points []point, colour int) {
	var path []string
	for _, p := range points {
		if p.colour == colour && p.line {
			path = append(path, fmt.Sprintf("%.1f,%.1f", a.x(p.x), a.y(p.y)))
		}
	}
	if len(path) > 1 {
		fmt.Fprintf(b, `<polyline class="line c%d" points="%s"/>`, colour, strings.Join(path, " "))
	}
}

// name writes the labels beside the points.
func (a scatterAxes) name(b *strings.Builder, points []point) {
	for _, l := range labels(points, a.x, a.y) {
		anchor, dx := "start", 7.0
		if l.x > scatterRight-90 {
			anchor, dx = "end", -7
		}
		fmt.Fprintf(b, `<text class="name" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, l.x+dx, l.y-6, anchor, html.EscapeString(l.text))
	}
}

// placed is a label at a place of the view box.
type placed struct {
	x, y float64
	text string
}

// labels puts the names of points into one where they would overlap.
func labels(points []point, x, y func(v float64) float64) []placed {
	const near, letter = 12.0, 6.0
	var out []placed
	for _, p := range points {
		at := placed{x(p.x), y(p.y), p.label}
		i := slices.IndexFunc(out, func(o placed) bool {
			left := o
			if at.x < o.x {
				left = at
			}
			return math.Abs(o.x-at.x) < near+letter*float64(len(left.text)) && math.Abs(o.y-at.y) < near
		})
		if i >= 0 {
			out[i].text += ", " + p.label
		} else {
			out = append(out, at)
		}
	}
	return out
}

// costTicks are round numbers between the ends of the cost axis.
func costTicks(low, high float64) []float64 {
	var out []float64
	for _, v := range []float64{0.1, 0.2, 0.5, 0.8, 1, 1.25, 1.5, 2, 3, 4, 6, 10, 20, 50, 100, 200, 500, 1000} {
		if v > low && v < high {
			out = append(out, v)
		}
	}
	const most = 9
	for len(out) > most {
		out = slices.DeleteFunc(out, func(v float64) bool { return v != 1 && slices.Index(out, v)%2 == 1 })
	}
	return out
}
