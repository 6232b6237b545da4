package controller

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// revisionAnnotation counts the templates of a Deployment, on its ReplicaSets.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// The transforms of the caches drop what nothing here reads: a fleet's pods and
// templates are mostly environment, volumes and probes. An object of a type that
// is not expected stays as it is.

// trimPod keeps identity, sizes, and what the kubelet says of them.
func trimPod(in any) (any, error) {
	p, ok := in.(*corev1.Pod)
	if !ok {
		return in, nil
	}
	p.ManagedFields, p.Finalizers = nil, nil
	kept := map[string]string{}
	for k, v := range p.Annotations {
		if k == corev1.MirrorPodAnnotationKey || strings.Contains(k, "rightsize.dev/") {
			kept[k] = v
		}
	}
	p.Annotations = nil
	if len(kept) > 0 {
		p.Annotations = kept
	}
	s := p.Spec
	p.Spec = corev1.PodSpec{
		NodeName: s.NodeName, NodeSelector: s.NodeSelector, Affinity: s.Affinity, Tolerations: s.Tolerations, OS: s.OS,
		RestartPolicy: s.RestartPolicy, Overhead: s.Overhead, Resources: s.Resources, TopologySpreadConstraints: s.TopologySpreadConstraints,
		ActiveDeadlineSeconds: s.ActiveDeadlineSeconds, Priority: s.Priority, SchedulingGates: s.SchedulingGates, ResourceClaims: s.ResourceClaims,
		Containers: trimContainers(s.Containers), InitContainers: trimContainers(s.InitContainers),
	}
	t := p.Status
	p.Status = corev1.PodStatus{
		ObservedGeneration: t.ObservedGeneration, Phase: t.Phase, Conditions: t.Conditions, StartTime: t.StartTime, QOSClass: t.QOSClass,
		Resize: t.Resize, Resources: t.Resources, AllocatedResources: t.AllocatedResources, Reason: t.Reason,
		ContainerStatuses: trimStatuses(t.ContainerStatuses), InitContainerStatuses: trimStatuses(t.InitContainerStatuses),
	}
	return p, nil
}

func trimContainers(in []corev1.Container) []corev1.Container {
	out := make([]corev1.Container, len(in))
	for i, c := range in {
		out[i] = corev1.Container{Name: c.Name, Resources: c.Resources, ResizePolicy: c.ResizePolicy, RestartPolicy: c.RestartPolicy}
	}
	return out
}

func trimStatuses(in []corev1.ContainerStatus) []corev1.ContainerStatus {
	out := make([]corev1.ContainerStatus, len(in))
	for i, c := range in {
		out[i] = corev1.ContainerStatus{
			Name: c.Name, State: c.State, LastTerminationState: c.LastTerminationState, Ready: c.Ready, RestartCount: c.RestartCount,
			Started: c.Started, AllocatedResources: c.AllocatedResources, Resources: c.Resources,
		}
	}
	return out
}

// trimNode keeps what a node offers and how pods choose it.
func trimNode(in any) (any, error) {
	n, ok := in.(*corev1.Node)
	if !ok {
		return in, nil
	}
	n.ManagedFields, n.Annotations = nil, nil
	n.Spec = corev1.NodeSpec{Unschedulable: n.Spec.Unschedulable, Taints: n.Spec.Taints}
	n.Status = corev1.NodeStatus{
		Capacity: n.Status.Capacity, Allocatable: n.Status.Allocatable, Conditions: n.Status.Conditions,
		NodeInfo:         corev1.NodeSystemInfo{OperatingSystem: n.Status.NodeInfo.OperatingSystem, KubeletVersion: n.Status.NodeInfo.KubeletVersion},
		DeclaredFeatures: n.Status.DeclaredFeatures,
	}
	return n, nil
}

// trimReplicaSet keeps its owner, labels and revision.
func trimReplicaSet(in any) (any, error) {
	o, ok := in.(*metav1.PartialObjectMetadata)
	if !ok {
		return in, nil
	}
	o.ManagedFields = nil
	kept := map[string]string{}
	if v, ok := o.Annotations[revisionAnnotation]; ok {
		kept[revisionAnnotation] = v
	}
	o.Annotations = kept
	return o, nil
}

// trimTarget keeps of the template what sizes and places pods, and of the
// managed fields those that tell who scales.
func trimTarget(in any) (any, error) {
	o, ok := in.(*unstructured.Unstructured)
	if !ok {
		return in, nil
	}
	var scalers []metav1.ManagedFieldsEntry
	for _, f := range o.GetManagedFields() {
		if f.Subresource == "scale" || f.FieldsV1 != nil && strings.Contains(f.FieldsV1.GetRawString(), `"f:replicas"`) && f.Subresource == "" {
			scalers = append(scalers, f)
		}
	}
	o.SetManagedFields(scalers)
	annotations := o.GetAnnotations()
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	if len(annotations) == 0 {
		annotations = nil
	}
	o.SetAnnotations(annotations)
	for _, path := range [][]string{{"spec", "template", "spec"}, {"spec", "jobTemplate", "spec", "template", "spec"}} {
		spec, found, err := unstructured.NestedFieldNoCopy(o.Object, path...)
		if m, isMap := spec.(map[string]any); found && err == nil && isMap {
			trimTemplate(m)
		}
	}
	return o, nil
}

func trimTemplate(spec map[string]any) {
	for _, k := range []string{"volumes", "securityContext", "imagePullSecrets", "hostAliases", "dnsConfig"} {
		delete(spec, k)
	}
	for _, list := range []string{"containers", "initContainers"} {
		containers, ok := spec[list].([]any)
		if !ok {
			continue
		}
		for _, c := range containers {
			m, ok := c.(map[string]any)
			if !ok {
				continue
			}
			for k := range m {
				switch k {
				case "name", "resources", "resizePolicy", "restartPolicy":
				default:
					delete(m, k)
				}
			}
		}
	}
}
