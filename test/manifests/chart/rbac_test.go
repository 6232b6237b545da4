package chart_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// allowed is every right that a ServiceAccount of the chart may have, beyond
// reading: resource, and verbs. A right that is not here is a change to think
// about.
func allowed() map[string][]string {
	return map[string][]string{
		// The only three ways to change a workload.
		"pods/resize":                     {"patch"},
		"pods/eviction":                   {"create"},
		"apps/deployments/scale":          {"patch"},
		"apps/replicasets/scale":          {"patch"},
		"apps/statefulsets/scale":         {"patch"},
		"argoproj.io/rollouts/scale":      {"patch"}, // By values.scaleTargets.
		"rightsize.dev/rightsizes/status": {"patch"},
		"rightsize.dev/rightsizes":        {"create"}, // For namespaces that opted in.
		"events.k8s.io/events":            {"create", "patch"},
		"events":                          {"create", "patch"}, // Of who leads, which are of the old kind.
		"coordination.k8s.io/leases":      {"create", "update"},
		// By values.externalMetrics: whether who asks may ask.
		"authorization.k8s.io/subjectaccessreviews": {"create"},
	}
}

// readable is what may be read. No secrets, no config maps.
func readable() []string {
	return []string{
		"pods", "nodes", "namespaces", "limitranges", "resourcequotas",
		"apps/deployments", "apps/replicasets", "apps/statefulsets", "apps/daemonsets",
		"apps/deployments/scale", "apps/replicasets/scale", "apps/statefulsets/scale",
		"batch/jobs", "batch/cronjobs", "autoscaling/horizontalpodautoscalers", "autoscaling.k8s.io/verticalpodautoscalers",
		"keda.sh/scaledobjects", "policy/poddisruptionbudgets", "metrics.k8s.io/pods", "rightsize.dev/rightsizes",
		"admissionregistration.k8s.io/mutatingadmissionpolicies", "admissionregistration.k8s.io/mutatingadmissionpolicybindings",
		"coordination.k8s.io/leases", "karpenter.sh/nodepools", "argoproj.io/rollouts", "argoproj.io/rollouts/scale",
	}
}

// rights returns what each ServiceAccount may do: account, resource, verbs.
func rights(t *testing.T, values string) map[string]map[string][]string {
	t.Helper()
	rules := map[string][]rbacv1.PolicyRule{}
	for _, r := range all[rbacv1.ClusterRole](t, values, "ClusterRole") {
		rules["ClusterRole/"+r.Name] = r.Rules
	}
	for _, r := range all[rbacv1.Role](t, values, "Role") {
		rules["Role/"+r.Namespace+"/"+r.Name] = r.Rules
	}
	// The API server makes it, for whoever serves an API behind it.
	rules["Role/kube-system/extension-apiserver-authentication-reader"] = []rbacv1.PolicyRule{}
	accounts := map[string]map[string][]string{}
	grant := func(subjects []rbacv1.Subject, role string) {
		if rules[role] == nil {
			t.Errorf("a binding refers to %s, which is not there", role)
		}
		for _, s := range subjects {
			if accounts[s.Name] == nil {
				accounts[s.Name] = map[string][]string{}
			}
			for _, rule := range rules[role] {
				for _, g := range rule.APIGroups {
					for _, resource := range rule.Resources {
						id := strings.TrimPrefix(g+"/"+resource, "/")
						accounts[s.Name][id] = append(accounts[s.Name][id], rule.Verbs...)
					}
				}
			}
		}
	}
	for _, b := range all[rbacv1.ClusterRoleBinding](t, values, "ClusterRoleBinding") {
		grant(b.Subjects, "ClusterRole/"+b.RoleRef.Name)
	}
	for _, b := range all[rbacv1.RoleBinding](t, values, "RoleBinding") {
		grant(b.Subjects, "Role/"+b.Namespace+"/"+b.RoleRef.Name)
	}
	return accounts
}

func TestRightsAreTheLeast(t *testing.T) {
	t.Parallel()
	for name, values := range settings() {
		accounts := rights(t, values)
		if len(accounts) == 0 {
			t.Errorf("%s: nobody has any rights", name)
		}
		for account, resources := range accounts {
			for _, resource := range slices.Sorted(maps.Keys(resources)) {
				for _, verb := range resources[resource] {
					read := slices.Contains([]string{"get", "list", "watch"}, verb) && slices.Contains(readable(), resource)
					if !read && !slices.Contains(allowed()[resource], verb) {
						t.Errorf("%s: %s may %s %s", name, account, verb, resource)
					}
				}
			}
		}
	}
}

// The recommender changes no workload, whatever else is installed.
func TestRecommenderOnlyReads(t *testing.T) {
	t.Parallel()
	for name, account := range map[string]string{"split": "rightsize-recommender", "readonly": "rightsize"} {
		for resource, verbs := range rights(t, settings()[name])[account] {
			for _, verb := range verbs {
				if slices.Contains([]string{"get", "list", "watch"}, verb) {
					continue
				}
				own := []string{"rightsize.dev/rightsizes", "rightsize.dev/rightsizes/status", "events.k8s.io/events", "events", "coordination.k8s.io/leases"}
				if !slices.Contains(own, resource) {
					t.Errorf("%s: the recommender may %s %s", name, verb, resource)
				}
			}
		}
	}
}

// The actuator can do what it is for, on the kinds that were named, too.
func TestActuatorCanAct(t *testing.T) {
	t.Parallel()
	got := rights(t, settings()["split"])["rightsize-actuator"]
	for resource, verb := range map[string]string{
		"pods/resize": "patch", "pods/eviction": "create", "apps/deployments/scale": "patch", "argoproj.io/rollouts/scale": "patch",
		"rightsize.dev/rightsizes/status": "patch",
	} {
		if !slices.Contains(got[resource], verb) {
			t.Errorf("the actuator may not %s %s", verb, resource)
		}
	}
}

// In namespaced mode nothing is given in the whole cluster, but roles for
// people.
func TestNamespacedMode(t *testing.T) {
	t.Parallel()
	values := settings()["namespaced"]
	if b := all[rbacv1.ClusterRoleBinding](t, values, "ClusterRoleBinding"); len(b) > 0 {
		t.Errorf("%d rights in the whole cluster, such as %s", len(b), b[0].Name)
	}
	namespaces := map[string]bool{}
	for _, r := range all[rbacv1.Role](t, values, "Role") {
		namespaces[r.Namespace] = true
	}
	if got := slices.Sorted(maps.Keys(namespaces)); !slices.Equal(got, []string{"rightsize-system", "shop", "web"}) {
		t.Errorf("roles in %v", got)
	}
}

// Bindings are for the accounts that pods use.
func TestAccountsExist(t *testing.T) {
	t.Parallel()
	for name, values := range settings() {
		var accounts []string
		for _, a := range all[corev1.ServiceAccount](t, values, "ServiceAccount") {
			accounts = append(accounts, a.Name)
		}
		if name == "no-crds" {
			accounts = []string{"mine"}
		}
		slices.Sort(accounts)
		if got := slices.Sorted(maps.Keys(rights(t, values))); !slices.Equal(got, accounts) {
			t.Errorf("%s: rights for %v, accounts %v", name, got, accounts)
		}
	}
}
