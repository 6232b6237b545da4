package baseline

import (
	"math"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

const (
	// oracleRatio is the expected share of violated requests that the oracle
	// may not exceed.
	oracleRatio = 0.001
	// oracleSeed is mixed into the seed of the runs in which a plan is tried
	// out: their random draws are not those of the run that is scored.
	oracleSeed = 0x5bd1e995a1b2c3d4
	// oracleTries bounds how often a plan is tried out and made anew.
	oracleTries = 6
)

// buildOracle makes the policy that knows the demand of the scenario, but not
// the random draws.
func buildOracle(sc *simulator.Scenario, _ *settings) (simulator.Policy, error) {
	return simulator.Policy{Name: Oracle, New: func(setup simulator.Setup) (simulator.Decider, error) {
		return planOracle(sc, setup.Alive)
	}}, nil
}

// oracle follows a plan.
type oracle struct {
	planner *planner
	plan    plan
	start   time.Time // Of the plan's first step.
	meets   bool
}

// Decide looks up what the plan says.
func (o *oracle) Decide(seen simulator.Observation) simulator.Action {
	at := seen.Now.Sub(o.start).Seconds()
	a := seen.Keep()
	a.Replicas = o.planner.ordered(&o.plan, at)
	a.ResizeTo(seen, o.planner.sized(&o.plan, at))
	return a
}

// MeetsConstraint says whether the plan keeps the expected share of violated
// requests within the limit, without OOM kills.
func (o *oracle) MeetsConstraint() bool { return o.meets }

// planOracle plans, tries the plan out with other random draws, and plans
// again with a smaller or larger budget until the constraint is met and hardly
// anything of it is left.
func planOracle(sc *simulator.Scenario, alive func() bool) (*oracle, error) {
	s := newOracleSearch(sc)
	s.alive = alive
	for range oracleTries {
		o := s.next()
		score, err := s.try(o)
		if err != nil {
			return nil, err
		}
		if s.learn(o, score) {
			break
		}
	}
	if s.best != nil {
		return s.best, nil
	}
	return s.last, nil
}

// oracleSearch looks for the cheapest plan that meets the constraint.
type oracleSearch struct {
	sc         *simulator.Scenario
	alive      func() bool
	aim        float64 // Share of violated requests that is aimed at.
	share      float64 // What is planned with, since formulas may be off.
	memoryFull bool    // Memory for as many requests as a pod may hold.
	slack      float64 // Factor on the memory of usage services.
	loosened   bool
	model      pods
	best, last *oracle
	bestCost   float64
}

func newOracleSearch(sc *simulator.Scenario) *oracleSearch {
	s := &oracleSearch{sc: sc, slack: 1, bestCost: math.Inf(1)}
	// Aim lower where there are so few requests that the share scatters. Late
	// requests come in clusters: their number varies three times as much as
	// that of independent events.
	expected := oracleRatio * newPlanner(sc).total
	s.aim = 0.97 * oracleRatio
	if sc.Service.HTTP != nil {
		const clusters, deviations, least = 3, 3, 0.3
		s.aim = oracleRatio * min(0.97, max(least, 1-deviations*math.Sqrt(clusters/max(expected, 1e-9))))
	}
	s.share = s.aim
	return s
}

// next makes a plan.
func (s *oracleSearch) next() *oracle {
	p := newPlanner(s.sc)
	if s.model == nil {
		s.model = s.newModel(p)
	}
	p.pods = s.model
	best, ok := p.solve(s.share)
	if !ok {
		if grown, planner := s.grow(best); grown != nil {
			best, p = *grown, planner
		}
	}
	start := s.sc.Start().Add(-time.Duration(s.sc.SteeredSteps()) * s.sc.Step)
	s.last = &oracle{planner: p, plan: best, start: start}
	return s.last
}

func (s *oracleSearch) newModel(p *planner) pods {
	if s.sc.Service.HTTP == nil {
		u := newUsagePods(s.sc)
		u.slack = s.slack
		return u
	}
	return newHTTPPods(s.sc, p.most()/float64(p.counts[0]), p.total, s.memoryFull)
}

// grow plans with new nodes, where those that exist do not suffice: pods of
// one size, ordered earlier by the time that a node takes. It returns nil
// where that does not meet the constraint either.
func (s *oracleSearch) grow(best plan) (*plan, *planner) {
	if best.bad == 0 && !math.IsInf(best.cost, 1) {
		return nil, nil
	}
	var found *plan
	var by *planner
	for _, model := range s.fixedSizes() {
		p := newPlanner(s.sc)
		p.extra = s.sc.Cluster.NodeProvisioning.Seconds()
		p.pods = model
		if try, ok := p.solve(s.share); ok && (found == nil || try.cost < found.cost) {
			found, by = &try, p
		}
	}
	return found, by
}

// fixedSizes are models of pods of one size each.
func (s *oracleSearch) fixedSizes() []pods {
	var out []pods
	switch m := s.model.(type) {
	case *httpPods:
		const most = 16
		for k := 0; k < len(m.rungs); k += max(1, len(m.rungs)/most) {
			fixed := *m
			fixed.only = k
			out = append(out, &fixed)
		}
	case *usagePods:
		largest := recommender.Resources{
			CPU:    min(s.sc.Bounds.MaxAllowed.CPU, s.sc.Cluster.Node.CPU),
			Memory: min(s.sc.Bounds.MaxAllowed.Memory, s.sc.Cluster.Node.Memory),
		}
		for part := 1; part <= 8; part *= 2 {
			fixed := *m
			size := recommender.Resources{
				CPU: largest.CPU / recommender.MilliCPU(part), Memory: largest.Memory / recommender.Bytes(part),
			}.Clamp(s.sc.Bounds.MinAllowed, largest)
			fixed.fixed = &size
			out = append(out, &fixed)
		}
	}
	return out
}

// try runs the plan with other random draws.
func (s *oracleSearch) try(o *oracle) (simulator.Score, error) {
	sc := *s.sc
	sc.Seed ^= oracleSeed
	opts := simulator.Options{}
	if s.alive != nil {
		opts.Progress = func(float64) bool { return s.alive() }
	}
	r, err := simulator.Run(sc, simulator.Policy{Name: Oracle, New: func(simulator.Setup) (simulator.Decider, error) {
		return follower{o}, nil
	}}, opts)
	return r.Score, err
}

// follower is an oracle without the question whether it meets the constraint.
type follower struct{ o *oracle }

func (f follower) Decide(seen simulator.Observation) simulator.Action { return f.o.Decide(seen) }

// learn draws conclusions from a trial and says whether the search is over.
func (s *oracleSearch) learn(o *oracle, score simulator.Score) bool {
	ratio := 0.0
	if score.SLOViolatedRequestRatio != nil {
		ratio = *score.SLOViolatedRequestRatio
	}
	if score.OOMKills > 0 {
		done := s.memoryFull && s.slack > 1.3
		s.memoryFull, s.slack, s.model = true, s.slack*1.1, nil
		return done
	}
	if ratio > oracleRatio {
		s.loosened = true // What is planned next need not be loosened again.
		s.share *= min(0.8, 0.9*s.aim/ratio)
		return s.best != nil
	}
	if cost := *score.Cost; cost < s.bestCost {
		o.meets = true
		s.best, s.bestCost = o, cost
	}
	if s.loosened || s.sc.Service.HTTP == nil || ratio >= 0.6*s.aim || o.plan.bad < 0.5*s.share*o.planner.total {
		return true
	}
	s.loosened = true
	s.share *= min(10, 0.9*s.aim/max(ratio, 1e-9))
	return false
}
