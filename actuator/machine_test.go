package actuator

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
)

// at is Next at a time, with the state of the step before.
func (w *world) at(offset time.Duration) Plan {
	w.in.Now = noon.Add(offset)
	w.in.Decision.At = w.in.Now
	p, s := Next(w.in)
	w.in.State = s
	return p
}

func phase(t *testing.T, w *world, pod string) Phase {
	t.Helper()
	for _, s := range w.in.State.Pods {
		if s.Name == pod {
			return s.Phase
		}
	}
	return ""
}

// grown has one pod that was asked to grow from 500m to 1000m.
func grown(t *testing.T) *world {
	t.Helper()
	w := &world{in: deployment(2, requests(500, 512), requests(1000, 512))}
	w.in.Pods[1].OptOut = true
	p := w.at(0)
	if diff := cmp.Diff([]string{"ResizePod web-0"}, brief(p)); diff != "" {
		t.Fatalf("steps (-want +got):\n%s", diff)
	}
	return w
}

func TestStepLandsAndIsDone(t *testing.T) {
	w := grown(t)
	p := w.at(time.Second) // The watch has not seen it yet.
	if len(p.Steps) > 0 {
		t.Errorf("asked twice: %v", brief(p))
	}
	step, _ := Next(deployment(2, requests(500, 512), requests(1000, 512)))
	w.apply(Plan{Steps: step.Steps[:1]})
	w.in.Pods[0].Resize = Resize{InProgress: true, Generation: 2}
	w.at(2 * time.Second)
	if got := phase(t, w, "web-0"); got != PhaseInProgress {
		t.Errorf("phase %s, want InProgress", got)
	}
	w.pass(0)
	p = w.at(3 * time.Second)
	if got := phase(t, w, "web-0"); got != PhaseDone || len(p.Steps) > 0 {
		t.Errorf("phase %s, steps %v, want Done and none", got, brief(p))
	}
}

func TestStepIsLost(t *testing.T) {
	w := grown(t)
	if p := w.at(59 * time.Second); len(p.Steps) > 0 {
		t.Errorf("asked again within a minute: %v", brief(p))
	}
	if p := w.at(60 * time.Second); len(p.Steps) != 1 {
		t.Errorf("not asked again: %v, %v", brief(p), p.Reasons)
	}
}

// TestConditions drives one pod through what the kubelet and the API server can
// say. Times are from the step.
func TestConditions(t *testing.T) {
	tests := map[string]struct {
		say     func(*Pod)
		written bool
		want    Phase
		steps   []string
		code    recommender.ReasonCode
	}{
		"deferred for a while": {func(p *Pod) {
			p.Resize = Resize{Pending: PendingDeferred, Since: noon.Add(30 * time.Second), Generation: 2}
		}, true, PhaseDeferred, []string{}, ""},
		"deferred for too long": {func(p *Pod) {
			p.Resize = Resize{Pending: PendingDeferred, Since: noon.Add(-5 * time.Minute), Generation: 2}
		}, true, PhaseWaiting, []string{"RevertPod web-0"}, ""},
		"infeasible": {func(p *Pod) {
			p.Resize = Resize{Pending: PendingInfeasible, Since: noon, Generation: 2}
		}, true, PhaseInfeasible, []string{"RevertPod web-0"}, ""},
		"a condition about the generation before": {func(p *Pod) {
			p.Resize = Resize{Pending: PendingInfeasible, Since: noon, Generation: 1}
		}, true, PhaseRequested, []string{}, ""},
		"fails":                        {func(p *Pod) { p.Resize = Resize{InProgress: true, Error: true, Generation: 2} }, true, PhaseFailed, []string{"RevertPod web-0"}, ""},
		"403 NodeCapacity":             {func(p *Pod) { p.Refused = RefusedNodeCapacity }, false, PhaseInfeasible, []string{}, ReasonInfeasible},
		"409 conflict":                 {func(p *Pod) { p.Refused = RefusedConflict }, false, PhaseForeign, []string{}, ReasonForeign},
		"another refusal":              {func(p *Pod) { p.Refused = RefusedOther }, false, PhaseRefused, []string{}, ReasonRefused},
		"someone else writes":          {func(p *Pod) { p.Generation, p.Containers[0].Spec = 2, requests(777, 512) }, false, PhaseForeign, []string{}, ReasonForeign},
		"the kubelet has not acted":    {func(*Pod) {}, true, PhaseRequested, []string{}, ""},
		"made anew under another name": {func(p *Pod) { p.UID = "other" }, false, PhaseRequested, []string{"ResizePod web-0"}, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := grown(t)
			w.in.Pods[0].Containers = []Container{w.in.Pods[0].Containers[0]}
			if tc.written {
				w.in.Pods[0].Containers[0].Spec, w.in.Pods[0].Generation = requests(1000, 512), 2
			}
			tc.say(&w.in.Pods[0])
			p := w.at(30 * time.Second)
			if got := phase(t, w, "web-0"); got != tc.want {
				t.Errorf("phase %q, want %q", got, tc.want)
			}
			if diff := cmp.Diff(tc.steps, brief(p)); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if tc.code != "" && !tells(p, tc.code) {
				t.Errorf("no reason %s in %v", tc.code, p.Reasons)
			}
			for _, s := range p.Steps {
				if s.Kind == StepRevert && s.Containers[0].To != requests(500, 512) {
					t.Errorf("put back to %+v, want what is in force", s.Containers[0].To)
				}
			}
		})
	}
}

