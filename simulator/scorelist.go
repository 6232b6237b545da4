package simulator

// ScoreList is the result of one scenario, a line of `rightsize simulate -o
// json`.
type ScoreList struct {
	APIVersion string      `json:"apiVersion"`
	Kind       string      `json:"kind"`
	Scenario   string      `json:"scenario"`
	Items      []ScoreItem `json:"items"`
}

// ScoreItem is the score of one policy.
type ScoreItem struct {
	Policy string       `json:"policy"`
	Score  Score        `json:"score"`
	Series *ScoreSeries `json:"series,omitempty"`
}

// NewScoreList puts the results of one scenario together, in the order given.
// The costs are compared with the oracle's; where that found nothing that
// meets its constraint, they are not.
func NewScoreList(scenario string, results []Result, oracle Result) ScoreList {
	list := ScoreList{APIVersion: APIVersion, Kind: ScoreListKind, Scenario: scenario, Items: []ScoreItem{}}
	for _, r := range results {
		r.Score.CostToOracle = nil
		if best := oracle.Score.Cost; best != nil && r.Score.Cost != nil {
			r.Score.CostToOracle = ratio(*r.Score.Cost, *best)
		}
		list.Items = append(list.Items, ScoreItem{Policy: r.Policy, Score: r.Score, Series: r.Series})
	}
	return list
}
