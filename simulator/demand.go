package simulator

import (
	"math"
	"slices"
	"sort"
	"time"
)

// Demand is what arrives. Each row holds until the next.
type Demand struct {
	// Epoch is the clock at offset 0, where the history begins.
	Epoch time.Time
	// Offsets are the times of the rows in seconds since Epoch, ascending; the
	// first is 0 or less. End is how far the last row holds.
	Offsets []float64
	End     float64
	// Rate is requests a second, or cores for usage services; NaN is a gap,
	// which holds the last value (the first one, where it comes before it).
	Rate []float64
	// Memory is the total in bytes, for usage services that have it; else nil.
	Memory []float64
	// Arrivals are the times of single requests in seconds since Epoch,
	// ascending, where the demand is a request trace; else nil and arrivals
	// are Poisson with the rate. Rate then holds what the trace amounts to.
	Arrivals []float64
	// PromptTokens and OutputTokens are, for inference services, those of each
	// request of a trace, or the means of each row, which every request in it
	// has; NaN and nil stand for the service's own. A gap is not filled.
	PromptTokens []float64
	OutputTokens []float64
	// Copies is how many requests each of Arrivals stands for; the part after
	// the point is the probability of one more. Zero means 1.
	Copies float64
}

// filled returns the demand without gaps.
func (d Demand) filled() Demand {
	d.Rate = fillGaps(d.Rate)
	d.Memory = fillGaps(d.Memory)
	if d.Copies == 0 {
		d.Copies = 1
	}
	return d
}

// fillGaps holds the last value; leading gaps get the first. The result is the
// argument where it has no gap.
func fillGaps(values []float64) []float64 {
	if !slices.ContainsFunc(values, math.IsNaN) {
		return values
	}
	out := slices.Clone(values)
	first := slices.IndexFunc(out, func(v float64) bool { return !math.IsNaN(v) })
	last := 0.0
	if first >= 0 {
		last = out[first]
	}
	for i, v := range out {
		if math.IsNaN(v) {
			out[i] = last
		}
		last = out[i]
	}
	return out
}

// row is the index of the row in force at t.
func (d Demand) row(t float64) int {
	i := sort.Search(len(d.Offsets), func(i int) bool { return d.Offsets[i] > t })
	return max(0, i-1)
}

// rowEnd is where row i ends; the last one never does.
func (d Demand) rowEnd(i int) float64 {
	if i+1 < len(d.Offsets) {
		return d.Offsets[i+1]
	}
	return math.Inf(1)
}

// Span is the demand over a span of time: means and largest values of rate and
// memory.
type Span struct {
	MeanRate, MaxRate     float64
	MeanMemory, MaxMemory float64
}

// Over returns the demand over [from, to), with from < to, gaps filled.
func (d Demand) Over(from, to float64) Span {
	d = d.filled()
	return d.over(from, to)
}

// over is Over for a demand without gaps.
func (d Demand) over(from, to float64) Span {
	var s Span
	for i := d.row(from); i < len(d.Offsets); i++ {
		lo, hi := max(from, d.Offsets[i]), min(to, d.rowEnd(i))
		if i == 0 {
			lo = from
		}
		if hi > lo {
			s.MeanRate += d.Rate[i] * (hi - lo)
			s.MaxRate = max(s.MaxRate, d.Rate[i])
			if d.Memory != nil {
				s.MeanMemory += d.Memory[i] * (hi - lo)
				s.MaxMemory = max(s.MaxMemory, d.Memory[i])
			}
		}
		if d.rowEnd(i) >= to {
			break
		}
	}
	s.MeanRate /= to - from
	s.MeanMemory /= to - from
	return s
}

// tokensAt are those of a request at t: of its row, or of the last in a trace
// before it.
func (d Demand) tokensAt(t float64, s *InferenceService) (input, output float64) {
	i := d.row(t)
	if d.Arrivals != nil {
		i = sort.SearchFloat64s(d.Arrivals, t) - 1
	}
	return tokensIn(d.PromptTokens, i, s.PromptTokens, 0), tokensIn(d.OutputTokens, i, s.OutputTokens, 1)
}

// TokensOver returns the mean prompt and output tokens of the requests that
// arrive in [from, to), those of the service where none does.
func (d Demand) TokensOver(from, to float64, s *InferenceService) (input, output float64) {
	total := 0.0
	add := func(i int, n float64) {
		input += n * tokensIn(d.PromptTokens, i, s.PromptTokens, 0)
		output += n * tokensIn(d.OutputTokens, i, s.OutputTokens, 1)
		total += n
	}
	if d.Arrivals != nil {
		first := sort.SearchFloat64s(d.Arrivals, from)
		for i := first; i < len(d.Arrivals) && d.Arrivals[i] < to; i++ {
			add(i, 1)
		}
	} else {
		for i := d.row(from); i < len(d.Offsets) && d.Offsets[i] < to; i++ {
			if n := d.Rate[i] * (min(to, d.rowEnd(i)) - max(from, d.Offsets[i])); n > 0 { // False for a gap.
				add(i, n)
			}
		}
	}
	if total == 0 {
		return s.PromptTokens, s.OutputTokens
	}
	return input / total, output / total
}

// Filled returns the demand with its gaps filled as the simulated world does.
func (d Demand) Filled() Demand { return d.filled() }

// seconds converts a duration.
func seconds(d time.Duration) float64 { return float64(d) / float64(time.Second) }

// clock is the instant t seconds after the epoch, to the nanosecond.
func (d Demand) clock(t float64) time.Time {
	return d.Epoch.Add(time.Duration(math.Round(t * float64(time.Second))))
}
