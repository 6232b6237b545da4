package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/config"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/internal/telemetry"
	"github.com/rightsize-dev/rightsize/recommender"
)

// spentStep is the resolution in which statuses remember what was spent.
const spentStep = 5 * time.Minute

// budgets are those over all workloads. Only the leader plans, so that what one
// program remembers is all that was changed; after a restart the statuses tell it.
type budgets struct {
	mu       sync.Mutex
	ledger   snapshot.Ledger
	restored bool
}

// restore enters what the statuses say was changed in the last hour, once. It was
// spent some time within five minutes from the instant that they name: the latest
// is assumed.
func (b *budgets) restore(ctx context.Context, w *world) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.restored {
		return nil
	}
	var all v1alpha1.RightSizeList
	if err := w.list(ctx, &all, ""); err != nil {
		return err
	}
	now := time.Now()
	for i := range all.Items {
		s, err := snapshot.DecodeActuation(all.Items[i].Status.Actuation)
		if err != nil {
			continue // Of another version; its own reconciliation begins anew.
		}
		for _, spent := range s.Spent {
			at := spent.At.Add(spentStep)
			if at.After(now) {
				at = now
			}
			b.ledger.Add(at, spent.Spent)
		}
	}
	b.restored = true
	return nil
}

// tell gives what is left as metrics. The lock is held.
func (b *budgets) tell(m *metrics, of config.Budgets, now time.Time) {
	left := b.ledger.Left(of, now)
	m.gauge(telemetry.BudgetLeft, float64(*left.Resizes), "resizesPerMinute")
	m.gauge(telemetry.BudgetLeft, float64(*left.Evictions), "evictionsPerHour")
}

// shared is what the recommender tells the actuator of the same program beside
// statuses: of no effect but that these need not be written to confirm what has
// not changed, and that the history need not be asked twice.
type shared struct {
	mu    sync.Mutex
	at    map[types.UID]confirmation
	peaks map[types.UID]map[string]recommender.Bytes
}

type confirmation struct {
	generation int64
	at         time.Time
}

// peaksOf are, by container, the most memory that a pod held lately with its page
// cache: that is what the kubelet compares a smaller limit with.
func peaksOf(s recommender.Snapshot) map[string]recommender.Bytes {
	out := map[string]recommender.Bytes{}
	for _, c := range s.Containers {
		if c.Memory.Samples > 0 {
			out[c.Name] = recommender.FromBytes(max(c.Memory.Recent, c.Memory.Last) + c.PageCache)
		}
	}
	return out
}

func newShared() *shared {
	return &shared{at: map[types.UID]confirmation{}, peaks: map[types.UID]map[string]recommender.Bytes{}}
}

// held notes what memory containers held.
func (s *shared) held(uid types.UID, peaks map[string]recommender.Bytes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peaks[uid] = peaks
}

// holding is what was noted; nil where nothing was.
func (s *shared) holding(uid types.UID) map[string]recommender.Bytes {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peaks[uid]
}

// confirm notes that the recommendation of a status was found to stand.
func (s *shared) confirm(rs *v1alpha1.RightSize, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at[rs.UID] = confirmation{rs.Generation, at}
}

// confirmed is when it was.
func (s *shared) confirmed(rs *v1alpha1.RightSize) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.at[rs.UID]; c.generation == rs.Generation {
		return c.at
	}
	return time.Time{}
}

func (s *shared) forget(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.at, uid)
	delete(s.peaks, uid)
}
