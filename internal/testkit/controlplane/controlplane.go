// Package controlplane starts a real Kubernetes control plane for a test: etcd
// and kube-apiserver, and on request kube-controller-manager, kube-scheduler
// and kwok, which plays the nodes. They are plain processes on loopback, end
// with the test, and leave their logs in it when it fails.
//
// Below the API nothing is real: there is no kubelet and no container.
//
// Only tests import it. `make controlplane` builds the programs.
package controlplane

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/rightsize-dev/rightsize/internal/testkit/process"
)

// readyTimeout bounds the start of one program. On two idle cores the API
// server takes 5 s; a machine that compiles at the same time has taken 30.
const readyTimeout = 3 * time.Minute

// Options choose what runs beside etcd and the API server.
type Options struct {
	// APIServer holds further flags of kube-apiserver.
	APIServer []string
	// Controllers are those that kube-controller-manager runs, in the words of
	// its --controllers flag, such as "*" or "deployment-controller"; none
	// means that it does not run.
	Controllers []string
	// ControllerManager holds further flags of kube-controller-manager.
	ControllerManager []string
	// Scheduler runs kube-scheduler with the further flags SchedulerFlags.
	Scheduler      bool
	SchedulerFlags []string
	// Kwok runs kwok for all nodes if it is not empty: documents of kwok's
	// configuration, such as [NodeStage] and [PodStages].
	Kwok string
}

// ControlPlane is one that runs.
type ControlPlane struct {
	// Config is that of a member of system:masters, without a limit on the
	// rate of requests. Kubeconfig is a file that says the same.
	Config     *rest.Config
	Kubeconfig string
	// Client is made of Config.
	Client kubernetes.Interface
	// Dir is a folder of the test, with the logs and keys.
	Dir string

	t        testing.TB
	binaries string
	keys     *pki
	server   string // URL.
	running  []*process.Process

	apiserver     *process.Process
	apiserverArgs []string
}

// Start starts a control plane that ends with the test. The test is skipped if
// the programs have not been built; see [Binaries].
func Start(t testing.TB, o Options) *ControlPlane {
	t.Helper()
	began := time.Now()
	binaries := Binaries(t)
	dir := t.TempDir()
	keys, err := newPKI(dir)
	if err != nil {
		t.Fatalf("making keys: %v", err)
	}
	ports := FreePorts(t, 3)
	c := &ControlPlane{
		t: t, Dir: dir, binaries: binaries, keys: keys,
		server: fmt.Sprintf("https://127.0.0.1:%d", ports[2]),
	}
	c.Kubeconfig = c.kubeconfig("admin", "admin", "system:masters")
	c.Config = &rest.Config{
		Host: c.server,
		TLSClientConfig: rest.TLSClientConfig{
			CAFile: keys.path("ca.crt"), CertFile: keys.path("admin.crt"), KeyFile: keys.path("admin.key"),
		},
		QPS: -1,
	}
	if c.Client, err = kubernetes.NewForConfig(c.Config); err != nil {
		t.Fatalf("making a client: %v", err)
	}

	c.startEtcd(ports[0], ports[1])
	c.prepareAPIServer(ports[0], ports[2], o.APIServer)
	c.StartAPIServer()
	if len(o.Controllers) > 0 {
		c.startControllerManager(o)
	}
	if o.Scheduler {
		c.startScheduler(o.SchedulerFlags)
	}
	if o.Kwok != "" {
		c.startKwok(o.Kwok)
	}
	t.Logf("control plane ready after %.1f s", time.Since(began).Seconds())
	return c
}

func (c *ControlPlane) startEtcd(client, peer int) {
	c.t.Helper()
	clientURL, peerURL := fmt.Sprintf("http://127.0.0.1:%d", client), fmt.Sprintf("http://127.0.0.1:%d", peer)
	c.Run("etcd", "--name=test", "--data-dir="+filepath.Join(c.Dir, "etcd"),
		"--listen-client-urls="+clientURL, "--advertise-client-urls="+clientURL,
		"--listen-peer-urls="+peerURL, "--initial-advertise-peer-urls="+peerURL, "--initial-cluster=test="+peerURL,
		"--unsafe-no-fsync", "--log-level=warn")
}

