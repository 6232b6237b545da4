package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/testkit/exporter"
)

// Of the bar on surges: the size of the fleet, and how much longer than a
// scrape interval it may take from a surge that Prometheus shows to the call
// that answers it.
const (
	fleetSize    = 100
	surgeAllowed = scrapeInterval + 2*time.Second
	// surgesAllowed is what all at once may take, for which there is no bar: two
	// decisions are made at a time.
	surgesAllowed = time.Minute
)

// A demand that nobody expected is answered in place, at once: from the moment
// that a query shows it, within one scrape interval and two seconds. First one
// workload at a time of a fleet of a hundred, then all that are left at once.
func TestSurgeIsAnsweredWithinAScrapeIntervalAndTwoSeconds(t *testing.T) {
	t.Parallel()
	c := start(t, shape{nodes: 4, nodeCPU: "64", nodeMemory: "256Gi", scrapeInterval: scrapeInterval})
	c.install(t, "  budgets: {resizesPerMinute: 10000}\n")
	fleet := make([]*workload, fleetSize)
	for i := range fleet {
		fleet[i] = &workload{
			App: service("fleet", "Deployment", fmt.Sprintf("app-%03d", i), 10), replicas: 1, days: 1,
			container: "{requests: {cpu: 200m, memory: 128Mi}, limits: {memory: 256Mi}}",
			spec:      []string{applyMode, fixedCount, allAtOnce},
		}
	}
	c.deploy(t, fleet...)
	c.run(t, release, true)
	for _, w := range fleet {
		c.condition(t, patience, w, "RecommendationAvailable", "True", "")
	}

	if waiting != nil {
		<-waiting
	}
	var alone []time.Duration
	const each = 10
	for _, w := range fleet[:each] {
		alone = append(alone, c.surge(t, w)...)
	}
	slices.Sort(alone)
	t.Logf("one surge at a time: %v", alone)
	together := c.surge(t, fleet[each:]...)
	slices.Sort(together)
	t.Logf("%d surges at once: median %v, all within %v", len(together), together[len(together)/2], together[len(together)-1])
	if worst := alone[len(alone)-1]; worst > surgeAllowed {
		t.Errorf("the slowest surge was answered %v after Prometheus showed it, allowed are %v", worst, surgeAllowed)
	}
	if worst := together[len(together)-1]; worst > surgesAllowed {
		t.Errorf("of %d surges at once the slowest was answered after %v, allowed are %v", len(together), worst, surgesAllowed)
	}
}

// surge multiplies the demand of workloads and returns how long after
// Prometheus showed it each was answered by a resize.
func (c *cluster) surge(t *testing.T, all ...*workload) []time.Duration {
	t.Helper()
	const rate = 120.0 // Six times what the request of 200m allows.
	began := time.Now()
	names := make([]string, len(all))
	for i, w := range all {
		w.Demand = exporter.Surge(10, rate, began)
		c.exporter.Set(&w.App)
		names[i] = w.Name
	}
	// The first instant at which two samples show more than the size allows.
	shown := map[string]time.Time{}
	expr := fmt.Sprintf(`max by (pod) (irate(container_cpu_usage_seconds_total{namespace="fleet",container="app"}[%ds])) > 0.4`, int(4*scrapeInterval.Seconds()))
	eventually(t, time.Minute, "Prometheus shows the surge", func() error {
		samples, err := c.prometheus.Query(expr)
		if err != nil {
			return err
		}
		for _, s := range samples {
			if name := appOf(s.Labels["pod"]); slices.Contains(names, name) && shown[name].IsZero() {
				shown[name] = time.Now()
			}
		}
		if len(shown) < len(all) {
			return fmt.Errorf("of %d", len(shown))
		}
		return nil
	})
	// The audit log is read for all at once: it is long, and to read it takes time
	// from those who are to answer.
	resized, told := map[string]time.Time{}, map[string]time.Time{}
	eventually(t, time.Minute, "all are resized", func() error {
		for _, r := range c.audit.writes(t, began, func(r request) bool { return r.ResponseStatus.Code == 200 }) {
			first := resized
			name := appOf(r.ObjectRef.Name)
			if of("fleet", "rightsizes/status")(r) {
				first, name = told, r.ObjectRef.Name
			} else if !of("fleet", "pods/resize")(r) {
				continue
			}
			if first[name].IsZero() {
				first[name] = r.RequestReceivedTimestamp
			}
		}
		missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !resized[n].IsZero() })
		if len(missing) == 0 {
			return nil
		}
		time.Sleep(time.Second)
		return fmt.Errorf("%d are not, such as %s", len(missing), missing[0])
	})
	var took, decided []time.Duration
	for _, name := range names {
		took = append(took, max(0, resized[name].Sub(shown[name])))
		decided = append(decided, told[name].Sub(shown[name]))
	}
	slices.Sort(decided)
	t.Logf("statuses said so after %v at the median, %v at most", decided[len(decided)/2], decided[len(decided)-1])
	return took
}

// appOf is the name of a Deployment by that of its pod.
func appOf(pod string) string {
	parts := strings.Split(pod, "-")
	return strings.Join(parts[:max(0, len(parts)-2)], "-")
}
