package actuator_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/actuator/kube"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

func cores(milli, mib int64) recommender.Resources {
	return recommender.Resources{CPU: recommender.MilliCPU(milli), Memory: recommender.Bytes(mib << 20)}
}

// A LimitRange that came after the pods would add a limit to a container without
// one, for good. The plan does not ask, and the API server does what it says.
func testLimitRange(t *testing.T, l *lab) {
	t.Helper()
	w := l.deploy(t, 1, size{cpu: "500m", memory: "256Mi"})
	_, err := w.clients.CoreV1().LimitRanges(w.ns).Create(t.Context(), &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "defaults"},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: corev1.LimitTypeContainer, Default: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("700m")},
		}}},
	}, metav1.CreateOptions{})
	w.must(err)
	w.recommend(1, map[string]size{"app": {cpu: "300m", memory: "256Mi"}})
	w.step()
	if len(w.plan.Steps) > 0 || !w.told(actuator.ReasonLimitRange) {
		t.Fatalf("a limit would be added: %+v", w.plan)
	}
	w.blind = func(o *snapshot.Objects) { o.LimitRanges = nil }
	w.until("who does not look falls into it", func() bool {
		return sizeOf(w.pods()[0].Spec.Containers[0].Resources).cpuLimit == "700m"
	})
}

// Two of three pods may grow within the quota. What the quota refuses though it
// was not known leaves the pod alone for a while.
func testQuota(t *testing.T, l *lab) {
	t.Helper()
	from, to := size{cpu: "500m", memory: "256Mi"}, size{cpu: "900m", memory: "256Mi"}
	w := l.deploy(t, 3, from)
	quotas := w.clients.CoreV1().ResourceQuotas(w.ns)
	_, err := quotas.Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "team"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourceRequestsCPU: resource.MustParse("2400m")}},
	}, metav1.CreateOptions{})
	w.must(err)
	quota := func() *corev1.ResourceQuota {
		q, err := quotas.Get(t.Context(), "team", metav1.GetOptions{})
		w.must(err)
		return q
	}
	used := func(v string) func() bool {
		return func() bool {
			is := quota().Status.Used[corev1.ResourceRequestsCPU]
			return is.Cmp(resource.MustParse(v)) == 0
		}
	}
	// A watch may be behind, and then a plan may ask for what is refused.
	w.blind = func(o *snapshot.Objects) { o.Quotas = []*corev1.ResourceQuota{quota()} }
	w.wait("the quota is counted", used("1500m"))
	w.recommend(3, map[string]size{"app": to})
	w.until("two pods have grown", func() bool { return w.count(to) == 2 })
	w.wait("the quota is counted again", used("2300m"))
	w.step()
	if len(w.plan.Steps) > 0 || !w.told(actuator.ReasonQuota) {
		t.Errorf("a quota of 2400m has 2300m used: %+v", w.plan)
	}
	w.blind = func(o *snapshot.Objects) { o.Quotas = nil }
	w.until("the API server refuses", func() bool { return w.came(kube.Refused, actuator.RefusedOther) })
	if !slices.ContainsFunc(w.outcomes, func(o kube.Outcome) bool { return strings.Contains(o.Message, "exceeded quota") }) {
		t.Errorf("%+v", w.outcomes)
	}
	w.until("the pod is left alone", func() bool { return w.told(actuator.ReasonRefused) && len(w.plan.Steps) == 0 })
	if w.count(to) != 2 || w.count(from) != 1 {
		t.Errorf("pods are %s", w.describe())
	}
}

// count is how many pods have a size.
func (w *workload) count(s size) int {
	n := 0
	for _, p := range w.pods() {
		if has(p, "app", s) {
			n++
		}
	}
	return n
}

