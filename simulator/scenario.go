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

// SteeredSteps is the number of control steps of the warm-up in which the
// policy steers: those that lie wholly in its last hour.
func (sc *Scenario) SteeredSteps() int {
	return int(min(SteeredWarmup, sc.Warmup) / sc.Step)
}

// Start is the clock at the scored start.
func (sc *Scenario) Start() time.Time { return sc.Demand.Epoch.Add(sc.Warmup) }
