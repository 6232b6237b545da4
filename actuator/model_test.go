package actuator

import (
	"fmt"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func res(cpu, mib int64) recommender.Resources {
	return recommender.Resources{CPU: recommender.MilliCPU(cpu), Memory: recommender.Bytes(mib) * recommender.MiB}
}

func requests(cpu, mib int64) Size { return Size{Requests: res(cpu, mib)} }

func guaranteed(cpu, mib int64) Size { return Size{Requests: res(cpu, mib), Limits: res(cpu, mib)} }

// running is a pod of one container "app" whose size is in force.
func running(name string, s Size) Pod {
	return Pod{
		Name: name, UID: "uid-" + name, ResourceVersion: "1", Generation: 1, ObservedGeneration: 1, Node: "node-a", Phase: PodRunning, Ready: true,
		Created: noon.Add(-24 * time.Hour), Containers: []Container{{Name: "app", Spec: s, InForce: new(s), MemoryPeak: 100 * recommender.MiB}},
	}
}

// deployment has n pods of one size, and a decision for another.
func deployment(n int, has, wants Size) Input {
	in := Input{
		Now: noon, Mode: ModeApply, Features: Features{Resize: true, MemoryLimitShrink: true, SizedAtCreation: true},
		Target:   Target{UID: "uid-web", ResourceVersion: "7", Generation: 3, Replicas: new(n)},
		Settings: Settings{CanaryPods: new(0), MaxConcurrentPercent: 100},
		Decision: recommender.Decision{
			At: noon, Workload: recommender.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}, Action: recommender.ActionResizeAndScale,
			CurrentReplicas: n, DesiredReplicas: n,
			Containers: []recommender.Recommendation{{
				Name: "app", Requests: has.Requests, Limits: has.Limits, Target: wants.Requests, TargetLimits: wants.Limits,
			}},
		},
	}
	for i := range n {
		in.Pods = append(in.Pods, running(fmt.Sprintf("web-%d", i), has))
	}
	return in
}

// tells says whether a plan gives a reason, about a pod or about none.
func tells(p Plan, code recommender.ReasonCode) bool {
	return slices.ContainsFunc(p.Reasons, func(r PodReason) bool { return r.Code == code })
}

// brief lists steps as "Kind pod", with replicas for scales.
func brief(p Plan) []string {
	out := []string{}
	for _, s := range p.Steps {
		if s.Kind == StepScale {
			out = append(out, fmt.Sprintf("%s %d->%d", s.Kind, s.From, s.To))
			continue
		}
		out = append(out, fmt.Sprintf("%s %s", s.Kind, s.Pod))
	}
	return out
}

// world is a simple model of a cluster: it makes every step whose precondition
// holds. Pods that do not fit their node stay Deferred; new pods are made at the
// template's size and are ready three minutes later.
type world struct {
	in       Input
	template Size
	made     int
	// restarts says that containers restart when they are resized; back is when
	// a pod is ready again, two minutes later.
	restarts bool
	back     map[string]time.Time
}

func (w *world) apply(p Plan) {
	for _, s := range p.Steps {
		switch s.Kind {
		case StepResize, StepRevert:
			w.resize(s)
		case StepScale:
			w.in.Target.Replicas = new(s.To)
		case StepEvict:
			w.in.Pods = slices.DeleteFunc(w.in.Pods, func(pod Pod) bool { return pod.Name == s.Pod })
		}
	}
	n := *w.in.Target.Replicas
	w.in.Pods = w.in.Pods[:min(n, len(w.in.Pods))]
	for len(w.in.Pods) < n {
		w.made++
		pod := running(fmt.Sprintf("web-new-%d", w.made), w.template)
		pod.Created, pod.Ready = w.in.Now, false
		pod.Containers[0].RestartOnCPU, pod.Containers[0].RestartOnMemory = w.restarts, w.restarts
		w.in.Pods = append(w.in.Pods, pod)
	}
}

func (w *world) resize(s Step) {
	for i := range w.in.Pods {
		pod := &w.in.Pods[i]
		if pod.Name != s.Pod || pod.UID != s.Precondition.UID || pod.Generation != s.Precondition.Generation {
			continue
		}
		pod.Containers = slices.Clone(pod.Containers)
		for j := range pod.Containers {
			for _, c := range s.Containers {
				if c.Name == pod.Containers[j].Name {
					pod.Containers[j].Spec = c.To
				}
			}
		}
		pod.Generation++
		pod.Resize = Resize{}
	}
}

// pass lets time go on and kubelets act: smaller sizes first, then what fits.
func (w *world) pass(d time.Duration) {
	if w.back == nil {
		w.back = map[string]time.Time{}
	}
	w.in.Now = w.in.Now.Add(d)
	w.in.Decision.At = w.in.Now
	for _, smaller := range []bool{true, false} {
		for i := range w.in.Pods {
			w.act(&w.in.Pods[i], smaller)
		}
	}
}

func (w *world) act(pod *Pod, smaller bool) {
	if w.in.Now.Sub(pod.Created) >= 3*time.Minute && !w.in.Now.Before(w.back[pod.Name]) {
		pod.Ready = true
	}
	pod.ObservedGeneration = pod.Generation
	wants, _ := pod.total(pod.specs())
	had, _ := pod.total(pod.haves())
	if within(wants, had) != smaller {
		return
	}
	for _, n := range w.in.Nodes {
		if n.Name != pod.Node {
			continue
		}
		used := recommender.Resources{}
		for _, o := range w.in.Pods {
			if o.Node == pod.Node {
				r, _ := o.total(o.haves())
				used = used.Add(r)
			}
		}
		if !within(wants, had) && !within(used.Add(less(wants, had)), n.Allocatable) {
			if pod.Resize.Pending == "" {
				pod.Resize = Resize{Pending: PendingDeferred, Since: w.in.Now, Generation: pod.Generation}
			}
			return
		}
	}
	pod.Resize = Resize{}
	if w.restarts && !pod.settled() {
		pod.Ready, w.back[pod.Name] = false, w.in.Now.Add(2*time.Minute)
	}
	for j := range pod.Containers {
		c := pod.Containers[j].Spec
		pod.Containers[j].InForce = &c
	}
}

// room fills in what nodes have free, as the scheduler counts it.
func (w *world) room() {
	for i := range w.in.Nodes {
		n := &w.in.Nodes[i]
		n.Free = n.Allocatable
		for _, pod := range w.in.Pods {
			if pod.Node == n.Name {
				r, _ := pod.reserved()
				n.Free = less(n.Free, r)
			}
		}
	}
}

// round plans once and lets a minute pass.
func (w *world) round() Plan {
	w.room()
	p, state := Next(w.in)
	w.in.State = state
	w.apply(p)
	w.pass(time.Minute)
	return p
}
