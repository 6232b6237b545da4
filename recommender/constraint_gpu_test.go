package recommender_test

import (
	"slices"
	"testing"

	"github.com/rightsize-dev/rightsize/recommender"
)

// A language model whose demand takes more pods than there are, of two GPUs
// each.
func TestConstraintsOnModels(t *testing.T) {
	t.Parallel()
	type snapshot = recommender.Snapshot
	free := func() snapshot {
		s := model()
		s.Containers[0].GPUs = 2
		s.Policy.Horizontal.Max = 50
		s.Demand.Usage = usage(40*s.Demand.Last, 40*s.Demand.Peak, s.Demand.Forecast)
		return s
	}
	most := decide(free()).DesiredReplicas
	now := free().Replicas.Desired
	if most <= now+2 {
		t.Fatalf("%d replicas of %d are too few to test with", most, now)
	}
	cases := map[string]struct {
		change func(*snapshot)
		want   int
		reason recommender.ReasonCode
	}{
		// Five GPUs are left: two pods.
		"a quota of GPUs": {func(s *snapshot) { s.Quotas = quota("gpus", recommender.QuotaGPUs, 100, 95) }, now + 2, recommender.ReasonQuota},
		"a quota of CPU that is used up": {func(s *snapshot) {
			s.Quotas = quota("cpu", recommender.QuotaRequestsCPU, 1, int64(now)*int64(s.Containers[0].Requests.CPU))
		}, now, recommender.ReasonShort},
		// Two pods of two GPUs on each of the nodes.
		"as many as the nodes have GPUs for": {func(s *snapshot) {
			s.Nodes = []recommender.NodeShape{{
				Name: "gpu", Allocatable: recommender.Resources{CPU: 1 << 30, Memory: 1 << 50}, GPUs: 5, MaxNodes: (now + 2) / 2,
			}}
		}, (now + 2) / 2 * 2, recommender.ReasonShort},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := free()
			tc.change(&s)
			d := decide(s)
			if d.DesiredReplicas != tc.want || !slices.Contains(codes(d), tc.reason) {
				t.Errorf("%d replicas, want %d with %s: %v", d.DesiredReplicas, tc.want, tc.reason, d.Reasons)
			}
		})
	}
}

// A model of which nothing has been asked for goes, once its start of a minute
// is worth it.
func TestModelToZero(t *testing.T) {
	t.Parallel()
	s := model()
	s.Policy.Horizontal.Zero = &recommender.ZeroPolicy{}
	s.Policy.Horizontal.StabilizationSeconds = 1
	s.Replicas.StartupSeconds = 60
	s.Demand.Usage = usage(0, s.Demand.Peak, comesBack(0, 0, 0.5))
	if d := decide(s); d.DesiredReplicas != 0 {
		t.Errorf("%d replicas, want 0: %v", d.DesiredReplicas, d.Reasons)
	}
	s.Replicas.Desired, s.Replicas.Ready = 0, 0
	s.Demand.Backlog = 1
	if d := decide(s); d.DesiredReplicas < 1 {
		t.Errorf("%d replicas where a request waits, want 1: %v", d.DesiredReplicas, d.Reasons)
	}
}
