package controller

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// requests is the queue of a controller.
type requests = workqueue.TypedRateLimitingInterface[reconcile.Request]

// watcher leads from objects to the RightSizes that they are about.
type watcher struct {
	reader client.Reader
	// after is how long a RightSize is left before it is looked at, so that the
	// events of one change count as one.
	after time.Duration
	// progress says that how far pods are with a resize counts as well.
	progress bool
}

// add has the RightSizes of a target looked at.
func (w *watcher) add(ctx context.Context, to requests, namespace string, gk schema.GroupKind, name string, priority int, after time.Duration) {
	var named v1alpha1.RightSizeList
	err := w.reader.List(ctx, &named, client.InNamespace(namespace), client.MatchingFields{indexTarget: targetKey(gk, name)}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return // The index is there from the start; a cache that ends needs nothing.
	}
	for i := range named.Items {
		q := reconcile.Request{NamespacedName: keyOf(&named.Items[i])}
		if p, ok := to.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
			p.AddWithOpts(priorityqueue.AddOpts{After: after, Priority: &priority}, q)
			continue
		}
		to.AddAfter(q, after)
	}
}

// targets watches the targets themselves: that there is one, and its spec. Those
// that are there at the start are looked at with their RightSizes.
func (w *watcher) targets() handler.TypedEventHandler[*unstructured.Unstructured, reconcile.Request] {
	add := func(ctx context.Context, o *unstructured.Unstructured, to requests) {
		w.add(ctx, to, o.GetNamespace(), o.GroupVersionKind().GroupKind(), o.GetName(), 0, w.after)
	}
	return handler.TypedFuncs[*unstructured.Unstructured, reconcile.Request]{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[*unstructured.Unstructured], to requests) {
			if !e.IsInInitialList {
				add(ctx, e.Object, to)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[*unstructured.Unstructured], to requests) {
			if e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
				add(ctx, e.ObjectNew, to)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[*unstructured.Unstructured], to requests) {
			add(ctx, e.Object, to)
		},
	}
}

// rivals watches objects that name the same targets as RightSizes: every RightSize
// of their namespace is looked at, as few as they change.
func rivals[T client.Object](w *watcher) handler.TypedEventHandler[T, reconcile.Request] {
	add := func(ctx context.Context, namespace string, to requests) {
		var all v1alpha1.RightSizeList
		if err := w.reader.List(ctx, &all, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
			return
		}
		for i := range all.Items {
			to.AddAfter(reconcile.Request{NamespacedName: keyOf(&all.Items[i])}, w.after)
		}
	}
	return handler.TypedFuncs[T, reconcile.Request]{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[T], to requests) {
			if !e.IsInInitialList {
				add(ctx, e.Object.GetNamespace(), to)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[T], to requests) {
			if e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
				add(ctx, e.ObjectNew.GetNamespace(), to)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[T], to requests) {
			add(ctx, e.Object.GetNamespace(), to)
		},
	}
}

// siblings watches RightSizes for those of the same target: when the older one
// goes, the younger has it.
func (w *watcher) siblings() handler.TypedEventHandler[*v1alpha1.RightSize, reconcile.Request] {
	add := func(ctx context.Context, rs *v1alpha1.RightSize, to requests) {
		w.add(ctx, to, rs.Namespace, targetKind(rs.Spec.TargetRef), rs.Spec.TargetRef.Name, 0, w.after)
	}
	return handler.TypedFuncs[*v1alpha1.RightSize, reconcile.Request]{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[*v1alpha1.RightSize], to requests) {
			if !e.IsInInitialList {
				add(ctx, e.Object, to)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[*v1alpha1.RightSize], to requests) {
			add(ctx, e.Object, to)
		},
	}
}

