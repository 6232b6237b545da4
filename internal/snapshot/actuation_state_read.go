package snapshot

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/actuator"
)

// DecodeActuation reads what [EncodeActuation] wrote. What is of another version
// or damaged gives an empty state and an error that says so: the plan then goes
// by the conditions of the pods.
func DecodeActuation(text string) (actuator.State, error) {
	switch {
	case text == "":
		return actuator.State{}, nil
	case text[0] != actuationVersion:
		return actuator.State{}, fmt.Errorf("%w: status.actuation: got %q, want %q", ErrActuationVersion, text[:1], string(actuationVersion))
	case len(text) > actuationMost:
		return actuator.State{}, fmt.Errorf("%w: status.actuation: has %d characters, want at most %d", errActuation, len(text), actuationMost)
	}
	data, err := base64.RawStdEncoding.Strict().DecodeString(text[1:])
	if err != nil {
		return actuator.State{}, fmt.Errorf("%w: status.actuation: %w", errActuation, err)
	}
	r := &stateReader{reader: reader{data: data}}
	r.names()
	s := r.actuation()
	if r.bad || len(r.data) > 0 {
		return actuator.State{}, fmt.Errorf("%w: status.actuation: cannot be read from byte %d of %d on", errActuation, len(data)-len(r.data), len(data))
	}
	return s, nil
}

// stateReader reads what [stateWriter] wrote.
type stateReader struct {
	reader

	table []string
}

func (r *stateReader) names() {
	before := ""
	r.table = list(&r.reader, 2, func(q *reader) string {
		shared := unsigned(q)
		if shared > len(before) {
			q.bad = true
			return ""
		}
		before = before[:shared] + string(q.take(q.count(1)))
		return before
	})
}

// unsigned is a number that is not a length.
func unsigned(r *reader) int {
	v, n := binary.Uvarint(r.data)
	if n <= 0 || v > math.MaxInt32 {
		r.bad = true
	}
	if r.bad {
		return 0
	}
	r.data = r.data[n:]
	return int(v) //nolint:gosec // Checked.
}

func (r *stateReader) name() string {
	i := unsigned(&r.reader)
	if i >= len(r.table) {
		r.bad = true
		return ""
	}
	return r.table[i]
}

func (r *stateReader) flag() func(i int) bool {
	b := r.take(1)[0]
	return func(i int) bool { return b&(1<<i) != 0 }
}

func (r *stateReader) float() float64 {
	x := float64(math.Float32frombits(binary.BigEndian.Uint32(r.take(4))))
	if !(x >= 0) || math.IsInf(x, 1) {
		r.bad = true
		return 0
	}
	return x
}

func (r *stateReader) actuation() actuator.State {
	var s actuator.State
	has := r.flag()
	s.Rollbacks = unsigned(&r.reader)
	if has(4) {
		s.FrozenUntil = r.time()
	}
	if has(3) {
		s.LearnedAt = r.time()
	}
	if has(2) {
		s.Scaled = &actuator.Scaled{At: r.time(), From: int(r.int()), To: int(r.int()), Undo: has(5)}
	}
	if has(1) {
		s.Undo = r.wave()
	}
	if has(0) {
		s.Wave = r.wave()
	}
	s.Baseline, s.Watch = r.baseline(), r.baseline()
	s.Pods = list(&r.reader, 8, func(*reader) actuator.PodState { return r.pod() })
	s.Spent = list(&r.reader, 3, func(*reader) actuator.SpentAt {
		return actuator.SpentAt{At: r.time(), Spent: actuator.Spent{Resizes: unsigned(&r.reader), Evictions: unsigned(&r.reader)}}
	})
	s.Refused = list(&r.reader, 4, func(*reader) actuator.NodeRefusal {
		return actuator.NodeRefusal{Node: r.name(), Asked: r.size(), Until: r.time()}
	})
	s.Waves = list(&r.reader, 1, func(*reader) time.Time { return r.time() })
	return s
}

func (r *stateReader) sizes() []actuator.NamedSize {
	return list(&r.reader, 5, func(*reader) actuator.NamedSize {
		return actuator.NamedSize{Name: r.name(), Size: actuator.Size{Requests: r.size(), Limits: r.size()}}
	})
}

func (r *stateReader) wave() *actuator.Wave {
	has := r.flag()
	v := &actuator.Wave{Lowers: has(0), Passed: has(1), Started: r.time(), Last: r.time()}
	if has(2) {
		v.Since = r.time()
	}
	v.Target, v.To, v.From = r.sizes(), r.sizes(), r.sizes()
	v.Canaries = list(&r.reader, 1, func(*reader) string { return r.name() })
	return v
}

func (r *stateReader) guard() actuator.Guard {
	codes := guardCodes()
	i := unsigned(&r.reader)
	if i >= len(codes) {
		r.bad = true
		return ""
	}
	return codes[i]
}

func (r *stateReader) baseline() actuator.Baseline {
	return actuator.Baseline{
		Levels: list(&r.reader, 17, func(*reader) actuator.Level {
			return actuator.Level{Guard: r.guard(), N: r.float(), Mean: r.float(), Variance: r.float(), Answers: r.float()}
		}),
		Events: list(&r.reader, 9, func(*reader) actuator.Event {
			return actuator.Event{Guard: r.guard(), Count: r.float(), PodSeconds: r.float()}
		}),
	}
}

func (r *stateReader) pod() actuator.PodState {
	p := actuator.PodState{Name: r.name()}
	has := r.flag()
	p.Revert = has(0)
	if has(2) {
		p.UID = uidOf(slices.Clone(r.take(16)))
	} else {
		p.UID = string(r.take(r.count(1)))
	}
	phases := phaseCodes()
	if i := unsigned(&r.reader); i < len(phases) {
		p.Phase = phases[i]
	} else {
		r.bad = true
	}
	p.Since = r.time()
	if has(1) {
		p.Until = r.time()
	}
	p.Generation = r.int()
	p.Ask, p.Before = r.sizes(), r.sizes()
	return p
}
