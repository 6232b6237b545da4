// Package exporter serves the metrics of a cluster for tests, over HTTP and by
// the library that exporters use: what cAdvisor and the pods themselves tell
// about the pods that are really there, at the sizes that they really have,
// under a demand that the test decides; and what kube-state-metrics tells
// about the objects of the API server, under its names and labels.
//
// Only tests import it.
package exporter

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"

	server "github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
)

// Exporter is one that serves.
type Exporter struct {
	// Address is host:port.
	Address string
	// Killed is called for a container that needed more memory than its limit;
	// nil if nobody kills. It may not block.
	Killed func(pod *corev1.Pod, container string)

	factory informers.SharedInformerFactory
	pods    listers.PodLister

	mu   sync.Mutex
	apps map[types.NamespacedName]*App
	all  map[types.UID]*state
	last time.Time
}

// Start serves until the test ends.
func Start(t testing.TB, client kubernetes.Interface) *Exporter {
	t.Helper()
	e := &Exporter{
		factory: informers.NewSharedInformerFactory(client, 0),
		apps:    map[types.NamespacedName]*App{}, all: map[types.UID]*state{},
	}
	e.pods = e.factory.Core().V1().Pods().Lister()
	state := newObjects(e.factory)
	stop := make(chan struct{})
	e.factory.Start(stop)
	for kind, ok := range e.factory.WaitForCacheSync(stop) {
		if !ok {
			t.Fatalf("exporter: %v are not listed", kind)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e.Address = listener.Addr().String()
	mux := http.NewServeMux()
	for path, c := range map[string]prometheus.Collector{
		pathUsage: collectorFunc(e.usage), pathRequests: collectorFunc(e.requests), pathState: collectorFunc(state.collect),
	} {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(c)
		mux.Handle("GET "+path, promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true}))
	}
	web := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	t.Cleanup(func() {
		_ = web.Close() // What the listener says is of no use now.
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("exporter: %v", err)
		}
		close(stop)
		e.factory.Shutdown()
	})
	return e
}

// Paths of the metrics: what cAdvisor, the applications and kube-state-metrics
// tell.
const (
	pathUsage    = "/metrics/cadvisor"
	pathRequests = "/metrics/requests"
	pathState    = "/metrics/state"
)

// Targets are what there is to scrape.
func (e *Exporter) Targets() []server.Target {
	return []server.Target{
		{Job: "kubelet", Address: e.Address, Path: pathUsage},
		{Job: "apps", Address: e.Address, Path: pathRequests},
		{Job: "kube-state-metrics", Address: e.Address, Path: pathState},
	}
}

// Set says what the pods of apps do from now on.
func (e *Exporter) Set(apps ...*App) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
	for _, a := range apps {
		e.apps[types.NamespacedName{Namespace: a.Namespace, Name: a.Name}] = a
	}
}

// advance lets the time pass since it was last called.
func (e *Exporter) advance() {
	now := time.Now()
	d := now.Sub(e.last)
	if e.last.IsZero() {
		d = 0
	}
	e.last = now
	all, err := e.pods.List(labels.Everything())
	if err != nil {
		panic(err) // An index in memory.
	}
	byApp := map[*App][]*state{}
	seen := make(map[types.UID]*state, len(all))
	for _, pod := range all {
		a := e.app(pod)
		if a == nil || pod.Spec.NodeName == "" || pod.Status.Phase != corev1.PodRunning {
			continue
		}
		s := e.all[key(pod)]
		if s == nil {
			s = &state{}
		}
		s.pod = pod
		seen[key(pod)] = s
		byApp[a] = append(byApp[a], s)
	}
	e.all = seen // Pods that are gone leave nothing.
	for a, pods := range byApp {
		e.advanceApp(a, pods, d, now)
	}
}

func (e *Exporter) advanceApp(a *App, pods []*state, d time.Duration, now time.Time) {
	ready := 0
	for _, s := range pods {
		if isReady(s.pod) {
			ready++
		}
	}
	demand := a.Demand(now)
	for _, s := range pods {
		rate := 0.0
		if isReady(s.pod) {
			rate = demand / float64(ready)
		}
		for _, container := range s.advance(a, rate, d, now) {
			if e.Killed != nil {
				e.Killed(s.pod, container)
			}
		}
	}
}

// app is what a pod does; nil if the test has not said.
func (e *Exporter) app(pod *corev1.Pod) *App {
	return e.apps[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Labels[LabelApp]}]
}
