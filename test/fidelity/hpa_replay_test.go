package fidelity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/rightsize-dev/rightsize/internal/testkit/metricsapi"
	"github.com/rightsize-dev/rightsize/simulator"
)

const (
	// hpaSettle is how long the controller's view of the pods may lag behind
	// the API.
	hpaSettle = 150 * time.Millisecond
	// maxLate is how late an answer may be: the next whole second is 400 ms
	// further.
	maxLate = 350 * time.Millisecond
)

var errOver = errors.New("the recording is over")

// hpaWorkload plays a recording to the real controller. It has a namespace of
// its own, with a Deployment whose pods the test makes itself, in the place of
// the controllers and the kubelet, as the simulated cluster had them.
type hpaWorkload struct {
	hpaCase
	bounds simulator.Bounds
	made   []decision

	namespace string
	client    kubernetes.Interface
	start     time.Time     // The wall clock at the first decision.
	phase     time.Duration // When in the interval metrics are answered.
	done      chan struct{} // Closed when all decisions have been compared.

	mu   sync.Mutex
	next int // The decision that the controller is about to take.
	pods map[int]*corev1.Pod
	real []int // What the controller decided.
	errs []string
	late time.Duration // The latest answer.
}

// reset makes it ready to be played in a namespace.
func (w *hpaWorkload) reset(namespace string, client kubernetes.Interface) {
	w.namespace, w.client, w.done = namespace, client, make(chan struct{})
	w.next, w.pods, w.real, w.errs, w.late = 0, map[int]*corev1.Pod{}, nil, nil, 0
}

// rest ends the autoscaling.
func (w *hpaWorkload) rest(t *testing.T) {
	t.Helper()
	err := w.client.AutoscalingV2().HorizontalPodAutoscalers(w.namespace).Delete(t.Context(), "app", metav1.DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// deploy makes the Deployment and the pods of the first decision.
func (w *hpaWorkload) deploy(t *testing.T) {
	t.Helper()
	replicas := int32(w.made[0].saw.Desired)
	labels := map[string]string{"app": "app"}
	_, err := w.client.AppsV1().Deployments(w.namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "app"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec(w.made[0].saw.Template)},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// autoscale makes the HorizontalPodAutoscaler.
func (w *hpaWorkload) autoscale(t *testing.T) {
	t.Helper()
	hpa := resourceHPA(w.bounds, w.target, w.behavior)
	if _, err := w.client.AutoscalingV2().HorizontalPodAutoscalers(w.namespace).Create(t.Context(), hpa, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// resourceHPA is an autoscaler on the CPU utilisation of Deployment app, with
// behaviour in the words of autoscaling/v2, nil for none.
func resourceHPA(bounds simulator.Bounds, targetPercent float64, behavior object) *autoscalingv2.HorizontalPodAutoscaler {
	low, target := int32(bounds.MinReplicas), int32(targetPercent)
	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "app"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "app"},
			MinReplicas:    &low, MaxReplicas: int32(bounds.MaxReplicas),
			Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
				Name:   corev1.ResourceCPU,
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &target},
			}}},
		},
	}
	if behavior == nil {
		return hpa
	}
	words, err := json.Marshal(behavior)
	if err == nil {
		err = json.Unmarshal(words, &hpa.Spec.Behavior)
	}
	if err != nil {
		panic(err) // A case is written wrong.
	}
	return hpa
}

// answer is what metrics say at the controller's next decision. That it asks
// means that it is done with the decision before.
func (w *hpaWorkload) answer(ctx context.Context) ([]metricsapi.Usage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next > len(w.made) {
		return nil, errOver
	}
	if w.next > 0 {
		if err := w.compare(ctx); err != nil {
			w.errs = append(w.errs, err.Error())
		}
	}
	if w.next == len(w.made) {
		w.next++
		close(w.done)
		return nil, errOver
	}
	saw := &w.made[w.next].saw
	if err := w.apply(ctx, saw); err != nil {
		w.errs = append(w.errs, fmt.Sprintf("decision %d: %v", w.next, err))
	}
	due := w.start.Add(saw.Now.Sub(w.made[0].saw.Now)).Add(w.phase)
	time.Sleep(max(time.Until(due), 0))
	w.late = max(w.late, time.Since(due))
	w.next++
	return w.usages(saw), nil
}

