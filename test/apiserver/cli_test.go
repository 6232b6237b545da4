package apiserver_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/rightsize-dev/rightsize/internal/cli"
	"github.com/rightsize-dev/rightsize/internal/testkit/controlplane"
	"github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
	"github.com/rightsize-dev/rightsize/recommender"
)

// TestCommandsReadTheCluster runs the commands with a kubeconfig: against the
// real API server and the real Prometheus, which the settings of the installed
// chart name and which is reached through the API server.
func TestCommandsReadTheCluster(t *testing.T) {
	p := prometheus.Start(t)
	end := time.Now().UTC().Truncate(time.Minute)
	p.Write(shopHistory(), end.Add(-6*time.Hour), end, time.Minute)
	c := controlplane.Start(t, controlplane.Options{})
	t.Setenv("PROMETHEUS_URL", "")
	c.InstallCRDs(read(t, crdFile))
	c.InstallOthers()
	for _, ns := range []string{"shop", "monitoring", "rightsize-system"} {
		c.Namespace(ns)
	}
	proxied := service(t, c, p.URL)
	ours := &rightsizer{t: t, c: c}
	ours.create("web", "Apply", map[string]any{
		"riskPercent": 2, "horizontal": map[string]any{"minReplicas": 4},
		"schedule": map[string]any{"timeZone": "UTC", "windows": []any{
			map[string]any{"name": "sale", "type": "Freeze", "cron": "0 0 * * *", "durationSeconds": 3600},
		}},
		"demand": map[string]any{"signals": []any{map[string]any{
			"name": "checkouts", "type": "PromQL", "promQL": map[string]any{"query": "sum(rate(shop_checkouts_total[5m]))"},
		}}},
	})
	ours.create("gone", "DryRun", nil)
	running(t, c)
	others(t, c)

	t.Run("the policy of a RightSize governs", func(t *testing.T) {
		var report struct {
			Items []struct {
				Decision struct {
					Workload struct{ Name string }
				}
				Data      struct{ Risk float64 }
				RightSize *struct{ Name, Mode string }
			}
		}
		out, diagnostics, code := run(t, "rightsize", "report", "--prometheus", p.URL, "--kubeconfig", c.Kubeconfig, "-o", "json")
		if code != cli.ExitOK {
			t.Fatalf("exit %d: %s", code, diagnostics)
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, item := range report.Items {
			got[item.Decision.Workload.Name] = fmt.Sprint(item.Data.Risk, item.RightSize != nil && item.RightSize.Mode == "Apply")
		}
		if got["web"] != "0.02 true" || got["cart"] != "0 false" || len(got) != 2 {
			t.Errorf("risk (0 is the default), and whether governed, of workloads: %v", got)
		}
		if want := "rightsize: RightSize shop/gone: no history of its target Deployment/gone\n"; !strings.Contains(diagnostics, want) {
			t.Errorf("diagnostics lack %q:\n%s", want, diagnostics)
		}
	})
	t.Run("a snapshot holds the policy and the calendar", func(t *testing.T) {
		out, diagnostics, code := run(t, "rightsize", "collect", "--prometheus", p.URL, "--kubeconfig", c.Kubeconfig)
		if code != cli.ExitOK {
			t.Fatalf("exit %d: %s", code, diagnostics)
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, `"name":"web"`) })
		if i < 0 || !strings.Contains(lines[i], `"min":4`) || !strings.Contains(lines[i], `"name":"sale"`) {
			t.Errorf("the snapshot of web lacks its RightSize: %s", out)
		}
	})
	t.Run("what the API server knows comes before what the Prometheus knows", func(t *testing.T) {
		var web, cart recommender.Snapshot
		collect := func(more ...string) {
			t.Helper()
			out, diagnostics, code := run(t, "rightsize", append([]string{"collect", "--prometheus", p.URL, "--kubeconfig", c.Kubeconfig}, more...)...)
			if code != cli.ExitOK {
				t.Fatalf("exit %d: %s", code, diagnostics)
			}
			for line := range strings.Lines(out) {
				var s recommender.Snapshot
				if err := json.Unmarshal([]byte(line), &s); err != nil {
					t.Fatal(err)
				}
				if s.Workload.Name == "web" {
					web = s
				} else {
					cart = s
				}
			}
		}
		collect()
		want := recommender.Resources{CPU: 3000, Memory: 2 << 30}
		if web.Replicas.Desired != 5 || web.Replicas.Ready != 1 || len(web.Containers) != 1 || web.Containers[0].Requests != want || !web.Policy.Vertical.InPlace {
			t.Errorf("web has %+v and %+v, in place %t; want 5 pods, 1 ready, of %+v, in place", web.Replicas, web.Containers, web.Policy.Vertical.InPlace, want)
		}
		if len(web.Quotas) != 1 || web.Quotas[0].Name != "all" || len(web.Nodes) != 1 {
			t.Errorf("quotas %+v and nodes %+v of web", web.Quotas, web.Nodes)
		}
		if web.Nodes[0].Name != "main/m7.4xlarge" || web.Nodes[0].MaxNodes != 2 {
			t.Errorf("the nodes are %+v, want 2 at most of main/m7.4xlarge", web.Nodes)
		}
		for _, rival := range []string{"ScaledObject scaled", "VerticalPodAutoscaler sized"} {
			if f := (recommender.Fact{Code: recommender.FactWarning, Message: rival + " has the same target"}); !slices.Contains(web.Facts, f) {
				t.Errorf("%v lack %v", web.Facts, f)
			}
		}
		if d := web.Demand; d == nil || d.Signal != "checkouts" || math.Abs(d.Last-6) > 0.1 {
			t.Errorf("the demand of web is %+v, want the 6 checkouts a second that its RightSize names", d)
		}
		gone := recommender.Fact{Code: recommender.FactWarning, Message: "the cluster has no such object any more"}
		if !slices.Contains(cart.Facts, gone) || cart.Replicas.Desired != 2 {
			t.Errorf("cart, which the cluster does not have: %+v, %+v", cart.Facts, cart.Replicas)
		}
		collect("--at", end.Add(-time.Hour).Format(time.RFC3339))
		if web.Replicas.Desired != 2 || web.Policy.Horizontal.Min != 4 {
			t.Errorf("an hour ago web had %+v under %+v; want the pods of then under the policy of now", web.Replicas, web.Policy.Horizontal)
		}
	})
	t.Run("without being asked for, no cluster is read", func(t *testing.T) {
		t.Setenv("KUBECONFIG", c.Kubeconfig)
		out, diagnostics, code := run(t, "rightsize", "report", "--prometheus", p.URL)
		if code != cli.ExitOK || strings.Contains(out, "by a RightSize") || strings.Contains(diagnostics, "RightSize") {
			t.Errorf("exit %d, out %s, err %s", code, out, diagnostics)
		}
	})
	t.Run("as a plugin, without a Prometheus", func(t *testing.T) {
		_, diagnostics, code := run(t, "kubectl-rightsize", "explain", "deploy/web", "--kubeconfig", c.Kubeconfig, "-n", "shop")
		if code != cli.ExitUsage || !strings.Contains(diagnostics, "--prometheus URL") || !strings.Contains(diagnostics, "no settings of an installed chart") {
			t.Errorf("exit %d: %s", code, diagnostics)
		}
	})
	t.Run("the installed chart says where the Prometheus is", func(t *testing.T) {
		if !proxied {
			t.Skip("this machine has no address but loopback, which no Service may lead to")
		}
		chart(t, c, "prometheus: {url: http://prometheus.monitoring:9090}\nprices: {currency: EUR}\n")
		out, diagnostics, code := run(t, "kubectl-rightsize", "explain", "deploy/web", "--kubeconfig", c.Kubeconfig, "-n", "shop")
		if code != cli.ExitOK {
			t.Fatalf("exit %d: %s", code, diagnostics)
		}
		for _, want := range []string{"by the policy of RightSize web, mode Apply\n", "EUR ", "Why, step by step"} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is missing:\n%s", want, out)
			}
		}
		if !strings.Contains(diagnostics, "settings and Prometheus of ConfigMap rightsize-system/rightsize\n") {
			t.Errorf("nothing said about where settings are from: %s", diagnostics)
		}
		// The context's namespace has no workload; as a plugin it is the default.
		if _, diagnostics, code = run(t, "kubectl-rightsize", "report", "--kubeconfig", c.Kubeconfig); code != cli.ExitFailed {
			t.Errorf("in namespace default: exit %d: %s", code, diagnostics)
		}
		if out, diagnostics, code = run(t, "kubectl-rightsize", "report", "--kubeconfig", c.Kubeconfig, "-A"); code != cli.ExitOK ||
			!strings.Contains(out, "1 workload of 2 by a RightSize: 1 Apply") {
			t.Errorf("in all namespaces: exit %d: %s%s", code, out, diagnostics)
		}
	})
	t.Run("credentials in the pods of the controller are not ours", func(t *testing.T) {
		chart(t, c, "prometheus: {url: http://prometheus.monitoring:9090, authorization: {credentials_file: /etc/rightsize/credentials/token}}\n")
		_, diagnostics, code := run(t, "kubectl-rightsize", "report", "--kubeconfig", c.Kubeconfig, "-A")
		if code != cli.ExitFailed || !strings.Contains(diagnostics, "give --prometheus URL") {
			t.Errorf("exit %d: %s", code, diagnostics)
		}
	})
}

