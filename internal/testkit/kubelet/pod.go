package kubelet

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// retryAfter is when a write that failed is made again.
const retryAfter = 50 * time.Millisecond

// pod is what a kubelet knows of one of its pods.
type pod struct {
	key types.NamespacedName
	// allocated is what the pod was given, by container; since is when.
	allocated map[string]corev1.ResourceRequirements
	since     time.Time
	// kill names a container to be killed.
	kill string
	// started is when the pod began to run.
	started time.Time
	// ended are containers that have ended, and when.
	ended map[string]time.Time
}

// reconcile brings the status of a pod up to date, and returns when to look again.
func (k *Kubelet) reconcile(ctx context.Context, p *corev1.Pod) time.Duration {
	switch {
	case p.DeletionTimestamp != nil:
		return k.remove(ctx, p)
	case p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed:
		return 0
	case p.Status.Phase != corev1.PodRunning && k.o.KwokRunsPods:
		return 0
	}
	before := p.Status.DeepCopy()
	k.mu.Lock()
	was := k.known[p.UID].copied()
	after := k.observe(p, time.Now())
	k.mu.Unlock()
	if equality.Semantic.DeepEqual(before, &p.Status) {
		return after
	}
	_, err := k.client.CoreV1().Pods(p.Namespace).UpdateStatus(ctx, p, metav1.UpdateOptions{})
	if err == nil || apierrors.IsNotFound(err) || ctx.Err() != nil {
		return after
	}
	if !apierrors.IsConflict(err) {
		k.t.Logf("kubelet: status of %s/%s: %v", p.Namespace, p.Name, err)
	}
	// What nobody could read has not happened.
	k.mu.Lock()
	if now := k.known[p.UID]; now != nil && was != nil {
		was.kill = cmp.Or(was.kill, now.kill)
		k.known[p.UID] = was
	} else {
		delete(k.known, p.UID)
	}
	k.mu.Unlock()
	return retryAfter
}

// copied is one that does not change with it; nil of nil.
func (p *pod) copied() *pod {
	if p == nil {
		return nil
	}
	c := *p
	c.allocated, c.ended = maps.Clone(p.allocated), maps.Clone(p.ended)
	return &c
}

func (k *Kubelet) remove(ctx context.Context, p *corev1.Pod) time.Duration {
	if k.o.KwokRunsPods {
		return 0
	}
	now := int64(0)
	err := k.client.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &p.UID},
	})
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) || ctx.Err() != nil {
		return 0
	}
	return retryAfter
}

// observe sets the status of a pod at an instant, under the lock.
func (k *Kubelet) observe(p *corev1.Pod, now time.Time) time.Duration {
	known := k.known[p.UID]
	if known == nil {
		known = &pod{
			key:       types.NamespacedName{Namespace: p.Namespace, Name: p.Name},
			allocated: allocatedIn(p), started: now, ended: map[string]time.Time{},
		}
		k.known[p.UID] = known
	}
	if p.Status.Phase != corev1.PodRunning {
		if wait := known.started.Add(k.o.StartDelay).Sub(now); wait > 0 {
			return wait
		}
		run(p, now)
	}
	k.report(p, known)
	wait := k.resize(p, known, now)
	return soonest(wait, k.containers(p, known, now))
}

// soonest is the least of the waits that are any.
func soonest(all ...time.Duration) time.Duration {
	least := time.Duration(0)
	for _, d := range all {
		if d > 0 && (least == 0 || d < least) {
			least = d
		}
	}
	return least
}

// allocatedIn is what a pod was given before this kubelet was started: what its
// status says, and what it asks for where that says nothing.
func allocatedIn(p *corev1.Pod) map[string]corev1.ResourceRequirements {
	out := map[string]corev1.ResourceRequirements{}
	for _, c := range running(p) {
		out[c.Name] = *c.Resources.DeepCopy()
		if s := status(p, c.Name); s != nil && s.Resources != nil {
			out[c.Name] = *s.Resources.DeepCopy()
		}
	}
	return out
}

// running are the containers that keep running, sidecars first.
func running(p *corev1.Pod) []corev1.Container {
	out := slices.DeleteFunc(slices.Clone(p.Spec.InitContainers), func(c corev1.Container) bool { return !sidecar(c) })
	return append(out, p.Spec.Containers...)
}

func sidecar(c corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// status is that of a container; nil where it has none.
func status(p *corev1.Pod, name string) *corev1.ContainerStatus {
	for _, all := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for i := range all {
			if all[i].Name == name {
				return &all[i]
			}
		}
	}
	return nil
}

// run has all containers of a pod run, those that end before the others ended.
func run(p *corev1.Pod, now time.Time) {
	at := metav1.NewTime(now)
	p.Status.Phase, p.Status.StartTime = corev1.PodRunning, &at
	for _, t := range []corev1.PodConditionType{corev1.PodInitialized, corev1.PodReadyToStartContainers} {
		set(p, corev1.PodCondition{Type: t, Status: corev1.ConditionTrue})
	}
	p.Status.InitContainerStatuses, p.Status.ContainerStatuses = nil, nil
	for _, c := range p.Spec.InitContainers {
		s := corev1.ContainerStatus{Name: c.Name, Image: c.Image, State: runs(at)}
		if !sidecar(c) {
			s.Ready = true
			s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: at, FinishedAt: at}}
		}
		p.Status.InitContainerStatuses = append(p.Status.InitContainerStatuses, s)
	}
	for _, c := range p.Spec.Containers {
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: c.Name, Image: c.Image, State: runs(at)})
	}
}

