package controller

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/actuator/kube"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/telemetry"
	"github.com/rightsize-dev/rightsize/recommender"
)

// podCounts counts pods by how far they have what is recommended. Each is in one
// of the numbers but total, or in none while nothing has been done about it.
func podCounts(in actuator.Input, s actuator.State) v1alpha1.PodCounts {
	var total, sized, pending, refused int32
	for _, p := range in.Pods {
		if p.Terminating || p.Phase == actuator.PodSucceeded || p.Phase == actuator.PodFailed {
			continue
		}
		total++
		phase := actuator.Phase("")
		if i := slices.IndexFunc(s.Pods, func(e actuator.PodState) bool { return e.UID == p.UID }); i >= 0 {
			phase = s.Pods[i].Phase
		}
		switch {
		case hasSize(p, in.Decision):
			sized++
		case phase == actuator.PhaseInfeasible || phase == actuator.PhaseFailed || phase == actuator.PhaseForeign || phase == actuator.PhaseRefused ||
			p.Resize.Pending == actuator.PendingInfeasible:
			refused++
		case phase != "" && phase != actuator.PhaseDone || p.Resize.Pending != "" || p.Resize.InProgress || starting(p, in.Decision):
			pending++
		}
	}
	return v1alpha1.PodCounts{Total: &total, Sized: &sized, Pending: &pending, Refused: &refused}
}

// starting says whether a pod has the size for the time in which it starts.
func starting(p actuator.Pod, d recommender.Decision) bool {
	return !p.Ready && slices.ContainsFunc(d.Containers, func(r recommender.Recommendation) bool {
		return r.Boost != nil && slices.ContainsFunc(p.Containers, func(c actuator.Container) bool {
			return c.Name == r.Name && c.Spec.Requests.CPU == r.Boost.CPU
		})
	})
}

// hasSize says whether what a pod has is what is recommended, or within its
// bounds.
func hasSize(p actuator.Pod, d recommender.Decision) bool {
	for _, r := range d.Containers {
		i := slices.IndexFunc(p.Containers, func(c actuator.Container) bool { return c.Name == r.Name })
		if i < 0 {
			continue
		}
		has := p.Containers[i].Spec
		if f := p.Containers[i].InForce; f != nil {
			has = *f
		}
		cpu, memory := has.Requests.CPU, has.Requests.Memory
		if r.Target.CPU > 0 && cpu != r.Target.CPU && (cpu < r.LowerBound.CPU || cpu > r.UpperBound.CPU) ||
			r.Target.Memory > 0 && memory != r.Target.Memory && (memory < r.LowerBound.Memory || memory > r.UpperBound.Memory) {
			return false
		}
	}
	return true
}

// reasonsApplied are the reasons of plans with those of the condition Applied that
// they are told as, the one that explains the most first.
func reasonsApplied() []struct {
	code   recommender.ReasonCode
	reason string
} {
	return []struct {
		code   recommender.ReasonCode
		reason string
	}{
		{actuator.ReasonKillSwitch, v1alpha1.ReasonKillSwitch},
		{actuator.ReasonRival, v1alpha1.ReasonConflict},
		{actuator.ReasonNamespace, v1alpha1.ReasonProtected},
		{actuator.ReasonMode, v1alpha1.ReasonInitial},
		{actuator.ReasonUndecided, v1alpha1.ReasonNoData},
		{actuator.ReasonWorse, v1alpha1.ReasonRolledBack},
		{actuator.ReasonFrozen, v1alpha1.ReasonRolledBack},
		{actuator.ReasonRefused, ""}, // As it was refused.
		{actuator.ReasonQuota, v1alpha1.ReasonQuotaExceeded},
		{actuator.ReasonLimitRange, v1alpha1.ReasonQuotaExceeded},
		{actuator.ReasonQoS, v1alpha1.ReasonQoSLocked},
		{actuator.ReasonNodeCapacity, v1alpha1.ReasonInfeasible},
		{actuator.ReasonInfeasible, v1alpha1.ReasonInfeasible},
		{actuator.ReasonDeferred, v1alpha1.ReasonDeferred},
		{actuator.ReasonRoom, v1alpha1.ReasonDeferred},
		{actuator.ReasonUnresizable, v1alpha1.ReasonNotSupported},
		{actuator.ReasonCanary, v1alpha1.ReasonCanary},
		{actuator.ReasonBudget, v1alpha1.ReasonBudget},
		{actuator.ReasonStale, v1alpha1.ReasonSourceUnavailable},
	}
}

