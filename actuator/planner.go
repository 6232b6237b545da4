package actuator

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// planner is one plan in the making.
type planner struct {
	in Input
	// pods are those of the input in the order in which they are changed.
	pods    []Pod
	entries map[string]PodState
	state   State
	plan    Plan

	// raiseOnly says that nothing may be lowered, urgentOnly that only what
	// cannot wait is done.
	raiseOnly, urgentOnly bool
	// free is what nodes have left, left what quotas have left, by line.
	free map[string]recommender.Resources
	left [][]int64
	// waiting are the nodes on which a pod waits for room.
	waiting map[string]bool
	// slots is how many more pods may be in the middle of a change, spare how
	// many ready ones may be disrupted.
	slots, spare int
	// disturbed says that ready pods may stop being so by what is under way.
	disturbed bool
	budget    budget
	// ready is the number of ready pods, capacity what they have, need what they
	// have to keep.
	ready          int
	capacity, need recommender.Resources
}

// Next returns the steps that may be made now and the state for the next plan.
// It is a function of the input alone, and does not change it.
func Next(in Input) (Plan, State) {
	p := newPlanner(in)
	p.observe()
	p.followWave()
	p.judge()
	if p.open() {
		p.prepare()
		if p.in.Mode == ModeApply {
			p.reverts()
			p.undo()
		}
		p.resizes()
		p.evict()
	}
	return p.finish()
}

func newPlanner(in Input) *planner {
	p := &planner{in: in, pods: slices.Clone(in.Pods), entries: map[string]PodState{}, state: in.State}
	p.plan = Plan{Steps: []Step{}, Reasons: []PodReason{}}
	stateful := in.Decision.Workload.Kind == "StatefulSet"
	slices.SortFunc(p.pods, func(a, b Pod) int {
		if stateful && a.ordinal() != b.ordinal() {
			return cmp.Compare(b.ordinal(), a.ordinal())
		}
		return cmp.Compare(a.Name, b.Name)
	})
	p.state.Refused = slices.DeleteFunc(slices.Clone(in.State.Refused), func(r NodeRefusal) bool { return !in.Now.Before(r.Until) })
	p.state.Waves = slices.DeleteFunc(slices.Clone(in.State.Waves), func(at time.Time) bool { return in.Now.Sub(at) >= 24*time.Hour })
	p.state.Baseline, p.state.Watch = in.State.Baseline.clone(), in.State.Watch.clone()
	if w := in.State.Wave; w != nil {
		c := *w
		c.Canaries = slices.Clone(w.Canaries)
		p.state.Wave = &c
	}
	if s := in.State.Scaled; s != nil {
		c := *s
		p.state.Scaled = &c
	}
	if !in.Now.Before(p.state.FrozenUntil.Add(7 * 24 * time.Hour)) {
		p.state.Rollbacks = 0
	}
	return p
}

// stateful says whether pods have an order and an identity.
func (p *planner) stateful() bool { return p.in.Decision.Workload.Kind == "StatefulSet" }

// prepare counts what there is to spend.
func (p *planner) prepare() {
	p.free, p.waiting = map[string]recommender.Resources{}, map[string]bool{}
	for _, n := range p.in.Nodes {
		p.free[n.Name] = n.Free
	}
	for _, q := range p.in.Quotas {
		line := make([]int64, len(q.Items))
		for i, item := range q.Items {
			line[i] = item.Hard - item.Used
		}
		p.left = append(p.left, line)
	}
	p.budget = newBudget(p.in, p.state.Spent)
	alive, changing, ready := 0, 0, 0
	for _, pod := range p.pods {
		if pod.ends() {
			continue
		}
		alive++
		s := p.entries[pod.Name]
		if p.changing(s) {
			changing++
		}
		if pod.Resize.Pending == PendingDeferred {
			p.waiting[pod.Node] = true
		}
		if pod.Ready {
			p.ready++
			requests, _ := pod.total(pod.known())
			p.capacity = p.capacity.Add(requests)
			if p.disrupted(pod, s) {
				p.disturbed = true
			} else {
				ready++
			}
		}
	}
	p.need = p.needed()
	p.slots = min(p.in.Settings.concurrent(alive), podsMost)
	if p.stateful() {
		p.slots = 1
	}
	p.slots = max(0, p.slots-changing)
	p.spare = max(0, ready-p.leastReady(alive))
}

// disrupted says whether a pod that is ready may stop being so by a step that
// was made already.
func (p *planner) disrupted(pod Pod, s PodState) bool {
	return p.changing(s) && (s.Phase == PhaseEvicted ||
		slices.ContainsFunc(pod.Containers, func(c Container) bool { return c.RestartOnCPU || c.RestartOnMemory }))
}

