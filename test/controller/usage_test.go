package controller_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	testmetrics "github.com/rightsize-dev/rightsize/internal/testkit/metricsapi"
)

// testUsage: a surge that metrics.k8s.io shows, and Prometheus has not scraped,
// is answered at once; so is one while Prometheus does not answer at all. What is
// less then lowers nothing.
func testUsage(t *testing.T, e *env, ns string) {
	var cores atomic.Int64 // In thousandths, of each pod.
	cores.Store(260)
	testmetrics.Serve(e.ControlPlane, func(_ context.Context, namespace string) ([]testmetrics.Usage, error) {
		if namespace != ns { // Other programs look at theirs.
			return nil, nil
		}
		c := cores.Load()
		var out []testmetrics.Usage
		for _, pod := range []string{"web-abc-0", "web-abc-1", "stranger"} {
			out = append(out, testmetrics.Usage{
				Namespace: ns, Pod: pod, Container: "app", At: time.Now(), Window: 15 * time.Second, CPUCores: float64(c) / 1000, MemoryBytes: 200 << 20,
			})
		}
		return out, nil
	})
	var down atomic.Bool
	to, err := url.Parse(e.prometheus.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(gate.Close)
	e.past(t, ns, "web", 2)
	e.deployment(t, ns, "web", 2)
	e.rightSize(t, ns, "web", "web", v1alpha1.ModeDryRun)
	e.runAs(t, how{url: gate.URL}, "rightsize", ns, "--pulse-interval=1s")
	total := func(rs *v1alpha1.RightSize) float64 {
		if len(rs.Status.Recommendation.Containers) == 0 || rs.Status.Recommendation.Replicas == nil {
			return 0
		}
		return float64(*rs.Status.Recommendation.Replicas) * rs.Status.Recommendation.Containers[0].Requests.CPU.AsApproximateFloat64()
	}
	first := total(e.await(t, ns, "web", "recommended", recommended))

	cores.Store(900)
	began := time.Now()
	raised := total(e.await(t, ns, "web", "raised", func(rs *v1alpha1.RightSize) bool { return total(rs) > 1.5*first }))
	if took := time.Since(began); took > 15*time.Second { // A round, which would look at it as well, comes each minute.
		t.Errorf("the surge was answered after %s", took)
	}
	t.Logf("%g cores, and %g from %s after the surge", first, raised, time.Since(began))

	cores.Store(260)
	down.Store(true)
	stale := func(rs *v1alpha1.RightSize) bool {
		return has(rs, v1alpha1.ConditionRecommendationAvailable, metav1.ConditionFalse, v1alpha1.ReasonSourceUnavailable)
	}
	time.Sleep(soon) // The next round comes within a minute, and half of one is forgiven.
	before := total(e.await(t, ns, "web", "without Prometheus", stale))
	cores.Store(6000)
	rs := e.await(t, ns, "web", "raised without Prometheus", func(rs *v1alpha1.RightSize) bool { return total(rs) > 1.2*before })
	told := false
	for _, c := range rs.Status.Conditions {
		told = told || c.Type == v1alpha1.ConditionRecommendationAvailable && strings.HasPrefix(c.Message, "raised by metrics.k8s.io, lowered by nothing")
	}
	if !told {
		t.Errorf("nothing is said of it: %v", rs.Status.Conditions)
	}
	high := total(rs)
	cores.Store(10)
	e.touch(t, ns)
	time.Sleep(5 * time.Second)
	if now := total(e.await(t, ns, "web", "there", func(*v1alpha1.RightSize) bool { return true })); now < high {
		t.Errorf("%s cores became %g", resource.NewMilliQuantity(int64(1000*high), resource.DecimalSI), now)
	}
}