// running makes the Deployment web with a ready pod, larger than the Prometheus
// knows it, on a node, under a quota.
func running(t *testing.T, c *controlplane.ControlPlane) {
	t.Helper()
	ctx, five, controls := t.Context(), int32(5), true
	labels := map[string]string{"app": "web"}
	size := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("3"), corev1.ResourceMemory: resource.MustParse("2Gi")}
	spec := corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{
		Name: "app", Image: "app", Resources: corev1.ResourceRequirements{Requests: size},
	}}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	node, err := c.Client.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{
			"karpenter.sh/nodepool": "main", corev1.LabelInstanceTypeStable: "m7.4xlarge",
		}},
		Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("16"), corev1.ResourceMemory: resource.MustParse("64Gi"), corev1.ResourcePods: resource.MustParse("110"),
		}, Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}, metav1.CreateOptions{})
	must(err)
	node.Spec.Taints = nil // Admission gives every new node that of one that is not ready.
	_, err = c.Client.CoreV1().Nodes().Update(ctx, node, metav1.UpdateOptions{})
	must(err)
	d, err := c.Client.AppsV1().Deployments("shop").Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &five, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: spec.Containers}},
		},
	}, metav1.CreateOptions{})
	must(err)
	set, err := c.Client.AppsV1().ReplicaSets("shop").Create(ctx, &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web-1", OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: d.UID, Controller: &controls,
		}}},
		Spec: appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: d.Spec.Template},
	}, metav1.CreateOptions{})
	must(err)
	pod, err := c.Client.CoreV1().Pods("shop").Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web-1-a", Labels: labels, OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-1", UID: set.UID, Controller: &controls,
		}}},
		Spec: spec,
	}, metav1.CreateOptions{})
	must(err)
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	_, err = c.Client.CoreV1().Pods("shop").UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	must(err)
	quota, err := c.Client.CoreV1().ResourceQuotas("shop").Create(ctx, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "all"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"requests.cpu": resource.MustParse("40")}},
	}, metav1.CreateOptions{})
	must(err)
	quota.Status = corev1.ResourceQuotaStatus{Hard: quota.Spec.Hard, Used: corev1.ResourceList{"requests.cpu": resource.MustParse("3")}}
	_, err = c.Client.CoreV1().ResourceQuotas("shop").UpdateStatus(ctx, quota, metav1.UpdateOptions{})
	must(err)
}

