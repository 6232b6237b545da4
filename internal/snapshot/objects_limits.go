package snapshot

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/rightsize-dev/rightsize/recommender"
)

// quotas are the ResourceQuotas whose scopes take in a pod, as their status has
// them. Lines that nothing here is measured by are left out.
func (o *Objects) quotas(pod *corev1.Pod) []recommender.Quota {
	var out []recommender.Quota
	for _, q := range o.Quotas {
		if !inQuota(q, pod) {
			continue
		}
		hard := q.Status.Hard
		if hard == nil {
			hard = q.Spec.Hard // Its controller has not looked at it yet.
		}
		one := recommender.Quota{Name: q.Name}
		for name, limit := range hard {
			if r, of := quotaResource(name); r != "" {
				used := q.Status.Used[name]
				one.Items = append(one.Items, recommender.QuotaLimit{Resource: r, Hard: of(limit), Used: of(used)})
			}
		}
		slices.SortFunc(one.Items, func(a, b recommender.QuotaLimit) int {
			return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Hard, b.Hard), cmp.Compare(a.Used, b.Used))
		})
		if len(one.Items) > 0 {
			out = append(out, one)
		}
	}
	slices.SortFunc(out, func(a, b recommender.Quota) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// quotaResource is what a line of a quota counts, and how its amounts are read;
// empty for what is not understood.
func quotaResource(name corev1.ResourceName) (recommender.QuotaResource, func(resource.Quantity) int64) {
	milli := func(q resource.Quantity) int64 { return q.MilliValue() }
	whole := func(q resource.Quantity) int64 { return q.Value() }
	lines := map[corev1.ResourceName]recommender.QuotaResource{
		corev1.ResourceCPU: recommender.QuotaRequestsCPU, corev1.ResourceRequestsCPU: recommender.QuotaRequestsCPU,
		corev1.ResourceMemory: recommender.QuotaRequestsMemory, corev1.ResourceRequestsMemory: recommender.QuotaRequestsMemory,
		corev1.ResourceLimitsCPU: recommender.QuotaLimitsCPU, corev1.ResourceLimitsMemory: recommender.QuotaLimitsMemory,
		corev1.ResourcePods: recommender.QuotaPods, "count/pods": recommender.QuotaPods,
	}
	switch r := lines[name]; r {
	case recommender.QuotaRequestsCPU, recommender.QuotaLimitsCPU:
		return r, milli
	case recommender.QuotaRequestsMemory, recommender.QuotaLimitsMemory, recommender.QuotaPods, recommender.QuotaGPUs:
		return r, whole
	}
	for _, gpu := range gpuResources() {
		if name == corev1.DefaultResourceRequestsPrefix+gpu {
			return recommender.QuotaGPUs, whole
		}
	}
	return "", nil
}

// inQuota says whether all scopes of a quota take in a pod. One with a scope that
// is not known here is left out, as is one that is about what a pod has not.
func inQuota(q *corev1.ResourceQuota, pod *corev1.Pod) bool {
	var selectors []corev1.ScopedResourceSelectorRequirement
	for _, s := range q.Spec.Scopes {
		selectors = append(selectors, corev1.ScopedResourceSelectorRequirement{ScopeName: s, Operator: corev1.ScopeSelectorOpExists})
	}
	if q.Spec.ScopeSelector != nil {
		selectors = append(selectors, q.Spec.ScopeSelector.MatchExpressions...)
	}
	return !slices.ContainsFunc(selectors, func(s corev1.ScopedResourceSelectorRequirement) bool { return !inScope(s, pod) })
}

func inScope(s corev1.ScopedResourceSelectorRequirement, pod *corev1.Pod) bool {
	if pod == nil {
		return false
	}
	terminating := pod.Spec.ActiveDeadlineSeconds != nil
	switch s.ScopeName {
	case corev1.ResourceQuotaScopeTerminating:
		return terminating
	case corev1.ResourceQuotaScopeNotTerminating:
		return !terminating
	case corev1.ResourceQuotaScopeBestEffort:
		return bestEffort(pod)
	case corev1.ResourceQuotaScopeNotBestEffort:
		return !bestEffort(pod)
	case corev1.ResourceQuotaScopePriorityClass:
		class := pod.Spec.PriorityClassName
		switch s.Operator {
		case corev1.ScopeSelectorOpExists:
			return class != ""
		case corev1.ScopeSelectorOpDoesNotExist:
			return class == ""
		case corev1.ScopeSelectorOpIn:
			return slices.Contains(s.Values, class)
		case corev1.ScopeSelectorOpNotIn:
			return !slices.Contains(s.Values, class)
		}
	case corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return crossesNamespaces(pod)
	case corev1.ResourceQuotaScopeVolumeAttributesClass:
		return false // Of claims.
	}
	return false
}

// bestEffort says that no container of a pod has any request or limit.
func bestEffort(pod *corev1.Pod) bool {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass == corev1.PodQOSBestEffort
	}
	set := func(c corev1.Container) bool {
		return sizeOf(c.Resources.Requests) != recommender.Resources{} || sizeOf(c.Resources.Limits) != recommender.Resources{}
	}
	return !slices.ContainsFunc(pod.Spec.Containers, set) && !slices.ContainsFunc(pod.Spec.InitContainers, set)
}

