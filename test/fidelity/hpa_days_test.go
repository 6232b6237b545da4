package fidelity

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/rightsize-dev/rightsize/internal/testkit/controlplane"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// hpaDayDecisions bounds the decisions of a recording: a day of them.
const hpaDayDecisions = 24 * 60 * 4

// hpaDay is a scenario as it is, but for the behaviour of the autoscaler.
type hpaDay struct {
	file     string
	behavior object // In the words of autoscaling/v2; nil for none.
}

// name is that of a namespace.
func (d hpaDay) name() string {
	name := strings.TrimSuffix(filepath.Base(d.file), ".yaml")
	if d.behavior != nil {
		name += "-behavior"
	}
	return name
}

func hpaDays() []hpaDay {
	var out []hpaDay
	for _, file := range []string{
		"traces/worldcup.yaml", "traces/bitbrains.yaml", "traces/elb-queue.yaml",
		"scenarios/web.yaml", "scenarios/crowd.yaml", "scenarios/bursty.yaml", "scenarios/growth.yaml", "scenarios/night.yaml",
		"scenarios/flapping.yaml", "scenarios/death-spiral.yaml", "scenarios/outage.yaml", "scenarios/quota.yaml",
		"scenarios/deploy.yaml", "scenarios/breakdown.yaml", "scenarios/usage.yaml", "scenarios/cliff.yaml", "scenarios/queue.yaml",
	} {
		out = append(out, hpaDay{file: file})
	}
	careful := object{
		"scaleUp": object{"stabilizationWindowSeconds": 60., "policies": []any{object{"type": "Percent", "value": 50., "periodSeconds": 60.}}},
		"scaleDown": object{"policies": []any{
			object{"type": "Percent", "value": 10., "periodSeconds": 60.}, object{"type": "Pods", "value": 1., "periodSeconds": 300.},
		}},
	}
	return append(out,
		hpaDay{file: "traces/worldcup.yaml", behavior: careful}, hpaDay{file: "scenarios/web.yaml", behavior: careful},
		hpaDay{file: "scenarios/bursty.yaml", behavior: object{}}, hpaDay{file: "scenarios/flapping.yaml", behavior: careful},
		hpaDay{file: "scenarios/breakdown.yaml", behavior: object{}})
}

// hpaRecording is what tools/controlplane/hpareplay reads: times are
// nanoseconds since the first decision.
type hpaRecording struct {
	HPA       *autoscalingv2.HorizontalPodAutoscaler
	Decisions []hpaRecorded
}

type hpaRecorded struct {
	Replicas          int
	MetricsAt, Window int64
	Pods              []hpaRecordedPod
}

type hpaRecordedPod struct {
	Name                  string
	Pending, Ready        bool
	Started, ReadyChanged int64
	RequestMilli          int64
	HasMetrics            bool
	CPUNano               int64
}

// The controller's own code, with its defaults of 15 s and 5 min, decides in a
// time that passes at once what the simulated one decided over days.
//
// It is not parallel: the tests that are run on the wall clock, after it.
func TestHPADecidesAsUpstreamOverDays(t *testing.T) {
	program := filepath.Join(controlplane.Binaries(t), "hpa-replay")
	var names []string
	var all []hpaRecording
	var want [][]int
	for _, d := range hpaDays() {
		if !recorded(t, d.file) {
			continue
		}
		r, replicas := d.record(t)
		names, all, want = append(names, d.name()), append(all, r), append(want, replicas)
	}
	got := replayDays(t, program, all)

	var table strings.Builder
	const row = "%-20s %9v %6v %5v %5v\n"
	fmt.Fprintf(&table, row, "scenario", "decisions", "equal", "up", "down")
	var total hpaCount
	for i, name := range names {
		if len(got[i]) != len(want[i]) {
			t.Fatalf("%s: %d decisions of the controller, %d recorded", name, len(got[i]), len(want[i]))
		}
		var n hpaCount
		for k, replicas := range got[i] {
			n.decisions++
			n.up += btoi(want[i][k] > all[i].Decisions[k].Replicas)
			n.down += btoi(want[i][k] < all[i].Decisions[k].Replicas)
			if replicas == want[i][k] {
				n.equal++
			} else if k-n.equal < 5 {
				t.Errorf("%s: decision %d: upstream scales %d to %d, the simulated HPA to %d, seeing %+v",
					name, k, all[i].Decisions[k].Replicas, replicas, want[i][k], all[i].Decisions[k])
			}
		}
		fmt.Fprintf(&table, row, name, n.decisions, n.equal, n.up, n.down)
		total.add(n)
	}
	fmt.Fprintf(&table, row, "all", total.decisions, total.equal, total.up, total.down)
	t.Logf("decisions of upstream's code and the simulated HPA at their defaults:\n%s", table.String())
}

// record runs the scenario and returns the recording and the decisions.
func (d hpaDay) record(t *testing.T) (hpaRecording, []int) {
	t.Helper()
	sc := load(t, d.file)
	settings := simulator.Settings{"targetUtilizationPercent": float64(baseline.DefaultHPA().TargetPercent)}
	maps.Copy(settings, sc.Policies["hpa"])
	if d.behavior != nil {
		settings["behavior"] = d.behavior
	}
	sc.Policies = map[string]simulator.Settings{"hpa": settings}
	steered := min(simulator.SteeredWarmup, sc.Warmup)
	sc.Duration = min(sc.Duration, hpaDayDecisions*15*time.Second-steered)
	p, err := baseline.New("hpa", &sc)
	if err != nil {
		t.Fatal(err)
	}
	made := record(t, sc, p)
	target, ok := settings["targetUtilizationPercent"].(float64)
	if !ok {
		t.Fatalf("%s: the target is %v", d.name(), settings["targetUtilizationPercent"])
	}
	r := hpaRecording{HPA: resourceHPA(sc.Bounds, target, d.behavior)}
	r.HPA.Namespace, r.HPA.ResourceVersion = d.name(), "1"
	zero := made[0].saw.Now
	since := func(at time.Time) int64 { return int64(at.Sub(zero)) }
	var replicas []int
	for i := range made {
		saw := &made[i].saw
		replicas = append(replicas, sc.Bounds.ClampReplicas(made[i].want.Replicas))
		out := hpaRecorded{Replicas: saw.Desired, MetricsAt: since(saw.MetricsAt), Window: int64(saw.Step)}
		for k := range saw.Pods {
			p := &saw.Pods[k]
			out.Pods = append(out.Pods, hpaRecordedPod{
				Name: podName(p.ID), Pending: p.Pending || p.Pulling, Ready: p.Ready,
				Started: since(p.Started), ReadyChanged: since(p.ReadyChanged), RequestMilli: int64(p.Requests.CPU),
				HasMetrics: p.HasMetrics, CPUNano: int64(p.CPUCores * 1e9),
			})
		}
		r.Decisions = append(r.Decisions, out)
	}
	return r, replicas
}

// replayDays has the program decide.
func replayDays(t *testing.T, program string, all []hpaRecording) [][]int {
	t.Helper()
	dir := t.TempDir()
	input, output := filepath.Join(dir, "in.json"), filepath.Join(dir, "out.json")
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(input, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=TestReplay", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), "HPAREPLAY_INPUT="+input, "HPAREPLAY_OUTPUT="+output)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	text, err = os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]int
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	return got
}
