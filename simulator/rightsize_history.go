package simulator

import (
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// minuteStep is what measurements are averaged over, and seriesStep the
	// step of the series that forecasts are made from: what matters of five
	// minutes is their largest minute.
	minuteStep = time.Minute
	seriesStep = 5 * time.Minute
	// historySpan is how much of a series is kept, as in the collector.
	historySpan = 14 * 24 * time.Hour
	// relationSpan is the number of five-minute samples that the relation of
	// CPU to demand is fitted to: two days.
	relationKept = int(2 * 24 * time.Hour / seriesStep)
	// recentMinutes is how many minutes recommender.Usage.Recent looks back.
	recentMinutes = 15
	// outcomeSpan is what recommender.Outcome looks back.
	outcomeSpan = 15 * time.Minute
	// throttleSpan is what recommender.Container.ThrottledRatio looks back.
	throttleSpan = time.Hour
)

// rightsizeHistory is what a metrics store would hold of the workload.
type rightsizeHistory struct {
	demand, cpu, memory, pods track
	prompt, output            track     // Tokens of a mean request.
	seen                      time.Time // End of the newest step.
	minute, five              time.Time // Ends of those under way.

	throttled     []float64 // Share of pods at their ceiling, by step.
	outcomes      []outcome // By step.
	outcomeSteps  int
	objective     Objective
	throttleSteps int
	relation      []recommender.RelationSample
	inFlight      []recommender.RelationSample // Of a pod's memory, by five minutes.
	fullest       recommender.RelationSample   // Of the five minutes under way.
	sums          recommender.RelationSample   // Of the five minutes under way.
	count         float64
	batch         *recommender.BatchLearner // Of inference services.
}

// outcome is how many requests a second missed the objective, of all, and what a
// pod that was ready served.
type outcome struct{ missed, all, perPod float64 }

// InferenceStep is what the metrics of an inference engine say of a step.
func InferenceStep(o Observation) recommender.BatchObservation {
	return recommender.BatchObservation{
		Seconds: o.Step.Seconds(), Pods: float64(o.Ready), Requests: o.ServedRate,
		PromptTokens: o.PromptTokenRate, OutputTokens: o.OutputTokenRate,
		Running: o.Running, Waiting: o.Waiting, CacheUsage: o.KVCacheUsage,
		TTFTSeconds: o.TTFTSeconds, ITLSeconds: o.ITLSeconds,
	}
}

// newBatchLearner starts from what an operator knows of an engine, the flags
// it was started with. Metrics have to tell how fast it is.
func newBatchLearner(s *InferenceService) *recommender.BatchLearner {
	return recommender.NewBatchLearner(recommender.BatchServer{
		MaxBatch: s.MaxBatch, KVCacheTokens: s.KVCacheTokens, PromptTokens: s.PromptTokens, OutputTokens: s.OutputTokens,
	}, recommender.BatchServer{})
}

// measured are the means of one step; NaN where unknown.
type measured struct{ demand, cpu, memory, pods, prompt, output float64 }

func newRightsizeHistory(s Setup) *rightsizeHistory {
	h := &rightsizeHistory{
		throttleSteps: max(1, int(throttleSpan/s.Scenario.Step)), outcomeSteps: max(1, int(outcomeSpan/s.Scenario.Step)),
		objective: s.Scenario.Objective,
	}
	for _, t := range h.tracks() {
		*t = track{peak: math.NaN(), last: math.NaN()}
	}
	h.memory.peaks, h.pods.ends = true, true
	// Items that may wait for a minute do not care for the largest one.
	h.demand.means = s.Scenario.Service.Queue != nil && s.Scenario.Objective.WaitSeconds >= minuteStep.Seconds()
	h.prompt.means, h.output.means = true, true
	if i := s.Scenario.Service.Inference; i != nil {
		h.batch = newBatchLearner(i)
	}
	past := s.History
	for i, cpu := range past.CPU.Values {
		m := measured{demand: math.NaN(), cpu: cpu, memory: past.Memory.Values[i], pods: float64(past.Replicas), prompt: math.NaN(), output: math.NaN()}
		if len(past.Demand.Values) > 0 {
			m.demand = past.Demand.Values[i]
		}
		if len(past.PromptTokens.Values) > 0 {
			m.prompt, m.output = past.PromptTokens.Values[i], past.OutputTokens.Values[i]
		}
		h.put(past.CPU.Time(i), m)
	}
	return h
}

func (h *rightsizeHistory) tracks() []*track {
	return []*track{&h.demand, &h.cpu, &h.memory, &h.pods, &h.prompt, &h.output}
}

