package snapshot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/config"
	"github.com/rightsize-dev/rightsize/recommender"
)

const webRightSize = `
apiVersion: rightsize.dev/v1alpha1
kind: RightSize
metadata: {name: web, namespace: shop, uid: r-1, creationTimestamp: 2026-11-20T00:00:00Z}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  mode: Apply
`

func webWith(t *testing.T, spec string) *v1alpha1.RightSize {
	t.Helper()
	return object[v1alpha1.RightSize](t, webRightSize+spec)
}

// What the owner says about changes, each field by its name.
func TestSettings(t *testing.T) {
	t.Parallel()
	rs := webWith(t, `  apply:
    method: InPlaceOrEvict
    canaryPods: 0
    observationSeconds: 900
    maxConcurrentPercent: 10
    maxResizesPerDay: 8
    deferredSeconds: 60
    rollback: {ignore: [ClientErrors, OOMKills], holdSeconds: 7200}
`)
	none := 0
	want := actuator.Settings{
		Evict: true, CanaryPods: &none, WatchSeconds: 900, MaxConcurrentPercent: 10, MaxResizesPerDay: 8, DeferredSeconds: 60, HoldSeconds: 7200,
		IgnoreGuards: []actuator.Guard{actuator.GuardClientErrors, actuator.GuardOOMKills},
	}
	if diff := cmp.Diff(want, settings(rs.Spec.Apply)); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(actuator.Settings{}, settings(v1alpha1.Apply{})); diff != "" {
		t.Errorf("nothing said (-want +got):\n%s", diff)
	}
	if !settings(v1alpha1.Apply{Rollback: v1alpha1.Rollback{Mode: v1alpha1.RollbackOff}}).NoRollback {
		t.Error("rollback is not off")
	}
}

