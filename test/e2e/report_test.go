package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
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
	daemon.replicas = 3
	return []*workload{of("Deployment", "web"), of("StatefulSet", "db"), daemon, sidecar, native, job, cron}
}

// testReport: what the exporters tell is read as any cluster's metrics are, by
// the command line with nothing but the URL of Prometheus.
func testReport(t *testing.T, c *cluster, all []*workload) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), built(t, "RIGHTSIZE", "build"), "collect", "--prometheus", c.prometheus.URL,
		"--step", "1m", "--rate-window", "2m", "-n", all[0].Namespace).Output()
	if err != nil {
		t.Fatalf("rightsize collect: %v\n%s", err, stderr(err))
	}
	found := map[recommender.Workload]recommender.Snapshot{}
	decoder := json.NewDecoder(bytes.NewReader(out))
	for decoder.More() {
		var s recommender.Snapshot
		if err := decoder.Decode(&s); err != nil {
			t.Fatal(err)
		}
		found[s.Workload] = s
	}
	for _, w := range all {
		s, ok := found[w.Workload()]
		if !ok {
			t.Errorf("%v is not found", w.Workload())
			continue
		}
		if w.days > 0 && len(s.Containers) != 1+len(w.sidecars)+len(w.native) {
			t.Errorf("%v has %d containers", w.Workload(), len(s.Containers))
		}
		t.Logf("%v: replicas %+v, %d containers, demand %v, facts %v", s.Workload, s.Replicas, len(s.Containers), s.Demand != nil, s.Facts)
	}
}

// stderr is what a command that failed said.
func stderr(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(exit.Stderr)
	}
	return ""
}