// Somebody else resizes a pod, as the VPA's updater does: it is told and left
// alone, while the other pod changes.
func testForeign(t *testing.T, l *lab) {
	t.Helper()
	w := l.deploy(t, 2, size{cpu: "500m", memory: "256Mi"})
	first, theirs := size{cpu: "400m", memory: "256Mi"}, size{cpu: "600m", memory: "256Mi"}
	w.recommend(2, map[string]size{"app": first})
	w.until("both have the first size", func() bool { return w.settled("app", first) })
	name := w.pods()[0].Name
	_, err := w.clients.CoreV1().Pods(w.ns).Patch(t.Context(), name, types.JSONPatchType,
		[]byte(`[{"op":"replace","path":"/spec/containers/0/resources/requests/cpu","value":"600m"}]`),
		metav1.PatchOptions{FieldManager: "vpa-updater"}, "resize")
	w.must(err)
	w.state = actuator.State{} // Nothing is remembered that would tell.
	second := size{cpu: "450m", memory: "256Mi"}
	w.recommend(2, map[string]size{"app": second})
	w.until("the API server tells of the other", func() bool { return w.came(kube.Refused, actuator.RefusedConflict) })
	if !slices.ContainsFunc(w.outcomes, func(o kube.Outcome) bool { return strings.Contains(o.Message, "vpa-updater (by resize)") }) {
		t.Errorf("%+v", w.outcomes)
	}
	w.until("the other pod changes", func() bool { return w.count(second) == 1 })
	for range 5 {
		w.step()
		if len(w.plan.Steps) > 0 {
			t.Fatalf("fought: %+v", w.plan.Steps)
		}
	}
	if w.count(theirs) != 1 || !w.phase(actuator.PhaseForeign) {
		t.Errorf("pods are %s, the state %+v", w.describe(), w.state.Pods)
	}
}

// A pod whose status has changed since it was read is written all the same; one
// that is another, or asks for something else by now, is not.
func testChanged(t *testing.T, l *lab) {
	t.Helper()
	w := l.deploy(t, 1, size{cpu: "500m", memory: "256Mi"})
	p := w.pods()[0]
	step := actuator.Step{
		Kind: actuator.StepResize, Pod: p.Name,
		Precondition: actuator.Precondition{UID: string(p.UID), ResourceVersion: p.ResourceVersion, Generation: p.Generation},
		Containers:   []actuator.ContainerStep{{Name: "app", To: actuator.Size{Requests: cores(450, 256)}}},
	}
	write := func(s actuator.Step) kube.Outcome {
		return w.writer.Write(t.Context(), kube.Target{Namespace: w.ns}, actuator.Plan{Steps: []actuator.Step{s}})[0]
	}
	other := step
	other.Precondition.UID = "00000000-0000-4000-8000-000000000000"
	if o := write(other); o.Result != kube.Stale {
		t.Errorf("another pod: %+v", o)
	}
	gone := step
	gone.Pod = "gone"
	if o := write(gone); o.Result != kube.Stale {
		t.Errorf("a pod that is gone: %+v", o)
	}
	old := step
	old.Precondition.Generation, old.Precondition.ResourceVersion = 7, "1"
	if o := write(old); o.Result != kube.Stale {
		t.Errorf("another generation: %+v", o)
	}
	_, err := w.clients.CoreV1().Pods(w.ns).Patch(t.Context(), p.Name, types.MergePatchType, []byte(`{"metadata":{"labels":{"seen":"later"}}}`),
		metav1.PatchOptions{})
	w.must(err)
	if o := write(step); o.Result != kube.Applied {
		t.Errorf("a new label: %+v", o)
	}
	w.wait("it is made", func() bool { return w.settled("app", size{cpu: "450m", memory: "256Mi"}) })
}

// A budget that lets no pod go refuses, as do two budgets for one pod; what was
// refused is not tried in vain for the pods that follow.
func testEviction(t *testing.T, l *lab) {
	t.Helper()
	w := l.deploy(t, 2, size{cpu: "500m", memory: "256Mi"})
	budgets := w.clients.PolicyV1().PodDisruptionBudgets(w.ns)
	all := intstr.FromInt32(2)
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "all"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &all, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": w.ns}}},
	}
	created, err := budgets.Create(t.Context(), budget, metav1.CreateOptions{})
	w.must(err)
	w.wait("the budget is counted", func() bool {
		b, err := budgets.Get(t.Context(), created.Name, metav1.GetOptions{})
		return err == nil && b.Status.ObservedGeneration > 0 && b.Status.CurrentHealthy == 2
	})
	evict := func(p corev1.Pod) actuator.Step {
		return actuator.Step{
			Kind: actuator.StepEvict, Pod: p.Name, Precondition: actuator.Precondition{UID: string(p.UID), ResourceVersion: p.ResourceVersion},
		}
	}
	pods := w.pods()
	write := func(steps ...actuator.Step) []kube.Outcome {
		return w.writer.Write(t.Context(), kube.Target{Namespace: w.ns}, actuator.Plan{Steps: steps})
	}
	out := write(evict(pods[0]), evict(pods[1]))
	if out[0].Refusal != actuator.RefusedOther || !strings.Contains(out[0].Message, "disruption budget") || out[1].Result != kube.Skipped {
		t.Errorf("%+v", out)
	}
	if d := snapshot.Input(w.rs, recommender.Decision{}, w.objects(), snapshot.Moment{Now: time.Now()}).Disruption; d == nil || d.MinAvailable != 2 {
		t.Errorf("a plan sees the budget %+v", d)
	}
	budget.Name = "second"
	_, err = budgets.Create(t.Context(), budget, metav1.CreateOptions{})
	w.must(err)
	if out := write(evict(pods[0])); out[0].Refusal != actuator.RefusedOther || !strings.Contains(out[0].Message, "more than one") {
		t.Errorf("%+v", out)
	}
	w.must(budgets.Delete(t.Context(), "all", metav1.DeleteOptions{}))
	w.must(budgets.Delete(t.Context(), "second", metav1.DeleteOptions{}))
	stale := evict(pods[0])
	stale.Precondition.ResourceVersion = "1"
	if out := write(stale); out[0].Result != kube.Stale {
		t.Errorf("%+v", out)
	}
	if out := write(evict(pods[0])); out[0].Result != kube.Applied {
		t.Errorf("%+v", out)
	}
	w.wait("another pod is ready", func() bool {
		now := w.pods()
		return len(now) == 2 && !slices.ContainsFunc(now, func(p corev1.Pod) bool { return p.UID == pods[0].UID || !ready(p) })
	})
}

