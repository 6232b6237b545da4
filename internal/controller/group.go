package controller

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/history"
)

// group are the other workloads that serve the demand of a RightSize, as the
// RightSizes of its namespace with the same group say. Those that nobody changes
// go on serving what they serve; RightSizes in DryRun tell each other what would be
// if all of them were applied.
func (r *recommends) group(ctx context.Context, rs *v1alpha1.RightSize, now time.Time) ([]history.Member, error) {
	if rs.Spec.Demand.Group == "" {
		return nil, nil
	}
	var all v1alpha1.RightSizeList
	if err := r.world.cached.List(ctx, &all, client.InNamespace(rs.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var out []history.Member
	counted := map[string]bool{targetKey(targetKind(rs.Spec.TargetRef), rs.Spec.TargetRef.Name): true}
	for i := range all.Items {
		other := &all.Items[i]
		if other.Name == rs.Name || other.Spec.Demand.Group != rs.Spec.Demand.Group || other.DeletionTimestamp != nil {
			continue
		}
		ref := other.Spec.TargetRef
		id, several := r.data.workload(other.Namespace, ref.Kind, ref.Name)
		key := targetKey(targetKind(ref), ref.Name)
		if several || counted[key] {
			continue // It is not known which, or another RightSize tells of it.
		}
		counted[key] = true
		m := history.Member{ID: id}
		p, err := r.policy(other, now)
		m.Policy = p.Policy
		moves := other.Spec.Mode == v1alpha1.ModeApply || other.Spec.Mode == v1alpha1.ModeDryRun && rs.Spec.Mode == v1alpha1.ModeDryRun
		m.Stays = err != nil || !moves || meta.IsStatusConditionFalse(other.Status.Conditions, v1alpha1.ConditionTargetResolved)
		if n := other.Status.CurrentReplicas; n != nil {
			m.Desired = new(int(*n))
		}
		out = append(out, m)
	}
	return out, nil
}
