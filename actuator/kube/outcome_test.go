package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/recommender"
)

// answer is one of the API server. Those that a real one gave are held to it in
// test/actuator; here is what each of them means.
func answer(code int32, reason metav1.StatusReason, message string, causes ...metav1.StatusCause) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message, Details: &metav1.StatusDetails{Causes: causes},
	}}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	pods := schema.GroupResource{Resource: "pods"}
	for name, tc := range map[string]struct {
		err     error
		result  Result
		refusal actuator.Refusal
	}{
		"made": {nil, Applied, ""},
		"more than the node offers": {
			answer(403, metav1.StatusReasonForbidden, "node didn't have enough allocatable resources: cpu", metav1.StatusCause{Type: "NodeCapacity"}),
			Refused, actuator.RefusedNodeCapacity,
		},
		"a quota":                  {answer(403, metav1.StatusReasonForbidden, "exceeded quota: team"), Refused, actuator.RefusedOther},
		"an invalid size":          {answer(422, metav1.StatusReasonInvalid, "Pod QOS Class may not change"), Refused, actuator.RefusedOther},
		"no such subresource":      {answer(http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, "no"), Refused, actuator.RefusedOther},
		"another manager":          {&conflictError{owners: []owner{{manager: "vpa-updater", subresource: "resize"}}}, Refused, actuator.RefusedConflict},
		"another version":          {answer(409, metav1.StatusReasonConflict, "the object has been modified"), Stale, ""},
		"another pod of that name": {answer(422, metav1.StatusReasonInvalid, "field is immutable", metav1.StatusCause{Field: "metadata.uid"}), Stale, ""},
		"another generation":       {errStale, Stale, ""},
		"gone":                     {apierrors.NewNotFound(pods, "web"), Stale, ""},
		"a disruption budget": {
			answer(429, metav1.StatusReasonTooManyRequests, "Cannot evict pod", metav1.StatusCause{Type: policyv1.DisruptionBudgetCause}), Refused, actuator.RefusedOther,
		},
		"two of them":               {apierrors.NewInternalError(errors.New("pod has more than one PodDisruptionBudget")), Refused, actuator.RefusedOther},
		"too many requests":         {apierrors.NewTooManyRequests("later", 1), Failed, ""},
		"an internal error":         {apierrors.NewInternalError(errors.New("etcd is away")), Failed, ""},
		"away":                      {apierrors.NewServiceUnavailable("away"), Failed, ""},
		"rights that are not there": {answer(403, metav1.StatusReasonForbidden, `pods "db-4" is forbidden: User "system:serviceaccount:r:r" cannot patch resource "pods/resize" in API group "" in the namespace "life"`), Failed, ""},
		"a token that is old":       {apierrors.NewUnauthorized("old"), Failed, ""},
		"no answer":                 {context.DeadlineExceeded, Failed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := outcome(actuator.Step{}, tc.err)
			if o.Result != tc.result || o.Refusal != tc.refusal || (o.Message == "") != (tc.err == nil) || !errors.Is(o.Err, tc.err) {
				t.Errorf("%+v, want %s %s", o, tc.result, tc.refusal)
			}
		})
	}
}

// The right that is missing is told of, and admission, which refuses with the same
// code, is not taken for it.
func TestMissing(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]Right{
		`pods "db-4" is forbidden: User "system:serviceaccount:r:r" cannot patch resource "pods/resize" in API group "" in the namespace "life"`: {
			Verb: "patch", Resource: "pods/resize",
		},
		`rollouts.argoproj.io "web" is forbidden: User "r" cannot patch resource "rollouts/scale" in API group "argoproj.io" in the namespace "life"`: {
			Verb: "patch", Group: "argoproj.io", Resource: "rollouts/scale",
		},
		`pods "db-4" is forbidden: exceeded quota: cpu`:                     {},
		`pods "db-4" is forbidden: ValidatingAdmissionPolicy 'f' denied it`: {},
	} {
		if o := outcome(actuator.Step{}, answer(403, metav1.StatusReasonForbidden, message)); o.Missing != want {
			t.Errorf("%s: %+v, want %+v", message, o.Missing, want)
		}
	}
}

