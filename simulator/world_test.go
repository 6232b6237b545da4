package simulator

import (
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// restless is a decider that changes everything at random.
type restless struct {
	t    *testing.T
	w    *world
	seed uint64
}

func (r *restless) Decide(o Observation) Action {
	r.check()
	rng := newStream(r.seed, uint64(o.Now.UnixNano()))
	a := o.Keep()
	a.Replicas = rng.IntN(12)
	size := recommender.Resources{CPU: recommender.MilliCPU(100 + 100*rng.IntN(30)), Memory: recommender.Bytes(64+rng.IntN(900)) << 20}
	for _, p := range o.Pods {
		switch rng.IntN(4) {
		case 0:
			a.Resize = append(a.Resize, PodResize{ID: p.ID, Requests: size})
		case 1:
			a.Evict = append(a.Evict, p.ID)
		}
	}
	if rng.IntN(2) == 0 {
		a.Template = size
	}
	return a
}

// check compares what nodes hold with what their pods do, and the ready ones
// with the list of them.
func (r *restless) check() {
	r.t.Helper()
	w := r.w
	nodes, serving := make([]node, len(w.nodes)), 0
	for _, p := range w.pods {
		if p.phase == ready {
			serving++
		}
		if p.phase == gone || (p.phase == pending) != (p.node < 0) {
			r.t.Fatalf("pod %d of phase %d is on node %d", p.id, p.phase, p.node)
		}
		if p.node >= 0 {
			nodes[p.node].used = nodes[p.node].used.Add(w.reserved(p))
			nodes[p.node].gpus += w.gpus
		}
	}
	if serving != len(w.ready) {
		r.t.Fatalf("%d pods are ready, %d are listed", serving, len(w.ready))
	}
	for i := range nodes {
		have := w.nodes[i]
		if nodes[i].used != have.used || nodes[i].gpus != have.gpus || !fits(have.used, w.sc.Cluster.Node) {
			r.t.Fatalf("node %d holds %v, its pods %v", i, have.used, nodes[i].used)
		}
	}
}

// TestNodesAddUp: whatever happens to pods and nodes, what nodes hold is what
// their pods hold, and fits.
func TestNodesAddUp(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		sc := Scenario{
			Name: "restless", Seed: seed, Step: 15 * time.Second, Duration: 3 * time.Hour,
			Demand: Demand{Epoch: time.Unix(0, 0).UTC(), Offsets: []float64{0}, Rate: []float64{[]float64{2, 40}[seed%2]}, End: 1e9},
			Service: Service{HTTP: &HTTPService{
				CPUSecondsPerRequest: 0.05, CPUCV: 1, ConcurrencyPerPod: 40, BaseMemory: 60 << 20,
				MemoryPerConcurrentRequest: 3 << 20, Startup: 20 * time.Second, StartupCPU: 500,
			}},
			Objective: Objective{LatencySeconds: 0.5, Percentile: 0.95},
			Initial: Initial{
				Replicas: 3, Requests: recommender.Resources{CPU: 500, Memory: 128 << 20}, Limits: recommender.Resources{Memory: 128 << 20},
			},
			Bounds: Bounds{MaxReplicas: 15, MinAllowed: recommender.Resources{CPU: 100, Memory: 32 << 20}, MaxAllowed: recommender.Resources{CPU: 4000, Memory: 1 << 30}},
			Cluster: Cluster{
				Nodes: 3, Node: recommender.Resources{CPU: 5000, Memory: 2 << 30}, NodeProvisioning: 50 * time.Second,
				ResizeDelay: 4 * time.Second, ImagePull: 8 * time.Second, Quota: recommender.Resources{CPU: 20000},
			},
			Memory: MemoryEffects{GrowthPerHour: 200 << 20},
		}
		for i := range 10 {
			at := time.Duration(i+1) * 17 * time.Minute
			if at < sc.Duration {
				sc.Failures = append(sc.Failures, Failure{At: at, For: time.Duration(i) * time.Minute, Nodes: 1}, Failure{At: at - time.Minute, For: 20 * time.Second, Pods: 3})
			}
		}
		if err := sc.Validate(); err != nil {
			t.Fatal(err)
		}
		w := newWorld(&sc, Options{})
		w.decider = &restless{t: t, w: w, seed: seed}
		if err := w.run(sc.Step); err != nil {
			t.Fatal(err)
		}
		if s, _ := w.score(); s.OOMKills == 0 || s.Resizes == 0 || s.Restarts <= s.OOMKills {
			t.Errorf("seed %d: %d kills, %d resizes, %d restarts: too little happened", seed, s.OOMKills, s.Resizes, s.Restarts)
		}
	}
}
