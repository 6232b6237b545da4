package scenario

import (
	"math"

	"github.com/rightsize-dev/rightsize/internal/report/scores"
)

// LoadBudgets reads a file of budgets: a YAML list of
// {scenario, policy, metric, max|min, of?}.
func LoadBudgets(path string) ([]scores.Budget, error) {
	return loadList(path, "budgets", readBudget)
}

// ParseBudgets reads budgets. Errors name the place of the field.
func ParseBudgets(text []byte) ([]scores.Budget, error) {
	return parseList(text, "budgets", readBudget)
}

func readBudget(o *object) (scores.Budget, error) {
	o.required("scenario", "policy", "metric")
	b := scores.Budget{
		Scenario: o.text("scenario"), Policy: o.text("policy"), Metric: o.text("metric"), Of: o.text("of"),
		Max: o.number("max", math.Inf(1)), Min: o.number("min", math.Inf(-1)),
	}
	if o.has("max") == o.has("min") {
		o.fail("", "needs exactly one of max and min")
	}
	if !scores.IsMetric(b.Metric) {
		o.fail("metric", "unknown metric %q (known: %s)", b.Metric, scores.MetricNames())
	}
	o.done()
	return b, *o.err
}
