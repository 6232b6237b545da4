package baseline

import (
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// headStart is the factor on loads before the scored start. What pods cost then
// does not count, and what they leave undone would be late in what does.
const headStart = 1.3

// choice is how large each of a number of pods is in one step of the plan.
type choice struct {
	size recommender.Resources // Request.
	cost float64               // Of one pod a second; +Inf if not possible.
	bad  float64               // Violated requests or lost cores of one pod, a second.
}

// load is the demand of one step: the largest rate within it in requests a
// second or cores, and the largest total of memory in bytes. For inference
// services it has the mean tokens of a request, and where the scenario has
// deploys the revision that is in force.
type load struct {
	rate, memory, input, output float64
	revision                    int
	// crowd is how many pods share nodes and quota where that is more than
	// those that serve: others start.
	crowd int
}

// pods is a model of what pods cost and miss.
type pods interface {
	// price sets what a violated request, or a lost core-second, costs.
	price(penalty float64)
	// pick returns the best size for each of n pods under a load.
	pick(n int, l load) choice
}

// plan says how many pods are ready in each step, and how large they are.
type plan struct {
	needed []int     // Pods that have to be ready.
	lead   []float64 // Seconds before the step by which they have to be ordered.
	ready  []int     // At least needed: some are kept until they are needed again.
	crowd  []int     // Those that exist at some time of the step, starting ones included.
	pod    []choice

	longest   float64 // Of lead.
	cost, bad float64 // Expected over the scored span, start-ups not counted.
}

// planner finds the cheapest plan whose expected violations stay within a
// budget.
//
// It prices violations and minimises cost plus penalty: over sizes step by
// step, since resizes cost nothing, and over replicas by dynamic programming,
// where each additional pod costs its start-up time,
//
//	V(t, n) = g(t, n) + min( min_{m≥n} V(t-1, m), min_{m<n} V(t-1, m) + (n-m)·s(t) )
//
// and it searches for the price at which the budget is used up (a Lagrange
// multiplier, by bisection).
type planner struct {
	sc     *simulator.Scenario
	pods   pods
	length float64 // Of a step in seconds.
	loads  []load
	total  float64 // Demanded over the scored span, in requests or core-seconds.
	counts []int   // Numbers of pods that are considered, ascending.
	extra  float64 // Added to the start-up time: that of a new node.
	lead   float64 // Seconds from the first step to the scored start.
}

// stepLength is the length of a plan's steps: a minute, or the row interval
// where that is shorter, in whole control steps.
func stepLength(sc *simulator.Scenario) time.Duration {
	aim := time.Minute
	if d := sc.Demand; len(d.Offsets) > 1 && d.Arrivals == nil {
		mean := (d.Offsets[len(d.Offsets)-1] - d.Offsets[0]) / float64(len(d.Offsets)-1)
		aim = min(aim, time.Duration(mean*float64(time.Second)))
	}
	steps := max(1, math.Ceil(float64(aim)/float64(sc.Step)))
	return time.Duration(steps * float64(sc.Step))
}

// newPlanner plans with start-up times that are longer by extra seconds.
func newPlanner(sc *simulator.Scenario, extra float64) *planner {
	length := stepLength(sc)
	p := &planner{sc: sc, length: length.Seconds(), extra: extra}
	demand := sc.Demand.Filled()
	p.lead = (time.Duration(sc.SteeredSteps()) * sc.Step).Seconds()
	start, end := sc.Warmup.Seconds(), (sc.Warmup + sc.Duration).Seconds()
	for t := start - p.lead; t < end-1e-9; t += p.length {
		s := demand.Over(t, min(t+p.length, end))
		l := load{rate: s.MaxRate, memory: s.MaxMemory}
		if i := sc.Service.Inference; i != nil {
			l.input, l.output = demand.TokensOver(t, min(t+p.length, end), i)
		}
		if len(sc.Deploys) > 0 {
			l.revision = sc.RevisionOver(t-start, t-start+p.length)
		}
		p.loads = append(p.loads, l)
	}
	p.postpone()
	for t := range p.loads {
		if p.scored(t) == 0 && sc.Service.Requests() {
			p.loads[t].rate *= headStart
		}
	}
	p.counts = countsBetween(sc.Bounds.MinReplicas, sc.Bounds.MaxReplicas)
	p.catchUp()
	p.total = demand.Over(start, end).MeanRate * (end - start)
	return p
}

// most is the largest rate of any step.
func (p *planner) most() float64 {
	most := 0.0
	for _, l := range p.loads {
		most = max(most, l.rate)
	}
	return most
}

// countsBetween lists the 64 smallest numbers and then some in steps of 5 %.
func countsBetween(lo, hi int) []int {
	lo = max(1, lo)
	var out []int
	for n := lo; n < hi; {
		out = append(out, n)
		if n < lo+64 {
			n++
		} else {
			n += n / 20
		}
	}
	return append(out, max(lo, hi))
}

// startup is how long a pod of the given size takes to be ready.
func (p *planner) startup(size recommender.Resources) float64 {
	s, need := p.sc.Service.Startup().Seconds(), p.sc.Service.StartupCPU().Cores()
	if ceiling := p.sc.Ceiling(size); ceiling > 0 && ceiling < need {
		s *= need / ceiling
	}
	return s + p.sc.Cluster.ImagePull.Seconds() + p.extra
}

// scored is the length of step t within the scored span.
func (p *planner) scored(t int) float64 {
	from := float64(t)*p.length - p.lead
	return max(0, min(from+p.length, p.sc.Duration.Seconds())-max(from, 0))
}

// weight is what step t counts in the plan: before the scored span hardly
// anything.
func (p *planner) weight(t int) float64 { return max(p.scored(t), 1e-3*p.length) }

// atFirst is the most pods that can be ready before the first that are ordered.
func (p *planner) atFirst() int { return max(p.sc.Initial.Replicas, p.counts[0]) }

// closed says whether step t is so early that no more than the initial pods can
// be ready in it.
func (p *planner) closed(t int) bool {
	return float64(t)*p.length < p.startup(p.sc.Initial.Requests)
}

// unitPrice is that of a core, a GiB and a pod's GPUs for a second.
func unitPrice(sc *simulator.Scenario) float64 {
	gpus := sc.Prices.GPUHour * float64(sc.Service.GPUsPerPod())
	return (sc.Prices.CPUCoreHour + sc.Prices.MemoryGiBHour + gpus + 1e-9) / 3600
}

// cheapest and dearest are prices of a violated request far below and far
// above that of any served one.
func cheapest(sc *simulator.Scenario) float64 { return 1e-6 * unitPrice(sc) }
func dearest(sc *simulator.Scenario) float64  { return 1e9 * unitPrice(sc) }

// solve returns the cheapest plan that misses at most the share of the demand,
// or, where there is none, the one that misses the least, and whether it is the
// first.
func (p *planner) solve(share float64) (plan, bool) {
	budget := share * p.total
	low, high := cheapest(p.sc), dearest(p.sc)
	best := p.at(high)
	if best.bad > budget || math.IsInf(best.cost, 1) {
		return best, false
	}
	cheap := p.at(low)
	if cheap.bad <= budget && !math.IsInf(cheap.cost, 1) {
		return cheap, true
	}
	const rounds = 26
	for range rounds {
		middle := math.Sqrt(low * high)
		if try := p.at(middle); try.bad <= budget && !math.IsInf(try.cost, 1) {
			best, high = try, middle
		} else {
			low = middle
		}
		if high < low*1.02 {
			break
		}
	}
	p.useUp(&best, low, budget)
	return best, true
}

// steady is the cheapest plan that meets the budget with a number of pods that
// never changes, nil where there is none. Where pods have to make room for
// others before these may be created, as under a quota, the price of a change
// is not that of a start-up alone, and [planner.solve] changes too much.
func (p *planner) steady(share float64) *plan {
	var best *plan
	for _, n := range p.counts {
		alone := *p
		alone.counts = []int{n}
		if try, ok := alone.solve(share); ok && (best == nil || try.cost < best.cost) {
			best = &try
		}
	}
	return best
}

// at returns the best plan at a price of violations.
func (p *planner) at(penalty float64) plan {
	p.pods.price(penalty)
	out := plan{needed: p.path(penalty)}
	p.place(&out)
	out.pod = make([]choice, len(out.ready))
	for t, n := range out.ready {
		c := p.pods.pick(n, p.crowded(&out, t))
		out.pod[t] = c
		out.cost += c.cost * float64(n) * p.weight(t)
		out.bad += c.bad * float64(n) * p.scored(t)
	}
	return out
}

// useUp takes the sizes of a lower price of violations, step by step, as long
// as the budget lasts.
func (p *planner) useUp(best *plan, low, budget float64) {
	p.pods.price(low)
	for t, n := range best.ready {
		now, cheap := best.pod[t], p.pods.pick(n, p.crowded(best, t))
		more := (cheap.bad - now.bad) * float64(n) * p.scored(t)
		if cheap.cost < now.cost && best.bad+more <= budget {
			best.pod[t] = cheap
			best.bad += more
			best.cost += (cheap.cost - now.cost) * float64(n) * p.weight(t)
		}
	}
}

// path is the number of pods that have to be ready in each step, by the
// recurrence of [planner].
func (p *planner) path(penalty float64) []int {
	n := len(p.counts)
	from := make([][]int32, len(p.loads))
	value, next := make([]float64, n), make([]float64, n)
	for t, l := range p.loads {
		from[t] = make([]int32, n)
		stage, start := p.stage(t, l, penalty, next)
		p.transit(value, start, t, from[t])
		for i := range next {
			next[i] = stage[i] + value[from[t][i]] + start*float64(max(0, p.counts[i]-p.counts[from[t][i]]))
		}
		value, next = next, value
	}
	best := 0
	for i, v := range value {
		if v < value[best] {
			best = i
		}
	}
	out := make([]int, len(p.loads))
	for t, row := range slices.Backward(from) {
		out[t] = p.counts[best]
		best = int(row[best])
	}
	return out
}

// stage fills costs with what each number of pods costs in a step, violations
// included, and returns them with the price of starting one more.
func (p *planner) stage(t int, l load, penalty float64, costs []float64) ([]float64, float64) {
	best, start := math.Inf(1), 0.0
	closed, weight := p.closed(t), p.weight(t)
	for i, n := range p.counts {
		if closed && n > p.atFirst() {
			costs[i] = math.Inf(1)
			continue
		}
		c := p.pods.pick(n, l)
		costs[i] = (c.cost + penalty*c.bad) * float64(n) * weight
		if costs[i] < best {
			best, start = costs[i], p.starting(c)*p.startup(c.size)*weight/p.length
		}
	}
	return costs, start
}

// starting is what a pod costs a second while it starts: what it is chosen to
// cost, or its start-up CPU where that is more.
func (p *planner) starting(c choice) float64 {
	cpu := min(p.sc.Service.StartupCPU().Cores(), p.sc.Ceiling(c.size))
	return max(c.cost, costOf(p.sc.Prices, cpu, float64(c.size.Memory)))
}

// transit finds the best predecessor of every number of pods. Before the first
// step there was whatever is best, for free.
func (p *planner) transit(value []float64, start float64, t int, from []int32) {
	if t == 0 {
		for i := range from {
			from[i] = int32(i)
		}
		return
	}
	// From more pods: the least value from i on.
	best := len(value) - 1
	for i, v := range slices.Backward(value) {
		if v <= value[best] {
			best = i
		}
		from[i] = int32(best) //nolint:gosec // There are at most a few hundred.
	}
	// From fewer: the least of value - count·start before i.
	least := 0
	for i := 1; i < len(value); i++ {
		up := value[least] + start*float64(p.counts[i]-p.counts[least])
		if up < value[from[i]] {
			from[i] = int32(least)
		}
		if value[i]-start*float64(p.counts[i]) < value[least]-start*float64(p.counts[least]) {
			least = i
		}
	}
}

// crowded is the load of a step with the pods that exist in it.
func (p *planner) crowded(out *plan, t int) load {
	l := p.loads[t]
	if out.crowd != nil {
		l.crowd = out.crowd[t]
	}
	return l
}

// place works out when pods have to be ordered, which exist, and which are ready
// in steps that could do with fewer because they are needed soon after. Pods
// that others make room for may be smaller, and then start more slowly: it looks
// twice.
func (p *planner) place(out *plan) {
	const looks = 2
	for range looks {
		p.order(out)
		crowd := make([]int, len(out.needed))
		for t, n := range out.needed {
			crowd[t] = n
			for at := float64(t) * p.length; at < float64(t+1)*p.length-1e-9; at += p.sc.Step.Seconds() {
				crowd[t] = max(crowd[t], p.ordered(out, at))
			}
		}
		out.crowd = crowd
	}
	out.ready = make([]int, len(out.needed))
	for t, n := range out.needed {
		out.ready[t] = n
		if t > 0 {
			out.ready[t] = max(n, min(out.ready[t-1], p.ordered(out, float64(t)*p.length)))
		}
	}
}

// order works out how long before each step the pods that it needs have to be
// ordered.
func (p *planner) order(out *plan) {
	out.lead, out.longest = make([]float64, len(out.needed)), 0
	for t, n := range out.needed {
		smallest := p.pods.pick(n, p.crowded(out, t)).size
		lead := p.startup(smallest)
		// A pod that starts among smaller ones starts as slowly as they do.
		for u := t - 1; u >= 0 && float64(t-u-1)*p.length < lead; u-- {
			if size := p.pods.pick(out.needed[u], p.crowded(out, u)).size; size.CPU < smallest.CPU {
				smallest = size
				lead = p.startup(smallest)
			}
		}
		out.lead[t] = lead + p.makeRoom()
		out.longest = max(out.longest, out.lead[t])
	}
}

// makeRoom is how long it takes until pods may be created in place of what
// others give back: under a quota, until those have been resized and the policy
// decides again.
func (p *planner) makeRoom() float64 {
	if p.sc.Cluster.Quota == (recommender.Resources{}) {
		return 0
	}
	return (p.sc.Cluster.ResizeDelay + p.sc.Step).Seconds()
}

// ordered is the number of pods to ask for at an instant, in seconds from the
// first step: those needed now, and those that have to be ordered before the
// next control step.
func (p *planner) ordered(out *plan, at float64) int {
	step := p.sc.Step.Seconds()
	t := max(0, int(at/p.length+1e-9))
	n := out.needed[min(t, len(out.needed)-1)]
	for u := t + 1; u < len(out.needed); u++ {
		begin := float64(u) * p.length
		if begin-out.longest >= at+step {
			break
		}
		if begin-out.lead[u] < at+step-1e-9 {
			n = max(n, out.needed[u])
		}
	}
	return n
}

// sized is the request to ask for at an instant: the largest of the steps that
// are under way from when it would take effect until the next one could. The
// larger amounts of both sides of a change are held while it is made.
func (p *planner) sized(out *plan, at float64) recommender.Resources {
	until := at + p.sc.Step.Seconds() + p.sc.Cluster.ResizeDelay.Seconds()
	t := min(max(0, int(at/p.length+1e-9)), len(out.pod)-1)
	size := out.pod[t].size
	for u := t + 1; u < len(out.pod) && float64(u)*p.length < until+1e-9; u++ {
		next := out.pod[u].size
		size = recommender.Resources{CPU: max(size.CPU, next.CPU), Memory: max(size.Memory, next.Memory)}
	}
	return size
}
