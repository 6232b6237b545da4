package e2e

import (
	"flag"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/testkit/exporter"
	"github.com/rightsize-dev/rightsize/internal/testkit/kubelet"
)

// values are those that the release is installed with: a step of a minute and
// a pulse of a second, so that a round is over in a minute.
func (c *cluster) values() string {
	return `
extraArgs: [--pulse-interval=1s, --warm-up=1s,]
config:
  prometheus:
    url: ` + c.prometheus.URL + `
    step: 1m
    rate_window: 2m
    history: 9d
`
}

// install installs the chart as a user would.
func (c *cluster) install(t testing.TB, more string) {
	t.Helper()
	c.helm.Run("install", release, chartDir, "--namespace", system, "--create-namespace", "--wait", "--timeout", "60s",
		"--values", c.helm.Values("values.yaml", c.values()+more))
}

// scenarios are what the shared cluster is for.
func scenarios() []scenario {
	small := pinned("evict", "web", 2, halfCore, "900m", "512Mi",
		"apply: {method: InPlaceOrEvict, canaryPods: 0, maxConcurrentPercent: 100, deferredSeconds: 10}")
	small.Demand = exporter.Steady(140) // Seven tenths of a core for each.
	oom := pinned("oom", "web", 2, halfCore, "500m", "160Mi", allAtOnce)
	return []scenario{
		{name: "metrics are read by the command line", workloads: kinds("report"), check: testReport},
		{name: "dry run writes nothing but status", workloads: kinds("dryrun", "mode: DryRun"), check: testDryRun},
		{
			name:      "pods of every kind are resized in place",
			workloads: kinds("apply", applyMode, fixedCount, allAtOnce), check: testApply,
		},
		{
			name: "a quota is kept and used", workloads: []*workload{pinned("quota", "web", 2, halfCore, "900m", "512Mi", allAtOnce)},
			prepare: func(t testing.TB, c *cluster) {
				t.Helper()
				c.Namespace("quota")
				c.apply(t, quota("quota", "1100m"))
			},
			check: testQuota,
		},
		{
			name:      "another autoscaler is not fought",
			workloads: []*workload{pinned("conflict", "web", 2, halfCore, "300m", "256Mi", allAtOnce)}, check: testConflict,
		},
		{
			name:      "a rollout is not disturbed",
			workloads: []*workload{pinned("rollout", "web", 3, halfCore, "300m", "256Mi", allAtOnce)}, check: testRollout,
		},
		crowded(),
		{
			name: "what a node can never hold is asked for once", workloads: []*workload{pinned("infeasible", "web", 2, halfCore, "900m", "512Mi", allAtOnce)},
			ready: told(kubelet.Infeasible), check: testInfeasible,
		},
		{
			name: "pods are evicted within their disruption budget",
			prepare: func(t testing.TB, c *cluster) {
				t.Helper()
				c.Namespace("evict")
				c.apply(t, budget("evict", "web", 0))
			},
			workloads: []*workload{small},
			ready:     told(kubelet.Deferred), check: testEviction,
		},
		{name: "memory that is needed after all comes back", workloads: []*workload{oom}, check: testOOM},
		rising(),
	}
}

// harms are scenarios of minutes in which a change does harm.
func harms() []scenario {
	const watched = "apply: {canaryPods: 1, observationSeconds: 240}"
	harmed := pinned("rollback", "web", 2, halfCore, "200m", "256Mi", watched)
	harmed.App = fails(harmed.App, "300m", 0.2, 0.01)
	missed := pinned("rollback-4xx", "web", 2, halfCore, "200m", "256Mi", watched)
	missed.App = fails(missed.App, "300m", 0.002, 0.3)
	return []scenario{
		{name: "server errors take a change back", workloads: []*workload{harmed}, check: testRollback},
		{name: "client errors take a change back", workloads: []*workload{missed}, check: testRollback},
	}
}

// TestMain lets all scenarios run at once: they wait nearly all the time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "64"); err != nil {
		panic(err)
	}
	m.Run()
}

// waiting is closed when TestCluster does little but wait; nil where it does not
// run.
var waiting chan struct{}

