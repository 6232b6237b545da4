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
	memo     *Memo
	// mark is up to when what moves slowly is forecast, markCPU up to when CPU is.
	mark, markCPU time.Time
	// others serve the demand together with the workload.
	others []Member
}

// summarize is recommender.Summarize with the forecast that was asked for, of a
// series that is known under a name.
func (b *builder) summarize(name string, s forecaster.Series) recommender.Usage {
	u := recommender.Describe(s, b.now)
	if u.Samples > 0 {
		u.Forecast = b.predict(name, true, s.Until(b.now))
	}
	return u
}

// Build returns the snapshot of a workload at now under a policy. Replicas are
// left as they are where pods keep state or where no demand is known that
// would tell how many are needed, unless the policy has them follow usage, and are not
// lowered below two where there are two, unless the policy sets its own minimum.
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
	b.horizons = horizonsOf(s, step(w))
	s.Demand = b.demand(w)
	b.mark, b.markCPU = b.slow(w.ID, step(w)), now
	if demandDecides(&s) {
		b.markCPU = b.mark
	}
	b.inference(&s, w)
	for _, c := range w.Containers {
		s.Containers = append(s.Containers, b.container(w, c))
	}
	s.GPU = b.gpuActivity(w, s)
	s.Outcome = outcome(w, p.Objective, s.Replicas.Ready)
	known := s.Demand != nil && s.Demand.Relation.Valid || s.Batch != nil || s.GPU != nil && s.GPU.Follows
	if !known && !usageTells(w, p) || w.ID.Kind == "StatefulSet" {
		s.Policy.Horizontal.Fixed = true
	}
	return s
}

// usageTells says that usage may stand for demand: the policy says that it may, and
// nothing tells of demand or what waits, has told of it, or is expected to. Where demand
// is known and CPU does not follow it, usage would count what waits for nothing.
func usageTells(w collector.Workload, p recommender.Policy) bool {
	told := slices.ContainsFunc(w.Signals, func(s collector.Signal) bool {
		return s.Role == collector.RoleDemand || s.Role == collector.RoleQueue
	})
	missing := slices.ContainsFunc(w.Facts, func(f recommender.Fact) bool {
		return f.Code == recommender.FactMissing && !ofUsage(f.Signal)
	})
	o := p.Objective
	return p.Horizontal.OnUsage && !told && !missing && len(p.Accelerators) == 0 && o.WaitSeconds+o.TTFTSeconds+o.ITLSeconds <= 0
}

// ofUsage says whether a fact about that signal is about usage, or about all signals.
func ofUsage(signal string) bool { return signal == "" || signal == "cpu" || signal == "memory" }

