// Package history is the part of the controller that knows the past: the
// history of all workloads of one Prometheus, kept up to date.
package history

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/lru"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Options say how a store works. The zero value is the default.
type Options struct {
	// Full makes the forecasts full ones, as the CLI's are by default: for
	// hundreds of workloads, not for thousands.
	Full bool
	// ScrapeInterval is that of the metrics as long as they do not tell, zero means
	// 15 s. Pulse looks at the last four scrapes.
	ScrapeInterval time.Duration
	// Surprised, if set, is told of each surprise that Pulse finds: cpu, memory, oom,
	// demand or backlog.
	Surprised func(quantity string)
}

// pulseWindow is the window of the rates of Pulse.
func (s *Store) pulseWindow() time.Duration {
	return (pulseScrapes*cmp.Or(s.ScrapeInterval(), s.options.ScrapeInterval, 15*time.Second) + time.Second - 1).Truncate(time.Second)
}

// ScrapeInterval is how often metrics were scraped before the newest Refresh, as
// they tell; 0 where they do not.
func (s *Store) ScrapeInterval() time.Duration {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.scraped
}

// pulseScrapes is how many scrapes a rate of Pulse is over: one may be missing,
// and a surge shows in the first.
const pulseScrapes = 4

// Store holds the history of all workloads of one Prometheus. Its methods may
// be called from several goroutines.
//
// Series are packed ([pack]) and taken out for each snapshot, whose forecasts are
// made from them anew. For 5,000 workloads of one container with demand, 14 days
// at 5-minute steps, that was measured to take 165 MB, 33 KB a workload
// (docs/collecting.md, "What it costs"). The alternatives:
//
//   - as doubles, eight series of 4,032 values: 258 KB a workload, 1.3 GB;
//   - XOR chunks as Prometheus has them: 35 bits a value of recorded series, 16
//     where values are rounded first, against 10 of this packing;
//   - resident models: 24 KB a forecast in light mode (forecaster's
//     TestMemoryOfModels), 72 KB a workload with CPU, memory and demand, and the
//     series all the same, as relations, margins and seasons rest on them: 0.5 GB.
//     What they save is the rebuild, 1.4 ms of CPU a forecast and step, two
//     thirds of a snapshot. A model that was carried on is the same as one made anew, so
//     nothing but that would change.
type Store struct {
	archive *collector.Archive
	options Options

	mu sync.RWMutex
	// scraped is how often metrics are scraped, 0 for unknown.
	scraped time.Duration
	// failure is why the newest Refresh failed, nil where it did not.
	failure error
	// newest is what Pulse measured last, expected what the newest snapshots
	// foretold.
	newest   map[recommender.Workload]*collector.Newest
	expected map[recommender.Workload]*expectation
	// memos remember the forecasts of workloads: recent is those of the newest
	// snapshots, of others only what is good for an hour.
	memos  map[recommender.Workload]*snapshot.Memo
	recent *lru.Cache
	// measured is what somebody else measured last, called source.
	measured map[recommender.Workload]Measured
	source   string
	// evidence are the newest minutes, up to evidenceAt.
	evidence   map[recommender.Workload][]minute
	evidenceAt time.Time
}

// New returns an empty store that reads by c.
func New(c *collector.Collector, o Options) *Store {
	return &Store{
		archive: c.NewArchive(), options: o, recent: newRecent(),
		expected: map[recommender.Workload]*expectation{}, memos: map[recommender.Workload]*snapshot.Memo{},
		evidence: map[recommender.Workload][]minute{},
	}
}

// At is the instant up to which the history goes, the zero time before there is
// any.
func (s *Store) At() time.Time { return s.archive.At() }

// Facts are those about the data as a whole, as snapshots have them.
func (s *Store) Facts() []recommender.Fact { return s.facts() }

