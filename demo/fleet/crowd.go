package fleet

import (
	"fmt"
	"math"
	"time"
)

// crowdNamespaces is over how many namespaces a crowd is spread.
const crowdNamespaces = 40

// crowd returns Options.Workloads small workloads of five sorts, two pods
// each, spread over namespaces. They are for measuring how much work a fleet
// of that size is, not for judging single sizes.
func crowd(o Options) []workload {
	ws := make([]workload, o.Workloads)
	for i := range ws {
		size := 0.3 + 1.4*float64(hash(fmt.Sprint(o.Seed, i))%1000)/1000
		w := crowdMember(i%5, size)
		w.namespace = fmt.Sprintf("team-%02d", i%crowdNamespaces)
		w.name = fmt.Sprintf("svc-%05d", i)
		w.containers[0].image = fmt.Sprintf("registry.example.com/svc-%05d:1.0.0", i)
		if i%10 == 0 && w.kind == kindDeployment {
			w.rollouts = []time.Time{o.At.Add(-o.History / 2)}
		}
		ws[i] = w
	}
	return ws
}

// crowdMember returns a workload of one of five sorts.
func crowdMember(sort int, size float64) workload {
	w := workload{
		kind: kindDeployment, replicas: 2, startup: 30 * time.Second, noise: 0.08, spread: 0.05,
		shape: func(t time.Time) float64 { return size * (5 + 25*office(t)) },
		containers: []container{{
			name: "app", request: amount{cpu: 0.5, memory: 512 * mib}, limit: amount{memory: 1 * gib},
			idleCPU: 0.01, cpuPerUnit: 0.015, cpuNoise: 0.05, baseMemory: 180 * mb, memoryPerUnit: 2 * mb,
		}},
	}
	c := &w.containers[0]
	switch sort {
	case 0:
		w.signal = signalHTTP
	case 1:
		c.limit.cpu = 1
	case 2:
		w.shape = func(t time.Time) float64 { return size * 4 * (1 + 0.5*math.Sin(hours(t)/24*2*math.Pi)) }
	case 3:
		w.kind, c.request.memory, c.baseMemory = kindStatefulSet, 1*gib, 600*mb
	default:
		w.shape = func(time.Time) float64 { return 0.05 * size }
	}
	return w
}
