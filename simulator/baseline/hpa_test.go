package baseline_test

import (
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// hpaNow is an instant long after the pods of these tests have started.
func hpaNow() time.Time { return time.Unix(1_000_000, 0).UTC() }

// podAt is a pod that requests one core and uses the given part of it.
func podAt(cores float64) simulator.PodObservation {
	old := hpaNow().Add(-time.Hour)
	return simulator.PodObservation{
		Created: old, Started: old, Ready: true, ReadyChanged: old.Add(10 * time.Second), HasMetrics: true, CPUCores: cores,
		Requests: recommender.Resources{CPU: 1000},
	}
}

func pendingPod() simulator.PodObservation {
	return simulator.PodObservation{Pending: true, Requests: recommender.Resources{CPU: 1000}}
}

// pullingPod is bound to a node that fetches the image.
func pullingPod() simulator.PodObservation {
	p := unreadySince(10*time.Second, 10*time.Second, 0)
	p.Pulling, p.HasMetrics = true, false
	return p
}

// withoutMetrics is a running pod of which metrics know nothing.
func withoutMetrics() simulator.PodObservation {
	p := podAt(0)
	p.HasMetrics = false
	return p
}

// startedAgo is a pod that was started and became ready that long ago.
func startedAgo(started, ready time.Duration, cores float64) simulator.PodObservation {
	p := podAt(cores)
	p.Started, p.ReadyChanged = hpaNow().Add(-started), hpaNow().Add(-ready)
	return p
}

func unreadySince(started, changed time.Duration, cores float64) simulator.PodObservation {
	p := startedAgo(started, changed, cores)
	p.Ready = false
	return p
}

func wideBounds() simulator.Bounds { return simulator.Bounds{MinReplicas: 1, MaxReplicas: 1000} }

func observe(pods ...simulator.PodObservation) simulator.Observation {
	return simulator.Observation{Now: hpaNow(), Step: 15 * time.Second, Desired: len(pods), Pods: pods}
}

// TestHPAMetrics walks the replica calculator's branches with a target of 50 %,
// by the rules that Kubernetes documents for the algorithm ("Algorithm details"
// of the page on horizontal pod autoscaling) and that replica_calculator_test.go
// of v1.37 holds it to. The name says the rule, the arithmetic stands beside.
func TestHPAMetrics(t *testing.T) {
	t.Parallel()
	type pods = []simulator.PodObservation
	cases := map[string]struct {
		pods pods
		want int
	}{
		"desired = ceil(current · usage/target)":        {pods{podAt(0.9), podAt(0.9), podAt(0.9)}, 6},                                   // ceil(3·1.8) = 6.
		"the mean over pods counts":                     {pods{podAt(0.3), podAt(0.5), podAt(0.7)}, 3},                                   // 50 %.
		"the ratio within 0.1 of 1 is skipped":          {pods{podAt(0.55), podAt(0.55)}, 2},                                             // 1.1.
		"and at the other end of the tolerance":         {pods{podAt(0.45), podAt(0.45)}, 2},                                             // 0.9.
		"outside of the tolerance it is not":            {pods{podAt(0.56), podAt(0.56)}, 3},                                             // ceil(2·1.12).
		"utilisation is an integer percentage":          {pods{podAt(0.559), podAt(0.559)}, 2},                                           // 55 %.
		"a pod's usage is rounded up to milli-cores":    {pods{podAt(0.5591)}, 2},                                                        // 560 m are 56 %, ceil(1.12).
		"what is less than a nano-core is cut":          {pods{podAt(0.5590000001)}, 1},                                                  // 559 m are 55 %.
		"a pod that waits for its image is pending":     {pods{podAt(0.2), podAt(0.2), pullingPod()}, 1},                                 // ceil(2·0.4); missing, it were 140/300 = 46 %.
		"a pending pod counts as 0 % on a scale-up":     {pods{podAt(0.9), podAt(0.9), pendingPod()}, 4},                                 // 180/300 = 60 %, ceil(3·1.2).
		"no scale-up where unready pods reverse it":     {pods{podAt(0.7), podAt(0.7), pendingPod(), pendingPod()}, 4},                   // 140/400 = 35 %.
		"unready pods do not count on a scale-down":     {pods{podAt(0.2), podAt(0.2), pendingPod()}, 1},                                 // ceil(2·0.4).
		"a missing pod counts as 0 % on a scale-up":     {pods{podAt(0.9), podAt(0.9), withoutMetrics()}, 4},                             // As a pending one.
		"a missing pod counts as 100 % on the way down": {pods{podAt(0.3), podAt(0.3), podAt(0.3), withoutMetrics()}, 4},                 // 190/400 = 47 %: tolerated.
		"no scale-down where missing pods reverse it":   {pods{podAt(0.1), withoutMetrics(), withoutMetrics()}, 3},                       // 210/300 = 70 %.
		"at the target, missing pods change nothing":    {pods{podAt(0.5), withoutMetrics()}, 2},                                         // 50 %.
		"no metrics at all: no change":                  {pods{pendingPod(), withoutMetrics()}, 2},                                       // Nothing is known.
		"initialising and unready: left out":            {pods{podAt(0.9), podAt(0.9), unreadySince(time.Minute, time.Minute, 1)}, 4},    // As a pending one.
		"measured before it became ready: left out":     {pods{podAt(0.9), podAt(0.9), startedAgo(time.Minute, 5*time.Second, 1)}, 4},    // 5 s of 15.
		"measured wholly after: counts":                 {pods{podAt(0.9), podAt(0.9), startedAgo(time.Minute, 15*time.Second, 0.9)}, 6}, // 90 %.
		"unready since its start, old: never was ready": {pods{podAt(0.9), podAt(0.9), unreadySince(time.Hour, time.Hour, 1)}, 4},        // Within 30 s of the start.
		"unready, but was ready once: counts":           {pods{podAt(0.9), podAt(0.9), unreadySince(time.Hour, time.Minute, 0.9)}, 6},    // Later than that.
		"initialisation ends after 5 minutes":           {pods{podAt(0.9), podAt(0.9), startedAgo(5*time.Minute, time.Second, 0.9)}, 6},  // Ready for 1 s, but old.
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Without stabilisation, so that one look is enough.
			o := baseline.DefaultHPA()
			o.TargetPercent, o.DownStabilization = 50, 0
			if got := baseline.NewHPA(o, wideBounds(), hpaNow()).Replicas(observe(tc.pods...)); got != tc.want {
				t.Errorf("%d replicas, want %d", got, tc.want)
			}
		})
	}
}

