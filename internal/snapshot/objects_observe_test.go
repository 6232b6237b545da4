package snapshot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

// sized is a pod of one container, ready, that asks for and has these cores in
// thousandths and MiB.
func sized(t *testing.T, name, created string, asks, has [2]int) *corev1.Pod {
	t.Helper()
	return object[corev1.Pod](t, fmt.Sprintf(`
metadata: {name: %s, uid: u-%[1]s, creationTimestamp: %s, labels: {app: web, pod-template-hash: 5d9}}
spec: {nodeName: n1, containers: [{name: app, resources: {requests: {cpu: %dm, memory: %dMi}}}]}
status:
  phase: Running
  conditions: [{type: Ready, status: "True"}]
  containerStatuses: [{name: app, state: {running: {}}, resources: {requests: {cpu: %dm, memory: %dMi}}}]
`, name, created, asks[0], asks[1], has[0], has[1]))
}

// Everything at once: what Prometheus said is corrected by what the API server
// knows.
func TestObserve(t *testing.T) {
	t.Parallel()
	now := instant(t, "2026-11-26T12:00:00Z")
	s := recommender.Snapshot{
		Now: now, Workload: recommender.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"},
		Replicas: recommender.Replicas{Desired: 2, Ready: 9, StartupSeconds: 12},
		Containers: []recommender.Container{
			{Name: "gone", Requests: resources(1, 1)}, {Name: "app", Requests: resources(500, 512), CPU: recommender.Usage{Samples: 7}},
		},
	}
	pod := object[corev1.Pod](t, webPod)
	changes := 4
	o := Objects{
		RightSize: object[v1alpha1.RightSize](t, `
spec:
  accelerators:
    profiles:
    - {name: two, type: ExtendedResource, extendedResource: {container: app, name: nvidia.com/gpu, count: 2}}
    - {name: one, type: ExtendedResource, extendedResource: {container: app, name: nvidia.com/gpu, count: 1}}
`),
		Target: anything(t, strings.Replace(webDeployment, "updatedReplicas: 3", "updatedReplicas: 2", 1)), ReplicaSets: webSets(t), Pods: []*corev1.Pod{pod},
		LimitRanges: []*corev1.LimitRange{object[corev1.LimitRange](t, `
metadata: {name: limits}
spec:
  limits:
  - {type: Container, min: {cpu: 10m}, max: {memory: 4Gi}, default: {cpu: "1"}, defaultRequest: {cpu: 100m}, maxLimitRequestRatio: {cpu: "2.5"}}
  - {type: PersistentVolumeClaim, max: {storage: 1Gi}}
  - {type: Pod, max: {cpu: "8"}}
`)},
		Nodes: []Node{NewNode(
			object[corev1.Node](t, "metadata: {name: n1, labels: {topology.kubernetes.io/zone: a}}\nstatus: {allocatable: {cpu: \"4\", memory: 8Gi, nvidia.com/gpu: 2}}"),
			Load{Requests: resources(900, 100), Daemons: resources(100, 64)},
		)},
		Features: actuator.Features{Resize: true}, Budget: &recommender.ChangeBudget{Pods: &changes},
	}
	Observe(&s, o)
	want := recommender.Snapshot{
		Now: now, Workload: s.Workload, Policy: s.Policy, Accelerator: "one",
		Replicas: recommender.Replicas{Desired: 3, Ready: 1, StartupSeconds: 12, Rollout: true, Deferred: 1},
		Containers: []recommender.Container{
			{
				Name: "app", Requests: resources(800, 512), Limits: resources(0, 512), InForce: resources(500, 512), RestartOnMemory: true, GPUs: 1,
				CPU: recommender.Usage{Samples: 7},
			},
			{Name: "proxy", Requests: resources(200, 64), Limits: resources(1000, 0), InForce: resources(200, 64), Sidecar: true},
		},
		Surroundings: recommender.Surroundings{
			InitContainers: []recommender.InitContainer{{Name: "prepare", Requests: resources(100, 0)}, {Name: "migrate", Requests: resources(0, 1024), SidecarsBefore: 1}},
			LimitRanges: []recommender.LimitRange{
				{
					Name: "limits", Type: recommender.LimitRangeContainer, Min: resources(10, 0), Max: resources(0, 4096), Default: resources(1000, 0),
					DefaultRequest: resources(100, 0), MaxLimitRequestRatioCPU: 2.5,
				},
				{Name: "limits", Type: recommender.LimitRangePod, Max: resources(8000, 0)},
			},
			Nodes:  []recommender.NodeShape{{Name: "4-8Gi", Allocatable: resources(4000, 8192), Overhead: resources(100, 64), GPUs: 2}},
			Budget: o.Budget,
		},
	}
	if !s.Policy.Vertical.InPlace {
		t.Error("sizes change in place, and the policy does not say so")
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
}

// Of several sizes the one that was asked for last is that of the workload.
func TestAskedSize(t *testing.T) {
	t.Parallel()
	old, next := [2]int{500, 512}, [2]int{700, 512}
	const early, late = "2026-11-26T10:00:00Z", "2026-11-26T11:00:00Z"
	boosted := "status: {recommendation: {containers: [{name: app, requests: {cpu: 700m, memory: 512Mi}, startup: {cpu: 1500m, seconds: 60}}]}}\n"
	starts := [2]int{1500, 512}
	recommended := "status: {recommendation: {containers: [{name: app, requests: {cpu: 700m, memory: 512Mi}}]}}\n"
	for name, tc := range map[string]struct {
		pods   []*corev1.Pod
		status string
		want   recommender.Resources
	}{
		"most pods":                          {[]*corev1.Pod{sized(t, "a", late, next, next), sized(t, "b", early, old, old), sized(t, "c", early, old, old)}, "", resources(500, 512)},
		"of as many the newer":               {[]*corev1.Pod{sized(t, "a", late, next, next), sized(t, "b", early, old, old)}, "", resources(700, 512)},
		"a change on its way":                {[]*corev1.Pod{sized(t, "a", early, next, old), sized(t, "b", late, old, old), sized(t, "c", late, old, old)}, recommended, resources(700, 512)},
		"a recommendation that no pod has":   {[]*corev1.Pod{sized(t, "a", early, old, old)}, recommended, resources(500, 512)},
		"pods that start":                    {[]*corev1.Pod{sized(t, "a", late, starts, old), sized(t, "b", late, starts, starts)}, boosted, resources(700, 512)},
		"a pod that starts among others":     {[]*corev1.Pod{sized(t, "a", early, old, old), sized(t, "b", late, starts, starts)}, boosted, resources(700, 512)},
		"a pod of an old template, the most": {[]*corev1.Pod{sized(t, "a", late, next, next), outdatedPod(sized(t, "b", early, old, old)), outdatedPod(sized(t, "c", early, old, old))}, "", resources(700, 512)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := recommender.Snapshot{Containers: []recommender.Container{{Name: "app"}}}
			Observe(&s, Objects{RightSize: webWith(t, "  horizontal: {mode: Auto}\n"+tc.status), Target: anything(t, webDeployment), ReplicaSets: webSets(t), Pods: tc.pods})
			if got := s.Containers[0].Requests; got != tc.want {
				t.Errorf("requests are %v, want %v", got, tc.want)
			}
		})
	}
}

