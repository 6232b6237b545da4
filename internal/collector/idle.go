package collector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Names of what idle counts.
const (
	idleRuns  = "running"
	idleAlive = "alive"
)

// idle says whether there is nothing to be measured since nothing runs, and not
// since it is not told: kube-state-metrics knows no pod that may run, and is
// there, as its series of workloads without pods show. Of what has been read
// before, whose workloads may be gone altogether, pods elsewhere show it, too.
func (c *Collector) idle(ctx context.Context, r *run, s scope, at time.Time, known bool) (bool, error) {
	var alive []string
	for _, metric := range []string{
		"kube_deployment_spec_replicas", "kube_statefulset_replicas", "kube_daemonset_status_desired_number_scheduled",
		"kube_replicaset_owner", "kube_job_owner", "kube_cronjob_created",
	} {
		alive = append(alive, "count("+s.state(metric)+")")
	}
	if known {
		anywhere := s
		anywhere.common = slices.DeleteFunc(slices.Clone(s.common), func(m matcher) bool { return m.label == "namespace" })
		alive = append(alive, "count("+anywhere.state("kube_pod_owner")+")")
	}
	runs := fmt.Sprintf("count(%s unless on (%s) (%s == 1))", s.state("kube_pod_owner"), s.pod(),
		s.state("kube_pod_status_phase", notEqual("phase", "Running")))
	r.planned(1)
	vector, err := c.client.instant(ctx, r, call{what: "whether anything runs", expr: s.union(map[string]string{
		idleRuns: runs, idleAlive: strings.Join(alive, " or "),
	}), end: at})
	if err != nil {
		return false, err
	}
	is := map[string]bool{}
	for _, sample := range vector {
		is[string(sample.Metric[labelSignal])] = true
	}
	return is[idleAlive] && !is[idleRuns], nil
}
