package controller_test

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/testkit/exporter"
)

// One API server and one Prometheus serve all of these; each has a namespace of
// its own, and a program that looks at no other.
func TestController(t *testing.T) {
	t.Parallel()
	e := start(t)
	// The one that looks at all namespaces comes before them.
	e.Namespace("opt-in")
	t.Run("opt-in", func(t *testing.T) { testOptIn(t, e, "opt-in") })
	for name, scenario := range map[string]func(*testing.T, *env, string){
		"dry-run":   testDryRun,
		"steady":    testSteady,
		"missing":   testMissing,
		"conflict":  testConflict,
		"others":    testOthers,
		"siblings":  testSiblings,
		"paused":    testPaused,
		"invalid":   testInvalid,
		"signals":   testSignals,
		"group":     testGroup,
		"outage":    testOutage,
		"apply":     testApply,
		"refused":   testRefused,
		"split":     testSplit,
		"usage":     testUsage,
		"no-demand": testNoDemand,
		"failover":  testFailover,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e.Namespace(name)
			scenario(t, e, name)
		})
	}
}

func recommended(rs *v1alpha1.RightSize) bool {
	return has(rs, v1alpha1.ConditionRecommendationAvailable, metav1.ConditionTrue, v1alpha1.ReasonRecommended) && len(rs.Status.Recommendation.Containers) > 0
}

// testNoDemand: where no metric tells of demand, the number of pods follows usage if
// their owner has it chosen, and else stays.
func testNoDemand(t *testing.T, e *env, ns string) {
	const pods = 6
	for _, name := range []string{"asked", "silent"} {
		e.pastOfApp(t, &exporter.App{
			Namespace: ns, Name: name, Demand: exporter.Steady(50 * pods), CPUSeconds: 0.005, IdleCPU: 0.01, Memory: 200 << 20, UsageOnly: true,
		}, pods, time.Now())
		e.deployment(t, ns, name, pods)
	}
	// Six pods use a quarter of a core each, and may have a fifth.
	small := v1alpha1.Vertical{Containers: []v1alpha1.ContainerPolicy{{Name: "*", CPU: v1alpha1.CPUPolicy{MaxAllowed: new(resource.MustParse("200m"))}}}}
	asked := e.rightSize(t, ns, "asked", "asked", v1alpha1.ModeDryRun)
	e.edit(t, asked, func() { asked.Spec.Vertical, asked.Spec.Horizontal = small, v1alpha1.Horizontal{MaxReplicas: 20} })
	silent := e.rightSize(t, ns, "silent", "silent", v1alpha1.ModeDryRun)
	e.edit(t, silent, func() { silent.Spec.Vertical = small })
	e.run(t, "rightsize", ns)
	count := func(name string) int32 {
		return ptr.Deref(e.await(t, ns, name, "recommended", recommended).Status.Recommendation.Replicas, pods)
	}
	if got := count("asked"); got < 8 || got > 12 {
		t.Errorf("recommended %d pods of a fifth of a core for one and a half, want 8 to 12", got)
	}
	if got := count("silent"); got != pods {
		t.Errorf("recommended %d pods, of which nobody said that they are to be chosen", got)
	}
}

// versions are the resource versions of everything in a namespace, but of events.
func (e *env) versions(t *testing.T, namespace string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, list := range []client.ObjectList{&corev1.PodList{}, &appsv1.DeploymentList{}, &appsv1.ReplicaSetList{}, &v1alpha1.RightSizeList{}} {
		if err := e.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		var read struct {
			Items []struct {
				Metadata struct{ Name, ResourceVersion string }
			}
		}
		if err := json.Unmarshal(data, &read); err != nil {
			t.Fatal(err)
		}
		for _, i := range read.Items {
			out[fmt.Sprintf("%T %s", list, i.Metadata.Name)] = i.Metadata.ResourceVersion
		}
	}
	return out
}

