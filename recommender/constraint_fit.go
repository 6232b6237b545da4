package recommender

import "math"

// bounded says whether anything but the containers' boxes binds.
func (f *frame) bounded() bool { return len(f.caps) > 0 || len(f.rooms) > 0 }

// limit is the amount of a cap for each of that many pods. What is there
// already is not taken away: a cap that is not hard only stops what grows.
func (f *frame) limit(c podCap, replicas int) int64 {
	amount := c.amount
	if c.shared {
		amount /= int64(max(1, replicas))
	}
	if !c.hard && replicas <= f.now {
		amount = max(amount, f.presentPod[c.resource])
	}
	return amount
}

// fit sizes the containers of that many pods: what is wanted of each, as far as
// the frame allows. Over is how far the plan still exceeds what is allowed as a
// share, 0 where it does not. What it returns is valid until the next call.
func (f *frame) fit(want []amounts, replicas int) (got []amounts, over float64) {
	got = f.got
	for i := range want {
		got[i] = f.boxes[i].place(want[i])
	}
	if f.podMin != (amounts{}) {
		f.raise(got)
	}
	if f.bounded() {
		most, _ := f.most(f.pod(got), replicas)
		f.squeeze(got, most, false)
		over = f.over(f.pod(got), replicas)
	}
	return got, over
}

// raise gives the container with the most what the pod lacks of its least.
func (f *frame) raise(got []amounts) {
	pod := f.pod(got)
	for r, least := range f.podMin {
		best := -1
		for i := range got {
			if !f.boxes[i].held[r] && (best < 0 || got[i][r] > got[best][r]) {
				best = i
			}
		}
		if best >= 0 && pod[r] < least {
			want := got[best]
			want[r] = min(addSaturating(want[r], least-pod[r]), f.boxes[best].hi[r])
			got[best] = f.boxes[best].place(want)
		}
	}
}

// most is what a pod may request of each resource, where it wants that much,
// and who says so. Of several nodes it is the one on which the least is
// missing.
func (f *frame) most(pod amounts, replicas int) (most amounts, by [2]why) {
	most = amounts{boundless, boundless}
	for _, c := range f.caps {
		if v := f.limit(c, replicas); v < most[c.resource] {
			most[c.resource], by[c.resource] = v, c.why
		}
	}
	if len(f.rooms) == 0 {
		return most, by
	}
	best, least := f.rooms[0], math.Inf(1)
	for _, r := range f.rooms {
		if missing := f.missing(r.amounts, pod.atMost(most)); missing < least {
			best, least = r, missing
		}
	}
	if replicas <= f.now && f.missing(f.presentPod, pod.atMost(most)) < least {
		best = room{amounts: f.presentPod, name: "it is on"}
	}
	for r, v := range best.amounts {
		if v < most[r] {
			most[r], by[r] = v, why{ReasonNodeShape, best.name}
		}
	}
	return most, by
}

// missing is the largest share of a pod that a room lacks.
func (f *frame) missing(room, pod amounts) float64 {
	return max(lack(float64(pod[0]), float64(room[0])), lack(float64(pod[1]), float64(room[1])))
}

// squeeze makes the containers smaller until the pod is within most: each gives
// the same share of what it has above its least, which is what it has now where
// nothing may be lowered.
func (f *frame) squeeze(got []amounts, most amounts, keep bool) {
	squeezed := false
	for r := range most {
		var total, least int64
		for i := range got {
			total = addSaturating(total, got[i][r])
			least = addSaturating(least, f.least(i, r, got[i][r], keep))
		}
		if total <= most[r] {
			continue
		}
		squeezed = true
		share := 0.0
		if least < most[r] {
			share = float64(most[r]-least) / float64(total-least)
		}
		for i := range got {
			lo := f.least(i, r, got[i][r], keep)
			got[i][r] = lo + int64(float64(got[i][r]-lo)*share)
		}
	}
	for i := range got {
		if b := &f.boxes[i]; squeezed && b.grid != nil && !keep {
			got[i] = b.grid.down(got[i], b)
		}
	}
}

// least is the least that container i may have of a resource of which it would
// get that much.
func (f *frame) least(i, r int, got int64, keep bool) int64 {
	b := &f.boxes[i]
	switch {
	case b.held[r]:
		return got
	case keep:
		return min(got, max(b.lo[r], b.present[r]))
	default:
		return min(got, b.lo[r])
	}
}

// over is the share by which that many pods of this size exceed what is
// allowed.
func (f *frame) over(pod amounts, replicas int) float64 {
	over := 0.0
	for _, c := range f.caps {
		if v := f.limit(c, replicas); pod[c.resource] > v {
			over = max(over, float64(pod[c.resource])/float64(max(1, v))-1)
		}
	}
	if len(f.rooms) == 0 || replicas <= f.now && pod.within(f.presentPod) {
		return over
	}
	least, pods := math.Inf(1), 0.0
	for _, r := range f.rooms {
		least = min(least, f.missing(r.amounts, pod))
		pods += float64(r.nodes) * float64(r.holds(pod, f.gpus))
	}
	if least > 0 {
		return over + least
	}
	return over + max(0, float64(replicas)/max(1, pods)-1)
}

// holds is how many pods of a size a node has room for.
func (r room) holds(pod amounts, gpus int) int64 {
	n := int64(math.MaxInt32)
	for k, v := range pod {
		if v > 0 {
			n = min(n, r.amounts[k]/v)
		}
	}
	if gpus > 0 && r.gpus > 0 {
		n = min(n, int64(r.gpus/gpus))
	}
	return n
}

// allows says whether a request of container i may be that much.
func (f *frame) allows(i int, got amounts) bool {
	b := &f.boxes[i]
	return got.within(b.hi) && b.lo.within(got) && (b.grid == nil || b.grid.has(got, b))
}
