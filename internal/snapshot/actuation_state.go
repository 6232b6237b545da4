package snapshot

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rightsize-dev/rightsize/actuator"
)

const (
	// actuationMost is how many characters the API allows what a plan leaves.
	actuationMost = 1200
	// actuationVersion is its first character.
	actuationVersion = '1'
)

// ErrActuationVersion says that what a plan left was written by another version
// of rightsize.
var ErrActuationVersion = errors.New("unknown version of actuation")

// errActuation says that it is not what was written.
var errActuation = errors.New("damaged actuation")

// EncodeActuation writes what one plan tells the next into at most 1,200
// characters, whatever the number of pods: the version, then base64 without
// padding of a table of the names, each with what it shares with the one before
// it, and of varints; instants are whole seconds since the one before, amounts of
// observations have the precision of 32 bits. Of [actuator.State.Compact] it
// leaves out, until the rest fits, what is missed the least:
//
//  1. when sizes were changed within a day, oldest first: they may change more often,
//  2. sizes that nodes refused, oldest first: they are asked for once more,
//  3. pods that are left alone, last first: they are asked once more,
//  4. what was changed within an hour, oldest first: budgets count anew,
//  5. the pods that are watched first, last first: others are watched,
//  6. pods with sizes of their own, last first: they are put back like the first,
//  7. what was seen since the change: it is watched anew,
//  8. what is usual: it is learned anew,
//  9. the change that is going over the pods: it begins anew, and can no longer be
//     taken back,
//  10. the change that is being taken back.
//
// How long nothing is lowered after a rollback is never left out. An empty state
// is "".
func EncodeActuation(s actuator.State) string {
	s = s.Compact()
	text := encodeActuation(s)
	for len(text) > actuationMost && shortenActuation(&s) {
		text = encodeActuation(s)
	}
	return text
}

// shortenActuation leaves out one thing; false where nothing is left.
func shortenActuation(s *actuator.State) bool {
	alone := func(p actuator.PodState) bool { return len(p.Ask)+len(p.Before) == 0 }
	last := func(keep func(actuator.PodState) bool) bool {
		for i := range slices.Backward(s.Pods) {
			if keep(s.Pods[i]) {
				s.Pods = slices.Delete(slices.Clone(s.Pods), i, i+1)
				return true
			}
		}
		return false
	}
	one := func(actuator.PodState) bool { return true }
	switch {
	case len(s.Waves) > 0:
		s.Waves = s.Waves[1:]
	case len(s.Refused) > 0:
		s.Refused = s.Refused[1:]
	case last(alone):
	case len(s.Spent) > 0:
		s.Spent = s.Spent[1:]
	case s.Wave != nil && len(s.Wave.Canaries) > 0:
		s.Wave = withoutCanary(s.Wave)
	case s.Undo != nil && len(s.Undo.Canaries) > 0:
		s.Undo = withoutCanary(s.Undo)
	case last(one):
	case len(s.Watch.Levels)+len(s.Watch.Events) > 0:
		s.Watch = actuator.Baseline{}
	case len(s.Baseline.Levels)+len(s.Baseline.Events) > 0:
		s.Baseline = actuator.Baseline{}
	case s.Wave != nil:
		s.Wave = nil
	case s.Undo != nil:
		s.Undo = nil
	default:
		return false
	}
	return true
}

func withoutCanary(w *actuator.Wave) *actuator.Wave {
	c := *w
	c.Canaries = c.Canaries[:len(c.Canaries)-1]
	return &c
}

// guardCodes are the guards in the order of their codes; phaseCodes the phases.
func guardCodes() []actuator.Guard {
	return []actuator.Guard{
		actuator.GuardOOMKills, actuator.GuardRestarts, actuator.GuardThrottling, actuator.GuardLatency,
		actuator.GuardServerErrors, actuator.GuardClientErrors,
	}
}

func phaseCodes() []actuator.Phase {
	return []actuator.Phase{
		actuator.PhaseRequested, actuator.PhaseInProgress, actuator.PhaseDone, actuator.PhaseDeferred, actuator.PhaseWaiting,
		actuator.PhaseInfeasible, actuator.PhaseFailed, actuator.PhaseForeign, actuator.PhaseRefused, actuator.PhaseEvicted,
	}
}

func encodeActuation(s actuator.State) string {
	w := &stateWriter{table: namesOf(s)}
	w.names()
	w.actuation(s)
	if len(w.table) == 0 && !slices.ContainsFunc(w.data, func(b byte) bool { return b != 0 }) {
		return ""
	}
	return string(actuationVersion) + base64.RawStdEncoding.EncodeToString(w.data)
}