// TestHPAMetricsBetweenSteps: where a step is longer than the sync, metrics are
// as old as the end of the last step, and so a pod that became ready half a
// minute ago was measured before.
func TestHPAMetricsBetweenSteps(t *testing.T) {
	t.Parallel()
	o := baseline.DefaultHPA()
	o.TargetPercent = 50
	seen := observe(podAt(0.9), podAt(0.9), startedAgo(4*time.Minute, 70*time.Second, 0.9))
	seen.Step = time.Minute
	if got := baseline.NewHPA(o, wideBounds(), hpaNow()).Replicas(seen); got != 6 {
		t.Errorf("%d replicas where a step has just ended, want 6", got)
	}
	// The last step ended 30 s ago and began 20 s before the pod was ready.
	if got := baseline.NewHPA(o, wideBounds(), hpaNow().Add(-30*time.Second)).Replicas(seen); got != 4 {
		t.Errorf("%d replicas in the midst of a step, want 4", got)
	}
}

// TestHPAScalesDownWithMissingPods: a pod without metrics might use all of its
// request, so four pods at 20 % of 50 % and one missing are (80+100)/500 = 36 %,
// ceil(5·0.72) = 4, and not ceil(4·0.4) = 2. Nothing is done for 5 minutes.
func TestHPAScalesDownWithMissingPods(t *testing.T) {
	t.Parallel()
	o := baseline.DefaultHPA()
	o.TargetPercent = 50
	h := baseline.NewHPA(o, wideBounds(), hpaNow())
	seen := observe(podAt(0.2), podAt(0.2), podAt(0.2), podAt(0.2), withoutMetrics())
	for at := time.Duration(0); at < 5*time.Minute; at += 15 * time.Second {
		seen.Now = hpaNow().Add(at)
		if got := h.Replicas(seen); got != 5 {
			t.Fatalf("%d replicas after %v, want the 5 of the stabilization window", got, at)
		}
	}
	seen.Now = hpaNow().Add(5 * time.Minute)
	if got := h.Replicas(seen); got != 4 {
		t.Errorf("%d replicas after 5m, want 4", got)
	}
}

// TestHPABounds: what is outside moves to the nearest bound.
func TestHPABounds(t *testing.T) {
	t.Parallel()
	bounds := simulator.Bounds{MinReplicas: 2, MaxReplicas: 3}
	cases := map[string]struct {
		pods []simulator.PodObservation
		want int
	}{
		"at most":   {[]simulator.PodObservation{podAt(1.5), podAt(1.5)}, 3},
		"too few":   {[]simulator.PodObservation{podAt(0.8)}, 2},
		"too many":  {[]simulator.PodObservation{podAt(0.8), podAt(0.8), podAt(0.8), podAt(0.8)}, 3},
		"none: off": {nil, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := baseline.NewHPA(baseline.DefaultHPA(), bounds, hpaNow())
			if got := h.Replicas(observe(tc.pods...)); got != tc.want {
				t.Errorf("%d replicas, want %d", got, tc.want)
			}
		})
	}
}
