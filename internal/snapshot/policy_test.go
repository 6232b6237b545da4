package snapshot

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/config"
	"github.com/rightsize-dev/rightsize/recommender"
)

// specOf reads the spec of an object as it is applied to a cluster.
func specOf(t *testing.T, text string) v1alpha1.RightSizeSpec {
	t.Helper()
	var o v1alpha1.RightSize
	if err := yaml.UnmarshalStrict([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o.Spec
}

// checkout is the object of docs/operating.md.
const checkout = `
apiVersion: rightsize.dev/v1alpha1
kind: RightSize
metadata: {name: checkout, namespace: shop}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: checkout}
  objective: {type: Latency, percentile: P95, latency: {milliseconds: 250}}
  horizontal: {minReplicas: 3, maxReplicas: 40}
`

// everything sets every field that a policy has.
const everything = `
spec:
  riskPercent: 2
  objective: {type: Latency, percentile: P99.9, latency: {milliseconds: 250, variationPercent: 150}}
  horizontal:
    mode: Auto
    minReplicas: 0
    maxReplicas: 40
    scaleToZero: {idleSeconds: 1200, wakeReplicas: 2, coldStartPrice: 500m}
    behavior:
      scaleUp: {policies: [{type: Percent, value: 100, periodSeconds: 60}, {type: Pods, value: 4, periodSeconds: 60}], tolerance: 50m}
      scaleDown: {stabilizationWindowSeconds: 600, selectPolicy: Disabled}
    damping: {mode: "Off", reversals: 4, windowSeconds: 7200}
  vertical:
    mode: Auto
    burstPercent: 50
    maxIncreasePercent: 100
    maxDecreasePercent: 20
    containers:
    - name: app
      cpu: {minAllowed: 100m, maxAllowed: "8", step: "1", limit: {type: Headroom, headroom: 500m, headroomPercent: 50, throttledPercent: 5}, utilizationPercent: 80}
      memory: {minAllowed: 128Mi, maxAllowed: 16Gi, step: 64Mi, limit: {type: Ratio, ratioPercent: 150}, marginPercent: 30}
      memoryPerCPU: {min: 2Gi, max: 8Gi}
      startupBoost: {mode: "Off", maxCPU: "2", maxSeconds: 120}
    - name: sized
      sizes: [{cpu: 500m, memory: 1Gi}, {cpu: "1", memory: 2Gi}]
    - name: half
      cpu: {mode: Fixed}
      memory: {limit: {type: Headroom, headroom: 256Mi}}
    - name: other
      memory: {mode: Fixed}
    - {name: "*", mode: Fixed}
  accelerators:
    modelMemory: 16Gi
    profiles:
    - name: whole
      type: ExtendedResource
      extendedResource: {container: server, name: nvidia.com/gpu, count: 2}
      memory: 160Gi
      serving: {maxBatch: 64, kvCacheTokens: 400000, prefillTokensPerSecond: 8000, decodeTokensPerSecond: 2500}
    - name: slice
      type: ResourceClaim
      resourceClaim: {name: gpu, templateName: mig}
      relativeThroughputPercent: 45
      prefillThroughputPercent: 40
      pricePerHour: "1.25"
  apply: {changeCostMinutes: 15}
`

func TestPolicy(t *testing.T) {
	t.Parallel()
	up, down := 0.05, 600.0
	base := config.Default().Policy(recommender.Workload{})
	for name, tc := range map[string]struct {
		text string
		want func(*recommender.Policy)
	}{
		"nothing leaves the settings": {text: "spec: {}", want: func(*recommender.Policy) {}},
		"the object of the documentation": {text: checkout, want: func(p *recommender.Policy) {
			p.Objective = recommender.Objective{LatencySeconds: 0.25, Percentile: 0.95}
			p.Horizontal = recommender.HorizontalPolicy{Min: 3, Max: 40}
		}},
		"a queue": {
			text: "spec: {objective: {type: QueueWait, queueWait: {seconds: 60}}}",
			want: func(p *recommender.Policy) { p.Objective.WaitSeconds = 60 },
		},
		"a language model": {
			text: "spec: {objective: {type: Inference, inference: {timeToFirstTokenMilliseconds: 500, interTokenLatencyMilliseconds: 40}}}",
			want: func(p *recommender.Policy) { p.Objective.TTFTSeconds, p.Objective.ITLSeconds = 0.5, 0.04 },
		},
		"both fixed": {
			text: "spec: {horizontal: {mode: Fixed}, vertical: {mode: Fixed}}",
			want: func(p *recommender.Policy) { p.Horizontal.Fixed, p.Vertical.Fixed = true, true },
		},
		"everything": {text: everything, want: func(p *recommender.Policy) {
			p.Risk, p.ChangeHours = 0.02, 0.25
			p.Objective = recommender.Objective{LatencySeconds: 0.25, Percentile: 0.999, ServiceCV: 1.5}
			p.Horizontal = recommender.HorizontalPolicy{
				OnUsage: true,
				Min:     1, Max: 40, Zero: &recommender.ZeroPolicy{IdleSeconds: 1200, WakeReplicas: 2, ColdStartPrice: 0.5},
				Behavior: recommender.Behavior{
					ScaleUp: &recommender.ScalingRules{Tolerance: up, Policies: []recommender.ScalingPolicy{
						{Type: recommender.ScalingPercent, Value: 100, PeriodSeconds: 60}, {Type: recommender.ScalingPods, Value: 4, PeriodSeconds: 60},
					}},
					ScaleDown: &recommender.ScalingRules{StabilizationWindowSeconds: &down, SelectPolicy: recommender.SelectDisabled},
				},
				Damper: recommender.Damper{Off: true, Reversals: 4, WindowSeconds: 7200},
			}
			p.Vertical = recommender.VerticalPolicy{Burst: 0.5, StepUp: 1, StepDown: 0.2, Containers: []recommender.ContainerPolicy{
				{
					Name: "app", MinAllowed: recommender.Resources{CPU: 100, Memory: 128 * recommender.MiB},
					MaxAllowed: recommender.Resources{CPU: 8000, Memory: 16 * recommender.GiB}, CPUUtilization: 0.8, MemoryMargin: 0.3,
					CPULimit:      recommender.Limit{Policy: recommender.LimitHeadroom, Headroom: 500, HeadroomShare: 0.5, ThrottledShare: 0.05},
					MemoryLimit:   recommender.Limit{Policy: recommender.LimitRatio, Ratio: 1.5},
					MemoryPerCore: recommender.MemoryPerCore{Min: 2 * recommender.GiB, Max: 8 * recommender.GiB},
					CPUStep:       1000, MemoryStep: 64 * recommender.MiB,
					Boost: recommender.BoostPolicy{Off: true, MaxCPU: 2000, MaxSeconds: 120},
				},
				{Name: "sized", Sizes: []recommender.Resources{{CPU: 500, Memory: recommender.GiB}, {CPU: 1000, Memory: 2 * recommender.GiB}}},
				{
					Name: "half", FixedCPU: true,
					MemoryLimit: recommender.Limit{Policy: recommender.LimitHeadroom, Headroom: int64(256 * recommender.MiB)},
				},
				{Name: "other", FixedMemory: true},
				{Name: "*", Fixed: true},
			}}
			p.ModelBytes = 16 << 30
			p.Accelerators = []recommender.AcceleratorProfile{
				{Name: "whole", Resource: "nvidia.com/gpu", Count: 2, MemoryBytes: 160 << 30, PricePerHour: 2 * base.Prices.GPUHour, Serving: recommender.ExpectedServer(64, 400_000, 8000, 2500)},
				{Name: "slice", Count: 1, Throughput: 0.45, PrefillThroughput: 0.4, PricePerHour: 1.25},
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := base
			tc.want(&want)
			got, err := Policy(specOf(t, tc.text), base)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}

// The object wins over the settings, and what it leaves out stays theirs.
func TestPolicyOverSettings(t *testing.T) {
	t.Parallel()
	settings, err := config.Parse([]byte(`
apiVersion: rightsize.dev/v1alpha1
kind: Config
policy:
  risk: 0.1
  objective: {latencySeconds: 0.5, percentile: 0.99}
  horizontal: {fixed: true, max: 20}
  vertical: {minAllowed: {cpu: 50m}, maxAllowed: {cpu: "4", memory: 8Gi}}
`))
	if err != nil {
		t.Fatal(err)
	}
	base := settings.Policy(recommender.Workload{})
	for name, tc := range map[string]struct {
		text string
		want func(*recommender.Policy)
		err  string
	}{
		"no objective": {
			text: "spec: {objective: {type: None}}",
			want: func(p *recommender.Policy) { p.Objective.LatencySeconds = 0 },
		},
		"another latency": {
			text: "spec: {objective: {type: Latency, latency: {milliseconds: 100}}}",
			want: func(p *recommender.Policy) { p.Objective.LatencySeconds = 0.1 },
		},
		"replicas chosen after all": {
			text: "spec: {horizontal: {mode: Auto, minReplicas: 4}}",
			want: func(p *recommender.Policy) {
				p.Horizontal.Fixed, p.Horizontal.OnUsage, p.Horizontal.Min = false, true, 4
			},
		},
		"a minimum over the settings' maximum": {
			text: "spec: {horizontal: {minReplicas: 30}}",
			err:  "spec.horizontal.minReplicas: must not exceed maxReplicas, got 30 and a maximum of 20",
		},
		"a size over the settings' maximum": {
			text: "spec: {vertical: {containers: [{name: app, cpu: {minAllowed: '6'}}]}}",
			err:  "spec.vertical.containers[app].cpu.minAllowed: must not exceed maxAllowed, got 6 and a maximum of 4",
		},
		"a size below the settings' minimum": {
			text: "spec: {vertical: {containers: [{name: app, cpu: {maxAllowed: 20m}}]}}",
			err:  "spec.vertical.containers[app].cpu.maxAllowed: must not be below minAllowed, got 20m and a minimum of 0.05",
		},
		"a percentile out of range": {
			text: "spec: {objective: {type: Latency, percentile: P100, latency: {milliseconds: 1}}}",
			err:  `spec.objective.percentile: must be P1 to P99.99, got "P100"`,
		},
		"an amount of nothing": {
			text: "spec: {vertical: {containers: [{name: app, memory: {step: 0}}]}}",
			err:  "spec.vertical.containers[app].memory.step: must be more than 0, got 0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Policy(specOf(t, tc.text), base)
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Errorf("error %v, want %s", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := base
			tc.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIgnored(t *testing.T) {
	t.Parallel()
	got := Ignored(specOf(t, `
spec:
  vertical: {containers: [{name: app, runtime: JVM}, {name: proxy, runtime: Auto}]}
`))
	want := []string{"spec.vertical.containers[app].runtime"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
}
