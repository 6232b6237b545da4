package baseline

import (
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"

	"github.com/rightsize-dev/rightsize/simulator"
)

// hpaVPASettings are those of both, and what the Vertical Pod Autoscaler
// controls.
type hpaVPASettings struct {
	horizontal HPAOptions
	vertical   vpaSettings
	controlled []model.ResourceName
}

func readHPAVPA(s *settings) hpaVPASettings {
	out := hpaVPASettings{
		horizontal: hpaOptions(s), vertical: readVPASettings(s), controlled: []model.ResourceName{model.ResourceMemory},
	}
	if s.text("controlledResources", "memory", "memory", "both") == "both" {
		out.controlled = []model.ResourceName{model.ResourceCPU, model.ResourceMemory}
	}
	return out
}

// buildHPAVPA makes the policy hpa+vpa.
func buildHPAVPA(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
	both := readHPAVPA(s)
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	bounds := sc.Bounds
	return simulator.Policy{Name: "hpa+vpa", Every: both.horizontal.Sync, New: func(setup simulator.Setup) (simulator.Decider, error) {
		return &hpaVPADecider{
			hpa: NewHPA(both.horizontal, bounds, setup.Start), vpa: newVPA(setup, both.vertical, both.controlled), setup: setup,
		}, nil
	}}, nil
}

// hpaVPADecider is the pair as it is advised to be used: the Horizontal Pod Autoscaler
// sets replicas by CPU utilisation, and the Vertical Pod Autoscaler, with
// memory as its only controlled resource, sets memory requests and with them
// limits. CPU requests stay, so that the two do not chase each other, unless
// controlledResources is both: that is what one is advised against.
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
