package baseline

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// staticBestTries bounds how often a size is looked for and tried out.
const staticBestTries = 6

// buildStaticBest makes the policy static-best: the cheapest number of pods
// and size that, kept all the time, meets the oracle's constraint. It knows
// the demand, as the oracle does, and tries sizes out on the very requests that
// are scored.
func buildStaticBest(sc *simulator.Scenario, _ *settings) (simulator.Policy, error) {
	return simulator.Policy{Name: StaticBest, New: func(setup simulator.Setup) (simulator.Decider, error) {
		return newStaticSearch(sc, oracleRatio, newWork()).find(setup.Alive)
	}}, nil
}

// fixedSize is a number of pods of one size.
type fixedSize struct {
	replicas int
	size     recommender.Resources
	cost     float64 // Expected over the scored span.
	spent    float64 // In the trial.
	meets    bool
}

// Decide asks for them from the first, and has pods that cannot be resized
// where they are replaced as long as nothing is scored.
func (f *fixedSize) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	a.Replicas = f.replicas
	a.ResizeTo(o, f.size)
	if !o.Scored {
		for _, p := range o.Pods {
			if p.Resize == simulator.ResizeDeferred {
				a.Evict = append(a.Evict, p.ID)
			}
		}
	}
	return a
}

// MeetsConstraint says whether the trial met the oracle's constraint.
func (f *fixedSize) MeetsConstraint() bool { return f.meets }

// find looks for the best size by the oracle's model of the queue, tries it
// out, and looks again with a smaller or larger budget of violations.
func (s *staticSearch) find(alive func() bool) (*fixedSize, error) {
	var best, last *fixedSize
	share, slack := s.ratio, 1.0
	for range staticBestTries {
		f := s.cheapest(share, slack)
		last = &f
		late, kills, err := f.try(s.sc, alive)
		if err != nil {
			return nil, err
		}
		switch {
		case kills > 0:
			slack *= 1.25
		case late > s.ratio:
			if best != nil {
				return best, nil
			}
			share *= max(0.1, min(0.7, s.ratio/late))
		default:
			if f.meets = true; best == nil || f.spent < best.spent {
				best = &f
			}
			const used = 0.7 // A budget of which so much is used is used up.
			if late >= used*s.ratio || share > 100*s.ratio {
				return best, nil
			}
			share *= 3
		}
	}
	if best == nil {
		best = last
	}
	return best, nil
}

// try runs the scenario with the size and returns the share of violations and
// the OOM kills.
func (f *fixedSize) try(sc *simulator.Scenario, alive func() bool) (late float64, kills int, err error) {
	opts := simulator.Options{}
	if alive != nil {
		opts.Progress = func(float64) bool { return alive() }
	}
	trial := *f
	trial.meets = true
	r, err := simulator.Run(*sc, simulator.Policy{Name: StaticBest, New: func(simulator.Setup) (simulator.Decider, error) {
		return &trial, nil
	}}, opts)
	if err != nil {
		return 0, 0, err
	}
	if v := r.Score.SLOViolatedRequestRatio; v != nil {
		late = *v
	}
	f.spent = *r.Score.Cost
	return late, r.Score.OOMKills, nil
}

// staticSearch is the demand of a scenario, as far as a size that never changes
// is concerned: how long it was how high.
type staticSearch struct {
	sc     *simulator.Scenario
	work   *work
	ratio  float64 // Share of violations that is accepted.
	plan   *planner
	loads  []load    // Without memory, the highest rate last.
	spans  []float64 // Seconds of each.
	memory float64   // The largest total in bytes.
	models []pods    // One per size.
}

