package recommender_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

// comesBack is a forecast of no demand, but for 10 with the probability given
// within each horizon.
func comesBack(probability ...float64) forecaster.Forecast {
	hours := []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour}
	levels := forecaster.DefaultLevels()
	f := forecaster.Forecast{Levels: levels, Span: 14 * 24 * time.Hour, Confidence: 1, Coverage95: 0.95}
	for i, p := range probability {
		row := make([]float64, len(levels))
		for k, level := range levels {
			if level > 1-p {
				row[k] = 10
			}
		}
		f.Horizons, f.Max, f.Point = append(f.Horizons, hours[i]), append(f.Max, row), append(f.Point, row)
	}
	return f
}

// idleShop has had no demand for an hour. One pod of it costs c an hour; it
// starts in 60 s, so that a cold start costs c·(60/3600)/0.05 = c/3: stopping
// pays where it is expected to stay idle for 20 minutes times the probability
// that it does not, and a minute.
func idleShop(probability ...float64) recommender.Snapshot {
	s := withDemand(shop(), 0, 0)
	s.Replicas.StartupSeconds = 60
	s.Policy.Horizontal.Min = 1
	s.Policy.Horizontal.Zero = &recommender.ZeroPolicy{}
	s.Policy.Vertical.InPlace = true
	s.Policy.Horizontal.StabilizationSeconds = 1
	s.Demand.Usage = usage(0, 50, comesBack(probability...))
	return s
}