func outdatedPod(p *corev1.Pod) *corev1.Pod {
	p.Labels["pod-template-hash"] = "4c8"
	return p
}

// How many pods there are to be, by kind and scope.
func TestObserveReplicas(t *testing.T) {
	t.Parallel()
	same := [2]int{500, 512}
	pods := []*corev1.Pod{sized(t, "web-0", "2026-11-26T10:00:00Z", same, same), sized(t, "web-1", "2026-11-26T10:00:00Z", same, same)}
	for name, tc := range map[string]struct {
		kind, target, spec string
		desired, ready     int
	}{
		"spec.replicas":         {"Deployment", webDeployment, "", 3, 2},
		"a DaemonSet":           {"DaemonSet", "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: web}\nstatus: {desiredNumberScheduled: 5}", "", 5, 2},
		"groups of pods":        {"LeaderWorkerSet", "apiVersion: leaderworkerset.x-k8s.io/v1\nkind: LeaderWorkerSet\nmetadata: {name: web}\nspec: {replicas: 2, leaderWorkerTemplate: {size: 4}}", "", 8, 2},
		"some ordinals":         {"StatefulSet", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web}\nspec: {replicas: 2}", "  scope: {ordinals: {first: 1}}\n", 1, 1},
		"some nodes":            {"DaemonSet", "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: web}\nstatus: {desiredNumberScheduled: 5}", "  scope: {nodes: {matchLabels: {type: large}}}\n", 0, 0},
		"runs to completion":    {"Job", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: web}\nspec: {parallelism: 4}", "", 7, 7},
		"no number that counts": {"Thing", "apiVersion: a.com/v1\nkind: Thing\nmetadata: {name: web}", "", 7, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := recommender.Snapshot{Workload: recommender.Workload{Kind: tc.kind}, Replicas: recommender.Replicas{Desired: 7, Ready: 7}}
			o := Objects{RightSize: webWith(t, tc.spec), Target: anything(t, tc.target), Pods: pods, Nodes: []Node{NewNode(object[corev1.Node](t, "metadata: {name: n1, labels: {type: small}}"), Load{})}}
			Observe(&s, o)
			if s.Replicas.Desired != tc.desired || s.Replicas.Ready != tc.ready {
				t.Errorf("%d desired and %d ready, want %d and %d", s.Replicas.Desired, s.Replicas.Ready, tc.desired, tc.ready)
			}
		})
	}
}

