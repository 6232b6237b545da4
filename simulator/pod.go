package simulator

import (
	"math"

	"github.com/rightsize-dev/rightsize/recommender"
)

// phase is where a pod is in its life.
type phase uint8

const (
	pending    phase = iota // Waits for a node.
	pulling                 // Its node fetches the image.
	starting                // Runs, does not serve yet.
	ready                   // Serves.
	backingOff              // Waits to be restarted after an OOM kill.
	gone                    // Removed.
)

const (
	// firstBackOff doubles with every kill up to maxBackOff and starts again
	// once a container has run for backOffReset (contract, and kubelet).
	firstBackOff = 10.0
	maxBackOff   = 300.0
	backOffReset = 600.0
	// throttledAt is the share of its ceiling at which a pod counts as
	// throttled.
	throttledAt = 0.99
)

// pod is one pod. Its amounts in use are accumulated in usage, its requests in
// the part that its kind of service has.
type pod struct {
	id           int
	phase        phase
	node         int // Index of its node, -1 while pending.
	created      float64
	started      float64 // Bound to its node; NaN while pending.
	readyChanged float64

	size     recommender.Resources // Requests in force.
	limits   recommender.Resources
	ceiling  float64 // Cores it may use.
	memLimit float64 // Bytes it may use, +Inf for no limit.

	// Start-up: startLeft seconds at full speed remained at startAt.
	startLeft float64
	startAt   float64
	due       float64 // When the phase ends, +Inf if nothing is to come.

	// In-place resize.
	want        recommender.Resources
	inFlight    bool
	target      recommender.Resources
	resizeDue   float64
	resizeSince float64

	runSince float64 // When the container last began to run.
	backOff  float64 // The next back-off.
	oomKills int
	restarts int
	lastOOM  float64

	use   podUse
	serve podQueue // Of an http service.
	flow  podFlow  // Of an http service by formulas.
	crew  crew     // Of a queue service.
	batch batch    // Of an inference service.
}

// podUse is what a pod used since the last flush, and in the present step.
type podUse struct {
	since   float64 // Start of what is accumulated.
	cpu     float64 // Core-seconds since then.
	memory  float64 // Byte-seconds since then.
	running float64 // Seconds the container ran since then.

	stepCPU      float64
	stepMemory   float64
	stepRunning  float64
	readySeconds float64
	readyCPU     float64
	readyCeiling float64 // Core-seconds it could have used while ready.
}

// idle charges the use of a pod that is not ready since the last flush: nothing
// but what a starting container takes. Every change of phase or size flushes.
func (w *world) idle(p *pod) {
	dt := w.now - p.use.since
	if dt <= 0 || p.phase != starting {
		return
	}
	p.use.running += dt
	p.use.cpu += min(w.sc.Service.StartupCPU().Cores(), p.ceiling) * dt
	p.use.memory += w.sc.Service.baseMemory() * w.memoryFactor * dt
}

// setSize puts a request into force.
func (w *world) setSize(p *pod, r recommender.Resources) {
	p.size = r
	p.limits = w.sc.Limits(r)
	p.ceiling = w.sc.Ceiling(r)
	p.memLimit = math.Inf(1)
	if p.limits.Memory > 0 {
		p.memLimit = float64(p.limits.Memory)
	}
}

// startSpeed is how fast a start-up of nominal length goes.
func (w *world) startSpeed(p *pod) float64 {
	need := w.sc.Service.StartupCPU().Cores()
	if need == 0 || p.ceiling >= need {
		return 1
	}
	return p.ceiling / need
}

// begin starts the container of a pod that is bound to a node.
func (w *world) begin(p *pod) {
	w.flush(p)
	p.phase = starting
	p.runSince = w.now
	p.startLeft = seconds(w.sc.Service.Startup())
	p.startAt = w.now
	p.due = w.now + p.startLeft/w.startSpeed(p)
}

// becomeReady ends a start-up.
func (w *world) becomeReady(p *pod) {
	w.flush(p)
	w.load.settle(nil)
	p.phase = ready
	p.due = math.Inf(1)
	p.readyChanged = w.now
	w.ready = append(w.ready, p)
	w.load.changed(p, joined)
}

// leaveReady takes a pod out of service; its load has been settled.
func (w *world) leaveReady(p *pod) {
	for i, q := range w.ready {
		if q == p {
			w.ready = append(w.ready[:i], w.ready[i+1:]...)
			break
		}
	}
}

// oomKill kills a ready pod's container: its requests are dropped and it
// starts again after the back-off.
func (w *world) oomKill(p *pod) {
	w.flush(p)
	w.load.changed(p, killed)
	w.leaveReady(p)
	if w.now-p.runSince >= backOffReset {
		p.backOff = firstBackOff
	}
	p.phase = backingOff
	p.readyChanged = w.now
	p.due = w.now + p.backOff
	p.backOff = min(2*p.backOff, maxBackOff)
	p.oomKills++
	p.restarts++
	p.lastOOM = w.now
	w.lastOOM = w.now
	w.step.oomKills++
	w.step.restarts++
	w.dirty = true
}

// phaseEnds does what is due for a pod.
func (w *world) phaseEnds(p *pod) {
	switch p.phase {
	case starting:
		w.becomeReady(p)
	case pulling, backingOff:
		w.begin(p)
	case pending, ready, gone:
	}
}

// flush charges a pod for the time since the last flush: the requested or the
// used amount, whichever is larger, by the average use over that time.
func (w *world) flush(p *pod) {
	if p.phase == ready {
		w.load.settle(p)
	} else {
		w.idle(p)
	}
	u := &p.use
	if dt := w.now - u.since; dt > 0 {
		w.effects(p, dt)
		w.charge(p, dt)
	}
	u.stepCPU += u.cpu
	u.stepMemory += u.memory
	u.stepRunning += u.running
	u.cpu, u.memory, u.running, u.since = 0, 0, 0, w.now
}

func (w *world) charge(p *pod, dt float64) {
	t := &w.step
	cpu, memory := p.use.cpu/dt, p.use.memory/dt
	reqCPU, reqMemory := p.size.CPU.Cores(), float64(p.size.Memory)
	t.requestedCPU += reqCPU * dt
	t.requestedMemory += reqMemory * dt
	t.usedCPU += p.use.cpu
	t.usedMemory += p.use.memory
	t.borrowedCPU += max(0, cpu-reqCPU) * dt
	gpus := float64(w.gpus)
	t.gpus += gpus * dt
	t.cost += (pricePerSecond(w.sc.Prices, max(cpu, reqCPU), max(memory, reqMemory)) + w.sc.Prices.GPUHour*gpus/3600) * dt
	if p.phase == pending {
		t.pending += dt
	}
}
