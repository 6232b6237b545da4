package kubelet

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
)

// resize allocates what the specification asks for if it can be, and puts what was
// allocated into force after a moment.
func (k *Kubelet) resize(p *corev1.Pod, known *pod, now time.Time) time.Duration {
	said := k.said[known.key]
	if said == Silent {
		return 0
	}
	p.Status.ObservedGeneration = p.Generation
	var reason Verdict
	var message string
	asked := asks(p, known)
	if asked {
		reason, message = k.admit(p, known, said)
	}
	k.waits(p, known, reason == Deferred)
	if reason != "" {
		pending(p, corev1.PodResizePending, string(reason), message)
	} else {
		unset(p, corev1.PodResizePending)
	}
	if asked && reason == "" {
		for _, c := range running(p) {
			known.allocated[c.Name] = *c.Resources.DeepCopy()
		}
		known.since = now
	}
	for _, c := range running(p) {
		if s := status(p, c.Name); s != nil {
			s.AllocatedResources = known.allocated[c.Name].Requests.DeepCopy()
		}
	}
	return k.actuate(p, known, said, now)
}

// waits has a pod looked at whenever another of its node changes, or no more.
func (k *Kubelet) waits(p *corev1.Pod, known *pod, deferred bool) {
	node := k.waiting[p.Spec.NodeName]
	switch {
	case !deferred:
		delete(node, p.UID)
	case node == nil:
		k.waiting[p.Spec.NodeName] = map[types.UID]types.NamespacedName{p.UID: known.key}
	default:
		node[p.UID] = known.key
	}
}

// asks says whether the specification differs from what was allocated.
func asks(p *corev1.Pod, known *pod) bool {
	for _, c := range running(p) {
		if !equal(c.Resources, known.allocated[c.Name]) {
			return true
		}
	}
	return false
}

func equal(a, b corev1.ResourceRequirements) bool {
	return equality.Semantic.DeepEqual(a.Requests, b.Requests) && equality.Semantic.DeepEqual(a.Limits, b.Limits)
}

// admit says why a resize is not allocated; an empty reason where it is.
func (k *Kubelet) admit(p *corev1.Pod, known *pod, said Verdict) (Verdict, string) {
	switch said {
	case Deferred, Infeasible:
		return said, "as the test says"
	case Auto, Error, Silent:
	}
	node, err := k.nodes.Get(p.Spec.NodeName)
	if err != nil {
		return Deferred, err.Error()
	}
	spec := map[string]corev1.ResourceRequirements{}
	for _, c := range running(p) {
		spec[c.Name] = c.Resources
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		asked, has := sum(spec, name), sum(known.allocated, name)
		if asked.Cmp(has) <= 0 {
			continue
		}
		offers := node.Status.Allocatable[name]
		if asked.Cmp(offers) > 0 {
			return Infeasible, fmt.Sprintf("Node didn't have enough capacity: %s, requested: %s, capacity: %s", name, asked.String(), offers.String())
		}
		taken := k.taken(p, name)
		taken.Add(asked)
		if taken.Cmp(offers) > 0 {
			return Deferred, fmt.Sprintf("Node didn't have enough resource: %s", name)
		}
	}
	return "", ""
}

func sum(all map[string]corev1.ResourceRequirements, name corev1.ResourceName) resource.Quantity {
	var out resource.Quantity
	for _, r := range all {
		out.Add(r.Requests[name])
	}
	return out
}

// taken is what the other pods of the node were allocated. Those that no kubelet
// has looked at yet count with what they ask for.
func (k *Kubelet) taken(p *corev1.Pod, name corev1.ResourceName) resource.Quantity {
	var out resource.Quantity
	objects, err := k.pods.GetIndexer().ByIndex(byNode, p.Spec.NodeName)
	if err != nil {
		return out
	}
	for _, object := range objects {
		other, ok := object.(*corev1.Pod)
		if !ok || other.UID == p.UID || other.Status.Phase == corev1.PodSucceeded || other.Status.Phase == corev1.PodFailed {
			continue
		}
		has := allocatedIn(other)
		if known := k.known[other.UID]; known != nil {
			has = known.allocated
		}
		out.Add(sum(has, name))
	}
	return out
}

// actuate puts what was allocated into force, unless memory is in use that a
// smaller limit would cut off.
func (k *Kubelet) actuate(p *corev1.Pod, known *pod, said Verdict, now time.Time) time.Duration {
	done, message := true, ""
	for _, c := range running(p) {
		s := status(p, c.Name)
		if s == nil || s.Resources == nil || equal(*s.Resources, known.allocated[c.Name]) {
			continue
		}
		done = false
		limit, limited := known.allocated[c.Name].Limits[corev1.ResourceMemory]
		is, was := s.Resources.Limits[corev1.ResourceMemory]
		if lowers := limited && (!was || limit.Cmp(is) < 0); lowers && k.used[container{known.key, c.Name}] >= limit.Value() {
			message = fmt.Sprintf("cannot decrease memory limits: attempting to set limit %s below current usage %d",
				limit.String(), k.used[container{known.key, c.Name}])
		}
	}
	switch {
	case done:
		unset(p, corev1.PodResizeInProgress)
		return 0
	case said == Error:
		message = "as the test says"
	}
	if message != "" {
		pending(p, corev1.PodResizeInProgress, corev1.PodReasonError, message)
		return k.o.ResizeDelay
	}
	if wait := known.since.Add(k.o.ResizeDelay).Sub(now); wait > 0 {
		pending(p, corev1.PodResizeInProgress, "", "")
		return wait
	}
	for _, c := range running(p) {
		if s := status(p, c.Name); s != nil && s.Resources != nil {
			k.force(c, s, known, now)
		}
	}
	unset(p, corev1.PodResizeInProgress)
	return 0
}

// force puts the allocated size of a container into force, and restarts it where
// its policy says so.
func (k *Kubelet) force(c corev1.Container, s *corev1.ContainerStatus, known *pod, now time.Time) {
	to := known.allocated[c.Name]
	restarts := false
	for _, policy := range c.ResizePolicy {
		of := func(l corev1.ResourceList) resource.Quantity { return l[policy.ResourceName] }
		toRequest, toLimit := of(to.Requests), of(to.Limits)
		changed := toRequest.Cmp(of(s.Resources.Requests)) != 0 || toLimit.Cmp(of(s.Resources.Limits)) != 0
		restarts = restarts || changed && policy.RestartPolicy == corev1.RestartContainer
	}
	s.Resources = to.DeepCopy()
	if restarts && s.State.Running != nil {
		end(s, "Completed", 0, now)
		known.ended[c.Name] = now
	}
}

// pending sets a condition about the resize of the newest specification.
func pending(p *corev1.Pod, t corev1.PodConditionType, reason, message string) {
	set(p, corev1.PodCondition{Type: t, Status: corev1.ConditionTrue, Reason: reason, Message: message, ObservedGeneration: p.Generation})
}
