package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/history"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

// known is how far the history is.
type known int

const (
	// knownNothing: it has not been read yet.
	knownNothing known = iota
	// knownFresh: it has been read, and readings have not failed for long.
	knownFresh
	// knownStale: readings have failed for a while, or always; what was read before
	// is there.
	knownStale
)

// outagePatience is how long readings may fail before statuses say so: a fleet of
// thousands does not tell of a query that timed out once.
const outagePatience = 30 * time.Second

// data is the history with how far it is.
type data struct {
	history *history.Store

	mu  sync.RWMutex
	how known
	// err is how the last reading failed, failing since when they do.
	err     error
	failing time.Time
	ids     map[string]recommender.Workload
	// twice are names that several clusters have.
	twice map[string]bool
	// watched are the signals that RightSizes name.
	watched map[types.UID]watched
}

// watched is what of a RightSize is watched, of which workload and generation.
type watched struct {
	id         recommender.Workload
	generation int64
	err        error
}

// watch has the signals that a RightSize names read with the history. An error is
// about what it names.
func (d *data) watch(rs *v1alpha1.RightSize) error {
	ref := rs.Spec.TargetRef
	id, _ := d.workload(rs.Namespace, ref.Kind, ref.Name)
	d.mu.Lock()
	was, ok := d.watched[rs.UID]
	d.mu.Unlock()
	if ok && was.id == id && was.generation == rs.Generation {
		return was.err
	}
	if ok && was.id != id {
		_ = d.history.Watch(was.id, nil) // None is never wrong.
	}
	now := watched{id, rs.Generation, d.history.Watch(id, snapshot.Signals(rs.Spec.Demand))}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.watched == nil {
		d.watched = map[types.UID]watched{}
	}
	d.watched[rs.UID] = now
	return now.err
}

// unwatch ends that for a RightSize that is gone.
func (d *data) unwatch(uid types.UID) {
	d.mu.Lock()
	was, ok := d.watched[uid]
	delete(d.watched, uid)
	d.mu.Unlock()
	if ok {
		_ = d.history.Watch(was.id, nil) // None is never wrong.
	}
}

// refreshed notes how a reading went, and says whether that changed how far the
// history is.
func (d *data) refreshed(now time.Time, err error) bool {
	var ids map[string]recommender.Workload
	twice := map[string]bool{}
	if err == nil {
		ids = map[string]recommender.Workload{}
		for _, w := range d.history.Workloads() {
			k := workloadKey(w.Namespace, w.Kind, w.Name)
			if _, there := ids[k]; there {
				twice[k] = true
			}
			ids[k] = w
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.how
	d.err = err
	if err == nil {
		d.how, d.failing, d.ids, d.twice = knownFresh, time.Time{}, ids, twice
		return before != knownFresh
	}
	if d.failing.IsZero() {
		d.failing = now
	}
	if d.how == knownNothing || now.Sub(d.failing) >= outagePatience {
		d.how = knownStale
	}
	return before != d.how
}

// state is how far the history is, and what its last reading failed with.
func (d *data) state() (known, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.how, d.err
}

// workload is what the history calls a target. Several says that several clusters
// have one of that name, and that it is not known which is this.
func (d *data) workload(namespace, kind, name string) (id recommender.Workload, several bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	k := workloadKey(namespace, kind, name)
	if w, ok := d.ids[k]; ok {
		return w, d.twice[k]
	}
	return recommender.Workload{Namespace: namespace, Kind: kind, Name: name}, false
}

func workloadKey(namespace, kind, name string) string { return namespace + "/" + kind + "/" + name }

// named is an object that has a namespace and a name.
type named interface {
	GetNamespace() string
	GetName() string
}

// keyOf is the namespace and name of an object.
func keyOf(o named) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}
