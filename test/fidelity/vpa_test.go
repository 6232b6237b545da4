package fidelity

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/client/clientset/versioned"

	"github.com/rightsize-dev/rightsize/internal/testkit/controlplane"
	"github.com/rightsize-dev/rightsize/internal/testkit/metricsapi"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// vpaCase is one workload. It is watched for a time, and the recommendation
// changes nothing; an HPA beside it has pods come and go.
type vpaCase struct {
	name  string
	file  string        // Of simulator/testdata.
	from  time.Duration // Where in the demand the case begins.
	every time.Duration // The interval of the samples and recommendations.
	hpa   bool
}

// vpaSteps is the number of recommendations of each case.
const vpaSteps = 500

func vpaCases() []vpaCase {
	return []vpaCase{
		{name: "bitbrains", file: "traces/bitbrains.yaml", every: 5 * time.Minute, hpa: true},
		{name: "worldcup", file: "traces/worldcup.yaml", from: 240 * time.Hour, every: 5 * time.Minute, hpa: true},
		{name: "web", file: "scenarios/web.yaml", every: time.Minute, hpa: true},
		{name: "usage", file: "scenarios/usage.yaml", every: time.Minute, hpa: true},
		{name: "cliff", file: "scenarios/cliff.yaml", every: time.Minute},
		{name: "oom-tail", file: "scenarios/oom-tail.yaml", from: 70 * time.Hour, every: 5 * time.Minute},
	}
}

// watched makes the vpa's recommendations and follows only what the hpa wants.
type watched struct {
	vpa, hpa simulator.Decider
	made     *[]vpaDecision
}

// vpaDecision is one recommendation; it is nil as long as there are no samples.
type vpaDecision struct {
	saw            simulator.Observation
	recommendation *baseline.VPARecommendation
}

func (w watched) Decide(o simulator.Observation) simulator.Action {
	d := vpaDecision{saw: o}
	d.saw.Pods = append([]simulator.PodObservation(nil), o.Pods...)
	w.vpa.Decide(o)
	if r, ok := w.vpa.(interface {
		Recommendation() (baseline.VPARecommendation, bool)
	}).Recommendation(); ok {
		d.recommendation = &r
	}
	*w.made = append(*w.made, d)
	if w.hpa == nil {
		return o.Keep()
	}
	return w.hpa.Decide(o)
}

// recommendations are those of the simulated autoscaler.
func (c vpaCase) recommendations(t *testing.T) (simulator.Bounds, []vpaDecision) {
	t.Helper()
	sc := load(t, c.file)
	sc = cut(sc, c.from, min(vpaSteps*c.every, time.Duration(sc.Demand.End*1e9)-c.from), 1)
	sc.Name = c.name
	sc.Step = min(sc.Step, c.every)
	vpa, err := baseline.New("vpa", &sc)
	if err != nil {
		t.Fatal(err)
	}
	hpa, err := baseline.New("hpa", &sc)
	if err != nil {
		t.Fatal(err)
	}
	var made []vpaDecision
	both := simulator.Policy{Name: "vpa", Every: c.every, New: func(s simulator.Setup) (simulator.Decider, error) {
		w := watched{made: &made}
		var err error
		if w.vpa, err = vpa.New(s); err == nil && c.hpa {
			w.hpa, err = hpa.New(s)
		}
		return w, err
	}}
	if _, err := simulator.Run(sc, both, simulator.Options{}); err != nil {
		t.Fatalf("simulating %s: %v", sc.Name, err)
	}
	// The simulated recommender starts with the first sample.
	for len(made) > 0 && made[0].recommendation == nil {
		made = made[1:]
	}
	return sc.Bounds, made
}

// The recommender of the Vertical Pod Autoscaler reads from the API the
// samples that the simulated one read, and puts the same bounds and target
// into its status after each of them.
func TestVPARecommendsAsUpstream(t *testing.T) {
	t.Parallel()
	controlplane.Binaries(t)
	cp := controlplane.Start(t, controlplane.Options{})
	cp.InstallCRDs(vpaCRDs(t))
	client, err := versioned.NewForConfig(cp.Config)
	if err != nil {
		t.Fatal(err)
	}
	replay := &vpaReplay{done: make(chan struct{})}
	for _, c := range vpaCases() {
		if !recorded(t, c.file) {
			continue
		}
		bounds, made := c.recommendations(t)
		w := &vpaWorkload{vpaCase: c, bounds: bounds, made: made, client: cp.Client, vpas: client}
		cp.Namespace(w.name)
		w.deploy(t)
		replay.workloads = append(replay.workloads, w)
	}
	metricsapi.Serve(cp, func(ctx context.Context, _ string) ([]metricsapi.Usage, error) { return replay.answer(ctx) })
	began := time.Now()
	cp.Run("vpa-recommender", "--kubeconfig="+cp.Kubeconfig, "--recommender-interval=10ms", "--leader-elect=false",
		"--address=127.0.0.1:0", "--kube-api-qps=1000", "--kube-api-burst=1000")
	select {
	case <-replay.done:
	case <-time.After(8 * time.Minute):
		t.Error("the recommender has not asked for all samples in time")
	}
	t.Logf("%d rounds in %v", replay.next, time.Since(began).Round(time.Second))
	reportVPA(t, replay)
}

// vpaCRDs are upstream's, as its module ships them.
func vpaCRDs(t *testing.T) []byte {
	t.Helper()
	const module = "k8s.io/autoscaler/vertical-pod-autoscaler"
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("finding %s: %v", module, err)
	}
	crds, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "deploy", "vpa-v1-crd-gen.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return crds
}

// reportVPA prints the table of recommendations and fails for each workload
// with differences.
func reportVPA(t *testing.T, replay *vpaReplay) {
	t.Helper()
	replay.mu.Lock()
	defer replay.mu.Unlock()
	var table strings.Builder
	const row = "%-12s %15v %6v %7v %5v %9v\n"
	fmt.Fprintf(&table, row, "workload", "recommendations", "equal", "changes", "pods", "OOM kills")
	all, equal := 0, 0
	for _, w := range replay.workloads {
		fmt.Fprintf(&table, row, w.name, w.compared, w.equal, w.changes, len(w.seen), w.oomKills)
		all += w.compared
		equal += w.equal
		for _, e := range w.errs {
			t.Errorf("%s: %s", w.name, e)
		}
		if w.compared < len(w.made) {
			t.Errorf("%s: %d of %d recommendations were compared", w.name, w.compared, len(w.made))
		}
		if w.compared < vpaSteps*3/4 {
			t.Errorf("%s: only %d recommendations", w.name, w.compared)
		}
		if w.changes < vpaSteps/10 {
			t.Errorf("%s: the recommendation changed %d times only", w.name, w.changes)
		}
	}
	fmt.Fprintf(&table, row, "all", all, equal, "", "", "")
	t.Logf("recommendations of the real and the simulated VPA:\n%s", table.String())
}
