package recommender_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// The examples of the documentation of the Horizontal Pod Autoscaler and of its
// unit tests, in its words.
func TestBehaviorLimits(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	pods := func(value int, period float64) recommender.ScalingPolicy {
		return recommender.ScalingPolicy{Type: recommender.ScalingPods, Value: value, PeriodSeconds: period}
	}
	share := func(value int, period float64) recommender.ScalingPolicy {
		return recommender.ScalingPolicy{Type: recommender.ScalingPercent, Value: value, PeriodSeconds: period}
	}
	up := func(choose recommender.SelectPolicy, p ...recommender.ScalingPolicy) recommender.Behavior {
		return recommender.Behavior{ScaleUp: &recommender.ScalingRules{SelectPolicy: choose, Policies: p}}
	}
	down := func(choose recommender.SelectPolicy, p ...recommender.ScalingPolicy) recommender.Behavior {
		return recommender.Behavior{ScaleDown: &recommender.ScalingRules{SelectPolicy: choose, Policies: p}}
	}
	before := func(ago time.Duration, from, to int) recommender.Scale {
		return recommender.Scale{At: now.Add(-ago), From: from, To: to}
	}
	cases := map[string]struct {
		b             recommender.Behavior
		scales        []recommender.Scale
		current, wish int
		want          int
	}{
		"no rules":                              {recommender.Behavior{}, nil, 10, 100, 100},
		"4 pods or double: the larger":          {up("", pods(4, 15), share(100, 15)), nil, 10, 100, 20},
		"4 pods or double: the smaller":         {up(recommender.SelectMin, pods(4, 15), share(100, 15)), nil, 10, 100, 14},
		"one pod can become two at 10 %":        {up("", share(10, 60)), nil, 1, 9, 2},
		"not at all":                            {up(recommender.SelectDisabled, pods(4, 15)), nil, 10, 100, 10},
		"3 of 4 are used up":                    {up("", pods(4, 60)), []recommender.Scale{before(30*time.Second, 7, 10)}, 10, 100, 11},
		"what is older than the period is not":  {up("", pods(4, 60)), []recommender.Scale{before(time.Minute, 7, 10)}, 10, 100, 14},
		"percent of the start of the period":    {up("", share(100, 60)), []recommender.Scale{before(30*time.Second, 5, 10)}, 10, 100, 10},
		"more was added than is permitted":      {up("", pods(1, 60)), []recommender.Scale{before(30*time.Second, 5, 10)}, 10, 100, 10},
		"down by a pod":                         {down("", pods(1, 60)), nil, 10, 2, 9},
		"down by 10 % of 80, rounded down":      {down("", share(10, 60)), nil, 80, 2, 72},
		"down by 10 % of 5 is to 4":             {down("", share(10, 60)), nil, 5, 1, 4},
		"down by the larger of 4 pods and 10 %": {down("", pods(4, 60), share(10, 60)), nil, 80, 2, 72},
		"down by the smaller":                   {down(recommender.SelectMin, pods(4, 60), share(10, 60)), nil, 80, 2, 76},
		"never down":                            {down(recommender.SelectDisabled), nil, 80, 2, 80},
		"down only, up is free":                 {down("", pods(1, 60)), nil, 10, 100, 100},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tc.b.Limit(tc.scales, now, tc.current, tc.wish); got != tc.want {
				t.Errorf("from %d to %d of %d, want %d", tc.current, got, tc.wish, tc.want)
			}
		})
	}
}

// stabilized is the rule written down as the autoscaler has it, with every wish
// kept for as long as any window reaches.
func stabilized(up, down time.Duration, wishes []recommender.Wish, now time.Time, current, wish int) int {
	least, most := wish, wish
	for _, w := range wishes {
		if w.At.After(now.Add(-up)) {
			least = min(least, w.Replicas)
		}
		if w.At.After(now.Add(-down)) {
			most = max(most, w.Replicas)
		}
	}
	return min(max(current, least), most)
}

// TestStabilizeForgetsOnlyWhatCannotMatter compares with the rule over all
// wishes there ever were, and bounds what is kept.
func TestStabilizeForgetsOnlyWhatCannotMatter(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 1))
	for range 200 {
		up, down := float64(rng.IntN(400)), float64(rng.IntN(900))
		h := recommender.HorizontalPolicy{Behavior: recommender.Behavior{
			ScaleUp:   &recommender.ScalingRules{StabilizationWindowSeconds: new(up)},
			ScaleDown: &recommender.ScalingRules{StabilizationWindowSeconds: new(down)},
		}}
		now, current := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), 10
		var all, kept []recommender.Wish
		for range 100 {
			now = now.Add(time.Duration(rng.IntN(60)) * time.Second)
			wish := 1 + rng.IntN(20)
			want := stabilized(time.Duration(up)*time.Second, time.Duration(down)*time.Second, all, now, current, wish)
			var got int
			if got, kept = h.Stabilize(kept, now, current, wish); got != want {
				t.Fatalf("windows %g and %g s, wish %d of %d: %d, want %d", up, down, wish, current, got, want)
			}
			if len(kept) > 41 {
				t.Fatalf("%d wishes are kept of 20 different ones", len(kept))
			}
			all, current = append(all, recommender.Wish{At: now, Replicas: wish}), got
		}
	}
}

