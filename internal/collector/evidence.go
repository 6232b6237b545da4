package collector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"github.com/rightsize-dev/rightsize/recommender"
)

// answerSpec is a metric that counts answers by their code.
type answerSpec struct {
	aliasSpec `yaml:",inline"`

	Code   string `yaml:"code"`
	Server string `yaml:"server"`
	Client string `yaml:"client"`
}

// latencySpec is a histogram of how long answers take.
type latencySpec struct {
	aliasSpec `yaml:",inline"`

	Scale float64 `yaml:"scale"`
	// Of is what took so long; empty means requests.
	Of Timed `yaml:"of"`
}

// of is the alias with more matchers.
func (a aliasSpec) of(ms ...matcher) aliasSpec {
	a.match = a.match.and(ms...)
	a.Match = a.match.String()
	return a
}

// checkEvidence fills in what is not said.
func (c *catalogue) checkEvidence() error {
	for i := range c.Answers {
		a := &c.Answers[i]
		a.Template = "counter"
		setDefault(&a.Server, "5..")
		setDefault(&a.Client, "4..")
		if err := c.checkAlias(&a.aliasSpec); err != nil {
			return fmt.Errorf("answers %s: %w", a.Metric, err)
		}
		if !validLabelName(a.Code) {
			return fmt.Errorf("answers %s: code %q is not a label name", a.Metric, a.Code)
		}
		a.aliasSpec = a.of(notEqual(a.Code, ""))
	}
	for i := range c.Latencies {
		l := &c.Latencies[i]
		setDefault(&l.Template, "counter")
		setDefault(&l.Scale, 1)
		setDefault(&l.Of, TimedRequests)
		if err := c.checkAlias(&l.aliasSpec); err != nil {
			return fmt.Errorf("latencies %s: %w", l.Metric, err)
		}
		if l.Of != TimedRequests && l.Of != TimedFirstTokens && l.Of != TimedNextTokens {
			return fmt.Errorf("latencies %s: of %q is unknown", l.Metric, l.Of)
		}
		if l.Scale < 0 {
			return fmt.Errorf("latencies %s: scale %g is negative", l.Metric, l.Scale)
		}
	}
	return nil
}

// evidence are the metrics of both kinds.
func (c *catalogue) evidence() []aliasSpec {
	var out []aliasSpec
	for _, a := range c.Answers {
		out = append(out, a.aliasSpec)
	}
	for _, l := range c.Latencies {
		out = append(out, l.aliasSpec)
	}
	return out
}

// Minute is what was seen of a workload in the minute that ended at At; NaN
// where that is not known.
type Minute struct {
	At time.Time
	// Pods is the number of pods that were ready.
	Pods float64
	// Throttled is the share of CFS periods with throttling.
	Throttled float64
	// OOMKills are kills for want of memory, Restarts those for other reasons.
	OOMKills, Restarts float64
	// Answers is the number of answers, ServerErrors and ClientErrors the shares
	// of them that were 5xx and 4xx.
	Answers, ServerErrors, ClientErrors float64
	// Latency is seconds at the 0.95 quantile.
	Latency float64
}

const (
	minuteQuantile = 0.95
	// minuteBefore is how far back the value of a counter before a minute is
	// looked for.
	minuteBefore = 5 * time.Minute
)

// Names of what evidence queries give.
const (
	seenPods      = "pods"
	seenThrottled = "throttled"
	seenRestarts  = "restarts"
	seenKills     = "oom_restarts"
	seenEvents    = "oom_events"
	seenLatency   = "latency/"
	seenAnswers   = "answers/"
	seenServer    = "server/"
	seenClient    = "client/"
	seenUser      = "user/"
)