// flaky fails a third of what is written, half of that after it was done.
func (l *lab) flaky(t *testing.T, seed uint64) (client.Client, *atomic.Int64) {
	t.Helper()
	var calls, failed atomic.Int64
	c, err := client.NewWithWatch(l.plane.Config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		SubResourceApply: func(ctx context.Context, c client.Client, sub string, obj runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
			r := rand.New(rand.NewPCG(seed, uint64(calls.Add(1))))
			n := r.IntN(100)
			if n >= 30 {
				return c.SubResource(sub).Apply(ctx, obj, opts...)
			}
			failed.Add(1)
			if n < 15 {
				if err := c.SubResource(sub).Apply(ctx, obj, opts...); err != nil {
					return err
				}
				return context.DeadlineExceeded // The answer was lost.
			}
			return []error{
				apierrors.NewInternalError(errors.New("etcd is away")), apierrors.NewTooManyRequests("later", 1), apierrors.NewServiceUnavailable("away"),
			}[n%3]
		},
	}), &failed
}

func testFailures(t *testing.T, l *lab) {
	t.Helper()
	w := l.deploy(t, 6, size{cpu: "200m", memory: "128Mi", memoryLimit: "256Mi"})
	c, failed := l.flaky(t, 7)
	w.writer = kube.NewWriter(c, c)
	for i, to := range []size{
		{cpu: "300m", memory: "128Mi", memoryLimit: "256Mi"}, {cpu: "150m", memory: "160Mi", memoryLimit: "200Mi"}, {cpu: "250m", memory: "128Mi", memoryLimit: "300Mi"},
	} {
		w.recommend(6+i, map[string]size{"app": to})
		w.until("all pods have the size", func() bool {
			// New pods are made of the template: they are resized like the others.
			return len(w.pods()) == 6+i && w.settled("app", to)
		})
	}
	t.Logf("%d of %d steps were not made, %d writes failed", unmade(w.all), len(w.all), failed.Load())
	if failed.Load() < 3 {
		t.Errorf("only %d writes failed", failed.Load())
	}
}

func unmade(all []kube.Outcome) int {
	n := 0
	for _, o := range all {
		if o.Result != kube.Applied {
			n++
		}
	}
	return n
}

// While a resize waits for room, all memory is lost but what a status holds, then
// that, too. The plans go by the conditions of the pod, and end where they would
// have ended.
func testForgotten(t *testing.T, l *lab) {
	t.Helper()
	from, to := size{cpu: "2", memory: "256Mi"}, size{cpu: "3", memory: "256Mi"}
	w := l.deploy(t, 1, from)
	_, err := w.clients.CoreV1().Pods(w.ns).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "filler", Namespace: w.ns},
		Spec: corev1.PodSpec{
			NodeSelector: map[string]string{"lab": w.ns},
			Containers:   []corev1.Container{{Name: "app", Image: "example.com/app:1", Resources: size{cpu: "1500m"}.requirements()}},
		},
	}, metav1.CreateOptions{})
	w.must(err)
	w.wait("the other pod runs", func() bool {
		p, err := w.clients.CoreV1().Pods(w.ns).Get(t.Context(), "filler", metav1.GetOptions{})
		return err == nil && p.Status.Phase == corev1.PodRunning
	})
	w.recommend(1, map[string]size{"app": to})
	w.until("it is deferred", func() bool { return w.phase(actuator.PhaseDeferred) })
	for _, kept := range []bool{true, false} {
		state := actuator.State{}
		if kept {
			state, err = snapshot.DecodeActuation(snapshot.EncodeActuation(w.state))
			w.must(err)
		}
		w.state, w.refused = state, nil
		w.step()
		if !w.phase(actuator.PhaseDeferred) || len(w.plan.Steps) > 0 {
			t.Errorf("kept %v: the state is %+v, the plan %+v", kept, w.state.Pods, w.plan.Steps)
		}
	}
	w.ahead += 2 * time.Minute
	w.until("it is put back", func() bool { return w.settled("app", from) })
}

