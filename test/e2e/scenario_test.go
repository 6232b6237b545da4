package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rightsize-dev/rightsize/internal/testkit/exporter"
)

// patience is how long a controller may take to do what it is asked to: the
// first round, two rounds of a minute, and what a busy machine adds.
const patience = 3 * time.Minute

// scenario is one test in the shared cluster: what is there before the
// controller starts, and what has to come of it.
type scenario struct {
	name string
	// last says that its workloads are deployed when those of the others are ready.
	last bool
	// prepare makes what is there before the workloads.
	prepare   func(t testing.TB, c *cluster)
	workloads []*workload
	// ready is called when their pods are ready.
	ready func(t testing.TB, c *cluster, w []*workload)
	check func(t *testing.T, c *cluster, w []*workload)
}

// Lines of the specification of a RightSize.
const (
	applyMode  = "mode: Apply"
	fixedCount = "horizontal: {mode: Fixed}"
	// allAtOnce has no canary and no batches.
	allAtOnce = "apply: {canaryPods: 0, maxConcurrentPercent: 100}"
)

// pin leaves the recommender one size.
func pin(cpu, memory string) string {
	return fmt.Sprintf("vertical: {containers: [{name: app, cpu: {minAllowed: %[1]s, maxAllowed: %[1]s}, memory: {minAllowed: %[2]s, maxAllowed: %[2]s}}]}", cpu, memory)
}

// pinned is a Deployment with a RightSize that leaves one size.
func pinned(namespace, name string, replicas int, from, cpu, memory string, spec ...string) *workload {
	return &workload{
		App: service(namespace, "Deployment", name, 5), replicas: replicas, container: from, days: 1,
		spec: append([]string{applyMode, fixedCount, pin(cpu, memory)}, spec...),
	}
}

// Sizes that workloads begin with.
const (
	oneCore  = "{requests: {cpu: 1, memory: 1Gi}, limits: {memory: 1Gi}}"
	halfCore = "{requests: {cpu: 500m, memory: 512Mi}, limits: {memory: 512Mi}}"
)

// sized waits until all pods of a workload really have a size.
func (c *cluster) sized(t testing.TB, timeout time.Duration, w *workload, want string) {
	t.Helper()
	eventually(t, timeout, w.Name+" has "+want, func() error {
		pods := c.pods(t, w.Namespace, w.Name)
		if len(pods) == 0 {
			return errors.New("there are no pods")
		}
		for i := range pods {
			if got := size(&pods[i], "app"); got != want {
				return fmt.Errorf("pods have %v", sizes(pods))
			}
			if why := pending(&pods[i]); why != "" {
				return fmt.Errorf("%s: %s", pods[i].Name, why)
			}
		}
		return nil
	})
}

// pending is the condition of a resize that is not done, empty if there is
// none.
func pending(p *corev1.Pod) string {
	for _, x := range p.Status.Conditions {
		if (x.Type == corev1.PodResizePending || x.Type == corev1.PodResizeInProgress) && x.Status == corev1.ConditionTrue {
			return string(x.Type) + " " + x.Reason + ": " + x.Message
		}
	}
	return ""
}

// identities are the UIDs of pods and how often their containers were
// restarted: what a resize in place leaves as it is.
func identities(pods []corev1.Pod) []string {
	var out []string
	for i := range pods {
		restarts := int32(0)
		for _, s := range slices.Concat(pods[i].Status.ContainerStatuses, pods[i].Status.InitContainerStatuses) {
			restarts += s.RestartCount
		}
		out = append(out, fmt.Sprintf("%s restarted %d times", pods[i].UID, restarts))
	}
	slices.Sort(out)
	return out
}

