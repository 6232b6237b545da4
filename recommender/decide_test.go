package recommender_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/recommender"
)

const mib = recommender.MiB

// expects is a forecast whose every row runs linearly from the median to the
// 0.99 quantile given.
func expects(median, q99 float64) forecaster.Forecast {
	levels := forecaster.DefaultLevels()
	row := make([]float64, len(levels))
	for i, p := range levels {
		row[i] = max(0, median+(q99-median)*(p-0.5)/0.49)
	}
	return forecaster.Forecast{
		Horizons: []time.Duration{5 * time.Minute, 24 * time.Hour}, Levels: levels,
		Point: [][]float64{row, row}, Max: [][]float64{row, row},
		Span: 14 * 24 * time.Hour, Confidence: 1, Coverage95: 0.95,
	}
}

func usage(last, peak float64, f forecaster.Forecast) recommender.Usage {
	return recommender.Usage{Samples: 4032, Last: last, Recent: last, Peak: peak, Mean: last, Forecast: f}
}

// shop is a Deployment of four pods of one core and 1 GiB that uses one core
// in all, and stays below 1.2 cores with probability 0.95.
func shop() recommender.Snapshot {
	q99 := 1 + 0.2*0.49/0.45
	return recommender.Snapshot{
		APIVersion: recommender.APIVersion, Kind: recommender.SnapshotKind,
		Now:      time.Date(2026, 3, 2, 8, 55, 0, 0, time.UTC),
		Workload: recommender.Workload{Namespace: "web", Kind: "Deployment", Name: "shop"},
		Policy: recommender.Policy{
			Prices:     recommender.Prices{CPUCoreHour: 0.03, MemoryGiBHour: 0.004},
			Horizontal: recommender.HorizontalPolicy{Fixed: true},
			Vertical:   recommender.VerticalPolicy{CPUUtilization: 1},
		},
		Replicas: recommender.Replicas{Desired: 4, Ready: 4, StartupSeconds: 30},
		Containers: []recommender.Container{{
			Name: "app", Requests: recommender.Resources{CPU: 1000, Memory: 1024 * mib},
			CPU:    usage(1, 1.1, expects(1, q99)),
			Memory: usage(float64(300*mib), float64(400*mib), expects(float64(300*mib), float64(380*mib))),
		}},
	}
}

// withDemand adds requests of 20 ms each, on top of 50 milli-CPU a pod.
func withDemand(s recommender.Snapshot, median, q99 float64) recommender.Snapshot {
	s.Policy.Horizontal = recommender.HorizontalPolicy{Min: 2, Max: 20}
	s.Demand = &recommender.Demand{
		Signal: "http_requests", Unit: "requests/s", Usage: usage(median, q99, expects(median, q99)),
		Relation: recommender.Relation{PerReplica: 0.05, PerUnit: 0.02, R2: 0.9, Samples: 200, Valid: true},
	}
	return s
}

func decide(s recommender.Snapshot) recommender.Decision {
	var r recommender.Recommender
	return r.Decide(s)
}

func codes(d recommender.Decision) []recommender.ReasonCode {
	var out []recommender.ReasonCode
	for _, r := range d.Reasons {
		out = append(out, r.Code)
	}
	return out
}

