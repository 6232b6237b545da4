package history_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/history"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
	"github.com/rightsize-dev/rightsize/internal/testkit/world"
	"github.com/rightsize-dev/rightsize/recommender"
)

const mib = 1 << 20

// shop is a Deployment of two pods that serve requests, whose rate and CPU
// follow a day, and from an instant on a multiple of it.
type shop struct {
	begin, surge time.Time
	factor       float64
	kill         time.Time
}

// work is the integral of the demand up to an instant.
func (s shop) work(t time.Time) float64 {
	day := func(t time.Time) float64 {
		x := t.Sub(s.begin).Hours()
		return 3600 * (10*x - 60/math.Pi*(math.Cos(2*math.Pi*x/24)-1)) // 10+5 sin(2πx/24) a second.
	}
	sum := day(t)
	if !s.surge.IsZero() && t.After(s.surge) {
		sum += (s.factor - 1) * (day(t) - day(s.surge))
	}
	return sum
}

func (s shop) world() *world.World {
	w := &world.World{}
	c := &world.Cluster{World: w, Begin: s.begin, Scrapers: 1}
	c.State("kube_replicaset_owner", prometheus.Always(1), "namespace", "shop", "replicaset", "web-7f9c6b5d4f", "owner_kind", "Deployment", "owner_name", "web", "owner_is_controller", "true")
	c.State("kube_deployment_spec_replicas", prometheus.Always(2), "namespace", "shop", "deployment", "web")
	c.State("kube_deployment_status_replicas_ready", prometheus.Always(2), "namespace", "shop", "deployment", "web")
	for i := range 2 {
		name := fmt.Sprintf("web-7f9c6b5d4f-%d", i)
		k := world.Container{
			Name: "app", Seconds: func(t time.Time) float64 { return 0.01 * s.work(t) }, Memory: world.Steady(200 * mib),
			RequestCPU: 0.5, RequestMemory: 256 * mib, LimitMemory: 512 * mib, Throttled: 0.05,
		}
		if !s.kill.IsZero() && i == 0 {
			k.Restarts, k.OOM = []time.Time{s.kill}, true
		}
		p := world.Pod{Namespace: "shop", Name: name, Kind: "ReplicaSet", Owner: "web-7f9c6b5d4f", Containers: []world.Container{k}}
		c.Pod(p)
		c.Add("http_requests_total", func(t time.Time) (float64, bool) { return s.work(t), true }, "namespace", "shop", "pod", name, "job", "web", "code", "200")
	}
	return w
}

func web() recommender.Workload {
	return recommender.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}
}

