package scores

import (
	"cmp"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rightsize-dev/rightsize/internal/judge"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// pagePlots are the plots of one burst: every policy's settings averaged over
// the scenarios, and each scenario by itself.
type pagePlots struct {
	Burst     string
	Overall   template.HTML
	Scenarios []pagePlot
}

type pagePlot struct {
	Name string
	Plot template.HTML
}

// ParetoHTML writes one page that needs neither network nor scripts.
func ParetoHTML(w io.Writer, r judge.ParetoReport) error {
	p := page{Reference: r.Reference}
	shown := shownPolicies(r)
	for i, c := range shown {
		p.Policies = append(p.Policies, pagePolicy{i % colours, c.name()})
	}
	for _, burst := range r.Bursts {
		plots := pagePlots{Burst: strconv.FormatFloat(burst, 'g', -1, 64), Overall: scatter(overall(r, shown, burst), false)}
		for _, name := range scenariosOf(r) {
			plots.Scenarios = append(plots.Scenarios, pagePlot{name, scatter(curves(r, shown, burst, name), false)})
		}
		p.Plots = append(p.Plots, plots)
	}
	p.Configured = pageTable{lowered(configuredHeader()), configuredRows(r)}
	p.Levels = pageTable{lowered(levelHeader()), levelRows(r)}
	p.Pairs = pageTable{lowered(pairHeader(r)), pairRows(r)}
	return p.write(w, "pareto.html.tmpl")
}

// shownPolicy is a policy with a curve of its own: the oracle has one more, of
// what it would have cost if changes took no time.
type shownPolicy struct {
	policy string
	free   bool
}

func (s shownPolicy) name() string {
	if s.free {
		return s.policy + ", free changes"
	}
	return s.policy
}

// of says whether a run is on the curve.
func (s shownPolicy) of(run judge.ParetoRun) bool {
	return run.Policy == s.policy && run.Free == s.free
}

// shownPolicies are those that were asked for, and the oracle's curves.
func shownPolicies(r judge.ParetoReport) []shownPolicy {
	var out []shownPolicy
	for _, name := range r.Policies {
		if name != baseline.Oracle {
			out = append(out, shownPolicy{policy: name})
		}
	}
	return append(out, shownPolicy{policy: baseline.Oracle}, shownPolicy{policy: baseline.Oracle, free: true})
}

func lowered(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.ToLower(w)
	}
	return out
}

func scenariosOf(r judge.ParetoReport) []string {
	var out []string
	for _, run := range r.Runs {
		if !slices.Contains(out, run.Scenario) {
			out = append(out, run.Scenario)
		}
	}
	return out
}

// curves are the points of every policy in one scenario.
func curves(r judge.ParetoReport, shown []shownPolicy, burst float64, scenario string) []point {
	var out []point
	for i, policy := range shown {
		var own []point
		for _, run := range r.Runs {
			if run.Scenario != scenario || run.Burst != burst || !policy.of(run) || run.CostToOracle == nil {
				continue
			}
			own = append(own, point{
				colour: i % colours, large: run.Knob == "", x: *run.CostToOracle, y: orZero(run.SLOViolatedRequestRatio),
				label: fmt.Sprintf("%s, %s, %s scalings and %s resizes a day, %d OOM kills", policy.policy, knobName(run.Knob),
					short(&run.ScaleEventsPerDay), short(&run.ResizesPerDay), run.OOMKills),
			})
		}
		out = append(out, withLine(own)...)
	}
	return out
}

// overall are the points of every policy's settings, over all scenarios that
// have a cost: the geometric mean of costs and the mean of violations.
func overall(r judge.ParetoReport, shown []shownPolicy, burst float64) []point {
	type sums struct {
		logs, violated, n float64
	}
	var out []point
	for i, policy := range shown {
		byKnob := map[string]*sums{}
		var order []string
		most := 0.0
		for _, run := range r.Runs {
			if run.Burst != burst || !policy.of(run) || run.CostToOracle == nil || *run.CostToOracle <= 0 {
				continue
			}
			s := byKnob[run.Knob]
			if s == nil {
				s = &sums{}
				byKnob[run.Knob] = s
				order = append(order, run.Knob)
			}
			s.logs += math.Log(*run.CostToOracle)
			s.violated += orZero(run.SLOViolatedRequestRatio)
			s.n++
			most = max(most, s.n)
		}
		var own []point
		for _, knob := range order {
			if s := byKnob[knob]; s.n == most { // Others are not of the same scenarios.
				own = append(own, point{
					colour: i % colours, large: knob == "", x: math.Exp(s.logs / s.n), y: s.violated / s.n,
					label: fmt.Sprintf("%s, %s, over %v scenarios", policy.policy, knobName(knob), s.n),
				})
			}
		}
		out = append(out, withLine(own)...)
	}
	return out
}

func knobName(knob string) string {
	if knob == "" {
		return "as configured"
	}
	return knob
}

// withLine orders points by cost and marks those that violate less than every
// cheaper one.
func withLine(points []point) []point {
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	least := math.Inf(1)
	for i := range points {
		if points[i].y < least {
			points[i].line, least = true, points[i].y
		}
	}
	return points
}