func TestDecide(t *testing.T) {
	t.Parallel()
	type want struct {
		action   recommender.Action
		replicas int
		target   recommender.Resources
		reason   recommender.ReasonCode
	}
	cases := map[string]struct {
		change func(*recommender.Snapshot)
		want   want
	}{
		"sized to the 0.95 quantile of its usage, memory to its peak and 15 %": {
			change: func(*recommender.Snapshot) {},
			// One pod of four may go: 1 core over 3 pods is more than 1.2 over 4.
			want: want{recommender.ActionResize, 4, recommender.Resources{CPU: 334, Memory: 460 * mib}, recommender.ReasonForecast},
		},
		"a single pod carries it all": {
			change: func(s *recommender.Snapshot) { s.Replicas.Desired, s.Replicas.Ready = 1, 1 },
			want:   want{recommender.ActionResize, 1, recommender.Resources{CPU: 1200, Memory: 460 * mib}, recommender.ReasonForecast},
		},
		"what is used now counts where it is more than was forecast": {
			change: func(s *recommender.Snapshot) {
				s.Replicas.Desired, s.Replicas.Ready = 1, 1
				s.Containers[0].CPU.Last = 2
			},
			want: want{recommender.ActionResize, 1, recommender.Resources{CPU: 2000, Memory: 460 * mib}, recommender.ReasonReactiveFloor},
		},
		"uneven pods need the size of the largest": {
			change: func(s *recommender.Snapshot) { s.Containers[0].CPU.Imbalance = 2 },
			want:   want{recommender.ActionResize, 4, recommender.Resources{CPU: 600, Memory: 460 * mib}, recommender.ReasonForecast},
		},
		"throttled usage is a lower bound of demand": {
			change: func(s *recommender.Snapshot) {
				s.Containers[0].Limits.CPU = 400
				s.Containers[0].Requests.CPU = 400
				s.Containers[0].ThrottledRatio = 0.5
			},
			want: want{recommender.ActionResize, 4, recommender.Resources{CPU: 600, Memory: 460 * mib}, recommender.ReasonThrottled},
		},
		// Pods that waited for a node let the others be throttled for a while longer.
		"throttling has been answered by a change an hour ago": {
			change: func(s *recommender.Snapshot) {
				s.Containers[0].Limits.CPU = 400
				s.Containers[0].Requests.CPU = 400
				s.Containers[0].ThrottledRatio = 0.25
				s.State.LastChange = s.Now.Add(-65 * time.Minute)
			},
			want: want{recommender.ActionResize, 4, recommender.Resources{CPU: 334, Memory: 460 * mib}, recommender.ReasonForecast},
		},
		"a leak gets a week's growth at most": {
			change: func(s *recommender.Snapshot) {
				s.Containers[0].Memory.TrendPerDay = float64(40 * mib)
				s.Policy.HoldSeconds = 30 * 24 * 3600
			},
			want: want{recommender.ActionResize, 4, recommender.Resources{CPU: 334, Memory: 740 * mib}, recommender.ReasonMemoryTrend},
		},
		"killed for want of memory at its limit": {
			change: func(s *recommender.Snapshot) {
				c := &s.Containers[0]
				c.Limits.Memory, c.Requests.Memory = 410*mib, 410*mib
				c.OOMKills, c.LastOOMKill = 2, s.Now.Add(-24*time.Hour)
			},
			want: want{recommender.ActionResize, 4, recommender.Resources{CPU: 334, Memory: 510 * mib}, recommender.ReasonOOMKilled},
		},
		"a kill of two weeks ago is forgotten": {
			change: func(s *recommender.Snapshot) {
				s.Containers[0].OOMKills, s.Containers[0].LastOOMKill = 2, s.Now.Add(-14*24*time.Hour)
			},
			want: want{recommender.ActionResize, 4, recommender.Resources{CPU: 334, Memory: 460 * mib}, recommender.ReasonMemoryPeak},
		},
		"stale data lowers nothing": {
			change: func(s *recommender.Snapshot) { s.Containers[0].CPU.AgeSeconds = 3600 },
			want:   want{recommender.ActionHold, 4, recommender.Resources{CPU: 1000, Memory: 1024 * mib}, recommender.ReasonUnsafeData},
		},
		"partial data lowers nothing but raises": {
			change: func(s *recommender.Snapshot) {
				s.Facts = []recommender.Fact{{Code: recommender.FactPartial, Message: "one store did not answer"}}
				s.Containers[0].Requests.CPU = 100
			},
			want: want{recommender.ActionResize, 4, recommender.Resources{CPU: 334, Memory: 1024 * mib}, recommender.ReasonUnsafeData},
		},
		"two hours of history lower nothing": {
			change: func(s *recommender.Snapshot) { s.Containers[0].CPU.Forecast.Span = 2 * time.Hour },
			want:   want{recommender.ActionHold, 4, recommender.Resources{CPU: 1000, Memory: 1024 * mib}, recommender.ReasonLowTrust},
		},
		"a rollout lowers nothing": {
			change: func(s *recommender.Snapshot) { s.Replicas.Rollout = true },
			want:   want{recommender.ActionHold, 4, recommender.Resources{CPU: 1000, Memory: 1024 * mib}, recommender.ReasonRollout},
		},
		"small changes are not made": {
			change: func(s *recommender.Snapshot) {
				s.Containers[0].Requests = recommender.Resources{CPU: 340, Memory: 470 * mib}
			},
			want: want{recommender.ActionHold, 4, recommender.Resources{CPU: 340, Memory: 470 * mib}, recommender.ReasonWithinTolerance},
		},
		"the owner's bounds win": {
			change: func(s *recommender.Snapshot) {
				s.Policy.Vertical.MinAllowed = recommender.Resources{CPU: 500, Memory: 512 * mib}
			},
			want: want{recommender.ActionResize, 4, recommender.Resources{CPU: 500, Memory: 512 * mib}, recommender.ReasonBounded},
		},
		"nothing within the bounds is enough": {
			change: func(s *recommender.Snapshot) {
				s.Policy.Vertical.MaxAllowed = recommender.Resources{CPU: 200, Memory: 2048 * mib}
			},
			want: want{recommender.ActionResize, 4, recommender.Resources{CPU: 200, Memory: 460 * mib}, recommender.ReasonShort},
		},
		"no usage at all": {
			change: func(s *recommender.Snapshot) { s.Containers[0].CPU = recommender.Usage{} },
			want:   want{recommender.ActionNone, 4, recommender.Resources{CPU: 1000, Memory: 1024 * mib}, recommender.ReasonNoData},
		},
		"a batch run is sized by its runs": {
			change: func(s *recommender.Snapshot) {
				s.Workload.Kind = "CronJob"
				s.Replicas.Desired, s.Replicas.Ready = 0, 0
				s.Containers[0].CPU.PodP95 = 1.5
			},
			want: want{recommender.ActionResize, 0, recommender.Resources{CPU: 1500, Memory: 460 * mib}, recommender.ReasonPerRun},
		},
		"GPU pods keep their number": {
			change: func(s *recommender.Snapshot) {
				*s = withDemand(*s, 45, 60)
				s.Containers[0].GPUs = 1
			},
			// 45 requests/s and 50 milli-CPU of its own on three of four pods.
			want: want{recommender.ActionResize, 4, recommender.Resources{CPU: 350, Memory: 460 * mib}, recommender.ReasonHorizontalFixed},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			tc.change(&s)
			d := decide(s)
			if d.Action != tc.want.action || d.DesiredReplicas != tc.want.replicas {
				t.Errorf("%s to %d replicas, want %s to %d", d.Action, d.DesiredReplicas, tc.want.action, tc.want.replicas)
			}
			got := d.Containers[0].Target
			if math.Abs(float64(got.CPU-tc.want.target.CPU)) > 2 || math.Abs(float64(got.Memory-tc.want.target.Memory)) > float64(mib) {
				t.Errorf("target %+v, want %+v", got, tc.want.target)
			}
			if !slices.Contains(codes(d), tc.want.reason) {
				t.Errorf("reasons %v lack %s", codes(d), tc.want.reason)
			}
			if _, err := json.Marshal(d); err != nil {
				t.Errorf("decision is not JSON: %v", err)
			}
		})
	}
}

