package simulator

import (
	"math"
	"math/rand/v2"
)

// Streams of random numbers, one per purpose, so that every policy meets the
// same arrivals with the same work whatever it does.
const (
	streamArrivals = 1
	streamRouting  = 2
	streamCounts   = 3
	streamNoise    = 4
	streamFailures = 5
	streamScrapes  = 6
)

func newStream(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream*0x9e3779b97f4a7c15))
}

// arrivals makes requests: a Poisson process whose rate is that of the row in
// force, or the requests of a trace.
type arrivals struct {
	rng    *rand.Rand
	demand *Demand
	most   float64 // Rows of a larger rate bring none.

	next   float64 // Time of the next request; +Inf after the last.
	row    int
	rate   float64
	rowEnd float64
	at     int // Index of the next of demand.Arrivals.
	copies int // How many more requests it stands for.
}

// newArrivals begins at the instant from.
func newArrivals(sc *Scenario, from, most float64) *arrivals {
	a := &arrivals{rng: newStream(sc.Seed, streamArrivals), demand: &sc.Demand, most: most, next: from}
	if a.demand.Arrivals != nil {
		for a.at < len(a.demand.Arrivals) && a.demand.Arrivals[a.at] < from {
			a.at++
		}
		a.at-- // advance goes on to the next.
	} else {
		a.setRow(a.demand.row(from))
	}
	a.advance()
	return a
}

func (a *arrivals) setRow(i int) {
	a.row, a.rate, a.rowEnd = i, a.demand.Rate[i], a.demand.rowEnd(i)
	if a.rate > a.most {
		a.rate = 0
	}
}

// advance moves on to the next request. The waiting time is an exponential
// amount of expected arrivals, used up at the rate of each row, so the rows up
// to t alone determine the requests up to t.
func (a *arrivals) advance() {
	if a.demand.Arrivals != nil {
		a.advanceTrace()
		return
	}
	left := a.rng.ExpFloat64()
	for {
		if a.rate > 0 {
			if t := a.next + left/a.rate; t < a.rowEnd {
				a.next = t
				return
			}
			left -= (a.rowEnd - a.next) * a.rate
		}
		if math.IsInf(a.rowEnd, 1) {
			a.next = a.rowEnd
			return
		}
		a.next = a.rowEnd
		left = max(left, 0)
		a.setRow(a.row + 1)
	}
}

func (a *arrivals) advanceTrace() {
	for a.copies == 0 {
		a.at++
		if a.at >= len(a.demand.Arrivals) {
			a.next = math.Inf(1)
			return
		}
		whole, part := math.Modf(a.demand.Copies)
		a.copies = int(whole)
		if part > 0 && a.rng.Float64() < part {
			a.copies++
		}
	}
	a.copies--
	a.next = a.demand.Arrivals[a.at]
}

// tokens are those of the next request's prompt and output: of its row, or
// where that does not say the constants of the service.
func (a *arrivals) tokens(s *InferenceService) (input, output float64) {
	i := a.row
	if a.demand.Arrivals != nil {
		i = a.at
	}
	return tokensIn(a.demand.PromptTokens, i, s.PromptTokens, 0), tokensIn(a.demand.OutputTokens, i, s.OutputTokens, 1)
}

func tokensIn(values []float64, i int, def, least float64) float64 {
	if i >= 0 && i < len(values) && !math.IsNaN(values[i]) {
		def = values[i]
	}
	return max(def, least)
}

// workSampler draws the CPU-seconds of a request from a gamma distribution.
type workSampler struct {
	mean float64
	cv   float64
	// Of the method of Marsaglia and Tsang, A simple method for generating
	// gamma variables, ACM TOMS 26 (2000); below shape 1 it draws at shape+1.
	shape, d, c, scale float64
}

func newWorkSampler(mean, cv float64) workSampler {
	s := workSampler{mean: mean, cv: cv}
	if cv > 0 {
		s.shape = 1 / (cv * cv)
		s.scale = mean / s.shape
		a := s.shape
		if a < 1 {
			a++
		}
		s.d = a - 1.0/3
		s.c = 1 / math.Sqrt(9*s.d)
	}
	return s
}

func (s *workSampler) draw(rng *rand.Rand) float64 {
	switch s.cv {
	case 0:
		return s.mean
	case 1:
		return s.mean * rng.ExpFloat64()
	default:
		return s.gamma(rng)
	}
}

func (s *workSampler) gamma(rng *rand.Rand) float64 {
	boost := 1.0
	if s.shape < 1 {
		boost = math.Pow(1-rng.Float64(), 1/s.shape)
	}
	for {
		x := rng.NormFloat64()
		v := 1 + s.c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		u := 1 - rng.Float64()
		if math.Log(u) < 0.5*x*x+s.d*(1-v+math.Log(v)) {
			return s.scale * s.d * v * boost
		}
	}
}
