package baseline

import (
	"math"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

// phpaSettings are those of a PredictiveHorizontalPodAutoscaler with one
// Holt-Winters model.
type phpaSettings struct {
	hpa                HPAOptions
	alpha, beta, gamma float64
	season             int // seasonalPeriods, in runs of the model.
	seasons            int // storedSeasons.
	every              int // perSyncPeriod: syncs between two runs.
}

// readPHPA reads the overrides. Upstream has no defaults for the model: the
// smoothing is that of its own example (0.9 each), the season a day of one run
// a minute.
func readPHPA(s *settings) phpaSettings {
	p := phpaSettings{hpa: DefaultHPA()}
	// internal/controllers/controller.go; its documentation says 300 s.
	p.hpa.InitializationPeriod = 30 * time.Second
	up := []HPAPolicy{{Value: 4, Period: time.Minute}, {Percent: true, Value: 100, Period: time.Minute}}
	down := []HPAPolicy{{Percent: true, Value: 100, Period: time.Minute}}
	p.hpa.TargetPercent = int64(s.number("targetUtilizationPercent", float64(p.hpa.TargetPercent), 1, 1000))
	hpaFlags(s, &p.hpa)
	if p.hpa.Behavior == nil {
		b := upstreamBehavior(p.hpa.Tolerance, p.hpa.DownStabilization)
		b.Up.Policies, b.Down.Policies = up, down
		p.hpa.Behavior = &b
	}
	const example = 0.9
	p.alpha = s.number("alpha", example, 0, 1)
	p.beta = s.number("beta", example, 0, 1)
	p.gamma = s.number("gamma", example, 0, 1)
	p.season = s.whole("seasonalPeriods", int(day/time.Minute), 2, 100_000)
	p.seasons = s.whole("storedSeasons", 4, 2, 100)
	p.every = s.whole("perSyncPeriod", int(time.Minute/p.hpa.Sync), 1, 10_000)
	return p
}

func buildPHPA(_ *simulator.Scenario, s *settings) (simulator.Policy, error) {
	p := readPHPA(s)
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	return simulator.Policy{Name: "phpa", Every: p.hpa.Sync, New: func(setup simulator.Setup) (simulator.Decider, error) {
		return newPHPA(p, setup), nil
	}}, nil
}

// phpa is the Predictive Horizontal Pod Autoscaler (jthomperoo): it keeps what
// an HPA would have wanted, smooths that series of replicas by Holt and
// Winters, and takes the larger of the HPA's wish and the smoothed series'
// next value, rounded up. Since the HPA's wish depends on what was decided
// before, its forecast is of its own past decisions too.
//
// Here the model's series has one value a run and not one a sync, and begins
// with what the HPA would have wanted over the warm-up.
type phpa struct {
	p      phpaSettings
	hpa    *HPA
	series []float64
	syncs  int
	model  int // The last forecast.
}

func newPHPA(p phpaSettings, setup simulator.Setup) *phpa {
	d := &phpa{p: p, hpa: NewHPA(p.hpa, setup.Scenario.Bounds, setup.Start)}
	h := setup.History
	run := time.Duration(p.every) * p.hpa.Sync
	var next time.Time
	for i, cores := range h.CPU.Values {
		at := h.CPU.Time(i)
		if h.Replicas == 0 || at.Before(next) || math.IsNaN(cores) {
			continue
		}
		next = at.Add(run)
		ratio := percentRatio(int64(cores*1000), int64(h.Replicas)*int64(h.Requests.CPU), p.hpa.TargetPercent)
		d.keep(float64(ceilReplicas(ratio * float64(h.Replicas))))
	}
	return d
}

// keep adds to the series and drops whole seasons that are too old.
func (d *phpa) keep(v float64) {
	d.series = append(d.series, v)
	if len(d.series) >= (d.p.seasons+1)*d.p.season {
		d.series = append(d.series[:0], d.series[d.p.season:]...)
	}
}

// Decide changes replicas only.
func (d *phpa) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	a.Replicas = d.hpa.scale.next(o.Now, o.Desired, func() (int, bool) {
		n, ok := d.hpa.utilization(o)
		if !ok {
			return n, false
		}
		n = max(d.hpa.scale.bounds.MinReplicas, min(n, d.hpa.scale.bounds.MaxReplicas))
		if d.syncs%d.p.every == 0 {
			d.keep(float64(n))
			d.model = d.forecast()
		}
		d.syncs++
		return max(n, d.model), true
	})
	return a
}

// forecast is the model's, 0 as long as the series is too short.
func (d *phpa) forecast() int {
	m := d.p.season
	if len(d.series) < max(2*m, 10+2*(m/2)) {
		return 0
	}
	v := holtWinters(d.series, m, d.p.alpha, d.p.beta, d.p.gamma)
	return min(ceilReplicas(v), d.hpa.scale.bounds.MaxReplicas)
}

// holtWinters is the forecast one step after the end of y by additive triple
// exponential smoothing,
//
//	l(t) = α(y(t) - s(t-m)) + (1-α)(l(t-1) + b(t-1))
//	b(t) = β(l(t) - l(t-1)) + (1-β)b(t-1)
//	s(t) = γ(y(t) - l(t-1) - b(t-1)) + (1-γ)s(t-m)
//	ŷ    = l + b + s(t+1-m)
//
// that begins with the means of the first two seasons of length m: level
// l = mean of the first, trend b = their difference over m, season s = the
// first season less its mean. Winters (1960); statsmodels, which upstream
// calls, begins in the same way. It must hold two seasons.
func holtWinters(y []float64, m int, alpha, beta, gamma float64) float64 {
	first, second := 0.0, 0.0
	for i := range m {
		first += y[i] / float64(m)
		second += y[m+i] / float64(m)
	}
	level, trend := first, (second-first)/float64(m)
	season := make([]float64, m)
	for i := range season {
		season[i] = y[i] - first
	}
	for t, v := range y {
		i := t % m
		before := level + trend
		next := alpha*(v-season[i]) + (1-alpha)*before
		trend = beta*(next-level) + (1-beta)*trend
		season[i] = gamma*(v-before) + (1-gamma)*season[i]
		level = next
	}
	return level + trend + season[len(y)%m]
}