// What is decided, written into a status and read back is what is acted on.
func TestDecided(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-11-26T12:00:00Z")
	w := recommender.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}
	r := recommender.Recommendation{
		Name: "app", Target: resources(570, 512), TargetLimits: resources(0, 768), LowerBound: resources(500, 480), UpperBound: resources(700, 640),
		UncappedTarget: resources(560, 512), Boost: &recommender.Boost{CPU: 1500, Seconds: 40},
	}
	d := recommender.Decision{At: at, Workload: w, Action: recommender.ActionHold, CurrentReplicas: 3, DesiredReplicas: 4, Containers: []recommender.Recommendation{r}}
	for i, code := range []recommender.ReasonCode{
		recommender.ReasonForecast, recommender.ReasonThrottled, recommender.ReasonQuota, recommender.ReasonNodeShape, recommender.ReasonReactiveFloor,
		recommender.ReasonReactiveFloor,
	} {
		d.Reasons = append(d.Reasons, recommender.Reason{Code: code, Container: "app", Subject: "cpu", Before: float64(i), After: 1.5})
	}
	got := Decided(w, Status(d, v1alpha1.RightSizeStatus{}), at.Add(time.Minute))
	want := recommender.Decision{
		APIVersion: recommender.APIVersion, Kind: recommender.DecisionKind, At: at.Add(time.Minute), Workload: w,
		Action: recommender.ActionResizeAndScale, CurrentReplicas: 3, DesiredReplicas: 4, Containers: []recommender.Recommendation{r},
		Reasons: []recommender.Reason{
			{Code: recommender.ReasonThrottled, Container: "app", Subject: "cpu", Before: 1, After: 1.5},
			{Code: recommender.ReasonQuota, Container: "app", Subject: "cpu", Before: 2, After: 1.5},
			{Code: recommender.ReasonNodeShape, Container: "app", Subject: "cpu", Before: 3, After: 1.5},
			{Code: recommender.ReasonReactiveFloor, Container: "app", Subject: "cpu", Before: 4, After: 1.5},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
	if d.Workload.Kind = "CronJob"; Decided(w, Status(d, v1alpha1.RightSizeStatus{}), at).Containers[0].Boost != nil {
		t.Error("pods that are never resized once they run get a boost")
	}
	d.Action = recommender.ActionNone
	if got := Decided(w, Status(d, v1alpha1.RightSizeStatus{}), at); got.Action != recommender.ActionNone {
		t.Errorf("without enough data the action is %s", got.Action)
	}
	if got := Decided(w, v1alpha1.RightSizeStatus{}, at); got.Action != recommender.ActionNone {
		t.Errorf("of an empty status the action is %s", got.Action)
	}
}

// The input is what the objects say, without what the owner has fixed.
func TestInput(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-11-26T12:00:00Z")
	decision := recommender.Decision{
		At: at, Action: recommender.ActionResizeAndScale, CurrentReplicas: 3, DesiredReplicas: 5,
		Containers: []recommender.Recommendation{
			{Name: "app", Target: resources(600, 400), TargetLimits: resources(0, 500), Boost: &recommender.Boost{CPU: 900}}, {Name: "proxy", Target: resources(100, 64)},
		},
	}
	three := 3
	for name, tc := range map[string]struct {
		spec   string
		change func(*Objects)
		check  func(actuator.Input) bool
	}{
		"as it is": {"", nil, func(in actuator.Input) bool {
			return in.Mode == actuator.ModeApply && *in.Target.Replicas == three && in.Target.UID == "d-1" && in.Target.Generation == 4 &&
				len(in.Pods) == 1 && in.Pods[0].Refused == actuator.RefusedOther && !in.Rollout && in.Decision.DesiredReplicas == 5 &&
				cmp.Equal(in.Decision.Containers, decision.Containers) && len(in.Nodes) == 1 && in.Nodes[0].Free == resources(1200, 2048)
		}},
		"no mode is dry run": {"", func(o *Objects) { o.RightSize.Spec.Mode = "" }, func(in actuator.Input) bool { return in.Mode == actuator.ModeDryRun }},
		"replicas fixed":     {"  horizontal: {mode: Fixed}\n", nil, func(in actuator.Input) bool { return in.Target.Replicas == nil }},
		"sizes fixed": {"  vertical: {mode: Fixed}\n", nil, func(in actuator.Input) bool {
			return in.Decision.Containers[0].Target == recommender.Resources{} && in.Decision.Containers[1].Name == "proxy"
		}},
		"one container fixed": {"  vertical: {containers: [{name: \"*\", mode: Fixed}, {name: app}]}\n", nil, func(in actuator.Input) bool {
			return in.Decision.Containers[0].Target == resources(600, 400) && in.Decision.Containers[1].Target == recommender.Resources{}
		}},
		"one resource fixed": {"  vertical: {containers: [{name: app, cpu: {mode: Fixed}}]}\n", nil, func(in actuator.Input) bool {
			c := in.Decision.Containers[0]
			return c.Target == resources(0, 400) && c.TargetLimits == resources(0, 500) && c.Boost == nil
		}},
		"a decision that leaves the number of pods": {"", func(o *Objects) { _ = unstructured.SetNestedField(o.Target.Object, int64(9), "spec", "replicas") }, nil},
		"groups of pods": {"", func(o *Objects) {
			o.Target.SetKind("LeaderWorkerSet")
			_ = unstructured.SetNestedField(o.Target.Object, int64(4), "spec", "leaderWorkerTemplate", "size")
		}, func(in actuator.Input) bool { return *in.Target.Replicas == 12 && in.Decision.DesiredReplicas == 8 }},
		"some of the pods": {"  scope: {ordinals: {first: 1}}\n", nil, func(in actuator.Input) bool { return in.Target.Replicas == nil && len(in.Pods) == 0 }},
		"sized as they are made": {"", func(o *Objects) { o.Pods[0].Annotations = map[string]string{"rightsize.dev/sized-by": "web"} }, func(in actuator.Input) bool {
			return in.Features.SizedAtCreation
		}},
		"sized by another": {"", func(o *Objects) { o.Pods[0].Annotations = map[string]string{"rightsize.dev/sized-by": "other"} }, func(in actuator.Input) bool {
			return !in.Features.SizedAtCreation
		}},
		"one budget": {"  apply: {method: InPlaceOrEvict}\n", func(o *Objects) { o.PDBs = o.PDBs[:1] }, func(in actuator.Input) bool {
			return in.Settings.Evict && in.Disruption.MinAvailable == 2
		}},
		"two budgets": {"  apply: {method: InPlaceOrEvict}\n", nil, func(in actuator.Input) bool { return !in.Settings.Evict && in.Disruption.MinAvailable == 3 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rs := webWith(t, tc.spec)
			pod := object[corev1.Pod](t, webPod)
			o := Objects{
				RightSize: rs, Target: anything(t, webDeployment), ReplicaSets: webSets(t), Pods: []*corev1.Pod{pod}, Features: actuator.Features{Resize: true},
				Nodes: []Node{
					NewNode(object[corev1.Node](t, "metadata: {name: n1}\nstatus: {allocatable: {cpu: \"2\", memory: 3Gi}}"), Load{Requests: resources(800, 1024)}),
					NewNode(object[corev1.Node](t, "metadata: {name: n2}\nstatus: {allocatable: {cpu: \"2\", memory: 3Gi}}"), Load{}),
				},
			}
			if strings.HasSuffix(name, "budget") || strings.HasSuffix(name, "budgets") {
				o.PDBs = []*policyv1.PodDisruptionBudget{
					object[policyv1.PodDisruptionBudget](t, "metadata: {name: a}\nspec: {maxUnavailable: 1, selector: {}}"),
					object[policyv1.PodDisruptionBudget](t, "metadata: {name: b}\nspec: {maxUnavailable: 0, selector: {}}"),
				}
			}
			d := decision
			if tc.check == nil {
				d.DesiredReplicas = d.CurrentReplicas
				tc.check = func(in actuator.Input) bool { return *in.Target.Replicas == 9 && in.Decision.DesiredReplicas == 9 }
			}
			if tc.change != nil {
				tc.change(&o)
			}
			in := Input(rs, d, o, Moment{Now: at, Refused: map[string]actuator.Refusal{string(pod.UID): actuator.RefusedOther}})
			if !tc.check(in) {
				t.Errorf("%+v", in)
			}
			if d.Containers[0].Target != resources(600, 400) {
				t.Error("the decision has changed")
			}
		})
	}
}

// Who else has the target, by kind and name.
func TestRivals(t *testing.T) {
	t.Parallel()
	keda := "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: k}\nspec: {scaleTargetRef: {%s}}"
	vpa := "apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: v}\nspec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}%s}"
	hpa := func(ref string) func(*testing.T, *Objects) {
		return func(t *testing.T, o *Objects) {
			t.Helper()
			o.HPAs = append(o.HPAs, object[autoscalingv2.HorizontalPodAutoscaler](t, "metadata: {name: h}\nspec: {maxReplicas: 3, scaleTargetRef: {"+ref+"}}"))
		}
	}
	other := func(name, created, spec string) func(*testing.T, *Objects) {
		return func(t *testing.T, o *Objects) {
			t.Helper()
			o.RightSizes = append(o.RightSizes, object[v1alpha1.RightSize](t, fmt.Sprintf(
				"metadata: {name: %s, uid: r-2, creationTimestamp: %s}\nspec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}%s}", name, created, spec)))
		}
	}
	scaledBy := func(manager, subresource, fields string) func(*testing.T, *Objects) {
		return func(t *testing.T, o *Objects) {
			t.Helper()
			o.Target.SetManagedFields([]metav1.ManagedFieldsEntry{{
				Manager: manager, Subresource: subresource, Operation: metav1.ManagedFieldsOperationUpdate, FieldsV1: metav1.NewFieldsV1(fields),
			}})
		}
	}
	const replicas = `{"f:spec":{"f:replicas":{}}}`
	for name, tc := range map[string]struct {
		change func(*testing.T, *Objects)
		want   string
		takes  string
	}{
		"nobody":                   {func(*testing.T, *Objects) {}, "", ""},
		"an HPA of any version":    {hpa("apiVersion: apps/v1beta1, kind: Deployment, name: web"), "HorizontalPodAutoscaler h", ""},
		"an HPA of another group":  {hpa("apiVersion: a.com/v1, kind: Deployment, name: web"), "", ""},
		"an HPA of another target": {hpa("apiVersion: apps/v1, kind: StatefulSet, name: web"), "", ""},
		"KEDA, which leaves out the kind": {func(t *testing.T, o *Objects) {
			o.ScaledObjects = append(o.ScaledObjects, anything(t, fmt.Sprintf(keda, "name: web")))
		}, "ScaledObject k", ""},
		"KEDA on another kind": {func(t *testing.T, o *Objects) {
			o.ScaledObjects = append(o.ScaledObjects, anything(t, fmt.Sprintf(keda, "kind: StatefulSet, name: web")))
		}, "", ""},
		"a VPA": {func(t *testing.T, o *Objects) { o.VPAs = append(o.VPAs, anything(t, fmt.Sprintf(vpa, ""))) }, "VerticalPodAutoscaler v", ""},
		"a VPA that is Off": {func(t *testing.T, o *Objects) {
			o.VPAs = append(o.VPAs, anything(t, fmt.Sprintf(vpa, ", updatePolicy: {updateMode: \"Off\"}")))
		}, "", ""},
		"an older RightSize":               {other("z", "2026-11-19T00:00:00Z", ""), "RightSize z", ""},
		"a younger one":                    {other("a", "2026-11-21T00:00:00Z", ""), "", ""},
		"one of the same second by name":   {other("a", "2026-11-20T00:00:00Z", ""), "RightSize a", ""},
		"an older one of other ordinals":   {other("a", "2026-11-19T00:00:00Z", ", scope: {ordinals: {first: 0, last: 2}}"), "RightSize a", ""},
		"an older one, of nodes":           {other("a", "2026-11-19T00:00:00Z", ", scope: {nodes: {}}"), "RightSize a", ""},
		"a scaler":                         {scaledBy("scaler", "scale", replicas), "field manager scaler", ""},
		"what a scaler does to the status": {scaledBy("scaler", "scale", `{"f:status":{}}`), "", ""},
		"who made it":                      {scaledBy("helm", "", replicas), "", ""},
		"rightsize itself":                 {scaledBy("rightsize", "scale", replicas), "", ""},
		"a person":                         {scaledBy("kubectl", "scale", replicas), "", "kubectl"},
		"what is left of an HPA":           {scaledBy("kube-controller-manager", "scale", replicas), "", "kube-controller-manager"},
		"what is left of KEDA":             {scaledBy("keda-operator", "scale", replicas), "", "keda-operator"},
		"an HPA that has written its share": {func(t *testing.T, o *Objects) {
			scaledBy("kube-controller-manager", "scale", replicas)(t, o)
			hpa("apiVersion: apps/v1, kind: Deployment, name: web")(t, o)
		}, "HorizontalPodAutoscaler h", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Objects{RightSize: webWith(t, ""), Target: anything(t, webDeployment)}
			tc.change(t, &o)
			var got []string
			for _, r := range o.Rivals() {
				got = append(got, r.Kind+" "+r.Name)
			}
			if s := strings.Join(got, ", "); s != tc.want {
				t.Errorf("rivals are %q, want %q", s, tc.want)
			}
			if s := strings.Join(o.TakeOver(), ", "); s != tc.takes {
				t.Errorf("to be taken over are %q, want %q", s, tc.takes)
			}
		})
	}
}