// Refresh brings the history up to the instant, rounded down to the step of the
// collector: the first time by all of it, later by what came since, however
// long ago that was. An error leaves what was known, and tells every snapshot
// that there is more to know.
func (s *Store) Refresh(ctx context.Context, at time.Time) error {
	_, err := s.archive.Read(ctx, at, nil)
	var scraped time.Duration
	if err == nil {
		scraped, _ = s.archive.ScrapeInterval(ctx, at) // Else it is what it was.
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure, s.scraped = err, cmp.Or(scraped, s.scraped)
	if err == nil {
		s.tidy()
	}
	return err
}

// tidy forgets what was expected of workloads that are gone. Kills that were
// told of are in the history now.
func (s *Store) tidy() {
	there := map[recommender.Workload]bool{}
	for _, id := range s.archive.Workloads() {
		there[id] = true
	}
	maps.DeleteFunc(s.memos, func(id recommender.Workload, _ *snapshot.Memo) bool { return !there[id] })
	for id, e := range s.expected {
		if !there[id] {
			delete(s.expected, id)
			continue
		}
		maps.DeleteFunc(e.told, func(name string, _ float64) bool { return strings.HasPrefix(name, ofOOM) })
	}
}

// Workloads lists what there is, sorted by cluster, namespace, kind and name. The
// other methods also take a workload without its cluster where the configuration
// of the collector names one.
func (s *Store) Workloads() []recommender.Workload { return s.archive.Workloads() }

// Watch says which signals of a workload its owner named (snapshot.Signals of a
// RightSize), in place of what was said before; none for none. Queries see the
// workload's namespace only and are read with the next Refresh: one query each,
// the first time for the whole history. Errors name the field and what is in it;
// then nothing changes. What a query cannot give is a fact of the snapshot.
func (s *Store) Watch(id recommender.Workload, signals []collector.UserSignal) error {
	id, _ = s.archive.Find(id)
	return s.archive.Watch(id, signals)
}

// Member is another workload of a group, see [snapshot.Member].
type Member struct {
	ID      recommender.Workload
	Policy  recommender.Policy
	Desired *int
	Stays   bool
}

// Snapshot is snapshot.Build on the history of a workload, with the newest
// values of Pulse where they are newer; false where there is no such workload.
// The others serve a demand together with it; those of which nothing is known are
// left out.
func (s *Store) Snapshot(id recommender.Workload, now time.Time, p recommender.Policy, others ...Member) (snap recommender.Snapshot, ok bool) {
	id, _ = s.archive.Find(id)
	ok = s.archive.With(id, func(w collector.Workload) { snap = s.snapshot(w, now, p, others) })
	return snap, ok
}

// snapshot is that of a workload whose series are lent.
func (s *Store) snapshot(w collector.Workload, now time.Time, p recommender.Policy, others []Member) recommender.Snapshot {
	w.Facts = snapshot.Facts(s.facts(), w.Facts)
	memo := s.memo(w.ID)
	options := []snapshot.Option{snapshot.Remembering(memo)}
	if !s.options.Full {
		options = append(options, snapshot.Light())
	}
	members, with := s.members(others)
	if len(members) > 0 {
		options = append(options, snapshot.Together(members...))
	}
	snap := snapshot.Build(w, now, p, options...)
	s.recent.Add(w.ID, memo)
	if len(snap.Variants) == 0 {
		with = nil
	}
	s.mu.RLock()
	n, m, source := pooled(s.newest, w.ID, with), s.measured[w.ID], s.source
	s.mu.RUnlock()
	if n != nil && !n.At.After(now) && now.Sub(n.At) < newestAge && n.At.After(s.archive.At()) {
		renew(&snap, w, n)
	}
	e := s.expect(w, &snap, with)
	if m.fresh(now) {
		raise(&snap, e, m, source)
	}
	return snap
}

// memo is that of a workload.
func (s *Store) memo(id recommender.Workload) *snapshot.Memo {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memos[id] == nil {
		s.memos[id] = snapshot.NewMemo()
	}
	return s.memos[id]
}

// members finds the histories of the others of a group.
func (s *Store) members(others []Member) ([]snapshot.Member, []recommender.Workload) {
	var out []snapshot.Member
	var ids []recommender.Workload
	for _, m := range others {
		id, _ := s.archive.Find(m.ID)
		w, ok := s.archive.Workload(id)
		if !ok {
			continue
		}
		out = append(out, snapshot.Member{Workload: w, Policy: m.Policy, Desired: m.Desired, Stays: m.Stays})
		ids = append(ids, id)
	}
	return out, ids
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
