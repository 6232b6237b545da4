package snapshot

import (
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

// engine is what is known of a language model's engine: the signals by their
// names in the catalogue. The first row is what it takes to learn it.
type engine struct {
	requests, prompt, output, tokenSeconds, tokens forecaster.Series
	firstSeconds, firsts, running, waiting, cache  forecaster.Series
}

// engineOf finds the signals; false where too little of them is known: without a
// prior, how long tokens take has to be.
func engineOf(w collector.Workload, now time.Time, prior bool) (engine, bool) {
	find := func(name string) forecaster.Series {
		for _, s := range w.Signals {
			if s.Name == name {
				return s.Series.Until(now)
			}
		}
		return forecaster.Series{}
	}
	e := engine{
		requests: find("inference_requests"), prompt: find("prompt_tokens"), output: find("generation_tokens"),
		tokenSeconds: find("token_seconds"), tokens: find("next_tokens"),
		firstSeconds: find("first_token_seconds"), firsts: find("first_tokens"),
		running: find("inference_running"), waiting: find("inference_queue"), cache: find("kv_cache"),
	}
	needed := []forecaster.Series{e.requests, e.prompt, e.output}
	if !prior {
		needed = append(needed, e.tokenSeconds, e.tokens)
	}
	return e, !slices.ContainsFunc(needed, func(s forecaster.Series) bool { return s.Observed() == 0 })
}

// observation is what is known of the step that ends at t. What waits and
// what runs are peaks of the step, so that its mean time to the first token is
// looked at only where nothing waited at any time.
func (e engine) observation(t time.Time, ready forecaster.Series) recommender.BatchObservation {
	return recommender.BatchObservation{
		Seconds: e.requests.Step.Seconds(), Pods: at(ready, t),
		Requests: at(e.requests, t), PromptTokens: at(e.prompt, t), OutputTokens: at(e.output, t),
		Running: at(e.running, t), Waiting: orZero(at(e.waiting, t)), CacheUsage: at(e.cache, t),
		TTFTSeconds: at(e.firstSeconds, t) / at(e.firsts, t), ITLSeconds: at(e.tokenSeconds, t) / at(e.tokens, t),
	}
}

// orZero takes a queue that no series tells of for an empty one: engines that
// have none do not report it.
func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// inference fills in how a pod serves a language model, learned from the whole
// history and from what its owner expects, and makes requests the demand and
// forecasts their tokens. Nothing changes for other workloads.
func (b *builder) inference(s *recommender.Snapshot, w collector.Workload) {
	prior := s.Policy.EnginePrior
	e, ok := engineOf(w, s.Now, prior != recommender.BatchServer{})
	if !ok {
		return
	}
	server, evidence := learn(e, w, s.Policy)
	if evidence.Observations == 0 && prior == (recommender.BatchServer{}) {
		return
	}
	s.Batch, s.BatchEvidence = &server, &evidence
	s.Demand = b.modelDemand(e, w)
	s.Tokens = &recommender.Tokens{
		Prompt: b.summarize("tokens/prompt", ratio(e.prompt, e.requests)),
		Output: b.summarize("tokens/output", ratio(e.output, e.requests)),
	}
	b.together(s, w, e)
}

// learn is how a pod of a workload serves, from its whole history and from what
// its owner expects.
func learn(e engine, w collector.Workload, p recommender.Policy) (recommender.BatchServer, recommender.BatchEvidence) {
	learner := recommender.NewBatchLearner(p.Engine, p.EnginePrior)
	for i := range e.requests.Values {
		learner.Observe(e.observation(e.requests.Time(i), w.Ready))
	}
	return learner.Server()
}

const (
	// requestsSpan is what the number of requests that a unit of demand brings is
	// taken from.
	requestsSpan = 7 * 24 * time.Hour
	// requestsAlike is how far that number may be from one for the two to count as
	// one and the same: engines count answers, and some requests get none.
	requestsAlike = 1.25
)

// modelDemand is the demand of a language model in requests a second: that which
// its owner named, token rates aside, and else what the engine counts. Of demand
// of which a unit brings k requests, k being the median of the last 7 days, it is
// k times as much.
func (b *builder) modelDemand(e engine, w collector.Workload) *recommender.Demand {
	own := slices.IndexFunc(w.Signals, func(s collector.Signal) bool {
		tokens := s.Name == "prompt_tokens" || s.Name == "generation_tokens"
		return s.Named && s.Role == collector.RoleDemand && !tokens && s.Series.Until(b.now).Observed() > 0
	})
	if own < 0 {
		own = slices.IndexFunc(w.Signals, func(s collector.Signal) bool { return s.Name == "inference_requests" })
		return b.demandBy(w.Signals[own], w)
	}
	sig := w.Signals[own]
	each := quantile(ratio(e.requests, sig.Series.Until(b.now)).Tail(requestsSpan).Values, 0.5)
	if !(each > 0) || each <= requestsAlike && each >= 1/requestsAlike {
		return b.demandBy(sig, w)
	}
	requests := make([]float64, len(sig.Series.Values))
	for i, v := range sig.Series.Values {
		requests[i] = v * each
	}
	sig.Series.Values = requests
	d := b.demandBy(sig, w)
	d.Unit = "requests/s"
	return d
}

// ratio is one series over another; a gap where the second has none or is 0.
func ratio(a, b forecaster.Series) forecaster.Series {
	out := forecaster.Series{Start: a.Start, Step: a.Step, Values: make([]float64, len(a.Values))}
	by := along(b, a)
	for i, v := range a.Values {
		out.Values[i] = math.NaN()
		if d := by.at(i); d > 0 {
			out.Values[i] = v / d
		}
	}
	return out
}

// gpuActivity is the work that the pods' GPUs do, nil where it is not known.
// For a workload with signals of a language model it stands for nothing: its
// GPUs are busy with a batch of any size.
func (b *builder) gpuActivity(w collector.Workload, s recommender.Snapshot) *recommender.GPUActivity {
	gpus, tokens := 0, false
	for _, c := range s.Containers {
		gpus += c.GPUs
	}
	for _, sig := range w.Signals {
		tokens = tokens || sig.Name == "generation_tokens"
	}
	for _, sig := range w.Signals {
		if sig.Role != collector.RoleGPU || gpus == 0 {
			continue
		}
		activity := sig.Series.Until(s.Now)
		pods := forecaster.Series{Start: activity.Start, Step: activity.Step, Values: make([]float64, len(activity.Values))}
		ready := along(w.Ready, activity)
		for i := range pods.Values {
			pods.Values[i] = ready.at(i)
		}
		return &recommender.GPUActivity{
			Usage: b.summarize("gpu/"+sig.Name, activity), Signal: sig.Name, Coarse: sig.Coarse,
			Follows: !tokens && recommender.GPUFollows(activity, pods, gpus),
		}
	}
	return nil
}

// at is the value at an instant, NaN where there is none.
func at(s forecaster.Series, t time.Time) float64 {
	return along(s, forecaster.Series{Start: t, Step: s.Step}).at(0)
}
