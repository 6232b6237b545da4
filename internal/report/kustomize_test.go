package report_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/internal/report"
)

// merge applies the patch of a report to a live object.
func merge(t *testing.T, live string, r report.Report, into *appsv1.Deployment) {
	t.Helper()
	_, patch, _ := strings.Cut(write(t, report.FormatKustomize, r, report.Style{}), "---\n")
	original, err := yaml.YAMLToJSON([]byte(live))
	if err != nil {
		t.Fatal(err)
	}
	change, err := yaml.YAMLToJSON([]byte(patch))
	if err != nil {
		t.Fatal(err)
	}
	merged, err := strategicpatch.StrategicMergePatch(original, change, appsv1.Deployment{})
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(merged, into); err != nil {
		t.Fatal(err)
	}
}

// TestPatchMerges applies the patch of a Deployment as kustomize does: lists
// of containers merge by name, and null takes a limit away.
func TestPatchMerges(t *testing.T) {
	t.Parallel()
	const live = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: web}
spec:
  replicas: 6
  template:
    spec:
      containers:
      - {name: app, image: "shop:1", resources: {requests: {cpu: 2, memory: 2Gi, ephemeral-storage: 1Gi}, limits: {memory: 2Gi}}}
      - {name: log, image: "log:1"}
      - {name: proxy, image: "proxy:1", resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m, memory: 1Gi}}}
`
	var got appsv1.Deployment
	merge(t, live, report.Report{At: at(), Version: "v0", Items: []report.Item{shop()}}, &got)
	if *got.Spec.Replicas != 4 {
		t.Errorf("%d replicas, want 4", *got.Spec.Replicas)
	}
	type container struct{ Name, Image, CPU, Memory, CPULimit, MemoryLimit string }
	amount := func(l corev1.ResourceList, name corev1.ResourceName) string {
		if q, ok := l[name]; ok {
			return q.String()
		}
		return ""
	}
	var containers []container
	for _, c := range got.Spec.Template.Spec.Containers {
		containers = append(containers, container{
			c.Name, c.Image, amount(c.Resources.Requests, corev1.ResourceCPU), amount(c.Resources.Requests, corev1.ResourceMemory),
			amount(c.Resources.Limits, corev1.ResourceCPU), amount(c.Resources.Limits, corev1.ResourceMemory),
		})
	}
	want := []container{
		{"app", "shop:1", "750m", "482Mi", "", "482Mi"},
		{"log", "log:1", "", "", "", ""},
		{"proxy", "proxy:1", "120m", "86Mi", "", "1Gi"},
	}
	if diff := cmp.Diff(want, containers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := amount(got.Spec.Template.Spec.Containers[0].Resources.Requests, corev1.ResourceEphemeralStorage); got != "1Gi" {
		t.Errorf("ephemeral storage %q was lost", got)
	}
}

// A native sidecar is patched where it stands: among the init containers.
func TestPatchOfSidecar(t *testing.T) {
	t.Parallel()
	const live = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: web}
spec:
  template:
    spec:
      initContainers:
      - {name: migrate, image: "migrate:1"}
      - {name: proxy, image: "proxy:1", restartPolicy: Always, resources: {requests: {cpu: 100m, memory: 64Mi}}}
      containers:
      - {name: app, image: "shop:1", resources: {requests: {cpu: 2, memory: 2Gi}}}
`
	item := shop()
	for i := range item.Decision.Containers {
		c := &item.Decision.Containers[i]
		c.Sidecar = c.Name == "proxy"
	}
	var got appsv1.Deployment
	merge(t, live, report.Report{At: at(), Version: "v0", Items: []report.Item{item}}, &got)
	spec := got.Spec.Template.Spec
	if len(spec.InitContainers) != 2 || len(spec.Containers) != 1 {
		t.Fatalf("%d init containers and %d containers, want 2 and 1", len(spec.InitContainers), len(spec.Containers))
	}
	proxy := spec.InitContainers[slices.IndexFunc(spec.InitContainers, func(c corev1.Container) bool { return c.Name == "proxy" })]
	if cpu := proxy.Resources.Requests.Cpu().String(); cpu != "120m" || *proxy.RestartPolicy != corev1.ContainerRestartPolicyAlways {
		t.Errorf("the sidecar requests %s with restart policy %v, want 120m and Always", cpu, *proxy.RestartPolicy)
	}
}