// namesOf are the names of a state, each once, in order.
func namesOf(s actuator.State) []string {
	var out []string
	sizes := func(all []actuator.NamedSize) {
		for _, n := range all {
			out = append(out, n.Name)
		}
	}
	for _, p := range s.Pods {
		out = append(out, p.Name)
		sizes(p.Ask)
		sizes(p.Before)
	}
	for _, w := range []*actuator.Wave{s.Wave, s.Undo} {
		if w != nil {
			sizes(w.Target)
			sizes(w.To)
			sizes(w.From)
			out = append(out, w.Canaries...)
		}
	}
	for _, r := range s.Refused {
		out = append(out, r.Node)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// stateWriter writes a state of which the names stand in a table.
type stateWriter struct {
	writer

	table []string
}

func (w *stateWriter) names() {
	w.count(len(w.table))
	before := ""
	for _, name := range w.table {
		n := 0
		for n < len(name) && n < len(before) && name[n] == before[n] {
			n++
		}
		w.count(n)
		w.count(len(name) - n)
		w.data = append(w.data, name[n:]...)
		before = name
	}
}

func (w *stateWriter) name(s string) {
	i, _ := slices.BinarySearch(w.table, s)
	w.count(i)
}

func (w *stateWriter) flags(is ...bool) {
	b := byte(0)
	for i, set := range is {
		if set {
			b |= 1 << i
		}
	}
	w.data = append(w.data, b)
}

// float writes what is no number, or negative, as zero: it is not known.
func (w *stateWriter) float(x float64) {
	if !(x >= 0) {
		x = 0
	}
	w.data = binary.BigEndian.AppendUint32(w.data, math.Float32bits(float32(min(x, math.MaxFloat32))))
}

func (w *stateWriter) actuation(s actuator.State) {
	undone := s.Scaled != nil && s.Scaled.Undo
	w.flags(s.Wave != nil, s.Undo != nil, s.Scaled != nil, !s.LearnedAt.IsZero(), !s.FrozenUntil.IsZero(), undone)
	w.count(s.Rollbacks)
	if !s.FrozenUntil.IsZero() {
		w.time(s.FrozenUntil)
	}
	if !s.LearnedAt.IsZero() {
		w.time(s.LearnedAt)
	}
	if c := s.Scaled; c != nil {
		w.time(c.At)
		w.int(int64(c.From))
		w.int(int64(c.To))
	}
	for _, wave := range []*actuator.Wave{s.Undo, s.Wave} {
		if wave != nil {
			w.wave(*wave)
		}
	}
	w.baseline(s.Baseline)
	w.baseline(s.Watch)
	w.count(len(s.Pods))
	for _, p := range s.Pods {
		w.pod(p)
	}
	w.count(len(s.Spent))
	for _, e := range s.Spent {
		w.time(e.At)
		w.count(e.Resizes)
		w.count(e.Evictions)
	}
	w.count(len(s.Refused))
	for _, r := range s.Refused {
		w.name(r.Node)
		w.size(r.Asked)
		w.time(r.Until)
	}
	w.count(len(s.Waves))
	for _, at := range s.Waves {
		w.time(at)
	}
}

func (w *stateWriter) sizes(all []actuator.NamedSize) {
	w.count(len(all))
	for _, n := range all {
		w.name(n.Name)
		w.size(n.Requests)
		w.size(n.Limits)
	}
}

func (w *stateWriter) wave(v actuator.Wave) {
	w.flags(v.Lowers, v.Passed, !v.Since.IsZero())
	w.time(v.Started)
	w.time(v.Last)
	if !v.Since.IsZero() {
		w.time(v.Since)
	}
	w.sizes(v.Target)
	w.sizes(v.To)
	w.sizes(v.From)
	w.count(len(v.Canaries))
	for _, name := range v.Canaries {
		w.name(name)
	}
}

// baseline leaves out guards that have no code.
func (w *stateWriter) baseline(b actuator.Baseline) {
	codes := guardCodes()
	levels := slices.DeleteFunc(slices.Clone(b.Levels), func(l actuator.Level) bool { return !slices.Contains(codes, l.Guard) })
	events := slices.DeleteFunc(slices.Clone(b.Events), func(e actuator.Event) bool { return !slices.Contains(codes, e.Guard) })
	w.count(len(levels))
	for _, l := range levels {
		w.count(slices.Index(codes, l.Guard))
		w.float(l.N)
		w.float(l.Mean)
		w.float(l.Variance)
		w.float(l.Answers)
	}
	w.count(len(events))
	for _, e := range events {
		w.count(slices.Index(codes, e.Guard))
		w.float(e.Count)
		w.float(e.PodSeconds)
	}
}

func (w *stateWriter) pod(p actuator.PodState) {
	w.name(p.Name)
	id, err := hex.DecodeString(strings.ReplaceAll(p.UID, "-", ""))
	compact := err == nil && uidOf(id) == p.UID
	w.flags(p.Revert, !p.Until.IsZero(), compact)
	if compact {
		w.data = append(w.data, id...)
	} else {
		w.count(len(p.UID))
		w.data = append(w.data, p.UID...)
	}
	w.count(slices.Index(phaseCodes(), p.Phase))
	w.time(p.Since)
	if !p.Until.IsZero() {
		w.time(p.Until)
	}
	w.int(p.Generation)
	w.sizes(p.Ask)
	w.sizes(p.Before)
}

// uidOf is the form of a UUID; empty where there are not 16 bytes.
func uidOf(id []byte) string {
	if len(id) != 16 {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
