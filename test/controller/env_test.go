// Package controller_test runs the real program against a real API server and a
// real Prometheus, with the rights that the chart gives it.
package controller_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/testkit/controlplane"
	"github.com/rightsize-dev/rightsize/internal/testkit/exporter"
	"github.com/rightsize-dev/rightsize/internal/testkit/kubelet"
	"github.com/rightsize-dev/rightsize/internal/testkit/process"
	"github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
)

const (
	crdFile   = "../../charts/rightsize/files/crds/rightsize.dev_rightsizes.yaml"
	chartFile = "../manifests/chart/testdata/default.yaml" // As Helm renders it.
	splitFile = "../manifests/chart/testdata/split.yaml"
	system    = "rightsize-system"
	// soon is how long anything may take on a busy machine.
	soon = 60 * time.Second
	// pastDays is how long the history of each workload is: more than the day
	// before which nothing is lowered.
	pastDays = 3
)

// env is one API server and one Prometheus, for all scenarios: each has a
// namespace of its own.
type env struct {
	*controlplane.ControlPlane
	client.Client
	prometheus *prometheus.Server
	kubelet    *kubelet.Kubelet
	binary     string
}

func start(t *testing.T) *env {
	t.Helper()
	log.SetLogger(logr.Discard()) // Of the client here; programs log for themselves.
	e := &env{ControlPlane: controlplane.Start(t, controlplane.Options{}), prometheus: prometheus.Start(t), binary: build(t)}
	file, err := os.ReadFile(crdFile)
	if err != nil {
		t.Fatal(err)
	}
	e.InstallCRDs(file)
	e.InstallOthers()
	e.Namespace(system)
	for _, f := range []string{chartFile, splitFile} {
		e.apply(t, f)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	if e.Client, err = client.New(e.Config, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}}
	e.create(t, node)
	node.Status.Capacity = corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("500"), corev1.ResourceMemory: resource.MustParse("1Ti"), corev1.ResourcePods: resource.MustParse("500"),
	}
	node.Status.Allocatable = node.Status.Capacity
	if err := e.Status().Update(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	e.kubelet = kubelet.Start(t, e.Config, kubelet.Options{})
	return e
}

// build builds the program.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rightsize-controller")
	args := []string{"build", "-ldflags", "-X main.version=v0.0.0-test", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.CommandContext(t.Context(), "go", append(args, "../../cmd/rightsize-controller")...).CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	return path
}

// apply sends the objects of a rendered chart but its Deployments' pods, which
// nobody would run here.
func (e *env) apply(t *testing.T, name string) {
	t.Helper()
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for document := range bytes.SplitSeq(append([]byte("\n"), file...), []byte("\n---\n")) {
		var o struct {
			metav1.TypeMeta `json:",inline"`
			Metadata        metav1.ObjectMeta `json:"metadata"`
		}
		if err := yaml.Unmarshal(document, &o); err != nil {
			t.Fatal(err)
		}
		path, resource := "/apis/"+o.APIVersion, strings.ToLower(o.Kind)+"s"
		switch o.Kind {
		case "ServiceAccount":
			path = "/api/v1"
		case "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding":
		default:
			continue
		}
		if o.Metadata.Namespace != "" {
			path += "/namespaces/" + o.Metadata.Namespace
		}
		if strings.HasSuffix(o.Kind, "Binding") { // Of the same name in both, but for other accounts.
			name := strings.TrimSuffix(filepath.Base(name), ".yaml") + "-" + o.Metadata.Name
			document = bytes.Replace(document, []byte("\n  name: "+o.Metadata.Name+"\n"), []byte("\n  name: "+name+"\n"), 1)
			o.Metadata.Name = name
		}
		err := e.ControlPlane.Client.Discovery().RESTClient().Patch(types.ApplyYAMLPatchType).AbsPath(path, resource, o.Metadata.Name).
			Param("fieldManager", "helm").Param("force", "true").Body(document).Do(t.Context()).Error()
		if err != nil {
			t.Fatalf("%s %s: %v", o.Kind, o.Metadata.Name, err)
		}
	}
}

// program is a controller that runs.
type program struct {
	*process.Process
	metrics  string
	settings string
}

