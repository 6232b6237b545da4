// Package actuator_test holds plans and their writer to a real control plane:
// API server, controllers and scheduler are Kubernetes' own, kwok plays the nodes
// and internal/testkit/kubelet the kubelets.
package actuator_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/actuator/kube"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/internal/testkit/controlplane"
	"github.com/rightsize-dev/rightsize/internal/testkit/kubelet"
	"github.com/rightsize-dev/rightsize/recommender"
)

// patience bounds every wait: a machine that compiles at the same time is slow.
const patience = 2 * time.Minute

// lab is a cluster for all tests.
type lab struct {
	plane    *controlplane.ControlPlane
	kubelet  *kubelet.Kubelet
	client   client.Client
	clients  kubernetes.Interface
	writer   *kube.Writer
	features actuator.Features
}

func newLab(t *testing.T) *lab {
	t.Helper()
	c := controlplane.Start(t, controlplane.Options{
		Controllers: []string{
			"deployment-controller", "replicaset-controller", "statefulset-controller", "disruption-controller", "resourcequota-controller",
			"node-lifecycle-controller", // Takes the taint of a new node away.
		},
		Scheduler: true, Kwok: controlplane.NodeStage,
	})
	cl, err := client.New(c.Config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{
		plane: c, client: cl, clients: c.Client, writer: kube.NewWriter(cl, cl),
		kubelet: kubelet.Start(t, c.Config, kubelet.Options{
			StartDelay: 20 * time.Millisecond, ReadyDelay: 20 * time.Millisecond, ResizeDelay: 50 * time.Millisecond, RestartDelay: 50 * time.Millisecond,
		}),
	}
	discovery, ok := c.Client.Discovery().(kube.Discovery)
	if !ok {
		t.Fatal("the client's discovery takes no context")
	}
	if l.features, err = l.writer.Discover(t.Context(), discovery, nil); err != nil {
		t.Fatal(err)
	}
	want := actuator.Features{Resize: true, MemoryLimitShrink: true} // No policy is installed.
	if l.features != want {
		t.Fatalf("the cluster can %+v, want %+v", l.features, want)
	}
	return l
}

// size is what a container requests and is limited to, in the words of manifests.
type size struct{ cpu, memory, cpuLimit, memoryLimit string }

func (s size) requirements() corev1.ResourceRequirements {
	r := corev1.ResourceRequirements{Requests: corev1.ResourceList{}, Limits: corev1.ResourceList{}}
	set := func(l corev1.ResourceList, name corev1.ResourceName, v string) {
		if v != "" {
			l[name] = resource.MustParse(v)
		}
	}
	set(r.Requests, corev1.ResourceCPU, s.cpu)
	set(r.Requests, corev1.ResourceMemory, s.memory)
	set(r.Limits, corev1.ResourceCPU, s.cpuLimit)
	set(r.Limits, corev1.ResourceMemory, s.memoryLimit)
	return r
}

func (s size) String() string {
	return fmt.Sprintf("%s/%s up to %s/%s", s.cpu, s.memory, s.cpuLimit, s.memoryLimit)
}

func sizeOf(r corev1.ResourceRequirements) size {
	text := func(l corev1.ResourceList, name corev1.ResourceName) string {
		if q, ok := l[name]; ok {
			return q.String()
		}
		return ""
	}
	return size{
		text(r.Requests, corev1.ResourceCPU), text(r.Requests, corev1.ResourceMemory),
		text(r.Limits, corev1.ResourceCPU), text(r.Limits, corev1.ResourceMemory),
	}
}

// workload is a Deployment on a node of its own, in a namespace of its own, with
// the RightSize and the loop that a controller would run for it.
type workload struct {
	*lab

	t  *testing.T
	ns string
	rs *v1alpha1.RightSize

	writer   *kube.Writer
	state    actuator.State
	refused  map[string]actuator.Refusal
	ahead    time.Duration // By which the plans' clock is ahead.
	peaks    map[string]recommender.Bytes
	blind    func(*snapshot.Objects) // Changes what is known.
	plan     actuator.Plan
	outcomes []kube.Outcome
	all      []kube.Outcome
}

// deploy makes a node of 4 cores and 8 GiB and a Deployment on it, and waits until
// all pods are ready.
func (l *lab) deploy(t *testing.T, replicas int, s size, change ...func(*appsv1.Deployment)) *workload {
	t.Helper()
	ns := strings.ToLower(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]))
	ns = strings.Trim(ns[:min(len(ns), 50)], "-")
	l.plane.Namespace(ns)
	l.node(t, ns)
	n, labels := int32(replicas), map[string]string{"app": ns}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &n, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					NodeSelector: map[string]string{"lab": ns},
					Containers:   []corev1.Container{{Name: "app", Image: "example.com/app:1", Resources: s.requirements()}},
				},
			},
		},
	}
	for _, f := range change {
		f(d)
	}
	if _, err := l.clients.AppsV1().Deployments(ns).Create(t.Context(), d, metav1.CreateOptions{FieldManager: "kubectl-create"}); err != nil {
		t.Fatal(err)
	}
	none := int32(0)
	w := &workload{lab: l, t: t, ns: ns, writer: l.writer, refused: map[string]actuator.Refusal{}, peaks: map[string]recommender.Bytes{"app": 1 << 20}}
	w.rs = &v1alpha1.RightSize{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web", UID: "rs", CreationTimestamp: metav1.Now()},
		Spec: v1alpha1.RightSizeSpec{
			TargetRef: v1alpha1.TargetRef{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}, Mode: v1alpha1.ModeApply,
			Apply: v1alpha1.Apply{CanaryPods: &none, MaxConcurrentPercent: 100, DeferredSeconds: 60},
		},
	}
	w.wait("all pods are ready", func() bool {
		pods := w.pods()
		return len(pods) == replicas && !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return !ready(p) })
	})
	return w
}

