package fidelity

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	vpav1 "k8s.io/autoscaler/vertical-pod-autoscaler/pkg/apis/autoscaling.k8s.io/v1"
	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/client/clientset/versioned"
	"k8s.io/client-go/kubernetes"

	"github.com/rightsize-dev/rightsize/internal/testkit/metricsapi"
	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

// vpaSettle is how long the recommender's view of the pods may lag behind the
// API.
const vpaSettle = 150 * time.Millisecond

// vpaReplay plays all recordings at once: the recommender asks for the samples
// of all pods in each of its rounds.
type vpaReplay struct {
	workloads []*vpaWorkload
	done      chan struct{}

	mu   sync.Mutex
	next int // The round that is under way.
}

// vpaWorkload is one of them, in a namespace of its own.
type vpaWorkload struct {
	vpaCase
	bounds simulator.Bounds
	made   []vpaDecision
	client kubernetes.Interface
	vpas   versioned.Interface
	later  time.Duration // By which the recording is told later.

	pods     map[int]*corev1.Pod
	kills    map[int]int // OOM kills that were reported, by pod.
	seen     map[int]bool
	compared int
	equal    int
	changes  int
	oomKills int
	last     baseline.VPARecommendation
	errs     []string
}

// deploy makes the Deployment, the pods of the first round and the
// VerticalPodAutoscaler, with the bounds of the scenario.
func (w *vpaWorkload) deploy(t *testing.T) {
	t.Helper()
	w.later = time.Since(w.made[0].saw.Now).Truncate(24 * time.Hour)
	w.pods, w.kills, w.seen = map[int]*corev1.Pod{}, map[int]int{}, map[int]bool{}
	ctx := t.Context()
	labels := map[string]string{"app": "app"}
	_, err := w.client.AppsV1().Deployments(w.name).Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "app"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec(w.made[0].saw.Template)},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	mode := vpav1.UpdateModeOff
	_, err = w.vpas.AutoscalingV1().VerticalPodAutoscalers(w.name).Create(ctx, &vpav1.VerticalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "app"},
		Spec: vpav1.VerticalPodAutoscalerSpec{
			TargetRef:    &autoscaling.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "app"},
			UpdatePolicy: &vpav1.PodUpdatePolicy{UpdateMode: &mode},
			ResourcePolicy: &vpav1.PodResourcePolicy{ContainerPolicies: []vpav1.ContainerResourcePolicy{{
				ContainerName: "app", MinAllowed: resources(w.bounds.MinAllowed), MaxAllowed: resources(w.bounds.MaxAllowed),
			}}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.prepare(ctx, &w.made[0].saw); err != nil {
		t.Fatal(err)
	}
}

func resources(r recommender.Resources) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(int64(r.CPU), resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(int64(r.Memory), resource.BinarySI),
	}
}

// answer is what metrics say in the recommender's present round. That it asks
// means that it is done with the round before; and it has read the pods of
// this round already, so that those of the next can be made.
func (r *vpaReplay) answer(ctx context.Context) ([]metricsapi.Usage, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []metricsapi.Usage
	changed, left := false, false
	for _, w := range r.workloads {
		if r.next > 0 && r.next <= len(w.made) {
			w.compare(ctx, r.next-1)
		}
		if r.next >= len(w.made) {
			continue
		}
		left = true
		saw := &w.made[r.next].saw
		out = append(out, w.usages(saw)...)
		killed, err := w.kill(ctx, saw)
		w.note(err)
		changed = changed || killed
		if r.next+1 < len(w.made) {
			prepared, err := w.prepare(ctx, &w.made[r.next+1].saw)
			w.note(err)
			changed = changed || prepared
		}
	}
	if !left {
		select {
		case <-r.done:
		default:
			close(r.done)
		}
		return nil, errOver
	}
	if changed {
		time.Sleep(vpaSettle)
	}
	r.next++
	return out, nil
}

func (w *vpaWorkload) note(err error) {
	if err != nil && len(w.errs) < 10 {
		w.errs = append(w.errs, err.Error())
	}
}

