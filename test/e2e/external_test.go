package e2e

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// What the chart installs with externalMetrics has the API server read forecasts
// off the program: by the Service, the APIService, and the certificate with its
// authority that the chart made, with the rights of the program's account. An HPA
// of another workload scales by what rightsize recommends, and an upgrade keeps
// the certificate.
func TestForecastsAreExternalMetrics(t *testing.T) {
	t.Parallel()
	c := start(t, shape{nodes: 1, nodeCPU: "64", nodeMemory: "256Gi", scrapeInterval: scrapeInterval})
	c.install(t, "externalMetrics: {enabled: true}\n")
	w := &workload{
		App: service("shop", "Deployment", "web", 60), replicas: 2, container: halfCore, days: 3,
		spec: []string{"mode: DryRun", "objective: {type: Latency, latency: {milliseconds: 300}}"},
	}
	follower := &workload{App: service("shop", "Deployment", "follower", 0), replicas: 1, container: halfCore, unowned: true}
	c.deploy(t, w, follower)
	p := c.run(t, release, true)
	c.route(t, p.external)
	rs := c.condition(t, patience, w, "RecommendationAvailable", "True", "")

	t.Run("values", func(t *testing.T) {
		recommended := c.external(t, "rightsize_recommended_replicas", map[string]string{"rightsize": "web"})
		if recommended != float64(*rs.Status.DesiredReplicas) {
			t.Errorf("%g pods are recommended, and %d by the status", recommended, *rs.Status.DesiredReplicas)
		}
		// In the first minutes some of the pods have not been scraped twice yet.
		demand := 0.0
		eventually(t, patience, "the demand is 60 a second", func() error {
			demand = c.external(t, "rightsize_demand", map[string]string{"rightsize": "web"})
			if math.Abs(demand-60) > 6 {
				return fmt.Errorf("it is %g", demand)
			}
			return nil
		})
		upper := c.external(t, "rightsize_demand_forecast", map[string]string{
			"rightsize": "web", "quantile": "0.95", "horizon": "15m",
		})
		if upper < 0.9*demand || upper > 3*demand {
			t.Errorf("the demand of the next 15 minutes is below %g, and now %g", upper, demand)
		}
	})
	t.Run("an HPA", func(t *testing.T) {
		// Two for each that rightsize wants, so that no other number will do.
		c.apply(t, `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: follower, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: follower}
  minReplicas: 1
  maxReplicas: 40
  metrics:
  - type: External
    external:
      metric: {name: rightsize_recommended_replicas, selector: {matchLabels: {rightsize: web}}}
      target: {type: AverageValue, averageValue: 500m}
`)
		eventually(t, 2*time.Minute, "the follower has twice the pods that are recommended", func() error {
			d, err := c.Client.AppsV1().Deployments("shop").Get(t.Context(), "follower", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if want := 2 * *c.rightsize(t, w).Status.DesiredReplicas; *d.Spec.Replicas != want {
				return fmt.Errorf("it has %d, want %d", *d.Spec.Replicas, want)
			}
			return nil
		})
	})
	t.Run("who may not, does not", func(t *testing.T) { testExternalAccess(t, c) })
	t.Run("an upgrade keeps the certificate", func(t *testing.T) {
		// Only tried: the Service is led elsewhere here.
		out := c.helm.Run("upgrade", release, chartDir, "--namespace", system, "--reuse-values", "--dry-run=server")
		for file, data := range c.secret(t, release+"-external") {
			if !strings.Contains(out, file+": "+base64.StdEncoding.EncodeToString(data)) {
				t.Errorf("%s is another one", file)
			}
		}
	})
	t.Run("the API server forbade nothing", func(t *testing.T) {
		for _, r := range c.audit.since(t, time.Time{}) {
			if r.ResponseStatus.Code == 403 && r.User.Username == "system:serviceaccount:"+system+":"+release {
				t.Errorf("forbidden: %s", r.what())
			}
		}
	})
}

// route leads the Service of the external metrics to a program on loopback, as
// kube-proxy and a cluster's network would to a pod.
func (c *cluster) route(t *testing.T, port int32) {
	t.Helper()
	const name = release + "-external"
	services := c.Client.CoreV1().Services(system)
	was, err := services.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := services.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = services.Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: was.Labels, Annotations: was.Annotations},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost", Ports: []corev1.ServicePort{{Name: "https", Port: port}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const group = "/apis/external.metrics.k8s.io/v1beta1"
	c.patch(t, "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io", fmt.Sprintf(`{"spec": {"service": {"port": %d}}}`, port))
	eventually(t, time.Minute, "the API server serves "+group, func() error {
		var list metav1.APIResourceList
		err := c.get(t, group, &list)
		if err == nil && len(list.APIResources) == 0 {
			err = errors.New("there is no resource")
		}
		return err
	})
}

// external is the one value of an external metric in the namespace shop, as the
// API server gives it.
func (c *cluster) external(t *testing.T, metric string, labels map[string]string) float64 {
	t.Helper()
	var got struct {
		Items []struct {
			Value     resource.Quantity
			Timestamp metav1.Time
		}
	}
	selector := metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: labels})
	body, err := c.Client.Discovery().RESTClient().Get().RequestURI("/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/" + metric +
		"?labelSelector=" + url.QueryEscape(selector)).Do(t.Context()).Raw()
	if err == nil {
		err = json.Unmarshal(body, &got)
	}
	if err != nil {
		t.Fatalf("%s of %s: %v", metric, selector, err)
	}
	if len(got.Items) != 1 || time.Since(got.Items[0].Timestamp.Time) > 5*time.Minute {
		t.Fatalf("%s of %s is %s, want one value of now", metric, selector, body)
	}
	return got.Items[0].Value.AsApproximateFloat64()
}

// testExternalAccess: the program asks the API server whether a user may.
func testExternalAccess(t *testing.T, c *cluster) {
	t.Helper()
	config := rest.CopyConfig(c.Config)
	config.Impersonate.UserName = "alice"
	alice, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	read := func() error {
		return alice.Discovery().RESTClient().Get().AbsPath("/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/rightsize_demand").Do(t.Context()).Error()
	}
	if err := read(); !apierrors.IsForbidden(err) {
		t.Errorf("without a right to: %v", err)
	}
	c.apply(t, `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: forecasts, namespace: shop}
rules: [{apiGroups: [external.metrics.k8s.io], resources: [rightsize_demand], verbs: [get, list]}]
`)
	_, err = c.Client.RbacV1().RoleBindings("shop").Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "forecasts"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "forecasts"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "alice"}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "alice may read", read)
}

// secret is what a secret of the release holds.
func (c *cluster) secret(t testing.TB, name string) map[string][]byte {
	t.Helper()
	s, err := c.Client.CoreV1().Secrets(system).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s.Data
}

// portOf is a port as Kubernetes has it.
func portOf(t testing.TB, port int) int32 {
	t.Helper()
	n, err := strconv.ParseInt(strconv.Itoa(port), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(n)
}
