package judge

import (
	"math"
	"slices"

	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// ParetoKind is the kind of a [ParetoReport].
const ParetoKind = "ParetoReport"

// levels are the shares of violated requests at which costs are compared,
// from lenient to strict.
func levels() []float64 { return []float64{0.05, 0.02, 0.01, 0.005} }

// churns are the changes a day at which they are compared, scale events and
// resized pods together, from any number to few.
func churns() []float64 { return []float64{0, 96, 24} }

// ParetoReport is what a [Pareto] plan amounts to.
type ParetoReport struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Policies   []string  `json:"policies"`
	Bursts     []float64 `json:"bursts"`
	Levels     []float64 `json:"levels"`
	// Churns are the most changes a day at which costs are compared; 0 is any
	// number.
	Churns []float64 `json:"churns"`
	// Reference is the policy that the others are paired with.
	Reference string      `json:"reference"`
	Runs      []ParetoRun `json:"runs"`
	// AsConfigured are the policies without a turn of their knobs.
	AsConfigured []AsConfigured `json:"asConfigured"`
	AtLevels     []AtLevel      `json:"atLevels"`
	Paired       []PairedRatio  `json:"paired"`
	frontiers    map[place]frontier
}

// ParetoRun is one point of a policy's curve.
type ParetoRun struct {
	Task
	CostToOracle *float64 `json:"costToOracle"`
	// CostToFrontier is the cost over that of an oracle which accepts as many
	// violations.
	CostToFrontier          *float64 `json:"costToFrontier"`
	SLOViolatedRequestRatio *float64 `json:"sloViolatedRequestRatio"`
	SLOViolationSeconds     float64  `json:"sloViolationSeconds"`
	OOMKills                int      `json:"oomKills"`
	ScaleEventsPerDay       float64  `json:"scaleEventsPerDay"`
	ResizesPerDay           float64  `json:"resizesPerDay"`
}

// changesPerDay are scale events and resized pods.
func (r ParetoRun) changesPerDay() float64 { return r.ScaleEventsPerDay + r.ResizesPerDay }

// AtLevel is what a policy costs where at most a share of the requests may be
// violated and at most so many changes a day are made, at the knobs that are cheapest in each scenario (hindsight), and at
// the one setting for all scenarios that meets it in the most of them, the
// cheapest of those.
type AtLevel struct {
	Burst  float64 `json:"burst"`
	Level  float64 `json:"level"`
	Churn  float64 `json:"churn"`
	Policy string  `json:"policy"`
	// Scenarios are those in which the oracle found a plan; Meets in how many
	// of them some knob meets the level.
	Scenarios int `json:"scenarios"`
	Meets     int `json:"meets"`
	// CostToOracle is the geometric mean over those that meet it, CostToFrontier
	// that of the cost over an oracle's which accepts the level, too. The other
	// figures are means over them.
	CostToOracle      *float64 `json:"costToOracle"`
	CostToFrontier    *float64 `json:"costToFrontier"`
	ScaleEventsPerDay *float64 `json:"scaleEventsPerDay"`
	ResizesPerDay     *float64 `json:"resizesPerDay"`
	OOMKills          int      `json:"oomKills"`
	OneKnob           OneKnob  `json:"oneKnob"`
}

// OneKnob is one setting in all scenarios.
type OneKnob struct {
	Knob         string   `json:"knob"`
	Meets        int      `json:"meets"`
	CostToOracle *float64 `json:"costToOracle"`
}

// NewParetoReport draws the conclusions from all runs of a [Pareto] plan. The
// reference is rightsize if it was run, else the first policy.
func NewParetoReport(f ShardFile) ParetoReport {
	r := ParetoReport{
		APIVersion: simulator.APIVersion, Kind: ParetoKind, Policies: f.Policies, Bursts: f.Bursts, Levels: levels(), Churns: churns(),
		Reference: f.Policies[0], Runs: paretoRuns(f), AtLevels: []AtLevel{}, Paired: []PairedRatio{},
	}
	r.frontiers = frontiers(r.Runs)
	for i := range r.Runs {
		run := &r.Runs[i]
		if cost, ok := r.frontiers[place{run.Scenario, run.Burst}].at(run.violated()); ok && run.CostToOracle != nil {
			v := *run.CostToOracle / cost
			run.CostToFrontier = &v
		}
	}
	if slices.Contains(f.Policies, baseline.Rightsize) {
		r.Reference = baseline.Rightsize
	}
	for _, burst := range f.Bursts {
		for _, policy := range r.Policies {
			r.AsConfigured = append(r.AsConfigured, r.asConfigured(burst, policy))
		}
		for _, level := range r.Levels {
			for _, churn := range r.Churns {
				r.compare(burst, level, churn)
			}
		}
	}
	return r
}

// violated is the share of violated requests. Nothing demanded is nothing
// violated.
func (r ParetoRun) violated() float64 {
	if r.SLOViolatedRequestRatio == nil {
		return 0
	}
	return *r.SLOViolatedRequestRatio
}

