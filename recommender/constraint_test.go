package recommender_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// reasonOf is the first reason of a code.
func reasonOf(d recommender.Decision, code recommender.ReasonCode) (recommender.Reason, bool) {
	i := slices.IndexFunc(d.Reasons, func(r recommender.Reason) bool { return r.Code == code })
	if i < 0 {
		return recommender.Reason{}, false
	}
	return d.Reasons[i], true
}

func quota(name string, resource recommender.QuotaResource, hard, used int64) []recommender.Quota {
	return []recommender.Quota{{Name: name, Items: []recommender.QuotaLimit{{Resource: resource, Hard: hard, Used: used}}}}
}

func rules(p recommender.ContainerPolicy) func(*recommender.Snapshot) {
	return func(s *recommender.Snapshot) {
		p.Name = "*"
		s.Policy.Vertical.Containers = []recommender.ContainerPolicy{p}
	}
}

// The shop's four pods need 334 milli-CPU and 460 MiB each (TestDecide). In these
// cases they have 100 milli-CPU and 100 MiB, unless told otherwise, so that the
// size has to grow.
func TestConstraintsOnSizes(t *testing.T) {
	t.Parallel()
	type snapshot = recommender.Snapshot
	type want struct {
		cpu    recommender.MilliCPU
		memory recommender.Bytes
		reason recommender.ReasonCode
		short  string // Named by CapacityShort; empty where it is not short.
	}
	cases := map[string]struct {
		change func(*snapshot)
		want   want
	}{
		"nothing binds": {
			change: func(*snapshot) {}, want: want{334, 460 * mib, recommender.ReasonForecast, ""},
		},
		"a quota of requests: 1000 m over four pods": {
			change: func(s *snapshot) { s.Quotas = quota("team", recommender.QuotaRequestsCPU, 1000, 400) },
			want:   want{250, 460 * mib, recommender.ReasonQuota, "quota team"},
		},
		"a quota that others use 200 m of: 800 m over four pods": {
			change: func(s *snapshot) { s.Quotas = quota("team", recommender.QuotaRequestsCPU, 1000, 600) },
			want:   want{200, 460 * mib, recommender.ReasonQuota, "quota team"},
		},
		"a quota of memory: 1200 MiB over four pods": {
			change: func(s *snapshot) {
				s.Quotas = quota("team", recommender.QuotaRequestsMemory, int64(1200*mib), int64(400*mib))
			},
			want: want{334, 300 * mib, recommender.ReasonQuota, "quota team"},
		},
		"a quota that is used up takes nothing away": {
			change: func(s *snapshot) { s.Quotas = quota("team", recommender.QuotaRequestsCPU, 100, 400) },
			want:   want{100, 460 * mib, recommender.ReasonQuota, "quota team"},
		},
		"a LimitRange of containers": {
			change: func(s *snapshot) {
				s.LimitRanges = []recommender.LimitRange{{
					Name: "small", Type: recommender.LimitRangeContainer, Min: recommender.Resources{Memory: 600 * mib},
					Max: recommender.Resources{CPU: 200},
				}}
			},
			want: want{200, 600 * mib, recommender.ReasonLimitRange, "LimitRange small"},
		},
		"a LimitRange of pods": {
			change: func(s *snapshot) {
				s.LimitRanges = []recommender.LimitRange{{
					Name: "pods", Type: recommender.LimitRangePod, Max: recommender.Resources{CPU: 300},
				}}
			},
			want: want{300, 460 * mib, recommender.ReasonLimitRange, "LimitRange pods"},
		},
		"a LimitRange's least of pods": {
			change: func(s *snapshot) {
				s.LimitRanges = []recommender.LimitRange{{
					Name: "pods", Type: recommender.LimitRangePod, Min: recommender.Resources{CPU: 700},
				}}
			},
			want: want{700, 460 * mib, recommender.ReasonForecast, ""},
		},
		"a node of 2 cores of which DaemonSets take 1750 m": {
			change: func(s *snapshot) {
				s.Nodes = []recommender.NodeShape{{
					Name: "small", Allocatable: recommender.Resources{CPU: 2000, Memory: 4096 * mib}, Overhead: recommender.Resources{CPU: 1750},
				}}
			},
			want: want{250, 460 * mib, recommender.ReasonNodeShape, "node small"},
		},
		// The first lacks 1-200/334 = 40 % of the CPU, the second 1-400/460 = 13 % of the memory.
		"of two nodes the one that lacks less": {
			change: func(s *snapshot) {
				s.Nodes = []recommender.NodeShape{
					{Name: "wide", Allocatable: recommender.Resources{CPU: 200, Memory: 8192 * mib}},
					{Name: "fast", Allocatable: recommender.Resources{CPU: 1000, Memory: 400 * mib}},
				}
			},
			want: want{334, 400 * mib, recommender.ReasonNodeShape, "node fast"},
		},
		"what runs on a node that is no longer made is not made smaller": {
			change: func(s *snapshot) {
				s.Containers[0].Requests = recommender.Resources{CPU: 300, Memory: 400 * mib}
				s.Nodes = []recommender.NodeShape{{Name: "tiny", Allocatable: recommender.Resources{CPU: 100, Memory: 100 * mib}}}
			},
			want: want{300, 400 * mib, recommender.ReasonNodeShape, "node it is on"},
		},
		// 0.334 cores x 2 GiB = 684 MiB.
		"at least 2 GiB for a core": {
			change: rules(recommender.ContainerPolicy{MemoryPerCore: recommender.MemoryPerCore{Min: 2048 * mib}}),
			want:   want{334, 684 * mib, recommender.ReasonAllowedSize, ""},
		},
		// 460 MiB / 1 GiB = 449.2 m.
		"at most 1 GiB for a core": {
			change: rules(recommender.ContainerPolicy{MemoryPerCore: recommender.MemoryPerCore{Max: 1024 * mib}}),
			want:   want{450, 460 * mib, recommender.ReasonAllowedSize, ""},
		},
		// 2 GiB for a core and 512 MiB in all leave 250 m.
		"a ratio within bounds lowers what it cannot raise the other for": {
			change: rules(recommender.ContainerPolicy{
				MemoryPerCore: recommender.MemoryPerCore{Min: 2048 * mib}, MaxAllowed: recommender.Resources{Memory: 512 * mib},
			}),
			want: want{250, 512 * mib, recommender.ReasonAllowedSize, "the bounds"},
		},
		"the cheapest size of a list that is enough": {
			change: rules(recommender.ContainerPolicy{Sizes: []recommender.Resources{
				{CPU: 1000, Memory: 512 * mib}, {CPU: 250, Memory: 512 * mib}, {CPU: 500, Memory: 1024 * mib}, {CPU: 500, Memory: 512 * mib},
			}}),
			want: want{500, 512 * mib, recommender.ReasonAllowedSize, ""},
		},
		// 250 of 334 m lack 25 %, 256 of 460 MiB 44 %.
		"the size of a list that lacks the least": {
			change: rules(recommender.ContainerPolicy{Sizes: []recommender.Resources{
				{CPU: 500, Memory: 256 * mib}, {CPU: 250, Memory: 512 * mib},
			}}),
			want: want{250, 512 * mib, recommender.ReasonAllowedSize, "the bounds"},
		},
		"whole cores and steps of 256 MiB": {
			change: rules(recommender.ContainerPolicy{CPUStep: 1000, MemoryStep: 256 * mib}),
			want:   want{1000, 512 * mib, recommender.ReasonAllowedSize, ""},
		},
		// Of 250 m there are two steps of 100.
		"steps under a quota round down": {
			change: func(s *snapshot) {
				rules(recommender.ContainerPolicy{CPUStep: 100})(s)
				s.Quotas = quota("team", recommender.QuotaRequestsCPU, 1000, 400)
			},
			want: want{200, 460 * mib, recommender.ReasonQuota, "quota team"},
		},
		"half as much again at once": {
			change: func(s *snapshot) { s.Policy.Vertical.StepUp = 0.5 },
			want:   want{150, 150 * mib, recommender.ReasonStepLimited, "the bounds"},
		},
		"half as much again, but memory after a kill at once": {
			change: func(s *snapshot) {
				s.Policy.Vertical.StepUp = 0.5
				s.Containers[0].OOMKills, s.Containers[0].LastOOMKill = 1, s.Now.Add(-time.Hour)
			},
			// The peak of 400 MiB and 100 MiB.
			want: want{150, 500 * mib, recommender.ReasonStepLimited, "the bounds"},
		},
		"a fifth less at once": {
			change: func(s *snapshot) {
				s.Policy.Vertical.StepDown = 0.2
				s.Containers[0].Requests = recommender.Resources{CPU: 1000, Memory: 1000 * mib}
			},
			want: want{800, 800 * mib, recommender.ReasonStepLimited, ""},
		},
		"CPU is not chosen": {
			change: rules(recommender.ContainerPolicy{FixedCPU: true}),
			want:   want{100, 460 * mib, recommender.ReasonBounded, "the bounds"},
		},
		"bounds of one container": {
			change: func(s *snapshot) {
				s.Policy.Vertical.MaxAllowed = recommender.Resources{CPU: 200, Memory: 200 * mib}
				s.Policy.Vertical.Containers = []recommender.ContainerPolicy{
					{Name: "app", MaxAllowed: recommender.Resources{CPU: 300}}, {Name: "*", MaxAllowed: recommender.Resources{CPU: 50}},
				}
			},
			want: want{300, 200 * mib, recommender.ReasonBounded, "the bounds"},
		},
		"a floor that the calendar sets": {
			change: func(s *snapshot) {
				s.Floors = []recommender.ScheduledFloor{{
					Name: "sale", From: s.Now.Add(time.Minute), To: s.Now.Add(time.Hour),
					Containers: []recommender.ContainerFloor{{Name: "*", Min: recommender.Resources{CPU: 700}}},
				}}
			},
			want: want{700, 460 * mib, recommender.ReasonScheduledFloor, ""},
		},
		"a floor of later": {
			change: func(s *snapshot) {
				s.Floors = []recommender.ScheduledFloor{{
					Name: "sale", From: s.Now.Add(time.Hour), To: s.Now.Add(2 * time.Hour),
					Containers: []recommender.ContainerFloor{{Name: "*", Min: recommender.Resources{CPU: 700}}},
				}}
			},
			want: want{334, 460 * mib, recommender.ReasonForecast, ""},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			s.Containers[0].Requests = recommender.Resources{CPU: 100, Memory: 100 * mib}
			tc.change(&s)
			d := decide(s)
			got := d.Containers[0].Target
			if math.Abs(float64(got.CPU-tc.want.cpu)) > 1 || math.Abs(float64(got.Memory-tc.want.memory)) > float64(mib) {
				t.Errorf("target %+v, want %d m and %d MiB: %v", got, tc.want.cpu, tc.want.memory/mib, d.Reasons)
			}
			if !slices.Contains(codes(d), tc.want.reason) {
				t.Errorf("reasons %v lack %s", codes(d), tc.want.reason)
			}
			short, is := reasonOf(d, recommender.ReasonShort)
			if is != (tc.want.short != "") || !strings.Contains(short.Message, tc.want.short) {
				t.Errorf("short: %q, want it to name %q", short.Message, tc.want.short)
			}
		})
	}
}

