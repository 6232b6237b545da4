// Package apiserver_test holds the RightSize kind and the chart to a real API
// server: what its validation, its admission and its authorization make of them.
package apiserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/internal/testkit/controlplane"
)

const (
	crdFile    = "../../charts/rightsize/files/crds/rightsize.dev_rightsizes.yaml"
	chartFile  = "../manifests/chart/testdata/default.yaml" // As Helm renders it.
	casesFile  = "../manifests/crd/testdata/cases.yaml"
	rightsizes = "/apis/rightsize.dev/v1alpha1/namespaces/cases/rightsizes"
	ofShop     = "/apis/rightsize.dev/v1alpha1/namespaces/shop/rightsizes"
)

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// start brings up an API server with the kind, the objects of the chart, and
// the namespace shop.
func start(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	c := controlplane.Start(t, controlplane.Options{})
	c.InstallCRDs(read(t, crdFile))
	for _, ns := range []string{"shop", "cases", "rightsize-system"} {
		c.Namespace(ns)
	}
	for document := range bytes.SplitSeq(append([]byte("\n"), read(t, chartFile)...), []byte("\n---\n")) {
		apply(t, c, document)
	}
	return c
}

// apply sends one document of the chart, strictly: a field that the server does
// not know is an error.
func apply(t *testing.T, c *controlplane.ControlPlane, document []byte) {
	t.Helper()
	var o struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        metav1.ObjectMeta `json:"metadata"`
	}
	if err := yaml.Unmarshal(document, &o); err != nil {
		t.Fatal(err)
	}
	if o.Kind == "" {
		return // Comments only.
	}
	resource := strings.ToLower(o.Kind) + "s"
	switch o.Kind {
	case "NetworkPolicy":
		resource = "networkpolicies"
	case "MutatingAdmissionPolicy":
		resource = "mutatingadmissionpolicies"
	}
	path := "/apis/" + o.APIVersion
	if !strings.Contains(o.APIVersion, "/") {
		path = "/api/" + o.APIVersion
	}
	if o.Metadata.Namespace != "" {
		path += "/namespaces/" + o.Metadata.Namespace
	}
	err := c.Client.Discovery().RESTClient().Patch(types.ApplyYAMLPatchType).AbsPath(path, resource, o.Metadata.Name).
		Param("fieldManager", "helm").Param("fieldValidation", "Strict").Body(document).Do(t.Context()).Error()
	if err != nil {
		t.Fatalf("%s %s: %v", o.Kind, o.Metadata.Name, err)
	}
}

// One API server serves all of these; they do not look at each other's objects.
func TestAPIServer(t *testing.T) {
	t.Parallel()
	c := start(t)
	t.Run("cases are as in the tests of the CRD", func(t *testing.T) { testCases(t, c) })
	t.Run("rights are the least", func(t *testing.T) { testRights(t, c) })
	t.Run("pods are born right-sized", func(t *testing.T) { testPods(t, c) })
}

// testCase is one of the cases that the CRD's own tests run through the API
// server's code; see there.
type testCase struct {
	Name   string         `json:"name"`
	Old    map[string]any `json:"old"`
	Spec   map[string]any `json:"spec"`
	Status map[string]any `json:"status"`
	Errors []string       `json:"errors"`
}

