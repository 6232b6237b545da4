package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lasting is a StatefulSet whose pods are resized one after the other, which
// takes a while: things happen meanwhile.
func lasting() *workload {
	w := pinned("life", "db", 6, halfCore, "300m", "300Mi", "apply: {canaryPods: 0, maxConcurrentPercent: 1}")
	w.Kind = "StatefulSet"
	return w
}

// testLife is what befalls a controller, one after the other; it returns the
// one that runs in the end. After each the cluster is as it should be.
func testLife(t *testing.T, c *cluster, p *program, w *workload) *program {
	t.Helper()
	next := func() *program { return c.run(t, release, false) } // It outlives the test that starts it.
	t.Run("the leader fails in the middle of a plan", func(t *testing.T) { p = testFailover(t, c, p, next, w) })
	t.Run("the API server restarts in the middle of a plan", func(t *testing.T) {
		c.midway(t, w, "400m", "400Mi", func() {
			c.StopAPIServer()
			time.Sleep(5 * time.Second)
			c.restarted = time.Now()
			c.StartAPIServer()
		})
		p.alive(t)
	})
	t.Run("three in ten writes fail", func(t *testing.T) {
		c.proxy.Fail(0.3, 1)
		c.midway(t, w, "300m", "300Mi", func() {})
		writes, failed := c.proxy.Counts()
		c.proxy.Fail(0, 0)
		t.Logf("of %d writes failed %v", writes, failed)
		p.alive(t)
	})
	t.Run("Prometheus restarts", func(t *testing.T) { testBlind(t, c, w); p.alive(t) })
	t.Run("new pods are born right-sized while the controller is down", func(t *testing.T) { p = testBorn(t, c, p, next, w) })
	return p
}

// alive fails if the program has ended.
func (p *program) alive(t testing.TB) {
	t.Helper()
	select {
	case <-p.Done():
		t.Fatalf("the controller ended: %v\n%s", p.Err(), p.Tail(40))
	default:
	}
}

// midway gives the workload another size and, when the first pod has it and
// others have not, has something happen. In the end all have the size, and no
// pod was asked for any other on the way.
func (c *cluster) midway(t *testing.T, w *workload, cpu, memory string, happens func()) {
	t.Helper()
	want := cpu + "/" + memory
	before := identities(c.pods(t, w.Namespace, w.Name))
	old := sizes(c.pods(t, w.Namespace, w.Name))
	c.repin(t, w, cpu, memory)
	eventually(t, patience, "the first pod is resized", func() error {
		if got := sizes(c.pods(t, w.Namespace, w.Name)); !slices.Contains(got, want) {
			return fmt.Errorf("pods have %v; %s", got, conditions(c.rightsize(t, w).Status.Conditions))
		}
		return nil
	})
	if got := sizes(c.pods(t, w.Namespace, w.Name)); !slices.ContainsFunc(got, func(s string) bool { return s != want }) {
		t.Logf("all pods have %s already", want)
	}
	happens()
	eventually(t, 2*patience, "all pods are resized", func() error {
		got := sizes(c.pods(t, w.Namespace, w.Name))
		for _, s := range got {
			if s != want && !slices.Contains(old, s) {
				return fmt.Errorf("a pod has %s, which nobody asked for", s)
			}
		}
		if slices.ContainsFunc(got, func(s string) bool { return s != want }) {
			return fmt.Errorf("pods have %v; %s", got, conditions(c.rightsize(t, w).Status.Conditions))
		}
		return nil
	})
	c.condition(t, patience, w, "Applied", "True", "")
	if after := identities(c.pods(t, w.Namespace, w.Name)); !slices.Equal(before, after) {
		t.Errorf("pods were %v, are %v", before, after)
	}
}

// testFailover: a second replica takes over what the first, killed, had begun.
func testFailover(t *testing.T, c *cluster, leader *program, next func() *program, w *workload) *program {
	t.Helper()
	c.sized(t, patience, w, "300m/300Mi")
	second := next()
	c.midway(t, w, "350m", "350Mi", leader.Kill)
	second.alive(t)
	return second
}

