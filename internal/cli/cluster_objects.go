package cli

import (
	"context"
	"fmt"
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

// listPage is how many objects one answer of the API server holds.
const listPage = 500

// ownedDepth is how far owners of owners are followed: a LeaderWorkerSet owns a
// StatefulSet of leaders, each of which owns a StatefulSet of workers.
const ownedDepth = 4

// objects are those of a cluster that bear on decisions.
type objects struct {
	features actuator.Features
	nodes    []snapshot.Node
	targets  map[targetKey]*unstructured.Unstructured
	// complete are the kinds of targets that could be read: what is not among them
	// is not there.
	complete map[string]bool
	// By the UID of who controls them.
	pods     map[types.UID][]*corev1.Pod
	children map[types.UID][]*unstructured.Unstructured

	quotas map[string][]*corev1.ResourceQuota
	ranges map[string][]*corev1.LimitRange
	pdbs   map[string][]*policyv1.PodDisruptionBudget
	hpas   map[string][]*autoscalingv2.HorizontalPodAutoscaler
	// What a cluster may have: VerticalPodAutoscalers, KEDA's ScaledObjects and
	// Karpenter's NodePools.
	vpas, scaled map[string][]*unstructured.Unstructured
	pools        []*unstructured.Unstructured
}

// targetResources are the kinds that pods belong to.
func targetResources() []schema.GroupVersionResource {
	apps, batch := schema.GroupVersion{Group: "apps", Version: "v1"}, schema.GroupVersion{Group: "batch", Version: "v1"}
	return []schema.GroupVersionResource{
		apps.WithResource("deployments"), apps.WithResource("statefulsets"), apps.WithResource("daemonsets"), apps.WithResource("replicasets"),
		batch.WithResource("cronjobs"), batch.WithResource("jobs"),
		{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"},
		{Group: "leaderworkerset.x-k8s.io", Version: "v1", Resource: "leaderworkersets"},
	}
}

// objects reads everything, of the namespaces or of all if there is none. What the
// user may not see is told, and binds nothing.
func (c *cluster) objects(ctx context.Context, s Streams, namespaces []string) (*objects, error) {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	o := &objects{
		targets: map[targetKey]*unstructured.Unstructured{}, complete: map[string]bool{},
		pods: map[types.UID][]*corev1.Pod{}, children: map[types.UID][]*unstructured.Unstructured{},
		quotas: map[string][]*corev1.ResourceQuota{}, ranges: map[string][]*corev1.LimitRange{},
		pdbs: map[string][]*policyv1.PodDisruptionBudget{}, hpas: map[string][]*autoscalingv2.HorizontalPodAutoscaler{},
		vpas: map[string][]*unstructured.Unstructured{}, scaled: map[string][]*unstructured.Unstructured{},
	}
	resources, err := c.discovery.ServerResourcesForGroupVersion("v1")
	if err != nil {
		return nil, fmt.Errorf("ask %s what it serves: %w", c.rest.Host, err)
	}
	o.features.Resize = slices.ContainsFunc(resources.APIResources, func(r metav1.APIResource) bool { return r.Name == "pods/resize" })

	l := &lister{cluster: c, streams: s, namespaces: namespaces}
	for _, r := range targetResources() {
		o.complete[r.Resource] = l.list(ctx, r, false, func(u *unstructured.Unstructured) {
			o.targets[targetKey{u.GetNamespace(), u.GetKind(), u.GetName()}] = u
			if owner := metav1.GetControllerOf(u); owner != nil {
				o.children[owner.UID] = append(o.children[owner.UID], u)
			}
		})
	}
	o.around(ctx, l)
	return o, l.err
}

// around reads what is not a target: pods, what bounds them, and who else sizes
// and scales them.
func (o *objects) around(ctx context.Context, l *lister) {
	core, byNode := corev1.SchemeGroupVersion, map[string][]*corev1.Pod{}
	add(ctx, l, core.WithResource("pods"), func(p *corev1.Pod) {
		byNode[p.Spec.NodeName] = append(byNode[p.Spec.NodeName], p)
		if owner := metav1.GetControllerOf(p); owner != nil {
			o.pods[owner.UID] = append(o.pods[owner.UID], p)
		}
	})
	add(ctx, l, core.WithResource("resourcequotas"), func(q *corev1.ResourceQuota) { o.quotas[q.Namespace] = append(o.quotas[q.Namespace], q) })
	add(ctx, l, core.WithResource("limitranges"), func(r *corev1.LimitRange) { o.ranges[r.Namespace] = append(o.ranges[r.Namespace], r) })
	add(ctx, l, policyv1.SchemeGroupVersion.WithResource("poddisruptionbudgets"), func(b *policyv1.PodDisruptionBudget) { o.pdbs[b.Namespace] = append(o.pdbs[b.Namespace], b) })
	add(ctx, l, autoscalingv2.SchemeGroupVersion.WithResource("horizontalpodautoscalers"), func(h *autoscalingv2.HorizontalPodAutoscaler) { o.hpas[h.Namespace] = append(o.hpas[h.Namespace], h) })
	l.list(ctx, schema.GroupVersionResource{Group: "autoscaling.k8s.io", Version: "v1", Resource: "verticalpodautoscalers"}, true, func(u *unstructured.Unstructured) {
		o.vpas[u.GetNamespace()] = append(o.vpas[u.GetNamespace()], u)
	})
	l.list(ctx, schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledobjects"}, true, func(u *unstructured.Unstructured) {
		o.scaled[u.GetNamespace()] = append(o.scaled[u.GetNamespace()], u)
	})
	// What is free on a node is known where all pods are; else nodes tell their
	// shape.
	if l.namespaces[0] != metav1.NamespaceAll {
		clear(byNode)
	}
	l.namespaces = []string{metav1.NamespaceAll}
	add(ctx, l, core.WithResource("nodes"), func(n *corev1.Node) {
		o.nodes = append(o.nodes, snapshot.NewNode(n, snapshot.LoadOf(byNode[n.Name])))
	})
	l.list(ctx, schema.GroupVersionResource{Group: "karpenter.sh", Version: "v1", Resource: "nodepools"}, true, func(u *unstructured.Unstructured) {
		o.pools = append(o.pools, u)
	})
}

// lister reads lists of objects until something goes wrong.
type lister struct {
	cluster    *cluster
	streams    Streams
	namespaces []string
	err        error
}

// add reads objects of a type.
func add[T any](ctx context.Context, l *lister, r schema.GroupVersionResource, use func(*T)) {
	l.list(ctx, r, true, func(u *unstructured.Unstructured) {
		to := new(T)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, to); err != nil && l.err == nil {
			l.err = fmt.Errorf("%s %s/%s: %w", u.GetKind(), u.GetNamespace(), u.GetName(), err)
			return
		}
		use(to)
	})
}

