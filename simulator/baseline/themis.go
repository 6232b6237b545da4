package baseline

import (
	"math"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// themisSettings are those of the policy "themis".
type themisSettings struct {
	share  float64       // Of what a size serves that it is to get.
	window time.Duration // Of which the largest demand sets the sizes.
	hold   time.Duration // Of which the largest demand sets the replicas.
}

func buildThemis(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
	const percent = 80
	t := themisSettings{
		share:  s.number("targetUtilizationPercent", percent, 1, 1000) / 100,
		window: s.duration("resizeWindow", time.Minute),
		hold:   s.duration("downscaleStabilization", 5*time.Minute),
	}
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	ladder := themisLadder(sc)
	return simulator.Policy{Name: "themis", New: func(setup simulator.Setup) (simulator.Decider, error) {
		return &themis{t: t, sc: setup.Scenario, ladder: ladder}, nil
	}}, nil
}

// themisRung is a CPU request and the demand that a pod of it serves at the
// objective.
type themisRung struct {
	cpu    recommender.MilliCPU
	serves float64
}

// themisLadder lists CPU requests from the initial one up, a tenth apart, that
// a pod can have.
func themisLadder(sc *simulator.Scenario) []themisRung {
	if sc.Service.Inference != nil { // Whole GPUs: nothing to resize.
		return []themisRung{{sc.Initial.Requests.CPU, servedBy(sc)}}
	}
	const ratio = 1.1
	top := min(sc.Bounds.MaxAllowed.CPU, sc.Cluster.Node.CPU)
	var out []themisRung
	for cpu := sc.Initial.Requests.CPU; ; cpu = recommender.FromCores(math.Ceil(cpu.Cores()*ratio*1000) / 1000) {
		cpu = min(cpu, max(top, sc.Initial.Requests.CPU))
		size := recommender.Resources{CPU: cpu, Memory: sc.Initial.Requests.Memory}
		out = append(out, themisRung{cpu, Serves(sc, size)})
		if cpu >= top {
			return out
		}
	}
}

// themis follows the idea of Themis (arXiv 2407.14843) that a vertical resize
// is quick and a new replica is not: what the ready pods of the initial size
// cannot take, they are resized in place for at once, and replicas of the
// initial size are added meanwhile; when those are ready the sizes go back. It
// is that idea alone: Themis itself plans batch sizes and cores of pipelines of
// deep-learning models by dynamic programming.
type themis struct {
	t      themisSettings
	sc     simulator.Scenario
	ladder []themisRung
	seen   []kpaSample // Demand, oldest first.
}

// Decide sets sizes for the ready pods there are, and replicas for pods of the
// initial size. Without metrics nothing changes.
func (d *themis) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	v, ok := demandOf(&d.sc, o)
	if !ok {
		return a
	}
	d.seen = append(d.seen, kpaSample{o.Now, v})
	for d.seen[0].at.Before(o.Now.Add(-max(d.t.window, d.t.hold))) {
		d.seen = d.seen[1:]
	}
	a.Replicas = max(1, ceilReplicas(d.largest(o.Now, d.t.hold)/(d.t.share*d.ladder[0].serves)))
	cpu := d.size(d.largest(o.Now, d.t.window) / (d.t.share * math.Max(1, float64(o.Ready))))
	a.Template = d.sc.Initial.Requests
	want := recommender.Resources{CPU: cpu, Memory: a.Template.Memory}
	for i := range o.Pods {
		if p := &o.Pods[i]; !p.Pending && p.Wanted != want {
			a.Resize = append(a.Resize, simulator.PodResize{ID: p.ID, Requests: want})
		}
	}
	return a
}

// largest is the largest demand of the window that ends now.
func (d *themis) largest(now time.Time, window time.Duration) float64 {
	most := 0.0
	for _, s := range d.seen {
		if !s.at.Before(now.Add(-window)) {
			most = max(most, s.demand)
		}
	}
	return most
}

// size is the smallest CPU request that serves a demand, the largest where none
// does.
func (d *themis) size(demand float64) recommender.MilliCPU {
	for _, r := range d.ladder {
		if r.serves >= demand {
			return r.cpu
		}
	}
	return d.ladder[len(d.ladder)-1].cpu
}
