// Package history is the part of the controller that knows the past: the
// history of all workloads of one Prometheus, kept up to date.
package history

import (
	"context"
	"slices"
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
	collector *collector.Collector
	options   Options

	// refreshing serializes Refresh.
	refreshing sync.Mutex

	mu        sync.RWMutex
	at        time.Time
	workloads map[recommender.Workload]collector.Workload
	ids       []recommender.Workload
	facts     []recommender.Fact
}

// New returns an empty store that reads by c.
func New(c *collector.Collector, o Options) *Store {
	return &Store{collector: c, options: o}
}

// Refresh brings the history up to the instant, rounded down to the step of the
// collector. An error leaves what was known.
func (s *Store) Refresh(ctx context.Context, at time.Time) error {
	s.refreshing.Lock()
	defer s.refreshing.Unlock()
	fleet, err := s.collector.Collect(ctx, at, nil)
	if err != nil {
		return err
	}
	workloads := make(map[recommender.Workload]collector.Workload, len(fleet.Workloads))
	ids := make([]recommender.Workload, 0, len(fleet.Workloads))
	for _, w := range fleet.Workloads {
		workloads[w.ID] = w
		ids = append(ids, w.ID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.workloads, s.ids, s.facts = fleet.At, workloads, ids, fleet.Facts
	return nil
}

// Workloads lists what there is, sorted by cluster, namespace, kind and name.
func (s *Store) Workloads() []recommender.Workload {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.ids)
}

// Snapshot is snapshot.Build on the history of a workload; false where there is
// no such workload.
func (s *Store) Snapshot(id recommender.Workload, now time.Time, p recommender.Policy) (recommender.Snapshot, bool) {
	s.mu.RLock()
	w, ok := s.workloads[id]
	facts := s.facts
	s.mu.RUnlock()
	if !ok {
		return recommender.Snapshot{}, false
	}
	w.Facts = snapshot.Facts(facts, w.Facts)
	if s.options.Full {
		return snapshot.Build(w, now, p), true
	}
	return snapshot.Build(w, now, p, snapshot.Light()), true
}
