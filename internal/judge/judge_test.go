package judge_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/internal/judge"
	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// usageScenario is half an hour of a wave of CPU.
func usageScenario(name string, peak float64) simulator.Scenario {
	sc := simulator.Scenario{
		Name: name, Seed: 1, Step: 15 * time.Second, Duration: 30 * time.Minute,
		Service: simulator.Service{Usage: &simulator.UsageService{Startup: 30 * time.Second}},
		Initial: simulator.Initial{Replicas: 2, Requests: recommender.Resources{CPU: 1000, Memory: recommender.GiB}},
		Bounds: simulator.Bounds{
			MinReplicas: 1, MaxReplicas: 20, MinAllowed: recommender.Resources{CPU: 100, Memory: recommender.MiB},
			MaxAllowed: recommender.Resources{CPU: 4000, Memory: 4 * recommender.GiB},
		},
		Cluster: simulator.Cluster{Nodes: 10, Node: recommender.Resources{CPU: 8000, Memory: 32 * recommender.GiB}},
		Prices:  recommender.Prices{CPUCoreHour: 1, MemoryGiBHour: 0.1},
	}
	sc.Demand = simulator.Demand{Epoch: time.Unix(0, 0).UTC(), End: 30 * 60}
	for i := range 30 {
		sc.Demand.Offsets = append(sc.Demand.Offsets, 60*float64(i))
		sc.Demand.Rate = append(sc.Demand.Rate, 1+peak*(1+math.Sin(float64(i)/4)))
	}
	return sc
}

