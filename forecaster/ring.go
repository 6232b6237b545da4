package forecaster

// ring holds the newest values of a sequence; the oldest make room for new
// ones once it is full.
type ring struct {
	values []float64
	limit  int // How many are held at most.
	n      int // How many were ever added.
}

func newRing(limit int) *ring { return &ring{limit: max(1, limit)} }

func (r *ring) push(v float64) {
	if len(r.values) < r.limit {
		r.values = append(r.values, v)
	} else {
		r.values[r.n%r.limit] = v
	}
	r.n++
}

// at returns the value that was added as number i, from 0. It has to be among
// those held.
func (r *ring) at(i int) float64 { return r.values[i%r.limit] }

// peak is the largest of the values numbered from..to, both included; those no
// longer held are left out.
func (r *ring) peak(from, to int) float64 {
	from = max(from, r.n-len(r.values), 0)
	i := from % r.limit
	top := r.values[i]
	for range to - from {
		if i++; i == r.limit {
			i = 0
		}
		if v := r.values[i]; v > top {
			top = v
		}
	}
	return top
}
