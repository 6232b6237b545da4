package baseline_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// minutes makes a demand of a row a minute.
func minutes(n int, rate func(i int) float64) simulator.Demand {
	d := simulator.Demand{Epoch: time.Unix(0, 0).UTC(), End: 60 * float64(n)}
	for i := range n {
		d.Offsets = append(d.Offsets, 60*float64(i))
		d.Rate = append(d.Rate, rate(i))
	}
	return d
}

// webScenario is an hour of warm-up and two scored ones of a web service.
func webScenario(rate func(i int) float64) simulator.Scenario {
	return simulator.Scenario{
		Name: "web", Seed: 1, Warmup: time.Hour, Step: 15 * time.Second, Duration: 2 * time.Hour,
		Demand: minutes(3*60, rate),
		Service: simulator.Service{HTTP: &simulator.HTTPService{
			CPUSecondsPerRequest: 0.02, CPUCV: 1, BaseCPU: 50, BaseMemory: 200 * recommender.MiB,
			MemoryPerConcurrentRequest: 2 * recommender.MiB, ConcurrencyPerPod: 100, Startup: 45 * time.Second, StartupCPU: 500,
		}},
		Objective: simulator.Objective{LatencySeconds: 0.5, Percentile: 0.95},
		Initial: simulator.Initial{
			Replicas: 4, Requests: recommender.Resources{CPU: 1000, Memory: 512 * recommender.MiB},
			Limits: recommender.Resources{Memory: 512 * recommender.MiB},
		},
		Bounds: simulator.Bounds{
			MinReplicas: 2, MaxReplicas: 40, MinAllowed: recommender.Resources{CPU: 100, Memory: 64 * recommender.MiB},
			MaxAllowed: recommender.Resources{CPU: 8000, Memory: 16 * recommender.GiB},
		},
		Cluster: simulator.Cluster{
			Nodes: 50, Node: recommender.Resources{CPU: 16000, Memory: 64 * recommender.GiB},
			NodeProvisioning: 2 * time.Minute, ResizeDelay: 3 * time.Second,
		},
		Prices: recommender.Prices{CPUCoreHour: 0.031, MemoryGiBHour: 0.004},
	}
}

