package simulator

import (
	"math/rand/v2"
	"slices"
)

// watch is what stands between the world and its metrics: delay, failed
// scrapes and outages.
type watch struct {
	quality MetricsQuality
	rng     *rand.Rand
	kept    []scrape // Newer than what is shown, oldest first.
	shown   scrape
	start   float64 // The scored start.
}

// scrape is what metrics say of the step that ended at an instant.
type scrape struct {
	end  float64
	o    Observation
	pods []PodObservation
}

func newWatch(sc *Scenario) *watch {
	return &watch{quality: sc.Metrics, rng: newStream(sc.Seed, streamScrapes), start: seconds(sc.Warmup)}
}

// perfect says that metrics are at once and whole, as they are by default.
func (v *watch) perfect() bool {
	q := v.quality
	return q.Delay == 0 && q.MissingRatio == 0 && len(q.Outages) == 0
}

// keep takes the metrics of the step that has just ended.
func (v *watch) keep(end float64, o Observation, pods []PodObservation) {
	s := scrape{end: end, o: o, pods: slices.Clone(pods)}
	out := v.out(end)
	if q := v.quality.MissingRatio; q > 0 && !out {
		v.lose(&s, q)
	}
	if out {
		s.blank()
	}
	v.kept = append(v.kept, s)
}

// out says whether there are no metrics at an instant.
func (v *watch) out(t float64) bool {
	for _, o := range v.quality.Outages {
		if from := v.start + seconds(o.At); t >= from && t < from+seconds(o.For) {
			return true
		}
	}
	return false
}

// lose drops what is missing.
func (v *watch) lose(s *scrape, ratio float64) {
	for i := range s.pods {
		p := &s.pods[i]
		if v.rng.Float64() < ratio && p.HasMetrics {
			s.o.CPUCores -= p.CPUCores
			s.pods[i] = PodObservation{ID: p.ID}
		}
	}
	s.o.CPUCores, s.o.MemoryBytes = max(0, s.o.CPUCores), 0
	for _, p := range s.pods {
		s.o.MemoryBytes = max(s.o.MemoryBytes, p.MemoryBytes)
	}
	if v.rng.Float64() < ratio {
		s.o.HasDemand, s.o.DemandRate, s.o.ServedRate, s.o.DroppedRate = false, 0, 0, 0
		s.o.LatencySeconds, s.o.LateRate = 0, 0
	}
}

// blank drops everything.
func (s *scrape) blank() {
	s.o = Observation{Step: s.o.Step}
	for i := range s.pods {
		s.pods[i] = PodObservation{ID: s.pods[i].ID}
	}
}

// at returns what metrics say at an instant: the newest step that is old
// enough, or nothing while there are no metrics to be had.
func (v *watch) at(now float64) scrape {
	for len(v.kept) > 0 && v.kept[0].end <= now-seconds(v.quality.Delay)+1e-9 {
		v.shown, v.kept = v.kept[0], v.kept[1:]
	}
	s := v.shown
	if v.out(now) {
		s.pods = slices.Clone(s.pods)
		s.blank()
	}
	return s
}