// compare reads what the controller made of its last decision. A difference is
// put right, so that the ones that follow start from the same scale.
func (w *hpaWorkload) compare(ctx context.Context) error {
	k := w.next - 1
	scale, err := w.client.AppsV1().Deployments(w.namespace).GetScale(ctx, "app", metav1.GetOptions{})
	if err != nil {
		return err
	}
	got, want := int(scale.Spec.Replicas), w.bounds.ClampReplicas(w.made[k].want.Replicas)
	w.real = append(w.real, got)
	if got == want {
		return nil
	}
	_, err = w.client.AppsV1().Deployments(w.namespace).UpdateScale(ctx, "app",
		&autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: w.namespace}, Spec: autoscalingv1.ScaleSpec{Replicas: int32(want)}},
		metav1.UpdateOptions{})
	return errors.Join(fmt.Errorf("decision %d: kube-controller-manager scales %d to %d, the simulated HPA to %d, seeing %s",
		k, w.made[k].saw.Desired, got, want, describe(&w.made[k].saw)), err)
}

// apply makes the pods what the simulated autoscaler saw.
func (w *hpaWorkload) apply(ctx context.Context, saw *simulator.Observation) error {
	pods := w.client.CoreV1().Pods(w.namespace)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	var lock sync.Mutex
	changed := false
	alive := map[int]bool{}
	for i := range saw.Pods {
		p := &saw.Pods[i]
		alive[p.ID] = true
		lock.Lock()
		have := w.pods[p.ID]
		lock.Unlock()
		status := w.podStatus(p)
		if have != nil && reflect.DeepEqual(have.Status, status) {
			continue
		}
		changed = true
		g.Go(func() error {
			pod := have
			if pod == nil {
				var err error
				pod, err = pods.Create(ctx, &corev1.Pod{
					ObjectMeta: metav1.ObjectMeta{Name: podName(p.ID), Labels: map[string]string{"app": "app"}}, Spec: podSpec(p.Requests),
				}, metav1.CreateOptions{})
				if err != nil {
					return err
				}
			}
			pod = pod.DeepCopy()
			pod.Status = status
			updated, err := pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
			if err != nil {
				return err
			}
			updated.Status = status // As it was written, to be compared with.
			lock.Lock()
			defer lock.Unlock()
			w.pods[p.ID] = updated
			return nil
		})
	}
	var gone []int
	lock.Lock()
	for id := range w.pods {
		if !alive[id] {
			gone = append(gone, id)
			delete(w.pods, id)
		}
	}
	lock.Unlock()
	for _, id := range gone { // Without the lock, which those under way may wait for.
		changed = true
		g.Go(func() error {
			now := int64(0)
			return pods.Delete(ctx, podName(id), metav1.DeleteOptions{GracePeriodSeconds: &now})
		})
	}
	err := g.Wait()
	if changed {
		time.Sleep(hpaSettle)
	}
	return err
}

// podStatus is what a kubelet would report of a simulated pod.
func (w *hpaWorkload) podStatus(p *simulator.PodObservation) corev1.PodStatus {
	if p.Pending || p.Pulling {
		return corev1.PodStatus{Phase: corev1.PodPending, QOSClass: corev1.PodQOSBurstable}
	}
	clock := func(t time.Time) metav1.Time { return metav1.NewTime(w.start.Add(t.Sub(w.made[0].saw.Now))) }
	started := clock(p.Started)
	ready := corev1.ConditionFalse
	if p.Ready {
		ready = corev1.ConditionTrue
	}
	return corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: &started, QOSClass: corev1.PodQOSBurstable,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready, LastTransitionTime: clock(p.ReadyChanged)}},
	}
}

// usages are the metrics of an observation.
func (w *hpaWorkload) usages(saw *simulator.Observation) []metricsapi.Usage {
	var out []metricsapi.Usage
	for i := range saw.Pods {
		if p := &saw.Pods[i]; p.HasMetrics {
			out = append(out, metricsapi.Usage{
				Namespace: w.namespace, Pod: podName(p.ID), Container: "app",
				At: w.start.Add(saw.MetricsAt.Sub(w.made[0].saw.Now)), Window: saw.Step, CPUCores: p.CPUCores, MemoryBytes: p.MemoryBytes,
			})
		}
	}
	return out
}

// count sums up what has been compared.
func (w *hpaWorkload) count() hpaCount {
	var n hpaCount
	for k, got := range w.real {
		saw := &w.made[k].saw
		want := w.bounds.ClampReplicas(w.made[k].want.Replicas)
		n.decisions++
		n.equal += btoi(got == want)
		n.up += btoi(want > saw.Desired)
		n.down += btoi(want < saw.Desired)
		var pending, unready, missing, measured bool
		for i := range saw.Pods {
			p := &saw.Pods[i]
			waits := p.Pending || p.Pulling
			pending = pending || waits
			unready = unready || (!waits && !p.Ready)
			missing = missing || (!waits && !p.HasMetrics)
			measured = measured || p.HasMetrics
		}
		n.pending += btoi(pending)
		n.unready += btoi(unready)
		n.missing += btoi(missing)
		n.blind += btoi(!measured)
	}
	return n
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