// testDryRun: nothing but status is written, whoever looks: the server's audit
// log has no other write, and no object but the RightSizes is managed by
// rightsize.
func testDryRun(t *testing.T, c *cluster, all []*workload) {
	t.Helper()
	for _, w := range all {
		if w.days > 0 {
			rs := c.condition(t, patience, w, "RecommendationAvailable", "True", "")
			c.condition(t, patience, w, "Applied", "False", "DryRun")
			if got := recommended(rs, "app"); got == "nothing" || strings.HasPrefix(got, "1/") {
				t.Errorf("%s: over-provisioned with 1/1Gi, %s is recommended", w.Name, got)
			}
		}
	}
	namespace := all[0].Namespace
	others := c.audit.writes(t, time.Time{}, func(r request) bool {
		return in(namespace)(r) && r.what() != "rightsizes/status" && r.what() != "events"
	})
	if len(others) > 0 {
		t.Errorf("dry run wrote%s", describe(others))
	}
	for _, w := range all {
		pods := c.pods(t, namespace, w.Name)
		for i := range pods {
			if got := pods[i].Spec.Containers[0].Resources.Requests.Cpu().String(); got != "1" {
				t.Errorf("pod %s requests %s", pods[i].Name, got)
			}
			for _, f := range pods[i].ManagedFields {
				if strings.Contains(f.Manager, "rightsize") {
					t.Errorf("pod %s has fields of %s", pods[i].Name, f.Manager)
				}
			}
		}
	}
}

// testApply: pods of every kind are resized in place to what is recommended,
// native sidecars included, without a restart, and templates are left alone.
func testApply(t *testing.T, c *cluster, all []*workload) {
	t.Helper()
	before := map[string][]string{}
	for _, w := range all {
		before[w.Name] = identities(c.pods(t, w.Namespace, w.Name))
	}
	for _, w := range all {
		if w.days == 0 {
			continue
		}
		eventually(t, patience, w.Name+" is as recommended", func() error {
			rs := c.rightsize(t, w)
			pods := c.pods(t, w.Namespace, w.Name)
			for i := range pods {
				for _, k := range rs.Status.Recommendation.Containers {
					want, got := recommended(rs, k.Name), size(&pods[i], k.Name)
					if got != want || got == "1/1Gi" {
						return fmt.Errorf("%s of %s has %s, recommended is %s; conditions %s", k.Name, pods[i].Name, got, want, conditions(rs.Status.Conditions))
					}
				}
				if len(rs.Status.Recommendation.Containers) != 1+len(w.sidecars)+len(w.native) {
					return fmt.Errorf("sizes of %d containers are recommended", len(rs.Status.Recommendation.Containers))
				}
			}
			return nil
		})
		if after := identities(c.pods(t, w.Namespace, w.Name)); !slices.Equal(after, before[w.Name]) {
			t.Errorf("%s: pods were %v, are %v", w.Name, before[w.Name], after)
		}
	}
	c.untouched(t, all[0].Namespace)
}

// untouched checks that nothing but the three subresources, the status and
// events was ever written in a namespace, and that the server forbade nothing.
func (c *cluster) untouched(t testing.TB, namespace string) {
	t.Helper()
	allowed := []string{"rightsizes/status", "events", "pods/resize", "pods/eviction", "deployments/scale", "statefulsets/scale"}
	others := c.audit.writes(t, time.Time{}, func(r request) bool { return in(namespace)(r) && !slices.Contains(allowed, r.what()) })
	if len(others) > 0 {
		t.Errorf("written beside the three subresources, status and events:%s", describe(others))
	}
}

// rampAfter is how long after its deployment the ramp comes.
const rampAfter = 2 * time.Minute

// rising is a workload whose demand rises at the same time each day, and soon.
func rising() scenario {
	shop := &workload{
		App:      exporter.App{Namespace: "ramp", Name: "shop", CPUSeconds: 0.01, Memory: 100 << 20},
		replicas: 2, unowned: true, days: 8, startup: 45 * time.Second, container: halfCore,
		spec: []string{
			applyMode, "horizontal: {minReplicas: 2, maxReplicas: 30}", "vertical: {mode: Fixed}",
			"objective: {type: Latency, latency: {milliseconds: 500}}",
		},
	}
	var at time.Time
	return scenario{
		name: "replicas rise before demand does", workloads: []*workload{shop},
		prepare: func(testing.TB, *cluster) {
			at = time.Now().Truncate(time.Minute).Add(rampAfter + time.Minute)
			shop.Demand = exporter.Daily(20, 400, at, 2*time.Hour)
		},
		check: func(t *testing.T, c *cluster, w []*workload) { testRamp(t, c, w[0], at) },
	}
}

