package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/rightsize-dev/rightsize/internal/testkit/exporter"
	"github.com/rightsize-dev/rightsize/internal/testkit/kubelet"
)

// crowded is a workload on a node that has no room for it to grow, beside
// another that has.
func crowded() scenario {
	grow := pinned("deferred", "grow", 1, "{requests: {cpu: 400m, memory: 256Mi}, limits: {memory: 256Mi}}", "800m", "256Mi",
		"apply: {canaryPods: 0, maxConcurrentPercent: 100, deferredSeconds: 10}")
	grow.Demand = exporter.Steady(70) // Seven tenths of a core.
	grow.unowned, grow.spec[1] = true, "horizontal: {minReplicas: 1, maxReplicas: 4}"
	grow.pod = []string{"nodeSelector: {pool: crowded}"}
	filler := &workload{
		App: service("deferred", "Deployment", "filler", 1), replicas: 1, container: "{requests: {cpu: 500m, memory: 64Mi}}",
		pod: []string{"nodeSelector: {kubernetes.io/hostname: crowded-1}"},
	}
	return scenario{
		name: "growth without room is answered by a replica",
		last: true, // Other pods would take the room of the node.
		prepare: func(t testing.TB, c *cluster) {
			t.Helper()
			c.node(t, "crowded-1", "1", "4Gi", "pool", "crowded")
		},
		workloads: []*workload{filler, grow},
		check:     func(t *testing.T, c *cluster, w []*workload) { testDeferred(t, c, w[1]) },
	}
}

// testDeferred: a resize for which there is no room on the node is asked for,
// answered with one more pod elsewhere, and taken back; nobody is evicted.
func testDeferred(t *testing.T, c *cluster, w *workload) {
	t.Helper()
	first := c.pods(t, w.Namespace, w.Name)[0].UID
	c.node(t, "crowded-2", "2", "4Gi", "pool", "crowded")
	eventually(t, patience, "the resize is deferred", func() error {
		for _, p := range c.pods(t, w.Namespace, w.Name) {
			if strings.HasPrefix(pending(&p), "PodResizePending Deferred") {
				return nil
			}
		}
		return fmt.Errorf("pods have %v; %s", sizes(c.pods(t, w.Namespace, w.Name)), conditions(c.rightsize(t, w).Status.Conditions))
	})
	eventually(t, patience, "one more pod does what the first cannot", func() error {
		pods := c.pods(t, w.Namespace, w.Name)
		if len(pods) < 2 || c.ready(t, w) < 2 {
			return fmt.Errorf("pods have %v; %s", sizes(pods), conditions(c.rightsize(t, w).Status.Conditions))
		}
		for i := range pods {
			if why := pending(&pods[i]); why != "" {
				return fmt.Errorf("%s: %s", pods[i].Name, why)
			}
		}
		return nil
	})
	pods := c.pods(t, w.Namespace, w.Name)
	if !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.UID == first }) {
		t.Error("the first pod is gone")
	}
	if got := c.audit.writes(t, time.Time{}, of(w.Namespace, "pods/eviction")); len(got) > 0 {
		t.Errorf("evicted%s", describe(got))
	}
}

// testInfeasible: a size that the node can never hold is asked for once, taken
// back and remembered.
func testInfeasible(t *testing.T, c *cluster, all []*workload) {
	t.Helper()
	w := all[0]
	eventually(t, patience, "the size is asked for", func() error {
		if len(c.audit.writes(t, time.Time{}, of(w.Namespace, "pods/resize"))) < len(c.pods(t, w.Namespace, w.Name)) {
			return errors.New("there was no resize of each pod")
		}
		return nil
	})
	c.condition(t, patience, w, "Applied", "True", "") // What is recommended is what the node can hold.
	c.sized(t, patience, w, "500m/512Mi")
	since := time.Now()
	time.Sleep(15 * time.Second)
	if got := c.audit.writes(t, since, of(w.Namespace, "pods/resize")); len(got) > 0 {
		t.Errorf("asked again%s", describe(got))
	}
	for _, p := range c.pods(t, w.Namespace, w.Name) {
		if got := p.Spec.Containers[0].Resources.Requests.Cpu().String(); got != "500m" {
			t.Errorf("%s still asks for %s", p.Name, got)
		}
	}
}

// told has the kubelets answer resizes of the pods that a workload has now.
func told(v kubelet.Verdict) func(testing.TB, *cluster, []*workload) {
	return func(t testing.TB, c *cluster, w []*workload) {
		t.Helper()
		for _, p := range c.pods(t, w[0].Namespace, w[0].Name) {
			c.kubelet.Say(p.Namespace, p.Name, v)
		}
	}
}

