package judge_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/judge"
	"github.com/rightsize-dev/rightsize/internal/scenario"
	"github.com/rightsize-dev/rightsize/simulator"
)

// BenchmarkSweep runs the usual policies over scenarios of the library with one
// worker and with two. Busy is the share of the workers' time in which they
// run something: what the plan's order leaves idle is the rest. On two free
// cores the efficiency is the time of one worker over twice that of two.
func BenchmarkSweep(b *testing.B) {
	var scenarios []simulator.Scenario
	for _, name := range []string{"bursty", "crowd", "deploy", "inference", "outage", "quota", "usage", "web"} {
		sc, err := scenario.Load(filepath.Join("..", "..", "simulator", "testdata", "scenarios", name+".yaml"))
		if err != nil {
			b.Fatal(err)
		}
		scenarios = append(scenarios, sc)
	}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			var busy, wall time.Duration
			for b.Loop() {
				p, err := judge.NewPlan(scenarios, judge.Options{
					Mode: judge.Scores, Policies: []string{"static", "hpa", "vpa", "hpa+vpa", "keda", "kpa", "krr", "rightsize"},
				})
				if err != nil {
					b.Fatal(err)
				}
				began := time.Now()
				runs, err := p.Run(b.Context(), p.Part(judge.Shard{}), workers, func(int, float64) {})
				if err != nil {
					b.Fatal(err)
				}
				wall += time.Since(began)
				for _, r := range runs {
					busy += r.Took
				}
			}
			b.ReportMetric(100*busy.Seconds()/wall.Seconds()/float64(workers), "%busy")
		})
	}
}
