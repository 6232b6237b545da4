package recommender

import "math"

const (
	// gateSigmas is the distance, in standard deviations, beyond which an
	// observation is set aside: the 0.999 quantile of chi-square with one
	// degree of freedom is 10.8, the square of 3.3.
	gateSigmas = 3.3
	// gateMost is how many observations in a row may be set aside before they
	// are taken for a new engine, a new model or another GPU: what was learned
	// stays the best guess, but with the confidence of a prior.
	gateMost = 20
	// itlNoise and ttftNoise are the relative errors of the formulas for the
	// mean time between tokens and to the first token: those of single steps of
	// the simulator are 2 % and 10 %, engines with scheduling of their own
	// deviate more.
	itlNoise, ttftNoise = 0.03, 0.1
	// readingMost is the share of its time for which a pod is taken to have
	// read at most: nearer to all of it the formulas have no use.
	readingMost = 0.9
	// calm is the number of requests a pod that may wait while its batch counts
	// as one that nothing waits for.
	calm = 0.1
	// promptWait is half of one and the squared coefficient of variation of the
	// length of prompts: that of the middle between 0 and 1.
	promptWait = 0.75
	// learnMemory is the time in seconds after which an observation counts
	// half: engines change with versions and flags, that is, by the week.
	learnMemory = 3 * 86400
	// mixMemory is the same for the mean tokens of a request, which change by
	// the hour.
	mixMemory = 1800
	// identifiedSD is the relative standard deviation of the time of a token in
	// a full batch and of a prompt at which a server counts as identified.
	identifiedSD = 0.1
	// littleWriting is the share of a full batch's time below which it does not
	// matter how fast tokens are written: models that answer with one token or
	// none, such as those that embed or classify, never show it.
	littleWriting = 0.1
	// fewTokens is the number of tokens of a mean answer below which there is
	// hardly a time between tokens: that of one token is none.
	fewTokens = 1.5
	// enoughRequests is how many requests make a mean number of tokens.
	enoughRequests = 20
	// reachFactor is how much more than the largest batch seen is taken to be
	// possible while the limit is not known.
	reachFactor = 1.5
)

// BatchObservation is what the metrics of an inference engine say of a span:
// means over it. NaN and zero are unknown, but for a Waiting of zero.
type BatchObservation struct {
	Seconds float64 `json:"seconds"`
	// Pods is the number of pods that served.
	Pods float64 `json:"pods"`
	// Requests, PromptTokens and OutputTokens are a second, over all pods, of
	// what was served.
	Requests     float64 `json:"requests"`
	PromptTokens float64 `json:"promptTokens"`
	OutputTokens float64 `json:"outputTokens"`
	// Running and Waiting are numbers of requests over all pods, CacheUsage the
	// mean share of the KV cache in use, 0 to 1.
	Running    float64 `json:"running"`
	Waiting    float64 `json:"waiting"`
	CacheUsage float64 `json:"cacheUsage"`
	// TTFTSeconds is the mean time to the first token, ITLSeconds the mean time
	// between tokens.
	TTFTSeconds float64 `json:"ttftSeconds"`
	ITLSeconds  float64 `json:"itlSeconds"`
}

// BatchEvidence says how well a learned [BatchServer] is known.
type BatchEvidence struct {
	// Identified says that metrics have pinned the speeds down. Until then they
	// are those of a prior, and nothing is lowered because of them.
	Identified bool `json:"identified"`
	// StepSD and PrefillSD are the relative standard deviations of the time of
	// a token in a full batch and of the speed at which prompts are read.
	StepSD    float64 `json:"stepSD"`
	PrefillSD float64 `json:"prefillSD"`
	// Observations were used, Rejected set aside as not of this server.
	Observations int `json:"observations"`
	Rejected     int `json:"rejected"`
	// SaturatedRate is what a pod served a second while requests waited,
	// CarriedRate the most it served while none did; 0 where never seen.
	SaturatedRate float64 `json:"saturatedRate,omitempty"`
	CarriedRate   float64 `json:"carriedRate,omitempty"`
}

// BatchLearner learns a [BatchServer] from the metrics of running pods. It is
// a pure function of what it observed, of bounded size; [NewBatchLearner]
// makes one.
//
// Of a pod that reads y prompt tokens a second and holds K tokens of its
// requests, with a = seconds of a step alone, g = seconds more of it for each
// token held, and p = seconds a prompt token,
//
//	ITL  = (a + g·K) / (1 - p·y)          reading pauses writing
//	TTFT = p·I·(1 + ¾·ρ/(1-ρ)) + a + g·K  ρ = p·y, between prompts of one length and of exponential ones
//
// where K = m·(I + O/2) and, by Little's law, m = ITL × output tokens a second.
// An extended Kalman filter keeps ln a, ln g and ln p and takes the logarithms
// of both times one after the other. TTFT counts only while nothing waits for
// the batch. An observation more than 3.3 standard deviations off is set aside.
// See docs/algorithms/sizing.md.
type BatchLearner struct {
	known, prior BatchServer
	filter       logFilter
	spread       float64 // Of the prior, as standard deviations of logarithms.
	rejected     int     // In a row.
	evidence     BatchEvidence

	prompt, output, served memory // Tokens and requests.
	cached, inCache        memory // Tokens of running requests, and caches full.
	saturated, satPods     memory // Requests, and pod-seconds, while some waited.
	reach, carried         float64
	full                   bool // A batch was seen full although its cache was not.
}

