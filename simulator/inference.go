package simulator

import (
	"math"
	"math/rand/v2"
)

// inferenceLoad simulates every request of an inference service. A pod reads
// prompts one at a time, and as long as it reads none, each request of its
// batch whose prompt has been read writes at the same speed.
type inferenceLoad struct {
	requestLog
	s       *InferenceService
	arr     *arrivals
	routing *rand.Rand
	speed   float64 // Tokens a second of each sequence.
	itl     float64 // The objective, +Inf for none; the other is limit.

	prompts, outputs  float64 // Tokens read and written in this step.
	firsts, waited    float64 // First tokens in this step, and what they took in seconds.
	writing           float64 // Request-seconds of writing in this step.
	running, inQueue  float64 // Request-seconds in this step.
	kvTime, readyTime float64 // Used and existing KV cache, token-seconds.
}

// prompt is one request to a language model.
type prompt struct {
	arrival       float64
	input, output float64 // Tokens.
	ttft          float64 // Seconds.
}

// batch is what a pod of an inference service works on.
type batch struct {
	waiting  ring[prompt] // For admission.
	reading  ring[prompt] // Admitted; the first one's prompt is being read.
	readEnd  float64      // When that is done, +Inf if there is none.
	writing  writers
	clock    float64 // Seconds spent writing so far.
	last     float64 // When everything was last brought up to date.
	kv       float64 // Tokens reserved.
	admitted int

	running, inQueue, kvTime, written, read float64 // Since the last settle.
	writingTime, firsts, waited             float64 // As well.
	step                                    batchMeans
}

// batchMeans are request-seconds and token-seconds of a step.
type batchMeans struct{ running, inQueue, kvTime float64 }

// tolerance is the relative distance from an objective that is a rounding
// error and no violation.
const tolerance = 1e-9

func newInferenceLoad(w *world) *inferenceLoad {
	s := w.sc.Service.Inference
	l := &inferenceLoad{
		requestLog: newRequestLog(w, orNone(w.sc.Objective.TTFTSeconds)), s: s, arr: newArrivals(w.sc, w.steered, math.Inf(1)),
		routing: newStream(w.sc.Seed, streamRouting), speed: s.DecodeTokensPerSecond / float64(s.MaxBatch),
		itl: orNone(w.sc.Objective.ITLSeconds),
	}
	return l
}

// orNone is an objective with some room for rounding, infinite for zero.
func orNone(seconds float64) float64 {
	if seconds == 0 {
		return math.Inf(1)
	}
	return seconds * (1 + tolerance)
}

// advance takes in the requests that arrive before the instant to.
func (l *inferenceLoad) advance(to float64) float64 {
	for l.arr.next < to {
		t := l.arr.next
		input, output := l.arr.tokens(l.s)
		l.arr.advance()
		l.step.arrivals++
		l.arrived(t, 1)
		l.arrive(prompt{arrival: t, input: input, output: output})
	}
	return to
}

// arrive routes one request: to a ready pod chosen uniformly at random. It is
// dropped where there is none, or where no pod could ever admit it.
func (l *inferenceLoad) arrive(r prompt) {
	ready := l.w.ready
	if len(ready) == 0 || r.input+r.output > l.s.KVCacheTokens {
		l.drop(r.arrival, 1)
		return
	}
	p := ready[0]
	if len(ready) > 1 {
		p = ready[l.routing.IntN(len(ready))]
	}
	b := &p.batch
	l.bring(b, r.arrival)
	b.waiting.push(r)
	l.admit(b, r.arrival)
}

// admit lets requests into the batch in the order in which they came.
func (l *inferenceLoad) admit(b *batch, t float64) {
	for b.waiting.n > 0 && b.admitted < l.s.MaxBatch {
		r := b.waiting.first()
		if b.kv+r.input+r.output > l.s.KVCacheTokens*(1+tolerance) {
			return
		}
		b.kv += r.input + r.output
		b.admitted++
		b.reading.push(b.waiting.pop())
		if b.reading.n == 1 {
			l.read(b, t)
		}
	}
}

// read begins with the first prompt to be read.
func (l *inferenceLoad) read(b *batch, t float64) {
	b.readEnd = t + b.reading.first().input/l.s.PrefillTokensPerSecond
}

// bring brings a batch up to t: it ends what ends until then.
func (l *inferenceLoad) bring(b *batch, t float64) {
	for {
		switch next := b.next(); {
		case next > t || math.IsInf(next, 1):
			l.integrate(b, t)
			return
		case b.reading.n > 0:
			l.integrate(b, next)
			l.begin(b, next)
		default:
			l.integrate(b, next)
			l.end(b, next)
		}
	}
}

// next is when something ends in the batch, +Inf if nothing is under way.
func (b *batch) next() float64 {
	switch {
	case b.reading.n > 0:
		return b.readEnd
	case b.writing.len() > 0:
		return b.last + max(0, b.writing.end()-b.clock)
	default:
		return math.Inf(1)
	}
}