// TestDeferredThenEvicted: patience, put back, and an eviction only where the
// owner allows it, new pods are sized, and others are ready.
func TestDeferredThenEvicted(t *testing.T) {
	tests := map[string]struct {
		change func(*Input)
		want   []string
	}{
		"allowed":                {func(in *Input) { in.Settings.Evict = true }, []string{"EvictPod web-0"}},
		"in place only":          {func(*Input) {}, []string{}},
		"new pods are not sized": {func(in *Input) { in.Settings.Evict, in.Features.SizedAtCreation = true, false }, []string{}},
		"within the disruption budget": {func(in *Input) {
			in.Settings.Evict, in.Disruption = true, &recommender.DisruptionBudget{MinAvailable: 2}
		}, []string{}},
		"another pod is not ready": {func(in *Input) { in.Settings.Evict, in.Pods[1].Ready = true, false }, []string{}},
		"budget of evictions":      {func(in *Input) { in.Settings.Evict, in.Cluster.Evictions = true, new(0) }, []string{}},
		"stale metrics":            {func(in *Input) { in.Settings.Evict, in.Stale = true, true }, []string{}},
		"it needs no more":         {func(in *Input) { in.Settings.Evict = true; in.Decision.Containers[0].Target = res(500, 512) }, []string{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := grown(t)
			pod := &w.in.Pods[0]
			pod.Containers[0].Spec, pod.Generation = requests(1000, 512), 2
			pod.Resize = Resize{Pending: PendingDeferred, Since: noon, Generation: 2}
			w.at(time.Minute)
			w.at(5 * time.Minute)
			pod.Containers[0].Spec, pod.Generation, pod.ObservedGeneration, pod.Resize = requests(500, 512), 3, 3, Resize{}
			if p := w.at(6 * time.Minute); len(p.Steps) > 0 {
				t.Fatalf("steps before the patience is over: %v", brief(p))
			}
			tc.change(&w.in)
			p := w.at(10 * time.Minute)
			if diff := cmp.Diff(tc.want, brief(p)); diff != "" {
				t.Errorf("steps (-want +got):\n%s%v", diff, p.Reasons)
			}
		})
	}
}

