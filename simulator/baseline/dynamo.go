package baseline

import (
	"math"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

// dynamoSettings are those of NVIDIA Dynamo's planner for one pool of engines.
type dynamoSettings struct {
	kvUp, kvDown       float64 // Use of the KV cache, with what waits for it.
	queueUp, queueDown float64 // Prompts that wait, in contexts.
	load, throughput   time.Duration
	predictive         bool
	qLevel, qTrend, r  float64 // Of the Kalman filter.
	points             int     // Seen before it predicts.
	late               float64 // Share that may miss the objectives.
}

// readDynamo reads the overrides. The defaults are those of the planner
// (components/src/dynamo/planner config/defaults.py, core/load_scaling.py),
// whose loops run every 5 and 180 s and whose thresholds depend on what it is
// told to optimise.
func readDynamo(sc *simulator.Scenario, s *settings) dynamoSettings {
	d := dynamoSettings{kvUp: 1, kvDown: 0.6, queueUp: 1, queueDown: 0.1, late: 1 - sc.Objective.Percentile}
	if s.text("optimizationTarget", "throughput", "throughput", "latency") == "latency" {
		d.kvUp, d.kvDown, d.queueUp, d.queueDown = 0.4, 0.1, 0.1, 0
	}
	d.kvUp = s.number("kvCacheScaleUp", d.kvUp, 0, 100)
	d.kvDown = s.number("kvCacheScaleDown", d.kvDown, 0, 100)
	if d.kvDown > d.kvUp {
		s.fail("kvCacheScaleDown", "must not be above kvCacheScaleUp, got %v and %v", d.kvDown, d.kvUp)
	}
	d.load = s.span("loadInterval", 5*time.Second, time.Second, time.Hour)
	d.throughput = s.span("throughputInterval", 180*time.Second, time.Second, time.Hour)
	d.predictive = s.flag("predictive", true)
	d.qLevel = s.number("kalmanQLevel", 1, 0, 1e6)
	d.qTrend = s.number("kalmanQTrend", 0.1, 0, 1e6)
	d.r = s.number("kalmanR", 10, 1e-9, 1e9)
	d.points = s.whole("kalmanMinPoints", 5, 1, 10_000)
	return d
}

func buildDynamo(sc *simulator.Scenario, s *settings) (simulator.Policy, error) {
	if sc.Service.Inference == nil {
		return simulator.Policy{}, inferenceOnly(Dynamo)
	}
	d := readDynamo(sc, s)
	if s.err != nil {
		return simulator.Policy{}, s.err
	}
	return simulator.Policy{Name: Dynamo, New: func(setup simulator.Setup) (simulator.Decider, error) {
		return newDynamo(d, setup), nil
	}}, nil
}

// dynamo is like NVIDIA Dynamo's planner for engines that do prefill and
// decode. Its load loop adds a replica when any engine's KV cache use or queue
// of prompts is above a threshold, and removes one when all are below lower
// ones, never while a change is under way. Its throughput loop predicts the
// request rate of the next interval and asks for
//
//	ceil(rate / what an engine serves at the objective)
//
// replicas, below which the load loop does not go. Of upstream's predictors it
// takes the Kalman filter, not the default ARIMA, whose order is chosen by a
// search in another library; what an engine serves comes from the model of the
// engine instead of a profile, at the tokens a request had lately.
type dynamo struct {
	d       dynamoSettings
	sc      simulator.Scenario
	filter  kalman
	least   int // Of the throughput loop.
	sum, n  float64
	prompts float64 // Tokens over the interval.
	outputs float64
	load    time.Time
	predict time.Time
}

func newDynamo(d dynamoSettings, setup simulator.Setup) *dynamo {
	out := &dynamo{d: d, sc: setup.Scenario, filter: kalman{qLevel: d.qLevel, qTrend: d.qTrend, r: d.r}}
	h := setup.History.Demand
	for i := range h.Values { // One observation an interval, as if it had run.
		out.sum, out.n = out.sum+h.Values[i], out.n+1
		if out.n*h.Step.Seconds() >= d.throughput.Seconds() {
			out.filter.update(out.sum / out.n)
			out.sum, out.n = 0, 0
		}
	}
	out.sum, out.n = 0, 0
	return out
}

// Decide changes replicas only.
func (d *dynamo) Decide(o simulator.Observation) simulator.Action {
	a := o.Keep()
	if d.predict.IsZero() {
		d.predict, d.load = o.Now.Add(d.d.throughput), o.Now
	}
	if o.HasDemand && !math.IsNaN(o.DemandRate) {
		d.sum, d.n = d.sum+o.DemandRate, d.n+1
		d.prompts, d.outputs = d.prompts+o.PromptTokenRate, d.outputs+o.OutputTokenRate
	}
	if d.d.predictive && !o.Now.Before(d.predict) {
		d.predict = o.Now.Add(d.d.throughput)
		d.plan()
	}
	if !o.Now.Before(d.load) {
		d.load = o.Now.Add(d.d.load)
		if o.Ready >= o.Desired {
			a.Replicas = o.Desired + d.step(o)
		}
	}
	a.Replicas = max(a.Replicas, d.least, 1)
	return a
}

// plan is the throughput loop.
func (d *dynamo) plan() {
	if d.n == 0 {
		return
	}
	mean := d.sum / d.n
	d.filter.update(mean)
	s := d.sc.Service.Inference
	prompt, output := s.PromptTokens, s.OutputTokens
	if d.sum > 0 && d.prompts > 0 && d.outputs > 0 {
		prompt, output = max(1, d.prompts/d.sum), max(1, d.outputs/d.sum)
	}
	d.sum, d.n, d.prompts, d.outputs = 0, 0, 0, 0
	rate := mean
	if d.filter.seen >= d.d.points {
		rate = max(0, d.filter.predict())
	}
	served := batchServer(s, prompt, output).Capacity(d.sc.Objective.TTFTSeconds, d.sc.Objective.ITLSeconds, d.d.late)
	if served > 0 {
		d.least = ceilReplicas(rate / served)
	}
}

// step is the load loop: by how many replicas to change, one at most.
func (d *dynamo) step(o simulator.Observation) int {
	up, down, known := false, true, false
	s := d.sc.Service.Inference
	each := (s.PromptTokens + s.OutputTokens) / s.KVCacheTokens // Of a request that waits.
	for i := range o.Pods {
		p := &o.Pods[i]
		if !p.Ready || !p.HasMetrics {
			continue
		}
		known = true
		kv := p.KVCacheUsage + p.Waiting*each
		up = up || kv > d.d.kvUp || p.Waiting >= d.d.queueUp
		down = down && kv < d.d.kvDown && p.Waiting <= d.d.queueDown
	}
	switch {
	case !known:
		return 0
	case up:
		return 1
	case down:
		return -1
	default:
		return 0
	}
}

// kalman is a filter of a level and its trend a step: with noise of variance
// qLevel and qTrend on them and r on what is observed.
type kalman struct {
	qLevel, qTrend, r float64
	level, trend      float64
	p                 [2][2]float64 // Covariance.
	seen              int
}

// update takes one observation.
func (k *kalman) update(v float64) {
	if k.seen == 0 {
		const unsure = 1e3
		k.level, k.p = v, [2][2]float64{{unsure, 0}, {0, unsure}}
		k.seen = 1
		return
	}
	k.seen++
	p := k.p
	k.level += k.trend
	p = [2][2]float64{
		{p[0][0] + p[0][1] + p[1][0] + p[1][1] + k.qLevel, p[0][1] + p[1][1]},
		{p[1][0] + p[1][1], p[1][1] + k.qTrend},
	}
	s := p[0][0] + k.r
	gain := [2]float64{p[0][0] / s, p[1][0] / s}
	e := v - k.level
	k.level += gain[0] * e
	k.trend += gain[1] * e
	k.p = [2][2]float64{
		{(1 - gain[0]) * p[0][0], (1 - gain[0]) * p[0][1]},
		{p[1][0] - gain[1]*p[0][0], p[1][1] - gain[1]*p[0][1]},
	}
}

// predict is the next observation.
func (k *kalman) predict() float64 { return k.level + k.trend }
