package judge

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// PairedRatio compares the reference with another policy scenario by scenario:
// the reference's cost over the other's, each at the knobs that are cheapest at
// the level. Below 1 the reference is cheaper.
type PairedRatio struct {
	Burst  float64 `json:"burst"`
	Level  float64 `json:"level"`
	Churn  float64 `json:"churn"`
	Policy string  `json:"policy"`
	// Pairs is the number of scenarios in which both meet the level.
	Pairs int `json:"pairs"`
	// OnlyReference and OnlyPolicy count those in which one does alone.
	OnlyReference int `json:"onlyReference"`
	OnlyPolicy    int `json:"onlyPolicy"`
	// Ratio is the geometric mean; Low and High bound it with a confidence of
	// 95 %, by the bootstrap over scenarios. They are null for fewer than two.
	Ratio *float64 `json:"ratio"`
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
	// Worst is the scenario with the largest ratio.
	Worst      string   `json:"worst"`
	WorstRatio *float64 `json:"worstRatio"`
}

// pair compares the cheapest runs of two policies, one per scenario.
func pair(reference, other []ParetoRun) PairedRatio {
	var p PairedRatio
	var ratios []float64
	for _, a := range reference {
		i := slices.IndexFunc(other, func(b ParetoRun) bool { return b.Scenario == a.Scenario })
		if i < 0 {
			p.OnlyReference++
			continue
		}
		ratio := *a.CostToOracle / *other[i].CostToOracle
		ratios = append(ratios, ratio)
		if p.WorstRatio == nil || ratio > *p.WorstRatio {
			p.Worst, p.WorstRatio = a.Scenario, &ratio
		}
	}
	p.Pairs = len(ratios)
	p.OnlyPolicy = len(other) - p.Pairs
	p.Ratio = geometricMean(ratios)
	p.Low, p.High = bootstrap(ratios)
	return p
}

const (
	// bootstrapDraws is how many samples the interval rests on, bootstrapSeed
	// what they are drawn with.
	bootstrapDraws = 10_000
	bootstrapSeed  = 20260105
	// outside is the share of draws beyond each end of the interval.
	outside = 0.025
)

// bootstrap is the percentile interval of the geometric mean of ratios at a
// confidence of 95 %: samples of as many ratios are drawn with replacement, and
// the ends are quantiles of their means (Efron 1979). It is nil for fewer than
// two ratios, and for any that is not positive.
func bootstrap(ratios []float64) (low, high *float64) {
	if len(ratios) < 2 || geometricMean(ratios) == nil {
		return nil, nil
	}
	rng := rand.New(rand.NewPCG(bootstrapSeed, uint64(len(ratios))))
	logs := make([]float64, len(ratios))
	for i, v := range ratios {
		logs[i] = math.Log(v)
	}
	slices.SortFunc(logs, cmp.Compare[float64]) // The order of scenarios must not matter.
	means := make([]float64, bootstrapDraws)
	for i := range means {
		sum := 0.0
		for range logs {
			sum += logs[rng.IntN(len(logs))]
		}
		means[i] = math.Exp(sum / float64(len(logs)))
	}
	slices.Sort(means)
	l, h := means[int(outside*bootstrapDraws)], means[bootstrapDraws-1-int(outside*bootstrapDraws)]
	return &l, &h
}
