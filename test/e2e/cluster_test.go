package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/internal/testkit/controlplane"
	"github.com/rightsize-dev/rightsize/internal/testkit/exporter"
	"github.com/rightsize-dev/rightsize/internal/testkit/faults"
	"github.com/rightsize-dev/rightsize/internal/testkit/helm"
	"github.com/rightsize-dev/rightsize/internal/testkit/kubelet"
	"github.com/rightsize-dev/rightsize/internal/testkit/prometheus"
)

const (
	chartDir = "../../charts/rightsize"
	// system is the namespace of the release.
	system  = "rightsize-system"
	release = "rightsize"
	// scrapeInterval is how often the Prometheus of the tests scrapes.
	scrapeInterval = time.Second
	// startDelay is how long a pod takes to run, readyDelay to be ready then.
	startDelay, readyDelay = 500 * time.Millisecond, time.Second
)

// cluster is everything that a test runs in.
type cluster struct {
	*controlplane.ControlPlane
	prometheus *prometheus.Server
	exporter   *exporter.Exporter
	kubelet    *kubelet.Kubelet
	helm       *helm.Helm
	// proxy stands between the controller and the API server.
	proxy *faults.Proxy
	audit *auditLog
	// restarted is when the API server was started anew.
	restarted time.Time
}

// shape is how large a cluster is.
type shape struct {
	nodes          int
	nodeCPU        string
	nodeMemory     string
	scrapeInterval time.Duration
}

// start starts a cluster, without the chart, that ends with the test.
func start(t testing.TB, s shape) *cluster {
	t.Helper()
	c := &cluster{prometheus: prometheus.Start(t)}
	audit, flags := newAuditLog(t)
	c.audit = audit
	c.ControlPlane = controlplane.Start(t, controlplane.Options{
		APIServer: flags, Controllers: []string{"*"}, Scheduler: true,
		SchedulerFlags: []string{"--kube-api-qps=1000", "--kube-api-burst=1000"},
		Kwok:           controlplane.NodeStage,
	})
	c.kubelet = kubelet.Start(t, c.Config, kubelet.Options{StartDelay: startDelay, ReadyDelay: readyDelay, Workers: 8})
	c.helm = helm.New(t, c.Kubeconfig)
	for i := range s.nodes {
		c.node(t, nodeName(i), s.nodeCPU, s.nodeMemory, "pool", "general")
	}
	certificate, key := c.Serving("faults")
	c.proxy = faults.Start(t, c.Server(), c.CAFile(), certificate, key)
	c.exporter = exporter.Start(t, c.Client)
	c.exporter.Killed = func(pod *corev1.Pod, container string) { c.kubelet.Kill(pod.Namespace, pod.Name, container) }
	c.prometheus.Scrape(s.scrapeInterval, c.exporter.Targets()...)
	return c
}

// node makes a node of a size.
func (c *cluster) node(t testing.TB, name, cpu, memory string, labels ...string) {
	t.Helper()
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory), corev1.ResourcePods: resource.MustParse("1000"),
	}
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
		}},
		Status: corev1.NodeStatus{Allocatable: room, Capacity: room},
	}
	for i := 0; i < len(labels); i += 2 {
		n.Labels[labels[i]] = labels[i+1]
	}
	if _, err := c.Client.CoreV1().Nodes().Create(t.Context(), n, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func nodeName(i int) string { return fmt.Sprintf("node-%03d", i) }

// plurals are the resources of kinds whose name is not the kind with an s.
func plural(kind string) string {
	switch kind {
	case "NetworkPolicy":
		return "networkpolicies"
	default:
		return strings.ToLower(kind) + "s"
	}
}

// path of an object by its own words.
func path(apiVersion, kind, namespace, name string) string {
	p := "/apis/" + apiVersion
	if !strings.Contains(apiVersion, "/") {
		p = "/api/" + apiVersion
	}
	if namespace != "" {
		p += "/namespaces/" + namespace
	}
	return p + "/" + plural(kind) + "/" + name
}

// apply applies the objects of a YAML document or several, as a person with
// every right would.
func (c *cluster) apply(t testing.TB, documents string) {
	t.Helper()
	for document := range bytes.SplitSeq([]byte("\n"+documents), []byte("\n---")) {
		var o struct {
			metav1.TypeMeta `json:",inline"`
			Metadata        metav1.ObjectMeta `json:"metadata"`
		}
		if err := yaml.Unmarshal(document, &o); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if o.Kind == "" {
			continue
		}
		err := c.Client.Discovery().RESTClient().Patch(types.ApplyYAMLPatchType).
			AbsPath(path(o.APIVersion, o.Kind, o.Metadata.Namespace, o.Metadata.Name)).
			Param("fieldManager", "owner").Param("fieldValidation", "Strict").Param("force", "true").
			Body(document).Do(t.Context()).Error()
		if err != nil {
			t.Fatalf("%s %s/%s: %v", o.Kind, o.Metadata.Namespace, o.Metadata.Name, err)
		}
	}
}

// patch merges a patch into an object.
func (c *cluster) patch(t testing.TB, path, patch string) {
	t.Helper()
	err := c.Client.Discovery().RESTClient().Patch(types.MergePatchType).AbsPath(path).Body([]byte(patch)).Do(t.Context()).Error()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// get reads an object.
func (c *cluster) get(t testing.TB, path string, into any) error {
	t.Helper()
	body, err := c.Client.Discovery().RESTClient().Get().AbsPath(path).Do(t.Context()).Raw()
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// pods lists those of an app that are not going away.
func (c *cluster) pods(t testing.TB, namespace, app string) []corev1.Pod {
	t.Helper()
	list, err := c.Client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: exporter.LabelApp + "=" + app})
	if err != nil {
		t.Fatal(err)
	}
	out := list.Items[:0]
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp == nil {
			out = append(out, list.Items[i])
		}
	}
	return out
}

// eventually waits until there is no error.
func eventually(t testing.TB, timeout time.Duration, what string, check func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(timeout); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not after %v: %v", what, timeout, err)
}

// program is a built program that the environment names. The test is skipped
// if it names none.
func built(t testing.TB, env, target string) string {
	t.Helper()
	file := os.Getenv(env)
	if file == "" {
		t.Skipf("%s names no program: `make %s` builds one", env, target)
	}
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
