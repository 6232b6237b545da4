package importer

import (
	"fmt"
	"slices"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// notNeeded is said of targets of utilization.
const notNeeded = "is not needed: rightsize forecasts usage and weighs pods against their size by itself"

// Bounds of the fields of Horizontal.
const (
	replicasMost = 100000
	policiesMost = 8
)

func (d *draft) fromHPA() error {
	var s autoscalingv2.HorizontalPodAutoscalerSpec
	hints := map[string]string{"targetCPUUtilizationPercentage": notNeeded}
	if err := d.decode(&s, hints); err != nil {
		return err
	}
	ref := s.ScaleTargetRef
	if err := d.target("spec.scaleTargetRef", ref.APIVersion, ref.Kind, ref.Name); err != nil {
		return err
	}
	for _, name := range []string{"metrics", "behavior"} {
		if _, ok := d.source.Metadata.Annotations["autoscaling.alpha.kubernetes.io/"+name]; ok {
			d.note("metadata.annotations", "autoscaling/v1 keeps %s here, which is not read: import it as autoscaling/v2", name)
		}
	}
	least := int32(1) // The default of the kind.
	if s.MinReplicas != nil {
		least = *s.MinReplicas
	}
	if err := d.replicas("spec.minReplicas", least, "spec.maxReplicas", s.MaxReplicas); err != nil {
		return err
	}
	for i, m := range s.Metrics {
		d.metric(fmt.Sprintf("spec.metrics[%d]", i), m)
	}
	d.behavior("spec.behavior", s.Behavior)
	d.zeroNeedsSignal("spec.minReplicas")
	d.horizontal = d.source.String()
	return nil
}

// replicas sets the bounds of the number of pods.
func (d *draft) replicas(minPath string, least int32, maxPath string, most int32) error {
	kind := d.RightSize.Spec.TargetRef.Kind
	switch {
	case slices.Contains([]string{"DaemonSet", "Job", "CronJob"}, kind):
		return fmt.Errorf("%s: the pods of a %s are not counted: it cannot be scaled", d.source, kind)
	case least < 0 || least > replicasMost:
		return fmt.Errorf("%s: %s: %d is not in 0 to %d", d.source, minPath, least, replicasMost)
	case most < 1 || most > replicasMost:
		return fmt.Errorf("%s: %s: %d is not in 1 to %d", d.source, maxPath, most, replicasMost)
	case least > most:
		return fmt.Errorf("%s: %s: %d is more than %s, %d", d.source, minPath, least, maxPath, most)
	}
	d.RightSize.Spec.Horizontal.MinReplicas = &least
	d.RightSize.Spec.Horizontal.MaxReplicas = most
	return nil
}

// zeroNeedsSignal raises a minimum of 0 where no query could wake the workload.
func (d *draft) zeroNeedsSignal(path string) {
	s := &d.RightSize.Spec
	if *s.Horizontal.MinReplicas > 0 || len(s.Demand.Signals) > 0 {
		return
	}
	*s.Horizontal.MinReplicas = 1
	s.Horizontal.ScaleToZero = v1alpha1.ScaleToZero{}
	d.note(path, "0 became 1: scaling to zero needs a signal of type PromQL, which is still there without pods; add one under demand.signals first")
}

// metric notes what becomes of a metric: none of them names a query.
func (d *draft) metric(path string, m autoscalingv2.MetricSpec) {
	switch {
	case m.Resource != nil:
		d.resourceMetric(path, string(m.Resource.Name), m.Resource.Target)
	case m.ContainerResource != nil:
		d.resourceMetric(path, m.ContainerResource.Container+" "+string(m.ContainerResource.Name), m.ContainerResource.Target)
	case m.Pods != nil:
		d.foreignMetric(path, "pods", m.Pods.Metric, m.Pods.Target)
	case m.Object != nil:
		o := m.Object.DescribedObject
		d.foreignMetric(path, o.Kind+"/"+o.Name, m.Object.Metric, m.Object.Target)
	case m.External != nil:
		d.foreignMetric(path, "external", m.External.Metric, m.External.Target)
	default:
		d.note(path, "type %q is not known and is left out", m.Type)
	}
}

func (d *draft) resourceMetric(path, name string, t autoscalingv2.MetricTarget) {
	if strings.HasSuffix(name, string(corev1.ResourceCPU)) || strings.HasSuffix(name, string(corev1.ResourceMemory)) {
		d.note(path, "the target of %s%s %s", name, goal(t), notNeeded)
		return
	}
	d.note(path, "the target of %s%s has no equivalent and is left out", name, goal(t))
}

func (d *draft) foreignMetric(path, of string, m autoscalingv2.MetricIdentifier, t autoscalingv2.MetricTarget) {
	selector := ""
	if m.Selector != nil {
		selector = "{" + metav1.FormatLabelSelector(m.Selector) + "}"
	}
	d.note(path, "the metric %s%s of %s%s comes from an adapter, which alone knows its query: add that query under demand.signals with type PromQL; no target is needed, what a pod can do is learned",
		m.Name, selector, of, goal(t))
}

// goal words a target.
func goal(t autoscalingv2.MetricTarget) string {
	switch {
	case t.AverageUtilization != nil:
		return fmt.Sprintf(" (%d %%)", *t.AverageUtilization)
	case t.AverageValue != nil:
		return fmt.Sprintf(" (%s a pod)", t.AverageValue)
	case t.Value != nil:
		return fmt.Sprintf(" (%s)", t.Value)
	}
	return ""
}

// behavior takes over the limits word for word.
func (d *draft) behavior(path string, b *autoscalingv2.HorizontalPodAutoscalerBehavior) {
	if b == nil {
		return
	}
	to := &d.RightSize.Spec.Horizontal.Behavior
	to.ScaleUp = d.rules(path+".scaleUp", b.ScaleUp)
	to.ScaleDown = d.rules(path+".scaleDown", b.ScaleDown)
}

func (d *draft) rules(path string, r *autoscalingv2.HPAScalingRules) v1alpha1.ScalingRules {
	var to v1alpha1.ScalingRules
	if r == nil {
		return to
	}
	to.StabilizationWindowSeconds = r.StabilizationWindowSeconds
	if w := to.StabilizationWindowSeconds; w != nil && (*w < 0 || *w > 3600) {
		d.note(path+".stabilizationWindowSeconds", "%d is not in 0 to 3600 and is left out", *w)
		to.StabilizationWindowSeconds = nil
	}
	if r.SelectPolicy != nil {
		switch p := v1alpha1.PolicySelect(*r.SelectPolicy); p {
		case v1alpha1.PolicySelectMax, v1alpha1.PolicySelectMin, v1alpha1.PolicySelectDisabled:
			to.SelectPolicy = p
		default:
			d.note(path+".selectPolicy", "%q is not known and is left out", p)
		}
	}
	if r.Tolerance != nil {
		if r.Tolerance.Sign() >= 0 && r.Tolerance.Cmp(resource.MustParse("1")) <= 0 && len(r.Tolerance.String()) <= 12 {
			to.Tolerance = r.Tolerance
		} else {
			d.note(path+".tolerance", "%s is not in 0 to 1 and is left out", r.Tolerance)
		}
	}
	if to.SelectPolicy == v1alpha1.PolicySelectDisabled {
		if len(r.Policies) > 0 {
			d.note(path+".policies", "left out: selectPolicy Disabled forbids this direction whatever they say")
		}
		return to
	}
	to.Policies = d.policies(path+".policies", r.Policies)
	return to
}

func (d *draft) policies(path string, from []autoscalingv2.HPAScalingPolicy) []v1alpha1.ScalingPolicy {
	var to []v1alpha1.ScalingPolicy
	for i, p := range from {
		at := fmt.Sprintf("%s[%d]", path, i)
		kind := v1alpha1.ScalingPolicyType(p.Type)
		switch {
		case kind != v1alpha1.ScalingPods && kind != v1alpha1.ScalingPercent,
			p.Value < 1 || p.Value > replicasMost, p.PeriodSeconds < 1 || p.PeriodSeconds > 1800:
			d.note(at, "type %q, value %d, periodSeconds %d is out of range and is left out", p.Type, p.Value, p.PeriodSeconds)
		case len(to) == policiesMost:
			d.note(at, "left out: a direction has at most %d policies", policiesMost)
		default:
			to = append(to, v1alpha1.ScalingPolicy{Type: kind, Value: p.Value, PeriodSeconds: p.PeriodSeconds})
		}
	}
	return to
}
