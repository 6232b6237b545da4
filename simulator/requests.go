package simulator

// windowSeconds is the length of the windows that violation time is counted
// in.
const windowSeconds = 60

// requestLog counts what became of the requests of a service. Counts are
// float64, since those of formulas are expectations.
type requestLog struct {
	w       *world
	from    float64 // Only requests from here on are recorded.
	limit   float64 // The objective: latency, wait, whatever the service compares.
	step    stepCounts
	latency latencies // Of the step under way.
	total   latencies
	windows windows

	violated float64 // Requests of the scored span.
	dropped  float64
	unserved float64 // Still waiting at the end, for good.
}

// stepCounts are requests of the step under way.
type stepCounts struct{ arrivals, dropped, served, late float64 }

// windows count arrivals and violated ones by window.
type windows struct {
	start    float64
	arrivals []float64
	violated []float64
	end      float64 // Of the window that arrivals fall into now.
	at       int
}

func newRequestLog(w *world, limit float64) requestLog {
	n := wholeMinutes(w.sc.Duration)
	return requestLog{w: w, limit: limit, windows: windows{
		start: w.scored, arrivals: make([]float64, n), violated: make([]float64, n), end: w.scored, at: -1,
	}}
}

// arrived counts n requests that arrive at t, or from there on within one
// window. Instants do not go back.
func (l *requestLog) arrived(t, n float64) {
	if t >= l.windows.end {
		l.windows.open(t)
	}
	if l.windows.at >= 0 {
		l.windows.arrivals[l.windows.at] += n
	}
}

// open moves on to the window of t, which is not before the present one.
func (w *windows) open(t float64) {
	if t < w.start {
		return
	}
	w.at = w.index(t)
	w.end = w.start + windowSeconds*float64(w.at+1)
}

// index is the window of t, which is not before the start.
func (w *windows) index(t float64) int {
	i := int((t - w.start) / windowSeconds)
	if t >= w.start+windowSeconds*float64(i+1) {
		i++
	} else if i > 0 && t < w.start+windowSeconds*float64(i) {
		i--
	}
	return min(i, len(w.arrivals)-1)
}

// violate records n requests that arrived at t and were not served as the
// objective asks.
func (l *requestLog) violate(t, n float64) {
	if t < l.windows.start {
		return
	}
	l.violated += n
	l.windows.violated[l.windows.index(t)] += n
}

// drop records n requests that arrived at t and are lost.
func (l *requestLog) drop(t, n float64) {
	l.step.dropped += n
	if t >= l.windows.start {
		l.dropped += n
	}
	l.violate(t, n)
}

// served records a finished request, and says whether it counts: one that
// arrived before the record began does not.
func (l *requestLog) served(arrival, latency float64, violated bool) {
	if arrival < l.from {
		return
	}
	l.latency.add(latency)
	l.step.served++
	if violated {
		l.step.late++
		l.violate(arrival, 1)
	}
}

// observe adds what metrics say of the step to o and closes it. The latencies
// of steps before the scored start are not kept.
func (l *requestLog) observe(o *Observation) {
	length := seconds(l.w.sc.Step)
	o.HasDemand = true
	o.DemandRate = l.step.arrivals / length
	o.ServedRate = l.step.served / length
	o.DroppedRate = l.step.dropped / length
	o.LatencySeconds = l.latency.quantile(l.w.sc.Objective.Percentile)
	if most := l.w.sc.Objective.LatencySeconds; most > 0 {
		o.LateRate = l.latency.above(most) / length
	} else if l.w.sc.Service.Inference != nil {
		o.LateRate = l.step.late / length
	}
	l.close()
	if l.w.now >= l.w.scored {
		l.from = l.w.scored
	}
	l.step = stepCounts{}
}

// close adds the step's latencies to the totals, unless it lies before the
// scored start.
func (l *requestLog) close() {
	if l.w.now > l.w.scored {
		l.total.take(&l.latency)
	}
	l.latency.clear()
}

// finish fills the fields of the score that requests have.
func (l *requestLog) finish(s *Score) {
	l.close()
	arrived, windows := 0.0, &l.windows
	for i, n := range windows.arrivals {
		arrived += n
		late := windows.violated[i]
		if late > 0 && late > (1-l.w.sc.Objective.Percentile)*n {
			begin := windowSeconds * float64(i)
			s.SLOViolationSeconds += min(windowSeconds, l.w.end-l.w.scored-begin)
		}
	}
	s.SLOViolatedRequestRatio = ratio(min(l.violated, arrived), arrived)
	dropped := uint64(l.dropped + 0.5)
	served := uint64(arrived+0.5) - min(dropped+uint64(l.unserved), uint64(arrived+0.5))
	s.ServedRequests, s.DroppedRequests = &served, &dropped
	s.LatencyP50Seconds = l.total.known(0.50)
	s.LatencyP95Seconds = l.total.known(0.95)
	s.LatencyP99Seconds = l.total.known(0.99)
}