// busyFor is how long the controller of TestCluster has much to do: the first two
// rounds, after which all but the slow scenarios are over.
const busyFor = 90 * time.Second

// TestCluster is the life of a release in one cluster: workloads of every kind
// under one controller, what befalls it, and its end.
//
// Its scenarios wait for metrics nearly all the time: when that is so, the surges
// of another test, which has begun by then, are measured.
func TestCluster(t *testing.T) {
	waiting = make(chan struct{})
	t.Parallel()
	begun := sync.OnceFunc(func() { close(waiting) })
	defer begun()
	c := start(t, shape{nodes: 3, nodeCPU: "64", nodeMemory: "256Gi", scrapeInterval: scrapeInterval})
	c.install(t, "")
	all, long := wanted(scenarios()), lasting()
	c.deploy(t, append(prepared(t, c, all, false), long)...)
	c.deploy(t, prepared(t, c, all, true)...)
	for _, s := range all {
		if s.ready != nil {
			s.ready(t, c, s.workloads)
		}
	}
	p := c.run(t, release, true)
	time.AfterFunc(busyFor, begun)
	check(t, c, all, p)
	p = testLife(t, c, p, long)
	t.Run("the API server forbade nothing", func(t *testing.T) { testNothingForbidden(t, c) })
	p.Stop()
	t.Run("a release is upgraded and leaves nothing", func(t *testing.T) { testRelease(t, c) })
}

// TestHarmIsTakenBack has a cluster of its own, as it takes as long as all else:
// errors are told from chance by what three minutes bring.
func TestHarmIsTakenBack(t *testing.T) {
	t.Parallel()
	c := start(t, shape{nodes: 1, nodeCPU: "64", nodeMemory: "256Gi", scrapeInterval: scrapeInterval})
	c.install(t, "")
	all := wanted(harms())
	c.deploy(t, prepared(t, c, all, false)...)
	p := c.run(t, release, true)
	check(t, c, all, p)
	p.Stop()
}

// check runs scenarios side by side.
func check(t *testing.T, c *cluster, all []scenario, p *program) {
	t.Helper()
	t.Run("scenarios", func(t *testing.T) {
		for _, s := range all {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				s.check(t, c, s.workloads)
			})
		}
	})
	if t.Failed() {
		t.Log("the log of the controller:\n" + p.Tail(60))
	}
}

// prepared prepares the scenarios that are to be deployed first, or those that come
// after them, and returns their workloads.
func prepared(t *testing.T, c *cluster, all []scenario, last bool) []*workload {
	t.Helper()
	var workloads []*workload
	for _, s := range all {
		if s.last != last {
			continue
		}
		if s.prepare != nil {
			s.prepare(t, c)
		}
		workloads = append(workloads, s.workloads...)
	}
	return workloads
}

// wanted leaves out the scenarios that the flag -run leaves out, which need not
// be deployed then.
func wanted(all []scenario) []scenario {
	parts := strings.Split(flag.Lookup("test.run").Value.String(), "/")
	if len(parts) < 3 {
		return all
	}
	name := regexp.MustCompile(strings.ReplaceAll(parts[2], "_", " "))
	return slices.DeleteFunc(all, func(s scenario) bool { return !name.MatchString(s.name) })
}

// rolesWithin is how long an API server that starts may not have read its roles
// yet, and forbid everything.
const rolesWithin = 30 * time.Second

// testNothingForbidden: the rights of the chart are enough for everything that
// was asked for.
func testNothingForbidden(t *testing.T, c *cluster) {
	t.Helper()
	var forbidden []request
	for _, r := range c.audit.since(t, time.Time{}) {
		if after := r.RequestReceivedTimestamp.Sub(c.restarted); after >= 0 && after < rolesWithin {
			continue
		}
		// Resizes that a quota or a node refuses are answered by the same code.
		if r.ResponseStatus.Code == 403 && !strings.HasPrefix(r.what(), "pods/") {
			forbidden = append(forbidden, r)
		}
	}
	if len(forbidden) > 0 {
		t.Errorf("forbidden:%s", describe(forbidden))
	}
}
