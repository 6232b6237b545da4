package snapshot

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// stateMost is how many characters the API allows a state.
	stateMost = 640
	// stateVersion is the first character of a state.
	stateVersion = '1'
	// groupDepth bounds groups within groups: a group has none.
	groupDepth = 1
)

// ErrStateVersion says that a state was written by another version of rightsize.
var ErrStateVersion = errors.New("unknown version of state")

// errState says that a state is not one that was written.
var errState = errors.New("damaged state")

// EncodeState writes what one decision tells the next into at most 640
// characters: the version, then base64 without padding of varints, each list
// with its length before it, and each instant as the whole seconds since the one
// before it. Instants are rounded down to seconds, the unspent share to 2^-16. Where that is too long it
// leaves out, until the rest fits, what is missed the least:
//
//  1. the history of groups (changes and turns), of the last group first,
//  2. turns of sizes, oldest first: damping starts anew,
//  3. changes of the number of pods, oldest first: more speed is permitted,
//  4. refused sizes, oldest first: they are asked for once more,
//  5. the groups, last first,
//  6. wishes, oldest first: fewer pods are asked for sooner,
//  7. the owner's size, as if there had been enough history.
//
// The numbers and instants that are not in lists are never left out. An empty state is "".
func EncodeState(s recommender.State) string {
	s.Groups = append([]recommender.GroupState(nil), s.Groups...)
	text := encodeState(s)
	for len(text) > stateMost && shorten(&s) {
		text = encodeState(s)
	}
	return text
}

// shorten leaves out one thing; false where nothing is left.
func shorten(s *recommender.State) bool {
	for i := range slices.Backward(s.Groups) {
		if g := &s.Groups[i].State; len(g.Scales)+len(g.Turns) > 0 {
			g.Scales, g.Turns = nil, nil
			return true
		}
	}
	switch {
	case len(s.Turns) > 0:
		s.Turns = s.Turns[1:]
	case len(s.Scales) > 0:
		s.Scales = s.Scales[1:]
	case len(s.Refused) > 0:
		s.Refused = s.Refused[1:]
	case len(s.Groups) > 0:
		s.Groups = s.Groups[:len(s.Groups)-1]
	case len(s.Wishes) > 0:
		s.Wishes = s.Wishes[1:]
	case s.Owner != nil:
		s.Owner = nil
	default:
		return false
	}
	return true
}

// DecodeState reads what [EncodeState] wrote. A state of another version, or one
// that is damaged, gives an empty state and an error that says so: the decision
// then starts as one for a workload that is new.
func DecodeState(text string) (recommender.State, error) {
	if text == "" {
		return recommender.State{}, nil
	}
	if text[0] != stateVersion {
		return recommender.State{}, fmt.Errorf("%w: status.state: got %q, want %q", ErrStateVersion, text[:1], string(stateVersion))
	}
	if len(text) > stateMost {
		return recommender.State{}, fmt.Errorf("%w: status.state: has %d characters, want at most %d", errState, len(text), stateMost)
	}
	data, err := base64.RawStdEncoding.Strict().DecodeString(text[1:])
	if err != nil {
		return recommender.State{}, fmt.Errorf("%w: status.state: %w", errState, err)
	}
	r := &reader{data: data}
	s := r.state(0)
	if r.bad || len(r.data) > 0 {
		return recommender.State{}, fmt.Errorf("%w: status.state: cannot be read from byte %d of %d on", errState, len(data)-len(r.data), len(data))
	}
	return s, nil
}

func encodeState(s recommender.State) string {
	w := &writer{}
	w.state(s)
	for _, b := range w.data {
		if b != 0 {
			return string(stateVersion) + base64.RawStdEncoding.EncodeToString(w.data)
		}
	}
	return "" // Nothing but empty lists and flags.
}

// Flags for what is there.
const (
	hasLastChange = 1 << iota
	hasCorrection
	hasCorrectedAt
	hasOwner
	hasSurprisedAt
	hasUnspent
)

// unspentScale is the precision to which the unspent share is kept, unspentMost
// more than it can be.
const (
	unspentScale = 1 << 16
	unspentMost  = 1 << 20
)

// writer appends; last is the instant that the next one is relative to.
type writer struct {
	data []byte
	last int64
}

func (w *writer) int(v int64) { w.data = binary.AppendVarint(w.data, v) }
func (w *writer) count(n int) { w.data = binary.AppendUvarint(w.data, uint64(max(0, n))) }
func (w *writer) time(t time.Time) {
	now := t.Unix()
	w.int(now - w.last)
	w.last = now
}

func (w *writer) size(r recommender.Resources) {
	w.int(int64(r.CPU))
	w.int(int64(r.Memory))
}

func (w *writer) state(s recommender.State) {
	flags := byte(0)
	set := func(is bool, flag byte) {
		if is {
			flags |= flag
		}
	}
	set(!s.LastChange.IsZero(), hasLastChange)
	set(s.Correction != 0, hasCorrection)
	set(!s.CorrectedAt.IsZero(), hasCorrectedAt)
	set(s.Owner != nil, hasOwner)
	set(!s.SurprisedAt.IsZero(), hasSurprisedAt)
	set(s.Unspent != 0, hasUnspent)
	w.data = append(w.data, flags)
	if flags&hasLastChange != 0 {
		w.time(s.LastChange)
	}
	if flags&hasCorrection != 0 {
		w.data = binary.BigEndian.AppendUint64(w.data, math.Float64bits(s.Correction))
	}
	if flags&hasCorrectedAt != 0 {
		w.time(s.CorrectedAt)
	}
	if flags&hasOwner != 0 {
		w.int(int64(s.Owner.Replicas))
		w.count(len(s.Owner.Sizes))
		for _, r := range s.Owner.Sizes {
			w.size(r)
		}
	}
	if flags&hasSurprisedAt != 0 {
		w.time(s.SurprisedAt)
	}
	if flags&hasUnspent != 0 {
		w.int(int64(math.Round(s.Unspent * unspentScale)))
	}
	w.lists(s)
}

func (w *writer) lists(s recommender.State) {
	w.count(len(s.Wishes))
	for _, e := range s.Wishes {
		w.time(e.At)
		w.int(int64(e.Replicas))
	}
	w.count(len(s.Scales))
	for _, e := range s.Scales {
		w.time(e.At)
		w.int(int64(e.From))
		w.int(int64(e.To))
	}
	w.count(len(s.Turns))
	for _, e := range s.Turns {
		w.time(e.At)
		up := byte(0)
		if e.Up {
			up = 1
		}
		w.data = append(w.data, up)
	}
	w.count(len(s.Refused))
	for _, e := range s.Refused {
		w.time(e.At)
		w.size(e.Asked)
		w.size(e.InForce)
	}
	w.count(len(s.Groups))
	for _, g := range s.Groups {
		w.count(len(g.Name))
		w.data = append(w.data, g.Name...)
		w.state(g.State)
	}
}
