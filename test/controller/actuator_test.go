package controller_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// eager is a RightSize that changes all pods at once.
func (e *env) eager(t *testing.T, ns, name string) *v1alpha1.RightSize {
	t.Helper()
	none := int32(0)
	rs := &v1alpha1.RightSize{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec: v1alpha1.RightSizeSpec{
			TargetRef: v1alpha1.TargetRef{APIVersion: "apps/v1", Kind: "Deployment", Name: name}, Mode: v1alpha1.ModeApply,
			Horizontal: v1alpha1.Horizontal{Mode: v1alpha1.SizingFixed},
			Apply:      v1alpha1.Apply{CanaryPods: &none, MaxConcurrentPercent: 100},
		},
	}
	e.create(t, rs)
	return rs
}

func upToDate(rs *v1alpha1.RightSize) bool {
	return has(rs, v1alpha1.ConditionApplied, metav1.ConditionTrue, v1alpha1.ReasonUpToDate)
}

// resized says whether every pod asks for what is recommended.
func (e *env) resized(t *testing.T, rs *v1alpha1.RightSize) bool {
	t.Helper()
	want := rs.Status.Recommendation.Containers[0].Requests
	return !slices.ContainsFunc(e.pods(t, rs.Namespace), func(p corev1.Pod) bool {
		has := p.Spec.Containers[0].Resources.Requests
		return p.Labels["app"] == rs.Name && (has.Cpu().Cmp(*want.CPU) != 0 || has.Memory().Cmp(*want.Memory) != 0)
	})
}

// testApply: with the kill switch on nothing changes; once it is off, without a
// restart, pods are resized in place, and the template stays as it is.
func testApply(t *testing.T, e *env, ns string) {
	e.past(t, ns, "web", 3)
	d := e.deployment(t, ns, "web", 3)
	e.eager(t, ns, "web")
	spans := receive(t)
	p := e.runAs(t, how{settings: "killSwitch: true\n", env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + spans.url}}, "rightsize", ns)
	e.await(t, ns, "web", "held by the kill switch", func(rs *v1alpha1.RightSize) bool {
		return recommended(rs) && has(rs, v1alpha1.ConditionApplied, metav1.ConditionFalse, v1alpha1.ReasonKillSwitch)
	})
	if v, _ := p.metric(t, "rightsize_frozen", "KillSwitch"); v != "1" {
		t.Errorf("rightsize_frozen is %q", v)
	}
	for _, pod := range e.pods(t, ns) {
		if pod.Generation != 1 {
			t.Errorf("pod %s was changed", pod.Name)
		}
	}
	p.write(t, e.prometheus.URL, "")
	rs := e.await(t, ns, "web", "applied", upToDate)
	if !e.resized(t, rs) || *rs.Status.Pods.Sized != 3 || rs.Status.Actuation == "" {
		t.Errorf("pods %v of status %v", e.pods(t, ns), rs.Status)
	}
	after := &appsv1.Deployment{}
	if err := e.Get(t.Context(), types.NamespacedName{Namespace: ns, Name: "web"}, after); err != nil {
		t.Fatal(err)
	}
	if after.Generation != d.Generation {
		t.Errorf("the Deployment was changed: %v", after.Spec)
	}
	for _, pod := range e.pods(t, ns) {
		if !slices.ContainsFunc(pod.ManagedFields, func(f metav1.ManagedFieldsEntry) bool {
			return f.Manager == v1alpha1.FieldManager && f.Subresource == "resize" && f.Operation == metav1.ManagedFieldsOperationApply
		}) {
			t.Errorf("pod %s was not resized by server-side apply: %v", pod.Name, pod.ManagedFields)
		}
	}
	if v, ok := p.metric(t, "rightsize_changes_total", `action="resize",result="applied"`); !ok || v != "3" {
		t.Errorf("changes %q", v)
	}
	e.settles(t, p, ns, "web")
	e.tells(t, rs, string(actuator.ReasonShrink))
	testMetrics(t, p)
	spans.await(t, "decision", "snapshot", "decide", "status", "actuation", "plan", "steps")
}

// tells waits until there is an event about a RightSize with a reason.
func (e *env) tells(t *testing.T, rs *v1alpha1.RightSize, reason string) {
	t.Helper()
	var all eventsv1.EventList
	for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := e.List(t.Context(), &all, client.InNamespace(rs.Namespace)); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(all.Items, func(v eventsv1.Event) bool {
			return v.Reason == reason && v.Regarding.Kind == "RightSize" && v.Regarding.UID == rs.UID && v.Note != ""
		}) {
			return
		}
	}
	t.Errorf("no event %s in %v", reason, all.Items)
}

// testSplit: two programs, each with the rights of its role alone, hand over
// through the status.
func testSplit(t *testing.T, e *env, ns string) {
	e.past(t, ns, "web", 2)
	e.deployment(t, ns, "web", 2)
	e.eager(t, ns, "web")
	e.run(t, "rightsize-recommender", ns, "--role=recommender", "--leader-elect")
	rs := e.await(t, ns, "web", "recommended", recommended)
	if len(rs.Status.Actuation) > 0 || rs.Status.Pods.Total != nil {
		t.Errorf("the recommender wrote what is the actuator's: %v", rs.Status)
	}
	e.run(t, "rightsize-actuator", ns, "--role=actuator", "--leader-elect")
	rs = e.await(t, ns, "web", "applied", upToDate)
	if !e.resized(t, rs) {
		t.Errorf("pods %v", e.pods(t, ns))
	}
	for _, f := range rs.ManagedFields {
		if f.Subresource == "status" && f.Manager != v1alpha1.FieldManager+"-recommender" && f.Manager != v1alpha1.FieldManager+"-actuator" {
			t.Errorf("the status is written by %s", f.Manager)
		}
	}
}

