package controller

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// Indexes of the caches.
const (
	// indexTarget finds RightSizes and HPAs by what they name: group/kind/name.
	indexTarget = "target"
	// indexOwner finds objects by the UID of their controller.
	indexOwner = "owner"
)

// newScheme knows the types that are cached.
func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, autoscalingv2.AddToScheme, policyv1.AddToScheme, v1alpha1.AddToScheme,
	} {
		utilruntime.Must(add(s))
	}
	return s
}

// replicaSets, of which only the metadata is cached: they lead from pods to
// Deployments and tell their revision.
func replicaSet() *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	return o
}

// targetKinds are the kinds of targets that are watched. They are cached without
// a type, as those of any other kind are read.
func targetKinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		appsv1.SchemeGroupVersion.WithKind("Deployment"),
		appsv1.SchemeGroupVersion.WithKind("StatefulSet"),
		appsv1.SchemeGroupVersion.WithKind("DaemonSet"),
		batchv1.SchemeGroupVersion.WithKind("Job"),
		batchv1.SchemeGroupVersion.WithKind("CronJob"),
	}
}

// watchedKind is the watched kind of a group, of whatever version.
func watchedKind(gk schema.GroupKind) (schema.GroupVersionKind, bool) {
	for _, k := range targetKinds() {
		if k.GroupKind() == gk {
			return k, true
		}
	}
	return schema.GroupVersionKind{}, false
}

func object(gvk schema.GroupVersionKind) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(gvk)
	return o
}

// cacheOptions say what is cached and how much of it.
func cacheOptions(namespaces []string) cache.Options {
	o := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:  {Transform: trimPod},
			&corev1.Node{}: {Transform: trimNode},
			replicaSet():   {Transform: trimReplicaSet},
		},
	}
	for _, k := range targetKinds() {
		o.ByObject[object(k)] = cache.ByObject{Transform: trimTarget}
	}
	if len(namespaces) > 0 {
		o.DefaultNamespaces = map[string]cache.Config{}
		for _, ns := range namespaces {
			o.DefaultNamespaces[ns] = cache.Config{}
		}
	}
	return o
}

// targetKey is how a target is found: its version does not count.
func targetKey(gk schema.GroupKind, name string) string {
	return gk.Group + "/" + gk.Kind + "/" + name
}

// targetKind is the group and kind that a RightSize names.
func targetKind(r v1alpha1.TargetRef) schema.GroupKind {
	return schema.FromAPIVersionAndKind(r.APIVersion, r.Kind).GroupKind()
}

// index declares the indexes.
func index(ctx context.Context, indexer client.FieldIndexer) error {
	owner := func(o client.Object) []string {
		if c := metav1.GetControllerOfNoCopy(o); c != nil {
			return []string{string(c.UID)}
		}
		return nil
	}
	for _, i := range []struct {
		object client.Object
		field  string
		of     client.IndexerFunc
	}{
		{&v1alpha1.RightSize{}, indexTarget, func(o client.Object) []string {
			rs, ok := o.(*v1alpha1.RightSize)
			if !ok {
				return nil
			}
			return []string{targetKey(targetKind(rs.Spec.TargetRef), rs.Spec.TargetRef.Name)}
		}},
		{&autoscalingv2.HorizontalPodAutoscaler{}, indexTarget, func(o client.Object) []string {
			h, ok := o.(*autoscalingv2.HorizontalPodAutoscaler)
			if !ok {
				return nil
			}
			r := h.Spec.ScaleTargetRef
			return []string{targetKey(schema.FromAPIVersionAndKind(r.APIVersion, r.Kind).GroupKind(), r.Name)}
		}},
		{&corev1.Pod{}, indexOwner, owner},
		{replicaSet(), indexOwner, owner},
		{object(appsv1.SchemeGroupVersion.WithKind("StatefulSet")), indexOwner, owner},
		{object(batchv1.SchemeGroupVersion.WithKind("Job")), indexOwner, owner},
	} {
		if err := indexer.IndexField(ctx, i.object, i.field, i.of); err != nil {
			return fmt.Errorf("index %T by %s: %w", i.object, i.field, err)
		}
	}
	return nil
}
