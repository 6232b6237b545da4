package simulator

import (
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Wire identity of scenario files and score documents.
const (
	APIVersion    = "simulator.rightsize.dev/v1alpha1"
	ScenarioKind  = "Scenario"
	ScoreListKind = "ScoreList"
)

// SteeredWarmup is the last part of the warm-up, in which a policy already
// steers but is not scored.
const SteeredWarmup = time.Hour

// Scenario is everything a simulation depends on but the policy.
type Scenario struct {
	Name string
	// Seed chooses the random draws.
	Seed uint64
	// Warmup is the history before the scored span; Duration is the length of
	// that span, and Step the interval of metrics and control. All are whole
	// nanoseconds, Step and Duration positive.
	Warmup   time.Duration
	Step     time.Duration
	Duration time.Duration

	Demand    Demand
	Service   Service
	Objective Objective
	Initial   Initial
	Bounds    Bounds
	Cluster   Cluster
	Prices    recommender.Prices

	// What may disturb: nothing by default.
	Memory   MemoryEffects
	Metrics  MetricsQuality
	Failures []Failure
	Deploys  []Deploy

	// Policies holds the settings that override a policy's defaults, by the
	// policy's name. Each policy knows its own.
	Policies map[string]Settings
}

// Settings are a policy's overrides as they stand in a scenario file: strings,
// float64 numbers, booleans, lists and maps.
type Settings map[string]any

// Objective is what users expect of a share of the requests, the percentile.
// It is zero for usage services.
type Objective struct {
	Percentile float64
	// LatencySeconds bounds the time from arrival to answer of an http
	// service, WaitSeconds the time in the queue of a queue service.
	LatencySeconds float64
	WaitSeconds    float64
	// TTFTSeconds bounds the time to the first token of an inference service,
	// ITLSeconds the mean time between those that follow. Zero is no bound.
	TTFTSeconds float64
	ITLSeconds  float64
}

// Initial is what runs until a policy changes it. A zero limit means none; the
// ratio of limit to request is kept when a request changes.
type Initial struct {
	Replicas int
	Requests recommender.Resources
	Limits   recommender.Resources
}

// Bounds are inclusive; what a policy wants outside them is moved to the
// nearest bound.
type Bounds struct {
	MinReplicas int
	MaxReplicas int
	MinAllowed  recommender.Resources
	MaxAllowed  recommender.Resources
}

// ClampReplicas moves n into the bounds.
func (b Bounds) ClampReplicas(n int) int { return max(b.MinReplicas, min(n, b.MaxReplicas)) }

// Clamp moves a request into the bounds.
func (b Bounds) Clamp(r recommender.Resources) recommender.Resources {
	return r.Clamp(b.MinAllowed, b.MaxAllowed)
}

// Cluster is where pods run.
type Cluster struct {
	// Nodes exist from the start; further ones come NodeProvisioning after a
	// pod fits nowhere.
	Nodes            int
	Node             recommender.Resources
	NodeGPUs         int
	NodeProvisioning time.Duration
	// ImagePull is the time that a node takes to fetch the image for the first
	// pod on it. The nodes of the initial pods have it.
	ImagePull time.Duration
	// Quota bounds the sum of the requests of all pods, zero for no bound: pods
	// and resizes that exceed it are refused.
	Quota recommender.Resources
	// ResizeDelay is the time from an accepted in-place resize to its effect.
	ResizeDelay time.Duration
	// Burst is the share of its request that a pod without a CPU limit may use
	// beyond it.
	Burst float64
}

// Limits are the limits that go with a request, in the initial ratio. A zero
// limit means none.
func (sc *Scenario) Limits(requests recommender.Resources) recommender.Resources {
	in := sc.Initial
	return recommender.Resources{
		CPU:    recommender.MilliCPU(scaled(int64(in.Limits.CPU), int64(in.Requests.CPU), int64(requests.CPU))),
		Memory: recommender.Bytes(scaled(int64(in.Limits.Memory), int64(in.Requests.Memory), int64(requests.Memory))),
	}
}

// scaled is limit/request·now, rounded up.
func scaled(limit, request, now int64) int64 {
	if limit == 0 || request == 0 || limit == request {
		if limit == 0 {
			return 0
		}
		return now
	}
	return int64(recommender.FromBytes(float64(now) * (float64(limit) / float64(request))))
}

// Ceiling is the most CPU in cores that a pod of the given request may use:
// its limit, or its request and the burst on top of it.
func (sc *Scenario) Ceiling(requests recommender.Resources) float64 {
	if limit := sc.Limits(requests).CPU; limit > 0 {
		return limit.Cores()
	}
	return requests.CPU.Cores() * (1 + sc.Cluster.Burst)
}

// Revision is the scenario as it is from the n-th deploy on, in order of time:
// with what requests and memory cost then. Zero is before all.
func (sc *Scenario) Revision(n int) Scenario {
	out := *sc
	if n == 0 {
		return out
	}
	d := sc.revisions()[n-1]
	grown := func(b recommender.Bytes) recommender.Bytes { return recommender.FromBytes(float64(b) * d.MemoryFactor) }
	if h := sc.Service.HTTP; h != nil {
		changed := *h
		changed.CPUSecondsPerRequest *= d.CPUFactor
		changed.BaseMemory, changed.MemoryPerConcurrentRequest = grown(h.BaseMemory), grown(h.MemoryPerConcurrentRequest)
		out.Service.HTTP = &changed
	}
	if q := sc.Service.Queue; q != nil {
		changed := *q
		changed.CPUSecondsPerItem *= d.CPUFactor
		changed.BaseMemory, changed.MemoryPerItem = grown(q.BaseMemory), grown(q.MemoryPerItem)
		out.Service.Queue = &changed
	}
	return out
}

// RevisionOver is the number of the revision that takes the most CPU of those
// in force over [from, to), in seconds since the scored start.
func (sc *Scenario) RevisionOver(from, to float64) int {
	best, most := 0, 1.0
	for i, d := range sc.revisions() {
		switch at := seconds(d.At); {
		case at <= from:
			best, most = i+1, d.CPUFactor
		case at < to && d.CPUFactor > most:
			best, most = i+1, d.CPUFactor
		}
	}
	return best
}

// SteeredSteps is the number of control steps of the warm-up in which the
// policy steers: those that lie wholly in its last hour.
func (sc *Scenario) SteeredSteps() int {
	return int(min(SteeredWarmup, sc.Warmup) / sc.Step)
}

// Start is the clock at the scored start.
func (sc *Scenario) Start() time.Time { return sc.Demand.Epoch.Add(sc.Warmup) }
