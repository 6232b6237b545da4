package snapshot

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

// recentSpan is what recent restarts are counted over, as in the recommender.
const recentSpan = 10 * time.Minute

// Observe lays what the API server knows over what was read from Prometheus,
// which knows it later or not at all:
//
//   - the number of pods asked for and ready, and whether a rollout is under way,
//   - the sizes asked for, those in force where a resize is pending, and what
//     restarts a container,
//   - containers that Prometheus has not seen yet, without those that are gone,
//   - restarts and kills for want of memory just now,
//   - what is around: quotas, LimitRanges, nodes, zones, PodDisruptionBudgets,
//     init containers, the budget of changes,
//   - whether sizes change in place,
//   - who else sizes or scales the workload, as facts.
//
// What the objects do not tell stays as it is.
func Observe(s *recommender.Snapshot, o Objects) {
	s.Policy.Vertical.InPlace = s.Policy.Vertical.InPlace || o.Features.Resize
	pods := o.alive()
	o.observeReplicas(s, pods)
	pod := o.asked(pods)
	if pod == nil {
		pod = o.template()
	}
	if pod != nil {
		observeContainers(s, pod)
		for i := range s.Containers {
			observeEvents(s, &s.Containers[i], o.scoped())
			observePending(&s.Containers[i], pods)
		}
		s.InitContainers = initContainers(pod)
		if s.Accelerator == "" {
			s.Accelerator = o.profileOf(pod)
		}
	}
	o.observeRuns(s)
	for _, r := range o.Rivals() {
		s.Facts = append(s.Facts, recommender.Fact{Code: recommender.FactWarning, Message: r.Kind + " " + r.Name + " has the same target"})
	}
	s.Quotas, s.LimitRanges, s.Nodes = o.quotas(pod), o.limitRanges(), o.shapes(pod)
	s.Spread, s.Disruption, s.Budget = o.spread(pod), floor(o.budgets()), o.Budget
}

func (o *Objects) observeReplicas(s *recommender.Snapshot, pods []*corev1.Pod) {
	s.Replicas.Rollout = o.rollingOut()
	s.Replicas.Deferred, s.Replicas.Infeasible = 0, 0
	ready := 0
	for _, p := range pods {
		if isTrue(p, corev1.PodReady) {
			ready++
		}
		switch r := resizeOf(p); r.Pending {
		case actuator.PendingDeferred:
			if o.steady(p) == p { // A boost that has no room is taken back, and no reason for one more pod.
				s.Replicas.Deferred++
			}
		case actuator.PendingInfeasible:
			s.Replicas.Infeasible++
		}
	}
	if s.Workload.Batch() || o.Target == nil && len(o.Pods) == 0 {
		return // Pods of one run are counted over many.
	}
	s.Replicas.Ready = ready
	scope := v1alpha1.Scope{}
	if o.RightSize != nil {
		scope = o.RightSize.Spec.Scope
	}
	desired, known := o.replicas()
	desired *= podsPerReplica(o.Target)
	if o.kind() == "DaemonSet" {
		desired, known = o.number("status", "desiredNumberScheduled")
	}
	if scope.Nodes != nil || scope.Ordinals.First != nil {
		desired, known = len(pods), true
	}
	if known {
		s.Replicas.Desired = max(0, desired)
		if i := slices.IndexFunc(s.Variants, func(v recommender.Variant) bool { return v.Name == s.Workload.Name }); i >= 0 {
			s.Variants[i].Desired = s.Replicas.Desired
		}
	}
}

// asked is the pod that has what was asked for last, as all are to have: the
// newest that has what the status recommends, so that a change which goes over
// the pods does not look like one that is yet to be decided; else one of those
// that most have, of the newest template. Nil where there is no pod.
func (o *Objects) asked(pods []*corev1.Pod) *corev1.Pod {
	old := o.outdated()
	current := slices.DeleteFunc(slices.Clone(pods), old)
	if len(current) == 0 {
		current = slices.Clone(pods)
	}
	for i, p := range current {
		current[i] = o.steady(p)
	}
	if o.RightSize != nil {
		for _, p := range current {
			if hasRecommended(p, o.RightSize.Status.Recommendation.Containers) {
				return p
			}
		}
	}
	count, best := map[string]int{}, (*corev1.Pod)(nil)
	for _, p := range current {
		count[sizesKey(p)]++
	}
	for _, p := range current {
		if best == nil || count[sizesKey(p)] > count[sizesKey(best)] {
			best = p
		}
	}
	return best
}

