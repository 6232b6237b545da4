// Package snapshot turns what was collected about a workload into what a
// decision depends on. It is the only place that knows both.
package snapshot

import (
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// throttledSpan is what the throttled ratio is averaged over.
	throttledSpan = time.Hour
	// imbalanceSpan is what the difference between pods is taken from.
	imbalanceSpan = 7 * 24 * time.Hour
	// rateLeast is the least span that rates are over, unless settings say
	// otherwise.
	rateLeast = 5 * time.Minute
	// quantile95 is the quantile of a pod's usage that counts as its most.
	quantile95 = 0.95
)

// plotHorizons are forecast beside those that the decision looks at, so that
// people see further than the next decision.
func plotHorizons() []time.Duration {
	return []time.Duration{15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}
}

// Option changes how [Build] works.
type Option func(*builder)

// Light makes the forecasts those of forecaster.Options.Light, as the controller
// does for thousands of workloads. Equal histories give equal snapshots in each
// of the modes, not across them.
func Light() Option { return func(b *builder) { b.light = true } }

// builder is what the parts of a snapshot have in common.
type builder struct {
	now      time.Time
	horizons []time.Duration
	light    bool
}

// summarize is recommender.Summarize with the forecast that was asked for.
func (b *builder) summarize(s forecaster.Series) recommender.Usage {
	return b.forecast(recommender.Describe(s, b.now), s)
}

// memory is recommender.SummarizeMemory with the forecast that was asked for.
func (b *builder) memory(s forecaster.Series) recommender.Usage {
	return b.forecast(recommender.DescribeMemory(s, b.now), s)
}

func (b *builder) forecast(u recommender.Usage, s forecaster.Series) recommender.Usage {
	if u.Samples == 0 {
		return u
	}
	if f, err := forecaster.Predict(s.Until(b.now), forecaster.Options{Horizons: b.horizons, Light: b.light}); err == nil {
		u.Forecast = f
	}
	return u
}

// Build returns the snapshot of a workload at now under a policy. Replicas are
// left as they are where pods keep state or where no demand is known that
// would tell how many are needed, and are not lowered below two where there
// are two, unless the policy sets its own minimum.
func Build(w collector.Workload, now time.Time, p recommender.Policy, options ...Option) recommender.Snapshot {
	b := &builder{now: now}
	for _, o := range options {
		o(b)
	}
	s := recommender.Snapshot{
		APIVersion: recommender.APIVersion, Kind: recommender.SnapshotKind,
		Now: now.UTC(), Workload: w.ID, Policy: p, Facts: slices.Clone(w.Facts),
		Replicas: recommender.Replicas{
			Desired: lastCount(w.Desired, now), Ready: lastCount(w.Ready, now), StartupSeconds: w.StartupSeconds,
		},
	}
	if s.Replicas.Desired == 0 && len(w.Desired.Values) == 0 {
		s.Replicas.Desired = s.Replicas.Ready
	}
	if p.Horizontal.Min == 0 {
		s.Policy.Horizontal.Min = max(1, min(2, s.Replicas.Desired))
	}
	b.horizons = append(plotHorizons(), recommender.Horizons(s, step(w))...)
	slices.Sort(b.horizons)
	b.horizons = slices.Compact(b.horizons)
	s.Demand = b.demand(w)
	b.inference(&s, w)
	for _, c := range w.Containers {
		s.Containers = append(s.Containers, b.container(w, c))
	}
	s.GPU = b.gpuActivity(w, s)
	s.Outcome = outcome(w, p.Objective, s.Replicas.Ready)
	known := s.Demand != nil && s.Demand.Relation.Valid || s.Batch != nil || s.GPU != nil && s.GPU.Follows
	if !known || w.ID.Kind == "StatefulSet" {
		s.Policy.Horizontal.Fixed = true
	}
	return s
}

// Facts returns those about one workload, and those of the data as a whole that
// keep a decision from lowering anything: partial data, and no CPU or memory at
// all.
func Facts(whole, own []recommender.Fact) []recommender.Fact {
	facts := slices.Clone(own)
	for _, f := range whole {
		missing := f.Code == recommender.FactMissing && (f.Signal == "" || f.Signal == "cpu" || f.Signal == "memory")
		if (missing || f.Code == recommender.FactPartial) && !slices.Contains(facts, f) {
			facts = append(facts, f)
		}
	}
	return facts
}

// step is that of the series of usage.
func step(w collector.Workload) time.Duration {
	for _, c := range w.Containers {
		if c.CPU.Step > 0 {
			return c.CPU.Step
		}
	}
	return 0
}

// lastCount is the newest number of pods at now, 0 where unknown.
func lastCount(s forecaster.Series, now time.Time) int {
	v, _, ok := s.Until(now).Last()
	if !ok {
		return 0
	}
	return int(math.Round(v))
}

