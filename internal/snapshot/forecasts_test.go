package snapshot_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

func asText(t *testing.T, s recommender.Snapshot) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// serving is the shop under an objective, which makes demand decide, with noise
// so that each value counts.
func serving() (collector.Workload, recommender.Policy) {
	w := shop()
	noise := func(h float64) float64 { return 1 + 0.1*math.Sin(1000*h) }
	w.Containers[0].CPU = every5m(func(h float64) float64 { return daily(h) * noise(h) })
	w.Containers[0].Memory = every5m(func(h float64) float64 { return 200 << 20 * noise(h) })
	w.Signals[1].Series = every5m(func(h float64) float64 { return 100 * daily(h) * noise(h) })
	return w, recommender.Policy{Objective: recommender.Objective{LatencySeconds: 0.25, Percentile: 0.95}}
}

// In light mode what moves slowly is forecast up to an instant at most an hour and
// a step ago, which is the same until the next: another one for each workload.
func TestWhatMovesSlowlyIsForecastHourly(t *testing.T) {
	t.Parallel()
	const step = 5 * time.Minute
	marks := map[time.Duration]int{}
	for i := range 100 {
		w, p := serving()
		w.ID.Name = fmt.Sprint("shop-", i)
		if i > 1 {
			p.Objective = recommender.Objective{} // Quicker.
			w.Signals, w.Containers[0].CPU = nil, every5m(constant(1))
		}
		s := snapshot.Build(w, now(), p, snapshot.Light())
		memory, cpu := s.Containers[0].Memory.Forecast.Origin, s.Containers[0].CPU.Forecast.Origin
		age := now().Sub(memory)
		marks[age]++
		if age < step || age >= time.Hour+step || age%step != 0 {
			t.Fatalf("%s: memory is forecast from %s ago", w.ID.Name, age)
		}
		want := now()
		if i <= 1 {
			want = memory
			if origin := s.Demand.Forecast.Origin; !origin.Equal(now()) {
				t.Errorf("demand is forecast from %s", origin)
			}
		}
		if !cpu.Equal(want) {
			t.Errorf("%s: CPU is forecast from %s, want %s", w.ID.Name, cpu, want)
		}
		if i > 20 && len(marks) == 12 {
			break
		}
	}
	if len(marks) != 12 {
		t.Errorf("the marks of a hundred workloads are %v", marks)
	}
	w, p := serving()
	if s := snapshot.Build(w, now(), p); !s.Containers[0].Memory.Forecast.Origin.Equal(now()) {
		t.Error("a full snapshot has an old forecast")
	}
}

// A history that is younger than a day is forecast from its end.
func TestYoungHistoriesAreForecastFromNow(t *testing.T) {
	t.Parallel()
	w, p := serving()
	young := now().Add(-20 * time.Hour)
	for i := range w.Containers[0].Memory.Values {
		if w.Containers[0].Memory.Time(i).Before(young) {
			w.Containers[0].Memory.Values[i] = math.NaN()
		}
	}
	if s := snapshot.Build(w, now(), p, snapshot.Light()); !s.Containers[0].Memory.Forecast.Origin.Equal(now()) {
		t.Errorf("memory is forecast from %s", s.Containers[0].Memory.Forecast.Origin)
	}
}

// With a memo snapshots are the same, bit for bit, round after round, also where
// values are corrected and pods come; and forecasts from the same are not made
// again.
func TestMemo(t *testing.T) {
	t.Parallel()
	w, p := serving()
	memo := snapshot.NewMemo()
	made := map[*[]float64]bool{}
	for round := range 15 {
		at := now().Add(time.Duration(round-15) * 5 * time.Minute)
		switch round {
		case 6:
			w.Containers[0].CPU.Values[days*288-40] *= 3
		case 9:
			for i := range w.Ready.Values[days*288-6:] {
				w.Ready.Values[days*288-6+i] = 6
			}
		}
		want := snapshot.Build(w, at, p, snapshot.Light())
		got := snapshot.Build(w, at, p, snapshot.Light(), snapshot.Remembering(memo))
		if a, b := asText(t, got), asText(t, want); a != b {
			t.Fatalf("in round %d the snapshots differ:\n%s\n%s", round, a, b)
		}
		made[&got.Containers[0].Memory.Forecast.Point[0]] = true
		again := snapshot.Build(w, at.Add(time.Minute), p, snapshot.Light(), snapshot.Remembering(memo))
		if &again.Demand.Forecast.Point[0] != &got.Demand.Forecast.Point[0] {
			t.Errorf("in round %d demand is forecast twice", round)
		}
	}
	before := snapshot.Build(w, now(), p, snapshot.Light(), snapshot.Remembering(memo))
	memo.Forget()
	after := snapshot.Build(w, now(), p, snapshot.Light(), snapshot.Remembering(memo))
	if &before.Demand.Forecast.Point[0] == &after.Demand.Forecast.Point[0] {
		t.Error("a forecast of the newest value is remembered after it was to be forgotten")
	}
	if &before.Containers[0].Memory.Forecast.Point[0] != &after.Containers[0].Memory.Forecast.Point[0] {
		t.Error("a forecast for an hour was forgotten")
	}
	if len(made) > 4 { // Three marks at most, and other pods.
		t.Errorf("memory was forecast %d times in 70 minutes", len(made))
	}
}