func run(t testing.TB, name string, sc simulator.Scenario) simulator.Score {
	t.Helper()
	p, err := baseline.New(name, &sc)
	if err != nil {
		t.Fatal(err)
	}
	r, err := simulator.Run(sc, p, simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Score
}

// oracleScenarios are small ones of each kind.
func oracleScenarios() map[string]simulator.Scenario {
	rng := rand.New(rand.NewPCG(1, 1))
	noise := make([]float64, 1000)
	for i := range noise {
		noise[i] = rng.Float64()
	}
	out := map[string]simulator.Scenario{
		"web, waves":    webScenario(func(i int) float64 { return 100 + 80*math.Sin(float64(i)/20) }),
		"web, noise":    webScenario(func(i int) float64 { return 50 + 200*noise[i]*noise[i] }),
		"web, constant": webScenario(func(int) float64 { return 120 }),
		"web, crowd": webScenario(func(i int) float64 {
			if i > 110 && i < 120 {
				return 1500
			}
			return 60
		}),
	}
	steady := webScenario(func(i int) float64 { return 100 + 80*math.Sin(float64(i)/20) })
	steady.Service.HTTP.CPUCV = 0.5
	steady.Cluster.Burst = 0.5
	out["web, cv 0.5, burst"] = steady
	bursty := webScenario(func(i int) float64 { return 60 + 40*math.Sin(float64(i)/20) })
	bursty.Service.HTTP.CPUCV = 2
	out["web, cv 2"] = bursty
	small := webScenario(func(i int) float64 { return 200 + 150*math.Sin(float64(i)/20) })
	small.Cluster.Nodes, small.Cluster.Node.CPU = 2, 2000
	small.Bounds.MaxAllowed.CPU = 2000
	out["web, nodes to come"] = small
	cold := webScenario(func(i int) float64 { return 100 + 80*math.Sin(float64(i)/20) })
	cold.Warmup = 0
	cold.Initial.Replicas = 8
	out["web, no warm-up"] = cold
	usage := webScenario(func(i int) float64 { return 6 + 5*math.Sin(float64(i)/20) })
	usage.Service = simulator.Service{Usage: &simulator.UsageService{Startup: 30 * time.Second}}
	usage.Objective = simulator.Objective{}
	usage.Initial.Replicas = 16
	for i := range usage.Demand.Rate {
		usage.Demand.Memory = append(usage.Demand.Memory, (3+2*math.Sin(float64(i)/15)+noise[i])*float64(recommender.GiB))
	}
	out["usage"] = usage
	deployed := webScenario(func(i int) float64 { return 100 + 80*math.Sin(float64(i)/20) })
	deployed.Deploys = []simulator.Deploy{
		{At: 40 * time.Minute, CPUFactor: 2.5, MemoryFactor: 1.5}, {At: 80 * time.Minute, CPUFactor: 0.5, MemoryFactor: 1},
	}
	out["web, deploys"] = deployed
	disturbed := webScenario(func(i int) float64 { return 100 + 80*math.Sin(float64(i)/20) })
	disturbed.Cluster.ImagePull, disturbed.Cluster.Quota.CPU = 30*time.Second, 24000
	disturbed.Memory = simulator.MemoryEffects{GrowthPerHour: 30 * float64(recommender.MiB), PageCache: 100 * float64(recommender.MiB)}
	disturbed.Metrics = simulator.MetricsQuality{Delay: 30 * time.Second, MissingRatio: 0.1}
	out["web, disturbed"] = disturbed
	alone := webScenario(func(i int) float64 { return 25 + 20*math.Sin(float64(i)/20) })
	alone.Initial.Replicas, alone.Bounds.MinReplicas, alone.Cluster.Quota.CPU = 1, 1, 2000
	out["web, quota for one pod"] = alone
	out["queue"] = queueScenario(func(i int) float64 { return 30 + 20*math.Sin(float64(i)/20) })
	out["queue, noise"] = queueScenario(func(i int) float64 { return 10 + 40*noise[i] })
	patient := queueScenario(func(i int) float64 { return 30 + 20*math.Sin(float64(i)/20) })
	patient.Objective.WaitSeconds = 300
	out["queue, patient"] = patient
	behind := queueScenario(func(i int) float64 {
		if i < 10 {
			return 60 // More than the initial pods work off.
		}
		return 8 + 4*math.Sin(float64(i)/20)
	})
	behind.Service.Queue.Startup, behind.Objective.WaitSeconds = 15*time.Minute, 60
	out["queue, slow starts"] = behind
	out["model"] = modelScenario(func(i int) float64 { return 12 + 8*math.Sin(float64(i)/20) })
	model := modelScenario(func(i int) float64 { return 12 + 8*math.Sin(float64(i)/20) })
	model.Cluster.Nodes, model.Cluster.NodeGPUs = 1, 4
	for i := range model.Demand.Rate {
		model.Demand.PromptTokens = append(model.Demand.PromptTokens, 400+400*noise[i])
		model.Demand.OutputTokens = append(model.Demand.OutputTokens, 100+100*noise[i+300])
	}
	out["model, tokens and nodes"] = model
	return out
}

// queueScenario is an hour of warm-up and two scored ones of items that may
// wait for ten seconds.
func queueScenario(rate func(i int) float64) simulator.Scenario {
	sc := webScenario(rate)
	sc.Name = "queue"
	sc.Service = simulator.Service{Queue: &simulator.QueueService{
		CPUSecondsPerItem: 0.2, CPUCV: 1, WorkersPerPod: 2, BaseMemory: 100 * recommender.MiB,
		MemoryPerItem: 20 * recommender.MiB, Startup: 30 * time.Second,
	}}
	sc.Objective = simulator.Objective{WaitSeconds: 10, Percentile: 0.95}
	return sc
}

// modelScenario is an hour of warm-up and two scored ones of a language model.
func modelScenario(rate func(i int) float64) simulator.Scenario {
	sc := webScenario(rate)
	sc.Name = "model"
	sc.Service = simulator.Service{Inference: &simulator.InferenceService{
		PrefillTokensPerSecond: 8000, DecodeTokensPerSecond: 1600, MaxBatch: 32, KVCacheTokens: 100000, GPUsPerPod: 1,
		Startup: 2 * time.Minute, PromptTokens: 800, OutputTokens: 200,
	}}
	sc.Objective = simulator.Objective{TTFTSeconds: 2, ITLSeconds: 0.1, Percentile: 0.95}
	sc.Initial = simulator.Initial{Replicas: 4}
	sc.Cluster.NodeGPUs, sc.Prices.GPUHour = 8, 2.5
	return sc
}

// TestOracleIsTheCheapest: no policy that meets the oracle's constraint costs
// less, neither the usual ones nor those made with knowledge of the scenario:
// every static size, and HPAs with any target.
func TestOracleIsTheCheapest(t *testing.T) {
	t.Parallel()
	for name, sc := range oracleScenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			oracle := run(t, "oracle", sc)
			if oracle.Cost == nil {
				t.Fatal("the oracle found nothing that meets the constraint")
			}
			if *oracle.SLOViolatedRequestRatio > 0.001 || oracle.OOMKills > 0 {
				t.Fatalf("the oracle violates %.5f with %d OOM kills", *oracle.SLOViolatedRequestRatio, oracle.OOMKills)
			}
			meeting := 0
			compare := func(what string, s simulator.Score) {
				if *s.SLOViolatedRequestRatio > 0.001 || s.OOMKills > 0 {
					return
				}
				meeting++
				if *s.Cost < *oracle.Cost {
					t.Errorf("%s costs %.4f, the oracle %.4f", what, *s.Cost, *oracle.Cost)
				}
			}
			compare("rightsize", run(t, "rightsize", sc))
			for _, target := range []float64{40, 60} {
				sc.Policies = map[string]simulator.Settings{"hpa": {"targetUtilizationPercent": target}}
				compare(fmt.Sprintf("hpa at %v %%", target), run(t, "hpa", sc))
			}
			for _, replicas := range []int{1, 2, 4, 8} {
				for _, cpu := range []recommender.MilliCPU{1000, 1400, 2000, 3000} {
					fixed := sc
					fixed.Initial.Replicas = max(replicas, sc.Bounds.MinReplicas)
					if quota := sc.Cluster.Quota.CPU; quota > 0 && cpu*recommender.MilliCPU(replicas) > quota {
						continue
					}
					if sc.Service.Inference == nil {
						fixed.Initial.Requests.CPU = min(cpu, sc.Cluster.Node.CPU)
					}
					compare(fmt.Sprintf("%d pods of %v", replicas, cpu), run(t, "static", fixed))
				}
			}
			if meeting == 0 {
				t.Log("no other policy meets the constraint")
			}
		})
	}
}

