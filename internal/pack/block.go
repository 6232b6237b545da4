package pack

import (
	"math"
	"math/bits"
)

const (
	// Bits is the number of bits of the mantissa that are kept. A rounded value
	// is off by at most 2^-(Bits+1) of it, 0.012 %; whole numbers up to
	// 2^(Bits+1) = 8,192 are exact. On 1.55 million recorded values (CPU, memory,
	// network, requests, latencies, at 5-minute steps, with all their digits) a
	// value takes
	//
	//	bits of mantissa            10    11    12    14    16    20    52
	//	this format               9.2   9.8  10.3  11.5  12.8  15.7
	//	XOR, as Prometheus does  14.7  15.4  16.1  17.1  18.1  20.0  35.2
	Bits = 12

	dropped = 52 - Bits
	// gap is the code of a value that is not known.
	gap = math.MaxUint32
	// longest is the unary part of a Rice code that stands for an escape.
	longest = 24
	// memory is how many differences the parameter of the Rice code is learned
	// from, late ones counting more.
	memory = 32
)

// Round returns the nearest number that is kept; ties go up. NaN and negative
// numbers are gaps, NaN; what is too large for a double is the largest.
func Round(v float64) float64 { return value(code(v)) }

// code is the rounded value as an integer that grows with it.
func code(v float64) uint32 {
	if math.IsNaN(v) || v < 0 {
		return gap
	}
	q := (math.Float64bits(v+0) + 1<<(dropped-1)) >> dropped // -0 is 0.
	return uint32(min(q, math.Float64bits(math.MaxFloat64)>>dropped))
}

func value(q uint32) float64 {
	if q == gap {
		return math.NaN()
	}
	return math.Float64frombits(uint64(q) << dropped)
}

// model is what the coder and the decoder have in common: the last value and
// how much values differ.
type model struct {
	last uint32
	// sum is that of the newest count differences.
	sum, count uint32
}

func newModel() model { return model{sum: 1 << Bits >> 4, count: 1} }

// parameter is that of the Rice code.
func (m *model) parameter() int { return bits.Len32(m.sum / m.count) }

// learn takes in a value. A jump that needed an escape counts as the largest
// that does not.
func (m *model) learn(q, u uint32) {
	m.last = q
	m.sum += min(u, longest<<m.parameter())
	m.count++
	if m.count >= memory {
		m.sum, m.count = m.sum/2, m.count/2
	}
}

// coder appends codes to a block.
type coder struct {
	writer
	model
	// run is how often the newest code came again and is not written yet; for
	// gaps, how often it came.
	run uint32
	gap bool
}

func newCoder() coder { return coder{model: newModel()} }

// add appends one code.
func (c *coder) add(q uint32) {
	switch {
	case q == gap && c.gap, q == c.last && !c.gap:
		c.run++
		return
	case q == gap:
		c.flush()
		c.gap, c.run = true, 1
		return
	}
	c.flush()
	c.write(0, 1)
	c.difference(q)
	c.gap = false
}

// flush writes the run.
func (c *coder) flush() {
	if c.run == 0 {
		return
	}
	kind := uint64(0b10)
	if c.gap {
		kind = 0b11
	}
	c.write(kind, 2)
	c.gamma(c.run)
	c.run = 0
}

func (c *coder) difference(q uint32) {
	d := int64(q) - int64(c.last)
	u := uint32(d<<1) ^ uint32(d>>63) //nolint:gosec // Zigzag; codes have 27 bits.
	k := c.parameter()
	if n := u >> k; n < longest {
		c.write(1<<(n+1)-2, int(n+1))
		c.write(uint64(u)&(1<<k-1), k)
	} else {
		c.write(1<<longest-1, longest)
		c.write(uint64(u), 32)
	}
	c.learn(q, u)
}

// decode writes the values of n codes into out, those at first and later. It
// stops at the end of out.
func decode(data []byte, n, first int, out []float64) {
	r, m := reader{data: data}, newModel()
	put := func(i, run int, v float64) {
		for j := max(i, first); j < min(i+run, first+len(out)); j++ {
			out[j-first] = v
		}
	}
	for i := 0; i < n && i < first+len(out); {
		if r.read(1) == 1 {
			v := value(m.last)
			if r.read(1) == 1 {
				v = math.NaN()
			}
			run := int(r.gamma())
			put(i, min(run, n-i), v)
			i += run
			continue
		}
		k := m.parameter()
		var u uint32
		if unary := r.ones(longest); unary < longest {
			u = uint32(unary)<<k | uint32(r.read(k)) //nolint:gosec // k is below 32.
		} else {
			u = uint32(r.read(32)) //nolint:gosec // 32 bits.
		}
		d := int64(u>>1) ^ -int64(u&1)
		m.learn(uint32(int64(m.last)+d), u) //nolint:gosec // As it was written.
		put(i, 1, value(m.last))
		i++
	}
}