// how says how a program runs. Empty fields are the usual.
type how struct {
	// url is that of another Prometheus, settings more of them.
	url, settings string
	// env are variables of the environment.
	env []string
}

// run runs the program as an account of the chart, in one namespace, and waits
// until it is ready.
func (e *env) run(t *testing.T, account, namespace string, args ...string) *program {
	t.Helper()
	return e.runAs(t, how{}, account, namespace, args...)
}

func (e *env) runAs(t *testing.T, h how, account, namespace string, args ...string) *program {
	t.Helper()
	if h.url == "" {
		h.url = e.prometheus.URL
	}
	dir := t.TempDir()
	hour := int64(3600)
	token, err := e.ControlPlane.Client.CoreV1().ServiceAccounts(system).CreateToken(t.Context(), account,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hour}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ports := controlplane.FreePorts(t, 2)
	metrics, health := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	p := &program{metrics: "http://" + metrics + "/metrics", settings: filepath.Join(dir, "config.yaml")}
	p.write(t, h.url, h.settings)
	all := append([]string{
		"--kubeconfig=" + e.TokenKubeconfig(filepath.Base(dir)+"-"+account, e.Server(), token.Status.Token), "--config=" + p.settings,
		"--metrics-bind-address=" + metrics, "--health-probe-bind-address=" + health, "--warm-up=0s",
	}, args...)
	if namespace != "" {
		all = append(all, "--watch-namespaces="+namespace)
	}
	t.Cleanup(func() {
		if log, err := os.ReadFile(p.Log()); err != nil || bytes.Contains(log, []byte("DATA RACE")) || bytes.Contains(log, []byte("panic")) {
			t.Errorf("the program raced or panicked, error %v", err)
		}
		if t.Failed() {
			t.Logf("log of the program:\n%s", p.Tail(60))
		}
	})
	p.Process = process.Run(t, e.binary, dir, append(h.env, "POD_NAMESPACE="+system), all...)
	p.WaitReady(t, soon, func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+health+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		if answer.StatusCode != http.StatusOK {
			return errors.New("not ready: " + answer.Status)
		}
		return nil
	})
	return p
}

// write writes the settings.
func (p *program) write(t *testing.T, url, more string) {
	t.Helper()
	text := fmt.Sprintf(`apiVersion: rightsize.dev/v1alpha1
kind: Config
prometheus: {url: %q, step: 1m, history: %dd, rate_window: 5m, attempts: 1, timeout: 10s}
%s`, url, pastDays, more)
	if err := os.WriteFile(p.settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// metric is the value of the series of a metric that has a text in its labels,
// and whether there is one.
func (p *program) metric(t *testing.T, name, labels string) (string, bool) {
	t.Helper()
	for line := range strings.Lines(p.page(t)) {
		if strings.HasPrefix(line, name+"{") && strings.Contains(line, labels) || labels == "" && strings.HasPrefix(line, name+" ") {
			return strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), true
		}
	}
	return "", false
}

func (p *program) page(t *testing.T) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.metrics, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return ""
	}
	defer func() { _ = answer.Body.Close() }()
	var b bytes.Buffer
	if _, err := b.ReadFrom(answer.Body); err != nil {
		return ""
	}
	return b.String()
}

// size is what pods ask for.
func size(cpu, memory string) corev1.ResourceRequirements {
	amounts := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
	return corev1.ResourceRequirements{Requests: amounts, Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory)}}
}

// past gives a workload a history that ends now: each of its pods uses a quarter
// of its CPU.
func (e *env) past(t *testing.T, namespace, name string, replicas int) {
	t.Helper()
	e.pastOf(t, namespace, name, replicas, exporter.Steady(50*float64(replicas)), time.Now())
}

// pastOf gives a workload a history of a demand, of which 50 requests a second
// take a quarter of a core.
func (e *env) pastOf(t *testing.T, namespace, name string, replicas int, demand func(time.Time) float64, to time.Time) {
	t.Helper()
	e.pastOfApp(t, &exporter.App{Namespace: namespace, Name: name, Demand: demand, CPUSeconds: 0.005, IdleCPU: 0.01, Memory: 200 << 20}, replicas, to)
}