// testDryRun: a recommendation is written into the status and nothing else is;
// deciding again writes nothing.
func testDryRun(t *testing.T, e *env, ns string) {
	e.past(t, ns, "web", 4)
	e.deployment(t, ns, "web", 4)
	e.rightSize(t, ns, "web", "web", v1alpha1.ModeDryRun)
	before := e.versions(t, ns)
	p := e.run(t, "rightsize", ns)
	rs := e.await(t, ns, "web", "recommended", recommended)
	if !has(rs, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRecommended) ||
		!has(rs, v1alpha1.ConditionTargetResolved, metav1.ConditionTrue, v1alpha1.ReasonResolved) || rs.Status.ObservedGeneration != rs.Generation {
		t.Errorf("conditions %v of generation %d", rs.Status.Conditions, rs.Status.ObservedGeneration)
	}
	// Four pods of one core that use 0.26 cores each need less.
	cpu := rs.Status.Recommendation.Containers[0].Requests.CPU
	if cpu.AsApproximateFloat64() >= 0.9 || *rs.Status.CurrentReplicas != 4 || *rs.Status.Savings.PerMonth <= 0 || rs.Status.Forecast.Signal == "" {
		t.Errorf("recommended %s a pod at %d pods, savings %v, forecast %v", cpu, *rs.Status.CurrentReplicas, rs.Status.Savings.PerMonth, rs.Status.Forecast)
	}
	data, err := json.Marshal(rs.Status)
	if err != nil || len(data) >= 8<<10 {
		t.Errorf("the status has %d bytes, error %v", len(data), err)
	}
	after := e.versions(t, ns)
	e.settles(t, p, ns, "web")
	for what, version := range before {
		if isStatus := strings.Contains(what, "RightSizeList"); (after[what] == version) == isStatus {
			t.Errorf("%s went from version %s to %s", what, version, after[what])
		}
	}
	if v, ok := p.metric(t, "rightsize_recommended_cpu_cores", `rightsize="web"`); !ok || v == "0" {
		t.Errorf("metric %q", v)
	}
	if err := e.Delete(t.Context(), rs); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(soon); ; time.Sleep(50 * time.Millisecond) {
		if _, there := p.metric(t, "rightsize_recommended_cpu_cores", `rightsize="web"`); !there {
			break
		}
		if time.Now().After(end) {
			t.Fatal("its metrics have not gone with it")
		}
	}
}

// testSteady: in rounds in which demand does what was foretold, give or take its
// usual noise, nothing is written, whether pods are sized or not.
func testSteady(t *testing.T, e *env, ns string) {
	const rounds, step = 2, time.Minute
	for _, name := range []string{"watched", "steered"} {
		noisy := func(at time.Time) float64 {
			h := fnv.New32a()
			_, _ = fmt.Fprint(h, name, at.Unix()/60)
			return 200 * (0.95 + 0.1*float64(h.Sum32())/math.MaxUint32)
		}
		// Prometheus takes what is written ahead of time, up to ten minutes.
		e.pastOf(t, ns, name, 4, noisy, time.Now().Add(8*time.Minute))
		e.deployment(t, ns, name, 4)
	}
	e.rightSize(t, ns, "watched", "watched", v1alpha1.ModeDryRun)
	e.eager(t, ns, "steered")
	p := e.run(t, "rightsize", ns)
	e.await(t, ns, "watched", "recommended", recommended)
	e.await(t, ns, "steered", "applied", upToDate)
	time.Sleep(step) // What was changed is judged.
	before, decided := e.versions(t, ns), p.decided(t)
	time.Sleep(rounds*step + step/4)
	if n := p.decided(t) - decided; n < 2*rounds {
		t.Errorf("%d decisions in %d rounds over two RightSizes", n, rounds)
	}
	for what, version := range e.versions(t, ns) {
		if before[what] != version {
			t.Errorf("%s went from version %s to %s", what, before[what], version)
		}
	}
}

