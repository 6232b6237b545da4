package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
)

// nodesFor is how long a list of the nodes is kept: a decision is about one of
// thousands of workloads that have them in common.
const nodesFor = 10 * time.Second

// world is what the API server knows, from caches where there are any.
type world struct {
	// cached reads from the caches, live from the API server.
	cached client.Reader
	live   client.Client
	caches cache.Cache
	mapper meta.RESTMapper
	// nodesReadable says that nodes may be read, loads what pods take of them; nil
	// where not those of every namespace are cached, so that it is not known.
	nodesReadable bool
	loads         *loads

	mu       sync.Mutex
	features actuator.Features
	nodes    []snapshot.Node
	nodesAt  time.Time
	// served are the kinds of others that the cluster has and that are cached, and
	// follow is called for each of them that is another autoscaler.
	served map[schema.GroupVersionKind]bool
	follow []func(schema.GroupVersionKind)
}

// The kinds of other autoscalers that a cluster may have.
func rivalKinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		{Group: "autoscaling.k8s.io", Version: "v1", Kind: "VerticalPodAutoscaler"},
		{Group: "keda.sh", Version: "v1alpha1", Kind: "ScaledObject"},
	}
}

// nodePoolKind is Karpenter's, which tells how many nodes there may be.
func nodePoolKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "karpenter.sh", Version: "v1", Kind: "NodePool"}
}

// discover starts to watch what the cluster has come to serve of the kinds that
// it may have: other autoscalers, and NodePools where nodes may be read.
func (w *world) discover(ctx context.Context) {
	for _, k := range append(rivalKinds(), nodePoolKind()) {
		if w.serves(k) {
			continue
		}
		mapping, err := w.mapper.RESTMapping(k.GroupKind(), k.Version)
		if err != nil || mapping.Scope.Name() == meta.RESTScopeNameRoot && !w.readable(ctx, k) {
			continue // Not served, or not now, or not for us.
		}
		if _, err := w.caches.GetInformer(ctx, object(k), cache.BlockUntilSynced(false)); err != nil {
			continue
		}
		w.mu.Lock()
		w.served[k] = true
		follow := w.follow
		w.mu.Unlock()
		for _, f := range follow {
			if k != nodePoolKind() {
				f(k)
			}
		}
	}
}

func (w *world) serves(k schema.GroupVersionKind) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.served[k]
}

// readable says whether objects of a kind of the whole cluster may be listed: a
// cache of those that may not would never be full.
func (w *world) readable(ctx context.Context, k schema.GroupVersionKind) bool {
	if !w.nodesReadable {
		return false
	}
	all := &unstructured.UnstructuredList{}
	all.SetGroupVersionKind(k)
	return w.live.List(ctx, all, client.Limit(1)) == nil
}

// followRivals has a function called for each kind of other autoscalers that the
// cluster serves or comes to serve.
func (w *world) followRivals(f func(schema.GroupVersionKind)) {
	w.mu.Lock()
	w.follow = append(w.follow, f)
	w.mu.Unlock()
	for _, k := range rivalKinds() {
		if w.serves(k) {
			f(k)
		}
	}
}

// target reads the object that a RightSize names. Kinds that are not watched are
// read from the API server.
func (w *world) target(ctx context.Context, namespace string, ref v1alpha1.TargetRef) (*unstructured.Unstructured, error) {
	key := types.NamespacedName{Namespace: namespace, Name: ref.Name}
	gk := targetKind(ref)
	if k, ok := watchedKind(gk); ok {
		o := object(k)
		return o, w.cached.Get(ctx, key, o)
	}
	mapping, err := w.mapper.RESTMapping(gk)
	if err != nil {
		return nil, err
	}
	o := object(mapping.GroupVersionKind)
	return o, w.live.Get(ctx, key, o)
}

// errScaleForbidden says that the right to read /scale is missing.
var errScaleForbidden = errors.New("not allowed to read /scale")

// scale reads /scale of a target whose kind is not watched: of those that are,
// spec.replicas says it. Nil where the kind has none.
func (w *world) scale(ctx context.Context, target *unstructured.Unstructured) (*autoscalingv1.Scale, error) {
	if _, ok := watchedKind(target.GroupVersionKind().GroupKind()); ok {
		return nil, nil //nolint:nilnil // None is needed.
	}
	s := object(autoscalingv1.SchemeGroupVersion.WithKind("Scale"))
	err := w.live.SubResource("scale").Get(ctx, target.DeepCopy(), s)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // There is none.
	case apierrors.IsForbidden(err):
		return nil, fmt.Errorf("%w: %w", errScaleForbidden, err)
	case err != nil:
		return nil, fmt.Errorf("read /scale of %s %s: %w", target.GetKind(), target.GetName(), err)
	}
	var out autoscalingv1.Scale
	return &out, runtime.DefaultUnstructuredConverter.FromUnstructured(s.Object, &out)
}

// objects gathers what is known about the workload of a RightSize. Nothing of it
// may be changed: it is what the caches hold.
func (w *world) objects(ctx context.Context, rs *v1alpha1.RightSize, target *unstructured.Unstructured) (snapshot.Objects, error) {
	o := snapshot.Objects{RightSize: rs, Target: target}
	w.mu.Lock()
	o.Features = w.features
	w.mu.Unlock()
	var err error
	if o.Scale, err = w.scale(ctx, target); err != nil {
		return o, err
	}
	if err := w.owned(ctx, &o, target.GetUID(), 0); err != nil {
		return o, err
	}
	if o.Nodes, err = w.allNodes(ctx); err != nil {
		return o, err
	}
	if o.NodePools, err = w.others(ctx, nodePoolKind(), ""); err != nil {
		return o, err
	}
	err = w.namespaced(ctx, rs.Namespace, &o)
	return o, err
}