// Demand of 100 requests/s of 20 ms needs 2 cores and 50 milli-CPU a pod.
func TestDecideScalesOnDemand(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 45, 100)
	s.Policy.Vertical.MaxAllowed = recommender.Resources{CPU: 500, Memory: 2048 * mib}
	s.Containers[0].Requests.CPU = 500
	d := decide(s)
	// The 0.95 quantile is 95.5 requests/s: 1.91 cores; 0.45 of each pod's half
	// core is left for them, so five pods do.
	if d.DesiredReplicas != 5 {
		t.Errorf("%d replicas, want 5: %v", d.DesiredReplicas, d.Reasons)
	}
	s.Policy.Objective = recommender.Objective{LatencySeconds: 0.2}
	if got := decide(s).DesiredReplicas; got <= 5 {
		t.Errorf("%d replicas under a latency objective, want more than the 5 that are just busy", got)
	}
}

func TestDecideStabilizesScaleDown(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 45, 100)
	s.Policy.Vertical = recommender.VerticalPolicy{Fixed: true, CPUUtilization: 1}
	s.Containers[0].Requests = recommender.Resources{CPU: 500, Memory: 1024 * mib}
	high := decide(s)
	s = withDemand(s, 5, 10)
	s.Policy.Horizontal = recommender.HorizontalPolicy{Min: 2, Max: 20}
	s.State, s.Replicas.Desired, s.Replicas.Ready = high.State, high.DesiredReplicas, high.DesiredReplicas
	s.Now = s.Now.Add(2 * time.Minute)
	held := decide(s)
	if held.DesiredReplicas != high.DesiredReplicas || !slices.Contains(codes(held), recommender.ReasonStabilized) {
		t.Errorf("2 minutes later: %d replicas for %v, want still %d", held.DesiredReplicas, codes(held), high.DesiredReplicas)
	}
	s.State, s.Now = held.State, s.Now.Add(4*time.Minute)
	if low := decide(s); low.DesiredReplicas >= high.DesiredReplicas || len(low.State.Wishes) > 2 {
		t.Errorf("6 minutes later: %d replicas and %d wishes, want fewer", low.DesiredReplicas, len(low.State.Wishes))
	}
}

