package exporter

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// cfsPeriods is how many periods of the kernel's CPU bandwidth control there
// are in a second.
const cfsPeriods = 10

// cacheBytes is what a container has of the page cache.
const cacheBytes = 8 << 20

// state is what the containers of one pod have used and done so far.
type state struct {
	pod        *corev1.Pod
	containers []containerState // Init containers that keep running come last.
	served     float64
	failed     map[string]float64 // By code.
	seconds    float64            // Of all requests.
	rate       float64
}

type containerState struct {
	name, image string
	started     time.Time
	cpu         float64 // Core-seconds.
	memory      float64
	ooms        float64
	periods     float64
	throttled   float64
	limited     bool
}

// running are the containers of a pod that keep running.
func running(pod *corev1.Pod) []corev1.Container {
	out := append([]corev1.Container{}, pod.Spec.Containers...)
	for i := range pod.Spec.InitContainers {
		if sidecar(&pod.Spec.InitContainers[i]) {
			out = append(out, pod.Spec.InitContainers[i])
		}
	}
	return out
}

func sidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// isReady says whether a pod gets requests.
func isReady(pod *corev1.Pod) bool {
	if pod.DeletionTimestamp != nil {
		return false
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// status of a container by its name, nil if the kubelet has not told one.
func status(pod *corev1.Pod, name string) *corev1.ContainerStatus {
	for _, all := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		for i := range all {
			if all[i].Name == name {
				return &all[i]
			}
		}
	}
	return nil
}

// inForce are the resources that a container really has: those that the
// kubelet tells.
func inForce(pod *corev1.Pod, c *corev1.Container) corev1.ResourceRequirements {
	if s := status(pod, c.Name); s != nil && s.Resources != nil {
		return *s.Resources
	}
	return c.Resources
}

// advance lets time pass for one pod: rate is what arrives at it, in requests
// a second, and d how long. It returns the containers that need more memory
// than their limit.
func (s *state) advance(a *App, rate float64, d time.Duration, now time.Time) []string {
	var killed []string
	seconds := d.Seconds()
	s.rate = rate
	for i, c := range running(s.pod) {
		if i == len(s.containers) {
			s.containers = append(s.containers, containerState{name: c.Name, image: c.Image, started: now})
		}
		k := &s.containers[i]
		want := a.Others
		if i == 0 {
			want = a.wants(rate)
		}
		size := inForce(s.pod, &c)
		used, ceiling := want.CPUCores, size.Limits.Cpu().AsApproximateFloat64()
		if k.limited = ceiling > 0; k.limited {
			k.periods += cfsPeriods * seconds
			if used > ceiling {
				k.throttled += cfsPeriods * seconds
				used = ceiling
			}
		}
		k.cpu += used * seconds
		k.memory = want.MemoryBytes
		if limit := size.Limits.Memory().AsApproximateFloat64(); limit > 0 && k.memory > limit {
			k.memory = limit
			killed = append(killed, c.Name)
		}
		if i == 0 {
			s.serve(a, rate, used, ceiling, seconds, size.Requests)
		}
	}
	return killed
}

// serve counts the requests of the first container.
func (s *state) serve(a *App, rate, used, ceiling, seconds float64, requests corev1.ResourceList) {
	done := rate
	if a.CPUSeconds > 0 {
		done = min(rate, max(0, used-a.IdleCPU)/a.CPUSeconds)
	}
	server, client := 0.0, 0.0
	if a.Errors != nil {
		server, client = a.Errors(requests)
	}
	if s.failed == nil {
		s.failed = map[string]float64{"503": 0, "500": 0, "404": 0}
	}
	s.failed["503"] += (rate - done) * seconds
	s.failed["500"] += done * server * seconds
	s.failed["404"] += done * client * seconds
	s.served += done * (1 - server - client) * seconds
	s.seconds += rate * seconds * a.latency(used, ceiling)
}

// key tells pods apart, also those of one name that follow each other.
func key(pod *corev1.Pod) types.UID { return pod.UID }
