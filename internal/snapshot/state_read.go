package snapshot

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// reader takes from the front of data what [writer] appended. What cannot be
// read is zero, and makes everything after it bad.
type reader struct {
	data []byte
	last int64
	bad  bool
}

// take is the next n bytes, zeros where there are fewer.
func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.data) {
		r.bad = true
		return make([]byte, min(n, 8))
	}
	out := r.data[:n]
	r.data = r.data[n:]
	return out
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.data)
	if n <= 0 {
		r.bad = true
	}
	if r.bad {
		return 0
	}
	r.data = r.data[n:]
	return v
}

// count is a length, of things that take at least each bytes.
func (r *reader) count(each int) int {
	v, n := binary.Uvarint(r.data)
	if n <= 0 || v > uint64(len(r.data)/each) { //nolint:gosec // A length is not negative.
		r.bad = true
	}
	if r.bad {
		return 0
	}
	r.data = r.data[n:]
	return int(v) //nolint:gosec // At most the length of the data.
}

func (r *reader) time() time.Time {
	r.last += r.int()
	return time.Unix(r.last, 0).UTC()
}

func (r *reader) size() recommender.Resources {
	cpu := recommender.MilliCPU(r.int())
	return recommender.Resources{CPU: cpu, Memory: recommender.Bytes(r.int())}
}

func (r *reader) state(depth int) recommender.State {
	var s recommender.State
	flags := r.take(1)[0]
	if flags >= hasUnspent<<1 {
		r.bad = true
	}
	if flags&hasLastChange != 0 {
		s.LastChange = r.time()
	}
	if flags&hasCorrection != 0 {
		s.Correction = math.Float64frombits(binary.BigEndian.Uint64(r.take(8)))
		if !(s.Correction > 0) || math.IsInf(s.Correction, 1) {
			r.bad = true
		}
	}
	if flags&hasCorrectedAt != 0 {
		s.CorrectedAt = r.time()
	}
	if flags&hasOwner != 0 {
		s.Owner = &recommender.OwnerSize{Replicas: int(r.int())}
		s.Owner.Sizes = list(r, 2, (*reader).size)
	}
	if flags&hasSurprisedAt != 0 {
		s.SurprisedAt = r.time()
	}
	if flags&hasUnspent != 0 {
		s.Unspent = float64(r.int()) / unspentScale
		r.bad = r.bad || math.Abs(s.Unspent) > unspentMost
	}
	s.Wishes = list(r, 2, func(r *reader) recommender.Wish {
		return recommender.Wish{At: r.time(), Replicas: int(r.int())}
	})
	s.Scales = list(r, 3, func(r *reader) recommender.Scale {
		return recommender.Scale{At: r.time(), From: int(r.int()), To: int(r.int())}
	})
	s.Turns = list(r, 2, func(r *reader) recommender.Turn {
		return recommender.Turn{At: r.time(), Up: r.take(1)[0] != 0}
	})
	s.Refused = list(r, 5, func(r *reader) recommender.Refusal {
		return recommender.Refusal{At: r.time(), Asked: r.size(), InForce: r.size()}
	})
	s.Groups = list(r, 7, func(r *reader) recommender.GroupState {
		if depth == groupDepth {
			r.bad = true
			return recommender.GroupState{}
		}
		name := string(r.take(r.count(1)))
		return recommender.GroupState{Name: name, State: r.state(depth + 1)}
	})
	return s
}

// list reads a length and as many values, each of which takes at least each
// bytes; nil for none.
func list[T any](r *reader, each int, one func(*reader) T) []T {
	n := r.count(each)
	if n == 0 {
		return nil
	}
	out := make([]T, 0, n)
	for range n {
		out = append(out, one(r))
	}
	return out
}
