package recommender

import (
	"cmp"
	"slices"
)

const (
	// ladderRatio is the distance of pod sizes tried under a latency
	// objective.
	ladderRatio = 1.05
	// ladderTop is the largest pod tried where no maximum is set, in cores.
	ladderTop = 64
	// lateShare is the part of the allowed late requests that a plan uses up in
	// expectation for each unit of risk, and all of them at most: a minute's
	// arrivals scatter around it. It is a half at the default risk.
	lateShare = 10
)

// option is one way to carry the need: a number of pods and the size of each
// of their containers.
type option struct {
	replicas int
	// sizes are within the owner's bounds, uncapped before them.
	sizes, uncapped []Resources
	// short is the share of the need that is left uncovered, added up over the
	// containers and their resources; forbidden and more where even that exceeds
	// what is allowed.
	short float64
	// cost is in currency an hour.
	cost float64
}

// sizer works out options for one need.
type sizer struct {
	d *draft
	n need
	// rungs are pod sizes in cores and the rate each can carry, ascending in
	// size; empty without a latency objective.
	rungs []rung
	// late is the share of late requests that plans expect.
	late float64
	// sizesNow are what the containers request now, read only, and costNow what
	// they cost an hour.
	sizesNow []Resources
	costNow  float64
}

// rung is a size, what it carries, and how many requests may gather in it, 0
// where that does not matter.
type rung struct{ cores, rate, inFlight float64 }

func newSizer(d *draft, n need) *sizer {
	z := &sizer{d: d, n: n, sizesNow: d.presentSizes()}
	d.frame = newFrame(d, func(i int) bool { return n.containers[i].known })
	z.costNow = d.cost(max(d.s.Replicas.Desired, 0), z.sizesNow)
	if n.serving >= 0 {
		spans := windowsOf(d.s).lasting()
		z.rungs = z.ladder(n.correction * max(n.rateAhead, n.lasting(d, spans[len(spans)-1]).rate))
	}
	return z
}

// ladder lists pod sizes up to the first that the fewest pods allowed would do
// with at that rate. Whole cores are on it, since capacity jumps there: a pod of c
// cores has ceil(c) workers.
func (z *sizer) ladder(rate float64) []rung {
	p := z.d.s.Policy
	top := z.most(z.n.serving)
	if top <= 0 {
		top = ladderTop
	}
	enough := rate / float64(max(1, p.Horizontal.Min))
	alone := 1.0
	sizes := z.d.frame.ladder(z.n.serving, top)
	for _, c := range sizes {
		alone = min(alone, z.n.server.Late(c*(1+p.Vertical.Burst), 0, p.Objective.LatencySeconds))
	}
	z.late = p.plannedLate(alone)
	var rungs []rung
	for _, c := range sizes {
		r := rung{cores: c, rate: z.n.server.Capacity(c*(1+p.Vertical.Burst), p.Objective.LatencySeconds, z.late)}
		r.inFlight = z.inFlight(c, alone)
		rungs = append(rungs, r)
		if r.rate > enough*1.2 {
			break
		}
	}
	return rungs
}

// option sizes the containers for that many pods.
func (z *sizer) option(replicas int) option {
	if z.n.perPod > 0 {
		return z.allowed(z.batchOption(replicas))
	}
	o := option{replicas: replicas, short: z.n.gpuShort(replicas)}
	f := z.d.frame
	want, ahead := f.want, f.ahead
	o.uncapped, o.sizes = make([]Resources, len(want)), make([]Resources, len(want))
	for i, c := range z.d.s.Containers {
		size := c.Requests
		want[i], ahead[i] = f.boxes[i].present, 0
		if !f.boxes[i].fixed() || z.n.containers[i].known {
			size, ahead[i] = z.size(i, replicas)
			size.CPU = max(size.CPU, z.expected(i, replicas))
			want[i] = size.amounts()
		}
		if f.boxes[i].fixed() {
			size = c.Requests
		}
		o.uncapped[i] = size
	}
	got, over := f.fit(want, replicas)
	for i := range got {
		o.sizes[i] = got[i].resources()
		o.short += z.uncovered(i, want[i].resources(), o.sizes[i], ahead[i], replicas)
	}
	if over > 0 {
		o.short = forbidden + over
	}
	o.cost = z.d.cost(replicas, o.sizes)
	return o
}

// forbidden is more than any plan can be short.
const forbidden = 1e3

// uncovered is the share of the CPU plus that of the memory that container i
// lacks with what it gets of what it wants. They are added, since what is lacking
// in one for good must not hide the other. Ahead is the share that no size
// within the bounds covers by the time that more pods could be there.
func (z *sizer) uncovered(i int, want, got Resources, ahead float64, replicas int) float64 {
	if !z.n.containers[i].known {
		return 0
	}
	cpu := lack(want.CPU.Cores(), got.CPU.Cores())
	if i == z.n.serving && got.CPU != want.CPU {
		// Sizes between rungs carry something, too.
		cpu = lack(z.servingRate(float64(replicas)), z.capacity(got.CPU.Cores()))
	}
	return max(ahead, cpu) + lack(float64(want.Memory), float64(got.Memory))
}