func newCollector(t testing.TB, base string, span time.Duration) *collector.Collector {
	t.Helper()
	cfg := collector.DefaultConfig()
	cfg.URL, cfg.History = base, model.Duration(span)
	cfg.HTTP.ProxyFromEnvironment = false
	c, err := collector.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func asJSON(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The controller, which reads tails, decides what the CLI does, which reads
// everything: snapshots and decisions are equal byte for byte.
func TestSnapshotsAreThoseOfTheCLI(t *testing.T) {
	t.Parallel()
	base := world.Server(t)
	const span = 3 * 24 * time.Hour
	end := time.Now().UTC().Truncate(5 * time.Minute)
	shop{begin: end.Add(-span - 3*time.Hour), surge: end.Add(-40 * time.Minute), factor: 1.5}.world().
		Write(t, base, end.Add(-span-2*time.Hour), end, time.Minute)
	c := newCollector(t, base, span)
	store := history.New(c, history.Options{})
	var kept []recommender.Snapshot
	var texts [][]byte
	for _, back := range []int{90, 85, 60, 55, 50, 0} {
		at := end.Add(-time.Duration(back) * time.Minute)
		if err := store.Refresh(t.Context(), at.Add(7*time.Second)); err != nil {
			t.Fatal(err)
		}
		fleet, err := c.Collect(t.Context(), at, nil)
		if err != nil {
			t.Fatal(err)
		}
		p := recommender.Policy{HoldSeconds: 60}
		for _, w := range fleet.Workloads {
			w.Facts = snapshot.Facts(fleet.Facts, w.Facts)
			want := snapshot.Build(w, at, p, snapshot.Light())
			got, ok := store.Snapshot(w.ID, at, p)
			if !ok || !bytes.Equal(asJSON(t, got), asJSON(t, want)) {
				t.Fatalf("at -%d min the snapshots of %s differ (%v):\n%s\n%s", back, w.ID, ok, asJSON(t, got), asJSON(t, want))
			}
			kept, texts = append(kept, got), append(texts, asJSON(t, want))
			var one, other recommender.Recommender
			if a, b := asJSON(t, one.Decide(got)), asJSON(t, other.Decide(want)); !bytes.Equal(a, b) {
				t.Errorf("decisions differ:\n%s\n%s", a, b)
			}
			if got.Containers[0].CPU.Samples < 100 || got.Demand == nil {
				t.Errorf("%d samples and demand %v are too little to compare", got.Containers[0].CPU.Samples, got.Demand)
			}
		}
	}
	for i, snap := range kept { // Nothing of them is in room that later ones were lent.
		if got := asJSON(t, snap); !bytes.Equal(got, texts[i]) {
			t.Errorf("a snapshot has become another:\n%s\nof\n%s", got, texts[i])
		}
	}
}

// A surge is told of by the first pulse after the first scrape that shows it,
// once; the snapshot holds it, and the history does not.
func TestPulse(t *testing.T) {
	t.Parallel()
	base := world.Server(t)
	const span = 2 * 24 * time.Hour
	end := time.Now().UTC().Truncate(5 * time.Minute).Add(-5 * time.Minute)
	surge := end.Add(60 * time.Second)
	w := shop{begin: end.Add(-span - 3*time.Hour), surge: surge, factor: 4, kill: end.Add(150 * time.Second)}.world()
	w.Write(t, base, end.Add(-span-2*time.Hour), end.Add(-time.Hour), time.Minute)
	w.Write(t, base, end.Add(-time.Hour+15*time.Second), end.Add(5*time.Minute), 15*time.Second)
	store := history.New(newCollector(t, base, span), history.Options{})
	if got, err := store.Pulse(t.Context(), end); err == nil {
		t.Errorf("a pulse before anything was read gives %v", got)
	}
	if err := store.Refresh(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	pulse := func(after time.Duration) []recommender.Workload {
		t.Helper()
		got, err := store.Pulse(t.Context(), end.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	snap := func(after time.Duration) recommender.Snapshot {
		t.Helper()
		return snapshotOf(t, store, end.Add(after))
	}
	if got := pulse(0); len(got) != 0 {
		t.Errorf("%v is a surprise though nothing was expected", got)
	}
	before := snap(0)
	for _, after := range []time.Duration{15 * time.Second, 60 * time.Second} {
		if got := pulse(after); len(got) != 0 {
			t.Errorf("%v is a surprise %s later", got, after)
		}
	}
	if got := pulse(75 * time.Second); len(got) != 1 || got[0] != web() {
		t.Fatalf("the surge gives %v", got)
	}
	first := snap(75 * time.Second)
	if r := first.Containers[0].CPU.Last / before.Containers[0].CPU.Last; r < 1.5 || r > 3 { // A quarter of the window: 1.75.
		t.Errorf("CPU after one scrape is %g times what it was", r)
	}
	if got := pulse(75 * time.Second); len(got) != 0 {
		t.Errorf("%v is told of again", got)
	}
	pulse(120 * time.Second)
	last := snap(125 * time.Second)
	if cpu, was := last.Containers[0].CPU, before.Containers[0].CPU; math.Abs(cpu.Last/was.Last-4) > 0.2 || cpu.Recent != cpu.Last || cpu.AgeSeconds != 5 || cpu.Samples != was.Samples {
		t.Errorf("CPU is %g (recent %g) of %g s ago after %g; want four times as much of 5 s ago", cpu.Last, cpu.Recent, cpu.AgeSeconds, was.Last)
	}
	if d := last.Demand; d == nil || math.Abs(d.Last/before.Demand.Last-4) > 0.2 {
		t.Errorf("demand is %v, want four times %g", d, before.Demand.Last)
	}
	if got := pulse(130 * time.Second); len(got) != 0 {
		t.Errorf("%v is told of again though it is no worse", got)
	}
	if got := pulse(165 * time.Second); len(got) != 1 {
		t.Errorf("a kill gives %v", got)
	}
	if k := snap(165 * time.Second).Containers[0]; k.OOMKills != 1 || k.LastOOMKill.Before(end) || k.OOMLimit != 512*recommender.MiB {
		t.Errorf("%d kills, the last at %s with a limit of %d; want one at 512 MiB", k.OOMKills, k.LastOOMKill, k.OOMLimit)
	}
	if got := pulse(180 * time.Second); len(got) != 0 {
		t.Errorf("the kill is told of again: %v", got)
	}
	if err := store.Refresh(t.Context(), end.Add(5*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if k := snap(5 * time.Minute).Containers[0]; k.OOMKills != 1 {
		t.Errorf("%d kills after the history has it, want 1", k.OOMKills)
	}
}

// snapshotOf is the snapshot of the workload of the tests at an instant.
func snapshotOf(t *testing.T, store *history.Store, now time.Time) recommender.Snapshot {
	t.Helper()
	s, ok := store.Snapshot(web(), now, recommender.Policy{})
	if !ok {
		t.Fatal("there is no such workload")
	}
	return s
}

// How often metrics are scraped is told by their samples, and pulses look at the
// last four of them: at a scrape a minute, one minute holds no rate.
func TestScrapeIntervalIsLearned(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute} {
		t.Run(interval.String(), func(t *testing.T) {
			t.Parallel()
			base := world.Server(t)
			end := time.Now().UTC().Truncate(5 * time.Minute)
			surge := end.Add(-8 * time.Minute)
			shop{begin: end.Add(-4 * time.Hour), surge: surge, factor: 3}.world().Write(t, base, end.Add(-3*time.Hour), end, interval)
			store := history.New(newCollector(t, base, 3*time.Hour), history.Options{})
			if d := store.ScrapeInterval(); d != 0 {
				t.Errorf("%s before anything was read", d)
			}
			if err := store.Refresh(t.Context(), surge); err != nil {
				t.Fatal(err)
			}
			if d := store.ScrapeInterval(); d != interval {
				t.Errorf("%s, want %s", d, interval)
			}
			if _, ok := store.Snapshot(web(), surge, recommender.Policy{}); !ok {
				t.Fatal("no snapshot")
			}
			if found, err := store.Pulse(t.Context(), end); err != nil || len(found) != 1 {
				t.Errorf("surprised by %v: %v", found, err)
			}
		})
	}
}
