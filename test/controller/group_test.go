package controller_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/testkit/exporter"
	"github.com/rightsize-dev/rightsize/recommender"
)

// serves gives a Deployment the history of a language model: each of its pods
// answers 2 requests a second at night and 6 at noon, of 1000 tokens in and 200
// out, reads 10,000 tokens a second and takes 20 ms for a step.
func (e *env) serves(t *testing.T, namespace, name string, replicas int) {
	t.Helper()
	to := time.Now().UTC().Truncate(time.Minute)
	from := to.Add(-pastDays * 24 * time.Hour)
	p := exporter.Past{
		App:      &exporter.App{Namespace: namespace, Name: name, Demand: exporter.Steady(0), IdleCPU: 0.5, Memory: 200 << 20},
		Template: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "example/app", Resources: size("1", "1Gi")}}},
		Replicas: replicas, Startup: 20 * time.Second, From: from, To: to, Interval: time.Minute,
	}
	h := p.History()
	day := 2 * math.Pi / (24 * time.Hour).Seconds()
	// Counters are the integrals of rates: 4 - 2 cos a pod.
	requests := func(at time.Time) float64 {
		s := at.Sub(from).Seconds()
		return 4*s - 2*math.Sin(day*s)/day
	}
	now := func(at time.Time) float64 { return 4 - 2*math.Cos(day*at.Sub(from).Seconds()) }
	itl := func(at time.Time) float64 { return 0.02 / (1 - now(at)*1000/10000) }
	// Sums of times, by the minute.
	var sums []float64
	for at, sum := from, 0.0; !at.After(to); at = at.Add(time.Minute) {
		sums = append(sums, sum)
		sum += 60 * 200 * now(at) * itl(at)
	}
	for i := range replicas {
		for n, begin := 0, from; begin.Before(to); n, begin = n+1, begin.Add(24*time.Hour) {
			end := begin.Add(24 * time.Hour)
			labels := []string{"namespace", namespace, "pod", fmt.Sprintf("%s-5c9d7f8b64-d%dp%d", name, n, i), "job", name, "model_name", "m"}
			add := func(metric string, f func(time.Time) float64) {
				h.Add(metric, func(at time.Time) (float64, bool) {
					return f(at), !at.Before(begin) && (at.Before(end) || !end.Before(to))
				}, labels...)
			}
			counter := func(factor float64) func(time.Time) float64 {
				return func(at time.Time) float64 { return factor * (requests(at) - requests(begin)) }
			}
			add("vllm:request_success_total", counter(1))
			add("vllm:prompt_tokens_total", counter(1000))
			add("vllm:generation_tokens_total", counter(200))
			add("vllm:time_per_output_token_seconds_count", counter(200))
			add("vllm:time_per_output_token_seconds_sum", func(at time.Time) float64 {
				return sums[int(at.Sub(from)/time.Minute)] - sums[int(begin.Sub(from)/time.Minute)]
			})
			add("vllm:num_requests_running", func(at time.Time) float64 { return now(at) * 200 * itl(at) })
			add("vllm:num_requests_waiting", func(time.Time) float64 { return 0 })
		}
	}
	e.prometheus.Write(h, from, to, time.Minute)
}

// testGroup: two Deployments serve one model, each with four pods and half of what
// arrives. The cheaper gets all of it but what the least pods of the other carry.
// Alone in its group, one keeps what its own requests take, and says so.
func testGroup(t *testing.T, e *env, ns string) {
	for name, price := range map[string]string{"large": "10", "small": "1"} {
		e.serves(t, ns, name, 4)
		e.deployment(t, ns, name, 4)
		least, q := int32(1), resource.MustParse(price)
		e.create(t, &v1alpha1.RightSize{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
			Spec: v1alpha1.RightSizeSpec{
				TargetRef:  v1alpha1.TargetRef{APIVersion: "apps/v1", Kind: "Deployment", Name: name},
				Horizontal: v1alpha1.Horizontal{MinReplicas: &least, MaxReplicas: 20},
				Vertical:   v1alpha1.Vertical{Mode: v1alpha1.SizingFixed},
				Objective: v1alpha1.Objective{
					Type: v1alpha1.ObjectiveInference, Inference: v1alpha1.InferenceObjective{InterTokenLatencyMilliseconds: 60},
				},
				Demand: v1alpha1.Demand{Group: "llama"},
				Accelerators: v1alpha1.Accelerators{Profiles: []v1alpha1.AcceleratorProfile{{
					Name: name, Type: v1alpha1.AcceleratorExtendedResource, PricePerHour: &q,
					ExtendedResource: v1alpha1.ExtendedResource{Container: "app", Name: "nvidia.com/gpu", Count: 1},
				}}},
			},
		})
	}
	e.run(t, "rightsize", ns)
	// 16 requests a second, of which a pod carries 5.7 to 6: it takes three.
	for name, want := range map[string]int32{"large": 1, "small": 2} {
		rs := e.await(t, ns, name, "recommended", recommended)
		shared := slices.ContainsFunc(rs.Status.Reasons, func(r v1alpha1.Reason) bool { return r.Code == string(recommender.ReasonVariants) })
		if got := *rs.Status.Recommendation.Replicas; got != want || !shared {
			t.Errorf("%s: %d pods, want %d; reasons %v", name, got, want, rs.Status.Reasons)
		}
		if now := rs.Status.Forecast.Now; now == nil || math.Abs(now.AsApproximateFloat64()-16) > 1 {
			t.Errorf("%s: the demand is %v, want that of both, 16", name, now)
		}
	}
	large := &v1alpha1.RightSize{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "large"}}
	e.edit(t, large, func() { large.Spec.Demand.Group = "other" })
	e.await(t, ns, "large", "alone", func(rs *v1alpha1.RightSize) bool {
		return recommended(rs) && rs.Status.ObservedGeneration == rs.Generation && *rs.Status.Recommendation.Replicas == 2 &&
			strings.Contains(condition(rs, v1alpha1.ConditionRecommendationAvailable), "demand.group")
	})
}

// condition is the message of a condition.
func condition(rs *v1alpha1.RightSize, kind string) string {
	for _, c := range rs.Status.Conditions {
		if c.Type == kind {
			return c.Message
		}
	}
	return ""
}
