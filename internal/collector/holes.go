package collector

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// hole is a time that a table could not be read of. It is read again with the
// next tails.
type hole struct {
	window
	tries int
	after time.Time // Not before.
	fact  recommender.Fact
}

// holeTries is how often a hole is read again at once, and holeRest how long it
// is left alone after that.
const (
	holeTries = 3
	holeRest  = time.Hour
)

// partialAnswer is what an answer calls that is about a part of the data only.
func (x *collection) partialAnswer(table string) func() {
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.incomplete[table] = true
	}
}

// dueHoles takes the holes that are to be read again out of the archive. What
// of them is older than the history needs no reading.
func (x *collection) dueHoles() map[string]hole {
	due := map[string]hole{}
	for table, h := range x.holes {
		if h.after.After(x.grids.fine.end) && !x.since.IsZero() {
			continue
		}
		delete(x.holes, table)
		if start := x.grids.start(); h.from.Before(start) {
			h.from = start
		}
		if h.to.After(h.from) && !x.since.IsZero() {
			due[table] = h
		}
	}
	return due
}

// noteHoles keeps what could not be read of the window under way, for the next
// time; tries is how often it was tried before.
func (x *collection) noteHoles(tries int) {
	for _, table := range slices.Sorted(maps.Keys(x.broken)) {
		x.noteHole(table, tries, x.failure(table, x.broken[table].Error()))
	}
	for table := range x.incomplete {
		if x.broken[table] == nil {
			x.noteHole(table, tries, x.failure(table, "the server had a part of the data only"))
		}
	}
}

// noteHole adds the window under way to the hole of a table.
func (x *collection) noteHole(table string, tries int, f recommender.Fact) {
	h := hole{window: x.under, fact: f, tries: tries + 1}
	if old, ok := x.holes[table]; ok {
		h.tries, h.after = max(h.tries, old.tries), old.after
		if old.from.Before(h.from) {
			h.from = old.from
		}
		if old.to.After(h.to) {
			h.to = old.to
		}
	}
	if h.tries > holeTries && h.after.IsZero() {
		h.after = x.grids.fine.end.Add(holeRest)
	}
	x.holes[table] = h
}

// failure is the fact that a table was not read, or not all of it. A gap in
// what the catalogue knows is a gap; anything else that has one is partial.
func (x *collection) failure(table, message string) recommender.Fact {
	signal, _, ofCatalogue := strings.Cut(table, "/")
	f := recommender.Fact{Code: recommender.FactMissing, Signal: signal, Message: message}
	if !ofCatalogue && (x.partial[table] || x.incomplete[table] || x.holds(table)) {
		f.Code = recommender.FactPartial
	}
	return f
}

// noteFailures tells of what else failed, and of the holes there are.
func (x *collection) noteFailures() {
	for signal, err := range x.failed {
		x.run.fact(recommender.FactMissing, signal, "%v", err)
	}
	for _, h := range x.holes {
		x.run.note(h.fact)
	}
}
