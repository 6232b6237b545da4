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
	"github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Times of the simulated world, relative to its end.
const (
	simHistory = 30 * time.Hour
	simRollout = 3 * time.Hour
	simScrape  = time.Minute
)

const mib = 1 << 20

// simulate builds two clusters with workloads of the same name, scraped twice.
func simulate(end time.Time) *prometheus.History {
	w := &prometheus.History{}
	begin := end.Add(-simHistory - time.Hour)
	east := &cluster{History: w, name: "east", begin: begin, scrapers: 2}
	west := &cluster{History: w, name: "west", begin: begin, scrapers: 1}
	rollout := end.Add(-simRollout)
	simulateWeb(east, rollout, end)
	simulateOthers(east, end)
	simulateJobs(east, end)
	simulateInference(east)

	west.state("kube_replicaset_owner", prometheus.Always(1), "namespace", "shop", "replicaset", "web-7f9c6b5d4f", "owner_kind", "Deployment", "owner_name", "web", "owner_is_controller", "true")
	west.state("kube_deployment_spec_replicas", prometheus.Always(1), "namespace", "shop", "deployment", "web")
	west.pod(pod{namespace: "shop", name: "web-7f9c6b5d4f-aaaaa", kind: "ReplicaSet", owner: "web-7f9c6b5d4f", containers: []simContainer{
		{name: "app", cpu: 2, memory: steady(900 * mib), requestCPU: 3, requestMemory: 1024 * mib},
	}})
	return w
}

// simulateWeb is a Deployment with a rollout, a sidecar, a spike of memory
// between two points, and an OOM kill.
func simulateWeb(c *cluster, rollout, end time.Time) {
	for _, rs := range []string{"web-6d4cf56db6", "web-7f9c6b5d4f"} {
		c.state("kube_replicaset_owner", prometheus.Always(1), "namespace", "shop", "replicaset", rs, "owner_kind", "Deployment", "owner_name", "web", "owner_is_controller", "true")
	}
	c.state("kube_deployment_spec_replicas", prometheus.Always(2), "namespace", "shop", "deployment", "web")
	c.state("kube_deployment_status_replicas_ready", prometheus.Always(2), "namespace", "shop", "deployment", "web")
	spike := end.Add(-90 * time.Minute).Add(simScrape)
	memory := func(t time.Time) float64 {
		if t.Equal(spike) {
			return 400 * mib
		}
		return 200 * mib
	}
	for i, suffix := range []string{"aaaaa", "bbbbb"} {
		c.pod(pod{namespace: "shop", name: "web-6d4cf56db6-" + suffix, kind: "ReplicaSet", owner: "web-6d4cf56db6", to: rollout, containers: []simContainer{
			{name: "app", cpu: 0.25, memory: steady(100 * mib), requestCPU: 0.1, requestMemory: 128 * mib},
		}})
		app := simContainer{name: "app", cpu: 0.5, memory: steady(200 * mib), requestCPU: 0.25, requestMemory: 256 * mib, limitMemory: 512 * mib}
		if i == 0 {
			app.cpu, app.memory = 0.75, memory
			app.restarts, app.oom = []time.Time{end.Add(-100 * time.Minute)}, true
		}
		c.pod(pod{
			namespace: "shop", name: "web-7f9c6b5d4f-" + suffix, kind: "ReplicaSet", owner: "web-7f9c6b5d4f", from: rollout,
			readyAfter: time.Duration(20*(i+1)) * time.Second,
			containers: []simContainer{
				app,
				{name: "proxy", cpu: 0.05, memory: steady(30 * mib), requestCPU: 0.02, requestMemory: 32 * mib},
				{name: "init-db", cpu: 0.01, memory: steady(10 * mib), requestCPU: 4, requestMemory: 4096 * mib},
				{
					name: "mesh", cpu: 0.03, memory: steady(40 * mib), requestCPU: 0.1, requestMemory: 64 * mib, limitMemory: 64 * mib,
					restarts: []time.Time{end.Add(-100 * time.Minute)}, oom: true, sidecar: true,
				},
			},
		})
		runtime := []string{"cluster", c.name, "namespace", "shop", "pod", "web-7f9c6b5d4f-" + suffix, "job", "shop/web"}
		c.Add("go_memstats_heap_inuse_bytes", prometheus.Always(float64(90+i)*mib), append(runtime, "container", "app")...)
		c.Add("go_gc_gomemlimit_bytes", prometheus.Always(math.MaxInt64), append(runtime, "container", "app")...)
		c.Add("go_sched_gomaxprocs_threads", prometheus.Always(16), append(runtime, "container", "app")...)
		// Two jobs scrape the same pod; both count the same requests.
		for _, job := range []string{"shop/web", "shop/web-podmonitor"} {
			for le, rate := range map[string]float64{"0.1": 9, "0.5": 11.4, "+Inf": 12} {
				c.Add("http_request_duration_seconds_bucket", func(t time.Time) (float64, bool) {
					return rate * t.Sub(rollout).Seconds(), !t.Before(rollout)
				}, "cluster", c.name, "namespace", "shop", "pod", "web-7f9c6b5d4f-"+suffix, "job", job, "le", le)
			}
			for path, rate := range map[string]float64{"/": 10, "/cart": 2} {
				c.Add("http_requests_total", func(t time.Time) (float64, bool) {
					return rate * t.Sub(rollout).Seconds(), !t.Before(rollout)
				}, "cluster", c.name, "namespace", "shop", "pod", "web-7f9c6b5d4f-"+suffix, "job", job, "path", path)
			}
		}
	}
}

