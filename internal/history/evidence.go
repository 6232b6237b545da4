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

// readEvidence reads the minutes that have passed since it did so last. The
// newest scrape of a minute may arrive after its end, so it waits for one more.
func (s *Store) readEvidence(ctx context.Context, at time.Time) error {
	to := at.Add(-s.options.pulseWindow() / pulseScrapes).UTC().Truncate(time.Minute)
	s.mu.RLock()
	from := s.evidenceAt
	s.mu.RUnlock()
	if from.Before(to.Add(-evidenceBack)) {
		from = to.Add(-evidenceBack)
	}
	if !to.After(from) {
		return nil
	}
	read, err := s.archive.Minutes(ctx, from, to, s.options.pulseWindow())
	if read == nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.evidenceAt = to
	for w, minutes := range read {
		all := slices.Concat(s.evidence[w], minutes)
		if drop := len(all) - evidenceKept; drop > 0 {
			all = append([]collector.Minute(nil), all[drop:]...)
		}
		s.evidence[w] = all
	}
	for w, minutes := range s.evidence { // Those of whom nothing is heard any more.
		if to.Sub(minutes[len(minutes)-1].At) > evidenceKept*time.Minute {
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
		if !m.At.After(since) {
			continue
		}
		o := actuator.Observation{At: m.At, Seconds: 60, Values: map[actuator.Guard]float64{}}
		for guard, v := range map[actuator.Guard]float64{
			actuator.GuardThrottling: m.Throttled, actuator.GuardLatency: m.Latency,
			actuator.GuardServerErrors: m.ServerErrors, actuator.GuardClientErrors: m.ClientErrors,
			actuator.GuardOOMKills: m.OOMKills, actuator.GuardRestarts: m.Restarts,
		} {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				o.Values[guard] = v
			}
		}
		if m.Pods > 0 {
			o.Pods = m.Pods
		}
		if m.Answers > 0 {
			o.Answers = m.Answers
		}
		if len(o.Values) > 0 {
			out = append(out, o)
		}
	}
	return out
}