// settles waits until a RightSize has been decided about a few more times without
// a write.
func (e *env) settles(t *testing.T, p *program, ns, name string) {
	t.Helper()
	rs := &v1alpha1.RightSize{}
	key := types.NamespacedName{Namespace: ns, Name: name}
	if err := e.Get(t.Context(), key, rs); err != nil {
		t.Fatal(err)
	}
	version, count := rs.ResourceVersion, 0
	for end := time.Now().Add(soon); count < 3; count++ {
		decided := p.decided(t)
		e.touch(t, ns)
		for p.decided(t) == decided {
			if time.Now().After(end) {
				t.Fatal("it is not decided about again")
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	if err := e.Get(t.Context(), key, rs); err != nil {
		t.Fatal(err)
	}
	if rs.ResourceVersion != version {
		t.Errorf("it was written again: managers %v", rs.ManagedFields)
	}
}

// decided is how many decisions a program has made.
func (p *program) decided(t *testing.T) int {
	t.Helper()
	n := 0
	for line := range strings.Lines(p.page(t)) {
		if strings.HasPrefix(line, "rightsize_decisions_total{") {
			var one int
			if _, err := fmt.Sscanf(line[strings.LastIndexByte(line, ' ')+1:], "%d", &one); err == nil {
				n += one
			}
		}
	}
	return n
}

// touch has every RightSize of a namespace looked at: a pod is not ready for a
// moment.
func (e *env) touch(t *testing.T, ns string) {
	t.Helper()
	pod := e.pods(t, ns)[0]
	for _, status := range []corev1.ConditionStatus{corev1.ConditionFalse, corev1.ConditionTrue} {
		patch := fmt.Sprintf(`{"status": {"conditions": [{"type": "Ready", "status": %q}]}}`, status)
		if err := e.Status().Patch(t.Context(), &pod, client.RawPatch(types.StrategicMergePatchType, []byte(patch))); err != nil {
			t.Fatal(err)
		}
	}
}

// testMissing: a target that is not there yet is waited for.
func testMissing(t *testing.T, e *env, ns string) {
	e.past(t, ns, "web", 2)
	e.rightSize(t, ns, "web", "web", v1alpha1.ModeDryRun)
	e.run(t, "rightsize", ns)
	rs := e.await(t, ns, "web", "missing its target", func(rs *v1alpha1.RightSize) bool {
		return has(rs, v1alpha1.ConditionTargetResolved, metav1.ConditionFalse, v1alpha1.ReasonTargetNotFound)
	})
	if has(rs, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonTargetNotFound) {
		t.Error("it is stalled at once, though objects of one manifest come in any order")
	}
	e.deployment(t, ns, "web", 2)
	e.await(t, ns, "web", "recommended", recommended)
}

// testConflict: beside an HPA it recommends in DryRun, and has no recommendation
// in a mode that would change anything; without the HPA it goes on.
func testConflict(t *testing.T, e *env, ns string) {
	for _, name := range []string{"dry", "live"} {
		e.past(t, ns, name, 2)
		e.deployment(t, ns, name, 2)
		e.create(t, &autoscalingv2.HorizontalPodAutoscaler{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
			Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
				ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name}, MaxReplicas: 5,
			},
		})
	}
	e.rightSize(t, ns, "dry", "dry", v1alpha1.ModeDryRun)
	e.rightSize(t, ns, "live", "live", v1alpha1.ModeApply)
	e.run(t, "rightsize", ns)
	conflicts := func(rs *v1alpha1.RightSize) bool {
		return has(rs, v1alpha1.ConditionTargetResolved, metav1.ConditionFalse, v1alpha1.ReasonConflict)
	}
	e.await(t, ns, "dry", "a recommendation in conflict", func(rs *v1alpha1.RightSize) bool { return conflicts(rs) && recommended(rs) })
	rs := e.await(t, ns, "live", "in conflict", func(rs *v1alpha1.RightSize) bool {
		return conflicts(rs) && has(rs, v1alpha1.ConditionRecommendationAvailable, metav1.ConditionFalse, v1alpha1.ReasonConflict)
	})
	if len(rs.Status.Recommendation.Containers) > 0 {
		t.Errorf("new pods would be sized by %v", rs.Status.Recommendation)
	}
	if err := e.Delete(t.Context(), &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "live"}}); err != nil {
		t.Fatal(err)
	}
	e.await(t, ns, "live", "recommended", recommended)
}

