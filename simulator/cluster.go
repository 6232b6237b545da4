package simulator

import (
	"math"
	"slices"

	"github.com/rightsize-dev/rightsize/recommender"
)

// node is a machine and what is reserved on it.
type node struct {
	used recommender.Resources
	gpus int // Of used.
	// imageAt is when the image is there, NaN if nobody has asked for it.
	imageAt float64
	// downUntil is when a node that failed is back.
	downUntil float64
}

// upcoming is a node on its way.
type upcoming struct {
	due  float64
	node node // With what pending pods will take of it.
}

func (w *world) free(n *node) recommender.Resources {
	size := w.sc.Cluster.Node
	return recommender.Resources{CPU: size.CPU - n.used.CPU, Memory: size.Memory - n.used.Memory}
}

// holds says whether a node has room for another pod of that size.
func (w *world) holds(n *node, size recommender.Resources) bool {
	return n.downUntil <= w.now && fits(size, w.free(n)) && n.gpus+w.gpus <= w.sc.Cluster.NodeGPUs
}

// take reserves a pod's size and GPUs on a node.
func (w *world) take(n *node, size recommender.Resources) {
	n.used = n.used.Add(size)
	n.gpus += w.gpus
}

func fits(need, room recommender.Resources) bool {
	return need.CPU <= room.CPU && need.Memory <= room.Memory
}

// create makes a pod of the template; [world.schedule] finds it a node.
func (w *world) create() {
	p := &pod{
		id: w.nextID, phase: pending, node: -1, created: w.now, started: math.NaN(), readyChanged: w.now,
		due: math.Inf(1), resizeDue: math.Inf(1), backOff: firstBackOff, want: w.template, lastOOM: math.NaN(),
	}
	w.nextID++
	p.use.since = w.now
	w.setSize(p, w.template)
	w.pods = append(w.pods, p)
	w.dirty = true
}

// remove takes a pod away. The requests it has are finished, but it costs no
// more and gets no more of them.
func (w *world) remove(p *pod) {
	w.flush(p)
	w.throttle(p)
	if p.phase == ready {
		w.load.changed(p, removed)
		w.leaveReady(p)
	}
	if p.node >= 0 {
		w.release(p.node, w.reserved(p))
		w.nodes[p.node].gpus -= w.gpus
	}
	p.phase = gone
	w.pods = slices.DeleteFunc(w.pods, func(q *pod) bool { return q == p })
	w.dirty = true
}

// reserved is what a pod holds on its node: the larger of its sizes before and
// after a resize that is under way.
func (w *world) reserved(p *pod) recommender.Resources {
	if !p.inFlight {
		return p.size
	}
	return recommender.Resources{CPU: max(p.size.CPU, p.target.CPU), Memory: max(p.size.Memory, p.target.Memory)}
}

func (w *world) release(node int, r recommender.Resources) {
	w.nodes[node].used.CPU -= r.CPU
	w.nodes[node].used.Memory -= r.Memory
}

// settleCluster retries deferred resizes and pending pods, in that order, and
// asks for nodes for the pods that fit nowhere.
func (w *world) settleCluster() {
	for _, p := range w.pods {
		w.startResize(p)
	}
	w.schedule()
	w.provision()
	w.dirty = false
	w.nextDue = w.earliest()
}

// schedule binds pending pods in the order of their creation, each to the node
// that has the smallest share of its CPU and memory reserved, as
// kube-scheduler's default scoring prefers.
func (w *world) schedule() {
	for _, p := range w.pods {
		if p.phase != pending {
			continue
		}
		if i := w.emptiest(p.size); i >= 0 {
			w.bind(p, i)
		}
	}
}

func (w *world) bind(p *pod, i int) {
	w.take(&w.nodes[i], p.size)
	p.node = i
	p.started, p.readyChanged = w.now, w.now
	if pull := w.sc.Cluster.ImagePull; pull > 0 {
		n := &w.nodes[i]
		if math.IsNaN(n.imageAt) {
			n.imageAt = w.now + seconds(pull)
		}
		if n.imageAt > w.now {
			w.flush(p)
			p.phase, p.due = pulling, n.imageAt
			return
		}
	}
	w.begin(p)
}

// withinQuota says whether the quota allows the requests of a pod to become
// want: they may shrink in any case. A nil pod is one more.
func (w *world) withinQuota(p *pod, want recommender.Resources) bool {
	quota, sum := w.sc.Cluster.Quota, want
	for _, other := range w.pods {
		if other != p {
			r := recommender.Resources{CPU: max(other.size.CPU, other.want.CPU), Memory: max(other.size.Memory, other.want.Memory)}
			sum = sum.Add(r)
		}
	}
	grows := func(now, then int64) bool { return p == nil || then > now }
	var size recommender.Resources
	if p != nil {
		size = p.size
	}
	return (quota.CPU == 0 || sum.CPU <= quota.CPU || !grows(int64(size.CPU), int64(want.CPU))) &&
		(quota.Memory == 0 || sum.Memory <= quota.Memory || !grows(int64(size.Memory), int64(want.Memory)))
}

