package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// namespace is a namespace of which the labels are all that counts.
func namespace() *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return o
}

// optIn makes RightSizes in DryRun for the workloads of namespaces whose label
// asks for it. It has the right to make them and no other: it never changes or
// deletes one. Each belongs to its workload and goes with it; when the label goes
// they stay, as they change nothing.
type optIn struct {
	world  *world
	client client.Client
}

// Reconcile makes those that a namespace lacks.
func (o *optIn) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	ns := namespace()
	if err := o.world.cached.Get(ctx, types.NamespacedName{Name: q.Name}, ns); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if ns.Labels[v1alpha1.OptInLabel] != v1alpha1.OptInDryRun || ns.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	var there v1alpha1.RightSizeList
	if err := o.world.list(ctx, &there, ns.Name); err != nil {
		return reconcile.Result{}, err
	}
	named := map[string]bool{}
	for i := range there.Items {
		ref := there.Items[i].Spec.TargetRef
		named[targetKey(targetKind(ref), ref.Name)] = true
	}
	var errs []error
	for _, k := range targetKinds() {
		if k.Kind == "Job" {
			continue // It ends before there is anything to learn.
		}
		all := &unstructured.UnstructuredList{}
		all.SetGroupVersionKind(k)
		if err := o.world.list(ctx, all, ns.Name); err != nil {
			return reconcile.Result{}, err
		}
		for i := range all.Items {
			if t := &all.Items[i]; !named[targetKey(k.GroupKind(), t.GetName())] && wantsOne(t) {
				errs = append(errs, o.create(ctx, t))
			}
		}
	}
	return reconcile.Result{}, errors.Join(errs...)
}

// wantsOne says whether a workload is one of its own, and not opted out.
func wantsOne(o *unstructured.Unstructured) bool {
	if owner := metav1.GetControllerOf(o); o.GetDeletionTimestamp() != nil || owner != nil && sizedByOwner(owner) {
		return false
	}
	labels, _, err := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "labels")
	_, out := labels[v1alpha1.OptOutLabel]
	return err != nil || !out
}

// create makes a RightSize for a workload. That there is one of the name is no
// error: it was made a moment ago, or is somebody else's.
func (o *optIn) create(ctx context.Context, t *unstructured.Unstructured) error {
	gvk := t.GroupVersionKind()
	name := strings.ToLower(gvk.Kind) + "-" + t.GetName()
	if len(name) > validation.DNS1123SubdomainMaxLength {
		name = t.GetName()
	}
	rs := &v1alpha1.RightSize{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: t.GetNamespace(), Name: name, Labels: map[string]string{v1alpha1.OptInLabel: v1alpha1.OptInDryRun},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Name: t.GetName(), UID: t.GetUID(),
			}},
		},
		Spec: v1alpha1.RightSizeSpec{
			Mode:      v1alpha1.ModeDryRun,
			TargetRef: v1alpha1.TargetRef{APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Name: t.GetName()},
		},
	}
	err := o.client.Create(ctx, rs, client.FieldOwner(managerRecommender))
	switch {
	case apierrors.IsAlreadyExists(err):
		return nil
	case apierrors.IsForbidden(err):
		log.FromContext(ctx).Error(err, "no right to make RightSizes: rbac.optIn of the chart gives it")
		return reconcile.TerminalError(err)
	case err != nil:
		return fmt.Errorf("make RightSize %s/%s: %w", rs.Namespace, rs.Name, err)
	}
	log.FromContext(ctx).Info("made a RightSize in DryRun, as the label of its namespace asks", "rightsize", name, "kind", gvk.Kind, "target", t.GetName())
	return nil
}

// optedIn says whether a RightSize was made for a label: one that somebody made
// for the same target comes first.
func optedIn(rs *v1alpha1.RightSize) bool {
	return rs.Labels[v1alpha1.OptInLabel] == v1alpha1.OptInDryRun && rs.Spec.Mode == v1alpha1.ModeDryRun
}

// precedence splits the RightSizes of one target by whether they count for this one:
// one that somebody made does not give way to those made for a label, which give
// way to it, whichever is older.
func precedence(rs *v1alpha1.RightSize, all []*v1alpha1.RightSize) (counting []*v1alpha1.RightSize, first *v1alpha1.RightSize) {
	if !optedIn(rs) {
		return slices.DeleteFunc(slices.Clone(all), optedIn), nil
	}
	for _, other := range all {
		if other.UID != rs.UID && !optedIn(other) && other.DeletionTimestamp == nil {
			return all, other
		}
	}
	return all, nil
}

// optIn sets it up, where namespaces may be read.
func (p *program) optIn(ctx context.Context) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(namespace().GroupVersionKind())
	if readable, err := p.readable(ctx, list); err != nil || !readable || len(p.options.Namespaces) > 0 {
		return err
	}
	o := &optIn{world: p.world, client: p.manager.GetClient()}
	c, err := controller.New("rightsize-opt-in", p.manager, controller.Options{Reconciler: o, LogConstructor: p.logger("opt-in"), MaxConcurrentReconciles: 1})
	if err != nil {
		return err
	}
	request := func(name string) reconcile.Request {
		return reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
	}
	sources := []source.Source{source.Kind(p.manager.GetCache(), namespace(), &handler.TypedEnqueueRequestForObject[*metav1.PartialObjectMetadata]{})}
	for _, k := range targetKinds() {
		sources = append(sources, source.Kind(p.manager.GetCache(), object(k), handler.TypedFuncs[*unstructured.Unstructured, reconcile.Request]{
			CreateFunc: func(_ context.Context, e event.TypedCreateEvent[*unstructured.Unstructured], to requests) {
				if !e.IsInInitialList {
					to.Add(request(e.Object.GetNamespace()))
				}
			},
		}))
	}
	for _, s := range sources {
		if err := c.Watch(s); err != nil {
			return fmt.Errorf("watch: %w", err)
		}
	}
	return nil
}
