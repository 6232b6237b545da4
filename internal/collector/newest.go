package collector

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Newest is what was measured last of one workload. What is not in it is not
// known.
type Newest struct {
	At time.Time
	// CPU in cores, summed over the pods, Memory in bytes of the pod that has the
	// most, and OOMKills since the history ended are those of containers.
	CPU, Memory, OOMKills map[string]float64
	// Signals are demand and queues, by name and metric.
	Signals map[SignalKey]float64
}

// SignalKey tells signals of a workload apart.
type SignalKey struct{ Name, Metric string }

// Key is what the signal is found by.
func (s Signal) Key() SignalKey { return SignalKey{s.Name, s.Metric} }

// labelSignal tells apart what one query asks for.
const labelSignal = "rightsize_signal"

// oomLookback bounds how far back kills are looked for.
const oomLookback = 30 * time.Minute

// Newest measures what workloads do at an instant after the newest Read, by
// three queries, and one for each signal that is demand or backlog by a query of
// its owner, 20 at most: rates are over the window, which has to span two scrapes at
// least. Nothing of it enters the history.
func (a *Archive) Newest(ctx context.Context, at time.Time, window time.Duration) (map[recommender.Workload]*Newest, error) {
	v := a.view()
	if v.scope == nil {
		return nil, fmt.Errorf("nothing was read before %s", at.Format(time.RFC3339))
	}
	s := *v.scope
	s.recent = window
	answers := make([]model.Vector, 3)
	r := newRun(nil)
	g, gctx := errgroup.WithContext(ctx)
	for i, q := range []call{
		{what: "the newest usage", expr: s.union(map[string]string{tableCPU: s.cpu("sum"), tableMemory: s.memoryOf(window)})},
		{what: "the newest demand", expr: s.union(a.newestSignals(s, v, window))},
		{what: "the newest OOM kills", expr: s.union(s.newestKills(at.Sub(v.end)))},
	} {
		if q.expr == "" {
			continue
		}
		q.end = at
		g.Go(func() error {
			var err error
			answers[i], err = a.client.instant(gctx, r, q)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := map[recommender.Workload]*Newest{}
	for _, answer := range answers {
		for _, sample := range answer {
			a.newestOf(v.owners, out, sample, at)
		}
	}
	return out, a.newestOfUsers(ctx, r, out, at)
}

// mostUserQueries bounds how many queries of users one measurement sends. Where
// there are more, they take turns.
const mostUserQueries = 20

// newestOfUsers adds the newest demand and backlog by users' own queries. One
// that fails leaves its signal unknown.
func (a *Archive) newestOfUsers(ctx context.Context, r *run, out map[recommender.Workload]*Newest, at time.Time) error {
	all := slices.DeleteFunc(a.queries(), func(q userQuery) bool {
		return q.signal.Role != RoleDemand && q.signal.Role != RoleQueue
	})
	turns := (len(all) + mostUserQueries - 1) / mostUserQueries
	turn := int(a.turn.Add(1))
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	for i, q := range all {
		if i%turns != turn%turns {
			continue
		}
		g.Go(func() error {
			c := call{what: "the signal " + q.signal.Name, expr: q.signal.confined, end: at}
			answer, err := a.client.instant(gctx, r, c)
			if err != nil || len(answer) != 1 || !usable(float64(answer[0].Value)) {
				return gctx.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			newestIn(out, q.workload, at).Signals[SignalKey{q.signal.Name, MetricPromQL}] = float64(answer[0].Value)
			return nil
		})
	}
	return g.Wait()
}

// usable says whether a value is one of a measurement.
func usable(v float64) bool { return v >= 0 && !math.IsInf(v, 0) }

// newestIn is the entry of a workload, made where there is none.
func newestIn(out map[recommender.Workload]*Newest, w recommender.Workload, at time.Time) *Newest {
	n := out[w]
	if n == nil {
		n = &Newest{
			At: at, CPU: map[string]float64{}, Memory: map[string]float64{}, OOMKills: map[string]float64{}, Signals: map[SignalKey]float64{},
		}
		out[w] = n
	}
	return n
}

// view is what queries between two Reads depend on. It does not change.
type view struct {
	scope  *scope
	end    time.Time
	owners *owners
	// found are the metrics that are there.
	found map[string]int
}

func (a *Archive) view() view {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.known
}

// union is one query for several, told apart by a label.
func (s scope) union(parts map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		out = append(out, fmt.Sprintf(`label_replace(%s, %q, %q, "", "")`, parts[name], labelSignal, name))
	}
	return strings.Join(out, " or ")
}

// memoryOf is the newest working set within the window.
func (s scope) memoryOf(window time.Duration) string {
	newest := fmt.Sprintf("max by (%s) (last_over_time(%s[%s]))", s.container(), s.usage("container_memory_working_set_bytes"), promDuration(window))
	return s.perOwner("max", newest, s.owners(s.window), "container")
}

// newestSignals are the queries for demand and queues that are there.
func (a *Archive) newestSignals(s scope, v view, window time.Duration) map[string]string {
	out := map[string]string{}
	for _, spec := range a.catalog.Signals {
		if spec.Role != RoleDemand && spec.Role != RoleQueue {
			continue
		}
		for _, alias := range spec.Aliases {
			if v.found[alias.id()] > 0 {
				out[aliasTable(spec, alias)] = a.catalog.signal(s, spec, alias, promDuration(window))
			}
		}
	}
	return out
}

// newestKills are the queries for kills for want of memory within the span;
// none where it is too short for one.
func (s scope) newestKills(span time.Duration) map[string]string {
	span = min(span, oomLookback)
	if span < time.Second {
		return nil
	}
	return map[string]string{tableOOMRestarts: s.oomRestarts(span), tableOOMEvents: s.oomEvents(span)}
}

// newestOf puts one sample where it belongs.
func (a *Archive) newestOf(o *owners, out map[recommender.Workload]*Newest, sample *model.Sample, at time.Time) {
	value := float64(sample.Value)
	w := o.resolve(o.of(sample.Metric))
	if w.Name == "" || !usable(value) {
		return
	}
	n := newestIn(out, w, at)
	container, table := string(sample.Metric["container"]), string(sample.Metric[labelSignal])
	switch table {
	case tableCPU:
		n.CPU[container] += value
	case tableMemory:
		n.Memory[container] = max(n.Memory[container], value)
	case tableOOMRestarts, tableOOMEvents:
		n.OOMKills[container] = max(n.OOMKills[container], value)
	default:
		name, metric, _ := strings.Cut(table, "/")
		k := SignalKey{name, metric}
		old, known := n.Signals[k]
		if !known {
			old = math.NaN()
		}
		n.Signals[k] = a.catalog.merge(name).both(old, value)
	}
}

// merge is how the series of a signal come together.
func (c *catalogue) merge(signal string) merge {
	for _, s := range c.Signals {
		if s.Name == signal && s.Pods == "max" {
			return mergeMax
		}
	}
	return mergeSum
}

// scrapesLeast is how many samples a span has to hold for the time between them to
// be told from their number.
const scrapesLeast = 4

// scrapeSpans are what samples are counted over.
func scrapeSpans() []time.Duration {
	return []time.Duration{20 * time.Second, 2 * time.Minute, 10 * time.Minute}
}

// ScrapeInterval is how often the usage of containers was scraped before an
// instant, by one query about a few of the namespaces: a span over the number of
// samples in it, of the series that has the most. 0 where that is not known: less
// than four within ten minutes.
func (a *Archive) ScrapeInterval(ctx context.Context, at time.Time) (time.Duration, error) {
	v := a.view()
	if v.scope == nil {
		return 0, fmt.Errorf("nothing was read before %s", at.Format(time.RFC3339))
	}
	s := *v.scope
	s.namespaces = s.namespaces.and(oneOf("namespace", some(a.Workloads(), 5)))
	counts := map[string]string{}
	for _, span := range scrapeSpans() {
		counts[span.String()] = fmt.Sprintf("max(count_over_time(%s[%s]))", s.usage("container_cpu_usage_seconds_total"), promDuration(span))
	}
	vector, err := a.client.instant(ctx, newRun(nil), call{what: "the scrape interval", expr: s.union(counts), end: at})
	if err != nil {
		return 0, err
	}
	shortest := time.Duration(0)
	for _, sample := range vector {
		span, err := time.ParseDuration(string(sample.Metric[labelSignal]))
		if n := float64(sample.Value); err == nil && n >= scrapesLeast {
			if d := time.Duration(float64(span) / n).Round(time.Second); shortest == 0 || d < shortest {
				shortest = max(d, time.Second)
			}
		}
	}
	return shortest, nil
}

// some are the namespaces of n workloads at even distances.
func some(all []recommender.Workload, n int) []string {
	var out []string
	n = min(n, len(all))
	for i := range n {
		out = append(out, all[i*len(all)/n].Namespace)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