// Owners as the API server names them.
func TestOwners(t *testing.T) {
	t.Parallel()
	conflict := func(message string) error {
		return answer(409, metav1.StatusReasonConflict, "Apply failed", metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict, Message: message})
	}
	for name, tc := range map[string]struct {
		err  error
		want owner
	}{
		"who made it":   {conflict(`conflict with "kube-controller-manager" using v1 at 2026-11-26T12:00:00Z`), owner{manager: "kube-controller-manager"}},
		"a subresource": {conflict(`conflict with "vpa-updater" with subresource "resize" using v1`), owner{manager: "vpa-updater", subresource: "resize"}},
		"who applies":   {conflict(`conflict with "kustomize-controller"`), owner{manager: "kustomize-controller", declares: true}},
		"both":          {conflict(`conflict with "argo" with subresource "scale"`), owner{manager: "argo", subresource: "scale", declares: true}},
		"quotes":        {conflict(`conflict with "odd \"one\"" using v1`), owner{manager: `odd \"one\"`}},
		"words that are not known": {
			conflict(`somebody has it`), owner{manager: "somebody has it", declares: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := owners(tc.err)
			if len(got) != 1 || got[0] != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
	if got := owners(answer(409, metav1.StatusReasonConflict, "the object has been modified")); got != nil {
		t.Errorf("another version has the owners %+v", got)
	}
	message := (&conflictError{owners: []owner{{manager: "a"}, {manager: "b", subresource: "scale"}}}).Error()
	if !strings.Contains(message, "a, b (by scale)") {
		t.Errorf("the message is %q", message)
	}
}

// What takes anything away: it waits where a step before it was not made.
func TestLowers(t *testing.T) {
	t.Parallel()
	size := func(cpu, limit int64) actuator.Size {
		return actuator.Size{Requests: recommender.Resources{CPU: recommender.MilliCPU(cpu)}, Limits: recommender.Resources{CPU: recommender.MilliCPU(limit)}}
	}
	resize := func(from, to actuator.Size) actuator.Step {
		return actuator.Step{Kind: actuator.StepResize, Containers: []actuator.ContainerStep{{From: from, To: to}}}
	}
	for name, tc := range map[string]struct {
		step actuator.Step
		want bool
	}{
		"a larger request":  {resize(size(1, 0), size(2, 0)), false},
		"a smaller request": {resize(size(2, 0), size(1, 0)), true},
		"a smaller limit":   {resize(size(1, 3), size(2, 2)), true},
		"a new limit":       {resize(size(1, 0), size(2, 9)), true},
		"a larger limit":    {resize(size(1, 3), size(1, 4)), false},
		"put back":          {actuator.Step{Kind: actuator.StepRevert, Containers: []actuator.ContainerStep{{From: size(2, 0), To: size(1, 0)}}}, false},
		"more pods":         {actuator.Step{Kind: actuator.StepScale, From: 1, To: 2}, false},
		"fewer pods":        {actuator.Step{Kind: actuator.StepScale, From: 2, To: 1}, true},
		"an eviction":       {actuator.Step{Kind: actuator.StepEvict}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := lowers(tc.step); got != tc.want {
				t.Errorf("lowers: %v, want %v", got, tc.want)
			}
		})
	}
}

// What the next plan is told: the last answer about each pod.
func TestRefusals(t *testing.T) {
	t.Parallel()
	of := func(uid string, r Result, refusal actuator.Refusal) Outcome {
		return Outcome{Step: actuator.Step{Kind: actuator.StepResize, Precondition: actuator.Precondition{UID: uid}}, Result: r, Refusal: refusal}
	}
	known := Refusals(nil, []Outcome{
		of("a", Refused, actuator.RefusedOther), of("b", Refused, actuator.RefusedConflict), of("c", Applied, ""),
		{Step: actuator.Step{Kind: actuator.StepScale, Precondition: actuator.Precondition{UID: "d"}}, Result: Refused, Refusal: actuator.RefusedConflict},
	})
	known = Refusals(known, []Outcome{of("a", Skipped, ""), of("b", Applied, ""), of("c", Failed, "")})
	if len(known) != 1 || known["a"] != actuator.RefusedOther {
		t.Errorf("%v", known)
	}
}

// What was not made is asked again; what was made or refused is remembered.
func TestForget(t *testing.T) {
	t.Parallel()
	step := func(kind actuator.StepKind, pod string) actuator.Step {
		return actuator.Step{Kind: kind, Pod: pod, Precondition: actuator.Precondition{UID: pod}}
	}
	var s actuator.State
	for _, name := range []string{"applied", "evicted", "failed", "put-back", "refused", "skipped", "stale"} {
		s.Pods = append(s.Pods, actuator.PodState{Name: name, UID: name, Revert: name == "put-back"})
	}
	got := Forget(s, []Outcome{
		{Step: step(actuator.StepResize, "applied"), Result: Applied},
		{Step: step(actuator.StepEvict, "evicted"), Result: Failed},
		{Step: step(actuator.StepResize, "failed"), Result: Failed},
		{Step: step(actuator.StepRevert, "put-back"), Result: Stale},
		{Step: step(actuator.StepResize, "refused"), Result: Refused},
		{Step: step(actuator.StepResize, "skipped"), Result: Skipped},
		{Step: step(actuator.StepResize, "stale"), Result: Stale},
		{Step: step(actuator.StepScale, ""), Result: Failed},
	})
	var names []string
	for _, p := range got.Pods {
		names = append(names, p.Name)
		if p.Revert {
			t.Errorf("%s is taken for put back", p.Name)
		}
	}
	if n := strings.Join(names, " "); n != "applied evicted put-back refused" {
		t.Errorf("remembered are %s", n)
	}
	if len(s.Pods) != 7 || !s.Pods[3].Revert {
		t.Error("the state that was given has changed")
	}
}
