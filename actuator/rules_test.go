package actuator

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
)

// TestGates has one input a gate: what lets nothing through, what lets raises
// through, and what only emergencies.
func TestGates(t *testing.T) {
	shrink := func() Input { return deployment(1, requests(1000, 1024), requests(500, 512)) }
	grow := func() Input { return deployment(1, requests(500, 512), requests(1000, 1024)) }
	urgent := func() Input {
		in := grow()
		in.Decision.Reasons = []recommender.Reason{{Code: recommender.ReasonReactiveFloor, Container: "app"}}
		return in
	}
	tests := map[string]struct {
		in     func() Input
		change func(*Input)
		code   recommender.ReasonCode
		want   []string
	}{
		"apply shrinks":             {shrink, func(*Input) {}, "", []string{"ResizePod web-0"}},
		"kill switch":               {grow, func(in *Input) { in.KillSwitch = true }, ReasonKillSwitch, []string{}},
		"dry run":                   {grow, func(in *Input) { in.Mode = ModeDryRun }, ReasonMode, []string{}},
		"paused":                    {urgent, func(in *Input) { in.Mode = ModePaused }, ReasonMode, []string{}},
		"no mode at all":            {grow, func(in *Input) { in.Mode = "" }, ReasonMode, []string{}},
		"initial with admission":    {grow, func(in *Input) { in.Mode = ModeInitial }, ReasonMode, []string{}},
		"kube-system":               {urgent, func(in *Input) { in.Decision.Workload.Namespace = "kube-system" }, ReasonNamespace, []string{}},
		"an HPA":                    {urgent, func(in *Input) { in.Rivals = []Rival{{"HorizontalPodAutoscaler", "web"}} }, ReasonRival, []string{}},
		"no decision":               {grow, func(in *Input) { in.Decision.Action = recommender.ActionNone }, ReasonUndecided, []string{}},
		"an old decision":           {grow, func(in *Input) { in.Decision.At = noon.Add(-time.Hour) }, ReasonUndecided, []string{}},
		"stale, shrink":             {shrink, func(in *Input) { in.Stale = true }, ReasonStale, []string{}},
		"stale, growth":             {grow, func(in *Input) { in.Stale = true }, ReasonStale, []string{"ResizePod web-0"}},
		"frozen, shrink":            {shrink, func(in *Input) { in.State.FrozenUntil = noon.Add(1) }, ReasonFrozen, []string{}},
		"frozen no more":            {shrink, func(in *Input) { in.State.FrozenUntil = noon }, "", []string{"ResizePod web-0"}},
		"rollout, shrink":           {shrink, func(in *Input) { in.Rollout = true }, ReasonRollout, []string{}},
		"rollout, growth":           {grow, func(in *Input) { in.Rollout = true }, ReasonRollout, []string{"ResizePod web-0"}},
		"outdated pods, shrink":     {shrink, func(in *Input) { in.Pods[0].Outdated = true }, ReasonRollout, []string{}},
		"warm-up, growth":           {grow, func(in *Input) { in.Started = noon.Add(-time.Minute) }, ReasonWarmup, []string{}},
		"warm-up, emergency":        {urgent, func(in *Input) { in.Started = noon.Add(-time.Minute) }, ReasonWarmup, []string{"ResizePod web-0"}},
		"opted out":                 {urgent, func(in *Input) { in.Pods[0].OptOut = true }, ReasonOptedOut, []string{}},
		"a finished pod":            {grow, func(in *Input) { in.Pods[0].Phase = PodSucceeded }, "", []string{}},
		"a pod on its way out":      {grow, func(in *Input) { in.Pods[0].Terminating = true }, "", []string{}},
		"a running job":             {grow, func(in *Input) { in.Decision.Workload.Kind = "Job" }, "", []string{}},
		"in force unknown, shrink":  {shrink, func(in *Input) { in.Pods[0].Containers[0].InForce = nil }, "", []string{}},
		"in force unknown, growth":  {grow, func(in *Input) { in.Pods[0].Containers[0].InForce = nil }, "", []string{"ResizePod web-0"}},
		"running but not ready":     {shrink, func(in *Input) { in.Pods[0].Ready = false }, ReasonAvailability, []string{}},
		"a restart of the only pod": {grow, func(in *Input) { in.Pods[0].Containers[0].RestartOnCPU = true }, ReasonAvailability, []string{}},
		"a group that restarts as one": {func() Input {
			in := deployment(4, requests(500, 512), requests(1000, 1024))
			in.Decision.Workload.Kind = "LeaderWorkerSet"
			return in
		}, func(in *Input) {
			for i := range in.Pods {
				in.Pods[i].Containers[0].RestartOnCPU = true
			}
		}, ReasonAvailability, []string{}},
		"a hold close to the target": {shrink, func(in *Input) { holdNear(in) }, "", []string{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := tc.in()
			tc.change(&in)
			got, _ := Next(in)
			if diff := cmp.Diff(tc.want, brief(got)); diff != "" {
				t.Errorf("steps (-want +got):\n%s%v", diff, got.Reasons)
			}
			if tc.code != "" && !tells(got, tc.code) {
				t.Errorf("no reason %s in %v", tc.code, got.Reasons)
			}
		})
	}
}

