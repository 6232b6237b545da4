package snapshot

import (
	"cmp"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	apiruntime "k8s.io/apimachinery/pkg/runtime"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Objects are what the API server knows about one workload and what is around
// it, as read from caches. Nothing in it is ever changed. What is left out is
// unknown and does not bind.
type Objects struct {
	// RightSize is the object about the workload; nil for a report.
	RightSize *v1alpha1.RightSize
	// Target is the workload's own object, of any kind, with its managed fields.
	Target *unstructured.Unstructured
	// Scale is its subresource /scale; nil where the kind has none. Where it is
	// not given, it is taken from the target's spec.replicas and status.replicas.
	Scale *autoscalingv1.Scale
	// Pods are those of the workload in any phase, ReplicaSets those that the
	// target controls: of Deployments they tell which pods are of an old
	// template. Metadata is all that is read of them.
	Pods        []*corev1.Pod
	ReplicaSets []*metav1.PartialObjectMetadata
	// Nodes are those that pods of the workload run on or may run on.
	Nodes []Node
	// NodePools are Karpenter's, of any version.
	NodePools []*unstructured.Unstructured
	// The following are those of the namespace.
	Quotas      []*corev1.ResourceQuota
	LimitRanges []*corev1.LimitRange
	PDBs        []*policyv1.PodDisruptionBudget
	HPAs        []*autoscalingv2.HorizontalPodAutoscaler
	// ScaledObjects are KEDA's, VPAs are VerticalPodAutoscalers.
	ScaledObjects []*unstructured.Unstructured
	VPAs          []*unstructured.Unstructured
	RightSizes    []*v1alpha1.RightSize
	// Features are what the cluster was found to be able to do.
	Features actuator.Features
	// Budget is what may still change in the cluster; nil where nothing limits
	// it.
	Budget *recommender.ChangeBudget
}

// Node is a node with what its pods take of it.
type Node struct {
	node *corev1.Node
	load Load
	// kind is what it offers, and which kind of node it is.
	kind recommender.NodeShape
	pool string
}

// NewNode returns a node with what pods take of it.
func NewNode(n *corev1.Node, load Load) Node {
	offers := sizeOf(n.Status.Allocatable)
	out := Node{node: n, load: load, pool: n.Labels[poolLabel], kind: recommender.NodeShape{
		Name:        cmp.Or(n.Labels[corev1.LabelInstanceTypeStable], n.Labels[corev1.LabelInstanceType]),
		Allocatable: offers, GPUs: gpusOf(n.Status.Allocatable),
	}}
	if out.kind.Name == "" {
		out.kind.Name = amountKey(offers)
	}
	if out.pool != "" {
		out.kind.Name = out.pool + "/" + out.kind.Name
	}
	return out
}

// gpuResources are the extended resources that count as GPUs, as in what is
// read from Prometheus.
func gpuResources() []corev1.ResourceName {
	return []corev1.ResourceName{"nvidia.com/gpu", "amd.com/gpu", "gpu.intel.com/i915", "gpu.intel.com/xe"}
}

// sizeOf is the CPU and memory of a list, rounded up to whole milli-CPU and
// bytes. Other resources are not looked at; what is negative counts as zero.
func sizeOf(l corev1.ResourceList) recommender.Resources {
	return recommender.Resources{
		CPU:    recommender.MilliCPU(max(0, l.Cpu().MilliValue())),
		Memory: recommender.Bytes(max(0, l.Memory().Value())),
	}
}

// gpusOf is the number of GPUs in a list.
func gpusOf(l corev1.ResourceList) int {
	n := int64(0)
	for _, name := range gpuResources() {
		if q, ok := l[name]; ok {
			n += max(0, q.Value())
		}
	}
	return int(min(n, 1<<31-1))
}

// keepsRunning says that an init container is a sidecar.
func keepsRunning(c corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// ended says that a pod runs no more or will not for long.
func ended(p *corev1.Pod) bool {
	return p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// condition is that of a pod, nil where it has none of the type.
func condition(p *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == kind {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}

// isTrue says whether a pod has a condition.
func isTrue(p *corev1.Pod, kind corev1.PodConditionType) bool {
	c := condition(p, kind)
	return c != nil && c.Status == corev1.ConditionTrue
}

// containerStatus is what the kubelet says of a container of any kind; nil where
// it says nothing.
func containerStatus(p *corev1.Pod, name string) *corev1.ContainerStatus {
	for _, all := range [][]corev1.ContainerStatus{p.Status.ContainerStatuses, p.Status.InitContainerStatuses} {
		for i := range all {
			if all[i].Name == name {
				return &all[i]
			}
		}
	}
	return nil
}

// alive are the pods in the scope of the RightSize that have not ended, the
// newest first and by name where they are of one second.
func (o *Objects) alive() []*corev1.Pod {
	var out []*corev1.Pod
	for _, p := range o.scoped() {
		if !ended(p) {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b *corev1.Pod) int {
		if d := b.CreationTimestamp.Compare(a.CreationTimestamp.Time); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// scoped are the pods in the scope of the RightSize. A selector that cannot be
// read selects nothing, as nothing may then be done.
func (o *Objects) scoped() []*corev1.Pod {
	if o.RightSize == nil {
		return o.Pods
	}
	in := scopeOf(o.RightSize.Spec.Scope, o.Nodes)
	var out []*corev1.Pod
	for _, p := range o.Pods {
		if in(p) {
			out = append(out, p)
		}
	}
	return out
}

// scopeOf says which pods are in a scope.
func scopeOf(s v1alpha1.Scope, nodes []Node) func(*corev1.Pod) bool {
	if r := s.Ordinals; r.First != nil {
		return func(p *corev1.Pod) bool {
			n := ordinalOf(p)
			return n >= int64(*r.First) && (r.Last == nil || n <= int64(*r.Last))
		}
	}
	if s.Nodes == nil {
		return func(*corev1.Pod) bool { return true }
	}
	matches := map[string]bool{}
	if selector, err := metav1.LabelSelectorAsSelector(s.Nodes); err == nil {
		for _, n := range nodes {
			matches[n.node.Name] = selector.Matches(labels.Set(n.node.Labels))
		}
	}
	return func(p *corev1.Pod) bool { return matches[p.Spec.NodeName] }
}

// template is what new pods are made of: the newest pod, and where there is none
// the template of the target. Nil where there is neither. Pods that an admission
// has sized are newer than the template.
func (o *Objects) template() *corev1.Pod {
	if pods := o.alive(); len(pods) > 0 {
		old := o.outdated()
		for _, p := range pods {
			if !old(p) {
				return p
			}
		}
		return pods[0]
	}
	if o.Target == nil {
		return nil
	}
	for _, path := range [][]string{
		{"spec", "template"}, {"spec", "jobTemplate", "spec", "template"}, {"spec", "leaderWorkerTemplate", "workerTemplate"},
	} {
		raw, found, err := unstructured.NestedMap(o.Target.Object, path...)
		if !found || err != nil {
			continue
		}
		var t corev1.PodTemplateSpec
		if apiruntime.DefaultUnstructuredConverter.FromUnstructured(raw, &t) == nil && len(t.Spec.Containers) > 0 {
			return &corev1.Pod{ObjectMeta: t.ObjectMeta, Spec: t.Spec}
		}
	}
	return nil
}

// replicas is the number of pods asked for: by /scale, else by the target; false
// where neither says.
func (o *Objects) replicas() (int, bool) {
	if o.Scale != nil {
		return int(o.Scale.Spec.Replicas), true
	}
	return o.number("spec", "replicas")
}

// number is an integer of the target; false where it has none.
func (o *Objects) number(path ...string) (int, bool) {
	if o.Target == nil {
		return 0, false
	}
	n, found, err := unstructured.NestedInt64(o.Target.Object, path...)
	return int(n), found && err == nil
}

// text is a string of the target, empty where it has none.
func (o *Objects) text(path ...string) string {
	if o.Target == nil {
		return ""
	}
	s, _, err := unstructured.NestedString(o.Target.Object, path...)
	if err != nil {
		return ""
	}
	return s
}

// kind is that of the target, without its version.
func (o *Objects) kind() string {
	switch {
	case o.Target != nil:
		return o.Target.GetKind()
	case o.RightSize != nil:
		return o.RightSize.Spec.TargetRef.Kind
	}
	return ""
}

// revisionLabel is the label by which pods of a kind tell of what template they
// are.
func revisionLabel(kind string) string {
	switch kind {
	case "Deployment":
		return appsv1.DefaultDeploymentUniqueLabelKey
	case "StatefulSet", "DaemonSet":
		return appsv1.ControllerRevisionHashLabelKey
	case "Rollout":
		return "rollouts-pod-template-hash"
	case "LeaderWorkerSet":
		return "leaderworkerset.sigs.k8s.io/template-revision-hash"
	}
	return ""
}

// instantOf is the time of a field that may be missing.
func instantOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
