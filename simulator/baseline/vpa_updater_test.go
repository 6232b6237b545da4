package baseline

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/logic"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

func amounts(cpu recommender.MilliCPU, memory recommender.Bytes) recommender.Resources {
	return recommender.Resources{CPU: cpu, Memory: memory}
}

// recommended is a target of 500 m and 500 MiB in bounds of 400 to 1000.
func recommended() logic.RecommendedContainerResources {
	list := func(n int64) model.Resources {
		return model.Resources{model.ResourceCPU: model.ResourceAmount(n), model.ResourceMemory: model.ResourceAmount(n << 20)}
	}
	return logic.RecommendedContainerResources{Target: list(500), LowerBound: list(400), UpperBound: list(1000)}
}

// TestVPAUpdaterWants goes through the conditions of upstream's
// update_priority_calculator.go, AddPod.
func TestVPAUpdaterWants(t *testing.T) {
	t.Parallel()
	const mib = recommender.MiB
	now := monday()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	exact := amounts(500, 500*mib)
	cases := map[string]struct {
		pod  vpaPod
		want bool
	}{
		"young and below the lower bound":          {pod: vpaPod{requests: amounts(399, 500*mib), started: ago(time.Minute)}, want: true},
		"young and at the lower bound":             {pod: vpaPod{requests: amounts(400, 500*mib), started: ago(time.Minute)}},
		"young and above the upper bound":          {pod: vpaPod{requests: amounts(500, 1001*mib), started: ago(time.Minute)}, want: true},
		"young and at the upper bound":             {pod: vpaPod{requests: amounts(1000, 1000*mib), started: ago(time.Minute)}},
		"pending and below the lower bound":        {pod: vpaPod{requests: amounts(399, 500*mib)}, want: true},
		"pending and inside":                       {pod: vpaPod{requests: amounts(450, 500*mib)}},
		"just under 12 h and 25 % off":             {pod: vpaPod{requests: amounts(400, 500*mib), started: ago(12*time.Hour - time.Second)}},
		"12 h and 25 % off":                        {pod: vpaPod{requests: amounts(400, 500*mib), started: ago(12 * time.Hour)}, want: true},
		"12 h and 9.9 % off":                       {pod: vpaPod{requests: amounts(455, 500*mib), started: ago(12 * time.Hour)}},
		"12 h and 6.4 % off in both":               {pod: vpaPod{requests: amounts(470, 470*mib), started: ago(12 * time.Hour)}, want: true},
		"12 h and exact":                           {pod: vpaPod{requests: exact, started: ago(12 * time.Hour)}},
		"killed after 9 min, 9 min ago":            {pod: vpaPod{requests: amounts(480, 500*mib), started: ago(time.Hour), killStarted: ago(18 * time.Minute), killed: ago(9 * time.Minute)}, want: true},
		"killed after 10 min":                      {pod: vpaPod{requests: amounts(480, 500*mib), started: ago(time.Hour), killStarted: ago(19 * time.Minute), killed: ago(9 * time.Minute)}},
		"killed after 9 min, 10 min ago":           {pod: vpaPod{requests: amounts(480, 500*mib), started: ago(time.Hour), killStarted: ago(19 * time.Minute), killed: ago(10 * time.Minute)}},
		"killed at once but the request is exact":  {pod: vpaPod{requests: exact, started: ago(13 * time.Hour), killStarted: ago(time.Minute), killed: ago(time.Minute)}},
		"killed long ago, 12 h old and 25 % off":   {pod: vpaPod{requests: amounts(400, 500*mib), started: ago(12 * time.Hour), killStarted: ago(9 * time.Hour), killed: ago(9 * time.Hour)}, want: true},
		"without a CPU request, which never is in": {pod: vpaPod{requests: amounts(0, 500*mib), started: ago(time.Minute)}, want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newVPAUpdater(defaultVPASettings(), simulator.Bounds{})
			if got, err := u.recommend(recommended()); err != nil || got != exact {
				t.Fatalf("target %v, %v, want %v", got, err, exact)
			}
			if got := u.wants(tc.pod, now); got != tc.want {
				t.Errorf("wants %v, want %v", got, tc.want)
			}
			// The pod that stands for it gets the same verdict.
			if got := u.wants(u.alike(tc.pod, now), now); got != tc.want {
				t.Errorf("the pod that stands for it gets %v, want %v", got, tc.want)
			}
		})
	}
}

