package forecaster

import "sync"

// block hands out slices that are needed for a moment, from memory that is used
// again. A slice is valid until the next reset.
type block[T any] struct {
	items []T
	used  int
}

// room returns n items to be written before they are read.
func (b *block[T]) room(n int) []T {
	if b.used+n > len(b.items) {
		b.items, b.used = make([]T, max(2*len(b.items), n)), 0
	}
	out := b.items[b.used : b.used+n : b.used+n]
	b.used += n
	return out
}

// take returns n zeros.
func (b *block[T]) take(n int) []T {
	out := b.room(n)
	clear(out)
	return out
}

func (b *block[T]) reset() { b.used = 0 }

// arena is a block of numbers, and keys for sorting.
type arena struct {
	block[float64]
	keys []uint64
}

// sortKeys returns room for n keys and as many beside them; each call takes the
// room of the last.
func (a *arena) sortKeys(n int) (keys, spare []uint64) {
	if len(a.keys) < 2*n {
		a.keys = make([]uint64, 2*n)
	}
	return a.keys[:n], a.keys[n : 2*n]
}

// workspace is the memory that learning takes: kept until all targets are
// learned, work for one at a time. Its content means nothing to the next who
// gets it.
type workspace struct {
	kept, work arena
	origins    block[int32]
	inputs     block[errorInput]
	narrow     block[float32]
	ranks      block[uint16]
	lists      block[[]float64]
	context    context
}

// values returns no values yet with room for n, wide or in single precision: in the
// workspace, or their own where it is nil.
func (w *workspace) values(n int, light bool) (wide []float64, narrow []float32) {
	switch {
	case light && w != nil:
		return nil, w.narrow.room(n)[:0]
	case light:
		return nil, make([]float32, 0, n)
	case w != nil:
		return w.kept.room(n)[:0], nil
	default:
		return make([]float64, 0, n), nil
	}
}

func (w *workspace) reset() {
	w.kept.reset()
	w.work.reset()
	w.origins.reset()
	w.inputs.reset()
	w.narrow.reset()
	w.ranks.reset()
	w.lists.reset()
}

//nolint:gochecknoglobals // Memory that is used again, so that learning leaves no garbage; it holds no state.
var workspaces = sync.Pool{New: func() any { return &workspace{} }}

// borrowWorkspace returns one that nobody else uses until it is given back.
func borrowWorkspace() *workspace {
	w := workspaces.Get().(*workspace) //nolint:forcetypeassert // Nothing else is put there.
	w.reset()
	return w
}

func (w *workspace) giveBack() { workspaces.Put(w) }