// pods watches pods: that they come, go, and become ready, that they are killed,
// and how far they are with a resize.
func (w *watcher) pods() handler.TypedEventHandler[*corev1.Pod, reconcile.Request] {
	add := func(ctx context.Context, p *corev1.Pod, to requests, priority int, after time.Duration) {
		gk, name, ok := w.workload(ctx, p)
		if ok {
			w.add(ctx, to, p.Namespace, gk, name, priority, after)
		}
	}
	return handler.TypedFuncs[*corev1.Pod, reconcile.Request]{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[*corev1.Pod], to requests) {
			if !e.IsInInitialList {
				add(ctx, e.Object, to, 0, w.after)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[*corev1.Pod], to requests) {
			switch {
			case kills(e.ObjectNew) > kills(e.ObjectOld):
				add(ctx, e.ObjectNew, to, 0, 0)
			case moved(e.ObjectOld, e.ObjectNew):
				add(ctx, e.ObjectNew, to, 0, w.after)
			case w.progress && progressed(e.ObjectOld, e.ObjectNew):
				add(ctx, e.ObjectNew, to, priorityProgress, w.after)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[*corev1.Pod], to requests) {
			add(ctx, e.Object, to, 0, w.after)
		},
	}
}

// workload follows the controllers of a pod up to what a RightSize names: the
// last that is known.
func (w *watcher) workload(ctx context.Context, p *corev1.Pod) (schema.GroupKind, string, bool) {
	owner := metav1.GetControllerOfNoCopy(p)
	if owner == nil {
		return schema.GroupKind{}, "", false
	}
	for range ownedDepth {
		above := w.above(ctx, p.Namespace, owner)
		if above == nil {
			break
		}
		owner = above
	}
	return schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind(), owner.Name, true
}

// above is the controller of a controller, nil where it has none or is not known.
func (w *watcher) above(ctx context.Context, namespace string, owner *metav1.OwnerReference) *metav1.OwnerReference {
	var o client.Object
	switch gk := schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind(); gk {
	case schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}:
		o = replicaSet()
	case schema.GroupKind{Group: "batch", Kind: "Job"}, schema.GroupKind{Group: "apps", Kind: "StatefulSet"}:
		k, _ := watchedKind(gk)
		o = object(k)
	case schema.GroupKind{Kind: "Pod"}:
		o = &corev1.Pod{}
	default:
		return nil
	}
	if err := w.reader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: owner.Name}, o, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	above := metav1.GetControllerOf(o)
	if above == nil || owner.Kind == "StatefulSet" && !sizedByOwner(above) && above.Kind != "Pod" {
		return nil
	}
	return above
}

// kills counts the containers of a pod whose last run was ended for want of
// memory, by their restarts.
func kills(p *corev1.Pod) int32 {
	n := int32(0)
	for _, all := range [][]corev1.ContainerStatus{p.Status.ContainerStatuses, p.Status.InitContainerStatuses} {
		for _, c := range all {
			for _, s := range []corev1.ContainerState{c.State, c.LastTerminationState} {
				if s.Terminated != nil && s.Terminated.Reason == "OOMKilled" {
					n += 1 + c.RestartCount
				}
			}
		}
	}
	return n
}

// moved says whether a pod began or ended to serve, or what it waits for changed.
func moved(before, after *corev1.Pod) bool {
	return before.Status.Phase != after.Status.Phase || (before.DeletionTimestamp == nil) != (after.DeletionTimestamp == nil) ||
		stateOf(before, corev1.PodReady) != stateOf(after, corev1.PodReady) ||
		stateOf(before, corev1.PodResizePending) != stateOf(after, corev1.PodResizePending)
}

// progressed says whether the kubelet got on with a resize, or somebody asked for
// one.
func progressed(before, after *corev1.Pod) bool {
	if before.Generation != after.Generation || before.Spec.NodeName != after.Spec.NodeName ||
		stateOf(before, corev1.PodResizeInProgress) != stateOf(after, corev1.PodResizeInProgress) ||
		before.Status.ObservedGeneration != after.Status.ObservedGeneration || len(before.Status.ContainerStatuses) != len(after.Status.ContainerStatuses) {
		return true
	}
	for i, c := range after.Status.ContainerStatuses {
		if !apiequality.Semantic.DeepEqual(before.Status.ContainerStatuses[i].Resources, c.Resources) {
			return true
		}
	}
	return false
}

// stateOf is status and reason of a condition of a pod.
func stateOf(p *corev1.Pod, kind corev1.PodConditionType) string {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == kind {
			return string(c.Status) + " " + c.Reason
		}
	}
	return ""
}
