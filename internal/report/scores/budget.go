package scores

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/rightsize-dev/rightsize/simulator"
)

// Budget bounds one metric of one policy in one scenario.
type Budget struct {
	Scenario string
	Policy   string
	Metric   string
	// Max and Min are inclusive; the one not given is infinite.
	Max, Min float64
	// Of names another policy whose value the metric is divided by; empty for
	// none.
	Of string
}

// Check is what became of a budget.
type Check struct {
	Budget Budget
	// Value is the metric, or its ratio; NaN where there is none.
	Value float64
	// Skipped says that the scenario was not run.
	Skipped bool
	// Problem is empty for a budget that was kept.
	Problem string
}

// CheckBudgets compares results with budgets, in the order of the budgets.
func CheckBudgets(budgets []Budget, lists []simulator.ScoreList) []Check {
	out := make([]Check, 0, len(budgets))
	for _, b := range budgets {
		i := slices.IndexFunc(lists, func(l simulator.ScoreList) bool { return l.Scenario == b.Scenario })
		if i < 0 {
			out = append(out, Check{Budget: b, Value: math.NaN(), Skipped: true})
			continue
		}
		out = append(out, b.check(lists[i]))
	}
	return out
}

func (b Budget) check(list simulator.ScoreList) Check {
	c := Check{Budget: b, Value: math.NaN()}
	v, problem := b.valueOf(list, b.Policy)
	if problem == "" && b.Of != "" {
		var other float64
		if other, problem = b.valueOf(list, b.Of); problem == "" {
			v = over(v, other)
		}
	}
	switch {
	case problem != "":
		c.Problem = problem
		return c
	case v > b.Max:
		c.Problem = fmt.Sprintf("%s is above the maximum of %s", number(v), number(b.Max))
	case v < b.Min:
		c.Problem = fmt.Sprintf("%s is below the minimum of %s", number(v), number(b.Min))
	}
	c.Value = v
	return c
}

func (b Budget) valueOf(list simulator.ScoreList, policy string) (metric float64, problem string) {
	i := slices.IndexFunc(list.Items, func(item simulator.ScoreItem) bool { return item.Policy == policy })
	if i < 0 {
		return 0, fmt.Sprintf("policy %s was not run", policy)
	}
	v, ok := value(list.Items[i].Score, b.Metric)
	if !ok {
		return 0, fmt.Sprintf("%s of %s has no value", b.Metric, policy)
	}
	return v, ""
}

// over is a ratio in which nothing over nothing is 1.
func over(a, b float64) float64 {
	if a == b {
		return 1
	}
	return a / b
}

// Exceeded counts the budgets that were not kept.
func Exceeded(checks []Check) int {
	n := 0
	for _, c := range checks {
		if c.Problem != "" {
			n++
		}
	}
	return n
}

// String is what the budget asks for, such as
// "rightsize costToOracle <= 1.5" or "rightsize cost / hpa <= 0.9".
func (b Budget) String() string {
	s := b.Policy + " " + b.Metric
	if b.Of != "" {
		s += " / " + b.Of
	}
	if math.IsInf(b.Max, 1) {
		return s + " >= " + number(b.Min)
	}
	return s + " <= " + number(b.Max)
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// The parts of a JUnit report, as Jenkins and GitLab read it.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitMessage `xml:"failure,omitempty"`
		Skipped *junitMessage `xml:"skipped,omitempty"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
	}
)

// JUnit writes one suite per scenario with one test case per budget.
func JUnit(w io.Writer, checks []Check) error {
	all := junitSuites{}
	for _, c := range checks {
		i := slices.IndexFunc(all.Suites, func(s junitSuite) bool { return s.Name == c.Budget.Scenario })
		if i < 0 {
			i = len(all.Suites)
			all.Suites = append(all.Suites, junitSuite{Name: c.Budget.Scenario})
		}
		suite := &all.Suites[i]
		test := junitCase{Class: c.Budget.Scenario, Name: c.Budget.String()}
		suite.Tests++
		all.Tests++
		switch {
		case c.Skipped:
			test.Skipped = &junitMessage{Message: "the scenario was not run"}
			suite.Skipped++
		case c.Problem != "":
			test.Failure = &junitMessage{Message: c.Problem}
			suite.Failures++
			all.Failures++
		}
		if !math.IsNaN(c.Value) {
			test.Out = number(c.Value)
		}
		suite.Cases = append(suite.Cases, test)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
