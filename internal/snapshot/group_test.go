package snapshot_test

import (
	"math"
	"slices"
	"testing"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

// burst is chat as another workload, on pods of two GPUs each.
func burst() collector.Workload {
	w := chat()
	w.ID.Name = "burst"
	w.Containers = slices.Clone(w.Containers)
	w.Containers[0].GPUs = 2
	return w
}

// The demand of a group is that of all its workloads, which share it.
func TestTogether(t *testing.T) {
	t.Parallel()
	p := recommender.Policy{
		Engine: recommender.BatchServer{MaxBatch: 64}, Prices: recommender.Prices{GPUHour: 2},
		Horizontal: recommender.HorizontalPolicy{Min: 1, Max: 9},
	}
	alone := snapshot.Build(chat(), now(), p)
	for name, tc := range map[string]struct {
		change func(*snapshot.Member)
		demand float64 // Times that of one alone.
		want   []recommender.Variant
	}{
		"shared": {
			func(*snapshot.Member) {}, 2,
			[]recommender.Variant{{Name: "burst", PricePerHour: 4, Min: 1, Max: 9, Desired: 4}, {Name: "chat", Min: 1, Max: 9, Desired: 4}},
		},
		"one that nobody changes": {
			func(m *snapshot.Member) { m.Stays, m.Desired = true, new(3) }, 2,
			[]recommender.Variant{{Name: "burst", PricePerHour: 4, Min: 3, Max: 3, Desired: 3}, {Name: "chat", Min: 1, Max: 9, Desired: 4}},
		},
		"a profile's price": {
			func(m *snapshot.Member) {
				m.Policy.Accelerators = []recommender.AcceleratorProfile{{Name: "h100", Count: 2, PricePerHour: 7}}
			}, 2,
			[]recommender.Variant{{Name: "burst", PricePerHour: 7, Min: 1, Max: 9, Desired: 4}, {Name: "chat", Min: 1, Max: 9, Desired: 4}},
		},
		"of another kind": {
			func(m *snapshot.Member) { m.Workload.ID.Kind, m.Workload.ID.Name = "StatefulSet", "chat" }, 2,
			[]recommender.Variant{{Name: "StatefulSet/chat", PricePerHour: 4, Min: 4, Max: 4, Desired: 4}, {Name: "chat", Min: 1, Max: 9, Desired: 4}},
		},
		"one that has no pods": {func(m *snapshot.Member) { m.Stays, m.Desired = true, new(0) }, 1, nil},
		"no language model":    {func(m *snapshot.Member) { m.Workload.Signals = nil }, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := snapshot.Member{Workload: burst(), Policy: p}
			tc.change(&m)
			s := snapshot.Build(chat(), now(), p, snapshot.Together(m))
			if got := s.Demand.Last / alone.Demand.Last; math.Abs(got-tc.demand) > 1e-9 {
				t.Errorf("the demand is %v of what is alone's, want %v", got, tc.demand)
			}
			if got := s.Tokens.Output.Last; math.Abs(got-200) > 1 {
				t.Errorf("%v tokens of output a request, want 200", got)
			}
			if len(s.Variants) != len(tc.want) {
				t.Fatalf("variants %+v, want %+v", s.Variants, tc.want)
			}
			for i, v := range s.Variants {
				if v.Batch.DecodeTokensPerSecond <= 0 {
					t.Errorf("how %s serves is not known: %+v", v.Name, v.Batch)
				}
				v.Batch, v.Evidence = recommender.BatchServer{}, nil
				if v.Name == "chat" {
					v.PricePerHour = 0 // That of the containers of shop, with their GPUs.
				}
				if math.Abs(v.PricePerHour-tc.want[i].PricePerHour) > 1e-9 {
					t.Errorf("%s costs %v, want %v", v.Name, v.PricePerHour, tc.want[i].PricePerHour)
				}
				if v.PricePerHour = tc.want[i].PricePerHour; v != tc.want[i] {
					t.Errorf("variant %+v, want %+v", v, tc.want[i])
				}
			}
		})
	}
}

// What one of the group has no value for is unknown, unless it had no pods.
func TestTogetherUnknown(t *testing.T) {
	t.Parallel()
	p := recommender.Policy{Engine: recommender.BatchServer{MaxBatch: 64}}
	gap := func(s forecaster.Series, n int) forecaster.Series {
		s.Values = slices.Clone(s.Values)
		for i := range n {
			s.Values[len(s.Values)-1-i] = math.NaN()
		}
		return s
	}
	other := burst()
	for i := range other.Signals {
		other.Signals[i].Series = gap(other.Signals[i].Series, 12)
	}
	s := snapshot.Build(chat(), now(), p, snapshot.Together(snapshot.Member{Workload: other, Policy: p}))
	if s.Demand.AgeSeconds < 3600 {
		t.Errorf("the demand of all is %v s old, want an hour", s.Demand.AgeSeconds)
	}
	other.Ready.Values = slices.Clone(other.Ready.Values)
	for i := range 12 {
		other.Ready.Values[len(other.Ready.Values)-1-i] = 0
	}
	s = snapshot.Build(chat(), now(), p, snapshot.Together(snapshot.Member{Workload: other, Policy: p}))
	if s.Demand.AgeSeconds > 600 || math.Abs(s.Demand.Last-4) > 0.1 {
		t.Errorf("without pods of the other the demand is %v of %v s ago", s.Demand.Last, s.Demand.AgeSeconds)
	}
}
