package exporter

import (
	"math"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func amounts(cpu, memory string) corev1.ResourceList {
	out := corev1.ResourceList{}
	if cpu != "" {
		out[corev1.ResourceCPU] = resource.MustParse(cpu)
	}
	if memory != "" {
		out[corev1.ResourceMemory] = resource.MustParse(memory)
	}
	return out
}

// A pod at 10 requests a second of 100 ms of CPU wants a core and 200 MiB.
func TestAPodUsesWhatItIsGiven(t *testing.T) {
	t.Parallel()
	app := &App{CPUSeconds: 0.1, Memory: 100 << 20, MemoryPerRequest: 10 << 20}
	cases := map[string]struct {
		spec, inForce corev1.ResourceList // Limits.
		errors        func(corev1.ResourceList) (float64, float64)
		cpu           float64 // Core-seconds in 10 s.
		served, lost  float64
		failed        float64 // 500.
		throttled     float64 // Periods of 100.
		killed        bool
	}{
		"all of it without limits": {cpu: 10, served: 100},
		"half of it at half a core, the rest fails": {
			spec: amounts("500m", ""), inForce: amounts("500m", ""), cpu: 5, served: 50, lost: 50, throttled: 100,
		},
		"what the kubelet tells is what counts, not what was asked for": {
			spec: amounts("2", ""), inForce: amounts("500m", ""), cpu: 5, served: 50, lost: 50, throttled: 100,
		},
		"above its memory limit it is killed": {
			spec: amounts("", "150Mi"), inForce: amounts("", "150Mi"), cpu: 10, served: 100, killed: true,
		},
		"errors as the test wants": {
			errors: func(corev1.ResourceList) (float64, float64) { return 0.1, 0 }, cpu: 10, served: 90, failed: 10,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := &corev1.Pod{
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{Limits: tc.spec}}}},
				Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
					{Name: "app", Resources: &corev1.ResourceRequirements{Limits: tc.inForce}},
				}},
			}
			a := *app
			a.Errors = tc.errors
			s := &state{pod: pod}
			killed := s.advance(&a, 10, 10*time.Second, time.Unix(0, 0))
			c := s.containers[0]
			near(t, "core-seconds", c.cpu, tc.cpu)
			near(t, "throttled periods", c.throttled, tc.throttled)
			near(t, "served", s.served, tc.served)
			near(t, "lost", s.failed["503"], tc.lost)
			near(t, "failed", s.failed["500"], tc.failed)
			if (len(killed) > 0) != tc.killed {
				t.Errorf("killed %v, want %t", killed, tc.killed)
			}
		})
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// The past ends with the sums that its rates give, and its pods are replaced
// each day.
func TestThePastAddsUp(t *testing.T) {
	t.Parallel()
	from := time.Unix(0, 0).UTC()
	tot := totals{from: from, interval: time.Minute}
	for range 10 {
		tot.add(2, 0.5, 0.01)
	}
	near(t, "requests", tot.at(tot.requests, from.Add(9*time.Minute)), 1200)
	near(t, "core-seconds", tot.at(tot.cpu, from.Add(4*time.Minute)), 150)
	near(t, "beyond the end", tot.at(tot.cpu, from.Add(time.Hour)), 300)
}

func TestDemandOfADay(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	daily := Daily(1, 5, at, 2*time.Hour)
	for since, want := range map[time.Duration]float64{
		0: 5, 2*time.Hour - 1: 5, 2 * time.Hour: 1, -1: 1, -24 * time.Hour: 5, -23 * time.Hour: 5, 24*time.Hour - 1: 1, 24 * time.Hour: 5,
	} {
		if got := daily(at.Add(since)); got != want {
			t.Errorf("%v after: %v, want %v", since, got, want)
		}
	}
}
