package baseline

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

const (
	// oracleRatio is the expected share of violated requests that the oracle
	// may not exceed.
	oracleRatio = 0.001
	// oracleSeed is mixed into the seeds of the runs in which a plan is tried
	// out: their random draws are not those of the run that is scored.
	oracleSeed = 0x5bd1e995a1b2c3d4
	// oracleTries bounds how often a plan is made and tried out.
	oracleTries = 6
	// trialRequests is how many requests the runs of one trial have together
	// where one run has fewer, and trialRuns how many runs there are at most.
	trialRequests = 10e6
	trialRuns     = 5
	// queueRuns is trialRuns where late requests come in few long spells: of
	// queues in which items may wait for as long as a spell lasts.
	queueRuns = 20
	// spell is how many late requests go together: those of one busy spell.
	// The number of late requests scatters as if there were so many times
	// fewer of them.
	spell = 100
)

// planOracle plans, tries the plan out with other random draws, and plans
// again with a smaller or larger budget until the constraint is met and hardly
// anything of it is left. A size that never changes is a plan, too, and the
// better one where changes are dearer than the planner knows, or refused.
func planOracle(sc *simulator.Scenario, ratio float64, w *work, alive func() bool) (simulator.Decider, error) {
	s := newOracleSearch(sc, ratio, w)
	s.alive = alive
	for range oracleTries {
		o := s.next()
		t, err := s.try(o)
		if err != nil {
			return nil, err
		}
		if s.learn(o, t) {
			break
		}
	}
	fixed, err := s.fixedPlan()
	switch {
	case err != nil:
		return nil, err
	case fixed != nil:
		return fixed, nil
	case s.best != nil:
		return s.best, nil
	case s.likely != nil:
		s.likely.meets = true
		return s.likely, nil
	default:
		return s.last, nil
	}
}

// fixedPlan is the best size that never changes, nil unless it meets the
// constraint and is cheaper than the best plan that does, if only in
// expectation. It is tried out with other
// random draws than those that are scored.
func (s *oracleSearch) fixedPlan() (*fixedSize, error) {
	sc := *s.sc
	sc.Seed ^= oracleSeed
	search := newStaticSearch(&sc, s.ratio, s.work)
	const worthTrying = 1.02 // The model does not know the price to the percent.
	incumbent := s.bestCost
	if s.best == nil {
		incumbent = s.likelyCost // Infinite where there is none either.
	}
	if search.cheapest(s.ratio, 1).cost > worthTrying*incumbent {
		return nil, nil //nolint:nilnil // Nothing is no problem.
	}
	f, err := search.find(s.alive)
	if err != nil || !f.meets || f.spent >= incumbent {
		return nil, err
	}
	return f, nil
}

// oracleSearch looks for the cheapest plan that meets the constraint.
type oracleSearch struct {
	sc         *simulator.Scenario
	work       *work
	alive      func() bool
	ratio      float64 // Share of violations that is accepted.
	total      float64 // Requests in the scored span, or core-seconds.
	share      float64 // Share of violations to plan with.
	memoryFull bool    // Memory for as many requests as a pod may hold.
	slack      float64 // Factor on the memory of usage services.
	loosened   bool
	model      pods
	best, last *oracle
	bestCost   float64
	// likely is the cheapest plan that meets the constraint in expectation,
	// though not in every run.
	likely     *oracle
	likelyCost float64
}

func newOracleSearch(sc *simulator.Scenario, ratio float64, w *work) *oracleSearch {
	s := &oracleSearch{
		sc: sc, work: w, ratio: ratio, slack: 1, bestCost: math.Inf(1), likelyCost: math.Inf(1), total: newPlanner(sc, 0).total,
	}
	s.share = ratio
	if sc.Service.Requests() {
		s.share = 0.97 * ratio * max(0.3, 1-2*s.scatter(ratio))
	}
	return s
}

// scatter is the relative standard deviation of a share of late requests.
func (s *oracleSearch) scatter(share float64) float64 {
	return math.Sqrt(spell / max(1e-9, share*s.total))
}

