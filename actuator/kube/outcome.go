package kube

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rightsize-dev/rightsize/actuator"
)

// Outcome is what became of a step.
type Outcome struct {
	Step   actuator.Step
	Result Result
	// Refusal is how the API server refused it, for the next plan to know; empty
	// where it did not.
	Refusal actuator.Refusal
	// Message tells people why it was not made, Err what was answered.
	Message string
	Err     error
	// Missing is the right whose want the answer tells of; zero where it does not.
	Missing Right
}

// Right is what a role may or may not give.
type Right struct{ Verb, Group, Resource string }

// rightPattern is the form of what the API server says of a right that is missing.
const rightPattern = `User ".*" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"`

// missing is the right that an answer says is missing; false for other answers.
// Admission refuses with the same code and other words.
func missing(err error) (Right, bool) {
	if !apierrors.IsForbidden(err) {
		return Right{}, false
	}
	m := regexp.MustCompile(rightPattern).FindStringSubmatch(err.Error())
	if m == nil {
		return Right{}, false
	}
	return Right{Verb: m[1], Resource: m[2], Group: m[3]}, true
}

// Result is what became of a step in one word, which is a label of metrics.
type Result string

// The results.
const (
	// Applied: it was made.
	Applied Result = "Applied"
	// Refused: the API server will not do it.
	Refused Result = "Refused"
	// Stale: the object is not the one that it was planned for. The next plan
	// sees the one there is.
	Stale Result = "Stale"
	// Failed: the API server did not answer, or was busy. The next plan asks
	// again.
	Failed Result = "Failed"
	// Skipped: a step before it was not made.
	Skipped Result = "Skipped"
)

// Refusals brings up to date how the API server answered the last step about each
// pod, by UID, and returns it: what was made, or asked again without an answer, is
// forgotten.
func Refusals(known map[string]actuator.Refusal, outcomes []Outcome) map[string]actuator.Refusal {
	if known == nil {
		known = map[string]actuator.Refusal{}
	}
	for _, o := range outcomes {
		uid := o.Step.Precondition.UID
		switch {
		case o.Step.Kind == actuator.StepScale || o.Result == Skipped:
		case o.Refusal != "":
			known[uid] = o.Refusal
		default:
			delete(known, uid)
		}
	}
	return known
}

// Forget is the state that a plan left without what was not made of it, so that
// the next plan asks again at once: steps that were skipped, that found another
// object, or that got no answer. Those that did take effect, without an answer, are
// seen in their pods. Evictions are asked for again after a minute.
func Forget(s actuator.State, outcomes []Outcome) actuator.State {
	s.Pods = slices.Clone(s.Pods)
	for _, o := range outcomes {
		i := slices.IndexFunc(s.Pods, func(p actuator.PodState) bool { return p.Name == o.Step.Pod && p.UID == o.Step.Precondition.UID })
		if i < 0 || o.Result == Applied || o.Result == Refused {
			continue
		}
		switch o.Step.Kind {
		case actuator.StepResize:
			s.Pods = slices.Delete(s.Pods, i, i+1)
		case actuator.StepRevert:
			s.Pods[i].Revert = false // It is still to be put back.
		case actuator.StepScale, actuator.StepEvict:
		}
	}
	return s
}

// outcome says what an error of the API server means for a step.
func outcome(step actuator.Step, err error) Outcome {
	o := Outcome{Step: step, Result: Applied, Err: err}
	if err == nil {
		return o
	}
	o.Message = err.Error()
	var conflict *conflictError
	switch {
	case errors.As(err, &conflict):
		o.Result, o.Refusal = Refused, actuator.RefusedConflict
	case notAllowed(err):
		o.Result = Failed
		o.Missing, _ = missing(err)
	case errors.Is(err, errStale), apierrors.IsConflict(err), apierrors.IsNotFound(err), apierrors.IsGone(err), anotherUID(err):
		o.Result = Stale
	case hasCause(err, causeNodeCapacity):
		o.Result, o.Refusal = Refused, actuator.RefusedNodeCapacity
	case hasCause(err, policyv1.DisruptionBudgetCause), severalBudgets(err), refuses(err):
		o.Result, o.Refusal = Refused, actuator.RefusedOther
	default:
		o.Result = Failed
	}
	return o
}