// testSiblings: of two RightSizes of one target the older one has it, and when it
// goes the other.
func testSiblings(t *testing.T, e *env, ns string) {
	e.past(t, ns, "web", 2)
	e.deployment(t, ns, "web", 2)
	older := e.rightSize(t, ns, "b-older", "web", v1alpha1.ModeInitial)
	time.Sleep(time.Second) // Creation times are in whole seconds.
	e.rightSize(t, ns, "a-younger", "web", v1alpha1.ModeInitial)
	e.run(t, "rightsize", ns)
	e.await(t, ns, "b-older", "recommended", recommended)
	e.await(t, ns, "a-younger", "in conflict", func(rs *v1alpha1.RightSize) bool {
		return has(rs, v1alpha1.ConditionTargetResolved, metav1.ConditionFalse, v1alpha1.ReasonConflict) && !recommended(rs) &&
			has(rs, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonConflict)
	})
	if err := e.Delete(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	e.await(t, ns, "a-younger", "recommended", recommended)
}

// testPaused: nothing is decided any more, and what was recommended stays.
func testPaused(t *testing.T, e *env, ns string) {
	e.past(t, ns, "web", 2)
	e.deployment(t, ns, "web", 2)
	e.rightSize(t, ns, "web", "web", v1alpha1.ModeDryRun)
	p := e.run(t, "rightsize", ns)
	rs := e.await(t, ns, "web", "recommended", recommended)
	e.edit(t, rs, func() { rs.Spec.Mode = v1alpha1.ModePaused })
	rs = e.await(t, ns, "web", "seen paused", func(rs *v1alpha1.RightSize) bool { return rs.Status.ObservedGeneration == rs.Generation })
	if !recommended(rs) {
		t.Errorf("the recommendation has gone: %v", rs.Status)
	}
	decided := p.decided(t)
	e.touch(t, ns)
	time.Sleep(4 * time.Second) // Twice as long as events take to be looked at.
	if n := p.decided(t); n != decided {
		t.Errorf("%d decisions were made of it", n-decided)
	}
}

// testInvalid: a spec that contradicts itself is stalled, with the path of the
// field.
func testInvalid(t *testing.T, e *env, ns string) {
	e.past(t, ns, "web", 2)
	e.deployment(t, ns, "web", 2)
	e.create(t, &v1alpha1.RightSize{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web"},
		Spec: v1alpha1.RightSizeSpec{
			TargetRef: v1alpha1.TargetRef{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			Schedule: v1alpha1.Schedule{
				TimeZone: "Europe/Atlantis",
				Windows:  []v1alpha1.Window{{Name: "night", Type: v1alpha1.WindowFreeze, Cron: "0 2 * * *", DurationSeconds: 3600}},
			},
		},
	})
	e.run(t, "rightsize", ns)
	rs := e.await(t, ns, "web", "stalled", func(rs *v1alpha1.RightSize) bool {
		return has(rs, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalid) &&
			has(rs, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalid)
	})
	for _, c := range rs.Status.Conditions {
		if c.Type == v1alpha1.ConditionStalled && !strings.Contains(c.Message, "spec.schedule.timeZone") {
			t.Errorf("the message %q does not name the field", c.Message)
		}
	}
	e.edit(t, rs, func() { rs.Spec.Schedule.TimeZone = "Europe/Berlin" })
	rs = e.await(t, ns, "web", "recommended", recommended)
	if has(rs, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalid) {
		t.Error("it is still stalled")
	}
}

// testSignals: a signal that is not in the catalogue is told with its path; a
// query is the demand, of the namespace alone.
func testSignals(t *testing.T, e *env, ns string) {
	for name, signal := range map[string]v1alpha1.Signal{
		"preset": {Name: "work", Type: v1alpha1.SignalPreset, Preset: "no_such_signal"},
		"query": {Name: "work", Type: v1alpha1.SignalPromQL, PromQL: v1alpha1.PromQLSignal{
			Query: `sum(rate(http_requests_total{pod=~"query-.*"}[5m]))`, Role: v1alpha1.RoleDemand, Unit: "works/s",
		}},
	} {
		e.past(t, ns, name, 2)
		e.deployment(t, ns, name, 2)
		e.create(t, &v1alpha1.RightSize{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
			Spec: v1alpha1.RightSizeSpec{
				TargetRef: v1alpha1.TargetRef{APIVersion: "apps/v1", Kind: "Deployment", Name: name},
				Demand:    v1alpha1.Demand{Signals: []v1alpha1.Signal{signal}},
			},
		})
	}
	p := e.run(t, "rightsize", ns)
	rs := e.await(t, ns, "preset", "without its signal", func(rs *v1alpha1.RightSize) bool {
		return has(rs, v1alpha1.ConditionTargetResolved, metav1.ConditionFalse, v1alpha1.ReasonUnknownSignal)
	})
	for _, c := range rs.Status.Conditions {
		if c.Type == v1alpha1.ConditionTargetResolved && !strings.Contains(c.Message, "spec.demand.signals[0].preset") {
			t.Errorf("the message %q does not name the field", c.Message)
		}
	}
	e.await(t, ns, "query", "recommended", recommended)
	// As demand never changes here, sizes follow the CPU, but it is known.
	if v, ok := p.metric(t, "rightsize_demand_observed", `rightsize="query",signal="work"`); !ok || v == "0" {
		t.Errorf("the demand is %q:\n%s", v, p.page(t))
	}
}

// testOptIn: the label of a namespace makes RightSizes in DryRun, to which one that
// somebody makes does not give way; they stay when the label goes.
func testOptIn(t *testing.T, e *env, ns string) {
	e.past(t, ns, "web", 2)
	e.deployment(t, ns, "web", 2)
	p := e.run(t, "rightsize", "", "--leader-elect=false")
	label := func(value string) {
		t.Helper()
		o := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}
		if err := e.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata": {"labels": {%q: %s}}}`, v1alpha1.OptInLabel, value))); err != nil {
			t.Fatal(err)
		}
	}
	label(`"DryRun"`)
	made := &v1alpha1.RightSize{}
	key := types.NamespacedName{Namespace: ns, Name: "deployment-web"}
	for end := time.Now().Add(soon); e.Get(t.Context(), key, made) != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no RightSize is made")
		}
	}
	if made.Spec.Mode != v1alpha1.ModeDryRun || len(made.OwnerReferences) != 1 || made.OwnerReferences[0].Name != "web" {
		t.Errorf("made %v", made)
	}
	e.await(t, ns, made.Name, "recommended", recommended)
	e.rightSize(t, ns, "mine", "web", v1alpha1.ModeDryRun)
	e.await(t, ns, "mine", "recommended", func(rs *v1alpha1.RightSize) bool {
		return recommended(rs) && has(rs, v1alpha1.ConditionTargetResolved, metav1.ConditionTrue, v1alpha1.ReasonResolved)
	})
	e.await(t, ns, made.Name, "in conflict", func(rs *v1alpha1.RightSize) bool {
		return has(rs, v1alpha1.ConditionTargetResolved, metav1.ConditionFalse, v1alpha1.ReasonConflict)
	})
	label("null")
	p.Stop()
	if err := e.Get(t.Context(), key, made); err != nil {
		t.Errorf("when the label goes: %v", err)
	}
}

