package simulator_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// replicas asks for n pods from the start on, and shows what is seen.
func replicas(n int, look func(at time.Duration, o simulator.Observation)) simulator.Policy {
	return script(func(at time.Duration, o simulator.Observation) simulator.Action {
		if look != nil {
			look(at, o)
		}
		a := o.Keep()
		a.Replicas = n
		return a
	})
}

// TestImagePull: the second pod goes to the empty node, which takes 20 s to
// fetch the image before it starts for 10 s; the third to the first node, which
// has it.
func TestImagePull(t *testing.T) {
	t.Parallel()
	sc := usageScenario([]float64{1, 1}, nil, 1)
	sc.Service.Usage.Startup = 10 * time.Second
	sc.Cluster.Nodes, sc.Cluster.Node.CPU, sc.Cluster.ImagePull = 2, 4000, 20*time.Second
	var last simulator.Observation
	run(t, sc, replicas(3, func(_ time.Duration, o simulator.Observation) {
		last = o
		last.Pods = slices.Clone(o.Pods)
	}))
	for i, want := range []time.Duration{0, 30 * time.Second, 10 * time.Second} {
		if got := last.Pods[i].ReadyChanged.Sub(time.Unix(0, 0)); got != want {
			t.Errorf("pod %d ready at %v, want %v", i, got, want)
		}
	}
}

// TestMetricsQuality: delay, failed scrapes and outages, in what a policy sees
// of a demand that is a core more in each step.
func TestMetricsQuality(t *testing.T) {
	t.Parallel()
	ramp := func() simulator.Scenario {
		sc := usageScenario(nil, nil, 10)
		sc.Duration = 10 * time.Minute
		for i := range 40 {
			sc.Demand.Offsets = append(sc.Demand.Offsets, 15*float64(i))
			sc.Demand.Rate = append(sc.Demand.Rate, float64(i)/10)
		}
		sc.Demand.End = 600
		return sc
	}
	seen := func(q simulator.MetricsQuality) map[time.Duration]simulator.Observation {
		sc := ramp()
		sc.Metrics = q
		out := map[time.Duration]simulator.Observation{}
		run(t, sc, replicas(10, func(at time.Duration, o simulator.Observation) {
			o.Pods = slices.Clone(o.Pods)
			out[at] = o
		}))
		return out
	}
	plain := seen(simulator.MetricsQuality{})
	late := seen(simulator.MetricsQuality{Delay: 30 * time.Second})
	for at := time.Minute; at < 10*time.Minute; at += 15 * time.Second {
		exactly(t, "CPU at once", plain[at].CPUCores, float64(at/(15*time.Second)-1)/10)
		exactly(t, "CPU late", late[at].CPUCores, float64(at/(15*time.Second)-3)/10)
		if got, want := late[at].MetricsAt, plain[at].MetricsAt.Add(-30*time.Second); !got.Equal(want) {
			t.Errorf("metrics at %v, want %v", got, want)
		}
	}
	out := seen(simulator.MetricsQuality{Outages: []simulator.Outage{{At: 2 * time.Minute, For: time.Minute}}})
	for at, o := range out {
		dark := at >= 2*time.Minute && at < 3*time.Minute
		if o.MetricsAt.IsZero() != dark && at > 0 || o.Pods[0].HasMetrics == dark && at > 0 || o.Ready != 10 {
			t.Errorf("at %v: metrics of %v, pod %v, %d ready", at, o.MetricsAt, o.Pods[0].HasMetrics, o.Ready)
		}
	}
	gone, all := 0, 0
	for at, o := range seen(simulator.MetricsQuality{MissingRatio: 0.3}) {
		sum := 0.0
		for _, p := range o.Pods {
			all++
			sum += p.CPUCores
			if !p.HasMetrics {
				gone++
			}
		}
		if at > 0 {
			exactly(t, "sum of what is there", o.CPUCores, sum)
		}
	}
	if share := float64(gone) / float64(all); math.Abs(share-0.3) > 0.07 { // 400 scrapes: ± 2.3 %.
		t.Errorf("%v of the scrapes fail, want 0.3", share)
	}
}

