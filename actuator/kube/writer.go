package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rightsize-dev/rightsize/actuator"
)

const (
	// manager is the field manager under which sizes and numbers of pods are
	// written.
	manager = "rightsize"
	// callTimeout bounds one call, which on an idle API server takes
	// milliseconds.
	callTimeout = 10 * time.Second
	// attempts is how often an object is written of which the version that was
	// read is not the newest, though nothing that matters has changed.
	attempts = 3
)

// Target is the object that is scaled, and with its namespace where its pods are.
type Target struct {
	APIVersion, Kind, Namespace, Name string
	// TakeOver are field managers whose hold on the number of pods is a leftover.
	TakeOver []string
	// PodsPerReplica is how many pods its replicas are groups of; zero means 1.
	PodsPerReplica int
}

// Writer makes steps. It is safe for concurrent use.
type Writer struct {
	client client.Client
	live   client.Reader
}

// NewWriter returns a writer. The reader asks the API server rather than a cache;
// it is used where an object has changed since a step was planned for it.
func NewWriter(c client.Client, live client.Reader) *Writer {
	return &Writer{client: c, live: live}
}

// Write makes the steps of a plan in their order, and tells what became of each.
// After a step that was not made none is made that takes anything away, and after
// one of those none at all: the next plan goes by what there is then. So it does
// where the context ends.
func (w *Writer) Write(ctx context.Context, t Target, p actuator.Plan) []Outcome {
	out := make([]Outcome, 0, len(p.Steps))
	raiseOnly, stopped := false, false
	for _, step := range p.Steps {
		if stopped || raiseOnly && lowers(step) {
			out = append(out, Outcome{Step: step, Result: Skipped, Message: "a step before it was not made"})
			continue
		}
		o := outcome(step, w.step(ctx, t, step))
		if o.Result != Applied {
			raiseOnly = true
			stopped = lowers(step) || ctx.Err() != nil
		}
		out = append(out, o)
	}
	return out
}

func (w *Writer) step(ctx context.Context, t Target, s actuator.Step) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	switch s.Kind {
	case actuator.StepResize, actuator.StepRevert:
		return w.resize(ctx, t.Namespace, s)
	case actuator.StepScale:
		return w.scale(ctx, t, s)
	case actuator.StepEvict:
		return w.evict(ctx, t.Namespace, s)
	}
	return fmt.Errorf("step of unknown kind %q", s.Kind)
}

// resize gives a pod its sizes. What the pod was made with is taken over; sizes
// that somebody else has written since, or declares, are a conflict.
func (w *Writer) resize(ctx context.Context, namespace string, s actuator.Step) error {
	pod := podWith(namespace, s)
	return w.apply(ctx, pod, "resize", pod, s.Precondition, func(o owner) bool { return o.subresource == "" && !o.declares })
}

// podWith is a pod with nothing but the sizes of a step. What is not named stays
// as it is: resources other than CPU and memory, and containers that end before
// the others start.
func podWith(namespace string, s actuator.Step) *unstructured.Unstructured {
	var containers, sidecars []any
	for _, c := range s.Containers {
		one := map[string]any{"name": c.Name, "resources": resourcesOf(c.To)}
		if c.Sidecar {
			sidecars = append(sidecars, one)
		} else {
			containers = append(containers, one)
		}
	}
	spec := map[string]any{"containers": containers}
	if len(sidecars) > 0 {
		spec["initContainers"] = sidecars
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"namespace": namespace, "name": s.Pod}, "spec": spec,
	}}
}

// resourcesOf leaves out what is zero, which is not set.
func resourcesOf(s actuator.Size) map[string]any {
	list := func(cpu, memory int64) map[string]any {
		out := map[string]any{}
		if cpu > 0 {
			out["cpu"] = resource.NewMilliQuantity(cpu, resource.DecimalSI).String()
		}
		if memory > 0 {
			out["memory"] = resource.NewQuantity(memory, resource.BinarySI).String()
		}
		return out
	}
	out := map[string]any{}
	if l := list(int64(s.Requests.CPU), int64(s.Requests.Memory)); len(l) > 0 {
		out["requests"] = l
	}
	if l := list(int64(s.Limits.CPU), int64(s.Limits.Memory)); len(l) > 0 {
		out["limits"] = l
	}
	return out
}