// known are the sizes in force, nothing where that is unknown.
func (p Pod) known() []Size {
	return sizesOf(p, func(c Container) Size {
		if c.InForce == nil {
			return Size{}
		}
		return *c.InForce
	})
}

// leastReady is how many pods have to stay ready: never none.
func (p *planner) leastReady(alive int) int {
	n := alive
	if r := p.in.Target.Replicas; r != nil {
		n = max(n, *r)
	}
	unavailable := p.in.Settings.MaxUnavailable
	if unavailable <= 0 {
		unavailable = 1
	}
	least := max(1, n-unavailable)
	if d := p.in.Disruption; d != nil {
		least = max(least, d.MinAvailable)
		if d.MinAvailablePercent > 0 {
			share := d.MinAvailablePercent / 100 * float64(n)
			up := int(share)
			if float64(up) < share {
				up++
			}
			least = max(least, up)
		}
	}
	return least
}

// needed is what the decision's pods request together, as little as its bounds
// allow: what ready pods have does not fall below it by what is planned.
func (p *planner) needed() recommender.Resources {
	d := p.in.Decision
	if !d.Workload.Scalable() || len(d.Groups) > 0 {
		return recommender.Resources{}
	}
	var pod recommender.Resources
	for _, c := range d.Containers {
		least := c.Target
		if c.LowerBound.CPU > 0 {
			least.CPU = min(least.CPU, c.LowerBound.CPU)
		}
		if c.LowerBound.Memory > 0 {
			least.Memory = min(least.Memory, c.LowerBound.Memory)
		}
		pod = pod.Add(least)
	}
	return times(pod, d.DesiredReplicas)
}

// planned says whether the plan has a step for a pod already: there is at most
// one.
func (p *planner) planned(pod Pod) bool {
	return slices.ContainsFunc(p.plan.Steps, func(s Step) bool { return s.Pod == pod.Name })
}

// hold adds a reason about a pod to which nothing was done.
func (p *planner) hold(pod Pod, code recommender.ReasonCode, message string) {
	p.plan.Reasons = append(p.plan.Reasons, PodReason{Pod: pod.Name, Reason: recommender.Reason{Code: code, Subject: "size", Message: message}})
}

// note adds a reason about the workload.
func (p *planner) note(r recommender.Reason) {
	p.plan.Reasons = append(p.plan.Reasons, PodReason{Reason: r})
}

// recheck asks for another plan at an instant.
func (p *planner) recheck(at time.Time) {
	s := max(1, at.Sub(p.in.Now).Seconds())
	if p.plan.RecheckAfterSeconds == 0 || s < p.plan.RecheckAfterSeconds {
		p.plan.RecheckAfterSeconds = s
	}
}

// resize adds the step that gives a pod these sizes, and remembers it.
func (p *planner) resize(kind StepKind, pod Pod, to []Size, code recommender.ReasonCode, message string) {
	step := Step{Kind: kind, Pod: pod.Name, Precondition: Precondition{UID: pod.UID, ResourceVersion: pod.ResourceVersion, Generation: pod.Generation}}
	for i, c := range pod.Containers {
		if !c.Init {
			step.Containers = append(step.Containers, ContainerStep{Name: c.Name, Sidecar: c.Sidecar, From: c.Spec, To: to[i]})
		}
	}
	from, _ := pod.total(pod.specs())
	after, _ := pod.total(to)
	step.Reason = recommender.Reason{
		Code: code, Subject: "cpu", Unit: "cores", Before: from.CPU.Cores(), After: after.CPU.Cores(),
		Message: fmt.Sprintf("%s: %v to %v cores, %.0f to %.0f MiB", message, from.CPU.Cores(), after.CPU.Cores(), mib(from), mib(after)),
	}
	p.plan.Steps = append(p.plan.Steps, step)
	s := PodState{
		Name: pod.Name, UID: pod.UID, Phase: PhaseRequested, Since: p.in.Now, Generation: pod.Generation + 1,
		Ask: pod.named(to), Before: pod.named(pod.haves()), Revert: kind == StepRevert,
	}
	old, known := p.entries[pod.Name]
	same := p.state.Wave != nil && !old.Since.Before(p.state.Wave.Started)
	if known && len(old.Before) > 0 && (same || kind == StepRevert) {
		s.Before = old.Before
	}
	p.entries[pod.Name] = s
}

func mib(r recommender.Resources) float64 { return float64(r.Memory) / float64(recommender.MiB) }

func (p *planner) finish() (Plan, State) {
	p.state.Pods = p.remembered()
	p.state.Spent = p.budget.spent(p.in.Now, p.in.State.Spent)
	p.plan.Spent = p.budget.now
	if p.state.FrozenUntil.After(p.in.Now) {
		p.recheck(p.state.FrozenUntil)
	}
	return p.plan, p.state
}