// prepare makes the pods what they are in an observation. It says whether
// anything has changed.
func (w *vpaWorkload) prepare(ctx context.Context, saw *simulator.Observation) (bool, error) {
	pods := w.client.CoreV1().Pods(w.name)
	changed := false
	alive := map[int]bool{}
	for i := range saw.Pods {
		p := &saw.Pods[i]
		alive[p.ID], w.seen[p.ID] = true, true
		if w.pods[p.ID] != nil || p.Pending {
			continue // The recommender does not look at pending pods.
		}
		changed = true
		pod, err := pods.Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: podName(p.ID), Labels: map[string]string{"app": "app"}}, Spec: podSpec(p.Requests),
		}, metav1.CreateOptions{})
		if err != nil {
			return changed, err
		}
		pod.Status = corev1.PodStatus{
			Phase: corev1.PodRunning, QOSClass: corev1.PodQOSBurstable,
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: "app", Image: "example.com/app:1", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			}},
		}
		if w.pods[p.ID], err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
			return changed, err
		}
	}
	for id := range w.pods {
		if alive[id] {
			continue
		}
		changed = true
		now := int64(0)
		if err := pods.Delete(ctx, podName(id), metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
			return changed, err
		}
		delete(w.pods, id)
	}
	return changed, nil
}

// kill reports the OOM kills of an observation as a kubelet does. It says
// whether there were any.
func (w *vpaWorkload) kill(ctx context.Context, saw *simulator.Observation) (bool, error) {
	changed := false
	for i := range saw.Pods {
		p := &saw.Pods[i]
		pod := w.pods[p.ID]
		if pod == nil || p.OOMKills == w.kills[p.ID] {
			continue
		}
		changed = true
		w.oomKills += p.OOMKills - w.kills[p.ID]
		w.kills[p.ID] = p.OOMKills
		status := &pod.Status.ContainerStatuses[0]
		status.RestartCount = int32(p.Restarts)
		status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
			Reason: "OOMKilled", ExitCode: 137, FinishedAt: metav1.NewTime(w.clock(p.LastOOMKill)),
		}
		var err error
		if w.pods[p.ID], err = w.client.CoreV1().Pods(w.name).UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// clock is an instant of the recording as it is told to the recommender, which
// forgets what is older than eight days: whole days later, as histograms decay
// by whole half-lives of a day.
func (w *vpaWorkload) clock(at time.Time) time.Time { return at.Add(w.later) }

// usages are the metrics of an observation.
func (w *vpaWorkload) usages(saw *simulator.Observation) []metricsapi.Usage {
	var out []metricsapi.Usage
	for i := range saw.Pods {
		if p := &saw.Pods[i]; p.HasMetrics {
			out = append(out, metricsapi.Usage{
				Namespace: w.name, Pod: podName(p.ID), Container: "app",
				At: w.clock(saw.MetricsAt), Window: saw.Step, CPUCores: p.CPUCores, MemoryBytes: p.MemoryBytes,
			})
		}
	}
	return out
}

// compare reads what the recommender made of a round.
func (w *vpaWorkload) compare(ctx context.Context, round int) {
	vpa, err := w.vpas.AutoscalingV1().VerticalPodAutoscalers(w.name).Get(ctx, "app", metav1.GetOptions{})
	if err != nil {
		w.note(err)
		return
	}
	var got *baseline.VPARecommendation
	if r := vpa.Status.Recommendation; r != nil && len(r.ContainerRecommendations) > 0 {
		c := &r.ContainerRecommendations[0]
		got = &baseline.VPARecommendation{
			LowerBound: amounts(c.LowerBound), Target: amounts(c.Target), UpperBound: amounts(c.UpperBound),
		}
	}
	want := w.made[round].recommendation
	w.compared++
	if want != nil && *want != w.last {
		w.changes++
		w.last = *want
	}
	if reflect.DeepEqual(got, want) {
		w.equal++
		return
	}
	w.note(fmt.Errorf("round %d, at %v: upstream recommends %+v, the simulated VPA %+v", round, w.made[round].saw.Now, got, want))
}

func amounts(list corev1.ResourceList) recommender.Resources {
	return recommender.Resources{CPU: recommender.MilliCPU(list.Cpu().MilliValue()), Memory: recommender.Bytes(list.Memory().Value())}
}