// compare adds what every policy costs at a level and churn, and the reference
// beside each.
func (r *ParetoReport) compare(burst, level, churn float64) {
	best := map[string][]ParetoRun{}
	for _, policy := range r.Policies {
		at, cheapest := r.atLevel(burst, level, churn, policy)
		r.AtLevels = append(r.AtLevels, at)
		best[policy] = cheapest
	}
	for _, policy := range r.Policies {
		if policy != r.Reference {
			p := pair(best[r.Reference], best[policy])
			p.Burst, p.Level, p.Churn, p.Policy = burst, level, churn, policy
			r.Paired = append(r.Paired, p)
		}
	}
}

// paretoRuns are the points, in the order of the plan.
func paretoRuns(f ShardFile) []ParetoRun {
	out := make([]ParetoRun, len(f.Tasks))
	var oracle *float64
	for i, t := range f.Tasks {
		s := f.Runs[i].Score
		if t.Policy == baseline.Oracle && t.Knob == "" { // It comes first.
			oracle = s.Cost
		}
		days := math.Max(1e-9, f.days(t.Scenario))
		out[i] = ParetoRun{
			Task: t, SLOViolatedRequestRatio: s.SLOViolatedRequestRatio, SLOViolationSeconds: s.SLOViolationSeconds,
			OOMKills: s.OOMKills, ScaleEventsPerDay: float64(s.ScaleEvents) / days, ResizesPerDay: float64(s.Resizes) / days,
		}
		if oracle != nil && *oracle > 0 && s.Cost != nil {
			v := *s.Cost / *oracle
			out[i].CostToOracle = &v
		}
	}
	return out
}

// meets says whether a run stays within a share of violations.
func (r ParetoRun) meets(level float64) bool { return r.violated() <= level }

// atLevel sums a policy up, and returns its cheapest run of each scenario that
// meets the level.
func (r *ParetoReport) atLevel(burst, level, churn float64, policy string) (AtLevel, []ParetoRun) {
	at := AtLevel{Burst: burst, Level: level, Churn: churn, Policy: policy}
	var cheapest []ParetoRun
	best := map[string]int{} // Scenario to place in cheapest.
	knobs := map[string][]float64{}
	var order []string
	for _, run := range r.Runs {
		if run.Burst != burst || run.CostToOracle == nil || run.Free {
			continue
		}
		if run.Policy == baseline.Oracle && run.Knob == "" {
			at.Scenarios++
		}
		if run.Policy != policy {
			continue
		}
		if _, seen := knobs[run.Knob]; !seen {
			knobs[run.Knob] = nil
			order = append(order, run.Knob)
		}
		if !run.meets(level) || churn > 0 && run.changesPerDay() > churn {
			continue
		}
		knobs[run.Knob] = append(knobs[run.Knob], *run.CostToOracle)
		i, ok := best[run.Scenario]
		switch {
		case !ok:
			best[run.Scenario] = len(cheapest)
			cheapest = append(cheapest, run)
		case *run.CostToOracle < *cheapest[i].CostToOracle:
			cheapest[i] = run
		}
	}
	at.Meets = len(cheapest)
	at.sum(cheapest, r.frontiers)
	for _, knob := range order {
		one := OneKnob{Knob: knob, Meets: len(knobs[knob]), CostToOracle: geometricMean(knobs[knob])}
		if one.better(at.OneKnob) {
			at.OneKnob = one
		}
	}
	return at, cheapest
}

// sum fills the means.
func (at *AtLevel) sum(runs []ParetoRun, best map[place]frontier) {
	if len(runs) == 0 {
		return
	}
	costs, overs, scalings, resizes := make([]float64, len(runs)), make([]float64, len(runs)), 0.0, 0.0
	n := float64(len(runs))
	for i, run := range runs {
		costs[i] = *run.CostToOracle
		least, _ := best[place{run.Scenario, run.Burst}].at(at.Level)
		overs[i] = costs[i] / least // The oracle itself is there, or there would be no cost over its own.
		scalings += run.ScaleEventsPerDay / n
		resizes += run.ResizesPerDay / n
		at.OOMKills += run.OOMKills
	}
	at.CostToOracle, at.CostToFrontier = geometricMean(costs), geometricMean(overs)
	at.ScaleEventsPerDay, at.ResizesPerDay = &scalings, &resizes
}

// better says whether a setting meets the level in more scenarios, or in as
// many and is cheaper.
func (k OneKnob) better(than OneKnob) bool {
	if k.Meets != than.Meets || k.CostToOracle == nil || than.CostToOracle == nil {
		return k.Meets > than.Meets
	}
	return *k.CostToOracle < *than.CostToOracle
}

// geometricMean is nil for no values, and for any that is not positive.
func geometricMean(values []float64) *float64 {
	sum := 0.0
	for _, v := range values {
		if v <= 0 {
			return nil
		}
		sum += math.Log(v)
	}
	if len(values) == 0 {
		return nil
	}
	mean := math.Exp(sum / float64(len(values)))
	return &mean
}
