package actuator

import (
	"math"
	"slices"
	"time"
)

// Guard is a thing that may get worse after a change.
type Guard string

// The guards, with what their values are.
const (
	// GuardOOMKills and GuardRestarts are counts within the span: kills for want
	// of memory, and restarts for any other reason.
	GuardOOMKills Guard = "OOMKills"
	GuardRestarts Guard = "Restarts"
	// GuardThrottling is the share of CPU periods with throttling, 0 to 1.
	GuardThrottling Guard = "Throttling"
	// GuardLatency is the latency in seconds at the objective's percentile.
	GuardLatency Guard = "Latency"
	// GuardServerErrors and GuardClientErrors are the shares of answers that
	// were 5xx and 4xx, 0 to 1.
	GuardServerErrors Guard = "ServerErrors"
	GuardClientErrors Guard = "ClientErrors"
)

// guards are all of them, in the order in which they are judged.
func guards() []Guard {
	return []Guard{GuardOOMKills, GuardRestarts, GuardThrottling, GuardLatency, GuardServerErrors, GuardClientErrors}
}

func (g Guard) counts() bool { return g == GuardOOMKills || g == GuardRestarts }

// Observation is what was seen in a span that ended at At: of the pods that were
// changed where metrics tell pods apart, else of all.
type Observation struct {
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	Pods    float64   `json:"pods"`
	// Answers is the number of answers of which error shares are; 0 where
	// unknown.
	Answers float64 `json:"answers,omitempty"`
	// Values are what is known.
	Values map[Guard]float64 `json:"values"`
}

// Baseline is what is usual for a workload, one entry a guard.
type Baseline struct {
	Levels []Level `json:"levels,omitempty"`
	Events []Event `json:"events,omitempty"`
}

// Level is the mean and the variance of N values, of which late ones count more
// once there are levelMost.
type Level struct {
	Guard    Guard   `json:"guard"`
	N        float64 `json:"n"`
	Mean     float64 `json:"mean"`
	Variance float64 `json:"variance"`
	// Answers is the sum of the answers that error shares are of.
	Answers float64 `json:"answers,omitempty"`
}

// Event is a number of events over pod-seconds, halved when these are more than
// eventMost.
type Event struct {
	Guard      Guard   `json:"guard"`
	Count      float64 `json:"count"`
	PodSeconds float64 `json:"podSeconds"`
}

const (
	// levelLeast values have to be known before a level is judged, and
	// levelAfter after the change.
	levelLeast, levelAfter = 30, 3
	// levelMost is the memory of levels in values: two days at one a minute.
	levelMost = 2880
	// levelSD is how many standard deviations of single values the mean after
	// the change has to lie above the mean before. Values of metrics are
	// correlated, so a mean of them is not taken to vary less than one.
	levelSD = 4
	// eventMost is the memory of events in pod-seconds: a year of one pod.
	eventMost = 365 * 86400
	// eventPrior is what a workload is taken to have been watched for at least:
	// one pod-day.
	eventPrior = 86400
	// eventChance is how improbable as many events as after the change have to
	// be.
	eventChance = 0.01
)

func (b Baseline) clone() Baseline {
	return Baseline{Levels: slices.Clone(b.Levels), Events: slices.Clone(b.Events)}
}

// add takes in an observation. Values that are no numbers or negative are
// unknown.
func (b *Baseline) add(o Observation) {
	for _, g := range guards() {
		x, known := o.Values[g]
		if !known || !(x >= 0) || math.IsInf(x, 0) {
			continue
		}
		if g.counts() {
			b.addEvents(g, x, o)
		} else {
			b.addLevel(g, x, o)
		}
	}
}

