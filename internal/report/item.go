package report

import (
	"math"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

// NewItem puts a decision together with what led to it and the history that
// plots show: demand, pods, the CPU and memory of each container, queues and
// GPUs.
func NewItem(w collector.Workload, s recommender.Snapshot, d recommender.Decision) Item {
	item := Item{Snapshot: s, Decision: d}
	add := func(p Plot) {
		p.Series, p.Capacity = p.Series.Until(s.Now), p.Capacity.Until(s.Now)
		if p.Series.Observed() > 0 {
			item.History = append(item.History, p)
		}
	}
	for _, sig := range w.Signals {
		if s.Demand != nil && sig.Name == s.Demand.Signal && sig.Role == collector.RoleDemand {
			add(Plot{Title: "Demand: " + words(sig.Name), Unit: sig.Unit, Series: sig.Series, Forecast: s.Demand.Forecast})
		}
	}
	for i, c := range w.Containers {
		if i < len(s.Containers) && i < len(d.Containers) {
			add(cpuPlot(w, c, s, d, i))
			add(memoryPlot(w, c, s, d, i))
		}
	}
	if w.ID.Scalable() && (d.DesiredReplicas != d.CurrentReplicas || varies(w.Ready.Until(s.Now))) {
		add(Plot{
			Title: "Pods that serve", Unit: UnitPods, Series: w.Ready, Capacity: w.Desired,
			Requested: float64(d.CurrentReplicas), Recommended: float64(d.DesiredReplicas),
		})
	}
	for _, sig := range w.Signals {
		switch sig.Role {
		case collector.RoleQueue:
			add(Plot{Title: "Waiting: " + words(sig.Name), Unit: sig.Unit, Series: sig.Series})
		case collector.RoleGPU:
			add(Plot{Title: "GPUs at work", Unit: sig.Unit, Series: sig.Series, Requested: gpus(s)})
		case collector.RoleDemand, collector.RoleInFlight, collector.RoleCache, collector.RoleLatency, collector.RoleRuntime,
			collector.RoleQuantile, collector.RoleErrors:
		}
	}
	return item
}

// varies says whether a series has more than one value.
func varies(s forecaster.Series) bool {
	first := math.NaN()
	for _, v := range s.Values {
		switch {
		case math.IsNaN(v):
		case math.IsNaN(first):
			first = v
		case v != first:
			return true
		}
	}
	return false
}

// words makes a name from the signal catalogue readable.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// gpus is the number of GPUs that the workload requests.
func gpus(s recommender.Snapshot) float64 {
	n := 0
	for _, c := range s.Containers {
		n += c.GPUs * s.Replicas.Desired
	}
	return float64(n)
}

// cpuPlot is of all pods together, for batch workloads of the largest pod of a
// run.
func cpuPlot(w collector.Workload, c collector.Container, s recommender.Snapshot, d recommender.Decision, i int) Plot {
	now, want := c.Requests.CPU.Cores(), d.Containers[i].Target.CPU.Cores()
	if w.ID.Batch() {
		return Plot{
			Title: "CPU of " + c.Name + ", largest pod of a run", Unit: "cores", Series: c.CPUMaxPod,
			Requested: now, Recommended: want,
		}
	}
	return Plot{
		Title: "CPU of " + c.Name + ", all pods", Unit: "cores", Series: c.CPU, Forecast: s.Containers[i].CPU.Forecast,
		Capacity:  scaled(w.Desired, now),
		Requested: now * float64(d.CurrentReplicas), Recommended: want * float64(d.DesiredReplicas),
	}
}

// memoryPlot is of the largest pod, as the decision sees it: with the number
// of pods there is now, where pods share what they hold.
func memoryPlot(w collector.Workload, c collector.Container, s recommender.Snapshot, d recommender.Decision, i int) Plot {
	p := Plot{
		Title: "Memory of " + c.Name + ", largest pod", Unit: "bytes", Series: c.Memory,
		Requested: float64(c.Requests.Memory), Recommended: float64(d.Containers[i].Target.Memory),
	}
	if w.ID.Batch() {
		return p
	}
	p.Forecast = s.Containers[i].Memory.Forecast
	if w.ID.Scalable() && s.Containers[i].MemoryShare > 0 {
		p.Series, _ = recommender.ShareMemory(c.Memory.Until(s.Now), w.Ready, max(1, s.Replicas.Ready))
		p.Title += ", at today's number of pods"
	}
	return p
}

// scaled multiplies a series; by 0, where nothing is requested, it is empty.
func scaled(s forecaster.Series, by float64) forecaster.Series {
	if by <= 0 || s.Step <= 0 {
		return forecaster.Series{Start: s.Start, Step: max(s.Step, time.Second)}
	}
	out := forecaster.Series{Start: s.Start, Step: s.Step, Values: make([]float64, len(s.Values))}
	for i, v := range s.Values {
		out.Values[i] = v * by
	}
	return out
}
