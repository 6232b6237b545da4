package baseline_test

import (
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// TestIntervals: how often a policy decides does not depend on the step.
func TestIntervals(t *testing.T) {
	t.Parallel()
	want := map[string]time.Duration{
		"hpa": 15 * time.Second, "vpa": time.Minute, "hpa+vpa": 15 * time.Second,
	}
	for _, step := range []time.Duration{5 * time.Second, 15 * time.Second, time.Minute} {
		sc := webScenario(func(int) float64 { return 10 })
		sc.Step = step
		for name, every := range want {
			p, err := baseline.New(name, &sc)
			if err != nil {
				t.Fatal(err)
			}
			if p.Every != every {
				t.Errorf("%s at a step of %v: every %v, want %v", name, step, p.Every, every)
			}
		}
	}
}
