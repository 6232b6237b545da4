package history

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// surpriseLevel is the quantile of the maximum up to now that a newest value
	// has to exceed, and surpriseShare by how much. Rates over four scrapes are off by
	// a tenth where the first or the last comes late by three tenths of an interval,
	// for all that is scraped from one place at a time; what sizes are for is more than
	// a tenth above what is used.
	surpriseLevel                   = 0.95
	surpriseShare, surpriseOfMemory = 0.1, 0.05
	// Below these amounts nothing is a surprise: 10 milli-CPU, 4 MiB, a tenth of
	// a request a second.
	surpriseCPU, surpriseMemory, surpriseDemand = 0.01, 4 << 20, 0.1
	// againShare is by how much a value has to exceed the one that was told of to
	// be told of again.
	againShare = 0.1
	// backlogLeast is how much has to wait to be told of.
	backlogLeast = 1
	// newestAge is how long the newest values stand for now.
	newestAge = 5 * time.Minute
)

// expectation is what the newest snapshot of a workload foretold, of each
// quantity by its name.
type expectation struct {
	// origin is the newest of the bounds'.
	origin time.Time
	upper  map[string]bound
	// demand and queues are where the newest values of them are found, backlog is
	// what was known to wait.
	demand  collector.SignalKey
	queues  []collector.SignalKey
	backlog float64
	// with are the workloads that serve the demand, too.
	with []recommender.Workload
	// told are the values that were told of since.
	told map[string]float64
}

// bound is what a forecast bounds a quantity by: the quantiles of the maximum up
// to each of expectedSpans after its origin.
type bound struct {
	origin time.Time
	within []float64
}

// expectedSpans are how far an expectation goes; after that its last value
// holds.
func expectedSpans() []time.Duration {
	return []time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}
}

// Names of quantities; those of containers have their name behind the slash.
const (
	ofCPU     = "cpu/"
	ofMemory  = "memory/"
	ofOOM     = "oom/"
	ofDemand  = "demand"
	ofBacklog = "backlog"
)

// expect remembers what the snapshot of a workload foretells, and who serves its
// demand, too.
func (s *Store) expect(w collector.Workload, snap *recommender.Snapshot, with []recommender.Workload) *expectation {
	e := &expectation{upper: map[string]bound{}, told: map[string]float64{}, with: with}
	add := func(name string, u recommender.Usage) {
		if !u.Forecast.Valid() {
			return
		}
		b := bound{u.Forecast.Origin, uppers(u.Forecast)}
		e.upper[name] = b
		if b.origin.After(e.origin) {
			e.origin = b.origin
		}
	}
	for _, c := range snap.Containers {
		add(ofCPU+c.Name, c.CPU)
		add(ofMemory+c.Name, c.Memory)
	}
	if snap.Demand != nil {
		add(ofDemand, snap.Demand.Usage)
		e.backlog = snap.Demand.Backlog
	}
	e.demand, e.queues = signalKeys(w, snap)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.expected[snap.Workload]; old != nil && old.origin.Equal(e.origin) {
		e.told = old.told // The same forecast: what was told of is known.
	}
	s.expected[snap.Workload] = e
	return e
}

// signalKeys are where the demand of a snapshot and what waits is found among
// the newest values.
func signalKeys(w collector.Workload, snap *recommender.Snapshot) (demand collector.SignalKey, queues []collector.SignalKey) {
	for _, sig := range w.Signals {
		switch {
		case demand.Name == "" && snap.Demand != nil && sig.Name == snap.Demand.Signal:
			demand = sig.Key()
		case sig.Role == collector.RoleQueue:
			queues = append(queues, sig.Key())
		}
	}
	return demand, queues
}

func uppers(f forecaster.Forecast) []float64 {
	var out []float64
	for _, span := range expectedSpans() {
		out = append(out, f.MaxWithin(span, surpriseLevel))
	}
	return out
}

// at is the most that was expected of a quantity up to an instant; false where
// nothing was.
func (e *expectation) at(name string, now time.Time) (float64, bool) {
	upper, ok := e.upper[name]
	if !ok {
		return 0, false
	}
	i := slices.IndexFunc(expectedSpans(), func(d time.Duration) bool { return now.Sub(upper.origin) <= d })
	if i < 0 {
		i = len(upper.within) - 1
	}
	return upper.within[i], true
}

// Pulse measures the newest CPU, memory, demand, queues and OOM kills of all
// workloads by three instant queries, and returns those that are not as was
// expected: a value is above the 0.95 quantile that the newest snapshot of the
// workload foretold for the time up to now, work waits, or something was killed
// for want of memory. It tells of each once, and again when it has become worse
// by a tenth or there is a new forecast. Snapshots hold the newest values for
// five minutes; the history does not. Nothing is expected of workloads of which
// there was no snapshot yet.
//
// Each minute it also reads what Evidence tells, by six queries. Where only some
// of that could be had, the workloads come with an error.
func (s *Store) Pulse(ctx context.Context, at time.Time) ([]recommender.Workload, error) {
	newest, err := s.archive.Newest(ctx, at, s.pulseWindow())
	if err != nil {
		return nil, err
	}
	return s.surprises(newest), s.readEvidence(ctx, at)
}