// A change of memory restarts the container: never so that fewer than one of two
// pods is ready.
func testRestart(t *testing.T, l *lab) {
	t.Helper()
	w := l.deploy(t, 2, size{cpu: "500m", memory: "256Mi"}, func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].ResizePolicy = []corev1.ContainerResizePolicy{
			{ResourceName: corev1.ResourceMemory, RestartPolicy: corev1.RestartContainer}, {ResourceName: corev1.ResourceCPU, RestartPolicy: corev1.NotRequired},
		}
	})
	to := size{cpu: "500m", memory: "300Mi"}
	w.recommend(2, map[string]size{"app": to})
	w.until("all pods have the size", func() bool {
		if !slices.ContainsFunc(w.pods(), ready) {
			t.Errorf("no pod is ready: %s", w.describe())
		}
		return w.settled("app", to)
	})
	for _, p := range w.pods() {
		if n := p.Status.ContainerStatuses[0].RestartCount; n != 1 {
			t.Errorf("pod %s restarted %d times", p.Name, n)
		}
	}
}

// A container that takes more than its limit is killed until the limit is raised,
// and a decision sees that before Prometheus does.
func testKill(t *testing.T, l *lab) {
	t.Helper()
	w := l.deploy(t, 1, size{cpu: "500m", memory: "128Mi", memoryLimit: "256Mi"})
	name := w.pods()[0].Name
	w.kubelet.Use(w.ns, name, "app", 300<<20)
	seen := func() recommender.Container {
		s := recommender.Snapshot{Now: time.Now().Add(time.Second), Containers: []recommender.Container{{Name: "app"}}}
		snapshot.Observe(&s, w.objects())
		return s.Containers[0]
	}
	w.wait("it is killed", func() bool { return seen().OOMKills > 0 })
	if c := seen(); c.OOMLimit != 256<<20 || c.RecentRestarts == 0 {
		t.Errorf("a decision sees %+v", c)
	}
	to := size{cpu: "500m", memory: "200Mi", memoryLimit: "400Mi"}
	w.recommend(1, map[string]size{"app": to}, recommender.ReasonOOMKilled)
	w.until("it has the size and runs", func() bool { return w.settled("app", to) })
}

// A dry run of a smaller memory limit is taken, and changes nothing.
func testDiscover(t *testing.T, l *lab) {
	t.Helper()
	w := l.deploy(t, 1, size{"500m", "512Mi", "500m", "512Mi"})
	p := w.pods()[0]
	discovery, ok := w.clients.Discovery().(kube.Discovery)
	if !ok {
		t.Fatal("the client's discovery takes no context")
	}
	old := oldDiscovery{discovery}
	f, err := w.writer.Discover(t.Context(), old, []*corev1.Pod{&p})
	if err != nil || f != (actuator.Features{Resize: true, MemoryLimitShrink: true}) {
		t.Errorf("%+v, error %v", f, err)
	}
	f, err = w.writer.Discover(t.Context(), old, nil)
	if err != nil || f != (actuator.Features{Resize: true}) {
		t.Errorf("without a pod to ask about: %+v, error %v", f, err)
	}
	if now := w.pods()[0]; now.Generation != p.Generation || now.ResourceVersion != p.ResourceVersion {
		t.Errorf("the dry run has changed the pod")
	}
}

// oldDiscovery tells of a cluster without policies of admission that change
// objects.
type oldDiscovery struct{ kube.Discovery }

func (d oldDiscovery) ServerResourcesForGroupVersionWithContext(ctx context.Context, gv string) (*metav1.APIResourceList, error) {
	list, err := d.Discovery.ServerResourcesForGroupVersionWithContext(ctx, gv)
	if err == nil {
		list.APIResources = slices.DeleteFunc(list.APIResources, func(r metav1.APIResource) bool {
			return strings.HasPrefix(r.Name, "mutatingadmission")
		})
	}
	return list, err
}
