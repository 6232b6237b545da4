package baseline

import (
	"math"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

// HPAOptions are the constants of the Horizontal Pod Autoscaler; see
// [DefaultHPA] for where they come from.
type HPAOptions struct {
	// TargetPercent is the CPU utilisation of the requests to aim for.
	TargetPercent int64
	// Tolerance is the relative distance from the target that is ignored.
	Tolerance float64
	// Sync is the interval of decisions.
	Sync time.Duration
	// DownStabilization and UpStabilization are the windows of which the
	// largest and smallest recommendation binds.
	DownStabilization time.Duration
	UpStabilization   time.Duration
	// UpPods and UpPercent may be added each UpPeriod, whichever is more.
	UpPods    int
	UpPercent float64
	UpPeriod  time.Duration
	// InitializationPeriod is the age up to which a pod's CPU counts only if
	// it was ready while it was measured; ReadinessDelay is that up to which
	// an unready pod counts as one that has never been ready.
	InitializationPeriod time.Duration
	ReadinessDelay       time.Duration
}

// DefaultHPA returns the defaults of Kubernetes v1.37 (kube-controller-manager
// flags and autoscaling/v2 behaviour), with a target of 80 %.
func DefaultHPA() HPAOptions {
	return HPAOptions{
		TargetPercent: 80, Tolerance: 0.1, Sync: 15 * time.Second, DownStabilization: 5 * time.Minute,
		UpPods: 4, UpPercent: 100, UpPeriod: 15 * time.Second,
		InitializationPeriod: 5 * time.Minute, ReadinessDelay: 30 * time.Second,
	}
}

// hpaOptions reads the overrides.
func hpaOptions(s *settings) HPAOptions {
	o := DefaultHPA()
	o.TargetPercent = int64(s.number("targetUtilizationPercent", float64(o.TargetPercent), 1, 1000))
	o.Tolerance = s.number("tolerance", o.Tolerance, 0, 1)
	o.DownStabilization = s.duration("downscaleStabilization", o.DownStabilization)
	o.UpStabilization = s.duration("upscaleStabilization", o.UpStabilization)
	return o
}

func buildHPA(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
	o := hpaOptions(s)
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	bounds := sc.Bounds
	return simulator.Policy{Name: "hpa", Every: o.Sync, New: func(simulator.Setup) (simulator.Decider, error) {
		return NewHPA(o, bounds), nil
	}}, nil
}

// HPA is the algorithm of the Horizontal Pod Autoscaler on CPU utilisation,
// with the clock of the simulation: replica calculator, stabilisation and rate
// limits as in pkg/controller/podautoscaler of Kubernetes v1.37
// (replica_calculator.go, horizontal.go).
type HPA struct {
	o      HPAOptions
	bounds simulator.Bounds
	wishes []hpaWish   // Unstabilised recommendations, oldest first.
	events []hpaChange // Scale-ups and scale-downs, oldest first.
}

type hpaWish struct {
	at       time.Time
	replicas int
}

type hpaChange struct {
	at    time.Time
	delta int
}

// NewHPA returns an HPA that has not seen anything.
func NewHPA(o HPAOptions, bounds simulator.Bounds) *HPA { return &HPA{o: o, bounds: bounds} }

// Decide changes replicas only.
func (h *HPA) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	a.Replicas = h.Replicas(o)
	return a
}

// Replicas is what the autoscaler would set the scale to.
func (h *HPA) Replicas(o simulator.Observation) int {
	current := o.Desired
	if h.wishes == nil {
		h.wishes = []hpaWish{{at: o.Now, replicas: current}}
	}
	var want int
	switch {
	case current == 0:
		return 0 // Scaling is disabled at zero.
	case current > h.bounds.MaxReplicas:
		want = h.bounds.MaxReplicas
	case current < h.bounds.MinReplicas:
		want = h.bounds.MinReplicas
	default:
		metric, ok := h.fromMetrics(o)
		if !ok {
			return current
		}
		want = h.limit(o.Now, current, h.stabilize(o.Now, current, metric))
	}
	if want != current {
		h.events = append(h.events, hpaChange{at: o.Now, delta: want - current})
	}
	return want
}

// hpaPod is a pod in the replica calculator, in milli-CPU.
type hpaPod struct{ usage, request int64 }

// hpaPods are the pods of one calculation by what is known of them.
type hpaPods struct{ measured, unready, missing []hpaPod }

