package actuator

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Pod is a pod of the workload as it was observed.
type Pod struct {
	Name            string `json:"name"`
	UID             string `json:"uid"`
	ResourceVersion string `json:"resourceVersion"`
	// Generation is that of the specification, ObservedGeneration the one that
	// the kubelet has acted on; 0 where it does not say.
	Generation         int64 `json:"generation"`
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Node is empty until the pod is scheduled.
	Node        string    `json:"node,omitempty"`
	Phase       PodPhase  `json:"phase"`
	Ready       bool      `json:"ready,omitempty"`
	Terminating bool      `json:"terminating,omitempty"`
	Created     time.Time `json:"created"`
	// Outdated says that the template has a newer revision than the pod.
	Outdated bool `json:"outdated,omitempty"`
	// QoS is the class in its status; empty where unknown.
	QoS recommender.QoSClass `json:"qos,omitempty"`
	// OptOut says that its owner has forbidden changes by label.
	OptOut bool `json:"optOut,omitempty"`
	// Unresizable says that the API server refuses any resize of it: static
	// pods, Windows, and nodes whose kubelet reports no sizes.
	Unresizable bool `json:"unresizable,omitempty"`
	// PodLevel says that resources are set for the pod as a whole.
	PodLevel bool `json:"podLevel,omitempty"`
	// Group is the name of the decision's group it belongs to, if any.
	Group      string      `json:"group,omitempty"`
	Containers []Container `json:"containers"`
	// Resize is what the kubelet says of a resize under way.
	Resize Resize `json:"resize,omitzero"`
	// Refused is how the API server answered the last step, if with no.
	Refused Refusal `json:"refused,omitempty"`
}

// PodPhase is status.phase of a pod.
type PodPhase string

// The phases of pods.
const (
	PodPending   PodPhase = "Pending"
	PodRunning   PodPhase = "Running"
	PodSucceeded PodPhase = "Succeeded"
	PodFailed    PodPhase = "Failed"
)

// Container is one container of a pod.
type Container struct {
	Name string `json:"name"`
	// Init says that it ends before the others start: it is never sized, but
	// counts for the QoS class. Sidecar says that it is an init container that
	// keeps running.
	Init    bool `json:"init,omitempty"`
	Sidecar bool `json:"sidecar,omitempty"`
	// Spec is what is asked for, InForce what the kubelet has actuated; nil where
	// it does not say.
	Spec    Size  `json:"spec"`
	InForce *Size `json:"inForce,omitempty"`
	// RestartOnCPU and RestartOnMemory say that a change restarts the container.
	RestartOnCPU    bool `json:"restartOnCPU,omitempty"`
	RestartOnMemory bool `json:"restartOnMemory,omitempty"`
	// MemoryPeak is the most memory it held lately, page cache included, since
	// that is what the kubelet compares a smaller limit with; 0 where unknown.
	MemoryPeak recommender.Bytes `json:"memoryPeakBytes,omitempty"`
}

// have is what the container has: the specification where nothing else is known.
func (c Container) have() Size {
	if c.InForce != nil {
		return *c.InForce
	}
	return c.Spec
}

// restarts says whether going to a size restarts the container.
func (c Container) restarts(to Size) bool {
	cpu := to.Requests.CPU != c.Spec.Requests.CPU || to.Limits.CPU != c.Spec.Limits.CPU
	memory := to.Requests.Memory != c.Spec.Requests.Memory || to.Limits.Memory != c.Spec.Limits.Memory
	return cpu && c.RestartOnCPU || memory && c.RestartOnMemory
}

// restarted says whether going to these sizes restarts a container of the pod.
func (p Pod) restarted(to []Size) bool {
	for i, c := range p.Containers {
		if p.Phase != PodPending && !c.Init && c.restarts(to[i]) {
			return true
		}
	}
	return false
}

// Resize is what the conditions PodResizePending and PodResizeInProgress say.
type Resize struct {
	// Pending is the reason for which the kubelet has not begun; empty where
	// nothing is pending. Since is when it said so first.
	Pending PendingReason `json:"pending,omitempty"`
	Since   time.Time     `json:"since,omitzero"`
	// InProgress says that it is being made, Error that this fails again and
	// again.
	InProgress bool `json:"inProgress,omitempty"`
	Error      bool `json:"error,omitempty"`
	// Generation is the one the conditions are about; 0 where unknown.
	Generation int64  `json:"generation,omitempty"`
	Message    string `json:"message,omitempty"`
}

