package pack

import "math/bits"

// writer appends bits, the first in the highest bit of a byte.
type writer struct {
	data []byte
	// free is how many bits of the last byte are not written yet.
	free uint8
}

// write appends the n lowest bits of v, n at most 32.
func (w *writer) write(v uint64, n int) {
	for n > 0 {
		if w.free == 0 {
			w.data = append(w.data, 0)
			w.free = 8
		}
		take := min(n, int(w.free))
		part := v >> (n - take) & (1<<take - 1)
		w.data[len(w.data)-1] |= byte(part << (int(w.free) - take)) //nolint:gosec // At most 8 bits are left.
		w.free -= uint8(take)                                       //nolint:gosec // At most 8.
		n -= take
	}
}

// gamma writes v ≥ 1: as many zeros as it has bits after the first, then v.
func (w *writer) gamma(v uint32) {
	n := bits.Len32(v)
	w.write(0, n-1)
	w.write(uint64(v), n)
}

// reader takes bits from what a writer wrote. Beyond the end there are zeros.
type reader struct {
	data []byte
	at   int // In bytes, of what is not in buffer.
	// buffer holds have bits, the next in the highest.
	buffer uint64
	have   int
}

func (r *reader) fill() {
	for r.have <= 56 {
		if r.at < len(r.data) {
			r.buffer |= uint64(r.data[r.at]) << (56 - r.have)
		}
		r.at++
		r.have += 8
	}
}

// read takes n bits, at most 32.
func (r *reader) read(n int) uint64 {
	if r.have < n {
		r.fill()
	}
	v := r.buffer >> (64 - n)
	if n == 0 {
		v = 0
	}
	r.buffer <<= n
	r.have -= n
	return v
}

// ones counts ones up to a limit of at most 32 and takes them, with the zero
// that ends them where there are fewer.
func (r *reader) ones(limit int) int {
	if r.have < limit+1 {
		r.fill()
	}
	n := min(bits.LeadingZeros64(^r.buffer), limit)
	take := n
	if n < limit {
		take++
	}
	r.buffer <<= take
	r.have -= take
	return n
}

func (r *reader) gamma() uint32 {
	if r.have < 33 {
		r.fill()
	}
	zeros := min(bits.LeadingZeros64(r.buffer), 31)
	r.buffer <<= zeros
	r.have -= zeros
	return uint32(r.read(zeros + 1)) //nolint:gosec // At most 32 bits.
}
