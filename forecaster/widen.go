package forecaster

import "math"

// Past errors are too narrow where they are few: these widen the quantiles of a
// fit by what is not in them.

// scarcity is how much wider a quantile has to be that rests on n trials than
// one that rests on many: the ratio of Student's and the normal quantile, and
// the error of the centre,
//
//	√(1 + 1/n) t(n-1)/z,  t = z + (z³+z)/4ν + (5z⁵+16z³+3z)/96ν²,
//
// at most 2.2. See Abramowitz and Stegun (1964), 26.7.5.
func scarcity(level, n float64) float64 {
	z, v := normalQuantile(level), max(1, n-1)
	z2 := z * z
	return min(2.2, math.Sqrt(1+1/n)*(1+(z2+1)/(4*v)+(5*z2*z2+16*z2+3)/(96*v*v)))
}

// effective is how many separate trials a forecast with the given weights
// rests on: no more than horizons fit into the history, old ones fading, and
// no more than Kish's effective size of the weights. Windows that overlap say
// a little more together than those that do not. The largest value of a day
// drifts with the days and lies further out than a fortnight shows: what days
// say about it counts a quarter.
func (f *fit) effective(weights []float64) float64 {
	apart := float64(f.reach)
	n := min(float64(f.at+1)/apart, 1/(1-math.Exp2(-apart/f.importance.halfLife)))
	if f.maximum {
		n /= 4
	} else {
		n *= 1.1
	}
	sum, squares := 0.0, 0.0
	for _, w := range weights {
		sum += w
		squares += w * w
	}
	if squares > 0 {
		n = min(n, sum*sum/squares)
	}
	return max(1, n)
}

// normalQuantile is that of the standard normal distribution.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// fewDays is how much wider quantiles of values less than half an hour ahead
// have to be since the errors of one day are alike and other days have others:
// 6 % after a day or less, 0.4 % after two weeks,
//
//	1 + 0.06/days.
//
// Further ahead there are fewer separate trials, and [scarcity] says as much.
func (f *fit) fewDays() float64 {
	if f.maximum || f.hours >= 0.5 {
		return 1
	}
	return 1 + 0.06/max(1, f.days())
}

// days is the length of the history.
func (f *fit) days() float64 { return float64(f.at+1) * f.hours / f.ahead / 24 }

// change is how much values, from index first on, change within lag steps
// beside their mean growth: the mean absolute deviation of the differences
// from their mean, 0 without any.
func change(values []float64, first, lag int) float64 {
	n := len(values) - first - lag
	if n <= 0 {
		return 0
	}
	growth, sum := 0.0, 0.0
	late, early := values[first+lag:], values[first:]
	for i, v := range late {
		growth += v - early[i]
	}
	growth /= float64(n)
	for i, v := range late {
		sum += math.Abs(v - early[i] - growth)
	}
	return sum / float64(n)
}

// outward moves an upper quantile q towards where it would be if nothing were
// known but how much the target usually changes over the horizon, rounded up to whole
// days, beside its mean growth: the largest value of a day from one day to the next.
// With s the
// distance of q from the centre and c that of the quantile of Student's
// distribution of one degree of freedom, which has the tail of what has been seen
// too seldom, the new distance is
//
//	s^(1-w) c^w,  c = a usual tan(π(τ - 1/2)),  w = v log10(1/(1-τ)) day²,
//
// with a = 1/2 and v = 0.4 for maxima, a = 1/3 and v = 0.2 for values, and day the
// horizon over a day, at most 1 and from a tenth on: two weeks hold only fourteen
// separate days, and the further out a quantile is the fewer speak of it. For the
// 0.99 quantile of a day's maximum w is 0.8, for the 0.9 quantile 0.4, for the value a
// day ahead half as much. Narrow forecasts get wider by it and wide ones narrower, by
// no more than half: after days that were all the same a jump is not taken for one
// of them.
func (f *fit) outward(level, centre, q float64) float64 {
	spread, day := q-centre, min(1, f.hours/24)
	if day < 0.1 || level <= 0.5 || !(spread > 0) || f.usual == 0 {
		return q
	}
	a, v := 1.0/3, 0.2
	if f.maximum {
		a, v = 1.0/2, 0.4
	}
	w := -v * math.Log10(1-level) * day * day
	wide := a * f.usual * math.Tan(math.Pi*(level-0.5))
	return centre + spread*max(0.5, math.Pow(wide/spread, min(1, w)))
}

// recordDays is how many days back a record is looked for.
const recordDays = 7

// record is the largest of the targets of the last seven days that ended at the time
// of day at which the one so many steps ahead will end: for the largest value of
// a day, that of the last week. It is negative infinity where there is none.
func record(targets []float64, steps, day int) float64 {
	top := math.Inf(-1)
	i := len(targets) - 1 + steps - day*((steps+day-1)/day)
	for n := 0; n < recordDays && i >= 0; n++ {
		top = max(top, targets[i])
		i -= day
	}
	return top
}

// beyond raises an outer quantile q of the largest value of a day to the record
// of the last week,
//
//	q + w day² max(0, record + o usual - q),  w = max(o, y),
//	o = log(0.05/(1-τ))/log 5,  y = (2 - days/7) log(0.1/(1-τ))/log 2,
//
// all of o, y and its two factors between 0 and 1, day being the horizon over a
// day. Of n days that are all alike the next one sets a record with probability
// 1/(n+1). That is more than the 0.99 quantile may be exceeded by as long as n is
// below 99: it lies beyond the record, by as much as is usual from one day to the
// next (o = 1). Of the 0.95 quantile (o = 0) the same holds up to 19 days: it is
// not below the record while a week or less is known (y = 1), and follows its
// sample as that grows to two weeks.
func (f *fit) beyond(level, q float64) float64 {
	day := min(1, f.hours/24)
	if !f.maximum || level <= 0.9 || day < 0.1 {
		return q
	}
	unit := func(v float64) float64 { return min(1, max(0, v)) }
	outer := unit(math.Log(0.05/(1-level)) / math.Log(5))
	young := unit(2-f.days()/7) * unit(math.Log2(0.1/(1-level)))
	return q + max(outer, young)*day*day*max(0, f.record+outer*f.usual-q)
}

// clampOuter moves a quantile into the bounds. Above the 0.95 quantile those of
// the largest value of a day lie further out,
//
//	by 14/days, at least 1.25 and at most 1.5,
//
// since a day in twenty goes beyond twice the largest value of a week, and one in
// a hundred beyond that of two.
func (f *fit) clampOuter(level, v float64) float64 {
	high := f.high
	if f.maximum && level > 0.95 && high > 0 {
		further := min(1.5, max(1.25, 14/f.days())) - 1
		high = min(math.MaxFloat64, high*(1+further*min(1, f.hours/24)))
	}
	return min(max(v, f.low), high)
}
