package controller

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// revisionAnnotation counts the templates of a Deployment, on its ReplicaSets.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// replicasField is the number of pods among managed fields.
const replicasField = `"f:replicas"`

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
	p.Namespace, p.Labels, p.OwnerReferences = once(p.Namespace), sameLabels(p.Labels), sameSlice(&commonOwners, p.OwnerReferences)
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
		NodeName: once(s.NodeName), NodeSelector: s.NodeSelector, Affinity: s.Affinity, Tolerations: sameSlice(&commonTolerations, s.Tolerations), OS: s.OS,
		RestartPolicy: s.RestartPolicy, Overhead: s.Overhead, Resources: s.Resources, TopologySpreadConstraints: s.TopologySpreadConstraints,
		ActiveDeadlineSeconds: s.ActiveDeadlineSeconds, Priority: s.Priority, SchedulingGates: s.SchedulingGates, ResourceClaims: s.ResourceClaims,
		Containers: trimContainers(s.Containers), InitContainers: trimContainers(s.InitContainers),
	}
	t := p.Status
	p.Status = corev1.PodStatus{
		ObservedGeneration: t.ObservedGeneration, StartTime: t.StartTime, Conditions: trimConditions(t.Conditions),
		Phase: corev1.PodPhase(once(string(t.Phase))), QOSClass: corev1.PodQOSClass(once(string(t.QOSClass))),
		Resize: t.Resize, Resources: t.Resources, AllocatedResources: t.AllocatedResources, Reason: t.Reason,
		ContainerStatuses: trimStatuses(t.ContainerStatuses), InitContainerStatuses: trimStatuses(t.InitContainerStatuses),
	}
	return p, nil
}

func trimContainers(in []corev1.Container) []corev1.Container {
	out := make([]corev1.Container, len(in))
	for i, c := range in {
		c.Resources.Requests, c.Resources.Limits = sameList(c.Resources.Requests), sameList(c.Resources.Limits)
		out[i] = corev1.Container{Name: once(c.Name), Resources: c.Resources, ResizePolicy: c.ResizePolicy, RestartPolicy: c.RestartPolicy}
	}
	return sameSlice(&commonContainers, out)
}

func trimStatuses(in []corev1.ContainerStatus) []corev1.ContainerStatus {
	out := make([]corev1.ContainerStatus, len(in))
	for i, c := range in {
		c.AllocatedResources = sameList(c.AllocatedResources)
		if r := c.Resources; r != nil {
			r.Requests, r.Limits = sameList(r.Requests), sameList(r.Limits)
		}
		out[i] = corev1.ContainerStatus{
			Name: once(c.Name), State: c.State, LastTerminationState: c.LastTerminationState, Ready: c.Ready, RestartCount: c.RestartCount,
			Started: c.Started, AllocatedResources: c.AllocatedResources, Resources: c.Resources,
		}
	}
	return out
}

// mostCommon bounds how many values of a kind are known at a time.
const mostCommon = 4096

// What pods of a workload have in common. Objects in caches are not changed, nor
// are these.
//
//nolint:gochecknoglobals // They only save room: what they give is equal to what they are given.
var (
	// commonLists are those of the amounts that pods ask for and have, which mostly are
	// the same: five lists of each pod, 3 KB, take next to nothing.
	commonLists  common[corev1.ResourceList]
	commonLabels common[map[string]string]
	commonOwners common[[]metav1.OwnerReference]
	// commonTolerations are mostly the two that every pod has.
	commonTolerations common[[]corev1.Toleration]
	commonContainers  common[[]corev1.Container]
	// commonTrees are parts of objects without a type.
	commonTrees common[any]
)

// common gives equal values one place in memory.
type common[T any] struct {
	mu    sync.Mutex
	known map[string]T
}

// same is what was given first under a key that says all of a value.
func (s *common[T]) same(key string, v T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, ok := s.known[key]; ok {
		return was
	}
	if s.known == nil || len(s.known) >= mostCommon {
		s.known = map[string]T{}
	}
	s.known[key] = v
	return v
}

func sameList(l corev1.ResourceList) corev1.ResourceList {
	if len(l) == 0 {
		return l
	}
	var key strings.Builder
	for _, name := range slices.Sorted(maps.Keys(l)) {
		q := l[name]
		key.WriteString(string(name) + "=" + q.String() + " ")
	}
	return commonLists.same(key.String(), l)
}

func sameLabels(l map[string]string) map[string]string {
	if len(l) == 0 {
		return nil
	}
	var key strings.Builder
	for _, name := range slices.Sorted(maps.Keys(l)) {
		key.WriteString(name + "=" + l[name] + " ") // Neither has spaces.
	}
	return commonLabels.same(key.String(), l)
}

