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
// by the rules of replica_calculator.go of Kubernetes v1.37. The arithmetic is
// in the names.
func TestHPAMetrics(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		pods []simulator.PodObservation
		want int
	}{
		"ceil(3·0.9/0.5) = 6":                 {[]simulator.PodObservation{podAt(0.9), podAt(0.9), podAt(0.9)}, 6},
		"within 10 % of the target":           {[]simulator.PodObservation{podAt(0.55), podAt(0.55)}, 2},
		"56 % is outside, ceil(2·1.12) = 3":   {[]simulator.PodObservation{podAt(0.56), podAt(0.56)}, 3},
		"55.9 % is cut to 55 and so within":   {[]simulator.PodObservation{podAt(0.559), podAt(0.559)}, 2},
		"a pending pod counts as idle":        {[]simulator.PodObservation{podAt(0.9), podAt(0.9), pendingPod()}, 4}, // 180/300 = 60 %; ceil(3·1.2).
		"pending pods may undo the need":      {[]simulator.PodObservation{podAt(0.7), podAt(0.7), pendingPod(), pendingPod()}, 4},
		"a missing pod counts as idle":        {[]simulator.PodObservation{podAt(0.9), podAt(0.9), withoutMetrics()}, 4},
		"nobody measured, nothing done":       {[]simulator.PodObservation{pendingPod(), withoutMetrics()}, 2},
		"still starting: does not count":      {[]simulator.PodObservation{podAt(0.9), podAt(0.9), unreadySince(time.Minute, time.Minute, 1)}, 4},
		"measured before it was ready":        {[]simulator.PodObservation{podAt(0.9), podAt(0.9), startedAgo(time.Minute, 5*time.Second, 1)}, 4},
		"measured since it is ready":          {[]simulator.PodObservation{podAt(0.9), podAt(0.9), startedAgo(time.Minute, 20*time.Second, 0.9)}, 6},
		"old and never ready: does not count": {[]simulator.PodObservation{podAt(0.9), podAt(0.9), unreadySince(time.Hour, time.Hour, 1)}, 4},
		"old and lately unready: counts":      {[]simulator.PodObservation{podAt(0.9), podAt(0.9), unreadySince(time.Hour, time.Minute, 0.9)}, 6},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := baseline.DefaultHPA()
			o.TargetPercent = 50
			if got := baseline.NewHPA(o, wideBounds()).Replicas(observe(tc.pods...)); got != tc.want {
				t.Errorf("%d replicas, want %d", got, tc.want)
			}
		})
	}
}

// TestHPAScalesDownWithMissingPods: a pod without metrics might use all of its
// request, so four pods at 20 % of 50 % and one missing are (80+100)/500 = 36 %,
// ceil(5·0.72) = 4, and not ceil(4·0.4) = 2. Nothing is done for 5 minutes.
func TestHPAScalesDownWithMissingPods(t *testing.T) {
	t.Parallel()
	o := baseline.DefaultHPA()
	o.TargetPercent = 50
	h := baseline.NewHPA(o, wideBounds())
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

// TestHPARateLimit: from 1 pod at most 4 more in 15 s, then twice as many.
func TestHPARateLimit(t *testing.T) {
	t.Parallel()
	h := baseline.NewHPA(baseline.DefaultHPA(), wideBounds())
	n := 1
	for i, want := range []int{5, 10, 20, 40} {
		pods := make([]simulator.PodObservation, n)
		for k := range pods {
			pods[k] = podAt(30) // Borrows what it can: 3000 %.
		}
		seen := observe(pods...)
		seen.Now = hpaNow().Add(time.Duration(i) * 15 * time.Second)
		if n = h.Replicas(seen); n != want {
			t.Fatalf("%d replicas after %d periods, want %d", n, i+1, want)
		}
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
			if got := baseline.NewHPA(baseline.DefaultHPA(), bounds).Replicas(observe(tc.pods...)); got != tc.want {
				t.Errorf("%d replicas, want %d", got, tc.want)
			}
		})
	}
}
