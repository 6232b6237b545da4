package baseline

import (
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

// kpaSettings are those of Knative's autoscaler.
type kpaSettings struct {
	target         float64       // Demand per pod.
	stableWindow   time.Duration // Over which demand is averaged.
	panicWindow    time.Duration // Over which it is averaged in a panic.
	panicThreshold float64       // Of what ready pods can take, to begin one.
	maxUp, maxDown float64       // Factors between two decisions.
	downDelay      time.Duration // Window of which the largest wish binds.
	grace          time.Duration // Without demand, before scaling to zero.
}

// kpaTick is how often Knative decides.
const kpaTick = 2 * time.Second

// readKPA reads the overrides. The defaults are those of Knative Serving
// (config/core/configmaps/autoscaler.yaml), but for the target, which is 80 %
// of what a pod of the initial size serves.
func readKPA(sc *simulator.Scenario, s *settings) kpaSettings {
	k := kpaSettings{target: readTarget(sc, s)}
	k.stableWindow = s.span("stableWindow", time.Minute, 6*time.Second, time.Hour)
	share := s.number("panicWindowPercentage", 10, 1, 100) / 100
	k.panicWindow = time.Duration(share * float64(k.stableWindow))
	k.panicThreshold = s.number("panicThresholdPercentage", 200, 110, 1000) / 100
	k.maxUp = s.number("maxScaleUpRate", 1000, 1.01, 1e6)
	k.maxDown = s.number("maxScaleDownRate", 2, 1.01, 1e6)
	k.downDelay = s.duration("scaleDownDelay", 0)
	k.grace = s.duration("scaleToZeroGracePeriod", 30*time.Second)
	return k
}

func buildKPA(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
	k := readKPA(sc, s)
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	// Between two ends of steps nothing new is known: the tick is rounded up
	// to whole steps.
	every := sc.Step
	for every < kpaTick {
		every += sc.Step
	}
	return simulator.Policy{Name: "kpa", Every: every, New: func(setup simulator.Setup) (simulator.Decider, error) {
		return &kpa{k: k, sc: setup.Scenario}, nil
	}}, nil
}

// kpa is the Knative Pod Autoscaler (pkg/autoscaler/scaling/autoscaler.go of
// knative/serving) on demand per pod. With s and p the demand averaged over
// the stable and the panic window, and r the ready pods,
//
//	stable = clamp(ceil(s/target), floor(r/maxDown), ceil(maxUp·r))
//	panic  = clamp(ceil(p/target), floor(r/maxDown), ceil(maxUp·r))
//
// it wants stable, until ceil(p/target)/r reaches the panic threshold. From
// then, and until a stable window after it last did, it wants the larger of
// both and never less than it has wanted before.
//
// Metrics are those of steps: the panic window holds the last one at least.
type kpa struct {
	k       kpaSettings
	sc      simulator.Scenario
	samples []kpaSample // Oldest first.
	wishes  []hpaWish   // Of the scale-down delay.
	panic   time.Time   // When demand was last above the threshold, zero for no panic.
	most    int         // Wanted in this panic.
	idle    time.Time   // Since when no pod is wanted, zero if one is.
}

// kpaSample is the mean demand of the step that ended at the instant.
type kpaSample struct {
	at     time.Time
	demand float64
}

// Decide changes replicas only. Without metrics nothing changes.
func (d *kpa) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	if v, ok := demandOf(&d.sc, o); ok {
		d.samples = append(d.samples, kpaSample{o.Now, v})
	}
	for len(d.samples) > 0 && !d.samples[0].at.After(o.Now.Add(-d.k.stableWindow)) {
		d.samples = d.samples[1:]
	}
	if len(d.samples) == 0 {
		return a
	}
	want := d.delayed(o.Now, d.want(o))
	if want > 0 {
		d.idle = time.Time{}
	} else if d.idle.IsZero() {
		d.idle = o.Now
	}
	if want == 0 && o.Now.Before(d.idle.Add(d.k.grace)) {
		want = min(1, o.Desired)
	}
	a.Replicas = want
	return a
}

// mean is the demand averaged over the window that ends now, of the last step
// at least.
func (d *kpa) mean(now time.Time, window time.Duration) float64 {
	sum, n := 0.0, 0.0
	for _, s := range slices.Backward(d.samples) {
		if n > 0 && !s.at.After(now.Add(-window)) {
			break
		}
		sum += s.demand
		n++
	}
	return sum / n
}

// want is the number of pods wanted before the scale-down delay.
func (d *kpa) want(o simulator.Observation) int {
	ready := math.Max(1, float64(o.Ready))
	most, least := math.Ceil(d.k.maxUp*ready), math.Floor(ready/d.k.maxDown)
	clamp := func(v float64) int { return ceilReplicas(math.Min(math.Max(v, least), most)) }
	inPanic := math.Ceil(d.mean(o.Now, d.k.panicWindow) / d.k.target)
	want := clamp(math.Ceil(d.mean(o.Now, d.k.stableWindow) / d.k.target))
	switch {
	case inPanic/ready >= d.k.panicThreshold:
		d.panic = o.Now
	case !d.panic.IsZero() && d.panic.Add(d.k.stableWindow).Before(o.Now):
		d.panic, d.most = time.Time{}, 0
	}
	if d.panic.IsZero() {
		return want
	}
	d.most = max(d.most, want, clamp(inPanic))
	return d.most
}

// delayed is the largest wish of the scale-down delay.
func (d *kpa) delayed(now time.Time, want int) int {
	if d.k.downDelay == 0 {
		return want
	}
	d.wishes = append(d.wishes, hpaWish{now, want})
	for !d.wishes[0].at.After(now.Add(-d.k.downDelay)) {
		d.wishes = d.wishes[1:]
	}
	for _, w := range d.wishes {
		want = max(want, w.replicas)
	}
	return want
}
