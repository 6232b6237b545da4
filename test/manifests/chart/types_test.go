package chart_test

import (
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// newObject returns an empty object of the kind, nil for a kind that the chart
// should not have.
func newObject(apiVersion, kind string) any {
	switch apiVersion + " " + kind {
	case "v1 ConfigMap":
		return &corev1.ConfigMap{}
	case "apiregistration.k8s.io/v1 APIService":
		return &apiregistrationv1.APIService{}
	case "v1 Service":
		return &corev1.Service{}
	case "v1 ServiceAccount":
		return &corev1.ServiceAccount{}
	case "apps/v1 Deployment":
		return &appsv1.Deployment{}
	case "policy/v1 PodDisruptionBudget":
		return &policyv1.PodDisruptionBudget{}
	case "networking.k8s.io/v1 NetworkPolicy":
		return &networkingv1.NetworkPolicy{}
	case "rbac.authorization.k8s.io/v1 Role":
		return &rbacv1.Role{}
	case "rbac.authorization.k8s.io/v1 RoleBinding":
		return &rbacv1.RoleBinding{}
	case "rbac.authorization.k8s.io/v1 ClusterRole":
		return &rbacv1.ClusterRole{}
	case "rbac.authorization.k8s.io/v1 ClusterRoleBinding":
		return &rbacv1.ClusterRoleBinding{}
	case "apiextensions.k8s.io/v1 CustomResourceDefinition":
		return &apiextensionsv1.CustomResourceDefinition{}
	case "admissionregistration.k8s.io/v1 MutatingAdmissionPolicy":
		return &admissionv1.MutatingAdmissionPolicy{}
	case "admissionregistration.k8s.io/v1 MutatingAdmissionPolicyBinding":
		return &admissionv1.MutatingAdmissionPolicyBinding{}
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return &monitoringv1.ServiceMonitor{}
	case "monitoring.coreos.com/v1 PrometheusRule":
		return &monitoringv1.PrometheusRule{}
	}
	return nil
}

// Every object is of a type that its reader knows, without a field that it does
// not know.
func TestObjectsDecodeStrictly(t *testing.T) {
	t.Parallel()
	for name, values := range settings() {
		for _, d := range render(t, values, kubernetes137) {
			into := newObject(d.APIVersion, d.Kind)
			if into == nil {
				t.Errorf("%s: unexpected kind %s %s", name, d.APIVersion, d.Kind)
				continue
			}
			decode(t, d.raw, into)
		}
	}
}

// all returns the rendered objects of one type.
func all[T any](t *testing.T, values, kind string) []T {
	t.Helper()
	var objects []T
	for _, d := range render(t, values, kubernetes137) {
		if d.Kind == kind {
			var o T
			decode(t, d.raw, &o)
			objects = append(objects, o)
		}
	}
	return objects
}

// The pods meet the restricted Pod Security Standard, and what they refer to is
// there.
func TestPodsAreRestricted(t *testing.T) {
	t.Parallel()
	for name, values := range settings() {
		deployments := all[appsv1.Deployment](t, values, "Deployment")
		if len(deployments) == 0 {
			t.Errorf("%s: no Deployment", name)
		}
		for _, d := range deployments {
			pod := d.Spec.Template.Spec
			if s := pod.SecurityContext; s == nil || !*s.RunAsNonRoot || *s.RunAsUser == 0 || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s: %s runs as root or without seccomp", name, d.Name)
			}
			for _, c := range pod.Containers {
				s := c.SecurityContext
				if *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) {
					t.Errorf("%s: %s/%s is not restricted", name, d.Name, c.Name)
				}
				if c.LivenessProbe == nil || c.ReadinessProbe == nil || c.StartupProbe == nil {
					t.Errorf("%s: %s/%s has not every probe", name, d.Name, c.Name)
				}
				if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
					t.Errorf("%s: %s/%s has no resources", name, d.Name, c.Name)
				}
			}
			for _, v := range pod.Volumes {
				if v.HostPath != nil {
					t.Errorf("%s: %s mounts the host", name, d.Name)
				}
			}
			if _, ok := d.Spec.Template.Labels["rightsize.dev/opt-out"]; !ok {
				t.Errorf("%s: %s would be sized by itself", name, d.Name)
			}
			checkSelector(t, name, d)
		}
	}
}

func checkSelector(t *testing.T, name string, d appsv1.Deployment) {
	t.Helper()
	for k, v := range d.Spec.Selector.MatchLabels {
		if d.Spec.Template.Labels[k] != v {
			t.Errorf("%s: %s does not select its own pods by %s", name, d.Name, k)
		}
		if strings.Contains(k, "version") || strings.Contains(k, "chart") {
			t.Errorf("%s: %s selects by %s, which changes with an upgrade", name, d.Name, k)
		}
	}
}

// The flags are those of the program, with the role that its rights are for.
func TestArguments(t *testing.T) {
	t.Parallel()
	cases := map[string][]string{
		"default": {"all"}, "split": {"recommender", "actuator"}, "readonly": {"recommender"}, "namespaced": {"all"},
	}
	for name, roles := range cases {
		var got []string
		for _, d := range all[appsv1.Deployment](t, settings()[name], "Deployment") {
			args := d.Spec.Template.Spec.Containers[0].Args
			got = append(got, strings.TrimPrefix(args[0], "--role="))
			want := []string{
				args[0], "--leader-elect", "--metrics-bind-address=:8080", "--health-probe-bind-address=:8081",
				"--config=/etc/rightsize/config/config.yaml",
			}
			if name == "namespaced" {
				want = append(want, "--watch-namespaces=shop,web")
			}
			if want = append(want, "--log-level=info"); !slices.Equal(args, want) {
				t.Errorf("%s: arguments %v, want %v", name, args, want)
			}
		}
		if !slices.Equal(got, roles) {
			t.Errorf("%s: roles %v, want %v", name, got, roles)
		}
	}
}