// add keeps one observation, unless it is of a step that is held already.
func (h *rightsizeHistory) add(o Observation) {
	if !o.MetricsAt.After(h.seen) {
		return
	}
	h.judge(o)
	if h.batch != nil {
		h.batch.Observe(InferenceStep(o))
	}
	m := measured{demand: math.NaN(), cpu: math.NaN(), memory: math.NaN(), pods: float64(o.Ready), prompt: math.NaN(), output: math.NaN()}
	if o.HasDemand {
		m.demand = o.DemandRate
	}
	if o.PromptTokenRate > 0 && o.OutputTokenRate > 0 && o.ServedRate > 0 && o.DemandRate > 0 {
		m.prompt, m.output = o.PromptTokenRate/o.DemandRate, o.OutputTokenRate/o.ServedRate
	}
	running, unseen, throttled, killed := 0.0, 0.0, 0.0, 0.0
	for i := range o.Pods {
		p := &o.Pods[i]
		if p.HasMetrics {
			running++
			if p.Throttled {
				throttled++
			}
		} else if p.Ready && !p.ReadyChanged.After(o.MetricsAt.Add(-o.Step)) {
			unseen++ // Its scrape failed.
		}
		if p.LastOOMKill.After(o.Now.Add(-o.Step)) {
			killed = max(killed, float64(p.Limits.Memory))
		}
	}
	if running > 0 {
		// A container that was killed did reach its limit, whatever the
		// average says.
		m.cpu, m.memory = o.CPUCores*(running+unseen)/running, max(o.MemoryBytes, killed)
		h.throttled = append(h.throttled, throttled/running)
		if len(h.throttled) > h.throttleSteps {
			h.throttled = slices.Delete(h.throttled, 0, 1)
		}
	}
	if x := o.InFlight / float64(max(1, o.Ready)); x > h.fullest.Demand && !math.IsNaN(m.memory) && killed == 0 {
		h.fullest = recommender.RelationSample{Demand: x, Replicas: 1, CPU: m.memory}
	}
	h.put(o.MetricsAt, m)
}

// judge keeps how many requests missed an objective for each of them.
func (h *rightsizeHistory) judge(o Observation) {
	if h.objective.LatencySeconds+h.objective.TTFTSeconds+h.objective.ITLSeconds <= 0 {
		return
	}
	h.outcomes = append(h.outcomes, outcome{
		missed: o.LateRate + o.DroppedRate, all: o.ServedRate + o.DroppedRate, perPod: o.ServedRate / float64(max(1, o.Ready)),
	})
	if len(h.outcomes) > h.outcomeSteps {
		h.outcomes = slices.Delete(h.outcomes, 0, 1)
	}
}

// outcome is how well the objective was met in the last quarter of an hour; nil
// where there is none or nothing was asked for.
func (h *rightsizeHistory) outcome() *recommender.Outcome {
	var sum outcome
	for _, o := range h.outcomes {
		sum.missed, sum.all, sum.perPod = sum.missed+o.missed, sum.all+o.all, sum.perPod+o.perPod
	}
	if sum.all <= 0 {
		return nil
	}
	return &recommender.Outcome{
		ViolatedRatio: sum.missed / sum.all, WindowSeconds: outcomeSpan.Seconds(), PodRate: sum.perPod / float64(len(h.outcomes)),
	}
}

// throttledRatio is the mean share of throttled pods in the last hour.
func (h *rightsizeHistory) throttledRatio() float64 {
	sum := 0.0
	for _, v := range h.throttled {
		sum += v
	}
	return sum / float64(max(1, len(h.throttled)))
}

// put keeps the means of the step that ended at end.
func (h *rightsizeHistory) put(end time.Time, m measured) {
	h.seen = end
	if h.minute.IsZero() {
		h.minute, h.five = ceilTime(end, minuteStep), ceilTime(end, seriesStep)
		for _, t := range h.tracks() {
			t.start = h.five
		}
	}
	if end.After(h.minute) {
		h.endMinute()
		h.minute = ceilTime(end, minuteStep)
	}
	for end.After(h.five) {
		h.endFive()
		h.five = h.five.Add(seriesStep)
	}
	for i, v := range [...]float64{m.demand, m.cpu, m.memory, m.pods, m.prompt, m.output} {
		h.tracks()[i].put(v, end)
	}
	if !math.IsNaN(m.demand + m.cpu) {
		h.sums.Demand += m.demand
		h.sums.CPU += m.cpu
		h.sums.Replicas += m.pods
		h.count++
	}
}

// ceilTime is the first whole multiple of step at or after t.
func ceilTime(t time.Time, step time.Duration) time.Time {
	if down := t.Truncate(step); !down.Equal(t) {
		return down.Add(step)
	}
	return t
}

