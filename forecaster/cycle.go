package forecaster

import (
	"cmp"
	"math"
	"math/cmplx"
	"slices"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	// cycleLevel is the probability with which a rhythm is found in noise, over
	// all frequencies that are tried (Bonferroni).
	cycleLevel = 0.01
	// cycleValues is how many values a spectrum is taken of: the newest ones,
	// and, of a longer history, as many means over equal blocks for the periods
	// that the newest ones hold too few of.
	cycleValues = 4096
	// cycleRounds and cycleSteps are the fewest cycles in the values, and steps
	// in a cycle.
	cycleRounds = 8
	cycleSteps  = 4
	// cycleLongest keeps away from the day, which has experts of its own.
	cycleLongest = 20 * time.Hour
	// cycleProminence is how many times as strong a line has to be as any other
	// within an octave.
	cycleProminence = 3
	// cycleShare is the autocorrelation at the period, after what is slower has
	// been removed, from which a rhythm is of use: its share of the variance.
	cycleShare = 0.1
	// cycleTried is how many lines are looked at more closely.
	cycleTried = 4
)

// detectCycle returns the period, in steps, of a rhythm other than the day and
// the week: a job every six hours, a batch every 45 minutes. Where none is
// found it is an hour, in which much of what people schedule repeats.
//
// The newest values are winsorised (a 256th of them at each end), freed of their
// straight line and tapered. The power I(f) at a frequency f of their spectrum
// has to pass three tests.
//
//   - Significance. Next to f the noise has the power S(f), from a straight line
//     through log I over log f in the neighbourhood (f/2.5, 2.5f) without f and
//     2f themselves, so that no colour of noise matters: a random walk has no
//     more lines than white noise. I(f)/S(f) is then exponential, or, S coming
//     from L frequencies, has P(I/S > x) = (1+x/l)^-l with l = L/2, since
//     logarithms and the taper lose about half. It is tested at [cycleLevel]
//     over the number of frequencies. This is Fisher's test of the largest
//     ordinate (1929) with the noise taken locally.
//   - Prominence. A profile of the day is a comb of lines at 1, 2, 3, ... per
//     day, each of them significant. f is a rhythm of its own only if it
//     stands out of the comb: more than thrice any other line from f/2 to 2f. (To
//     take the profile of the day out first would take out, with it, every
//     rhythm that divides a day: 12, 8 and 6 hours, the hour, 45 minutes.)
//   - Use. The autocorrelation at the period, with what is slower than it
//     removed by a moving average, is at least [cycleShare].
//
// Of several, the one with the highest autocorrelation is taken. Light mode has no expert that would use it.
func detectCycle(y []float64, h *history) (period int, found bool) {
	if h.light {
		return 0, false
	}
	newest := y[len(y)-fastLength(min(len(y), cycleValues)):]
	spans := []cycleSpan{{values: newest, by: 1, shortest: cycleSteps}}
	if by := (len(y) + cycleValues - 1) / cycleValues; by > 1 {
		means := blockMeans(y, by)
		spans = append(spans, cycleSpan{
			values: means[len(means)-fastLength(len(means)):], by: by, shortest: len(newest)/cycleRounds/by + 1,
		})
	}
	best := 0.0
	for _, s := range spans {
		s.longest = int(h.steps(cycleLongest)) / s.by
		s.prepare()
		for _, line := range s.lines() {
			lag, share := s.refine(line)
			if share >= cycleShare && share > best+0.01 {
				period, best, found = lag*s.by, share, true
			}
		}
	}
	if found {
		return period, true
	}
	if hour := int(h.steps(time.Hour)); hour >= 6 {
		return hour, false
	}
	return 0, false
}

// fastLength is the largest number up to n without prime factors above 5, of
// which a Fourier transform is fast.
func fastLength(n int) int {
	for ; n > 1; n-- {
		rest := n
		for _, p := range []int{2, 3, 5} {
			for rest%p == 0 {
				rest /= p
			}
		}
		if rest == 1 {
			return n
		}
	}
	return n
}

