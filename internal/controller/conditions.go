package controller

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// messageMost is how long the API lets the message of a condition be.
const messageMost = 100

// conditions sets conditions of a status at one instant, about one generation.
type conditions struct {
	status     *v1alpha1.RightSizeStatus
	now        time.Time
	generation int64
}

// set replaces a condition. One that stays as it was keeps its time.
func (c conditions) set(kind string, is bool, reason, message string) {
	status := metav1.ConditionFalse
	if is {
		status = metav1.ConditionTrue
	}
	meta.SetStatusCondition(&c.status.Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: shorten(message, messageMost), ObservedGeneration: c.generation,
		LastTransitionTime: metav1.Time{Time: c.now.UTC().Truncate(time.Second)},
	})
}

// drop removes conditions that are there only while true.
func (c conditions) drop(kinds ...string) {
	c.status.Conditions = slices.DeleteFunc(c.status.Conditions, func(x metav1.Condition) bool { return slices.Contains(kinds, x.Type) })
}

// shorten cuts at a rune, with an ellipsis.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const mark = "…"
	cut := most - len(mark)
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + mark
}

// isTrue says whether a status has a condition that is True.
func isTrue(s *v1alpha1.RightSizeStatus, kind string) bool {
	return meta.IsStatusConditionTrue(s.Conditions, kind)
}