// memory is a sum that forgets.
type memory struct{ sum float64 }

// add discounts the sum for a span of the given half-life and adds x.
func (m *memory) add(x, seconds, halfLife float64) {
	m.sum = m.sum*math.Exp2(-seconds/halfLife) + x
}

// NewBatchLearner starts from what is known, whose zero fields are not, and a
// prior for the rest, such as [PriorServer] or the zero one for one where
// nothing is known at all.
func NewBatchLearner(known, prior BatchServer) *BatchLearner {
	l := &BatchLearner{known: known, prior: prior, spread: priorSpread}
	if prior == (BatchServer{}) {
		l.prior, l.spread = vaguePrior(), vagueSpread
	}
	l.filter = newLogFilter([speeds]float64{
		float64(l.prior.MaxBatch) / l.prior.DecodeTokensPerSecond, max(1e-12, l.prior.StepSecondsPerToken),
		1 / l.prior.PrefillTokensPerSecond,
	}, l.spread)
	return l
}

// Observe takes in one span. Spans come in the order of time.
func (l *BatchLearner) Observe(o BatchObservation) {
	if !plausible(o.Seconds) || !plausible(o.Pods) {
		return
	}
	l.filter.forget(o.Seconds / learnMemory)
	if !plausible(o.Requests) || !plausible(o.PromptTokens) || !plausible(o.OutputTokens) && o.OutputTokens != 0 {
		return
	}
	l.prompt.add(o.PromptTokens*o.Seconds, o.Seconds, mixMemory)
	l.output.add(o.OutputTokens*o.Seconds, o.Seconds, mixMemory)
	l.served.add(o.Requests*o.Seconds, o.Seconds, mixMemory)
	l.limits(o)
	l.speeds(o)
}

// plausible says whether a figure of an engine can be one: metrics can be NaN,
// and counters that were reset give rates beyond all measure.
func plausible(x float64) bool { return x > 1e-9 && x < 1e9 }

// mix is the mean number of prompt and output tokens of a request lately.
func (l *BatchLearner) mix() (prompt, output float64) {
	if l.served.sum < enoughRequests {
		return orDefault(l.known.PromptTokens, l.prior.PromptTokens), orDefault(l.known.OutputTokens, l.prior.OutputTokens)
	}
	return l.prompt.sum / l.served.sum, max(1, l.output.sum/l.served.sum)
}

// limits learns what a batch and a cache hold, and what a pod serves while
// requests wait.
func (l *BatchLearner) limits(o BatchObservation) {
	prompt, output := l.mix()
	if plausible(o.Running) && plausible(o.CacheUsage) && o.CacheUsage <= 1 {
		l.cached.add(o.Running*(prompt+output)*o.Seconds, o.Seconds, learnMemory)
		l.inCache.add(o.CacheUsage*o.Pods*o.Seconds, o.Seconds, learnMemory)
	}
	waits := o.Waiting >= o.Pods
	l.carried *= math.Exp2(-o.Seconds / learnMemory)
	if o.Waiting < calm*o.Pods && o.Requests*o.Seconds >= enoughRequests {
		l.carried = max(l.carried, o.Requests/o.Pods)
	}
	if plausible(o.Running) {
		l.reach = max(l.reach, o.Running/o.Pods)
		const notFull = 0.9
		l.full = l.full || waits && !(o.CacheUsage >= notFull)
	}
	if waits {
		l.saturated.add(o.Requests*o.Seconds, o.Seconds, learnMemory)
		l.satPods.add(o.Pods*o.Seconds, o.Seconds, learnMemory)
	}
}

// speeds takes the two times into the filter.
func (l *BatchLearner) speeds(o BatchObservation) {
	if !plausible(o.ITLSeconds) || o.OutputTokens < fewTokens*o.Requests {
		o.ITLSeconds = 0
	}
	itl, ttft := o.ITLSeconds > 0, plausible(o.TTFTSeconds) && o.Waiting < calm*o.Pods
	if !itl && !ttft {
		return
	}
	reading := o.PromptTokens / o.Pods
	// It did read that much, so that it can.
	l.filter.atMost(prefillSpeed, readingMost/reading)
	ok := true
	if itl {
		ok = l.betweenTokens(o)
		l.filter.atMost(prefillSpeed, readingMost/reading)
	}
	if ok && ttft {
		ok = l.firstToken(o)
	}
	l.evidence.Observations++
	if ok {
		l.rejected = 0
		return
	}
	l.evidence.Rejected++
	if l.rejected++; l.rejected >= gateMost {
		l.rejected = 0
		l.filter.widen(l.spread)
	}
}

