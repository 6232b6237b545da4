package baseline

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/logic"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"

	"github.com/rightsize-dev/rightsize/recommender"
)

// vpaSettings are the flags of upstream's recommender and updater that a
// scenario may override under spec.policies.vpa.
type vpaSettings struct {
	targetPercentile     float64 // In (0, 1], of CPU and memory alike.
	lowerBoundPercentile float64 // In (0, 1].
	upperBoundPercentile float64 // In (0, 1].
	marginFraction       float64 // Added to every percentile; at least 0.

	cpuHalfLife        time.Duration // In which a CPU sample loses half its weight.
	memoryHalfLife     time.Duration // In which a memory peak loses half its weight.
	memoryInterval     time.Duration // One memory peak per pod and interval.
	confidenceInterval time.Duration // History that counts as one day of confidence.

	podMinCPU    recommender.MilliCPU
	podMinMemory recommender.Bytes

	oomBumpUpRatio float64           // Of the memory used at an OOM kill.
	oomMinBumpUp   recommender.Bytes // Added at least after an OOM kill.

	updateThreshold float64       // Relative change that is worth an update.
	podLifetime     time.Duration // Age from which a pod inside its bounds is updated.
	evictAfterOOM   time.Duration // A kill this soon after the start is a quick one.
	minReplicas     int           // Workloads with fewer pods are left alone.
}

// defaultVPASettings returns upstream's defaults (v1.8.1,
// pkg/recommender/config DefaultRecommenderConfig and pkg/updater/config
// DefaultUpdaterConfig) but for minReplicas.
//
// Upstream's min-replicas flag is 2 and holds for in-place updates too
// (pkg/updater/restriction/pods_restriction_factory.go, GetCreatorMaps): at the
// defaults a workload of one pod is never updated. Who puts VPA on such a
// workload lowers it, by the object's updatePolicy.minReplicas or by the flag
// in-place-skip-disruption-budget; 1 gives VPA the benefit of having done so.
func defaultVPASettings() vpaSettings {
	return vpaSettings{
		targetPercentile:     0.9,
		lowerBoundPercentile: 0.5,
		upperBoundPercentile: 0.95,
		marginFraction:       0.15,
		cpuHalfLife:          model.DefaultCPUHistogramDecayHalfLife,
		memoryHalfLife:       model.DefaultMemoryHistogramDecayHalfLife,
		memoryInterval:       model.DefaultMemoryAggregationInterval,
		confidenceInterval:   24 * time.Hour,
		podMinCPU:            25,
		podMinMemory:         250 * recommender.MiB,
		oomBumpUpRatio:       model.DefaultOOMBumpUpRatio,
		oomMinBumpUp:         recommender.Bytes(model.DefaultOOMMinBumpUp),
		updateThreshold:      0.1,
		podLifetime:          12 * time.Hour,
		evictAfterOOM:        10 * time.Minute,
		minReplicas:          1,
	}
}

// recommendationConfig are the settings in the form upstream's estimators
// take. What upstream calls Mb is multiplied by 1024 x 1024 there.
func (s vpaSettings) recommendationConfig() logic.RecommendationConfig {
	return logic.RecommendationConfig{
		SafetyMarginFraction:       s.marginFraction,
		PodMinCPUMillicores:        float64(s.podMinCPU),
		PodMinMemoryMb:             float64(s.podMinMemory) / float64(recommender.MiB),
		TargetCPUPercentile:        s.targetPercentile,
		LowerBoundCPUPercentile:    s.lowerBoundPercentile,
		UpperBoundCPUPercentile:    s.upperBoundPercentile,
		ConfidenceIntervalCPU:      s.confidenceInterval,
		TargetMemoryPercentile:     s.targetPercentile,
		LowerBoundMemoryPercentile: s.lowerBoundPercentile,
		UpperBoundMemoryPercentile: s.upperBoundPercentile,
		ConfidenceIntervalMemory:   s.confidenceInterval,
	}
}

// readVPASettings reads a scenario's overrides of the defaults. halfLife stands
// for cpuHalfLife and memoryHalfLife where those are absent.
func readVPASettings(in *settings) vpaSettings {
	s := defaultVPASettings()
	s.targetPercentile = in.number("targetPercentile", s.targetPercentile, 0, 1)
	s.lowerBoundPercentile = in.number("lowerBoundPercentile", s.lowerBoundPercentile, 0, 1)
	s.upperBoundPercentile = in.number("upperBoundPercentile", s.upperBoundPercentile, 0, 1)
	if in.err == nil && (s.lowerBoundPercentile > s.targetPercentile || s.targetPercentile > s.upperBoundPercentile) {
		in.fail("targetPercentile", "must lie between lowerBoundPercentile and upperBoundPercentile, got %v, %v and %v",
			s.targetPercentile, s.lowerBoundPercentile, s.upperBoundPercentile)
	}
	s.marginFraction = in.number("marginFraction", s.marginFraction, 0, 100)
	halfLife := in.interval("halfLife", s.cpuHalfLife)
	s.cpuHalfLife = in.interval("cpuHalfLife", halfLife)
	s.memoryHalfLife = in.interval("memoryHalfLife", halfLife)
	s.memoryInterval = in.interval("memoryAggregationInterval", s.memoryInterval)
	s.confidenceInterval = in.interval("confidenceInterval", s.confidenceInterval)
	s.podMinCPU = recommender.FromCores(in.quantity("podMinCPU", s.podMinCPU.Cores()))
	s.podMinMemory = recommender.FromBytes(in.quantity("podMinMemory", float64(s.podMinMemory)))
	s.oomBumpUpRatio = in.number("oomBumpUpRatio", s.oomBumpUpRatio, 1, 100)
	s.oomMinBumpUp = recommender.FromBytes(in.quantity("oomMinBumpUp", float64(s.oomMinBumpUp)))
	s.updateThreshold = in.number("updateThreshold", s.updateThreshold, 0, 100)
	s.podLifetime = in.duration("podLifetimeUpdateThreshold", s.podLifetime)
	s.evictAfterOOM = in.duration("evictAfterOOM", s.evictAfterOOM)
	s.minReplicas = in.whole("minReplicas", s.minReplicas, 0, 100_000)
	return s
}

// interval reads a span of at least a minute.
func (s *settings) interval(name string, def time.Duration) time.Duration {
	return s.span(name, def, time.Minute, longestSpan)
}

// quantity reads a Kubernetes quantity such as 250Mi or 25m, of at most 2^50.
func (s *settings) quantity(name string, def float64) float64 {
	s.known[name] = true
	v, given := s.fields[name]
	if !given || v == nil {
		return def
	}
	q, err := resource.ParseQuantity(fmt.Sprint(v))
	f := q.AsApproximateFloat64()
	if err != nil || f < 0 || f > 1<<50 {
		s.fail(name, "must be a quantity such as 250Mi, at least 0, got %v", v)
		return def
	}
	return f
}
