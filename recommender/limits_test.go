package recommender_test

import (
	"math"
	"testing"

	"github.com/rightsize-dev/rightsize/recommender"
)

// The target is 334 milli-CPU and 460 MiB.
func TestLimitsFollowThePolicy(t *testing.T) {
	t.Parallel()
	type snapshot = recommender.Snapshot
	limit := func(l recommender.Limit) func(*snapshot) { return rules(recommender.ContainerPolicy{CPULimit: l}) }
	ranged := func(l recommender.LimitRange) func(*snapshot) {
		return func(s *snapshot) {
			l.Name, l.Type = "l", recommender.LimitRangeContainer
			s.LimitRanges = []recommender.LimitRange{l}
		}
	}
	cases := map[string]struct {
		change func(*snapshot)
		want   recommender.MilliCPU
		reason recommender.ReasonCode
	}{
		"the ratio of 2 is kept":            {func(*snapshot) {}, 668, ""},
		"a ratio of 3":                      {limit(recommender.Limit{Policy: recommender.LimitRatio, Ratio: 3}), 1002, ""},
		"300 m above":                       {limit(recommender.Limit{Policy: recommender.LimitHeadroom, Headroom: 300}), 634, ""},
		"half above":                        {limit(recommender.Limit{Policy: recommender.LimitHeadroom, HeadroomShare: 0.5}), 501, ""},
		"none":                              {limit(recommender.Limit{Policy: recommender.LimitNone}), 0, ""},
		"equal":                             {limit(recommender.Limit{Policy: recommender.LimitEqual}), 334, ""},
		"a LimitRange's maximum":            {ranged(recommender.LimitRange{Max: recommender.Resources{CPU: 500}}), 500, recommender.ReasonLimitBound},
		"a LimitRange's ratio of 1.5":       {ranged(recommender.LimitRange{MaxLimitRequestRatioCPU: 1.5}), 501, recommender.ReasonLimitBound},
		"a maximum that is below the need":  {ranged(recommender.LimitRange{Max: recommender.Resources{CPU: 200}}), 200, recommender.ReasonLimitRange},
		"no ratio of limits below requests": {limit(recommender.Limit{Policy: recommender.LimitRatio, Ratio: 0.5}), 334, ""},
		// Kubernetes would give the container 200 m, which is less than its request.
		"no limit where the namespace gives one": {func(s *snapshot) {
			limit(recommender.Limit{Policy: recommender.LimitNone})(s)
			ranged(recommender.LimitRange{Default: recommender.Resources{CPU: 200}})(s)
		}, 334, recommender.ReasonLimitBound},
		"no limit where a quota counts limits": {func(s *snapshot) {
			limit(recommender.Limit{Policy: recommender.LimitNone})(s)
			s.Quotas = quota("team", recommender.QuotaLimitsCPU, 9000, 8000)
		}, 334, recommender.ReasonLimitBound},
		// 2000 m for four pods.
		"a quota of limits": {func(s *snapshot) { s.Quotas = quota("team", recommender.QuotaLimitsCPU, 2000, 8000) }, 500, recommender.ReasonLimitBound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			s.Containers[0].Limits.CPU = 2000
			tc.change(&s)
			d := decide(s)
			if got := d.Containers[0].TargetLimits.CPU; math.Abs(float64(got-tc.want)) > 2 {
				t.Errorf("limit %d, want %d: %v", got, tc.want, d.Reasons)
			}
			if _, is := reasonOf(d, tc.reason); tc.reason != "" && !is {
				t.Errorf("reasons %v lack %s", codes(d), tc.reason)
			}
		})
	}
}

// A pod gets λ = 95.5/4 = 23.9 requests/s of 20 ms, and 50 m of its own. At
// θ = 5 %, z = Φ⁻¹(0.975) = 1.96, and with cv = 1 the limit is
//
//	0.05 + 23.9·0.02 + 1.96·0.02·sqrt(23.9·2/0.1) = 0.05 + 0.478 + 0.857 = 1.385 cores
func TestLimitByThrottledPeriods(t *testing.T) {
	t.Parallel()
	s := withDemand(shop(), 45, 100)
	s.Policy.Horizontal.Fixed = true
	rules(recommender.ContainerPolicy{CPULimit: recommender.Limit{Policy: recommender.LimitHeadroom, ThrottledShare: 0.05}})(&s)
	s.Containers[0].Limits.CPU = 2000
	if got := decide(s).Containers[0].TargetLimits.CPU; got < 1380 || got > 1390 {
		t.Errorf("limit %d m, want 1385", got)
	}
}

// The class of a pod is that which Kubernetes derives: Guaranteed where both
// resources of every container have equal requests and limits.
func TestQoSClassStays(t *testing.T) {
	t.Parallel()
	type r = recommender.Resources
	cases := map[string]struct {
		requests, limits r
		policy           recommender.LimitPolicy
		init             []recommender.InitContainer
		check            func(target, limits r) bool
		reason           bool
	}{
		"Guaranteed stays, whatever the policy": {
			r{CPU: 1000, Memory: 1024 * mib},
			r{CPU: 1000, Memory: 1024 * mib},
			recommender.LimitNone, nil,
			func(target, limits r) bool { return target == limits }, true,
		},
		"Guaranteed by limits alone": {
			r{},
			r{CPU: 1000, Memory: 1024 * mib},
			recommender.LimitNone, nil,
			func(target, limits r) bool { return target == limits }, true,
		},
		"Burstable by its init container": {
			r{CPU: 1000, Memory: 1024 * mib},
			r{CPU: 1000, Memory: 1024 * mib},
			recommender.LimitNone,
			[]recommender.InitContainer{{Name: "i", Requests: r{CPU: 100}}},
			func(_, limits r) bool { return limits == r{} }, false,
		},
		"Burstable does not become Guaranteed": {
			r{CPU: 1000, Memory: 1024 * mib},
			r{CPU: 2000, Memory: 1024 * mib},
			recommender.LimitEqual, nil,
			func(target, limits r) bool { return limits.CPU == target.CPU+1 && limits.Memory == target.Memory }, true,
		},
		"BestEffort cannot stay": {
			r{}, r{}, recommender.LimitNone, nil, func(target, limits r) bool { return target.CPU > 0 && limits == r{} }, true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			s.Containers[0].Requests, s.Containers[0].Limits = tc.requests, tc.limits
			s.InitContainers = tc.init
			s.Policy.Vertical.CPULimits, s.Policy.Vertical.MemoryLimits = tc.policy, tc.policy
			d := decide(s)
			got := d.Containers[0]
			if !tc.check(got.Target, got.TargetLimits) {
				t.Errorf("requests %+v, limits %+v", got.Target, got.TargetLimits)
			}
			if _, is := reasonOf(d, recommender.ReasonQoSKept); is != tc.reason {
				t.Errorf("reasons %v", codes(d))
			}
		})
	}
}
