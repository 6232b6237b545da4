package collector_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
	"github.com/rightsize-dev/rightsize/internal/testkit/world"
	"github.com/rightsize-dev/rightsize/recommender"
)

// noisy is a counter whose rate differs from minute to minute, with a daily
// rhythm: an integral in closed form, with the digits of one that is measured.
func noisy(begin time.Time, rate float64, seed uint64) func(time.Time) float64 {
	sum := []float64{0}
	r := rand.New(rand.NewPCG(seed, 1))
	return func(t time.Time) float64 {
		n := int(t.Sub(begin) / time.Minute)
		for len(sum) <= n {
			day := math.Sin(2 * math.Pi * float64(len(sum)) / 1440)
			sum = append(sum, sum[len(sum)-1]+60*rate*(1+0.5*day)*(0.7+0.6*r.Float64()))
		}
		return sum[max(0, n)]
	}
}

// changing is a cluster in which things happen: rollouts, new and deleted
// workloads, jobs, kills, a metric that appears late, an outage of metrics.
func changing(end time.Time, history time.Duration) *world.World {
	w := &world.World{}
	begin := end.Add(-history - time.Hour)
	c := &world.Cluster{World: w, Name: "", Begin: begin, Scrapers: 1}
	outage := end.Add(-4 * time.Hour)
	up := func(value func(time.Time) (float64, bool)) func(time.Time) (float64, bool) {
		return func(t time.Time) (float64, bool) {
			if t.After(outage) && t.Before(outage.Add(20*time.Minute)) {
				return 0, false
			}
			return value(t)
		}
	}
	for i := range 3 {
		name := fmt.Sprintf("web-%d", i)
		from := begin
		if i == 2 {
			from = end.Add(-2*time.Hour - 3*time.Minute) // A new workload.
		}
		c.State("kube_deployment_spec_replicas", since(from, 2), "namespace", "shop", "deployment", name)
		c.State("kube_deployment_status_replicas_ready", since(from, 2), "namespace", "shop", "deployment", name)
		edges := []time.Time{from}
		for rollout := range 3 {
			at := end.Add(-time.Duration(17*rollout+5*i+1) * 31 * time.Minute)
			if at.After(from) {
				edges = append(edges, at)
			}
		}
		for n, edge := range sorted(edges) {
			to := time.Time{}
			if n+1 < len(edges) {
				to = sorted(edges)[n+1].Add(2 * time.Minute) // Old and new pods overlap.
			}
			rs := fmt.Sprintf("%s-%d", name, 222222222+n)
			c.State("kube_replicaset_owner", since(edge, 1), "namespace", "shop", "replicaset", rs, "owner_kind", "Deployment", "owner_name", name, "owner_is_controller", "true")
			for p := range 2 {
				pod := world.Pod{
					Namespace: "shop", Name: fmt.Sprintf("%s-pod%d", rs, p), Kind: "ReplicaSet", Owner: rs, From: edge, To: to, ReadyAfter: time.Duration(20+10*n) * time.Second,
					Containers: []world.Container{{
						Name: "app", Seconds: noisy(edge, 0.1+0.1*float64(i), uint64(100*i+10*n+p)), Memory: noisyMemory(edge, uint64(n)),
						RequestCPU: 0.25 * float64(n+1), RequestMemory: 256 * mib, LimitMemory: 512 * mib, Throttled: 0.1,
						Restarts: []time.Time{edge.Add(37 * time.Minute)}, OOM: p == 0,
					}},
				}
				c.Pod(pod)
				if i == 0 {
					requests := noisy(edge, 11, uint64(n+p))
					c.Add("http_requests_total", up(pod.During(requests)), "namespace", "shop", "pod", pod.Name, "job", "web")
				}
			}
		}
	}
	// The metric of this one appears an hour before the end.
	late := world.Pod{Namespace: "late", Name: "grpc-0", Kind: "StatefulSet", Owner: "grpc", Containers: []world.Container{{Name: "srv", CPU: 0.2, Memory: noisyMemory(begin, 9), RequestCPU: 0.1, RequestMemory: 64 * mib}}}
	c.Pod(late)
	c.State("kube_statefulset_replicas", prometheus.Always(1), "namespace", "late", "statefulset", "grpc")
	c.Add("grpc_server_started_total", since2(end.Add(-time.Hour), noisy(begin, 3, 4)), "namespace", "late", "pod", "grpc-0", "job", "x")
	// Deleted three hours before the end and a day before that, and jobs.
	for i, ago := range []time.Duration{3 * time.Hour, 26*time.Hour + 7*time.Minute} {
		name := fmt.Sprintf("old-%d", i)
		c.Pod(world.Pod{Namespace: "shop", Name: name + "-0", Kind: "StatefulSet", Owner: name, To: end.Add(-ago), Containers: []world.Container{{Name: "old", CPU: 1, Memory: world.Steady(mib)}}})
	}
	c.State("kube_cronjob_info", prometheus.Always(1), "namespace", "shop", "cronjob", "report")
	for i := range 20 {
		from := end.Add(-time.Duration(i) * 97 * time.Minute)
		job := fmt.Sprintf("report-2939%04d", 1000-97*i%1000)
		p := world.Pod{Namespace: "shop", Name: job + "-x", Kind: "Job", Owner: job, From: from, To: from.Add(11 * time.Minute), Containers: []world.Container{{Name: "etl", CPU: 1.5, Memory: world.Steady(300 * mib), RequestCPU: 1, RequestMemory: 256 * mib, OOM: i%3 == 0}}}
		c.Pod(p)
		c.State("kube_job_owner", p.During(world.Steady(1)), "namespace", "shop", "job_name", job, "owner_kind", "CronJob", "owner_name", "report", "owner_is_controller", "true")
	}
	return w
}

