package actuator

import (
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Input is everything a plan may depend on. Equal inputs give equal plans.
type Input struct {
	Now      time.Time            `json:"now"`
	Decision recommender.Decision `json:"decision"`
	Mode     Mode                 `json:"mode"`
	// Pods are all pods of the workload, in any order.
	Pods   []Pod  `json:"pods"`
	Target Target `json:"target"`
	// Features are what the cluster was found to be able to do.
	Features Features `json:"features"`
	Settings Settings `json:"settings"`
	// LimitRanges and Quotas are those of the namespace, Nodes those that the
	// pods run on. What is left out does not bind.
	LimitRanges []recommender.LimitRange `json:"limitRanges,omitempty"`
	Quotas      []recommender.Quota      `json:"quotas,omitempty"`
	Nodes       []Node                   `json:"nodes,omitempty"`
	// Disruption is the PodDisruptionBudget of the pods; nil where there is none.
	Disruption *recommender.DisruptionBudget `json:"disruption,omitempty"`
	// Cluster is what the budgets over all workloads leave this one.
	Cluster Allowance `json:"cluster,omitzero"`
	// Rivals are others that size or scale the same target.
	Rivals []Rival `json:"rivals,omitempty"`
	// KillSwitch forbids everything.
	KillSwitch bool `json:"killSwitch,omitempty"`
	// Stale says that metrics are missing, old or partial.
	Stale bool `json:"stale,omitempty"`
	// Rollout says that a new revision is being rolled out.
	Rollout bool `json:"rollout,omitempty"`
	// Started is when the program that plans began; zero where that does not
	// matter.
	Started time.Time `json:"started,omitzero"`
	// Evidence is what was observed since the previous plan, oldest first.
	Evidence []Observation `json:"evidence,omitempty"`
	State    State         `json:"state"`
}

// Mode is what its owner lets rightsize do with a workload.
type Mode string

// The modes.
const (
	ModeDryRun  Mode = "DryRun"
	ModeInitial Mode = "Initial"
	ModeApply   Mode = "Apply"
	ModePaused  Mode = "Paused"
)

// Target is the object that is scaled.
type Target struct {
	UID             string `json:"uid"`
	ResourceVersion string `json:"resourceVersion"`
	Generation      int64  `json:"generation"`
	// Replicas is spec.replicas; nil where it is unknown or there is none, and
	// then nothing is scaled.
	Replicas *int `json:"replicas,omitempty"`
}

// Features are abilities of the cluster, found by asking it rather than by its
// version.
type Features struct {
	// Resize says that there is a subresource pods/resize.
	Resize bool `json:"resize,omitempty"`
	// MemoryLimitShrink says that a memory limit may be lowered without a
	// restart.
	MemoryLimitShrink bool `json:"memoryLimitShrink,omitempty"`
	// SizedAtCreation says that new pods get the recommended size as they are
	// made.
	SizedAtCreation bool `json:"sizedAtCreation,omitempty"`
}

// Node is a node that pods run on.
type Node struct {
	Name string `json:"name"`
	// Allocatable is what it offers to pods, Free what of that no pod has
	// reserved.
	Allocatable recommender.Resources `json:"allocatable"`
	Free        recommender.Resources `json:"free"`
}

// Rival is another controller of the same target.
type Rival struct {
	// Kind and Name are those of its object, such as HorizontalPodAutoscaler, or
	// the field manager that writes.
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// Allowance is what may still be changed; nil does not bind.
type Allowance struct {
	// Resizes is a number of pods.
	Resizes   *int `json:"resizes,omitempty"`
	Evictions *int `json:"evictions,omitempty"`
}

// Settings are the owner's rules for changes. The zero value is the default of
// each.
type Settings struct {
	// Evict lets pods that cannot be resized in place be made anew.
	Evict bool `json:"evict,omitempty"`
	// CanaryPods is how many pods are changed first; nil means 1, zero none.
	CanaryPods *int `json:"canaryPods,omitempty"`
	// WatchSeconds is how long these are watched; zero means 600. What only
	// grew is watched for a quarter of it.
	WatchSeconds float64 `json:"watchSeconds,omitempty"`
	// MaxConcurrentPercent of the pods may be in the middle of a change, rounded
	// up; zero means 25.
	MaxConcurrentPercent int `json:"maxConcurrentPercent,omitempty"`
	// MaxUnavailable is how many pods a step may leave not ready; zero means 1.
	MaxUnavailable int `json:"maxUnavailable,omitempty"`
	// ResizesPerHour and EvictionsPerHour bound the workload; nil does not bind.
	ResizesPerHour   *int `json:"resizesPerHour,omitempty"`
	EvictionsPerHour *int `json:"evictionsPerHour,omitempty"`
	// MaxResizesPerDay bounds how often sizes are changed in 24 hours, 1 to 64;
	// zero does not bind. Raises in an emergency and rollbacks do not count.
	MaxResizesPerDay int `json:"maxResizesPerDay,omitempty"`
	// DeferredSeconds is the patience with a node that has no room; zero means
	// 300.
	DeferredSeconds float64 `json:"deferredSeconds,omitempty"`
	// WarmupSeconds after Input.Started only emergencies are answered; zero
	// means 300.
	WarmupSeconds float64 `json:"warmupSeconds,omitempty"`
	// NoRollback never takes a change back. IgnoreGuards do not count.
	NoRollback   bool    `json:"noRollback,omitempty"`
	IgnoreGuards []Guard `json:"ignoreGuards,omitempty"`
	// HoldSeconds is how long after a rollback nothing is lowered; it doubles
	// with each, up to a week. Zero means 3600.
	HoldSeconds float64 `json:"holdSeconds,omitempty"`
}

// seconds converts, with a default for zero and what is no time.
func seconds(s, otherwise float64) time.Duration {
	if !(s > 0) {
		s = otherwise
	}
	return time.Duration(min(s, 1e9) * float64(time.Second))
}

func (s Settings) canaries() int {
	if s.CanaryPods == nil {
		return 1
	}
	return max(0, *s.CanaryPods)
}

func (s Settings) watch(lowers bool) time.Duration {
	w := seconds(s.WatchSeconds, 600)
	if !lowers {
		w /= 4
	}
	return w
}

func (s Settings) deferred() time.Duration { return seconds(s.DeferredSeconds, 300) }
func (s Settings) warmup() time.Duration   { return seconds(s.WarmupSeconds, 300) }

// concurrent is how many of n pods may be in the middle of a change.
func (s Settings) concurrent(n int) int {
	percent := s.MaxConcurrentPercent
	if percent <= 0 {
		percent = 25
	}
	return max(1, (n*min(percent, 100)+99)/100)
}
