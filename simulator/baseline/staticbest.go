package baseline

import (
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
		return findStatic(sc, setup.Alive)
	}}, nil
}

// fixedSize is a number of pods of one size.
type fixedSize struct {
	replicas int
	size     recommender.Resources
	cost     float64 // Expected over the scored span.
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

// findStatic looks for the best size by the oracle's model of the queue, tries
// it out, and looks again with a smaller or larger budget of violations.
func findStatic(sc *simulator.Scenario, alive func() bool) (*fixedSize, error) {
	search := newStaticSearch(sc)
	var best, last *fixedSize
	share, slack := oracleRatio, 1.0
	for range staticBestTries {
		f := search.cheapest(share, slack)
		last = &f
		late, kills, err := f.try(sc, alive)
		if err != nil {
			return nil, err
		}
		switch {
		case kills > 0:
			slack *= 1.25
		case late > oracleRatio:
			if best != nil {
				return best, nil
			}
			share *= max(0.1, min(0.7, oracleRatio/late))
		default:
			if f.meets = true; best == nil || f.cost < best.cost {
				best = &f
			}
			const used = 0.7 // A budget of which so much is used is used up.
			if late >= used*oracleRatio || share > 100*oracleRatio {
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
	return late, r.Score.OOMKills, nil
}

// staticSearch is the demand of a scenario, as far as a size that never changes
// is concerned: how long it was how high.
type staticSearch struct {
	sc     *simulator.Scenario
	plan   *planner
	rates  []float64 // Ascending.
	spans  []float64 // Seconds at each.
	memory float64   // The largest total in bytes.
	http   *httpPods
}

func newStaticSearch(sc *simulator.Scenario) *staticSearch {
	s := &staticSearch{sc: sc, plan: newPlanner(sc)}
	loads := slices.Clone(s.plan.loads)
	weights := map[float64]float64{}
	for t, l := range loads {
		weights[rounded(l.rate)] += s.plan.scored(t)
		s.memory = max(s.memory, l.memory)
	}
	for rate := range weights {
		s.rates = append(s.rates, rate)
	}
	slices.Sort(s.rates)
	for _, rate := range s.rates {
		s.spans = append(s.spans, weights[rate])
	}
	if sc.Service.HTTP != nil {
		s.http = newHTTPPods(sc, s.plan.most()/float64(s.plan.counts[0]), s.plan.total, false)
	}
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

// cheapest is the cheapest size that violates at most the share of the demand
// by the model, or the one that violates least. Memory is what the model needs
// times slack.
func (s *staticSearch) cheapest(share, slack float64) fixedSize {
	var best, least fixedSize
	best.cost = math.Inf(1)
	fewest := math.Inf(1)
	for _, n := range s.plan.counts {
		for _, size := range s.sizes(n, slack) {
			cost, bad := s.price(n, size)
			f := fixedSize{replicas: n, size: size, cost: cost}
			if bad <= share*s.plan.total && cost < best.cost {
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

// sizes lists those that n pods can have.
func (s *staticSearch) sizes(n int, slack float64) []recommender.Resources {
	b := s.sc.Bounds
	most := recommender.Resources{
		CPU: min(b.MaxAllowed.CPU, s.sc.Cluster.Node.CPU), Memory: min(b.MaxAllowed.Memory, s.sc.Cluster.Node.Memory),
	}
	var out []recommender.Resources
	add := func(cpu recommender.MilliCPU, memory float64) {
		out = append(out, recommender.Resources{CPU: cpu, Memory: recommender.FromBytes(memory)}.Clamp(b.MinAllowed, most))
	}
	if s.http != nil {
		i := s.http.index(s.rates[len(s.rates)-1] / float64(n))
		for k := range s.http.rungs {
			add(s.http.rungs[k].cpu, float64(s.http.rungs[k].memory[i])*slack)
		}
		return out
	}
	memory := 1.0
	if ratio := memoryRatio(s.sc); ratio > 0 {
		memory = s.memory / float64(n) * memoryMargin * slack / ratio
	}
	for cpu := b.MinAllowed.CPU; ; cpu = recommender.FromCores(math.Ceil(cpu.Cores()*ladderRatio*1000) / 1000) {
		add(cpu, memory)
		if cpu >= most.CPU {
			return out
		}
	}
}

// price is what n pods of a size cost over the scored span, and what they
// violate: requests, or core-seconds.
func (s *staticSearch) price(n int, size recommender.Resources) (cost, bad float64) {
	least := costOf(s.sc.Prices, size.CPU.Cores(), float64(size.Memory))
	var model pods
	if s.http != nil {
		fixed := *s.http
		fixed.only = slices.IndexFunc(s.http.rungs, func(r httpRung) bool { return r.cpu == size.CPU })
		if fixed.only < 0 { // Not on the ladder: it was moved into the bounds.
			return math.Inf(1), math.Inf(1)
		}
		model = &fixed
	} else {
		model = newUsagePods(s.sc).only(size)
	}
	for i, rate := range s.rates {
		c := model.pick(n, load{rate: rate})
		cost += max(least, c.cost) * float64(n) * s.spans[i]
		bad += c.bad * float64(n) * s.spans[i]
	}
	return cost, bad
}
