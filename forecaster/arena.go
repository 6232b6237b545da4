package forecaster

// arena hands out slices that are needed for a moment, from blocks that are
// used again. A slice is valid until the next reset.
type arena struct {
	floats []float64
	keys   []uint64
	used   int
}

// fitRoom is about what learning one target takes, in numbers.
const fitRoom = 40_000

func newArena(room int) *arena { return &arena{floats: make([]float64, room)} }

// take returns n zeros.
func (a *arena) take(n int) []float64 {
	if a.used+n > len(a.floats) {
		a.floats, a.used = make([]float64, max(2*len(a.floats), n)), 0
	}
	out := a.floats[a.used : a.used+n : a.used+n]
	a.used += n
	clear(out)
	return out
}

// sortKeys returns room for n keys and as many beside them; each call takes the
// room of the last.
func (a *arena) sortKeys(n int) (keys, spare []uint64) {
	if len(a.keys) < 2*n {
		a.keys = make([]uint64, 2*n)
	}
	return a.keys[:n], a.keys[n : 2*n]
}

func (a *arena) reset() { a.used = 0 }
