package simulator_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// dailyScenario is three days of a daily rhythm with noise: two of history and
// one that is scored.
func dailyScenario() simulator.Scenario {
	rng := rand.New(rand.NewPCG(7, 7))
	sc := httpScenario(0, 4, 24*time.Hour)
	sc.Warmup = 48 * time.Hour
	sc.Demand.Offsets, sc.Demand.Rate = nil, nil
	for i := range 3 * 24 * 60 {
		level := 60 - 40*math.Cos(2*math.Pi*float64(i)/1440)
		sc.Demand.Offsets = append(sc.Demand.Offsets, 60*float64(i))
		sc.Demand.Rate = append(sc.Demand.Rate, level*(0.9+0.2*rng.Float64()))
	}
	sc.Demand.End = 3 * 86400
	h := sc.Service.HTTP
	h.Startup, h.BaseCPU, h.BaseMemory, h.MemoryPerConcurrentRequest = 45*time.Second, 50, 100*recommender.MiB, recommender.MiB
	h.ConcurrencyPerPod = 100
	sc.Initial.Requests = amount(500, 256*recommender.MiB)
	sc.Initial.Limits.Memory = 256 * recommender.MiB
	sc.Bounds.MaxReplicas = 20
	return sc
}

// trace is everything that a policy saw and did, up to an instant.
type trace struct {
	observations []simulator.Observation
	actions      []simulator.Action
}

// watched runs a policy and keeps what it saw and did before until.
func watched(t *testing.T, sc simulator.Scenario, p simulator.Policy, until time.Time) trace {
	t.Helper()
	var seen trace
	inner := p.New
	p.New = func(s simulator.Setup) (simulator.Decider, error) {
		d, err := inner(s)
		if err != nil {
			return nil, err
		}
		return scripted{start: s.Start, decide: func(_ time.Duration, o simulator.Observation) simulator.Action {
			a := d.Decide(o)
			if o.Now.Before(until) {
				o.Pods = append([]simulator.PodObservation(nil), o.Pods...)
				seen.observations = append(seen.observations, o)
				seen.actions = append(seen.actions, a)
			}
			return a
		}}, nil
	}
	run(t, sc, p)
	return seen
}

// TestNoLookAhead: whatever comes after an instant, all that a policy sees and
// does before it stays the same, to the bit.
func TestNoLookAhead(t *testing.T) {
	t.Parallel()
	sc := dailyScenario()
	until := sc.Start().Add(5 * time.Hour)
	want := watched(t, sc, simulator.Rightsize(simulator.RightsizeOptions{}), until)
	if len(want.actions) < 1000 {
		t.Fatalf("only %d decisions", len(want.actions))
	}
	futures := map[string]func(*simulator.Demand, int){
		"ten times as much": func(d *simulator.Demand, first int) {
			for i := first; i < len(d.Rate); i++ {
				d.Rate[i] *= 10
			}
		},
		"nothing": func(d *simulator.Demand, first int) {
			clear(d.Rate[first:])
		},
		"the file ends": func(d *simulator.Demand, first int) {
			d.Rate, d.Offsets = d.Rate[:first], d.Offsets[:first]
			d.End = 60 * float64(first)
		},
	}
	for name, change := range futures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := dailyScenario()
			change(&other.Demand, (48+5)*60)
			if other.Demand.End < sc.Demand.End {
				other.Duration = 5 * time.Hour
			}
			got := watched(t, other, simulator.Rightsize(simulator.RightsizeOptions{}), until)
			if diff := cmp.Diff(want.actions, got.actions); diff != "" {
				t.Errorf("actions differ:\n%.2000s", diff)
			}
			if diff := cmp.Diff(want.observations, got.observations); diff != "" {
				t.Errorf("observations differ:\n%.2000s", diff)
			}
		})
	}
}

