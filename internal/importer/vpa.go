package importer

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// containersMost is how many container policies a RightSize has.
const containersMost = 16

// reference names a workload.
type reference struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
}

// vpaSpec is what has an equivalent of the spec of autoscaling.k8s.io/v1,
// VerticalPodAutoscaler.
type vpaSpec struct {
	TargetRef    reference `json:"targetRef"`
	UpdatePolicy struct {
		UpdateMode string `json:"updateMode"`
	} `json:"updatePolicy"`
	ResourcePolicy struct {
		ContainerPolicies []vpaContainer `json:"containerPolicies"`
	} `json:"resourcePolicy"`
}

type vpaContainer struct {
	ContainerName       string                       `json:"containerName"`
	Mode                string                       `json:"mode"`
	MinAllowed          map[string]resource.Quantity `json:"minAllowed"`
	MaxAllowed          map[string]resource.Quantity `json:"maxAllowed"`
	ControlledResources *[]string                    `json:"controlledResources"`
	ControlledValues    string                       `json:"controlledValues"`
}

func (d *draft) fromVPA() error {
	var s vpaSpec
	err := d.decode(&s, map[string]string{
		"recommenders":         "left out: rightsize recommends by itself",
		"minReplicas":          "has no equivalent and is left out: evictions keep to PodDisruptionBudgets, and apply.canaryPods bounds the first step",
		"evictionRequirements": "has no equivalent and is left out; schedule.windows says when pods may be evicted",
		"startupBoost":         "has no equivalent number: see vertical.containers[].startupBoost, which learns how much and how long",
		"oomBumpUpRatio":       "left out: how far memory is raised after an OOM kill is not set by container",
		"oomMinBumpUp":         "left out: how far memory is raised after an OOM kill is not set by container",
	})
	if err != nil {
		return err
	}
	if err := d.target("spec.targetRef", s.TargetRef.APIVersion, s.TargetRef.Kind, s.TargetRef.Name); err != nil {
		return err
	}
	d.updateMode(s.UpdatePolicy.UpdateMode)
	d.RightSize.Spec.Vertical.Mode = v1alpha1.SizingAuto
	for i, c := range s.ResourcePolicy.ContainerPolicies {
		if err := d.container(fmt.Sprintf("spec.resourcePolicy.containerPolicies[%d]", i), c); err != nil {
			return err
		}
	}
	d.vertical = d.source.String()
	return nil
}

// updateMode notes which mode would go on with what the VPA did.
func (d *draft) updateMode(mode string) {
	const path = "spec.updatePolicy.updateMode"
	was := mode
	if mode == "" {
		was = "unset, which is Auto"
	}
	switch mode {
	case "Off":
		d.note(path, "it was Off, which is what mode DryRun does")
	case "Initial":
		d.note(path, "it was Initial: set mode Initial for the same")
	case "", "Auto", "Recreate", "InPlaceOrRecreate":
		d.RightSize.Spec.Apply.Method = v1alpha1.ApplyInPlaceOrEvict
		d.note(path, "it was %s: set mode Apply for the same; running pods are then resized in place, and evicted only where that is not possible", was)
	case "InPlace":
		d.RightSize.Spec.Apply.Method = v1alpha1.ApplyInPlace
		d.note(path, "it was InPlace: set mode Apply for the same")
	default:
		d.note(path, "%q is not known and is left out", mode)
	}
}

