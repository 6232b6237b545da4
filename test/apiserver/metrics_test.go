package apiserver_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/metricsapi"
	"github.com/rightsize-dev/rightsize/internal/testkit/controlplane"
	testmetrics "github.com/rightsize-dev/rightsize/internal/testkit/metricsapi"
	"github.com/rightsize-dev/rightsize/recommender"
)

// TestUsageIsReadFromEveryVersion reads metrics.k8s.io through the real
// aggregator: where there is none, where there is v1beta1, and where there is
// v1 beside it, which comes first.
func TestUsageIsReadFromEveryVersion(t *testing.T) {
	t.Parallel()
	c := controlplane.Start(t, controlplane.Options{})
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	source := func(cpu float64) testmetrics.Source {
		return func(context.Context, string) ([]testmetrics.Usage, error) {
			return []testmetrics.Usage{
				{Namespace: "shop", Pod: "web-2", Container: "app", At: at, Window: 15 * time.Second, CPUCores: cpu, MemoryBytes: 3 << 20},
				{Namespace: "shop", Pod: "web-1", Container: "app", At: at, Window: 15 * time.Second, CPUCores: 0.25, MemoryBytes: 1 << 20},
			}, nil
		}
	}
	reader := func() *metricsapi.Reader {
		r, err := metricsapi.NewReader(c.Config)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if _, err := reader().Usage(t.Context(), ""); !errors.Is(err, metricsapi.ErrNotServed) {
		t.Fatalf("without the API: %v", err)
	}
	for _, version := range []string{"v1beta1", "v1"} {
		cpu := map[string]float64{"v1beta1": 0.5, "v1": 0.75}[version]
		testmetrics.ServeVersion(c, version, source(cpu))
		got, err := reader().Usage(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		want := []metricsapi.PodUsage{
			{Namespace: "shop", Name: "web-1", At: at, Window: 15 * time.Second, Containers: []metricsapi.ContainerUsage{{Name: "app", CPUCores: 0.25, MemoryBytes: 1 << 20}}},
			{Namespace: "shop", Name: "web-2", At: at, Window: 15 * time.Second, Containers: []metricsapi.ContainerUsage{{Name: "app", CPUCores: cpu, MemoryBytes: 3 << 20}}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", version, diff)
		}
	}
}

// TestHPAScalesOnOurForecasts has the real HPA controller scale by what rightsize
// recommends, through the real aggregator, with only the rights that Kubernetes
// gives an HPA.
func TestHPAScalesOnOurForecasts(t *testing.T) {
	t.Parallel()
	c := controlplane.Start(t, controlplane.Options{
		Controllers:       []string{"horizontal-pod-autoscaler-controller", "deployment-controller", "replicaset-controller"},
		ControllerManager: []string{"--horizontal-pod-autoscaler-sync-period=1s"},
	})
	c.Namespace("shop")
	board := metricsapi.NewBoard()
	objects := func(_ context.Context, namespace string) ([]v1alpha1.RightSize, error) {
		return []v1alpha1.RightSize{{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web", Labels: map[string]string{"team": "a"}}}}, nil
	}
	address := serveExternal(t, c, objects, board)
	post := func(replicas int) {
		board.Post(types.NamespacedName{Namespace: "shop", Name: "web"},
			recommender.Snapshot{Workload: recommender.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}},
			recommender.Decision{At: time.Now(), Action: recommender.ActionScale, DesiredReplicas: replicas})
	}
	post(3)
	one, labels := int32(1), map[string]string{"app": "web"}
	ctx := t.Context()
	_, err := c.Client.AppsV1().Deployments("shop").Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "example.com/app:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	each := resource.MustParse("1")
	_, err = c.Client.AutoscalingV2().HorizontalPodAutoscalers("shop").Create(ctx, &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			MinReplicas:    &one, MaxReplicas: 20,
			Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
				Metric: autoscalingv2.MetricIdentifier{
					Name: metricsapi.MetricReplicas, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"rightsize": "web", "team": "a"}},
				},
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: &each},
			}}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	scaled(t, c, 3)
	post(7)
	scaled(t, c, 7)

	t.Run("who may not, does not", func(t *testing.T) { testAccess(t, c, address) })
}