// allowed marks an option whose sizes are not chosen as short where it exceeds
// what is allowed.
func (z *sizer) allowed(o option) option {
	f := z.d.frame
	if f.bounded() {
		if over := f.over(f.pod(amountsOf(o.sizes)), o.replicas); over > 0 {
			o.short = forbidden + over
		}
	}
	return o
}

// lack is the share of want that got does not cover.
func lack(want, got float64) float64 {
	if want <= 0 || got >= want {
		return 0
	}
	return 1 - got/want
}

// size is what container i needs on each of that many pods, before the
// owner's bounds, and the share of what it will need by the time that more
// pods could be there that no size within the bounds would cover.
func (z *sizer) size(i, replicas int) (Resources, float64) {
	n := z.n.containers[i]
	if !n.known {
		return Resources{}, 0
	}
	pods := float64(replicas)
	memory, _ := n.memoryOf(pods, float64(z.d.s.Replicas.pods()))
	if i == z.n.serving {
		cores, short := z.servingCores(pods)
		gathered, _ := z.gathered(i, cores)
		memory = max(memory, gathered)
		return Resources{CPU: FromCores(cores), Memory: FromBytes(memory)}, short
	}
	use := z.d.rules(i).CPUUtilization
	if z.n.patient && i == z.n.main {
		use = 1 // What is too much for a moment waits.
	}
	cores := (n.perReplica + n.cpu/pods) / use * n.imbalance * z.n.correction
	if replicas > 1 && !z.resizable() {
		cores = max(cores, n.perReplica+n.cpuMedian/(pods-1))
	}
	short, burst := 0.0, 1+z.d.s.Policy.Vertical.Burst
	if most := z.most(i); most > 0 {
		short = lack((n.perReplica+n.cpuAhead/pods)/use*n.imbalance*z.n.correction/burst, most)
	}
	return Resources{CPU: FromCores(cores / burst), Memory: FromBytes(memory)}, short
}

// expected is the CPU that container i is expected to use on each of that many
// pods; a request below it would save nothing.
func (z *sizer) expected(i, replicas int) MilliCPU {
	if z.d.s.Policy.Vertical.Burst <= 0 || !z.n.containers[i].known {
		return 0
	}
	return FromCores(z.n.containers[i].cpuExpected / float64(replicas))
}

// resizable says whether sizes can change in place. Then the pods that are
// left when one is lost grow within seconds, and need no room for it before.
func (z *sizer) resizable() bool {
	v := z.d.s.Policy.Vertical
	return v.InPlace && !v.Fixed
}

// servingRate is the rate that each of that many pods has to carry: where they
// cannot grow, all but one of them the median, too.
func (z *sizer) servingRate(pods float64) float64 {
	perPod := z.n.rate * z.n.correction / pods
	if pods > 1 && !z.resizable() {
		perPod = max(perPod, z.n.rateMedian/(pods-1))
	}
	return perPod
}

// servingCores is the smallest rung on which that many pods carry the rate.
func (z *sizer) servingCores(pods float64) (cores, short float64) {
	perPod := z.servingRate(pods)
	top := z.rungs[len(z.rungs)-1]
	short = lack(z.n.rateAhead*z.n.correction/pods, top.rate)
	for _, r := range z.rungs {
		if r.rate >= perPod {
			return r.cores, short
		}
	}
	return top.cores, max(short, lack(perPod, top.rate))
}

// shortOf is the share of the need that sizes which may not change leave
// uncovered. A resource counts as enough where less than that share of it is missing.
func (z *sizer) shortOf(o option, missing shares) float64 {
	if z.n.perPod > 0 {
		return o.short
	}
	short := z.n.gpuShort(o.replicas)
	for i := range o.sizes {
		if z.n.containers[i].known {
			want, ahead := z.size(i, o.replicas)
			short += z.uncovered(i, want, o.sizes[i].atLeast(want, missing), ahead, o.replicas)
		}
	}
	return short
}

// atLeast is the resources, or what is wanted of those of which less than that share
// is missing.
func (r Resources) atLeast(want Resources, missing shares) Resources {
	is, wants := r.amounts(), want.amounts()
	for i := range is {
		if is[i] < wants[i] && float64(wants[i]) < float64(is[i])*(1+missing[i]) {
			is[i] = wants[i]
		}
	}
	return is.resources()
}

// capacity is the rate that a pod of that many cores can carry, or one of the
// largest rung where it has more.
func (z *sizer) capacity(cores float64) float64 {
	cores = min(cores, max(ladderTop, z.rungs[len(z.rungs)-1].cores))
	i, found := slices.BinarySearchFunc(z.rungs, cores, func(r rung, c float64) int { return cmp.Compare(r.cores, c) })
	if found {
		return z.rungs[i].rate
	}
	o := z.d.s.Policy.Objective
	return z.n.server.Capacity(cores*(1+z.d.s.Policy.Vertical.Burst), o.LatencySeconds, z.late)
}

// plannedLate is the share of late requests that a plan expects: what the risk
// says, but twice what would be late if each request were alone, where that is
// more and still allowed. Less risk than that no size could meet.
func (p Policy) plannedLate(alone float64) float64 {
	allowed := 1 - p.Objective.Percentile
	return max(allowed*min(1, lateShare*p.Risk), min(allowed, 2*alone))
}