func newStaticSearch(sc *simulator.Scenario, ratio float64, w *work) *staticSearch {
	s := &staticSearch{sc: sc, work: w, ratio: ratio, plan: newPlanner(sc, 0)}
	spans := map[load]float64{}
	for t, l := range s.plan.loads {
		s.memory = max(s.memory, l.memory)
		l.rate, l.memory = rounded(l.rate), 0
		spans[l] += s.plan.scored(t)
	}
	s.loads = slices.SortedFunc(maps.Keys(spans), func(a, b load) int {
		return cmp.Or(cmp.Compare(a.rate, b.rate), cmp.Compare(a.input, b.input), cmp.Compare(a.output, b.output))
	})
	for _, l := range s.loads {
		s.spans = append(s.spans, spans[l])
	}
	s.models = s.sizes()
	return s
}

// rounded is a rate rounded up to one of a ladder as fine as that of the
// tables of [httpPods].
func rounded(rate float64) float64 {
	if rate <= 0 {
		return 0
	}
	return math.Exp(math.Ceil(math.Log(rate)/logRateRatio) * logRateRatio)
}

// sizes are models of pods of one size each.
func (s *staticSearch) sizes() []pods {
	var out []pods
	switch service := s.sc.Service; {
	case service.HTTP != nil:
		m := newHTTPPods(s.sc, s.work.httpTables(s.sc, s.plan))
		for k := range m.rungs {
			fixed := *m
			fixed.only = k
			out = append(out, &fixed)
		}
	case service.Queue != nil:
		m := newQueuePods(s.sc)
		for k := range m.rungs {
			out = append(out, m.only(k))
		}
	case service.Inference != nil:
		out = append(out, newInferencePods(s.sc).anywhere())
	default:
		m := newUsagePods(s.sc)
		size := recommender.Resources{CPU: s.sc.Bounds.MinAllowed.CPU, Memory: s.sc.Bounds.MinAllowed.Memory}
		for top := min(s.sc.Bounds.MaxAllowed.CPU, s.sc.Cluster.Node.CPU); ; {
			out = append(out, m.only(size))
			if size.CPU >= top {
				break
			}
			size.CPU = min(top, recommender.FromCores(math.Ceil(size.CPU.Cores()*ladderRatio*1000)/1000))
		}
	}
	return out
}

// cheapest is the cheapest size that violates at most the share of the demand
// by the model, or the one that violates least. Memory is what the model needs
// times slack.
func (s *staticSearch) cheapest(share, slack float64) fixedSize {
	var best, least fixedSize
	best.cost = math.Inf(1)
	fewest := math.Inf(1)
	for _, n := range s.plan.counts {
		for _, model := range s.models {
			f, bad := s.price(n, model, slack)
			if bad <= share*s.plan.total && f.cost < best.cost {
				best = f
			}
			if bad < fewest {
				least, fewest = f, bad
			}
		}
	}
	if math.IsInf(best.cost, 1) {
		return least
	}
	return best
}

// price is what n pods of a model cost over the scored span, and what they
// violate: requests, or core-seconds. Their memory is that of the highest load.
func (s *staticSearch) price(n int, model pods, slack float64) (fixedSize, float64) {
	b := s.sc.Bounds
	size := model.pick(n, s.loads[len(s.loads)-1]).size
	if ratio := memoryRatio(s.sc); s.sc.Service.Usage != nil && ratio > 0 {
		size.Memory = recommender.FromBytes(s.memory / float64(n) * memoryMargin / ratio)
	}
	if s.sc.Service.Inference == nil {
		size.Memory = recommender.FromBytes(float64(size.Memory) * slack)
		size = size.Clamp(b.MinAllowed, recommender.Resources{
			CPU: min(b.MaxAllowed.CPU, s.sc.Cluster.Node.CPU), Memory: min(b.MaxAllowed.Memory, s.sc.Cluster.Node.Memory),
		})
	}
	f := fixedSize{replicas: n, size: size}
	least := costOf(s.sc.Prices, size.CPU.Cores(), float64(size.Memory))
	bad := 0.0
	for i, l := range s.loads {
		c := model.pick(n, l)
		f.cost += max(least, c.cost) * float64(n) * s.spans[i]
		bad += c.bad * float64(n) * s.spans[i]
	}
	return f, bad
}
