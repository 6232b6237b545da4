package controller

import (
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// What pods ask for and have is as before, and is held once for all that are
// alike.
func TestTrimPod(t *testing.T) {
	t.Parallel()
	list := func(cpu string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("1Gi")}
	}
	pod := func(cpu string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: "web-" + cpu, Labels: map[string]string{"app": "web", "hash": cpu},
				OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web", UID: types.UID("of " + cpu)}},
			},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "x", Resources: corev1.ResourceRequirements{Requests: list(cpu), Limits: list("1")}}}},
			Status: corev1.PodStatus{
				Conditions: []corev1.PodCondition{
					{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ContainersNotReady"},
				},
				ContainerStatuses: []corev1.ContainerStatus{{
					Name: "app", AllocatedResources: list(cpu), Resources: &corev1.ResourceRequirements{Requests: list(cpu), Limits: list("1")},
				}},
			},
		}
	}
	trimmed := func(p *corev1.Pod) *corev1.Pod {
		out, err := trimPod(p)
		if err != nil {
			t.Fatal(err)
		}
		return out.(*corev1.Pod)
	}
	at := func(l corev1.ResourceList) uintptr { return reflect.ValueOf(l).Pointer() }
	a, b, other := trimmed(pod("500m")), trimmed(pod("500m")), trimmed(pod("600m"))
	requests := a.Spec.Containers[0].Resources.Requests
	for what, l := range map[string]corev1.ResourceList{
		"of another pod": b.Spec.Containers[0].Resources.Requests, "allocated": a.Status.ContainerStatuses[0].AllocatedResources,
		"in force": b.Status.ContainerStatuses[0].Resources.Requests,
	} {
		if at(l) != at(requests) || l.Cpu().String() != "500m" || l.Memory().String() != "1Gi" {
			t.Errorf("%s: %v is not held with %v", what, l, requests)
		}
	}
	if l := other.Spec.Containers[0].Resources.Requests; l.Cpu().String() != "600m" || at(l) == at(requests) {
		t.Errorf("the other pod asks for %v", l)
	}
	if reflect.ValueOf(a.Labels).Pointer() != reflect.ValueOf(b.Labels).Pointer() || &a.OwnerReferences[0] != &b.OwnerReferences[0] {
		t.Error("labels and owners that are alike are held twice")
	}
	if !reflect.DeepEqual(other.Labels, map[string]string{"app": "web", "hash": "600m"}) || other.OwnerReferences[0].UID != "of 600m" {
		t.Errorf("the other pod has %v and %v", other.Labels, other.OwnerReferences)
	}
	if c := a.Status.Conditions; len(c) != 1 || c[0].Type != corev1.PodReady || c[0].Reason != "ContainersNotReady" {
		t.Errorf("of its conditions are left %v", c)
	}
	if l := a.Spec.Containers[0].Resources.Limits; l.Cpu().String() != "1" || a.Spec.Containers[0].Image != "" {
		t.Errorf("of the pod is left %v", a.Spec)
	}
}

// Of managed fields there is left who sets the number of pods.
func TestTrimTarget(t *testing.T) {
	t.Parallel()
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"spec": map[string]any{"replicas": int64(3), "template": map[string]any{"spec": map[string]any{
			"schedulerName": "default-scheduler", "nodeSelector": map[string]any{"pool": "a"},
			"containers": []any{map[string]any{"name": "app", "image": "x", "resources": map[string]any{"requests": map[string]any{"cpu": "1"}}}},
		}}},
		"status": map[string]any{"observedGeneration": int64(2), "conditions": []any{map[string]any{"type": "Available"}}},
	}}
	fields := func(manager, subresource, raw string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource, FieldsV1: metav1.NewFieldsV1(raw)}
	}
	o.SetManagedFields([]metav1.ManagedFieldsEntry{
		fields("kubectl", "", `{"f:spec":{"f:replicas":{},"f:template":{"f:spec":{"f:containers":{}}}}}`),
		fields("kube-controller-manager", "status", `{"f:status":{"f:replicas":{}}}`),
		fields("keda", "scale", `{"f:spec":{"f:replicas":{}}}`),
		fields("argocd", "", `{"f:metadata":{"f:labels":{}}}`),
	})
	if _, err := trimTarget(o); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"spec": map[string]any{"replicas": int64(3), "template": map[string]any{"spec": map[string]any{
			"nodeSelector": map[string]any{"pool": "a"},
			"containers":   []any{map[string]any{"name": "app", "resources": map[string]any{"requests": map[string]any{"cpu": "1"}}}},
		}}},
		"status": map[string]any{"observedGeneration": int64(2)},
	}
	for k, v := range want {
		if got := o.Object[k]; !reflect.DeepEqual(got, v) {
			t.Errorf("%s is left as %v, want %v", k, got, v)
		}
	}
	var left []string
	for _, f := range o.GetManagedFields() {
		left = append(left, f.Manager)
		if got := f.FieldsV1.GetRawString(); got != `{"f:spec":{"f:replicas":{}}}` {
			t.Errorf("%s is left with %s", f.Manager, got)
		}
	}
	if got := strings.Join(left, " "); got != "kubectl keda" {
		t.Errorf("left are %s", got)
	}
}

// Parts of targets that are equal are held once, others apart, whatever their type.
func TestTrimmedTargetsShare(t *testing.T) {
	t.Parallel()
	trimmed := func(name string, replicas any, surge string) map[string]any {
		o := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name, "labels": map[string]any{"team": "a"}},
			"spec": map[string]any{
				"replicas": replicas, "selector": map[string]any{"matchLabels": map[string]any{"app": name}},
				"strategy": map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": surge}},
				"long":     []any{strings.Repeat(name, sharedMost)},
			},
		}}
		for range 2 { // What is trimmed already stays as it is.
			if _, err := trimTarget(o); err != nil {
				t.Fatal(err)
			}
		}
		return o.Object
	}
	at := func(o map[string]any, path ...string) uintptr {
		v, there, err := unstructured.NestedFieldNoCopy(o, path...)
		if !there || err != nil {
			t.Fatalf("no %v in %v: %v", path, o, err)
		}
		return reflect.ValueOf(v).Pointer()
	}
	a, b, other := trimmed("a", int64(1), "1"), trimmed("b", int64(1), "1"), trimmed("c", int64(1), "25%")
	for _, path := range [][]string{{"spec", "strategy"}, {"metadata", "labels"}} {
		if at(a, path...) != at(b, path...) {
			t.Errorf("%v is held twice", path)
		}
	}
	if at(a, "spec", "selector") == at(b, "spec", "selector") || at(a, "spec", "strategy") == at(other, "spec", "strategy") {
		t.Error("what is not equal is held once")
	}
	if got, _, _ := unstructured.NestedString(other, "spec", "strategy", "rollingUpdate", "maxSurge"); got != "25%" {
		t.Errorf("the surge is %s", got)
	}
	one, text, _ := oneTree(map[string]any{"n": int64(1)})
	if other, otherText, _ := oneTree(map[string]any{"n": "1"}); text == otherText || reflect.DeepEqual(one, other) {
		t.Errorf("%v and %v are taken for equal", one, other)
	}
	if l := a["spec"].(map[string]any)["long"].([]any); l[0] != strings.Repeat("a", sharedMost) {
		t.Errorf("what is long is left as %v", l)
	}
}
