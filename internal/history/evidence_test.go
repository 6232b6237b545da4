package history_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/history"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
	"github.com/rightsize-dev/rightsize/internal/testkit/world"
	"github.com/rightsize-dev/rightsize/recommender"
)

// steadily is a counter that grows by so many a second.
func steadily(begin time.Time, rate float64) func(time.Time) (float64, bool) {
	return func(t time.Time) (float64, bool) { return rate * t.Sub(begin).Seconds(), true }
}

// guarded adds answers by code and a histogram of latencies to a pod of the
// shop, and another namespace with a metric of the same name.
func guarded(w *world.World, begin time.Time) {
	labels := []string{"namespace", "shop", "pod", "web-7f9c6b5d4f-0", "job", "web"}
	for code, rate := range map[string]float64{"200": 9, "404": 0.8, "503": 0.2} {
		w.Add("http_server_request_duration_seconds_count", steadily(begin, rate), append(labels, "http_response_status_code", code)...)
	}
	for le, rate := range map[string]float64{"0.1": 5, "0.2": 9.5, "0.4": 10, "+Inf": 10} {
		w.Add("http_server_request_duration_seconds_bucket", steadily(begin, rate), append(labels, "le", le)...)
	}
	w.Add("checkouts_total", steadily(begin, 7), "namespace", "shop", "shard", "a")
	w.Add("checkouts_total", steadily(begin, 5), "namespace", "shop", "shard", "b")
	w.Add("checkouts_total", steadily(begin, 1000), "namespace", "other")
	w.Add("carts", prometheus.Always(3), "namespace", "shop")
}