// steady is a pod as it will ask once it has started: where it asks for the CPU
// that the status gives a container meanwhile, a copy with that for afterwards.
func (o *Objects) steady(p *corev1.Pod) *corev1.Pod {
	if o.RightSize == nil {
		return p
	}
	out := p
	for _, r := range o.RightSize.Status.Recommendation.Containers {
		if boostIn(r.Startup) > 0 && amountsIn(r.Requests).CPU > 0 {
			out = started(out, r, out != p)
		}
	}
	return out
}

// started is a pod with what a recommendation gives its container after the
// start, where it asks for the boost now; a copy unless it is one already.
func started(p *corev1.Pod, r v1alpha1.ContainerRecommendation, copied bool) *corev1.Pod {
	out, boost := p, boostIn(r.Startup)
	for _, list := range []func(*corev1.Pod) []corev1.Container{
		func(p *corev1.Pod) []corev1.Container { return p.Spec.Containers },
		func(p *corev1.Pod) []corev1.Container { return p.Spec.InitContainers },
	} {
		for i, c := range list(p) {
			if c.Name != r.Name || sizeOf(c.Resources.Requests).CPU != boost {
				continue
			}
			if !copied {
				out, copied = p.DeepCopy(), true
			}
			to := list(out)[i].Resources
			to.Requests[corev1.ResourceCPU] = r.Requests.CPU.DeepCopy()
			if _, limited := to.Limits[corev1.ResourceCPU]; limited && r.Limits.CPU != nil {
				to.Limits[corev1.ResourceCPU] = r.Limits.CPU.DeepCopy()
			}
		}
	}
	return out
}

// hasRecommended says whether a pod asks for what is recommended for each of its
// containers, of which there is at least one.
func hasRecommended(p *corev1.Pod, recommended []v1alpha1.ContainerRecommendation) bool {
	found := false
	for _, c := range running(p) {
		i := slices.IndexFunc(recommended, func(r v1alpha1.ContainerRecommendation) bool { return r.Name == c.Name })
		if i < 0 {
			continue
		}
		found = true
		has, wants := sizeOf(c.Resources.Requests), amountsIn(recommended[i].Requests)
		if wants.CPU > 0 && has.CPU != wants.CPU || wants.Memory > 0 && has.Memory != wants.Memory {
			return false
		}
	}
	return found
}

// running are the containers that keep running, in the order of the pod: its
// sidecars, then the others.
func running(p *corev1.Pod) []corev1.Container {
	var out []corev1.Container
	for _, c := range p.Spec.InitContainers {
		if keepsRunning(c) {
			out = append(out, c)
		}
	}
	return append(out, p.Spec.Containers...)
}

// sizesKey tells pods with equal sizes.
func sizesKey(p *corev1.Pod) string {
	var b strings.Builder
	for _, c := range running(p) {
		b.WriteString(c.Name)
		for _, r := range []recommender.Resources{sizeOf(c.Resources.Requests), sizeOf(c.Resources.Limits)} {
			b.WriteByte(' ')
			b.WriteString(amountKey(r))
		}
		b.WriteByte(';')
	}
	return b.String()
}

// observeContainers gives the containers what the pod asks for, adds those that
// are not known yet and takes away those that the pod has not. Sidecars stand in
// the order in which they start.
func observeContainers(s *recommender.Snapshot, pod *corev1.Pod) {
	var sidecars, others []recommender.Container
	known := map[string]recommender.Container{}
	for _, c := range s.Containers {
		known[c.Name] = c
	}
	spec := map[string]corev1.Container{}
	for _, c := range running(pod) {
		spec[c.Name] = c
		one, seen := known[c.Name]
		if !seen {
			one = recommender.Container{Name: c.Name}
		}
		one.Requests, one.Limits = sizeOf(c.Resources.Requests), sizeOf(c.Resources.Limits)
		one.RestartOnCPU, one.RestartOnMemory = restartsOn(c, corev1.ResourceCPU), restartsOn(c, corev1.ResourceMemory)
		one.GPUs = max(gpusOf(c.Resources.Requests), gpusOf(c.Resources.Limits))
		one.Sidecar = keepsRunning(c)
		known[c.Name] = one
		switch {
		case one.Sidecar:
			sidecars = append(sidecars, one)
		case !seen:
			others = append(others, one)
		}
	}
	// Those that are known keep their places, but sidecars change among theirs.
	out := make([]recommender.Container, 0, len(spec))
	for _, c := range s.Containers {
		now := known[c.Name]
		switch _, there := spec[c.Name]; {
		case !there:
		case now.Sidecar:
			out, sidecars = append(out, sidecars[0]), sidecars[1:]
		default:
			out = append(out, now)
		}
	}
	s.Containers = append(append(out, others...), sidecars...)
}

