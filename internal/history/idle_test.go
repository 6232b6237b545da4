package history_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/history"
	"github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
	"github.com/rightsize-dev/rightsize/internal/testkit/world"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Where nothing runs any more, there is nothing to be measured, and what was
// known holds. Where it is not told what runs, or what it uses, that is an error.
func TestNothingRuns(t *testing.T) {
	t.Parallel()
	state := func(c *world.Cluster) {
		c.State("kube_replicaset_owner", prometheus.Always(1), "namespace", "shop", "replicaset", "web-7f9c6b5d4f", "owner_kind", "Deployment", "owner_name", "web", "owner_is_controller", "true")
		c.State("kube_deployment_spec_replicas", prometheus.Always(0), "namespace", "shop", "deployment", "web")
	}
	pod := func(c *world.Cluster, namespace, phase string) {
		c.State("kube_pod_owner", prometheus.Always(1), "namespace", namespace, "pod", "web-7f9c6b5d4f-0", "owner_kind", "ReplicaSet", "owner_name", "web-7f9c6b5d4f", "owner_is_controller", "true")
		for _, p := range []string{"Pending", "Running"} {
			v := 0.0
			if p == phase {
				v = 1
			}
			c.State("kube_pod_status_phase", prometheus.Always(v), "namespace", namespace, "pod", "web-7f9c6b5d4f-0", "phase", p)
		}
	}
	for name, tc := range map[string]struct {
		// after is what is told after all pods are gone.
		after func(c *world.Cluster)
		want  string
		// again says that it can also be the first that is read.
		again bool
	}{
		"scaled to none":                 {after: state, again: true},
		"its pods wait":                  {after: func(c *world.Cluster) { state(c); pod(c, "shop", "Pending") }, again: true},
		"only another namespace is left": {after: func(c *world.Cluster) { pod(c, "other", "Running") }},
		"cAdvisor is gone":               {after: func(c *world.Cluster) { state(c); pod(c, "shop", "Running") }, want: "cAdvisor"},
		"kube-state-metrics is gone":     {after: func(*world.Cluster) {}, want: "kube-state-metrics"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := world.Server(t)
			const span = 30 * time.Hour
			end := time.Now().UTC().Truncate(5 * time.Minute)
			stop := end.Add(-2 * time.Hour)
			begin := end.Add(-span - time.Hour)
			shop{begin: begin}.world().Write(t, base, begin, stop, time.Minute)
			w := &world.World{}
			tc.after(&world.Cluster{World: w, Begin: stop, Scrapers: 1})
			w.Write(t, base, stop.Add(10*time.Minute), end, time.Minute)

			cfg := collector.DefaultConfig()
			cfg.URL, cfg.History, cfg.Namespaces = base, model.Duration(span), []string{"shop"}
			cfg.HTTP.ProxyFromEnvironment = false
			c, err := collector.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			store := history.New(c, history.Options{})
			for _, at := range []time.Time{stop.Add(-5 * time.Minute), stop, end.Add(-40 * time.Minute), end} {
				err := store.Refresh(t.Context(), at)
				if at.After(stop) && at.Before(end) && tc.want != "" {
					continue // The end of what there was is in what is read.
				}
				if expected := at.After(stop) && tc.want != ""; (err != nil) != expected || expected && !strings.Contains(err.Error(), tc.want) {
					t.Fatalf("at -%s: error %v, want one with %q", end.Sub(at), err, tc.want)
				}
			}
			if _, err := store.Pulse(t.Context(), end); err != nil && tc.want == "" {
				t.Errorf("pulse: %v", err)
			}
			s, ok := store.Snapshot(web(), end, recommender.Policy{})
			if !ok || s.Containers[0].CPU.Samples < 300 || s.Containers[0].CPU.AgeSeconds < 7000 {
				t.Errorf("%v: of CPU is known %+v", ok, s.Containers)
			}
			if err := history.New(c, history.Options{}).Refresh(t.Context(), end); tc.again && err != nil {
				t.Errorf("after a restart: %v", err)
			}
		})
	}
}