// sameSlice is a slice of generated types, whose strings say all of them.
func sameSlice[T any, P interface {
	*T
	fmt.Stringer
}](c *common[[]T], all []T) []T {
	var key strings.Builder
	for i := range all {
		key.WriteString(P(&all[i]).String())
	}
	return c.same(key.String(), all)
}

// trimConditions keeps those that are looked at: 700 bytes less a pod.
func trimConditions(in []corev1.PodCondition) []corev1.PodCondition {
	var out []corev1.PodCondition
	for _, c := range in {
		if slices.Contains([]corev1.PodConditionType{corev1.PodReady, corev1.PodResizePending, corev1.PodResizeInProgress}, c.Type) {
			c.Type, c.Status = corev1.PodConditionType(once(string(c.Type))), corev1.ConditionStatus(once(string(c.Status)))
			c.Reason = once(c.Reason)
			out = append(out, c)
		}
	}
	return out
}

// once is a string that others have, too, in one place in memory.
func once(s string) string { return unique.Make(s).Value() }

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
	o.SetManagedFields(scalers(o.GetManagedFields()))
	annotations := o.GetAnnotations()
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	if len(annotations) == 0 {
		annotations = nil
	}
	o.SetAnnotations(annotations)
	if _, there, err := unstructured.NestedFieldNoCopy(o.Object, "status", "conditions"); there && err == nil {
		unstructured.RemoveNestedField(o.Object, "status", "conditions")
	}
	for _, path := range [][]string{{"spec", "template", "spec"}, {"spec", "jobTemplate", "spec", "template", "spec"}} {
		spec, found, err := unstructured.NestedFieldNoCopy(o.Object, path...)
		if m, isMap := spec.(map[string]any); found && err == nil && isMap {
			trimTemplate(m)
		}
	}
	compactObject(o.Object)
	return o, nil
}

// scalers are the managed fields of who scales an object.
func scalers(all []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	var kept []metav1.ManagedFieldsEntry
	for _, f := range all {
		counts := f.FieldsV1 != nil && strings.Contains(f.FieldsV1.GetRawString(), replicasField)
		if f.Subresource == "scale" || counts && f.Subresource == "" {
			f.FieldsV1 = nil
			if counts {
				f.FieldsV1 = metav1.NewFieldsV1(`{"f:spec":{` + replicasField + `:{}}}`) // All the others take 10 KB of a Deployment.
			}
			kept = append(kept, f)
		}
	}
	return kept
}

// compactObject does so with what an object has. What is not a list or a map in its
// metadata is its own: its name, UID and version.
func compactObject(o map[string]any) {
	for k, v := range o {
		inner, is := v.(map[string]any)
		if k != "metadata" || !is {
			o[k] = compact(v)
			continue
		}
		own := make(map[string]any, len(inner))
		for k, v := range inner {
			switch v.(type) {
			case map[string]any, []any:
				own[once(k)] = compact(v)
			default:
				own[once(k)] = v
			}
		}
		o[k] = own
	}
}

// compact holds what is in an object without a type anew, in one place with what
// equals it: as decoded, each name of a field is held once for each object, maps are
// larger than what is left in them, and thousands of Deployments have the same
// strategy, template and managed fields.
func compact(v any) any {
	out, _, _ := oneTree(v)
	return out
}

// sharedMost is how long a value may be, as text, to be looked for among others.
const sharedMost = 512

// oneTree is a value in one place with its equals, and what it is as text; false
// where it is too long to be looked for.
func oneTree(v any) (out any, text string, short bool) {
	var key strings.Builder
	short = true
	add := func(name string, v any) any {
		inner, text, ok := oneTree(v)
		if short = short && ok; short {
			key.WriteString(name + ":" + text + ",")
			short = key.Len() <= sharedMost
		}
		return inner
	}
	switch v := v.(type) {
	case map[string]any:
		key.WriteByte('{')
		m := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			m[once(k)] = add(k, v[k])
		}
		out = m
	case []any:
		key.WriteByte('[')
		l := make([]any, len(v))
		for i := range v {
			l[i] = add("", v[i])
		}
		out = l
	case string:
		return once(v), strconv.Quote(v), true
	default:
		return v, fmt.Sprintf("%T %v", v, v), true
	}
	if !short {
		return out, "", false
	}
	return commonTrees.same(key.String(), out), key.String(), true
}

// trimTemplate drops fields that are there, since what is trimmed already may be
// shared.
func trimTemplate(spec map[string]any) {
	for _, k := range []string{
		"volumes", "securityContext", "imagePullSecrets", "hostAliases", "dnsConfig", "dnsPolicy", "schedulerName", "terminationGracePeriodSeconds",
	} {
		if _, there := spec[k]; there { //nolint:staticcheck // S1033: to delete nothing is a write all the same.
			delete(spec, k)
		}
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