// Without pods the template of the target tells, wherever the kind has it.
func TestTemplate(t *testing.T) {
	t.Parallel()
	spec := "spec: {containers: [{name: app, resources: {requests: {cpu: 300m}}}]}"
	for name, target := range map[string]string{
		"a Deployment":      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 0, template: {" + spec + "}}",
		"a CronJob":         "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: web}\nspec: {jobTemplate: {spec: {activeDeadlineSeconds: 600, template: {" + spec + "}}}}",
		"a LeaderWorkerSet": "apiVersion: leaderworkerset.x-k8s.io/v1\nkind: LeaderWorkerSet\nmetadata: {name: web}\nspec: {leaderWorkerTemplate: {workerTemplate: {" + spec + "}}}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := anything(t, target)
			s := recommender.Snapshot{Workload: recommender.Workload{Kind: u.GetKind()}, Containers: []recommender.Container{{Name: "app", Runs: &recommender.Runs{DeadlineSeconds: 900}}}}
			Observe(&s, Objects{Target: u})
			if got := s.Containers[0].Requests; got != resources(300, 0) {
				t.Errorf("requests are %v", got)
			}
			if deadline := s.Containers[0].Runs.DeadlineSeconds; deadline != map[bool]float64{true: 600, false: 900}[u.GetKind() == "CronJob"] {
				t.Errorf("a run may take %v s", deadline)
			}
		})
	}
	s := recommender.Snapshot{Containers: []recommender.Container{{Name: "app", Requests: resources(1, 2)}}}
	Observe(&s, Objects{})
	if s.Containers[0].Requests != resources(1, 2) {
		t.Errorf("without any object the containers are %+v", s.Containers)
	}
}

// Kills and restarts that Prometheus does not know yet.
func TestObserveEvents(t *testing.T) {
	t.Parallel()
	now := instant(t, "2026-11-26T12:00:00Z")
	killed := `lastState: {terminated: {reason: OOMKilled, exitCode: 137, finishedAt: "%s"}}, restartCount: %d, `
	for name, tc := range map[string]struct {
		status  string
		known   recommender.Container
		changed time.Time
		want    recommender.Container
	}{
		"none": {"", recommender.Container{OOMKills: 1}, time.Time{}, recommender.Container{OOMKills: 1}},
		"a kill": {
			fmt.Sprintf(killed, "2026-11-26T11:59:00Z", 1),
			recommender.Container{},
			time.Time{},
			recommender.Container{OOMKills: 1, LastOOMKill: now.Add(-time.Minute), FirstOOMKill: now.Add(-time.Minute), OOMLimit: 1 << 30, RecentRestarts: 1},
		},
		"one that is known": {
			fmt.Sprintf(killed, "2026-11-26T11:30:00Z", 1),
			recommender.Container{OOMKills: 1, LastOOMKill: now.Add(-30 * time.Minute), OOMLimit: 7},
			time.Time{},
			recommender.Container{OOMKills: 1, LastOOMKill: now.Add(-30 * time.Minute), OOMLimit: 7},
		},
		"after a raise for it": {
			fmt.Sprintf(killed, "2026-11-26T11:59:00Z", 1),
			recommender.Container{OOMLimit: 7},
			now.Add(-30 * time.Second),
			recommender.Container{OOMKills: 1, LastOOMKill: now.Add(-time.Minute), FirstOOMKill: now.Add(-time.Minute), OOMLimit: 7, RecentRestarts: 1},
		},
		"from the future": {fmt.Sprintf(killed, "2026-11-26T12:01:00Z", 0), recommender.Container{}, time.Time{}, recommender.Container{}},
		"a crash loop": {
			`lastState: {terminated: {reason: Error, exitCode: 1, finishedAt: "2026-11-26T11:58:00Z"}}, restartCount: 9, state: {waiting: {reason: CrashLoopBackOff}}, `,
			recommender.Container{},
			time.Time{},
			recommender.Container{RecentRestarts: 3},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := object[corev1.Pod](t, `
metadata: {name: web-a, labels: {pod-template-hash: 5d9}}
spec: {containers: [{name: app}]}
status: {phase: Running, containerStatuses: [{name: app, `+tc.status+`resources: {limits: {memory: 1Gi}}}]}
`)
			tc.known.Name, tc.want.Name = "app", "app"
			s := recommender.Snapshot{Now: now, State: recommender.State{LastChange: tc.changed}, Containers: []recommender.Container{tc.known}}
			Observe(&s, Objects{Pods: []*corev1.Pod{p}})
			if diff := cmp.Diff(tc.want, s.Containers[0]); diff != "" {
				t.Errorf("container (-want +got):\n%s", diff)
			}
		})
	}
}

