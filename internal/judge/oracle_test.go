package judge_test

import (
	"path/filepath"
	"testing"

	"github.com/rightsize-dev/rightsize/internal/judge"
	"github.com/rightsize-dev/rightsize/internal/scenario"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// TestOracleOfTheLibrary: in scenarios of the library in which it was once
// beaten, or missed its own constraint, no policy that violates no more costs
// less than the oracle.
func TestOracleOfTheLibrary(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	// What was wrong. quota: the largest rates of a pod counted as hopeless, so
	// the fewest pods could not be had. queue: items were left over from the
	// hour that is not scored.
	for _, name := range []string{"quota", "queue"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc, err := scenario.Load(filepath.Join("..", "..", "simulator", "testdata", "scenarios", name+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			policies := []string{"hpa", "kpa", baseline.Rightsize, baseline.StaticBest, baseline.Oracle}
			p, err := judge.NewPlan([]simulator.Scenario{sc}, judge.Options{Mode: judge.Scores, Policies: policies})
			if err != nil {
				t.Fatal(err)
			}
			items := runAll(t, p, judge.Shard{}, 2).Lists()[0].Items
			oracle := items[len(items)-1].Score
			if oracle.Cost == nil || *oracle.SLOViolatedRequestRatio > 0.001 {
				t.Fatalf("the oracle violates %v", oracle.SLOViolatedRequestRatio)
			}
			for _, item := range items {
				s := item.Score
				if *s.SLOViolatedRequestRatio <= *oracle.SLOViolatedRequestRatio && s.OOMKills == 0 && *s.Cost < *oracle.Cost {
					t.Errorf("%s costs %.4f and violates %.5f, the oracle %.4f and %.5f", item.Policy, *s.Cost,
						*s.SLOViolatedRequestRatio, *oracle.Cost, *oracle.SLOViolatedRequestRatio)
				}
			}
		})
	}
}
