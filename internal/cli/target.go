package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rightsize-dev/rightsize/recommender"
)

// candidatesMost is how many workloads an error lists.
const candidatesMost = 8

// target is a workload as a user names it. An empty field matches anything.
type target struct {
	cluster, namespace, kind, name string
}

// String is the target as it was named.
func (t target) String() string {
	s := t.kind + "/" + t.name
	if t.namespace != "" {
		s = t.namespace + "/" + s
	}
	if t.cluster != "" {
		s = t.cluster + "/" + s
	}
	return s
}

// parseTarget reads [[CLUSTER/]NAMESPACE/]KIND/NAME.
func parseTarget(s string) (target, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 4 || slices.Contains(parts, "") {
		return target{}, fmt.Errorf("%q does not name a workload: use KIND/NAME, for example Deployment/shop", s)
	}
	n := len(parts)
	t := target{kind: fullKind(parts[n-2]), name: parts[n-1]}
	if n > 2 {
		t.namespace = parts[n-3]
	}
	if n > 3 {
		t.cluster = parts[0]
	}
	return t, nil
}

// fullKind is the kind that a short name, a plural or a kind with its group
// stands for; what is not known stays as it is.
func fullKind(s string) string {
	s, _, _ = strings.Cut(s, ".")
	for kind, others := range map[string][]string{
		"Deployment":            {"deploy", "deployments"},
		"StatefulSet":           {"sts", "statefulsets"},
		"DaemonSet":             {"ds", "daemonsets"},
		"CronJob":               {"cj", "cronjobs"},
		"Job":                   {"jobs"},
		"ReplicaSet":            {"rs", "replicasets"},
		"ReplicationController": {"rc", "replicationcontrollers"},
		"Pod":                   {"po", "pods"},
		"Rollout":               {"ro", "rollouts"},
	} {
		if strings.EqualFold(s, kind) || slices.Contains(others, strings.ToLower(s)) {
			return kind
		}
	}
	return s
}

func (t target) matches(w recommender.Workload) bool {
	return (t.name == "" || t.name == w.Name) && (t.kind == "" || strings.EqualFold(t.kind, w.Kind)) &&
		(t.namespace == "" || t.namespace == w.Namespace) && (t.cluster == "" || t.cluster == w.Cluster)
}

// among finds the one workload that is meant, in namespaces where some are
// given. Source says where the workloads are from.
func (t target) among(ids []recommender.Workload, namespaces []string, source string) (int, error) {
	var found, near []int
	for i, w := range ids {
		if len(namespaces) > 0 && !slices.Contains(namespaces, w.Namespace) {
			continue
		}
		switch {
		case t.matches(w):
			found = append(found, i)
		case t.name != "" && strings.Contains(w.Name, t.name):
			near = append(near, i)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1 && t.name == "":
		return 0, fmt.Errorf("%s holds %d workloads: name one of %s", source, len(found), listed(ids, found))
	case len(found) > 1:
		return 0, fmt.Errorf("%s is %d workloads: name one of %s", t, len(found), listed(ids, found))
	case len(near) > 0:
		return 0, fmt.Errorf("no %s in %s; there is %s", t, source, listed(ids, near))
	case t.name == "":
		return 0, fmt.Errorf("no workload in %s", source)
	default:
		return 0, fmt.Errorf("no %s in %s among %d workloads", t, source, len(ids))
	}
}

// listed names the first few of the workloads.
func listed(ids []recommender.Workload, at []int) string {
	names := make([]string, 0, candidatesMost)
	for _, i := range at[:min(len(at), candidatesMost)] {
		names = append(names, ids[i].String())
	}
	slices.Sort(names)
	s := strings.Join(names, ", ")
	if n := len(at) - candidatesMost; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}
