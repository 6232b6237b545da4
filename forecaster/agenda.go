package forecaster

import "time"

// agenda says when what is to be learned. It is a function of the values since
// the anchor, so that a model that is loaded with them knows without learning
// what one that lived through them has learned last.
//
//   - On the clock, at whole multiples of the times of [learnEvery].
//   - On the first day of a series, all of it whenever the number of
//     observations has grown by a fifth.
//   - All of it when a value lies beyond the bounds of forecasts at the time all
//     was last learned, as when a service that has idled is called. Until then no
//     forecast could have followed it there.
type agenda struct {
	extent
	young     int     // Observations at which a young series is learned from again.
	at        int     // Of the present grid point, counted from the first observation.
	newest    int     // Of the newest observation.
	low, high float64 // Bounds of forecasts when all was last learned.
}

// add takes the value at t, the newest grid point, and returns what is to be
// learned after it: all targets that are learned at least that often, 0 for
// none.
func (a *agenda) add(h *history, t time.Time, v float64) time.Duration {
	if a.observed > 0 {
		a.at++
	}
	beyond := false
	if h.usable(v) {
		v = h.kept(v)
		beyond = a.observed > 0 && (v < a.low || v > a.high)
		a.extent.add(v)
		a.newest = a.at
	}
	due := a.due(h.step, t, beyond)
	if due == learnRarely {
		a.low, a.high = a.bounds(float64(a.newest) * h.step.Hours())
	}
	return due
}

func (a *agenda) due(step time.Duration, t time.Time, beyond bool) time.Duration {
	if a.observed == 0 {
		return 0
	}
	if time.Duration(a.observed)*step < 24*time.Hour && a.observed >= a.young {
		a.young = max(a.observed+1, a.observed+a.observed/5)
		return learnRarely
	}
	if beyond {
		return learnRarely
	}
	const round = int64(learnRarely / time.Second)
	at := (t.Unix()%round + round) % round // The times of learnEvery divide it.
	past := time.Duration(at)*time.Second + time.Duration(t.Nanosecond())
	for every := learnRarely; every >= learnRarely/4; every /= 2 {
		if past%every < step {
			return every
		}
	}
	return 0
}