func (l *lab) node(t *testing.T, name string) {
	t.Helper()
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
	_, err := l.clients.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"lab": name}}, Status: corev1.NodeStatus{Allocatable: room, Capacity: room},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func ready(p corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// recommend puts a size for containers and a number of pods into the status.
func (w *workload) recommend(replicas int, sizes map[string]size, reasons ...recommender.ReasonCode) {
	w.t.Helper()
	n := int32(replicas)
	d, err := w.clients.AppsV1().Deployments(w.ns).Get(w.t.Context(), "web", metav1.GetOptions{})
	w.must(err)
	status := v1alpha1.RightSizeStatus{
		CurrentReplicas: d.Spec.Replicas, DesiredReplicas: &n, Recommendation: v1alpha1.Recommendation{Replicas: &n},
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionRecommendationAvailable, Status: metav1.ConditionTrue}},
	}
	amounts := func(l corev1.ResourceList) v1alpha1.Amounts {
		var out v1alpha1.Amounts
		if q, ok := l[corev1.ResourceCPU]; ok {
			out.CPU = &q
		}
		if q, ok := l[corev1.ResourceMemory]; ok {
			out.Memory = &q
		}
		return out
	}
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		r := sizes[name].requirements()
		status.Recommendation.Containers = append(status.Recommendation.Containers, v1alpha1.ContainerRecommendation{
			Name: name, Requests: amounts(r.Requests), Limits: amounts(r.Limits), LowerBound: amounts(r.Requests), UpperBound: amounts(r.Requests),
		})
	}
	for _, code := range reasons {
		status.Reasons = append(status.Reasons, v1alpha1.Reason{Code: string(code)})
	}
	w.rs.Status = status
}

// step is one round of a controller: read, plan, write.
func (w *workload) step() {
	w.t.Helper()
	now := time.Now().Add(w.ahead)
	decided := snapshot.Decided(recommender.Workload{Namespace: w.ns, Kind: "Deployment", Name: "web"}, w.rs.Status, now)
	o := w.objects()
	if w.blind != nil {
		w.blind(&o)
	}
	in := snapshot.Input(w.rs, decided, o, snapshot.Moment{Now: now, Peaks: w.peaks, Refused: w.refused, State: w.state})
	w.plan, w.state = actuator.Next(in)
	w.outcomes = w.writer.Write(w.t.Context(), kube.Target{
		APIVersion: "apps/v1", Kind: "Deployment", Namespace: w.ns, Name: "web", TakeOver: o.TakeOver(),
	}, w.plan)
	w.state, w.refused = kube.Forget(w.state, w.outcomes), kube.Refusals(w.refused, w.outcomes)
	w.all = append(w.all, w.outcomes...)
	for _, o := range w.outcomes {
		if o.Result != kube.Applied {
			w.t.Logf("%s %s: %s %s %s", o.Step.Kind, o.Step.Pod, o.Result, o.Refusal, o.Message)
		}
	}
}

