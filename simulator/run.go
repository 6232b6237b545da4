package simulator

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Options change what a run reports, not what happens in it.
type Options struct {
	// Series asks for the course of the run, minute by minute.
	Series bool
	// Progress, if not nil, is called now and then with the share of the
	// simulated time that has passed, 0 to 1. A false result ends the run with
	// [ErrStopped].
	Progress func(share float64) bool
	// Watch, if not nil, is told at the end of each step what was in it: what
	// metrics would have shown if nothing had come between.
	Watch func(o Observation)
}

// Result is what a run amounts to.
type Result struct {
	Policy string
	Score  Score
	// Series is nil unless it was asked for.
	Series *ScoreSeries
	// Violated are the minutes of the scored span that count as violated.
	Violated []bool
}

// Run replays the scenario against a policy. Equal arguments give equal
// results.
func Run(sc Scenario, p Policy, opts Options) (Result, error) {
	if err := sc.Validate(); err != nil {
		return Result{}, err
	}
	sc.Demand = sc.Demand.filled()
	w := newWorld(&sc, opts)
	decider, err := p.New(w.setup())
	if err != nil {
		return Result{}, fmt.Errorf("policy %s: %w", p.Name, err)
	}
	w.decider = decider
	every := p.Every
	if every <= 0 {
		every = sc.Step
	}
	if err := w.run(every); err != nil {
		return Result{}, err
	}
	r := Result{Policy: p.Name, Series: w.series}
	r.Score, r.Violated = w.score()
	if c, ok := decider.(Constrained); ok && !c.MeetsConstraint() {
		r.Score.Cost = nil
	}
	return r, nil
}

// load is the work of a service: it is told of everything that changes for it.
type load interface {
	// advance serves up to an instant and returns the one it reached, which is
	// earlier only after an OOM kill.
	advance(to float64) float64
	// settle accounts for what a ready pod used up to now; for nil it does so
	// for what ready pods share, before their number grows.
	settle(p *pod)
	// changed says what happened to a pod just now, after settle.
	changed(p *pod, how change)
	// endStep adds what the service knows of the step just ended to o and to
	// the totals.
	endStep(o *Observation)
	// finish serves what is still in flight at the end and fills the fields of
	// the score that depend on the kind of service. It returns of each minute of
	// the scored span whether it counts as violated.
	finish(s *Score) (violated []bool)
}

// podMeter is a load that knows more of a pod than its CPU and memory.
type podMeter interface {
	// podMetrics adds what it knows of a pod in the step just ended to o, and
	// begins the next.
	podMetrics(p *pod, o *PodObservation)
}

// change is what happens to a pod that matters to its load.
type change uint8

const (
	joined  change = iota // It is ready.
	removed               // It is no longer there: what it has is finished.
	killed                // What it has is lost.
	resized               // Its ceiling or memory limit changed.
)

// world is the state of one run.
type world struct {
	sc      *Scenario
	opts    Options
	decider Decider
	load    load
	steered float64 // When the policy begins to steer.
	scored  float64 // The scored start.
	end     float64
	now     float64

	pods     []*pod
	ready    []*pod // In the order in which they became ready.
	nodes    []node
	upcoming []upcoming
	gpus     int        // Of a pod.
	failures []Failure  // To come.
	deploys  []Deploy   // To come.
	chance   *rand.Rand // Of what fails.
	// What requests and memory cost in the present revision.
	cpuFactor, memoryFactor float64
	memory                  MemoryEffects
	watch                   *watch
	returns                 []float64 // When nodes are back.
	nextID                  int
	desired                 int
	template                recommender.Resources
	nextDue                 float64 // When clusterEvents is due.
	dirty                   bool    // The cluster changed: settleCluster is due.
	lastOOM                 float64 // NaN before the first.

	step    totals // Of the step under way.
	total   totals // Of the scored span.
	changed bool   // Desired replicas changed in this step.
	counts  struct{ scaleEvents, evictions, decisions int }
	seen    Observation
	pods0   []PodObservation // Metrics of the pods in the last step.
	shown   []PodObservation // What a policy last saw, to be used again.
	series  *ScoreSeries
}