// TestOracleNullWhereImpossible: more demand than the bounds can carry.
func TestOracleNullWhereImpossible(t *testing.T) {
	t.Parallel()
	sc := webScenario(func(int) float64 { return 500 })
	sc.Bounds.MaxReplicas, sc.Bounds.MaxAllowed.CPU = 3, 2000
	oracle := run(t, "oracle", sc)
	if oracle.Cost != nil {
		t.Fatalf("cost %v of what violates %v", *oracle.Cost, *oracle.SLOViolatedRequestRatio)
	}
	list := simulator.NewScoreList("x", []simulator.Result{{Policy: "static", Score: run(t, "static", sc)}},
		simulator.Result{Policy: "oracle", Score: oracle})
	if s := list.Items[0].Score; s.Cost == nil || s.CostToOracle != nil {
		t.Error("a policy has to keep its cost and lose its comparison")
	}
}

// TestOracleRepeats: the same plan and result every time.
func TestOracleRepeats(t *testing.T) {
	t.Parallel()
	sc := webScenario(func(i int) float64 { return 100 + 80*math.Sin(float64(i)/20) })
	if diff := cmp.Diff(run(t, "oracle", sc), run(t, "oracle", sc)); diff != "" {
		t.Error(diff)
	}
}

// TestOracleUsageByHand: 2 cores for an hour, then 6 for another, on at least
// two pods. The growth to 3 cores each is ordered 15 s early.
func TestOracleUsageByHand(t *testing.T) {
	t.Parallel()
	sc := oracleScenarios()["usage"]
	sc.Warmup, sc.Duration = time.Hour, 2*time.Hour
	sc.Demand = minutes(180, func(i int) float64 {
		if i < 120 {
			return 2
		}
		return 6
	})
	sc.Initial.Limits = recommender.Resources{}
	s := run(t, "oracle", sc)
	want := 0.031*(2*(3600-12)+6*(3600+12))/3600 + 0.004*2*2*64.0/1024
	if math.Abs(*s.Cost-want) > 1e-9 || *s.SLOViolatedRequestRatio != 0 {
		t.Errorf("cost %v with %v lost, want %v with none", *s.Cost, *s.SLOViolatedRequestRatio, want)
	}
}