func TestVPAUpdaterCaps(t *testing.T) {
	t.Parallel()
	const mib = recommender.MiB
	cases := map[string]struct {
		bounds simulator.Bounds
		want   recommender.Resources
	}{
		"no bounds":        {want: amounts(500, 500*mib)},
		"maxAllowed binds": {bounds: simulator.Bounds{MaxAllowed: amounts(300, 200*mib)}, want: amounts(300, 200*mib)},
		"minAllowed binds": {bounds: simulator.Bounds{MinAllowed: amounts(600, 700*mib)}, want: amounts(600, 700*mib)},
		"one of each": {
			bounds: simulator.Bounds{MinAllowed: amounts(600, mib), MaxAllowed: amounts(2000, 400*mib)}, want: amounts(600, 400*mib),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newVPAUpdater(defaultVPASettings(), tc.bounds)
			got, err := u.recommend(recommended())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			// The bounds of the recommendation are capped too, so a pod at the
			// capped target stays.
			if u.wants(vpaPod{requests: got, started: monday()}, monday().Add(24*time.Hour)) {
				t.Error("wants to update a pod that is at the capped target")
			}
		})
	}
}

func TestVPAUpdaterLeavesUncontrolledResources(t *testing.T) {
	t.Parallel()
	u := newVPAUpdater(defaultVPASettings(), simulator.Bounds{MinAllowed: amounts(100, recommender.MiB)})
	rec := recommended()
	for _, list := range []model.Resources{rec.Target, rec.LowerBound, rec.UpperBound} {
		delete(list, model.ResourceCPU)
	}
	got, err := u.recommend(rec)
	if err != nil {
		t.Fatal(err)
	}
	if want := amounts(0, 500*recommender.MiB); got != want {
		t.Errorf("target %v, want %v", got, want)
	}
	if u.wants(vpaPod{requests: amounts(7, 500*recommender.MiB), started: monday()}, monday().Add(24*time.Hour)) {
		t.Error("updates a pod for its CPU")
	}
}

func TestReadVPASettings(t *testing.T) {
	t.Parallel()
	in := newSettings("vpa", simulator.Settings{
		"targetPercentile": 0.95, "upperBoundPercentile": 0.99, "lowerBoundPercentile": 0.1, "marginFraction": 0.2,
		"halfLife": "48h", "cpuHalfLife": "12h", "memoryAggregationInterval": "6h", "confidenceInterval": "2h",
		"podMinCPU": "10m", "podMinMemory": "100Mi", "oomBumpUpRatio": 1.5, "oomMinBumpUp": 1e6,
		"updateThreshold": 0.2, "podLifetimeUpdateThreshold": "1h", "evictAfterOOM": "5m", "minReplicas": 2.0,
	})
	got := readVPASettings(in)
	if err := in.done(); err != nil {
		t.Fatal(err)
	}
	want := vpaSettings{
		targetPercentile: 0.95, upperBoundPercentile: 0.99, lowerBoundPercentile: 0.1, marginFraction: 0.2,
		memoryHalfLife: 48 * time.Hour, cpuHalfLife: 12 * time.Hour, memoryInterval: 6 * time.Hour, confidenceInterval: 2 * time.Hour,
		podMinCPU: 10, podMinMemory: 100 * recommender.MiB, oomBumpUpRatio: 1.5, oomMinBumpUp: 1e6,
		updateThreshold: 0.2, podLifetime: time.Hour, evictAfterOOM: 5 * time.Minute, minReplicas: 2,
	}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got := readVPASettings(newSettings("vpa", nil)); got != defaultVPASettings() {
		t.Errorf("without overrides %+v, want the defaults", got)
	}
}

func TestReadVPASettingsErrors(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		in   simulator.Settings
		want string
	}{
		"unknown name": {
			in: simulator.Settings{"targetPercentil": 0.5},
			want: "spec.policies.vpa.targetPercentil: unknown setting (known: confidenceInterval, cpuHalfLife, evictAfterOOM, halfLife, " +
				"lowerBoundPercentile, marginFraction, memoryAggregationInterval, memoryHalfLife, minReplicas, oomBumpUpRatio, oomMinBumpUp, " +
				"podLifetimeUpdateThreshold, podMinCPU, podMinMemory, targetPercentile, updateThreshold, upperBoundPercentile)",
		},
		"percentile in percent": {
			in:   simulator.Settings{"targetPercentile": 90.0},
			want: "spec.policies.vpa.targetPercentile: must be a number from 0 to 1, got 90",
		},
		"target above the upper bound": {
			in:   simulator.Settings{"targetPercentile": 0.99},
			want: "spec.policies.vpa.targetPercentile: must lie between lowerBoundPercentile and upperBoundPercentile, got 0.99, 0.5 and 0.95",
		},
		"half-life of nothing": {
			in:   simulator.Settings{"halfLife": "0s"},
			want: "spec.policies.vpa.halfLife: must be a duration from 1m0s to 168h0m0s, got 0s",
		},
		"half a replica": {
			in:   simulator.Settings{"minReplicas": 1.5},
			want: "spec.policies.vpa.minReplicas: must be a whole number, got 1.5",
		},
		"negative memory": {
			in:   simulator.Settings{"podMinMemory": "-1Mi"},
			want: "spec.policies.vpa.podMinMemory: must be a quantity such as 250Mi, at least 0, got -1Mi",
		},
		"a list": {
			in:   simulator.Settings{"podMinCPU": []any{"25m"}},
			want: "spec.policies.vpa.podMinCPU: must be a quantity such as 250Mi, at least 0, got [25m]",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New("vpa", &simulator.Scenario{Policies: map[string]simulator.Settings{"vpa": tc.in}})
			if err == nil || err.Error() != tc.want {
				t.Errorf("error %v\nwant  %s", err, tc.want)
			}
		})
	}
}