// blockMeans are the means over the newest whole blocks.
func blockMeans(y []float64, by int) []float64 {
	out := make([]float64, len(y)/by)
	skip := len(y) % by
	for i := range out {
		for _, v := range y[skip+i*by : skip+(i+1)*by] {
			out[i] += v / float64(by)
		}
	}
	return out
}

// cycleSpan is a stretch of history that rhythms are looked for in, of periods
// from shortest to longest, in its steps of by values each.
type cycleSpan struct {
	values            []float64
	by                int
	shortest, longest int
}

// prepare winsorises a copy of the values and takes their straight line out.
func (s *cycleSpan) prepare() {
	n := len(s.values)
	if n < cycleRounds*cycleSteps {
		s.values = nil
		return
	}
	x, order := slices.Clone(s.values), slices.Clone(s.values)
	high := KthLargest(order, 1+n/256)
	low := KthLargest(order, n-n/256)
	mean, slope, spread := 0.0, 0.0, 0.0
	middle := float64(n-1) / 2
	for i, v := range x {
		x[i] = min(max(v, low), high)
		mean += x[i] / float64(n)
	}
	for i := range x {
		x[i] -= mean
		slope += x[i] * (float64(i) - middle)
	}
	slope /= middle * (middle + 1) * float64(2*n) / 6
	for i := range x {
		x[i] -= slope * (float64(i) - middle)
		spread += math.Abs(x[i])
	}
	s.values = x
	if spread <= 1e-9*math.Abs(mean)*float64(n) || math.IsNaN(spread) {
		s.values = nil // Constant but for rounding.
	}
}

// spectrum is the power at 0, 1, 2, ... cycles in the values under a Hann
// taper, not less than a tiny share of the largest.
func (s *cycleSpan) spectrum() []float64 {
	n := len(s.values)
	x := make([]float64, n)
	turn := 2 * math.Pi / float64(n)
	for i, v := range s.values {
		x[i] = v * (1 - math.Cos(turn*(float64(i)+0.5)))
	}
	power := x[:n/2+1]
	top := 0.0
	for j, c := range fourier.NewFFT(n).Coefficients(nil, x) {
		a := cmplx.Abs(c)
		power[j] = a * a
		top = max(top, power[j])
	}
	for j := range power {
		power[j] = max(power[j], 1e-10*top, 1e-300)
	}
	return power
}

// cycleLine is a frequency, in cycles over the values, and how many times the
// power of the noise it has. exact is where a parabola through the logarithms
// of its power and its neighbours' is highest.
type cycleLine struct {
	at           int
	exact, ratio float64
}

// lines returns the strongest significant and prominent frequencies.
func (s *cycleSpan) lines() []cycleLine {
	n := len(s.values)
	if n == 0 {
		return nil
	}
	first := max(cycleRounds, n/max(1, s.longest)+1)
	last := min(n/max(s.shortest, cycleSteps), n/2-2)
	if last < first {
		return nil
	}
	power := s.spectrum()
	noise := newNoise(power)
	var out []cycleLine
	for j := first; j <= last; j++ {
		v := power[j]
		if v < power[j-1] || v < power[j+1] {
			continue
		}
		level, count := noise.at(j)
		if count < 8 {
			continue
		}
		l := float64(count) / 2
		if v/level > l*(math.Pow(float64(last-first+1)/cycleLevel, 1/l)-1) && prominent(power, j) {
			low, mid, high := math.Log(power[j-1]), math.Log(v), math.Log(power[j+1])
			shift := 0.0
			if bend := 2*mid - low - high; bend > 0 {
				shift = (high - low) / (2 * bend)
			}
			out = append(out, cycleLine{at: j, exact: float64(j) + shift, ratio: v / level})
		}
	}
	slices.SortFunc(out, func(a, b cycleLine) int { return cmp.Compare(b.ratio, a.ratio) })
	return out[:min(len(out), cycleTried)]
}

// lobe is how many frequencies to each side a line spreads over.
const lobe = 3