// TestMemoryError: a limit that cannot be lowered is put back, with what was
// lowered beside it.
func TestMemoryError(t *testing.T) {
	w := &world{in: deployment(1, guaranteed(800, 1024), guaranteed(500, 512))}
	w.at(0)
	pod := &w.in.Pods[0]
	pod.Containers[0].Spec, pod.Generation = guaranteed(500, 512), 2
	pod.Containers[0].InForce = new(guaranteed(500, 1024))
	pod.Resize = Resize{InProgress: true, Error: true, Generation: 2, Message: "cannot decrease memory limits"}
	p := w.at(time.Minute)
	if len(p.Steps) != 1 || p.Steps[0].Kind != StepRevert || p.Steps[0].Containers[0].To != guaranteed(800, 1024) {
		t.Fatalf("steps %+v, want it put back", p.Steps)
	}
	if p = w.at(time.Minute + time.Second); len(p.Steps) > 0 {
		t.Errorf("put back twice: %v", brief(p))
	}
	if p = w.at(3 * time.Minute); len(p.Steps) != 1 {
		t.Errorf("a lost revert is not repeated: %v", brief(p))
	}
	pod.Containers[0].Spec, pod.Generation, pod.ObservedGeneration, pod.Resize = guaranteed(800, 1024), 3, 3, Resize{}
	pod.Containers[0].InForce = new(guaranteed(800, 1024))
	if p = w.at(10 * time.Minute); len(p.Steps) > 0 || !tells(p, ReasonRefused) {
		t.Errorf("it is asked again within the hour: %v, %v", brief(p), p.Reasons)
	}
}

