package baseline

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/simulator"
)

// settings reads a policy's overrides and keeps the first problem.
type settings struct {
	path   string
	fields simulator.Settings
	known  map[string]bool
	parent *settings // Of settings within one: it keeps the problem.
	err    error
}

func newSettings(policy string, fields simulator.Settings) *settings {
	return &settings{path: "spec.policies." + policy, fields: fields, known: map[string]bool{}}
}

func (s *settings) fail(name, format string, args ...any) {
	s.failAt(s.path+"."+name, format, args...)
}

// failAt keeps a problem with a path from the root.
func (s *settings) failAt(path, format string, args ...any) {
	if s.parent != nil {
		s.parent.failAt(path, format, args...)
		return
	}
	if s.err == nil {
		s.err = &simulator.FieldError{Path: path, Problem: fmt.Sprintf(format, args...)}
	}
}

// number reads a number within [lo, hi].
func (s *settings) number(name string, def, lo, hi float64) float64 {
	s.known[name] = true
	v, given := s.fields[name]
	if !given || v == nil {
		return def
	}
	f, ok := v.(float64)
	if !ok || !(f >= lo && f <= hi) {
		s.fail(name, "must be a number from %v to %v, got %v", lo, hi, v)
		return def
	}
	return f
}

// longestSpan is the largest that most settings may be.
const longestSpan = 7 * 24 * time.Hour

// duration reads a span of at most a week.
func (s *settings) duration(name string, def time.Duration) time.Duration {
	return s.span(name, def, 0, longestSpan)
}

// span reads a duration within [lo, hi].
func (s *settings) span(name string, def, lo, hi time.Duration) time.Duration {
	s.known[name] = true
	v, given := s.fields[name]
	if !given || v == nil {
		return def
	}
	text, _ := v.(string)
	d, err := time.ParseDuration(text)
	if err != nil || d < lo || d > hi {
		s.fail(name, "must be a duration from %v to %v, got %v", lo, hi, v)
		return def
	}
	return d
}

// text reads one of several words.
func (s *settings) text(name, def string, allowed ...string) string {
	s.known[name] = true
	v, given := s.fields[name]
	if !given || v == nil {
		return def
	}
	word, ok := v.(string)
	if !ok || !slices.Contains(allowed, word) {
		s.fail(name, "must be one of %s, got %v", strings.Join(allowed, ", "), v)
		return def
	}
	return word
}

// whole reads a whole number within [lo, hi].
func (s *settings) whole(name string, def, lo, hi int) int {
	f := s.number(name, float64(def), float64(lo), float64(hi))
	if f != math.Trunc(f) {
		s.fail(name, "must be a whole number, got %v", f)
		return def
	}
	return int(f)
}

// flag reads true or false.
func (s *settings) flag(name string, def bool) bool {
	s.known[name] = true
	v, given := s.fields[name]
	if !given || v == nil {
		return def
	}
	b, ok := v.(bool)
	if !ok {
		s.fail(name, "must be true or false, got %v", v)
		return def
	}
	return b
}

// has says whether a setting is given.
func (s *settings) has(name string) bool {
	s.known[name] = true
	return s.fields[name] != nil
}

// required fails where a setting is absent.
func (s *settings) required(names ...string) {
	for _, name := range names {
		if !s.has(name) {
			s.fail(name, "is required")
		}
	}
}

// object reads settings within one, none where it is absent. Whoever reads
// them calls end.
func (s *settings) object(name string) *settings {
	s.known[name] = true
	child := &settings{path: s.path + "." + name, known: map[string]bool{}, parent: s}
	switch v := s.fields[name].(type) {
	case nil:
	case map[string]any:
		child.fields = v
	default:
		s.fail(name, "must be a mapping, got %v", v)
	}
	return child
}

// list reads a list of settings, nil where it is absent. It must not be empty.
func (s *settings) list(name string) []*settings {
	if !s.has(name) {
		return nil
	}
	items, ok := s.fields[name].([]any)
	if !ok || len(items) == 0 {
		s.fail(name, "must be a list of at least one mapping, got %v", s.fields[name])
		return nil
	}
	out := make([]*settings, len(items))
	for i, v := range items {
		out[i] = &settings{path: fmt.Sprintf("%s.%s[%d]", s.path, name, i), known: map[string]bool{}, parent: s}
		if out[i].fields, ok = v.(map[string]any); !ok {
			s.fail(fmt.Sprintf("%s[%d]", name, i), "must be a mapping, got %v", v)
		}
	}
	return out
}

// end fails on a setting that nobody asked for.
func (s *settings) end() {
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		if !s.known[name] {
			known := "none"
			if len(s.known) > 0 {
				known = strings.Join(slices.Sorted(maps.Keys(s.known)), ", ")
			}
			s.fail(name, "unknown setting (known: %s)", known)
		}
	}
}

// done returns the first problem; an override that nobody asked for is one.
func (s *settings) done() error {
	s.end()
	return s.err
}
