package judge

import (
	"cmp"
	"slices"

	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// frontier is what the oracle pays in a scenario at a burst for each share of
// violated requests: the lower convex hull of its runs, by ascending share. In
// between, part of the time is spent at either end.
type frontier []frontierPoint

type frontierPoint struct{ violated, cost float64 } // Cost over the oracle's.

// place is a scenario at a burst.
type place struct {
	scenario string
	burst    float64
}

// frontiers are those of all runs.
func frontiers(runs []ParetoRun) map[place]frontier {
	points := map[place]frontier{}
	for _, r := range runs {
		if r.Policy == baseline.Oracle && !r.Free && r.CostToOracle != nil {
			at := place{r.Scenario, r.Burst}
			points[at] = append(points[at], frontierPoint{r.violated(), *r.CostToOracle})
		}
	}
	out := make(map[place]frontier, len(points))
	for at, p := range points {
		out[at] = hull(p)
	}
	return out
}

// hull is the part of the lower convex hull in which more violations cost less.
func hull(points frontier) frontier {
	slices.SortStableFunc(points, func(a, b frontierPoint) int {
		return cmp.Or(cmp.Compare(a.violated, b.violated), cmp.Compare(a.cost, b.cost))
	})
	var out frontier
	for _, p := range points {
		if n := len(out); n > 0 && p.cost >= out[n-1].cost {
			continue
		}
		for n := len(out); n > 1 && !convex(out[n-2], out[n-1], p); n-- {
			out = out[:n-1]
		}
		out = append(out, p)
	}
	return out
}

// convex says whether b lies below the line from a to c.
func convex(a, b, c frontierPoint) bool {
	return (b.cost-a.cost)*(c.violated-a.violated) < (c.cost-a.cost)*(b.violated-a.violated)
}

// at is the cost at a share of violations: that of the nearest end where no
// oracle accepted so few or so many. The boolean is false without any.
func (f frontier) at(violated float64) (float64, bool) {
	if len(f) == 0 {
		return 0, false
	}
	i := slices.IndexFunc(f, func(p frontierPoint) bool { return p.violated > violated })
	switch i {
	case -1:
		return f[len(f)-1].cost, true
	case 0:
		return f[0].cost, true
	}
	a, b := f[i-1], f[i]
	part := (violated - a.violated) / (b.violated - a.violated)
	return a.cost + part*(b.cost-a.cost), true
}
