package recommender

import "math"

// cost is what that many pods of these sizes cost an hour. As in the
// simulator, what is used beyond the requests costs the same. What init
// containers request beyond that is reserved for the life of the pod.
//
// With Prices.DominantShare a pod costs
//
//	min over node shapes s of  max(c/C_s, M/M_s, g/G_s) · price of s
//
// which is what it takes of a node that holds pods of its shape alone.
func (d *draft) cost(replicas int, sizes []Resources) float64 {
	return d.costFor(replicas, sizes, func(i int) float64 { return d.expected[i] })
}

// stated is the cost as a decision tells it, which people turn into months:
// with what is used on average instead of what the next minutes are expected to.
func (d *draft) stated(replicas int, sizes []Resources) float64 {
	return d.costFor(replicas, sizes, func(i int) float64 { return d.s.Containers[i].CPU.Mean })
}

// costFor is the cost where container i is going to use so many cores.
func (d *draft) costFor(replicas int, sizes []Resources, used func(i int) float64) float64 {
	p, pods := d.s.Policy.Prices, float64(replicas)
	switch {
	case d.s.Workload.Batch():
		pods = max(pods, 1) // Between runs there is none: what a run costs counts.
	case replicas <= 0:
		return 0
	}
	var cores, memory, gpus float64
	for i, c := range d.s.Containers {
		cores += max(sizes[i].CPU.Cores()*pods, used(i))
		memory += max(sizes[i].Memory.GiB(), c.Memory.Mean/float64(GiB)) * pods
		gpus += float64(c.GPUs) * pods
	}
	if len(d.s.InitContainers) > 0 && d.frame != nil {
		pod := d.frame.pod(amountsOf(sizes)).resources()
		cores = max(cores, pod.CPU.Cores()*pods)
		memory = max(memory, pod.Memory.GiB()*pods)
	}
	if p.DominantShare && len(d.s.Nodes) > 0 {
		return p.dominant(d.s.Nodes, cores, memory, gpus)
	}
	return cores*p.CPUCoreHour + memory*p.MemoryGiBHour + gpus*p.GPUHour
}

// dominant is the price of the largest share of the cheapest node shape.
func (p Prices) dominant(nodes []NodeShape, cores, memory, gpus float64) float64 {
	least := math.Inf(1)
	for _, s := range nodes {
		net := s.Allocatable.amounts().minus(s.Overhead.amounts()).resources()
		if net.CPU <= 0 || net.Memory <= 0 || gpus > 0 && s.GPUs == 0 {
			continue
		}
		share := max(cores/net.CPU.Cores(), memory/net.Memory.GiB())
		if s.GPUs > 0 {
			share = max(share, gpus/float64(s.GPUs))
		}
		least = min(least, share*(p.of(s.Allocatable.amounts())+float64(s.GPUs)*p.GPUHour))
	}
	if math.IsInf(least, 1) {
		return cores*p.CPUCoreHour + memory*p.MemoryGiBHour + gpus*p.GPUHour
	}
	return least
}
