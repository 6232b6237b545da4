package simulator

// ring is a queue that grows at both ends.
type ring[T any] struct {
	items []T
	head  int
	n     int
}

func (r *ring[T]) push(v T) {
	if r.n == len(r.items) {
		r.grow()
	}
	i := r.head + r.n
	if i >= len(r.items) {
		i -= len(r.items)
	}
	r.items[i] = v
	r.n++
}

func (r *ring[T]) pushFront(v T) {
	if r.n == len(r.items) {
		r.grow()
	}
	r.head--
	if r.head < 0 {
		r.head = len(r.items) - 1
	}
	r.items[r.head] = v
	r.n++
}

// pop takes the first item, of which there has to be one.
func (r *ring[T]) pop() T {
	v := r.items[r.head]
	r.head++
	if r.head == len(r.items) {
		r.head = 0
	}
	r.n--
	return v
}

// first is the item that pop would take.
func (r *ring[T]) first() *T { return &r.items[r.head] }

// grow doubles the ring.
func (r *ring[T]) grow() {
	bigger := make([]T, max(8, 2*len(r.items)))
	for i := range r.n {
		bigger[i] = r.items[(r.head+i)%len(r.items)]
	}
	r.items, r.head = bigger, 0
}
