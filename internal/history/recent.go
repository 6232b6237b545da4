package history

import (
	"container/list"
	"sync"

	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

// recentMost is how many workloads remember the forecasts of their newest value: what
// events ask for again comes within seconds, when a few hundred others of a large
// fleet have been looked at, and 27 MB of the forecasts of 5,000 would be looked at
// by nobody again.
const recentMost = 512

// recent are the memos that remember all they were asked for, by when that was. The
// zero value holds none. It may be used by several goroutines.
type recent struct {
	mu   sync.Mutex
	all  list.List // Of entries, the newest in front.
	find map[recommender.Workload]*list.Element
}

type recentMemo struct {
	id   recommender.Workload
	memo *snapshot.Memo
}

// add notes that a memo was asked, and has the one that was not for the longest time
// forget.
func (r *recent) add(id recommender.Workload, m *snapshot.Memo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.find == nil {
		r.find = map[recommender.Workload]*list.Element{}
	}
	if e := r.find[id]; e != nil {
		e.Value = recentMemo{id, m}
		r.all.MoveToFront(e)
		return
	}
	r.find[id] = r.all.PushFront(recentMemo{id, m})
	for r.all.Len() > recentMost {
		oldest, _ := r.all.Remove(r.all.Back()).(recentMemo)
		delete(r.find, oldest.id)
		oldest.memo.Forget()
	}
}