// simulateOthers are controllers of other kinds.
func simulateOthers(c *cluster, end time.Time) {
	c.state("kube_statefulset_replicas", prometheus.Always(2), "namespace", "shop", "statefulset", "db")
	c.state("kube_statefulset_status_replicas_ready", prometheus.Always(1), "namespace", "shop", "statefulset", "db")
	for i := range 2 {
		c.pod(pod{namespace: "shop", name: fmt.Sprintf("db-%d", i), kind: "StatefulSet", owner: "db", containers: []simContainer{
			{name: "db", cpu: 1, memory: steady(2048 * mib), requestCPU: 1, requestMemory: 2048 * mib, throttled: 0.25},
		}})
	}
	// The only container of its pods, whose name these series lack.
	for pool, used := range map[string]float64{"G1 Eden Space": 300, "G1 Old Gen": 900} {
		jvm := []string{"cluster", c.name, "namespace", "shop", "pod", "db-0", "job", "shop/db", "id", pool, "area", "heap"}
		c.Add("jvm_memory_used_bytes", prometheus.Always(used*mib), jvm...)
		c.Add("jvm_memory_max_bytes", prometheus.Always(map[bool]float64{true: 1536 * mib, false: -1}[pool == "G1 Old Gen"]), jvm...)
	}
	c.Add("jvm_memory_used_bytes", prometheus.Always(200*mib), "cluster", c.name, "namespace", "shop", "pod", "db-0", "job", "shop/db", "id", "Metaspace", "area", "nonheap")
	c.Add("jvm_gc_live_data_size_bytes", prometheus.Always(400*mib), "cluster", c.name, "namespace", "shop", "pod", "db-0", "job", "shop/db")
	c.state("kube_daemonset_status_desired_number_scheduled", prometheus.Always(3), "namespace", "kube-system", "daemonset", "agent")
	c.state("kube_daemonset_status_number_ready", prometheus.Always(3), "namespace", "kube-system", "daemonset", "agent")
	for i := range 3 {
		c.pod(pod{namespace: "kube-system", name: fmt.Sprintf("agent-x%d", i), kind: "DaemonSet", owner: "agent", containers: []simContainer{
			{name: "agent", cpu: 0.1, memory: steady(64 * mib)},
		}})
	}
	c.pod(pod{namespace: "kube-system", name: "etcd-node1", kind: "Node", owner: "node1", containers: []simContainer{{name: "etcd", cpu: 1, memory: steady(mib)}}})
	c.pod(pod{namespace: "shop", name: "toolbox", containers: []simContainer{{name: "sh", cpu: 0.01, memory: steady(5 * mib)}}})
	c.state("kube_replicaset_owner", prometheus.Always(1), "namespace", "shop", "replicaset", "canary-5c7d8b9f6d", "owner_kind", "Rollout", "owner_name", "canary", "owner_is_controller", "true")
	c.state("kube_replicaset_spec_replicas", prometheus.Always(1), "namespace", "shop", "replicaset", "canary-5c7d8b9f6d")
	c.state("kube_replicaset_status_ready_replicas", prometheus.Always(1), "namespace", "shop", "replicaset", "canary-5c7d8b9f6d")
	c.pod(pod{namespace: "shop", name: "canary-5c7d8b9f6d-zzzzz", kind: "ReplicaSet", owner: "canary-5c7d8b9f6d", from: end.Add(-4 * time.Hour), readyAfter: 3 * time.Minute, containers: []simContainer{{name: "app", cpu: 0.3, memory: steady(50 * mib)}}})
	// Deleted for longer than a day: it must not be in the fleet.
	gone := end.Add(-26 * time.Hour)
	c.pod(pod{namespace: "shop", name: "old-0", kind: "StatefulSet", owner: "old", to: gone, containers: []simContainer{{name: "old", cpu: 1, memory: steady(mib)}}})
}