func paretoPlan(t *testing.T) *judge.Plan {
	t.Helper()
	p, err := judge.NewPlan([]simulator.Scenario{usageScenario("a", 1), usageScenario("b", 2)}, judge.Options{
		Mode: judge.Pareto, Policies: []string{"hpa", "static"}, Bursts: []float64{0, 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func runAll(t *testing.T, p *judge.Plan, s judge.Shard, workers int) judge.ShardFile {
	t.Helper()
	runs, err := p.Run(t.Context(), p.Part(s), workers, func(int, float64) {})
	if err != nil {
		t.Fatal(err)
	}
	return p.File(s, runs)
}

// TestShardsMakeTheWhole: any number of workers and of shards, written and
// read, gives the results of one run, to the byte.
func TestShardsMakeTheWhole(t *testing.T) {
	t.Parallel()
	bytesOf := func(f judge.ShardFile) string {
		var b bytes.Buffer
		if err := f.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := bytesOf(runAll(t, paretoPlan(t), judge.Shard{}, 1))
	if got := bytesOf(runAll(t, paretoPlan(t), judge.Shard{}, 4)); got != want {
		t.Error("another result with four workers")
	}
	for _, n := range []int{1, 3, 7, 1000} {
		var parts []judge.ShardFile
		for i := n; i >= 1; i-- {
			written := bytesOf(runAll(t, paretoPlan(t), judge.Shard{Index: i, Count: n}, 2))
			part, err := judge.ReadShard("part", bytes.NewReader([]byte(written)))
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, part)
			if n == 1000 && i > 900 && len(part.Runs) > 0 {
				t.Errorf("shard %d of %d holds %d runs", i, n, len(part.Runs))
			}
		}
		all, err := judge.Merge(parts)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytesOf(all); got != want {
			t.Errorf("another result of %d shards", n)
		}
	}
}

// TestOtherPlansAreRefused: a shard of another seed, demand or policy is not
// part of it.
func TestOtherPlansAreRefused(t *testing.T) {
	t.Parallel()
	make1 := func(change func(sc *simulator.Scenario)) judge.ShardFile {
		sc := usageScenario("a", 1)
		change(&sc)
		p, err := judge.NewPlan([]simulator.Scenario{sc}, judge.Options{Mode: judge.Scores, Policies: []string{"static", "hpa"}})
		if err != nil {
			t.Fatal(err)
		}
		return runAll(t, p, judge.Shard{Index: 1, Count: 2}, 1)
	}
	first := make1(func(*simulator.Scenario) {})
	for name, change := range map[string]func(sc *simulator.Scenario){
		"seed":     func(sc *simulator.Scenario) { sc.Seed = 2 },
		"demand":   func(sc *simulator.Scenario) { sc.Demand.Rate[7] += 1e-9 },
		"service":  func(sc *simulator.Scenario) { sc.Service.Usage.Startup++ },
		"settings": func(sc *simulator.Scenario) { sc.Policies = map[string]simulator.Settings{"hpa": {"tolerance": 0.2}} },
	} {
		if _, err := judge.Merge([]judge.ShardFile{first, make1(change)}); err == nil {
			t.Errorf("%s: merged", name)
		}
	}
	if _, err := judge.Merge(nil); err == nil {
		t.Error("nothing merged")
	}
}

// TestStop: who cancels gets the reason, not a result.
func TestStop(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	p := paretoPlan(t)
	if _, err := p.Run(ctx, p.Part(judge.Shard{}), 2, func(int, float64) {}); !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
}

// TestCourse: a watched policy decides as it does unwatched, and what it saw
// and changed is kept.
func TestCourse(t *testing.T) {
	t.Parallel()
	result := func(course bool) judge.ShardFile {
		p, err := judge.NewPlan([]simulator.Scenario{usageScenario("a", 2)}, judge.Options{
			Mode: judge.Scores, Policies: []string{"hpa", "rightsize", baseline.Oracle}, Series: true, Course: course,
		})
		if err != nil {
			t.Fatal(err)
		}
		return runAll(t, p, judge.Shard{}, 2)
	}
	plain, watched := result(false), result(true)
	if diff := cmp.Diff(plain.Lists(), watched.Lists()); diff != "" {
		t.Errorf("watching changes the result: %s", diff)
	}
	for i, r := range watched.Runs {
		c := r.Course
		if len(c.Latency) != 30 || len(c.Capacity) != 30 || len(c.Bad) != 30 || len(c.Blind) != 30 || len(c.Changes) == 0 {
			t.Errorf("%v: %d minutes, %d changes", watched.Tasks[i], len(c.Latency), len(c.Changes))
		}
		if watched.Tasks[i].Policy == "rightsize" && len(c.Changes[0].Reasons) == 0 {
			t.Error("rightsize gives no reasons")
		}
		n := 0
		for _, change := range c.Changes {
			if change.Replicas[0] != change.Replicas[1] {
				n++
			}
		}
		if n != r.Score.ScaleEvents {
			t.Errorf("%v: %d changes of replicas, %d scale events", watched.Tasks[i], n, r.Score.ScaleEvents)
		}
	}
}

// TestCourseIsWhatWas: an outage of metrics hides nothing from a course, and
// shows where the policy was blind.
func TestCourseIsWhatWas(t *testing.T) {
	t.Parallel()
	courseOf := func(outages ...simulator.Outage) *judge.Course {
		sc := usageScenario("a", 2)
		sc.Metrics.Outages = outages
		p, err := judge.NewPlan([]simulator.Scenario{sc}, judge.Options{
			Mode: judge.Scores, Policies: []string{"static"}, Series: true, Course: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		return runAll(t, p, judge.Shard{}, 1).Runs[1].Course
	}
	light, dark := courseOf(), courseOf(simulator.Outage{At: 10 * time.Minute, For: 5 * time.Minute})
	want := make([]int, 30)
	want[0] = 1 // Without a warm-up nothing has been measured yet.
	for i := range 5 {
		want[10+i] = 1
	}
	if diff := cmp.Diff(want, dark.Blind); diff != "" {
		t.Errorf("blind: %s", diff)
	}
	if slices.Contains(light.Blind[1:], 1) || !slices.Contains(light.Bad, 1) {
		t.Errorf("without an outage: blind %v, bad %v", light.Blind, light.Bad)
	}
	dark.Blind = light.Blind
	if diff := cmp.Diff(light, dark); diff != "" {
		t.Errorf("the outage changes what was: %s", diff)
	}
}

// TestParetoReport by hand: costs at levels, one knob for all, and ratios with
// their interval.
func TestParetoReport(t *testing.T) {
	t.Parallel()
	f := judge.ShardFile{Policies: []string{"static", "rightsize"}, Bursts: []float64{0}}
	resizes := 3
	add := func(scenario, policy, knob string, cost, violated float64) {
		f.Tasks = append(f.Tasks, judge.Task{Scenario: scenario, Policy: policy, Knob: knob})
		f.Runs = append(f.Runs, judge.Run{Task: len(f.Runs), Score: simulator.Score{
			Cost: new(cost), SLOViolatedRequestRatio: new(violated), ScaleEvents: 6, Resizes: resizes,
		}})
	}
	for _, name := range []string{"x", "y", "z"} {
		f.Scenarios = append(f.Scenarios, judge.About{Name: name, Days: 2})
	}
	add("x", "oracle", "", 10, 0)
	add("x", "static", "", 40, 0.004)
	add("x", "rightsize", "", 20, 0.03)
	add("x", "rightsize", "safe", 30, 0.003)
	add("y", "oracle", "", 10, 0)
	add("y", "oracle", "violated 0.5 %", 8, 0.004)
	add("y", "oracle", "violated 5 %", 7.5, 0.05)
	add("y", "oracle", "violated 0.5 %, free changes", 1, 0.004)
	f.Tasks[len(f.Tasks)-1].Free = true
	add("y", "static", "", 20, 0.3)
	add("y", "rightsize", "", 15, 0.001)
	add("y", "rightsize", "safe", 30, 0.0001)
	add("z", "oracle", "", 10, 0)
	add("z", "static", "", 10, 0)
	resizes = 54
	add("z", "rightsize", "", 20, 0.001)
	resizes = 3
	add("z", "rightsize", "safe", 40, 0.2)
	r := judge.NewParetoReport(f)
	if r.Reference != "rightsize" || len(r.AtLevels) != 24 || len(r.Paired) != 12 {
		t.Fatalf("%+v", r)
	}
	at := r.AtLevels[slices.IndexFunc(r.AtLevels, func(a judge.AtLevel) bool { return a.Policy == "rightsize" && a.Level == 0.005 })]
	// x only when safe: 3, y and z as configured: 1.5 and 2. Of the last two y's
	// oracle could have had 0.5 % for 0.8 - 0.05·(0.005-0.004)/(0.05-0.004).
	want := judge.AtLevel{
		Level: 0.005, Policy: "rightsize", Scenarios: 3, Meets: 3, CostToOracle: new(math.Cbrt(9)), CostToFrontier: new(math.Cbrt(3 * 1.5 / (0.8 - 0.05/46) * 2)), ScaleEventsPerDay: new(3.0),
		ResizesPerDay: new(10.0), OneKnob: judge.OneKnob{Knob: "", Meets: 2, CostToOracle: new(math.Sqrt(3))},
	}
	approx := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
	if diff := cmp.Diff(want, at, approx); diff != "" {
		t.Errorf("at 0.5 %%: %s", diff)
	}
	// As configured: y violates 0.1 %, for which the line from 0 % at 1 to 0.4 %
	// at 0.8 has 0.95; x and z have but the oracle itself.
	configured := r.AsConfigured[slices.IndexFunc(r.AsConfigured, func(a judge.AsConfigured) bool { return a.Policy == "rightsize" })]
	wantConfigured := judge.AsConfigured{
		Policy: "rightsize", Scenarios: 3, CostToOracle: new(math.Cbrt(6)), CostToFrontier: new(math.Cbrt(2 * 1.5 / 0.95 * 2)),
		Dearest: "x", DearestRatio: new(2.0), ViolatedRatio: new(0.032 / 3), MostViolated: "x", MostViolatedRatio: new(0.03), Meets: 2,
		ChangesPerDay: new((4.5 + 4.5 + 30) / 3),
	}
	if diff := cmp.Diff(wantConfigured, configured, approx); diff != "" {
		t.Errorf("as configured: %s", diff)
	}
	// 4.5 changes a day each but for z as configured, of 30: at most 24 leaves x
	// and y.
	few := r.AtLevels[slices.IndexFunc(r.AtLevels, func(a judge.AtLevel) bool {
		return a.Policy == "rightsize" && a.Level == 0.005 && a.Churn == 24
	})]
	if few.Meets != 2 || math.Abs(*few.CostToOracle-math.Sqrt(4.5)) > 1e-9 {
		t.Errorf("at 24 changes a day: %+v", few)
	}
	paired := r.Paired[0] // At 5 %: x 20/40, z 20/10, y only rightsize.
	if paired.Policy != "static" || paired.Pairs != 2 || paired.OnlyReference != 1 || paired.OnlyPolicy != 0 ||
		math.Abs(*paired.Ratio-1) > 1e-9 || paired.Worst != "z" || *paired.WorstRatio != 2 || *paired.Low != 0.5 || *paired.High != 2 {
		t.Errorf("paired: %+v", paired)
	}
}

// TestKnobs: every setting of every policy's knobs is one that it takes, and
// is named once.
func TestKnobs(t *testing.T) {
	t.Parallel()
	for _, policy := range baseline.AllNames() {
		seen := map[string]bool{}
		for _, k := range baseline.Knobs(policy) {
			sc := usageScenario("a", 1)
			if !baseline.Knows(policy, sc.Service) {
				sc.Service = simulator.Service{Inference: &simulator.InferenceService{MaxBatch: 8}}
			}
			sc.Policies = map[string]simulator.Settings{policy: k.Settings}
			if err := baseline.CheckSettings(&sc); err != nil {
				t.Errorf("%s, %s: %v", policy, k.Label, err)
			}
			if seen[k.Label] {
				t.Errorf("%s: %s twice", policy, k.Label)
			}
			seen[k.Label] = true
		}
	}
}