// Shapes of the nodes on which a pod may be scheduled.
func TestShapes(t *testing.T) {
	t.Parallel()
	node := func(name, labels, rest string) Node {
		return NewNode(object[corev1.Node](t, "metadata: {name: "+name+", labels: {"+labels+"}}\n"+rest), Load{Daemons: resources(100, 50)})
	}
	const room = "status: {allocatable: {cpu: \"4\", memory: 8Gi}}"
	const m7, c7 = "node.kubernetes.io/instance-type: m7, karpenter.sh/nodepool: general", "node.kubernetes.io/instance-type: c7"
	pool := "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: general}\nspec: {limits: {%s}}\nstatus: {resources: {cpu: \"8\", memory: 16Gi, nodes: \"2\"}}"
	m := recommender.NodeShape{Name: "general/m7", Allocatable: resources(4000, 8000), Overhead: resources(200, 50)}
	c := recommender.NodeShape{Name: "c7", Allocatable: resources(4000, 8192), Overhead: resources(100, 50)}
	nodes := []Node{node("a", m7, room), node("b", m7, "status: {allocatable: {cpu: 4100m, memory: 8000Mi}}"), node("c", c7, room)}
	nodes[1].load.Daemons.CPU = 200
	for name, tc := range map[string]struct {
		nodes []Node
		pools string
		pod   string
		most  int
		want  string
	}{
		"two kinds":                     {nodes, "", "", 0, "c7 general/m7"},
		"a NodePool with limits of CPU": {nodes, "cpu: \"20\"", "", 5, "c7 general/m7"},
		"and of nodes":                  {nodes, "cpu: \"20\", nodes: \"3\"", "", 3, "c7 general/m7"},
		"which are used up":             {nodes, "memory: 1Gi", "", 2, "c7 general/m7"},
		"that cannot be read":           {nodes, "cpu: lots", "", 0, "c7 general/m7"},
		"a selector":                    {nodes, "", "nodeSelector: {karpenter.sh/nodepool: general}", 0, "general/m7"},
		"an affinity": {nodes, "", "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: " +
			"[{key: karpenter.sh/nodepool, operator: DoesNotExist}]}]}}}", 0, "c7"},
		"a taint":              {[]Node{node("a", c7, "spec: {taints: [{key: gpu, effect: NoSchedule}]}\n"+room)}, "", "", 0, ""},
		"a taint that may be":  {[]Node{node("a", c7, "spec: {taints: [{key: gpu, effect: PreferNoSchedule}]}\n"+room)}, "", "", 0, "c7"},
		"a taint it tolerates": {[]Node{node("a", c7, "spec: {taints: [{key: gpu, effect: NoSchedule}]}\n"+room)}, "", "tolerations: [{key: gpu, operator: Exists}]", 0, "c7"},
		"cordoned":             {[]Node{node("a", c7, "spec: {unschedulable: true}\n"+room)}, "", "", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Objects{Nodes: tc.nodes}
			if tc.pools != "" {
				o.NodePools = []*unstructured.Unstructured{anything(t, fmt.Sprintf(pool, tc.pools))}
			}
			got := o.shapes(object[corev1.Pod](t, "spec: {"+tc.pod+"}"))
			var names []string
			for _, s := range got {
				names = append(names, s.Name)
				want := c
				if s.Name == m.Name {
					want = m
					want.MaxNodes = tc.most
				}
				if diff := cmp.Diff(want, s); diff != "" {
					t.Errorf("shape (-want +got):\n%s", diff)
				}
			}
			if s := strings.Join(names, " "); s != tc.want {
				t.Errorf("shapes are %q, want %q", s, tc.want)
			}
		})
	}
}

