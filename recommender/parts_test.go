package recommender_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
)

// A steady size of 300 m, and starts that took 1.5 cores for 40 s.
func TestStartupBoost(t *testing.T) {
	t.Parallel()
	type snapshot = recommender.Snapshot
	cases := map[string]struct {
		change func(*snapshot)
		want   *recommender.Boost
	}{
		"as much and as long as earlier starts": {func(*snapshot) {}, &recommender.Boost{CPU: 1500, Seconds: 40}},
		"two starts are too few":                {func(s *snapshot) { s.Containers[0].Startup.Starts = 2 }, nil},
		"no more than the steady size":          {func(s *snapshot) { s.Containers[0].Startup.PeakCores = 0.32 }, nil},
		"it could not be taken back in place":   {func(s *snapshot) { s.Policy.Vertical.InPlace = false }, nil},
		"switched off":                          {rules(recommender.ContainerPolicy{Boost: recommender.BoostPolicy{Off: true}}), nil},
		"bounded": {
			rules(recommender.ContainerPolicy{Boost: recommender.BoostPolicy{MaxCPU: 800, MaxSeconds: 20}}),
			&recommender.Boost{CPU: 800, Seconds: 20},
		},
		// 300 m and what is left of a node of one core.
		"no more than a node has": {func(s *snapshot) {
			s.Nodes = []recommender.NodeShape{{Name: "one", Allocatable: recommender.Resources{CPU: 1000, Memory: 8192 * mib}}}
		}, &recommender.Boost{CPU: 1000, Seconds: 40}},
		// 2000 m for four pods of 300 m leave 800 m.
		"no more than a quota leaves": {
			func(s *snapshot) { s.Quotas = quota("team", recommender.QuotaRequestsCPU, 2000, 4000) },
			&recommender.Boost{CPU: 1100, Seconds: 40},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			s.Policy.Vertical.InPlace = true
			s.Containers[0].Startup = &recommender.Startup{Starts: 5, PeakCores: 1.5, Seconds: 40}
			tc.change(&s)
			d := decide(s)
			if diff := cmp.Diff(tc.want, d.Containers[0].Boost); diff != "" {
				t.Errorf("boost (-want +got):\n%s", diff)
			}
			if got := d.Containers[0].Target.CPU; s.Policy.Vertical.InPlace && got != 300 {
				t.Errorf("the steady size is %d m, want 300", got)
			}
			if _, is := reasonOf(d, recommender.ReasonStartupBoost); is != (tc.want != nil) {
				t.Errorf("reasons %v", codes(d))
			}
		})
	}
}

// Runs of 90 CPU seconds in 30 s use 3 cores, whatever an average over five
// minutes says.
func TestRunsAreSizedByHowLongTheyTook(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		runs  *recommender.Runs
		limit recommender.MilliCPU
		want  recommender.MilliCPU
	}{
		"not known":             {nil, 0, 300},
		"two runs are too few":  {&recommender.Runs{Count: 2, Seconds: 30, SecondsP95: 30, CPUSecondsP95: 90}, 0, 300},
		"shorter than a sample": {&recommender.Runs{Count: 9, Seconds: 30, SecondsP95: 30, CPUSecondsP95: 90}, 0, 3000},
		// 900 CPU seconds within 0.8 of 1000 s.
		"close to the deadline at its limit": {
			&recommender.Runs{Count: 9, Seconds: 800, SecondsP95: 900, CPUSecondsP95: 900, DeadlineSeconds: 1000}, 1000, 1125,
		},
		"close to the deadline, but not for want of CPU": {
			&recommender.Runs{Count: 9, Seconds: 800, SecondsP95: 900, CPUSecondsP95: 900, DeadlineSeconds: 1000}, 4000, 1000,
		},
		"in good time": {
			&recommender.Runs{Count: 9, Seconds: 700, SecondsP95: 750, CPUSecondsP95: 750, DeadlineSeconds: 1000}, 1000, 1000,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			s.Workload.Kind = "CronJob"
			s.Replicas = recommender.Replicas{}
			c := &s.Containers[0]
			c.Requests.CPU, c.CPU.PodP95, c.Runs, c.Limits.CPU = 50, 0.3, tc.runs, tc.limit
			d := decide(s)
			if got := d.Containers[0].Target.CPU; got != tc.want {
				t.Errorf("%d m, want %d: %v", got, tc.want, d.Reasons)
			}
		})
	}
}