// TestVPARequestAtOOMKill checks which request an OOM kill counts for when a
// resize came into force between two calls: the one at the time of the kill. A
// kill at 300 MiB is a sample of 400 MiB, which lies in the bucket that ends at
// 445.0 MB and makes the target 511 MB; one at 500 MiB is a sample of 600 MiB,
// ends at 664.4 MB and makes it 764 MB.
func TestVPARequestAtOOMKill(t *testing.T) {
	t.Parallel()
	const mib = recommender.MiB
	cases := map[string]struct {
		after time.Duration // From the first call to the kill.
		want  recommender.Bytes
	}{
		"while the resize is on its way": {after: time.Second, want: 511},
		"after the resize":               {after: 10 * time.Second, want: 764},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setup := simulator.Setup{Start: monday(), Scenario: simulator.Scenario{
				Service: simulator.Service{Usage: &simulator.UsageService{}},
				Cluster: simulator.Cluster{ResizeDelay: 3 * time.Second},
			}}
			d := newVPA(setup, defaultVPASettings(), cpuAndMemory())
			pod := simulator.PodObservation{
				Created: monday().Add(-time.Hour), Started: monday().Add(-time.Hour), ReadyChanged: monday().Add(-time.Hour),
				Ready: true, HasMetrics: true, CPUCores: 0.1, MemoryBytes: 1e6,
				Requests: amounts(100, 300*mib), Wanted: amounts(100, 500*mib),
			}
			look := func(at time.Time) simulator.Action {
				return d.Decide(simulator.Observation{
					Now: at, Step: 15 * time.Second, Desired: 1, Ready: 1, Pods: []simulator.PodObservation{pod},
				})
			}
			look(monday())
			pod.Requests, pod.OOMKills, pod.LastOOMKill = pod.Wanted, 1, monday().Add(tc.after)
			if got := look(monday().Add(time.Minute)).Template.Memory / 1e6; got != tc.want {
				t.Errorf("target %d MB, want %d MB", got, tc.want)
			}
		})
	}
}

// TestVPAQuickOOMKill checks when a container is taken to have started: a kill
// soon after it updates a young pod although its request is inside the bounds.
func TestVPAQuickOOMKill(t *testing.T) {
	t.Parallel()
	const mib = recommender.MiB
	cases := map[string]struct {
		startup time.Duration
		ready   time.Duration // How long before the first call it became ready; negative: not yet.
		want    bool
	}{
		"ready 8 min before":                         {ready: 8 * time.Minute, want: true},
		"ready 8 min before, after 5 min of startup": {ready: 8 * time.Minute, startup: 5 * time.Minute},
		"ready an hour before":                       {ready: time.Hour},
		"not ready before":                           {ready: -1, startup: time.Minute, want: true},
		"not ready before, with 15 min of startup":   {ready: -1, startup: 15 * time.Minute},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setup := simulator.Setup{Start: monday(), Scenario: simulator.Scenario{
				Service: simulator.Service{Usage: &simulator.UsageService{Startup: tc.startup}},
			}}
			d := newVPA(setup, defaultVPASettings(), []model.ResourceName{model.ResourceMemory})
			started := monday().Add(-2 * time.Hour)
			pod := simulator.PodObservation{
				Created: started, Started: started, ReadyChanged: monday().Add(-tc.ready), Ready: tc.ready >= 0,
				HasMetrics: true, CPUCores: 0.1, MemoryBytes: 300e6,
				Requests: amounts(100, 500*mib), Wanted: amounts(100, 500*mib),
			}
			look := func(at time.Time) simulator.Action {
				return d.Decide(simulator.Observation{
					Now: at, Step: 15 * time.Second, Desired: 1, Ready: 1, Pods: []simulator.PodObservation{pod},
				})
			}
			if a := look(monday()); len(a.Resize) > 0 {
				t.Fatalf("resizes before the kill: %v", a.Resize)
			}
			pod.OOMKills, pod.LastOOMKill, pod.Ready = 1, monday().Add(30*time.Second), false
			pod.ReadyChanged = pod.LastOOMKill
			if got := len(look(monday().Add(time.Minute)).Resize) > 0; got != tc.want {
				t.Errorf("resizes: %v, want %v", got, tc.want)
			}
		})
	}
}