// testRamp: each day at this time, demand is many times what it was. The
// replicas are there before it comes.
func testRamp(t *testing.T, c *cluster, w *workload, at time.Time) {
	t.Helper()
	enough := int(w.Demand(at) * w.CPUSeconds / 0.5)
	var first time.Time
	eventually(t, time.Until(at)+time.Minute, "replicas for the ramp", func() error {
		ready := c.ready(t, w)
		if ready < enough {
			return fmt.Errorf("%d of %d pods are ready; %s", ready, enough, conditions(c.rightsize(t, w).Status.Conditions))
		}
		first = time.Now()
		return nil
	})
	if ahead := at.Sub(first); ahead <= 0 {
		t.Errorf("%d pods are ready %v after the ramp", enough, -ahead)
	} else {
		t.Logf("%d pods are ready %v before the ramp", enough, ahead.Round(time.Second))
	}
	scales := c.audit.writes(t, time.Time{}, of(w.Namespace, "deployments/scale"))
	if len(scales) == 0 || !scales[0].RequestReceivedTimestamp.Before(at) {
		t.Errorf("scaled%s", describe(scales))
	}
	time.Sleep(time.Until(at.Add(10 * time.Second)))
	if n := c.ready(t, w); n < enough {
		t.Errorf("with the demand there, %d pods are ready, want %d", n, enough)
	}
}

// testQuota: what the quota of the namespace forbids is not even asked for;
// when there is more of it, it is.
func testQuota(t *testing.T, c *cluster, all []*workload) {
	t.Helper()
	w := all[0]
	c.reason(t, w, "QuotaBound")
	for _, p := range c.pods(t, w.Namespace, w.Name) {
		if cpu := p.Spec.Containers[0].Resources.Requests.Cpu(); cpu.MilliValue() > 550 {
			t.Errorf("%s requests %s: the two may have 1100m", p.Name, cpu)
		}
	}
	for _, r := range c.audit.writes(t, time.Time{}, in(w.Namespace)) {
		if r.ResponseStatus.Code == 403 {
			t.Errorf("asked for what is known to be refused:%s", describe([]request{r}))
		}
	}
	c.apply(t, quota(w.Namespace, "4"))
	c.sized(t, patience, w, "900m/512Mi")
}

// reason waits until the status gives a reason.
func (c *cluster) reason(t testing.TB, w *workload, code string) {
	t.Helper()
	eventually(t, patience, w.Name+" gives the reason "+code, func() error {
		rs := c.rightsize(t, w)
		for _, r := range rs.Status.Reasons {
			if r.Code == code {
				return nil
			}
		}
		return fmt.Errorf("reasons are %v; %s", rs.Status.Reasons, conditions(rs.Status.Conditions))
	})
}

// quota is one of CPU requests.
func quota(namespace, cpu string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: cpu, namespace: %s}\nspec: {hard: {requests.cpu: %q}}\n", namespace, cpu)
}

