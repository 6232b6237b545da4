// Package metricsapi serves metrics.k8s.io for tests, in the place of
// metrics-server: what each pod used is what the test says.
package metricsapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/rightsize-dev/rightsize/internal/testkit/controlplane"
)

// Usage is what metrics say of a pod with one container.
type Usage struct {
	Namespace, Pod, Container string
	// At is the end of the window that the amounts are averages of; the API
	// cuts it to whole seconds.
	At     time.Time
	Window time.Duration
	// CPUCores are cut to whole nanocores, and MemoryBytes to whole bytes, as
	// metrics-server does.
	CPUCores    float64
	MemoryBytes float64
}

// Source is asked for the pods of a namespace, or of all if it is empty, each
// time somebody asks the API. The answer may take its time; an error becomes
// one of the API.
type Source func(ctx context.Context, namespace string) ([]Usage, error)

// Serve has the control plane serve metrics.k8s.io/v1beta1. Selectors are not
// looked at: whoever asks gets all pods of the namespace.
func Serve(c *controlplane.ControlPlane, source Source) { ServeVersion(c, "v1beta1", source) }

// ServeVersion is [Serve] for a version of the API; all have the same fields.
func ServeVersion(c *controlplane.ControlPlane, version string, source Source) {
	gv := schema.GroupVersion{Group: "metrics.k8s.io", Version: version}
	pods := metav1.APIResource{Name: "pods", Namespaced: true, Kind: "PodMetrics", Verbs: metav1.Verbs{"get", "list"}}
	c.Aggregate(gv, []metav1.APIResource{pods}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The path is /apis/metrics.k8s.io/VERSION[/namespaces/NAME]/pods.
		namespace := ""
		if parts := strings.Split(r.URL.Path, "/"); len(parts) > 5 && parts[4] == "namespaces" {
			namespace = parts[5]
		}
		usages, err := source(r.Context(), namespace)
		if err != nil {
			controlplane.WriteJSON(w, http.StatusServiceUnavailable, metav1.Status{
				TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
				Code: http.StatusServiceUnavailable, Reason: metav1.StatusReasonServiceUnavailable, Message: err.Error(),
			})
			return
		}
		list := metricsv1beta1.PodMetricsList{TypeMeta: metav1.TypeMeta{Kind: "PodMetricsList", APIVersion: gv.String()}}
		for _, u := range usages {
			list.Items = append(list.Items, u.podMetrics())
		}
		controlplane.WriteJSON(w, http.StatusOK, list)
	}))
}

func (u Usage) podMetrics() metricsv1beta1.PodMetrics {
	return metricsv1beta1.PodMetrics{
		ObjectMeta: metav1.ObjectMeta{Namespace: u.Namespace, Name: u.Pod},
		Timestamp:  metav1.NewTime(u.At), Window: metav1.Duration{Duration: u.Window},
		Containers: []metricsv1beta1.ContainerMetrics{{
			Name: u.Container,
			Usage: corev1.ResourceList{
				corev1.ResourceCPU:    *resource.NewScaledQuantity(int64(u.CPUCores*1e9), resource.Nano),
				corev1.ResourceMemory: *resource.NewQuantity(int64(u.MemoryBytes), resource.BinarySI),
			},
		}},
	}
}
