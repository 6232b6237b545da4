package simulator_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// TestValidate: each impossible value is an error that names its path.
func TestValidate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		breakIt func(*simulator.Scenario)
		path    string
	}{
		"no name":          {func(s *simulator.Scenario) { s.Name = "" }, "metadata.name"},
		"no step":          {func(s *simulator.Scenario) { s.Step = 0 }, "spec.step"},
		"endless steps":    {func(s *simulator.Scenario) { s.Step = 1 }, "spec.step"},
		"endless history":  {func(s *simulator.Scenario) { s.Warmup = 1e6 * time.Hour; s.Step = time.Second }, "spec.step"},
		"no span":          {func(s *simulator.Scenario) { s.Duration = 0 }, "spec.duration"},
		"negative warm-up": {func(s *simulator.Scenario) { s.Warmup = -1 }, "spec.warmup"},
		"short trace":      {func(s *simulator.Scenario) { s.Demand.End = 10 }, "spec.duration"},
		"negative rate":    {func(s *simulator.Scenario) { s.Demand.Rate[0] = -1 }, "spec.demand"},
		"infinite rate":    {func(s *simulator.Scenario) { s.Demand.Rate[0] = math.Inf(1) }, "spec.demand"},
		"no rows":          {func(s *simulator.Scenario) { s.Demand = simulator.Demand{} }, "spec.demand"},
		"two services":     {func(s *simulator.Scenario) { s.Service.Usage = &simulator.UsageService{} }, "spec.service"},
		"no service":       {func(s *simulator.Scenario) { s.Service.HTTP = nil }, "spec.service"},
		"free requests": {
			func(s *simulator.Scenario) { s.Service.HTTP.CPUSecondsPerRequest = 0 },
			"spec.service.http.cpuSecondsPerRequest",
		},
		"NaN variation":     {func(s *simulator.Scenario) { s.Service.HTTP.CPUCV = math.NaN() }, "spec.service.http.cpuCV"},
		"no room":           {func(s *simulator.Scenario) { s.Service.HTTP.ConcurrencyPerPod = 0 }, "spec.service.http.concurrencyPerPod"},
		"no objective":      {func(s *simulator.Scenario) { s.Objective.LatencySeconds = 0 }, "spec.objective.latencySeconds"},
		"certain objective": {func(s *simulator.Scenario) { s.Objective.Percentile = 1 }, "spec.objective.percentile"},
		"no request":        {func(s *simulator.Scenario) { s.Initial.Requests.CPU = 0 }, "spec.initial.requests.cpu"},
		"low limit":         {func(s *simulator.Scenario) { s.Initial.Limits.Memory = 1 }, "spec.initial.limits.memory"},
		"giant pod":         {func(s *simulator.Scenario) { s.Initial.Requests.CPU = 65000 }, "spec.initial.requests.cpu"},
		"upside-down":       {func(s *simulator.Scenario) { s.Bounds.MaxReplicas = 0 }, "spec.bounds.maxReplicas"},
		"upside-down size":  {func(s *simulator.Scenario) { s.Bounds.MaxAllowed.CPU = 1 }, "spec.bounds.maxAllowed.cpu"},
		"no nodes' CPU":     {func(s *simulator.Scenario) { s.Cluster.Node.CPU = 0 }, "spec.initial.requests.cpu"},
		"negative burst":    {func(s *simulator.Scenario) { s.Cluster.Burst = -1 }, "spec.cluster.burst"},
		"negative price":    {func(s *simulator.Scenario) { s.Prices.CPUCoreHour = -1 }, "spec.prices.cpuCoreHour"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := httpScenario(1, 1, time.Minute)
			tc.breakIt(&sc)
			_, err := simulator.Run(sc, simulator.Static(), simulator.Options{})
			if err == nil || !strings.HasPrefix(err.Error(), tc.path+": ") {
				t.Errorf("error %v, want one at %s", err, tc.path)
			}
			if _, ok := errors.AsType[*simulator.FieldError](err); !ok {
				t.Errorf("error of type %T", err)
			}
		})
	}
}

// FuzzRun runs small scenarios of any shape: no panic, every number finite, the
// amounts consistent.
func FuzzRun(f *testing.F) {
	f.Add(uint64(1), 10.0, 3, int64(1000), int64(256), 1.0, uint8(7))
	f.Add(uint64(2), 400.0, 0, int64(10), int64(1), 0.0, uint8(3))
	f.Fuzz(func(t *testing.T, seed uint64, rate float64, replicas int, cpu, mib int64, cv float64, actions uint8) {
		sc := httpScenario(math.Mod(math.Abs(rate), 500), replicas%20, 3*time.Minute)
		sc.Seed = seed
		sc.Service.HTTP.CPUCV = cv
		sc.Service.HTTP.BaseMemory, sc.Service.HTTP.MemoryPerConcurrentRequest = 1<<26, 1<<24
		sc.Service.HTTP.Startup = 20 * time.Second
		sc.Service.HTTP.StartupCPU = 200
		sc.Cluster.Nodes, sc.Cluster.NodeProvisioning, sc.Cluster.ResizeDelay = 1, 30*time.Second, 3*time.Second
		sc.Initial.Requests.Memory = 1 << 27
		sc.Initial.Limits.Memory = 1 << 27
		step := 0
		p := script(func(_ time.Duration, o simulator.Observation) simulator.Action {
			a := o.Keep()
			step++
			if actions&1 != 0 {
				a.Replicas = replicas + step*int(actions)
			}
			if actions&2 != 0 {
				size := amount(recommender.MilliCPU(cpu%int64(10+step)*100), recommender.Bytes(mib%int64(100*step))<<20)
				a.ResizeTo(o, size)
			}
			if actions&4 != 0 && len(o.Pods) > 0 {
				a.Evict = []int{o.Pods[step%len(o.Pods)].ID, -1}
			}
			return a
		})
		r, err := simulator.Run(sc, p, simulator.Options{})
		if err != nil {
			if _, ok := errors.AsType[*simulator.FieldError](err); !ok {
				t.Fatal(err)
			}
			return
		}
		checkScore(t, r.Score)
	})
}

// checkScore checks what holds for every score.
func checkScore(t *testing.T, s simulator.Score) {
	t.Helper()
	finite := func(name string, v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			t.Errorf("%s is %v", name, v)
		}
	}
	finite("cost", *s.Cost)
	finite("cpuCoreHours", s.CPUCoreHours)
	finite("memoryGiBHours", s.MemoryGiBHours)
	finite("throttledSeconds", s.ThrottledSeconds)
	finite("pendingPodSeconds", s.PendingPodSeconds)
	if r := s.SLOViolatedRequestRatio; r != nil && !(*r >= 0 && *r <= 1) {
		t.Errorf("violated ratio %v", *r)
	}
	if s.CPUSlackRatio != nil && (math.IsNaN(*s.CPUSlackRatio) || *s.CPUSlackRatio > 1) {
		t.Errorf("slack %v", *s.CPUSlackRatio)
	}
}