func (c *ControlPlane) prepareAPIServer(etcd, port int, more []string) {
	c.t.Helper()
	c.must(c.keys.serving("apiserver", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"))
	c.must(c.keys.client("front-proxy", "front-proxy"))
	c.apiserverArgs = append([]string{
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", etcd),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--endpoint-reconciler-type=none", // A loopback address may not stand in Endpoints.
		"--service-cluster-ip-range=10.0.0.0/16", "--authorization-mode=Node,RBAC", "--profiling=false",
		"--tls-cert-file=" + c.keys.path("apiserver.crt"), "--tls-private-key-file=" + c.keys.path("apiserver.key"),
		"--client-ca-file=" + c.keys.path("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.keys.path("tokens.pub"), "--service-account-signing-key-file=" + c.keys.path("tokens.key"),
		"--requestheader-client-ca-file=" + c.keys.path("ca.crt"), "--requestheader-allowed-names=front-proxy",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + c.keys.path("front-proxy.crt"), "--proxy-client-key-file=" + c.keys.path("front-proxy.key"),
	}, more...)
}

// StartAPIServer starts the API server after [ControlPlane.StopAPIServer] and
// waits until it is ready.
func (c *ControlPlane) StartAPIServer() {
	c.t.Helper()
	c.apiserver = c.Run("kube-apiserver", c.apiserverArgs...)
	c.apiserver.WaitReady(c.t, readyTimeout, func(ctx context.Context) error {
		return c.Client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

// StopAPIServer ends the API server as losing its machine would; what it wrote
// is in etcd.
func (c *ControlPlane) StopAPIServer() { c.apiserver.Kill() }

func (c *ControlPlane) startControllerManager(o Options) {
	c.t.Helper()
	config := c.kubeconfig("controller-manager", "system:kube-controller-manager", "")
	port := FreePorts(c.t, 1)[0]
	args := []string{
		"--kubeconfig=" + config, "--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port), "--cert-dir=" + c.Dir,
		"--leader-elect=false", "--use-service-account-credentials=true", "--allocate-node-cidrs=false",
		"--controllers=" + strings.Join(o.Controllers, ","),
		"--service-account-private-key-file=" + c.keys.path("tokens.key"), "--root-ca-file=" + c.keys.path("ca.crt"),
		"--cluster-signing-cert-file=" + c.keys.path("ca.crt"), "--cluster-signing-key-file=" + c.keys.path("ca.key"),
		"--kube-api-qps=500", "--kube-api-burst=500",
	}
	p := c.Run("kube-controller-manager", append(args, o.ControllerManager...)...)
	c.waitHealthy(p, port)
}

func (c *ControlPlane) startScheduler(more []string) {
	c.t.Helper()
	config := c.kubeconfig("scheduler", "system:kube-scheduler", "")
	port := FreePorts(c.t, 1)[0]
	args := []string{
		"--kubeconfig=" + config, "--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port), "--cert-dir=" + c.Dir, "--leader-elect=false",
	}
	p := c.Run("kube-scheduler", append(args, more...)...)
	c.waitHealthy(p, port)
}

func (c *ControlPlane) startKwok(stages string) {
	c.t.Helper()
	file := filepath.Join(c.Dir, "kwok.yaml")
	c.must(writeFile(file, []byte(stages)))
	port := FreePorts(c.t, 1)[0]
	p := c.Run("kwok", "--kubeconfig="+c.Kubeconfig, "--config="+file, "--manage-all-nodes",
		"--node-ip=127.0.0.1", fmt.Sprintf("--node-port=%d", port), fmt.Sprintf("--server-address=127.0.0.1:%d", port),
		"--cidr=10.244.0.1/16", "--node-lease-duration-seconds=40")
	p.WaitReady(c.t, readyTimeout, func(ctx context.Context) error {
		return get(ctx, http.DefaultClient, fmt.Sprintf("http://127.0.0.1:%d/healthz", port))
	})
}

// Namespace makes a namespace in which pods can be created: where the
// controller manager makes service accounts, it waits for the default one.
func (c *ControlPlane) Namespace(name string) {
	c.t.Helper()
	ctx := c.t.Context()
	namespaces := c.Client.CoreV1().Namespaces()
	_, err := namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		c.t.Fatalf("creating namespace %s: %v", name, err)
	}
	// Without its controller nobody makes the account that pods run as.
	_, err = c.Client.CoreV1().ServiceAccounts(name).Create(ctx,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		c.t.Fatalf("creating the service account of namespace %s: %v", name, err)
	}
}

func (c *ControlPlane) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}
