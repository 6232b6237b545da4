package actuator_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/actuator/kube"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/internal/testkit/kubelet"
	"github.com/rightsize-dev/rightsize/recommender"
)

// One control plane serves all tests; each has a namespace and a node.
func TestActuator(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for name, test := range map[string]func(*testing.T, *lab){
		"running pods are resized in place":          testInPlace,
		"a guaranteed pod stays one":                 testGuaranteed,
		"sidecars are resized":                       testSidecar,
		"a size no node can hold is not asked again": testNodeCapacity,
		"deferred and put back":                      testDeferred,
		"infeasible by the kubelet and put back":     testInfeasible,
		"memory in use and put back":                 testMemoryInUse,
		"containers restart one pod at a time":       testRestart,
		"a kill for want of memory is seen":          testKill,
		"another QoS class is refused before":        testQoS,
		"defaults of a LimitRange are not let in":    testLimitRange,
		"a quota is kept and its refusal told":       testQuota,
		"more CPU while pods start":                  testBoost,
		"what others resize is left alone":           testForeign,
		"a pod that changed meanwhile":               testChanged,
		"budgets refuse evictions":                   testEviction,
		"who scales is not fought":                   testScale,
		"any kind with a scale is scaled":            testAnyScale,
		"a third of the writes fail":                 testFailures,
		"a restart without a memory":                 testForgotten,
		"memory limits are found to be lowerable":    testDiscover,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, l)
		})
	}
}

// The sizes change, the pods do not.
func testInPlace(t *testing.T, l *lab) {
	t.Helper()
	w := l.deploy(t, 3, size{cpu: "500m", memory: "256Mi", memoryLimit: "512Mi"})
	before := map[types.UID]bool{}
	for _, p := range w.pods() {
		before[p.UID] = true
	}
	to := size{cpu: "300m", memory: "300Mi", memoryLimit: "400Mi"}
	w.recommend(3, map[string]size{"app": to})
	w.until("all pods have the size", func() bool { return w.settled("app", to) })
	for _, p := range w.pods() {
		if !before[p.UID] || p.Status.ContainerStatuses[0].RestartCount > 0 {
			t.Errorf("pod %s is another or was restarted", p.Name)
		}
		if n := resizes(p, "rightsize"); n != 1 {
			t.Errorf("pod %s: %d entries of rightsize's resizes in %+v", p.Name, n, p.ManagedFields)
		}
	}
	generations := func() (out []int64) {
		for _, p := range w.pods() {
			out = append(out, p.Generation)
		}
		return out
	}
	at := generations()
	for range 5 {
		w.step()
		if len(w.plan.Steps) > 0 {
			t.Fatalf("there is nothing to do, and the plan is %+v", w.plan.Steps)
		}
	}
	for i, g := range generations() {
		if g != at[i] || g != 2 {
			t.Errorf("generation %d after %d, want one change", g, at[i])
		}
	}
	// A second change takes no force: the sizes are rightsize's now.
	to = size{cpu: "350m", memory: "300Mi", memoryLimit: "400Mi"}
	w.recommend(3, map[string]size{"app": to})
	w.until("all pods have the second size", func() bool { return w.settled("app", to) })
}

// resizes counts the entries of a field manager for pods/resize.
func resizes(p corev1.Pod, manager string) int {
	n := 0
	for _, m := range p.ManagedFields {
		if m.Manager == manager && m.Subresource == "resize" {
			n++
		}
	}
	return n
}