// applied sets the condition Applied.
func applied(x *action, in actuator.Input, plan actuator.Plan) {
	p := x.after.Pods
	replicas := in.Target.Replicas
	scaled := replicas == nil || *replicas == in.Decision.DesiredReplicas
	decided := in.Decision.Action != recommender.ActionNone
	if decided && *p.Sized == *p.Total && scaled {
		x.set(v1alpha1.ConditionApplied, true, v1alpha1.ReasonUpToDate, "the pods have the recommended size and number")
		return
	}
	progress := fmt.Sprintf("%d of %d pods have the recommended size", *p.Sized, *p.Total)
	if !scaled {
		progress += fmt.Sprintf(", %d of %d replicas", *replicas, in.Decision.DesiredReplicas)
	}
	for _, candidate := range reasonsApplied() {
		if candidate.code == actuator.ReasonRefused {
			if r, is := x.memory.refusal(x.now); is {
				x.set(v1alpha1.ConditionApplied, false, r.reason, r.message)
				return
			}
			continue
		}
		i := slices.IndexFunc(plan.Reasons, func(r actuator.PodReason) bool { return r.Code == candidate.code })
		if i < 0 {
			continue
		}
		message := progress + ": " + plan.Reasons[i].Message
		if !decided {
			message = plan.Reasons[i].Message
		}
		x.set(v1alpha1.ConditionApplied, false, candidate.reason, message)
		return
	}
	reason := v1alpha1.ReasonProgressing
	if slices.ContainsFunc(in.Pods, func(p actuator.Pod) bool { return p.Resize.Pending == actuator.PendingDeferred }) {
		reason = v1alpha1.ReasonDeferred
	}
	x.set(v1alpha1.ConditionApplied, false, reason, progress)
}

// sameApplied says whether the actuator's fields of two statuses say the same.
func sameApplied(before, after v1alpha1.RightSizeStatus) bool {
	p, q := before.Pods, after.Pods
	if differ(p.Total, q.Total) || differ(p.Sized, q.Sized) || differ(p.Pending, q.Pending) || differ(p.Refused, q.Refused) {
		return false
	}
	was, is := condition(&before, v1alpha1.ConditionApplied), condition(&after, v1alpha1.ConditionApplied)
	if was == nil || is == nil {
		return was == is
	}
	told := is.Reason != v1alpha1.ReasonRefused && is.Reason != v1alpha1.ReasonMissingRights || was.Message == is.Message
	return was.Status == is.Status && was.Reason == is.Reason && was.ObservedGeneration == is.ObservedGeneration && told
}

// count tells the changes of a plan as metrics and events.
func (a *actuates) count(rs *v1alpha1.RightSize, plan actuator.Plan, outcomes []kube.Outcome) {
	made := map[actuator.StepKind]int{}
	first := map[actuator.StepKind]actuator.Step{}
	for _, o := range outcomes {
		if o.Result == kube.Skipped {
			continue
		}
		a.metrics.count(telemetry.Changes, actionOf(o.Step.Kind), resultOf(o))
		if o.Result == kube.Applied {
			if made[o.Step.Kind] == 0 {
				first[o.Step.Kind] = o.Step
			}
			made[o.Step.Kind]++
		}
		if o.Refusal != "" {
			a.events.event(rs, corev1.EventTypeWarning, string(actuator.ReasonRefused), string(o.Step.Kind), shorten(o.Step.Pod+": "+o.Message, 512))
		}
	}
	for _, kind := range []actuator.StepKind{actuator.StepResize, actuator.StepRevert, actuator.StepScale, actuator.StepEvict} {
		s := first[kind]
		if n := made[kind]; n > 0 {
			message := s.Reason.Message
			if n > 1 {
				message = fmt.Sprintf("%d pods, the first %s: %s", n, s.Pod, message)
			} else if s.Pod != "" {
				message = s.Pod + ": " + message
			}
			a.events.event(rs, corev1.EventTypeNormal, string(s.Reason.Code), string(kind), shorten(message, 512))
		}
	}
	for _, r := range plan.Reasons {
		if r.Code == actuator.ReasonWorse {
			a.metrics.count(telemetry.Rollbacks, r.Subject)
			a.events.event(rs, corev1.EventTypeWarning, string(r.Code), "RollBack", shorten(r.Message, 512))
		}
	}
}

// actionOf and resultOf are the labels of a step in metrics.
func actionOf(kind actuator.StepKind) string {
	switch kind {
	case actuator.StepScale:
		return "scale"
	case actuator.StepEvict:
		return "evict"
	case actuator.StepResize, actuator.StepRevert:
	}
	return "resize"
}

func resultOf(o kube.Outcome) string {
	switch {
	case o.Result == kube.Applied && o.Step.Kind == actuator.StepRevert:
		return "reverted"
	case o.Result == kube.Applied:
		return "applied"
	case o.Refusal == actuator.RefusedNodeCapacity:
		return "infeasible"
	case o.Refusal == actuator.RefusedConflict || o.Result == kube.Stale:
		return "conflict"
	case o.Refusal != "":
		return "refused"
	}
	return "error"
}
