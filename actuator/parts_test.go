package actuator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
)

// TestBoost: a pod that starts gets its boost at once, and what it needs when it
// is ready.
func TestBoost(t *testing.T) {
	in := deployment(2, guaranteed(500, 512), guaranteed(500, 512))
	in.Settings = Settings{}
	in.Decision.Containers[0].Boost = &recommender.Boost{CPU: 2000, Seconds: 90}
	in.Pods[1].Ready, in.Pods[1].Created = false, noon.Add(-time.Minute)
	got, _ := Next(in)
	if len(got.Steps) != 1 || got.Steps[0].Pod != "web-1" || got.Steps[0].Containers[0].To != guaranteed(2000, 512) {
		t.Errorf("steps %+v, want web-1 boosted", got.Steps)
	}
	in.Pods[1].Created = noon.Add(-2 * time.Minute)
	if got, _ = Next(in); len(got.Steps) > 0 {
		t.Errorf("boosted after its time: %v", brief(got))
	}
	in.Pods[1].Containers[0].Spec, in.Pods[1].Containers[0].InForce = guaranteed(2000, 512), new(guaranteed(2000, 512))
	if got, _ = Next(in); len(got.Steps) != 1 || got.Steps[0].Containers[0].To != guaranteed(500, 512) {
		t.Errorf("steps %+v, want a boost that is over taken back though the pod is not ready", got.Steps)
	}
	in.Pods[1].Containers[0].Spec, in.Pods[1].Containers[0].InForce = guaranteed(2000, 600), new(guaranteed(2000, 600))
	if got, _ = Next(in); len(got.Steps) != 0 {
		t.Errorf("steps %+v, want no less memory for a pod that is not ready", got.Steps)
	}
	in.Pods[1].Ready = true
	in.Pods[1].Containers[0].Spec, in.Pods[1].Containers[0].InForce = guaranteed(2000, 512), new(guaranteed(2000, 512))
	got, _ = Next(in)
	if len(got.Steps) != 1 || got.Steps[0].Containers[0].To != guaranteed(500, 512) {
		t.Errorf("steps %+v, want the boost taken back", got.Steps)
	}
}

// TestBoostKeeps: a boost leaves the QoS class and what else a pod has as it is,
// and is left out where it would wait for room or be refused.
func TestBoostKeeps(t *testing.T) {
	burstable := func(cpu, cpuLimit int64) Size { return Size{Requests: res(cpu, 512), Limits: res(cpuLimit, 512)} }
	for name, tc := range map[string]struct {
		has    Size
		change func(*Input)
		want   Size
	}{
		"without a limit": {requests(500, 512), nil, requests(2000, 512)},
		"a limit above": {burstable(500, 900), func(in *Input) {
			in.Decision.Containers[0].TargetLimits = res(900, 512)
		}, burstable(2000, 2001)},
		"a limit far above": {burstable(500, 4000), func(in *Input) {
			in.Decision.Containers[0].TargetLimits = res(4000, 512)
		}, burstable(2000, 4000)},
		"the node has no room": {requests(400, 512), func(in *Input) {
			in.Nodes = []Node{{Name: in.Pods[0].Node, Allocatable: res(4000, 8192), Free: res(200, 8192)}}
		}, requests(500, 512)},
		"a quota has none left": {requests(400, 512), func(in *Input) {
			in.Quotas = []recommender.Quota{{Name: "q", Items: []recommender.QuotaLimit{{Resource: recommender.QuotaRequestsCPU, Hard: 1000, Used: 800}}}}
		}, requests(500, 512)},
	} {
		t.Run(name, func(t *testing.T) {
			in := deployment(1, tc.has, requests(500, 512))
			in.Settings = Settings{}
			in.Decision.Containers[0].Boost = &recommender.Boost{CPU: 2000, Seconds: 90}
			in.Pods[0].Ready, in.Pods[0].Created = false, noon.Add(-time.Minute)
			if tc.change != nil {
				tc.change(&in)
			}
			got, _ := Next(in)
			if len(got.Steps) != 1 || got.Steps[0].Containers[0].To != tc.want {
				t.Errorf("plan %+v, want %+v", got, tc.want)
			}
			if got.RecheckAfterSeconds > 30 {
				t.Errorf("the next plan is due in %v s, want when the boost ends", got.RecheckAfterSeconds)
			}
		})
	}
}

