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

// TestValidateServices: the same for queues, language models and what may
// disturb a scenario.
func TestValidateServices(t *testing.T) {
	t.Parallel()
	queue := func() simulator.Scenario { return queueScenario([]float64{1}, 1) }
	model := func() simulator.Scenario { return inferenceScenario([]float64{1}, 1) }
	http := func() simulator.Scenario { return httpScenario(1, 1, time.Minute) }
	nan := math.NaN()
	cases := map[string]struct {
		of      func() simulator.Scenario
		breakIt func(*simulator.Scenario)
		path    string
	}{
		"free items":         {queue, func(s *simulator.Scenario) { s.Service.Queue.CPUSecondsPerItem = 0 }, "spec.service.queue.cpuSecondsPerItem"},
		"no workers":         {queue, func(s *simulator.Scenario) { s.Service.Queue.WorkersPerPod = 0 }, "spec.service.queue.workersPerPod"},
		"too many workers":   {queue, func(s *simulator.Scenario) { s.Service.Queue.WorkersPerPod, s.Bounds.MaxReplicas = 1000, 10000 }, "spec.service.queue.workersPerPod"},
		"negative wait":      {queue, func(s *simulator.Scenario) { s.Objective.WaitSeconds = -1 }, "spec.objective.waitSeconds"},
		"latency of a queue": {queue, func(s *simulator.Scenario) { s.Objective.LatencySeconds = 1 }, "spec.objective"},
		"wait of a web":      {http, func(s *simulator.Scenario) { s.Objective.WaitSeconds = 1 }, "spec.objective"},
		"slow reading":       {model, func(s *simulator.Scenario) { s.Service.Inference.PrefillTokensPerSecond = 0 }, "spec.service.inference.prefillTokensPerSecond"},
		"slow writing":       {model, func(s *simulator.Scenario) { s.Service.Inference.DecodeTokensPerSecond = nan }, "spec.service.inference.decodeTokensPerSecond"},
		"no batch":           {model, func(s *simulator.Scenario) { s.Service.Inference.MaxBatch = 0 }, "spec.service.inference.maxBatch"},
		"no cache":           {model, func(s *simulator.Scenario) { s.Service.Inference.KVCacheTokens = 0 }, "spec.service.inference.kvCacheTokens"},
		"no GPUs":            {model, func(s *simulator.Scenario) { s.Service.Inference.GPUsPerPod = 0 }, "spec.service.inference.gpusPerPod"},
		"no output":          {model, func(s *simulator.Scenario) { s.Service.Inference.OutputTokens = 0.5 }, "spec.service.inference.outputTokens"},
		"no objective":       {model, func(s *simulator.Scenario) { s.Objective.TTFTSeconds, s.Objective.ITLSeconds = 0, 0 }, "spec.objective"},
		"small nodes":        {model, func(s *simulator.Scenario) { s.Cluster.NodeGPUs = 1 }, "spec.cluster.nodeGPUs"},
		"tokens of another":  {model, func(s *simulator.Scenario) { s.Demand.PromptTokens = []float64{1, 2} }, "spec.demand"},
		"negative tokens":    {model, func(s *simulator.Scenario) { s.Demand.OutputTokens = []float64{-2} }, "spec.demand"},
		"growing model":      {model, func(s *simulator.Scenario) { s.Memory.GrowthPerHour = 1 }, "spec.service.inference"},
		"deployed model":     {model, func(s *simulator.Scenario) { s.Deploys = []simulator.Deploy{{CPUFactor: 1, MemoryFactor: 1}} }, "spec.deploys[0]"},
		"negative leak":      {http, func(s *simulator.Scenario) { s.Memory.GrowthPerHour = -1 }, "spec.service.http.memoryGrowthPerHour"},
		"negative cache":     {http, func(s *simulator.Scenario) { s.Memory.PageCache = nan }, "spec.service.http.pageCache"},
		"negative timeout":   {http, func(s *simulator.Scenario) { s.Service.HTTP.Timeout = -1 }, "spec.service.http.timeout"},
		"negative retries":   {http, func(s *simulator.Scenario) { s.Service.HTTP.Retries = -1 }, "spec.service.http.retries"},
		"endless retries":    {http, func(s *simulator.Scenario) { s.Service.HTTP.Retries = 1 }, "spec.service.http.retryDelay"},
		"metrics ahead":      {http, func(s *simulator.Scenario) { s.Metrics.Delay = -1 }, "spec.metrics.delay"},
		"more than missing":  {http, func(s *simulator.Scenario) { s.Metrics.MissingRatio = 1.1 }, "spec.metrics.missingRatio"},
		"late outage":        {http, func(s *simulator.Scenario) { s.Metrics.Outages = []simulator.Outage{{At: time.Hour, For: 1}} }, "spec.metrics.outages[0].at"},
		"short outage":       {http, func(s *simulator.Scenario) { s.Metrics.Outages = []simulator.Outage{{}} }, "spec.metrics.outages[0].for"},
		"failure of nothing": {http, func(s *simulator.Scenario) { s.Failures = []simulator.Failure{{}} }, "spec.failures[0]"},
		"failure of both":    {http, func(s *simulator.Scenario) { s.Failures = []simulator.Failure{{Pods: 1, Nodes: 1}} }, "spec.failures[0]"},
		"failure before":     {http, func(s *simulator.Scenario) { s.Failures = []simulator.Failure{{At: -1, Pods: 1}} }, "spec.failures[0].at"},
		"free deploy":        {http, func(s *simulator.Scenario) { s.Deploys = []simulator.Deploy{{MemoryFactor: 1}} }, "spec.deploys[0].cpuSecondsPerRequestFactor"},
		"weightless deploy":  {http, func(s *simulator.Scenario) { s.Deploys = []simulator.Deploy{{CPUFactor: 1}} }, "spec.deploys[0].memoryFactor"},
		"pull from tomorrow": {http, func(s *simulator.Scenario) { s.Cluster.ImagePull = -1 }, "spec.cluster.imagePull"},
		"small quota":        {http, func(s *simulator.Scenario) { s.Cluster.Quota.CPU = 999 }, "spec.cluster.quota.cpu"},
		"small memory quota": {http, func(s *simulator.Scenario) { s.Cluster.Quota.Memory = 1 }, "spec.cluster.quota.memory"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := tc.of()
			if _, err := simulator.Run(sc, simulator.Static(), simulator.Options{}); err != nil {
				t.Fatal(err)
			}
			tc.breakIt(&sc)
			_, err := simulator.Run(sc, simulator.Static(), simulator.Options{})
			if err == nil || !strings.HasPrefix(err.Error(), tc.path+": ") {
				t.Errorf("error %v, want one at %s", err, tc.path)
			}
		})
	}
}

