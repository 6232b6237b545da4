package chart_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// BenchmarkAdmission is what the policy adds to the creation of a pod that fits
// the last of this many RightSizes in its namespace.
func BenchmarkAdmission(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("rightsizes=%d", n), func(b *testing.B) {
			c := newPolicyContext(b, "")
			var rightsizes []map[string]any
			for i := range n {
				name := fmt.Sprintf("w%d", i)
				if i == n-1 {
					name = "web"
				}
				rightsizes = append(rightsizes, unmarshal(b, fmt.Sprintf(`
metadata: {name: %[1]s}
spec: {mode: Apply, targetRef: {apiVersion: apps/v1, kind: Deployment, name: %[1]s}}
status: {recommendation: {containers: [{name: app, requests: {cpu: 300m, memory: 512Mi}, limits: {memory: 512Mi}}]}}
`, name)))
			}
			var pod corev1.Pod
			decode(b, fmt.Appendf(nil, webPod, "{requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 1Gi}}"), &pod)
			create(b, c, "shop", rightsizes, pod.DeepCopy())
			b.ResetTimer()
			for b.Loop() {
				p := pod.DeepCopy()
				create(b, c, "shop", nil, p)
				if p.Annotations["rightsize.dev/sized-by"] != "web" {
					b.Fatal("not sized")
				}
			}
		})
	}
}