// PendingReason is why a kubelet has not begun to resize a pod.
type PendingReason string

// The reasons of PodResizePending.
const (
	PendingDeferred   PendingReason = "Deferred"
	PendingInfeasible PendingReason = "Infeasible"
)

// Refusal is how the API server refused a step.
type Refusal string

// The refusals.
const (
	// RefusedNodeCapacity: the node can never hold it, which kubelets before
	// 1.36 call Infeasible.
	RefusedNodeCapacity Refusal = "NodeCapacity"
	// RefusedConflict: another field manager owns the sizes.
	RefusedConflict Refusal = "Conflict"
	// RefusedOther: disruption budget, quota, LimitRange, validation and policies.
	RefusedOther Refusal = "Other"
)

// ends says that the pod runs no more or will not for long.
func (p Pod) ends() bool {
	return p.Terminating || p.Phase == PodSucceeded || p.Phase == PodFailed
}

// specs are the sizes asked for, haves those in force.
func (p Pod) specs() []Size {
	return sizesOf(p, func(c Container) Size { return c.Spec })
}

func (p Pod) haves() []Size { return sizesOf(p, Container.have) }

func sizesOf(p Pod, of func(Container) Size) []Size {
	out := make([]Size, len(p.Containers))
	for i, c := range p.Containers {
		out[i] = of(c)
	}
	return out
}

// settled says that all that was asked for is in force.
func (p Pod) settled() bool {
	return p.Resize == Resize{} && (p.ObservedGeneration == 0 || p.ObservedGeneration >= p.Generation) &&
		!slices.ContainsFunc(p.Containers, func(c Container) bool {
			return !c.Init && (c.InForce == nil || *c.InForce != c.Spec)
		})
}

// named are sizes with the names of the containers that are not initial.
func (p Pod) named(sizes []Size) []NamedSize {
	var out []NamedSize
	for i, c := range p.Containers {
		if !c.Init {
			out = append(out, NamedSize{Name: c.Name, Size: sizes[i]})
		}
	}
	return out
}

// asked says whether the specification has these sizes.
func (p Pod) asked(sizes []NamedSize) bool {
	return len(sizes) > 0 && !slices.ContainsFunc(sizes, func(s NamedSize) bool {
		return !slices.ContainsFunc(p.Containers, func(c Container) bool { return c.Name == s.Name && c.Spec == s.Size })
	})
}

// total is what a pod with these sizes takes of a node: the sum over the
// containers, or what an init container takes beside all sidecars where that is
// more.
func (p Pod) total(sizes []Size) (requests, limits recommender.Resources) {
	var sidecars, sum Size
	for i, c := range p.Containers {
		if c.Init {
			continue
		}
		sum = Size{Requests: sum.Requests.Add(sizes[i].Requests), Limits: sum.Limits.Add(sizes[i].Limits)}
		if c.Sidecar {
			sidecars = Size{Requests: sidecars.Requests.Add(sizes[i].Requests), Limits: sidecars.Limits.Add(sizes[i].Limits)}
		}
	}
	for i, c := range p.Containers {
		if c.Init {
			sum.Requests = mostOf(sum.Requests, sidecars.Requests.Add(sizes[i].Requests))
			sum.Limits = mostOf(sum.Limits, sidecars.Limits.Add(sizes[i].Limits))
		}
	}
	return sum.Requests, sum.Limits
}

// reserved is what the scheduler and quotas count for the pod: the larger of
// what is asked for and what is in force.
func (p Pod) reserved() (requests, limits recommender.Resources) {
	specRequests, specLimits := p.total(p.specs())
	haveRequests, haveLimits := p.total(p.haves())
	return mostOf(specRequests, haveRequests), mostOf(specLimits, haveLimits)
}

// ordinal is the number at the end of a StatefulSet's pod, -1 where there is
// none.
func (p Pod) ordinal() int {
	n, err := strconv.Atoi(p.Name[strings.LastIndexByte(p.Name, '-')+1:])
	if err != nil {
		return -1
	}
	return n
}