// prominent says whether the line at j stands out of those from j/2 to 2j.
func prominent(power []float64, j int) bool {
	for k := max(1, j/2-lobe); k <= min(2*j-lobe, len(power)-1); k++ {
		if (k < j-lobe || k > j+lobe) && cycleProminence*power[k] > power[j] {
			return false
		}
	}
	return true
}

// noise finds the power of the noise around a frequency by least squares of
// log I on log f, from sums up to each frequency.
type noise struct{ sums [][5]float64 }

func newNoise(power []float64) *noise {
	s := &noise{sums: make([][5]float64, len(power)+1)}
	for j, v := range power {
		x, y := math.Log(max(float64(j), 0.5)), math.Log(v)
		s.sums[j+1] = s.sums[j]
		for k, term := range [5]float64{1, x, x * x, y, x * y} {
			s.sums[j+1][k] += term
		}
	}
	return s
}

// add adds the sums over the frequencies from..to, times a sign.
func (s *noise) add(total *[5]float64, from, to int, sign float64) {
	from, to = max(from, 1), min(to, len(s.sums)-2)
	if to < from {
		return
	}
	for k := range total {
		total[k] += sign * (s.sums[to+1][k] - s.sums[from][k])
	}
}

// at returns the power of the noise at frequency j, and from how many others.
func (s *noise) at(j int) (level float64, count int) {
	var t [5]float64
	s.add(&t, 2*j/5, 5*j/2, 1)
	s.add(&t, j-lobe, j+lobe, -1)
	s.add(&t, max(2*j-lobe, j+lobe+1), min(2*j+lobe, 5*j/2), -1)
	if t[0] < 2 {
		return 0, 0
	}
	x, y := t[1]/t[0], t[3]/t[0]
	slope := 0.0
	if variance := t[2]/t[0] - x*x; variance > 1e-12 {
		slope = (t[4]/t[0] - x*y) / variance
	}
	// The mean of the logarithm of an exponential variable is minus Euler's
	// constant.
	const euler = 0.5772156649015329
	return math.Exp(y + slope*(math.Log(float64(j))-x) + euler), int(t[0] + 0.5)
}

// refine returns the lag at the line's period and the highest autocorrelation
// around it, after a moving average over one period has been removed. Short
// pulses have it at one lag only, waves at many that noise makes hard to tell
// apart: of those within two standard errors 1/√n of the highest, the nearest to
// the line is taken.
func (s *cycleSpan) refine(line cycleLine) (lag int, share float64) {
	n := float64(len(s.values))
	about := n / line.exact
	x := withoutSlow(s.values, 2*(int(about+0.5)/2))
	total := dot(x, x)
	if total <= 0 {
		return 0, 0
	}
	// A line lies within half a frequency of where it is strongest.
	reach := about * 0.6 / float64(line.at)
	first, last := max(2, int(math.Floor(about-reach))), min(int(math.Ceil(about+reach)), len(x)-1)
	var values []float64
	for k := first; k <= last; k++ {
		r := dot(x[k:], x[:len(x)-k]) / total * float64(len(x)) / float64(len(x)-k)
		values = append(values, r)
		share = max(share, r)
	}
	nearest := math.Inf(1)
	for i, r := range values {
		if away := math.Abs(float64(first+i) - about); r >= share-2/math.Sqrt(n) && away < nearest {
			lag, nearest = first+i, away
		}
	}
	return lag, share
}

// withoutSlow is what is left of the values after a centred moving average over
// an even width has been taken out, its outermost values counted by half.
func withoutSlow(values []float64, width int) []float64 {
	n, half := len(values), width/2
	if n <= width {
		return nil
	}
	out := make([]float64, 0, n-width)
	sum := 0.0
	for _, v := range values[:width+1] {
		sum += v
	}
	for i := half; ; i++ {
		mean := (sum - (values[i-half]+values[i+half])/2) / float64(width)
		out = append(out, values[i]-mean)
		if i+half+1 == n {
			return out
		}
		sum += values[i+half+1] - values[i-half]
	}
}
