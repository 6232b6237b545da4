package controller

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

func sized(cpu recommender.MilliCPU) actuator.Size {
	return actuator.Size{Requests: recommender.Resources{CPU: cpu, Memory: recommender.GiB}}
}

// podOf has one size asked for and another in force.
func podOf(name string, asked, has recommender.MilliCPU) actuator.Pod {
	force := sized(has)
	return actuator.Pod{
		Name: name, UID: name, Phase: actuator.PodRunning,
		Containers: []actuator.Container{{Name: "app", Spec: sized(asked), InForce: &force}},
	}
}

// The condition Applied names what explains the most why pods do not have what is
// recommended, and counts those that do.
func TestApplied(t *testing.T) {
	t.Parallel()
	decision := recommender.Decision{
		Action: recommender.ActionResizeAndScale, DesiredReplicas: 3,
		Containers: []recommender.Recommendation{{
			Name: "app", Target: recommender.Resources{CPU: 500, Memory: recommender.GiB},
			LowerBound: recommender.Resources{CPU: 450, Memory: recommender.GiB}, UpperBound: recommender.Resources{CPU: 600, Memory: recommender.GiB},
		}},
	}
	reason := func(codes ...recommender.ReasonCode) actuator.Plan {
		var p actuator.Plan
		for _, c := range codes {
			p.Reasons = append(p.Reasons, actuator.PodReason{Reason: recommender.Reason{Code: c, Message: "why"}})
		}
		return p
	}
	deferred := podOf("c", 500, 1000)
	deferred.Resize.Pending = actuator.PendingDeferred
	ended := podOf("z", 1000, 1000)
	ended.Phase = actuator.PodSucceeded
	for name, tc := range map[string]struct {
		pods     []actuator.Pod
		replicas int
		plan     actuator.Plan
		state    actuator.State
		none     bool
		status   metav1.ConditionStatus
		reason   string
		counts   [4]int32 // Total, sized, pending, refused.
	}{
		"all have it, or within its bounds": {
			pods: []actuator.Pod{podOf("a", 500, 500), podOf("b", 590, 590), podOf("c", 450, 450), ended}, replicas: 3,
			status: metav1.ConditionTrue, reason: v1alpha1.ReasonUpToDate, counts: [4]int32{3, 3, 0, 0},
		},
		"the number of pods does not fit": {
			pods: []actuator.Pod{podOf("a", 500, 500)}, replicas: 1,
			status: metav1.ConditionFalse, reason: v1alpha1.ReasonProgressing, counts: [4]int32{1, 1, 0, 0},
		},
		"what is asked for is not in force": {
			pods: []actuator.Pod{podOf("a", 500, 1000), podOf("b", 500, 500), podOf("c", 500, 500)}, replicas: 3,
			state:  actuator.State{Pods: []actuator.PodState{{Name: "a", UID: "a", Phase: actuator.PhaseRequested}}},
			status: metav1.ConditionFalse, reason: v1alpha1.ReasonProgressing, counts: [4]int32{3, 2, 1, 0},
		},
		"no room": {
			pods: []actuator.Pod{podOf("a", 500, 500), podOf("b", 500, 500), deferred}, replicas: 3,
			status: metav1.ConditionFalse, reason: v1alpha1.ReasonDeferred, counts: [4]int32{3, 2, 1, 0},
		},
		"a node that can never hold it": {
			pods: []actuator.Pod{podOf("a", 1000, 1000), podOf("b", 500, 500), podOf("c", 500, 500)}, replicas: 3,
			state:  actuator.State{Pods: []actuator.PodState{{Name: "a", UID: "a", Phase: actuator.PhaseInfeasible}}},
			plan:   reason(actuator.ReasonCanary, actuator.ReasonInfeasible),
			status: metav1.ConditionFalse, reason: v1alpha1.ReasonInfeasible, counts: [4]int32{3, 2, 0, 1},
		},
		"the kill switch comes before all": {
			pods: []actuator.Pod{podOf("a", 1000, 1000)}, replicas: 3, plan: reason(actuator.ReasonBudget, actuator.ReasonKillSwitch),
			status: metav1.ConditionFalse, reason: v1alpha1.ReasonKillSwitch, counts: [4]int32{1, 0, 0, 0},
		},
		"no decision": {
			pods: []actuator.Pod{podOf("a", 500, 500)}, replicas: 3, none: true, plan: reason(actuator.ReasonUndecided),
			status: metav1.ConditionFalse, reason: v1alpha1.ReasonNoData, counts: [4]int32{1, 1, 0, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := actuator.Input{Decision: decision, Pods: tc.pods, Target: actuator.Target{Replicas: &tc.replicas}}
			if tc.none {
				in.Decision.Action = recommender.ActionNone
			}
			status := &v1alpha1.RightSizeStatus{Pods: podCounts(in, tc.state)}
			applied(&action{memory: &acting{}, after: status, conditions: conditions{status, time.Now(), 1}}, in, tc.plan)
			c := condition(status, v1alpha1.ConditionApplied)
			if c == nil || c.Status != tc.status || c.Reason != tc.reason || len(c.Message) > messageMost {
				t.Errorf("condition %v, want %s %s", c, tc.status, tc.reason)
			}
			if p := status.Pods; [4]int32{*p.Total, *p.Sized, *p.Pending, *p.Refused} != tc.counts {
				t.Errorf("counts %d %d %d %d, want %v", *p.Total, *p.Sized, *p.Pending, *p.Refused, tc.counts)
			}
		})
	}
}