// What a DaemonSet's own pods take of a node is no overhead to it.
func TestDaemonSetShapes(t *testing.T) {
	t.Parallel()
	p := object[corev1.Pod](t, `
metadata: {name: a, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: agent, uid: d, controller: true}]}
spec:
  nodeName: n1
  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchFields: [{key: metadata.name, operator: In, values: [n1]}]}]}}}
  containers: [{name: app, resources: {requests: {cpu: 100m, memory: 64Mi}}}]
status: {phase: Running}
`)
	done := p.DeepCopy()
	done.Status.Phase = corev1.PodSucceeded
	load := LoadOf([]*corev1.Pod{p, done, sized(t, "b", "2026-11-26T10:00:00Z", [2]int{500, 100}, [2]int{700, 50})})
	if want := (Load{Requests: resources(800, 164), Daemons: resources(100, 64)}); load != want {
		t.Errorf("load %+v, want %+v", load, want)
	}
	o := Objects{
		Target: anything(t, "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent}"), Pods: []*corev1.Pod{p},
		Nodes: []Node{
			NewNode(object[corev1.Node](t, "metadata: {name: n1, labels: {node.kubernetes.io/instance-type: m7}}\nstatus: {allocatable: {cpu: \"4\", memory: 8Gi}}"), load),
			NewNode(object[corev1.Node](t, "metadata: {name: n2, labels: {node.kubernetes.io/instance-type: c7}}\nstatus: {allocatable: {cpu: \"2\", memory: 8Gi}}"), Load{}),
		},
	}
	want := []recommender.NodeShape{{Name: "c7", Allocatable: resources(2000, 8192)}, {Name: "m7", Allocatable: resources(4000, 8192)}}
	if diff := cmp.Diff(want, o.shapes(p)); diff != "" {
		t.Errorf("shapes (-want +got):\n%s", diff)
	}
}

// Zones are those that are asked for, or those there are.
func TestSpread(t *testing.T) {
	t.Parallel()
	var nodes []Node
	for _, zone := range []string{"a", "b", "b"} {
		nodes = append(nodes, NewNode(object[corev1.Node](t, "metadata: {name: n, labels: {topology.kubernetes.io/zone: "+zone+"}}"), Load{}))
	}
	for name, tc := range map[string]struct {
		constraint string
		want       *recommender.Spread
	}{
		"none":            {"", nil},
		"over nodes":      {"{topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, maxSkew: 1}", nil},
		"if possible":     {"{topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, maxSkew: 1}", &recommender.Spread{Zones: 2}},
		"over those":      {"{topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, maxSkew: 1}", &recommender.Spread{Zones: 2}},
		"over at least 3": {"{topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, maxSkew: 1, minDomains: 3}", &recommender.Spread{Zones: 3, Hard: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Objects{Nodes: nodes}
			if diff := cmp.Diff(tc.want, o.spread(object[corev1.Pod](t, "spec: {topologySpreadConstraints: ["+tc.constraint+"]}"))); diff != "" {
				t.Errorf("spread (-want +got):\n%s", diff)
			}
		})
	}
}

// A workload of four pods in a cluster of 300 nodes.
func BenchmarkObserve(b *testing.B) {
	t := &testing.T{}
	o := Objects{Target: anything(t, webDeployment), Features: actuator.Features{Resize: true}}
	for i := range 4 {
		p := object[corev1.Pod](t, webPod)
		p.Name, p.Spec.NodeName = fmt.Sprintf("web-%d", i), fmt.Sprintf("n%d", i)
		o.Pods = append(o.Pods, p)
	}
	for i := range 300 {
		n := object[corev1.Node](t, "metadata: {labels: {node.kubernetes.io/instance-type: m7i.8xlarge, topology.kubernetes.io/zone: a}}\nstatus: {allocatable: {cpu: 31850m, memory: 122Gi}}")
		n.Name = fmt.Sprintf("n%d", i)
		o.Nodes = append(o.Nodes, NewNode(n, Load{}))
	}
	rs := object[v1alpha1.RightSize](t, webRightSize)
	b.Run("Observe", func(b *testing.B) {
		for b.Loop() {
			s := recommender.Snapshot{Containers: []recommender.Container{{Name: "app"}}}
			Observe(&s, o)
		}
	})
	b.Run("Input", func(b *testing.B) {
		for b.Loop() {
			Input(rs, recommender.Decision{}, o, Moment{})
		}
	})
}
