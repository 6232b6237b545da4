// Package importer turns the autoscalers a workload has today into RightSizes
// in dry run: HorizontalPodAutoscalers, VerticalPodAutoscalers and KEDA's
// ScaledObjects. It only converts: it reads no cluster and no clock. What has
// no equivalent becomes a note, so that nothing is lost silently.
package importer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// Kind is a kind of autoscaler.
type Kind string

// The kinds that are converted.
const (
	KindHPA          Kind = "HorizontalPodAutoscaler"
	KindVPA          Kind = "VerticalPodAutoscaler"
	KindScaledObject Kind = "ScaledObject"
)

// Object is a manifest as it was read.
type Object struct {
	metav1.TypeMeta `json:",inline"`

	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     json.RawMessage   `json:"spec"`
}

// String is the kind and name of the object.
func (o Object) String() string {
	return o.Kind + "/" + o.Metadata.Name
}

// key tells objects apart.
func (o Object) key() string {
	return o.Kind + "/" + o.Metadata.Namespace + "/" + o.Metadata.Name
}

// Autoscaler says which of the kinds the object is, "" for none.
func (o Object) Autoscaler() Kind {
	group, _, _ := strings.Cut(o.APIVersion, "/")
	switch {
	case group == "autoscaling" && o.Kind == string(KindHPA):
		return KindHPA
	case group == "autoscaling.k8s.io" && o.Kind == string(KindVPA):
		return KindVPA
	case group == "keda.sh" && o.Kind == string(KindScaledObject):
		return KindScaledObject
	}
	return ""
}

// owner is the ScaledObject that made this HPA, "" where none did.
func (o Object) owner() string {
	for _, r := range o.Metadata.OwnerReferences {
		if r.Kind == string(KindScaledObject) && strings.HasPrefix(r.APIVersion, "keda.sh/") {
			return r.Name
		}
	}
	return ""
}

// Import is a RightSize and what became of the rest.
type Import struct {
	RightSize v1alpha1.RightSize
	// Sources are the autoscalers it stands for, as KIND/NAME.
	Sources []string
	// Notes say what has no equivalent and what to look at, in the order of the
	// sources' fields.
	Notes []string
}

// draft is an Import that is being made.
type draft struct {
	Import
	source Object
	// horizontal and vertical are the sources of the two dimensions.
	horizontal, vertical string
}

// note adds a remark about a field of the source.
func (d *draft) note(path, format string, args ...any) {
	d.Notes = append(d.Notes, oneLine(fmt.Sprintf("%s: %s: %s", d.source, path, fmt.Sprintf(format, args...))))
}

// decode reads the source's spec; every field that into does not have becomes a
// note, with the hint that belongs to its name.
func (d *draft) decode(into any, hints map[string]string) error {
	if len(d.source.Spec) == 0 {
		return fmt.Errorf("%s: spec: missing", d.source)
	}
	unknown, err := kjson.UnmarshalStrict(d.source.Spec, into)
	if err != nil {
		return fmt.Errorf("%s: spec: %w", d.source, err)
	}
	for _, u := range unknown {
		path := u.Error()
		if m := unknownField.FindStringSubmatch(path); m != nil {
			path = m[1]
		}
		hint := hints[path[strings.LastIndex(path, ".")+1:]]
		d.note("spec."+path, "%s", cmp.Or(hint, "has no equivalent and is left out"))
	}
	return nil
}

var unknownField = regexp.MustCompile(`^unknown field "(.*)"$`)

// target reads the reference to the workload and draws up the RightSize.
func (d *draft) target(path, apiVersion, kind, name string) error {
	if apiVersion == "" && slices.Contains([]string{"Deployment", "StatefulSet", "ReplicaSet", "DaemonSet"}, kind) {
		apiVersion = "apps/v1"
	}
	for _, f := range []struct{ field, value, pattern string }{
		{"apiVersion", apiVersion, `^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?v[0-9]+((alpha|beta)[0-9]+)?$`},
		{"kind", kind, `^[A-Z][A-Za-z0-9]{0,62}$`},
		{"name", name, `^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`},
	} {
		if !regexp.MustCompile(f.pattern).MatchString(f.value) {
			return fmt.Errorf("%s: %s.%s: %q names no workload", d.source, path, f.field, f.value)
		}
	}
	if kind == "Pod" || kind == "RightSize" {
		return fmt.Errorf("%s: %s.kind: a %s is no workload: name the controller that makes the pods", d.source, path, kind)
	}
	r := &d.RightSize
	r.APIVersion, r.Kind = v1alpha1.GroupVersion.String(), "RightSize"
	r.Name, r.Namespace = name, d.source.Metadata.Namespace
	r.Spec.TargetRef = v1alpha1.TargetRef{APIVersion: apiVersion, Kind: kind, Name: name}
	r.Spec.Mode = v1alpha1.ModeDryRun
	return nil
}

