package history_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/history"
	"github.com/rightsize-dev/rightsize/internal/testkit/world"
	"github.com/rightsize-dev/rightsize/recommender"
)

// What somebody else measures raises a snapshot where it is a quarter more than
// was expected, and changes nothing else of it: not where it is less, and not how
// old it is.
func TestTake(t *testing.T) {
	t.Parallel()
	base := world.Server(t)
	const span = 2 * 24 * time.Hour
	end := time.Now().UTC().Truncate(5 * time.Minute).Add(-40 * time.Minute)
	w := shop{begin: end.Add(-span - 3*time.Hour)}.world()
	w.Write(t, base, end.Add(-span-2*time.Hour), end, time.Minute)
	store := history.New(newCollector(t, base, span), history.Options{})
	if err := store.Refresh(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	snap := func(after time.Duration) recommender.Snapshot {
		t.Helper()
		return snapshotOf(t, store, end.Add(after))
	}
	take := func(after time.Duration, cpu, memory float64) []recommender.Workload {
		return store.Take("metrics.k8s.io", map[recommender.Workload]history.Measured{web(): {
			At: end.Add(after), CPU: map[string]float64{"app": cpu}, Memory: map[string]float64{"app": memory},
		}})
	}
	if got := take(0, 100, 0); len(got) != 0 {
		t.Errorf("%v is a surprise though nothing was expected", got)
	}
	take(-time.Hour, 0, 0) // Long ago.
	before := snap(time.Minute)
	was := before.Containers[0].CPU
	most := was.Forecast.MaxWithin(5*time.Minute, 0.95)
	for name, tc := range map[string]struct {
		cpu, memory float64
		surprise    bool
	}{
		"nothing":                   {0, 0, false},
		"as expected":               {was.Last, 200 * mib, false},
		"somewhat more":             {1.2 * most, 230 * mib, false},
		"much more, but hardly any": {was.Last, 203 * mib, false},
	} {
		if got := take(time.Minute, tc.cpu, tc.memory); (len(got) > 0) != tc.surprise {
			t.Errorf("%s gives %v", name, got)
		}
		if got := snap(time.Minute); !reflect.DeepEqual(got, before) {
			t.Errorf("%s changes the snapshot: CPU %+v, memory %+v", name, got.Containers[0].CPU, got.Containers[0].Memory)
		}
	}
	for range 2 {
		told := take(time.Minute, 2*most, 200*mib)
		if got := snap(time.Minute).Containers[0].CPU; got.Last != 2*most || got.Recent != 2*most || got.Peak < 2*most || got.AgeSeconds != was.AgeSeconds || got.Samples != was.Samples {
			t.Errorf("twice as much as expected (%g), of which %v is told, gives %+v", most, told, got)
		}
		if !store.Exceeded(web(), end.Add(2*time.Minute)) || store.Exceeded(web(), end.Add(7*time.Minute)) {
			t.Error("more is measured than was expected, for five minutes")
		}
	}
	if got := take(time.Minute, 2.1*most, 200*mib); len(got) != 0 {
		t.Errorf("%v is told of again though it is hardly worse", got)
	}
	if got := take(time.Minute, 2.5*most, 200*mib); !slices.Equal(got, []recommender.Workload{web()}) {
		t.Errorf("worse by a quarter gives %v", got)
	}
	if got := take(time.Minute, was.Last, 400*mib); len(got) != 1 || snap(time.Minute).Containers[0].Memory.Last != 400*mib {
		t.Errorf("twice the memory gives %v", got)
	}

	// Half an hour later Prometheus has nothing newer: that is told, and less than
	// before lowers nothing.
	const late = 30 * time.Minute
	var decider recommender.Recommender
	take(late, 0.01, 10*mib)
	s := snap(late)
	if !slices.ContainsFunc(s.Facts, func(f recommender.Fact) bool {
		return f.Code == recommender.FactWarning && strings.Contains(f.Message, "in Prometheus is 30m0s old, that of metrics.k8s.io 0s")
	}) {
		t.Errorf("the facts are %v", s.Facts)
	}
	calm := decider.Decide(s)
	if got := calm.Containers[0].Target; calm.DesiredReplicas < s.Replicas.Desired || got.CPU < s.Containers[0].Requests.CPU || got.Memory < s.Containers[0].Requests.Memory {
		t.Errorf("stale data and little use lower %+v to %d pods of %+v", s.Containers[0].Requests, calm.DesiredReplicas, got)
	}
	take(late, 6*most, 200*mib)
	surge := decider.Decide(snap(late))
	if was, is := float64(calm.DesiredReplicas)*calm.Containers[0].Target.CPU.Cores(), float64(surge.DesiredReplicas)*surge.Containers[0].Target.CPU.Cores(); is <= was {
		t.Errorf("six times as much use as expected asks for %g cores, with little %g", is, was)
	}
}
