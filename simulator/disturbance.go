package simulator

import (
	"math"
	"slices"
	"time"
)

// Failure is something that breaks. Exactly one of Pods and Nodes is positive.
type Failure struct {
	// At is when, since the scored start; For is how long it lasts.
	At, For time.Duration
	// Pods is the number of pods whose container crashes: what it works on is
	// lost, and after For it starts again. Nodes is the number of nodes that
	// are lost with their pods, for which others are created, and that take no
	// pods for For, or never again if that is zero. Which ones is random; more
	// than there are means all.
	Pods  int
	Nodes int
}

// Deploy is a new revision of an http or queue service. Its pods are taken to
// replace the old ones at once and without loss.
type Deploy struct {
	// At is when, since the scored start.
	At time.Duration
	// CPUFactor and MemoryFactor are what a request or item, and memory of any
	// kind, cost since then, relative to the service's own figures. Both are
	// positive.
	CPUFactor    float64
	MemoryFactor float64
}

// MetricsQuality is what comes between the simulated world and those who watch
// it. The zero value is nothing.
type MetricsQuality struct {
	// Delay is how old the newest step is that metrics tell of.
	Delay time.Duration
	// MissingRatio is the probability that a scrape fails: for each pod in each
	// step its figures are missing, also from sums over pods, and so are those
	// of the demand.
	MissingRatio float64
	// Outages are spans in which there are no metrics at all.
	Outages []Outage
}

// Outage is a span, counted from the scored start.
type Outage struct{ At, For time.Duration }

// MemoryEffects are what happens to a container's memory beside its work. The
// zero value is nothing.
type MemoryEffects struct {
	// GrowthPerHour is a leak in bytes since the container's start, or since
	// the policy began to steer for those that were there.
	GrowthPerHour float64
	// PageCache is memory that files fill as far as the limit leaves room. It
	// is part of what is measured, and given back before anything is killed.
	PageCache float64
}

// breakdowns are the failures that are still to come, in order of time.
func (sc *Scenario) breakdowns() []Failure {
	out := slices.Clone(sc.Failures)
	slices.SortStableFunc(out, func(a, b Failure) int { return int(a.At - b.At) })
	return out
}

// revisions are the deploys, in order of time.
func (sc *Scenario) revisions() []Deploy {
	out := slices.Clone(sc.Deploys)
	slices.SortStableFunc(out, func(a, b Deploy) int { return int(a.At - b.At) })
	return out
}

// nextDisturbance is when something next breaks or is deployed.
func (w *world) nextDisturbance() float64 {
	t := math.Inf(1)
	if len(w.failures) > 0 {
		t = w.scored + seconds(w.failures[0].At)
	}
	if len(w.deploys) > 0 {
		t = min(t, w.scored+seconds(w.deploys[0].At))
	}
	for _, until := range w.returns {
		if until > w.now {
			t = min(t, until)
		}
	}
	return t
}

// disturb does what is due now: deploys first.
func (w *world) disturb() {
	for len(w.deploys) > 0 && w.scored+seconds(w.deploys[0].At) <= w.now {
		for _, p := range w.pods {
			w.flush(p)
		}
		w.cpuFactor, w.memoryFactor = w.deploys[0].CPUFactor, w.deploys[0].MemoryFactor
		w.deploys = w.deploys[1:]
		for _, p := range slices.Clone(w.ready) {
			if p.phase == ready {
				w.load.changed(p, resized)
			}
		}
	}
	for len(w.failures) > 0 && w.scored+seconds(w.failures[0].At) <= w.now {
		f := w.failures[0]
		w.failures = w.failures[1:]
		if f.Pods > 0 {
			w.failPods(f.Pods, seconds(f.For))
		} else {
			w.failNodes(f.Nodes, seconds(f.For))
		}
	}
}

// failPods crashes the containers of n running pods.
func (w *world) failPods(n int, span float64) {
	running := slices.DeleteFunc(slices.Clone(w.pods), func(p *pod) bool { return p.phase != ready && p.phase != starting })
	for range min(n, len(running)) {
		i := w.chance.IntN(len(running))
		p := running[i]
		running = slices.Delete(running, i, i+1)
		w.stop(p)
		p.phase = backingOff
		p.readyChanged, p.due = w.now, w.now+span
		p.restarts++
		w.step.restarts++
	}
	w.dirty = true
}

// failNodes takes n nodes away that hold pods. The pods are created anew.
func (w *world) failNodes(n int, span float64) {
	var used []int
	for _, p := range w.pods {
		if p.node >= 0 && !slices.Contains(used, p.node) {
			used = append(used, p.node)
		}
	}
	slices.Sort(used)
	for range min(n, len(used)) {
		k := w.chance.IntN(len(used))
		i := used[k]
		used = slices.Delete(used, k, k+1)
		w.nodes[i].downUntil = math.Inf(1)
		if span > 0 {
			w.nodes[i].downUntil = w.now + span
			w.returns = append(w.returns, w.now+span)
		}
		w.nodes[i].imageAt = math.NaN()
		for _, p := range slices.Clone(w.pods) {
			if p.node == i {
				w.stop(p)
				w.remove(p)
			}
		}
	}
	w.scaleTo(w.desired)
}

// stop ends a container: what it works on is lost.
func (w *world) stop(p *pod) {
	w.flush(p)
	if p.phase == ready {
		w.load.changed(p, killed)
		w.leaveReady(p)
	}
	p.phase = backingOff
}

// leak is the mean of what a container has leaked over [since, now].
func (w *world) leak(p *pod, since float64) float64 {
	from := max(p.runSince, w.steered)
	return w.memory.GrowthPerHour / 3600 * (max(0, since-from) + max(0, w.now-from)) / 2
}

// leaked is what a container has leaked by now.
func (w *world) leaked(p *pod) float64 { return w.leak(p, w.now) }

// grow puts what has leaked by the end of a step into effect.
func (w *world) grow() {
	if w.memory.GrowthPerHour == 0 {
		return
	}
	for _, p := range slices.Clone(w.ready) {
		if p.phase == ready {
			w.load.changed(p, resized)
		}
	}
}

// effects adds what a running container leaked and what files fill of the rest
// to its memory of the last dt seconds.
func (w *world) effects(p *pod, dt float64) {
	if (p.phase != ready && p.phase != starting) || dt <= 0 {
		return
	}
	u := &p.use
	u.memory += w.leak(p, u.since) * dt
	u.memory += min(w.memory.PageCache, max(0, p.memLimit-u.memory/dt)) * dt
}
