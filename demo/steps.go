package main

import (
	"fmt"
	"io"
	"time"
)

// progressEvery is how often a long step tells how far it is.
const progressEvery = 2 * time.Second

// steps tells what the program is doing, one line when a step begins and one
// when it ends.
type steps struct {
	w       io.Writer
	total   int
	n       int
	started time.Time
	told    time.Time
}

func newSteps(w io.Writer, total int) *steps { return &steps{w: w, total: total} }

// begin starts the next step.
func (s *steps) begin(format string, args ...any) {
	s.n++
	s.started = time.Now()
	s.told = s.started
	s.line("[%d/%d] %s", s.n, s.total, fmt.Sprintf(format, args...))
}

// progress says how far the step is, now and then.
func (s *steps) progress(done, total int) {
	if now := time.Now(); now.Sub(s.told) >= progressEvery {
		s.told = now
		s.line("      %d of %d workloads", done, total)
	}
}

// end finishes the step with what came of it.
func (s *steps) end(format string, args ...any) {
	s.line("      %s (%s)", fmt.Sprintf(format, args...), time.Since(s.started).Round(10*time.Millisecond))
}

// line writes one line; a terminal that is gone is no reason to stop.
func (s *steps) line(format string, args ...any) { _, _ = fmt.Fprintf(s.w, format+"\n", args...) }
