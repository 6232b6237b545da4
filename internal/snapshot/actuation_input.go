package snapshot

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

// sizedByAnnotation is what the admission policy of the chart leaves on pods that
// it has sized, with the name of the RightSize.
const sizedByAnnotation = "rightsize.dev/sized-by"

// Moment is what a plan depends on beside the decision and the objects.
type Moment struct {
	// Now is the instant of the plan, Started when the program began.
	Now, Started time.Time
	// Cluster is what the budgets over all workloads leave, see [Ledger].
	Cluster actuator.Allowance
	// KillSwitch forbids every change. Stale says that metrics are missing, old
	// or partial.
	KillSwitch, Stale bool
	// Evidence is what was observed since the previous plan.
	Evidence []actuator.Observation
	// Peaks are, by container, the most memory that a pod held lately, page cache
	// included.
	Peaks map[string]recommender.Bytes
	// Refused is how the API server answered the last steps, by UID of the pod,
	// if with no.
	Refused map[string]actuator.Refusal
	// State is what the previous plan left.
	State actuator.State
}

// Input is what a plan for a RightSize depends on. The decision comes from
// [Decided]; of it is taken away what the owner has fixed since. Numbers of pods
// are in pods also where the target counts groups of them, see
// [Objects.PodsPerReplica].
func Input(rs *v1alpha1.RightSize, d recommender.Decision, o Objects, m Moment) actuator.Input {
	o.RightSize = rs
	template := o.asked(o.alive())
	if template == nil {
		template = o.template()
	}
	in := actuator.Input{
		Now: m.Now, Decision: owned(d, rs.Spec), Mode: actuator.Mode(rs.Spec.Mode), Features: o.features(),
		Settings: settings(rs.Spec.Apply), Cluster: m.Cluster, Rivals: o.Rivals(), KillSwitch: m.KillSwitch, Stale: m.Stale,
		Rollout: o.rollingOut(), Started: m.Started, Evidence: m.Evidence, State: m.State,
		LimitRanges: o.limitRanges(), Quotas: o.quotas(template),
	}
	if in.Mode == "" {
		in.Mode = actuator.ModeDryRun
	}
	o.into(&in, m)
	in.Target = o.target(rs.Spec)
	// A decision that leaves the number of pods alone does not undo what somebody
	// else made of it since.
	if n := in.Target.Replicas; n != nil && d.CurrentReplicas == d.DesiredReplicas {
		in.Decision.DesiredReplicas = *n
	}
	group := podsPerReplica(o.Target)
	if n := in.Decision.DesiredReplicas % group; n > 0 {
		in.Decision.DesiredReplicas += group - n
	}
	if budgets := o.budgets(); len(budgets) > 0 {
		pods := len(o.alive())
		if n := in.Target.Replicas; n != nil {
			pods = max(pods, *n)
		}
		in.Disruption = stays(budgets, pods)
		// The API server evicts no pod that several of them select.
		in.Settings.Evict = in.Settings.Evict && len(budgets) == 1
	}
	return in
}

// into adds the pods, and the nodes that they run on.
func (o *Objects) into(in *actuator.Input, m Moment) {
	pods, used := o.scoped(), map[string]*corev1.Node{}
	for _, p := range pods {
		used[p.Spec.NodeName] = nil
	}
	for _, n := range o.Nodes {
		if _, is := used[n.node.Name]; is {
			used[n.node.Name] = n.node
			in.Nodes = append(in.Nodes, roomOn(n))
		}
	}
	old := o.outdated()
	for _, p := range pods {
		pod := podOf(p, used[p.Spec.NodeName], old(p), m.Peaks)
		pod.Refused = m.Refused[pod.UID]
		in.Pods = append(in.Pods, pod)
	}
}

// target is the object that is scaled, with its number of pods where that is
// rightsize's to choose: a RightSize about some of the pods leaves it.
func (o *Objects) target(spec v1alpha1.RightSizeSpec) actuator.Target {
	var out actuator.Target
	if o.Target != nil {
		out = actuator.Target{UID: string(o.Target.GetUID()), ResourceVersion: o.Target.GetResourceVersion(), Generation: o.Target.GetGeneration()}
	}
	n, known := o.replicas()
	scoped := spec.Scope.Nodes != nil || spec.Scope.Ordinals.First != nil
	if !known || scoped || spec.Horizontal.Mode == v1alpha1.SizingFixed {
		return out
	}
	n *= podsPerReplica(o.Target)
	out.Replicas = &n
	return out
}

// features are those of the cluster as far as they hold for this workload. That
// new pods are sized is certain where one carries the mark of it. Pods of a
// DaemonSet that are sized by their node are not: it is not known as they are
// made.
func (o *Objects) features() actuator.Features {
	f := o.Features
	if o.RightSize == nil {
		return f
	}
	if o.RightSize.Spec.Scope.Nodes != nil {
		f.SizedAtCreation = false
		return f
	}
	f.SizedAtCreation = f.SizedAtCreation || slices.ContainsFunc(o.Pods, func(p *corev1.Pod) bool {
		return p.Annotations[sizedByAnnotation] == o.RightSize.Name
	})
	return f
}

// owned is the decision without what the owner has fixed: sizes that are Fixed
// are left as each pod has them.
func owned(d recommender.Decision, spec v1alpha1.RightSizeSpec) recommender.Decision {
	d.Containers = slices.Clone(d.Containers)
	for i := range d.Containers {
		r := &d.Containers[i]
		rules := rulesFor(spec.Vertical, r.Name)
		if spec.Vertical.Mode == v1alpha1.SizingFixed || rules.Mode == v1alpha1.SizingFixed {
			*r = recommender.Recommendation{Name: r.Name, Sidecar: r.Sidecar}
			continue
		}
		if rules.CPU.Mode == v1alpha1.SizingFixed {
			r.Target.CPU, r.TargetLimits.CPU, r.Boost = 0, 0, nil
		}
		if rules.Memory.Mode == v1alpha1.SizingFixed {
			r.Target.Memory, r.TargetLimits.Memory = 0, 0
		}
	}
	return d
}

// rulesFor are the owner's rules for a container: its own, else those for all.
func rulesFor(v v1alpha1.Vertical, name string) v1alpha1.ContainerPolicy {
	for _, wanted := range []string{name, "*"} {
		for _, c := range v.Containers {
			if c.Name == wanted {
				return c
			}
		}
	}
	return v1alpha1.ContainerPolicy{}
}

// settings are the owner's rules for changes; what is unset stays zero, which is
// the default.
func settings(a v1alpha1.Apply) actuator.Settings {
	out := actuator.Settings{
		Evict: a.Method == v1alpha1.ApplyInPlaceOrEvict, WatchSeconds: float64(a.ObservationSeconds),
		MaxConcurrentPercent: int(a.MaxConcurrentPercent), MaxResizesPerDay: int(a.MaxResizesPerDay),
		DeferredSeconds: float64(a.DeferredSeconds), NoRollback: a.Rollback.Mode == v1alpha1.RollbackOff,
		HoldSeconds: float64(a.Rollback.HoldSeconds),
	}
	if a.CanaryPods != nil {
		n := int(*a.CanaryPods)
		out.CanaryPods = &n
	}
	for _, g := range a.Rollback.Ignore {
		out.IgnoreGuards = append(out.IgnoreGuards, actuator.Guard(g))
	}
	return out
}

// PodsPerReplica is how many pods one replica of the target is: more than one
// where a replica is a group of pods, as of a LeaderWorkerSet.
func (o *Objects) PodsPerReplica() int { return podsPerReplica(o.Target) }