// The limit policies, on a target of half of the request.
func TestDecideLimits(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		policy         recommender.LimitPolicy
		request, limit recommender.Bytes
		want           recommender.Bytes
	}{
		"ratio":                     {recommender.LimitRatio, 920 * mib, 1840 * mib, 920 * mib},
		"ratio without a limit":     {recommender.LimitRatio, 920 * mib, 0, 0},
		"ratio without a request":   {recommender.LimitRatio, 0, 1840 * mib, 460 * mib},
		"equal":                     {recommender.LimitEqual, 920 * mib, 1840 * mib, 460 * mib},
		"equal where there is none": {recommender.LimitEqual, 920 * mib, 0, 460 * mib},
		"none":                      {recommender.LimitNone, 920 * mib, 1840 * mib, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			s.Policy.Vertical.MemoryLimits = tc.policy
			s.Containers[0].Requests.Memory, s.Containers[0].Limits.Memory = tc.request, tc.limit
			if got := decide(s).Containers[0].TargetLimits.Memory; math.Abs(float64(got-tc.want)) > 16 {
				t.Errorf("limit %d, want %d", got, tc.want)
			}
		})
	}
}

func TestDecideIsAFunctionOfTheSnapshot(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 45, 100)
	s.Policy.Objective = recommender.Objective{LatencySeconds: 0.2}
	wire, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back recommender.Snapshot
	if err := json.Unmarshal(wire, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decide(s), decide(back)); diff != "" {
		t.Errorf("a snapshot that went through JSON decides otherwise (-was +is):\n%s", diff)
	}
}

