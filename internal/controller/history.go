package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/rightsize-dev/rightsize/recommender"
)

// past is what is known of all workloads from Prometheus.
type past interface {
	// Refresh brings it up to date; an error leaves what was known.
	Refresh(ctx context.Context, at time.Time) error
	Workloads() []recommender.Workload
	// Snapshot is that of a workload; false for one of which nothing is known.
	Snapshot(id recommender.Workload, now time.Time, p recommender.Policy) (recommender.Snapshot, bool)
}

// known is how far the history is.
type known int

const (
	// knownNothing: it has not been read yet.
	knownNothing known = iota
	// knownFresh: the last reading succeeded.
	knownFresh
	// knownStale: the last reading failed; what was read before is there.
	knownStale
)

// pulsing is a past that names the workloads whose newest demand is above what was
// expected.
type pulsing interface {
	Pulse(ctx context.Context, at time.Time) ([]recommender.Workload, error)
}

// data is the history with how far it is.
type data struct {
	history past

	mu  sync.RWMutex
	how known
	err error
	at  time.Time
	ids map[string]recommender.Workload
	// twice are names that several clusters have.
	twice map[string]bool
}

// refreshed notes how a reading went.
func (d *data) refreshed(at time.Time, err error) {
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
	d.err = err
	if err != nil {
		d.how = knownStale
		return
	}
	d.how, d.at, d.ids, d.twice = knownFresh, at, ids, twice
}

// state is how far the history is, of when it is, and what its last reading
// failed with.
func (d *data) state() (known, time.Time, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.how, d.at, d.err
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

// keyOf is the namespace and name of a RightSize.
func keyOf(o interface {
	GetNamespace() string
	GetName() string
}) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}
