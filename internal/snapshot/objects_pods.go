package snapshot

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

// podOf is a pod as a plan sees it. The peaks are of memory by container, where
// they are known.
func podOf(p *corev1.Pod, node *corev1.Node, outdated bool, peaks map[string]recommender.Bytes) actuator.Pod {
	_, optOut := p.Labels[v1alpha1.OptOutLabel]
	out := actuator.Pod{
		Name: p.Name, UID: string(p.UID), ResourceVersion: p.ResourceVersion,
		Generation: p.Generation, ObservedGeneration: p.Status.ObservedGeneration,
		Node: p.Spec.NodeName, Phase: actuator.PodPhase(p.Status.Phase), Ready: isTrue(p, corev1.PodReady), Terminating: p.DeletionTimestamp != nil,
		Created: p.CreationTimestamp.UTC(), Outdated: outdated, QoS: recommender.QoSClass(p.Status.QOSClass), OptOut: optOut,
		Unresizable: unresizable(p, node), PodLevel: resourcehelper.IsPodLevelResourcesSet(p), Resize: resizeOf(p),
	}
	for _, c := range p.Spec.InitContainers {
		one := containerOf(p, c, peaks)
		one.Sidecar = keepsRunning(c)
		one.Init = !one.Sidecar
		out.Containers = append(out.Containers, one)
	}
	for _, c := range p.Spec.Containers {
		out.Containers = append(out.Containers, containerOf(p, c, peaks))
	}
	return out
}

func containerOf(p *corev1.Pod, c corev1.Container, peaks map[string]recommender.Bytes) actuator.Container {
	out := actuator.Container{
		Name: c.Name, Spec: sizeIn(&c.Resources), RestartOnCPU: restartsOn(c, corev1.ResourceCPU), RestartOnMemory: restartsOn(c, corev1.ResourceMemory),
		MemoryPeak: peaks[c.Name],
	}
	if s := containerStatus(p, c.Name); s != nil && s.Resources != nil {
		size := sizeIn(s.Resources)
		out.InForce = &size
	}
	return out
}

func sizeIn(r *corev1.ResourceRequirements) actuator.Size {
	return actuator.Size{Requests: sizeOf(r.Requests), Limits: sizeOf(r.Limits)}
}

// restartsOn says whether a change of a resource restarts the container.
func restartsOn(c corev1.Container, name corev1.ResourceName) bool {
	return slices.ContainsFunc(c.ResizePolicy, func(p corev1.ContainerResizePolicy) bool {
		return p.ResourceName == name && p.RestartPolicy == corev1.RestartContainer
	})
}

// unresizable says that the API server refuses any resize of the pod: of static
// pods, on other systems than Linux, and of pods whose running containers come
// without the sizes in force, as kubelets report them that cannot resize.
func unresizable(p *corev1.Pod, node *corev1.Node) bool {
	if _, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return true
	}
	if p.Spec.OS != nil && p.Spec.OS.Name != corev1.Linux {
		return true
	}
	if node != nil {
		if os := node.Labels[corev1.LabelOSStable]; os != "" && os != string(corev1.Linux) {
			return true
		}
	}
	return slices.ContainsFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
		return s.State.Running != nil && s.Resources == nil
	})
}

// resizeOf is what the conditions of a pod say of its resize. Both may be there:
// a new one waits while the one before it is being made. A pending reason that is
// not known counts as Deferred, since the node may yet take it.
func resizeOf(p *corev1.Pod) actuator.Resize {
	var out actuator.Resize
	if c := condition(p, corev1.PodResizeInProgress); c != nil && c.Status == corev1.ConditionTrue {
		out.InProgress, out.Error = true, c.Reason == corev1.PodReasonError
		out.Generation, out.Message = c.ObservedGeneration, c.Message
	}
	if c := condition(p, corev1.PodResizePending); c != nil && c.Status == corev1.ConditionTrue {
		out.Pending = actuator.PendingDeferred
		if c.Reason == corev1.PodReasonInfeasible {
			out.Pending = actuator.PendingInfeasible
		}
		out.Since = instantOf(&c.LastTransitionTime)
		out.Generation, out.Message = c.ObservedGeneration, c.Message
	}
	return out
}