func newWorld(sc *Scenario, opts Options) *world {
	w := &world{
		sc: sc, opts: opts, scored: seconds(sc.Warmup), end: seconds(sc.Warmup + sc.Duration),
		steered: seconds(sc.Warmup - time.Duration(sc.SteeredSteps())*sc.Step),
		nodes:   make([]node, sc.Cluster.Nodes), desired: sc.Initial.Replicas, template: sc.Initial.Requests,
		nextDue: math.Inf(1), lastOOM: math.NaN(), gpus: sc.Service.GPUsPerPod(),
		failures: sc.breakdowns(), deploys: sc.revisions(), chance: newStream(sc.Seed, streamFailures),
		cpuFactor: 1, memoryFactor: 1, memory: sc.Memory, watch: newWatch(sc),
	}
	for i := range w.nodes {
		w.nodes[i].imageAt = math.NaN()
	}
	w.now = w.steered
	switch {
	case sc.Service.HTTP != nil:
		w.load = newHTTPLoad(w)
	case sc.Service.Queue != nil:
		w.load = newQueueLoad(w)
	case sc.Service.Inference != nil:
		w.load = newInferenceLoad(w)
	default:
		w.load = newUsageLoad(w)
	}
	if opts.Series {
		w.series = newScoreSeries(sc)
	}
	w.populate()
	return w
}

// populate creates the initial pods, which have been ready since the epoch.
// Nodes that they need beyond those of the scenario came before.
func (w *world) populate() {
	for range w.sc.Initial.Replicas {
		w.create()
		p := w.pods[len(w.pods)-1]
		p.created, p.started, p.readyChanged, p.runSince = 0, 0, 0, 0
		i := w.emptiest(p.size)
		if i < 0 {
			w.nodes = append(w.nodes, node{imageAt: math.NaN()})
			i = len(w.nodes) - 1
		}
		w.take(&w.nodes[i], p.size)
		w.nodes[i].imageAt = 0
		p.node = i
		p.phase = ready
		w.ready = append(w.ready, p)
		w.load.changed(p, joined)
	}
}

// grid is a sequence of instants at a distance from the scored start that is a
// whole number of intervals.
type grid struct {
	origin, every time.Duration
	k             int64
}

// gridFrom is the grid whose first instant is at or after from.
func gridFrom(origin, every, from time.Duration) grid {
	k := int64((from - origin) / every)
	for origin+time.Duration(k)*every < from {
		k++
	}
	return grid{origin: origin, every: every, k: k}
}

func (g *grid) at() float64 { return seconds(g.origin + time.Duration(g.k)*g.every) }

// run goes from event to event. At one instant the order is: what the service
// does, the cluster, the end of a step, the policy.
func (w *world) run(every time.Duration) error {
	sc := w.sc
	from := sc.Warmup - time.Duration(sc.SteeredSteps())*sc.Step
	steps := gridFrom(sc.Warmup, sc.Step, from+sc.Step)
	syncs := gridFrom(sc.Warmup, every, from)
	w.observeHistory()
	for {
		if w.dirty {
			w.settleCluster()
		}
		target := min(steps.at(), syncs.at(), w.nextDue, w.end)
		if w.series != nil {
			w.series.fill(w, target)
		}
		reached := w.load.advance(target)
		w.now = reached
		if reached < target {
			continue
		}
		if w.nextDue <= w.now {
			w.clusterEvents()
		}
		if steps.at() <= w.now || w.now >= w.end {
			if err := w.endStep(); err != nil {
				return err
			}
			steps.k++
		}
		if w.now >= w.end {
			break
		}
		if syncs.at() <= w.now {
			w.decide()
			syncs.k++
		}
	}
	return nil
}

// scoring says whether the present instant is in the scored span.
func (w *world) scoring() bool { return w.now >= w.scored }

// decide asks the policy and does what it wants.
func (w *world) decide() {
	w.present()
	a := w.decider.Decide(w.seen)
	if w.scoring() {
		w.counts.decisions++
	}
	if a.Template != w.template {
		w.template = w.sc.Bounds.Clamp(a.Template)
	}
	if a.Replicas != w.desired {
		n := w.sc.Bounds.ClampReplicas(a.Replicas)
		if n != w.desired {
			w.desired = n
			w.countScaleEvent()
		}
	}
	w.evict(a.Evict)
	w.scaleTo(w.desired)
	w.resize(a.Resize)
	w.settleCluster()
}

func (w *world) countScaleEvent() {
	if w.scoring() && !w.changed {
		w.counts.scaleEvents++
	}
	w.changed = true
}

func (w *world) evict(ids []int) {
	for _, id := range ids {
		for _, p := range w.pods {
			if p.id != id {
				continue
			}
			w.remove(p)
			w.scaleTo(w.desired)
			if w.scoring() {
				w.counts.evictions++
			}
			break
		}
	}
}

func (w *world) resize(changes []PodResize) {
	wanted := make(map[int]recommender.Resources, len(changes))
	for _, c := range changes {
		wanted[c.ID] = w.sc.Bounds.Clamp(c.Requests)
	}
	for _, p := range w.pods {
		if want, ok := wanted[p.id]; ok && want != p.want && w.withinQuota(p, want) {
			p.want = want
			p.resizeSince = w.now
		}
	}
}
