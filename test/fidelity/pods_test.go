package fidelity

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// podName is the name of a simulated pod.
func podName(id int) string { return fmt.Sprintf("app-%d", id) }

// podSpec is that of a simulated pod: one container.
func podSpec(requests recommender.Resources) corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{
		Name: "app", Image: "example.com/app:1",
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU:    *resource.NewMilliQuantity(int64(requests.CPU), resource.DecimalSI),
			corev1.ResourceMemory: *resource.NewQuantity(int64(requests.Memory), resource.BinarySI),
		}},
	}}}
}

// describe is what a policy saw of its pods, for messages.
func describe(o *simulator.Observation) string {
	var b strings.Builder
	for i := range o.Pods {
		p := &o.Pods[i]
		fmt.Fprintf(&b, " [%d:", p.ID)
		switch {
		case p.Pending:
			b.WriteString(" pending")
		case p.Ready:
			fmt.Fprintf(&b, " ready for %v", o.Now.Sub(p.ReadyChanged))
		default:
			fmt.Fprintf(&b, " not ready for %v, bound for %v", o.Now.Sub(p.ReadyChanged), o.Now.Sub(p.Started))
		}
		if p.HasMetrics {
			fmt.Fprintf(&b, ", %.4f of %.3f cores", p.CPUCores, p.Requests.CPU.Cores())
		}
		b.WriteString("]")
	}
	return strings.TrimSpace(b.String())
}