// list reads a resource of the namespaces, and says whether it could. A kind that
// the cluster does not serve has no object.
func (l *lister) list(ctx context.Context, r schema.GroupVersionResource, tell bool, use func(*unstructured.Unstructured)) bool {
	for _, ns := range l.namespaces {
		options := metav1.ListOptions{Limit: listPage}
		for {
			if l.err != nil {
				return false
			}
			page, err := l.cluster.dynamic.Resource(r).Namespace(ns).List(ctx, options)
			switch {
			case apierrors.IsNotFound(err):
				return true
			case apierrors.IsForbidden(err):
				if tell || r.Group == "apps" || r.Group == "batch" {
					l.streams.note("no right to list %s: decisions do not look at them", r.Resource)
				}
				return false
			case err != nil:
				l.err = fmt.Errorf("read %s of %s: %w", r.Resource, l.cluster.rest.Host, err)
				return false
			}
			for i := range page.Items {
				use(&page.Items[i])
			}
			if options.Continue = page.GetContinue(); options.Continue == "" {
				break
			}
		}
	}
	return true
}

// of are the objects around a workload; false where the cluster does not have it.
func (o *objects) of(w recommender.Workload) (snapshot.Objects, bool) {
	target, ok := o.targets[targetKey{w.Namespace, w.Kind, w.Name}]
	if !ok {
		return snapshot.Objects{}, false
	}
	out := snapshot.Objects{
		Target: target, Nodes: o.nodes, Features: o.features,
		Quotas: o.quotas[w.Namespace], LimitRanges: o.ranges[w.Namespace], PDBs: o.pdbs[w.Namespace], HPAs: o.hpas[w.Namespace],
		VPAs: o.vpas[w.Namespace], ScaledObjects: o.scaled[w.Namespace], NodePools: o.pools,
	}
	o.follow(&out, target.GetUID(), 0)
	return out, true
}

// follow adds the pods that an object owns, through whatever is between.
func (o *objects) follow(out *snapshot.Objects, uid types.UID, depth int) {
	if depth > ownedDepth {
		return
	}
	for _, p := range o.pods[uid] {
		out.Pods = append(out.Pods, p)
		o.follow(out, p.UID, depth+1)
	}
	for _, child := range o.children[uid] {
		if depth == 0 && child.GetKind() == "ReplicaSet" {
			set := &metav1.PartialObjectMetadata{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(map[string]any{"metadata": child.Object["metadata"]}, set); err == nil {
				out.ReplicaSets = append(out.ReplicaSets, set)
			}
		}
		o.follow(out, child.GetUID(), depth+1)
	}
}

// gone says whether a workload is of a kind that was read whole, and is not there.
func (o *objects) gone(w recommender.Workload) bool {
	resource := map[string]string{
		"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets", "ReplicaSet": "replicasets",
		"CronJob": "cronjobs", "Job": "jobs", "Rollout": "rollouts", "LeaderWorkerSet": "leaderworkersets",
	}[w.Kind]
	return o.complete[resource] && o.targets[targetKey{w.Namespace, w.Kind, w.Name}] == nil
}