// next makes a plan.
func (s *oracleSearch) next() *oracle {
	p := newPlanner(s.sc, 0)
	if s.model == nil {
		s.model = s.newModel(p)
	}
	p.pods = s.model
	start := s.sc.Start().Add(-time.Duration(s.sc.SteeredSteps()) * s.sc.Step)
	best, ok := p.solve(s.share)
	if s.sc.Cluster.Quota != (recommender.Resources{}) {
		if steady := p.steady(s.share); steady != nil && (!ok || steady.cost < best.cost) {
			best, ok = *steady, true
		}
	}
	s.last = &oracle{planner: p, plan: best, start: start}
	if !ok {
		if grown, planner := s.grow(); grown != nil {
			s.last = &oracle{planner: planner, plan: *grown, start: start, replace: true}
		}
	}
	return s.last
}

func (s *oracleSearch) newModel(p *planner) pods {
	if len(s.sc.Deploys) == 0 {
		return s.modelOf(s.sc, p)
	}
	revised := &revisedPods{}
	for n := range len(s.sc.Deploys) + 1 {
		sc := s.sc.Revision(n)
		revised.models = append(revised.models, s.modelOf(&sc, p))
	}
	return revised
}

// modelOf is the model of one revision.
func (s *oracleSearch) modelOf(sc *simulator.Scenario, p *planner) pods {
	switch service := sc.Service; {
	case service.HTTP != nil:
		if s.memoryFull {
			return newHTTPPods(sc, newHTTPTables(sc, rounded(p.most())/float64(p.counts[0]), p.total, true))
		}
		return newHTTPPods(sc, s.work.httpTables(sc, p))
	case service.Queue != nil:
		return newQueuePods(sc)
	case service.Inference != nil:
		return newInferencePods(sc)
	default:
		u := newUsagePods(sc)
		u.slack = s.slack
		return u
	}
}

// grow plans with new nodes, where those that exist do not suffice: pods of
// one size, ordered earlier by the time that a node takes. It returns nil
// where that does not meet the constraint either.
func (s *oracleSearch) grow() (*plan, *planner) {
	type candidate struct {
		p    *planner
		cost float64
	}
	var all []candidate
	for _, model := range s.fixedSizes(s.model) {
		p := newPlanner(s.sc, s.sc.Cluster.NodeProvisioning.Seconds())
		p.pods = model
		// As good as without violations: what that costs ranks the sizes.
		if try := p.at(dearest(s.sc)); try.bad <= s.share*p.total && !math.IsInf(try.cost, 1) {
			all = append(all, candidate{p, try.cost})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.cost, b.cost) })
	const most = 3
	var found *plan
	var by *planner
	for _, c := range all[:min(most, len(all))] {
		if try, ok := c.p.solve(s.share); ok && (found == nil || try.cost < found.cost) {
			found, by = &try, c.p
		}
	}
	return found, by
}

// fixedSizes are models of pods of one size each.
func (s *oracleSearch) fixedSizes(model pods) []pods {
	var out []pods
	switch m := model.(type) {
	case *revisedPods:
		for _, revision := range m.models {
			for i, fixed := range s.fixedSizes(revision) {
				if i == len(out) {
					out = append(out, &revisedPods{})
				}
				all := out[i].(*revisedPods)
				all.models = append(all.models, fixed)
			}
		}
	case *httpPods:
		const most = 16
		for k := range m.rungs {
			if k%max(1, len(m.rungs)/most) == 0 || m.rungs[k].cpu == s.sc.Initial.Requests.CPU {
				fixed := *m
				fixed.only = k
				out = append(out, &fixed)
			}
		}
	case *queuePods:
		for k := range m.rungs {
			out = append(out, m.only(k))
		}
	case *inferencePods:
		out = append(out, m.anywhere())
	case *usagePods:
		largest := recommender.Resources{
			CPU:    min(s.sc.Bounds.MaxAllowed.CPU, s.sc.Cluster.Node.CPU),
			Memory: min(s.sc.Bounds.MaxAllowed.Memory, s.sc.Cluster.Node.Memory),
		}
		for part := 1; part <= 8; part *= 2 {
			size := recommender.Resources{
				CPU: largest.CPU / recommender.MilliCPU(part), Memory: largest.Memory / recommender.Bytes(part),
			}
			out = append(out, m.only(size.Clamp(s.sc.Bounds.MinAllowed, largest)))
		}
		out = append(out, m.only(s.sc.Initial.Requests))
	}
	return out
}

