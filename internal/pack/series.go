package pack

import (
	"math"
	"slices"
)

const (
	// blockLen is how many points a block has: its start is a multiple of it.
	blockLen = 512
	// looseLen is how many of the newest points are kept as they are, so that
	// they can be replaced.
	looseLen = 4
)

// Series is a regular series, kept by the number of each point on an endless
// grid. The zero value is empty. It is not for several goroutines at once,
// unless all of them read.
type Series struct {
	// closed are the blocks that are full, data what they hold, one after the other:
	// few large pieces of memory cost the garbage collector less than many small.
	closed []block
	data   []byte
	// open is the block that is written to; loose follow what is in it.
	open  coder
	first int64 // Of the open block.
	n     int32 // Points in open.
	loose [looseLen]uint32
	few   uint8 // How many of loose there are.
	// last is the newest point with a value, known says that there is one.
	last  int64
	known bool
}

type block struct {
	first int64
	n     int32
	size  int32 // Of what it holds, in bytes.
}

// end is the point after the newest.
func (s *Series) end() int64 { return s.first + int64(s.n) + int64(s.few) }

// Range spans the points that have a value: the last one has, and before first
// there is none. False where there is none at all.
func (s *Series) Range() (first, last int64, ok bool) { return s.start(), s.last, s.known }

// Put sets the values of points from first on. A gap replaces nothing.
func (s *Series) Put(first int64, values []float64) {
	if s.known && first < s.first+int64(s.n) {
		values = s.replace(first, values)
		first = s.first + int64(s.n)
	}
	for i, v := range values {
		if q := code(v); q != gap {
			s.set(first+int64(i), q)
		}
	}
}

func (s *Series) set(at int64, q uint32) {
	if !s.known {
		s.first = at - mod(at)
		s.open = newCoder()
		s.known = true
	}
	if loose := s.first + int64(s.n); at < s.end() {
		s.loose[at-loose] = q
	} else {
		for s.end() < at {
			s.push(gap)
		}
		s.push(q)
	}
	s.last = max(s.last, at)
}

// mod is how far a point is behind the start of its block.
func mod(at int64) int64 { return ((at % blockLen) + blockLen) % blockLen }

// push appends a code; the oldest loose one goes into the block.
func (s *Series) push(q uint32) {
	if s.few < looseLen {
		s.loose[s.few] = q
		s.few++
		return
	}
	s.encode(s.loose[0])
	copy(s.loose[:], s.loose[1:])
	s.loose[looseLen-1] = q
}

func (s *Series) encode(q uint32) {
	s.open.add(q)
	if s.n++; s.n < blockLen {
		return
	}
	s.open.flush()
	s.closed = slices.Concat(s.closed, []block{{s.first, s.n, int32(len(s.open.data))}}) //nolint:gosec // 512 points.
	s.data = slices.Concat(s.data, s.open.data)
	s.first, s.n, s.open = s.first+blockLen, 0, newCoder()
}

// replace sets those points that are in a block, or before all of them, by
// writing all blocks anew, and returns the values of those that are loose or
// later.
func (s *Series) replace(first int64, values []float64) []float64 {
	loose := s.first + int64(s.n)
	inside := int(min(int64(len(values)), loose-first))
	later := values[inside:]
	known := false
	for _, v := range values[:inside] {
		known = known || code(v) != gap
	}
	if known {
		from := min(first-mod(first), s.start())
		all := s.Get(from, int(s.end()-from))
		for i, v := range values[:inside] {
			if code(v) != gap {
				all[first-from+int64(i)] = v
			}
		}
		fresh := Series{first: from, open: newCoder(), known: true, last: s.last}
		for _, v := range all {
			fresh.push(code(v))
		}
		*s = fresh
	}
	return later
}

// start is the first point of the oldest block.
func (s *Series) start() int64 {
	if len(s.closed) > 0 {
		return s.closed[0].first
	}
	return s.first
}

// Get returns n values from first on, NaN where there is none.
func (s *Series) Get(first int64, n int) []float64 {
	out := make([]float64, n)
	s.Read(first, out)
	return out
}

// Read puts values from first on into out, NaN where there is none.
func (s *Series) Read(first int64, out []float64) {
	for i := range out {
		out[i] = math.NaN()
	}
	if !s.known {
		return
	}
	data := s.data
	for _, b := range s.closed {
		read(b, data[:b.size], first, out)
		data = data[b.size:]
	}
	last := s.open
	last.data = append([]byte(nil), last.data...)
	last.flush()
	read(block{first: s.first, n: s.n}, last.data, first, out)
	for i := range int64(s.few) {
		if at := s.first + int64(s.n) + i - first; at >= 0 && at < int64(len(out)) {
			out[at] = value(s.loose[i])
		}
	}
}

// read puts what a block has into values from first on.
func read(b block, data []byte, first int64, out []float64) {
	skip, lead := first-b.first, b.first-first
	switch {
	case skip >= int64(b.n) || lead >= int64(len(out)):
	case skip >= 0:
		decode(data, int(b.n), int(skip), out)
	default:
		decode(data, int(b.n), 0, out[lead:])
	}
}

// Forget drops blocks that end before a point.
func (s *Series) Forget(before int64) {
	i, size := 0, 0
	for i < len(s.closed) && s.closed[i].first+int64(s.closed[i].n) <= before {
		size += int(s.closed[i].size)
		i++
	}
	if i > 0 {
		s.closed, s.data = slices.Clone(s.closed[i:]), slices.Clone(s.data[size:])
	}
}

// Bytes is about how much memory the values take.
func (s *Series) Bytes() int {
	return cap(s.open.data) + cap(s.data) + 16*cap(s.closed)
}