// testCases: the server accepts and refuses what its code did in the tests of the CRD,
// with the same messages.
func testCases(t *testing.T, c *controlplane.ControlPlane) {
	t.Helper()
	var cases []testCase
	if err := yaml.UnmarshalStrict(read(t, casesFile), &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 70 {
		t.Fatalf("%d cases", len(cases))
	}
	client := c.Client.Discovery().RESTClient()
	for i, tc := range cases {
		name := fmt.Sprintf("case-%d", i)
		var err error
		if tc.Old == nil {
			err = send(t, client.Post().SetHeader("Content-Type", "application/json").AbsPath(rightsizes), name, tc.Spec)
		} else if err = send(t, client.Post().SetHeader("Content-Type", "application/json").AbsPath(rightsizes), name, tc.Old); err == nil {
			err = send(t, client.Patch(types.MergePatchType).AbsPath(rightsizes, name), name, tc.Spec)
		}
		if err == nil && tc.Status != nil {
			err = patchStatus(t, client, rightsizes, name, tc.Status)
		}
		check(t, tc, err)
	}
}

func send(t *testing.T, r *rest.Request, name string, spec map[string]any) error {
	t.Helper()
	if target, ok := spec["targetRef"]; !ok {
		spec["targetRef"] = map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
	} else if target == nil {
		delete(spec, "targetRef")
	}
	body := marshal(t, map[string]any{
		"apiVersion": "rightsize.dev/v1alpha1", "kind": "RightSize", "metadata": map[string]any{"name": name}, "spec": spec,
	})
	return r.Param("fieldValidation", "Strict").Body(body).Do(t.Context()).Error()
}

func patchStatus(t *testing.T, client rest.Interface, path, name string, status map[string]any) error {
	t.Helper()
	return client.Patch(types.MergePatchType).AbsPath(path, name, "status").Param("fieldValidation", "Strict").
		Body(marshal(t, map[string]any{"status": status})).Do(t.Context()).Error()
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func check(t *testing.T, tc testCase, err error) {
	t.Helper()
	if len(tc.Errors) == 0 {
		if err != nil {
			t.Errorf("%s: %v", tc.Name, err)
		}
		return
	}
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok {
		t.Errorf("%s: the server says %v", tc.Name, err)
		return
	}
	for _, want := range tc.Errors {
		// The server adds the value; what it is about and what is wrong with it
		// stand apart.
		path, message, _ := strings.Cut(strings.ReplaceAll(want, "Invalid value: ", ""), ": ")
		said := status.Error()
		if !strings.Contains(said, path) || !strings.Contains(said, message) {
			t.Errorf("%s: the server says %s\nwant %s: %s", tc.Name, said, path, message)
		}
	}
}

// testPods: a new pod of a Deployment is born with the recommended size, in the server,
// with no program of ours running; others and dry runs are left alone.
func testPods(t *testing.T, c *controlplane.ControlPlane) {
	t.Helper()
	client := c.Client.Discovery().RESTClient()
	spec := map[string]any{"mode": "DryRun", "targetRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
	if err := send(t, client.Post().SetHeader("Content-Type", "application/json").AbsPath(ofShop), "web", spec); err != nil {
		t.Fatal(err)
	}
	size := map[string]any{"name": "app", "requests": map[string]any{"cpu": "300m", "memory": "512Mi"}}
	if err := patchStatus(t, client, ofShop, "web", map[string]any{"recommendation": map[string]any{"containers": []any{size}}}); err != nil {
		t.Fatal(err)
	}
	const template = "100m 256Mi"
	if got := born(t, c, "shop", nil); got != template {
		t.Errorf("in DryRun a pod is born with %s", got)
	}
	spec["mode"] = "Initial"
	if err := send(t, client.Patch(types.MergePatchType).AbsPath(ofShop, "web"), "web", spec); err != nil {
		t.Fatal(err)
	}
	got := ""
	for end := time.Now().Add(time.Minute); got != "300m 512Mi" && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		got = born(t, c, "shop", nil) // The admission plugin watches RightSizes.
	}
	if got != "300m 512Mi" {
		t.Errorf("in Initial a pod is born with %s", got)
	}
	if got := born(t, c, "shop", map[string]string{"rightsize.dev/opt-out": ""}); got != template {
		t.Errorf("a pod that opted out is born with %s", got)
	}
	if got := born(t, c, "kube-system", nil); got != template {
		t.Errorf("in kube-system a pod is born with %s", got)
	}
}

// born creates a pod as a ReplicaSet of the Deployment web would, as a dry run,
// and returns its requests.
func born(t *testing.T, c *controlplane.ControlPlane, namespace string, labels map[string]string) string {
	t.Helper()
	controller := true
	pod := &corev1.Pod{}
	if err := yaml.Unmarshal([]byte(`
metadata: {name: web-7d4b9-x, labels: {pod-template-hash: 7d4b9}}
spec:
  automountServiceAccountToken: false
  containers: [{name: app, image: app, resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 1Gi}}}]
`), pod); err != nil {
		t.Fatal(err)
	}
	maps.Copy(pod.Labels, labels)
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-7d4b9", UID: "u", Controller: &controller}}
	c.Namespace(namespace)
	made, err := c.Client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		t.Fatal(err)
	}
	r := made.Spec.Containers[0].Resources.Requests
	return r.Cpu().String() + " " + r.Memory().String()
}

// testRights: the ServiceAccount of the chart may do what it is for, and no more.
func testRights(t *testing.T, c *controlplane.ControlPlane) {
	t.Helper()
	const account = "system:serviceaccount:rightsize-system:rightsize"
	cases := map[authorizationv1.ResourceAttributes]bool{
		{Verb: "patch", Resource: "pods", Subresource: "resize"}:                                       true,
		{Verb: "create", Resource: "pods", Subresource: "eviction"}:                                    true,
		{Verb: "patch", Group: "apps", Resource: "deployments", Subresource: "scale"}:                  true,
		{Verb: "patch", Group: "rightsize.dev", Resource: "rightsizes", Subresource: "status"}:         true,
		{Verb: "update", Group: "apps", Resource: "deployments"}:                                       false,
		{Verb: "patch", Group: "apps", Resource: "deployments"}:                                        false,
		{Verb: "delete", Resource: "pods"}:                                                             false,
		{Verb: "get", Resource: "secrets"}:                                                             false,
		{Verb: "update", Group: "rightsize.dev", Resource: "rightsizes"}:                               false,
		{Verb: "get", Group: "coordination.k8s.io", Resource: "leases", Name: "rightsize-all"}:         false, // Only in its own namespace.
		{Verb: "create", Group: "admissionregistration.k8s.io", Resource: "mutatingadmissionpolicies"}: false,
	}
	for attributes, want := range cases {
		attributes.Namespace = "shop"
		if got := may(t.Context(), t, c, account, attributes); got != want {
			t.Errorf("%s %s/%s %s: allowed %t, want %t", attributes.Verb, attributes.Group, attributes.Resource, attributes.Subresource, got, want)
		}
	}
	lease := authorizationv1.ResourceAttributes{
		Namespace: "rightsize-system", Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Name: "rightsize-all",
	}
	if !may(t.Context(), t, c, account, lease) {
		t.Error("its own lease cannot be renewed")
	}
}

func may(ctx context.Context, t *testing.T, c *controlplane.ControlPlane, user string, attributes authorizationv1.ResourceAttributes) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &attributes}}
	answer, err := c.Client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status.Allowed
}