func (e *env) pastOfApp(t *testing.T, app *exporter.App, replicas int, to time.Time) {
	t.Helper()
	to = to.UTC().Truncate(time.Minute)
	p := exporter.Past{
		App:      app,
		Template: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "example/app", Resources: size("1", "1Gi")}}},
		Replicas: replicas, Startup: 20 * time.Second, From: to.Add(-pastDays * 24 * time.Hour), To: to, Interval: time.Minute,
	}
	e.prometheus.Write(p.History(), p.From, p.To, p.Interval)
}

// deployment makes a Deployment with its ReplicaSet and running pods, as the
// controllers of Kubernetes and a kubelet would.
func (e *env) deployment(t *testing.T, namespace, name string, replicas int32) *appsv1.Deployment {
	t.Helper()
	labels := map[string]string{"app": name}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "example/app", Resources: size("1", "1Gi")}}},
	}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template},
	}
	e.create(t, d)
	d.Status = appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation, Replicas: replicas, UpdatedReplicas: replicas, ReadyReplicas: replicas, AvailableReplicas: replicas,
	}
	if err := e.Status().Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	template.Labels = map[string]string{"app": name, appsv1.DefaultDeploymentUniqueLabelKey: "abc"}
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name + "-abc", Labels: template.Labels, Annotations: map[string]string{"deployment.kubernetes.io/revision": "1"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template},
	}
	e.create(t, rs)
	for i := range replicas {
		e.pod(t, rs, fmt.Sprintf("%s-%d", rs.Name, i))
	}
	for end := time.Now().Add(soon); ; time.Sleep(50 * time.Millisecond) {
		ready := int32(0)
		for _, p := range e.pods(t, namespace) {
			for _, c := range p.Status.Conditions {
				if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && p.Labels["app"] == name {
					ready++
				}
			}
		}
		if ready == replicas {
			return d
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d pods of %s are ready", ready, replicas, name)
		}
	}
}

func (e *env) pods(t *testing.T, namespace string) []corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	if err := e.List(t.Context(), &pods, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	return pods.Items
}

func (e *env) create(t *testing.T, o client.Object) {
	t.Helper()
	if err := e.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// pod makes a pod of a ReplicaSet, which the kubelet runs.
func (e *env) pod(t *testing.T, rs *appsv1.ReplicaSet, name string) {
	t.Helper()
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: rs.Namespace, Name: name, Labels: rs.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(rs, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))},
		},
		Spec: *rs.Spec.Template.Spec.DeepCopy(),
	}
	p.Spec.NodeName = "node"
	e.create(t, p)
	e.kubelet.Use(p.Namespace, p.Name, "app", 200<<20)
}

// rightSize makes a RightSize for a Deployment.
func (e *env) rightSize(t *testing.T, namespace, name, target string, mode v1alpha1.Mode) *v1alpha1.RightSize {
	t.Helper()
	rs := &v1alpha1.RightSize{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.RightSizeSpec{TargetRef: v1alpha1.TargetRef{APIVersion: "apps/v1", Kind: "Deployment", Name: target}, Mode: mode},
	}
	e.create(t, rs)
	return rs
}

// await waits until a RightSize is as it should be.
func (e *env) await(t *testing.T, namespace, name, what string, is func(*v1alpha1.RightSize) bool) *v1alpha1.RightSize {
	t.Helper()
	rs := &v1alpha1.RightSize{}
	for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := e.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: name}, rs); err != nil {
			t.Fatal(err)
		}
		if is(rs) {
			return rs
		}
	}
	text, _ := yaml.Marshal(rs.Status)
	t.Fatalf("%s/%s: not %s within %s; its status is\n%s", namespace, name, what, soon, text)
	return nil
}

// has says whether a condition has a status and a reason.
func has(rs *v1alpha1.RightSize, kind string, status metav1.ConditionStatus, reason string) bool {
	for _, c := range rs.Status.Conditions {
		if c.Type == kind {
			return c.Status == status && c.Reason == reason
		}
	}
	return false
}

// edit changes a RightSize, whose status the program may be writing meanwhile.
func (e *env) edit(t *testing.T, rs *v1alpha1.RightSize, change func()) {
	t.Helper()
	if err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := e.Get(t.Context(), client.ObjectKeyFromObject(rs), rs); err != nil {
			return err
		}
		change()
		return e.Update(t.Context(), rs)
	}); err != nil {
		t.Fatal(err)
	}
}