func TestScaleToZero(t *testing.T) {
	t.Parallel()
	type snapshot = recommender.Snapshot
	cases := map[string]struct {
		probability []float64
		change      func(*snapshot)
		want        int
		reason      recommender.ReasonCode
		message     string
	}{
		"idle for a day":            {[]float64{0, 0, 0.01}, nil, 0, recommender.ReasonZero, "saves"},
		"certain only after a day":  {[]float64{0, 0, 1}, nil, 0, recommender.ReasonZero, "saves"},
		"back within ten minutes":   {[]float64{0.5, 1, 1}, nil, 1, recommender.ReasonKeptWarm, "comes back"},
		"a cold start costs a lot":  {[]float64{0, 1, 1}, func(s *snapshot) { s.Policy.Horizontal.Zero.ColdStartPrice = 100 }, 0, recommender.ReasonZero, ""},
		"a cold start is too dear":  {[]float64{0.04, 1, 1}, func(s *snapshot) { s.Policy.Horizontal.Zero.ColdStartPrice = 100 }, 1, recommender.ReasonKeptWarm, "cold start"},
		"not allowed":               {[]float64{0, 0, 0}, func(s *snapshot) { s.Policy.Horizontal.Zero = nil }, 1, recommender.ReasonCheapest, ""},
		"demand now":                {[]float64{0, 0, 0}, func(s *snapshot) { s.Demand.Last = 1 }, 1, recommender.ReasonCheapest, ""},
		"demand a few minutes ago":  {[]float64{0, 0, 0}, func(s *snapshot) { s.Demand.Recent = 1 }, 1, recommender.ReasonKeptWarm, "15 minutes"},
		"something waits":           {[]float64{0, 0, 0}, func(s *snapshot) { s.Demand.Backlog = 1 }, 1, recommender.ReasonKeptWarm, "wait"},
		"demand is not known":       {[]float64{0, 0, 0}, func(s *snapshot) { s.Demand.Samples = 0 }, 1, recommender.ReasonCheapest, ""},
		"there is no signal":        {[]float64{0, 0, 0}, func(s *snapshot) { s.Demand = nil }, 1, recommender.ReasonCheapest, ""},
		"demand is not fresh":       {[]float64{0, 0, 0}, func(s *snapshot) { s.Demand.AgeSeconds = 3600 }, 1, recommender.ReasonKeptWarm, "old"},
		"usage is not fresh":        {[]float64{0, 0, 0}, func(s *snapshot) { s.Containers[0].CPU.AgeSeconds = 3600 }, 4, recommender.ReasonUnsafeData, ""},
		"a forecast of little past": {[]float64{0, 0, 0}, func(s *snapshot) { s.Demand.Forecast.Span = time.Hour }, 1, recommender.ReasonKeptWarm, "history"},
		"idle for too short a time": {
			[]float64{0, 0, 0},
			func(s *snapshot) { s.Policy.Horizontal.Zero.IdleSeconds, s.Demand.IdleSeconds = 7200, 3600 }, 1, recommender.ReasonKeptWarm, "without demand",
		},
		"a scheduled floor": {[]float64{0, 0, 0}, func(s *snapshot) {
			s.Floors = []recommender.ScheduledFloor{{Name: "open", From: s.Now, To: s.Now.Add(time.Hour), MinReplicas: 1}}
		}, 1, recommender.ReasonKeptWarm, "open"},
		"stays at zero": {[]float64{0, 0, 0}, func(s *snapshot) { s.Replicas.Desired, s.Replicas.Ready = 0, 0 }, 0, recommender.ReasonZero, ""},
		"wakes for demand": {[]float64{0, 0, 0}, func(s *snapshot) {
			s.Replicas.Desired, s.Replicas.Ready, s.Demand.Last = 0, 0, 1
			s.Policy.Horizontal.Zero.WakeReplicas = 3
		}, 3, recommender.ReasonWoken, ""},
		"wakes ahead of the forecast": {
			[]float64{0.5, 1, 1}, func(s *snapshot) { s.Replicas.Desired, s.Replicas.Ready = 0, 0 }, 1, recommender.ReasonWoken, "",
		},
		"wakes whatever the policies of change permit": {[]float64{1, 1, 1}, func(s *snapshot) {
			s.Replicas.Desired, s.Replicas.Ready = 0, 0
			s.Policy.Horizontal.Behavior.ScaleUp = &recommender.ScalingRules{
				Policies: []recommender.ScalingPolicy{{Type: recommender.ScalingPercent, Value: 100, PeriodSeconds: 60}},
			}
		}, 1, recommender.ReasonWoken, ""},
		"what somebody stopped stays": {[]float64{1, 1, 1}, func(s *snapshot) {
			s.Replicas.Desired, s.Replicas.Ready, s.Policy.Horizontal.Zero = 0, 0, nil
		}, 0, recommender.ReasonHorizontalFixed, "stopped"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := idleShop(tc.probability...)
			if tc.change != nil {
				tc.change(&s)
			}
			d := decide(s)
			r, is := reasonOf(d, tc.reason)
			if d.DesiredReplicas != tc.want || !is || !strings.Contains(r.Message, tc.message) {
				t.Errorf("%d replicas, want %d with %s (%s): %v", d.DesiredReplicas, tc.want, tc.reason, tc.message, d.Reasons)
			}
			if d.DesiredReplicas == 0 && d.Cost.TargetPerHour != 0 {
				t.Errorf("no pod costs %g", d.Cost.TargetPerHour)
			}
		})
	}
}

// The last pod goes only when nobody has wished for one for the window.
func TestScaleToZeroIsStabilized(t *testing.T) {
	t.Parallel()
	s := idleShop(0, 0, 0)
	s.Policy.Horizontal.StabilizationSeconds = 300
	s.State.Wishes = []recommender.Wish{{At: s.Now.Add(-4 * time.Minute), Replicas: 2}}
	d := decide(s)
	if d.DesiredReplicas != 2 {
		t.Errorf("%d replicas, want the 2 of 4 minutes ago: %v", d.DesiredReplicas, d.Reasons)
	}
	s.State, s.Now = d.State, s.Now.Add(2*time.Minute)
	if got := decide(s).DesiredReplicas; got != 0 {
		t.Errorf("%d replicas 2 minutes later, want 0", got)
	}
}
