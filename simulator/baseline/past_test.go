package baseline_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// decisionLog keeps what a policy sees and does before an instant.
type decisionLog struct {
	simulator.Decider
	until time.Time
	seen  *[]decision
}

type decision struct {
	saw simulator.Observation
	did simulator.Action
}

func (r decisionLog) Decide(o simulator.Observation) simulator.Action {
	a := r.Decider.Decide(o)
	if o.Now.Before(r.until) {
		o.Pods = slices.Clone(o.Pods)
		*r.seen = append(*r.seen, decision{o, a})
	}
	return a
}

// kinds are scenarios of every kind of service, small enough for all policies.
func kinds(rate func(i int) float64) map[string]simulator.Scenario {
	usage := webScenario(func(i int) float64 { return rate(i) / 20 })
	usage.Service = simulator.Service{Usage: &simulator.UsageService{Startup: 30 * time.Second}}
	usage.Objective = simulator.Objective{}
	for i := range usage.Demand.Rate {
		usage.Demand.Memory = append(usage.Demand.Memory, rate(i)*float64(10*recommender.MiB))
	}
	model := modelScenario(func(i int) float64 { return rate(i) / 8 })
	for i := range model.Demand.Rate {
		model.Demand.PromptTokens = append(model.Demand.PromptTokens, 400+rate(i))
	}
	trace := modelScenario(func(i int) float64 { return rate(i) / 8 })
	for i, n := range trace.Demand.Rate {
		for k := range int(60 * n) {
			trace.Demand.Arrivals = append(trace.Demand.Arrivals, 60*float64(i)+float64(k)/n)
			trace.Demand.OutputTokens = append(trace.Demand.OutputTokens, 100+rate(i))
		}
	}
	all := map[string]simulator.Scenario{
		"http": webScenario(func(i int) float64 { return rate(i) / 60 }), "http by formulas": webScenario(rate),
		"queue": queueScenario(func(i int) float64 { return rate(i) / 4 }),
		"usage": usage, "model": model, "trace": trace,
	}
	for name, sc := range all {
		sc.Duration = time.Hour
		all[name] = sc
	}
	return all
}

// TestNoLookAhead: what comes later changes nothing that a policy sees or does
// before, to the bit. Only the oracle and the best static size may know.
func TestNoLookAhead(t *testing.T) {
	t.Parallel()
	rate := func(i int) float64 { return 100 + 80*math.Sin(float64(i)/20) }
	const then = 90 // Minutes into the demand, a third of them scored.
	futures := map[string]func(i int) float64{
		"more":    func(i int) float64 { return rate(i) * float64(1+7*min(1, i/then)) },
		"nothing": func(i int) float64 { return rate(i) * float64(1-min(1, i/then)) },
	}
	for kind := range kinds(rate) {
		for _, name := range baseline.AllNames() {
			if !fair(name) || !baseline.Knows(name, kinds(rate)[kind].Service) {
				continue
			}
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				want := decisions(t, name, kinds(rate)[kind], then*time.Minute)
				for future, change := range futures {
					got := decisions(t, name, kinds(change)[kind], then*time.Minute)
					if diff := cmp.Diff(want, got, cmp.AllowUnexported(decision{})); diff != "" || len(want) == 0 {
						t.Errorf("%s: %d decisions, difference %.1000s", future, len(want), diff)
					}
				}
				short := kinds(rate)[kind]
				short.Duration = then*time.Minute - short.Warmup
				got := decisions(t, name, short, then*time.Minute)
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(decision{})); diff != "" {
					t.Errorf("the end: difference %.1000s", diff)
				}
			})
		}
	}
}

// fair says whether a policy is one that must not know the future. Those that
// are rightsize with fixed sizes or replicas would say nothing more than it.
func fair(name string) bool {
	return name != baseline.Oracle && name != baseline.StaticBest && name != "rightsize-horizontal" && name != "rightsize-vertical"
}

// decisions runs a policy and returns what it saw and did in the first part.
func decisions(t *testing.T, name string, sc simulator.Scenario, first time.Duration) []decision {
	t.Helper()
	p, err := baseline.New(name, &sc)
	if err != nil {
		t.Fatal(err)
	}
	var seen []decision
	inner := p.New
	p.New = func(s simulator.Setup) (simulator.Decider, error) {
		d, err := inner(s)
		return decisionLog{d, sc.Demand.Epoch.Add(first), &seen}, err
	}
	if _, err := simulator.Run(sc, p, simulator.Options{}); err != nil {
		t.Fatal(err)
	}
	return seen
}

// TestOrderChangesNothing: a policy's score does not depend on which others
// ran before it, and repeats.
func TestOrderChangesNothing(t *testing.T) {
	t.Parallel()
	for kind, sc := range kinds(func(i int) float64 { return 100 + 80*math.Sin(float64(i)/20) }) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			names := slices.DeleteFunc(baseline.AllNames(), func(name string) bool {
				return name == baseline.Oracle || !baseline.Knows(name, sc.Service)
			})
			first := map[string]simulator.Score{}
			for _, name := range names {
				first[name] = run(t, name, sc)
			}
			slices.Reverse(names)
			for _, name := range names {
				if diff := cmp.Diff(first[name], run(t, name, sc)); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		})
	}
}

// TestVerticalIsStaticOnGPUs: there is nothing vertical about whole GPUs.
func TestVerticalIsStaticOnGPUs(t *testing.T) {
	t.Parallel()
	sc := modelScenario(func(i int) float64 { return 12 + 8*math.Sin(float64(i)/20) })
	for name, same := range map[string]string{"vpa": "static", "krr": "static", "hpa+vpa": "hpa"} {
		a, b := run(t, name, sc), run(t, same, sc)
		a.Decisions, b.Decisions = 0, 0
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("%s is not %s: %s", name, same, diff)
		}
	}
}

// TestHPAOnRequests: 64 requests at once on two pods of 32 at most, a target
// of 80 %: ceil(64/25.6) = 3 pods.
func TestHPAOnRequests(t *testing.T) {
	t.Parallel()
	sc := modelScenario(func(int) float64 { return 0 })
	sc.Initial.Replicas = 2
	sc.Duration = time.Minute
	sc.Service.Inference.OutputTokens = 1e6 // They never end.
	sc.Service.Inference.KVCacheTokens = 1e9
	for range 64 {
		sc.Demand.Arrivals = append(sc.Demand.Arrivals, 1800)
	}
	sc.Demand.Copies = 1
	seen := decisions(t, "hpa", sc, 2*time.Hour)
	if got := seen[len(seen)-1].did.Replicas; got != 3 {
		t.Errorf("%d pods, want 3", got)
	}
}