// crossesNamespaces says that an affinity of a pod looks at others than its own.
func crossesNamespaces(pod *corev1.Pod) bool {
	a := pod.Spec.Affinity
	if a == nil {
		return false
	}
	var terms []corev1.PodAffinityTerm
	add := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
		terms = append(terms, required...)
		for _, p := range preferred {
			terms = append(terms, p.PodAffinityTerm)
		}
	}
	if p := a.PodAffinity; p != nil {
		add(p.RequiredDuringSchedulingIgnoredDuringExecution, p.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if p := a.PodAntiAffinity; p != nil {
		add(p.RequiredDuringSchedulingIgnoredDuringExecution, p.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return slices.ContainsFunc(terms, func(t corev1.PodAffinityTerm) bool { return len(t.Namespaces) > 0 || t.NamespaceSelector != nil })
}

// limitRanges are the items about containers and pods, in the order of their
// names.
func (o *Objects) limitRanges() []recommender.LimitRange {
	var out []recommender.LimitRange
	for _, l := range o.LimitRanges {
		for _, item := range l.Spec.Limits {
			var kind recommender.LimitRangeType
			switch item.Type {
			case corev1.LimitTypeContainer:
				kind = recommender.LimitRangeContainer
			case corev1.LimitTypePod:
				kind = recommender.LimitRangePod
			case corev1.LimitTypePersistentVolumeClaim:
				continue
			default:
				continue
			}
			out = append(out, recommender.LimitRange{
				Name: l.Name, Type: kind, Min: sizeOf(item.Min), Max: sizeOf(item.Max), Default: sizeOf(item.Default), DefaultRequest: sizeOf(item.DefaultRequest),
				MaxLimitRequestRatioCPU:    item.MaxLimitRequestRatio.Cpu().AsApproximateFloat64(),
				MaxLimitRequestRatioMemory: item.MaxLimitRequestRatio.Memory().AsApproximateFloat64(),
			})
		}
	}
	slices.SortStableFunc(out, func(a, b recommender.LimitRange) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// budgets are the PodDisruptionBudgets that select the pods.
func (o *Objects) budgets() []*policyv1.PodDisruptionBudget {
	pod := o.template()
	if pod == nil {
		return nil
	}
	var out []*policyv1.PodDisruptionBudget
	for _, b := range o.PDBs {
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil || b.Spec.Selector == nil || !selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b *policyv1.PodDisruptionBudget) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// floor is the strictest of the budgets as a floor of the number of pods, for a
// decision: nil where every number of pods lets one be evicted. One that lets a
// number of them be unavailable, or a share, which is rounded up, does so.
func floor(budgets []*policyv1.PodDisruptionBudget) *recommender.DisruptionBudget {
	var out *recommender.DisruptionBudget
	for _, b := range budgets {
		one := recommender.DisruptionBudget{Name: b.Name}
		switch {
		case b.Spec.MaxUnavailable != nil && intstrValue(b.Spec.MaxUnavailable) > 0:
			continue
		case b.Spec.MinAvailable == nil:
			one.MinAvailablePercent = 100 // Where neither is given, too, none may be evicted.
		case b.Spec.MinAvailable.Type == intstr.Int:
			one.MinAvailable = b.Spec.MinAvailable.IntValue()
		default:
			one.MinAvailablePercent = float64(intstrValue(b.Spec.MinAvailable))
		}
		if out == nil || one.MinAvailablePercent > out.MinAvailablePercent || one.MinAvailable > out.MinAvailable {
			out = &one
		}
	}
	return out
}

// stays is the strictest of the budgets as the number of pods of n that have to
// be available now, for a plan; nil where there is none.
func stays(budgets []*policyv1.PodDisruptionBudget, n int) *recommender.DisruptionBudget {
	var out *recommender.DisruptionBudget
	for _, b := range budgets {
		least := n
		switch {
		case b.Spec.MaxUnavailable != nil:
			least = n - scaled(b.Spec.MaxUnavailable, n)
		case b.Spec.MinAvailable != nil:
			least = scaled(b.Spec.MinAvailable, n)
		}
		if out == nil || least > out.MinAvailable {
			out = &recommender.DisruptionBudget{Name: b.Name, MinAvailable: max(0, least)}
		}
	}
	return out
}

// scaled is a number of pods of n, a share of them rounded up, as the controller
// of PodDisruptionBudgets does in both directions. What cannot be read is all.
func scaled(v *intstr.IntOrString, n int) int {
	out, err := intstr.GetScaledValueFromIntOrPercent(v, n, true)
	if err != nil {
		return n
	}
	return out
}

// intstrValue is a number, or the number of percent.
func intstrValue(v *intstr.IntOrString) int {
	if v.Type == intstr.Int {
		return v.IntValue()
	}
	var percent int
	if _, err := fmt.Sscanf(v.StrVal, "%d%%", &percent); err != nil {
		return 0
	}
	return max(0, min(percent, math.MaxInt32))
}

// spread is how the pods spread over zones: nil where they need not. The zones
// are those of the nodes on which the pod may be scheduled.
func (o *Objects) spread(pod *corev1.Pod) *recommender.Spread {
	if pod == nil {
		return nil
	}
	for _, c := range pod.Spec.TopologySpreadConstraints {
		if c.TopologyKey != corev1.LabelTopologyZone {
			continue
		}
		hard := c.WhenUnsatisfiable == corev1.DoNotSchedule && c.MinDomains != nil
		if hard {
			return &recommender.Spread{Zones: int(*c.MinDomains), Hard: true}
		}
		zones := o.zones(pod)
		if zones < 2 {
			return nil
		}
		return &recommender.Spread{Zones: zones}
	}
	return nil
}