// surprises takes in the newest values and returns whose are not as expected.
func (s *Store) surprises(newest map[recommender.Workload]*collector.Newest) []recommender.Workload {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = newest
	var surprised []recommender.Workload
	for w := range newest {
		e := s.expected[w]
		if e == nil {
			continue
		}
		found := e.surprised(pooled(newest, w, e.with))
		if len(found) > 0 {
			surprised = append(surprised, w)
		}
		for _, name := range found {
			if s.options.Surprised != nil {
				quantity, _, _ := strings.Cut(name, "/")
				s.options.Surprised(quantity)
			}
		}
	}
	sortWorkloads(surprised)
	return surprised
}

// pooled are the newest values of a workload, with the signals of those with which
// it serves a demand; nil where there are none of its own. A signal that one of
// them has not is left out.
func pooled(newest map[recommender.Workload]*collector.Newest, w recommender.Workload, with []recommender.Workload) *collector.Newest {
	n := newest[w]
	if n == nil || len(with) == 0 {
		return n
	}
	out := *n
	out.Signals = maps.Clone(n.Signals)
	for _, other := range with {
		o := newest[other]
		if o == nil {
			continue // It has no pods.
		}
		for k := range n.Signals {
			if v, known := o.Signals[k]; known {
				out.Signals[k] += v
			} else {
				delete(out.Signals, k)
			}
		}
	}
	return &out
}

func sortWorkloads(w []recommender.Workload) {
	slices.SortFunc(w, func(a, b recommender.Workload) int { return strings.Compare(a.String(), b.String()) })
}

// surprised names what is to be told of, and notes it.
func (e *expectation) surprised(n *collector.Newest) []string {
	var found []string
	tell := func(name string, v, expected, share, least float64) {
		if v <= expected*(1+share) || v-expected < least || v <= e.told[name]*(1+againShare) {
			return
		}
		e.told[name] = v
		found = append(found, name)
	}
	for container, v := range n.CPU {
		if expected, ok := e.at(ofCPU+container, n.At); ok {
			tell(ofCPU+container, v, expected, surpriseShare, surpriseCPU)
		}
	}
	for container, v := range n.Memory {
		if expected, ok := e.at(ofMemory+container, n.At); ok {
			tell(ofMemory+container, v, expected, surpriseOfMemory, surpriseMemory)
		}
	}
	for container, v := range n.OOMKills {
		tell(ofOOM+container, v, 0, 0, 1)
	}
	if expected, ok := e.at(ofDemand, n.At); ok {
		tell(ofDemand, n.Signals[e.demand], expected, surpriseShare, surpriseDemand)
	}
	for _, k := range e.queues {
		tell(ofBacklog, n.Signals[k], e.backlog, surpriseShare, backlogLeast)
	}
	return found
}

// renew puts the newest values into a snapshot: as the last and recent ones of
// its usage, as its backlog and as kills beyond those of the history. A kill is
// taken to have been at the limit in force.
func renew(snap *recommender.Snapshot, w collector.Workload, n *collector.Newest) {
	age := snap.Now.Sub(n.At).Seconds()
	usage := func(u *recommender.Usage, v float64, known bool) {
		if !known || u.Samples == 0 || age >= u.AgeSeconds {
			return
		}
		u.Last, u.AgeSeconds = v, age
		u.Recent, u.Peak = max(u.Recent, v), max(u.Peak, v)
	}
	for i := range snap.Containers {
		c := &snap.Containers[i]
		cpu, known := n.CPU[c.Name]
		usage(&c.CPU, cpu, known)
		memory, known := n.Memory[c.Name]
		usage(&c.Memory, memory, known)
		if kills := int(math.Round(n.OOMKills[c.Name])); kills > 0 {
			c.OOMKills += kills
			c.LastOOMKill = n.At
			if c.FirstOOMKill.IsZero() {
				c.FirstOOMKill = n.At
			}
			c.OOMLimit = max(c.OOMLimit, c.Limits.Memory)
		}
	}
	if snap.Demand == nil {
		return
	}
	demand, queues := signalKeys(w, snap)
	v, known := n.Signals[demand]
	usage(&snap.Demand.Usage, v, known)
	backlog, known := 0.0, false
	for _, k := range queues {
		if v, ok := n.Signals[k]; ok {
			backlog, known = max(backlog, v), true
		}
	}
	if known {
		snap.Demand.Backlog = backlog
	}
}
