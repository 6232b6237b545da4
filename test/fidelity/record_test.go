package fidelity

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/scenario"
	"github.com/rightsize-dev/rightsize/simulator"
)

// decision is one call of a policy: what it saw and what it wanted.
type decision struct {
	saw  simulator.Observation
	want simulator.Action
}

// recorder is a decider that keeps its decisions.
type recorder struct {
	decider simulator.Decider
	made    *[]decision
}

// Decide passes the question on.
func (r recorder) Decide(o simulator.Observation) simulator.Action {
	seen := o
	seen.Pods = slices.Clone(o.Pods) // The simulator uses the slice again.
	want := r.decider.Decide(o)
	*r.made = append(*r.made, decision{saw: seen, want: want})
	return want
}

// record runs a scenario and returns the policy's decisions.
func record(t *testing.T, sc simulator.Scenario, p simulator.Policy) []decision {
	t.Helper()
	var made []decision
	inner := p.New
	p.New = func(s simulator.Setup) (simulator.Decider, error) {
		d, err := inner(s)
		return recorder{decider: d, made: &made}, err
	}
	if _, err := simulator.Run(sc, p, simulator.Options{}); err != nil {
		t.Fatalf("simulating %s: %v", sc.Name, err)
	}
	return made
}

// load reads a scenario of simulator/testdata, such as scenarios/web.yaml.
func load(t *testing.T, name string) simulator.Scenario {
	t.Helper()
	sc, err := scenario.Load(filepath.Join("..", "..", "simulator", "testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// recorded says whether a scenario of simulator/testdata can be read: those on
// recorded traces need a folder that is not part of the repository.
func recorded(t *testing.T, name string) bool {
	t.Helper()
	if !strings.HasPrefix(name, "traces/") || os.Getenv("RIGHTSIZE_TRACES") != "" {
		return true
	}
	t.Logf("%s is left out: RIGHTSIZE_TRACES does not name the folder of recorded traces", name)
	return false
}

// cut leaves the part of a scenario's demand that begins at an offset, without
// history, and lets its time pass faster by a factor. Rates stay as they are.
func cut(sc simulator.Scenario, from, length time.Duration, faster float64) simulator.Scenario {
	d := sc.Demand
	var offsets, rate, memory []float64
	for i, at := range d.Offsets {
		next := d.End
		if i+1 < len(d.Offsets) {
			next = d.Offsets[i+1]
		}
		if next <= from.Seconds() || at >= (from+length).Seconds() {
			continue
		}
		offsets = append(offsets, math.Max(0, at-from.Seconds())/faster)
		rate = append(rate, d.Rate[i])
		if d.Memory != nil {
			memory = append(memory, d.Memory[i])
		}
	}
	sc.Demand = simulator.Demand{
		Epoch: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), Offsets: offsets, Rate: rate, Memory: memory, End: length.Seconds() / faster,
	}
	sc.Warmup, sc.Duration = 0, time.Duration(length.Seconds()/faster)*time.Second
	return sc
}
