package baseline

import (
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

// kedaSettings are those of a ScaledObject with one Prometheus trigger.
type kedaSettings struct {
	target     float64       // threshold: demand per pod.
	polling    time.Duration // pollingInterval.
	cooldown   time.Duration // cooldownPeriod, before scaling to zero.
	activation float64       // activationThreshold: demand above it wakes.
	ignoreNull bool          // ignoreNullValues: no value counts as zero.
	hpa        HPAOptions    // Of the HPA that KEDA makes.
}

// readKEDA reads the overrides. The defaults are those of KEDA v2.20
// (apis/keda/v1alpha1/withtriggers_types.go, pkg/scaling/executor/
// scale_executor.go, pkg/scalers/prometheus_scaler.go).
func readKEDA(sc *simulator.Scenario, s *settings) kedaSettings {
	const most = 1e12
	k := kedaSettings{target: readTarget(sc, s), hpa: DefaultHPA()}
	k.polling = s.duration("pollingInterval", 30*time.Second)
	k.cooldown = s.duration("cooldownPeriod", 5*time.Minute)
	k.activation = s.number("activationThreshold", 0, 0, most)
	k.ignoreNull = s.flag("ignoreNullValues", true)
	hpaFlags(s, &k.hpa)
	return k
}

func buildKEDA(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
	k := readKEDA(sc, s)
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	return simulator.Policy{Name: "keda", Every: k.hpa.Sync, New: func(setup simulator.Setup) (simulator.Decider, error) {
		return newKEDA(k, setup.Scenario), nil
	}}, nil
}

// keda is KEDA with a Prometheus trigger on demand: its operator switches
// between zero and one, and the HPA that it makes scales from one on by the
// metric type AverageValue, ceil(demand/threshold).
//
// The query is made every polling interval and its value used until the next,
// as with useCachedMetrics. An empty result counts as zero by default, as
// upstream; that of a series which is missing for less than five minutes is not
// empty.
type keda struct {
	k        kedaSettings
	sc       simulator.Scenario
	scale    *hpaScale
	nextPoll time.Time
	value    float64
	known    bool
	seen     time.Time // When demand was last known.
	active   time.Time // When demand was last above the activation threshold.
}

func newKEDA(k kedaSettings, sc simulator.Scenario) *keda {
	bounds := sc.Bounds
	bounds.MinReplicas = max(1, bounds.MinReplicas) // An HPA's least is one.
	return &keda{k: k, sc: sc, scale: newHPAScale(k.hpa, bounds)}
}

// Decide changes replicas only.
func (d *keda) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	d.poll(o)
	switch {
	case o.Desired == 0:
		if d.known && d.value > d.k.activation {
			a.Replicas = max(1, d.sc.Bounds.MinReplicas)
		}
	case d.sc.Bounds.MinReplicas == 0 && d.known && d.value <= d.k.activation && o.Now.After(d.active.Add(d.k.cooldown)):
		a.Replicas = 0
	default:
		a.Replicas = d.scale.next(o.Now, o.Desired, func() (int, bool) {
			return averageReplicas(o.Desired, d.value, d.k.target, d.scale.down, d.scale.up), d.known
		})
	}
	return a
}

// kedaLookback is how long a query finds a series that is not scraped any
// more: Prometheus' default (--query.lookback-delta).
const kedaLookback = 5 * time.Minute

// query takes the newest demand that is known, if it is not too old. A query
// that nobody answers is an error, on which the HPA does nothing.
func (d *keda) query(o simulator.Observation) {
	v, ok := demandOf(&d.sc, o)
	switch {
	case ok:
		d.value, d.known, d.seen = v, true, o.Now
	case o.MetricsAt.IsZero():
		d.known = false
	case d.seen.IsZero() || o.Now.Sub(d.seen) > kedaLookback:
		d.value, d.known = 0, d.k.ignoreNull
	}
}

// poll makes the query where it is due.
func (d *keda) poll(o simulator.Observation) {
	if d.active.IsZero() {
		d.active = o.Now
	}
	if !o.Now.Before(d.nextPoll) {
		d.nextPoll = o.Now.Add(d.k.polling)
		d.query(o)
	}
	if d.known && d.value > d.k.activation {
		d.active = o.Now
	}
}