// testOutage: while Prometheus cannot be reached, the recommendation stays and a
// condition says why there is no newer one; a restart does not change that.
func testOutage(t *testing.T, e *env, ns string) {
	e.past(t, ns, "web", 2)
	e.deployment(t, ns, "web", 2)
	e.rightSize(t, ns, "web", "web", v1alpha1.ModeDryRun)
	p := e.run(t, "rightsize", ns)
	first := e.await(t, ns, "web", "recommended", recommended)
	p.Stop()
	p = e.runAs(t, how{url: "http://127.0.0.1:1"}, "rightsize", ns)
	rs := e.await(t, ns, "web", "without metrics", func(rs *v1alpha1.RightSize) bool {
		return has(rs, v1alpha1.ConditionRecommendationAvailable, metav1.ConditionFalse, v1alpha1.ReasonSourceUnavailable)
	})
	if len(rs.Status.Recommendation.Containers) != 1 || rs.Status.Recommendation.Containers[0].Requests.CPU.Cmp(*first.Status.Recommendation.Containers[0].Requests.CPU) != 0 ||
		!has(rs, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRecommended) {
		t.Errorf("status %v, want the recommendation of before, and Ready", rs.Status)
	}
	if v, _ := p.metric(t, "rightsize_frozen", "MetricsUnavailable"); v != "1" {
		t.Errorf("rightsize_frozen is %q", v)
	}
	p.Stop()
	e.run(t, "rightsize", ns)
	e.await(t, ns, "web", "recommended again", recommended)
}
