package collector_test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/testkit/world"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Times of the simulated world, relative to its end.
const (
	simHistory = 30 * time.Hour
	simRollout = 3 * time.Hour
	simScrape  = time.Minute
)

const mib = 1 << 20

func TestRealPrometheus(t *testing.T) {
	t.Parallel()
	base := world.Server(t)
	end := time.Now().UTC().Truncate(5 * time.Minute)
	simulate(end).Write(t, base, end.Add(-simHistory-time.Hour), end, simScrape)

	cfg := collector.DefaultConfig()
	cfg.URL, cfg.History = base, model.Duration(simHistory)
	c, err := collector.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := c.Collect(t.Context(), end.Add(2*time.Minute), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d workloads by %d queries", len(fleet.Workloads), fleet.Queries)
	for _, f := range fleet.Facts {
		t.Logf("%s %s: %s", f.Code, f.Signal, f.Message)
	}
	if !fleet.At.Equal(end) {
		t.Errorf("the fleet is of %s, want %s", fleet.At, end)
	}
	var names []string
	for _, w := range fleet.Workloads {
		names = append(names, w.ID.String())
	}
	want := []string{
		"east/kube-system/DaemonSet/agent", "east/ml/Deployment/llm", "east/shop/CronJob/nightly", "east/shop/Deployment/web",
		"east/shop/Pod/toolbox", "east/shop/Rollout/canary", "east/shop/StatefulSet/db", "west/shop/Deployment/web",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Fatalf("workloads (-want +got):\n%s", diff)
	}
	byName := func(name string) collector.Workload { return fleet.Workloads[slices.Index(names, name)] }
	t.Run("rollout", func(t *testing.T) {
		checkWeb(t, byName("east/shop/Deployment/web"), byName("west/shop/Deployment/web"), end)
	})
	t.Run("others", func(t *testing.T) { checkOthers(t, byName) })
	t.Run("jobs", func(t *testing.T) { checkJobs(t, byName("east/shop/CronJob/nightly"), end) })
	t.Run("inference", func(t *testing.T) { checkInference(t, byName("east/ml/Deployment/llm")) })
	t.Run("facts", func(t *testing.T) {
		for _, part := range []string{"2 clusters by the label cluster", "static pods", "name no pod", "1 workloads that ran earlier"} {
			if !slices.ContainsFunc(fleet.Facts, func(f recommender.Fact) bool { return strings.Contains(f.Message, part) }) {
				t.Errorf("no fact about %q", part)
			}
		}
	})
	t.Run("selector", func(t *testing.T) { checkSelector(t, cfg, fleet, end) })
	t.Run("catalogue", func(t *testing.T) { checkCatalogue(t, base) })
	t.Run("presets", func(t *testing.T) { checkPresets(t, cfg, fleet, end) })
	t.Run("restricted", func(t *testing.T) { checkRestricted(t, cfg, fleet, end) })
}

// at is the value at an instant.
func at(t *testing.T, s forecaster.Series, when time.Time) float64 {
	t.Helper()
	i := int(when.Sub(s.Start) / s.Step)
	if i < 0 || i >= s.Len() {
		t.Fatalf("%s is not in the series from %s with %d points", when, s.Start, s.Len())
	}
	return s.Values[i]
}

// near compares with the extrapolation of rates in mind: 1 %.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > 0.01*math.Abs(want) {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

// within compares numbers that are within a share of each other.
func within(share float64) cmp.Option {
	return cmp.Comparer(func(a, b float64) bool { return a == b || math.Abs(a-b) <= share*math.Abs(a) })
}

func containerOf(t *testing.T, w collector.Workload, name string) collector.Container {
	t.Helper()
	i := slices.IndexFunc(w.Containers, func(c collector.Container) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("%s has no container %s", w.ID, name)
	}
	return w.Containers[i]
}

func checkWeb(t *testing.T, web, west collector.Workload, end time.Time) {
	before, after := end.Add(-10*time.Hour), end.Add(-time.Hour)
	if len(web.Containers) != 3 || len(web.Facts) != 1 || !strings.Contains(web.Facts[0].Message, "left out: init-db (") {
		t.Errorf("containers are %d, facts %v; want app, mesh and proxy, and a fact about init-db", len(web.Containers), web.Facts)
	}
	mesh := containerOf(t, web, "mesh")
	wantMesh := recommender.Resources{CPU: 100, Memory: 64 * recommender.MiB}
	if !mesh.Sidecar || mesh.Requests != wantMesh || mesh.Limits.Memory != wantMesh.Memory || mesh.Restarts != 2 || mesh.OOMKills != 2 {
		t.Errorf("the native sidecar is %v with requests %v, limits %v, %d restarts, %d OOM kills; want true, %v, its memory, 2 and 2",
			mesh.Sidecar, mesh.Requests, mesh.Limits, mesh.Restarts, mesh.OOMKills, wantMesh)
	}
	near(t, "CPU of the native sidecar", at(t, mesh.CPU, after), 0.06)
	if containerOf(t, web, "proxy").Sidecar {
		t.Error("proxy is a container, not an init container")
	}
	app := containerOf(t, web, "app")
	near(t, "CPU before the rollout", at(t, app.CPU, before), 0.5)
	near(t, "CPU after the rollout", at(t, app.CPU, after), 1.25)
	near(t, "CPU of the largest pod", at(t, app.CPUMaxPod, after), 0.75)
	// A rate loses at most the minute in which a counter starts anew.
	if v := at(t, app.CPUMaxPod, end.Add(-95*time.Minute)); v < 0.55 || v > 0.76 {
		t.Errorf("CPU of the pod that was restarted is %g, want about 0.75", v)
	}
	near(t, "memory before the rollout", at(t, app.Memory, before), 100*mib)
	near(t, "memory after the rollout", at(t, app.Memory, after), 200*mib)
	near(t, "memory in the step of the spike", at(t, app.Memory, end.Add(-85*time.Minute)), 400*mib)
	near(t, "memory in the step after the spike", at(t, app.Memory, end.Add(-80*time.Minute)), 200*mib)
	wantRequests := recommender.Resources{CPU: 250, Memory: 256 * recommender.MiB}
	if app.Requests != wantRequests || app.Limits != (recommender.Resources{Memory: 512 * recommender.MiB}) {
		t.Errorf("requests %v, limits %v; want those of the new template", app.Requests, app.Limits)
	}
	if app.Restarts != 1 || app.OOMKills != 1 || app.LastOOMKill.Before(end.Add(-100*time.Minute)) || app.LastOOMKill.After(end.Add(-85*time.Minute)) {
		t.Errorf("restarts %d, OOM kills %d, last %s; want 1, 1 within 15 minutes after -100m", app.Restarts, app.OOMKills, app.LastOOMKill.Sub(end))
	}
	if app.OOMLimit != 512*recommender.MiB || app.FirstOOMKill != app.LastOOMKill {
		t.Errorf("killed at a limit of %d, first %s; want 512 MiB and the last", app.OOMLimit, app.FirstOOMKill)
	}
	near(t, "memory with page cache", app.UsageWithCache, 250*mib)
	for name, want := range map[string]float64{"go_heap": 91 * mib, "go_memory_limit": math.MaxInt64, "go_threads": 16} {
		near(t, name, app.Runtime[name].Peak(), want)
	}
	if proxy := containerOf(t, web, "proxy"); len(app.Runtime) != 3 || proxy.Runtime != nil {
		t.Errorf("runtimes are %v and %v, want one", app.Runtime, proxy.Runtime)
	}
	near(t, "desired", at(t, web.Desired, after), 2)
	near(t, "ready", at(t, web.Ready, after), 2)
	if web.StartupSeconds < 36 || web.StartupSeconds > 40 { // 20 s and 40 s; PromQL interpolates to 38 s.
		t.Errorf("start-up takes %g s, want 38", web.StartupSeconds)
	}
	if len(web.Signals) != 1 || web.Signals[0].Name != "http_requests" || web.Signals[0].Role != collector.RoleDemand {
		t.Fatalf("signals are %v, want http_requests", web.Signals)
	}
	near(t, "requests per second", at(t, web.Signals[0].Series, after), 24) // Two pods with 10 and 2 each.
	want := []collector.Bucket{{Seconds: 0.1, Rate: 18}, {Seconds: 0.5, Rate: 22.8}, {Seconds: math.Inf(1), Rate: 24}}
	if diff := cmp.Diff(want, web.Durations[collector.TimedRequests], within(0.01)); diff != "" {
		t.Errorf("durations (-want +got):\n%s", diff)
	}
	near(t, "CPU of the other cluster", at(t, containerOf(t, west, "app").CPU, after), 2)
	if len(west.Signals) != 0 {
		t.Errorf("the other cluster has signals: %v", west.Signals)
	}
}

func checkOthers(t *testing.T, byName func(string) collector.Workload) {
	db := byName("east/shop/StatefulSet/db")
	k := containerOf(t, db, "db")
	last := k.CPU.End()
	near(t, "CPU of db", at(t, k.CPU, last), 2)
	near(t, "throttling of db", at(t, k.Throttled, last), 0.25)
	for name, want := range map[string]float64{"jvm_heap": 1200 * mib, "jvm_heap_max": 1536*mib - 1, "jvm_live": 400 * mib, "jvm_outside": 200 * mib} {
		near(t, name, k.Runtime[name].Peak(), want)
	}
	near(t, "desired db", at(t, db.Desired, last), 2)
	near(t, "ready db", at(t, db.Ready, last), 1)
	agent := byName("east/kube-system/DaemonSet/agent")
	near(t, "CPU of agent", at(t, containerOf(t, agent, "agent").CPU, last), 0.3)
	near(t, "desired agent", at(t, agent.Desired, last), 3)
	toolbox := byName("east/shop/Pod/toolbox")
	near(t, "CPU of toolbox", at(t, containerOf(t, toolbox, "sh").CPU, last), 0.01)
	near(t, "desired toolbox", at(t, toolbox.Desired, last), 1)
	canary := byName("east/shop/Rollout/canary")
	near(t, "CPU of canary", at(t, containerOf(t, canary, "app").CPU, last), 0.3)
	near(t, "desired canary", at(t, canary.Desired, last), 1)
	starts := containerOf(t, canary, "app").StartCPU
	if n := starts.Observed(); n < 2 || n > 3 { // Of the three minutes, the first has no age yet.
		t.Errorf("%d minutes of starting, want 2 or 3: %v", n, starts.Values)
	}
	near(t, "CPU of the start", starts.Peak(), 0.3)
}

func checkJobs(t *testing.T, nightly collector.Workload, end time.Time) {
	etl := containerOf(t, nightly, "etl")
	if etl.Requests != (recommender.Resources{CPU: 1000, Memory: 256 * recommender.MiB}) {
		t.Errorf("requests are %v", etl.Requests)
	}
	for i := range 6 {
		run := end.Add(-time.Duration(2*i+1) * time.Hour)
		near(t, fmt.Sprintf("CPU of run %d", i), at(t, etl.CPU, run.Add(5*time.Minute)), 1.5)
		near(t, fmt.Sprintf("CPU before run %d", i), at(t, etl.CPU, run.Add(-30*time.Minute)), math.NaN())
		near(t, fmt.Sprintf("pods of run %d", i), at(t, nightly.Desired, run.Add(5*time.Minute)), 1)
	}
	if len(nightly.Runs) != 6 || nightly.DeadlineSeconds != 7200 {
		t.Fatalf("%d runs with a deadline of %g s, want 6 and 7200", len(nightly.Runs), nightly.DeadlineSeconds)
	}
	for _, r := range nightly.Runs {
		near(t, "length of "+r.Job, r.Seconds, 600)
		near(t, "CPU time of "+r.Job, r.CPUSeconds["etl"], 1.5*540) // The last scrape is a minute before the end.
	}
	if etl.OOMKills != 1 || etl.Restarts != 0 {
		t.Errorf("OOM kills %d, restarts %d; want 1 and 0", etl.OOMKills, etl.Restarts)
	}
}

func checkInference(t *testing.T, llm collector.Workload) {
	if g := containerOf(t, llm, "vllm").GPUs; g != 1 {
		t.Errorf("GPUs are %d", g)
	}
	want := map[string]float64{
		"generation_tokens": 400, // 2 pods, 2 engines each, 100/s.
		"prompt_tokens":     3200,
		"inference_queue":   12,
		"kv_cache":          0.7,
		"gpu_activity":      1.2,
	}
	got := map[string]float64{}
	for _, s := range llm.Signals {
		got[s.Name], _, _ = s.Series.Last()
	}
	for name, v := range want {
		near(t, name, got[name], v)
	}
	if len(got) != len(want) || llm.Signals[0].Name != "generation_tokens" {
		t.Errorf("signals are %v", got)
	}
}

// checkSelector selects a Deployment by the labels of its newest pods; its
// history is whole nevertheless.
func checkSelector(t *testing.T, cfg collector.Config, whole *collector.Fleet, end time.Time) {
	cfg.Preset = collector.PresetKubePrometheusStack
	for selector, want := range map[string]string{
		"team=shop": "--metric-labels-allowlist=pods=[team]",
		"app=other": "selects no pod",
		"app=web":   "",
	} {
		cfg.Selector = selector
		c, err := collector.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		fleet, err := c.Collect(t.Context(), end, nil)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error is %v, want one about %q", selector, err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var webs []collector.Workload
		for _, w := range whole.Workloads {
			if w.ID.Name == "web" {
				webs = append(webs, w)
			}
		}
		if diff := cmp.Diff(webs, fleet.Workloads, equateSeries()); diff != "" {
			t.Errorf("%s gives something else (-whole +selected):\n%s", selector, diff)
		}
	}
}

// checkPresets: what other distributions ask for fits this Prometheus, too, and
// changes nothing; clusters are told apart without being looked for.
func checkPresets(t *testing.T, cfg collector.Config, whole *collector.Fleet, end time.Time) {
	for _, preset := range []string{collector.PresetKubePrometheusStack, collector.PresetThanos, collector.PresetMimir, collector.PresetGoogle} {
		cfg.Preset = preset
		c, err := collector.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		fleet, err := c.Collect(t.Context(), end, nil)
		if err != nil {
			t.Fatalf("%s: %v", preset, err)
		}
		if diff := cmp.Diff(whole.Workloads, fleet.Workloads, equateSeries()); diff != "" {
			t.Errorf("%s gives something else (-generic +preset):\n%s", preset, diff)
		}
	}
}

// checkCatalogue sends every query of the catalogue, so that each is one that
// Prometheus understands.
func checkCatalogue(t *testing.T, base string) {
	queries, err := collector.CatalogueQueries()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queries {
		resp, err := world.Get(t, base+"/api/v1/query?"+url.Values{"query": {q}}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s\n%s", resp.Status, body, q)
		}
	}
}

// checkRestricted compares a collection of one cluster, in many small queries,
// with the whole one.
func checkRestricted(t *testing.T, cfg collector.Config, whole *collector.Fleet, end time.Time) {
	cfg.Cluster, cfg.Namespaces = "east", []string{"shop", "ml"}
	cfg.MaxSamples, cfg.Matchers = 4000, []string{`cluster=~"ea.*"`}
	c, err := collector.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := c.Collect(t.Context(), end, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d queries instead of %d", fleet.Queries, whole.Queries)
	if fleet.Queries < 2*whole.Queries {
		t.Errorf("%d queries, want many more than %d", fleet.Queries, whole.Queries)
	}
	var want []collector.Workload
	for _, w := range whole.Workloads {
		if w.ID.Cluster == "east" && w.ID.Namespace != "kube-system" {
			want = append(want, w)
		}
	}
	if diff := cmp.Diff(want, fleet.Workloads, equateSeries()); diff != "" {
		t.Errorf("split queries give something else (-whole +split):\n%s", diff)
	}
}

// equateSeries compares numbers but for the last digits, and gaps with gaps.
func equateSeries() cmp.Option {
	return cmp.Comparer(func(a, b float64) bool {
		return a == b || (math.IsNaN(a) && math.IsNaN(b)) || math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b))
	})
}
