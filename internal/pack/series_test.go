package pack_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rightsize-dev/rightsize/internal/pack"
)

func TestRound(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	cases := map[string]struct{ in, want float64 }{
		"zero":            {0, 0},
		"negative zero":   {math.Copysign(0, -1), 0},
		"whole numbers":   {8191, 8191},
		"256 MiB":         {256 << 20, 256 << 20},
		"what int64 has":  {math.MaxInt64, math.MaxInt64},
		"0.1 of a core":   {0.1, 0x1.99ap-4}, // 0x1.999999999999ap-4 with three digits of its mantissa.
		"down":            {1 + 0x1p-13 - 0x1p-30, 1},
		"a tie goes up":   {1 + 0x1p-13, 1 + 0x1p-12},
		"to the next two": {2 - 0x1p-14, 2},
		"the largest":     {math.MaxFloat64, math.Float64frombits(math.Float64bits(math.MaxFloat64) >> 40 << 40)},
		"infinite":        {math.Inf(1), math.Float64frombits(math.Float64bits(math.MaxFloat64) >> 40 << 40)},
		"negative":        {-1, nan},
		"not a number":    {nan, nan},
	}

	for name, tc := range cases {
		if got := pack.Round(tc.in); !same(got, tc.want) {
			t.Errorf("%s: %x rounds to %x, want %x", name, tc.in, got, tc.want)
		}
	}
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

// FuzzRound: what is rounded is near, stays as it is, and keeps its order.
func FuzzRound(f *testing.F) {
	f.Add(0.1, 0.2)
	f.Add(1e300, 5e-324)
	f.Fuzz(func(t *testing.T, a, b float64) {
		a, b = math.Abs(a), math.Abs(b)
		if math.IsNaN(a) || math.IsInf(a, 0) || math.IsNaN(b) {
			t.Skip()
		}
		r := pack.Round(a)
		const tiny = 0x1p-1022 // Below it there are fewer digits.
		if pack.Round(r) != r || math.Abs(r-a) > a*math.Ldexp(1, -pack.Bits-1)+tiny && a < 0x1p1023 {
			t.Errorf("%g rounds to %g and then to %g", a, r, pack.Round(r))
		}
		if (a <= b) != (pack.Round(a) <= pack.Round(b)) && pack.Round(a) != pack.Round(b) {
			t.Errorf("%g and %g change places: %g, %g", a, b, r, pack.Round(b))
		}
	})
}

// model is a series as a map.
type model map[int64]float64

func (m model) put(first int64, values []float64) {
	for i, v := range values {
		if v = pack.Round(v); !math.IsNaN(v) {
			m[first+int64(i)] = v
		}
	}
}

func check(t *testing.T, m model, s *pack.Series, first int64, n int) {
	t.Helper()
	for i, got := range s.Get(first, n) {
		want, ok := m[first+int64(i)]
		if ok && got != want || !ok && !math.IsNaN(got) {
			t.Fatalf("point %d is %g, want %g (%v)", first+int64(i), got, want, ok)
		}
	}
}

// values makes runs, gaps, noise and jumps out of bytes.
func values(data []byte) []float64 {
	out := make([]float64, 0, len(data))
	last := 1.0
	for i, b := range data {
		switch {
		case b < 40:
			out = append(out, math.NaN())
			continue
		case b < 120: // As before.
		case b < 220:
			last *= 1 + (float64(b)-170)/500
		case b < 240:
			last = 0
		default:
			last = math.Ldexp(1+float64(b)/256, int(b)*i%2000-1000)
		}
		out = append(out, last)
	}
	return out
}

// FuzzSeries puts pieces anywhere and compares with a map.
func FuzzSeries(f *testing.F) {
	f.Add([]byte{0, 0, 10, 130, 130, 130, 0, 200, 200, 255}, int64(5))
	f.Add([]byte("a series of which some is before the rest, and some is the same, the same, the same"), int64(-700))
	f.Fuzz(func(t *testing.T, data []byte, at int64) {
		at %= 1 << 40
		var s pack.Series
		m := model{}
		lo, hi := at, at
		for len(data) > 3 {
			step := int64(int16(binary.LittleEndian.Uint16(data))) / 8
			n := min(int(data[2])+1, len(data)-3)
			vs := values(data[3 : 3+n])
			data = data[3+n:]
			at += step
			s.Put(at, vs)
			m.put(at, vs)
			lo, hi = min(lo, at), max(hi, at+int64(n))
		}
		check(t, m, &s, lo-3, int(hi-lo)+6)
		check(t, m, &s, lo+(hi-lo)/3, int(hi-lo)/3)
	})
}

// A series that grows point by point, its newest point written again each time,
// and forgets its past.
func TestGrowingSeries(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var s pack.Series
	m := model{}
	const kept = 4032
	for at := int64(1000); at < 12_000; at++ {
		again := []float64{math.NaN(), 3 + math.Sin(float64(at)/50) + 0.1*r.Float64()}
		if r.IntN(10) == 0 {
			again[1] = math.NaN()
		}
		if before, ok := m[at-1]; ok {
			again[0] = before
		}
		s.Put(at-1, again)
		m.put(at-1, again)
		if at%97 == 0 {
			s.Forget(at - kept)
			check(t, m, &s, at-kept, kept+5)
		}
	}
	first, last, ok := s.Range()
	if !ok || first < 12_000-kept-97-512 || last < 11_990 {
		t.Errorf("it goes from %d to %d, %v", first, last, ok)
	}
	if perValue := 8 * float64(s.Bytes()) / float64(last-first); perValue > 13 {
		t.Errorf("a value takes %.1f bits", perValue)
	}
}

// What hardly changes takes hardly any room.
func TestConstantSeries(t *testing.T) {
	t.Parallel()
	var s pack.Series
	for at := range int64(14 * 288) {
		s.Put(at, []float64{3})
	}
	if n := s.Bytes(); n > 500 {
		t.Errorf("14 days of one number take %d bytes", n)
	}
}

// BenchmarkGet takes 14 days of noise at 5-minute steps out.
func BenchmarkGet(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var s pack.Series
	for at := range int64(14 * 288) {
		s.Put(at, []float64{1 + 0.2*r.Float64()})
	}
	b.ReportMetric(8*float64(s.Bytes())/(14*288), "bits/value")
	b.ReportAllocs()
	for b.Loop() {
		s.Get(0, 14*288)
	}
}
