package simulator

import (
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// RightsizeOptions are what an owner of a workload can set, and how often the
// driver works. Zero fields get the defaults of [DefaultRightsize].
type RightsizeOptions struct {
	// Risk, ChangeHours, Utilization, MemoryMargin and Stabilization are those
	// of recommender.Policy; zero means its default.
	Risk          float64
	ChangeHours   float64
	Utilization   float64
	MemoryMargin  float64
	Stabilization time.Duration
	// Every is the interval of decisions. One is made earlier where demand
	// leaves what the last one covered.
	Every time.Duration
	// ForecastEvery is the interval at which CPU and demand are forecast
	// anew, MemoryEvery that for memory, which moves slowly.
	ForecastEvery time.Duration
	MemoryEvery   time.Duration
	// FixedReplicas and FixedSize keep replicas or sizes as they are.
	FixedReplicas bool
	FixedSize     bool
	// Naive takes the last value and what that got wrong lately for a
	// forecast, to show what forecasting is worth.
	Naive bool
	// Light and Without are those of forecaster.Options.
	Light   bool
	Without []string
	// Decided is told each decision with what it was made from, and keeps neither;
	// nil is told nothing.
	Decided func(recommender.Snapshot, recommender.Decision)
}

// DefaultRightsize returns the intervals of the controller: a decision a
// minute, a forecast every five.
func DefaultRightsize() RightsizeOptions {
	return RightsizeOptions{Every: time.Minute, ForecastEvery: 5 * time.Minute, MemoryEvery: time.Hour}
}

// relationGap is the time between fits of the relation.
const relationGap = 5 * time.Minute

// Rightsize is the policy that drives recommender.Decide as the controller
// does: it keeps the history that Prometheus would, forecasts it, and puts the
// rest of the snapshot together from what it sees.
func Rightsize(o RightsizeOptions) Policy {
	def := DefaultRightsize()
	o.Every = orSpan(o.Every, def.Every)
	o.ForecastEvery = orSpan(o.ForecastEvery, def.ForecastEvery)
	o.MemoryEvery = orSpan(o.MemoryEvery, def.MemoryEvery)
	return Policy{Name: "rightsize", New: func(s Setup) (Decider, error) {
		return newRightsizer(o, s), nil
	}}
}

func orSpan(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// rightsizer is rightsize's driver in the simulated world.
type rightsizer struct {
	o     RightsizeOptions
	sc    Scenario
	core  recommender.Recommender
	state recommender.State
	past  *rightsizeHistory

	demand, cpu, memory      recommender.Usage
	prompt, output           recommender.Usage
	sharing                  recommender.Sharing
	relation, inFlight       recommender.Relation
	nextDemand, nextMemory   time.Time
	nextRelation, nextDecide time.Time
	madeCPU                  time.Time // When the CPU forecast was made.
	covered                  float64   // What the last decision was made for.
	reasons                  []recommender.Reason
	oomKills                 int
	// fewer is the number of pods that there will be when those that stay have
	// grown, 0 where none wait for that.
	fewer int
}

func newRightsizer(o RightsizeOptions, s Setup) *rightsizer {
	return &rightsizer{o: o, sc: s.Scenario, past: newRightsizeHistory(s)}
}

// Decide keeps what it sees and, when it is time to, asks the recommender.
func (r *rightsizer) Decide(o Observation) Action {
	r.past.add(o)
	r.oomKills += o.OOMKills
	load := r.load(o)
	if o.Now.Before(r.nextDecide) && load <= r.covered && o.OOMKills == 0 {
		a := o.Keep()
		r.scaleDown(o, &a)
		return a
	}
	r.nextDecide = o.Now.Add(r.o.Every)
	snapshot := r.snapshot(o)
	r.refresh(o, &snapshot)
	d := r.core.Decide(snapshot)
	if r.o.Decided != nil {
		r.o.Decided(snapshot, d)
	}
	r.state, r.reasons = d.State, d.Reasons
	r.covered = r.cover(load)
	return r.action(o, d)
}

// Reasons are those of the last decision.
func (r *rightsizer) Reasons() []recommender.Reason { return r.reasons }

// load is what a decision has to cover: the demand where it is known, with
// what waits worked off within a minute, else the CPU.
func (r *rightsizer) load(o Observation) float64 {
	switch {
	case o.HasDemand:
		return o.DemandRate + o.Waiting/60
	case r.sc.Service.Requests():
		return 0 // Not known.
	default:
		return o.CPUCores
	}
}

// cover is the load up to which the decision just made holds.
func (r *rightsizer) cover(load float64) float64 {
	f := r.cpu.Forecast
	if r.sc.Service.Requests() {
		f = r.demand.Forecast
	}
	risk := r.o.Risk
	if risk <= 0 {
		risk = 0.05
	}
	return max(load, f.MaxWithin(r.o.ForecastEvery, 1-risk))
}

func (r *rightsizer) action(o Observation, d recommender.Decision) Action {
	a := o.Keep()
	if d.Action == recommender.ActionNone || len(d.Containers) == 0 {
		return a
	}
	if r.fewer = d.DesiredReplicas; r.fewer >= o.Desired {
		a.Replicas, r.fewer = r.fewer, 0
	}
	target := d.Containers[0].Target
	if target.CPU <= o.Template.CPU && target.Memory <= o.Template.Memory {
		r.scaleDown(o, &a)
		if a.Replicas < o.Desired {
			return a // What shrinks does so once those that are too many are gone.
		}
	}
	if target != o.Template {
		a.ResizeTo(o, target)
	}
	r.scaleDown(o, &a)
	return a
}

// scaleDown takes pods away, as the actuator does: only as many as the others can
// do without, whichever of them stay, by what they have in force.
func (r *rightsizer) scaleDown(o Observation, a *Action) {
	if r.fewer <= 0 || r.fewer >= o.Desired {
		return
	}
	var sizes []recommender.Resources
	for _, p := range o.Pods {
		if p.Ready {
			sizes = append(sizes, recommender.Resources{CPU: min(p.Requests.CPU, p.Wanted.CPU), Memory: min(p.Requests.Memory, p.Wanted.Memory)})
		}
	}
	pods, each := r.fewer, a.Template
	need := recommender.Resources{CPU: recommender.MilliCPU(pods) * each.CPU, Memory: recommender.Bytes(pods) * each.Memory}
	a.Replicas = max(pods, recommender.Enough(sizes, need, o.Desired))
	if a.Replicas == pods {
		r.fewer = 0
	}
}

// snapshot is everything but the history.
func (r *rightsizer) snapshot(o Observation) recommender.Snapshot {
	sc := &r.sc
	s := recommender.Snapshot{
		APIVersion: recommender.APIVersion, Kind: recommender.SnapshotKind, Now: o.Now,
		Workload: recommender.Workload{Namespace: "simulator", Kind: "Deployment", Name: sc.Name},
		Policy: recommender.Policy{
			Risk: r.o.Risk, ChangeHours: r.o.ChangeHours, HoldSeconds: r.o.Every.Seconds(),
			Objective: recommender.Objective{
				LatencySeconds: sc.Objective.LatencySeconds, Percentile: sc.Objective.Percentile, WaitSeconds: sc.Objective.WaitSeconds,
				TTFTSeconds: sc.Objective.TTFTSeconds, ITLSeconds: sc.Objective.ITLSeconds,
			},
			Horizontal: recommender.HorizontalPolicy{
				Fixed: r.o.FixedReplicas, Min: sc.Bounds.MinReplicas, Max: sc.Bounds.MaxReplicas,
				StabilizationSeconds: r.o.Stabilization.Seconds(),
			},
			Vertical: recommender.VerticalPolicy{
				Fixed: r.o.FixedSize, MinAllowed: sc.Bounds.MinAllowed, MaxAllowed: sc.Bounds.MaxAllowed,
				CPUUtilization: r.o.Utilization, MemoryMargin: r.o.MemoryMargin, InPlace: true,
				Burst: sc.Ceiling(o.Template)/max(1e-9, o.Template.CPU.Cores()) - 1,
			},
			Prices: sc.Prices,
		},
		Replicas: recommender.Replicas{
			Desired: o.Desired, Ready: o.Ready, StartupSeconds: (sc.Service.Startup() + sc.Cluster.ImagePull).Seconds(),
			ResizeSeconds: sc.Cluster.ResizeDelay.Seconds(),
		},
		State: r.state,
	}
	limits := sc.Limits(o.Template)
	if limits.CPU == 0 { // A pod's ceiling cuts its usage off as a limit does.
		limits.CPU = recommender.FromCores(sc.Ceiling(o.Template))
	}
	s.Containers = []recommender.Container{{
		Name: "app", Requests: o.Template, Limits: limits, ThrottledRatio: r.past.throttledRatio(),
		OOMKills: r.oomKills, LastOOMKill: o.LastOOMKill, GPUs: sc.Service.GPUsPerPod(),
	}}
	s.Outcome = r.past.outcome()
	r.surround(o, &s)
	switch {
	case sc.Service.Queue != nil:
		// A worker uses no more than a core, so that more do nothing.
		bounds := &s.Policy.Vertical
		bounds.MaxAllowed.CPU = max(min(bounds.MaxAllowed.CPU, sc.Service.Queue.MostCPU(sc)), bounds.MinAllowed.CPU)
	case sc.Service.Inference != nil:
		server, evidence := r.past.batch.Server()
		s.Batch, s.BatchEvidence = &server, &evidence
	}
	return s
}

// refresh brings the forecasts up to date where they are due, and the newest
// figures in any case, and puts them into the snapshot. While demand with its
// relation to CPU decides, CPU itself is forecast no more often than memory.
func (r *rightsizer) refresh(o Observation, s *recommender.Snapshot) {
	horizons := recommender.Horizons(*s, seriesStep)
	p := r.past
	if r.sc.Service.Inference != nil {
		r.refreshDemand(o, s, horizons)
		return
	}
	if due(&r.nextRelation, o.Now, relationGap) {
		r.relation, r.inFlight = recommender.FitRelation(p.relation), recommender.FitRelation(p.inFlight)
	}
	if due(&r.nextMemory, o.Now, r.o.MemoryEvery) {
		memory, sharing := recommender.ShareMemory(p.memory.series(), p.pods.series(), max(1, o.Ready))
		r.memory, r.sharing = recommender.SummarizeMemory(memory, o.Now, horizons), sharing
		r.memory.Forecast = r.naive(r.memory.Forecast, memory)
	}
	r.refreshDemand(o, s, horizons)
	every := r.o.ForecastEvery
	if r.demandDecides() {
		every = max(every, r.o.MemoryEvery)
	}
	if !o.Now.Before(r.madeCPU.Add(every)) {
		r.madeCPU = o.Now
		r.cpu = r.summarize(&p.cpu, o.Now, horizons)
	}
	p.cpu.renew(&r.cpu, o.Now)
	p.memory.renew(&r.memory, o.Now)
	c := &s.Containers[0]
	c.CPU, c.Memory, c.MemoryInFlight = r.cpu, r.memory, r.inFlight
	c.MemoryShare, c.MemoryPods, c.MemoryPodsRatio = r.sharing.Share, r.sharing.Pods, r.sharing.Ratio
}

// refreshDemand brings the demand up to date and puts it into the snapshot.
func (r *rightsizer) refreshDemand(o Observation, s *recommender.Snapshot, horizons []time.Duration) {
	inference := r.sc.Service.Inference != nil
	if due(&r.nextDemand, o.Now, r.o.ForecastEvery) {
		r.demand = r.summarize(&r.past.demand, o.Now, horizons)
		if inference {
			r.prompt, r.output = r.summarize(&r.past.prompt, o.Now, horizons), r.summarize(&r.past.output, o.Now, horizons)
		}
	}
	if inference {
		r.past.prompt.renew(&r.prompt, o.Now)
		r.past.output.renew(&r.output, o.Now)
		s.Tokens = &recommender.Tokens{Prompt: r.prompt, Output: r.output}
	}
	r.past.demand.renew(&r.demand, o.Now)
	if r.demand.Samples > 0 {
		s.Demand = &recommender.Demand{
			Signal: "requests", Unit: "requests/s", Usage: r.demand, Relation: r.relation, Backlog: o.Waiting,
			Counting: recommender.Counting{Seconds: minuteStep.Seconds(), PeakOf: int(seriesStep / minuteStep), LastSeconds: r.sc.Step.Seconds()},
		}
	}
}

// summarize puts the history of a quantity into numbers and forecasts it.
func (r *rightsizer) summarize(t *track, now time.Time, horizons []time.Duration) recommender.Usage {
	u := recommender.Describe(t.series(), now)
	u.Forecast = r.naive(t.forecast(forecaster.Options{Horizons: horizons, Light: r.o.Light, Without: r.o.Without}), t.series())
	return u
}

// naive replaces a forecast where the naive one is asked for.
func (r *rightsizer) naive(f forecaster.Forecast, s forecaster.Series) forecaster.Forecast {
	if r.o.Naive {
		return naive(f, s)
	}
	return f
}

// due says whether it is time, and if so sets the next one.
func due(next *time.Time, now time.Time, every time.Duration) bool {
	if now.Before(*next) {
		return false
	}
	*next = now.Add(every)
	return true
}

// demandDecides says whether the forecast of CPU may be an older one.
func (r *rightsizer) demandDecides() bool {
	o := r.sc.Objective
	d := recommender.Demand{Usage: r.demand, Relation: r.relation}
	return d.Decides(recommender.Objective{LatencySeconds: o.LatencySeconds, WaitSeconds: o.WaitSeconds})
}
