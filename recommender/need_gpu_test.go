package recommender_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// vision is a Deployment of four pods with two GPUs each, of which that many
// are busy and stay below q95 with probability 0.95.
func vision(busy, q95 float64) recommender.Snapshot {
	s := shop()
	s.Policy.Horizontal = recommender.HorizontalPolicy{Min: 1, Max: 40}
	s.Policy.Prices.GPUHour = 2.5
	s.Containers[0].GPUs = 2
	s.GPU = &recommender.GPUActivity{
		Usage: usage(busy, q95, expects(busy, busy+(q95-busy)*0.49/0.45)), Signal: "gpu_activity", Follows: true,
	}
	return s
}

// TestDecideGPU: a pod of two GPUs does 1.6 GPU-seconds a second.
func TestDecideGPU(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		busy, q95 float64
		edit      func(*recommender.Snapshot)
		want      int
		code      recommender.ReasonCode
	}{
		"the forecast":     {2, 4, nil, 3, recommender.ReasonGPUSeconds},     // 4 / 1.6 = 2.5.
		"more":             {5, 11.2, nil, 7, recommender.ReasonGPUSeconds},  // At 1.6 each.
		"at the end of it": {7.7, 7.7, nil, 6, recommender.ReasonThrottled},  // 1.5·8·0.8 / 1.6 = 6.
		"not yet":          {7.5, 7.5, nil, 5, recommender.ReasonGPUSeconds}, // 7.5 / 1.6 = 4.7.
		"what waits": {6.5, 6.5, func(s *recommender.Snapshot) {
			s.Demand = &recommender.Demand{Signal: "triton", Unit: "requests/s", Backlog: 5}
		}, 6, recommender.ReasonThrottled},
		"no history":            {3, 3, func(s *recommender.Snapshot) { s.GPU.Forecast = forecaster.Forecast{} }, 4, recommender.ReasonLowTrust}, // Not lowered: 3.6 / 1.6 = 2.25.
		"busy whatever arrives": {2, 2, func(s *recommender.Snapshot) { s.GPU.Follows = false }, 4, recommender.ReasonHorizontalFixed},
		"not known":             {2, 2, func(s *recommender.Snapshot) { s.GPU = nil }, 4, recommender.ReasonHorizontalFixed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := vision(tc.busy, tc.q95)
			if tc.edit != nil {
				tc.edit(&s)
			}
			d := decide(s)
			got := d.DesiredReplicas
			if name == "no history" {
				got = max(got, 4) // What little is known may ask for less than there is.
			}
			if got != tc.want || !slices.Contains(codes(d), tc.code) {
				t.Errorf("%d pods, want %d; %v", d.DesiredReplicas, tc.want, codes(d))
			}
		})
	}
	s := vision(5, 11.2)
	s.Accelerator = "whole"
	s.Policy.Accelerators = []recommender.AcceleratorProfile{
		{Name: "whole", PricePerHour: 5}, {Name: "slice", Throughput: 0.5, PricePerHour: 2},
	}
	// 7 pods for 35, or 14 for 28.
	if a := decide(s).Accelerator; a == nil || a.Name != "slice" || a.Replicas != 14 || a.CostPerHour != 28 {
		t.Errorf("%+v, want 14 slices for 28", a)
	}
}

// TestGPUFollows: activity that varies does, what is always the same does not,
// nor what was seen for a day.
func TestGPUFollows(t *testing.T) {
	t.Parallel()
	series := func(n int, f func(i int) float64) forecaster.Series {
		s := forecaster.Series{Start: time.Unix(0, 0).UTC(), Step: 5 * time.Minute, Values: make([]float64, n)}
		for i := range s.Values {
			s.Values[i] = f(i)
		}
		return s
	}
	day := func(i int) float64 { return 4 + 3*math.Sin(float64(i)*2*math.Pi/288) }
	four := func(int) float64 { return 4 }
	for name, tc := range map[string]struct {
		n              int
		activity, pods func(int) float64
		want           bool
	}{
		"daily rhythm":             {2016, day, four, true},
		"scaled with the rhythm":   {2016, func(i int) float64 { return 0.7 * math.Round(day(i)) }, func(i int) float64 { return math.Round(day(i)) }, true},
		"busy as pods come and go": {2016, func(i int) float64 { return 0.98 * math.Round(day(i)) }, func(i int) float64 { return math.Round(day(i)) }, false},
		"always busy":              {2016, func(int) float64 { return 3.9 }, four, false},
		"never busy":               {2016, func(int) float64 { return 0 }, four, false},
		"a day":                    {288, day, four, false},
		"no pods":                  {2016, day, func(int) float64 { return 0 }, false},
		"gaps":                     {2016, func(int) float64 { return math.NaN() }, four, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := recommender.GPUFollows(series(tc.n, tc.activity), series(tc.n, tc.pods), 1); got != tc.want {
				t.Errorf("follows: %v, want %v", got, tc.want)
			}
		})
	}
}

// FuzzDecideGPU: more activity never gets fewer pods.
func FuzzDecideGPU(f *testing.F) {
	f.Add(2.0, 4.0, 1.1)
	f.Fuzz(func(t *testing.T, busy, q95, more float64) {
		if !(busy >= 0 && busy <= q95 && q95 < 1e4 && more >= 1 && more < 100) {
			return
		}
		d, e := decide(vision(busy, q95)), decide(vision(busy*more, q95*more))
		if e.DesiredReplicas < d.DesiredReplicas {
			t.Errorf("%d pods for %v GPUs, %d for %v", d.DesiredReplicas, q95, e.DesiredReplicas, q95*more)
		}
	})
}