// TestCanary: the first pod, ten minutes for what is smaller and a quarter of it
// for what only grows, then the rest in batches.
func TestCanary(t *testing.T) {
	for name, tc := range map[string]struct {
		has, wants Size
		rounds     int
	}{
		"shrink": {requests(1000, 1024), requests(500, 512), 11},
		"grow":   {requests(500, 512), requests(1000, 1024), 4},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{in: deployment(8, tc.has, tc.wants), template: tc.has}
			w.in.Settings = Settings{}
			if diff := cmp.Diff([]string{"ResizePod web-0"}, brief(w.round())); diff != "" {
				t.Fatalf("steps (-want +got):\n%s", diff)
			}
			for i := 1; i < tc.rounds; i++ {
				if p := w.round(); len(p.Steps) > 0 || !tells(p, ReasonCanary) || p.RecheckAfterSeconds == 0 {
					t.Fatalf("minute %d: steps %v, recheck %v, reasons %v", i, brief(p), p.RecheckAfterSeconds, p.Reasons)
				}
			}
			if diff := cmp.Diff([]string{"ResizePod web-1", "ResizePod web-2"}, brief(w.round())); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCanaryWaitsForEvidence: a short time of watching does not pass before there
// are three minutes of metrics of the new size, unless there never are any or
// nobody would look at them.
func TestCanaryWaitsForEvidence(t *testing.T) {
	begin := func(change func(*Input)) *world {
		w := &world{in: deployment(8, requests(1000, 1024), requests(500, 512)), template: requests(1000, 1024)}
		w.in.Settings = Settings{WatchSeconds: 60}
		w.in.State.LearnedAt = noon.Add(-time.Minute)
		change(&w.in)
		if diff := cmp.Diff([]string{"ResizePod web-0"}, brief(w.round())); diff != "" {
			t.Fatalf("steps (-want +got):\n%s", diff)
		}
		return w
	}
	w := begin(func(*Input) {})
	for range 10 {
		if p := w.round(); len(p.Steps) > 0 || !tells(p, ReasonCanary) || p.RecheckAfterSeconds > 60 {
			t.Fatalf("without metrics: steps %v, recheck %v, reasons %v", brief(p), p.RecheckAfterSeconds, p.Reasons)
		}
	}
	since := w.in.State.Wave.Since
	for i := range 4 {
		w.in.Evidence = []Observation{{At: since.Add(time.Duration(i) * time.Minute), Seconds: 60, Pods: 8, Values: map[Guard]float64{GuardThrottling: 0}}}
		if p := w.round(); len(p.Steps) > 0 {
			t.Fatalf("with metrics of %d minutes: steps %v", i, brief(p))
		}
	}
	if p := w.round(); len(p.Steps) != 2 {
		t.Errorf("with metrics of three minutes: steps %v, reasons %v", brief(p), p.Reasons)
	}
	for name, change := range map[string]func(*Input){
		"never any":       func(in *Input) { in.State.LearnedAt = time.Time{} },
		"nothing is done": func(in *Input) { in.Settings.NoRollback = true },
		"all are ignored": func(in *Input) { in.Settings.IgnoreGuards = guards() },
	} {
		w := begin(change)
		w.round()
		if p := w.round(); len(p.Steps) != 2 {
			t.Errorf("%s: steps %v, reasons %v", name, brief(p), p.Reasons)
		}
	}
}

// TestCanaryIsReplaced by another pod if it is gone, and does not pass while
// metrics are stale or it is not ready.
func TestCanaryIsReplaced(t *testing.T) {
	w := &world{in: deployment(3, requests(1000, 1024), requests(500, 512)), template: requests(1000, 1024)}
	w.in.Settings = Settings{}
	w.round()
	w.round()
	w.in.Pods = w.in.Pods[1:]
	*w.in.Target.Replicas--
	w.in.Decision.DesiredReplicas--
	if diff := cmp.Diff([]string{"ResizePod web-1"}, brief(w.round())); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	w.in.Stale = true
	for range 30 {
		w.round()
	}
	if w.in.State.Wave.Passed {
		t.Error("passed on stale metrics")
	}
}

// TestForgetful: a plan whose state is lost goes on from what the conditions of
// the pods say.
func TestForgetful(t *testing.T) {
	w := grown(t)
	pod := &w.in.Pods[0]
	pod.Containers[0].Spec, pod.Generation = requests(1000, 512), 2
	pod.Resize = Resize{Pending: PendingDeferred, Since: noon, Generation: 2}
	w.in.State = State{}
	p := w.at(5 * time.Minute)
	if diff := cmp.Diff([]string{"RevertPod web-0"}, brief(p)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// TestCompact holds the state for a status below 4 KiB: half of what a status
// may have (the vocabulary of the API allows 8 KiB in all).
func TestCompact(t *testing.T) {
	in := deployment(500, requests(1000, 1024), requests(500, 512))
	for i := range in.Pods {
		in.Pods[i].Name = fmt.Sprintf("checkout-7d9c5b6f4-abcd%d", i)
		in.Pods[i].UID = "01234567-89ab-cdef-0123-456789abcdef"
		c := in.Pods[i].Containers[0]
		c.Name = "istio-proxy"
		in.Pods[i].Containers = append(in.Pods[i].Containers, c)
	}
	c := in.Decision.Containers[0]
	c.Name = "istio-proxy"
	in.Decision.Containers = append(in.Decision.Containers, c)
	for i := range 14 {
		in.State.Spent = append(in.State.Spent, SpentAt{At: noon.Add(time.Duration(i-14) * spentStep), Spent: Spent{12, 3}})
	}
	for i := range refusedMost {
		in.State.Refused = append(in.State.Refused, NodeRefusal{Node: fmt.Sprintf("ip-10-0-12-%d.internal", i), Asked: res(9000, 9000), Until: noon.Add(time.Hour)})
	}
	for range 40 {
		for _, g := range guards() {
			in.Evidence = append(in.Evidence, Observation{At: noon.Add(-time.Second), Seconds: 60, Pods: 500, Answers: 100, Values: map[Guard]float64{g: 0.123456789}})
		}
	}
	p, state := Next(in)
	if len(p.Steps) != podsMost {
		t.Errorf("%d steps, want as many as are remembered: %d", len(p.Steps), podsMost)
	}
	b, err := json.Marshal(state.Compact())
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 4<<10 {
		t.Errorf("%d bytes: %s", len(b), b)
	}
}
