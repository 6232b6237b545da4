package simulator_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// TestUsageByHand: three minutes of 1, 3 and 1 cores on two pods of one core
// each. In the second minute 1 core of 3 is lost.
func TestUsageByHand(t *testing.T) {
	t.Parallel()
	s := run(t, usageScenario([]float64{1, 3, 1}, nil, 2), simulator.Static())
	exactly(t, "lost share", *s.SLOViolatedRequestRatio, 60.0/300)
	exactly(t, "violation seconds", s.SLOViolationSeconds, 60)
	exactly(t, "core hours", s.CPUCoreHours, 2*180/3600.0)
	exactly(t, "slack", *s.CPUSlackRatio, 1-240.0/360) // Used 1, 2, 1 of 2 cores.
	exactly(t, "throttled", s.ThrottledSeconds, 2*60)
	exactly(t, "cost", *s.Cost, 2*0.05*1+2*0.05*0.1) // 2 cores and 2 GiB for 0.05 h.
	if s.ServedRequests != nil || s.LatencyP95Seconds != nil {
		t.Error("a usage service has no requests")
	}
}

// TestBurstIsBorrowed: with a burst of 1 the same pods may use two cores each,
// so nothing is lost, and what is above the request is paid for, too.
func TestBurstIsBorrowed(t *testing.T) {
	t.Parallel()
	sc := usageScenario([]float64{1, 3, 1}, nil, 2)
	sc.Cluster.Burst = 1
	s := run(t, sc, simulator.Static())
	exactly(t, "lost share", *s.SLOViolatedRequestRatio, 0)
	exactly(t, "core hours", s.CPUCoreHours, 0.1)
	exactly(t, "borrowed core hours", s.CPUBorrowedCoreHours, 1.0/60)
	exactly(t, "cost", *s.Cost, 0.1+1.0/60+0.1*0.1)
}

// TestGapsHold: a gap holds the last value, one at the front the first.
func TestGapsHold(t *testing.T) {
	t.Parallel()
	nan := 0.0
	nan /= nan
	s := run(t, usageScenario([]float64{nan, 2, nan, 1}, nil, 1), simulator.Static())
	// 2, 2, 2, 1 cores on one core: 3 of 7 core-minutes are lost.
	exactly(t, "lost share", *s.SLOViolatedRequestRatio, 3.0/7)
}

// TestScalingCostsFromCreationToRemoval: two more pods are ordered at 60 s and
// removed at 150 s; they take 30 s to start.
func TestScalingCostsFromCreationToRemoval(t *testing.T) {
	t.Parallel()
	sc := usageScenario([]float64{1, 3, 3, 1}, nil, 1)
	sc.Service.Usage.Startup = 30 * time.Second
	s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		switch at {
		case 60 * time.Second:
			a.Replicas = 3
		case 150 * time.Second:
			a.Replicas = 1
		}
		return a
	}))
	exactly(t, "core hours", s.CPUCoreHours, (240+2*90)/3600.0)
	// Lost: 2 cores from 60 to 90 s and again from 150 to 180 s, of 480.
	exactly(t, "lost share", *s.SLOViolatedRequestRatio, 120.0/480)
	exactly(t, "violation seconds", s.SLOViolationSeconds, 120)
	if s.ScaleEvents != 2 || s.Decisions != 16 {
		t.Errorf("%d scale events in %d decisions, want 2 in 16", s.ScaleEvents, s.Decisions)
	}
}

// TestNodesAreProvisioned: one node of four cores holds four pods; the fifth
// and sixth wait 40 s for a node that both fit on.
func TestNodesAreProvisioned(t *testing.T) {
	t.Parallel()
	sc := usageScenario([]float64{6, 6}, nil, 4)
	sc.Cluster.Nodes, sc.Cluster.Node.CPU, sc.Cluster.NodeProvisioning = 1, 4000, 40*time.Second
	s := run(t, sc, script(func(_ time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		a.Replicas = 6
		return a
	}))
	exactly(t, "pending seconds", s.PendingPodSeconds, 2*40)
	exactly(t, "lost share", *s.SLOViolatedRequestRatio, 2*40/(6*120.0))
	exactly(t, "core hours", s.CPUCoreHours, 6*120/3600.0)
}

