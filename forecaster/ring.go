package forecaster

// ring holds the newest values of a sequence; the oldest make room for new
// ones once it is full. A narrow one holds them in single precision.
type ring struct {
	wide   []float64
	narrow []float32
	light  bool
	limit  int // How many are held at most.
	n      int // How many were ever added.
	next   int // Where the next one goes.
}

func newRing(limit int, light bool) *ring { return &ring{limit: max(1, limit), light: light} }

// within makes room for the first values, up to n, see [workspace.values].
func (r *ring) within(n int, space *workspace) {
	r.wide, r.narrow = space.values(min(r.limit, n), r.light)
}

func (r *ring) push(v float64) {
	switch {
	case r.n < r.limit:
		r.append(v)
	case r.light:
		r.narrow[r.next] = float32(v)
	default:
		r.wide[r.next] = v
	}
	if r.next++; r.next == r.limit {
		r.next = 0
	}
	r.n++
}

// append takes a value in before the ring is full; it doubles the room, up to
// the limit.
func (r *ring) append(v float64) {
	size := min(r.limit, max(8, 2*r.n))
	switch {
	case r.light && r.n == cap(r.narrow):
		r.narrow = append(append(make([]float32, 0, size), r.narrow...), float32(v))
	case r.light:
		r.narrow = append(r.narrow, float32(v))
	case r.n == cap(r.wide):
		r.wide = append(append(make([]float64, 0, size), r.wide...), v)
	default:
		r.wide = append(r.wide, v)
	}
}

// index is where the value that was added as number i stands.
func (r *ring) index(i int) int {
	at := r.next - (r.n - i)
	if at < 0 {
		at += r.limit
	}
	return at
}

// holds says whether the value that was added as number i, from 0, is still
// held.
func (r *ring) holds(i int) bool { return i >= max(0, r.n-r.limit) && i < r.n }

// at returns the value that was added as number i. It has to be among those
// held.
func (r *ring) at(i int) float64 {
	if r.light {
		return float64(r.narrow[r.index(i)])
	}
	return r.wide[r.index(i)]
}

// peak is the largest of the values numbered from..to, both included; those no
// longer held are left out.
func (r *ring) peak(from, to int) float64 {
	from = max(from, r.n-r.limit, 0)
	i := r.index(from)
	if r.light {
		return float64(peakFrom(r.narrow, i, to-from+1))
	}
	return peakFrom(r.wide, i, to-from+1)
}

// peakFrom is the largest of n values from index i on, going round.
func peakFrom[F float32 | float64](values []F, i, n int) F {
	top := values[i]
	for ; n > 0; n-- {
		if v := values[i]; v > top {
			top = v
		}
		if i++; i == len(values) {
			i = 0
		}
	}
	return top
}
