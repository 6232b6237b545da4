package e2e

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rightsize-dev/rightsize/internal/telemetry"
	"github.com/rightsize-dev/rightsize/internal/testkit/exporter"
)

// Of the benchmark: how large it is if nothing else is said, how many pods each
// workload has, and what of history there is.
const (
	benchEnv     = "RIGHTSIZE_BENCH_SIZE"
	profileEnv   = "RIGHTSIZE_BENCH_PROFILE" // A file for the CPU profile of the round, and with .heap behind it for that of memory.
	benchSize    = 500
	benchPods    = 4
	benchDays    = 14
	benchStep    = 5 * time.Minute
	benchScrape  = 30 * time.Second
	benchWindow  = 15 * time.Minute // Of rates; with the past at benchStep it has to span some.
	benchCrowd   = 100              // Workloads in a namespace.
	benchWorkers = 16
)

// BenchmarkCluster measures what the controller costs: a full round over N
// RightSizes with 4 N pods and two weeks of history, and the steady state.
func BenchmarkCluster(b *testing.B) {
	n := benchSize
	if text := os.Getenv(benchEnv); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			b.Fatalf("%s=%q is not a number of RightSizes", benchEnv, text)
		}
	}
	for b.Loop() {
		benchCluster(b, n)
	}
}

func benchCluster(b *testing.B, n int) {
	b.Helper()
	c := start(b, shape{nodes: n*benchPods/100 + 1, nodeCPU: "64", nodeMemory: "256Gi", scrapeInterval: benchScrape})
	c.helm.Run("install", release, chartDir, "--namespace", system, "--create-namespace", "--wait", "--timeout", "60s",
		"--values", c.helm.Values("values.yaml", fmt.Sprintf(
			"config: {prometheus: {url: %q, rate_window: %s}}\nextraArgs: [--pulse-interval=%s]\n", c.prometheus.URL, model.Duration(benchWindow), benchScrape)))
	began := time.Now()
	c.benchFleet(b, n)
	b.Logf("%d workloads with %d pods are there after %v", n, n*benchPods, time.Since(began).Round(time.Second))
	// Before, rates over the window are too low, and what is there is a surprise.
	time.Sleep(benchWindow + 2*benchScrape)

	p := c.run(b, release, true)
	total := func() float64 { return float64(p.status(b, "VmRSS")) }
	eventually(b, 30*time.Minute, "every RightSize has a recommendation", func() error {
		time.Sleep(15 * time.Second) // Asked rarely: of thousands of RightSizes it has much to tell.
		if done, _ := p.metric(b, telemetry.Condition, "type=RecommendationAvailable", "status=True"); int(done) < n {
			return fmt.Errorf("%v of %d", done, n)
		}
		return nil
	})
	first := time.Since(p.started)
	b.Logf("first round over after %v, %v of CPU, %.0f MB", first.Round(time.Second), p.cpu(b), total()/1e6)
	// What the first round found is in the statuses; the next ones find the same.
	time.Sleep(benchStep)
	before := c.statuses(b)
	profile := p.profile(b, benchStep)
	cpu, queries, decisions, at := p.cpu(b), p.sum(b, telemetry.Queries), p.sum(b, telemetry.Decisions), time.Now()
	const rounds = 1
	time.Sleep(time.Until(at.Add(rounds * benchStep)))
	profile()
	cpu, queries = (p.cpu(b)-cpu)/rounds, (p.sum(b, telemetry.Queries)-queries)/rounds
	decisions = (p.sum(b, telemetry.Decisions) - decisions) / rounds
	writes := map[string]int{}
	for _, r := range c.audit.writes(b, at, func(request) bool { return true }) {
		writes[r.what()]++
	}
	other := 0
	for what, k := range writes {
		if what != "leases" {
			other += k
		}
	}
	round, _ := p.metric(b, telemetry.RoundDuration)
	changes(b, before, c.statuses(b))
	_, _ = fmt.Fprintf(os.Stdout, `
RightSizes                     %d
pods                           %d
CPU of a full round            %.1f s of one core (a round is %v)
decisions in that time         %.0f
time of a full round           %.1f s
memory, resident               %.0f MB, at most %.0f MB
queries to Prometheus a round  %.0f
API writes a round             %.1f without leases (%v in %d rounds)
first round after the start    %.0f s

`, n, n*benchPods, cpu.Seconds(), benchStep, decisions, round, total()/1e6, float64(p.status(b, "VmHWM"))/1e6, queries, float64(other)/rounds, writes, rounds, first.Seconds())
	b.ReportMetric(cpu.Seconds(), "cpu-s/round")
	b.ReportMetric(total()/1e6, "MB")
	b.ReportMetric(queries, "queries/round")
	b.ReportMetric(float64(other)/rounds, "writes/round")
	p.Stop()
}