// integrate accounts for the time up to t, in which nothing ends.
func (l *inferenceLoad) integrate(b *batch, t float64) {
	dt := t - b.last
	b.last = t
	b.running += dt * float64(b.admitted)
	b.inQueue += dt * float64(b.waiting.n)
	b.kvTime += dt * b.kv
	b.writingTime += dt * float64(b.writing.len())
	if b.reading.n == 0 {
		b.clock += dt
		b.written += dt * l.speed * float64(b.writing.len())
	}
}

// begin lets the request whose prompt has been read write, and reads the next
// one.
func (l *inferenceLoad) begin(b *batch, t float64) {
	r := b.reading.pop()
	b.read += r.input
	r.ttft = t - r.arrival + 1/l.speed
	b.firsts, b.waited = b.firsts+1, b.waited+r.ttft
	b.writing.add(writing{end: b.clock + r.output/l.speed, prompt: r})
	if b.reading.n > 0 {
		l.read(b, t)
	}
}

// end records a request that is done and lets others into the batch.
func (l *inferenceLoad) end(b *batch, t float64) {
	r := b.writing.pop()
	b.clock = max(b.clock, r.end)
	b.kv -= r.input + r.output
	b.admitted--
	if b.admitted == 0 {
		b.kv, b.clock = 0, 0 // No rounding errors that add up.
	}
	l.record(r.prompt, t)
	l.admit(b, t)
}

// record compares a request that is done with the objectives: the mean time
// between tokens is that from the first to the last over their number less one.
func (l *inferenceLoad) record(r prompt, t float64) {
	latency := t - r.arrival
	between := max(0, r.output-1) // Of infinite time where there is no objective.
	late := r.ttft > l.limit || (between > 0 && latency-r.ttft > l.itl*between+tolerance)
	l.served(r.arrival, latency, late)
}

func (l *inferenceLoad) settle(p *pod) {
	if p == nil {
		return // Nothing is shared.
	}
	b, now := &p.batch, l.w.now
	l.bring(b, now)
	l.prompts += b.read
	l.outputs += b.written
	l.running += b.running
	l.inQueue += b.inQueue
	l.kvTime += b.kvTime
	l.writing, l.firsts, l.waited = l.writing+b.writingTime, l.firsts+b.firsts, l.waited+b.waited
	b.step.running += b.running
	b.step.inQueue += b.inQueue
	b.step.kvTime += b.kvTime
	b.read, b.written, b.running, b.inQueue, b.kvTime = 0, 0, 0, 0, 0
	b.writingTime, b.firsts, b.waited = 0, 0, 0
	dt := now - p.use.since
	l.readyTime += dt
	p.use.running += dt
	p.use.readySeconds += dt
}

func (l *inferenceLoad) changed(p *pod, how change) {
	switch how {
	case joined:
		p.batch = batch{last: l.w.now, readEnd: math.Inf(1), step: p.batch.step}
	case resized:
	case removed:
		l.drain(&p.batch)
	case killed:
		l.loseAll(&p.batch)
	}
}

// drain finishes what a pod has; without arrivals all of it ends.
func (l *inferenceLoad) drain(b *batch) {
	for next := b.next(); !math.IsInf(next, 1); next = b.next() {
		l.bring(b, next)
	}
}

// loseAll drops what a pod has.
func (l *inferenceLoad) loseAll(b *batch) {
	for b.writing.len() > 0 {
		l.drop(b.writing.pop().arrival, 1)
	}
	for b.reading.n > 0 {
		l.drop(b.reading.pop().arrival, 1)
	}
	for b.waiting.n > 0 {
		l.drop(b.waiting.pop().arrival, 1)
	}
	b.kv, b.admitted = 0, 0
}

func (l *inferenceLoad) endStep(o *Observation) {
	length := seconds(l.w.sc.Step)
	o.Running, o.Waiting = l.running/length, l.inQueue/length
	if l.readyTime > 0 {
		o.KVCacheUsage = l.kvTime / (l.readyTime * l.s.KVCacheTokens)
	}
	o.PromptTokenRate, o.OutputTokenRate = l.prompts/length, l.outputs/length
	if l.firsts > 0 {
		o.TTFTSeconds = l.waited / l.firsts
	}
	if l.outputs > 0 {
		o.ITLSeconds = l.writing / l.outputs
	}
	l.firsts, l.waited, l.writing = 0, 0, 0
	l.prompts, l.outputs, l.running, l.inQueue, l.kvTime, l.readyTime = 0, 0, 0, 0, 0, 0
	l.observe(o)
}

// podMetrics adds what metrics say of one pod's batch in the step.
func (l *inferenceLoad) podMetrics(p *pod, o *PodObservation) {
	if ready := p.use.readySeconds; ready > 0 {
		m := p.batch.step
		o.Running, o.Waiting, o.KVCacheUsage = m.running/ready, m.inQueue/ready, m.kvTime/(ready*l.s.KVCacheTokens)
	}
	p.batch.step = batchMeans{}
}

func (l *inferenceLoad) finish(s *Score) []bool {
	for _, p := range l.w.ready {
		l.drain(&p.batch)
	}
	return l.requestLog.finish(s)
}
