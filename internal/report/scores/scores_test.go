package scores_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/internal/judge"
	"github.com/rightsize-dev/rightsize/internal/report/scores"
	"github.com/rightsize-dev/rightsize/simulator"
)

// lists are two policies with everything and one without a cost.
func lists() []simulator.ScoreList {
	series := &simulator.ScoreSeries{
		StepSeconds: 60, Replicas: []int{2, 3}, ReadyReplicas: []int{2, 2}, CPURequestCores: []float64{1, 1.5},
		MemoryRequestGiB: []float64{0.5, 0.75}, Demand: []float64{10, 0},
	}
	full := func(cost, late float64) simulator.Score {
		return simulator.Score{
			Cost: new(cost), CPUCoreHours: 12345.6, MemoryGiBHours: 3.25, SLOViolatedRequestRatio: new(late),
			ServedRequests: new(uint64(100)), DroppedRequests: new(uint64(1)), LatencyP95Seconds: new(0.1234), LatencyP99Seconds: new(2.5),
			SLOViolationSeconds: 120, CPUSlackRatio: new(0.25), ScaleEvents: 7,
		}
	}
	return []simulator.ScoreList{simulator.NewScoreList("web & <shop>", []simulator.Result{
		{Policy: "hpa", Score: full(20, 0.01), Series: series},
		{Policy: "oracle", Score: full(10, 0.0005), Series: series},
		{Policy: "static", Score: simulator.Score{}},
	}, simulator.Result{Score: full(10, 0.0005)})}
}

// TestJSON: every field of the contract is there, null where it means nothing.
func TestJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := scores.JSON(&out, lists()); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Items []struct {
			Policy string
			Score  map[string]any
			Series map[string]any
		}
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(`cpuCoreHours cpuBorrowedCoreHours memoryGiBHours gpuHours cost costToOracle sloViolationSeconds
		sloViolatedRequestRatio servedRequests droppedRequests latencyP50Seconds latencyP95Seconds latencyP99Seconds
		throttledSeconds oomKills cpuSlackRatio memorySlackRatio scaleEvents resizes evictions restarts pendingPodSeconds decisions`)
	for _, item := range doc.Items {
		for _, f := range fields {
			if _, ok := item.Score[f]; !ok {
				t.Errorf("%s has no %s", item.Policy, f)
			}
		}
		if len(item.Score) != len(fields) {
			t.Errorf("%s has %d fields, want %d", item.Policy, len(item.Score), len(fields))
		}
	}
	if doc.Items[0].Score["costToOracle"] != 2.0 || doc.Items[2].Score["cost"] != nil || doc.Items[2].Score["costToOracle"] != nil {
		t.Errorf("costs %v and %v", doc.Items[0].Score, doc.Items[2].Score)
	}
}

// TestTable: numbers that people can read, one word each.
func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := scores.Table(&out, lists(), 0); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	want := []string{
		"web_&_<shop>", "hpa", "20.0", "2.000", "12346", "3.250", "1.000%", "2", "123.4ms", "2.50s", "25.0%", "-", "0", "0", "7", "0", "0",
	}
	if diff := cmp.Diff(want, strings.Fields(lines[1])); diff != "" {
		t.Error(diff)
	}
	if n := len(strings.Fields(lines[0])); len(lines) != 4 || n != len(want) {
		t.Errorf("%d lines with %d columns", len(lines), n)
	}
	var md bytes.Buffer
	if err := scores.Markdown(&md, lists()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(md.String(), "| static | - | - | 0 |") {
		t.Errorf("markdown:\n%s", &md)
	}
}

// result is what the lists were made of, with the course of one run.
func result() judge.ShardFile {
	return judge.ShardFile{
		Scenarios: []judge.About{{Name: "web & <shop>", Start: time.Unix(3600, 0), Days: 1, Unit: "requests/s", GoalSeconds: 0.5, GoalOf: "latency"}},
		Tasks:     []judge.Task{{Scenario: "web & <shop>", Policy: "hpa"}},
		Runs: []judge.Run{{Course: &judge.Course{
			Latency: []float64{0.1, 0.75}, Capacity: []float64{20, 20}, CPU: []float64{1, 1}, Request: []float64{0.5, 0.5}, Bad: []int{0, 1},
			Changes: []judge.Change{{At: 60, Replicas: [2]int{2, 3}, Reasons: []string{"Because: </script> of it"}}},
		}}},
	}
}

