package baseline

import (
	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// inferencePolicies are those that do something else for an inference service:
// it runs on whole GPUs, so there is nothing to change about a pod, and CPU
// says nothing about its load.
func inferencePolicies() map[string]build {
	return map[string]build{
		"hpa": buildInferenceHPA,
		"vpa": func(_ *simulator.Scenario, s *settings) (simulator.Policy, error) {
			readVPASettings(s)
			return sizesStay("vpa"), s.err
		},
		"hpa+vpa": func(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
			readVPASettings(s)
			p, err := buildInferenceHPA(sc, s)
			p.Name = "hpa+vpa"
			return p, err
		},
	}
}

// sizesStay is a vertical policy where sizes are all there is to a pod: static
// by another name.
func sizesStay(name string) simulator.Policy {
	p := simulator.Static()
	p.Name = name
	return p
}

// buildInferenceHPA makes the Horizontal Pod Autoscaler on a metric of pods:
// requests that run or wait in each, of which the target is a percentage of
// the largest batch, 80 unless set.
func buildInferenceHPA(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
	o := hpaOptions(s)
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	// What is special about CPU while a pod starts does not hold for metrics
	// of pods.
	o.InitializationPeriod, o.ReadinessDelay = 0, 0
	bounds, batch := sc.Bounds, sc.Service.Inference.MaxBatch
	return simulator.Policy{Name: "hpa", Every: o.Sync, New: func(simulator.Setup) (simulator.Decider, error) {
		return &inferenceHPA{hpa: NewHPA(o, bounds), batch: batch}, nil
	}}, nil
}

// inferenceHPA shows the autoscaler requests as if they were cores, and the
// largest batch as if it were what a pod requests: the replica calculator is
// the same. A pod has metrics once it has loaded its model.
type inferenceHPA struct {
	hpa   *HPA
	batch int
}

// Decide changes replicas only.
func (h *inferenceHPA) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	pods := make([]simulator.PodObservation, len(o.Pods))
	for i, p := range o.Pods {
		p.CPUCores = p.Running + p.Waiting
		p.Requests.CPU = 1000 * recommender.MilliCPU(h.batch)
		p.HasMetrics = p.HasMetrics && p.Ready
		pods[i] = p
	}
	o.Pods = pods
	a.Replicas = h.hpa.Replicas(o)
	return a
}
