package simulator

// finishHeap holds the workers that are busy by when they will be done, the
// first on top; of equal ones the worker with the smaller number.
type finishHeap struct {
	items []finishTime
	place []int32 // Index in items by worker, -1 if it is not there.
}

type finishTime struct {
	at     float64
	worker int32
}

func (a finishTime) before(b finishTime) bool {
	return a.at < b.at || (a.at == b.at && a.worker < b.worker)
}

// set adds a worker or changes its time.
func (h *finishHeap) set(worker int32, at float64) {
	i := int(h.place[worker])
	if i < 0 {
		i = len(h.items)
		h.items = append(h.items, finishTime{})
	}
	h.put(i, finishTime{at: at, worker: worker})
	h.down(h.up(i))
}

// remove takes a worker out, if it is there.
func (h *finishHeap) remove(worker int32) {
	i := int(h.place[worker])
	if i < 0 {
		return
	}
	h.place[worker] = -1
	last := len(h.items) - 1
	moved := h.items[last]
	h.items = h.items[:last]
	if i < last {
		h.put(i, moved)
		h.down(h.up(i))
	}
}

func (h *finishHeap) put(i int, f finishTime) {
	h.items[i] = f
	h.place[f.worker] = int32(i) //nolint:gosec // As many as workers.
}

func (h *finishHeap) up(i int) int {
	f := h.items[i]
	for i > 0 {
		parent := (i - 1) / 2
		if !f.before(h.items[parent]) {
			break
		}
		h.put(i, h.items[parent])
		i = parent
	}
	h.put(i, f)
	return i
}

func (h *finishHeap) down(i int) {
	f := h.items[i]
	for {
		child := 2*i + 1
		if child >= len(h.items) {
			break
		}
		if child+1 < len(h.items) && h.items[child+1].before(h.items[child]) {
			child++
		}
		if !h.items[child].before(f) {
			break
		}
		h.put(i, h.items[child])
		i = child
	}
	h.put(i, f)
}
