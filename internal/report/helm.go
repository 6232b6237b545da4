package report

import (
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/recommender"
)

// HelmValues writes the sizes of every workload with a decision as one values
// file,
//
//	<namespace>:
//	  <workload>:
//	    kind: Deployment
//	    replicas: 3
//	    containers:
//	      <container>:
//	        resources: {requests: …, limits: …}
//
// with the cluster above the namespace where there is more than one. Where two
// workloads of one namespace differ by kind only, their keys are
// <workload>-<kind>. Replicas are left out for kinds that have none.
func HelmValues(w io.Writer, r Report) error {
	values := map[string]any{}
	names := helmNames(r)
	left := 0
	for _, item := range r.Items {
		d := item.Decision
		if d.Action == recommender.ActionNone {
			left++
			continue
		}
		path := []string{d.Workload.Namespace, names[d.Workload]}
		if d.Workload.Cluster != "" {
			path = append([]string{d.Workload.Cluster}, path...)
		}
		setPath(values, path[:len(path)-1], path[len(path)-1], helmWorkload(d))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# rightsize %s, decided for %s\n", printable(r.Version), timeText(r.At))
	if left > 0 {
		fmt.Fprintf(&b, "# %s without enough data left out\n", plural(left, "workload"))
	}
	text, err := yaml.Marshal(values)
	if err != nil {
		return fmt.Errorf("write values: %w", err)
	}
	b.Write(text)
	_, err = io.WriteString(w, b.String())
	return err
}

// helmNames are the keys of workloads.
func helmNames(r Report) map[recommender.Workload]string {
	type place struct{ cluster, namespace, name string }
	at := func(w recommender.Workload) place { return place{w.Cluster, w.Namespace, w.Name} }
	count := map[place]int{}
	for _, item := range r.Items {
		count[at(item.Decision.Workload)]++
	}
	names := make(map[recommender.Workload]string, len(r.Items))
	for _, item := range r.Items {
		w := item.Decision.Workload
		names[w] = w.Name
		if count[at(w)] > 1 {
			names[w] = w.Name + "-" + strings.ToLower(w.Kind)
		}
	}
	return names
}

func helmWorkload(d recommender.Decision) map[string]any {
	containers := map[string]any{}
	for _, c := range d.Containers {
		resources := map[string]any{}
		if requests := amounts(c.Target, recommender.Resources{}); len(requests) > 0 {
			resources["requests"] = requests
		}
		if limits := amounts(c.TargetLimits, recommender.Resources{}); len(limits) > 0 {
			resources["limits"] = limits
		}
		containers[c.Name] = map[string]any{"resources": resources}
	}
	out := map[string]any{"kind": d.Workload.Kind, "containers": containers}
	if d.Workload.Scalable() {
		out["replicas"] = d.DesiredReplicas
	}
	return out
}