// testFailover: when the leader dies the one that stands by goes on.
func testFailover(t *testing.T, e *env, ns string) {
	for _, name := range []string{"one", "two"} {
		e.past(t, ns, name, 2)
		e.deployment(t, ns, name, 2)
	}
	e.eager(t, ns, "one")
	flags := []string{"--leader-elect", "--lease-duration=6s"}
	first := e.run(t, "rightsize", ns, flags...)
	e.await(t, ns, "one", "applied", upToDate)
	second := e.run(t, "rightsize", ns, flags...)
	if n := second.decided(t); n != 0 {
		t.Errorf("the one that stands by made %d decisions", n)
	}
	first.Kill()
	e.eager(t, ns, "two")
	e.await(t, ns, "two", "applied", upToDate)
	one := e.await(t, ns, "one", "applied", upToDate)
	if !e.resized(t, one) {
		t.Errorf("pods %v", e.pods(t, ns))
	}
	lease := &coordinationv1.Lease{}
	if err := e.Get(t.Context(), types.NamespacedName{Namespace: system, Name: "rightsize-all"}, lease); err != nil {
		t.Fatal(err)
	}
	if lease.Spec.LeaseTransitions == nil || *lease.Spec.LeaseTransitions == 0 {
		t.Errorf("lease %v", lease.Spec)
	}
	second.Stop()
	if err := second.Err(); err != nil {
		t.Errorf("asked to end, it ends with %v", err)
	}
	// Given back, so that the next need not wait for it to lapse.
	for end := time.Now().Add(soon); ; time.Sleep(50 * time.Millisecond) {
		if err := e.Get(t.Context(), types.NamespacedName{Namespace: system, Name: "rightsize-all"}, lease); err != nil {
			t.Fatal(err)
		}
		if h := lease.Spec.HolderIdentity; h == nil || *h == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the lease is still held: %v", lease.Spec)
		}
	}
}

// testRefused: what admission refuses is told with who refused it and why, and once
// it lets it through, it is made. Without the right to resize, the condition names
// it and the value of the chart that gives it.
func testRefused(t *testing.T, e *env, ns string) {
	e.past(t, ns, "web", 2)
	e.deployment(t, ns, "web", 2)
	fail := admissionregistrationv1.Fail
	name := metav1.ObjectMeta{Name: "freeze-" + ns}
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: name,
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns}},
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods/resize"}},
				}}},
			},
			Validations: []admissionregistrationv1.Validation{{Expression: "false", Message: "not on Fridays"}},
		},
	}
	e.create(t, policy)
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: name,
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name.Name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
		},
	}
	e.create(t, binding)
	e.enforced(t, ns)
	e.eager(t, ns, "web")
	p := e.run(t, "rightsize", ns)
	rs := e.await(t, ns, "web", "refused by admission", func(rs *v1alpha1.RightSize) bool {
		return has(rs, v1alpha1.ConditionApplied, metav1.ConditionFalse, v1alpha1.ReasonRefused)
	})
	if m := condition(rs, v1alpha1.ConditionApplied); !strings.HasPrefix(m, "pods/resize: ValidatingAdmissionPolicy 'freeze-"+ns+"'") {
		t.Errorf("the message %q does not say who refused it", m)
	}
	p.Stop()
	for _, o := range []client.Object{binding, policy} {
		if err := e.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}

	p = e.run(t, "rightsize-recommender", ns, "--role=all")
	rs = e.await(t, ns, "web", "without the right", func(rs *v1alpha1.RightSize) bool {
		return has(rs, v1alpha1.ConditionApplied, metav1.ConditionFalse, v1alpha1.ReasonMissingRights)
	})
	if m := condition(rs, v1alpha1.ConditionApplied); !strings.Contains(m, "patch pods/resize") || !strings.Contains(m, "roles.actuator") {
		t.Errorf("the message %q does not name the right and the value that gives it", m)
	}
	p.Stop()
	e.run(t, "rightsize", ns)
	e.await(t, ns, "web", "applied", upToDate)
}

// enforced waits until the API server knows of a policy that refuses resizes: it
// learns of it a moment after it was made.
func (e *env) enforced(t *testing.T, ns string) {
	t.Helper()
	for end := time.Now().Add(soon); ; time.Sleep(100 * time.Millisecond) {
		pod := e.pods(t, ns)[0]
		err := e.SubResource("resize").Patch(t.Context(), &pod, client.RawPatch(types.StrategicMergePatchType, []byte(
			`{"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "900m"}}}]}}`)), client.DryRunAll)
		if err != nil && strings.Contains(err.Error(), "not on Fridays") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the policy is not enforced: %v", err)
		}
	}
}