// testBlind: without metrics nothing gets smaller; when they are back, it goes
// on.
func testBlind(t *testing.T, c *cluster, w *workload) {
	t.Helper()
	c.prometheus.Stop()
	c.condition(t, patience, w, "RecommendationAvailable", "False", "MetricsUnavailable")
	since := time.Now()
	c.repin(t, w, "250m", "250Mi")
	time.Sleep(10 * time.Second)
	if got := c.audit.writes(t, since, of(w.Namespace, "pods/resize")); len(got) > 0 {
		t.Errorf("without metrics pods were resized%s", describe(got))
	}
	c.prometheus.Restart()
	c.condition(t, patience, w, "RecommendationAvailable", "True", "")
	c.sized(t, patience, w, "250m/250Mi")
}

// testBorn: with no controller at all, pods are made with the size that the
// status recommends; a controller that comes back has nothing to do.
func testBorn(t *testing.T, c *cluster, p *program, next func() *program, w *workload) *program {
	t.Helper()
	p.Stop()
	rs := c.rightsize(t, w)
	want := recommended(rs, "app")
	c.patch(t, path("apps/v1", "StatefulSet", w.Namespace, w.Name), `{"spec": {"replicas": 8}}`)
	c.sized(t, patience, w, want)
	eventually(t, patience, "eight pods", func() error {
		pods := c.pods(t, w.Namespace, w.Name)
		if len(pods) != 8 {
			return fmt.Errorf("there are %d", len(pods))
		}
		for i := range pods {
			if strings.HasSuffix(pods[i].Name, "-6") && pods[i].Annotations["rightsize.dev/sized-by"] != w.Name {
				return fmt.Errorf("%s was not sized at its creation", pods[i].Name)
			}
		}
		return nil
	})
	since := time.Now()
	again := next()
	c.condition(t, patience, w, "Applied", "True", "")
	if got := c.audit.writes(t, since, of(w.Namespace, "pods/resize")); len(got) > 0 {
		t.Errorf("pods that were born right-sized were resized%s", describe(got))
	}
	return again
}

// testRelease: an upgrade keeps RightSizes with their status; after the
// uninstall nothing is left but the kind, which is kept, with every RightSize,
// and pods as they are.
func testRelease(t *testing.T, c *cluster) {
	t.Helper()
	w := lasting()
	before := c.rightsize(t, w)
	c.helm.Run("upgrade", release, chartDir, "--namespace", system, "--wait", "--timeout", "60s",
		"--values", c.helm.Values("values.yaml", c.values()+"  killSwitch: true\nreplicas: 2\nroles: {split: true}\n"))
	if after := c.rightsize(t, w); after.UID != before.UID || after.ResourceVersion != before.ResourceVersion {
		t.Errorf("the upgrade changed the RightSize from %s to %s", before.ResourceVersion, after.ResourceVersion)
	}
	deployments, err := c.Client.AppsV1().Deployments(system).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, d := range deployments.Items {
		names = append(names, d.Name)
	}
	if slices.Sort(names); !slices.Equal(names, []string{release + "-actuator", release + "-recommender"}) {
		t.Errorf("after the upgrade to two roles there are %v", names)
	}
	c.helm.Run("uninstall", release, "--namespace", system, "--wait", "--timeout", "60s")
	c.leftovers(t)
	if after := c.rightsize(t, w); after.UID != before.UID {
		t.Error("the RightSize is another")
	}
}

// leftovers fails for each object of the release that is left: of every kind
// that the server knows, but for the kind RightSize, which is kept.
func (c *cluster) leftovers(t *testing.T) {
	t.Helper()
	lists, err := c.Client.Discovery().ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		for _, r := range list.APIResources {
			if !slices.Contains(r.Verbs, "list") {
				continue
			}
			base := "/apis/" + list.GroupVersion
			if list.GroupVersion == "v1" {
				base = "/api/v1"
			}
			var items struct {
				Items []metav1.PartialObjectMetadata `json:"items"`
			}
			body, err := c.Client.Discovery().RESTClient().Get().AbsPath(base, r.Name).
				Param("labelSelector", "app.kubernetes.io/instance="+release).Do(t.Context()).Raw()
			if err == nil {
				err = json.Unmarshal(body, &items)
			}
			if err != nil {
				t.Fatalf("%s: %v", r.Name, err)
			}
			for _, o := range items.Items {
				if r.Name != "customresourcedefinitions" && o.DeletionTimestamp == nil {
					t.Errorf("left is %s %s/%s", r.Name, o.Namespace, o.Name)
				}
			}
		}
	}
}
