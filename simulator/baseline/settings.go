package baseline

import (
	"fmt"
	"maps"
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
	err    error
}

func newSettings(policy string, fields simulator.Settings) *settings {
	return &settings{path: "spec.policies." + policy, fields: fields, known: map[string]bool{}}
}

func (s *settings) fail(name, format string, args ...any) {
	if s.err == nil {
		s.err = &simulator.FieldError{Path: s.path + "." + name, Problem: fmt.Sprintf(format, args...)}
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

// duration reads a span of at most a week.
func (s *settings) duration(name string, def time.Duration) time.Duration {
	s.known[name] = true
	v, given := s.fields[name]
	if !given || v == nil {
		return def
	}
	text, _ := v.(string)
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > 7*24*time.Hour {
		s.fail(name, "must be a duration from 0s to 168h, got %v", v)
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

// done returns the first problem; an override that nobody asked for is one.
func (s *settings) done() error {
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		if !s.known[name] {
			known := "none"
			if len(s.known) > 0 {
				known = strings.Join(slices.Sorted(maps.Keys(s.known)), ", ")
			}
			s.fail(name, "unknown setting (known: %s)", known)
		}
	}
	return s.err
}