// FuzzDisturbed runs small scenarios of every kind of service through failures,
// deploys, leaks, bad metrics, quotas and restless policies: no panic, every
// number finite, and every request accounted for.
func FuzzDisturbed(f *testing.F) {
	f.Add(uint64(1), uint8(0), 10.0, uint16(0xffff), int16(1))
	f.Add(uint64(2), uint8(1), 3.0, uint16(0x5555), int16(30))
	f.Add(uint64(3), uint8(2), 2.0, uint16(0xaaaa), int16(70))
	f.Add(uint64(4), uint8(3), 5.0, uint16(0x0ff0), int16(-5))
	f.Fuzz(func(t *testing.T, seed uint64, kind uint8, rate float64, what uint16, restless int16) {
		rate = math.Mod(math.Abs(rate), 60)
		if math.IsNaN(rate) {
			return
		}
		sc := disturbed(seed, kind, rate, what)
		step := 0
		p := script(func(_ time.Duration, o simulator.Observation) simulator.Action {
			a := o.Keep()
			step++
			a.Replicas = 3 + step*int(restless)%7
			if step%5 == 0 && len(o.Pods) > 0 {
				a.Evict = []int{o.Pods[step%len(o.Pods)].ID}
			}
			if step%3 == 0 {
				a.ResizeTo(o, amount(recommender.MilliCPU(500+100*(step%int(5+what%10))), recommender.Bytes(200+10*(step%30))<<20))
			}
			return a
		})
		r, err := simulator.Run(sc, p, simulator.Options{Series: true})
		if err != nil {
			if _, ok := errors.AsType[*simulator.FieldError](err); !ok {
				t.Fatal(err)
			}
			return
		}
		checkScore(t, r.Score)
	})
}