// holdNear makes the decision a hold whose bounds hold what the pods have.
func holdNear(in *Input) {
	in.Decision.Action = recommender.ActionHold
	in.Decision.Containers[0].LowerBound = res(400, 400)
	in.Decision.Containers[0].UpperBound = res(1100, 1100)
}

// TestInitial sizes pods right after their creation where nothing else does,
// and no others.
func TestInitial(t *testing.T) {
	for name, change := range map[string]func(*Input){
		"mode Initial": func(in *Input) { in.Mode, in.Features.SizedAtCreation = ModeInitial, false },
		"a Job":        func(in *Input) { in.Decision.Workload.Kind, in.Features.SizedAtCreation = "Job", false },
	} {
		t.Run(name, func(t *testing.T) {
			in := deployment(3, requests(1000, 1024), requests(500, 512))
			in.Pods[1].Ready, in.Pods[1].Phase, in.Pods[1].Created = false, PodPending, noon.Add(-time.Second)
			in.Pods[1].Containers[0].InForce = nil
			in.Decision.DesiredReplicas = 9
			change(&in)
			got, _ := Next(in)
			if diff := cmp.Diff([]string{"ResizePod web-1"}, brief(got)); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPreflight has one refusal a rule. Sizes are in millicores and MiB.
func TestPreflight(t *testing.T) {
	tests := map[string]struct {
		has, wants Size
		change     func(*Input)
		code       recommender.ReasonCode
		// gets is what is asked for instead of a refusal.
		gets *Size
	}{
		"BestEffort stays so":       {Size{}, requests(100, 100), nil, ReasonQoS, nil},
		"Burstable stays so":        {requests(100, 100), guaranteed(200, 200), nil, ReasonQoS, nil},
		"Guaranteed stays so":       {guaranteed(100, 100), Size{Requests: res(200, 200), Limits: res(300, 200)}, nil, ReasonQoS, nil},
		"limits are never removed":  {Size{Requests: res(100, 100), Limits: res(200, 200)}, requests(150, 150), nil, "", &Size{Requests: res(150, 150), Limits: res(200, 200)}},
		"nor below the request":     {Size{Requests: res(100, 100), Limits: res(200, 200)}, requests(300, 150), nil, "", &Size{Requests: res(300, 150), Limits: res(300, 200)}},
		"pod-level resources":       {requests(100, 100), requests(200, 200), func(in *Input) { in.Pods[0].PodLevel = true }, ReasonUnresizable, nil},
		"a static pod":              {requests(100, 100), requests(200, 200), func(in *Input) { in.Pods[0].Unresizable = true }, ReasonUnresizable, nil},
		"a cluster that cannot":     {requests(100, 100), requests(200, 200), func(in *Input) { in.Features.Resize = false }, ReasonUnresizable, nil},
		"memory limit, no shrink":   {guaranteed(400, 400), guaranteed(200, 200), func(in *Input) { in.Features.MemoryLimitShrink = false }, ReasonMemoryHeld, new(Size{Requests: res(200, 400), Limits: res(200, 400)})},
		"memory limit in use":       {Size{Requests: res(400, 400), Limits: res(0, 400)}, Size{Requests: res(200, 105), Limits: res(0, 105)}, nil, ReasonMemoryHeld, new(Size{Requests: res(200, 105), Limits: res(0, 400)})},
		"memory limit unknown use":  {guaranteed(400, 400), guaranteed(200, 200), func(in *Input) { in.Pods[0].Containers[0].MemoryPeak = 0 }, ReasonMemoryHeld, new(Size{Requests: res(200, 400), Limits: res(200, 400)})},
		"memory limit lowered":      {guaranteed(400, 400), guaranteed(200, 200), nil, "", new(guaranteed(200, 200))},
		"node too small":            {requests(100, 100), requests(5000, 200), func(in *Input) { node(in, res(4000, 4096), res(3900, 3996)) }, ReasonNodeCapacity, nil},
		"node too small already":    {requests(5000, 200), requests(4500, 100), func(in *Input) { node(in, res(4000, 4096), res(0, 0)) }, "", new(requests(4500, 100))},
		"no room now: asked anyway": {requests(100, 100), requests(2000, 200), func(in *Input) { node(in, res(4000, 4096), res(100, 100)) }, "", new(requests(2000, 200))},
		"refused before": {requests(100, 100), requests(2000, 200), func(in *Input) {
			in.State.Refused = []NodeRefusal{{Node: "node-a", Asked: res(1500, 200), Until: noon.Add(1)}}
		}, ReasonInfeasible, nil},
		"refused more before": {requests(100, 100), requests(1000, 200), func(in *Input) {
			in.State.Refused = []NodeRefusal{{Node: "node-a", Asked: res(1500, 200), Until: noon.Add(1)}}
		}, "", new(requests(1000, 200))},
		"a smaller size refused before": {requests(1000, 100), requests(500, 100), func(in *Input) {
			in.State.Refused = []NodeRefusal{{Node: "node-a", Asked: res(500, 100), Until: noon.Add(1)}}
		}, ReasonInfeasible, nil},
		"smaller than what was refused": {requests(2000, 100), requests(1800, 100), func(in *Input) {
			in.State.Refused = []NodeRefusal{{Node: "node-a", Asked: res(1500, 100), Until: noon.Add(1)}}
		}, "", new(requests(1800, 100))},
		"refused long ago": {requests(100, 100), requests(2000, 200), func(in *Input) {
			in.State.Refused = []NodeRefusal{{Node: "node-a", Asked: res(1500, 200), Until: noon}}
		}, "", new(requests(2000, 200))},
		"LimitRange least":     {requests(100, 100), requests(50, 50), limits(recommender.LimitRange{Type: recommender.LimitRangeContainer, Min: res(80, 0)}), ReasonLimitRange, nil},
		"LimitRange most":      {Size{res(100, 100), res(200, 200)}, Size{res(500, 100), res(900, 200)}, limits(recommender.LimitRange{Type: recommender.LimitRangeContainer, Max: res(800, 0)}), ReasonLimitRange, nil},
		"LimitRange ratio":     {Size{res(100, 100), res(200, 200)}, Size{res(50, 100), res(200, 200)}, limits(recommender.LimitRange{Type: recommender.LimitRangeContainer, MaxLimitRequestRatioCPU: 2}), ReasonLimitRange, nil},
		"LimitRange of a pod":  {Size{res(100, 100), res(200, 200)}, Size{res(500, 100), res(900, 200)}, limits(recommender.LimitRange{Type: recommender.LimitRangePod, Max: res(800, 0)}), ReasonLimitRange, nil},
		"LimitRange injects":   {requests(100, 100), requests(200, 200), limits(recommender.LimitRange{Type: recommender.LimitRangeContainer, Default: res(700, 0)}), ReasonLimitRange, nil},
		"LimitRange satisfied": {Size{res(100, 100), res(200, 200)}, Size{res(150, 100), res(300, 200)}, limits(recommender.LimitRange{Type: recommender.LimitRangeContainer, Min: res(50, 50), Max: res(800, 800), Default: res(700, 700), MaxLimitRequestRatioCPU: 2}), "", &Size{res(150, 100), res(300, 200)}},
		"quota": {requests(100, 100), requests(200, 100), func(in *Input) {
			in.Quotas = []recommender.Quota{{Name: "q", Items: []recommender.QuotaLimit{{Resource: recommender.QuotaRequestsCPU, Hard: 1000, Used: 901}}}}
		}, ReasonQuota, nil},
		"quota overdrawn, shrink": {requests(200, 100), requests(100, 100), func(in *Input) {
			in.Quotas = []recommender.Quota{{Name: "q", Items: []recommender.QuotaLimit{{Resource: recommender.QuotaRequestsCPU, Hard: 100, Used: 901}}}}
		}, "", new(requests(100, 100))},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := deployment(1, tc.has, tc.wants)
			if tc.change != nil {
				tc.change(&in)
			}
			got, _ := Next(in)
			if tc.code != "" && !tells(got, tc.code) {
				t.Errorf("no reason %s in %v", tc.code, got.Reasons)
			}
			if tc.gets == nil {
				if len(got.Steps) > 0 {
					t.Errorf("steps %v, want none", brief(got))
				}
				return
			}
			if len(got.Steps) != 1 || got.Steps[0].Containers[0].To != *tc.gets {
				t.Errorf("got %+v, want one step to %+v; %v", got.Steps, *tc.gets, got.Reasons)
			}
		})
	}
}

func node(in *Input, allocatable, free recommender.Resources) {
	in.Nodes = []Node{{Name: "node-a", Allocatable: allocatable, Free: free}}
}

func limits(l recommender.LimitRange) func(*Input) {
	l.Name = "bounds"
	return func(in *Input) { in.LimitRanges = []recommender.LimitRange{l} }
}

// TestOrder: what a plan does first.
func TestOrder(t *testing.T) {
	tests := map[string]struct {
		in   func() Input
		want []string
	}{
		"more pods before smaller ones: 4x1000m to 8x400m may lose 800m": {func() Input {
			in := deployment(4, requests(1000, 512), requests(400, 256))
			in.Decision.DesiredReplicas = 8
			return in
		}, []string{"Scale 4->8"}},
		"the same with room: one of 4000m-3200m fits": {func() Input {
			in := deployment(4, requests(1000, 512), requests(400, 256))
			in.Decision.DesiredReplicas = 6
			return in
		}, []string{"Scale 4->6", "ResizePod web-0", "ResizePod web-1"}},
		"larger pods before fewer": {func() Input {
			in := deployment(4, requests(500, 512), requests(1000, 1024))
			in.Decision.DesiredReplicas = 2
			return in
		}, []string{"ResizePod web-0", "ResizePod web-1", "ResizePod web-2", "ResizePod web-3"}},
		"fewer once they are": {func() Input {
			in := deployment(4, requests(1000, 1024), requests(1000, 1024))
			in.Decision.DesiredReplicas = 2
			return in
		}, []string{"Scale 4->2"}},
		"fewer before smaller": {func() Input {
			in := deployment(4, requests(1000, 1024), requests(500, 512))
			in.Decision.DesiredReplicas = 2
			return in
		}, []string{"Scale 4->2"}},
		"smaller where there are never fewer": {func() Input {
			in := deployment(4, requests(1000, 1024), requests(500, 512))
			in.Decision.DesiredReplicas, in.Target.Replicas = 2, nil
			return in
		}, []string{"ResizePod web-0", "ResizePod web-1", "ResizePod web-2", "ResizePod web-3"}},
		"as few as two large ones allow": {func() Input {
			in := deployment(4, requests(500, 512), requests(500, 512))
			in.Decision.DesiredReplicas = 3
			in.Pods[3].Containers[0].InForce = new(requests(100, 512))
			in.Pods[3].Containers[0].Spec = requests(100, 512)
			in.Pods[3].OptOut = true
			return in
		}, []string{}},
		"never to zero unless that was decided": {func() Input {
			in := deployment(2, requests(500, 512), requests(500, 512))
			in.Decision.DesiredReplicas = 0
			return in
		}, []string{"Scale 2->1"}},
		"to zero where it was": {func() Input {
			in := deployment(2, requests(500, 512), requests(500, 512))
			in.Decision.DesiredReplicas = 0
			in.Decision.Reasons = []recommender.Reason{{Code: recommender.ReasonZero}}
			return in
		}, []string{"Scale 2->0"}},
		"an emergency goes first": {func() Input {
			in := deployment(2, requests(500, 512), requests(1000, 512))
			in.Decision.DesiredReplicas = 3
			in.Decision.Reasons = []recommender.Reason{{Code: recommender.ReasonOOMKilled, Container: "app"}}
			return in
		}, []string{"ResizePod web-0", "ResizePod web-1", "Scale 2->3"}},
		"a smaller pod makes room first": {func() Input {
			in := deployment(2, requests(500, 512), requests(1000, 512))
			in.Pods[1].Containers[0].Spec, in.Pods[1].Containers[0].InForce = requests(2500, 512), new(requests(2500, 512))
			node(&in, res(3000, 4096), res(0, 1000))
			return in
		}, []string{"ResizePod web-1"}},
		"one pod a node may wait for room": {func() Input {
			in := deployment(3, requests(500, 512), requests(1000, 512))
			node(&in, res(3000, 4096), res(600, 1000))
			return in
		}, []string{"ResizePod web-0", "ResizePod web-1"}},
		"scaling only, where sizes cannot change": {func() Input {
			in := deployment(3, requests(500, 512), requests(1000, 512))
			in.Features.Resize, in.Decision.DesiredReplicas = false, 5
			return in
		}, []string{"Scale 3->5"}},
		"what grows does not wait for the capacity that shrinking does": {func() Input {
			in := deployment(2, requests(1000, 512), requests(500, 1024))
			in.Decision.DesiredReplicas = 4
			return in
		}, []string{"Scale 2->4", "ResizePod web-0", "ResizePod web-1"}},
		"a DaemonSet is not scaled": {func() Input {
			in := deployment(3, requests(500, 512), requests(500, 512))
			in.Decision.Workload.Kind, in.Decision.DesiredReplicas = "DaemonSet", 5
			return in
		}, []string{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, _ := Next(tc.in())
			if diff := cmp.Diff(tc.want, brief(got)); diff != "" {
				t.Errorf("steps (-want +got):\n%s%v", diff, got.Reasons)
			}
		})
	}
}

// TestRestartsUnderWay count as pods that are not ready, though they still are:
// neither is another restarted nor is there one less.
func TestRestartsUnderWay(t *testing.T) {
	in := deployment(4, requests(500, 512), requests(1000, 512))
	for i := range in.Pods {
		in.Pods[i].Containers[0].RestartOnCPU = true
	}
	in.Decision.DesiredReplicas, in.Decision.Containers[0].LowerBound = 3, res(250, 256)
	first, state := Next(in)
	if diff := cmp.Diff([]string{"ResizePod web-0"}, brief(first)); diff != "" || !tells(first, ReasonAvailability) {
		t.Fatalf("steps (-want +got):\n%s%v", diff, first.Reasons)
	}
	in.State, in.Now = state, noon.Add(10*time.Second)
	if second, _ := Next(in); len(second.Steps) > 0 || !tells(second, ReasonAvailability) {
		t.Errorf("steps %v, reasons %v", brief(second), second.Reasons)
	}
}

// TestQuotaIsShared by the steps of a plan: 350 millicores are left, and every
// pod takes 100 more.
func TestQuotaIsShared(t *testing.T) {
	in := deployment(8, requests(100, 100), requests(200, 100))
	in.Quotas = []recommender.Quota{{Name: "q", Items: []recommender.QuotaLimit{{Resource: recommender.QuotaRequestsCPU, Hard: 2000, Used: 1650}}}}
	if got, _ := Next(in); len(got.Steps) != 3 || !tells(got, ReasonQuota) {
		t.Errorf("steps %v, want 3; %v", brief(got), got.Reasons)
	}
}

// TestStatefulSet changes the last ordinal first, numerically, and only while
// all others are ready.
func TestStatefulSet(t *testing.T) {
	in := deployment(11, requests(1000, 1024), requests(500, 512))
	in.Decision.Workload.Kind = "StatefulSet"
	slices.Reverse(in.Pods)
	got, _ := Next(in)
	if diff := cmp.Diff([]string{"ResizePod web-10"}, brief(got)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	in.Pods[4].Ready = false
	got, _ = Next(in)
	if len(got.Steps) > 0 || !tells(got, ReasonAvailability) {
		t.Errorf("with an unready pod: %v, %v", brief(got), got.Reasons)
	}
}

// TestBudgets: what is left of any budget binds, and the past hour counts.
func TestBudgets(t *testing.T) {
	tests := map[string]struct {
		change func(*Input)
		want   int
	}{
		"none":            {func(*Input) {}, 8},
		"of the workload": {func(in *Input) { in.Settings.ResizesPerHour = new(3) }, 3},
		"past hour": {func(in *Input) {
			in.Settings.ResizesPerHour = new(3)
			in.State.Spent = []SpentAt{{At: noon.Add(-time.Hour), Spent: Spent{Resizes: 2}}, {At: noon.Add(-2 * time.Hour), Spent: Spent{Resizes: 9}}}
		}, 1},
		"of the cluster": {func(in *Input) { in.Cluster.Resizes = new(2) }, 2},
		"none left":      {func(in *Input) { in.Cluster.Resizes = new(-1) }, 0},
		"batch":          {func(in *Input) { in.Settings.MaxConcurrentPercent = 0 }, 2},
		"waves of a day": {func(in *Input) {
			in.Settings.MaxResizesPerDay = 1
			in.State.Waves = []time.Time{noon.Add(-time.Hour)}
		}, 0},
		"waves of yesterday": {func(in *Input) {
			in.Settings.MaxResizesPerDay = 1
			in.State.Waves = []time.Time{noon.Add(-24 * time.Hour)}
		}, 8},
		"restarts": {func(in *Input) {
			for i := range in.Pods {
				in.Pods[i].Containers[0].RestartOnMemory = true
			}
		}, 1},
		"restarts within a disruption budget": {func(in *Input) {
			in.Settings.MaxUnavailable = 8
			in.Disruption = &recommender.DisruptionBudget{MinAvailablePercent: 70} // ⌈5.6⌉ = 6 of 8 stay.
			for i := range in.Pods {
				in.Pods[i].Containers[0].RestartOnMemory = true
			}
		}, 2},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := deployment(8, requests(1000, 1024), requests(500, 512))
			tc.change(&in)
			got, _ := Next(in)
			if len(got.Steps) != tc.want || got.Spent.Resizes != tc.want {
				t.Errorf("%d steps %v, want %d; %v", len(got.Steps), brief(got), tc.want, got.Reasons)
			}
		})
	}
}
