package snapshot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/recommender"
)

// object reads one from YAML.
func object[T any](t *testing.T, text string) *T {
	t.Helper()
	out := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), out); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return out
}

// anything reads an object of any kind.
func anything(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(data); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return u
}

const webPod = `
metadata:
  name: web-5d9-abcde
  namespace: shop
  uid: 11111111-2222-3333-4444-555555555555
  resourceVersion: "7"
  generation: 3
  creationTimestamp: 2026-11-26T10:00:00Z
  labels: {app: web, pod-template-hash: 5d9}
spec:
  nodeName: n1
  initContainers:
  - {name: prepare, resources: {requests: {cpu: 100m}}}
  - {name: proxy, restartPolicy: Always, resources: {requests: {cpu: 200m, memory: 64Mi}, limits: {cpu: "1"}}}
  - {name: migrate, resources: {requests: {memory: 1Gi}}}
  containers:
  - name: app
    resources: {requests: {cpu: 800m, memory: 512Mi, nvidia.com/gpu: 1}, limits: {memory: 512Mi, nvidia.com/gpu: 1}}
    resizePolicy: [{resourceName: memory, restartPolicy: RestartContainer}, {resourceName: cpu, restartPolicy: NotRequired}]
status:
  phase: Running
  qosClass: Burstable
  observedGeneration: 2
  conditions:
  - {type: Ready, status: "True"}
  - {type: PodResizePending, status: "True", reason: Deferred, observedGeneration: 3, lastTransitionTime: 2026-11-26T11:00:00Z, message: no room}
  initContainerStatuses:
  - {name: proxy, ready: true, state: {running: {}}, resources: {requests: {cpu: 200m, memory: 64Mi}, limits: {cpu: "1"}}}
  containerStatuses:
  - {name: app, ready: true, state: {running: {}}, resources: {requests: {cpu: 500m, memory: 512Mi}, limits: {memory: 512Mi}}}
`

const webDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, uid: d-1, resourceVersion: "40", generation: 4}
spec: {replicas: 3, selector: {matchLabels: {app: web}}}
status: {observedGeneration: 4, replicas: 3, updatedReplicas: 3}
`

const webSet = `
metadata:
  name: web-%s
  labels: {pod-template-hash: %[1]s}
  annotations: {deployment.kubernetes.io/revision: "%[2]d"}
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d-1, controller: true}]
`

func webSets(t *testing.T) []*metav1.PartialObjectMetadata {
	t.Helper()
	return []*metav1.PartialObjectMetadata{
		object[metav1.PartialObjectMetadata](t, fmt.Sprintf(webSet, "4c8", 9)), object[metav1.PartialObjectMetadata](t, fmt.Sprintf(webSet, "5d9", 10)),
	}
}

func resources(milli recommender.MilliCPU, mib recommender.Bytes) recommender.Resources {
	return recommender.Resources{CPU: milli, Memory: mib * recommender.MiB}
}

// A pod in all its parts.
func TestPodAsAPlanSeesIt(t *testing.T) {
	t.Parallel()
	got := podOf(object[corev1.Pod](t, webPod), nil, false, map[string]recommender.Bytes{"app": 300 << 20})
	inForce := actuator.Size{Requests: resources(500, 512), Limits: resources(0, 512)}
	proxy := actuator.Size{Requests: resources(200, 64), Limits: resources(1000, 0)}
	want := actuator.Pod{
		Name: "web-5d9-abcde", UID: "11111111-2222-3333-4444-555555555555", ResourceVersion: "7", Generation: 3, ObservedGeneration: 2,
		Node: "n1", Phase: actuator.PodRunning, Ready: true, Created: instant(t, "2026-11-26T10:00:00Z"), QoS: recommender.QoSBurstable,
		Containers: []actuator.Container{
			{Name: "prepare", Init: true, Spec: actuator.Size{Requests: resources(100, 0)}},
			{Name: "proxy", Sidecar: true, Spec: proxy, InForce: &proxy},
			{Name: "migrate", Init: true, Spec: actuator.Size{Requests: resources(0, 1024)}},
			{
				Name: "app", Spec: actuator.Size{Requests: resources(800, 512), Limits: resources(0, 512)}, InForce: &inForce,
				RestartOnMemory: true, MemoryPeak: 300 << 20,
			},
		},
		Resize: actuator.Resize{Pending: actuator.PendingDeferred, Since: instant(t, "2026-11-26T11:00:00Z"), Generation: 3, Message: "no room"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pod (-want +got):\n%s", diff)
	}
}

// What differs from that pod by a change of its YAML.
func TestPodCases(t *testing.T) {
	t.Parallel()
	linux := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"kubernetes.io/os": "linux"}}}
	windows := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"kubernetes.io/os": "windows"}}}
	for name, tc := range map[string]struct {
		from, to string
		node     *corev1.Node
		want     func(actuator.Pod) bool
	}{
		"as it is":                      {"", "", linux, func(p actuator.Pod) bool { return !p.Unresizable && !p.OptOut && !p.PodLevel && !p.Terminating }},
		"opted out, whatever the value": {"{app: web,", `{rightsize.dev/opt-out: "", app: web,`, nil, func(p actuator.Pod) bool { return p.OptOut }},
		"a static pod": {
			"  labels:", "  annotations: {kubernetes.io/config.mirror: abc}\n  labels:", nil, func(p actuator.Pod) bool { return p.Unresizable },
		},
		"Windows by its specification": {"  nodeName: n1", "  nodeName: n1\n  os: {name: windows}", nil, func(p actuator.Pod) bool { return p.Unresizable }},
		"Windows by its node":          {"", "", windows, func(p actuator.Pod) bool { return p.Unresizable }},
		"a kubelet that reports no sizes": {
			", resources: {requests: {cpu: 500m, memory: 512Mi}, limits: {memory: 512Mi}}}", "}", nil,
			func(p actuator.Pod) bool { return p.Unresizable && p.Containers[3].InForce == nil },
		},
		"a container that waits has none to report": {
			"state: {running: {}}, resources: {requests: {cpu: 500m, memory: 512Mi}, limits: {memory: 512Mi}}}", "state: {waiting: {}}}", nil,
			func(p actuator.Pod) bool { return !p.Unresizable },
		},
		"resources of the pod as a whole": {"  nodeName: n1", "  nodeName: n1\n  resources: {limits: {memory: 1Gi}}", nil, func(p actuator.Pod) bool { return p.PodLevel }},
		"terminating":                     {"  generation: 3", "  generation: 3\n  deletionTimestamp: 2026-11-26T12:00:00Z", nil, func(p actuator.Pod) bool { return p.Terminating }},
		"infeasible":                      {"reason: Deferred", "reason: Infeasible", nil, func(p actuator.Pod) bool { return p.Resize.Pending == actuator.PendingInfeasible }},
		"a condition that is over": {`PodResizePending, status: "True"`, `PodResizePending, status: "False"`, nil, func(p actuator.Pod) bool {
			return p.Resize == actuator.Resize{}
		}},
		"being made, with an error": {
			`PodResizePending, status: "True", reason: Deferred`, `PodResizeInProgress, status: "True", reason: Error`, nil,
			func(p actuator.Pod) bool {
				return p.Resize.InProgress && p.Resize.Error && p.Resize.Pending == "" && p.Resize.Generation == 3
			},
		},
		"a new one waits while another is made": {
			"  - {type: Ready,", "  - {type: PodResizeInProgress, status: \"True\", observedGeneration: 2}\n  - {type: Ready,", nil,
			func(p actuator.Pod) bool {
				return p.Resize.InProgress && p.Resize.Pending == actuator.PendingDeferred && p.Resize.Generation == 3
			},
		},
		"amounts are rounded up": {
			"requests: {cpu: 800m, memory: 512Mi, nvidia", "requests: {cpu: 0.8001, memory: 100.5, nvidia", nil, func(p actuator.Pod) bool {
				return p.Containers[3].Spec.Requests == recommender.Resources{CPU: 801, Memory: 101}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := webPod
			if tc.from != "" {
				if !strings.Contains(text, tc.from) {
					t.Fatalf("%q is not in the pod", tc.from)
				}
				text = strings.Replace(text, tc.from, tc.to, 1)
			}
			if got := podOf(object[corev1.Pod](t, text), tc.node, false, nil); !tc.want(got) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A rollout is told by what each kind says of it.
func TestRollout(t *testing.T) {
	t.Parallel()
	pod := func(name, hash string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			"pod-template-hash": hash, "controller-revision-hash": hash, "rollouts-pod-template-hash": hash,
			"leaderworkerset.sigs.k8s.io/template-revision-hash": hash,
		}}}
	}
	set := func(spec, status string) string {
		return "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web, generation: 2}\nspec: {" + spec + "}\nstatus: {observedGeneration: 2, " + status + "}"
	}
	const old, current = "4c8", "5d9"
	for name, tc := range map[string]struct {
		target   string
		pods     []*corev1.Pod
		want     bool
		outdated int
	}{
		"a Deployment at rest":          {webDeployment, []*corev1.Pod{pod("a", current)}, false, 0},
		"with a pod of an old template": {webDeployment, []*corev1.Pod{pod("a", current), pod("b", old)}, true, 1},
		"with a new template not yet looked at": {
			strings.Replace(webDeployment, "observedGeneration: 4", "observedGeneration: 3", 1), []*corev1.Pod{pod("a", current)}, true, 0,
		},
		"with pods still to be made": {strings.Replace(webDeployment, "updatedReplicas: 3", "updatedReplicas: 2", 1), nil, true, 0},
		"with none made":             {strings.Replace(webDeployment, ", updatedReplicas: 3", "", 1), nil, true, 0},
		"a StatefulSet": {
			set("", "replicas: 2, updatedReplicas: 1, currentRevision: 4c8, updateRevision: 5d9"), []*corev1.Pod{pod("web-0", old), pod("web-1", current)}, true, 1,
		},
		"with a partition that is kept": {
			set("updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}", "replicas: 2, updatedReplicas: 1, currentRevision: 4c8, updateRevision: 5d9"),
			[]*corev1.Pod{pod("web-0", old), pod("web-1", current)},
			false, 0,
		},
		"with pods that only people replace": {
			set("updateStrategy: {type: OnDelete}", "replicas: 2, currentRevision: 4c8, updateRevision: 5d9"), []*corev1.Pod{pod("web-0", old)}, false, 0,
		},
		"a DaemonSet": {
			"apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: web}\nstatus: {desiredNumberScheduled: 2, updatedNumberScheduled: 1}",
			[]*corev1.Pod{pod("a", old), aged(pod("b", current), time.Hour)},
			true, 1,
		},
		"an Argo Rollout": {
			"apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nstatus: {currentPodHash: 5d9, stableRS: 4c8, observedGeneration: \"4\"}",
			[]*corev1.Pod{pod("a", old)},
			true, 1,
		},
		"an Argo Rollout at rest": {
			"apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nstatus: {currentPodHash: 5d9, stableRS: 5d9}",
			[]*corev1.Pod{pod("a", current)},
			false, 0,
		},
		"a LeaderWorkerSet": {
			"apiVersion: leaderworkerset.x-k8s.io/v1\nkind: LeaderWorkerSet\nmetadata: {name: web}\nstatus: {replicas: 2, updatedReplicas: 1}",
			[]*corev1.Pod{pod("a", old), aged(pod("b", current), time.Hour)},
			true, 1,
		},
		"a kind that is not known": {"apiVersion: a.com/v1\nkind: Thing\nmetadata: {name: web}", []*corev1.Pod{pod("a", old), pod("b", current)}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Objects{Target: anything(t, tc.target), ReplicaSets: webSets(t), Pods: tc.pods}
			if got := o.rollingOut(); got != tc.want {
				t.Errorf("a rollout: %v, want %v", got, tc.want)
			}
			n, is := 0, o.outdated()
			for _, p := range tc.pods {
				if is(p) {
					n++
				}
			}
			if n != tc.outdated {
				t.Errorf("%d pods are outdated, want %d", n, tc.outdated)
			}
		})
	}
}

// aged makes a pod newer.
func aged(p *corev1.Pod, by time.Duration) *corev1.Pod {
	p.CreationTimestamp = metav1.NewTime(time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC).Add(by))
	return p
}

// The scopes of a quota are those of the pod; GPUs of any maker are pieces.
func TestQuotas(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spec string
		want bool
	}{
		"no scope":                  {"", true},
		"not best effort":           {"scopes: [NotBestEffort]", true},
		"best effort":               {"scopes: [BestEffort]", false},
		"not terminating":           {"scopes: [NotTerminating, NotBestEffort]", true},
		"terminating":               {"scopes: [Terminating]", false},
		"another namespace":         {"scopes: [CrossNamespacePodAffinity]", false},
		"a class among others":      {"scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [low, high]}]}", true},
		"a class that it is not":    {"scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [low]}]}", false},
		"any but one":               {"scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: NotIn, values: [low]}]}", true},
		"any class":                 {"scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: Exists}]}", true},
		"no class":                  {"scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: DoesNotExist}]}", false},
		"a scope that is not known": {"scopes: [Sundays]", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := object[corev1.Pod](t, strings.Replace(webPod, "  nodeName: n1", "  nodeName: n1\n  priorityClassName: high", 1))
			q := object[corev1.ResourceQuota](t, "metadata: {name: team}\nspec: {"+tc.spec+"}\n"+`
status:
  hard: {requests.cpu: "10", memory: 1Gi, limits.cpu: 20500m, pods: 30, requests.nvidia.com/gpu: 8, secrets: 3}
  used: {requests.cpu: 1500m, memory: 1Ki, pods: 4}
`)
			want := []recommender.Quota{{Name: "team", Items: []recommender.QuotaLimit{
				{Resource: recommender.QuotaLimitsCPU, Hard: 20500},
				{Resource: recommender.QuotaPods, Hard: 30, Used: 4},
				{Resource: recommender.QuotaRequestsCPU, Hard: 10000, Used: 1500},
				{Resource: recommender.QuotaGPUs, Hard: 8},
				{Resource: recommender.QuotaRequestsMemory, Hard: 1 << 30, Used: 1 << 10},
			}}}
			if !tc.want {
				want = nil
			}
			o := Objects{Quotas: []*corev1.ResourceQuota{q}}
			if diff := cmp.Diff(want, o.quotas(pod)); diff != "" {
				t.Errorf("quotas (-want +got):\n%s", diff)
			}
		})
	}
}

// Budgets as a floor of the number of pods for decisions, and as the pods that
// have to be available now, of ten, for plans. The shares are rounded up as the
// disruption controller does.
func TestDisruptionBudgets(t *testing.T) {
	t.Parallel()
	budget := func(spec string) string {
		return "metadata: {name: b}\nspec: {selector: {matchLabels: {app: web}}, " + spec + "}"
	}
	for name, tc := range map[string]struct {
		budgets []string
		floor   *recommender.DisruptionBudget
		stays   *recommender.DisruptionBudget
	}{
		"none":                {nil, nil, nil},
		"of other pods":       {[]string{"metadata: {name: b}\nspec: {minAvailable: 9, selector: {matchLabels: {app: other}}}"}, nil, nil},
		"of all pods":         {[]string{"metadata: {name: b}\nspec: {minAvailable: 1, selector: {}}"}, &recommender.DisruptionBudget{Name: "b", MinAvailable: 1}, &recommender.DisruptionBudget{Name: "b", MinAvailable: 1}},
		"without a selector":  {[]string{"metadata: {name: b}\nspec: {minAvailable: 1}"}, nil, nil},
		"a number":            {[]string{budget("minAvailable: 3")}, &recommender.DisruptionBudget{Name: "b", MinAvailable: 3}, &recommender.DisruptionBudget{Name: "b", MinAvailable: 3}},
		"a share":             {[]string{budget("minAvailable: 55%")}, &recommender.DisruptionBudget{Name: "b", MinAvailablePercent: 55}, &recommender.DisruptionBudget{Name: "b", MinAvailable: 6}},
		"one unavailable":     {[]string{budget("maxUnavailable: 1")}, nil, &recommender.DisruptionBudget{Name: "b", MinAvailable: 9}},
		"a share unavailable": {[]string{budget("maxUnavailable: 25%")}, nil, &recommender.DisruptionBudget{Name: "b", MinAvailable: 7}},
		"none unavailable":    {[]string{budget("maxUnavailable: 0")}, &recommender.DisruptionBudget{Name: "b", MinAvailablePercent: 100}, &recommender.DisruptionBudget{Name: "b", MinAvailable: 10}},
		"neither":             {[]string{"metadata: {name: b}\nspec: {selector: {}}"}, &recommender.DisruptionBudget{Name: "b", MinAvailablePercent: 100}, &recommender.DisruptionBudget{Name: "b", MinAvailable: 10}},
		"the strictest of two": {
			[]string{budget("maxUnavailable: 2"), budget("minAvailable: 4")},
			&recommender.DisruptionBudget{Name: "b", MinAvailable: 4},
			&recommender.DisruptionBudget{Name: "b", MinAvailable: 8},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Objects{Pods: []*corev1.Pod{object[corev1.Pod](t, webPod)}}
			for _, text := range tc.budgets {
				o.PDBs = append(o.PDBs, object[policyv1.PodDisruptionBudget](t, text))
			}
			if diff := cmp.Diff(tc.floor, floor(o.budgets())); diff != "" {
				t.Errorf("floor (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.stays, stays(o.budgets(), 10)); diff != "" {
				t.Errorf("stays (-want +got):\n%s", diff)
			}
		})
	}
}