func runs(at metav1.Time) corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at}}
}

// report adds the statuses of sidecars where kwok has left them out, and the sizes
// of containers that have none.
func (k *Kubelet) report(p *corev1.Pod, known *pod) {
	started := true
	for _, c := range running(p) {
		s := status(p, c.Name)
		if s == nil {
			if !sidecar(c) || p.Status.StartTime == nil {
				continue
			}
			p.Status.InitContainerStatuses = append(p.Status.InitContainerStatuses, corev1.ContainerStatus{
				Name: c.Name, Image: c.Image, State: runs(*p.Status.StartTime), Ready: true,
			})
			s = status(p, c.Name)
		}
		s.Started = &started
		if s.Resources == nil {
			r := known.allocated[c.Name]
			s.Resources, s.AllocatedResources = r.DeepCopy(), r.Requests.DeepCopy()
		}
	}
	if p.Status.ObservedGeneration == 0 {
		p.Status.ObservedGeneration = p.Generation
	}
}

// containers has containers be killed, restart and become ready.
func (k *Kubelet) containers(p *corev1.Pod, known *pod, now time.Time) time.Duration {
	var waits []time.Duration
	ready := true
	for _, c := range running(p) {
		s := status(p, c.Name)
		if s == nil {
			continue
		}
		if known.kill == c.Name || k.over(known.key, *s) {
			known.kill = ""
			end(s, "OOMKilled", 137, now)
			known.ended[c.Name] = now
		}
		at, ended := known.ended[c.Name]
		if last := s.LastTerminationState.Terminated; !ended && s.State.Waiting != nil && last != nil {
			at, ended = last.FinishedAt.Time, true // Of before this kubelet was started.
		}
		if ended {
			if wait := at.Add(k.o.RestartDelay).Sub(now); wait > 0 {
				waits, ready = append(waits, wait), false
				continue
			}
			delete(known.ended, c.Name)
			s.State = runs(metav1.NewTime(now))
			s.RestartCount++
		}
		if s.State.Running == nil {
			if s.State.Waiting != nil { // That it runs again was not written.
				known.ended[c.Name] = now
				waits = append(waits, k.o.RestartDelay)
			}
			ready = false
			continue
		}
		// Times of the API are in whole seconds, those of the kubelet are not.
		from := s.State.Running.StartedAt.Time
		if from.Before(known.started) {
			from = known.started
		}
		if wait := from.Add(k.o.ReadyDelay).Sub(now); wait > 0 && !s.Ready {
			waits, ready = append(waits, wait), false
			continue
		}
		s.Ready = true
	}
	verdict := corev1.ConditionFalse
	if ready {
		verdict = corev1.ConditionTrue
	}
	set(p, corev1.PodCondition{Type: corev1.ContainersReady, Status: verdict})
	for _, gate := range p.Spec.ReadinessGates { // Others open them.
		if !slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == gate.ConditionType && c.Status == corev1.ConditionTrue
		}) {
			verdict = corev1.ConditionFalse
		}
	}
	set(p, corev1.PodCondition{Type: corev1.PodReady, Status: verdict})
	return soonest(waits...)
}

// over says that a container that runs holds more memory than its limit.
func (k *Kubelet) over(key types.NamespacedName, s corev1.ContainerStatus) bool {
	if s.State.Running == nil || s.Resources == nil {
		return false
	}
	limit, limited := s.Resources.Limits[corev1.ResourceMemory]
	return limited && k.used[container{key, s.Name}] > limit.Value()
}

// end ends a container that runs.
func end(s *corev1.ContainerStatus, reason string, code int32, now time.Time) {
	from := metav1.NewTime(now)
	if r := s.State.Running; r != nil {
		from = r.StartedAt
	}
	dead := &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code, StartedAt: from, FinishedAt: metav1.NewTime(now)}
	s.LastTerminationState = corev1.ContainerState{Terminated: dead}
	s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	s.Ready = false
}

// set sets a condition; its time is that of the last change of its status.
func set(p *corev1.Pod, c corev1.PodCondition) {
	now := metav1.Now()
	i := slices.IndexFunc(p.Status.Conditions, func(o corev1.PodCondition) bool { return o.Type == c.Type })
	if i < 0 {
		c.LastTransitionTime = now
		p.Status.Conditions = append(p.Status.Conditions, c)
		return
	}
	o := &p.Status.Conditions[i]
	c.LastTransitionTime, c.LastProbeTime = o.LastTransitionTime, o.LastProbeTime
	if o.Status != c.Status {
		c.LastTransitionTime = now
	}
	*o = c
}

// unset takes a condition away.
func unset(p *corev1.Pod, t corev1.PodConditionType) {
	p.Status.Conditions = slices.DeleteFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == t })
}
