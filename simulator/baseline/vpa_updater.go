package baseline

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	vpav1 "k8s.io/autoscaler/vertical-pod-autoscaler/pkg/apis/autoscaling.k8s.io/v1"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/logic"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/model"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/updater/priority"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/utils/limitrange"
	vpautil "k8s.io/autoscaler/vertical-pod-autoscaler/pkg/utils/vpa"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// vpaUpdater is the part of the Vertical Pod Autoscaler that bounds a
// recommendation and says which pods it is worth updating: upstream's capping
// (pkg/utils/vpa) and upstream's UpdatePriorityCalculator
// (pkg/updater/priority) over pods made from what the simulator observes.
//
// A pod is updated if its request is outside [lower bound, upper bound], if it
// was OOM-killed soon after its start, or if it is older than podLifetime and
// the relative changes of its resources sum up to updateThreshold.
type vpaUpdater struct {
	vpa    *vpav1.VerticalPodAutoscaler
	config priority.UpdateConfig
	caps   vpautil.RecommendationProcessor
	target recommender.Resources
}

// newVPAUpdater returns an updater without a recommendation, in mode InPlace:
// pods are resized where they are and never evicted.
func newVPAUpdater(s vpaSettings, bounds simulator.Bounds) *vpaUpdater {
	mode := vpav1.UpdateModeInPlace
	return &vpaUpdater{
		vpa: &vpav1.VerticalPodAutoscaler{
			Spec: vpav1.VerticalPodAutoscalerSpec{
				UpdatePolicy: &vpav1.PodUpdatePolicy{UpdateMode: &mode},
				ResourcePolicy: &vpav1.PodResourcePolicy{ContainerPolicies: []vpav1.ContainerResourcePolicy{{
					ContainerName: vpaContainer,
					MinAllowed:    resourceList(bounds.MinAllowed),
					MaxAllowed:    resourceList(bounds.MaxAllowed),
				}}},
			},
		},
		config: priority.UpdateConfig{
			MinChangePriority:          s.updateThreshold,
			PodLifetimeUpdateThreshold: s.podLifetime,
			EvictAfterOOMThreshold:     s.evictAfterOOM,
		},
		caps: vpautil.NewCappingRecommendationProcessor(limitrange.NewNoopLimitsCalculator()),
	}
}

// recommend takes a new recommendation, moves it into the bounds and returns
// its target; a resource that is not controlled is zero.
func (u *vpaUpdater) recommend(rec logic.RecommendedContainerResources) (recommender.Resources, error) {
	// Rounding to 1 unit is upstream's default: none.
	const unit = 1
	list := logic.MapToListOfRecommendedContainerResources(
		logic.RecommendedPodResources{vpaContainer: rec},
		logic.RecommendationFormat{RoundCPUMillicores: unit, RoundMemoryBytes: unit})
	capped, err := vpautil.ApplyVPAPolicy(list, u.vpa.Spec.ResourcePolicy, nil)
	if err != nil {
		return recommender.Resources{}, fmt.Errorf("cap the recommendation: %w", err)
	}
	u.vpa.Status.Recommendation = capped
	u.target = fromResourceList(capped.ContainerRecommendations[0].Target)
	return u.target, nil
}

// vpaPod is what an update depends on.
type vpaPod struct {
	requests recommender.Resources
	// started is when the pod was bound to its node; zero while it is pending.
	started time.Time
	// killStarted and killed are when the container that was last OOM-killed
	// had started and ended; both zero without a kill.
	killStarted, killed time.Time
}

// wants says whether upstream would update the pod to the recommendation now.
func (u *vpaUpdater) wants(p vpaPod, now time.Time) bool {
	calc := priority.NewUpdatePriorityCalculator(u.vpa, u.config, u.caps, priority.NewProcessor())
	calc.AddPod(p.object(), now, nil)
	return len(calc.GetSortedPods(priority.NewDefaultPodEvictionAdmission())) > 0
}

// alike returns one pod for all those that upstream treats alike at that
// instant, so that the verdict is asked for once: of a pod's age it matters
// only whether it has reached podLifetime, and a pending pod has not.
func (u *vpaUpdater) alike(p vpaPod, now time.Time) vpaPod {
	lifetime := u.config.PodLifetimeUpdateThreshold
	if p.started.IsZero() || now.Before(p.started.Add(lifetime)) {
		p.started = time.Time{}
	} else {
		p.started = now.Add(-lifetime)
	}
	return p
}

// object is the pod as upstream wants to see it.
func (p vpaPod) object() *corev1.Pod {
	status := corev1.ContainerStatus{Name: vpaContainer}
	if !p.killed.IsZero() {
		status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
			Reason: "OOMKilled", StartedAt: metav1.NewTime(p.killStarted), FinishedAt: metav1.NewTime(p.killed),
		}
	}
	pod := &corev1.Pod{
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name:      vpaContainer,
			Resources: corev1.ResourceRequirements{Requests: resourceList(p.requests)},
		}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{status}},
	}
	if !p.started.IsZero() {
		t := metav1.NewTime(p.started)
		pod.Status.StartTime = &t
	}
	return pod
}

// resourceList converts amounts; zero ones are left out.
func resourceList(r recommender.Resources) corev1.ResourceList {
	list := corev1.ResourceList{}
	if r.CPU > 0 {
		list[corev1.ResourceCPU] = model.QuantityFromCPUAmount(model.ResourceAmount(r.CPU))
	}
	if r.Memory > 0 {
		list[corev1.ResourceMemory] = *resource.NewQuantity(int64(r.Memory), resource.BinarySI)
	}
	return list
}

// fromResourceList converts amounts back; absent ones are zero.
func fromResourceList(list corev1.ResourceList) recommender.Resources {
	return recommender.Resources{
		CPU:    recommender.MilliCPU(list.Cpu().MilliValue()),
		Memory: recommender.Bytes(list.Memory().Value()),
	}
}