// simulateJobs is a CronJob that runs ten minutes every two hours; the last
// run was OOM-killed. One of its jobs was gone before it was ever seen.
func simulateJobs(c *cluster, end time.Time) {
	c.state("kube_cronjob_info", prometheus.Always(1), "namespace", "shop", "cronjob", "nightly")
	c.state("kube_cronjob_next_schedule_time", prometheus.Always(float64(end.Add(time.Hour).Unix())), "namespace", "shop", "cronjob", "nightly")
	c.state("kube_cronjob_status_last_schedule_time", prometheus.Always(float64(end.Add(-time.Hour).Unix())), "namespace", "shop", "cronjob", "nightly")
	for i := range 6 {
		from := end.Add(-time.Duration(2*i+1) * time.Hour)
		job := fmt.Sprintf("nightly-2939%04d", 1000-120*i)
		p := pod{namespace: "shop", name: job + "-abcde", kind: "Job", owner: job, from: from, to: from.Add(10 * time.Minute), containers: []simContainer{
			{name: "etl", cpu: 1.5, memory: steady(300 * mib), requestCPU: 1, requestMemory: 256 * mib, oom: i == 0},
		}}
		c.pod(p)
		// It is seen as completed until it is removed, five hours later.
		kept := pod{from: p.to, to: p.to.Add(5 * time.Hour)}
		c.state("kube_job_status_start_time", pod{from: from, to: kept.to}.during(steady(float64(from.Unix()))), "namespace", "shop", "job_name", job)
		c.state("kube_job_status_completion_time", kept.during(steady(float64(p.to.Unix()))), "namespace", "shop", "job_name", job)
		if i != 3 {
			c.state("kube_job_owner", p.during(steady(1)), "namespace", "shop", "job_name", job, "owner_kind", "CronJob", "owner_name", "nightly", "owner_is_controller", "true")
		}
	}
}

// simulateInference is a vLLM Deployment with GPUs, and requests that no pod is
// named for.
func simulateInference(c *cluster) {
	c.state("kube_replicaset_owner", prometheus.Always(1), "namespace", "ml", "replicaset", "llm-86d9c8b7f5", "owner_kind", "Deployment", "owner_name", "llm", "owner_is_controller", "true")
	c.state("kube_deployment_spec_replicas", prometheus.Always(2), "namespace", "ml", "deployment", "llm")
	c.state("kube_deployment_status_replicas_ready", prometheus.Always(2), "namespace", "ml", "deployment", "llm")
	total := func(rate float64) func(time.Time) (float64, bool) {
		return func(t time.Time) (float64, bool) { return rate * t.Sub(c.begin).Seconds(), true }
	}
	for i, suffix := range []string{"aaaaa", "bbbbb"} {
		name := "llm-86d9c8b7f5-" + suffix
		c.pod(pod{namespace: "ml", name: name, kind: "ReplicaSet", owner: "llm-86d9c8b7f5", containers: []simContainer{
			{name: "vllm", cpu: 4, memory: steady(8192 * mib), requestCPU: 8, requestMemory: 16384 * mib, gpus: 1},
		}})
		labels := []string{"cluster", c.name, "namespace", "ml", "pod", name, "job", "ml/llm", "model_name", "m"}
		for _, engine := range []string{"0", "1"} {
			e := append(slices.Clone(labels), "engine", engine)
			c.Add("vllm:generation_tokens_total", total(100), e...)
			c.Add("vllm:prompt_tokens_total", total(800), e...)
			c.Add("vllm:num_requests_waiting", prometheus.Always(3), e...)
			c.Add("vllm:kv_cache_usage_perc", prometheus.Always(0.5+0.2*float64(i)), e...)
		}
		c.Add("DCGM_FI_PROF_GR_ENGINE_ACTIVE", prometheus.Always(0.6), "cluster", c.name, "namespace", "gpu-operator", "pod", "dcgm-exporter-1",
			"exported_namespace", "ml", "exported_pod", name, "exported_container", "vllm", "UUID", "GPU-"+suffix, "job", "dcgm-exporter")
	}
	c.Add("grpc_server_handled_total", total(5), "cluster", c.name, "job", "external")
}

func TestRealPrometheus(t *testing.T) {
	t.Parallel()
	server := prometheus.Start(t)
	base := server.URL
	end := time.Now().UTC().Truncate(5 * time.Minute)
	server.Write(simulate(end), end.Add(-simHistory-time.Hour), end, simScrape)

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
	if diff := cmp.Diff(want, web.Durations["request_durations"], within(0.01)); diff != "" {
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
		resp, err := get(t, base+"/api/v1/query?"+url.Values{"query": {q}}.Encode())
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