// TestHistoryIsTheSame: history holds what the initial pods would have used,
// without loss, and ends an hour before the scored start.
func TestHistoryIsTheSame(t *testing.T) {
	t.Parallel()
	sc := dailyScenario()
	var got simulator.Setup
	p := simulator.Static()
	p.New = func(s simulator.Setup) (simulator.Decider, error) {
		got = s
		return simulator.Static().New(s)
	}
	run(t, sc, p)
	h := got.History
	steps := 47 * 240
	if h.Demand.Len() != steps || h.CPU.Len() != steps || h.Memory.Len() != steps {
		t.Fatalf("%d, %d and %d steps, want %d", h.Demand.Len(), h.CPU.Len(), h.Memory.Len(), steps)
	}
	if end := h.CPU.End(); !end.Equal(sc.Start().Add(-time.Hour)) {
		t.Errorf("history ends at %v, want an hour before %v", end, sc.Start())
	}
	rate := sc.Demand.Rate[100]
	i := 100*4 + 1 // A step within row 100.
	exactly(t, "demand", h.Demand.Values[i], rate)
	exactly(t, "CPU", h.CPU.Values[i], 4*0.05+0.01*rate)
	// Each request stays for its service time at 0.45 cores.
	exactly(t, "memory", h.Memory.Values[i], float64(recommender.MiB)*(100+rate/4*0.01/0.45))
	if diff := cmp.Diff(simulator.Demand{}, got.Scenario.Demand); diff != "" {
		t.Errorf("a policy was given the demand: %s", diff)
	}
}

// TestWarmupSteersUnscored: what a policy does in the last hour of the warm-up
// is in force at the scored start, and not in the score.
func TestWarmupSteersUnscored(t *testing.T) {
	t.Parallel()
	sc := dailyScenario()
	sc.Duration = time.Hour
	first := time.Duration(1)
	s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		first = min(first, at)
		a := o.Keep()
		a.Replicas = 10
		return a
	}))
	if first != -time.Hour {
		t.Errorf("first decision at %v, want -1h", first)
	}
	if s.ScaleEvents != 0 || s.Decisions != 240 {
		t.Errorf("%d scale events and %d decisions, want 0 and 240", s.ScaleEvents, s.Decisions)
	}
	exactly(t, "core hours", s.CPUCoreHours, 10*0.5)
}

// TestSameArrivals: every policy meets the same requests.
func TestSameArrivals(t *testing.T) {
	t.Parallel()
	sc := dailyScenario()
	sc.Duration = 2 * time.Hour
	var counts []float64
	for _, replicas := range []int{1, 4, 15} {
		s := run(t, sc, script(func(_ time.Duration, o simulator.Observation) simulator.Action {
			a := o.Keep()
			a.Replicas = replicas
			return a
		}))
		counts = append(counts, float64(*s.ServedRequests+*s.DroppedRequests))
	}
	if counts[0] != counts[1] || counts[1] != counts[2] {
		t.Errorf("requests differ between policies: %v", counts)
	}
	other := sc
	other.Seed++
	s := run(t, other, simulator.Static())
	if float64(*s.ServedRequests+*s.DroppedRequests) == counts[0] {
		t.Error("another seed made the same requests")
	}
}

// TestRunRepeats: equal arguments, equal results.
func TestRunRepeats(t *testing.T) {
	t.Parallel()
	sc := dailyScenario()
	sc.Duration = 3 * time.Hour
	p := simulator.Rightsize(simulator.RightsizeOptions{})
	if diff := cmp.Diff(run(t, sc, p), run(t, sc, p)); diff != "" {
		t.Error(diff)
	}
}

// TestProgressStops: a run ends when its caller no longer wants it.
func TestProgressStops(t *testing.T) {
	t.Parallel()
	calls := 0
	_, err := simulator.Run(dailyScenario(), simulator.Static(), simulator.Options{Progress: func(share float64) bool {
		calls++
		return share < 0.5
	}})
	if err == nil || calls == 0 {
		t.Errorf("error %v after %d calls, want one after half of the run", err, calls)
	}
}
