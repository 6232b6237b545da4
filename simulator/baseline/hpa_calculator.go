package baseline

import (
	"math"

	"github.com/rightsize-dev/rightsize/simulator"
)

// hpaPod is a pod in the replica calculator: its usage and its request, CPU in
// milli-cores.
type hpaPod struct{ usage, request int64 }

// hpaPods are the pods of one calculation by what is known of them.
type hpaPods struct{ measured, unready, missing []hpaPod }

// group sorts the pods as groupPods does.
func (h *HPA) group(o simulator.Observation) hpaPods {
	var g hpaPods
	for i := range o.Pods {
		p := &o.Pods[i]
		pod := hpaPod{usage: metricMilli(p.CPUCores), request: int64(p.Requests.CPU)}
		switch {
		case p.Pending || p.Pulling:
			g.unready = append(g.unready, pod)
		case !p.HasMetrics:
			g.missing = append(g.missing, pod)
		case h.unready(o, p):
			g.unready = append(g.unready, pod)
		default:
			g.measured = append(g.measured, pod)
		}
	}
	return g
}

// metricMilli is a CPU usage in cores as readers of metrics.k8s.io see it, in
// milli-cores: metrics-server cuts it to whole nano-cores, and
// resource.Quantity.MilliValue, by which both the replica calculator and VPA's
// recommender read it, rounds up.
func metricMilli(cores float64) int64 {
	return int64(math.Ceil(math.Floor(cores*1e9) / 1e6))
}

// unready says whether a pod's CPU says nothing about its load yet. In the
// initialisation period it says something only if the pod is ready and the
// measurement began after it became so; later, only a pod that has never been
// ready is left out.
func (h *HPA) unready(o simulator.Observation, p *simulator.PodObservation) bool {
	if p.Started.Add(h.o.InitializationPeriod).After(o.Now) {
		return !p.Ready || stepEnd(o, h.start).Before(p.ReadyChanged.Add(o.Step))
	}
	return !p.Ready && p.Started.Add(h.o.ReadinessDelay).After(p.ReadyChanged)
}

// percentRatio is utilisation over target; the utilisation is cut to whole
// percent as the controller does. Without requests it is 1, which changes
// nothing.
func percentRatio(usage, request, target int64) float64 {
	if request == 0 {
		return 1
	}
	return float64(usage*100/request) / float64(target)
}

// hpaCalculator is GetResourceReplicas of the replica calculator: with u the
// usage over the target of the measured pods and n their number,
//
//	replicas = ceil(u·n), or no change where 1-down <= u <= 1+up
//
// where all pods are measured. Otherwise u is computed once more with
// careful assumptions about the others: before scaling down, pods without
// metrics use their request or the target, whichever is more; before scaling
// up, they and those not ready use nothing. Where that ends within the
// tolerance or on the other side, nothing changes.
type hpaCalculator struct {
	down, up float64 // Tolerances.
	// missing is the percentage of its request that a pod without metrics is
	// taken to use before scaling down.
	missing int64
	// ratio is u.
	ratio func(usage, request int64) float64
}

func (c hpaCalculator) tolerated(ratio float64) bool { return ratio >= 1-c.down && ratio <= 1+c.up }

// over is u of several groups of pods.
func (c hpaCalculator) over(groups ...[]hpaPod) float64 {
	var usage, request int64
	for _, pods := range groups {
		for _, p := range pods {
			usage += p.usage
			request += p.request
		}
	}
	return c.ratio(usage, request)
}

// replicas is the recommendation. The boolean is false where no pod has
// metrics that count.
func (c hpaCalculator) replicas(current int, g hpaPods) (int, bool) {
	if len(g.measured) == 0 {
		return 0, false
	}
	ratio := c.over(g.measured)
	upWithUnready := len(g.unready) > 0 && ratio > 1
	if !upWithUnready && len(g.missing) == 0 {
		if c.tolerated(ratio) {
			return current, true
		}
		return ceilReplicas(ratio * float64(len(g.measured))), true
	}
	all := [][]hpaPod{g.measured}
	switch {
	case ratio < 1:
		all = append(all, assume(g.missing, c.missing))
	case ratio > 1:
		all = append(all, assume(g.missing, 0))
	}
	if upWithUnready {
		all = append(all, assume(g.unready, 0))
	}
	again := c.over(all...)
	if c.tolerated(again) || (ratio < 1 && again > 1) || (ratio > 1 && again < 1) {
		return current, true
	}
	n := 0
	for _, pods := range all {
		n += len(pods)
	}
	want := ceilReplicas(again * float64(n))
	if (again < 1 && want > current) || (again > 1 && want < current) {
		return current, true
	}
	return want, true
}

// assume sets the usage to a percentage of the request.
func assume(pods []hpaPod, percent int64) []hpaPod {
	for i := range pods {
		pods[i].usage = pods[i].request * percent / 100
	}
	return pods
}

// averageReplicas is GetExternalPerPodMetricReplicas, for a total of which each
// replica is to get target: ceil(total/target), or no change within the
// tolerance.
func averageReplicas(current int, total, target float64, down, up HPARules) int {
	if current > 0 {
		if ratio := total / (target * float64(current)); ratio >= 1-down.Tolerance && ratio <= 1+up.Tolerance {
			return current
		}
	}
	return ceilReplicas(total / target)
}

// ceilReplicas rounds up, to at most what a replica count can be.
func ceilReplicas(v float64) int {
	if !(v < math.MaxInt32) { // NaN too.
		return math.MaxInt32
	}
	return int(math.Ceil(v))
}
