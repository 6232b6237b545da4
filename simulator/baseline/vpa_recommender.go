package baseline

import (
	"math"
	"time"

	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/logic"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/util"
)

// vpaContainer is the name of the one container the simulated pods have.
const vpaContainer = "app"

// vpaRecommender is the recommender of the Vertical Pod Autoscaler for one
// workload: upstream's histograms, container states and estimators (packages
// recommender/{logic,model,util} of k8s.io/autoscaler/vertical-pod-autoscaler)
// fed with simulated time.
//
// As upstream does for the pods of one controller, the samples of all pods go
// into one pair of histograms, and each pod has a container state of its own,
// which turns its memory usage into one peak per 24 h.
//
// The aggregate state is built field by field, because upstream's constructor
// takes the half-lives from a package-level variable that two policies of one
// run could not set differently, and reads the clock.
type vpaRecommender struct {
	estimator  logic.PodResourceRecommender
	aggregate  *model.AggregateContainerState
	containers map[int]*model.ContainerState // By pod id.
}

// newVPARecommender returns a recommender without samples that recommends the
// controlled resources only.
func newVPARecommender(s vpaSettings, controlled []model.ResourceName) *vpaRecommender {
	config := model.NewAggregationsConfig(
		s.memoryInterval, model.DefaultMemoryAggregationIntervalCount,
		s.memoryHalfLife, s.cpuHalfLife, s.oomBumpUpRatio, float64(s.oomMinBumpUp))
	return &vpaRecommender{
		estimator: logic.CreatePodResourceRecommender(s.recommendationConfig()),
		aggregate: &model.AggregateContainerState{
			AggregateCPUUsage:                 util.NewDecayingHistogram(config.CPUHistogramOptions, config.CPUHistogramDecayHalfLife),
			AggregateMemoryPeaks:              util.NewDecayingHistogram(config.MemoryHistogramOptions, config.MemoryHistogramDecayHalfLife),
			OOMBumpUpRatio:                    config.OOMBumpUpRatio,
			OOMMinBumpUp:                      config.OOMMinBumpUp,
			MemoryAggregationIntervalDuration: config.MemoryAggregationIntervalDuration,
			MemoryAggregationIntervalCount:    config.MemoryAggregationIntervalCount,
			ControlledResources:               &controlled,
		},
		containers: map[int]*model.ContainerState{},
	}
}

// container returns the state of a pod's container, a new one on first sight.
func (r *vpaRecommender) container(pod int) *model.ContainerState {
	c, ok := r.containers[pod]
	if !ok {
		c = model.NewContainerState(nil, r.aggregate)
		r.containers[pod] = c
	}
	return c
}

// addCPU records the mean CPU usage of one pod, in cores, over the minute
// ending at the instant, as [metricMilli] cuts it. NaN, negative and
// out-of-order samples are dropped.
func (r *vpaRecommender) addCPU(at time.Time, pod int, cores float64) {
	if math.IsNaN(cores) || cores < 0 {
		return
	}
	r.container(pod).AddSample(&model.ContainerUsageSample{
		MeasureStart: at, Usage: model.ResourceAmount(metricMilli(cores)), Resource: model.ResourceCPU,
	})
}

// addMemory records the memory usage of one pod, in bytes. NaN, negative and
// out-of-order samples are dropped.
func (r *vpaRecommender) addMemory(at time.Time, pod int, bytes float64) {
	if math.IsNaN(bytes) || bytes < 0 {
		return
	}
	r.container(pod).AddSample(&model.ContainerUsageSample{
		MeasureStart: at, Usage: model.MemoryAmountFromBytes(bytes), Resource: model.ResourceMemory,
	})
}

// recordOOM records that a pod's container was OOM-killed while it requested
// that many bytes. Upstream adds a made-up memory sample above the request and
// drops kills that are older than one aggregation interval.
func (r *vpaRecommender) recordOOM(at time.Time, pod int, requestBytes float64) {
	// The only error says that the kill was too old to count.
	_ = r.container(pod).RecordOOM(at, model.MemoryAmountFromBytes(requestBytes))
}

// forget drops the container states of the pods that keep does not name; what
// they have contributed to the histograms stays, as upstream.
func (r *vpaRecommender) forget(keep map[int]bool) {
	for pod := range r.containers {
		if !keep[pod] {
			delete(r.containers, pod)
		}
	}
}

// recommendation returns what upstream recommends now, before it is capped to
// bounds; false without any CPU sample. Upstream then recommends the least
// there is for pods that run, as if they used nothing; here its recommender
// starts with the first sample.
func (r *vpaRecommender) recommendation() (logic.RecommendedContainerResources, bool) {
	if r.aggregate.TotalSamplesCount == 0 {
		return logic.RecommendedContainerResources{}, false
	}
	all := r.estimator.GetRecommendedPodResources(model.ContainerNameToAggregateStateMap{vpaContainer: r.aggregate})
	return all[vpaContainer], true
}
