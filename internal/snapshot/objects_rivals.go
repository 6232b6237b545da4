package snapshot

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

const (
	// hpaManager is the field manager under which the HPA writes.
	hpaManager = "kube-controller-manager"
	// kedaManager is that of KEDA.
	kedaManager = "keda-operator"
)

// Rivals are the others that size or scale the target, the most certain first:
// HorizontalPodAutoscalers, ScaledObjects, VerticalPodAutoscalers that are not
// Off, RightSizes that are older where both are about the same pods, and field
// managers that have set the number of pods by /scale. The last leave out people,
// who write by kubectl, and HPA and KEDA, whose objects tell whether they still
// do. Whether others do is not known, since entries of /scale have no time: they
// count until a person sets another number, which takes it from them.
func (o *Objects) Rivals() []actuator.Rival {
	ref, ok := o.ref()
	if !ok {
		return nil
	}
	out := o.rivalObjects(ref)
	for _, m := range o.scalers() {
		if m.Manager == hpaManager || m.Manager == kedaManager || strings.HasPrefix(m.Manager, "kubectl") {
			continue
		}
		out = append(out, actuator.Rival{Kind: "field manager", Name: m.Manager})
	}
	return out
}

// rivalObjects are the rivals that have an object, by kind and name.
func (o *Objects) rivalObjects(ref reference) []actuator.Rival {
	var out []actuator.Rival
	for _, h := range o.HPAs {
		if r := h.Spec.ScaleTargetRef; ref.is(r.APIVersion, r.Kind, r.Name) {
			out = append(out, actuator.Rival{Kind: "HorizontalPodAutoscaler", Name: h.Name})
		}
	}
	for _, s := range o.ScaledObjects {
		if ref.isIn(s, "apps/v1", "Deployment", "spec", "scaleTargetRef") {
			out = append(out, actuator.Rival{Kind: "ScaledObject", Name: s.GetName()})
		}
	}
	for _, v := range o.VPAs {
		mode, _, err := unstructured.NestedString(v.Object, "spec", "updatePolicy", "updateMode")
		if err == nil && mode != "Off" && ref.isIn(v, "", "", "spec", "targetRef") {
			out = append(out, actuator.Rival{Kind: "VerticalPodAutoscaler", Name: v.GetName()})
		}
	}
	for _, r := range o.RightSizes {
		if o.older(r) && ref.is(r.Spec.TargetRef.APIVersion, r.Spec.TargetRef.Kind, r.Spec.TargetRef.Name) && o.overlaps(r) {
			out = append(out, actuator.Rival{Kind: "RightSize", Name: r.Name})
		}
	}
	slices.SortStableFunc(out, func(a, b actuator.Rival) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// TakeOver are the field managers whose hold on the number of pods is a leftover:
// of an autoscaler that has no object any more, and of people. Where there are
// rivals, it is none.
func (o *Objects) TakeOver() []string {
	if len(o.Rivals()) > 0 {
		return nil
	}
	var out []string
	for _, m := range o.scalers() {
		out = append(out, m.Manager)
	}
	return out
}

// scalers are the other field managers that own the number of pods by /scale.
func (o *Objects) scalers() []metav1.ManagedFieldsEntry {
	if o.Target == nil {
		return nil
	}
	var out []metav1.ManagedFieldsEntry
	for _, m := range o.Target.GetManagedFields() {
		if m.Subresource == "scale" && m.Manager != v1alpha1.FieldManager && ownsReplicas(m.FieldsV1) {
			out = append(out, m)
		}
	}
	return out
}

// ownsReplicas says whether fields have spec.replicas among them.
func ownsReplicas(f *metav1.FieldsV1) bool {
	if f == nil {
		return false
	}
	var fields struct {
		Spec map[string]json.RawMessage `json:"f:spec"`
	}
	if json.Unmarshal(f.GetRawBytes(), &fields) != nil {
		return false
	}
	_, owns := fields.Spec["f:replicas"]
	return owns
}

// reference names an object by its group: versions are views of one object.
type reference struct{ group, kind, name string }

// ref is what names the target; false where there is none.
func (o *Objects) ref() (reference, bool) {
	switch {
	case o.Target != nil:
		gvk := o.Target.GroupVersionKind()
		return reference{gvk.Group, gvk.Kind, o.Target.GetName()}, true
	case o.RightSize != nil:
		r := o.RightSize.Spec.TargetRef
		gv, err := schema.ParseGroupVersion(r.APIVersion)
		return reference{gv.Group, r.Kind, r.Name}, err == nil
	}
	return reference{}, false
}

func (r reference) is(apiVersion, kind, name string) bool {
	gv, err := schema.ParseGroupVersion(apiVersion)
	return err == nil && gv.Group == r.group && kind == r.kind && name == r.name
}

// isIn says whether a field of an object names the target, with what it means
// where it leaves out version and kind.
func (r reference) isIn(u *unstructured.Unstructured, apiVersion, kind string, path ...string) bool {
	at, found, err := unstructured.NestedMap(u.Object, path...)
	if !found || err != nil {
		return false
	}
	field := func(name, otherwise string) string {
		if s, ok := at[name].(string); ok && s != "" {
			return s
		}
		return otherwise
	}
	return r.is(field("apiVersion", apiVersion), field("kind", kind), field("name", ""))
}

// older says whether another RightSize comes before this one: by its time, then
// by its name. One that is being deleted does not.
func (o *Objects) older(other *v1alpha1.RightSize) bool {
	if o.RightSize == nil {
		return false
	}
	mine := o.RightSize
	if other.UID == mine.UID && other.Name == mine.Name || other.DeletionTimestamp != nil {
		return false
	}
	if d := other.CreationTimestamp.Compare(mine.CreationTimestamp.Time); d != 0 {
		return d < 0
	}
	return other.Name < mine.Name
}

// overlaps says whether another RightSize of the target is about some of the same
// pods: where either has no scope, where ordinals of both are the same, and where
// both select a node that there is. Scopes of two kinds are of two kinds of
// workloads, so that they cannot both be right.
func (o *Objects) overlaps(other *v1alpha1.RightSize) bool {
	mine, others := o.RightSize.Spec.Scope, other.Spec.Scope
	if a, b := mine.Ordinals, others.Ordinals; a.First != nil && b.First != nil {
		return (b.Last == nil || *a.First <= *b.Last) && (a.Last == nil || *b.First <= *a.Last)
	}
	if mine.Nodes == nil || others.Nodes == nil {
		return true
	}
	a, errA := metav1.LabelSelectorAsSelector(mine.Nodes)
	b, errB := metav1.LabelSelectorAsSelector(others.Nodes)
	if errA != nil || errB != nil {
		return true
	}
	return slices.ContainsFunc(o.Nodes, func(n Node) bool {
		set := labels.Set(n.node.Labels)
		return a.Matches(set) && b.Matches(set)
	})
}
