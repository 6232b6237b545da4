package forecaster

import "time"

// agenda says when what is to be learned. It is a function of the values since
// the anchor, so that a model that is loaded with them knows without learning
// what one that lived through them has learned last.
//
//   - On the clock, at whole multiples of the times of [learnEvery].
//   - On the first day of a series, all of it whenever the number of
//     observations has grown by a fifth.
type agenda struct {
	extent
	young int // Observations at which a young series is learned from again.
}

// add takes the value at t, the newest grid point, and returns what is to be
// learned after it: all targets that are learned at least that often, 0 for
// none.
func (a *agenda) add(h *history, t time.Time, v float64) time.Duration {
	if h.usable(v) {
		a.extent.add(h.kept(v))
	}
	return a.due(h.step, t)
}

func (a *agenda) due(step time.Duration, t time.Time) time.Duration {
	if a.observed == 0 {
		return 0
	}
	if time.Duration(a.observed)*step < 24*time.Hour && a.observed >= a.young {
		a.young = max(a.observed+1, a.observed+a.observed/5)
		return learnRarely
	}
	for every := learnRarely; every >= learnRarely/4; every /= 2 {
		if t.Truncate(every).After(t.Add(-step)) {
			return every
		}
	}
	return 0
}