// Minutes reads what was seen of all workloads in the minutes that end after
// from and until to, by up to six queries, and one for each latency and error
// rate by a query of its owner, 20 at most. Rates are over the window, which has
// to span two scrapes at least. What fails is left out and told by the error.
func (a *Archive) Minutes(ctx context.Context, from, to time.Time, window time.Duration) (map[recommender.Workload][]Minute, error) {
	v := a.view()
	g := grid{end: to.UTC().Truncate(time.Minute), step: time.Minute}
	g.n = int(g.end.Sub(from.UTC().Truncate(time.Minute)) / time.Minute)
	if v.scope == nil || g.n < 1 {
		return nil, nil
	}
	s := *v.scope
	s.recent, s.before = max(window, time.Minute), minuteBefore
	m := &minutes{archive: a, view: v, grid: g, tables: map[string]*table{}}
	work, wctx := errgroup.WithContext(ctx)
	work.SetLimit(a.cfg.Concurrency)
	r := newRun(nil)
	for what, parts := range map[string]map[string]string{
		"pods": {seenPods: s.pods("kube_pod_status_ready", equal("condition", "true"), true)},
		"throttling": {seenThrottled: fmt.Sprintf("%s / (%s > 0)",
			s.perOwner("sum", s.rate("container_cpu_cfs_throttled_periods_total"), s.owners(s.window)),
			s.perOwner("sum", s.rate("container_cpu_cfs_periods_total"), s.owners(s.window)))},
		"restarts":   {seenRestarts: s.restarts(time.Minute), seenKills: s.oomRestarts(time.Minute)},
		"OOM events": {seenEvents: s.oomEvents(time.Minute)},
		"answers":    a.answers(s, v),
		"latencies":  a.latencies(s, v),
	} {
		if len(parts) == 0 {
			continue
		}
		work.Go(func() error { return m.read(wctx, r, call{what: "evidence: " + what, expr: s.union(parts)}, nil) })
	}
	for _, q := range a.userEvidence() {
		work.Go(func() error {
			return m.read(wctx, r, call{what: "the signal " + q.signal.Name, expr: q.signal.confined}, &q)
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	return m.assemble(), errors.Join(m.errs...)
}

// userEvidence are the users' queries for latencies and errors, at most so many
// as one measurement sends.
func (a *Archive) userEvidence() []userQuery {
	all := slices.DeleteFunc(a.queries(), func(q userQuery) bool {
		return q.signal.Role != RoleQuantile && q.signal.Role != RoleErrors
	})
	return all[:min(len(all), mostUserQueries)]
}

// answers are the queries for answers by their class.
func (a *Archive) answers(s scope, v view) map[string]string {
	out := map[string]string{}
	spec := signalSpec{Role: RoleDemand, Pods: "sum"}
	for i, answer := range a.catalog.Answers {
		if v.found[answer.id()] == 0 {
			continue
		}
		n := strconv.Itoa(i)
		out[seenAnswers+n] = a.catalog.signal(s, spec, answer.aliasSpec, "60s")
		out[seenServer+n] = a.catalog.signal(s, spec, answer.of(matcher{answer.Code, "=~", answer.Server}), "60s")
		out[seenClient+n] = a.catalog.signal(s, spec, answer.of(matcher{answer.Code, "=~", answer.Client}), "60s")
	}
	return out
}

// latencies are the queries for quantiles of latency.
func (a *Archive) latencies(s scope, v view) map[string]string {
	out := map[string]string{}
	for i, l := range a.catalog.Latencies {
		if l.Of == TimedRequests && v.found[l.id()] > 0 {
			out[seenLatency+strconv.Itoa(i)] = fmt.Sprintf("histogram_quantile(%g, %s) * %g", minuteQuantile,
				a.catalog.signal(s, signalSpec{Role: RoleQuantile, Pods: "sum"}, l.aliasSpec, "60s"), l.Scale)
		}
	}
	return out
}

// minutes gathers the answers.
type minutes struct {
	archive *Archive
	view    view
	grid    grid

	mu     sync.Mutex
	tables map[string]*table
	errs   []error
}

// read sends one query; one of a user is about one workload.
func (m *minutes) read(ctx context.Context, r *run, c call, user *userQuery) error {
	c.start, c.end, c.step = m.grid.start(), m.grid.end, m.grid.step
	err := m.archive.client.series(ctx, r, c, func(matrix model.Matrix) {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, s := range matrix {
			name, w := string(s.Metric[labelSignal]), m.view.owners.resolve(m.view.owners.of(s.Metric))
			if user != nil {
				name, w = seenUser+string(user.signal.Role), user.workload
			}
			t := m.tables[name]
			if t == nil {
				t = newTable(onFine, m.grid, mergeSum)
				if name == seenThrottled || strings.HasPrefix(name, seenLatency) || strings.HasPrefix(name, seenUser) {
					t.merge = mergeMax
				}
				m.tables[name] = t
			}
			t.add(key{workload: w}, s.Values)
		}
	})
	if err != nil && ctx.Err() == nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.errs = append(m.errs, err)
		return nil
	}
	return ctx.Err()
}

// assemble puts the minutes of each workload together.
func (m *minutes) assemble() map[recommender.Workload][]Minute {
	out := map[recommender.Workload][]Minute{}
	for _, t := range m.tables {
		for k := range t.values {
			if k.workload.Name != "" {
				out[k.workload] = nil
			}
		}
	}
	for w := range maps.Clone(out) {
		family := m.family(w)
		for i := range m.grid.n {
			out[w] = append(out[w], m.minute(w, family, i))
		}
	}
	return out
}

// family is which of the metrics of answers and of latencies a workload has.
func (m *minutes) family(w recommender.Workload) [2]string {
	var out [2]string
	k := key{workload: w}
	for kind, prefix := range []string{seenAnswers, seenLatency} {
		for i := range len(m.archive.catalog.Answers) + len(m.archive.catalog.Latencies) {
			n := strconv.Itoa(i)
			if t := m.tables[prefix+n]; t != nil && len(t.values[k]) > 0 {
				out[kind] = n
				break
			}
		}
	}
	return out
}

func (m *minutes) minute(w recommender.Workload, family [2]string, i int) Minute {
	at := func(table string) float64 {
		if t := m.tables[table]; t != nil && t.values[key{workload: w}] != nil {
			return t.values[key{workload: w}][i]
		}
		return math.NaN()
	}
	orZero := func(v float64, known bool) float64 {
		if known && math.IsNaN(v) {
			return 0
		}
		return v
	}
	pods := at(seenPods)
	watched := !math.IsNaN(pods) // Counts that are not there are zero where the pods are.
	kills := mergeMax.both(at(seenKills), at(seenEvents))
	restarts := orZero(at(seenRestarts), watched) - orZero(at(seenKills), watched)
	out := Minute{
		At: m.grid.at(i), Pods: pods, Throttled: at(seenThrottled), OOMKills: orZero(kills, watched), Restarts: max(0, restarts),
		Latency: mergeMax.both(at(seenLatency+family[1]), at(seenUser+string(RoleQuantile))),
	}
	rate := at(seenAnswers + family[0])
	out.Answers = rate * 60
	out.ServerErrors = orZero(at(seenServer+family[0]), rate > 0) / rate
	out.ClientErrors = orZero(at(seenClient+family[0]), rate > 0) / rate
	if failed := at(seenUser + string(RoleErrors)); rate > 0 && !math.IsNaN(failed) {
		out.ServerErrors = min(1, max(out.ServerErrors, failed/rate))
	}
	return out
}