// TestPodsFail: one of two containers crashes at 30 s, loses its requests,
// which never end, and is ready again after 20 s and a start of 10 s.
func TestPodsFail(t *testing.T) {
	t.Parallel()
	sc := httpScenario(0, 2, 2*time.Minute)
	sc.Demand.Arrivals = []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
	sc.Service.HTTP.CPUSecondsPerRequest, sc.Service.HTTP.CPUCV = 1e6, 0
	sc.Service.HTTP.Startup = 10 * time.Second
	sc.Failures = []simulator.Failure{{At: 30 * time.Second, For: 20 * time.Second, Pods: 1}}
	readyAt := map[time.Duration]int{}
	s := run(t, sc, replicas(2, func(at time.Duration, o simulator.Observation) { readyAt[at] = o.Ready }))
	for at, want := range map[time.Duration]int{15 * time.Second: 2, 30 * time.Second: 1, 45 * time.Second: 1, 60 * time.Second: 2} {
		if readyAt[at] != want {
			t.Errorf("%d ready at %v, want %d", readyAt[at], at, want)
		}
	}
	if s.Restarts != 1 || s.OOMKills != 0 || *s.DroppedRequests == 0 || *s.DroppedRequests == 10 {
		t.Errorf("%d restarts, %d kills, %d dropped; want 1, 0 and some", s.Restarts, s.OOMKills, *s.DroppedRequests)
	}
	exactly(t, "core hours", s.CPUCoreHours, 2*120.0/3600)
}

// TestNodesFail: the node of two pods is lost at 30 s. The pods that replace
// them fit nowhere until it is back at 90 s, and start for 10 s.
func TestNodesFail(t *testing.T) {
	t.Parallel()
	sc := usageScenario([]float64{2, 2, 2}, nil, 2)
	sc.Service.Usage.Startup = 10 * time.Second
	sc.Cluster.Nodes, sc.Cluster.Node.CPU, sc.Cluster.NodeProvisioning = 1, 2000, time.Hour
	sc.Failures = []simulator.Failure{{At: 30 * time.Second, For: time.Minute, Nodes: 3}}
	s := run(t, sc, simulator.Static())
	exactly(t, "lost share", *s.SLOViolatedRequestRatio, 70.0/180)
	exactly(t, "pending seconds", s.PendingPodSeconds, 2*60)
	exactly(t, "core hours", s.CPUCoreHours, 2*180.0/3600)
}

// TestDeploy: from the second of three minutes on a request costs twice the
// CPU, and each pod twice the memory, however requests are simulated.
func TestDeploy(t *testing.T) {
	t.Parallel()
	for how, every := range bothWays() {
		sc := httpScenario(200, 10, 30*time.Minute)
		sc.Service.HTTP.EveryRequest = every
		sc.Service.HTTP.BaseMemory = 100 * recommender.MiB
		sc.Deploys = []simulator.Deploy{{At: 10 * time.Minute, CPUFactor: 2, MemoryFactor: 3}}
		var cores, bytes [2]float64
		run(t, sc, replicas(10, func(at time.Duration, o simulator.Observation) {
			if at > 0 {
				i := int(min(1, (at-time.Second)/(10*time.Minute)))
				cores[i] += o.CPUCores / []float64{40, 79}[i]
				bytes[i] = o.MemoryBytes
			}
		}))
		near(t, "CPU before"+how, cores[0], 2, 0.03)
		near(t, "CPU after"+how, cores[1], 4, 0.03)
		exactly(t, "memory before"+how, bytes[0], 100*float64(recommender.MiB))
		exactly(t, "memory after"+how, bytes[1], 300*float64(recommender.MiB))
	}
}

// TestLeak: half a GiB is left, and a GiB an hour leaks: killed at 30 min, and
// half an hour after each of the next starts, as steps of 15 s see it.
func TestLeak(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(*simulator.Scenario){
		"http": func(sc *simulator.Scenario) { sc.Service.HTTP.BaseMemory = 512 * recommender.MiB },
		"http by formulas": func(sc *simulator.Scenario) {
			sc.Service.HTTP.BaseMemory = 512 * recommender.MiB
			sc.Demand.Rate[0] = 20
		},
		"queue": func(sc *simulator.Scenario) {
			sc.Service = simulator.Service{Queue: &simulator.QueueService{CPUSecondsPerItem: 1, WorkersPerPod: 1, BaseMemory: 512 * recommender.MiB}}
			sc.Objective = simulator.Objective{WaitSeconds: 1, Percentile: 0.95}
		},
		"usage": func(sc *simulator.Scenario) {
			sc.Service, sc.Objective = simulator.Service{Usage: &simulator.UsageService{}}, simulator.Objective{}
			sc.Demand.Memory = []float64{512 * float64(recommender.MiB)}
		},
	}
	for name, change := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := httpScenario(0.1, 1, 2*time.Hour)
			change(&sc)
			sc.Initial.Limits.Memory = recommender.GiB
			sc.Memory.GrowthPerHour = float64(recommender.GiB)
			s := run(t, sc, simulator.Static())
			if s.OOMKills != 3 {
				t.Errorf("%d kills, want 3", s.OOMKills)
			}
			near(t, "mean memory", 1-*s.MemorySlackRatio, 0.75, 0.02)
		})
	}
}

