package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rightsize-dev/rightsize/internal/testkit/controlplane"
	"github.com/rightsize-dev/rightsize/internal/testkit/process"
)

// programEnv names the controller's program.
const programEnv = "RIGHTSIZE_CONTROLLER"

// program is a controller that runs as the pod of a Deployment of the chart
// would: with its arguments, its settings, its environment and the token of
// its service account. Only the addresses differ, and where files are. One that
// ends since it could not keep its lease, as on a machine that has too much to do,
// is run again, as the kubelet would.
type program struct {
	metrics string
	// profiles is where profiles are served, where they are.
	profiles string
	// external is the port of the external metrics, where the chart has them served.
	external int32
	started  time.Time

	mu  sync.Mutex
	now *process.Process
	// ended says that the test ended it.
	ended bool
}

// leaseLost is what a program says that ends for want of its lease.
const leaseLost = "leader election lost"

// keep runs the program again each time that it loses its lease, until the test
// ends it or it ends for another reason.
func (p *program) keep(t testing.TB, run func() *process.Process) {
	for {
		was := p.current()
		<-was.Done()
		p.mu.Lock()
		again := !p.ended && t.Context().Err() == nil && strings.Contains(was.Tail(5), leaseLost)
		if again {
			t.Log("the controller lost its lease and is run again")
			p.now = run()
		}
		p.mu.Unlock()
		if !again {
			return
		}
	}
}

func (p *program) current() *process.Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// end is the process that the test is about to end.
func (p *program) end() *process.Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	return p.now
}

// Stop and Kill end it for good.
func (p *program) Stop() { p.end().Stop() }
func (p *program) Kill() { p.end().Kill() }

// PID, Done, Err and Tail are those of the process that runs now.
func (p *program) PID() int              { return p.current().PID() }
func (p *program) Done() <-chan struct{} { return p.current().Done() }
func (p *program) Err() error            { return p.current().Err() }
func (p *program) Tail(lines int) string { return p.current().Tail(lines) }

// run starts the controller of a Deployment of the release and waits until it
// is ready. A replica that waits for the lease is not ready before it has it:
// such a one is not waited for.
func (c *cluster) run(t testing.TB, deployment string, wait bool) *program {
	t.Helper()
	d, err := c.Client.AppsV1().Deployments(system).Get(t.Context(), deployment, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ports := controlplane.FreePorts(t, 4)
	external := portOf(t, ports[2])
	metrics, health := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	dir := t.TempDir()
	args := c.args(t, d, dir, metrics, health, external)
	profiles := fmt.Sprintf("127.0.0.1:%d", ports[3])
	if os.Getenv(profileEnv) != "" {
		args = append(args, "--pprof-bind-address="+profiles)
	}
	env := []string{"POD_NAMESPACE=" + system, "POD_NAME=" + deployment + "-" + filepath.Base(dir)}
	for _, e := range d.Spec.Template.Spec.Containers[0].Env {
		if e.Value != "" {
			env = append(env, e.Name+"="+e.Value)
		}
	}
	binary := built(t, programEnv, "build")
	run := func() *process.Process { return process.Run(t, binary, dir, env, args...) }
	p := &program{
		now: run(), metrics: "http://" + metrics + "/metrics", profiles: "http://" + profiles + "/debug/pprof/", external: external, started: time.Now(),
	}
	go p.keep(t, run)
	if wait {
		p.current().WaitReady(t, 2*time.Minute, func(ctx context.Context) error { return ok(ctx, "http://"+health+"/readyz") })
	}
	return p
}

// args are those of the Deployment's container, with addresses and files of
// the test.
func (c *cluster) args(t testing.TB, d *appsv1.Deployment, dir, metrics, health string, external int32) []string {
	t.Helper()
	pod := d.Spec.Template.Spec
	args := slices.Clone(pod.Containers[0].Args)
	for _, m := range pod.Containers[0].VolumeMounts {
		for _, v := range pod.Volumes {
			if v.Name != m.Name {
				continue
			}
			if v.Secret != nil && v.Name == "external-metrics" {
				args = append(args, "--external-metrics-cert-dir="+c.files(t, filepath.Join(dir, v.Name), v.Secret.SecretName))
			}
			if v.ConfigMap == nil {
				continue
			}
			settings, err := c.Client.CoreV1().ConfigMaps(system).Get(t.Context(), v.ConfigMap.Name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for file, text := range settings.Data {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], m.MountPath, dir)
			}
		}
	}
	for i, a := range args {
		switch {
		case strings.HasPrefix(a, "--metrics-bind-address="):
			args[i] = "--metrics-bind-address=" + metrics
		case strings.HasPrefix(a, "--health-probe-bind-address="):
			args[i] = "--health-probe-bind-address=" + health
		case strings.HasPrefix(a, "--external-metrics-bind-address="):
			args[i] = fmt.Sprintf("--external-metrics-bind-address=127.0.0.1:%d", external)
		}
	}
	return append(args, "--kubeconfig="+c.token(t, pod.ServiceAccountName))
}

// files writes what a secret holds into a folder, as it is mounted.
func (c *cluster) files(t testing.TB, dir, secret string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for file, data := range c.secret(t, secret) {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// token writes a kubeconfig with a token of a service account of the release,
// through the proxy, and returns its path.
func (c *cluster) token(t testing.TB, account string) string {
	t.Helper()
	hours := int64(4 * 3600)
	answer, err := c.Client.CoreV1().ServiceAccounts(system).CreateToken(t.Context(), account,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hours}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return c.TokenKubeconfig(account, c.proxy.URL, answer.Status.Token)
}

// ok is an error unless a page answers 200.
func ok(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return errors.New(url + " answers " + answer.Status)
	}
	return nil
}

// metric is the sum of the program's own metric of a name over all series with
// the labels, each as name=value, and whether there is one.
func (p *program) metric(t testing.TB, name string, labels ...string) (float64, bool) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.metrics, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, false // It has ended, or not begun.
	}
	defer func() { _ = answer.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	family, found := families[name]
	if !found {
		return 0, false
	}
	sum := 0.0
	for _, m := range family.Metric {
		if slices.ContainsFunc(labels, func(want string) bool {
			return !slices.ContainsFunc(m.Label, func(l *dto.LabelPair) bool { return l.GetName()+"="+l.GetValue() == want })
		}) {
			continue
		}
		sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue() + m.GetHistogram().GetSampleSum()
	}
	return sum, true
}
