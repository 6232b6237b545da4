package baseline

import (
	"sync"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// work keeps the oracle's newest tables, so that oracles of one scenario that
// differ in what they accept make them once. It may be used from several
// goroutines, and does not change what comes out.
type work struct {
	mu   sync.Mutex
	kept []*keptTables // The newest first.
}

// mostTables is how many tables are kept: of the scenarios under way.
const mostTables = 4

type keptTables struct {
	key    tablesKey
	once   sync.Once
	tables *httpTables
}

// tablesKey is all that tables depend on.
type tablesKey struct {
	service           simulator.HTTPService // Without its start-up.
	objective         simulator.Objective
	initial           simulator.Initial
	bounds            simulator.Bounds
	node              recommender.Resources
	burst             float64
	prices            recommender.Prices
	leaked            float64
	largest, requests float64
}

func newWork() *work { return &work{} }

// httpTables are those of a scenario under the demand of a planner, with memory
// for as many requests as are likely to be in a pod.
func (w *work) httpTables(sc *simulator.Scenario, p *planner) *httpTables {
	key := tablesKey{
		service: *sc.Service.HTTP, objective: sc.Objective, initial: sc.Initial, bounds: sc.Bounds,
		node: sc.Cluster.Node, burst: sc.Cluster.Burst, prices: sc.Prices, leaked: leaked(sc),
		largest: rounded(p.most()) / float64(p.counts[0]), requests: p.total,
	}
	key.service.Startup, key.service.StartupCPU = 0, 0
	entry := w.entry(key)
	entry.once.Do(func() { entry.tables = newHTTPTables(sc, key.largest, key.requests, false) })
	return entry.tables
}

// entry finds what is kept under a key, or begins it, and drops the oldest.
func (w *work) entry(key tablesKey) *keptTables {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := &keptTables{key: key}
	kept := make([]*keptTables, 1, mostTables+1)
	for _, k := range w.kept {
		if k.key == key {
			found = k
		} else {
			kept = append(kept, k)
		}
	}
	kept[0] = found
	w.kept = kept[:min(len(kept), mostTables)]
	return found
}
