package fleet

import (
	"math"
	"time"
)

// The weekly service, which the demo follows most closely.
const (
	ShopNamespace = "web"
	ShopName      = "shop"
	// ShopReplicas is its number of pods.
	ShopReplicas = 4
	// shopQuiet and shopPeak are requests a second over all pods. At 20 ms of
	// CPU a request and 20 millicores of idling, a pod uses 0.2 cores when it
	// is quiet and 2 cores on Monday from 9 to 12, when its memory grows from
	// 300 to 900 MB.
	shopQuiet = 36
	shopPeak  = 396
	// ShopCPUSeconds is what a request costs, ShopIdleCPU what a pod uses
	// without any, in cores.
	ShopCPUSeconds = 0.02
	ShopIdleCPU    = 0.02
	// ShopBaseMemory and ShopMemoryPerRate are in bytes, the latter for each
	// request a second that a pod serves.
	ShopBaseMemory    = 240 * mb
	ShopMemoryPerRate = 6.67 * mb
	// ShopStartup is the time from a pod's creation to its readiness.
	ShopStartup = 45 * time.Second
)

// catalogue returns the different workloads of the demo, for a history that
// ends at the instant at.
func catalogue(at time.Time) []workload {
	ago := func(days, hour float64) time.Time {
		midnight := at.Truncate(24 * time.Hour)
		return midnight.Add(time.Duration((hour - 24*days) * float64(time.Hour))).Truncate(time.Minute)
	}
	ws := []workload{shop()}
	ws = append(ws, webServices(ago)...)
	ws = append(ws, pipelines(ago)...)
	ws = append(ws, platform(ago)...)
	return ws
}

// shop is the weekly web service.
func shop() workload {
	return workload{
		namespace: ShopNamespace, kind: kindDeployment, name: ShopName, replicas: ShopReplicas, startup: ShopStartup,
		shape: shopShape, noise: 0.05, spread: 0.04, signal: signalHTTP,
		containers: []container{{
			name: "shop", image: "registry.example.com/shop:5.2.1",
			request: amount{cpu: 0.5, memory: 512 * mib}, limit: amount{memory: 1536 * mib},
			idleCPU: ShopIdleCPU, cpuPerUnit: ShopCPUSeconds, cpuNoise: 0.03,
			baseMemory: ShopBaseMemory, memoryPerUnit: ShopMemoryPerRate,
		}},
	}
}

// shopShape is a flat week with a little breathing, and the opening of the
// weekly sale on Monday from 9 to 12.
func shopShape(t time.Time) float64 {
	h := hours(t)
	rate := shopQuiet * (1 + 0.1*math.Sin((h-9)/24*2*math.Pi))
	if t.Weekday() == time.Monday {
		rate += (shopPeak - shopQuiet) * plateau(h, 9.07, 12, 0.15)
	}
	return rate
}

