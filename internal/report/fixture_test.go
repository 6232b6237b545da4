package report_test

import (
	"math"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/report"
	"github.com/rightsize-dev/rightsize/recommender"
)

// hostile is a name that no output may take for markup, a formula or a command
// to a terminal.
const hostile = "</script><img src=x>|`*@team\x1b[31m\nx"

func at() time.Time { return time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC) }

func amounts(cpu recommender.MilliCPU, memory recommender.Bytes) recommender.Resources {
	return recommender.Resources{CPU: cpu, Memory: memory}
}

// recommended is a container of a decision whose bounds are a tenth around
// its target.
func recommended(name string, now, limits, target, targetLimits recommender.Resources) recommender.Recommendation {
	return recommender.Recommendation{
		Name: name, Requests: now, Limits: limits, Target: target, TargetLimits: targetLimits, UncappedTarget: target,
		LowerBound: amounts(target.CPU*9/10, target.Memory*9/10), UpperBound: amounts(target.CPU*11/10, target.Memory*11/10),
	}
}

func prices() recommender.Prices {
	return recommender.Prices{CPUCoreHour: 0.031, MemoryGiBHour: 0.004, GPUHour: 2.5, Currency: "USD"}
}

// item is a decision with the snapshot of a workload that was observed for two
// weeks.
func item(w recommender.Workload, action recommender.Action, cost [2]float64, containers ...recommender.Recommendation) report.Item {
	usage := func(last, peak float64) recommender.Usage {
		return recommender.Usage{
			Samples: 4032, AgeSeconds: 30, Last: last, Recent: last, Peak: peak, Mean: last,
			Forecast: forecaster.Forecast{Span: 14 * 24 * time.Hour, Confidence: 0.92, Season: 24 * time.Hour, Coverage95: 0.953},
		}
	}
	s := recommender.Snapshot{
		APIVersion: recommender.APIVersion, Kind: recommender.SnapshotKind, Now: at(), Workload: w,
		Policy:   recommender.Policy{Risk: 0.05, HoldSeconds: 3600, Prices: prices()},
		Replicas: recommender.Replicas{Desired: 1, Ready: 1, StartupSeconds: 40},
	}
	for _, c := range containers {
		s.Containers = append(s.Containers, recommender.Container{
			Name: c.Name, Requests: c.Requests, Limits: c.Limits,
			CPU: usage(c.Target.CPU.Cores()/2, c.Target.CPU.Cores()), Memory: usage(float64(c.Target.Memory)/2, float64(c.Target.Memory)*0.8),
		})
	}
	return report.Item{Snapshot: s, Decision: recommender.Decision{
		APIVersion: recommender.APIVersion, Kind: recommender.DecisionKind, At: at(), Workload: w, Action: action,
		CurrentReplicas: 1, DesiredReplicas: 1, Containers: containers, Confidence: 0.92, RecheckAfterSeconds: 3600,
		Cost:    recommender.Cost{CurrentPerHour: cost[0], TargetPerHour: cost[1], Currency: "USD"},
		Reasons: []recommender.Reason{},
	}}
}

// shop scales in and shrinks; its proxy loses a CPU limit.
func shop() report.Item {
	mib := recommender.MiB
	i := item(recommender.Workload{Namespace: "web", Kind: "Deployment", Name: "shop"}, recommender.ActionResizeAndScale,
		[2]float64{0.36, 0.11},
		recommended("app", amounts(2000, 2048*mib), amounts(0, 2048*mib), amounts(750, 481*mib+17), amounts(0, 481*mib+17)),
		recommended("proxy", amounts(100, 64*mib), amounts(200, 0), amounts(120, 86*mib), amounts(0, 0)))
	i.Decision.CurrentReplicas, i.Decision.DesiredReplicas = 6, 4
	i.Snapshot.Replicas.Desired, i.Snapshot.Replicas.Ready = 6, 6
	i.Snapshot.Demand = &recommender.Demand{
		Signal: "http_requests", Unit: "requests/s", Usage: recommender.Usage{Samples: 4032, Last: 133, Recent: 140, Peak: 240, Mean: 120},
		Relation: recommender.Relation{PerReplica: 0.05, PerUnit: 0.02, Residual: 0.1, R2: 0.97, Samples: 200, Valid: true},
	}
	i.Snapshot.Containers[0].PageCache = 120 * float64(mib)
	i.Snapshot.Containers[0].Runtime = &recommender.Runtime{Language: recommender.LanguageGo, Heap: 300 * float64(mib), Processors: 16}
	i.Decision.Containers[0].Advice = []recommender.Advice{{
		Variable: "GOMEMLIMIT", Value: "432MiB", Why: "90 % of the limit of 481 MiB, so that it collects garbage before it is killed",
	}}
	i.Decision.Reasons = []recommender.Reason{
		{Code: recommender.ReasonForecast, Container: "app", Subject: "cpu", Before: 2.96, After: 3.61, Unit: "cores", Message: "uses 2.96 cores now; with probability 95 % it stays below 3.61 within 61 minutes"},
		{Code: recommender.ReasonThrottled, Container: "proxy", Subject: "cpu", Before: 0.3, After: 0.45, Unit: "cores", Message: "throttled in 12 % of periods"},
		{Code: recommender.ReasonMemoryPeak, Container: "app", Subject: "memory", Before: 375 * float64(mib), After: 481 * float64(mib), Unit: "bytes", Message: "a pod reaches 418 MiB (8-day peak and forecast); 15 % on top is 481 MiB"},
		{Code: recommender.ReasonCheapest, Subject: "cost", Before: 0.36, After: 0.11, Unit: "USD/h", Message: "4 pods at 0.110 USD an hour are the cheapest that carry the need; now it is 6 at 0.360"},
	}
	return i
}