func (d *draft) container(path string, c vpaContainer) error {
	all := &d.RightSize.Spec.Vertical.Containers
	switch {
	case !regexp.MustCompile(`^(\*|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$`).MatchString(c.ContainerName):
		return fmt.Errorf("%s: %s.containerName: %q names no container", d.source, path, c.ContainerName)
	case slices.ContainsFunc(*all, func(p v1alpha1.ContainerPolicy) bool { return p.Name == c.ContainerName }):
		d.note(path, "left out: container %q has a policy already", c.ContainerName)
		return nil
	case len(*all) == containersMost:
		d.note(path, "left out: a RightSize has at most %d container policies", containersMost)
		return nil
	}
	to := v1alpha1.ContainerPolicy{Name: c.ContainerName}
	controlled := []string{"cpu", "memory"}
	if c.ControlledResources != nil {
		controlled = *c.ControlledResources
	}
	if c.Mode != "" && c.Mode != "Auto" && c.Mode != "Off" {
		return fmt.Errorf("%s: %s.mode: %q is neither Auto nor Off", d.source, path, c.Mode)
	}
	if c.Mode == "Off" || !slices.Contains(controlled, "cpu") && !slices.Contains(controlled, "memory") {
		to.Mode = v1alpha1.SizingFixed
		if len(c.MinAllowed)+len(c.MaxAllowed) > 0 || c.ControlledValues != "" {
			d.note(path, "its bounds are left out: container %q is not sized", c.ContainerName)
		}
		*all = append(*all, to)
		return nil
	}
	for _, name := range controlled {
		if name != "cpu" && name != "memory" {
			d.note(path+".controlledResources", "%q is left out: CPU and memory are sized", name)
		}
	}
	limit := d.limit(path+".controlledValues", c.ControlledValues)
	cpu, cpuErr := d.bounds(path, "cpu", c, controlled)
	memory, memoryErr := d.bounds(path, "memory", c, controlled)
	to.CPU = v1alpha1.CPUPolicy{Mode: cpu.mode, MinAllowed: cpu.least, MaxAllowed: cpu.most}
	to.Memory = v1alpha1.MemoryPolicy{Mode: memory.mode, MinAllowed: memory.least, MaxAllowed: memory.most}
	if cpu.mode == "" {
		to.CPU.Limit = limit
	}
	if memory.mode == "" {
		to.Memory.Limit = limit
	}
	d.otherResources(path+".minAllowed", c.MinAllowed)
	d.otherResources(path+".maxAllowed", c.MaxAllowed)
	*all = append(*all, to)
	return cmp.Or(cpuErr, memoryErr)
}

// allowed is what one resource of a container may be.
type allowed struct {
	mode        v1alpha1.SizingMode
	least, most *resource.Quantity
}

// bounds reads what one resource of a container may be.
func (d *draft) bounds(path, name string, c vpaContainer, controlled []string) (allowed, error) {
	var a allowed
	for _, b := range []struct {
		field string
		from  map[string]resource.Quantity
		to    **resource.Quantity
	}{{"minAllowed", c.MinAllowed, &a.least}, {"maxAllowed", c.MaxAllowed, &a.most}} {
		q, ok := b.from[name]
		at := path + "." + b.field + "." + name
		switch {
		case !ok:
		case !slices.Contains(controlled, name):
			d.note(at, "left out: it is not among the controlledResources")
		case q.Sign() <= 0 || len(q.String()) > 16:
			d.note(at, "%s is no bound and is left out", q.String())
		default:
			*b.to = &q
		}
	}
	if !slices.Contains(controlled, name) {
		a.mode = v1alpha1.SizingFixed
	}
	if a.least != nil && a.most != nil && a.least.Cmp(*a.most) > 0 {
		return a, fmt.Errorf("%s: %s.minAllowed.%s: %s is more than maxAllowed, %s", d.source, path, name, a.least, a.most)
	}
	return a, nil
}

// otherResources notes bounds of what is neither CPU nor memory.
func (d *draft) otherResources(path string, bounds map[string]resource.Quantity) {
	for _, name := range slices.Sorted(maps.Keys(bounds)) {
		if name != "cpu" && name != "memory" {
			d.note(path+"."+name, "left out: CPU and memory are sized")
		}
	}
}

// limit is the policy that does what controlledValues did. Unset stays unset:
// the cluster-wide setting, else the ratio of the template, which is what the
// VPA does too.
func (d *draft) limit(path, values string) v1alpha1.LimitPolicy {
	switch values {
	case "":
	case "RequestsAndLimits":
		return v1alpha1.LimitPolicy{Type: v1alpha1.LimitRatio}
	case "RequestsOnly":
		d.note(path, "RequestsOnly became limits of type None: a limit of the template is not kept as it is, but raised where it would bind")
		return v1alpha1.LimitPolicy{Type: v1alpha1.LimitNone}
	default:
		d.note(path, "%q is not known and is left out", values)
	}
	return v1alpha1.LimitPolicy{}
}
