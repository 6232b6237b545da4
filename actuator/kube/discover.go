package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	resourcehelper "k8s.io/component-helpers/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/recommender"
)

// admissionGroup is where policies are by which the API server changes objects as
// they are made.
const admissionGroup = "admissionregistration.k8s.io/v1"

// Discovery tells what the API server serves.
type Discovery interface {
	ServerResourcesForGroupVersionWithContext(ctx context.Context, groupVersion string) (*metav1.APIResourceList, error)
}

// Discover finds out what a cluster can do by asking its API server, and not by
// its version, which says nothing about feature gates and rights:
//
//   - pods can be resized where there is a subresource pods/resize,
//   - new pods are sized where there is a policy of admission with RightSizes as
//     its parameters, and a binding of it; where these may not be read, none is
//     taken to be there,
//   - memory limits can be lowered without a restart where the API server takes a
//     dry run of that, of one of the pods given; and where it serves policies that
//     change objects, which came two versions later. Where no pod has such a
//     limit, it is not known, and taken to be impossible.
//
// An error says that the API server could not be asked; what is found does not
// hold then.
func (w *Writer) Discover(ctx context.Context, d Discovery, pods []*corev1.Pod) (actuator.Features, error) {
	var f actuator.Features
	resize, err := serves(ctx, d, "v1", "pods/resize")
	if err != nil {
		return f, err
	}
	policies, err := serves(ctx, d, admissionGroup, "mutatingadmissionpolicies")
	if err != nil {
		return f, err
	}
	f.Resize, f.MemoryLimitShrink = resize, resize && policies
	if policies {
		if f.SizedAtCreation, err = w.sizesNewPods(ctx); err != nil {
			return actuator.Features{}, err
		}
	}
	if resize && !policies {
		f.MemoryLimitShrink, err = w.lowersMemory(ctx, pods)
	}
	return f, err
}

// serves says whether a group and version has a resource. One that is not served
// at all has none.
func serves(ctx context.Context, d Discovery, groupVersion, resource string) (bool, error) {
	list, err := d.ServerResourcesForGroupVersionWithContext(ctx, groupVersion)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("asking for the resources of %s: %w", groupVersion, err)
	}
	return slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == resource }), nil
}

// sizesNewPods says whether a policy of admission has RightSizes as parameters,
// and is bound.
func (w *Writer) sizesNewPods(ctx context.Context) (bool, error) {
	list := func(kind string) ([]unstructured.Unstructured, error) {
		l := &unstructured.UnstructuredList{}
		l.SetAPIVersion(admissionGroup)
		l.SetKind(kind + "List")
		err := w.live.List(ctx, l)
		if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
			return nil, nil
		}
		return l.Items, err
	}
	policies, err := list("MutatingAdmissionPolicy")
	if err != nil {
		return false, err
	}
	bindings, err := list("MutatingAdmissionPolicyBinding")
	if err != nil {
		return false, err
	}
	field := func(u unstructured.Unstructured, path ...string) string {
		s, _, _ := unstructured.NestedString(u.Object, path...) // Empty where it is none.
		return s
	}
	return slices.ContainsFunc(policies, func(p unstructured.Unstructured) bool {
		return field(p, "spec", "paramKind", "kind") == "RightSize" &&
			strings.HasPrefix(field(p, "spec", "paramKind", "apiVersion"), "rightsize.dev/") &&
			slices.ContainsFunc(bindings, func(b unstructured.Unstructured) bool { return field(b, "spec", "policyName") == p.GetName() })
	}), nil
}

// lowersMemory asks the API server about pods, until it has answered about one.
func (w *Writer) lowersMemory(ctx context.Context, pods []*corev1.Pod) (bool, error) {
	asked := 0
	for _, p := range pods {
		step, ok := lessMemory(p)
		if !ok {
			continue
		}
		pod := podWith(p.Namespace, step)
		err := w.client.SubResource("resize").Apply(ctx, client.ApplyConfigurationFromUnstructured(pod),
			client.FieldOwner(manager), client.ForceOwnership, client.DryRunAll)
		if err == nil {
			return true, nil
		}
		if o := outcome(step, err); o.Result == Failed {
			return false, fmt.Errorf("asking whether memory limits can be lowered: %w", err)
		}
		if asked++; asked == attempts {
			break // Every one of them would be refused for a reason of its own.
		}
	}
	return false, nil
}

// lessMemory is a step that lowers a memory limit of a pod by a byte and leaves
// everything else as it is; false where there is no limit to lower without a
// restart. Where the limit is the request, both are lowered, by which the QoS
// class stays.
func lessMemory(p *corev1.Pod) (actuator.Step, bool) {
	if p.Status.Phase != corev1.PodRunning || p.DeletionTimestamp != nil || resourcehelper.IsPodLevelResourcesSet(p) {
		return actuator.Step{}, false
	}
	step, found := actuator.Step{Kind: actuator.StepResize, Pod: p.Name}, false
	for _, c := range p.Spec.Containers {
		size := actuator.Size{Requests: amounts(c.Resources.Requests), Limits: amounts(c.Resources.Limits)}
		if !found && size.Limits.Memory > 1 && !restartsForMemory(c) {
			if size.Requests.Memory == size.Limits.Memory {
				size.Requests.Memory--
			}
			size.Limits.Memory--
			found = true
		}
		step.Containers = append(step.Containers, actuator.ContainerStep{Name: c.Name, To: size})
	}
	for _, c := range p.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			size := actuator.Size{Requests: amounts(c.Resources.Requests), Limits: amounts(c.Resources.Limits)}
			step.Containers = append(step.Containers, actuator.ContainerStep{Name: c.Name, Sidecar: true, To: size})
		}
	}
	return step, found
}

func amounts(l corev1.ResourceList) recommender.Resources {
	return recommender.Resources{CPU: recommender.MilliCPU(l.Cpu().MilliValue()), Memory: recommender.Bytes(l.Memory().Value())}
}

func restartsForMemory(c corev1.Container) bool {
	return slices.ContainsFunc(c.ResizePolicy, func(r corev1.ContainerResizePolicy) bool {
		return r.ResourceName == corev1.ResourceMemory && r.RestartPolicy == corev1.RestartContainer
	})
}