// TestPageCache: files fill what the limit leaves, which is measured and kills
// nobody.
func TestPageCache(t *testing.T) {
	t.Parallel()
	sc := httpScenario(0, 1, 5*time.Minute)
	sc.Warmup = 2 * time.Hour
	sc.Service.HTTP.BaseMemory = 256 * recommender.MiB
	for limit, want := range map[recommender.Bytes]float64{0: 1256, 1200 * recommender.MiB: 1200, 2 * recommender.GiB: 1256} {
		sc.Initial.Limits.Memory = limit
		sc.Memory.PageCache = 1000 * float64(recommender.MiB)
		var seen []float64
		s := run(t, sc, replicas(1, func(_ time.Duration, o simulator.Observation) {
			seen = append(seen, o.MemoryBytes/float64(recommender.MiB))
		}))
		exactly(t, "first", seen[0], want)
		exactly(t, "last", seen[len(seen)-1], want)
		if s.OOMKills != 0 {
			t.Errorf("%d kills", s.OOMKills)
		}
	}
}

// TestInfeasibleResize: no node holds what is asked for.
func TestInfeasibleResize(t *testing.T) {
	t.Parallel()
	sc := usageScenario([]float64{1, 1}, nil, 1)
	sc.Cluster.Node.CPU = 4000
	var states []simulator.ResizeState
	s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		if at == 0 {
			a.ResizeTo(o, amount(5000, recommender.GiB))
		}
		states = append(states, o.Pods[0].Resize)
		return a
	}))
	if states[0] != simulator.ResizeNone || states[1] != simulator.ResizeInfeasible || s.Resizes != 0 {
		t.Errorf("states %v and %d resizes", states, s.Resizes)
	}
}

// TestQuota: four cores allow four pods of one of the six that are asked for,
// then two of two, and a pod of three beside one of one; never one more.
func TestQuota(t *testing.T) {
	t.Parallel()
	sc := usageScenario([]float64{1, 1, 1, 1}, nil, 1)
	sc.Cluster.Quota.CPU = 4000
	counts := map[time.Duration][2]int{}
	run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		counts[at] = [2]int{o.Desired, len(o.Pods)}
		switch at {
		case 0:
			a.Replicas = 6
		case time.Minute:
			a.ResizeTo(o, amount(2000, recommender.GiB)) // Refused: all is taken.
		case 2 * time.Minute:
			a.Replicas = 2
		case 150 * time.Second:
			a.ResizeTo(o, amount(2000, recommender.GiB)) // Both fit.
		case 3 * time.Minute:
			a.Replicas = 3
			counts[-1] = [2]int{int(o.Pods[0].Requests.CPU), int(o.Pods[1].Requests.CPU)}
		}
		return a
	}))
	want := map[time.Duration][2]int{15 * time.Second: {6, 4}, 75 * time.Second: {6, 4}, 195 * time.Second: {3, 2}, -1: {2000, 2000}}
	for at, w := range want {
		if counts[at] != w {
			t.Errorf("at %v: %v, want %v", at, counts[at], w)
		}
	}
}

