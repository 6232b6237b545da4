package snapshot

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Member is one of the other workloads that serve the demand of a language model
// together.
type Member struct {
	Workload collector.Workload
	Policy   recommender.Policy
	// Desired is the number of its pods that is asked for; nil for what the
	// history says.
	Desired *int
	// Stays says that nobody changes it: it serves what it serves.
	Stays bool
}

// Together makes the demand, its tokens and what waits of it those of several
// workloads, where these serve a language model, and tells the decision how each
// of them serves and what it costs. Those whose engine is not known stay as they
// are.
func Together(others ...Member) Option { return func(b *builder) { b.others = others } }

// together lays what the others serve over what the workload serves itself, whose
// engine is e.
func (b *builder) together(s *recommender.Snapshot, w collector.Workload, e engine) {
	if len(b.others) == 0 {
		return
	}
	requests, prompt, output, backlog := e.requests, e.prompt, e.output, s.Demand.Backlog
	own := variant(w, s.Policy, s.Replicas.Desired, false)
	own.Batch, own.Evidence = *s.Batch, s.BatchEvidence
	variants := []recommender.Variant{own}
	for _, m := range b.others {
		theirs, known := engineOf(m.Workload, b.now, m.Policy.EnginePrior != recommender.BatchServer{})
		if !known {
			continue // It serves nothing that could be told.
		}
		requests = plus(requests, theirs.requests, m.Workload.Ready)
		prompt, output = plus(prompt, theirs.prompt, m.Workload.Ready), plus(output, theirs.output, m.Workload.Ready)
		backlog += waiting(m.Workload, b.now)
		server, evidence := learn(theirs, m.Workload, m.Policy)
		desired := lastCount(m.Workload.Desired, b.now)
		if m.Desired != nil {
			desired = *m.Desired
		}
		if evidence.Observations == 0 && m.Policy.EnginePrior == (recommender.BatchServer{}) {
			continue
		}
		if v := variant(m.Workload, m.Policy, desired, m.Stays); v.Max > 0 || !m.Stays {
			v.Batch, v.Evidence = server, &evidence
			if v.Name == own.Name { // Of another kind.
				v.Name = m.Workload.ID.Kind + "/" + v.Name
			}
			variants = append(variants, v)
		}
	}
	if len(variants) < 2 {
		return
	}
	// How much CPU goes with the demand of all is not how much goes with its own.
	s.Demand.Usage, s.Demand.Relation, s.Demand.Backlog = b.summarize("group/requests", requests), recommender.Relation{}, backlog
	s.Tokens = &recommender.Tokens{
		Prompt: b.summarize("group/prompt", ratio(prompt, requests)), Output: b.summarize("group/output", ratio(output, requests)),
	}
	// All decisions of the group see one order.
	slices.SortStableFunc(variants, func(a, b recommender.Variant) int { return strings.Compare(a.Name, b.Name) })
	s.Variants = variants
}

// variant is what the decisions of a group know of one of its workloads. The price
// of a pod is that of its requests, with the accelerators of its profile where the
// policy has one.
func variant(w collector.Workload, p recommender.Policy, desired int, stays bool) recommender.Variant {
	v := recommender.Variant{Name: w.ID.Name, Min: p.Horizontal.Min, Max: p.Horizontal.Max, Desired: desired}
	if v.Min == 0 {
		v.Min = max(1, min(2, desired))
	}
	if stays || p.Horizontal.Fixed || w.ID.Kind == "StatefulSet" || !w.ID.Scalable() {
		v.Min, v.Max = desired, desired
	}
	gpus := 0
	for _, c := range w.Containers {
		v.PricePerHour += c.Requests.CPU.Cores()*p.Prices.CPUCoreHour + c.Requests.Memory.GiB()*p.Prices.MemoryGiBHour
		gpus += c.GPUs
	}
	accelerators := float64(gpus) * p.Prices.GPUHour
	for _, a := range p.Accelerators {
		if len(p.Accelerators) == 1 || a.Count == gpus {
			accelerators = a.PricePerHour
			break
		}
	}
	v.PricePerHour += accelerators
	return v
}

// waiting is what waits at a workload.
func waiting(w collector.Workload, now time.Time) float64 {
	most := 0.0
	for _, q := range w.Signals {
		if q.Role == collector.RoleQueue {
			if v, _, ok := q.Series.Until(now).Last(); ok {
				most = max(most, v)
			}
		}
	}
	return most
}

// plus adds b to a. A gap of b is nothing where there was no pod that could have
// served anything; where there was, the sum is a gap.
func plus(a, b, ready forecaster.Series) forecaster.Series {
	out := forecaster.Series{Start: a.Start, Step: a.Step, Values: make([]float64, len(a.Values))}
	for i, v := range a.Values {
		t := a.Time(i)
		more := at(b, t)
		if math.IsNaN(more) && !(at(ready, t) > 0) {
			more = 0
		}
		out.Values[i] = v + more
	}
	return out
}