// Three ordinals use 1.2 cores in all, of which one uses 0.9: 2.25 times the
// mean of 0.4, if its 0.95 quantile says so.
func TestOrdinalsAreSizedByTheLargest(t *testing.T) {
	t.Parallel()
	s := shop()
	s.Workload.Kind = "StatefulSet"
	s.Replicas.Desired, s.Replicas.Ready = 3, 3
	s.Containers[0].Requests.CPU = 2000
	s.Containers[0].CPU.PodP95 = 0.9
	d := decide(s)
	if got := d.Containers[0].Target.CPU; got != 900 {
		t.Errorf("%d m, want 900: %v", got, d.Reasons)
	}
	if r, is := reasonOf(d, recommender.ReasonOrdinalSkew); !is || math.Abs(r.Before-0.4) > 1e-9 || math.Abs(r.After-0.9) > 1e-9 {
		t.Errorf("reason %+v", r)
	}
}

// A log shipper on ten small nodes uses a core in all, on two large ones two.
// Each group is sized by itself; the DaemonSet as a whole can only be given the
// larger size.
func TestGroupsAreSizedApart(t *testing.T) {
	t.Parallel()
	s := shop()
	s.Workload.Kind = "DaemonSet"
	c := s.Containers[0]
	small, large := c, c
	small.CPU, large.CPU = usage(1, 1, expects(1, 1)), usage(2, 2, expects(2, 2))
	large.Memory = usage(float64(800*mib), float64(800*mib), expects(float64(800*mib), float64(800*mib)))
	s.Policy.Vertical.InPlace = true
	s.Groups = []recommender.Group{
		{Name: "small", Replicas: recommender.Replicas{Desired: 10, Ready: 10}, Containers: []recommender.Container{small}},
		{
			Name: "large", Replicas: recommender.Replicas{Desired: 2, Ready: 2}, Containers: []recommender.Container{large},
			Nodes: []recommender.NodeShape{{Name: "l", Allocatable: recommender.Resources{CPU: 64000, Memory: 1024 * 1024 * mib}}},
		},
	}
	d := decide(s)
	if len(d.Groups) != 2 || d.Action != recommender.ActionResize {
		t.Fatalf("%s of %d groups", d.Action, len(d.Groups))
	}
	// A core over ten pods, and the memory of TestDecide; two over two, and 920 MiB.
	got, other := d.Groups[0].Containers[0].Target, d.Groups[1].Containers[0].Target
	if got.CPU != 100 || other.CPU != 1000 || other.Memory < 919*mib || other.Memory > 921*mib {
		t.Errorf("targets %+v and %+v", got, other)
	}
	if all := d.Containers[0].Target; all != other {
		t.Errorf("all together %+v, want %+v", all, other)
	}
	if want := d.Groups[0].Cost.TargetPerHour + d.Groups[1].Cost.TargetPerHour; math.Abs(d.Cost.TargetPerHour-want) > 1e-9 {
		t.Errorf("cost %g, want %g", d.Cost.TargetPerHour, want)
	}
	if len(d.State.Groups) != 2 || d.State.Groups[0].State.LastChange != s.Now {
		t.Errorf("state %+v", d.State.Groups)
	}
	s.State = d.State
	if diff := cmp.Diff(decide(s), decide(s)); diff != "" {
		t.Errorf("equal snapshots differ:\n%s", diff)
	}
}

// Two groups of four pods each need 300 m, of a quota of 2 cores: the first gets
// what it needs, the second the 800 m that are left.
func TestGroupsShareAQuota(t *testing.T) {
	t.Parallel()
	s := shop()
	s.Workload.Kind = "DaemonSet"
	s.Policy.Vertical.InPlace = true
	c := s.Containers[0]
	c.Requests.CPU = 100
	group := func(name string) recommender.Group {
		return recommender.Group{Name: name, Replicas: s.Replicas, Containers: []recommender.Container{c}}
	}
	s.Groups = []recommender.Group{group("a"), group("b")}
	s.Quotas = quota("team", recommender.QuotaRequestsCPU, 2000, 800)
	d := decide(s)
	if a, b := d.Groups[0].Containers[0].Target.CPU, d.Groups[1].Containers[0].Target.CPU; a != 300 || b != 200 {
		t.Errorf("%d and %d m, want 300 and 200", a, b)
	}
}
