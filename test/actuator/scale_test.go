package actuator_test

import (
	"strings"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/actuator/kube"
)

// The number of pods that a Deployment was made with is taken over. One that an
// autoscaler writes is not, unless its object is gone.
func testScale(t *testing.T, l *lab) {
	t.Helper()
	same := size{cpu: "100m", memory: "64Mi"}
	w := l.deploy(t, 2, same)
	w.recommend(3, map[string]size{"app": same})
	w.until("there are three pods", func() bool { return len(w.pods()) == 3 && w.settled("app", same) })

	deployments := w.clients.AppsV1().Deployments(w.ns)
	scaled := func(by string, replicas int32) {
		w.must(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			s, err := deployments.GetScale(t.Context(), "web", metav1.GetOptions{})
			if err != nil {
				return err
			}
			s.Spec = autoscalingv1.ScaleSpec{Replicas: replicas}
			_, err = deployments.UpdateScale(t.Context(), "web", s, metav1.UpdateOptions{FieldManager: by})
			return err
		}))
	}
	target := kube.Target{APIVersion: "apps/v1", Kind: "Deployment", Namespace: w.ns, Name: "web"}
	write := func(to int, takeOver ...string) kube.Outcome {
		target.TakeOver = takeOver
		return w.writer.Write(t.Context(), target, actuator.Plan{Steps: []actuator.Step{{Kind: actuator.StepScale, From: 9, To: to}}})[0]
	}
	scaled("kube-controller-manager", 2) // As the HPA does.
	if o := write(4); o.Refusal != actuator.RefusedConflict || !strings.Contains(o.Message, "kube-controller-manager (by scale)") {
		t.Errorf("%+v", o)
	}
	// There is no HPA, so that what is left of it may be taken.
	w.recommend(4, map[string]size{"app": same})
	w.until("there are four pods", func() bool { return len(w.pods()) == 4 && w.settled("app", same) })

	scaled("somebodys-scaler", 2)
	w.recommend(3, map[string]size{"app": same})
	w.step()
	if len(w.plan.Steps) > 0 || !w.told(actuator.ReasonRival) {
		t.Errorf("someone else scales, and the plan is %+v", w.plan)
	}
	scaled("kubectl", 4) // A person, who takes it from them.
	w.recommend(3, map[string]size{"app": same})
	w.until("there are three pods again", func() bool { return len(w.pods()) == 3 })

	// A tool that keeps the cluster as Git has it comes back.
	patch := []byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":5}}`)
	force := true
	_, err := deployments.Patch(t.Context(), "web", types.ApplyPatchType, patch, metav1.PatchOptions{FieldManager: "kustomize-controller", Force: &force})
	w.must(err)
	if o := write(3); o.Refusal != actuator.RefusedConflict || !strings.Contains(o.Message, "kustomize-controller") {
		t.Errorf("%+v", o)
	}
}

const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: fleets.lab.example.com}
spec:
  group: lab.example.com
  scope: Namespaced
  names: {kind: Fleet, plural: fleets, singular: fleet, listKind: FleetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    subresources: {scale: {specReplicasPath: .spec.groups, statusReplicasPath: .status.groups}}
`

// A kind that nothing here knows, whose replicas are groups of four pods, by the
// field that its definition names.
func testAnyScale(t *testing.T, l *lab) {
	t.Helper()
	l.plane.InstallCRDs([]byte(crd))
	l.plane.Namespace("any-scale")
	fleet := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "lab.example.com/v1", "kind": "Fleet", "metadata": map[string]any{"namespace": "any-scale", "name": "llm"},
		"spec": map[string]any{"groups": int64(2), "other": "stays"},
	}}
	if err := l.client.Create(t.Context(), fleet, client.FieldOwner("kubectl-create")); err != nil {
		t.Fatal(err)
	}
	target := kube.Target{APIVersion: "lab.example.com/v1", Kind: "Fleet", Namespace: "any-scale", Name: "llm", PodsPerReplica: 4}
	step := actuator.Step{Kind: actuator.StepScale, From: 8, To: 10, Precondition: actuator.Precondition{
		UID: string(fleet.GetUID()), ResourceVersion: fleet.GetResourceVersion(), Generation: fleet.GetGeneration(),
	}}
	write := func() kube.Outcome {
		return l.writer.Write(t.Context(), target, actuator.Plan{Steps: []actuator.Step{step}})[0]
	}
	groups := func() int64 {
		if err := l.client.Get(t.Context(), client.ObjectKeyFromObject(fleet), fleet); err != nil {
			t.Fatal(err)
		}
		n, _, _ := unstructured.NestedInt64(fleet.Object, "spec", "groups") // 0 where it is none.
		return n
	}
	if o := write(); o.Result != kube.Applied || groups() != 3 {
		t.Errorf("%+v, %d groups", o, groups())
	}
	if other, _, _ := unstructured.NestedString(fleet.Object, "spec", "other"); other != "stays" {
		t.Errorf("the object is %v", fleet.Object)
	}
	step.From, step.To = 12, 11 // As many groups.
	version := fleet.GetResourceVersion()
	if o := write(); o.Result != kube.Applied || groups() != 3 || fleet.GetResourceVersion() != version {
		t.Errorf("%+v, %d groups, version %s after %s", o, groups(), fleet.GetResourceVersion(), version)
	}
	step.To, step.Precondition.UID = 4, "00000000-0000-4000-8000-000000000000"
	if o := write(); o.Result != kube.Stale || groups() != 3 {
		t.Errorf("another object of that name: %+v, %d groups", o, groups())
	}
}