// Pods that are not ready yet get the CPU that their start takes, and lose it in
// place when they are; others have what they need for all the time. With a boost
// that is over, a pod that never becomes ready loses it, too.
func testBoost(t *testing.T, l *lab) {
	t.Helper()
	gate := corev1.PodConditionType("example.com/warm")
	w := l.deploy(t, 1, size{cpu: "500m", memory: "256Mi", cpuLimit: "600m", memoryLimit: "256Mi"})
	old := w.pods()[0].Name
	steady := size{cpu: "400m", memory: "256Mi", cpuLimit: "500m", memoryLimit: "256Mi"}
	boosted := size{cpu: "1200m", memory: "256Mi", cpuLimit: "1201m", memoryLimit: "256Mi"} // Burstable, as it was.
	w.recommend(1, map[string]size{"app": steady})
	cpu := resource.MustParse(boosted.cpu)
	w.rs.Status.Recommendation.Containers[0].Startup = v1alpha1.StartupSize{CPU: &cpu, Seconds: 600}
	w.until("the pod that runs has the size", func() bool { return w.settled("app", steady) })

	_, err := w.clients.AppsV1().Deployments(w.ns).Patch(t.Context(), "web", types.StrategicMergePatchType, []byte(
		`{"spec": {"template": {"spec": {"readinessGates": [{"conditionType": "`+string(gate)+`"}]}}}}`), metav1.PatchOptions{})
	w.must(err)
	pod := func() (corev1.Pod, bool) { // The one that starts.
		pods := slices.DeleteFunc(w.pods(), func(p corev1.Pod) bool { return p.Name == old })
		return append(pods, corev1.Pod{})[0], len(pods) > 0
	}
	holds := func(s size) func() bool {
		return func() bool {
			p, there := pod()
			return there && sizeOf(p.Spec.Containers[0].Resources) == s && len(p.Status.ContainerStatuses) > 0 &&
				p.Status.ContainerStatuses[0].Resources != nil && sizeOf(*p.Status.ContainerStatuses[0].Resources) == s
		}
	}
	w.until("the pod that starts has more", holds(boosted))
	p, _ := pod()
	if p.Status.QOSClass != corev1.PodQOSBurstable || ready(p) {
		t.Errorf("the pod is %s, ready: %v", p.Status.QOSClass, ready(p))
	}
	first, err := w.clients.CoreV1().Pods(w.ns).Get(t.Context(), old, metav1.GetOptions{})
	w.must(err)
	if got := sizeOf(first.Spec.Containers[0].Resources); got != steady {
		t.Errorf("the pod that is ready asks for %v", got)
	}
	o := w.objects()
	s := recommender.Snapshot{Containers: []recommender.Container{{Name: "app"}}}
	snapshot.Observe(&s, o)
	if got := s.Containers[0]; got.Requests.CPU != 400 || got.Limits.CPU != 500 {
		t.Errorf("the next decision is about %v up to %v", got.Requests, got.Limits)
	}
	_, err = w.clients.CoreV1().Pods(w.ns).Patch(t.Context(), p.Name, types.StrategicMergePatchType, []byte(
		`{"status": {"conditions": [{"type": "`+string(gate)+`", "status": "True"}]}}`), metav1.PatchOptions{}, "status")
	w.must(err)
	w.until("it is taken back", func() bool { return len(w.pods()) == 1 && w.settled("app", steady) })
	after, _ := pod()
	if after.UID != p.UID || after.Status.ContainerStatuses[0].RestartCount > 0 {
		t.Errorf("pod %s is another or was restarted", p.Name)
	}

	// One that is never ready.
	w.must(w.clients.CoreV1().Pods(w.ns).Delete(t.Context(), p.Name, metav1.DeleteOptions{}))
	old = p.Name
	w.until("the next pod has more", holds(boosted))
	w.ahead += 11 * time.Minute
	w.until("its time is over", holds(steady))
}

func testGuaranteed(t *testing.T, l *lab) {
	t.Helper()
	w := l.deploy(t, 1, size{"500m", "512Mi", "500m", "512Mi"})
	to := size{"250m", "600Mi", "250m", "600Mi"}
	w.recommend(1, map[string]size{"app": to})
	w.until("the pod has the size", func() bool { return w.settled("app", to) })
	if class := w.pods()[0].Status.QOSClass; class != corev1.PodQOSGuaranteed {
		t.Errorf("the pod is %s", class)
	}
}

