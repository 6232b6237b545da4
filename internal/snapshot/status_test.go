package snapshot

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// decided is the decision that the status in docs/operating.md is of.
func decided(at time.Time) recommender.Decision {
	return recommender.Decision{
		At: at, Action: recommender.ActionScale, CurrentReplicas: 6, DesiredReplicas: 4,
		Containers: []recommender.Recommendation{{
			Name:   "app",
			Target: recommender.Resources{CPU: 570, Memory: 512 * recommender.MiB}, TargetLimits: recommender.Resources{Memory: 512 * recommender.MiB},
			LowerBound: recommender.Resources{CPU: 500, Memory: 480 * recommender.MiB}, UpperBound: recommender.Resources{CPU: 700, Memory: 640 * recommender.MiB},
			UncappedTarget: recommender.Resources{CPU: 570, Memory: 512 * recommender.MiB},
			Boost:          &recommender.Boost{CPU: 1500, Seconds: 39.2},
		}},
		Cost: recommender.Cost{CurrentPerHour: 0.2, TargetPerHour: 0.107, Currency: "USD"},
		Reasons: []recommender.Reason{
			{Code: recommender.ReasonForecast, Subject: "demand", Unit: "requests/s", Before: 81, After: 118.25},
			{Code: recommender.ReasonCheapest, Subject: "replicas", Unit: "pods", Before: 6, After: 4},
		},
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-11-26T12:00:00Z")
	earlier := metav1.Time{Time: at.Add(-time.Hour)}
	total := int32(6)
	previous := v1alpha1.RightSizeStatus{
		ObservedGeneration: 3, Pods: v1alpha1.PodCounts{Total: &total},
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionApplied, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonDryRun, LastTransitionTime: earlier}},
	}
	got := Status(decided(at), previous)
	var want v1alpha1.RightSizeStatus
	if err := yaml.UnmarshalStrict([]byte(`
observedGeneration: 3
currentReplicas: 6
desiredReplicas: 4
recommendation:
  replicas: 4
  containers:
  - name: app
    requests: {cpu: 570m, memory: 512Mi}
    limits: {memory: 512Mi}
    lowerBound: {cpu: 500m, memory: 480Mi}
    upperBound: {cpu: 700m, memory: 640Mi}
    uncapped: {cpu: 570m, memory: 512Mi}
    startup: {cpu: 1500m, seconds: 40}
pods: {total: 6}
reasons:
- {code: ForecastQuantile, subject: demand, before: "81", after: 118300m}
- {code: CheapestFeasible, subject: replicas, before: "6", after: "4"}
savings: {perMonth: 68, currency: USD}
conditions:
- {type: Applied, status: "False", reason: DryRun, message: "", lastTransitionTime: "2026-11-26T11:00:00Z"}
- {type: RecommendationAvailable, status: "True", reason: Recommended, message: the data suffices, observedGeneration: 3, lastTransitionTime: "2026-11-26T12:00:00Z"}
`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(toYAML(t, want), toYAML(t, got)); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if len(previous.Conditions) != 1 {
		t.Error("the previous status has changed")
	}
}

func toYAML(t *testing.T, s v1alpha1.RightSizeStatus) string {
	t.Helper()
	out, err := yaml.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Without enough data the last recommendation stands, and the condition turns;
// an unchanged condition keeps its time.
func TestStatusWithoutData(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-11-26T12:00:00Z")
	first := Status(decided(at), v1alpha1.RightSizeStatus{})
	second := Status(decided(at.Add(time.Hour)), first)
	if c := meta.FindStatusCondition(second.Conditions, v1alpha1.ConditionRecommendationAvailable); !c.LastTransitionTime.Time.Equal(at) {
		t.Errorf("transition at %v, want %v", c.LastTransitionTime, at)
	}
	none := recommender.Decision{
		At: at.Add(2 * time.Hour), Action: recommender.ActionNone, CurrentReplicas: 6, DesiredReplicas: 6,
		Reasons: []recommender.Reason{{Code: recommender.ReasonNoData, Container: "app", Message: "no usage history of app"}},
	}
	third := Status(none, second)
	if diff := cmp.Diff(first.Recommendation, third.Recommendation); diff != "" {
		t.Errorf("recommendation (-want +got):\n%s", diff)
	}
	c := meta.FindStatusCondition(third.Conditions, v1alpha1.ConditionRecommendationAvailable)
	if c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonNoData || c.Message != "no usage history of app" || !c.LastTransitionTime.Time.Equal(none.At) {
		t.Errorf("condition %+v", c)
	}
}

// The heaviest reasons come first; that nothing is worth a change counts early
// in a decision that holds.
func TestStatusReasons(t *testing.T) {
	t.Parallel()
	d := recommender.Decision{Action: recommender.ActionHold, Reasons: []recommender.Reason{
		{Code: recommender.ReasonForecast},
		{Code: recommender.ReasonStartupBoost, Subject: "cpu while starting"},
		{Code: recommender.ReasonMemoryPeak, Subject: "memory", Unit: "bytes", Before: 0, After: 1 << 30},
		{Code: recommender.ReasonQuota},
		{Code: recommender.ReasonWithinTolerance},
		{Code: recommender.ReasonShort, After: math.NaN()},
	}}
	var got []string
	for _, r := range reasons(d) {
		got = append(got, r.Code)
	}
	if diff := cmp.Diff([]string{"WithinTolerance", "CapacityShort", "QuotaBound", "ForecastQuantile"}, got); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	d.Reasons = d.Reasons[1:3]
	if r := reasons(d); r[1].Subject != "cpu" || r[0].Before.String() != "0" || r[0].After.String() != "1Gi" {
		t.Errorf("reasons %+v", r)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{
		0: "0", 6: "6", 118.25: "118300m", 0.57: "570m", 0.00012345: "123500n", -3.14159: "-3142m", 123456: "123456", 1e300: "<nil>", 1e-300: "0",
		123456.7: "123500", -9.87654321e17: "-987700T",
	} {
		if got := number(x).String(); got != want && (want != "<nil>" || number(x) != nil) {
			t.Errorf("number(%v) = %s, want %s", x, got, want)
		}
	}
	for v, want := range map[int64]string{
		1: "1", 512 << 20: "512Mi", 17179869184: "16Gi", 17179869185: "16777217Ki", 512<<30 + 1: "524289Mi", math.MaxInt64: "9007199254740991Ki",
	} {
		got := amount(v, 1024, binaryQuantity)
		if s := got.String(); s != want && v != math.MaxInt64 || len(s) > amountMost {
			t.Errorf("amount(%d) = %s, want %s", v, s, want)
		}
	}
}

// The largest decision there can be is within the bounds of the API and, with
// every condition at its maximum, under 8 KiB.
func TestStatusSmall(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-11-26T12:00:00Z")
	long := strings.Repeat("w", 400)
	most := recommender.Resources{CPU: math.MaxInt64, Memory: math.MaxInt64 - 1}
	d := recommender.Decision{
		At: at, Action: recommender.ActionResizeAndScale, CurrentReplicas: math.MaxInt, DesiredReplicas: math.MaxInt, State: fullState(at),
		Accelerator: &recommender.AcceleratorChoice{Name: long}, Cost: recommender.Cost{CurrentPerHour: -1e300, Currency: long},
	}
	for range 20 {
		d.Containers = append(d.Containers, recommender.Recommendation{
			Name: long, Target: recommender.Resources{CPU: math.MaxInt64 / 2, Memory: most.Memory}, TargetLimits: most, LowerBound: most, UpperBound: most,
			UncappedTarget: most, Boost: &recommender.Boost{CPU: math.MaxInt64 - 1, Seconds: 1e9},
		})
		d.Reasons = append(d.Reasons, recommender.Reason{
			Code: recommender.ReasonCode(long), Container: long, Subject: long, Before: -987654321.123, After: -0.00098765,
		})
	}
	n := int32(replicasMost)
	previous := v1alpha1.RightSizeStatus{
		ObservedGeneration: perMonthMost, Pods: v1alpha1.PodCounts{Total: &n, Sized: &n, Pending: &n, Refused: &n},
		Forecast: v1alpha1.ForecastSummary{
			Signal: cut(long, nameMost), Unit: cut(long, unitMost), HorizonSeconds: horizonMost,
			Now: number(-987654321.123), Median: number(-987654321.123), Upper: number(-987654321.123),
		},
	}
	for _, kind := range []string{
		v1alpha1.ConditionReady, v1alpha1.ConditionTargetResolved, v1alpha1.ConditionApplied, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled,
	} {
		previous.Conditions = append(previous.Conditions, metav1.Condition{
			Type: kind, Status: metav1.ConditionUnknown, Reason: cut(long, codeMost), Message: cut(long, messageMost),
			ObservedGeneration: perMonthMost, LastTransitionTime: metav1.Time{Time: at},
		})
	}
	s := Status(d, previous)
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", len(data))
	if len(data) >= 8192 {
		t.Errorf("%d bytes, want less than 8,192", len(data))
	}
	if len(s.Recommendation.Containers) != containersMost || len(s.Reasons) != reasonsMost || len(s.State) > stateMost {
		t.Errorf("%d containers, %d reasons, %d characters of state", len(s.Recommendation.Containers), len(s.Reasons), len(s.State))
	}
	for _, c := range s.Conditions {
		if len(c.Message) > messageMost {
			t.Errorf("the message of %s has %d characters", c.Type, len(c.Message))
		}
	}
	for _, r := range s.Reasons {
		if len(r.Before.String()) > numberMost || len(r.After.String()) > numberMost {
			t.Errorf("numbers %s and %s", r.Before, r.After)
		}
	}
}

func TestForecast(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-11-26T12:00:00Z")
	flat := forecaster.Series{Start: at.Add(-3 * time.Hour), Step: time.Minute, Values: make([]float64, 180)}
	for i := range flat.Values {
		flat.Values[i] = 81
	}
	usage := recommender.Summarize(flat, at, []time.Duration{10 * time.Minute})
	s := recommender.Snapshot{
		Now: at, Demand: &recommender.Demand{Signal: "http_requests", Unit: "requests/s", Usage: usage},
		Containers: []recommender.Container{{Name: "app", CPU: usage}},
	}
	d := decided(at)
	got, ok := Forecast(s, d)
	if !ok || got.Signal != "http_requests" || got.Unit != "requests/s" || got.Now.String() != "81" || got.Upper.String() != "118300m" || got.HorizonSeconds < 60 {
		t.Errorf("forecast %+v, %v", got, ok)
	}
	if m := got.Median.AsApproximateFloat64(); math.Abs(m-81) > 1 {
		t.Errorf("median %v of a demand that is 81 throughout", m)
	}
	s.Demand = nil
	d.Reasons = []recommender.Reason{{Code: recommender.ReasonForecast, Container: "app", Subject: "cpu", Unit: "cores", Before: 0.5, After: 0.75}}
	if got, ok = Forecast(s, d); !ok || got.Signal != "cpu" || got.Upper.String() != "750m" {
		t.Errorf("forecast %+v, %v", got, ok)
	}
	d.Reasons = nil
	if _, ok = Forecast(s, d); ok {
		t.Error("a forecast where there is none")
	}
}
