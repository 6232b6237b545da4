package snapshot

import (
	"math"
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

// engineOf finds the signals; false where too little of them is known.
func engineOf(w collector.Workload, now time.Time) (engine, bool) {
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
	for _, s := range []forecaster.Series{e.requests, e.prompt, e.output, e.tokenSeconds, e.tokens} {
		if s.Observed() == 0 {
			return e, false
		}
	}
	return e, true
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
// history, and makes requests the demand and forecasts their tokens. Nothing
// changes for other workloads.
func (b *builder) inference(s *recommender.Snapshot, w collector.Workload) {
	e, ok := engineOf(w, s.Now)
	if !ok {
		return
	}
	server, evidence := learn(e, w, s.Policy)
	if evidence.Observations == 0 {
		return
	}
	s.Batch, s.BatchEvidence = &server, &evidence
	for _, sig := range w.Signals {
		if sig.Name == "inference_requests" {
			s.Demand = b.demandBy(sig, w)
		}
	}
	s.Tokens = &recommender.Tokens{
		Prompt: b.summarize(ratio(e.prompt, e.requests)),
		Output: b.summarize(ratio(e.output, e.requests)),
	}
	b.together(s, w, e)
}

// learn is how a pod of a workload serves, from its whole history.
func learn(e engine, w collector.Workload, p recommender.Policy) (recommender.BatchServer, recommender.BatchEvidence) {
	learner := recommender.NewBatchLearner(p.Engine, recommender.BatchServer{})
	for i := range e.requests.Values {
		learner.Observe(e.observation(e.requests.Time(i), w.Ready))
	}
	return learner.Server()
}

// ratio is one series over another; a gap where the second has none or is 0.
func ratio(a, b forecaster.Series) forecaster.Series {
	out := forecaster.Series{Start: a.Start, Step: a.Step, Values: make([]float64, len(a.Values))}
	for i, v := range a.Values {
		out.Values[i] = math.NaN()
		if d := at(b, a.Time(i)); d > 0 {
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
		for i := range pods.Values {
			pods.Values[i] = at(w.Ready, pods.Time(i))
		}
		return &recommender.GPUActivity{
			Usage: b.summarize(activity), Signal: sig.Name, Coarse: sig.Coarse,
			Follows: !tokens && recommender.GPUFollows(activity, pods, gpus),
		}
	}
	return nil
}
