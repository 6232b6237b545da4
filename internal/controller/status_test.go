package controller

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// What is written when the program is to end has a while to end; what is written
// before that has all the time.
func TestLasting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		parent, end := context.WithCancel(t.Context())
		ctx, cancel := lasting(parent, 5*time.Second)
		defer cancel()
		time.Sleep(time.Hour)
		if ctx.Err() != nil {
			t.Error("it ended before its parent")
		}
		end()
		time.Sleep(4 * time.Second)
		if ctx.Err() != nil {
			t.Error("it ended before the grace was over")
		}
		time.Sleep(2 * time.Second)
		if ctx.Err() == nil {
			t.Error("it has not ended")
		}
	})
}

// Each role sees what the other wrote last, beside its own.
func TestJoined(t *testing.T) {
	t.Parallel()
	condition := func(kind, reason string) metav1.Condition { return metav1.Condition{Type: kind, Reason: reason} }
	one, two := int32(1), int32(2)
	mine := v1alpha1.RightSizeStatus{
		DesiredReplicas: &one, Actuation: "old", Pods: v1alpha1.PodCounts{Total: &one},
		Conditions: []metav1.Condition{condition(v1alpha1.ConditionReady, "Mine"), condition(v1alpha1.ConditionApplied, "Old")},
	}
	theirs := v1alpha1.RightSizeStatus{
		DesiredReplicas: &two, Actuation: "new", Pods: v1alpha1.PodCounts{Total: &two},
		Conditions: []metav1.Condition{condition(v1alpha1.ConditionReady, "Old"), condition(v1alpha1.ConditionApplied, "Theirs")},
	}
	got := joined(mine, theirs)
	if *got.DesiredReplicas != 1 || got.Actuation != "new" || *got.Pods.Total != 2 || len(got.Conditions) != 2 ||
		got.Conditions[0].Reason != "Mine" || got.Conditions[1].Reason != "Theirs" {
		t.Errorf("joined: %v", got)
	}
}