// emptiest is the least reserved node with room for a pod of size r, -1 if
// there is none. Of equal ones the first wins.
func (w *world) emptiest(r recommender.Resources) int {
	best, least := -1, math.Inf(1)
	size := w.sc.Cluster.Node
	for i := range w.nodes {
		if !w.holds(&w.nodes[i], r) {
			continue
		}
		used := w.nodes[i].used
		share := float64(used.CPU)/float64(size.CPU) + float64(used.Memory)/float64(size.Memory)
		if w.gpus > 0 {
			share += float64(w.nodes[i].gpus) / float64(w.sc.Cluster.NodeGPUs)
		}
		if share < least {
			best, least = i, share
		}
		if used.CPU == 0 && used.Memory == 0 && w.nodes[i].gpus == 0 {
			break
		}
	}
	return best
}

// provision packs the pending pods into the nodes that are on their way, first
// fit, and asks for more where they do not suffice. A pod that is larger than
// a node waits for good.
func (w *world) provision() {
	for i := range w.upcoming {
		w.upcoming[i].node = node{}
	}
	for _, p := range w.pods {
		if p.phase != pending || !fits(p.size, w.sc.Cluster.Node) {
			continue
		}
		i := slices.IndexFunc(w.upcoming, func(u upcoming) bool { return w.holds(&u.node, p.size) })
		if i < 0 {
			i = len(w.upcoming)
			w.upcoming = append(w.upcoming, upcoming{due: w.now + seconds(w.sc.Cluster.NodeProvisioning)})
		}
		w.take(&w.upcoming[i].node, p.size)
	}
}

// arriveNodes adds the nodes that are due.
func (w *world) arriveNodes() {
	for len(w.upcoming) > 0 && w.upcoming[0].due <= w.now {
		w.nodes = append(w.nodes, node{imageAt: math.NaN()})
		w.upcoming = w.upcoming[1:]
		w.dirty = true
	}
}

// startResize accepts the resize that a pod waits for, if its node has room.
func (w *world) startResize(p *pod) {
	if p.inFlight || p.want == p.size {
		return
	}
	if p.phase == pending { // Nothing runs yet: only the wish changes.
		w.flush(p)
		w.setSize(p, p.want)
		return
	}
	grow := recommender.Resources{CPU: max(0, p.want.CPU-p.size.CPU), Memory: max(0, p.want.Memory-p.size.Memory)}
	n := &w.nodes[p.node]
	if grow != (recommender.Resources{}) && !fits(grow, w.free(n)) {
		return
	}
	n.used = n.used.Add(grow)
	p.inFlight, p.target = true, p.want
	p.resizeDue = w.now + seconds(w.sc.Cluster.ResizeDelay)
	p.resizeSince = w.now
}

// finishResize puts an accepted resize into effect.
func (w *world) finishResize(p *pod) {
	w.flush(p)
	held := w.reserved(p)
	p.inFlight, p.resizeDue = false, math.Inf(1)
	speed := w.startSpeed(p)
	w.setSize(p, p.target)
	w.release(p.node, recommender.Resources{CPU: held.CPU - p.size.CPU, Memory: held.Memory - p.size.Memory})
	if p.phase == starting {
		p.startLeft = max(0, p.startLeft-(w.now-p.startAt)*speed)
		p.startAt = w.now
		p.due = w.now + p.startLeft/w.startSpeed(p)
	}
	w.step.resizes++
	if p.phase == ready {
		w.load.changed(p, resized)
	}
	w.dirty = true
}

// earliest is when the cluster next changes by itself.
func (w *world) earliest() float64 {
	t := math.Inf(1)
	for _, p := range w.pods {
		t = min(t, p.due, p.resizeDue)
	}
	if len(w.upcoming) > 0 {
		t = min(t, w.upcoming[0].due)
	}
	return min(t, w.nextDisturbance())
}

// clusterEvents does what is due now, in the order nodes, disturbances, pods by
// creation; for one pod, its phase before its resize.
func (w *world) clusterEvents() {
	w.arriveNodes()
	w.disturb()
	for _, p := range slices.Clone(w.pods) {
		if p.phase == gone {
			continue
		}
		if p.due <= w.now {
			w.phaseEnds(p)
			w.dirty = true
		}
		if p.resizeDue <= w.now {
			w.finishResize(p)
		}
	}
	w.settleCluster()
}

// scaleTo creates or removes pods. Those that serve the least go first: the
// ones without a node, then those not ready, then the youngest, as a
// ReplicaSet does.
func (w *world) scaleTo(n int) {
	for len(w.pods) < n && w.withinQuota(nil, w.template) {
		w.create()
	}
	if len(w.pods) <= n {
		return
	}
	order := slices.Clone(w.pods)
	rank := func(p *pod) int {
		switch p.phase {
		case pending:
			return 0
		case pulling, starting, backingOff:
			return 1
		case ready, gone:
		}
		return 2
	}
	slices.SortStableFunc(order, func(a, b *pod) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return b.id - a.id
	})
	for _, p := range order[:len(order)-n] {
		w.remove(p)
	}
}