// group sorts the pods as groupPods does.
func (h *HPA) group(o simulator.Observation) hpaPods {
	var g hpaPods
	for i := range o.Pods {
		p := &o.Pods[i]
		pod := hpaPod{usage: int64(math.Round(p.CPUCores * 1000)), request: int64(p.Requests.CPU)}
		switch {
		case p.Pending:
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

// unready says whether a pod's CPU says nothing about its load yet.
func (h *HPA) unready(o simulator.Observation, p *simulator.PodObservation) bool {
	if p.Started.Add(h.o.InitializationPeriod).After(o.Now) {
		// Ready, but measured before it was.
		return !p.Ready || o.Now.Before(p.ReadyChanged.Add(o.Step))
	}
	return !p.Ready && p.Started.Add(h.o.ReadinessDelay).After(p.ReadyChanged)
}

// ratio is utilisation over target; the utilisation is cut to whole percent as
// the controller does.
func (h *HPA) ratio(pods ...[]hpaPod) float64 {
	var usage, request int64
	for _, part := range pods {
		for _, p := range part {
			usage += p.usage
			request += p.request
		}
	}
	if request == 0 {
		return 1
	}
	return float64(usage*100/request) / float64(h.o.TargetPercent)
}

func (h *HPA) tolerated(ratio float64) bool {
	return ratio >= 1-h.o.Tolerance && ratio <= 1+h.o.Tolerance
}

// fromMetrics is GetResourceReplicas. The boolean is false where no pod has
// metrics that count.
func (h *HPA) fromMetrics(o simulator.Observation) (int, bool) {
	g := h.group(o)
	if len(g.measured) == 0 {
		return 0, false
	}
	current := o.Desired
	ratio := h.ratio(g.measured)
	upWithUnready := len(g.unready) > 0 && ratio > 1
	if !upWithUnready && len(g.missing) == 0 {
		if h.tolerated(ratio) {
			return current, true
		}
		return int(math.Ceil(ratio * float64(len(g.measured)))), true
	}
	all := [][]hpaPod{g.measured}
	if ratio != 1 {
		all = append(all, h.assumeMissing(g.missing, ratio))
	}
	if upWithUnready {
		all = append(all, assume(g.unready, 0))
	}
	again := h.ratio(all...)
	if h.tolerated(again) || (ratio < 1 && again > 1) || (ratio > 1 && again < 1) {
		return current, true
	}
	n := 0
	for _, part := range all {
		n += len(part)
	}
	want := int(math.Ceil(again * float64(n)))
	if (again < 1 && want > current) || (again > 1 && want < current) {
		return current, true
	}
	return want, true
}

// assumeMissing takes pods without metrics to use all of their request, or the
// target where that is more, before scaling down, and nothing before scaling
// up.
func (h *HPA) assumeMissing(pods []hpaPod, ratio float64) []hpaPod {
	if ratio < 1 {
		return assume(pods, max(100, h.o.TargetPercent))
	}
	return assume(pods, 0)
}

// assume sets the usage to a percentage of the request.
func assume(pods []hpaPod, percent int64) []hpaPod {
	for i := range pods {
		pods[i].usage = pods[i].request * percent / 100
	}
	return pods
}

// stabilize moves from the current replicas only as far as all recent
// recommendations agree.
func (h *HPA) stabilize(now time.Time, current, want int) int {
	up, down := want, want
	old := h.wishes
	h.wishes = old[:0]
	for _, w := range old {
		inUp := w.at.After(now.Add(-h.o.UpStabilization))
		inDown := w.at.After(now.Add(-h.o.DownStabilization))
		if inUp {
			up = min(up, w.replicas)
		}
		if inDown {
			down = max(down, w.replicas)
		}
		if inUp || inDown {
			h.wishes = append(h.wishes, w)
		}
	}
	h.wishes = append(h.wishes, hpaWish{at: now, replicas: want})
	return min(max(current, up), down)
}

// limit applies the rate limits of scaling up (those of scaling down are
// 100 % a period, so none) and the bounds.
func (h *HPA) limit(now time.Time, current, want int) int {
	added, removed := 0, 0
	keep := h.events[:0]
	for _, e := range h.events {
		if e.at.After(now.Add(-h.o.UpPeriod)) {
			added += max(0, e.delta)
			removed += max(0, -e.delta)
			keep = append(keep, e)
		}
	}
	h.events = keep
	start := current - added + removed
	ceiling := max(start+h.o.UpPods, int(math.Ceil(float64(start)*(1+h.o.UpPercent/100))), current)
	return h.bounds.ClampReplicas(min(want, ceiling))
}