// Of two containers that need 334 m each, a room of 500 m leaves 250 m to each:
// both give the same share of what they have above 10 m.
func TestContainersShareARoom(t *testing.T) {
	t.Parallel()
	s := shop()
	s.Containers[0].Requests = recommender.Resources{CPU: 100, Memory: 100 * mib}
	side := s.Containers[0]
	side.Name = "side"
	s.Containers = append(s.Containers, side)
	s.Nodes = []recommender.NodeShape{{Name: "half", Allocatable: recommender.Resources{CPU: 500, Memory: 4096 * mib}}}
	for _, c := range decide(s).Containers {
		if c.Target.CPU < 249 || c.Target.CPU > 250 {
			t.Errorf("%s: %d m, want 250", c.Name, c.Target.CPU)
		}
	}
}

// The 0.95 quantile is 95.5 requests/s of 20 ms: 1.91 cores, and 0.05 cores for
// each pod. So n pods need 0.05 + 1.91/n cores each.
func TestConstraintsOnReplicas(t *testing.T) {
	t.Parallel()
	type snapshot = recommender.Snapshot
	cases := map[string]struct {
		change func(*snapshot)
		want   int
		reason recommender.ReasonCode
	}{
		// 0.05 + 1.91/n ≤ 0.5 from n = 4.24 on.
		"more pods where no node holds larger ones": {
			func(s *snapshot) {
				s.Nodes = []recommender.NodeShape{{Name: "half", Allocatable: recommender.Resources{CPU: 500, Memory: 8192 * mib}}}
			}, 5, recommender.ReasonForecast,
		},
		"more pods where a LimitRange allows no larger ones": {
			func(s *snapshot) {
				s.LimitRanges = []recommender.LimitRange{{Name: "l", Type: recommender.LimitRangeContainer, Max: recommender.Resources{CPU: 500}}}
			}, 5, recommender.ReasonForecast,
		},
		// Ten nodes of half a core hold ten such pods.
		"no more pods than the pool has nodes for": {
			func(s *snapshot) {
				s.Policy.Horizontal.Min = 4
				s.Nodes = []recommender.NodeShape{
					{Name: "half", Allocatable: recommender.Resources{CPU: 500, Memory: 8192 * mib}, MaxNodes: 4},
				}
			}, 4, recommender.ReasonNodeShape,
		},
		"a quota of pods": {
			func(s *snapshot) {
				s.Policy.Vertical.MaxAllowed = recommender.Resources{CPU: 500, Memory: 2048 * mib}
				s.Quotas = quota("team", recommender.QuotaPods, 10, 10)
			}, 4, recommender.ReasonQuota,
		},
		"zones that a pod has to be in": {
			func(s *snapshot) { s.Spread = &recommender.Spread{Zones: 6, Hard: true} }, 6, recommender.ReasonReplicaFloor,
		},
		"zones that are good to have are not grown into": {
			func(s *snapshot) { s.Spread = &recommender.Spread{Zones: 6} }, 4, recommender.ReasonReplicaFloor,
		},
		"zones that are good to have are kept": {
			func(s *snapshot) { s.Spread = &recommender.Spread{Zones: 3} }, 3, recommender.ReasonReplicaFloor,
		},
		"minAvailable": {
			func(s *snapshot) { s.Disruption = &recommender.DisruptionBudget{Name: "b", MinAvailable: 7} }, 7, recommender.ReasonReplicaFloor,
		},
		"minAvailable and one that may be evicted": {
			func(s *snapshot) { s.Disruption = &recommender.DisruptionBudget{Name: "b", MinAvailable: 2} }, 3, recommender.ReasonReplicaFloor,
		},
		// ⌈0.6·n⌉ = n-1 first at n = 3 (⌈1.8⌉ = 2).
		"60 % available and one that may be evicted": {
			func(s *snapshot) { s.Disruption = &recommender.DisruptionBudget{Name: "b", MinAvailablePercent: 60} }, 3, recommender.ReasonReplicaFloor,
		},
		"a scheduled floor": {
			func(s *snapshot) {
				s.Floors = []recommender.ScheduledFloor{{Name: "sale", From: s.Now.Add(-time.Hour), To: s.Now.Add(time.Hour), MinReplicas: 8}}
			}, 8, recommender.ReasonScheduledFloor,
		},
		// Hold 300 s and start-up 30 s: 330 s ahead.
		"a scheduled floor is reached ahead": {
			func(s *snapshot) {
				s.Floors = []recommender.ScheduledFloor{{Name: "sale", From: s.Now.Add(330 * time.Second), To: s.Now.Add(time.Hour), MinReplicas: 8}}
			}, 8, recommender.ReasonScheduledFloor,
		},
		"a scheduled floor is not reached earlier": {
			func(s *snapshot) {
				s.Floors = []recommender.ScheduledFloor{{Name: "sale", From: s.Now.Add(331 * time.Second), To: s.Now.Add(time.Hour), MinReplicas: 8}}
			}, 2, recommender.ReasonForecast,
		},
		"the maximum is above a scheduled floor": {
			func(s *snapshot) {
				s.Floors = []recommender.ScheduledFloor{{Name: "sale", From: s.Now, To: s.Now.Add(time.Hour), MinReplicas: 50}}
			}, 20, recommender.ReasonScheduledFloor,
		},
		// Sizes stay at half a core.
		"a freeze lets replicas grow alone": {
			func(s *snapshot) {
				s.Windows = []recommender.Window{{Name: "eve", Type: recommender.WindowFreeze, Start: s.Now, End: s.Now.Add(time.Hour)}}
			}, 5, recommender.ReasonWindow,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withDemand(shop(), 45, 100)
			s.Containers[0].Requests.CPU = 500
			// Fewer pods are cheaper here, since each has memory of its own.
			s.Policy.Vertical.InPlace = true
			s.Policy.Prices.MemoryGiBHour = 0.04
			tc.change(&s)
			d := decide(s)
			if d.DesiredReplicas != tc.want {
				t.Errorf("%d replicas, want %d: %v", d.DesiredReplicas, tc.want, d.Reasons)
			}
			if !slices.Contains(codes(d), tc.reason) {
				t.Errorf("reasons %v lack %s", codes(d), tc.reason)
			}
		})
	}
}

