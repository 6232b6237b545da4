package fleet

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Sizes of the node pools.
const (
	workerNodes = 6
	gpuNodes    = 4
)

// forever is later than everything.
const forever = math.MaxInt64

// revision is one ReplicaSet of a Deployment or Rollout.
type revision struct {
	name    string
	created int64
}

// job is one run of a CronJob.
type job struct {
	name    string
	created int64
	ended   int64
	gone    int64
}

// pod is one pod with everything it exposed. Instants are Unix seconds.
type pod struct {
	name      string
	uid       string
	node      string
	ip        string
	ownerKind string
	owner     string
	slot      int
	revision  int
	created   int64
	ready     int64
	// ended is when its containers stopped, gone when the API forgot it.
	ended int64
	gone  int64
	// first is the first grid point that saw it and last the one after the
	// last that saw its containers.
	first, last int
	weight      float64
	tracks      []*track
	// work counts units served since the first container started, rate is in
	// units a second. unready lists grid points of a restart.
	work    []float64
	rate    []float64
	count   float64
	unready map[int]bool
}

// running says whether the pod's containers were scraped at grid point i, and
// serving whether it was also ready.
func (p *pod) running(i int) bool { return i >= p.first && i < p.last }

func (p *pod) serving(i int, unix int64) bool {
	return p.running(i) && unix >= p.ready && !p.unready[i]
}

// change is a moment at which the pod of one slot is replaced.
type change struct {
	at       int64
	slot     int
	revision int
	rollout  bool
}

// schedule decides which pods of a long-running workload live when.
func (f *Fleet) schedule(w *workload) ([]*pod, []revision) {
	rng := f.rng(w, "pods")
	revisions := f.revisions(w, rng)
	current := make([]*pod, w.replicas)
	pods := make([]*pod, 0, w.replicas*(len(revisions)+1))
	begin := f.grid.start.Unix()
	for slot := range current {
		age := int64(24*3600) + rng.Int64N(19*24*3600)
		p := w.newPod(rng, slot, 0, revisions)
		p.created = max(begin-age, revisions[0].created+int64(slot))
		p.ready = p.created + w.startupSeconds(rng)
		current[slot] = p
		pods = append(pods, p)
	}
	for _, c := range f.changes(w, rng) {
		old := current[c.slot]
		if c.at <= old.ready+60 {
			continue // Still starting; the drain waits.
		}
		if !c.rollout {
			c.revision = old.revision
		}
		p := w.newPod(rng, c.slot, c.revision, revisions)
		w.replace(rng, old, p, c)
		current[c.slot] = p
		pods = append(pods, p)
	}
	for _, p := range pods {
		p.gone = p.ended
		p.first = min(max(0, f.grid.index(p.created+1)), f.grid.total)
		p.last = f.grid.total
		if p.ended != forever {
			p.last = min(max(p.first, f.grid.index(p.ended)), f.grid.total)
		}
	}
	return pods, revisions
}

// revisions are the ReplicaSets that the history sees; workloads without any
// have unnamed ones.
func (f *Fleet) revisions(w *workload, rng *rand.Rand) []revision {
	rs := []revision{{created: f.grid.start.Unix() - 30*24*3600}}
	for _, t := range w.rollouts {
		rs = append(rs, revision{created: t.Unix()})
	}
	for i := range rs {
		if w.kind == kindDeployment || w.kind == kindRollout {
			rs[i].name = w.name + "-" + suffix(rng, 10)
		}
	}
	return rs
}

// changes are the replacements of pods by rollouts and node drains, in order.
func (f *Fleet) changes(w *workload, rng *rand.Rand) []change {
	pace := int64(w.startup/time.Second) + 15
	cs := make([]change, 0, len(w.rollouts)*w.replicas)
	for r, t := range w.rollouts {
		for slot := range w.replicas {
			cs = append(cs, change{at: t.Unix() + int64(slot)*pace, slot: slot, revision: r + 1, rollout: true})
		}
	}
	span := f.grid.unix(f.grid.n-1) - f.grid.start.Unix()
	drains := int(math.Round(w.drainsPerWeek * float64(span) / (7 * 24 * 3600)))
	for range drains {
		// None in the last hours, so that the report sees a quiet fleet.
		at := f.grid.start.Unix() + rng.Int64N(max(1, span-6*3600))
		cs = append(cs, change{at: at, slot: rng.IntN(w.replicas)})
	}
	slices.SortStableFunc(cs, func(a, b change) int { return int(a.at - b.at) })
	return slices.DeleteFunc(cs, func(c change) bool { return c.at < f.grid.start.Unix() })
}

// replace ends old and starts p in its place. Pods with a name of their own
// have to go before they can come back; others overlap.
func (w *workload) replace(rng *rand.Rand, old, p *pod, c change) {
	switch {
	case w.kind == kindStatefulSet || w.kind == kindDaemonSet:
		old.ended = c.at
		p.created = c.at + 20 + rng.Int64N(20)
		p.ready = p.created + w.startupSeconds(rng)
	case c.rollout:
		p.created = c.at
		p.ready = p.created + w.startupSeconds(rng)
		old.ended = p.ready + 5
	default:
		old.ended = c.at + 5 + rng.Int64N(25)
		p.created = c.at
		p.ready = p.created + w.startupSeconds(rng)
	}
}

// startupSeconds draws the time from creation to readiness.
func (w *workload) startupSeconds(rng *rand.Rand) int64 {
	return max(2, int64(math.Round(w.startup.Seconds()*math.Exp(0.15*rng.NormFloat64()))))
}

// newPod names a pod and puts it on a node.
func (w *workload) newPod(rng *rand.Rand, slot, rev int, revisions []revision) *pod {
	p := &pod{
		uid: uid(rng), slot: slot, revision: rev, ended: forever, gone: forever,
		ip:      fmt.Sprintf("10.42.%d.%d", rng.IntN(16), 2+rng.IntN(250)),
		node:    w.nodeFor(rng, slot),
		weight:  math.Exp(w.spread * rng.NormFloat64()),
		unready: map[int]bool{},
	}
	if slot == 0 && w.primary > 0 {
		p.weight = w.primary
	}
	p.ownerKind, p.owner = w.kind, w.name
	switch w.kind {
	case kindDeployment, kindRollout:
		p.ownerKind, p.owner = "ReplicaSet", revisions[rev].name
		p.name = p.owner + "-" + suffix(rng, 5)
	case kindStatefulSet:
		p.name = w.name + "-" + strconv.Itoa(slot)
	default:
		p.name = w.name + "-" + suffix(rng, 5)
	}
	return p
}

// nodeFor picks a node: one each for DaemonSets and GPU pods.
func (w *workload) nodeFor(rng *rand.Rand, slot int) string {
	switch {
	case w.gpu:
		return nodeName(true, slot%gpuNodes)
	case w.kind == kindDaemonSet:
		return nodeName(false, slot%workerNodes)
	default:
		return nodeName(false, rng.IntN(workerNodes))
	}
}

// nodeName names node i of a pool.
func nodeName(gpu bool, i int) string {
	if gpu {
		return fmt.Sprintf("gpu-%d", i+1)
	}
	return fmt.Sprintf("node-%d", i+1)
}