// TestRetries follows two requests of two seconds each on one core.
func TestRetries(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change          func(*simulator.HTTPService)
		served, dropped uint64
		longest, cores  float64
	}{
		"patient": {func(*simulator.HTTPService) {}, 2, 0, 4, 4},
		// The second gives up at 13, when the pod is in the middle of it.
		"timeout": {func(s *simulator.HTTPService) { s.Timeout = 3 * time.Second }, 1, 1, 2, 4},
		// It asks again at 13, is worked on from 14 to 16, and has been in time.
		"retry": {func(s *simulator.HTTPService) { s.Timeout, s.Retries = 3*time.Second, 1 }, 2, 0, 6, 6},
		// Attempts at 10, 12.5 and 15 end at 14, 16 and 18: none within 2.5 s.
		"storm": {func(s *simulator.HTTPService) { s.Timeout, s.Retries = 2500*time.Millisecond, 2 }, 1, 1, 2, 8},
		// Turned away at 10, it asks again at 12.5.
		"turned away": {func(s *simulator.HTTPService) {
			s.ConcurrencyPerPod, s.Retries, s.RetryDelay = 1, 1, 2500*time.Millisecond
		}, 2, 0, 4.5, 4},
		"turned away for good": {func(s *simulator.HTTPService) {
			s.ConcurrencyPerPod, s.Retries, s.RetryDelay = 1, 1, time.Second
		}, 1, 1, 2, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := httpScenario(0, 1, time.Minute)
			sc.Demand.Arrivals = []float64{10, 10}
			sc.Service.HTTP.CPUSecondsPerRequest, sc.Service.HTTP.CPUCV = 2, 0
			sc.Objective.LatencySeconds = 5
			tc.change(sc.Service.HTTP)
			s := run(t, sc, simulator.Static())
			if *s.ServedRequests != tc.served || *s.DroppedRequests != tc.dropped {
				t.Errorf("%d served and %d dropped, want %d and %d", *s.ServedRequests, *s.DroppedRequests, tc.served, tc.dropped)
			}
			near(t, "longest", *s.LatencyP99Seconds, tc.longest, 0.01)
			exactly(t, "CPU", (1-*s.CPUSlackRatio)*60, tc.cores)
			violated := float64(tc.dropped)
			if tc.longest > 5 {
				violated++
			}
			exactly(t, "violated", *s.SLOViolatedRequestRatio*2, violated)
		})
	}
}

// TestRetryStorm: at 80 % of what a pod can do, half a minute of twice as much
// starts a storm of retries that feeds on itself; without retries it is over as
// soon as the queue has been worked off.
func TestRetryStorm(t *testing.T) {
	t.Parallel()
	late := map[int]float64{}
	for _, n := range []int{0, 5} {
		sc := httpScenario(80, 1, 20*time.Minute)
		sc.Service.HTTP.ConcurrencyPerPod = 1000
		sc.Service.HTTP.Timeout, sc.Service.HTTP.Retries = time.Second, n
		sc.Demand.Offsets, sc.Demand.Rate = []float64{0, 120, 150}, []float64{80, 200, 80}
		late[n] = *run(t, sc, simulator.Static()).SLOViolatedRequestRatio
	}
	if late[0] > 0.3 || late[5] < 0.5 {
		t.Errorf("late without retries %v, with %v", late[0], late[5])
	}
}

// TestDisturbedRunsRepeat: the same bytes, whatever happens in them.
func TestDisturbedRunsRepeat(t *testing.T) {
	t.Parallel()
	for kind := range uint8(4) {
		sc := disturbed(5, kind, 20, 0xffff)
		p := simulator.Rightsize(simulator.RightsizeOptions{})
		first := run(t, sc, p)
		if diff := cmp.Diff(first, run(t, sc, p)); diff != "" {
			t.Error(diff)
		}
		if n := first.ServedRequests; n != nil && *n == 0 {
			t.Errorf("kind %d serves nothing", kind)
		}
	}
}

// TestDisturbancesAreNotForeseen: what breaks, is deployed or goes dark after
// an instant changes nothing that rightsize sees or does before, and the
// set-up does not tell.
func TestDisturbancesAreNotForeseen(t *testing.T) {
	t.Parallel()
	sc := dailyScenario()
	sc.Duration = 5 * time.Hour
	sc.Metrics = simulator.MetricsQuality{Delay: 30 * time.Second, MissingRatio: 0.05}
	until := sc.Start().Add(2 * time.Hour)
	p := simulator.Rightsize(simulator.RightsizeOptions{})
	want := watched(t, sc, p, until)
	at := 2 * time.Hour
	sc.Failures = []simulator.Failure{{At: at, Pods: 2}, {At: at, Nodes: 1}}
	sc.Deploys = []simulator.Deploy{{At: at, CPUFactor: 2, MemoryFactor: 2}}
	sc.Metrics.Outages = []simulator.Outage{{At: at, For: time.Hour}}
	got := watched(t, sc, p, until)
	if diff := cmp.Diff(want.observations, got.observations); diff != "" {
		t.Errorf("observations differ:\n%.2000s", diff)
	}
	if diff := cmp.Diff(want.actions, got.actions); diff != "" || len(want.actions) == 0 {
		t.Errorf("actions differ:\n%.2000s", diff)
	}
	var setup simulator.Setup
	run(t, sc, simulator.Policy{Name: "look", New: func(s simulator.Setup) (simulator.Decider, error) {
		setup = s
		return simulator.Static().New(s)
	}})
	told := setup.Scenario
	if told.Failures != nil || told.Deploys != nil || told.Metrics.Outages != nil {
		t.Error("a policy is told what will happen")
	}
}