// TestResizeTakesEffectAfterItsDelay: one core becomes two at 60 s plus 3 s.
func TestResizeTakesEffectAfterItsDelay(t *testing.T) {
	t.Parallel()
	sc := usageScenario([]float64{1, 2, 2}, nil, 1)
	sc.Cluster.ResizeDelay = 3 * time.Second
	s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		if at == 60*time.Second {
			a.ResizeTo(o, amount(2000, recommender.GiB))
		}
		return a
	}))
	exactly(t, "core hours", s.CPUCoreHours, (63+2*117)/3600.0)
	exactly(t, "lost share", *s.SLOViolatedRequestRatio, 3.0/300)
	if s.Resizes != 1 {
		t.Errorf("%d resizes, want 1", s.Resizes)
	}
}

// TestGrowthBeyondTheNodeIsDeferred: two pods of one core on a node of three
// may not both have two; the second gets it when the first is gone.
func TestGrowthBeyondTheNodeIsDeferred(t *testing.T) {
	t.Parallel()
	sc := usageScenario([]float64{1, 1, 1}, nil, 2)
	sc.Cluster.Nodes, sc.Cluster.Node.CPU = 1, 3000
	var states []simulator.ResizeState
	s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		switch at {
		case 0:
			a.ResizeTo(o, amount(2000, recommender.GiB))
		case 60 * time.Second:
			for _, p := range o.Pods {
				states = append(states, p.Resize)
			}
			a.Evict = []int{o.Pods[0].ID} // Its successor of two cores fits nowhere.
		}
		return a
	}))
	if diff := cmp.Diff([]simulator.ResizeState{simulator.ResizeNone, simulator.ResizeDeferred}, states); diff != "" {
		t.Error(diff)
	}
	if s.Resizes != 2 || s.Evictions != 1 {
		t.Errorf("%d resizes and %d evictions, want 2 and 1", s.Resizes, s.Evictions)
	}
	// New nodes come at once here, so nothing waits.
	exactly(t, "pending seconds", s.PendingPodSeconds, 0)
	exactly(t, "core hours", s.CPUCoreHours, (3*60+4*120)/3600.0)
}

// TestLimitsKeepTheirRatio: a limit of 1.5 requests stays one.
func TestLimitsKeepTheirRatio(t *testing.T) {
	t.Parallel()
	sc := usageScenario([]float64{3, 3}, nil, 1)
	sc.Initial.Limits.CPU = 1500
	var got recommender.Resources
	s := run(t, sc, script(func(_ time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		a.ResizeTo(o, amount(2000, 2*recommender.GiB))
		got = o.Pods[0].Limits
		return a
	}))
	if diff := cmp.Diff(recommender.Resources{CPU: 3000}, got); diff != "" {
		t.Error(diff)
	}
	exactly(t, "lost share", *s.SLOViolatedRequestRatio, 0)
	exactly(t, "borrowed", s.CPUBorrowedCoreHours, 120/3600.0)
}

// TestStartupIsSlowerBelowItsCPU: half of the start-up CPU takes twice the
// time, and is used meanwhile.
func TestStartupIsSlowerBelowItsCPU(t *testing.T) {
	t.Parallel()
	sc := httpScenario(0, 0, 2*time.Minute)
	sc.Bounds.MinReplicas = 0
	sc.Service.HTTP.Startup, sc.Service.HTTP.StartupCPU = 20*time.Second, 2000
	var readyAt time.Duration
	s := run(t, sc, script(func(_ time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		a.Replicas = 1
		if o.Ready == 1 && readyAt == 0 {
			readyAt = o.Pods[0].ReadyChanged.Sub(time.Unix(0, 0))
		}
		return a
	}))
	if readyAt != 40*time.Second {
		t.Errorf("ready after %v, want 40s", readyAt)
	}
	exactly(t, "slack", *s.CPUSlackRatio, 1-40.0/120)
}