// observePending finds what the pods have whose resize is pending: the least of
// them.
func observePending(c *recommender.Container, pods []*corev1.Pod) {
	c.InForce = recommender.Resources{}
	for _, p := range pods {
		if resizeOf(p).Pending == "" {
			continue
		}
		st := containerStatus(p, c.Name)
		if st == nil || st.Resources == nil {
			continue
		}
		has := sizeOf(st.Resources.Requests)
		if c.InForce == (recommender.Resources{}) {
			c.InForce = has
			continue
		}
		c.InForce = recommender.Resources{CPU: min(c.InForce.CPU, has.CPU), Memory: min(c.InForce.Memory, has.Memory)}
	}
}

// observeEvents takes in restarts and kills for want of memory that Prometheus
// may not know of yet. The limit at a kill is what is in force if no size was
// changed since; else it is left to Prometheus, which has seen it.
func observeEvents(s *recommender.Snapshot, c *recommender.Container, pods []*corev1.Pod) {
	restarts := 0
	killed := c.LastOOMKill
	for _, p := range pods {
		st := containerStatus(p, c.Name)
		if st == nil {
			continue
		}
		restarts += restartsWithin(st, s.Now)
		for _, state := range []corev1.ContainerState{st.LastTerminationState, st.State} {
			t := state.Terminated
			if t == nil || t.Reason != "OOMKilled" || !t.FinishedAt.After(killed) || t.FinishedAt.After(s.Now) {
				continue
			}
			at := instantOf(&t.FinishedAt)
			c.OOMKills++
			if at.After(c.LastOOMKill) {
				c.LastOOMKill = at
			}
			if c.FirstOOMKill.IsZero() || at.Before(c.FirstOOMKill) {
				c.FirstOOMKill = at
			}
			if st.Resources != nil && s.State.LastChange.Before(at) {
				c.OOMLimit = max(c.OOMLimit, sizeOf(st.Resources.Limits).Memory)
			}
		}
	}
	c.RecentRestarts = max(c.RecentRestarts, restarts)
}

// restartsWithin is how often a container restarted within the last 10 minutes,
// as far as its status tells: once if it ended in that time, and three times, by
// which it counts as a crash loop, if the kubelet holds it back for it.
func restartsWithin(st *corev1.ContainerStatus, now time.Time) int {
	t := st.LastTerminationState.Terminated
	if t == nil || st.RestartCount == 0 || now.Sub(t.FinishedAt.Time) > recentSpan {
		return 0
	}
	if w := st.State.Waiting; w != nil && w.Reason == "CrashLoopBackOff" {
		return int(min(st.RestartCount, 3))
	}
	return 1
}

// initContainers are those that end before the others start.
func initContainers(p *corev1.Pod) []recommender.InitContainer {
	var out []recommender.InitContainer
	sidecars := 0
	for _, c := range p.Spec.InitContainers {
		if keepsRunning(c) {
			sidecars++
			continue
		}
		out = append(out, recommender.InitContainer{
			Name: c.Name, Requests: sizeOf(c.Resources.Requests), Limits: sizeOf(c.Resources.Limits), SidecarsBefore: sidecars,
		})
	}
	return out
}

// observeRuns finds how long a run may take, where that is not known better.
func (o *Objects) observeRuns(s *recommender.Snapshot) {
	if o.Target == nil || !s.Workload.Batch() {
		return
	}
	deadline := int64(0)
	for _, path := range [][]string{{"spec", "activeDeadlineSeconds"}, {"spec", "jobTemplate", "spec", "activeDeadlineSeconds"}} {
		if n, found, err := unstructured.NestedInt64(o.Target.Object, path...); found && err == nil {
			deadline = n
		}
	}
	for i := range s.Containers {
		if r := s.Containers[i].Runs; r != nil && deadline > 0 && (r.DeadlineSeconds == 0 || float64(deadline) < r.DeadlineSeconds) {
			changed := *r
			changed.DeadlineSeconds = float64(deadline)
			s.Containers[i].Runs = &changed
		}
	}
}