// Facts returns those about one workload, and those of the data as a whole that
// keep a decision from lowering anything: partial data, and no CPU or memory at
// all.
func Facts(whole, own []recommender.Fact) []recommender.Fact {
	facts := slices.Clone(own)
	for _, f := range whole {
		missing := f.Code == recommender.FactMissing && ofUsage(f.Signal)
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
		CPU: recommender.Describe(c.CPU, now),
	}
	if out.CPU.Samples > 0 {
		out.CPU.Forecast = b.predictSlowly("cpu/"+c.Name, b.markCPU, c.CPU.Until)
	}
	out.CPU.Imbalance = imbalance(c, w.Ready, now)
	if p95 := quantile(c.CPUMaxPod.Until(now).Values, quantile95); !math.IsNaN(p95) {
		out.CPU.PodP95 = p95
	}
	b.memory(&out, w, c)
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

// memory fills in what is known of a container's memory, as it would have been
// with the pods of now. How an older forecast takes it to follow the number of
// pods is told from what the forecast rests on, which stays the same until the
// next.
func (b *builder) memory(out *recommender.Container, w collector.Workload, c collector.Container) {
	shared := func(room *room, s forecaster.Series) (forecaster.Series, recommender.Sharing) {
		if !w.ID.Scalable() {
			return s, recommender.Sharing{}
		}
		s, sharing := recommender.ShareMemoryInto(room.values, s, w.Ready, max(1, lastCount(w.Ready, b.now)))
		room.values = s.Values
		return s, sharing
	}
	now, past := borrow(), borrow()
	defer now.giveBack()
	defer past.giveBack()
	s, sharing := shared(now, c.Memory.Until(b.now))
	out.Memory = recommender.DescribeMemory(s, b.now)
	out.MemoryShare, out.MemoryPods, out.MemoryPodsRatio = sharing.Share, sharing.Pods, sharing.Ratio
	if out.Memory.Samples == 0 {
		return
	}
	out.Memory.Forecast = b.predictSlowly("memory/"+c.Name, b.mark, func(t time.Time) forecaster.Series {
		if t.Equal(b.now) {
			return s
		}
		older, _ := shared(past, b.options().Needed(c.Memory.Until(t)))
		return older
	})
}

// imbalance is the 0.95 quantile of the largest pod over the mean pod, while
// the workload used more than a hundredth of a core a pod; 0 where unknown.
func imbalance(c collector.Container, ready forecaster.Series, now time.Time) float64 {
	biggest := c.CPUMaxPod.Until(now).Tail(imbalanceSpan)
	totals, counts := along(c.CPU, biggest), along(ready, biggest)
	r := borrow()
	defer r.giveBack()
	r.values = slices.Grow(r.values[:0], len(biggest.Values))
	for i, v := range biggest.Values {
		sum, pods := totals.at(i), counts.at(i)
		if pods < 1 || math.IsNaN(v) || !(sum/pods > 0.01) {
			continue
		}
		r.values = append(r.values, min(max(v*pods/sum, 1), pods))
	}
	if len(r.values) == 0 {
		return 0
	}
	return quantileOf(r.values, quantile95)
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
		Usage:    b.summarize("demand/"+sig.Name, sig.Series),
		Counting: counting(sig),
	}
	r := borrow()
	defer r.giveBack()
	r.samples = samples(r.samples[:0], w, sig.Series.Until(b.now))
	d.Relation = recommender.FitRelation(r.samples)
	d.Backlog = waiting(w, b.now)
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

// samples pairs demand with pods and CPU at the same instants, and appends that
// to out.
func samples(out []recommender.RelationSample, w collector.Workload, demand forecaster.Series) []recommender.RelationSample {
	out = slices.Grow(out, len(demand.Values))
	ready := along(w.Ready, demand)
	used := make([]alongside, 0, len(w.Containers))
	for _, c := range w.Containers {
		used = append(used, along(c.CPU, demand))
	}
	for i, v := range demand.Values {
		cpu := 0.0
		for _, c := range used {
			cpu += c.at(i)
		}
		out = append(out, recommender.RelationSample{Demand: v, Replicas: ready.at(i), CPU: cpu})
	}
	return out
}

// alongside is a series by the grid points of another.
type alongside struct {
	of    forecaster.Series
	ahead time.Duration // From its start to that of the other.
	step  time.Duration
}

func along(s, other forecaster.Series) alongside {
	return alongside{s, other.Start.Sub(s.Start), other.Step}
}

// at is the value at grid point i of the other, NaN where there is none.
func (a alongside) at(i int) float64 {
	d := a.ahead + time.Duration(i)*a.step
	if a.of.Step <= 0 || d < 0 {
		return math.NaN()
	}
	if j := int(d / a.of.Step); j < len(a.of.Values) {
		return a.of.Values[j]
	}
	return math.NaN()
}

// quantile is the empirical quantile of the values that are not NaN, NaN where
// there is none.
func quantile(values []float64, level float64) float64 {
	r := borrow()
	defer r.giveBack()
	r.values = slices.Grow(r.values[:0], len(values))
	for _, v := range values {
		if !math.IsNaN(v) {
			r.values = append(r.values, v)
		}
	}
	if len(r.values) == 0 {
		return math.NaN()
	}
	return quantileOf(r.values, level)
}

// quantileOf is that of one value or more, none of them NaN, which it reorders.
func quantileOf(values []float64, level float64) float64 {
	return forecaster.KthLargest(values, max(1, len(values)-int(level*float64(len(values)))))
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
