package actuator

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
)

// random makes an input of anything that can be observed, sensible or not.
func random(rng *rand.Rand) Input {
	one := func(n int) bool { return rng.IntN(n) == 0 }
	amount := func() recommender.Resources { return res(int64(rng.IntN(9))*250, int64(rng.IntN(9))*256) }
	size := func() Size {
		s := Size{Requests: amount()}
		switch rng.IntN(3) {
		case 0:
			s.Limits = s.Requests
		case 1:
			s.Limits = s.Requests.Add(amount())
		}
		return s
	}
	in := deployment(rng.IntN(9), size(), size())
	d := &in.Decision
	d.Workload.Kind = []string{"Deployment", "Deployment", "StatefulSet", "DaemonSet", "Job"}[rng.IntN(5)]
	d.Action = []recommender.Action{recommender.ActionResize, recommender.ActionResizeAndScale, recommender.ActionHold, recommender.ActionScale}[rng.IntN(4)]
	d.DesiredReplicas = rng.IntN(12)
	if one(3) {
		d.Reasons = append(d.Reasons, recommender.Reason{Code: recommender.ReasonReactiveFloor})
	}
	if one(4) {
		d.Containers[0].Boost = &recommender.Boost{CPU: 3000, Seconds: 90}
	}
	for i := range in.Pods {
		randomPod(rng, &in.Pods[i], size)
	}
	in.Nodes = []Node{{Name: "node-a", Allocatable: res(8000, 8192), Free: amount()}, {Name: "node-b", Allocatable: res(1000, 1024)}}
	in.Settings = Settings{Evict: one(2), MaxConcurrentPercent: rng.IntN(101), MaxUnavailable: rng.IntN(4)}
	if one(2) {
		in.Settings.ResizesPerHour = new(rng.IntN(5))
	}
	if one(2) {
		in.Settings.EvictionsPerHour, in.Cluster.Resizes = new(rng.IntN(2)), new(rng.IntN(5))
	}
	if one(2) {
		in.Disruption = &recommender.DisruptionBudget{MinAvailable: rng.IntN(6), MinAvailablePercent: float64(rng.IntN(101))}
	}
	in.Stale, in.Rollout, in.KillSwitch = one(4), one(6), one(12)
	in.Features.MemoryLimitShrink, in.Features.SizedAtCreation = !one(4), !one(4)
	in.Mode = []Mode{ModeApply, ModeApply, ModeApply, ModeApply, ModeInitial, ModeDryRun, ModePaused}[rng.IntN(7)]
	if one(3) {
		in.Quotas = []recommender.Quota{{Name: "q", Items: []recommender.QuotaLimit{
			{Resource: recommender.QuotaRequestsCPU, Hard: 9000, Used: int64(rng.IntN(9500))}, {Resource: recommender.QuotaLimitsMemory, Hard: 1 << 33, Used: 1 << 32},
		}}}
	}
	return in
}

func randomPod(rng *rand.Rand, pod *Pod, size func() Size) {
	one := func(n int) bool { return rng.IntN(n) == 0 }
	pod.Ready, pod.OptOut, pod.Terminating = !one(4), one(10), one(12)
	pod.Node = []string{"node-a", "node-b", "node-c", ""}[rng.IntN(4)]
	pod.Phase = []PodPhase{PodRunning, PodRunning, PodRunning, PodPending, PodFailed}[rng.IntN(5)]
	pod.Created = noon.Add(-time.Duration(rng.IntN(600)) * time.Second)
	c := &pod.Containers[0]
	c.RestartOnCPU, c.RestartOnMemory = one(4), one(4)
	if one(3) {
		c.Spec, c.InForce = size(), new(size())
	}
	if one(5) {
		c.InForce = nil
	}
	if one(3) {
		pod.Containers = append(pod.Containers, Container{Name: "proxy", Sidecar: true, Spec: size()})
		pod.Containers[1].InForce = new(pod.Containers[1].Spec)
	}
	if one(4) {
		pod.Containers = append(pod.Containers, Container{Name: "init", Init: true, Spec: size()})
	}
	if one(4) {
		pod.Resize = Resize{Pending: []PendingReason{PendingDeferred, PendingInfeasible, ""}[rng.IntN(3)], Since: noon.Add(-time.Duration(rng.IntN(900)) * time.Second), Generation: 1}
		pod.Resize.InProgress = pod.Resize.Pending == ""
		pod.Resize.Error = pod.Resize.InProgress && one(2)
	}
}