// webServices are the other services that answer requests.
func webServices(ago func(days, hour float64) time.Time) []workload {
	return []workload{
		{
			namespace: "web", kind: kindDeployment, name: "checkout-api", replicas: 6, startup: 35 * time.Second,
			rollouts: []time.Time{ago(9, 10.25), ago(4, 15.5)}, drainsPerWeek: 1,
			shape: func(t time.Time) float64 { return 25 + 155*office(t) }, noise: 0.08, spread: 0.08, signal: signalHTTP,
			containers: []container{{
				name: "api", image: "registry.example.com/checkout-api:2.14.0",
				request: amount{cpu: 1, memory: 1 * gib}, limit: amount{cpu: 2, memory: 1 * gib},
				idleCPU: 0.03, cpuPerUnit: 0.013, cpuNoise: 0.05, baseMemory: 330 * mb, memoryPerUnit: 3 * mb,
			}},
		},
		{
			namespace: "web", kind: kindDeployment, name: "cart", replicas: 2, startup: 20 * time.Second,
			rollouts: []time.Time{ago(11, 9.5)},
			shape:    func(t time.Time) float64 { return 12 + 48*office(t) }, noise: 0.08, spread: 0.05, signal: signalHTTP,
			containers: []container{{
				name: "cart", image: "registry.example.com/cart:1.9.3",
				request: amount{cpu: 0.5, memory: 768 * mib}, limit: amount{cpu: 1, memory: 768 * mib},
				idleCPU: 0.01, cpuPerUnit: 0.006, cpuNoise: 0.05, baseMemory: 230 * mb, memoryPerUnit: 0.6 * mb,
				leakPerDay: 165 * mb,
			}},
		},
		{
			namespace: "web", kind: kindRollout, name: "search", replicas: 4, startup: 60 * time.Second,
			rollouts: []time.Time{ago(6, 11)}, drainsPerWeek: 0.5,
			shape: func(t time.Time) float64 { return 30 + 90*office(t) }, noise: 0.07, spread: 0.06, signal: signalHTTP,
			containers: []container{{
				name: "search", image: "registry.example.com/search:0.31.0",
				request: amount{cpu: 2, memory: 4 * gib}, limit: amount{memory: 4 * gib},
				idleCPU: 0.05, cpuPerUnit: 0.022, cpuNoise: 0.05, baseMemory: 1.45e9, memoryPerUnit: 4 * mb, fill: 40 * time.Minute,
			}},
		},
		{
			namespace: "media", kind: kindDeployment, name: "thumbnails", replicas: 3, startup: 15 * time.Second,
			shape: func(t time.Time) float64 { return 2 + 13*office(t) }, noise: 0.1, spread: 0.05, drainsPerWeek: 0.5, signal: signalHTTP,
			containers: []container{{
				name: "thumbnails", image: "registry.example.com/thumbnails:3.0.7",
				request: amount{cpu: 0.25, memory: 512 * mib}, limit: amount{cpu: 0.5, memory: 512 * mib},
				idleCPU: 0.01, cpuPerUnit: 0.125, cpuNoise: 0.1, baseMemory: 190 * mb, memoryPerUnit: 14 * mb,
			}},
		},
		{
			namespace: "tools", kind: kindDeployment, name: "legacy-admin", replicas: 2, startup: 25 * time.Second,
			shape: func(t time.Time) float64 { return 0.01 + 0.02*office(t) }, noise: 0.3, spread: 0.1, signal: signalHTTP,
			containers: []container{{
				name: "admin", image: "registry.example.com/legacy-admin:1.0.2",
				request: amount{cpu: 1, memory: 2 * gib}, limit: amount{cpu: 2, memory: 2 * gib},
				idleCPU: 0.002, cpuPerUnit: 0.05, cpuNoise: 0.2, baseMemory: 118 * mb,
			}},
		},
	}
}

// pipelines are workloads that work off what waits for them.
func pipelines(ago func(days, hour float64) time.Time) []workload {
	return []workload{
		{
			namespace: "orders", kind: kindDeployment, name: "order-worker", replicas: 3, startup: 30 * time.Second,
			rollouts: []time.Time{ago(7, 14)}, drainsPerWeek: 0.5,
			shape: orderShape, noise: 0.12, spread: 0.04, capacity: 9, maxBacklog: 60_000, signal: signalQueue,
			containers: []container{{
				name: "worker", image: "registry.example.com/order-worker:4.4.0",
				request: amount{cpu: 2, memory: 1 * gib}, limit: amount{memory: 1 * gib},
				idleCPU: 0.03, cpuPerUnit: 0.2, cpuNoise: 0.06, baseMemory: 280 * mb, memoryPerUnit: 16 * mb,
			}},
		},
		{
			namespace: "data", kind: kindCronJob, name: "etl-nightly", replicas: 1,
			containers: []container{{
				name: "etl", image: "registry.example.com/etl:7.1.0",
				request: amount{cpu: 1, memory: 8 * gib}, limit: amount{cpu: 4, memory: 8 * gib},
				cpuNoise: 0.08, baseMemory: 500 * mb, fill: 4 * time.Minute,
			}},
			cron: &cron{hour: 1, minute: 30, length: 55 * time.Minute, keep: 3, stages: []stage{
				{share: 0.15, cpu: 0.4, memory: 1.1e9}, {share: 0.6, cpu: 3.1, memory: 5.2e9}, {share: 0.25, cpu: 1.3, memory: 3.4e9},
			}},
		},
		{
			namespace: "ml", kind: kindDeployment, name: "llm-chat", replicas: 3, startup: 150 * time.Second, gpu: true,
			rollouts: []time.Time{ago(8, 6)},
			shape:    llmShape, noise: 0.06, spread: 0.03, capacity: llmCapacity, maxBacklog: 240, signal: signalVLLM,
			containers: []container{{
				name: "vllm", image: "vllm/vllm-openai:v0.11.0",
				request: amount{cpu: 8, memory: 64 * gib, gpus: 1}, limit: amount{memory: 64 * gib, gpus: 1},
				idleCPU: 1.05, cpuPerUnit: 0.06, cpuNoise: 0.03, baseMemory: 22.5e9, memoryPerUnit: 30 * mb, fill: 30 * time.Minute,
			}},
		},
	}
}

