package collector_test

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
	"github.com/rightsize-dev/rightsize/internal/testkit/world"
)

// simulate builds two clusters with workloads of the same name, scraped twice.
func simulate(end time.Time) *world.World {
	w := &world.World{}
	begin := end.Add(-simHistory - time.Hour)
	east := &world.Cluster{World: w, Name: "east", Begin: begin, Scrapers: 2}
	west := &world.Cluster{World: w, Name: "west", Begin: begin, Scrapers: 1}
	rollout := end.Add(-simRollout)
	simulateWeb(east, rollout, end)
	simulateOthers(east, end)
	simulateJobs(east, end)
	simulateInference(east)

	west.State("kube_replicaset_owner", prometheus.Always(1), "namespace", "shop", "replicaset", "web-7f9c6b5d4f", "owner_kind", "Deployment", "owner_name", "web", "owner_is_controller", "true")
	west.State("kube_deployment_spec_replicas", prometheus.Always(1), "namespace", "shop", "deployment", "web")
	west.Pod(world.Pod{Namespace: "shop", Name: "web-7f9c6b5d4f-aaaaa", Kind: "ReplicaSet", Owner: "web-7f9c6b5d4f", Labels: []string{"label_app", "web"}, Containers: []world.Container{
		{Name: "app", CPU: 2, Memory: world.Steady(900 * mib), RequestCPU: 3, RequestMemory: 1024 * mib},
	}})
	return w
}

// simulateWeb is a Deployment with a rollout, a sidecar, a spike of memory
// between two points, and an OOM kill.
func simulateWeb(c *world.Cluster, rollout, end time.Time) {
	for _, rs := range []string{"web-6d4cf56db6", "web-7f9c6b5d4f"} {
		c.State("kube_replicaset_owner", prometheus.Always(1), "namespace", "shop", "replicaset", rs, "owner_kind", "Deployment", "owner_name", "web", "owner_is_controller", "true")
	}
	c.State("kube_deployment_spec_replicas", prometheus.Always(2), "namespace", "shop", "deployment", "web")
	c.State("kube_deployment_status_replicas_ready", prometheus.Always(2), "namespace", "shop", "deployment", "web")
	spike := end.Add(-90 * time.Minute).Add(simScrape)
	memory := func(t time.Time) float64 {
		if t.Equal(spike) {
			return 400 * mib
		}
		return 200 * mib
	}
	for i, suffix := range []string{"aaaaa", "bbbbb"} {
		c.Pod(world.Pod{Namespace: "shop", Name: "web-6d4cf56db6-" + suffix, Kind: "ReplicaSet", Owner: "web-6d4cf56db6", To: rollout, Containers: []world.Container{
			{Name: "app", CPU: 0.25, Memory: world.Steady(100 * mib), RequestCPU: 0.1, RequestMemory: 128 * mib},
		}})
		app := world.Container{Name: "app", CPU: 0.5, Memory: world.Steady(200 * mib), RequestCPU: 0.25, RequestMemory: 256 * mib, LimitMemory: 512 * mib}
		if i == 0 {
			app.CPU, app.Memory = 0.75, memory
			app.Restarts, app.OOM = []time.Time{end.Add(-100 * time.Minute)}, true
		}
		c.Pod(world.Pod{
			Namespace: "shop", Name: "web-7f9c6b5d4f-" + suffix, Kind: "ReplicaSet", Owner: "web-7f9c6b5d4f", From: rollout, Labels: []string{"label_app", "web"},
			ReadyAfter: time.Duration(20*(i+1)) * time.Second,
			Containers: []world.Container{
				app,
				{Name: "proxy", CPU: 0.05, Memory: world.Steady(30 * mib), RequestCPU: 0.02, RequestMemory: 32 * mib},
				{Name: "init-db", CPU: 0.01, Memory: world.Steady(10 * mib), RequestCPU: 4, RequestMemory: 4096 * mib},
				{
					Name: "mesh", CPU: 0.03, Memory: world.Steady(40 * mib), RequestCPU: 0.1, RequestMemory: 64 * mib, LimitMemory: 64 * mib,
					Restarts: []time.Time{end.Add(-100 * time.Minute)}, OOM: true, Sidecar: true,
				},
			},
		})
		runtime := []string{"cluster", c.Name, "namespace", "shop", "pod", "web-7f9c6b5d4f-" + suffix, "job", "shop/web"}
		c.Add("go_memstats_heap_inuse_bytes", prometheus.Always(float64(90+i)*mib), append(runtime, "container", "app")...)
		c.Add("go_gc_gomemlimit_bytes", prometheus.Always(math.MaxInt64), append(runtime, "container", "app")...)
		c.Add("go_sched_gomaxprocs_threads", prometheus.Always(16), append(runtime, "container", "app")...)
		// Two jobs scrape the same pod; both count the same requests.
		for _, job := range []string{"shop/web", "shop/web-podmonitor"} {
			for le, rate := range map[string]float64{"0.1": 9, "0.5": 11.4, "+Inf": 12} {
				c.Add("http_request_duration_seconds_bucket", func(t time.Time) (float64, bool) {
					return rate * t.Sub(rollout).Seconds(), !t.Before(rollout)
				}, "cluster", c.Name, "namespace", "shop", "pod", "web-7f9c6b5d4f-"+suffix, "job", job, "le", le)
			}
			for path, rate := range map[string]float64{"/": 10, "/cart": 2} {
				c.Add("http_requests_total", func(t time.Time) (float64, bool) {
					return rate * t.Sub(rollout).Seconds(), !t.Before(rollout)
				}, "cluster", c.Name, "namespace", "shop", "pod", "web-7f9c6b5d4f-"+suffix, "job", job, "path", path)
			}
		}
	}
}

