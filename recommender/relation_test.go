package recommender_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/rightsize-dev/rightsize/recommender"
)

// follows makes samples of CPU = a·n + b·demand + noise.
func follows(a, b, noise float64, n int) []recommender.RelationSample {
	rnd := rand.New(rand.NewPCG(1, 1))
	samples := make([]recommender.RelationSample, n)
	for i := range samples {
		demand, pods := 100*rnd.Float64(), float64(1+rnd.IntN(5))
		samples[i] = recommender.RelationSample{
			Demand: demand, Replicas: pods, CPU: max(0, a*pods+b*demand+noise*rnd.NormFloat64()),
		}
	}
	return samples
}

func TestFitRelation(t *testing.T) {
	t.Parallel()
	constant := follows(0.1, 0.02, 0.01, 100)
	for i := range constant {
		constant[i].Demand, constant[i].Replicas = 50, 2
	}
	gaps := append(follows(0.1, 0.02, 0.01, 100),
		recommender.RelationSample{Demand: math.NaN(), Replicas: 1, CPU: 1},
		recommender.RelationSample{Demand: 1, Replicas: 0, CPU: 1},
		recommender.RelationSample{Demand: 1, Replicas: 1, CPU: math.Inf(1)})
	wild := follows(0.1, 0.02, 0.01, 200)
	for i := range 8 { // Start-ups and batch jobs: usage that no demand explains.
		wild[25*i].CPU = 40
	}
	cases := map[string]struct {
		samples    []recommender.RelationSample
		wantA      float64
		wantB      float64
		wantValid  bool
		tolerance  float64
		maxSamples int
	}{
		"exact":                        {samples: follows(0.1, 0.02, 0, 50), wantA: 0.1, wantB: 0.02, wantValid: true, tolerance: 1e-9, maxSamples: 50},
		"noisy":                        {samples: follows(0.1, 0.02, 0.05, 200), wantA: 0.1, wantB: 0.02, wantValid: true, tolerance: 0.1, maxSamples: 120},
		"more samples than are looked": {samples: follows(0.1, 0.02, 0.05, 5000), wantA: 0.1, wantB: 0.02, wantValid: true, tolerance: 0.1, maxSamples: 120},
		"gaps are left out":            {samples: gaps, wantA: 0.1, wantB: 0.02, wantValid: true, tolerance: 0.1, maxSamples: 100},
		"outliers do not count":        {samples: wild, wantA: 0.1, wantB: 0.02, wantValid: true, tolerance: 0.1, maxSamples: 120},
		"negative idle use is zero":    {samples: follows(-0.1, 0.02, 0.001, 100), wantA: 0, wantB: 0.0165, wantValid: true, tolerance: 0.2, maxSamples: 100},
		"too few":                      {samples: follows(0.1, 0.02, 0, 19), maxSamples: 19},
		"none":                         {},
		"demand does not vary":         {samples: constant, maxSamples: 100},
		"only noise":                   {samples: follows(0.5, 0, 0.1, 200), maxSamples: 120},
		"falls with demand":            {samples: follows(3, -0.02, 0, 200), maxSamples: 120},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := recommender.FitRelation(tc.samples)
			if got.Valid != tc.wantValid || got.Samples > tc.maxSamples {
				t.Fatalf("got %+v, want valid %t and at most %d samples", got, tc.wantValid, tc.maxSamples)
			}
			if !tc.wantValid {
				return
			}
			if math.Abs(got.PerUnit-tc.wantB) > tc.tolerance*tc.wantB || math.Abs(got.PerReplica-tc.wantA) > tc.tolerance*0.3 {
				t.Errorf("got %+v, want %g and %g", got, tc.wantA, tc.wantB)
			}
		})
	}
}

// TestFitRelationAgreesWithGonum: over 200 draws the line through the means of
// groups is off the truth by no more than 1 % further than gonum's through all
// samples, and R² is gonum's of that line.
func TestFitRelationAgreesWithGonum(t *testing.T) {
	t.Parallel()
	const a, b = 0.3, 0.02
	rnd := rand.New(rand.NewPCG(3, 4))
	var ours, theirs, apart float64
	for range 200 {
		samples := make([]recommender.RelationSample, 120)
		xs, ys := make([]float64, len(samples)), make([]float64, len(samples))
		for i := range samples {
			xs[i] = 100 * rnd.Float64()
			ys[i] = a + b*xs[i] + 0.02*(2*rnd.Float64()-1) // Bounded, so that none is an outlier.
			samples[i] = recommender.RelationSample{Demand: xs[i], Replicas: 1, CPU: ys[i]}
		}
		_, beta := stat.LinearRegression(xs, ys, nil, false)
		got := recommender.FitRelation(samples)
		ours += (got.PerUnit - b) * (got.PerUnit - b)
		theirs += (beta - b) * (beta - b)
		apart += (got.PerUnit - beta) * (got.PerUnit - beta)
		if want := stat.RSquared(xs, ys, nil, got.PerReplica, got.PerUnit); math.Abs(got.R2-want) > 1e-9 {
			t.Fatalf("R² is %g, gonum says %g", got.R2, want)
		}
	}
	ours, theirs, apart = math.Sqrt(ours/200), math.Sqrt(theirs/200), math.Sqrt(apart/200)
	t.Logf("slope: error %.3g, gonum's %.3g, apart %.3g", ours, theirs, apart)
	if ours > 1.01*theirs || apart > 0.15*theirs {
		t.Errorf("slope: error %g, gonum's %g, apart %g", ours, theirs, apart)
	}
}

func BenchmarkFitRelation(b *testing.B) {
	samples := follows(0.1, 0.02, 0.05, 4032)
	b.ReportAllocs()
	for b.Loop() {
		recommender.FitRelation(samples)
	}
}