func (w *workload) objects() snapshot.Objects {
	w.t.Helper()
	ctx := w.t.Context()
	o := snapshot.Objects{RightSize: w.rs, Features: w.features, Target: &unstructured.Unstructured{}}
	o.Target.SetAPIVersion("apps/v1")
	o.Target.SetKind("Deployment")
	w.must(w.client.Get(ctx, client.ObjectKey{Namespace: w.ns, Name: "web"}, o.Target))
	for _, p := range w.pods() {
		o.Pods = append(o.Pods, &p)
	}
	sets := &metav1.PartialObjectMetadataList{}
	sets.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSetList"))
	w.must(w.client.List(ctx, sets, client.InNamespace(w.ns)))
	for i := range sets.Items {
		o.ReplicaSets = append(o.ReplicaSets, &sets.Items[i])
	}
	node, err := w.clients.CoreV1().Nodes().Get(ctx, w.ns, metav1.GetOptions{})
	w.must(err)
	on, err := w.clients.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + w.ns})
	w.must(err)
	var there []*corev1.Pod
	for i := range on.Items {
		there = append(there, &on.Items[i])
	}
	o.Nodes = []snapshot.Node{snapshot.NewNode(node, snapshot.LoadOf(there))}
	var quotas corev1.ResourceQuotaList
	var limits corev1.LimitRangeList
	var budgets policyv1.PodDisruptionBudgetList
	w.must(w.client.List(ctx, &quotas, client.InNamespace(w.ns)))
	w.must(w.client.List(ctx, &limits, client.InNamespace(w.ns)))
	w.must(w.client.List(ctx, &budgets, client.InNamespace(w.ns)))
	for i := range quotas.Items {
		o.Quotas = append(o.Quotas, &quotas.Items[i])
	}
	for i := range limits.Items {
		o.LimitRanges = append(o.LimitRanges, &limits.Items[i])
	}
	for i := range budgets.Items {
		o.PDBs = append(o.PDBs, &budgets.Items[i])
	}
	return o
}

func (w *workload) pods() []corev1.Pod {
	w.t.Helper()
	list, err := w.clients.CoreV1().Pods(w.ns).List(w.t.Context(), metav1.ListOptions{LabelSelector: "app=" + w.ns})
	w.must(err)
	return list.Items
}

// until makes rounds until something holds.
func (w *workload) until(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		w.step()
		if holds() {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("not within %v: %s; the last plan is %+v, the state %+v, outcomes %+v, pods %s",
				patience, what, w.plan, w.state, w.outcomes, w.describe())
		}
	}
}

// wait does no rounds.
func (w *workload) wait(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("not within %v: %s; pods %s", patience, what, w.describe())
		}
	}
}

func (w *workload) describe() string {
	var b strings.Builder
	for _, p := range w.pods() {
		fmt.Fprintf(&b, "\n%s generation %d:", p.Name, p.Generation)
		for _, c := range p.Spec.Containers {
			fmt.Fprintf(&b, " %s %v,", c.Name, sizeOf(c.Resources))
		}
		for _, c := range p.Status.ContainerStatuses {
			if c.Resources != nil {
				fmt.Fprintf(&b, " has %v, restarts %d", sizeOf(*c.Resources), c.RestartCount)
			}
		}
		for _, c := range p.Status.Conditions {
			fmt.Fprintf(&b, " %s=%s %s", c.Type, c.Status, c.Reason)
		}
	}
	return b.String()
}

// settled says whether all pods ask for a size and have it.
func (w *workload) settled(name string, s size) bool {
	pods := w.pods()
	return len(pods) > 0 && !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return !has(p, name, s) })
}

func has(p corev1.Pod, name string, s size) bool {
	asks, gets := false, false
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		asks = asks || c.Name == name && sizeOf(c.Resources) == s
	}
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		gets = gets || c.Name == name && c.Resources != nil && sizeOf(*c.Resources) == s
	}
	return asks && gets && p.Status.ObservedGeneration == p.Generation && ready(p)
}

func (w *workload) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// told says whether the last plan gives a reason.
func (w *workload) told(code recommender.ReasonCode) bool {
	return slices.ContainsFunc(w.plan.Reasons, func(r actuator.PodReason) bool { return r.Code == code })
}

// came says whether the last round had an outcome.
func (w *workload) came(r kube.Result, refusal actuator.Refusal) bool {
	return slices.ContainsFunc(w.outcomes, func(o kube.Outcome) bool { return o.Result == r && o.Refusal == refusal })
}