func testSidecar(t *testing.T, l *lab) {
	t.Helper()
	always := corev1.ContainerRestartPolicyAlways
	w := l.deploy(t, 2, size{cpu: "500m", memory: "256Mi"}, func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.InitContainers = []corev1.Container{
			{Name: "prepare", Image: "example.com/prepare:1", Resources: size{cpu: "100m", memory: "64Mi"}.requirements()},
			{Name: "proxy", Image: "example.com/proxy:1", RestartPolicy: &always, Resources: size{cpu: "200m", memory: "128Mi", cpuLimit: "2"}.requirements()},
		}
	})
	app, proxy := size{cpu: "600m", memory: "300Mi"}, size{cpu: "100m", memory: "128Mi", cpuLimit: "1"}
	w.recommend(2, map[string]size{"app": app, "proxy": proxy})
	w.until("both containers have their sizes", func() bool { return w.settled("app", app) && w.settled("proxy", proxy) })
	for _, p := range w.pods() {
		if got := sizeOf(p.Spec.InitContainers[0].Resources); got != (size{cpu: "100m", memory: "64Mi"}) {
			t.Errorf("the container that had ended asks for %v", got)
		}
	}
}

// Where nodes may not be read, the API server says that a node is too small; that
// is remembered.
func testNodeCapacity(t *testing.T, l *lab) {
	t.Helper()
	w := l.deploy(t, 1, size{cpu: "500m", memory: "256Mi"})
	w.recommend(1, map[string]size{"app": {cpu: "6", memory: "256Mi"}})
	w.step()
	if len(w.plan.Steps) > 0 || !w.told(actuator.ReasonNodeCapacity) {
		t.Errorf("a node of 4 cores is asked for 6: %+v", w.plan)
	}
	w.blind = func(o *snapshot.Objects) { o.Nodes = nil }
	w.until("it is refused", func() bool { return w.came(kube.Refused, actuator.RefusedNodeCapacity) })
	for range 5 {
		w.step()
		if len(w.plan.Steps) > 0 {
			t.Fatalf("asked again: %+v", w.plan.Steps)
		}
	}
	if !w.told(actuator.ReasonInfeasible) || len(w.state.Refused) != 1 || w.state.Refused[0].Node != w.ns {
		t.Errorf("reasons %+v, remembered %+v", w.plan.Reasons, w.state.Refused)
	}
	if got := sizeOf(w.pods()[0].Spec.Containers[0].Resources); got.cpu != "500m" {
		t.Errorf("the pod asks for %v", got)
	}
}

// Another pod takes the room: the resize waits, and is put back after a minute,
// by which the room it had reserved is free again. When the other pod is gone, the
// next attempt succeeds.
func testDeferred(t *testing.T, l *lab) {
	t.Helper()
	w := l.deploy(t, 1, size{cpu: "1", memory: "256Mi"})
	filler := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "filler", Namespace: w.ns},
		Spec: corev1.PodSpec{
			NodeSelector: map[string]string{"lab": w.ns},
			Containers:   []corev1.Container{{Name: "app", Image: "example.com/app:1", Resources: size{cpu: "2500m", memory: "1Gi"}.requirements()}},
		},
	}
	_, err := w.clients.CoreV1().Pods(w.ns).Create(t.Context(), filler, metav1.CreateOptions{})
	w.must(err)
	w.wait("the other pod runs", func() bool {
		p, err := w.clients.CoreV1().Pods(w.ns).Get(t.Context(), "filler", metav1.GetOptions{})
		return err == nil && p.Status.Phase == corev1.PodRunning
	})
	to, from := size{cpu: "2", memory: "256Mi"}, size{cpu: "1", memory: "256Mi"}
	w.recommend(1, map[string]size{"app": to})
	w.until("it is deferred", func() bool { return w.phase(actuator.PhaseDeferred) })
	if p := w.pods()[0]; sizeOf(p.Spec.Containers[0].Resources) != to || sizeOf(*p.Status.ContainerStatuses[0].Resources) != from {
		t.Fatalf("pods are %s", w.describe())
	}
	w.ahead += 2 * time.Minute
	w.until("it is put back", func() bool { return w.settled("app", from) })
	for range 5 {
		w.step()
		if len(w.plan.Steps) > 0 || !w.told(actuator.ReasonDeferred) {
			t.Fatalf("asked again at once: %+v", w.plan)
		}
	}
	now := int64(0)
	w.must(w.clients.CoreV1().Pods(w.ns).Delete(t.Context(), "filler", metav1.DeleteOptions{GracePeriodSeconds: &now}))
	w.ahead += 10 * time.Minute
	w.until("it grows", func() bool { return w.settled("app", to) })
}