// benchFleet makes n Deployments with a past and a RightSize in DryRun each.
func (c *cluster) benchFleet(b *testing.B, n int) {
	b.Helper()
	now := time.Now().Truncate(benchStep)
	all := make([]*workload, n)
	for i := range all {
		all[i] = &workload{
			App:      service(fmt.Sprintf("team-%02d", i/benchCrowd), "Deployment", fmt.Sprintf("app-%04d", i), 20+float64(i%50)),
			replicas: benchPods, container: "{requests: {cpu: 200m, memory: 256Mi}, limits: {memory: 512Mi}}",
			spec: []string{"mode: DryRun"},
		}
		base := all[i].Demand(now)
		all[i].Demand = exporter.Daily(base, 2*base, now.Add(-20*time.Hour), 8*time.Hour)
		c.exporter.Set(&all[i].App)
		if i%benchCrowd == 0 {
			c.Namespace(all[i].Namespace)
		}
	}
	for i := 0; i < n; i += benchCrowd { // Some at once, as requests are limited in size.
		past := exporter.Lean{From: now.Add(-benchDays * 24 * time.Hour), To: now, Interval: benchStep, Pods: benchPods}
		for _, w := range all[i:min(n, i+benchCrowd)] {
			past.Apps = append(past.Apps, &w.App)
		}
		c.prometheus.Write(past.History(), past.From, past.To, past.Interval)
	}
	work := make(chan *workload)
	var group sync.WaitGroup
	for range benchWorkers {
		group.Go(func() {
			for w := range work {
				c.apply(b, w.manifest()+"---\n"+w.rightsize())
			}
		})
	}
	for _, w := range all {
		work <- w
	}
	close(work)
	group.Wait()
	eventually(b, 30*time.Minute, "pods are ready", func() error {
		samples, err := c.prometheus.Query(`sum(kube_deployment_status_replicas_ready{namespace=~"team-.*"} and on (namespace,deployment) kube_deployment_status_replicas_updated)`)
		if err != nil || len(samples) != 1 || int(samples[0].Value) < n*benchPods {
			return fmt.Errorf("ready are %v, %w", samples, err)
		}
		return nil
	})
}

// statuses are those of all RightSizes, by namespace/name.
func (c *cluster) statuses(b *testing.B) map[string]map[string]any {
	b.Helper()
	var list struct {
		Items []struct {
			Metadata metav1.ObjectMeta
			Status   map[string]any
		}
	}
	if err := c.get(b, "/apis/rightsize.dev/v1alpha1/rightsizes", &list); err != nil {
		b.Fatal(err)
	}
	out := map[string]map[string]any{}
	for _, o := range list.Items {
		out[o.Metadata.Namespace+"/"+o.Metadata.Name] = o.Status
	}
	return out
}

// changes tells which fields of statuses have changed, in how many of them, with
// an example of each.
func changes(b *testing.B, before, after map[string]map[string]any) {
	b.Helper()
	count, example := map[string]int{}, map[string]string{}
	for name, now := range after {
		for field, v := range now {
			if was := before[name][field]; !reflect.DeepEqual(was, v) {
				count[field]++
				example[field] = fmt.Sprintf("%s: %v -> %v", name, was, v)
			}
		}
	}
	for _, field := range slices.Sorted(maps.Keys(count)) {
		b.Logf("%d statuses changed in %s, such as %s", count[field], field, example[field])
	}
}

// profile takes the CPU profile of the time to come, if one is asked for, and
// then that of memory. The function that is returned waits for it.
func (p *program) profile(b *testing.B, d time.Duration) (wait func()) {
	b.Helper()
	file := os.Getenv(profileEnv)
	if file == "" {
		return func() {}
	}
	fetch := func(what, into string) error {
		answer, err := http.Get(p.profiles + what) //nolint:noctx // It lasts as long as it has to.
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		content, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		return os.WriteFile(into, content, 0o600)
	}
	done := make(chan error, 1)
	go func() { done <- fetch(fmt.Sprintf("profile?seconds=%d", int(d.Seconds())), file) }()
	return func() {
		if err := errors.Join(<-done, fetch("heap", file+".heap")); err != nil {
			b.Error(err)
		}
	}
}

// sum is a counter of the program over all labels.
func (p *program) sum(b testing.TB, name string) float64 {
	b.Helper()
	v, ok := p.metric(b, name)
	if !ok {
		b.Fatalf("there is no metric %s", name)
	}
	return v
}

// cpu is the processor time that the program has taken.
func (p *program) cpu(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after) // From the third field on; 14 and 15 are utime and stime.
	const ticks = 100               // A second: USER_HZ.
	sum := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return time.Duration(sum) * time.Second / ticks
}

// status is a line of the program's status in bytes, such as VmRSS.
func (p *program) status(t testing.TB, line string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("no %s in the status of %d", line, p.PID())
	return 0
}
