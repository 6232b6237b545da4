package judge

// AsConfigured sums a policy up as the scenarios configure it.
type AsConfigured struct {
	Burst  float64 `json:"burst"`
	Policy string  `json:"policy"`
	// Scenarios are those that the figures are of: in which the oracle found a
	// plan. CostToOracle and CostToFrontier are geometric means over them: of
	// the cost over the oracle's, and over that of an oracle which accepts as
	// many violations as the policy had in the scenario. Dearest is the scenario
	// with the largest of the latter.
	Scenarios      int      `json:"scenarios"`
	CostToOracle   *float64 `json:"costToOracle"`
	CostToFrontier *float64 `json:"costToFrontier"`
	Dearest        string   `json:"dearest"`
	DearestRatio   *float64 `json:"dearestRatio"`
	// ViolatedRatio is the mean of the shares of violated requests, MostViolated
	// the scenario with the largest. Meets counts those within the oracle's.
	ViolatedRatio     *float64 `json:"sloViolatedRequestRatio"`
	MostViolated      string   `json:"mostViolated"`
	MostViolatedRatio *float64 `json:"mostViolatedRatio"`
	Meets             int      `json:"meets"`
	// OOMKills are those of all, ChangesPerDay the mean.
	OOMKills      int      `json:"oomKills"`
	ChangesPerDay *float64 `json:"changesPerDay"`
}

// oracleLevel is the share of violated requests that the oracle accepts.
const oracleLevel = 0.001

// asConfigured sums the runs of a policy up that have no knob turned.
func (r *ParetoReport) asConfigured(burst float64, policy string) AsConfigured {
	a := AsConfigured{Burst: burst, Policy: policy}
	var costs, overs []float64
	violated, changes := 0.0, 0.0
	for _, run := range r.Runs {
		if run.Burst != burst || run.Policy != policy || run.Knob != "" || run.CostToOracle == nil || run.CostToFrontier == nil {
			continue
		}
		costs, overs = append(costs, *run.CostToOracle), append(overs, *run.CostToFrontier)
		if a.DearestRatio == nil || *run.CostToFrontier > *a.DearestRatio {
			a.Dearest, a.DearestRatio = run.Scenario, run.CostToFrontier
		}
		share := run.violated()
		if a.MostViolatedRatio == nil || share > *a.MostViolatedRatio {
			a.MostViolated, a.MostViolatedRatio = run.Scenario, &share
		}
		violated += share
		changes += run.changesPerDay()
		a.OOMKills += run.OOMKills
		if run.meets(oracleLevel) {
			a.Meets++
		}
	}
	a.Scenarios = len(costs)
	a.CostToOracle, a.CostToFrontier = geometricMean(costs), geometricMean(overs)
	if n := float64(a.Scenarios); n > 0 {
		violated /= n
		changes /= n
		a.ViolatedRatio, a.ChangesPerDay = &violated, &changes
	}
	return a
}