func (b *Baseline) addEvents(g Guard, x float64, o Observation) {
	exposure := o.Seconds * o.Pods
	if !(exposure > 0) || math.IsInf(exposure, 0) {
		return
	}
	i := slices.IndexFunc(b.Events, func(e Event) bool { return e.Guard == g })
	if i < 0 {
		b.Events, i = append(b.Events, Event{Guard: g}), len(b.Events)
	}
	e := &b.Events[i]
	e.Count += x
	e.PodSeconds += exposure
	if e.PodSeconds > eventMost {
		e.Count, e.PodSeconds = e.Count/2, e.PodSeconds/2
	}
}

// addLevel is Welford's recurrence with the weight of a value bounded from
// below.
func (b *Baseline) addLevel(g Guard, x float64, o Observation) {
	i := slices.IndexFunc(b.Levels, func(l Level) bool { return l.Guard == g })
	if i < 0 {
		b.Levels, i = append(b.Levels, Level{Guard: g}), len(b.Levels)
	}
	l := &b.Levels[i]
	l.N = min(l.N+1, levelMost)
	d := x - l.Mean
	l.Mean += d / l.N
	l.Variance = max(0, l.Variance+(d*(x-l.Mean)-l.Variance)/l.N)
	if o.Answers > 0 && !math.IsInf(o.Answers, 0) {
		l.Answers += o.Answers
	}
}

// worse says whether what was seen after a change is worse than usual by more
// than chance explains, and the numbers of it. A level is worse if its mean is
//
//	after > before + 4·s,  s² = max(variance, floor²) + p(1-p)/answers
//
// with the last term for shares of answers only, where p is the mean before,
// and at least one answer. A number of events is if as many are improbable,
//
//	P(N ≥ k) < 0.01,  N Poisson with mean (events before + ½)/pod-seconds before · pod-seconds after
func (b Baseline) worse(g Guard, after Baseline) (worse bool, was, is float64) {
	if g.counts() {
		return b.moreEvents(g, after)
	}
	before, now := level(b, g), level(after, g)
	if before.N < levelLeast || now.N < levelAfter {
		return false, before.Mean, now.Mean
	}
	floor := floorOf(g, before.Mean)
	variance := max(before.Variance, floor*floor)
	if g == GuardServerErrors || g == GuardClientErrors {
		if now.Answers <= 0 {
			return false, before.Mean, now.Mean
		}
		p := min(max(before.Mean, 1/now.Answers), 0.5)
		variance += p * (1 - p) / now.Answers
	}
	return now.Mean > before.Mean+levelSD*math.Sqrt(variance), before.Mean, now.Mean
}

// floorOf is the least standard deviation that a level is taken to have, so that
// one that never moved is not thought to be exact: a percent of throttled
// periods, a tenth of the latency, a thousandth of the answers.
func floorOf(g Guard, mean float64) float64 {
	switch g {
	case GuardThrottling:
		return 0.01
	case GuardLatency:
		return max(0.1*mean, 0.001)
	case GuardServerErrors, GuardClientErrors:
		return 0.001
	case GuardOOMKills, GuardRestarts:
	}
	return 0
}

func (b Baseline) moreEvents(g Guard, after Baseline) (bool, float64, float64) {
	before, now := event(b, g), event(after, g)
	rate := (before.Count + 0.5) / max(before.PodSeconds, eventPrior)
	mean := rate * now.PodSeconds
	return now.Count > 0 && poissonTail(now.Count, mean) < eventChance, mean, now.Count
}

// poissonTail is P(N ≥ k) for a Poisson N, as one less the sum of the terms
// below k.
func poissonTail(k, mean float64) float64 {
	sum, term := 0.0, math.Exp(-mean)
	for i := 0.0; i < k; i++ {
		sum += term
		term *= mean / (i + 1)
		if i > mean && term < 1e-12 {
			break
		}
	}
	return max(0, 1-sum)
}

func level(b Baseline, g Guard) Level {
	for _, l := range b.Levels {
		if l.Guard == g {
			return l
		}
	}
	return Level{}
}

func event(b Baseline, g Guard) Event {
	for _, e := range b.Events {
		if e.Guard == g {
			return e
		}
	}
	return Event{}
}