// TestDecideFollowsBehavior drives the whole decision: the demand triples at
// once, and two pods a minute are permitted.
func TestDecideFollowsBehavior(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 150, 200)
	s.Policy.Vertical.MaxAllowed = recommender.Resources{CPU: 500, Memory: 2048 * mib}
	s.Containers[0].Requests.CPU = 500
	s.Policy.Horizontal.Behavior.ScaleUp = &recommender.ScalingRules{
		Policies: []recommender.ScalingPolicy{{Type: recommender.ScalingPods, Value: 2, PeriodSeconds: 60}},
	}
	var got []int
	for range 4 {
		d := decide(s)
		got = append(got, d.DesiredReplicas)
		if _, is := reasonOf(d, recommender.ReasonScalingPolicy); !is {
			t.Errorf("reasons %v", codes(d))
		}
		s.State, s.Replicas.Desired, s.Replicas.Ready = d.State, d.DesiredReplicas, d.DesiredReplicas
		s.Now = s.Now.Add(30 * time.Second)
	}
	if want := []int{6, 6, 8, 8}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A change that was decided and not made does not use up what is permitted.
func TestDecideForgetsChangesThatWereNotMade(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 150, 200)
	s.Policy.Vertical.MaxAllowed = recommender.Resources{CPU: 500, Memory: 2048 * mib}
	s.Containers[0].Requests.CPU = 500
	s.Policy.Horizontal.Behavior.ScaleUp = &recommender.ScalingRules{
		Policies: []recommender.ScalingPolicy{{Type: recommender.ScalingPods, Value: 2, PeriodSeconds: 600}},
	}
	for range 3 {
		d := decide(s)
		if d.DesiredReplicas != 6 || len(d.State.Scales) != 1 {
			t.Fatalf("%d replicas with %v, want 6 of 4 each time", d.DesiredReplicas, d.State.Scales)
		}
		s.State, s.Now = d.State, s.Now.Add(30*time.Second)
	}
}

// 5 pods instead of 4 are 25 % more.
func TestDecideToleratesSmallScales(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 45, 70)
	s.Containers[0].Requests.CPU = 500
	s.Replicas.Desired, s.Replicas.Ready = 10, 10
	s.Policy.Vertical = recommender.VerticalPolicy{Fixed: true, CPUUtilization: 1}
	free := decide(s).DesiredReplicas
	s.Policy.Horizontal.Behavior.ScaleDown = &recommender.ScalingRules{Tolerance: 0.9}
	held := decide(s)
	if free >= 10 || held.DesiredReplicas != 10 {
		t.Errorf("%d replicas, with a tolerance of 90 %% %d, want fewer than 10 and 10", free, held.DesiredReplicas)
	}
	if _, is := reasonOf(held, recommender.ReasonWithinTolerance); !is {
		t.Errorf("reasons %v", codes(held))
	}
}

// TestStabilizedPodsAreNotResized: two pods instead of four save half of the
// memory, and less CPU saves little. Pods that have to stay for the window are not
// made smaller meanwhile, where to resize them costs more than it saves until they go.
func TestStabilizedPodsAreNotResized(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 10, 12)
	s.Containers[0].CPU = usage(0.25, 0.3, expects(0.25, 0.3))
	s.Containers[0].Requests = recommender.Resources{CPU: 500, Memory: 800 * mib}
	s.Policy.Vertical.InPlace, s.Policy.ChangeHours = true, 0.2
	if d := decide(s); d.DesiredReplicas != 2 {
		t.Fatalf("%s to %d pods, want 2: %v", d.Action, d.DesiredReplicas, d.Reasons)
	}
	s.State.Wishes = []recommender.Wish{{At: s.Now.Add(-time.Minute), Replicas: 4}}
	if d := decide(s); d.Action != recommender.ActionHold {
		t.Errorf("%s within the window, want %s: %v", d.Action, recommender.ActionHold, d.Reasons)
	}
}

// TestPodsGoAsTheyAre: where a change costs six hours, two of four pods go and the
// others stay as large as they are, since to resize all four is four changes. Where
// two would have to grow for that, all four grow before, and three stay instead.
func TestPodsGoAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		cpu   recommender.MilliCPU
		hours float64
		pods  int
	}{{1000, 6, 2}, {160, 1.5, 3}, {160, 0.001, 2}} {
		s := withDemand(shop(), 10, 12)
		s.Containers[0].CPU = usage(0.25, 0.3, expects(0.25, 0.3))
		s.Containers[0].Requests = recommender.Resources{CPU: tc.cpu, Memory: 480 * mib}
		s.Policy.Vertical.InPlace, s.Policy.ChangeHours = true, tc.hours
		want := recommender.ActionScale
		if tc.hours < 1 {
			want = recommender.ActionResizeAndScale
		}
		if d := decide(s); d.Action != want || d.DesiredReplicas != tc.pods {
			t.Errorf("pods of %d m, %v h a change: %s to %d pods, want %s to %d: %v",
				tc.cpu, tc.hours, d.Action, d.DesiredReplicas, want, tc.pods, d.Reasons)
		}
	}
}
