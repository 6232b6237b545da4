package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	recorded "github.com/rightsize-dev/rightsize/internal/scenario"
	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// One scenario, recorded from the Prometheus of a cluster, is decided on by the
// controller, by the simulator and by the command line, with one decision, to the
// byte, by all three: on every snapshot that the simulator comes to in replaying
// the scenario, and on that which the controller made of the cluster itself.
func TestControllerSimulatorAndCommandLineDecideAlike(t *testing.T) {
	t.Parallel()
	c := start(t, shape{nodes: 1, nodeCPU: "16", nodeMemory: "64Gi", scrapeInterval: scrapeInterval})
	records := t.TempDir()
	c.helm.Run("install", release, chartDir, "--namespace", system, "--create-namespace", "--wait", "--timeout", "60s",
		"--values", c.helm.Values("values.yaml", fmt.Sprintf("extraArgs: [--record-decisions=%s]\n"+
			"config: {prometheus: {url: %q, step: 1m, rate_window: 2m, history: 3d}}\n", records, c.prometheus.URL)))
	w := &workload{
		App: service("shop", "Deployment", "web", 20), replicas: 2, container: halfCore, days: 2,
		spec: []string{"mode: DryRun", "objective: {type: Latency, latency: {milliseconds: 300}}"},
	}
	c.deploy(t, w)
	c.run(t, release, true)
	c.condition(t, patience, w, "RecommendationAvailable", "True", "")
	live := decision{readFile(t, filepath.Join(records, "shop.Deployment.web.snapshot.json")), readFile(t, filepath.Join(records, "shop.Deployment.web.decision.json"))}

	made := replay(t, c, w)
	t.Logf("the simulator made %d decisions", len(made))
	if len(made) < 100 {
		t.Fatal("too few to compare")
	}
	all := t.TempDir()
	write := func(name string, d decision) {
		t.Helper()
		for suffix, text := range map[string][]byte{"snapshot": d.snapshot, "decision": d.decision} {
			if err := os.WriteFile(filepath.Join(all, name+"."+suffix+".json"), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("live", live)
	same(t, "the controller", live.decision, decide(t, live.snapshot))
	for i, d := range made {
		write(fmt.Sprintf("replay-%04d", i), d)
		if i%(len(made)/10) == 0 { // Of the command line, each takes a program.
			same(t, fmt.Sprintf("decision %d of the simulator", i), d.decision, decide(t, d.snapshot))
		}
	}
	check := func() (string, error) {
		out, err := exec.CommandContext(t.Context(), built(t, "RIGHTSIZE_CONTROLLER", "build"), "--check-decisions="+all).CombinedOutput()
		return string(out), err
	}
	if out, err := check(); err != nil || out != fmt.Sprintf("%d decisions, 0 of them other than recorded\n", len(made)+1) {
		t.Errorf("the controller, from the snapshots of the simulator: %v\n%s", err, out)
	}
	// It does look at them: that of another moment is told.
	write("live", decision{live.snapshot, made[0].decision})
	if out, err := check(); err == nil || !strings.HasSuffix(out, ", 1 of them other than recorded\n") {
		t.Errorf("of a decision from another snapshot the controller says: %v\n%s", err, out)
	}
}

// decision is one with what it was made from, as JSON.
type decision struct{ snapshot, decision []byte }

// replay records the scenario of a workload and returns every decision that is
// made in its replay.
func replay(t *testing.T, c *cluster, w *workload) []decision {
	t.Helper()
	file := filepath.Join(t.TempDir(), "web.yaml")
	out, err := exec.CommandContext(t.Context(), built(t, "RIGHTSIZE", "build"), "trace", "record", "Deployment/"+w.Name, "-n", w.Namespace,
		"--prometheus", c.prometheus.URL, "--history", "2d", "--step", "1m", "--rate-window", "2m", "-f", file).CombinedOutput()
	if err != nil {
		t.Fatalf("rightsize trace record: %v\n%s", err, out)
	}
	sc, err := recorded.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	sc.Duration = min(sc.Duration, 4*time.Hour)
	var made []decision
	policy := simulator.Rightsize(simulator.RightsizeOptions{Light: true, Decided: func(s recommender.Snapshot, d recommender.Decision) {
		made = append(made, decision{marshal(t, s), marshal(t, d)})
	}})
	if _, err := simulator.Run(sc, policy, simulator.Options{}); err != nil {
		t.Fatal(err)
	}
	return made
}

// decide has the command line decide from a snapshot.
func decide(t *testing.T, snapshot []byte) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), built(t, "RIGHTSIZE", "build"), "explain", "-f", "-", "-o", "json")
	cmd.Stdin = bytes.NewReader(snapshot)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("rightsize explain: %v: %s", err, stderr(err))
	}
	return out
}

// same compares two decisions byte for byte, white space aside.
func same(t *testing.T, what string, a, b []byte) {
	t.Helper()
	var one, other bytes.Buffer
	if err := json.Compact(&one, a); err != nil {
		t.Fatal(err)
	}
	if err := json.Compact(&other, b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(one.Bytes()), bytes.TrimSpace(other.Bytes())) {
		t.Errorf("%s decided\n%s\nthe command line, from the same snapshot,\n%s", what, &one, &other)
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clip(text)
}