// TestResizeDuringStartup: a pod that starts at half speed for 10 of its 20
// seconds has 15 left, which it does at full speed.
func TestResizeDuringStartup(t *testing.T) {
	t.Parallel()
	sc := httpScenario(0, 0, 2*time.Minute)
	sc.Bounds.MinReplicas = 0
	sc.Step = 5 * time.Second
	sc.Service.HTTP.Startup, sc.Service.HTTP.StartupCPU = 20*time.Second, 2000
	var readyAt time.Duration
	run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		a.Replicas = 1
		if at == 10*time.Second {
			a.ResizeTo(o, amount(2000, recommender.GiB))
		}
		if o.Ready == 1 {
			readyAt = o.Pods[0].ReadyChanged.Sub(time.Unix(0, 0))
		}
		return a
	}))
	if readyAt != 25*time.Second {
		t.Errorf("ready after %v, want 25s", readyAt)
	}
}

// TestOOMBackOff: memory above the limit from the first minute on. The pod dies
// at once, and again each time it is ready: after 10, 20, 40, … seconds of
// back-off, at most 300, and 5 seconds of start-up each.
func TestOOMBackOff(t *testing.T) {
	t.Parallel()
	gib := float64(recommender.GiB)
	cores, bytes := make([]float64, 30), make([]float64, 30)
	for i := range cores {
		cores[i], bytes[i] = 1, 2*gib
	}
	bytes[0] = gib / 2
	sc := usageScenario(cores, bytes, 1)
	sc.Service.Usage.Startup = 5 * time.Second
	sc.Initial.Limits.Memory = recommender.GiB
	s := run(t, sc, simulator.Static())
	// Killed at 60 s, then 15, 25, 45, 85, 165, 305, 305, 305, 305 s after the
	// last; the next would be at 1920 s, after the end at 1800 s.
	if s.OOMKills != 10 || s.Restarts != 10 {
		t.Errorf("%d kills and %d restarts, want 10", s.OOMKills, s.Restarts)
	}
	exactly(t, "lost share", *s.SLOViolatedRequestRatio, 29.0/30)
	exactly(t, "core hours", s.CPUCoreHours, 0.5) // It keeps existing and costing.
}

// TestOOMBackOffResets: a container that ran for ten minutes begins with 10 s
// again.
func TestOOMBackOffResets(t *testing.T) {
	t.Parallel()
	gib := float64(recommender.GiB)
	cores, bytes := make([]float64, 15), make([]float64, 15)
	for i := range bytes {
		bytes[i] = gib / 2
	}
	bytes[1], bytes[13] = 2*gib, 2*gib
	sc := usageScenario(cores, bytes, 1)
	sc.Initial.Limits.Memory = recommender.GiB
	sc.Service.Usage.Startup = 31 * time.Second
	var ready []time.Duration
	s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		if p := o.Pods[0]; p.Ready && at > 0 {
			if r := p.ReadyChanged.Sub(time.Unix(0, 0)); len(ready) == 0 || ready[len(ready)-1] != r {
				ready = append(ready, r)
			}
		}
		return o.Keep()
	}))
	// Killed at 60 s, ready at 101 s and killed at once, ready at 152 s. Killed
	// at 780 s, ready 41 s later and killed at once, ready 51 s later: without
	// the reset it would have been back at 851 s, when there is memory again.
	want := []time.Duration{0, 152 * time.Second, 872 * time.Second}
	if diff := cmp.Diff(want, ready); diff != "" {
		t.Error(diff)
	}
	if s.OOMKills != 4 {
		t.Errorf("%d kills, want 4", s.OOMKills)
	}
}

// TestOOMCascade: two pods share 1.5 GiB under limits of 1 GiB. When one is
// removed the other is killed.
func TestOOMCascade(t *testing.T) {
	t.Parallel()
	bytes := 1.5 * float64(recommender.GiB)
	sc := usageScenario([]float64{1, 1}, []float64{bytes, bytes}, 2)
	sc.Initial.Limits.Memory = recommender.GiB
	s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		if at == 105*time.Second {
			a.Replicas = 1
		}
		return a
	}))
	if s.OOMKills != 2 { // At 105 s, and at 115 s as soon as it is back.
		t.Errorf("%d kills, want 2", s.OOMKills)
	}
}