// causeNodeCapacity is the cause of the answer that requests exceed what a node
// offers, since Kubernetes 1.36. Kubelets of before say Infeasible.
const causeNodeCapacity metav1.CauseType = "NodeCapacity"

// errStale says that an object is not the one that a step was planned for.
var errStale = errors.New("changed since it was planned")

// conflictError says that other field managers own what was to be written.
type conflictError struct{ owners []owner }

func (e *conflictError) Error() string {
	names := make([]string, len(e.owners))
	for i, o := range e.owners {
		names[i] = o.manager
		if o.subresource != "" {
			names[i] += " (by " + o.subresource + ")"
		}
	}
	return "set by " + strings.Join(names, ", ") + ": left alone"
}

// owner is a field manager that owns what was to be written.
type owner struct {
	manager, subresource string
	// declares says that it applies what it wants again and again, as tools do that
	// keep a cluster as Git has it; else it wrote it some time.
	declares bool
}

// unowned is the name by which the API server tells of fields that were there
// before anybody applied and that no manager owns, such as the replicas of a
// Deployment whose manifest left them out.
const unowned = "before-first-apply"

// ownerPattern is the form of a conflict: the manager, the subresource that it
// wrote, and, where it did not apply, "using" and the version and the time.
const ownerPattern = `^conflict with "(.*?)"(?: with subresource "(.*?)")?( using .*)?$`

// owners are those whose fields a server-side apply without force was refused
// for; none where the error is another.
func owners(err error) []owner {
	if !apierrors.IsConflict(err) {
		return nil
	}
	pattern := regexp.MustCompile(ownerPattern)
	var out []owner
	for _, c := range causes(err) {
		if c.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		one := owner{manager: c.Message, declares: true} // Not to be taken from who is not known.
		if m := pattern.FindStringSubmatch(c.Message); m != nil {
			one = owner{manager: m[1], subresource: m[2], declares: m[3] == ""}
		}
		if !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}

// causes are those of an answer, none where it gives none.
func causes(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	return status.Status().Details.Causes
}

func hasCause(err error, cause metav1.CauseType) bool {
	return slices.ContainsFunc(causes(err), func(c metav1.StatusCause) bool { return c.Type == cause })
}

// anotherUID says that the object is another of the same name: of pods the API
// server says that the field cannot be changed, of others that it is a conflict.
func anotherUID(err error) bool {
	return apierrors.IsInvalid(err) && slices.ContainsFunc(causes(err), func(c metav1.StatusCause) bool { return c.Field == "metadata.uid" })
}

// severalBudgets is what the API server answers to an eviction of a pod that more
// than one PodDisruptionBudget selects, as an internal error.
func severalBudgets(err error) bool {
	return apierrors.IsInternalError(err) && strings.Contains(err.Error(), "more than one PodDisruptionBudget")
}

// refuses says that the same again would get the same answer. Too many requests
// is none: the cause tells those that a budget refuses.
func refuses(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	return code >= http.StatusBadRequest && code < http.StatusInternalServerError &&
		code != http.StatusTooManyRequests && code != http.StatusRequestTimeout && code != http.StatusUnauthorized
}

// notAllowed says that the rights are missing, as they are for some seconds after
// an API server has started and has not read its roles yet: that tells nothing
// about the pod. Admission refuses with the same code and other words.
func notAllowed(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), `User "`) && strings.Contains(err.Error(), `" cannot `)
}

// lowers says that a step takes anything away from running pods: a smaller
// request or limit, a limit where there was none, pods.
func lowers(s actuator.Step) bool {
	switch s.Kind {
	case actuator.StepScale:
		return s.To < s.From
	case actuator.StepEvict:
		return true
	case actuator.StepRevert:
		return false // Back to what it has, or had before.
	case actuator.StepResize:
	}
	limit := func(from, to int64) bool { return to > 0 && (from == 0 || to < from) }
	return slices.ContainsFunc(s.Containers, func(c actuator.ContainerStep) bool {
		from, to := c.From, c.To
		return to.Requests.CPU < from.Requests.CPU || to.Requests.Memory < from.Requests.Memory ||
			limit(int64(from.Limits.CPU), int64(to.Limits.CPU)) || limit(int64(from.Limits.Memory), int64(to.Limits.Memory))
	})
}
