package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/rightsize-dev/rightsize/internal/judge"
)

// sayTimings writes how long runs took. The oracle's time holds the making of
// its plan.
func (o *simulateOptions) sayTimings(plan *judge.Plan, runs []judge.Run) {
	if !o.timings {
		return
	}
	for _, r := range runs {
		task := plan.Tasks[r.Task]
		line := task.Scenario + " " + task.Policy
		if o.pareto {
			line += fmt.Sprintf(" burst %v", task.Burst)
		}
		if task.Knob != "" {
			line += " " + task.Knob
		}
		line += fmt.Sprintf(": %v", r.Took.Round(10*time.Millisecond))
		if served := r.Score.ServedRequests; served != nil && *served > 0 {
			line += fmt.Sprintf(", %d ns per request", r.Took.Nanoseconds()/int64(*served)) //nolint:gosec // Counts fit.
		}
		_, _ = fmt.Fprintln(o.streams.Err, line)
	}
}

// runMeter adds up the progress of parallel runs.
type runMeter struct {
	mu     sync.Mutex
	shares map[int]float64
	bar    *progress
}

// runParts is how many parts a run has on the progress bar.
const runParts = 100

func newRunMeter(s Streams, runs int) *runMeter {
	return &runMeter{shares: map[int]float64{}, bar: s.startProgress("simulate", runs*runParts)}
}

func (m *runMeter) set(run int, share float64) {
	m.mu.Lock()
	before := int(m.shares[run] * runParts)
	m.shares[run] = max(m.shares[run], share)
	after := int(m.shares[run] * runParts)
	m.mu.Unlock()
	if after > before {
		m.bar.add(after - before)
	}
}

func (m *runMeter) finish() { m.bar.finish() }
