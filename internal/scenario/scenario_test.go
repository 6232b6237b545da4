package scenario_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rightsize-dev/rightsize/internal/report/scores"
	"github.com/rightsize-dev/rightsize/internal/scenario"
	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// scenarios is the folder of the scenarios on generated demand.
const scenarios = "../../simulator/testdata/scenarios"

func read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(scenarios, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLoad reads every field of a file.
func TestLoad(t *testing.T) {
	t.Parallel()
	sc, err := scenario.Load(filepath.Join(scenarios, "web.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	demand := sc.Demand
	sc.Demand = simulator.Demand{}
	want := simulator.Scenario{
		Name: "web", Seed: 1, Warmup: 24 * time.Hour, Step: 15 * time.Second, Duration: 24 * time.Hour,
		Service: simulator.Service{HTTP: &simulator.HTTPService{
			CPUSecondsPerRequest: 0.02, CPUCV: 1, BaseCPU: 50, BaseMemory: 100 * recommender.MiB,
			MemoryPerConcurrentRequest: recommender.MiB, ConcurrencyPerPod: 100, Startup: 45 * time.Second, StartupCPU: 500,
		}},
		Objective: simulator.Objective{LatencySeconds: 0.5, Percentile: 0.95},
		Initial: simulator.Initial{
			Replicas: 3, Requests: recommender.Resources{CPU: 500, Memory: 256 * recommender.MiB},
			Limits: recommender.Resources{Memory: 256 * recommender.MiB},
		},
		Bounds: simulator.Bounds{
			MinReplicas: 2, MaxReplicas: 20, MinAllowed: recommender.Resources{CPU: 100, Memory: 64 * recommender.MiB},
			MaxAllowed: recommender.Resources{CPU: 4000, Memory: 4 * recommender.GiB},
		},
		Cluster: simulator.Cluster{
			Nodes: 10, Node: recommender.Resources{CPU: 8000, Memory: 32 * recommender.GiB},
			NodeProvisioning: 2 * time.Minute, ResizeDelay: 3 * time.Second,
		},
		Prices:   recommender.Prices{CPUCoreHour: 0.031, MemoryGiBHour: 0.004, GPUHour: 2.5},
		Policies: map[string]simulator.Settings{"hpa": {"targetUtilizationPercent": 70.0}},
	}
	if diff := cmp.Diff(want, sc); diff != "" {
		t.Error(diff)
	}
	if !demand.Epoch.Equal(time.Unix(0, 0)) || demand.End != 2*86400 || len(demand.Rate) != 2880 {
		t.Errorf("demand from %v for %v s in %d rows", demand.Epoch, demand.End, len(demand.Rate))
	}
}

// TestLoadUsage: rows are picked, columns scaled to cores and bytes, the start
// is an offset, gaps stay gaps.
func TestLoadUsage(t *testing.T) {
	t.Parallel()
	sc, err := scenario.Load(filepath.Join(scenarios, "usage.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d := sc.Demand
	if want := time.Unix(1772409600+3600, 0); !d.Epoch.Equal(want) || d.Offsets[0] != 0 || d.Offsets[1] != 300 {
		t.Errorf("demand begins at %v with rows at %v, want %v", d.Epoch, d.Offsets[:2], want)
	}
	// Row 12 of the cart is the first; its figures are those of the file.
	line := strings.Split(read(t, "usage.csv"), "\n")[1+2*12]
	if !strings.HasPrefix(line, "1772413200,cart,") {
		t.Fatalf("unexpected line %q", line)
	}
	fields := strings.Split(line, ",")
	cpu, memory := number(t, fields[2]), number(t, fields[3])
	if math.Abs(d.Rate[0]-cpu/1000*2) > 1e-12 || math.Abs(d.Memory[0]-memory*1.5*float64(recommender.MiB)) > 1 {
		t.Errorf("first row %v cores and %v bytes from %q", d.Rate[0], d.Memory[0], line)
	}
	if !math.IsNaN(d.Rate[50-12]) || !math.IsNaN(d.Memory[50-12]) {
		t.Error("a gap became a number")
	}
	if sc.Duration != 20*time.Hour || sc.Step != 30*time.Second {
		t.Errorf("duration %v and step %v", sc.Duration, sc.Step)
	}
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	q, err := time.ParseDuration(s + "s") // Reads a decimal number exactly enough.
	if err != nil {
		t.Fatal(err)
	}
	return q.Seconds()
}

// TestDefaults: the shortest file.
func TestDefaults(t *testing.T) {
	t.Parallel()
	sc, err := scenario.Parse([]byte(`
apiVersion: simulator.rightsize.dev/v1alpha1
kind: Scenario
metadata: {name: short}
spec:
  demand: {file: web.csv, column: requests_per_s, scale: 0.5}
  service: {http: {cpuSecondsPerRequest: 0.01}}
  objective: {latencySeconds: 1}
  initial: {replicas: 1, limits: {cpu: 2, memory: 1Gi}}
  bounds: {maxReplicas: 5}
`), scenarios)
	if err != nil {
		t.Fatal(err)
	}
	if sc.Seed != 1 || sc.Step != 15*time.Second || sc.Duration != 48*time.Hour || sc.Objective.Percentile != 0.95 {
		t.Errorf("seed %d, step %v, duration %v, percentile %v", sc.Seed, sc.Step, sc.Duration, sc.Objective.Percentile)
	}
	// A limit alone is the request, too.
	if want := (recommender.Resources{CPU: 2000, Memory: recommender.GiB}); sc.Initial.Requests != want {
		t.Errorf("requests %v, want %v", sc.Initial.Requests, want)
	}
	if sc.Service.HTTP.CPUCV != 1 || sc.Service.HTTP.ConcurrencyPerPod != 100 || sc.Cluster.Nodes != 50 {
		t.Errorf("defaults %+v %+v", sc.Service.HTTP, sc.Cluster)
	}
}

// TestScenarioOfRequests: requests come when the trace says, and their rate is by the
// minute.
func TestScenarioOfRequests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	csv := "arrival_s,prompt_tokens\n0,1\n10,1\n10,1\n70,1\n130,1\n200,1\n"
	if err := os.WriteFile(filepath.Join(dir, "trace.csv"), []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("web.csv", "trace.csv", "requests_per_s", "requests, scale: 2.5, start: 10s, duration: 3m",
		"warmup: 24h", "warmup: 0s").Replace(read(t, "web.yaml"))
	sc, err := scenario.Parse([]byte(text), dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{0, 0, 60, 120, 190}, sc.Demand.Arrivals); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]float64{5.0 / 60, 2.5 / 60, 2.5 / 60, 2.5 / 60}, sc.Demand.Rate); diff != "" {
		t.Error(diff)
	}
	if sc.Demand.Copies != 2.5 {
		t.Errorf("each request stands for %v", sc.Demand.Copies)
	}
}

// TestLoadServices reads every field of a queue and of a language model.
func TestLoadServices(t *testing.T) {
	t.Parallel()
	queue, err := scenario.Load(filepath.Join(scenarios, "queue.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := simulator.Service{Queue: &simulator.QueueService{
		CPUSecondsPerItem: 0.5, CPUCV: 1, WorkersPerPod: 4, BaseMemory: 150 * recommender.MiB, MemoryPerItem: 20 * recommender.MiB,
		Startup: 30 * time.Second,
	}}
	if diff := cmp.Diff(want, queue.Service); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(simulator.Objective{WaitSeconds: 60, Percentile: 0.95}, queue.Objective); diff != "" {
		t.Error(diff)
	}
	model, err := scenario.Load(filepath.Join(scenarios, "inference.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want = simulator.Service{Inference: &simulator.InferenceService{
		PrefillTokensPerSecond: 8000, DecodeTokensPerSecond: 1600, MaxBatch: 32, KVCacheTokens: 100000, GPUsPerPod: 1,
		Startup: 3 * time.Minute, PromptTokens: 800, OutputTokens: 200,
	}}
	if diff := cmp.Diff(want, model.Service); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(simulator.Objective{TTFTSeconds: 2, ITLSeconds: 0.1, Percentile: 0.95}, model.Objective); diff != "" {
		t.Error(diff)
	}
	if model.Cluster.NodeGPUs != 8 || model.Prices.GPUHour != 2.5 || len(model.Demand.PromptTokens) != len(model.Demand.Rate) {
		t.Errorf("%d GPUs at %v, tokens in %d rows", model.Cluster.NodeGPUs, model.Prices.GPUHour, len(model.Demand.PromptTokens))
	}
}

// TestLoadDisturbances reads every field that is off by default.
func TestLoadDisturbances(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer(
		"startupCPU: 500m}", "startupCPU: 500m, timeout: 2s, retries: 3, retryDelay: 100ms, memoryGrowthPerHour: 10Mi, pageCache: 200Mi, everyRequest: true}",
		"burst: 0}", "burst: 0, imagePull: 40s, quota: {cpu: 20, memory: 40Gi}}",
		"  policies:", `  metrics: {delay: 30s, missingRatio: 0.05, outages: [{at: 2h, for: 20m}]}
  failures: [{at: 1h, pods: 2, for: 10s}, {at: 90m, nodes: 1}]
  deploys: [{at: 3h, cpuSecondsPerRequestFactor: 1.5}, {at: 4h, memoryFactor: 2}]
  policies:`).Replace(read(t, "web.yaml"))
	sc, err := scenario.Parse([]byte(text), scenarios)
	if err != nil {
		t.Fatal(err)
	}
	h := sc.Service.HTTP
	if h.Timeout != 2*time.Second || h.Retries != 3 || h.RetryDelay != 100*time.Millisecond || !h.EveryRequest {
		t.Errorf("clients %+v", h)
	}
	want := simulator.Scenario{
		Memory:   simulator.MemoryEffects{GrowthPerHour: 10 << 20, PageCache: 200 << 20},
		Metrics:  simulator.MetricsQuality{Delay: 30 * time.Second, MissingRatio: 0.05, Outages: []simulator.Outage{{At: 2 * time.Hour, For: 20 * time.Minute}}},
		Failures: []simulator.Failure{{At: time.Hour, Pods: 2, For: 10 * time.Second}, {At: 90 * time.Minute, Nodes: 1}},
		Deploys:  []simulator.Deploy{{At: 3 * time.Hour, CPUFactor: 1.5, MemoryFactor: 1}, {At: 4 * time.Hour, CPUFactor: 1, MemoryFactor: 2}},
	}
	got := simulator.Scenario{Memory: sc.Memory, Metrics: sc.Metrics, Failures: sc.Failures, Deploys: sc.Deploys}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if sc.Cluster.ImagePull != 40*time.Second || sc.Cluster.Quota != (recommender.Resources{CPU: 20000, Memory: 40 * recommender.GiB}) {
		t.Errorf("cluster %+v", sc.Cluster)
	}
}

// TestTokens: a request trace and a rate file say how long prompts and outputs
// are, by either name.
func TestTokens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, csv string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(csv), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("trace.csv", "arrival_s,prompt_tokens,output_tokens\n0,5,6\n10,7,\n10,8,9\n70,1,2\n130,3,4\n")
	write("rates.csv", "timestamp_s,requests_per_s,mean_prompt_tokens\n0,1,100\n60,2,\n120,3,300\n")
	nan := math.NaN()
	cases := map[string]struct {
		demand           string
		prompts, outputs []float64
	}{
		"trace": {"file: trace.csv, column: requests, start: 10s", []float64{7, 8, 1, 3}, []float64{nan, 9, 2, 4}},
		"rates": {"file: rates.csv, column: requests_per_s", []float64{100, nan, 300}, nil},
	}
	for name, tc := range cases {
		text := strings.NewReplacer("file: inference.csv, column: requests_per_s", tc.demand, "warmup: 24h", "warmup: 0s").
			Replace(read(t, "inference.yaml"))
		sc, err := scenario.Parse([]byte(text), dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(tc.prompts, sc.Demand.PromptTokens, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s: prompt tokens: %s", name, diff)
		}
		if diff := cmp.Diff(tc.outputs, sc.Demand.OutputTokens, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s: output tokens: %s", name, diff)
		}
	}
}

// TestErrors: what is wrong is named with its path.
func TestErrors(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ file, old, replacement, want string }{
		"unknown field":      {"web.yaml", "seed: 1", "sede: 1", "spec.sede: unknown field (known: bounds, "},
		"unknown nested":     {"web.yaml", "cpuCV: 1.0", "cpuVC: 1.0", "spec.service.http.cpuVC: unknown field"},
		"wrong version":      {"web.yaml", "v1alpha1", "v9", `apiVersion: must be simulator.rightsize.dev/v1alpha1, got "simulator.rightsize.dev/v9"`},
		"wrong kind":         {"web.yaml", "kind: Scenario", "kind: List", `kind: must be Scenario, got "List"`},
		"no name":            {"web.yaml", "{name: web}", "{}", "metadata.name: is required"},
		"bad scale":          {"web.yaml", "requests_per_s}", "requests_per_s, scale: -1}", "spec.demand.scale: must be > 0, got -1"},
		"scale in words":     {"web.yaml", "requests_per_s}", "requests_per_s, scale: big}", `spec.demand.scale: must be a number, got "big"`},
		"bad duration":       {"web.yaml", "step: 15s", "step: 15", "spec.step: must be a duration such as 15s or 168h, got 15"},
		"bad quantity":       {"web.yaml", "baseMemory: 100Mi", "baseMemory: much", `spec.service.http.baseMemory: must be an amount such as 500m, 2 or 512Mi, got "much"`},
		"negative quantity":  {"web.yaml", "baseCPU: 50m", "baseCPU: -50m", "spec.service.http.baseCPU: must be an amount"},
		"huge quantity":      {"web.yaml", "baseCPU: 50m", "baseCPU: 9E", "spec.service.http.baseCPU: 9E cores are more than any machine has"},
		"two services":       {"web.yaml", "  objective:", "    usage: {cpuColumn: x_cores}\n  objective:", "spec.service: needs exactly one of http, queue, inference, usage, got 2"},
		"other service":      {"crowd.yaml", "http: {", "queue: {workersPerPod: 4, ", "spec.service.queue.cpuSecondsPerItem: is required"},
		"no wait objective":  {"queue.yaml", "waitSeconds: 60, ", "", "spec.objective.waitSeconds: is required"},
		"other objective":    {"queue.yaml", "waitSeconds: 60, ", "waitSeconds: 60, latencySeconds: 1, ", "spec.objective.latencySeconds: unknown field"},
		"no workers":         {"queue.yaml", "workersPerPod: 4", "workersPerPod: 0", "spec.service.queue.workersPerPod: must be at least 1, got 0"},
		"no batch":           {"inference.yaml", "maxBatch: 32, ", "", "spec.service.inference.maxBatch: is required"},
		"no TTFT or ITL":     {"inference.yaml", "ttftSeconds: 2, itlSeconds: 0.1, ", "", "spec.objective: needs ttftSeconds or itlSeconds"},
		"no room for a pod":  {"inference.yaml", "nodeGPUs: 8", "nodeGPUs: 0", "spec.cluster.nodeGPUs: a node of 0 GPUs has no room for a pod of 1"},
		"no objective":       {"web.yaml", "latencySeconds: 0.5, ", "", "spec.objective.latencySeconds: is required"},
		"useless objective":  {"usage.yaml", "  initial:", "  objective: {latencySeconds: 1}\n  initial:", "spec.objective: must be absent"},
		"no such file":       {"web.yaml", "file: web.csv", "file: gone.csv", "spec.demand.file: open "},
		"no such column":     {"web.yaml", "column: requests_per_s", "column: visits_per_s", `spec.demand.column: `},
		"no unit":            {"usage.yaml", "memory_mib, cpuScale", "service, cpuScale", `service" is not a number|"cart" is not a number`},
		"wrong kind of unit": {"usage.yaml", "memoryColumn: memory_mib", "memoryColumn: cpu_millicores", `spec.service.usage.memoryColumn: "cpu_millicores" does not end in a unit of memory`},
		"unknown unit":       {"web.yaml", "requests_per_s}", "requests_per_s, unit: furlongs}", `spec.demand.unit: "furlongs" does not end in a unit of requests`},
		"two CPU columns":    {"usage.yaml", "column: cpu_millicores, where", "column: memory_mib, where", "spec.demand.column: must be spec.service.usage.cpuColumn"},
		"no such rows":       {"usage.yaml", "service: cart", "service: till", "spec.demand.where.service: "},
		"too short":          {"web.yaml", "requests_per_s}", "requests_per_s, duration: 25h}", "spec.demand.duration: "},
		"nothing left":       {"web.yaml", "warmup: 24h", "warmup: 48h", "spec.warmup: "},
		"rows without where": {"usage.yaml", "where: {service: cart}, ", "", "spec.demand.where: ../../simulator/testdata/scenarios/usage.csv holds 2 series told apart by column service: pick one, such as {service: cart}"},
		"twice":              {"web.yaml", "  seed: 1", "  seed: 1\n  seed: 2", "not valid YAML"},
		"upside-down bounds": {"web.yaml", "maxReplicas: 20", "maxReplicas: 1", "spec.bounds.maxReplicas: must be at least 1 and minReplicas, got 1"},
		"limit below":        {"web.yaml", "limits: {memory: 256Mi}", "limits: {memory: 255Mi}", "spec.initial.limits.memory: is below the request"},
		"other variable":     {"web.yaml", "file: web.csv", "file: '${HOME}/web.csv'", "spec.demand.file: ${HOME}/web.csv: only ${RIGHTSIZE_TRACES} is replaced in a path"},
		"failures of what":   {"web.yaml", "  policies:", "  failures: [{at: 1h, disks: 1}]\n  policies:", "spec.failures[0].disks: unknown field (known: at, for, nodes, pods)"},
		"failure in words":   {"web.yaml", "  policies:", "  failures: [soon]\n  policies:", `spec.failures[0]: must be a mapping, got "soon"`},
		"failures in words":  {"web.yaml", "  policies:", "  failures: often\n  policies:", `spec.failures: must be a list, got "often"`},
		"late deploy":        {"web.yaml", "  policies:", "  deploys: [{at: 24h}]\n  policies:", "spec.deploys[0].at: must be within the scored span of 24h0m0s, got 24h0m0s"},
		"endless outage":     {"web.yaml", "  policies:", "  metrics: {outages: [{at: 1h}]}\n  policies:", "spec.metrics.outages[0].for: is required"},
		"often missing":      {"web.yaml", "  policies:", "  metrics: {missingRatio: 2}\n  policies:", "spec.metrics.missingRatio: must be from 0 to 1, got 2"},
		"maybe every":        {"web.yaml", "cpuCV: 1.0", "cpuCV: 1.0, everyRequest: maybe", `spec.service.http.everyRequest: must be true or false, got "maybe"`},
		"small quota":        {"web.yaml", "burst: 0}", "burst: 0, quota: {cpu: 1}}", "spec.cluster.quota.cpu: the initial pods request 1.5, more than 1"},
		"half a replica":     {"web.yaml", "replicas: 3", "replicas: 2.5", "spec.initial.replicas: must be a whole number, got 2.5"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := read(t, tc.file)
			broken := strings.Replace(text, tc.old, tc.replacement, 1)
			if broken == text {
				t.Fatalf("%q is not in %s", tc.old, tc.file)
			}
			_, err := scenario.Parse([]byte(broken), scenarios)
			if err == nil {
				t.Fatal("no error")
			}
			for want := range strings.SplitSeq(tc.want, "|") {
				if strings.Contains(err.Error(), want) {
					return
				}
			}
			t.Errorf("error %q, want %q", err, tc.want)
		})
	}
}

// TestTracesVariable: the folder of traces comes from the environment.
func TestTracesVariable(t *testing.T) {
	text := strings.Replace(read(t, "web.yaml"), "file: web.csv", "file: '${RIGHTSIZE_TRACES}/web.csv'", 1)
	t.Setenv(scenario.TracesVariable, "")
	if _, err := scenario.Parse([]byte(text), "/"); err == nil || !strings.Contains(err.Error(), "environment variable RIGHTSIZE_TRACES") {
		t.Errorf("error %v without the variable", err)
	}
	folder, err := filepath.Abs(scenarios)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(scenario.TracesVariable, folder)
	if _, err := scenario.Parse([]byte(text), "/"); err != nil {
		t.Error(err)
	}
}

// TestRealTraces: the scenarios on recorded traces can be read.
func TestRealTraces(t *testing.T) {
	t.Parallel()
	if os.Getenv(scenario.TracesVariable) == "" {
		t.Skip("RIGHTSIZE_TRACES names no folder of traces")
	}
	files, err := filepath.Glob("../../simulator/testdata/traces/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, f := range files {
		if _, err := scenario.Load(f); err != nil {
			t.Error(err)
		}
	}
}

// TestUnits: every unit of the contract, at the end of a name and alone.
func TestUnits(t *testing.T) {
	t.Parallel()
	cases := map[string]float64{ // Of one unit in requests a second.
		"requests_per_s": 1, "x_per_min": 1.0 / 60, "x_per_5min": 1.0 / 300, "x_per_h": 1.0 / 3600, "x_per_10s": 0.1, "x_rps": 1,
		"rps": 1, "per_min": 1.0 / 60, "x": 0, "x_per_0s": 0, "x_cores": 0, "x_mib": 0, "x_per_day": 0, "rate": 0,
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "one.csv"), []byte("timestamp_s,value\n0,1\n60,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range cases {
		text := strings.NewReplacer("file: web.csv, column: requests_per_s", "file: one.csv, column: value, unit: "+name,
			"warmup: 24h", "warmup: 0s").Replace(read(t, "web.yaml"))
		sc, err := scenario.Parse([]byte(text), dir)
		switch {
		case want == 0 && err == nil:
			t.Errorf("%s: a value of %v", name, sc.Demand.Rate[0])
		case want != 0 && err != nil:
			t.Errorf("%s: %v", name, err)
		case want != 0 && math.Abs(sc.Demand.Rate[0]-want) > 1e-15:
			t.Errorf("%s: %v, want %v", name, sc.Demand.Rate[0], want)
		}
	}
}

// TestBudgets reads budgets and refuses what is wrong.
func TestBudgets(t *testing.T) {
	t.Parallel()
	got, err := scenario.ParseBudgets([]byte(`
- {scenario: web, policy: rightsize, metric: cost, of: hpa, max: 0.9}
- {scenario: web, policy: rightsize, metric: servedRequests, min: 1000}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []scores.Budget{
		{Scenario: "web", Policy: "rightsize", Metric: "cost", Of: "hpa", Max: 0.9, Min: math.Inf(-1)},
		{Scenario: "web", Policy: "rightsize", Metric: "servedRequests", Max: math.Inf(1), Min: 1000},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		"{}": "must be a list", "[]": "must be a list", "- 3": "[0]: must be a mapping", ":": "not valid YAML",
		"- {scenario: a, policy: b}":                                 "[0].metric: is required",
		"- {scenario: a, policy: b, metric: cost}":                   "[0]: needs exactly one of max and min",
		"- {scenario: a, policy: b, metric: cost, max: 1, min: 1}":   "[0]: needs exactly one of max and min",
		"- {scenario: a, policy: b, metric: price, max: 1}":          `[0].metric: unknown metric "price"`,
		"- {scenario: a, policy: b, metric: cost, max: 1, than: no}": "[0].than: unknown field",
	} {
		if _, err := scenario.ParseBudgets([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

// FuzzParse: whatever a scenario file holds, there is a scenario that can be
// simulated or an error, and no panic.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"web.yaml", "crowd.yaml", "usage.yaml", "queue.yaml", "inference.yaml"} {
		f.Add(read(f, name))
	}
	f.Add("a: &a [*a]")
	f.Add("spec: {demand: 3}")
	f.Fuzz(func(t *testing.T, text string) {
		sc, err := scenario.Parse([]byte(text), scenarios)
		if err != nil {
			return
		}
		if err := sc.Validate(); err != nil {
			t.Errorf("a scenario that was read is not valid: %v", err)
		}
	})
}

// FuzzParseBudgets: budgets or an error.
func FuzzParseBudgets(f *testing.F) {
	f.Add("- {scenario: a, policy: b, metric: cost, max: 1}")
	f.Fuzz(func(t *testing.T, text string) {
		budgets, err := scenario.ParseBudgets([]byte(text))
		if err == nil && len(budgets) == 0 {
			t.Error(errors.New("neither budgets nor an error"))
		}
	})
}