// trial is what came of a plan.
type trial struct {
	cost     float64
	oomKills int
	// upper is a share of violated requests that the next run will hardly
	// exceed: the mean of the runs and two standard deviations.
	upper float64
	// expected is a share that the mean of all runs hardly exceeds.
	expected float64
}

// try runs the plan with other random draws, more than once where one run has
// few requests.
func (s *oracleSearch) try(o *oracle) (trial, error) {
	opts := simulator.Options{}
	if s.alive != nil {
		opts.Progress = func(float64) bool { return s.alive() }
	}
	runs := 1
	if s.sc.Service.Requests() {
		most := float64(trialRuns)
		if s.sc.Service.HTTP == nil {
			most = queueRuns
		}
		// The more violations are accepted, the less they scatter.
		runs = int(math.Ceil(max(1, min(most, trialRequests/max(1, s.total))) * min(1, oracleRatio/s.ratio)))
	}
	var t trial
	ratios := make([]float64, runs)
	for i := range ratios {
		sc := *s.sc
		sc.Seed ^= oracleSeed + uint64(i)
		r, err := simulator.Run(sc, simulator.Policy{Name: Oracle, New: func(simulator.Setup) (simulator.Decider, error) {
			return follower{o}, nil
		}}, opts)
		if err != nil {
			return trial{}, err
		}
		if v := r.Score.SLOViolatedRequestRatio; v != nil {
			ratios[i] = *v
		}
		t.cost += *r.Score.Cost / float64(runs)
		t.oomKills += r.Score.OOMKills
	}
	t.upper = s.upper(ratios)
	mean := 0.0
	for _, r := range ratios {
		mean += r / float64(runs)
	}
	t.expected = mean + (t.upper-mean)/math.Sqrt(float64(runs))
	return t, nil
}

// upper is the mean and two standard deviations: those of the sample, or those
// of a number of busy spells, whichever are larger.
func (s *oracleSearch) upper(ratios []float64) float64 {
	n := float64(len(ratios))
	mean, squares := 0.0, 0.0
	for _, r := range ratios {
		mean += r / n
	}
	if !s.sc.Service.Requests() || mean == 0 {
		return mean
	}
	for _, r := range ratios {
		squares += (r - mean) * (r - mean)
	}
	return mean + 2*max(mean*s.scatter(mean), math.Sqrt(squares/max(1, n-1)))
}

// follower is an oracle without the question whether it meets the constraint.
type follower struct{ o *oracle }

func (f follower) Decide(seen simulator.Observation) simulator.Action { return f.o.Decide(seen) }

// learn draws conclusions from a trial and says whether the search is over.
func (s *oracleSearch) learn(o *oracle, t trial) bool {
	if t.oomKills > 0 {
		done := s.memoryFull && s.slack > 1.3
		s.memoryFull, s.slack, s.model = true, s.slack*1.1, nil
		return done
	}
	if t.expected <= s.ratio && t.cost < s.likelyCost {
		s.likely, s.likelyCost = o, t.cost
	}
	if t.upper > s.ratio {
		s.loosened = true // A smaller budget was too large: no larger one.
		s.share *= min(0.85, max(0.3, 0.93*s.ratio/t.upper))
		return s.best != nil
	}
	if t.cost < s.bestCost {
		o.meets = true
		s.best, s.bestCost = o, t.cost
	}
	const used = 0.8 // A budget of which so much is used is used up.
	spare := o.plan.bad < 0.5*s.share*o.planner.total
	if s.loosened || t.upper >= used*s.ratio || spare {
		return true
	}
	s.loosened = s.total > trialRequests // Trying is not cheap then.
	s.share *= min(5, 0.95*s.ratio/max(t.upper, 1e-9))
	return false
}