// others makes what clusters may have: a NodePool that leaves room for one more
// node, and autoscalers that have web for target.
func others(t *testing.T, c *controlplane.ControlPlane) {
	t.Helper()
	for path, body := range map[string]string{
		"/apis/karpenter.sh/v1/nodepools": `{"metadata": {"name": "main"}, "spec": {"limits": {"cpu": 40}}, "status": {"resources": {"cpu": "16"}}}`,
		"/apis/autoscaling.k8s.io/v1/namespaces/shop/verticalpodautoscalers": `{"metadata": {"name": "sized"},
			"spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}`,
		"/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects": `{"metadata": {"name": "scaled"}, "spec": {"scaleTargetRef": {"name": "web"}}}`,
	} {
		kind := map[string]string{"nodepools": "NodePool", "verticalpodautoscalers": "VerticalPodAutoscaler", "scaledobjects": "ScaledObject"}
		parts := strings.Split(path, "/")
		body = fmt.Sprintf(`{"apiVersion": %q, "kind": %q, `, parts[2]+"/"+parts[3], kind[parts[len(parts)-1]]) + body[1:]
		if err := c.Client.Discovery().RESTClient().Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(t.Context()).Error(); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
}

// run runs a command line and returns what it wrote.
func run(t *testing.T, program string, args ...string) (out, diagnostics string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = cli.Main(t.Context(), program, args, cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	return o.String(), e.String(), code
}

// shopHistory is two Deployments of the namespace shop with two pods each.
func shopHistory() *prometheus.History {
	h := &prometheus.History{}
	began := time.Now()
	h.Add("shop_checkouts_total", func(at time.Time) (float64, bool) { return 1e6 + 6*at.Sub(began).Seconds(), true }, "namespace", "shop")
	for _, name := range []string{"web", "cart"} {
		set := name + "-6d4cf56db6"
		h.Add("kube_replicaset_owner", prometheus.Always(1), "namespace", "shop", "replicaset", set,
			"owner_kind", "Deployment", "owner_name", name, "owner_is_controller", "true")
		h.Add("kube_deployment_spec_replicas", prometheus.Always(2), "namespace", "shop", "deployment", name)
		h.Add("kube_deployment_status_replicas_ready", prometheus.Always(2), "namespace", "shop", "deployment", name)
		for i := range 2 {
			pod := []string{"namespace", "shop", "pod", fmt.Sprintf("%s-%05d", set, i)}
			h.Add("kube_pod_owner", prometheus.Always(1), append(pod, "owner_kind", "ReplicaSet", "owner_name", set, "owner_is_controller", "true")...)
			h.Add("kube_pod_status_phase", prometheus.Always(1), append(pod, "phase", "Running")...)
			h.Add("kube_pod_status_ready", prometheus.Always(1), append(pod, "condition", "true")...)
			app := append(slices.Clone(pod), "container", "app")
			h.Add("kube_pod_container_info", prometheus.Always(1), app...)
			for resource, v := range map[string]float64{"cpu": 2, "memory": 1 << 30} {
				h.Add("kube_pod_container_resource_requests", prometheus.Always(v), append(app, "resource", resource)...)
			}
			h.Add("container_cpu_usage_seconds_total", func(at time.Time) (float64, bool) {
				return 1e6 + 0.3*at.Sub(began).Seconds(), true
			}, append(app, "image", "app")...)
			h.Add("container_memory_working_set_bytes", prometheus.Always(300<<20), append(app, "image", "app")...)
		}
	}
	return h
}

// rightsizer makes RightSizes in the namespace shop.
type rightsizer struct {
	t *testing.T
	c *controlplane.ControlPlane
}

func (r *rightsizer) create(name, mode string, more map[string]any) {
	r.t.Helper()
	spec := map[string]any{"mode": mode, "targetRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": name}}
	maps.Copy(spec, more)
	if err := send(r.t, r.c.Client.Discovery().RESTClient().Post().AbsPath(ofShop), name, spec); err != nil {
		r.t.Fatal(err)
	}
}

// chart puts the settings of an installed chart into the cluster.
func chart(t *testing.T, c *controlplane.ControlPlane, settings string) {
	t.Helper()
	maps := c.Client.CoreV1().ConfigMaps("rightsize-system")
	_ = maps.Delete(t.Context(), "rightsize", metav1.DeleteOptions{}) // The first time there is none.
	_, err := maps.Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "rightsize", Labels: map[string]string{"app.kubernetes.io/name": "rightsize"}},
		Data:       map[string]string{"config.yaml": "apiVersion: rightsize.dev/v1alpha1\nkind: Config\n" + settings},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// service makes monitoring/prometheus lead to a server on loopback, by way of
// an address of this machine that a Service may have; false where it has none.
func service(t *testing.T, c *controlplane.ControlPlane, target string) bool {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(addresses, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil
	})
	if i < 0 {
		return false
	}
	ip := addresses[i].(*net.IPNet).IP.String()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(to))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	_, text, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	port, name := int32(number), "http"
	_, err = c.Client.CoreV1().Services("monitoring").Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "prometheus"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: name, Port: 9090, TargetPort: intstr.FromInt32(port)}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// The API server passes requests on to pods alone.
	pods := c.Client.CoreV1().Pods("monitoring")
	pod, err := pods.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "prometheus-0"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "prometheus", Image: "prometheus"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}}}
	if _, err = pods.UpdateStatus(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	ready := true
	_, err = c.Client.DiscoveryV1().EndpointSlices("monitoring").Create(t.Context(), &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "prometheus", Labels: map[string]string{discoveryv1.LabelServiceName: "prometheus"}},
		AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{ip}, Conditions: discoveryv1.EndpointConditions{Ready: &ready},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "monitoring", Name: "prometheus-0"},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return true
}
