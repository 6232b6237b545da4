package controller

import (
	corev1 "k8s.io/api/core/v1"
	k8sevents "k8s.io/client-go/tools/events"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// events tells people what happens to a RightSize, with the reasons that
// conditions and decisions have.
type events struct {
	to k8sevents.EventRecorder
}

// bad are the reasons of conditions that somebody should look at.
func bad(reason string) bool {
	switch reason {
	case v1alpha1.ReasonInvalid, v1alpha1.ReasonConflict, v1alpha1.ReasonTargetOwned, v1alpha1.ReasonNoScale, v1alpha1.ReasonUnknownSignal,
		v1alpha1.ReasonSourceUnavailable, v1alpha1.ReasonRolledBack, v1alpha1.ReasonInfeasible, v1alpha1.ReasonTargetNotFound:
		return true
	}
	return false
}

// transitions tells the conditions whose status or reason has changed. Those that
// sum up others say nothing new.
func (e *events) transitions(rs *v1alpha1.RightSize, before, after v1alpha1.RightSizeStatus) {
	for _, c := range after.Conditions {
		if c.Type == v1alpha1.ConditionReady || c.Type == v1alpha1.ConditionReconciling {
			continue
		}
		was := condition(&before, c.Type)
		if was != nil && was.Status == c.Status && was.Reason == c.Reason || was == nil && !bad(c.Reason) {
			continue // Nothing new, or a beginning that is as it should be.
		}
		kind := corev1.EventTypeNormal
		if bad(c.Reason) {
			kind = corev1.EventTypeWarning
		}
		e.event(rs, kind, c.Reason, c.Type, c.Message)
	}
}

// event tells one thing about a RightSize.
func (e *events) event(rs *v1alpha1.RightSize, kind, reason, action, message string) {
	e.to.Eventf(rs, nil, kind, reason, action, "%s", message)
}