// budget is a PodDisruptionBudget of an app.
func budget(namespace, app string, unavailable int) string {
	return fmt.Sprintf("apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: %[2]s, namespace: %[1]s}\n"+
		"spec: {maxUnavailable: %[3]d, selector: {matchLabels: {app: %[2]s}}}\n", namespace, app, unavailable)
}

// testEviction: pods that cannot be resized are made anew, but not against
// their disruption budget, and never more than one at a time.
func testEviction(t *testing.T, c *cluster, all []*workload) {
	t.Helper()
	w := all[0]
	old := identities(c.pods(t, w.Namespace, w.Name))
	c.condition(t, patience, w, "Applied", "False", "ResizeDeferred")
	time.Sleep(40 * time.Second) // Patience of ten seconds, twice, and as much again.
	if now := identities(c.pods(t, w.Namespace, w.Name)); !slices.Equal(now, old) {
		t.Errorf("against the budget pods were evicted: %v, were %v", now, old)
	}
	watching := c.leastReady(t, w)
	c.apply(t, budget(w.Namespace, w.Name, 1))
	c.sized(t, patience, w, "900m/512Mi")
	for _, p := range c.pods(t, w.Namespace, w.Name) {
		if p.Annotations["rightsize.dev/sized-by"] != w.Name {
			t.Errorf("%s was not sized at its creation", p.Name)
		}
	}
	if least := watching(); least < w.replicas-1 {
		t.Errorf("at one time only %d of %d pods were ready", least, w.replicas)
	}
}

// leastReady watches a workload; what it returns ends that and tells how few
// pods were ready at the worst time.
func (c *cluster) leastReady(t testing.TB, w *workload) func() int {
	t.Helper()
	stream, err := c.Client.AppsV1().Deployments(w.Namespace).Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + w.Name})
	if err != nil {
		t.Fatal(err)
	}
	least := w.replicas
	var group sync.WaitGroup
	group.Go(func() {
		for e := range stream.ResultChan() {
			if e.Type == watch.Modified {
				least = min(least, c.ready(t, w))
			}
		}
	})
	return func() int {
		stream.Stop()
		group.Wait()
		return least
	}
}

// testOOM: a workload that is given less memory and then needs more is killed
// for it, gets what it needs, and keeps it.
func testOOM(t *testing.T, c *cluster, all []*workload) {
	t.Helper()
	w := all[0]
	eventually(t, patience, "memory is lowered", func() error {
		for i, p := range c.pods(t, w.Namespace, w.Name) {
			limit := p.Status.ContainerStatuses[0].Resources.Limits.Memory()
			if limit.Value() >= 200<<20 {
				return fmt.Errorf("pod %d has %s; %s", i, limit, conditions(c.rightsize(t, w).Status.Conditions))
			}
		}
		return nil
	})
	w.spec[2] = "vertical: {containers: [{name: app, cpu: {mode: Fixed}}]}"
	c.apply(t, w.rightsize())
	app := w.App
	app.Memory = 300 << 20
	c.exporter.Set(&app)
	eventually(t, patience, "pods are killed", func() error {
		restarts := int32(0)
		for _, p := range c.pods(t, w.Namespace, w.Name) {
			restarts += p.Status.ContainerStatuses[0].RestartCount
		}
		if restarts == 0 {
			return fmt.Errorf("no restarts; pods have %v", sizes(c.pods(t, w.Namespace, w.Name)))
		}
		return nil
	})
	killed := time.Now()
	eventually(t, patience, "pods have the memory that they need and run", func() error {
		if n := c.ready(t, w); n < w.replicas {
			return fmt.Errorf("%d are ready, with %v; %s", n, sizes(c.pods(t, w.Namespace, w.Name)), conditions(c.rightsize(t, w).Status.Conditions))
		}
		for _, p := range c.pods(t, w.Namespace, w.Name) {
			if limit := p.Status.ContainerStatuses[0].Resources.Limits.Memory(); limit.Value() < 300<<20 {
				return fmt.Errorf("%s has %s", p.Name, limit)
			}
		}
		return nil
	})
	t.Logf("back %v after the first kill", time.Since(killed).Round(time.Second))
	before := identities(c.pods(t, w.Namespace, w.Name))
	time.Sleep(20 * time.Second)
	if after := identities(c.pods(t, w.Namespace, w.Name)); !slices.Equal(before, after) {
		t.Errorf("killed again: pods were %v, are %v", before, after)
	}
}