// simulateOthers are controllers of other kinds.
func simulateOthers(c *world.Cluster, end time.Time) {
	c.State("kube_statefulset_replicas", prometheus.Always(2), "namespace", "shop", "statefulset", "db")
	c.State("kube_statefulset_status_replicas_ready", prometheus.Always(1), "namespace", "shop", "statefulset", "db")
	for i := range 2 {
		c.Pod(world.Pod{Namespace: "shop", Name: fmt.Sprintf("db-%d", i), Kind: "StatefulSet", Owner: "db", Containers: []world.Container{
			{Name: "db", CPU: 1, Memory: world.Steady(2048 * mib), RequestCPU: 1, RequestMemory: 2048 * mib, Throttled: 0.25},
		}})
	}
	// The only container of its pods, whose name these series lack.
	for pool, used := range map[string]float64{"G1 Eden Space": 300, "G1 Old Gen": 900} {
		jvm := []string{"cluster", c.Name, "namespace", "shop", "pod", "db-0", "job", "shop/db", "id", pool, "area", "heap"}
		c.Add("jvm_memory_used_bytes", prometheus.Always(used*mib), jvm...)
		c.Add("jvm_memory_max_bytes", prometheus.Always(map[bool]float64{true: 1536 * mib, false: -1}[pool == "G1 Old Gen"]), jvm...)
	}
	c.Add("jvm_memory_used_bytes", prometheus.Always(200*mib), "cluster", c.Name, "namespace", "shop", "pod", "db-0", "job", "shop/db", "id", "Metaspace", "area", "nonheap")
	c.Add("jvm_gc_live_data_size_bytes", prometheus.Always(400*mib), "cluster", c.Name, "namespace", "shop", "pod", "db-0", "job", "shop/db")
	c.State("kube_daemonset_status_desired_number_scheduled", prometheus.Always(3), "namespace", "kube-system", "daemonset", "agent")
	c.State("kube_daemonset_status_number_ready", prometheus.Always(3), "namespace", "kube-system", "daemonset", "agent")
	for i := range 3 {
		c.Pod(world.Pod{Namespace: "kube-system", Name: fmt.Sprintf("agent-x%d", i), Kind: "DaemonSet", Owner: "agent", Containers: []world.Container{
			{Name: "agent", CPU: 0.1, Memory: world.Steady(64 * mib)},
		}})
	}
	c.Pod(world.Pod{Namespace: "kube-system", Name: "etcd-node1", Kind: "Node", Owner: "node1", Containers: []world.Container{{Name: "etcd", CPU: 1, Memory: world.Steady(mib)}}})
	c.Pod(world.Pod{Namespace: "shop", Name: "toolbox", Containers: []world.Container{{Name: "sh", CPU: 0.01, Memory: world.Steady(5 * mib)}}})
	c.State("kube_replicaset_owner", prometheus.Always(1), "namespace", "shop", "replicaset", "canary-5c7d8b9f6d", "owner_kind", "Rollout", "owner_name", "canary", "owner_is_controller", "true")
	c.State("kube_replicaset_spec_replicas", prometheus.Always(1), "namespace", "shop", "replicaset", "canary-5c7d8b9f6d")
	c.State("kube_replicaset_status_ready_replicas", prometheus.Always(1), "namespace", "shop", "replicaset", "canary-5c7d8b9f6d")
	c.Pod(world.Pod{Namespace: "shop", Name: "canary-5c7d8b9f6d-zzzzz", Kind: "ReplicaSet", Owner: "canary-5c7d8b9f6d", From: end.Add(-4 * time.Hour), ReadyAfter: 3 * time.Minute, Containers: []world.Container{{Name: "app", CPU: 0.3, Memory: world.Steady(50 * mib)}}})
	// Deleted for longer than a day: it must not be in the fleet.
	gone := end.Add(-26 * time.Hour)
	c.Pod(world.Pod{Namespace: "shop", Name: "old-0", Kind: "StatefulSet", Owner: "old", To: gone, Containers: []world.Container{{Name: "old", CPU: 1, Memory: world.Steady(mib)}}})
}

