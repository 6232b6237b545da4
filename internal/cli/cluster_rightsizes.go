package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

// rightsizes are the RightSize objects of a cluster, by what they size.
type rightsizes map[targetKey][]*v1alpha1.RightSize

// targetKey is a workload within a cluster. The group of the kind is left out:
// what is known from a Prometheus has none.
type targetKey struct{ namespace, kind, name string }

// rightsizes reads the objects of the namespaces, or of all if there is none. A
// cluster without the kind has no object; that is no error.
func (c *cluster) rightsizes(ctx context.Context, namespaces []string) (rightsizes, error) {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	resource := v1alpha1.GroupVersion.WithResource("rightsizes")
	out := rightsizes{}
	for _, ns := range namespaces {
		list, err := c.dynamic.Resource(resource).Namespace(ns).List(ctx, metav1.ListOptions{})
		if apierrors.IsNotFound(err) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the RightSizes of %s: %w", c.rest.Host, err)
		}
		for i := range list.Items {
			rs := &v1alpha1.RightSize{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, rs); err != nil {
				return nil, fmt.Errorf("RightSize %s/%s: %w", list.Items[i].GetNamespace(), list.Items[i].GetName(), err)
			}
			ref := rs.Spec.TargetRef
			key := targetKey{rs.Namespace, ref.Kind, ref.Name}
			out[key] = append(out[key], rs)
		}
	}
	for _, all := range out {
		slices.SortFunc(all, func(a, b *v1alpha1.RightSize) int { // The oldest wins.
			return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
		})
	}
	return out, nil
}

// of is the RightSize that is about all pods of the workload: the oldest, as for
// the controller. Those of some pods only are returned as well.
func (r rightsizes) of(w recommender.Workload) (whole *v1alpha1.RightSize, partly []*v1alpha1.RightSize) {
	for _, rs := range r[targetKey{w.Namespace, w.Kind, w.Name}] {
		switch {
		case rs.Spec.Scope.Nodes != nil || rs.Spec.Scope.Ordinals != (v1alpha1.OrdinalRange{}):
			partly = append(partly, rs)
		case whole == nil:
			whole = rs
		}
	}
	return whole, partly
}

// signals are those that the RightSizes name, for a history to be read with; nil
// where there is no RightSize.
func (r rightsizes) signals() func(recommender.Workload) []collector.UserSignal {
	if len(r) == 0 {
		return nil
	}
	return func(w recommender.Workload) []collector.UserSignal {
		rs, _ := r.of(w)
		if rs == nil {
			return nil
		}
		return snapshot.Signals(rs.Spec.Demand)
	}
}

// govern lays the policy of the workload's RightSize over p. What it cannot do
// comes as facts: then the policy is that of the settings.
func (g *gathering) govern(w recommender.Workload, p *recommender.Policy) (schedule recommender.Surroundings, facts []recommender.Fact) {
	rs, partly := g.rightsizes.of(w)
	warn := func(o *v1alpha1.RightSize, format string, args ...any) {
		facts = append(facts, recommender.Fact{
			Code: recommender.FactWarning, Message: fmt.Sprintf("RightSize %s: ", o.Name) + fmt.Sprintf(format, args...),
		})
	}
	for _, o := range partly {
		warn(o, "is about some of the pods only; what is shown here is about all")
	}
	if rs == nil {
		return schedule, facts
	}
	policy, err := snapshot.Policy(rs.Spec, *p)
	if err != nil {
		warn(rs, "its policy is left aside: %v", oneLine(err))
		return schedule, facts
	}
	if schedule.Windows, schedule.Floors, err = snapshot.Calendar(rs.Spec.Schedule, g.at); err != nil {
		warn(rs, "its schedule is left aside: %v", oneLine(err))
	}
	for _, path := range snapshot.Ignored(rs.Spec) {
		warn(rs, "%s changes no decision yet", path)
	}
	*p = policy
	return schedule, facts
}

// oneLine is an error without line breaks.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// strangers are the RightSizes whose target is in no fleet.
func (r rightsizes) strangers(known []recommender.Workload) []string {
	var out []string
	for key, all := range r {
		if slices.ContainsFunc(known, func(w recommender.Workload) bool { return key == targetKey{w.Namespace, w.Kind, w.Name} }) {
			continue
		}
		for _, rs := range all {
			out = append(out, fmt.Sprintf("RightSize %s/%s: no history of its target %s/%s", rs.Namespace, rs.Name, key.kind, key.name))
		}
	}
	slices.Sort(out)
	return out
}

// stalled is what the controller says keeps a RightSize from working, "" where
// nothing does.
func stalled(rs *v1alpha1.RightSize) string {
	for _, kind := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionReady} {
		c := meta.FindStatusCondition(rs.Status.Conditions, kind)
		if c != nil && (c.Status == metav1.ConditionTrue) == (kind == v1alpha1.ConditionStalled) {
			return fmt.Sprintf("%s (%s)", c.Message, c.Reason)
		}
	}
	return ""
}