func (h *rightsizeHistory) endMinute() {
	for _, t := range h.tracks() {
		t.endMinute()
	}
}

func (h *rightsizeHistory) endFive() {
	for _, t := range h.tracks() {
		t.endFive()
	}
	if h.fullest.Demand > 0 {
		h.inFlight = append(h.inFlight, h.fullest)
		if len(h.inFlight) > relationKept {
			h.inFlight = slices.Delete(h.inFlight, 0, 1)
		}
		h.fullest = recommender.RelationSample{}
	}
	if h.count == 0 {
		return
	}
	h.relation = append(h.relation, recommender.RelationSample{
		Demand: h.sums.Demand / h.count, CPU: h.sums.CPU / h.count, Replicas: h.sums.Replicas / h.count,
	})
	if len(h.relation) > relationKept {
		h.relation = slices.Delete(h.relation, 0, 1)
	}
	h.sums, h.count = recommender.RelationSample{}, 0
}

// track is one quantity: the minute under way, the minutes before it, and a
// series of the largest of each five, of their mean, or of what was there at their
// end. A minute is the mean of its steps, or the largest of them where it is peaks that matter.
type track struct {
	peaks  bool
	means  bool
	ends   bool
	total  float64 // Of the minutes of the five under way that are known.
	known  int
	start  time.Time // End of the first five minutes.
	values []float64
	sum    float64 // Over the minute under way, or its largest.
	count  int
	peak   float64   // Of the minutes of the five under way, NaN before the first.
	recent []float64 // Minutes, oldest first.
	last   float64   // The newest step that is known, and its end.
	lastAt time.Time

	model    *forecaster.Model // Of the values, of which it has seen the first fed.
	horizons []time.Duration
	fed      int
}

func (t *track) put(v float64, end time.Time) {
	if !math.IsNaN(v) {
		t.last, t.lastAt = v, end
	}
	switch {
	case math.IsNaN(v):
	case t.peaks:
		t.sum, t.count = max(t.sum, v), 1
	default:
		t.sum += v
		t.count++
	}
}

func (t *track) endMinute() {
	v := math.NaN()
	if t.count > 0 {
		v = t.sum / float64(t.count)
	}
	if math.IsNaN(t.peak) || v > t.peak {
		t.peak = v
	}
	if !math.IsNaN(v) {
		t.total += v
		t.known++
	}
	t.recent = append(t.recent, v)
	if len(t.recent) > recentMinutes {
		t.recent = slices.Delete(t.recent, 0, 1)
	}
	t.sum, t.count = 0, 0
}

func (t *track) endFive() {
	v := t.peak
	switch {
	case t.known == 0:
	case t.means:
		v = t.total / float64(t.known)
	case t.ends:
		v = t.last
	}
	t.values = append(t.values, v)
	t.peak, t.total, t.known = math.NaN(), 0, 0
}

// forecast carries the track's model on to the end of the series and asks it.
// Without any observation the forecast is not valid.
func (t *track) forecast(o forecaster.Options) forecaster.Forecast {
	if t.model == nil || !slices.Equal(t.horizons, o.Horizons) {
		m, err := forecaster.NewModel(forecaster.Series{Start: t.start, Step: seriesStep, Values: t.values}, o)
		if err != nil {
			return forecaster.Forecast{}
		}
		t.model, t.horizons, t.fed = m, o.Horizons, len(t.values)
	}
	for _, v := range t.values[t.fed:] {
		t.model.Update(v)
	}
	t.fed = len(t.values)
	f, err := t.model.Forecast()
	if err != nil {
		return forecaster.Forecast{}
	}
	return f
}

// series is what is kept, without the five minutes under way.
func (t *track) series() forecaster.Series {
	first := max(0, len(t.values)-int(historySpan/seriesStep))
	return forecaster.Series{
		Start: t.start.Add(time.Duration(first) * seriesStep), Step: seriesStep, Values: t.values[first:],
	}
}

// renew brings the newest figures of u up to date.
func (t *track) renew(u *recommender.Usage, now time.Time) {
	if math.IsNaN(t.last) {
		return
	}
	u.Samples = max(u.Samples, 1)
	u.AgeSeconds = now.Sub(t.lastAt).Seconds()
	u.Last = t.last
	u.Recent = t.last
	for _, v := range t.recent {
		if v > u.Recent { // False for a gap.
			u.Recent = v
		}
	}
	u.Peak = max(u.Peak, u.Recent)
	if u.Mean == 0 {
		u.Mean = t.last
	}
}