// simulateJobs is a CronJob that runs ten minutes every two hours; the last
// run was OOM-killed. One of its jobs was gone before it was ever seen.
func simulateJobs(c *world.Cluster, end time.Time) {
	c.State("kube_cronjob_info", prometheus.Always(1), "namespace", "shop", "cronjob", "nightly")
	c.State("kube_cronjob_next_schedule_time", prometheus.Always(float64(end.Add(time.Hour).Unix())), "namespace", "shop", "cronjob", "nightly")
	c.State("kube_cronjob_status_last_schedule_time", prometheus.Always(float64(end.Add(-time.Hour).Unix())), "namespace", "shop", "cronjob", "nightly")
	for i := range 6 {
		from := end.Add(-time.Duration(2*i+1) * time.Hour)
		job := fmt.Sprintf("nightly-2939%04d", 1000-120*i)
		p := world.Pod{Namespace: "shop", Name: job + "-abcde", Kind: "Job", Owner: job, From: from, To: from.Add(10 * time.Minute), Containers: []world.Container{
			{Name: "etl", CPU: 1.5, Memory: world.Steady(300 * mib), RequestCPU: 1, RequestMemory: 256 * mib, OOM: i == 0},
		}}
		c.Pod(p)
		// It is seen as completed until it is removed, five hours later.
		kept := world.Pod{From: p.To, To: p.To.Add(5 * time.Hour)}
		c.State("kube_job_status_start_time", world.Pod{From: from, To: kept.To}.During(world.Steady(float64(from.Unix()))), "namespace", "shop", "job_name", job)
		c.State("kube_job_status_completion_time", kept.During(world.Steady(float64(p.To.Unix()))), "namespace", "shop", "job_name", job)
		if i != 3 {
			c.State("kube_job_owner", p.During(world.Steady(1)), "namespace", "shop", "job_name", job, "owner_kind", "CronJob", "owner_name", "nightly", "owner_is_controller", "true")
		}
	}
}

// simulateInference is a vLLM Deployment with GPUs, and requests that no pod is
// named for.
func simulateInference(c *world.Cluster) {
	c.State("kube_replicaset_owner", prometheus.Always(1), "namespace", "ml", "replicaset", "llm-86d9c8b7f5", "owner_kind", "Deployment", "owner_name", "llm", "owner_is_controller", "true")
	c.State("kube_deployment_spec_replicas", prometheus.Always(2), "namespace", "ml", "deployment", "llm")
	c.State("kube_deployment_status_replicas_ready", prometheus.Always(2), "namespace", "ml", "deployment", "llm")
	total := func(rate float64) func(time.Time) (float64, bool) {
		return func(t time.Time) (float64, bool) { return rate * t.Sub(c.Begin).Seconds(), true }
	}
	for i, suffix := range []string{"aaaaa", "bbbbb"} {
		name := "llm-86d9c8b7f5-" + suffix
		c.Pod(world.Pod{Namespace: "ml", Name: name, Kind: "ReplicaSet", Owner: "llm-86d9c8b7f5", Containers: []world.Container{
			{Name: "vllm", CPU: 4, Memory: world.Steady(8192 * mib), RequestCPU: 8, RequestMemory: 16384 * mib, GPUs: 1},
		}})
		labels := []string{"cluster", c.Name, "namespace", "ml", "pod", name, "job", "ml/llm", "model_name", "m"}
		for _, engine := range []string{"0", "1"} {
			e := append(slices.Clone(labels), "engine", engine)
			c.Add("vllm:generation_tokens_total", total(100), e...)
			c.Add("vllm:prompt_tokens_total", total(800), e...)
			c.Add("vllm:num_requests_waiting", prometheus.Always(3), e...)
			c.Add("vllm:kv_cache_usage_perc", prometheus.Always(0.5+0.2*float64(i)), e...)
		}
		c.Add("DCGM_FI_PROF_GR_ENGINE_ACTIVE", prometheus.Always(0.6), "cluster", c.Name, "namespace", "gpu-operator", "pod", "dcgm-exporter-1",
			"exported_namespace", "ml", "exported_pod", name, "exported_container", "vllm", "UUID", "GPU-"+suffix, "job", "dcgm-exporter")
	}
	c.Add("grpc_server_handled_total", total(5), "cluster", c.Name, "job", "external")
}
