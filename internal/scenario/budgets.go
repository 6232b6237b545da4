package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/internal/report/scores"
)

// LoadBudgets reads a file of budgets: a YAML list of
// {scenario, policy, metric, max|min, of?}.
func LoadBudgets(path string) ([]scores.Budget, error) {
	text, err := readLimited(path)
	if err != nil {
		return nil, err
	}
	budgets, err := ParseBudgets(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return budgets, nil
}

// ParseBudgets reads budgets. Errors name the place of the field.
func ParseBudgets(text []byte) ([]scores.Budget, error) {
	data, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, fmt.Errorf("not valid YAML: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("not valid YAML: %w", err)
	}
	items, ok := document.([]any)
	if !ok || len(items) == 0 {
		return nil, fmt.Errorf("must be a list of budgets, got %s", shown(document))
	}
	out := make([]scores.Budget, 0, len(items))
	for i, item := range items {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, fieldErrorf(fmt.Sprintf("[%d]", i), "must be a mapping, got %s", shown(item))
		}
		b, err := readBudget(fields, fmt.Sprintf("[%d]", i))
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func readBudget(fields map[string]any, path string) (scores.Budget, error) {
	o := newObject(fields)
	o.path = path
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