// An init container of 500 m and 4 GiB is more than the 334 m and 460 MiB of the
// container after it: four pods reserve 2 cores and 16 GiB.
func TestInitContainersArePartOfThePod(t *testing.T) {
	t.Parallel()
	s := shop()
	s.InitContainers = []recommender.InitContainer{{Name: "migrate", Requests: recommender.Resources{CPU: 500, Memory: 4096 * mib}}}
	d := decide(s)
	if want := 2*0.03 + 16*0.004; math.Abs(d.Cost.TargetPerHour-want) > 1e-6 {
		t.Errorf("cost %g, want %g", d.Cost.TargetPerHour, want)
	}
}

// A node of 4 cores and 8 GiB costs 4·0.03 + 8·0.004 = 0.152 an hour. Four pods
// of 334 m take max(1.336/4, 1.8/8) = 0.334 of it.
func TestDominantShareIsThePriceOfANode(t *testing.T) {
	t.Parallel()
	s := shop()
	s.Policy.Prices.DominantShare = true
	s.Nodes = []recommender.NodeShape{{Name: "m", Allocatable: recommender.Resources{CPU: 4000, Memory: 8192 * mib}}}
	d := decide(s)
	cores := 4 * d.Containers[0].Target.CPU.Cores()
	if want := cores / 4 * 0.152; math.Abs(d.Cost.TargetPerHour-want) > 1e-6 {
		t.Errorf("cost %g, want %g", d.Cost.TargetPerHour, want)
	}
}