// FuzzDecide checks what holds for any snapshot: finite JSON, targets within
// the bounds and between LowerBound and UpperBound, and nothing lowered on
// unsafe data.
func FuzzDecide(f *testing.F) {
	f.Add(1.0, 1.2, 3e8, 0.05, 0.02, 100.0, int64(1000), int64(1<<30), uint8(0))
	f.Add(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, int64(0), int64(0), uint8(255))
	f.Add(1e9, 1e300, 1e18, 10.0, 1e-9, 1e12, int64(math.MaxInt64), int64(math.MaxInt64), uint8(3))
	f.Fuzz(func(t *testing.T, cpu, cpu99, memory, a, b, rate float64, reqCPU, reqMem int64, flags uint8) {
		for _, x := range []float64{cpu, cpu99, memory, a, b, rate} {
			if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
				t.Skip("the forecaster and the collector let no such number through")
			}
		}
		s := shop()
		if flags&1 != 0 {
			s = withDemand(s, rate/2, rate)
			s.Demand.Relation.PerReplica, s.Demand.Relation.PerUnit = a, b
		}
		if flags&2 != 0 {
			s.Policy.Objective = recommender.Objective{LatencySeconds: 0.2}
		}
		unsafe := flags&4 != 0
		if unsafe {
			s.Facts = []recommender.Fact{{Code: recommender.FactPartial, Message: "part"}}
		}
		if flags&8 != 0 {
			s.Policy.Vertical.MaxAllowed = recommender.Resources{CPU: 4000, Memory: 4096 * mib}
		}
		c := &s.Containers[0]
		c.Requests = recommender.Resources{CPU: recommender.MilliCPU(max(0, reqCPU)), Memory: recommender.Bytes(max(0, reqMem))}
		c.CPU = usage(cpu, cpu, expects(min(cpu, cpu99), max(cpu, cpu99)))
		c.Memory = usage(memory, memory, expects(memory, memory))
		d := decide(s)
		if _, err := json.Marshal(d); err != nil {
			t.Fatalf("decision is not JSON: %v", err)
		}
		got := d.Containers[0]
		if got.Target.CPU < 0 || got.Target.Memory < 0 || got.LowerBound.CPU > got.Target.CPU || got.UpperBound.CPU < got.Target.CPU ||
			got.LowerBound.Memory > got.Target.Memory || got.UpperBound.Memory < got.Target.Memory {
			t.Errorf("target out of order: %+v", got)
		}
		if unsafe && (got.Target.CPU < c.Requests.CPU || got.Target.Memory < c.Requests.Memory || d.DesiredReplicas < s.Replicas.Desired) {
			t.Errorf("lowered on partial data: %+v", got)
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	plain := shop()
	queue := withDemand(shop(), 45, 100)
	queue.Policy.Objective = recommender.Objective{LatencySeconds: 0.2}
	for name, s := range map[string]recommender.Snapshot{"usage": plain, "queue": queue, "constrained": constrained()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				decide(s)
			}
		})
	}
}

// constrained is a pod of five containers of which up to 60 are tried, under
// quotas, a LimitRange, six node shapes and sizes in steps.
func constrained() recommender.Snapshot {
	s := withDemand(shop(), 45, 100)
	s.Policy.Horizontal.Max = 60
	s.Policy.Vertical.InPlace = true
	c := s.Containers[0]
	for i := range 4 {
		c.Name = string(rune('a' + i))
		c.CPU = usage(0.1, 0.1, expects(0.1, 0.12))
		s.Containers = append(s.Containers, c)
	}
	s.Quotas = append(quota("cpu", recommender.QuotaRequestsCPU, 40000, 30000), quota("memory", recommender.QuotaRequestsMemory, 1<<36, 1<<35)...)
	s.LimitRanges = []recommender.LimitRange{{Name: "l", Type: recommender.LimitRangeContainer, Max: recommender.Resources{CPU: 4000}}}
	for i := range 6 {
		s.Nodes = append(s.Nodes, recommender.NodeShape{
			Name: "n", Allocatable: recommender.Resources{CPU: recommender.MilliCPU(1000 << i), Memory: 4096 * mib << i},
		})
	}
	s.Policy.Vertical.Containers = []recommender.ContainerPolicy{{Name: "*", CPUStep: 50, MemoryStep: 16 * mib}}
	return s
}

// TestDecideAlternatives: a quarter of the risk costs more, four times of it
// less, and both are in order.
func TestDecideAlternatives(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 45, 100)
	s.Replicas.Desired, s.Replicas.Ready = 2, 2
	d := decide(s)
	if len(d.Alternatives) != 2 {
		t.Fatalf("%d alternatives: %+v", len(d.Alternatives), d.Alternatives)
	}
	cheaper, dearer := d.Alternatives[0], d.Alternatives[1]
	if cheaper.Risk != 0.2 || dearer.Risk != 0.01 || cheaper.CostPerHour >= d.Cost.TargetPerHour || dearer.CostPerHour <= d.Cost.TargetPerHour {
		t.Errorf("cost %g; %+v", d.Cost.TargetPerHour, d.Alternatives)
	}
	s.Policy.Risk = 0.01
	if again := decide(s); again.Cost.TargetPerHour != dearer.CostPerHour {
		t.Errorf("%g at a risk of 1 %%, was told %g", again.Cost.TargetPerHour, dearer.CostPerHour)
	}
}
