package recommender

import (
	"math"
)

// why names what bounds a number.
type why struct {
	code ReasonCode
	name string
}

// box is what a container's requests may be.
type box struct {
	// present is what its pods have now.
	present amounts
	// lo and hi are inclusive, lo ≤ hi; loWhy and hiWhy name who set them.
	lo, hi       amounts
	loWhy, hiWhy [2]why
	// held says that a resource stays as it is, whatever lo and hi say.
	held  [2]bool
	heldA why
	grid  *grid
}

// narrow moves lo and hi into [lo, hi] of a lesser authority: as far as what
// binds already allows.
func (b *box) narrow(lo, hi amounts, w why) {
	for r := range b.lo {
		if l := min(max(lo[r], b.lo[r]), b.hi[r]); l > b.lo[r] {
			b.lo[r], b.loWhy[r] = l, w
		}
		if h := max(min(hi[r], b.hi[r]), b.lo[r]); h < b.hi[r] {
			b.hi[r], b.hiWhy[r] = h, w
		}
	}
}

// hold keeps a resource as it is.
func (b *box) hold(r int, w why) {
	if !b.held[r] {
		b.held[r], b.heldA = true, w
		b.lo[r], b.hi[r] = b.present[r], b.present[r]
		b.grid = nil // Sizes of a list are of both resources.
	}
}

func (b *box) holdBoth(w why) {
	b.hold(ofCPU, w)
	b.hold(ofMemory, w)
}

// fixed says that the size is not chosen at all.
func (b *box) fixed() bool { return b.held == [2]bool{true, true} && b.heldA.code == ReasonBounded }

// clamped moves amounts into the box.
func (b *box) clamped(want amounts) amounts { return want.atLeast(b.lo).atMost(b.hi) }

// place is the smallest size in the box that covers what is wanted, the nearest
// one where none does.
func (b *box) place(want amounts) amounts {
	got := b.clamped(want)
	if b.grid != nil {
		got = b.grid.up(got, b)
	}
	return got
}

// podCap is a bound of what a pod requests.
type podCap struct {
	resource int
	amount   int64
	// shared says that all pods share the amount, hard that it also holds for
	// what is there already.
	shared, hard bool
	why          why
}

// room is the space of a node for one pod.
type room struct {
	amounts
	name string
	// nodes is how many of them there may be, boundless for any number.
	nodes int
	gpus  int
}

// frame is all that bounds the sizes and the number of pods of one decision.
type frame struct {
	boxes []box
	caps  []podCap
	rooms []room
	// now is the number of pods there are, presentPod what each requests.
	now        int
	presentPod amounts
	// podMin is the least that a pod may request.
	podMin amounts
	// sidecars lists the containers with Sidecar in order, init what the init
	// containers request.
	sidecars []int
	init     []InitContainer
	gpus     int
	// tops is the most CPU in cores that each container may request, 0 for any.
	tops []float64
	// want, ahead and got are scratch space of one option at a time.
	want, got []amounts
	ahead     []float64
}

// newFrame collects what binds. Authorities in falling order: the cluster's
// LimitRanges, the owner's bounds, scheduled floors, windows, steps.
func newFrame(d *draft, known func(int) bool) *frame {
	f := &frame{now: d.s.Replicas.Desired, init: d.s.InitContainers}
	if d.s.Workload.Batch() {
		f.now = max(f.now, 1)
	}
	present := make([]amounts, len(d.s.Containers))
	for i, c := range d.s.Containers {
		if c.Sidecar {
			f.sidecars = append(f.sidecars, i)
		}
		f.gpus += c.GPUs
		present[i] = d.base(c).amounts()
		f.boxes = append(f.boxes, d.box(i, known(i)))
	}
	f.want, f.got, f.ahead = make([]amounts, len(present)), make([]amounts, len(present)), make([]float64, len(present))
	f.presentPod = f.pod(present)
	f.podCaps(d)
	f.nodeRooms(d.s.Nodes)
	for i := range f.boxes {
		f.tops = append(f.tops, f.top(i))
	}
	return f
}

// pending is what the pods have of a container of which a resize is pending.
func (c Container) pending() Resources { return c.InForce.or(c.Requests) }

// base is what the pods have of a container now: its requests, unless no pod
// could be given them.
func (d *draft) base(c Container) Resources {
	if r := d.s.Replicas; r.Desired > 0 && r.Deferred+r.Infeasible >= r.Desired {
		return c.pending()
	}
	return c.Requests
}

func (d *draft) box(i int, known bool) box {
	c, rules := d.s.Containers[i], d.rules(i)
	b := box{present: d.base(c).amounts(), hi: amounts{boundless, boundless}}
	b.grid = newGrid(rules, d.s.Policy.Prices)
	for _, l := range d.s.LimitRanges {
		if l.Type == LimitRangeContainer {
			b.narrow(l.Min.amounts(), l.Max.bounds(), why{ReasonLimitRange, l.Name})
		}
	}
	b.narrow(rules.MinAllowed.amounts(), rules.MaxAllowed.bounds(), why{code: ReasonBounded})
	d.floorBox(c.Name, &b)
	d.windowBox(c, &b)
	d.stepBox(c, &b)
	owner := why{code: ReasonBounded, name: "fixed"}
	switch {
	case !known || rules.Fixed:
		b.holdBoth(owner)
	default:
		if rules.FixedCPU {
			b.hold(ofCPU, owner)
		}
		if rules.FixedMemory {
			b.hold(ofMemory, owner)
		}
	}
	return b
}