// violation says what a plan does that no plan may.
func violation(in Input, plan Plan) error {
	if (in.KillSwitch || in.Mode == ModeDryRun || in.Mode == ModePaused) && len(plan.Steps) > 0 {
		return fmt.Errorf("steps %v in mode %s", brief(plan), in.Mode)
	}
	planned, resizes, evictions, lost, ready := map[string]bool{}, 0, 0, 0, 0
	for _, pod := range in.Pods {
		if pod.Ready && !pod.ends() {
			ready++
		}
	}
	for _, s := range plan.Steps {
		if s.Kind == StepScale {
			if s.To < s.From && (in.Stale || in.Rollout) {
				return fmt.Errorf("%v on unsafe data", brief(plan))
			}
			continue
		}
		i := slices.IndexFunc(in.Pods, func(pod Pod) bool { return pod.Name == s.Pod })
		pod := in.Pods[i]
		if pod.OptOut || pod.ends() || planned[s.Pod] {
			return fmt.Errorf("step %s of pod %s, opted out %v, ending %v, planned %v", s.Kind, s.Pod, pod.OptOut, pod.ends(), planned[s.Pod])
		}
		planned[s.Pod] = true
		restarts, err := checkPod(in, pod, s)
		if err != nil {
			return err
		}
		if (restarts || s.Kind == StepEvict) && pod.Ready && (s.Kind != StepRevert || s.Reason.Code == ReasonWorse) {
			lost++
		}
		resizes += count(s.Kind == StepResize)
		evictions += count(s.Kind == StepEvict)
	}
	p := newPlanner(in)
	alive := 0
	for _, pod := range in.Pods {
		alive += count(!pod.ends())
	}
	if lost > 0 && ready-lost < p.leastReady(alive) {
		return fmt.Errorf("%d of %d ready pods are disrupted, %d have to stay", lost, ready, p.leastReady(alive))
	}
	for _, b := range []struct {
		limit *int
		used  int
	}{{in.Settings.ResizesPerHour, resizes}, {in.Cluster.Resizes, resizes}, {in.Settings.EvictionsPerHour, evictions}} {
		if b.limit != nil && b.used > *b.limit {
			return fmt.Errorf("%d changes, the budget allows %d", b.used, *b.limit)
		}
	}
	return nil
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// checkPod is violation for one step of a pod: the API server would take it, and on
// unsafe data it lowers nothing.
func checkPod(in Input, pod Pod, s Step) (restarts bool, err error) {
	if s.Kind == StepEvict {
		return false, nil
	}
	to := pod.specs()
	for _, c := range s.Containers {
		i := slices.IndexFunc(pod.Containers, func(o Container) bool { return o.Name == c.Name })
		has := pod.Containers[i]
		to[i] = c.To
		restarts = restarts || pod.Phase != PodPending && has.restarts(c.To)
		switch {
		case has.Init:
			return restarts, fmt.Errorf("init container %s is resized", c.Name)
		case c.From != has.Spec:
			return restarts, fmt.Errorf("from %+v, the pod has %+v", c.From, has.Spec)
		case removes(has.Spec.Requests, c.To.Requests) || removes(has.Spec.Limits, c.To.Limits):
			return restarts, fmt.Errorf("%+v to %+v removes something", has.Spec, c.To)
		case c.To.Limits.CPU > 0 && c.To.Limits.CPU < c.To.Requests.CPU, c.To.Limits.Memory > 0 && c.To.Limits.Memory < c.To.Requests.Memory:
			return restarts, fmt.Errorf("%+v is limited below its request", c.To)
		}
		unsafe := in.Stale || in.Rollout || in.Now.Before(in.State.FrozenUntil) || has.InForce == nil && pod.Phase != PodPending || s.Kind == StepRevert
		// A limit that the specification has can never be removed again.
		have := has.have()
		have.Limits = orResources(have.Limits, has.Spec.Limits)
		if unsafe && c.To.lowers(have) {
			return restarts, fmt.Errorf("%s of %s on unsafe data lowers %+v to %+v", s.Kind, pod.Name, have, c.To)
		}
	}
	if qosOf(to) != qosOf(pod.specs()) {
		return restarts, fmt.Errorf("%s becomes %s", qosOf(pod.specs()), qosOf(to))
	}
	return restarts, nil
}

func removes(had, gets recommender.Resources) bool {
	return had.CPU > 0 && gets.CPU == 0 || had.Memory > 0 && gets.Memory == 0
}

// FuzzNext checks plans of random inputs, over rounds in which some steps are
// made and others are lost.
func FuzzNext(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 7))
		w := &world{in: random(rng), template: requests(500, 512)}
		for round := range 12 {
			before, err := json.Marshal(w.in)
			if err != nil {
				t.Fatal(err)
			}
			plan, state := Next(w.in)
			again, stateAgain := Next(w.in)
			if diff := cmp.Diff(plan, again); diff != "" {
				t.Fatalf("round %d: two plans of one input:\n%s", round, diff)
			}
			if diff := cmp.Diff(state, stateAgain); diff != "" {
				t.Fatalf("round %d: two states of one input:\n%s", round, diff)
			}
			if after, err := json.Marshal(w.in); err != nil || string(after) != string(before) {
				t.Fatalf("round %d: the input was changed (%v)", round, err)
			}
			if err := violation(w.in, plan); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if rng.IntN(4) == 0 {
				state = state.Compact()
			}
			w.in.State = stored(t, state)
			plan.Steps = slices.DeleteFunc(plan.Steps, func(Step) bool { return rng.IntN(3) == 0 })
			w.apply(plan)
			w.pass(time.Duration(rng.IntN(300)) * time.Second)
			for i := range w.in.Evidence {
				w.in.Evidence[i].At = w.in.Now
			}
			w.in.Evidence = append(w.in.Evidence, observation(w.in.Now, 3, map[Guard]float64{GuardLatency: rng.Float64(), GuardOOMKills: float64(rng.IntN(2))}))
		}
	})
}

