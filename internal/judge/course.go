package judge

import (
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// Course is what a page shows of a run besides its series, minute by minute
// from the scored start: what was, whatever metrics showed of it.
type Course struct {
	// Latency is the largest of the minute of what the objective's percentile
	// of requests did not exceed in a step, in seconds; 0 where none finished.
	// Of inference services it is the mean of what has an objective: the time to
	// the first token, or between tokens.
	Latency []float64 `json:"latency"`
	// Capacity is the least demand of the minute that the ready pods serve at
	// the objective.
	Capacity []float64 `json:"capacity"`
	// CPU is the largest CPU in use, in cores; Request that of new pods.
	CPU     []float64 `json:"cpu"`
	Request []float64 `json:"request"`
	// Bad says that the minute counts as violated: 1, else 0. Blind says that
	// the policy had to decide in it without metrics.
	Bad   []int `json:"bad"`
	Blind []int `json:"blind"`
	// Changes are the decisions that changed something.
	Changes []Change `json:"changes"`
	// MoreChanges counts those beyond the first two thousand.
	MoreChanges int `json:"moreChanges,omitempty"`
}

// Change is a decision that changed something.
type Change struct {
	// At is in seconds since the scored start.
	At       float64 `json:"at"`
	Replicas [2]int  `json:"replicas"` // Before and after.
	// CPU and Memory are the requests of new pods in cores and GiB.
	CPU     [2]float64 `json:"cpu"`
	Memory  [2]float64 `json:"memory"`
	Resized int        `json:"resized,omitempty"` // Running pods.
	Evicted int        `json:"evicted,omitempty"`
	// Demand, Used and Ready are what the policy saw: demand (cores for usage
	// services), CPU in use, and ready pods.
	Demand float64 `json:"demand"`
	Used   float64 `json:"used"`
	Ready  int     `json:"ready"`
	// Reasons are the policy's own, where it gives any.
	Reasons []string `json:"reasons,omitempty"`
}

// mostChanges bounds what is kept of a run's decisions.
const mostChanges = 2000

// explaining is a policy that says why it decided as it did the last time.
type explaining interface{ Reasons() []recommender.Reason }

// watcher passes observations and actions on and keeps the course.
type watcher struct {
	simulator.Decider
	sc     *simulator.Scenario
	start  time.Time
	course *Course
	serves map[recommender.Resources]float64
}

// constrainedWatcher is one of a policy that may fail its constraint.
type constrainedWatcher struct {
	*watcher
	simulator.Constrained
}

// Decide is the watcher's.
func (w constrainedWatcher) Decide(o simulator.Observation) simulator.Action {
	return w.watcher.Decide(o)
}

// watched is a policy whose course is kept, and who keeps it. It decides as the
// policy does.
func watched(p simulator.Policy, sc *simulator.Scenario) (simulator.Policy, *watcher) {
	w := &watcher{
		sc: sc, start: sc.Start(), course: &Course{Changes: []Change{}, Blind: make([]int, minutesOf(sc))},
		serves: map[recommender.Resources]float64{},
	}
	out := p
	out.New = func(s simulator.Setup) (simulator.Decider, error) {
		d, err := p.New(s)
		if err != nil {
			return nil, err
		}
		w.Decider = d
		if c, ok := d.(simulator.Constrained); ok {
			return constrainedWatcher{watcher: w, Constrained: c}, nil
		}
		return w, nil
	}
	return out, w
}

// minutesOf is the number of minutes that begin in the scored span.
func minutesOf(sc *simulator.Scenario) int { return int((sc.Duration + time.Minute - 1) / time.Minute) }

// finish takes the violated minutes over.
func (w *watcher) finish(r simulator.Result) *Course {
	w.course.Bad = make([]int, len(r.Violated))
	for i, v := range r.Violated {
		if v {
			w.course.Bad[i] = 1
		}
	}
	return w.course
}

// Decide asks the policy and keeps what it saw and did.
func (w *watcher) Decide(o simulator.Observation) simulator.Action {
	a := w.Decider.Decide(o)
	if !o.Scored {
		return a
	}
	if minute := int(o.Now.Sub(w.start) / time.Minute); o.MetricsAt.IsZero() && minute < len(w.course.Blind) {
		w.course.Blind[minute] = 1
	}
	c := Change{
		At: o.Now.Sub(w.start).Seconds(), Replicas: [2]int{o.Desired, w.sc.Bounds.ClampReplicas(a.Replicas)},
		Demand: w.demand(o), Used: o.CPUCores, Ready: o.Ready, Resized: len(a.Resize), Evicted: len(a.Evict),
	}
	if a.Replicas == o.Desired {
		c.Replicas[1] = o.Desired
	}
	size := a.Template
	if size != o.Template {
		size = w.sc.Bounds.Clamp(size)
	}
	c.CPU, c.Memory = [2]float64{o.Template.CPU.Cores(), size.CPU.Cores()}, [2]float64{o.Template.Memory.GiB(), size.Memory.GiB()}
	if c.Replicas[0] == c.Replicas[1] && size == o.Template && len(a.Resize)+len(a.Evict) == 0 {
		return a
	}
	if len(w.course.Changes) == mostChanges {
		w.course.MoreChanges++
		return a
	}
	if e, ok := w.Decider.(explaining); ok {
		for _, r := range e.Reasons() {
			c.Reasons = append(c.Reasons, string(r.Code)+": "+r.Message)
		}
	}
	w.course.Changes = append(w.course.Changes, c)
	return a
}

func (w *watcher) demand(o simulator.Observation) float64 {
	if o.HasDemand {
		return o.DemandRate
	}
	return o.CPUCores
}

// see brings the minute of a step that has just ended up to date: the one in
// which it began, or more where a step is longer.
func (w *watcher) see(o simulator.Observation) {
	end := o.Now.Sub(w.start)
	if end <= 0 {
		return // Not scored.
	}
	c := w.course
	minute := min(int((end-1)/time.Minute), minutesOf(w.sc)-1)
	capacity := w.capacity(o)
	for len(c.Latency) <= minute {
		c.Latency = append(c.Latency, 0)
		c.Capacity = append(c.Capacity, capacity)
		c.CPU = append(c.CPU, 0)
		c.Request = append(c.Request, o.Template.CPU.Cores())
	}
	c.Latency[minute] = max(c.Latency[minute], w.latency(o))
	c.Capacity[minute] = min(c.Capacity[minute], capacity)
	c.CPU[minute] = max(c.CPU[minute], o.CPUCores)
}

// latency is what is shown of a step.
func (w *watcher) latency(o simulator.Observation) float64 {
	switch {
	case w.sc.Service.Inference == nil:
		return o.LatencySeconds
	case w.sc.Objective.TTFTSeconds > 0:
		return o.TTFTSeconds
	default:
		return o.ITLSeconds
	}
}

// capacity is the demand that the ready pods serve at the objective.
func (w *watcher) capacity(o simulator.Observation) float64 {
	sum := 0.0
	for i := range o.Pods {
		p := &o.Pods[i]
		if !p.Ready {
			continue
		}
		size := recommender.Resources{CPU: p.Requests.CPU, Memory: w.sc.Initial.Requests.Memory}
		v, ok := w.serves[size]
		if !ok {
			v = baseline.Serves(w.sc, size)
			if w.sc.Service.Usage != nil {
				v = w.sc.Ceiling(size)
			}
			w.serves[size] = v
		}
		sum += v
	}
	return sum
}
