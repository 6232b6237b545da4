package metricsapi

import (
	"cmp"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// WorkloadUsage is what the pods of a workload used, taken together.
type WorkloadUsage struct {
	// Pods is how many pods are counted.
	Pods int
	// Oldest and Newest are the ends of the windows of the pod that was measured
	// first and of the one that was measured last.
	Oldest, Newest time.Time
	Containers     []ContainerTotal
}

// ContainerTotal is the usage of the containers of one name: of all pods
// together, and of the pod that used the most.
type ContainerTotal struct {
	Name           string
	Pods           int
	CPUCores       float64
	MaxCPUCores    float64
	MaxMemoryBytes float64
}

// Age is how old the usage is at an instant: that of the pod that was measured
// first.
func (u WorkloadUsage) Age(now time.Time) time.Duration { return now.Sub(u.Oldest) }

// ByWorkload adds up pods by whom they belong to, which owner tells; pods that
// belong to nobody it knows are left out. Containers are in the order of their
// names.
func ByWorkload(pods []PodUsage, owner func(namespace, pod string) (recommender.Workload, bool)) map[recommender.Workload]WorkloadUsage {
	out := map[recommender.Workload]WorkloadUsage{}
	for _, p := range pods {
		w, ok := owner(p.Namespace, p.Name)
		if !ok {
			continue
		}
		u := out[w]
		u.Pods++
		if u.Pods == 1 || p.At.Before(u.Oldest) {
			u.Oldest = p.At
		}
		if p.At.After(u.Newest) {
			u.Newest = p.At
		}
		for _, c := range p.Containers {
			i, found := slices.BinarySearchFunc(u.Containers, c.Name, func(t ContainerTotal, name string) int { return cmp.Compare(t.Name, name) })
			if !found {
				u.Containers = slices.Insert(u.Containers, i, ContainerTotal{Name: c.Name})
			}
			t := &u.Containers[i]
			t.Pods++
			t.CPUCores += c.CPUCores
			t.MaxCPUCores = max(t.MaxCPUCores, c.CPUCores)
			t.MaxMemoryBytes = max(t.MaxMemoryBytes, c.MemoryBytes)
		}
		out[w] = u
	}
	return out
}