// Scopes of two RightSizes of one target: what may overlap does.
func TestScopesOverlap(t *testing.T) {
	t.Parallel()
	nodes := []Node{
		NewNode(object[corev1.Node](t, "metadata: {name: n1, labels: {type: small, zone: a}}"), Load{}), NewNode(object[corev1.Node](t, "metadata: {name: n2, labels: {type: large}}"), Load{}),
	}
	for name, tc := range map[string]struct {
		mine, other string
		want        bool
	}{
		"none":                    {"{}", "{}", true},
		"one has none":            {"{ordinals: {first: 0, last: 0}}", "{}", true},
		"ordinals apart":          {"{ordinals: {first: 0, last: 0}}", "{ordinals: {first: 1}}", false},
		"ordinals that share one": {"{ordinals: {first: 0, last: 1}}", "{ordinals: {first: 1}}", true},
		"nodes apart":             {"{nodes: {matchLabels: {type: small}}}", "{nodes: {matchLabels: {type: large}}}", false},
		"nodes that share one":    {"{nodes: {matchLabels: {type: small}}}", "{nodes: {matchLabels: {zone: a}}}", true},
		"nodes that are not read": {"{nodes: {matchExpressions: [{key: a, operator: Nonsense}]}}", "{nodes: {matchLabels: {zone: a}}}", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mine, other := webWith(t, "  scope: "+tc.mine+"\n"), webWith(t, "  scope: "+tc.other+"\n")
			for range 2 {
				o := Objects{RightSize: mine, Nodes: nodes}
				if got := o.overlaps(other); got != tc.want {
					t.Errorf("they overlap: %v, want %v", got, tc.want)
				}
				mine, other = other, mine
			}
		})
	}
}

// Resizes count for a minute, evictions for an hour, whatever the order in which
// they are entered.
func TestLedger(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-11-26T12:00:00Z")
	b := config.Budgets{ResizesPerMinute: 10, EvictionsPerHour: 3}
	var l Ledger
	left := func(after time.Duration) string {
		a := l.Left(b, at.Add(after))
		return fmt.Sprint(*a.Resizes, *a.Evictions)
	}
	l.Add(at.Add(30*time.Second), actuator.Spent{Resizes: 4})
	l.Add(at, actuator.Spent{Resizes: 5, Evictions: 2})
	l.Add(at, actuator.Spent{})
	for _, tc := range []struct {
		after time.Duration
		want  string
	}{{30 * time.Second, "1 1"}, {time.Minute, "6 1"}, {2 * time.Minute, "10 1"}, {time.Hour, "10 3"}} {
		if got := left(tc.after); got != tc.want {
			t.Errorf("after %v are left %s, want %s", tc.after, got, tc.want)
		}
	}
	l.Add(at.Add(2*time.Hour), actuator.Spent{Resizes: 40, Evictions: 40})
	if got := left(2 * time.Hour); got != "0 0" {
		t.Errorf("of budgets that are overdrawn are left %s", got)
	}
}