// orderShape is a working day with four hourly batches of orders on top.
func orderShape(t time.Time) float64 {
	rate := 3 + 12*office(t)
	if t.Hour()%4 == 2 && t.Minute() < 20 {
		rate += 17
	}
	return rate
}

// llmShape is people asking: nobody at night, most at noon.
func llmShape(t time.Time) float64 {
	h := hours(t)
	day := 0.55*plateau(h, 8, 18.5, 3) + 0.45*plateau(h, 11.2, 13.4, 1.2)
	if weekend(t) {
		day *= 0.35
	}
	return 0.4 + 18.5*day
}

// platform is what runs for the others.
func platform(ago func(days, hour float64) time.Time) []workload {
	return []workload{
		{
			namespace: "orders", kind: kindStatefulSet, name: "orders-db", replicas: 3, startup: 70 * time.Second,
			rollouts: []time.Time{ago(10, 3)}, primary: 3,
			shape: func(t time.Time) float64 { return 200 + 900*office(t) }, noise: 0.06, spread: 0.05,
			containers: []container{{
				name: "postgres", image: "registry.example.com/postgres:17.2",
				request: amount{cpu: 2, memory: 8 * gib}, limit: amount{memory: 8 * gib},
				idleCPU: 0.06, cpuPerUnit: 0.0011, cpuNoise: 0.06, baseMemory: 5.1e9, memoryPerUnit: 0.2 * mb, fill: 20 * time.Hour,
			}},
		},
		{
			namespace: "logging", kind: kindDaemonSet, name: "log-agent", replicas: workerNodes, startup: 10 * time.Second,
			rollouts: []time.Time{ago(5, 8)},
			shape:    func(t time.Time) float64 { return 900 + 2600*office(t) }, noise: 0.1, spread: 0.3,
			containers: []container{{
				name: "agent", image: "registry.example.com/log-agent:2.8.0",
				request: amount{cpu: 0.2, memory: 256 * mib}, limit: amount{cpu: 0.5, memory: 256 * mib},
				idleCPU: 0.012, cpuPerUnit: 0.00012, cpuNoise: 0.1, baseMemory: 88 * mb, memoryPerUnit: 0.03 * mb,
			}},
		},
		{
			namespace: "billing", kind: kindDeployment, name: "billing", replicas: 3, startup: 80 * time.Second,
			rollouts: []time.Time{ago(12, 10)},
			shape:    func(t time.Time) float64 { return 4 + 26*office(t) }, noise: 0.08, spread: 0.05, signal: signalHTTP,
			containers: []container{{
				name: "billing", image: "registry.example.com/billing:11.0.3",
				request: amount{cpu: 1, memory: 6 * gib}, limit: amount{cpu: 2, memory: 6 * gib},
				idleCPU: 0.04, cpuPerUnit: 0.02, cpuNoise: 0.08, baseMemory: 2.3e9, fill: 5 * time.Hour,
			}},
		},
		{
			namespace: "tools", kind: kindDeployment, name: "reports", replicas: 1, startup: 20 * time.Second,
			shape: reportShape, noise: 0.05, signal: signalNone,
			containers: []container{
				{
					name: "reports", image: "registry.example.com/reports:1.3.0",
					request: amount{cpu: 0.5, memory: 512 * mib}, limit: amount{cpu: 2, memory: 512 * mib},
					idleCPU: 0.05, cpuPerUnit: 1, cpuNoise: 0.05, baseMemory: 210 * mb, memoryPerUnit: 120 * mb, fill: 2 * time.Minute,
				},
				{
					name: "istio-proxy", image: "docker.io/istio/proxyv2:1.28.0",
					request: amount{cpu: 0.1, memory: 128 * mib}, limit: amount{cpu: 2, memory: 1 * gib},
					idleCPU: 0.008, cpuPerUnit: 0.01, cpuNoise: 0.1, baseMemory: 62 * mb,
				},
			},
		},
	}
}

// reportShape is one report an hour that takes six minutes: a tenth of the
// time, where the 90th percentile cannot decide whether to see it.
func reportShape(t time.Time) float64 {
	if t.Minute() >= 5 && t.Minute() < 11 {
		return 1
	}
	return 0
}