// Convert makes one RightSize for each workload that the autoscalers are for,
// in the order of their first autoscaler. Objects that are no autoscalers are an error.
func Convert(objects []Object) ([]Import, error) {
	var drafts []*draft
	var failed []error
	own, made := split(objects)
	for _, o := range own {
		d := &draft{source: o}
		d.Sources = []string{oneLine(o.String())}
		if err := d.convert(); err != nil {
			failed = append(failed, err)
			continue
		}
		for _, hpa := range made[o.key()] {
			d.note("metadata", "%s is left out: it was made from this", hpa)
		}
		if name := o.owner(); name != "" {
			d.note("metadata.ownerReferences", "made by ScaledObject/%s, which knows more: import that instead", name)
		}
		i := slices.IndexFunc(drafts, func(e *draft) bool { return e.workload() == d.workload() })
		if i < 0 {
			drafts = append(drafts, d)
		} else if err := drafts[i].merge(d); err != nil {
			failed = append(failed, err)
		}
	}
	return finish(drafts), errors.Join(failed...)
}

// split sets apart the HPAs that were made from a ScaledObject among the
// objects: nothing is in them that is not in it. They come by its key.
func split(objects []Object) (own []Object, made map[string][]Object) {
	scaled := map[string]bool{}
	for _, o := range objects {
		if o.Autoscaler() == KindScaledObject {
			scaled[o.key()] = true
		}
	}
	made = map[string][]Object{}
	for _, o := range objects {
		by := Object{TypeMeta: metav1.TypeMeta{Kind: string(KindScaledObject)}}
		by.Metadata.Namespace, by.Metadata.Name = o.Metadata.Namespace, o.owner()
		if o.Autoscaler() == KindHPA && scaled[by.key()] {
			made[by.key()] = append(made[by.key()], o)
			continue
		}
		own = append(own, o)
	}
	return own, made
}

func (d *draft) convert() error {
	switch d.source.Autoscaler() {
	case KindHPA:
		return d.fromHPA()
	case KindVPA:
		return d.fromVPA()
	case KindScaledObject:
		return d.fromScaledObject()
	}
	return fmt.Errorf("%s: apiVersion: %q is no autoscaler of this kind", d.source, d.source.APIVersion)
}

// workload identifies what is sized: the version of its kind does not count.
func (d *draft) workload() string {
	t := d.RightSize.Spec.TargetRef
	group, _, found := strings.Cut(t.APIVersion, "/")
	if !found {
		group = ""
	}
	return strings.Join([]string{d.RightSize.Namespace, group, t.Kind, t.Name}, "/")
}

// merge adds the dimension that another autoscaler of the same workload chooses.
func (d *draft) merge(o *draft) error {
	s, t := &d.RightSize.Spec, o.RightSize.Spec
	switch {
	case d.horizontal != "" && o.horizontal != "":
		return fmt.Errorf("%s and %s both choose the replicas of %s/%s: import one of them", d.horizontal, o.horizontal, t.TargetRef.Kind, t.TargetRef.Name)
	case d.vertical != "" && o.vertical != "":
		return fmt.Errorf("%s and %s both size the pods of %s/%s: import one of them", d.vertical, o.vertical, t.TargetRef.Kind, t.TargetRef.Name)
	case o.horizontal != "":
		s.Horizontal, s.Demand, s.Schedule = t.Horizontal, t.Demand, t.Schedule
		d.horizontal = o.horizontal
	default:
		s.Vertical, s.Apply = t.Vertical, t.Apply
		d.vertical = o.vertical
	}
	d.Sources = append(d.Sources, o.Sources...)
	d.Notes = append(d.Notes, o.Notes...)
	return nil
}

// finish fixes the dimensions that no autoscaler chose, and makes names unique.
func finish(drafts []*draft) []Import {
	names := map[string]int{}
	for _, d := range drafts {
		names[d.RightSize.Namespace+"/"+d.RightSize.Name]++
	}
	var all []Import
	for _, d := range drafts {
		r := &d.RightSize
		if names[r.Namespace+"/"+r.Name] > 1 {
			r.Name += "-" + strings.ToLower(r.Spec.TargetRef.Kind)
		}
		if d.horizontal == "" {
			r.Spec.Horizontal = v1alpha1.Horizontal{Mode: v1alpha1.SizingFixed}
			d.note("spec", "it leaves the number of pods alone, so horizontal.mode is Fixed; take it out to have them chosen")
		}
		if d.vertical == "" {
			r.Spec.Vertical = v1alpha1.Vertical{Mode: v1alpha1.SizingFixed}
			d.note("spec", "it leaves the size of the pods alone, so vertical.mode is Fixed; take it out to have it chosen")
		}
		all = append(all, d.Import)
	}
	return all
}