// testConflict: with a HorizontalPodAutoscaler of the same target, nothing is
// written any more; without it, it goes on.
func testConflict(t *testing.T, c *cluster, all []*workload) {
	t.Helper()
	w := all[0]
	c.sized(t, patience, w, "300m/256Mi")
	hpa := path("autoscaling/v2", "HorizontalPodAutoscaler", w.Namespace, "rival")
	c.apply(t, fmt.Sprintf("apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: rival, namespace: %s}\n"+
		"spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: %s}, minReplicas: 2, maxReplicas: 3}\n", w.Namespace, w.Name))
	c.condition(t, patience, w, "TargetResolved", "False", "ConflictingAutoscaler")
	since := time.Now()
	c.repin(t, w, "700m", "512Mi")
	time.Sleep(15 * time.Second)
	if got := c.audit.writes(t, since, func(r request) bool {
		return in(w.Namespace)(r) && r.what() != "rightsizes/status" && r.what() != "events"
	}); len(got) > 0 {
		t.Errorf("with a rival it wrote%s", describe(got))
	}
	if err := c.Client.Discovery().RESTClient().Delete().AbsPath(hpa).Do(t.Context()).Error(); err != nil {
		t.Fatal(err)
	}
	c.condition(t, patience, w, "TargetResolved", "True", "")
	c.sized(t, patience, w, "700m/512Mi")
}

// repin changes the one size that is left to a workload's recommender.
func (c *cluster) repin(t testing.TB, w *workload, cpu, memory string) {
	t.Helper()
	for i, l := range w.spec {
		if strings.HasPrefix(l, "vertical:") {
			w.spec[i] = pin(cpu, memory)
		}
	}
	c.apply(t, w.rightsize())
}

// testRollout: while a new revision is rolled out nothing gets smaller; its
// pods are born with the recommended size.
func testRollout(t *testing.T, c *cluster, all []*workload) {
	t.Helper()
	w := all[0]
	c.sized(t, patience, w, "300m/256Mi")
	deployment := path("apps/v1", "Deployment", w.Namespace, w.Name)
	began := time.Now()
	c.patch(t, deployment, `{"spec": {"template": {"metadata": {"annotations": {"revision": "2"}}}}}`)
	eventually(t, patience, "the rollout is over", func() error {
		d, err := c.Client.AppsV1().Deployments(w.Namespace).Get(t.Context(), w.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas != *d.Spec.Replicas || d.Status.Replicas != *d.Spec.Replicas {
			return fmt.Errorf("status is %+v", d.Status)
		}
		return nil
	})
	for _, p := range c.pods(t, w.Namespace, w.Name) {
		if p.Annotations["rightsize.dev/sized-by"] != w.Name || p.Spec.Containers[0].Resources.Requests.Cpu().String() != "300m" {
			t.Errorf("pod %s was born with %v, by %q", p.Name, p.Spec.Containers[0].Resources.Requests, p.Annotations["rightsize.dev/sized-by"])
		}
	}
	if got := c.audit.writes(t, began, of(w.Namespace, "pods/resize")); len(got) > 0 {
		t.Errorf("pods that were born right-sized were resized%s", describe(got))
	}
	c.sized(t, patience, w, "300m/256Mi")
}

// testRollback: a smaller size makes requests fail; it is taken back and not
// tried again.
func testRollback(t *testing.T, c *cluster, all []*workload) {
	t.Helper()
	w := all[0]
	eventually(t, 2*patience, "the smaller size is tried", func() error {
		if slices.Contains(sizes(c.pods(t, w.Namespace, w.Name)), "200m/256Mi") {
			return nil
		}
		return fmt.Errorf("pods have %v; %s", sizes(c.pods(t, w.Namespace, w.Name)), conditions(c.rightsize(t, w).Status.Conditions))
	})
	c.condition(t, 2*patience, w, "Applied", "False", "RolledBack")
	c.sized(t, patience, w, "500m/512Mi")
	since := time.Now()
	time.Sleep(10 * time.Second)
	if got := c.audit.writes(t, since, of(w.Namespace, "pods/resize")); len(got) > 0 {
		t.Errorf("what did harm is tried again%s", describe(got))
	}
}

// fails is an app whose requests fail when its container is small.
func fails(a exporter.App, below string, server, client float64) exporter.App {
	floor := resource.MustParse(below)
	a.Errors = func(requests corev1.ResourceList) (float64, float64) {
		if requests.Cpu().Cmp(floor) < 0 {
			return server, client
		}
		return 0.002, 0.01
	}
	return a
}
