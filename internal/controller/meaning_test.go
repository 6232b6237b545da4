package controller

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

func quantity(s string) *resource.Quantity {
	q := resource.MustParse(s)
	return &q
}

// told is a status that was written an hour ago.
func told(now time.Time) v1alpha1.RightSizeStatus {
	replicas, saves := int32(4), int64(100)
	return v1alpha1.RightSizeStatus{
		ObservedGeneration: 1, CurrentReplicas: &replicas, DesiredReplicas: &replicas,
		DecisionTime: &metav1.Time{Time: now.Add(-time.Hour)},
		Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonRecommended, ObservedGeneration: 1},
			{Type: v1alpha1.ConditionRecommendationAvailable, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonRecommended, ObservedGeneration: 1},
		},
		Recommendation: v1alpha1.Recommendation{Replicas: &replicas, Containers: []v1alpha1.ContainerRecommendation{{
			Name:     "app",
			Requests: v1alpha1.Amounts{CPU: quantity("500m"), Memory: quantity("512Mi")}, Limits: v1alpha1.Amounts{Memory: quantity("512Mi")},
			LowerBound: v1alpha1.Amounts{CPU: quantity("450m"), Memory: quantity("480Mi")},
			UpperBound: v1alpha1.Amounts{CPU: quantity("600m"), Memory: quantity("600Mi")},
		}}},
		Forecast: v1alpha1.ForecastSummary{Signal: "cpu", HorizonSeconds: 60, Upper: quantity("2"), Median: quantity("1.5")},
		Reasons:  []v1alpha1.Reason{{Code: "CheapestFeasible"}},
		Savings:  v1alpha1.Savings{PerMonth: &saves, Currency: "USD"},
	}
}

// What is acted on is written at once, what explains it where it has drifted and
// was not written for half an hour.
func TestChanged(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	recent := func(s *v1alpha1.RightSizeStatus) { s.DecisionTime = &metav1.Time{Time: now.Add(-time.Minute)} }
	five, more := int32(5), int64(130)
	for name, tc := range map[string]struct {
		before, after func(*v1alpha1.RightSizeStatus)
		want          bool
	}{
		"nothing":      {nil, nil, false},
		"a generation": {nil, func(s *v1alpha1.RightSizeStatus) { s.ObservedGeneration = 2 }, true},
		"a condition's reason": {nil, func(s *v1alpha1.RightSizeStatus) {
			s.Conditions[1].Status, s.Conditions[1].Reason = metav1.ConditionFalse, v1alpha1.ReasonNoData
		}, true},
		"how much history is missing": {nil, func(s *v1alpha1.RightSizeStatus) { s.Conditions[1].Message = "20 minutes more" }, false},
		"another condition": {nil, func(s *v1alpha1.RightSizeStatus) {
			s.Conditions = append(s.Conditions, metav1.Condition{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue})
		}, true},
		"the actuator's condition": {nil, func(s *v1alpha1.RightSizeStatus) {
			s.Conditions = append(s.Conditions, metav1.Condition{Type: v1alpha1.ConditionApplied, Status: metav1.ConditionTrue})
		}, false},
		"pods": {nil, func(s *v1alpha1.RightSizeStatus) { s.DesiredReplicas = &five }, true},
		"a size within the new bounds": {nil, func(s *v1alpha1.RightSizeStatus) {
			s.Recommendation.Containers[0].Requests.CPU = quantity("520m")
		}, false},
		"a size whose bounds leave out the old one": {nil, func(s *v1alpha1.RightSizeStatus) {
			s.Recommendation.Containers[0].Requests.CPU, s.Recommendation.Containers[0].LowerBound.CPU = quantity("520m"), quantity("510m")
		}, true},
		"a size a quarter away, however wide the bounds": {recent, func(s *v1alpha1.RightSizeStatus) {
			recent(s)
			s.Recommendation.Containers[0].Requests.CPU, s.Recommendation.Containers[0].LowerBound.CPU = quantity("650m"), quantity("100m")
		}, true},
		"a limit that goes": {nil, func(s *v1alpha1.RightSizeStatus) { s.Recommendation.Containers[0].Limits.Memory = nil }, true},
		"a container":       {nil, func(s *v1alpha1.RightSizeStatus) { s.Recommendation.Containers[0].Name = "web" }, true},
		"a forecast, a little": {nil, func(s *v1alpha1.RightSizeStatus) {
			s.Forecast.Upper = quantity("2.3")
		}, false},
		"a forecast, by a third": {nil, func(s *v1alpha1.RightSizeStatus) { s.Forecast.Upper = quantity("3") }, true},
		"a forecast, by a third, after a minute": {recent, func(s *v1alpha1.RightSizeStatus) {
			recent(s)
			s.Forecast.Upper = quantity("3")
		}, false},
		"savings":  {nil, func(s *v1alpha1.RightSizeStatus) { s.Savings.PerMonth = &more }, true},
		"a reason": {nil, func(s *v1alpha1.RightSizeStatus) { s.Reasons[0].Code = "ReactiveFloor" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := told(now), told(now)
			if tc.before != nil {
				tc.before(&before)
			}
			if tc.after != nil {
				tc.after(&after)
			}
			if got := changed(v1alpha1.ModeApply, before, after, now); got != tc.want {
				t.Errorf("changed: %t, want %t", got, tc.want)
			}
		})
	}
}

// A size beyond the bounds is another one where it differs by more than noise:
// by less where pods are made to it, and too little by less than too much.
func TestSizesThatAreNoOthers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		mode v1alpha1.Mode
		cpu  string // In place of 500m, which the bounds leave out.
		want bool
	}{
		{v1alpha1.ModeApply, "500m", false},
		{v1alpha1.ModeApply, "509m", false},
		{v1alpha1.ModeApply, "515m", true},
		{v1alpha1.ModeApply, "480m", false},
		{v1alpha1.ModeApply, "470m", true},
		{v1alpha1.ModeInitial, "515m", true},
		{v1alpha1.ModeDryRun, "515m", false},
		{v1alpha1.ModeDryRun, "550m", false},
		{v1alpha1.ModeDryRun, "560m", true},
		{v1alpha1.ModeDryRun, "460m", false},
		{v1alpha1.ModeDryRun, "450m", true},
		{"", "460m", false},
	} {
		before, after := told(now), told(now)
		k := &after.Recommendation.Containers[0]
		k.Requests.CPU, k.LowerBound.CPU, k.UpperBound.CPU = quantity(tc.cpu), quantity(tc.cpu), quantity(tc.cpu)
		before.DecisionTime = &metav1.Time{Time: now.Add(-time.Minute)}
		if got := changed(tc.mode, before, after, now); got != tc.want {
			t.Errorf("%s, %s in place of 500m: changed %t, want %t", tc.mode, tc.cpu, got, tc.want)
		}
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "0123456789": "0123456789", "0123456789a": "0123456…", "012345äöü": "012345…"} {
		if got := shorten(in, 10); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