// TestOOMDropsRequests: a pod that may hold two requests in its memory dies of
// the third, which never ends here.
func TestOOMDropsRequests(t *testing.T) {
	t.Parallel()
	sc := httpScenario(0, 1, time.Minute)
	sc.Demand.Arrivals = []float64{1, 2, 3, 4}
	h := sc.Service.HTTP
	h.CPUSecondsPerRequest, h.CPUCV = 1000, 0
	h.BaseMemory, h.MemoryPerConcurrentRequest = 512*recommender.MiB, 256*recommender.MiB
	sc.Initial.Limits.Memory = recommender.GiB
	s := run(t, sc, simulator.Static())
	// Three in flight are dropped at 3 s, and the fourth finds no ready pod.
	if s.OOMKills != 1 || *s.DroppedRequests != 4 || *s.ServedRequests != 0 {
		t.Errorf("%d kills, %d dropped, %d served; want 1, 4, 0", s.OOMKills, *s.DroppedRequests, *s.ServedRequests)
	}
	exactly(t, "violated share", *s.SLOViolatedRequestRatio, 1)
}

// TestRemovedPodsFinish: requests in a pod that is removed are served.
func TestRemovedPodsFinish(t *testing.T) {
	t.Parallel()
	sc := httpScenario(0, 2, time.Minute)
	sc.Bounds.MinReplicas = 0
	for range 20 {
		sc.Demand.Arrivals = append(sc.Demand.Arrivals, 14)
	}
	sc.Service.HTTP.CPUSecondsPerRequest, sc.Service.HTTP.CPUCV = 1, 0
	s := run(t, sc, script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		if at >= 15*time.Second {
			a.Replicas = 0
		}
		return a
	}))
	if *s.ServedRequests != 20 || *s.DroppedRequests != 0 {
		t.Errorf("%d served and %d dropped, want 20 and 0", *s.ServedRequests, *s.DroppedRequests)
	}
	exactly(t, "core hours", s.CPUCoreHours, 2*15/3600.0)
}

// TestViolationWindows: three requests a minute of which one is late (33 %) are
// over a percentile of 0.7 but not of 0.6. Empty minutes are fine.
func TestViolationWindows(t *testing.T) {
	t.Parallel()
	sc := httpScenario(0, 1, 5*time.Minute)
	// The second of a pair waits for the first.
	sc.Demand.Arrivals = []float64{1, 1, 30, 61, 61, 90, 181, 200}
	sc.Service.HTTP.CPUSecondsPerRequest, sc.Service.HTTP.CPUCV = 0.1, 0
	sc.Objective.LatencySeconds = 0.15
	for percentile, want := range map[float64]float64{0.7: 120, 0.6: 0} {
		sc.Objective.Percentile = percentile
		exactly(t, "violation seconds", run(t, sc, simulator.Static()).SLOViolationSeconds, want)
	}
}

// TestSeries: state and demand at the start of each minute; asking for it
// changes nothing else.
func TestSeries(t *testing.T) {
	t.Parallel()
	sc := usageScenario([]float64{1, 2, 3}, nil, 1)
	sc.Service.Usage.Startup = 30 * time.Second
	p := script(func(at time.Duration, o simulator.Observation) simulator.Action {
		a := o.Keep()
		a.Replicas = 1 + int(at/time.Minute)
		return a
	})
	r, err := simulator.Run(sc, p, simulator.Options{Series: true})
	if err != nil {
		t.Fatal(err)
	}
	want := &simulator.ScoreSeries{
		StepSeconds: 60, Replicas: []int{1, 2, 3}, ReadyReplicas: []int{1, 1, 2}, CPURequestCores: []float64{1, 2, 3},
		MemoryRequestGiB: []float64{1, 2, 3}, Demand: []float64{1, 2, 3},
	}
	if diff := cmp.Diff(want, r.Series); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(run(t, sc, p), r.Score); diff != "" {
		t.Error(diff)
	}
}
