package browser_test

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/config"
	"github.com/rightsize-dev/rightsize/internal/report"
	"github.com/rightsize-dev/rightsize/internal/snapshot"
	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	days = 14
	step = 5 * time.Minute
	// hostile is a workload's name that no page may take for markup.
	hostile = `</script><img src=x onerror="document.title='owned'"><b>&amp;`
)

// now is the instant of the reports, a Friday afternoon.
func now() time.Time { return time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC) }

// history draws two weeks of a function of the time in days.
func history(rng *rand.Rand, noise float64, f func(day float64) float64) forecaster.Series {
	s := forecaster.Series{Start: now().Add(-days * 24 * time.Hour), Step: step}
	for i := range int(days*24*time.Hour/step) + 1 {
		d := s.Time(i).Sub(s.Start).Hours()/24 + 14.5/24
		s.Values = append(s.Values, math.Max(0, f(d)*(1+noise*rng.NormFloat64())))
	}
	return s
}

// daily is 1 on average, low at night and lower at the weekend.
func daily(day float64) float64 {
	week := 1.0
	if d := int(math.Floor(day+5)) % 7; d >= 5 { // Day 0 is a Friday.
		week = 0.65
	}
	return week * (1 + 0.7*math.Sin(2*math.Pi*(day-0.35)))
}

func constant(v float64) func(float64) float64 { return func(float64) float64 { return v } }

// mapped applies f to every value of a series.
func mapped(s forecaster.Series, f func(float64) float64) forecaster.Series {
	out := forecaster.Series{Start: s.Start, Step: s.Step, Values: make([]float64, len(s.Values))}
	for i, v := range s.Values {
		out.Values[i] = f(v)
	}
	return out
}

// web serves requests: its CPU follows them.
func web(rng *rand.Rand, namespace, name string, rate float64, pods int) collector.Workload {
	demand := history(rng, 0.05, func(d float64) float64 { return rate * daily(d) })
	cpu := mapped(demand, func(v float64) float64 { return 0.02*v + 0.05*float64(pods) })
	return collector.Workload{
		ID:      recommender.Workload{Namespace: namespace, Kind: "Deployment", Name: name},
		Desired: history(rng, 0, constant(float64(pods))), Ready: history(rng, 0, constant(float64(pods))), StartupSeconds: 40,
		Signals: []collector.Signal{{Name: "http_requests", Unit: "requests/s", Role: collector.RoleDemand, Series: demand}},
		Containers: []collector.Container{{
			Name:     "app",
			Requests: recommender.Resources{CPU: 2000, Memory: 2 * recommender.GiB},
			Limits:   recommender.Resources{Memory: 2 * recommender.GiB},
			CPU:      cpu, CPUMaxPod: mapped(cpu, func(v float64) float64 { return 1.1 * v / float64(pods) }),
			Memory: history(rng, 0.02, func(d float64) float64 { return (300 + 60*daily(d)) * float64(recommender.MiB) }),
		}, {
			Name:     "proxy",
			Requests: recommender.Resources{CPU: 100, Memory: 64 * recommender.MiB},
			CPU:      mapped(cpu, func(v float64) float64 { return 0.08 * v }),
			Memory:   history(rng, 0.02, constant(70*float64(recommender.MiB))),
		}},
	}
}

// plain is a workload of one container without a demand signal.
func plain(rng *rand.Rand, id recommender.Workload, pods int, cores, mebis float64) collector.Workload {
	cpu := history(rng, 0.15, func(d float64) float64 { return cores * float64(pods) * (0.7 + 0.3*daily(d)) })
	return collector.Workload{
		ID:      id,
		Desired: history(rng, 0, constant(float64(pods))), Ready: history(rng, 0, constant(float64(pods))),
		Containers: []collector.Container{{
			Name:     "main",
			Requests: recommender.Resources{CPU: 500, Memory: 512 * recommender.MiB},
			CPU:      cpu, CPUMaxPod: mapped(cpu, func(v float64) float64 { return 1.3 * v / float64(pods) }),
			Memory: history(rng, 0.05, constant(mebis*float64(recommender.MiB))),
		}},
	}
}

// fleet is one workload of each sort that a report has to show.
func fleet() []collector.Workload {
	rng := rand.New(rand.NewPCG(7, 7))
	id := func(namespace, kind, name string) recommender.Workload {
		return recommender.Workload{Namespace: namespace, Kind: kind, Name: name}
	}
	killed := plain(rng, id("web", "Deployment", "thumbnailer"), 3, 0.2, 480)
	killed.Containers[0].Limits.Memory = 512 * recommender.MiB
	killed.Containers[0].OOMKills, killed.Containers[0].LastOOMKill = 4, now().Add(-26*time.Hour)
	leaking := plain(rng, id("data", "StatefulSet", "index"), 3, 0.4, 0)
	leaking.Containers[0].Memory = history(rng, 0.01, func(d float64) float64 { return (200 + 24*d) * float64(recommender.MiB) })
	llm := plain(rng, id("ml", "Deployment", "llm-inference"), 2, 3, 20_000)
	llm.Containers[0].GPUs, llm.Containers[0].Requests = 1, recommender.Resources{CPU: 8000, Memory: 48 * recommender.GiB}
	llm.Signals = []collector.Signal{{
		Name: "gpu_activity", Unit: "GPUs", Role: collector.RoleGPU,
		Series: history(rng, 0.1, func(d float64) float64 { return 0.7 * daily(d) }),
	}}
	silent := plain(rng, id("legacy", "Deployment", "billing-2019"), 1, 0, 0)
	silent.Containers[0].CPU, silent.Containers[0].Memory = forecaster.Series{}, forecaster.Series{}
	silent.Facts = []recommender.Fact{{Code: recommender.FactMissing, Signal: "cpu", Message: "no CPU usage of any container"}}
	return []collector.Workload{
		silent, leaking, plain(rng, id("kube-system", "DaemonSet", "node-agent"), 12, 0.02, 90),
		plain(rng, id("data", "CronJob", "nightly-export"), 1, 0.8, 700), llm, killed,
		web(rng, "web", "checkout", 40, 8), web(rng, "web", "shop", 120, 6),
		plain(rng, id("<i>web</i>", "Deployment", hostile), 1, 0.1, 100),
	}
}

// reportOn runs the workloads through what the report command runs them
// through.
func reportOn(workloads []collector.Workload) report.Report {
	r := report.Report{At: now(), Source: "http://prometheus.example:9090", Version: "v0.1.0", Queries: 42}
	settings := config.Default()
	var decider recommender.Recommender
	for _, w := range workloads {
		p := settings.Policy(w.ID)
		p.HoldSeconds = 3600
		s := snapshot.Build(w, now(), p)
		r.Items = append(r.Items, report.NewItem(w, s, decider.Decide(s)))
	}
	return r.Sorted(report.SortName)
}
