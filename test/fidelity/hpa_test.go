package fidelity

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/testkit/controlplane"
	"github.com/rightsize-dev/rightsize/internal/testkit/metricsapi"
)

// The Horizontal Pod Autoscaler of kube-controller-manager sees, at the same
// times, the pods and metrics that the simulated one saw, and sets the scale
// to the same number of replicas at each of its decisions.
func TestHPADecidesAsKubeControllerManager(t *testing.T) {
	t.Parallel()
	controlplane.Binaries(t)
	var workloads []*hpaWorkload
	for _, c := range hpaCases() {
		if recorded(t, c.file) {
			workloads = append(workloads, &hpaWorkload{hpaCase: c, bounds: c.scenario(t).Bounds, made: c.decisions(t)})
		}
	}
	flags := hpaFlags()
	cp := controlplane.Start(t, controlplane.Options{
		Controllers: []string{"horizontal-pod-autoscaler-controller"},
		ControllerManager: []string{
			"--horizontal-pod-autoscaler-sync-period=500ms", // What is left until the next is waited for.
			fmt.Sprintf("--concurrent-horizontal-pod-autoscaler-syncs=%d", len(workloads)),
			fmt.Sprintf("--horizontal-pod-autoscaler-downscale-stabilization=%v", flags["downscaleStabilization"]),
			fmt.Sprintf("--horizontal-pod-autoscaler-cpu-initialization-period=%v", flags["cpuInitializationPeriod"]),
			fmt.Sprintf("--horizontal-pod-autoscaler-initial-readiness-delay=%v", flags["initialReadinessDelay"]),
			fmt.Sprintf("--horizontal-pod-autoscaler-tolerance=%v", flags["tolerance"]),
		},
	})
	stage := &hpaStage{cp: cp, playing: map[string]*hpaWorkload{}}
	metricsapi.Serve(cp, stage.answer)
	const attempts = 3
	again := workloads
	for attempt := 1; len(again) > 0; attempt++ {
		stage.play(t, again, attempt)
		var late []*hpaWorkload
		for _, w := range again {
			if w.late <= maxLate || attempt == attempts {
				continue
			}
			t.Logf("%s: an answer was %v late, on a busy machine: this one once more", w.name, w.late)
			late = append(late, w)
		}
		again = late
	}
	reportHPA(t, workloads)
}

// hpaStage plays recordings on a control plane.
type hpaStage struct {
	cp *controlplane.ControlPlane

	mu      sync.Mutex
	playing map[string]*hpaWorkload // By namespace.
}

// answer is what metrics say of a namespace.
func (s *hpaStage) answer(ctx context.Context, namespace string) ([]metricsapi.Usage, error) {
	s.mu.Lock()
	w := s.playing[namespace]
	s.mu.Unlock()
	if w == nil {
		return nil, errOver
	}
	return w.answer(ctx)
}

// play plays workloads, all at the same time, and waits until they are over.
func (s *hpaStage) play(t *testing.T, workloads []*hpaWorkload, attempt int) {
	t.Helper()
	for _, w := range workloads {
		w.reset(fmt.Sprintf("%s-%d", w.name, attempt), s.cp.Client)
		s.cp.Namespace(w.namespace)
		w.deploy(t)
	}
	// The first decision is some tenths after a whole second, and each workload
	// has its own.
	start := time.Now().Add(time.Second).Truncate(time.Second).Add(time.Second)
	s.mu.Lock()
	for i, w := range workloads {
		w.start, w.phase = start, 400*time.Millisecond+time.Duration(i)*15*time.Millisecond
		s.playing[w.namespace] = w
	}
	s.mu.Unlock()
	time.Sleep(time.Until(start))
	for _, w := range workloads {
		w.autoscale(t)
	}
	for _, w := range workloads {
		select {
		case <-w.done:
		case <-time.After(time.Until(start) + hpaSyncs*hpaSync + time.Minute):
			t.Fatalf("%s: the controller has not decided for too long", w.name)
		}
		w.rest(t)
	}
}

// reportHPA prints the table of decisions and fails for each difference.
func reportHPA(t *testing.T, workloads []*hpaWorkload) {
	t.Helper()
	var table strings.Builder
	const row = "%-20s %9v %6v %4v %5v %8v %8v %8v %6v\n"
	fmt.Fprintf(&table, row, "workload", "decisions", "equal", "up", "down", "pending", "unready", "missing", "blind")
	var all hpaCount
	for _, w := range workloads {
		n := w.count()
		fmt.Fprintf(&table, row, w.name, n.decisions, n.equal, n.up, n.down, n.pending, n.unready, n.missing, n.blind)
		all.add(n)
		for _, e := range w.errs {
			t.Errorf("%s: %s", w.name, e)
		}
		if w.late > maxLate {
			t.Errorf("%s: an answer was %v late: the comparison is not worth anything on a machine that is so busy", w.name, w.late)
		}
		if n.decisions != hpaSyncs {
			t.Errorf("%s: %d decisions were compared, want %d", w.name, n.decisions, hpaSyncs)
		}
	}
	fmt.Fprintf(&table, row, "all", all.decisions, all.equal, all.up, all.down, all.pending, all.unready, all.missing, all.blind)
	t.Logf("decisions of the real and the simulated HPA:\n%s", table.String())
	for what, n := range map[string]int{
		"scales up": all.up, "scales down": all.down, "pending pods": all.pending, "pods that do not count": all.unready,
		"pods without metrics": all.missing, "no metrics at all": all.blind,
	} {
		if n < 10 {
			t.Errorf("%s: only %d decisions", what, n)
		}
	}
}

// hpaCount counts decisions: all, those that were equal, and of what kind they
// were.
type hpaCount struct {
	decisions, equal, up, down       int
	pending, unready, missing, blind int
}

func (n *hpaCount) add(m hpaCount) {
	n.decisions += m.decisions
	n.equal += m.equal
	n.up += m.up
	n.down += m.down
	n.pending += m.pending
	n.unready += m.unready
	n.missing += m.missing
	n.blind += m.blind
}
