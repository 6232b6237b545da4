package baseline

import (
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

// HPAOptions are the settings of the Horizontal Pod Autoscaler; see
// [DefaultHPA] for where they come from.
type HPAOptions struct {
	// TargetPercent is the CPU utilisation of the requests to aim for.
	TargetPercent int64
	// Tolerance is the relative distance from the target that is ignored,
	// where Behavior does not say otherwise.
	Tolerance float64
	// Sync is the interval of decisions.
	Sync time.Duration
	// DownStabilization is the window of which the largest recommendation
	// binds, where Behavior does not say otherwise.
	DownStabilization time.Duration
	// InitializationPeriod is the age up to which a pod's CPU counts only if
	// it was ready while it was measured; ReadinessDelay is that up to which
	// an unready pod counts as one that has never been ready.
	InitializationPeriod time.Duration
	ReadinessDelay       time.Duration
	// Behavior is spec.behavior of the object; nil for none.
	Behavior *HPABehavior
}

// DefaultHPA returns the defaults of kube-controller-manager v1.37 (pkg/
// controller/podautoscaler/config/v1alpha1/defaults.go), with a target of 80 %
// and without spec.behavior, as `kubectl autoscale` makes it.
func DefaultHPA() HPAOptions {
	return HPAOptions{
		TargetPercent: 80, Tolerance: 0.1, Sync: 15 * time.Second, DownStabilization: 5 * time.Minute,
		InitializationPeriod: 5 * time.Minute, ReadinessDelay: 30 * time.Second,
	}
}

// hpaOptions reads the overrides.
func hpaOptions(s *settings) HPAOptions {
	o := DefaultHPA()
	o.TargetPercent = int64(s.number("targetUtilizationPercent", float64(o.TargetPercent), 1, 1000))
	hpaFlags(s, &o)
	return o
}

// hpaFlags reads what any autoscaler that works through an HPA has: the flags
// of kube-controller-manager and spec.behavior.
func hpaFlags(s *settings, o *HPAOptions) {
	o.Tolerance = s.number("tolerance", o.Tolerance, 0, 1)
	o.DownStabilization = s.duration("downscaleStabilization", o.DownStabilization)
	o.InitializationPeriod = s.duration("cpuInitializationPeriod", o.InitializationPeriod)
	o.ReadinessDelay = s.duration("initialReadinessDelay", o.ReadinessDelay)
	o.Behavior = readBehavior(s, o)
}

func buildHPA(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
	o := hpaOptions(s)
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	bounds := sc.Bounds
	return simulator.Policy{Name: "hpa", Every: o.Sync, New: func(setup simulator.Setup) (simulator.Decider, error) {
		return NewHPA(o, bounds, setup.Start), nil
	}}, nil
}

// HPA is the algorithm of the Horizontal Pod Autoscaler on CPU utilisation,
// with the clock of the simulation: the replica calculator, and stabilisation
// and rate limits as in pkg/controller/podautoscaler of Kubernetes v1.37
// (replica_calculator.go, horizontal.go).
type HPA struct {
	o     HPAOptions
	start time.Time // An instant at which a step of metrics ends.
	scale *hpaScale
}

// NewHPA returns an HPA that has not seen anything. Start is an instant at
// which a step of metrics ends, such as the scored start.
func NewHPA(o HPAOptions, bounds simulator.Bounds, start time.Time) *HPA {
	return &HPA{o: o, start: start, scale: newHPAScale(o, bounds)}
}

// Decide changes replicas only.
func (h *HPA) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	a.Replicas = h.Replicas(o)
	return a
}

// Replicas is what the autoscaler would set the scale to.
func (h *HPA) Replicas(o simulator.Observation) int {
	return h.scale.next(o.Now, o.Desired, func() (int, bool) { return h.utilization(o) })
}

// utilization is what the replica calculator recommends for CPU utilisation.
func (h *HPA) utilization(o simulator.Observation) (int, bool) {
	c := hpaCalculator{
		down: h.scale.down.Tolerance, up: h.scale.up.Tolerance, missing: max(100, h.o.TargetPercent),
		ratio: func(usage, request int64) float64 { return percentRatio(usage, request, h.o.TargetPercent) },
	}
	return c.replicas(o.Desired, h.group(o))
}

// stepEnd is when the step ended that the averages in o are of. Start is an
// instant at which one ends.
func stepEnd(o simulator.Observation, start time.Time) time.Time {
	if !o.MetricsAt.IsZero() {
		return o.MetricsAt
	}
	if o.Step <= 0 {
		return o.Now
	}
	since := o.Now.Sub(start) % o.Step
	if since < 0 {
		since += o.Step
	}
	return o.Now.Add(-since)
}
