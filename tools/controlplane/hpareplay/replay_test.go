package hpareplay

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/scale"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

// The environment names the file to read and the one to write.
const (
	inputEnv  = "HPAREPLAY_INPUT"
	outputEnv = "HPAREPLAY_OUTPUT"
)

// recording is one workload. Times are nanoseconds since its first decision.
// The file is a list of them, and the answer is a list of replicas for each.
type recording struct {
	HPA       autoscalingv2.HorizontalPodAutoscaler
	Decisions []decision
}

// decision is what is there when the controller decides.
type decision struct {
	Replicas int32
	// MetricsAt is the end of the metrics' window.
	MetricsAt int64
	Window    int64
	Pods      []pod
}

type pod struct {
	Name         string
	Pending      bool
	Ready        bool
	Started      int64
	ReadyChanged int64
	RequestMilli int64
	HasMetrics   bool
	CPUNano      int64
}

// player is the cluster around the controller: scales, pods and metrics.
type player struct {
	metrics.MetricsClient // Of which only the resource metrics are asked for.

	origin time.Time
	pods   cache.Indexer
	all    map[string]*recording // By namespace.

	mu       sync.Mutex
	next     map[string]int // The decision to be taken next.
	replicas map[string][]int32
	left     int
	done     chan struct{}
}

var errOver = errors.New("the recording is over")

// Scales makes the player the client of the scales of a namespace.
func (p *player) Scales(namespace string) scale.ScaleInterface {
	return &scales{player: p, namespace: namespace}
}

type scales struct {
	player    *player
	namespace string
}

// Get begins a decision.
func (s *scales) Get(context.Context, schema.GroupResource, string, metav1.GetOptions) (*autoscalingv1.Scale, error) {
	p := s.player
	p.mu.Lock()
	defer p.mu.Unlock()
	k, r := p.next[s.namespace], p.all[s.namespace]
	if k >= len(r.Decisions) {
		if k == len(r.Decisions) {
			p.next[s.namespace]++
			if p.left--; p.left == 0 {
				close(p.done)
			}
		}
		return nil, errOver
	}
	p.next[s.namespace]++
	n := r.Decisions[k].Replicas
	p.replicas[s.namespace] = append(p.replicas[s.namespace], n)
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: s.namespace},
		Spec:       autoscalingv1.ScaleSpec{Replicas: n}, Status: autoscalingv1.ScaleStatus{Replicas: n, Selector: "app=app"},
	}, nil
}

// Update is what was decided.
func (s *scales) Update(_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	p := s.player
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.replicas[s.namespace]
	all[len(all)-1] = scale.Spec.Replicas
	return scale, nil
}

// Patch is not used by the controller.
func (s *scales) Patch(context.Context, schema.GroupVersionResource, string, types.PatchType, []byte, metav1.PatchOptions) (*autoscalingv1.Scale, error) {
	return nil, errors.ErrUnsupported
}

// GetResourceMetric puts the pods of the decision in place, of which the
// controller asks next, and gives their metrics. It takes a moment, as it does
// in a cluster: decisions are never exactly an interval apart.
func (p *player) GetResourceMetric(_ context.Context, _ corev1.ResourceName, namespace string, _ labels.Selector, _ string) (metrics.PodMetricsInfo, time.Time, error) {
	time.Sleep(time.Microsecond)
	p.mu.Lock()
	defer p.mu.Unlock()
	d := &p.all[namespace].Decisions[p.next[namespace]-1]
	old, err := p.pods.ByIndex(cache.NamespaceIndex, namespace)
	if err != nil {
		return nil, time.Time{}, err
	}
	for _, o := range old {
		_ = p.pods.Delete(o)
	}
	info := metrics.PodMetricsInfo{}
	at := p.origin.Add(time.Duration(d.MetricsAt))
	for i := range d.Pods {
		_ = p.pods.Add(p.object(namespace, &d.Pods[i]))
		if d.Pods[i].HasMetrics {
			info[d.Pods[i].Name] = metrics.PodMetric{
				Timestamp: at, Window: time.Duration(d.Window),
				Value: resource.NewScaledQuantity(d.Pods[i].CPUNano, resource.Nano).MilliValue(),
			}
		}
	}
	if len(info) == 0 {
		return nil, time.Time{}, errors.New("no metrics returned from resource metrics API")
	}
	return info, at, nil
}

func (p *player) object(namespace string, d *pod) *corev1.Pod {
	o := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: d.Name, Namespace: namespace, Labels: map[string]string{"app": "app"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: *resource.NewMilliQuantity(d.RequestMilli, resource.DecimalSI)},
		}}}},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
	if d.Pending {
		return o
	}
	started := metav1.NewTime(p.origin.Add(time.Duration(d.Started)))
	ready := corev1.ConditionFalse
	if d.Ready {
		ready = corev1.ConditionTrue
	}
	o.Status = corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &started, Conditions: []corev1.PodCondition{{
		Type: corev1.PodReady, Status: ready, LastTransitionTime: metav1.NewTime(p.origin.Add(time.Duration(d.ReadyChanged))),
	}}}
	return o
}

// TestReplay plays the recordings of the input and writes what was decided.
func TestReplay(t *testing.T) {
	input := os.Getenv(inputEnv)
	if input == "" {
		t.Skip(inputEnv + " names no file of recordings")
	}
	text, err := os.ReadFile(input)
	if err != nil {
		t.Fatal(err)
	}
	var recordings []*recording
	if err := json.Unmarshal(text, &recordings); err != nil {
		t.Fatal(err)
	}
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	synctest.Test(t, func(t *testing.T) {
		out, err := json.Marshal(play(t, recordings))
		if err == nil {
			err = os.WriteFile(os.Getenv(outputEnv), out, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		os.Exit(0) // What the controller has started needs not end.
	})
}

// play runs the controller with its defaults until all recordings are over.
func play(t *testing.T, recordings []*recording) [][]int32 {
	p := &player{
		origin: time.Now(), all: map[string]*recording{}, next: map[string]int{}, replicas: map[string][]int32{},
		left: len(recordings), done: make(chan struct{}),
	}
	var objects []runtime.Object
	for _, r := range recordings {
		p.all[r.HPA.Namespace] = r
		hpa := r.HPA.DeepCopy()
		legacyscheme.Scheme.Default(hpa) // As the API server does.
		objects = append(objects, hpa)
	}
	client := fake.NewClientset(objects...)
	client.PrependReactor("update", "horizontalpodautoscalers", func(action clienttesting.Action) (bool, runtime.Object, error) {
		return true, action.(clienttesting.UpdateAction).GetObject(), nil // The status is of no use here.
	})
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods()
	p.pods = pods.Informer().GetIndexer()
	deployments := schema.GroupVersion{Group: "apps", Version: "v1"}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{deployments})
	mapper.Add(deployments.WithKind("Deployment"), meta.RESTScopeNamespace)
	ctx := t.Context()
	// The defaults of kube-controller-manager (pkg/controller/podautoscaler/config/v1alpha1).
	controller := podautoscaler.NewHorizontalController(ctx, client.CoreV1(), p, client.AutoscalingV2(), mapper, p,
		factory.Autoscaling().V2().HorizontalPodAutoscalers(), pods,
		15*time.Second, 5*time.Minute, 0.1, 5*time.Minute, 30*time.Second)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	go controller.Run(ctx, len(recordings))
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	var out [][]int32
	for _, r := range recordings {
		out = append(out, p.replicas[r.HPA.Namespace])
	}
	return out
}