// phase says whether a pod is in one.
func (w *workload) phase(p actuator.Phase) bool {
	for _, s := range w.state.Pods {
		if s.Phase == p {
			return true
		}
	}
	return false
}

func testInfeasible(t *testing.T, l *lab) {
	t.Helper()
	from := size{cpu: "1", memory: "256Mi"}
	w := l.deploy(t, 1, from)
	w.kubelet.Say(w.ns, w.pods()[0].Name, kubelet.Infeasible) // As nodes that pin CPUs do.
	w.recommend(1, map[string]size{"app": {cpu: "2", memory: "256Mi"}})
	w.until("it is infeasible", func() bool { return w.phase(actuator.PhaseInfeasible) })
	w.until("it is put back", func() bool { return w.settled("app", from) })
	for range 5 {
		w.step()
		if len(w.plan.Steps) > 0 || !w.told(actuator.ReasonInfeasible) {
			t.Fatalf("asked again: %+v", w.plan)
		}
	}
}

// What metrics say of the memory in use is too low: the kubelet refuses to lower
// the limit, and it is put back.
func testMemoryInUse(t *testing.T, l *lab) {
	t.Helper()
	from := size{cpu: "500m", memory: "256Mi", memoryLimit: "512Mi"}
	w := l.deploy(t, 1, from)
	name := w.pods()[0].Name
	w.kubelet.Use(w.ns, name, "app", 400<<20)
	w.peaks["app"] = 100 << 20
	w.recommend(1, map[string]size{"app": {cpu: "500m", memory: "128Mi", memoryLimit: "200Mi"}})
	w.until("it fails", func() bool { return w.phase(actuator.PhaseFailed) })
	w.until("it is put back", func() bool { return w.settled("app", from) })
	if n := w.pods()[0].Status.ContainerStatuses[0].RestartCount; n > 0 {
		t.Errorf("the container restarted %d times", n)
	}
	for range 5 {
		w.step()
		if len(w.plan.Steps) > 0 {
			t.Fatalf("asked again: %+v", w.plan.Steps)
		}
	}
	// With the true number it is held before.
	w.ahead += 2 * time.Hour
	w.peaks["app"] = 400 << 20
	w.step()
	for _, s := range w.plan.Steps {
		if s.Containers[0].To.Limits.Memory < 512<<20 {
			t.Errorf("the limit is lowered: %+v", s)
		}
	}
}

func testQoS(t *testing.T, l *lab) {
	t.Helper()
	w := l.deploy(t, 1, size{cpu: "500m", memory: "256Mi"})
	w.recommend(1, map[string]size{"app": {"500m", "256Mi", "500m", "256Mi"}})
	w.step()
	if len(w.plan.Steps) > 0 || !w.told(actuator.ReasonQoS) {
		t.Errorf("a Burstable pod would become Guaranteed: %+v", w.plan)
	}
	// The API server agrees.
	p := w.pods()[0]
	step := actuator.Step{
		Kind: actuator.StepResize, Pod: p.Name,
		Containers: []actuator.ContainerStep{{Name: "app", To: actuator.Size{Requests: cores(500, 256), Limits: cores(500, 256)}}},
	}
	out := w.writer.Write(t.Context(), kube.Target{Namespace: w.ns}, actuator.Plan{Steps: []actuator.Step{step}})
	if out[0].Refusal != actuator.RefusedOther || !strings.Contains(out[0].Message, "QOS") {
		t.Errorf("%+v", out[0])
	}
}
