package history

import (
	"k8s.io/utils/lru"

	"github.com/rightsize-dev/rightsize/internal/snapshot"
)

// recentMost is how many workloads remember the forecasts of their newest value: what
// events ask for again comes within seconds, when a few hundred others of a large
// fleet have been looked at, and 27 MB of the forecasts of 5,000 would be looked at
// by nobody again.
const recentMost = 512

// newRecent returns what holds the memos, by workload, that remember all they were
// asked for. The one that was not asked for the longest time is the first to forget.
func newRecent() *lru.Cache {
	return lru.NewWithEvictionFunc(recentMost, func(_ lru.Key, memo any) {
		memo.(*snapshot.Memo).Forget() //nolint:forcetypeassert // Nothing else is added.
	})
}
