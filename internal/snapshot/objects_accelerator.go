package snapshot

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

// ExpectEngine lays what the RightSize says of the accelerator that the pods have
// over a policy, for the history to be read by: until metrics tell how fast the
// engine of a language model is, it is as fast as that. Where no pod says which
// it is, a profile that is the only one is it.
func ExpectEngine(p *recommender.Policy, o Objects) {
	if o.RightSize == nil || len(p.Accelerators) == 0 {
		return
	}
	name := ""
	if pod := o.asked(o.alive()); pod != nil {
		name = o.profileOf(pod)
	} else if pod := o.template(); pod != nil {
		name = o.profileOf(pod)
	}
	for _, a := range p.Accelerators {
		if a.Name == name || len(p.Accelerators) == 1 && name == "" {
			p.EnginePrior = a.Serving
		}
	}
}

// profileOf is the name of the profile that a pod has: by the amount of a resource
// that the container named has, or by the template of the claim named; empty where
// it has none.
func (o *Objects) profileOf(p *corev1.Pod) string {
	if o.RightSize == nil {
		return ""
	}
	for _, profile := range o.RightSize.Spec.Accelerators.Profiles {
		has := false
		switch profile.Type {
		case v1alpha1.AcceleratorExtendedResource:
			has = hasResource(p, profile.ExtendedResource)
		case v1alpha1.AcceleratorResourceClaim:
			has = hasClaim(p, profile.ResourceClaim)
		}
		if has {
			return profile.Name
		}
	}
	return ""
}

func hasResource(p *corev1.Pod, r v1alpha1.ExtendedResource) bool {
	for _, c := range running(p) {
		if q, ok := c.Resources.Limits[corev1.ResourceName(r.Name)]; ok && c.Name == r.Container {
			return q.Value() == int64(r.Count)
		}
	}
	return false
}

func hasClaim(p *corev1.Pod, r v1alpha1.ResourceClaim) bool {
	for _, c := range p.Spec.ResourceClaims {
		if c.Name == r.Name {
			return c.ResourceClaimTemplateName != nil && *c.ResourceClaimTemplateName == r.TemplateName
		}
	}
	return false
}