// disturbed is a scenario in which each bit of what is something that disturbs.
func disturbed(seed uint64, kind uint8, rate float64, what uint16) simulator.Scenario {
	sc := httpScenario(rate, 3, 6*time.Minute)
	switch kind % 4 {
	case 0:
		h := sc.Service.HTTP
		h.BaseMemory, h.MemoryPerConcurrentRequest, h.ConcurrencyPerPod = 100*recommender.MiB, 5*recommender.MiB, 50
		h.CPUSecondsPerRequest = 0.1
		if what&1 != 0 {
			h.Timeout, h.Retries, h.RetryDelay = 500*time.Millisecond, 2, 100*time.Millisecond
		}
	case 1:
		sc = queueScenario(nil, 3)
		sc.Demand.Rate[0] = rate / 10
		sc.Service.Queue.BaseMemory, sc.Service.Queue.MemoryPerItem = 100*recommender.MiB, 80*recommender.MiB
	case 2:
		sc = inferenceScenario(nil, 3)
		sc.Demand.Rate[0] = rate / 20
		sc.Service.Inference.KVCacheTokens = 2000
	case 3:
		sc.Service, sc.Objective = simulator.Service{Usage: &simulator.UsageService{Startup: 5 * time.Second}}, simulator.Objective{}
		sc.Demand.Rate[0] = rate / 15
		sc.Demand.Memory = []float64{rate * 20 * float64(recommender.MiB)}
	}
	sc.Seed, sc.Duration, sc.Warmup = seed, 6*time.Minute, time.Minute
	sc.Bounds.MinReplicas, sc.Cluster.Nodes, sc.Cluster.Node.CPU = 0, 2, 6000
	sc.Cluster.NodeProvisioning, sc.Cluster.ResizeDelay = 20*time.Second, 3*time.Second
	sc.Initial.Requests = amount(1000, 256*recommender.MiB)
	on := func(bit int) bool { return what>>bit&1 != 0 }
	if on(1) {
		sc.Initial.Limits.Memory = 300 * recommender.MiB
	}
	if on(2) {
		sc.Failures = append(sc.Failures, simulator.Failure{At: time.Minute, For: 13 * time.Second, Pods: 2})
	}
	if on(3) {
		sc.Failures = append(sc.Failures, simulator.Failure{At: time.Minute, Nodes: 1}, simulator.Failure{At: 2 * time.Minute, For: time.Minute, Nodes: 5})
	}
	if on(4) && kind%4 < 2 {
		sc.Deploys = []simulator.Deploy{{At: 90 * time.Second, CPUFactor: 3, MemoryFactor: 2}, {At: 4 * time.Minute, CPUFactor: 0.1, MemoryFactor: 1}}
	}
	if on(5) && kind%4 != 2 {
		sc.Memory = simulator.MemoryEffects{GrowthPerHour: 2 * float64(recommender.GiB), PageCache: 1e9}
	}
	if on(6) {
		sc.Metrics = simulator.MetricsQuality{Delay: 20 * time.Second, MissingRatio: 0.3, Outages: []simulator.Outage{{At: time.Minute, For: time.Minute}}}
	}
	if on(7) {
		sc.Cluster.Quota, sc.Cluster.ImagePull = amount(5000, recommender.GiB), 7*time.Second
	}
	return sc
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
