package history

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/rightsize-dev/rightsize/actuator"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// evidenceKept is how many minutes are kept of each workload: more than it
	// takes to judge a change, and to look at the time before it after a pause.
	evidenceKept = 90
	// evidenceBack is how far back minutes are read at first and after a pause:
	// a change cannot be judged before half an hour of what is usual is known, and
	// the first one is made soon after the start.
	evidenceBack = time.Hour
)

// minute is a collector.Minute in less than half of its room, to seven digits:
// there are ninety of each workload.
type minute struct {
	at                                               int64 // Unix, in seconds.
	pods, throttled, oomKills, restarts              float32
	answers, serverErrors, clientErrors, latencyTime float32
}

func packed(m collector.Minute) minute {
	return minute{
		at: m.At.Unix(), pods: float32(m.Pods), throttled: float32(m.Throttled), oomKills: float32(m.OOMKills), restarts: float32(m.Restarts),
		answers: float32(m.Answers), serverErrors: float32(m.ServerErrors), clientErrors: float32(m.ClientErrors), latencyTime: float32(m.Latency),
	}
}

// observation is what is known of the minute; without values where nothing is.
func (m minute) observation() actuator.Observation {
	o := actuator.Observation{At: time.Unix(m.at, 0).UTC(), Seconds: 60, Values: map[actuator.Guard]float64{}}
	for guard, v := range map[actuator.Guard]float32{
		actuator.GuardThrottling: m.throttled, actuator.GuardLatency: m.latencyTime,
		actuator.GuardServerErrors: m.serverErrors, actuator.GuardClientErrors: m.clientErrors,
		actuator.GuardOOMKills: m.oomKills, actuator.GuardRestarts: m.restarts,
	} {
		if v := float64(v); !math.IsNaN(v) && !math.IsInf(v, 0) {
			o.Values[guard] = v
		}
	}
	if m.pods > 0 {
		o.Pods = float64(m.pods)
	}
	if m.answers > 0 {
		o.Answers = float64(m.answers)
	}
	return o
}

// readEvidence reads the minutes that have passed since it did so last. The
// newest scrape of a minute may arrive after its end, so it waits for one more.
func (s *Store) readEvidence(ctx context.Context, at time.Time) error {
	to := at.Add(-s.pulseWindow() / pulseScrapes).UTC().Truncate(time.Minute)
	s.mu.RLock()
	from := s.evidenceAt
	s.mu.RUnlock()
	if from.Before(to.Add(-evidenceBack)) {
		from = to.Add(-evidenceBack)
	}
	if !to.After(from) {
		return nil
	}
	read, err := s.archive.Minutes(ctx, from, to, s.pulseWindow())
	if read == nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.evidenceAt = to
	for w, minutes := range read {
		minutes = minutes[max(0, len(minutes)-evidenceKept):]
		all := s.evidence[w]
		if all == nil {
			all = make([]minute, 0, evidenceKept)
		}
		all = slices.Delete(all, 0, max(0, len(all)+len(minutes)-evidenceKept)) // In place: there are as many next minute.
		for _, m := range minutes {
			all = append(all, packed(m))
		}
		s.evidence[w] = all
	}
	for w, minutes := range s.evidence { // Those of whom nothing is heard any more.
		if to.Unix()-minutes[len(minutes)-1].at > evidenceKept*60 {
			delete(s.evidence, w)
		}
	}
	return err
}

// Evidence is what was seen of a workload in each minute that ended after since,
// oldest first, as far as there are metrics for it: throttling, latency at the
// 0.95 quantile, the shares of 5xx and 4xx answers, kills for want of memory and
// other restarts. Pulse reads it; the last hour and a half is kept. Minutes of
// which nothing is known are left out.
func (s *Store) Evidence(id recommender.Workload, since time.Time) []actuator.Observation {
	id, _ = s.archive.Find(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []actuator.Observation
	for _, m := range s.evidence[id] {
		if m.at <= since.Unix() {
			continue
		}
		if o := m.observation(); len(o.Values) > 0 {
			out = append(out, o)
		}
	}
	return out
}