// stored is the state as a status gives it back.
func stored(t *testing.T, s State) State {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var out State
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) ready() int {
	n := 0
	for _, pod := range w.in.Pods {
		n += count(pod.Ready)
	}
	return n
}

// capacity is what ready pods have and are to keep.
func (w *world) capacity() recommender.Resources {
	var sum recommender.Resources
	for _, pod := range w.in.Pods {
		if pod.Ready {
			has, _ := pod.total(pod.haves())
			gets, _ := pod.total(pod.specs())
			sum = sum.Add(leastOf(has, gets))
		}
	}
	return sum
}

// TestConverges: whatever the start, with nodes that have the room the pods get
// what was decided, the number of pods too, and then nothing more is planned. On
// the way what ready pods have never falls below what was decided.
func TestConverges(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 11))
			size := func() Size {
				r := res(int64(1+rng.IntN(8))*250, int64(1+rng.IntN(8))*256)
				if seed%2 == 0 {
					return Size{Requests: r, Limits: r}
				}
				return Size{Requests: r}
			}
			has, wants := size(), size()
			w := &world{in: deployment(1+rng.IntN(8), has, wants), template: has}
			w.in.Settings = Settings{MaxConcurrentPercent: 1 + rng.IntN(100)}
			if seed%5 == 0 {
				w.in.Settings.CanaryPods = new(0)
			}
			w.in.Decision.DesiredReplicas = 1 + rng.IntN(8)
			w.in.Decision.Workload.Kind = []string{"Deployment", "StatefulSet"}[rng.IntN(2)]
			w.in.Nodes = []Node{{Name: "node-a", Allocatable: res(40000, 40000)}}
			if seed%3 == 0 && len(w.in.Pods) > 1 { // The only pod of a workload is never restarted.
				w.restarts, w.in.Decision.DesiredReplicas = true, max(2, w.in.Decision.DesiredReplicas)
				for i := range w.in.Pods {
					w.in.Pods[i].Containers[0].RestartOnCPU, w.in.Pods[i].Containers[0].RestartOnMemory = true, true
				}
			}
			last, need := 0, w.in.Decision.DesiredReplicas
			for round := range 150 {
				w.room()
				before := w.in
				before.Pods = slices.Clone(w.in.Pods)
				ready, least := w.ready(), min(len(w.in.Pods), need)-1
				floor := leastOf(w.capacity(), times(wants.Requests, need))
				p := w.round()
				if got := w.ready(); got < min(ready, least) {
					t.Fatalf("round %d: %d pods ready of %d, %d have to be", round, got, ready, least)
				}
				if got := w.capacity(); !w.restarts && !within(floor, got) {
					t.Fatalf("round %d: capacity fell from %+v to %+v", round, floor, got)
				}
				if err := violation(before, p); err != nil {
					t.Fatal(err)
				}
				if len(p.Steps) > 0 {
					last = round
				}
				for i := range w.in.Pods {
					if w.in.Pods[i].Containers[0].InForce == nil {
						t.Fatal("a size is lost")
					}
				}
			}
			if last > 120 {
				t.Errorf("steps until round %d", last)
			}
			if *w.in.Target.Replicas != need {
				t.Errorf("%d pods, want %d", *w.in.Target.Replicas, need)
			}
			for _, pod := range w.in.Pods {
				if *pod.Containers[0].InForce != wants {
					t.Errorf("pod %s has %+v, want %+v", pod.Name, *pod.Containers[0].InForce, wants)
				}
			}
		})
	}
}

// TestHourlyBudget: in no hour more pods are resized than the budget allows, and
// in the end all are.
func TestHourlyBudget(t *testing.T) {
	w := &world{in: deployment(12, requests(1000, 1024), requests(500, 512)), template: requests(1000, 1024)}
	w.in.Settings.ResizesPerHour = new(5)
	var at []time.Time
	for range 300 {
		now := w.in.Now
		for range w.round().Steps {
			at = append(at, now)
		}
	}
	if len(at) != 12 {
		t.Errorf("%d resizes, want 12", len(at))
	}
	for i := 5; i < len(at); i++ {
		if at[i].Sub(at[i-5]) < time.Hour {
			t.Errorf("six resizes from %s to %s", at[i-5], at[i])
		}
	}
}

// BenchmarkNext plans for 1,000 pods, all of which are to change.
func BenchmarkNext(b *testing.B) {
	in := deployment(1000, requests(1000, 1024), requests(500, 512))
	in.Nodes = []Node{{Name: "node-a", Allocatable: res(1<<30, 1<<30), Free: res(1<<30, 1<<30)}}
	for b.Loop() {
		if p, _ := Next(in); len(p.Steps) != podsMost {
			b.Fatalf("%d steps, want %d", len(p.Steps), podsMost)
		}
	}
}