func TestEvidence(t *testing.T) {
	t.Parallel()
	base := world.Server(t)
	const span = 6 * time.Hour
	end := time.Now().UTC().Truncate(5 * time.Minute).Add(-10 * time.Minute)
	begin := end.Add(-span - time.Hour)
	w := shop{begin: begin, kill: end.Add(3*time.Minute + 20*time.Second)}.world()
	guarded(w, begin)
	w.Write(t, base, begin, end.Add(10*time.Minute), 15*time.Second)
	store := history.New(newCollector(t, base, span), history.Options{})
	if err := store.Refresh(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	if got := store.Evidence(web(), end); len(got) != 0 {
		t.Errorf("there is evidence before any pulse: %v", got)
	}
	for after := 30 * time.Second; after <= 8*time.Minute; after += 30 * time.Second {
		if _, err := store.Pulse(t.Context(), end.Add(after)); err != nil {
			t.Fatal(err)
		}
	}
	got := store.Evidence(web(), end)
	if len(got) != 7 {
		t.Fatalf("%d minutes, want 7: %v", len(got), got)
	}
	kills := 0.0
	for i, o := range got {
		if !o.At.Equal(end.Add(time.Duration(i+1)*time.Minute)) || o.Seconds != 60 || o.Pods != 2 || math.Abs(o.Answers-600) > 6 {
			t.Errorf("minute %d is %v", i, o)
		}
		for guard, want := range map[actuator.Guard]float64{
			actuator.GuardServerErrors: 0.02, actuator.GuardClientErrors: 0.08, actuator.GuardThrottling: 0.05, actuator.GuardLatency: 0.2, actuator.GuardRestarts: 0,
		} {
			if v, ok := o.Values[guard]; !ok || math.Abs(v-want) > 0.02*want {
				t.Errorf("%s in minute %d is %g (%v), want %g", guard, i, v, ok, want)
			}
		}
		kills += o.Values[actuator.GuardOOMKills]
	}
	if kills != 1 || got[3].Values[actuator.GuardOOMKills] != 1 {
		t.Errorf("%g kills, minute 3 is %v; want one then", kills, got[3])
	}
	if late := store.Evidence(web(), end.Add(5*time.Minute)); len(late) != 2 {
		t.Errorf("%d minutes after the fifth, want 2", len(late))
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	base := world.Server(t)
	const span = 6 * time.Hour
	end := time.Now().UTC().Truncate(5 * time.Minute).Add(-5 * time.Minute)
	begin := end.Add(-span - time.Hour)
	w := shop{begin: begin}.world()
	guarded(w, begin)
	w.Write(t, base, begin, end.Add(5*time.Minute), time.Minute)
	store := history.New(newCollector(t, base, span), history.Options{})
	sum := collector.UserSignal{
		Name: "checkouts", Field: "spec.demand.signals[0]", Unit: "checkouts/s", Role: collector.RoleDemand,
		Query: `sum(rate(checkouts_total{namespace="other"}[5m]))`,
	}
	carts := collector.UserSignal{Name: "carts", Field: "spec.demand.signals[1]", Role: collector.RoleQueue, Query: "carts"}
	each := collector.UserSignal{Name: "each", Field: "spec.demand.signals[2]", Role: collector.RoleDemand, Query: "rate(checkouts_total[5m])"}
	none := collector.UserSignal{Name: "none", Field: "spec.demand.signals[3]", Role: collector.RoleDemand, Query: "absent_total"}
	preset := collector.UserSignal{Name: "requests", Field: "spec.demand.signals[0]", Preset: "http_requests"}
	for want, signal := range map[string]collector.UserSignal{
		`spec.demand.signals[4].promQL.query: "sum(rate(x[5m])": `:            {Name: "x", Field: "spec.demand.signals[4]", Query: "sum(rate(x[5m])"},
		`spec.demand.signals[4].promQL.query: "x[5m]": it gives a range`:      {Name: "x", Field: "spec.demand.signals[4]", Query: "x[5m]"},
		`spec.demand.signals[4].preset: "http_request" is not in the catalog`: {Name: "x", Field: "spec.demand.signals[4]", Preset: "http_request"},
	} {
		if err := store.Watch(web(), []collector.UserSignal{sum, signal}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
	see := func(at time.Time, signals ...collector.UserSignal) recommender.Snapshot {
		t.Helper()
		if err := store.Watch(web(), signals); err != nil {
			t.Fatal(err)
		}
		if err := store.Refresh(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		s, _ := store.Snapshot(web(), at, recommender.Policy{})
		return s
	}
	// The namespace is forced: 12 a second, not the 1,000 of the other one.
	s := see(end, sum, carts)
	if d := s.Demand; d == nil || d.Signal != "checkouts" || d.Unit != "checkouts/s" || math.Abs(d.Last-12) > 0.1 || d.Samples < 70 || d.Backlog != 3 {
		t.Fatalf("the demand is %v", s.Demand)
	}
	// So it is where all is read at once.
	asked := func(signals ...collector.UserSignal) collector.Workload {
		t.Helper()
		fleet, err := newCollector(t, base, span).CollectNamed(t.Context(), end, func(w recommender.Workload) []collector.UserSignal {
			if w == web() {
				return signals
			}
			return nil
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(fleet.Workloads, func(w collector.Workload) bool { return w.ID == web() })
		return fleet.Workloads[i]
	}
	if d := snapshot.Build(asked(sum, carts), end, recommender.Policy{}, snapshot.Light()).Demand; !reflect.DeepEqual(d, s.Demand) {
		t.Errorf("at once the demand is %v, want %v", d, s.Demand)
	}
	broken := collector.UserSignal{Name: "x", Field: "spec.demand.signals[4]", Preset: "http_request"}
	if w := asked(broken, sum); snapshot.Build(w, end, recommender.Policy{}).Demand != nil || len(w.Facts) != 1 ||
		!strings.Contains(w.Facts[0].Message, `spec.demand.signals[4].preset: "http_request" is not in the catalog`) {
		t.Errorf("of a signal that cannot be there is %+v", w.Facts)
	}
	// A pulse has the newest of it, too.
	if _, err := store.Pulse(t.Context(), end.Add(4*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if s, _ := store.Snapshot(web(), end.Add(4*time.Minute), recommender.Policy{}); s.Demand.AgeSeconds != 0 || math.Abs(s.Demand.Last-12) > 0.1 || s.Demand.Backlog != 3 {
		t.Errorf("the newest demand is %v", s.Demand)
	}
	if s = see(end.Add(5*time.Minute), sum); s.Demand.Samples < 71 || s.Demand.Backlog != 0 {
		t.Errorf("after a tail there are %d samples, %g wait", s.Demand.Samples, s.Demand.Backlog)
	}
	if s = see(end.Add(5*time.Minute), preset); s.Demand.Signal != "http_requests" {
		t.Errorf("the demand is %s", s.Demand.Signal)
	}
	// Demand that is not known is no reason to take another for it.
	s = see(end.Add(5*time.Minute), each, none)
	if s.Demand != nil || len(s.Facts) != 2 || !strings.Contains(s.Facts[0].Message, "spec.demand.signals[2].promQL.query: \"rate(checkouts_total[5m])\" gives 2 series") ||
		!strings.Contains(s.Facts[1].Message, "spec.demand.signals[3]: no value") {
		t.Errorf("demand %v, facts %v", s.Demand, s.Facts)
	}
	if s = see(end.Add(5 * time.Minute)); s.Demand == nil || s.Demand.Signal != "http_requests" || len(s.Facts) != 0 {
		t.Errorf("without signals of the owner the demand is %v, facts %v", s.Demand, s.Facts)
	}
}
