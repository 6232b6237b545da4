package recommender

import "slices"

const (
	// bolder and safer are the factors on the risk of the alternatives that a
	// decision tells.
	bolder = 4
	safer  = 5
	// riskLeast and riskMost bound them.
	riskLeast, riskMost = 0.001, 0.5
)

// Alternative is what another risk would have come to: the cheapest plan for it
// from what is there now, before guards.
type Alternative struct {
	// Risk is the probability that demand exceeds capacity within the time it
	// takes to react.
	Risk     float64 `json:"risk"`
	Replicas int     `json:"replicas"`
	// Sizes are what each container of a pod would request, in their order.
	Sizes       []Resources `json:"sizes"`
	CostPerHour float64     `json:"costPerHour"`
}

// alternatives are the plans at four times and at a fifth of the accepted risk:
// what the next cheaper choice would put at stake, and what the next safer one
// would cost. One that is no other than the choice made is left out.
func (d *draft) alternatives(z *sizer) []Alternative {
	if d.s.Workload.Batch() || z.n.perPod > 0 || d.chosen.replicas <= 0 {
		return nil
	}
	own := d.s.Policy.Risk
	var out []Alternative
	for _, risk := range []float64{min(own*bolder, riskMost), max(own/safer, riskLeast)} {
		if risk == own {
			continue
		}
		o := d.atRisk(z, risk)
		if o.replicas == d.chosen.replicas && slices.Equal(o.sizes, d.chosen.sizes) {
			continue
		}
		out = append(out, Alternative{Risk: risk, Replicas: o.replicas, Sizes: o.sizes, CostPerHour: d.stated(o.replicas, o.sizes)})
	}
	return out
}

// atRisk is the cheapest option at another risk.
func (d *draft) atRisk(z *sizer, risk float64) option {
	other := &draft{s: d.s, expected: d.expected, frame: d.frame, ruled: d.ruled, bounds: d.bounds}
	other.s.Policy.Risk = risk
	at := *z
	at.d, at.n = other, needOf(other)
	lo, hi := other.replicaBounds()
	return at.cheapest(lo, hi, windowsOf(d.s).act)
}
