package snapshot_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

const days = 9

// start is a Monday, so that now is a Wednesday.
func start() time.Time { return time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) }

func now() time.Time { return start().Add(days * 24 * time.Hour) }

// every5m makes a history of nine days up to now.
func every5m(value func(hour float64) float64) forecaster.Series {
	s := forecaster.Series{Start: start(), Step: 5 * time.Minute, Values: make([]float64, days*288+1)}
	for i := range s.Values {
		s.Values[i] = value(float64(i) / 12)
	}
	return s
}

// daily is 1 at midnight and 3 at noon.
func daily(hour float64) float64 { return 2 - math.Cos(2*math.Pi*hour/24) }

func constant(v float64) func(float64) float64 { return func(float64) float64 { return v } }

// shop has demand of 100 requests/s at midnight and 300 at noon, each of 10 ms
// of CPU, on four pods.
func shop() collector.Workload {
	return collector.Workload{
		ID:      recommender.Workload{Namespace: "web", Kind: "Deployment", Name: "shop"},
		Desired: every5m(constant(4)), Ready: every5m(constant(4)), StartupSeconds: 40,
		Containers: []collector.Container{{
			Name:     "app",
			Requests: recommender.Resources{CPU: 1000, Memory: 512 * recommender.MiB},
			CPU:      every5m(daily), CPUMaxPod: every5m(func(h float64) float64 { return daily(h) / 2 }),
			Memory:    every5m(constant(200 << 20)),
			Throttled: every5m(func(h float64) float64 { return b2f(h > days*24-1.5) }),
			GPUs:      1, Restarts: 2,
		}},
		Signals: []collector.Signal{
			{Name: "queue", Unit: "items", Role: collector.RoleQueue, Series: every5m(constant(7))},
			{Name: "http_requests", Unit: "requests/s", Role: collector.RoleDemand, Series: every5m(func(h float64) float64 { return 100 * daily(h) })},
		},
	}
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func TestBuild(t *testing.T) {
	t.Parallel()
	s := snapshot.Build(shop(), now(), recommender.Policy{})
	c := s.Containers[0]
	checks := map[string]struct{ got, want float64 }{
		"replicas":                  {float64(s.Replicas.Desired), 4},
		"least replicas":            {float64(s.Policy.Horizontal.Min), 2},
		"cores now, at midnight":    {c.CPU.Last, 1},
		"peak cores":                {c.CPU.Peak, 3},
		"largest pod over the mean": {c.CPU.Imbalance, 2},
		"largest pod":               {c.CPU.PodP95, 1.49},
		"throttled":                 {c.ThrottledRatio, 1},
		"memory":                    {c.Memory.Peak, 200 << 20},
		"GPUs":                      {float64(c.GPUs), 1},
		"demand now":                {s.Demand.Last, 100},
		"queue":                     {s.Demand.Backlog, 7},
		"core-seconds a request":    {s.Demand.Relation.PerUnit, 0.01},
	}
	for name, tc := range checks {
		if math.Abs(tc.got-tc.want) > 0.01*math.Abs(tc.want) {
			t.Errorf("%s: got %g, want %g", name, tc.got, tc.want)
		}
	}
	if s.Policy.Horizontal.Fixed {
		t.Error("replicas are fixed although demand is known")
	}
	if _, err := json.Marshal(s); err != nil {
		t.Errorf("snapshot is not JSON: %v", err)
	}
}

// Later values change nothing: a snapshot of the past is what it was.
func TestBuildDoesNotLookAhead(t *testing.T) {
	t.Parallel()
	past := now().Add(-26 * time.Hour)
	w := shop()
	before, err := json.Marshal(snapshot.Build(w, past, recommender.Policy{}))
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(s forecaster.Series) {
		for i := range s.Values {
			if s.Time(i).After(past) {
				s.Values[i] = 1e6
			}
		}
	}
	for _, s := range []forecaster.Series{
		w.Desired, w.Ready, w.Containers[0].CPU, w.Containers[0].CPUMaxPod, w.Containers[0].Memory,
		w.Containers[0].Throttled, w.Signals[0].Series, w.Signals[1].Series,
	} {
		spoil(s)
	}
	after, err := json.Marshal(snapshot.Build(w, past, recommender.Policy{}))
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Error("values after now changed the snapshot")
	}
}

func TestBuildFixesReplicas(t *testing.T) {
	t.Parallel()
	onUsage := recommender.Policy{Horizontal: recommender.HorizontalPolicy{OnUsage: true}}
	cases := map[string]struct {
		change func(*collector.Workload)
		want   bool
		policy recommender.Policy
	}{
		"demand is known":    {change: func(*collector.Workload) {}, want: false},
		"no demand is known": {change: func(w *collector.Workload) { w.Signals = nil }, want: true},
		"only a queue":       {change: func(w *collector.Workload) { w.Signals = w.Signals[:1] }, want: true},
		"pods keep state":    {change: func(w *collector.Workload) { w.ID.Kind = "StatefulSet" }, want: true},
		"CPU ignores demand": {change: func(w *collector.Workload) { w.Containers[0].CPU = every5m(constant(1)) }, want: true},
		"no demand is known, and usage may tell": {
			change: func(w *collector.Workload) { w.Signals = nil }, want: false, policy: onUsage,
		},
		"only a queue, and usage may tell": {
			change: func(w *collector.Workload) { w.Signals = w.Signals[:1] }, want: true, policy: onUsage,
		},
		"CPU ignores demand, and usage may tell": {
			change: func(w *collector.Workload) { w.Containers[0].CPU = every5m(constant(1)) }, want: true, policy: onUsage,
		},
		"demand is missing, and usage may tell": {
			change: func(w *collector.Workload) {
				w.Signals = nil
				w.Facts = []recommender.Fact{{Code: recommender.FactMissing, Signal: "orders"}}
			}, want: true, policy: onUsage,
		},
		"pods keep state, and usage may tell": {
			change: func(w *collector.Workload) { w.Signals, w.ID.Kind = nil, "StatefulSet" }, want: true, policy: onUsage,
		},
		"items are to wait no longer, and usage may tell": {
			change: func(w *collector.Workload) { w.Signals = nil }, want: true,
			policy: recommender.Policy{Horizontal: onUsage.Horizontal, Objective: recommender.Objective{WaitSeconds: 60}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shop()
			tc.change(&w)
			if got := snapshot.Build(w, now(), tc.policy).Policy.Horizontal.Fixed; got != tc.want {
				t.Errorf("fixed: %t, want %t", got, tc.want)
			}
		})
	}
}

// Workloads without any history, with gaps only, or with one sample.
func TestBuildThinData(t *testing.T) {
	t.Parallel()
	empty := collector.Workload{ID: recommender.Workload{Namespace: "n", Kind: "Deployment", Name: "new"}}
	gaps := shop()
	gaps.Containers[0].CPU = every5m(constant(math.NaN()))
	one := shop()
	one.Containers[0].CPU = every5m(func(h float64) float64 {
		if h == days*24 {
			return 1
		}
		return math.NaN()
	})
	for name, w := range map[string]collector.Workload{"empty": empty, "gaps": gaps, "one sample": one} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := snapshot.Build(w, now(), recommender.Policy{})
			var r recommender.Recommender
			d := r.Decide(s)
			if _, err := json.Marshal(struct{ A, B any }{s, d}); err != nil {
				t.Fatalf("not JSON: %v", err)
			}
			for i, c := range d.Containers {
				if now := w.Containers[i].Requests; c.Target.CPU < now.CPU || c.Target.Memory < now.Memory {
					t.Errorf("lowered without evidence: %+v", c)
				}
			}
		})
	}
}
