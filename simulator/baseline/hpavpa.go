package baseline

import (
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"

	"github.com/rightsize-dev/rightsize/simulator"
)

// buildHPAVPA makes the policy hpa+vpa. It takes the settings of both.
func buildHPAVPA(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
	horizontal, vertical := hpaOptions(s), readVPASettings(s)
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	bounds := sc.Bounds
	return simulator.Policy{Name: "hpa+vpa", Every: horizontal.Sync, New: func(setup simulator.Setup) (simulator.Decider, error) {
		return &hpaVPADecider{
			hpa:   NewHPA(horizontal, bounds, setup.Start),
			vpa:   newVPA(setup, vertical, []model.ResourceName{model.ResourceMemory}),
			setup: setup,
		}, nil
	}}, nil
}

// hpaVPADecider is the pair as it is advised to be used: the Horizontal Pod Autoscaler
// sets replicas by CPU utilisation, and the Vertical Pod Autoscaler, with
// memory as its only controlled resource, sets memory requests and with them
// limits. CPU requests stay, so that the two do not chase each other.
type hpaVPADecider struct {
	hpa   *HPA
	vpa   *vpaDecider
	setup simulator.Setup
}

// Decide takes the replicas from the one and the sizes from the other, which
// looks at the minutes only.
func (d *hpaVPADecider) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	if o.Now.Sub(d.setup.Start)%vpaInterval == 0 {
		a = d.vpa.Decide(o)
	}
	a.Replicas = d.hpa.Replicas(o)
	return a
}
