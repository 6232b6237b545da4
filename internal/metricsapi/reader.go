package metricsapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	metricsv1 "k8s.io/metrics/pkg/apis/metrics/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"k8s.io/metrics/pkg/client/clientset/versioned"
)

// ErrNotServed says that the cluster has no metrics.k8s.io, as without
// metrics-server.
var ErrNotServed = errors.New("the cluster does not serve metrics.k8s.io")

// lookAgain is how long it is believed that nothing is served.
const lookAgain = time.Minute

// Reader reads metrics.k8s.io: v1 where it is served, which is since Kubernetes
// 1.37, else v1beta1. It may be used from several goroutines.
type Reader struct {
	client versioned.Interface
	now    func() time.Time

	mu sync.Mutex
	// version is what the cluster serves; empty is unknown, or not served when it
	// was looked for at looked.
	version string
	looked  time.Time
}

// PodUsage is what the containers of a pod used in a window.
type PodUsage struct {
	Namespace, Name string
	// At is the end of the window, to the second, and Window its length.
	At         time.Time
	Window     time.Duration
	Containers []ContainerUsage
}

// ContainerUsage is what a container used: cores on average over the window, and
// the working set at its end.
type ContainerUsage struct {
	Name        string
	CPUCores    float64
	MemoryBytes float64
}

// NewReader prepares a reader; nothing is sent yet.
func NewReader(config *rest.Config) (*Reader, error) {
	client, err := versioned.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("metrics.k8s.io: %w", err)
	}
	return &Reader{client: client, now: time.Now}, nil
}

// Usage is the newest of the pods of a namespace, or of all if it is empty, in
// the order of their names. Pods that have only just started are not in it, nor
// are containers that do not run. [ErrNotServed] where there is no such API.
func (r *Reader) Usage(ctx context.Context, namespace string) ([]PodUsage, error) {
	version, err := r.discover()
	if err != nil {
		return nil, err
	}
	items, err := r.list(ctx, version, namespace)
	if apierrors.IsNotFound(err) { // What was served is no longer; perhaps another version is.
		r.forget()
		if version, err = r.discover(); err == nil {
			items, err = r.list(ctx, version, namespace)
		}
	}
	if errors.Is(err, ErrNotServed) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("read pods of metrics.k8s.io/%s: %w", version, err)
	}
	out := make([]PodUsage, 0, len(items))
	for _, item := range items {
		out = append(out, usage(item))
	}
	slices.SortFunc(out, func(a, b PodUsage) int {
		if c := strings.Compare(a.Namespace, b.Namespace); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out, nil
}

func (r *Reader) list(ctx context.Context, version, namespace string) ([]metricsv1.PodMetrics, error) {
	if version == metricsv1.SchemeGroupVersion.Version {
		list, err := r.client.MetricsV1().PodMetricses(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		return list.Items, nil
	}
	list, err := r.client.MetricsV1beta1().PodMetricses(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	items := make([]metricsv1.PodMetrics, 0, len(list.Items))
	for _, from := range list.Items { // The versions have the same fields.
		to := metricsv1.PodMetrics{ObjectMeta: from.ObjectMeta, Timestamp: from.Timestamp, Window: from.Window}
		for _, c := range from.Containers {
			to.Containers = append(to.Containers, metricsv1.ContainerMetrics(c))
		}
		items = append(items, to)
	}
	return items, nil
}

func usage(item metricsv1.PodMetrics) PodUsage {
	out := PodUsage{
		Namespace: item.Namespace, Name: item.Name, At: item.Timestamp.UTC(), Window: item.Window.Duration,
		Containers: make([]ContainerUsage, 0, len(item.Containers)),
	}
	for _, c := range item.Containers {
		out.Containers = append(out.Containers, ContainerUsage{
			Name: c.Name, CPUCores: amount(c.Usage, corev1.ResourceCPU), MemoryBytes: amount(c.Usage, corev1.ResourceMemory),
		})
	}
	return out
}

func amount(of corev1.ResourceList, name corev1.ResourceName) float64 {
	q := of[name]
	return q.AsApproximateFloat64()
}

// discover is the version that the cluster serves. The answer is kept: a version
// until it is gone, none for a minute.
func (r *Reader) discover() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.version != "" {
		return r.version, nil
	}
	if now := r.now(); r.looked.IsZero() || now.Sub(r.looked) >= lookAgain {
		for _, gv := range []string{metricsv1.SchemeGroupVersion.String(), metricsv1beta1.SchemeGroupVersion.String()} {
			resources, err := r.client.Discovery().ServerResourcesForGroupVersion(gv)
			if apierrors.IsNotFound(err) {
				continue
			}
			if err != nil {
				return "", fmt.Errorf("look for %s: %w", gv, err)
			}
			if slices.ContainsFunc(resources.APIResources, func(r metav1.APIResource) bool { return r.Name == "pods" }) {
				_, r.version, _ = strings.Cut(gv, "/")
				return r.version, nil
			}
		}
		r.looked = now
	}
	return "", ErrNotServed
}

func (r *Reader) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.version, r.looked = "", time.Time{}
}