func (b *builder) container(w collector.Workload, c collector.Container) recommender.Container {
	now := b.now
	out := recommender.Container{
		Name: c.Name, Requests: c.Requests, Limits: c.Limits,
		OOMKills: c.OOMKills, FirstOOMKill: c.FirstOOMKill, LastOOMKill: c.LastOOMKill, OOMLimit: c.OOMLimit, Restarts: c.Restarts, GPUs: c.GPUs, Sidecar: c.Sidecar,
		CPU: b.summarize(c.CPU),
	}
	out.CPU.Imbalance = imbalance(c, w.Ready, now)
	if p95 := quantile(c.CPUMaxPod.Until(now).Values, quantile95); !math.IsNaN(p95) {
		out.CPU.PodP95 = p95
	}
	memory := c.Memory.Until(now)
	if w.ID.Scalable() {
		memory, out.MemoryShare = recommender.ShareMemory(memory, w.Ready, max(1, lastCount(w.Ready, now)))
	}
	out.Memory = b.memory(memory)
	out.MemoryInFlight = memoryInFlight(w, c.Memory.Until(now))
	out.PageCache = max(0, c.UsageWithCache-out.Memory.Last)
	if c.UsageWithCache == 0 || out.Memory.Samples == 0 {
		out.PageCache = 0
	}
	out.Runtime = runtime(c.Runtime, now)
	if w.ID.Batch() {
		out.Runs = runs(w, c.Name)
	} else {
		out.Startup = startup(c.StartCPU.Until(now), w.StartupSeconds)
	}
	if r := mean(c.Throttled.Until(now).Tail(throttledSpan).Values); !math.IsNaN(r) {
		out.ThrottledRatio = min(max(r, 0), 1)
	}
	return out
}

// imbalance is the 0.95 quantile of the largest pod over the mean pod, while
// the workload used more than a hundredth of a core a pod; 0 where unknown.
func imbalance(c collector.Container, ready forecaster.Series, now time.Time) float64 {
	biggest, total := c.CPUMaxPod.Until(now).Tail(imbalanceSpan), c.CPU
	var ratios []float64
	for i, v := range biggest.Values {
		t := biggest.Time(i)
		sum, pods := at(total, t), at(ready, t)
		if pods < 1 || math.IsNaN(v) || !(sum/pods > 0.01) {
			continue
		}
		ratios = append(ratios, min(max(v*pods/sum, 1), pods))
	}
	q := quantile(ratios, quantile95)
	if math.IsNaN(q) {
		return 0
	}
	return q
}

// demand is the first signal of the catalogue's order that tells how much work
// arrives, with the relation of the workload's CPU to it; nil where there is
// none.
func (b *builder) demand(w collector.Workload) *recommender.Demand {
	i := slices.IndexFunc(w.Signals, func(s collector.Signal) bool {
		return s.Role == collector.RoleDemand && s.Series.Until(b.now).Observed() > 0
	})
	if i < 0 {
		return nil
	}
	return b.demandBy(w.Signals[i], w)
}

// demandBy is the demand that a signal tells of.
func (b *builder) demandBy(sig collector.Signal, w collector.Workload) *recommender.Demand {
	d := &recommender.Demand{
		Signal: sig.Name, Unit: sig.Unit,
		Usage:    b.summarize(sig.Series),
		Relation: recommender.FitRelation(samples(w, sig.Series.Until(b.now))),
		Counting: counting(sig),
	}
	for _, q := range w.Signals {
		if q.Role == collector.RoleQueue {
			if v, _, ok := q.Series.Until(b.now).Last(); ok {
				d.Backlog = max(d.Backlog, v)
			}
		}
	}
	return d
}

// counting says what a signal was counted over, where it counts what arrives
// one by one: rates are over the step, and over five minutes at least.
func counting(sig collector.Signal) recommender.Counting {
	switch sig.Unit {
	case "requests/s", "jobs/s":
		return recommender.Counting{Seconds: max(sig.Series.Step, rateLeast).Seconds()}
	default:
		return recommender.Counting{}
	}
}

// samples pairs demand with pods and CPU at the same instants.
func samples(w collector.Workload, demand forecaster.Series) []recommender.RelationSample {
	out := make([]recommender.RelationSample, 0, len(demand.Values))
	for i, v := range demand.Values {
		t := demand.Time(i)
		cpu := 0.0
		for _, c := range w.Containers {
			cpu += at(c.CPU, t)
		}
		out = append(out, recommender.RelationSample{Demand: v, Replicas: at(w.Ready, t), CPU: cpu})
	}
	return out
}

// at is the value at an instant, NaN where there is none.
func at(s forecaster.Series, t time.Time) float64 {
	if s.Step <= 0 || t.Before(s.Start) {
		return math.NaN()
	}
	i := int(t.Sub(s.Start) / s.Step)
	if i >= len(s.Values) {
		return math.NaN()
	}
	return s.Values[i]
}

// quantile is the empirical quantile of the values that are not NaN, NaN where
// there is none.
func quantile(values []float64, level float64) float64 {
	kept := make([]float64, 0, len(values))
	for _, v := range values {
		if !math.IsNaN(v) {
			kept = append(kept, v)
		}
	}
	if len(kept) == 0 {
		return math.NaN()
	}
	slices.Sort(kept)
	return kept[min(len(kept)-1, int(level*float64(len(kept))))]
}

func mean(values []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}
