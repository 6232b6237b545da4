package snapshot

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/config"
	"github.com/rightsize-dev/rightsize/recommender"
)

// A model that runs on whole GPUs, on two of them, or on a claimed slice.
const modelRightSize = `
metadata: {name: chat, namespace: ml}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}
  accelerators:
    profiles:
    - name: whole
      type: ExtendedResource
      extendedResource: {container: server, name: nvidia.com/gpu, count: 1}
      serving: {maxBatch: 64, kvCacheTokens: 400000, prefillTokensPerSecond: 8000, decodeTokensPerSecond: 2500}
    - {name: pair, type: ExtendedResource, extendedResource: {container: server, name: nvidia.com/gpu, count: 2}}
    - name: slice
      type: ResourceClaim
      resourceClaim: {name: gpu, templateName: mig-2g}
      serving: {maxBatch: 16, kvCacheTokens: 90000, prefillTokensPerSecond: 2000, decodeTokensPerSecond: 700}
`

// TestExpectEngine: which profile a pod has, and what is expected of it.
func TestExpectEngine(t *testing.T) {
	t.Parallel()
	server := func(resources, claims string) string {
		return "metadata: {name: p}\nspec:\n  resourceClaims: [" + claims + "]\n  containers:\n  - {name: side, resources: {limits: {nvidia.com/gpu: 2}}}\n" +
			"  - {name: server, resources: {limits: {" + resources + "}}}\n"
	}
	for name, tc := range map[string]struct {
		pod     string
		profile string
		prior   recommender.BatchServer
	}{
		"a whole one":        {server("nvidia.com/gpu: 1", ""), "whole", recommender.ExpectedServer(64, 400_000, 8000, 2500)},
		"a pair":             {server("nvidia.com/gpu: 2", ""), "pair", recommender.BatchServer{}},
		"three":              {server("nvidia.com/gpu: 3", ""), "", recommender.BatchServer{}},
		"a slice":            {server("", "{name: gpu, resourceClaimTemplateName: mig-2g}"), "slice", recommender.ExpectedServer(16, 90_000, 2000, 700)},
		"another slice":      {server("", "{name: gpu, resourceClaimTemplateName: mig-3g}"), "", recommender.BatchServer{}},
		"a claim of its own": {server("", "{name: gpu, resourceClaimName: mig-2g}"), "", recommender.BatchServer{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rs := object[v1alpha1.RightSize](t, modelRightSize)
			p, err := Policy(rs.Spec, config.Default().Policy(recommender.Workload{}))
			if err != nil {
				t.Fatal(err)
			}
			o := Objects{RightSize: rs, Pods: []*corev1.Pod{object[corev1.Pod](t, tc.pod)}}
			ExpectEngine(&p, o)
			if p.EnginePrior != tc.prior {
				t.Errorf("expected is %+v, want %+v", p.EnginePrior, tc.prior)
			}
			s := recommender.Snapshot{Policy: p}
			Observe(&s, o)
			if s.Accelerator != tc.profile {
				t.Errorf("the profile is %q, want %q", s.Accelerator, tc.profile)
			}
		})
	}
	// Where there is no pod, the only profile is the one.
	rs := object[v1alpha1.RightSize](t, modelRightSize)
	rs.Spec.Accelerators.Profiles = rs.Spec.Accelerators.Profiles[:1]
	p, err := Policy(rs.Spec, recommender.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	ExpectEngine(&p, Objects{RightSize: rs})
	if p.EnginePrior.MaxBatch != 64 {
		t.Errorf("expected is %+v", p.EnginePrior)
	}
}
