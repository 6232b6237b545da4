package baseline

import (
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

// craneSettings are those of an EffectiveHorizontalPodAutoscaler with a
// prediction.
type craneSettings struct {
	hpa     HPAOptions
	history time.Duration // historyLength of the prediction.
	horizon time.Duration // Over which the largest predicted value counts.
}

const (
	// craneInterval is how often Crane looks at its history anew
	// (queryInterval), craneSample the distance of the samples.
	craneInterval = 12 * time.Hour
	craneSample   = time.Minute
	// craneHistory and craneHorizon are the defaults.
	craneHistory = 15 * 24 * time.Hour
	craneHorizon = time.Hour
)

func buildCrane(_ *simulator.Scenario, s *settings) (simulator.Policy, error) {
	c := craneSettings{
		hpa:     hpaOptions(s),
		history: s.span("historyLength", craneHistory, 2*day, 4*craneHistory),
		horizon: s.span("predictionWindow", craneHorizon, craneSample, day),
	}
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	return simulator.Policy{Name: "crane", Every: c.hpa.Sync, New: func(setup simulator.Setup) (simulator.Decider, error) {
		return newCrane(c, setup), nil
	}}, nil
}

// crane is Crane's EffectiveHorizontalPodAutoscaler (gocrane/crane, pkg/
// controller/ehpa/hpa.go): an HPA on CPU utilisation with one more metric, the
// largest CPU that the DSP algorithm predicts for the next hour, of which each
// pod is to get the target percentage of its request. The HPA takes the larger
// recommendation. Where DSP finds no period there is no such metric, and what
// remains is an HPA.
type crane struct {
	c        craneSettings
	hpa      *HPA
	minutes  minuteMeans // CPU of all pods in cores.
	next     time.Time   // When the history is looked at again.
	seed     uint64
	start    time.Time
	forecast []float64 // Of each minute after from; nil for none.
	from     time.Time
}

func newCrane(c craneSettings, setup simulator.Setup) *crane {
	d := &crane{c: c, hpa: NewHPA(c.hpa, setup.Scenario.Bounds, setup.Start), seed: setup.Scenario.Seed, start: setup.Start}
	d.minutes.keep = int(c.history / craneSample)
	h := setup.History.CPU
	for i, v := range h.Values {
		d.minutes.add(h.Time(i), v)
	}
	return d
}

// Decide changes replicas only.
func (d *crane) Decide(o simulator.Observation) simulator.Action {
	if slices.ContainsFunc(o.Pods, func(p simulator.PodObservation) bool { return p.HasMetrics }) {
		d.minutes.add(stepEnd(o, d.start), o.CPUCores)
	}
	if !o.Now.Before(d.next) {
		d.next = o.Now.Add(craneInterval)
		d.from = d.minutes.last
		d.forecast = dspForecast(d.minutes.newest(), d.seed)
	}
	a := o.Keep()
	a.Replicas = d.hpa.scale.next(o.Now, o.Desired, func() (int, bool) { return d.wish(o) })
	return a
}

// wish is the larger of the two metrics' recommendations. Where one of them is
// unknown, the other may only scale up.
func (d *crane) wish(o simulator.Observation) (int, bool) {
	n, ok := d.hpa.utilization(o)
	most, known := d.predicted(o.Now)
	if !known {
		return n, ok
	}
	target := o.Template.CPU.Cores() * float64(d.c.hpa.TargetPercent) / 100
	ahead := averageReplicas(o.Desired, most, target, d.hpa.scale.down, d.hpa.scale.up)
	if !ok {
		return ahead, ahead > o.Desired
	}
	return max(n, ahead), true
}

// predicted is the largest value of the forecast within the horizon.
func (d *crane) predicted(now time.Time) (float64, bool) {
	most, known := 0.0, false
	for i, v := range d.forecast {
		at := d.from.Add(time.Duration(i+1) * craneSample)
		if at.Before(now.Truncate(craneSample)) {
			continue
		}
		if at.After(now.Add(d.c.horizon)) {
			break
		}
		most, known = max(most, v), true
	}
	return most, known
}

// minuteMeans turns means over steps into means over minutes. A step that is
// longer than a minute stands for all of its minutes.
type minuteMeans struct {
	values []float64
	keep   int       // How many at most.
	last   time.Time // End of the last one.
	sum, n float64   // Of the minute under way.
	seen   time.Time
}

// add takes the mean of the step that ended at the instant; one that is not
// later than the last is left out.
func (m *minuteMeans) add(at time.Time, v float64) {
	if !at.After(m.seen) || math.IsNaN(v) {
		return
	}
	if m.last.IsZero() {
		m.last = at.Add(-1).Truncate(craneSample)
	}
	m.seen = at
	m.sum, m.n = m.sum+v, m.n+1
	mean := m.sum / m.n
	for !at.Before(m.last.Add(craneSample)) {
		m.last = m.last.Add(craneSample)
		m.values = append(m.values, mean)
		m.sum, m.n = 0, 0
	}
	if over := len(m.values) - 2*m.keep; m.keep > 0 && over > 0 { // Now and then.
		m.values = append(m.values[:0], m.values[len(m.values)-m.keep:]...)
	}
}

// newest are the last values, as many as are to be kept.
func (m *minuteMeans) newest() []float64 { return m.values[max(0, len(m.values)-m.keep):] }