// sample is a report with one workload of every sort.
func sample() report.Report {
	mib := recommender.MiB
	nightly := item(recommender.Workload{Namespace: "data", Kind: "CronJob", Name: "nightly"}, recommender.ActionResize, [2]float64{0.0175, 0.0512},
		recommended("main", amounts(500, 512*mib), amounts(0, 0), amounts(1540, 934*mib), amounts(0, 0)))
	nightly.Decision.Reasons = []recommender.Reason{{Code: recommender.ReasonPerRun, Container: "main", Subject: "cpu", Before: 0.8, After: 1.4, Unit: "cores", Message: "runs to completion: the largest pod used up to 1.40 cores in 95 % of its time"}}
	db := item(recommender.Workload{Namespace: "data", Kind: "StatefulSet", Name: "db"}, recommender.ActionHold, [2]float64{0.2, 0.2},
		recommended("postgres", amounts(2000, 8*recommender.GiB), amounts(4000, 8*recommender.GiB), amounts(2000, 8*recommender.GiB), amounts(4000, 8*recommender.GiB)))
	db.Decision.Reasons = []recommender.Reason{
		{Code: recommender.ReasonForecast, Container: "postgres", Subject: "cpu", Before: 1.7, After: 1.76, Unit: "cores", Message: "uses 1.70 cores now"},
		{Code: recommender.ReasonWithinTolerance, Container: "postgres", Subject: "cpu", Before: 1.95, After: 2, Unit: "cores", Message: "a change of 3 % is not worth making"},
	}
	db.Snapshot.Facts = []recommender.Fact{{Code: recommender.FactWarning, Message: "results truncated due to limit"}}
	silent := item(recommender.Workload{Namespace: "legacy", Kind: "Deployment", Name: "silent"}, recommender.ActionNone, [2]float64{0.0175, 0.0175},
		recommended("main", amounts(0, 512*mib), amounts(0, 0), amounts(0, 512*mib), amounts(0, 0)))
	silent.Decision.Confidence = 0
	silent.Snapshot.Containers[0].CPU, silent.Snapshot.Containers[0].Memory = recommender.Usage{}, recommender.Usage{}
	silent.Snapshot.Facts = []recommender.Fact{{Code: recommender.FactMissing, Signal: "cpu", Message: "no CPU usage of any container"}}
	silent.Decision.Reasons = []recommender.Reason{{Code: recommender.ReasonNoData, Container: "main", Message: "no usage history of container main: its size stays as it is"}}
	canary := item(recommender.Workload{Namespace: "web", Kind: "Rollout", Name: "canary"}, recommender.ActionResize, [2]float64{0.1, 0.3},
		recommended("app", amounts(100, 128*mib), amounts(0, 0), amounts(2000, 3*recommender.GiB), amounts(0, 0)))
	canary.Decision.Reasons = []recommender.Reason{{Code: recommender.ReasonOOMKilled, Container: "app", Subject: "memory", Before: 1e8, After: 3 * float64(recommender.GiB), Unit: "bytes", Message: "killed for want of memory 3 times"}}
	agent := item(recommender.Workload{Namespace: "web", Kind: "DaemonSet", Name: "shop"}, recommender.ActionResize, [2]float64{0.01, 0.02},
		recommended("=agent", amounts(50, 64*mib), amounts(100, 128*mib), amounts(1000, 1e9), amounts(2000, 2e9)))
	agent.Decision.Reasons = []recommender.Reason{{Code: recommender.ReasonBounded, Container: "=agent", Subject: "memory", Before: 2e9, After: 1e9, Unit: "bytes", Message: "1.86 GiB would do, the bound is 954 MiB"}}
	return report.Report{
		At: at(), Source: "http://prometheus:9090", Version: "v0.1.0", Queries: 17,
		Items: []report.Item{nightly, db, silent, agent, shop(), canary},
		Facts: []recommender.Fact{{Code: recommender.FactMissing, Signal: "gpu_activity", Message: "no GPU metrics found"}},
	}
}

// withHistory adds two weeks of a sine to the workload.
func withHistory(i report.Item) report.Item {
	s := forecaster.Series{Start: at().Add(-14 * 24 * time.Hour), Step: 5 * time.Minute}
	for k := range 4033 {
		v := 2 + math.Sin(float64(k)/46)
		if k == 1234 {
			v = 9 // The one peak that has to survive.
		}
		if k >= 2000 && k < 2300 {
			v = math.NaN()
		}
		s.Values = append(s.Values, v)
	}
	f := forecaster.Forecast{Origin: s.End(), Horizons: []time.Duration{time.Hour, 24 * time.Hour}, Levels: []float64{0.1, 0.5, 0.9}}
	f.Point = [][]float64{{1, 2, 3}, {0.5, 2, 4}}
	f.Max = f.Point
	i.History = []report.Plot{{Title: "CPU of app", Unit: "cores", Series: s, Forecast: f, Requested: 12, Recommended: 3}}
	return i
}