// TestGroups: pods of a DaemonSet get the size of the kind of node they are on.
func TestGroups(t *testing.T) {
	in := deployment(3, requests(500, 512), requests(900, 900))
	in.Decision.Workload.Kind, in.Target.Replicas = "DaemonSet", nil
	group := func(name string, cpu int64) recommender.GroupDecision {
		return recommender.GroupDecision{Name: name, Containers: []recommender.Recommendation{{Name: "app", Target: res(cpu, 512)}}}
	}
	in.Decision.Groups = []recommender.GroupDecision{group("small", 250), group("large", 900)}
	in.Pods[0].Group, in.Pods[1].Group = "small", "large"
	got, _ := Next(in)
	sizes := map[string]Size{}
	for _, s := range got.Steps {
		sizes[s.Pod] = s.Containers[0].To
	}
	want := map[string]Size{"web-0": requests(250, 512), "web-1": requests(900, 512), "web-2": requests(900, 900)}
	if diff := cmp.Diff(want, sizes); diff != "" {
		t.Errorf("sizes (-want +got):\n%s", diff)
	}
}

// TestContainers: a step holds every container of a pod but the initial ones,
// sized or not, and names sidecars.
func TestContainers(t *testing.T) {
	in := deployment(1, requests(500, 512), requests(250, 512))
	pod := &in.Pods[0]
	pod.Containers = append(pod.Containers,
		Container{Name: "proxy", Sidecar: true, Spec: requests(100, 64), InForce: new(requests(100, 64))},
		Container{Name: "migrate", Init: true, Spec: requests(4000, 64)})
	got, _ := Next(in)
	want := []ContainerStep{
		{Name: "app", From: requests(500, 512), To: requests(250, 512)},
		{Name: "proxy", Sidecar: true, From: requests(100, 64), To: requests(100, 64)},
	}
	if len(got.Steps) != 1 {
		t.Fatalf("steps %v, want one; %v", brief(got), got.Reasons)
	}
	if diff := cmp.Diff(want, got.Steps[0].Containers); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	// 4000m and 64 MiB of migrate beside 100m and 64 MiB of proxy; 512 and 64 MiB.
	if requests, _ := pod.total(pod.specs()); requests != res(4100, 576) {
		t.Errorf("the pod requests %+v, want 4100m and 576 MiB", requests)
	}
}

// TestQoS: the class of sizes, as Kubernetes computes it.
func TestQoS(t *testing.T) {
	tests := map[string]struct {
		sizes []Size
		want  recommender.QoSClass
	}{
		"nothing":                   {[]Size{{}, {}}, recommender.QoSBestEffort},
		"limits alone":              {[]Size{{Limits: res(100, 100)}}, recommender.QoSGuaranteed},
		"equal":                     {[]Size{guaranteed(100, 100), guaranteed(1, 1)}, recommender.QoSGuaranteed},
		"one container without":     {[]Size{guaranteed(100, 100), {}}, recommender.QoSBurstable},
		"memory alone":              {[]Size{{Requests: res(0, 100), Limits: res(0, 100)}}, recommender.QoSBurstable},
		"a limit above the request": {[]Size{{Requests: res(100, 100), Limits: res(101, 100)}}, recommender.QoSBurstable},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := qosOf(tc.sizes); got != tc.want {
				t.Errorf("class %s, want %s", got, tc.want)
			}
		})
	}
}

// TestEmergencySkipsTheCanary, not the budget.
func TestEmergencySkipsTheCanary(t *testing.T) {
	in := deployment(8, requests(500, 512), requests(1000, 512))
	in.Settings = Settings{ResizesPerHour: new(6)}
	in.Decision.Reasons = []recommender.Reason{{Code: recommender.ReasonReactiveFloor, Container: "app"}}
	got, _ := Next(in)
	if len(got.Steps) != 6 || !tells(got, ReasonBudget) {
		t.Errorf("steps %v, want 6; %v", brief(got), got.Reasons)
	}
	in.Decision.Reasons[0].Container = "proxy"
	if got, _ = Next(in); len(got.Steps) != 1 {
		t.Errorf("steps %v, want the canary: the emergency is another container's", brief(got))
	}
}