// scaled waits until the HPA has set the number of pods.
func scaled(t *testing.T, c *controlplane.ControlPlane, want int32) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		d, err := c.Client.AppsV1().Deployments("shop").Get(t.Context(), "web", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if *d.Spec.Replicas == want {
			return
		}
		if time.Now().After(end) {
			hpa, err := c.Client.AutoscalingV2().HorizontalPodAutoscalers("shop").Get(t.Context(), "web", metav1.GetOptions{})
			t.Fatalf("after two minutes there are %d replicas, want %d; the HPA says %+v, %v", *d.Spec.Replicas, want, hpa.Status.Conditions, err)
		}
	}
}

// testAccess asks as users of the API server, and past it.
func testAccess(t *testing.T, c *controlplane.ControlPlane, address string) {
	const path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/" + metricsapi.MetricReplicas
	as := func(name string) rest.Interface {
		config := rest.CopyConfig(c.Config)
		config.Impersonate.UserName = name
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		return client.Discovery().RESTClient()
	}
	get := func(user, selector string) ([]byte, error) {
		return as(user).Get().AbsPath(path).Param("labelSelector", selector).Do(t.Context()).Raw()
	}
	if body, err := get("eve", ""); !apierrors.IsForbidden(err) {
		t.Errorf("eve may read: %s, %v", body, err)
	}
	_, err := c.Client.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"external.metrics.k8s.io"}, Resources: []string{metricsapi.MetricReplicas}, Verbs: []string{"get", "list"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Client.RbacV1().RoleBindings("shop").Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "reader"},
		Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: "alice"}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var body []byte
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) { // The authorizer takes a moment.
		if body, err = get("alice", "team=a"); err == nil || time.Now().After(end) {
			break
		}
	}
	if err != nil || !strings.Contains(string(body), `"metricLabels":{"rightsize":"web","team":"a"}`) || !strings.Contains(string(body), `"value":"7"`) {
		t.Errorf("alice reads %s, %v", body, err)
	}
	if body, err = get("alice", "team=b"); err != nil || !strings.Contains(string(body), `"items":[]`) {
		t.Errorf("of another team: %s, %v", body, err)
	}
	if _, err = get("alice", "=="); !apierrors.IsBadRequest(err) {
		t.Errorf("a selector that is none: %v", err)
	}
	// Past the API server nobody is anybody, whatever he says he is.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // It is the server that is looked at.
	for _, p := range []string{path, "/apis/external.metrics.k8s.io/v1beta1"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+p, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Remote-User", "admin")
		req.Header.Set("X-Remote-Group", "system:masters")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s past the API server: %s", p, resp.Status)
		}
	}
}

// serveExternal runs a server and registers it; it returns its address.
func serveExternal(t *testing.T, c *controlplane.ControlPlane, objects metricsapi.Objects, board *metricsapi.Board) string {
	t.Helper()
	cert, key := selfSigned(t, "rightsize-metrics.rightsize-system.svc")
	server, err := metricsapi.NewServer(metricsapi.ServerOptions{
		CertificateFile: cert, KeyFile: key, Client: c.Client, Objects: objects, Board: board,
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	c.Namespace("rightsize-system")
	port := int32(listener.Addr().(*net.TCPAddr).Port)
	_, err = c.Client.CoreV1().Services("rightsize-system").Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "rightsize-metrics"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost", Ports: []corev1.ServicePort{{Port: port}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	gv := metricsapi.GroupVersion()
	body, err := json.Marshal(map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": gv.Version + "." + gv.Group},
		"spec": map[string]any{
			"group": gv.Group, "version": gv.Version, "groupPriorityMinimum": 100, "versionPriority": 100, "caBundle": ca,
			"service": map[string]any{"namespace": "rightsize-system", "name": "rightsize-metrics", "port": port},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	client := c.Client.Discovery().RESTClient()
	err = client.Post().AbsPath("/apis/apiregistration.k8s.io/v1/apiservices").SetHeader("Content-Type", "application/json").Body(body).Do(t.Context()).Error()
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		list, err := c.Client.Discovery().ServerResourcesForGroupVersion(gv.String())
		if err == nil && len(list.APIResources) == len(metricsapi.Metrics()) {
			return listener.Addr().String()
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not served: %v, %v", gv, list, err)
		}
	}
}

// selfSigned writes a certificate for a name, which is its own authority, and
// its key.
func selfSigned(t *testing.T, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: text}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", path, err))
		}
	}
	return cert, key
}