// stepBox limits how far one decision moves a request. A kill for want of
// memory is answered at once.
func (d *draft) stepBox(c Container, b *box) {
	v := d.s.Policy.Vertical
	for r, is := range b.present {
		lo, hi := amounts{}, amounts{boundless, boundless}
		if v.StepDown > 0 {
			lo[r] = ceilInt64(float64(is) * (1 - min(v.StepDown, 1)))
		}
		if v.StepUp > 0 && is > 0 && (r == ofCPU || !d.remembersOOM(c)) {
			hi[r] = ceilInt64(float64(is) * (1 + v.StepUp))
		}
		b.narrow(lo, hi, why{code: ReasonStepLimited})
	}
}

// remembersOOM says whether a kill for want of memory still counts.
func (d *draft) remembersOOM(c Container) bool {
	return c.OOMKills > 0 && d.s.Now.Before(c.oomUntil())
}

// podCaps collects what a pod as a whole may request.
func (f *frame) podCaps(d *draft) {
	for _, l := range d.s.LimitRanges {
		if l.Type != LimitRangePod {
			continue
		}
		f.podMin = f.podMin.atLeast(l.Min.amounts())
		for r, v := range l.Max.bounds() {
			if v < boundless {
				f.caps = append(f.caps, podCap{resource: r, amount: v, hard: true, why: why{ReasonLimitRange, l.Name}})
			}
		}
	}
	for _, q := range d.s.Quotas {
		for _, item := range q.Items {
			if r, own, ok := d.ownUse(f, item.Resource); ok {
				f.caps = append(f.caps, podCap{resource: r, amount: item.left(own), shared: true, why: why{ReasonQuota, q.Name}})
			}
		}
	}
	for _, r := range d.state.Refused {
		asked, fits := r.Asked.amounts(), r.InForce.amounts()
		for k := range asked {
			if asked[k] > fits[k] {
				f.caps = append(f.caps, podCap{resource: k, amount: fits[k], hard: true, why: why{code: ReasonInfeasible}})
			}
		}
	}
}

// left is what a line of a quota leaves a workload that uses own of it. That is
// no more than all that is used: pods that are asked for may not exist yet.
func (q QuotaLimit) left(own int64) int64 {
	return max(0, addSaturating(q.Hard-q.Used, max(0, min(own, q.Used))))
}

// ownUse is what the workload itself uses of a quota that bounds requests: with
// a quota of limits, requests cannot exceed it either.
func (d *draft) ownUse(f *frame, q QuotaResource) (resource int, own int64, ok bool) {
	limits := amounts{}
	for _, c := range d.s.Containers {
		limits = limits.plus(c.Limits.amounts().atLeast(amounts{}))
	}
	switch q {
	case QuotaRequestsCPU:
		return ofCPU, mulSaturating(f.presentPod[ofCPU], f.now), true
	case QuotaRequestsMemory:
		return ofMemory, mulSaturating(f.presentPod[ofMemory], f.now), true
	case QuotaLimitsCPU:
		return ofCPU, mulSaturating(limits[ofCPU], f.now), true
	case QuotaLimitsMemory:
		return ofMemory, mulSaturating(limits[ofMemory], f.now), true
	case QuotaPods, QuotaGPUs:
		return 0, 0, false // They bound the number of pods.
	default:
		return 0, 0, false
	}
}

func (f *frame) nodeRooms(shapes []NodeShape) {
	most := 0
	for _, s := range shapes {
		most = max(most, s.GPUs)
	}
	for _, s := range shapes {
		if most > 0 && s.GPUs < f.gpus {
			continue
		}
		nodes := s.MaxNodes
		if nodes <= 0 {
			nodes = math.MaxInt32
		}
		f.rooms = append(f.rooms, room{s.Allocatable.amounts().minus(s.Overhead.amounts()), s.Name, nodes, s.GPUs})
	}
}

// pod is what a pod of these containers requests: the sum of its containers, or
// an init container with the sidecars that run beside it where that is more.
func (f *frame) pod(sizes []amounts) amounts {
	total := amounts{}
	for _, s := range sizes {
		total = total.plus(s)
	}
	for _, c := range f.init {
		beside := c.Requests.amounts()
		for k := 0; k < c.SidecarsBefore && k < len(f.sidecars); k++ {
			beside = beside.plus(sizes[f.sidecars[k]])
		}
		total = total.atLeast(beside)
	}
	return total
}

// amountsOf converts.
func amountsOf(sizes []Resources) []amounts {
	out := make([]amounts, len(sizes))
	for i, s := range sizes {
		out[i] = s.amounts()
	}
	return out
}

func resourcesOf(sizes []amounts) []Resources {
	out := make([]Resources, len(sizes))
	for i, s := range sizes {
		out[i] = s.resources()
	}
	return out
}