// TestHTML: a whole page, with the data of the items that have a series, and
// nothing that a name could break.
func TestHTML(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := scores.HTML(&out, result(), lists()); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	for want, n := range map[string]int{
		"<h2>web &amp; &lt;shop&gt;</h2>": 1, "<svg ": 1, `<circle class="f0"`: 1, `<circle class="f1"`: 1,
		`<td class="best">10.0</td>`: 1, `<td class="bad">1.000%</td>`: 1, "<script": 3, "</script>": 3, "NaN": 0, "ZgotmplZ": 0,
		`"start":3600,"step":60,"unit":"requests/s","goal":0.5,"goalOf":"latency","goalHow":"","demand":[10,0]`: 1,
		`"name":"hpa","colour":0,"replicas":[2,3],"ready":[2,2],"cores":[1,1.5],"memory":[0.5,0.75]`:            1,
		`"latency":[0.1,0.75],"bad":[0,1],"changes":[{"at":60,"replicas":[2,3],"cpu":[0,0],`:                    1,
		`"name":"oracle","colour":1,"replicas":[2,3],"ready":[2,2],"cores":[1,1.5],"memory":[0.5,0.75],"s`:      1,
	} {
		if got := strings.Count(page, want); got != n {
			t.Errorf("%q appears %d times, want %d", want, got, n)
		}
	}
}

// TestBudgets: maximum, minimum and ratio, kept and not.
func TestBudgets(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	cases := map[string]struct {
		budget scores.Budget
		want   string
	}{
		"kept":              {scores.Budget{Policy: "hpa", Metric: "cost", Max: 20, Min: -inf}, ""},
		"above":             {scores.Budget{Policy: "hpa", Metric: "cost", Max: 19, Min: -inf}, "20 is above the maximum of 19"},
		"below":             {scores.Budget{Policy: "hpa", Metric: "scaleEvents", Max: inf, Min: 8}, "7 is below the minimum of 8"},
		"ratio kept":        {scores.Budget{Policy: "oracle", Metric: "cost", Of: "hpa", Max: 0.5, Min: -inf}, ""},
		"ratio above":       {scores.Budget{Policy: "hpa", Metric: "cost", Of: "oracle", Max: 1.5, Min: -inf}, "2 is above the maximum of 1.5"},
		"nothing / nothing": {scores.Budget{Policy: "hpa", Metric: "oomKills", Of: "oracle", Max: 1, Min: -inf}, ""},
		"something/nothing": {scores.Budget{Policy: "hpa", Metric: "cost", Of: "static", Max: 1, Min: -inf}, "cost of static has no value"},
		"null":              {scores.Budget{Policy: "static", Metric: "servedRequests", Max: inf, Min: 0}, "servedRequests of static has no value"},
		"not run":           {scores.Budget{Policy: "vpa", Metric: "cost", Max: 1, Min: -inf}, "policy vpa was not run"},
	}
	for name, tc := range cases {
		tc.budget.Scenario = "web & <shop>"
		got := scores.CheckBudgets([]scores.Budget{tc.budget}, lists())[0]
		if got.Problem != tc.want || got.Skipped {
			t.Errorf("%s: problem %q, want %q", name, got.Problem, tc.want)
		}
	}
	other := scores.CheckBudgets([]scores.Budget{{Scenario: "other", Metric: "cost", Max: 0}}, lists())
	if !other[0].Skipped || scores.Exceeded(other) != 0 {
		t.Errorf("a scenario that was not run: %+v", other[0])
	}
}

// TestJUnit: well-formed whatever names hold.
func TestJUnit(t *testing.T) {
	t.Parallel()
	checks := scores.CheckBudgets([]scores.Budget{
		{Scenario: "web & <shop>", Policy: "hpa", Metric: "cost", Max: 1, Min: math.Inf(-1)},
		{Scenario: "web & <shop>", Policy: "hpa", Metric: "cost", Max: 100, Min: math.Inf(-1)},
	}, lists())
	var out bytes.Buffer
	if err := scores.JUnit(&out, checks); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(out.Bytes())); ; {
		if _, err := d.Token(); err == io.EOF { //nolint:errorlint // Token returns it bare.
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, &out)
		}
	}
	if !strings.Contains(out.String(), `tests="2" failures="1"`) {
		t.Errorf("report:\n%s", &out)
	}
}
