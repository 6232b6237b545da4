package baseline

import (
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// inferencePolicies are those that do something else for an inference service:
// it runs on whole GPUs, so there is nothing to change about a pod, and CPU
// says nothing about its load.
func inferencePolicies() map[string]build {
	return map[string]build{
		"hpa": onRequests(buildHPA),
		"vpa": sizesStay(buildVPA),
		"hpa+vpa": func(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
			readHPAVPA(s)
			p, err := onRequests(buildHPA)(sc, s)
			p.Name = "hpa+vpa"
			return p, err
		},
		"krr":   sizesStay(buildKRR),
		"crane": onRequests(buildCrane),
		"phpa":  onRequests(buildPHPA),
	}
}

// sizesStay makes a vertical policy where sizes are all there is to a pod:
// static by another name, with the same settings.
func sizesStay(of build) build {
	return func(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
		other, err := of(sc, s)
		p := simulator.Static()
		p.Name = other.Name
		return p, err
	}
}

// onRequests makes an autoscaler on CPU utilisation one on a metric of pods:
// requests that run or wait in each, of which the target is a percentage of
// the largest batch.
func onRequests(of build) build {
	return func(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
		p, err := of(sc, s)
		if err != nil {
			return p, err
		}
		inner, batch := p.New, sc.Service.Inference.MaxBatch
		p.New = func(setup simulator.Setup) (simulator.Decider, error) {
			setup.History.CPU = forecaster.Series{} // It is none of requests.
			d, err := inner(setup)
			return &requestDecider{inner: d, batch: batch}, err
		}
		return p, nil
	}
}

// requestDecider shows an autoscaler requests as if they were cores, and the
// largest batch as if it were what a pod requests: the algorithm is the same. A
// pod has metrics once it has loaded its model, and what is special about CPU
// while a pod starts does not hold.
type requestDecider struct {
	inner simulator.Decider
	batch int
}

// Decide changes replicas only.
func (d *requestDecider) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	pods := make([]simulator.PodObservation, len(o.Pods))
	for i, p := range o.Pods {
		p.CPUCores = p.Running + p.Waiting
		p.Requests.CPU = 1000 * recommender.MilliCPU(d.batch)
		p.HasMetrics = p.HasMetrics && p.Ready
		p.Started = time.Time{}
		pods[i] = p
	}
	o.Pods = pods
	o.CPUCores, o.Template.CPU = o.Running+o.Waiting, 1000*recommender.MilliCPU(d.batch)
	a.Replicas = d.inner.Decide(o).Replicas
	return a
}