// others are the objects of a kind that the cluster may have; none where it does
// not.
func (w *world) others(ctx context.Context, k schema.GroupVersionKind, namespace string) ([]*unstructured.Unstructured, error) {
	if !w.serves(k) {
		return nil, nil
	}
	all := &unstructured.UnstructuredList{}
	all.SetGroupVersionKind(k)
	err := w.list(ctx, all, namespace)
	return pointers(all.Items), err
}

// ownedDepth is how far owners of owners are followed: a LeaderWorkerSet owns a
// StatefulSet of leaders, each of which owns a StatefulSet of workers.
const ownedDepth = 4

// owned adds the pods that an object owns, through whatever is between.
func (w *world) owned(ctx context.Context, o *snapshot.Objects, uid types.UID, depth int) error {
	if depth > ownedDepth {
		return nil
	}
	var pods corev1.PodList
	if err := w.list(ctx, &pods, o.RightSize.Namespace, client.MatchingFields{indexOwner: string(uid)}); err != nil {
		return err
	}
	for i := range pods.Items {
		o.Pods = append(o.Pods, &pods.Items[i])
		if pods.Items[i].Labels["leaderworkerset.sigs.k8s.io/name"] != "" {
			if err := w.owned(ctx, o, pods.Items[i].UID, depth+1); err != nil {
				return err
			}
		}
	}
	sets := &metav1.PartialObjectMetadataList{}
	sets.SetGroupVersionKind(replicaSet().GroupVersionKind())
	if err := w.list(ctx, sets, o.RightSize.Namespace, client.MatchingFields{indexOwner: string(uid)}); err != nil {
		return err
	}
	for i := range sets.Items {
		if depth == 0 {
			o.ReplicaSets = append(o.ReplicaSets, &sets.Items[i])
		}
		if err := w.owned(ctx, o, sets.Items[i].UID, depth+1); err != nil {
			return err
		}
	}
	return w.between(ctx, o, uid, depth)
}

// between follows the objects that stand between a target and its pods, of the
// kinds of which that is known.
func (w *world) between(ctx context.Context, o *snapshot.Objects, uid types.UID, depth int) error {
	kinds := map[string]string{"CronJob": "Job", "LeaderWorkerSet": "StatefulSet"}
	for _, k := range targetKinds() {
		if k.Kind != kinds[o.Target.GetKind()] {
			continue
		}
		all := &unstructured.UnstructuredList{}
		all.SetGroupVersionKind(k)
		if err := w.list(ctx, all, o.RightSize.Namespace, client.MatchingFields{indexOwner: string(uid)}); err != nil {
			return err
		}
		for i := range all.Items {
			if err := w.owned(ctx, o, all.Items[i].GetUID(), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// list reads from the caches without copying.
func (w *world) list(ctx context.Context, into client.ObjectList, namespace string, more ...client.ListOption) error {
	options := append([]client.ListOption{client.UnsafeDisableDeepCopy}, more...)
	if namespace != "" {
		options = append(options, client.InNamespace(namespace))
	}
	if err := w.cached.List(ctx, into, options...); err != nil {
		return fmt.Errorf("list %T: %w", into, err)
	}
	return nil
}

// pointers to the items of a list.
func pointers[T any](items []T) []*T {
	out := make([]*T, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}

// namespaced adds what of a namespace bounds its workloads.
func (w *world) namespaced(ctx context.Context, namespace string, o *snapshot.Objects) error {
	var quotas corev1.ResourceQuotaList
	var ranges corev1.LimitRangeList
	var budgets policyv1.PodDisruptionBudgetList
	var hpas autoscalingv2.HorizontalPodAutoscalerList
	var others v1alpha1.RightSizeList
	for _, into := range []client.ObjectList{&quotas, &ranges, &budgets} {
		if err := w.list(ctx, into, namespace); err != nil {
			return err
		}
	}
	ref := o.RightSize.Spec.TargetRef
	for _, into := range []client.ObjectList{&hpas, &others} {
		if err := w.list(ctx, into, namespace, client.MatchingFields{indexTarget: targetKey(targetKind(ref), ref.Name)}); err != nil {
			return err
		}
	}
	o.Quotas, o.LimitRanges, o.PDBs = pointers(quotas.Items), pointers(ranges.Items), pointers(budgets.Items)
	o.HPAs, o.RightSizes = pointers(hpas.Items), pointers(others.Items)
	for i, into := range []*[]*unstructured.Unstructured{&o.VPAs, &o.ScaledObjects} {
		var err error
		if *into, err = w.others(ctx, rivalKinds()[i], namespace); err != nil {
			return err
		}
	}
	return nil
}

// allNodes are the nodes with what pods take of them. Where not all pods are
// seen, what is free is not known, and nodes then tell only their shape.
func (w *world) allNodes(ctx context.Context) ([]snapshot.Node, error) {
	if !w.nodesReadable {
		return nil, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.nodes != nil && time.Since(w.nodesAt) < nodesFor {
		return w.nodes, nil
	}
	var nodes corev1.NodeList
	if err := w.list(ctx, &nodes, ""); err != nil {
		return nil, err
	}
	var taken map[string]snapshot.Load
	if w.loads != nil {
		var err error
		if taken, err = w.loads.all(ctx); err != nil {
			return nil, err
		}
	}
	out := make([]snapshot.Node, 0, len(nodes.Items))
	for i := range nodes.Items {
		n := &nodes.Items[i]
		out = append(out, snapshot.NewNode(n, taken[n.Name]))
	}
	w.nodes, w.nodesAt = out, time.Now()
	return out, nil
}
