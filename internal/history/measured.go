package history

import (
	"fmt"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// measuredShare is by how much what is measured beside Prometheus has to exceed
// what was expected: it is over a quarter of a minute where forecasts are of five,
// and varies more.
const measuredShare = 0.25

// staleUsage is how old the newest usage may be before a snapshot tells that
// somebody else knows newer: two of the default steps and the time to scrape them.
const staleUsage = 11 * time.Minute

// Measured is what was measured of a workload by somebody else than Prometheus,
// such as metrics.k8s.io.
type Measured struct {
	// At is when the pod that was measured first was.
	At time.Time
	// CPU in cores, summed over the pods that were measured, and Memory in bytes of
	// the pod that has the most, are those of containers.
	CPU, Memory map[string]float64
}

// Take takes in what was measured beside Prometheus, in place of what was before,
// and returns the workloads that use more than the newest snapshot foretold, by a
// quarter, once each until it is more by a tenth or there is a new forecast.
//
// For five minutes snapshots of those have the larger values. Since pods may be
// missing in it, and it has no history, what was measured raises and never lowers;
// how old the usage of a snapshot is remains what Prometheus says.
func (s *Store) Take(source string, measured map[recommender.Workload]Measured) []recommender.Workload {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.measured, s.source = map[recommender.Workload]Measured{}, source
	var surprised []recommender.Workload
	for w, m := range measured {
		s.measured[w] = m
		if e := s.expected[w]; e != nil && e.exceeded(m, true) {
			surprised = append(surprised, w)
		}
	}
	sortWorkloads(surprised)
	return surprised
}

// Exceeded says whether more was measured of a workload within the last five
// minutes than its newest snapshot foretold, by a quarter.
func (s *Store) Exceeded(id recommender.Workload, now time.Time) bool {
	id, _ = s.archive.Find(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, e := s.measured[id], s.expected[id]
	return e != nil && m.fresh(now) && e.exceeded(m, false)
}

func (m Measured) fresh(now time.Time) bool { return !m.At.After(now) && now.Sub(m.At) < newestAge }

// exceeded says whether anything is more than was expected; where it is to be
// told, more than what was told of.
func (e *expectation) exceeded(m Measured, tell bool) bool {
	more := false
	look := func(name string, v, least float64) {
		expected, known := e.at(name, m.At)
		if !known || v <= expected*(1+measuredShare) || v-expected < least || tell && v <= e.told[name]*(1+againShare) {
			return
		}
		more = true
		if tell {
			e.told[name] = v
		}
	}
	for c, v := range m.CPU {
		look(ofCPU+c, v, surpriseCPU)
	}
	for c, v := range m.Memory {
		look(ofMemory+c, v, surpriseMemory)
	}
	return more
}

// raise puts what was measured of a workload into a snapshot where it is more than
// expected and more than is known, and tells where it is known while newer usage
// is not.
func raise(snap *recommender.Snapshot, e *expectation, m Measured, source string) {
	usage := func(name string, u *recommender.Usage, v, least float64) {
		expected, known := e.at(name, m.At)
		if u.Samples == 0 || !known || v <= expected*(1+measuredShare) || v-expected < least || v <= u.Last {
			return
		}
		u.Last, u.Recent, u.Peak = v, max(u.Recent, v), max(u.Peak, v)
	}
	for i := range snap.Containers {
		c := &snap.Containers[i]
		usage(ofCPU+c.Name, &c.CPU, m.CPU[c.Name], surpriseCPU)
		usage(ofMemory+c.Name, &c.Memory, m.Memory[c.Name], surpriseMemory)
		age := time.Duration(c.CPU.AgeSeconds * float64(time.Second)).Round(time.Second)
		if _, known := m.CPU[c.Name]; known && c.CPU.Samples > 0 && age > staleUsage {
			snap.Facts = append(snap.Facts, recommender.Fact{Code: recommender.FactWarning, Signal: "cpu", Message: fmt.Sprintf(
				"the newest sample of container %s in Prometheus is %s old, that of %s %s: the latter may raise, and lowers nothing",
				c.Name, age, source, snap.Now.Sub(m.At).Round(time.Second))})
		}
	}
}