// scale sets the number of pods. What the object was made with, what people set,
// and what is left of autoscalers that are gone is taken over.
func (w *Writer) scale(ctx context.Context, t Target, s actuator.Step) error {
	group := max(1, t.PodsPerReplica)
	replicas := (max(0, s.To) + group - 1) / group
	if replicas == (s.From+group-1)/group {
		return nil // As many groups.
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": t.APIVersion, "kind": t.Kind, "metadata": map[string]any{"namespace": t.Namespace, "name": t.Name},
	}}
	if !applies(object.GroupVersionKind()) {
		return w.patchScale(ctx, object, replicas, s.Precondition)
	}
	scale := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": map[string]any{"namespace": t.Namespace, "name": t.Name},
		"spec": map[string]any{"replicas": int64(replicas)},
	}}
	return w.apply(ctx, object, "scale", scale, s.Precondition, func(o owner) bool {
		return o.manager == unowned || slices.Contains(t.TakeOver, o.manager) || !o.declares && (o.subresource == "" || strings.HasPrefix(o.manager, "kubectl"))
	})
}

// applies says whether the API server takes server-side applies on the /scale of a
// kind: of its own kinds, and not of those that others define ("request to convert
// CR to an invalid group/version", Kubernetes 1.37).
func applies(kind schema.GroupVersionKind) bool { return kind.Group == "apps" || kind.Group == "" }

// patchScale sets the number of pods of an object of a kind of others, of exactly
// the version of which nothing has changed since it was planned. Who else sets it
// is not told by this: a plan has to know.
func (w *Writer) patchScale(ctx context.Context, object *unstructured.Unstructured, replicas int, pre actuator.Precondition) error {
	var err error
	for range attempts {
		version, changed := w.unchanged(ctx, object, pre)
		if changed != nil {
			return changed
		}
		patch := fmt.Appendf(nil, `{"metadata":{"resourceVersion":%q},"spec":{"replicas":%d}}`, version, replicas)
		err = w.client.SubResource("scale").Patch(ctx, object.DeepCopy(), client.RawPatch(types.MergePatchType, patch), client.FieldOwner(manager))
		if !apierrors.IsConflict(err) {
			return err
		}
	}
	return err
}

// apply writes a subresource by server-side apply. It does not force at first.
// Where all that own the fields are some that may give way, it does, of the
// version that the step was planned for, so that nothing that was not seen is
// overwritten.
func (w *Writer) apply(
	ctx context.Context, object *unstructured.Unstructured, subresource string, body *unstructured.Unstructured, pre actuator.Precondition,
	givesWay func(owner) bool,
) error {
	body.SetUID(types.UID(pre.UID)) // None where it is empty.
	err := w.send(ctx, object, subresource, body, false)
	others := owners(err)
	if len(others) == 0 {
		return err
	}
	if slices.ContainsFunc(others, func(o owner) bool { return !givesWay(o) }) {
		return &conflictError{owners: others}
	}
	version := pre.ResourceVersion
	for range attempts {
		if version == "" {
			if version, err = w.unchanged(ctx, object, pre); err != nil {
				return err
			}
		}
		body.SetResourceVersion(version)
		if err = w.send(ctx, object, subresource, body, true); !apierrors.IsConflict(err) {
			return err
		}
		version = "" // Not the newest.
	}
	return err
}

func (w *Writer) send(ctx context.Context, object *unstructured.Unstructured, subresource string, body *unstructured.Unstructured, force bool) error {
	opts := []client.SubResourceApplyOption{client.FieldOwner(manager), &client.SubResourceApplyOptions{
		SubResourceBody: client.ApplyConfigurationFromUnstructured(body.DeepCopy()),
	}}
	if force {
		opts = append(opts, client.ForceOwnership)
	}
	return w.client.SubResource(subresource).Apply(ctx, client.ApplyConfigurationFromUnstructured(object.DeepCopy()), opts...)
}

// unchanged is the version of an object of which nothing that a step is about has
// changed since it was planned; an error where it has.
func (w *Writer) unchanged(ctx context.Context, object *unstructured.Unstructured, pre actuator.Precondition) (string, error) {
	now := &metav1.PartialObjectMetadata{}
	now.SetGroupVersionKind(object.GroupVersionKind())
	if err := w.live.Get(ctx, client.ObjectKeyFromObject(object), now); err != nil {
		return "", err
	}
	if pre.UID != "" && string(now.UID) != pre.UID || pre.Generation != 0 && now.Generation != pre.Generation {
		return "", fmt.Errorf("%s %s: %w", object.GetKind(), object.GetNamespace()+"/"+object.GetName(), errStale)
	}
	return now.ResourceVersion, nil
}

// evict has a pod made anew, of exactly the version that was seen.
func (w *Writer) evict(ctx context.Context, namespace string, s actuator.Step) error {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: s.Pod}}
	e := &policyv1.Eviction{ObjectMeta: pod.ObjectMeta, DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{}}}
	if uid := types.UID(s.Precondition.UID); uid != "" {
		e.DeleteOptions.Preconditions.UID = &uid
	}
	if v := s.Precondition.ResourceVersion; v != "" {
		e.DeleteOptions.Preconditions.ResourceVersion = &v
	}
	return w.client.SubResource("eviction").Create(ctx, pod, e)
}
