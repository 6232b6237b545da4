package controller

import (
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/actuator/kube"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// The condition Applied says what was refused, by whom, and what gives a right that
// is missing.
func TestRefusals(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	scale, resize := actuator.Step{Kind: actuator.StepScale}, actuator.Step{Kind: actuator.StepResize, Pod: "web-1"}
	denied := kube.Outcome{
		Step: scale, Result: kube.Refused, Refusal: actuator.RefusedOther,
		Message: `deployments.apps "web" is forbidden: ValidatingAdmissionPolicy 'freeze' with binding 'freeze' denied request: not on Fridays`,
	}
	forbidden := kube.Outcome{Step: resize, Result: kube.Failed, Missing: kube.Right{Verb: "patch", Resource: "pods/resize"}}
	custom := kube.Outcome{Step: scale, Result: kube.Failed, Missing: kube.Right{Verb: "patch", Group: "argoproj.io", Resource: "rollouts/scale"}}
	type met struct {
		after   time.Duration
		outcome kube.Outcome
	}
	for name, tc := range map[string]struct {
		met             []met
		reason, message string
	}{
		"admission": {
			[]met{{0, denied}},
			v1alpha1.ReasonRefused,
			"deployments/scale: ValidatingAdmissionPolicy 'freeze' with binding 'freeze' denied request: not on Fridays",
		},
		"another's number": {
			[]met{{0, kube.Outcome{Step: scale, Result: kube.Refused, Refusal: actuator.RefusedConflict, Message: "set by argocd: left alone"}}},
			v1alpha1.ReasonConflict, "deployments/scale: set by argocd: left alone",
		},
		"a right": {
			[]met{{0, forbidden}, {20 * time.Second, forbidden}},
			v1alpha1.ReasonMissingRights,
			"no right to patch pods/resize: roles.actuator and rbac.create of the chart give it",
		},
		"a right on another kind": {
			[]met{{0, custom}, {20 * time.Second, custom}},
			v1alpha1.ReasonMissingRights,
			"no right to patch rollouts/scale.argoproj.io: name it under scaleTargets of the chart",
		},
		"a right comes before what was refused": {
			[]met{{0, forbidden}, {20 * time.Second, denied}, {20 * time.Second, forbidden}},
			v1alpha1.ReasonMissingRights,
			"no right to patch pods/resize: roles.actuator and rbac.create of the chart give it",
		},
		"an API server that has just started": {[]met{{0, forbidden}, {5 * time.Second, forbidden}}, "", ""},
		"made since":                          {[]met{{0, denied}, {time.Second, kube.Outcome{Step: scale, Result: kube.Applied}}}, "", ""},
		"long ago":                            {[]met{{-12 * time.Minute, denied}}, "", ""},
		"another kind of step does not change it": {
			[]met{{0, denied}, {time.Second, kube.Outcome{Step: resize, Result: kube.Applied}}},
			v1alpha1.ReasonRefused,
			"deployments/scale: ValidatingAdmissionPolicy 'freeze' with binding 'freeze' denied request: not on Fridays",
		},
		"a node's capacity, which the plan tells of": {
			[]met{{0, kube.Outcome{Step: resize, Result: kube.Refused, Refusal: actuator.RefusedNodeCapacity, Message: "m"}}}, "", "",
		},
		"no answer": {[]met{{0, kube.Outcome{Step: resize, Result: kube.Failed, Message: http.ErrHandlerTimeout.Error()}}}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &acting{}
			at := now
			for _, o := range tc.met {
				if at = now.Add(o.after); true {
					m.noteRefusals(at, "Deployment", []kube.Outcome{o.outcome})
				}
			}
			if at.Before(now) {
				at = now
			}
			one, all := int32(1), int32(2)
			status := &v1alpha1.RightSizeStatus{Pods: v1alpha1.PodCounts{Total: &all, Sized: &one}}
			x := &action{memory: m, now: at, after: status, conditions: conditions{status, at, 1}}
			applied(x, actuator.Input{}, actuator.Plan{})
			c := condition(status, v1alpha1.ConditionApplied)
			want := tc.reason
			if want == "" {
				want = v1alpha1.ReasonProgressing
			}
			if c.Status != metav1.ConditionFalse || c.Reason != want || tc.message != "" && c.Message != shorten(tc.message, messageMost) {
				t.Errorf("condition %+v, want %s: %s", c, want, tc.message)
			}
		})
	}
}
