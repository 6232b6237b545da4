package controller

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/actuator/kube"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

const (
	// refusalFor is how long a refusal is told of that is not met again: a little
	// longer than a pod is left alone for.
	refusalFor = 11 * time.Minute
	// rightsPatience is how long rights may be missing before that is told: an API
	// server that starts has not read its roles yet.
	rightsPatience = 15 * time.Second
)

// refusal is why a kind of step was not made the last time.
type refusal struct {
	reason, message string
	// first is when it was met first without a step of the kind being made since,
	// last is when it was met last.
	first, last time.Time
}

// noteRefusals brings up to date, by what is written, how that was refused.
func (m *acting) noteRefusals(now time.Time, target string, outcomes []kube.Outcome) {
	for _, o := range outcomes {
		what := writtenBy(o.Step.Kind, target)
		if o.Result == kube.Applied {
			delete(m.refused, what)
			continue
		}
		reason, message := refused(what, o)
		if reason == "" {
			continue
		}
		if m.refused == nil {
			m.refused = map[string]refusal{}
		}
		r := m.refused[what]
		if r.reason != reason {
			r = refusal{first: now}
		}
		r.reason, r.message, r.last = reason, message, now
		m.refused[what] = r
	}
}

// refusal is the one to tell of; false where there is none.
func (m *acting) refusal(now time.Time) (refusal, bool) {
	var best refusal
	for what, r := range m.refused {
		switch {
		case now.Sub(r.last) > refusalFor:
			delete(m.refused, what)
		case r.reason == v1alpha1.ReasonMissingRights && now.Sub(r.first) < rightsPatience:
		case best.reason == "" || r.reason == v1alpha1.ReasonMissingRights && best.reason != r.reason || r.reason == best.reason && r.message < best.message:
			best = r
		}
	}
	return best, best.reason != ""
}

// writtenBy is the subresource that a kind of step writes.
func writtenBy(kind actuator.StepKind, target string) string {
	switch kind {
	case actuator.StepScale:
		return strings.ToLower(target) + "s/scale"
	case actuator.StepEvict:
		return "pods/eviction"
	case actuator.StepResize, actuator.StepRevert:
	}
	return "pods/resize"
}

// refused says in words of the condition Applied how a step was refused; nothing
// where it was not, or where the plan itself tells of it: a node's capacity.
func refused(what string, o kube.Outcome) (reason, message string) {
	switch {
	case o.Missing != (kube.Right{}):
		r := o.Missing
		verb := r.Verb + " " + r.Resource
		if !slices.Contains([]string{"", "apps", "policy"}, r.Group) {
			return v1alpha1.ReasonMissingRights, fmt.Sprintf("no right to %s.%s: name it under scaleTargets of the chart", verb, r.Group)
		}
		return v1alpha1.ReasonMissingRights, fmt.Sprintf("no right to %s: roles.actuator and rbac.create of the chart give it", verb)
	case o.Refusal == actuator.RefusedConflict:
		return v1alpha1.ReasonConflict, what + ": " + o.Message
	case o.Refusal == actuator.RefusedOther:
		return v1alpha1.ReasonRefused, what + ": " + telling(o.Message)
	}
	return "", ""
}

// answerPattern is what the API server says of an object before it says why.
const answerPattern = `^.*?" is (?:forbidden|invalid): `

// telling is what tells why in an error of the API server.
func telling(message string) string {
	message = regexp.MustCompile(answerPattern).ReplaceAllString(message, "")
	line, _, _ := strings.Cut(message, "\n")
	return line
}
