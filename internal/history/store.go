// Package history is the part of the controller that knows the past: the
// history of all workloads of one Prometheus, kept up to date.
package history

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Options say how a store works. The zero value is the default.
type Options struct {
	// Full makes the forecasts full ones, as the CLI's are by default: for
	// hundreds of workloads, not for thousands.
	Full bool
}

// Store holds the history of all workloads of one Prometheus. Its methods may
// be called from several goroutines.
type Store struct {
	archive *collector.Archive
	options Options

	mu sync.RWMutex
	// failure is why the newest Refresh failed, nil where it did not.
	failure error
}

// New returns an empty store that reads by c.
func New(c *collector.Collector, o Options) *Store {
	return &Store{archive: c.NewArchive(), options: o}
}

// Refresh brings the history up to the instant, rounded down to the step of the
// collector: the first time by all of it, later by what came since, however
// long ago that was. An error leaves what was known, and tells every snapshot
// that there is more to know.
func (s *Store) Refresh(ctx context.Context, at time.Time) error {
	_, err := s.archive.Read(ctx, at, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
	return err
}

// Workloads lists what there is, sorted by cluster, namespace, kind and name.
func (s *Store) Workloads() []recommender.Workload { return s.archive.Workloads() }

// Snapshot is snapshot.Build on the history of a workload; false where there is
// no such workload.
func (s *Store) Snapshot(id recommender.Workload, now time.Time, p recommender.Policy) (recommender.Snapshot, bool) {
	w, ok := s.archive.Workload(id)
	if !ok {
		return recommender.Snapshot{}, false
	}
	w.Facts = snapshot.Facts(s.facts(), w.Facts)
	if s.options.Full {
		return snapshot.Build(w, now, p), true
	}
	return snapshot.Build(w, now, p, snapshot.Light()), true
}

// facts are those about the data as a whole.
func (s *Store) facts() []recommender.Fact {
	facts := s.archive.Facts()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.failure != nil {
		facts = append(facts, recommender.Fact{
			Code: recommender.FactPartial, Message: fmt.Sprintf("nothing is known after %s: %v", s.archive.At().Format(time.RFC3339), s.failure),
		})
	}
	return facts
}
