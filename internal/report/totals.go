package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Totals is a report in a few numbers.
type Totals struct {
	Workloads int `json:"workloads"`
	// Batch is how many of them run to completion. What they cost is per hour
	// of a run, so the monthly amounts leave them out.
	Batch int `json:"batch"`
	// Actions counts workloads by what the decision would do.
	Actions map[recommender.Action]int `json:"actions"`
	// WithProblems is the number of workloads whose data is missing or not
	// whole.
	WithProblems int `json:"withProblems"`
	// The monthly amounts are in Currency, for 730 hours of what holds now.
	Currency        string  `json:"currency"`
	CurrentPerMonth float64 `json:"currentPerMonth"`
	TargetPerMonth  float64 `json:"targetPerMonth"`
	SavingsPerMonth float64 `json:"savingsPerMonth"`
}

// SavingsRatio is the saved share of what is spent now, 0 where nothing is.
func (t Totals) SavingsRatio() float64 {
	if t.CurrentPerMonth <= 0 {
		return 0
	}
	return t.SavingsPerMonth / t.CurrentPerMonth
}

// Totals adds up the items.
func (r Report) Totals() Totals {
	t := Totals{Workloads: len(r.Items), Actions: map[recommender.Action]int{}, Currency: "USD"}
	for i, item := range r.Items {
		d := item.Decision
		if i == 0 && d.Cost.Currency != "" {
			t.Currency = d.Cost.Currency
		}
		t.Actions[d.Action]++
		if item.problem() {
			t.WithProblems++
		}
		if d.Workload.Batch() {
			t.Batch++
			continue
		}
		t.CurrentPerMonth += d.Cost.CurrentPerHour * HoursPerMonth
		t.TargetPerMonth += d.Cost.TargetPerHour * HoursPerMonth
	}
	t.CurrentPerMonth, t.TargetPerMonth = micro(t.CurrentPerMonth), micro(t.TargetPerMonth)
	t.SavingsPerMonth = micro(t.CurrentPerMonth - t.TargetPerMonth)
	return t
}

// micro rounds to millionths, so that sums read as sums.
func micro(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// problem says whether the workload's data kept the decision from being a full
// one. A signal that a workload does not have is not a problem.
func (i Item) problem() bool {
	return i.Decision.Action == recommender.ActionNone || slices.ContainsFunc(i.Snapshot.Facts, matters)
}

// matters says whether a fact is about data that a decision needs.
func matters(f recommender.Fact) bool {
	switch f.Code {
	case recommender.FactPartial, recommender.FactClockSkew, recommender.FactInvalid:
		return true
	case recommender.FactMissing:
		return f.Signal == "" || f.Signal == "cpu" || f.Signal == "memory"
	case recommender.FactWarning:
		return false
	default:
		return false
	}
}

// savingsPerMonth is in the currency of the decision.
func (i Item) savingsPerMonth() float64 { return i.Decision.Cost.SavingsPerHour() * HoursPerMonth }

// Sort is an order of items.
type Sort string

// The orders.
const (
	// SortName is by cluster, namespace, kind and name.
	SortName Sort = "name"
	// SortSavings puts what saves the most first, and what costs more last.
	SortSavings Sort = "savings"
)

// Sorted returns the report with its items in that order; equal savings are in
// the order of names. Batch workloads come after the others when sorting by
// savings, since theirs are per hour of a run.
func (r Report) Sorted(by Sort) Report {
	r.Items = slices.Clone(r.Items)
	slices.SortStableFunc(r.Items, func(a, b Item) int {
		if by == SortSavings {
			x, y := a.Decision, b.Decision
			if x.Workload.Batch() != y.Workload.Batch() {
				return boolOrder(x.Workload.Batch(), y.Workload.Batch())
			}
			if c := cmp.Compare(y.Cost.SavingsPerHour(), x.Cost.SavingsPerHour()); c != 0 {
				return c
			}
		}
		return compareWorkloads(a.Decision.Workload, b.Decision.Workload)
	})
	return r
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

func compareWorkloads(a, b recommender.Workload) int {
	return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// finding is one fact about the data and the workloads it is known of; none
// where it is about all.
type finding struct {
	recommender.Fact
	workloads []recommender.Workload
}

// findings gathers equal facts of several workloads, those about all first.
func (r Report) findings() []finding {
	var out []finding
	at := map[recommender.Fact]int{}
	for _, f := range r.Facts {
		if _, ok := at[f]; !ok {
			at[f] = len(out)
			out = append(out, finding{Fact: f})
		}
	}
	general := len(out)
	for _, item := range r.Items {
		for _, f := range item.Snapshot.Facts {
			i, ok := at[f]
			if !ok {
				i = len(out)
				at[f] = i
				out = append(out, finding{Fact: f})
			}
			if i >= general {
				out[i].workloads = append(out[i].workloads, item.Decision.Workload)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b finding) int {
		return boolOrder(!matters(a.Fact), !matters(b.Fact))
	})
	return out
}