// held is how many tokens of requests a pod held, by Little's law; 0 where the
// time between tokens is not known.
func (o BatchObservation) held() float64 {
	prompt, output := o.PromptTokens/o.Requests, o.OutputTokens/o.Requests
	return o.OutputTokens / o.Pods * o.ITLSeconds * (prompt + output/2)
}

// betweenTokens takes in the mean time between tokens, and says whether it may
// be one of this server.
func (l *BatchLearner) betweenTokens(o BatchObservation) bool {
	reading, held := o.PromptTokens/o.Pods, o.held()
	noise := itlNoise*itlNoise + 0.1/(o.Requests*o.Seconds) + l.curvature(reading)
	return l.filter.update(math.Log(o.ITLSeconds), noise, func(a, g, p float64) (float64, [speeds]float64) {
		step, free := a+g*held, 1-p*reading
		return math.Log(step / free), [speeds]float64{a / step, g * held / step, p * reading / free}
	})
}

// firstToken does the same for the mean time to the first token.
func (l *BatchLearner) firstToken(o BatchObservation) bool {
	prompt, reading, held := o.PromptTokens/o.Requests, o.PromptTokens/o.Pods, o.held()
	// How much prompts differ, and so how long they wait, is not known.
	_, _, p := l.filter.values()
	wait := promptWait * p * reading / (1 - p*reading)
	doubt := wait / (1 + wait)
	noise := ttftNoise*ttftNoise + 1/(o.Requests*o.Seconds) + doubt*doubt + l.curvature(reading)
	return l.filter.update(math.Log(o.TTFTSeconds), noise, func(a, g, p float64) (float64, [speeds]float64) {
		rho := p * reading
		if o.ITLSeconds == 0 {
			a, g = 0, 0 // The one token counts as part of the prompt.
		}
		step, read, wait := a+g*held, p*prompt, p*prompt*promptWait*rho/(1-rho)
		t := step + read + wait
		return math.Log(t), [speeds]float64{a / t, g * held / t, (read + wait + wait/(1-rho)) / t}
	})
}

// curvature is the variance that the second derivative of -ln(1-ρ) by ln p,
// ρ/(1-ρ)², leaves out of a linear model while p is not well known.
func (l *BatchLearner) curvature(reading float64) float64 {
	_, _, p := l.filter.values()
	rho := min(readingMost, p*reading)
	c := rho / ((1 - rho) * (1 - rho)) * l.filter.p[prefillSpeed][prefillSpeed]
	return c * c / 2
}

// Server is what is known by now: what was given, what was learned, and the
// prior for the rest.
func (l *BatchLearner) Server() (BatchServer, BatchEvidence) {
	a, g, p := l.filter.values()
	b, e := l.known, l.evidence
	b.PromptTokens, b.OutputTokens = l.mix()
	if b.MaxBatch <= 0 {
		b.MaxBatch = l.batch()
	}
	if b.KVCacheTokens <= 0 {
		b.KVCacheTokens = l.prior.KVCacheTokens
		if l.inCache.sum > 0 {
			b.KVCacheTokens = l.cached.sum / l.inCache.sum
		}
	}
	if b.DecodeTokensPerSecond <= 0 {
		b.DecodeTokensPerSecond, b.StepSecondsPerToken = float64(b.MaxBatch)/a, g
	}
	if b.PrefillTokensPerSecond <= 0 {
		b.PrefillTokensPerSecond = 1 / p
	}
	held := g * float64(max(1, b.Slots())) * (b.PromptTokens + b.OutputTokens/2)
	e.StepSD = l.filter.sd([speeds]float64{a / (a + held), held / (a + held), 0})
	e.PrefillSD = l.filter.sd([speeds]float64{0, 0, 1})
	writes := max(1, b.OutputTokens) * b.step(float64(max(1, b.Slots())))
	negligible := writes <= littleWriting*(writes+float64(max(1, b.Slots()))*b.prefill())
	e.Identified = (e.StepSD <= identifiedSD || negligible) && e.PrefillSD <= identifiedSD && e.Observations >= gateMost
	e.CarriedRate = l.carried
	if l.satPods.sum > 0 {
		e.SaturatedRate = l.saturated.sum / l.satPods.sum
	}
	return b, e
}

// batch is the largest batch: the one seen while others waited, or somewhat
// more than the largest seen where none had to.
func (l *BatchLearner) batch() int {
	switch {
	case l.reach <= 0:
		return l.prior.MaxBatch
	case l.full:
		return max(1, int(math.Round(l.reach)))
	default:
		return max(1, min(l.prior.MaxBatch, int(math.Ceil(l.reach*reachFactor))))
	}
}
