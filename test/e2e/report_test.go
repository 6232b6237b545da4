package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"github.com/rightsize-dev/rightsize/recommender"
)

// kinds are workloads of every kind, over-provisioned, all doing alike.
func kinds(namespace string, spec ...string) []*workload {
	const small = "{requests: {cpu: 1, memory: 1Gi}, limits: {memory: 1Gi}}"
	of := func(kind, name string) *workload {
		return &workload{
			App: service(namespace, kind, name, 10), replicas: 2, container: small, days: 2, spec: spec,
		}
	}
	sidecar, native := of("Deployment", "sidecar"), of("Deployment", "native")
	sidecar.sidecars = []string{"{requests: {cpu: 500m, memory: 256Mi}}"}
	native.native = []string{"{requests: {cpu: 500m, memory: 256Mi}}"}
	job, cron := of("Job", "job"), of("CronJob", "cron")
	job.days, cron.days = 0, 0
	daemon := of("DaemonSet", "daemon")
	daemon.replicas, daemon.pod = 3, []string{"nodeSelector: {pool: general}"}
	return []*workload{of("Deployment", "web"), of("StatefulSet", "db"), daemon, sidecar, native, job, cron}
}

// testReport: what the exporters tell is read as any cluster's metrics are, by
// the command line with nothing but the URL of Prometheus.
func testReport(t *testing.T, c *cluster, all []*workload) {
	t.Helper()
	eventually(t, patience, "every workload is found", func() error {
		found, err := c.collect(t, all[0].Namespace)
		if err != nil {
			return err
		}
		for _, w := range all {
			s, ok := found[w.Workload()]
			if !ok && w.Workload().Kind == "CronJob" {
				continue // It runs at the minute.
			}
			if n := 1 + len(w.sidecars) + len(w.native); !ok || len(s.Containers) != n || s.Replicas.Ready < w.replicas {
				return fmt.Errorf("%v has %d containers, want %d; replicas %+v; facts %v", w.Workload(), len(s.Containers), n, s.Replicas, s.Facts)
			}
		}
		return nil
	})
}

// collect reads the workloads of a namespace.
func (c *cluster) collect(t *testing.T, namespace string) (map[recommender.Workload]recommender.Snapshot, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), built(t, "RIGHTSIZE", "build"), "collect", "--prometheus", c.prometheus.URL,
		"--step", "1m", "--rate-window", "2m", "-n", namespace).Output()
	if err != nil {
		return nil, fmt.Errorf("rightsize collect: %w: %s", err, stderr(err))
	}
	found := map[recommender.Workload]recommender.Snapshot{}
	decoder := json.NewDecoder(bytes.NewReader(out))
	for decoder.More() {
		var s recommender.Snapshot
		if err := decoder.Decode(&s); err != nil {
			return nil, err
		}
		found[s.Workload] = s
	}
	return found, nil
}

// stderr is what a command that failed said.
func stderr(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(exit.Stderr)
	}
	return ""
}
