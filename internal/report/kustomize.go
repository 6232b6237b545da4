package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/recommender"
)

// Kustomize writes one strategic merge patch per workload that would change:
// the requests and limits of containers, and the number of replicas where that
// changes, too. It is one YAML stream for the patches field of a
// kustomization. Kinds whose pod template is not known are left out with a
// comment.
func Kustomize(w io.Writer, r Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# rightsize %s, decided for %s\n", printable(r.Version), timeText(r.At))
	b.WriteString("# In kustomization.yaml:\n#   patches:\n#     - path: rightsize-patches.yaml\n")
	patches := 0
	for _, item := range r.Items {
		d := item.Decision
		if !changes(d) {
			continue
		}
		patch, ok := kustomizePatch(d)
		if !ok {
			fmt.Fprintf(&b, "# %s is left out: where a %s has its containers is not known\n",
				printable(d.Workload.String()), printable(d.Workload.Kind))
			continue
		}
		text, err := yaml.Marshal(patch)
		if err != nil {
			return fmt.Errorf("write patch of %s: %w", d.Workload, err)
		}
		fmt.Fprintf(&b, "---\n%s%s", kustomizeComment(d), text)
		patches++
	}
	if patches == 0 {
		b.WriteString("# Nothing would change.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// kustomizeComment says why, so that a reviewer need not look elsewhere.
func kustomizeComment(d recommender.Decision) string {
	var b strings.Builder
	if d.Workload.Cluster != "" {
		fmt.Fprintf(&b, "# cluster %s\n", printable(d.Workload.Cluster))
	}
	for _, c := range d.Containers {
		if main, ok := mainReason(d, c.Name); ok && c.Target != c.Requests {
			fmt.Fprintf(&b, "# %s: %s\n", printable(c.Name), reasonText(main))
		}
	}
	return b.String()
}

// templatePath says which API a kind belongs to and where its pods' spec is.
func templatePath(kind string) (apiVersion string, path []string) {
	template := []string{"spec", "template", "spec"}
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
		return "apps/v1", template
	case "ReplicationController":
		return "v1", template
	case "Job":
		return "batch/v1", template
	case "CronJob":
		return "batch/v1", []string{"spec", "jobTemplate", "spec", "template", "spec"}
	case "Pod":
		return "v1", []string{"spec"}
	default:
		return "", nil
	}
}

func kustomizePatch(d recommender.Decision) (map[string]any, bool) {
	apiVersion, path := templatePath(d.Workload.Kind)
	if apiVersion == "" {
		return nil, false
	}
	metadata := map[string]any{"name": d.Workload.Name}
	if d.Workload.Namespace != "" {
		metadata["namespace"] = d.Workload.Namespace
	}
	patch := map[string]any{"apiVersion": apiVersion, "kind": d.Workload.Kind, "metadata": metadata}
	lists := map[string][]any{}
	for _, c := range d.Containers {
		if c.Target == c.Requests && c.TargetLimits == c.Limits {
			continue
		}
		list := "containers"
		if c.Sidecar {
			list = "initContainers"
		}
		lists[list] = append(lists[list], map[string]any{"name": c.Name, "resources": patchResources(c)})
	}
	for list, containers := range lists {
		setPath(patch, path, list, containers)
	}
	if d.Workload.Scalable() && d.DesiredReplicas != d.CurrentReplicas {
		setPath(patch, []string{"spec"}, "replicas", d.DesiredReplicas)
	}
	return patch, true
}

// setPath sets a field below the path, making the maps on the way.
func setPath(at map[string]any, path []string, field string, value any) {
	for _, p := range path {
		next, ok := at[p].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[p] = next
		}
		at = next
	}
	at[field] = value
}

// patchResources names every amount that changes; null takes a limit away.
func patchResources(c recommender.Recommendation) map[string]any {
	out := map[string]any{}
	if requests := amounts(c.Target, recommender.Resources{}); len(requests) > 0 {
		out["requests"] = requests
	}
	if limits := amounts(c.TargetLimits, c.Limits); len(limits) > 0 {
		out["limits"] = limits
	}
	return out
}

// amounts are the quantities of r; those only in old become null.
func amounts(r, old recommender.Resources) map[string]any {
	out := map[string]any{}
	switch {
	case r.CPU > 0:
		out["cpu"] = cpuQuantity(r.CPU)
	case old.CPU > 0:
		out["cpu"] = nil
	}
	switch {
	case r.Memory > 0:
		out["memory"] = memoryQuantity(r.Memory)
	case old.Memory > 0:
		out["memory"] = nil
	}
	return out
}

// cpuQuantity is the canonical form that Kubernetes prints.
func cpuQuantity(m recommender.MilliCPU) string {
	if m%1000 == 0 {
		return strconv.FormatInt(int64(m/1000), 10)
	}
	return fmt.Sprintf("%dm", int64(m))
}

// memoryQuantity is exact where the amount is a whole number of Mi, or of M as
// owners' bounds may be; anything else is rounded up to Mi, which is what
// people read in a repository.
func memoryQuantity(b recommender.Bytes) string {
	const mega = 1_000_000
	mebi := int64(b / recommender.MiB)
	switch {
	case b%recommender.MiB == 0 && mebi%1024 == 0:
		return fmt.Sprintf("%dGi", mebi/1024)
	case b%recommender.MiB == 0:
		return fmt.Sprintf("%dMi", mebi)
	case b%mega == 0:
		return fmt.Sprintf("%dM", int64(b/mega))
	default:
		return fmt.Sprintf("%dMi", mebi+1)
	}
}
