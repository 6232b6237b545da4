package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
)

// resolved is what a RightSize names, with what is around it.
type resolved struct {
	objects snapshot.Objects
	// reason and message are why it is not resolved; the reason is Resolved where
	// it is.
	reason, message string
	// found says that there is such an object, so that it can be decided about
	// even where something is in the way of changes.
	found bool
}

func unresolved(reason, format string, args ...any) resolved {
	return resolved{reason: reason, message: fmt.Sprintf(format, args...)}
}

// protectedNamespaces belong to the cluster: nothing is changed in them.
func protectedNamespaces() []string { return []string{"kube-system", "kube-public", "kube-node-lease"} }

// resolve finds the target of a RightSize and what is in the way of sizing it. An
// error is about the API server.
func (w *world) resolve(ctx context.Context, rs *v1alpha1.RightSize) (resolved, error) {
	ref := rs.Spec.TargetRef
	target, err := w.target(ctx, rs.Namespace, ref)
	switch {
	case meta.IsNoMatchError(err):
		return unresolved(v1alpha1.ReasonTargetNotFound, "the cluster serves no kind %s of %s", ref.Kind, ref.APIVersion), nil
	case apierrors.IsNotFound(err):
		return unresolved(v1alpha1.ReasonTargetNotFound, "there is no %s %s", ref.Kind, ref.Name), nil
	case apierrors.IsForbidden(err):
		return unresolved(v1alpha1.ReasonTargetNotFound, "no right to read kind %s: name it under scaleTargets of the chart", ref.Kind), nil
	case err != nil:
		return resolved{}, fmt.Errorf("read %s %s: %w", ref.Kind, ref.Name, err)
	case target.GetDeletionTimestamp() != nil:
		return unresolved(v1alpha1.ReasonTargetNotFound, "%s %s is being deleted", ref.Kind, ref.Name), nil
	}
	if owner := metav1.GetControllerOf(target); owner != nil && sizedByOwner(owner) {
		return unresolved(v1alpha1.ReasonTargetOwned, "%s %s is made by %s %s: name that", ref.Kind, ref.Name, owner.Kind, owner.Name), nil
	}
	o, err := w.objects(ctx, rs, target)
	if errors.Is(err, errScaleForbidden) {
		return unresolved(v1alpha1.ReasonTargetNotFound, "no right to get /scale of kind %s: name it under scaleTargets of the chart", ref.Kind), nil
	}
	if err != nil {
		return resolved{}, err
	}
	counting, first := precedence(rs, o.RightSizes)
	o.RightSizes = counting
	r := resolved{objects: o, found: true, reason: v1alpha1.ReasonResolved, message: ref.Kind + " " + ref.Name}
	changes := rs.Spec.Mode == v1alpha1.ModeInitial || rs.Spec.Mode == v1alpha1.ModeApply
	switch {
	case first != nil:
		r.reason, r.message = v1alpha1.ReasonConflict, fmt.Sprintf("RightSize %s has the same target", first.Name)
	case changes && slices.Contains(protectedNamespaces(), rs.Namespace):
		r.reason, r.message = v1alpha1.ReasonProtected, "nothing is changed in "+rs.Namespace+": only DryRun works there"
	case changes && optedOut(o):
		r.reason, r.message = v1alpha1.ReasonProtected, "every pod has the label "+v1alpha1.OptOutLabel
	case wantsScale(rs.Spec) && noScale(o):
		r.reason, r.message = v1alpha1.ReasonNoScale, "kind "+ref.Kind+" has no /scale: leave horizontal out, or set its mode to Fixed"
	default:
		if rivals := o.Rivals(); len(rivals) > 0 {
			r.reason, r.message = v1alpha1.ReasonConflict, fmt.Sprintf("%s %s has the same target", rivals[0].Kind, rivals[0].Name)
		}
	}
	return r, nil
}

// sizedByOwner says whether an owner is a workload itself, so that it is the one
// to name. What operators make, such as the StatefulSet of a database, is sized
// by itself.
func sizedByOwner(owner *metav1.OwnerReference) bool {
	gk := schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind()
	switch gk.Group {
	case "apps", "batch":
		return true
	}
	return gk == schema.GroupKind{Group: "argoproj.io", Kind: "Rollout"} ||
		gk == schema.GroupKind{Group: "leaderworkerset.x-k8s.io", Kind: "LeaderWorkerSet"}
}

// optedOut says whether there are pods and none may be changed.
func optedOut(o snapshot.Objects) bool {
	for _, p := range o.Pods {
		if _, out := p.Labels[v1alpha1.OptOutLabel]; !out {
			return false
		}
	}
	return len(o.Pods) > 0
}

// wantsScale says whether the spec has replicas chosen in so many words.
func wantsScale(s v1alpha1.RightSizeSpec) bool {
	h := s.Horizontal
	return h.Mode == v1alpha1.SizingAuto && (h.MinReplicas != nil || h.MaxReplicas > 0)
}

// noScale says whether the kind has no /scale.
func noScale(o snapshot.Objects) bool {
	switch o.Target.GetKind() {
	case "Deployment", "StatefulSet":
		return false
	}
	_, watched := watchedKind(o.Target.GroupVersionKind().GroupKind())
	return watched || o.Scale == nil
}
