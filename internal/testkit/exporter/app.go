package exporter

import (
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/rightsize-dev/rightsize/recommender"
)

// LabelApp is the label of pods by which they belong to an [App].
const LabelApp = "app"

// App is what a workload's pods do: demand arrives, is spread evenly over the
// ready pods, and takes CPU and memory in the first container of each. What a
// container is not given by its CPU limit is not done: those requests fail
// with 503. Above its memory limit it is killed.
type App struct {
	Namespace, Name string
	// Kind is that of the workload, Deployment if it is empty.
	Kind string
	// Demand is what arrives at all pods together, in requests a second.
	Demand func(t time.Time) float64
	// CPUSeconds is the CPU time of one request; IdleCPU what a pod takes
	// without any, in cores.
	CPUSeconds, IdleCPU float64
	// Memory is what a pod holds, in bytes, and MemoryPerRequest what is added
	// for each request a second that it gets.
	Memory, MemoryPerRequest float64
	// Others is what each of the other containers uses.
	Others Usage
	// UsageOnly says that it has no metrics of requests.
	UsageOnly bool
	// Errors are the shares of requests that fail with 500 and with 404 in a
	// container of a size; nil is none.
	Errors func(requests corev1.ResourceList) (server, client float64)
}

// Usage is what a container uses.
type Usage struct {
	CPUCores    float64
	MemoryBytes float64
}

// Workload names the app as the recommender does.
func (a *App) Workload() recommender.Workload {
	return recommender.Workload{Namespace: a.Namespace, Kind: a.kind(), Name: a.Name}
}

func (a *App) kind() string {
	if a.Kind == "" {
		return "Deployment"
	}
	return a.Kind
}

// wants is what the first container of a pod would use at a rate of requests
// a second.
func (a *App) wants(rate float64) Usage {
	return Usage{CPUCores: a.IdleCPU + rate*a.CPUSeconds, MemoryBytes: a.Memory + rate*a.MemoryPerRequest}
}

// latency is the mean time of a request in seconds: that of an M/M/1 queue
// with the service time CPUSeconds, up to a second.
func (a *App) latency(used, ceiling float64) float64 {
	if a.CPUSeconds <= 0 {
		return 0
	}
	busy := 0.0
	if ceiling > 0 {
		busy = math.Min(1, used/ceiling)
	}
	return math.Min(1, a.CPUSeconds/math.Max(1e-3, 1-busy))
}

// Steady is a demand that does not change.
func Steady(rate float64) func(time.Time) float64 {
	return func(time.Time) float64 { return rate }
}

// Daily is low, but for the time [0, length) after from, and the same time of
// each day before and after, when it is high.
func Daily(low, high float64, from time.Time, length time.Duration) func(time.Time) float64 {
	const day = 24 * time.Hour
	return func(t time.Time) float64 {
		since := t.Sub(from) % day
		if since < 0 {
			since += day
		}
		if since < length {
			return high
		}
		return low
	}
}

// Surge is low until it is high from an instant on.
func Surge(low, high float64, from time.Time) func(time.Time) float64 {
	return func(t time.Time) float64 {
		if t.Before(from) {
			return low
		}
		return high
	}
}