func sorted(times []time.Time) []time.Time {
	out := append([]time.Time(nil), times...)
	for i := range out {
		for j := i + 1; j < len(out); j++ {
			if out[j].Before(out[i]) {
				out[i], out[j] = out[j], out[i]
			}
		}
	}
	return out
}

func since(from time.Time, v float64) func(time.Time) (float64, bool) {
	return since2(from, world.Steady(v))
}

func since2(from time.Time, value func(time.Time) float64) func(time.Time) (float64, bool) {
	return func(t time.Time) (float64, bool) {
		if t.Before(from) {
			return 0, false
		}
		return value(t), true
	}
}

func noisyMemory(begin time.Time, seed uint64) func(time.Time) float64 {
	sum := noisy(begin, 1, seed)
	return func(t time.Time) float64 { return 100*mib + 1e6*math.Mod(sum(t), 97) }
}

// What was read a bit at a time is what is read at once: on a real Prometheus,
// for a world in which everything changes, at many instants, after tails of one
// and of many steps.
func TestTailsAreTheWhole(t *testing.T) {
	t.Parallel()
	base := world.Server(t)
	const history = 27 * time.Hour
	end := time.Now().UTC().Truncate(5 * time.Minute)
	changing(end, history+6*time.Hour).Write(t, base, end.Add(-history-7*time.Hour), end, time.Minute)
	cfg := collector.DefaultConfig()
	cfg.URL, cfg.History = base, model.Duration(history)
	c, err := collector.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a := c.NewArchive()
	r := rand.New(rand.NewPCG(1, 2))
	queries := 0
	for at := end.Add(-6 * time.Hour); !at.After(end); {
		if queries, err = a.Read(t.Context(), at, nil); err != nil {
			t.Fatal(err)
		}
		if r.IntN(4) == 0 || at.Equal(end) {
			whole, err := c.Collect(t.Context(), at, nil)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, whole, a)
		}
		step := 5 * time.Minute
		if r.IntN(10) == 0 {
			step *= time.Duration(1 + r.IntN(12))
		}
		if next := at.Add(step); at.Before(end) && next.After(end) {
			at = end
		} else {
			at = next
		}
	}
	t.Logf("%d queries a tail, %d bytes of %d workloads", queries, a.Bytes(), len(a.Workloads()))
}

// compare bit by bit.
func compare(t *testing.T, whole *collector.Fleet, a *collector.Archive) {
	t.Helper()
	var got []collector.Workload
	for _, id := range a.Workloads() {
		w, _ := a.Workload(id)
		got = append(got, w)
	}
	exact := cmp.Comparer(func(a, b float64) bool {
		return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
	})
	if diff := cmp.Diff(whole.Workloads, got, exact); diff != "" {
		t.Fatalf("at %s (-whole +tails):\n%s", whole.At, diff)
	}
	if diff := cmp.Diff(whole.Facts, a.Facts(), cmp.Comparer(func(a, b recommender.Fact) bool { return a.Code == b.Code && a.Signal == b.Signal })); diff != "" {
		t.Errorf("facts at %s (-whole +tails):\n%s", whole.At, diff)
	}
}
