package snapshot

import (
	"sync"

	"github.com/rightsize-dev/rightsize/recommender"
)

// room is what the parts of a snapshot need for a moment, of the length of a
// history: none of it is in the snapshot.
type room struct {
	samples []recommender.RelationSample
	values  []float64
}

//nolint:gochecknoglobals // Memory that is used again, so that snapshots leave little garbage; it holds no state.
var rooms = sync.Pool{New: func() any { return &room{} }}

// borrow returns room that nobody else uses until it is given back.
func borrow() *room { return rooms.Get().(*room) } //nolint:forcetypeassert // Nothing else is put there.

func (r *room) giveBack() { rooms.Put(r) }
