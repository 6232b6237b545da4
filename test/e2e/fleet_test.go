package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/testkit/exporter"
)

// pastInterval is the distance of the points of histories, fineInterval that of
// their last time, in which changes are judged by minutes.
const (
	pastInterval = time.Minute
	fineInterval = 15 * time.Second
	fineTime     = 90 * time.Minute
)

// workload is something to size: what its pods do, how it is made, and how
// long it has been there.
type workload struct {
	exporter.App
	replicas int
	// unowned leaves the number of pods out of the manifest, so that it has no
	// owner: there is one until somebody scales.
	unowned bool
	// container is the resources of the first container, in YAML; sidecars are
	// further containers, and native ones that are init containers.
	container        string
	sidecars, native []string
	// pod is more of the pod's specification, in lines of YAML.
	pod []string
	// days of history; zero is none.
	days int
	// startup is how long pods took to be ready in the past.
	startup time.Duration
	// spec is that of the RightSize, but for its target, in lines of YAML;
	// without any there is none.
	spec []string
}

const template = `apiVersion: %[1]s
kind: %[2]s
metadata: {name: %[3]s, namespace: %[4]s}
spec:
  %[5]s
  template:
    metadata: {labels: {app: %[3]s}}
    spec:
`

// manifest is the workload in YAML.
func (w *workload) manifest() string {
	selector := fmt.Sprintf("selector: {matchLabels: {app: %s}}", w.Name)
	count := fmt.Sprintf("replicas: %d\n  ", w.replicas)
	if w.unowned {
		count = ""
	}
	var out string
	switch w.Workload().Kind {
	case "Deployment":
		out = fmt.Sprintf(template, "apps/v1", "Deployment", w.Name, w.Namespace, count+selector)
	case "StatefulSet":
		out = fmt.Sprintf(template, "apps/v1", "StatefulSet", w.Name, w.Namespace, count+"serviceName: none\n  podManagementPolicy: Parallel\n  "+selector)
	case "DaemonSet":
		out = fmt.Sprintf(template, "apps/v1", "DaemonSet", w.Name, w.Namespace, selector)
	case "Job":
		out = fmt.Sprintf(template, "batch/v1", "Job", w.Name, w.Namespace, fmt.Sprintf("parallelism: %d", w.replicas))
	case "CronJob":
		job := fmt.Sprintf(template, "batch/v1", "CronJob", w.Name, w.Namespace, "SPEC")
		head, body, _ := strings.Cut(job, "  SPEC\n")
		out = head + "  schedule: \"* * * * *\"\n  jobTemplate:\n    spec:\n" + indent(body+w.podSpec(), "    ")
		return out
	}
	return out + w.podSpec()
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+by) + "\n"
}

// podSpec is that of the template, six spaces in.
func (w *workload) podSpec() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "      "+format+"\n", args...) }
	line("terminationGracePeriodSeconds: 1")
	if k := w.Workload().Kind; k == "Job" || k == "CronJob" {
		line("restartPolicy: Never")
	}
	for _, l := range w.pod {
		line("%s", l)
	}
	line("containers:")
	line("- {name: app, image: example.com/app:1, resources: %s}", w.container)
	for i, r := range w.sidecars {
		line("- {name: sidecar-%d, image: example.com/sidecar:1, resources: %s}", i, r)
	}
	if len(w.native) > 0 {
		line("initContainers:")
	}
	for i, r := range w.native {
		line("- {name: native-%d, image: example.com/native:1, restartPolicy: Always, resources: %s}", i, r)
	}
	return b.String()
}

// rightsize is its RightSize in YAML.
func (w *workload) rightsize() string {
	version := "apps/v1"
	if k := w.Workload().Kind; k == "Job" || k == "CronJob" {
		version = "batch/v1"
	}
	return fmt.Sprintf("apiVersion: rightsize.dev/v1alpha1\nkind: RightSize\nmetadata: {name: %[1]s, namespace: %[2]s}\nspec:\n"+
		"  targetRef: {apiVersion: %[3]s, kind: %[4]s, name: %[1]s}\n  %[5]s\n",
		w.Name, w.Namespace, version, w.Workload().Kind, strings.Join(w.spec, "\n  "))
}

// template of the pods.
func (w *workload) template(t testing.TB) corev1.PodSpec {
	t.Helper()
	var spec corev1.PodSpec
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll("\n"+w.podSpec(), "\n      ", "\n")), &spec); err != nil {
		t.Fatal(err)
	}
	return spec
}

// deploy gives workloads their past, makes them and, when their pods are
// ready and have been scraped, their RightSizes.
func (c *cluster) deploy(t testing.TB, workloads ...*workload) {
	t.Helper()
	for _, w := range workloads {
		c.Namespace(w.Namespace)
		if w.days > 0 {
			to := time.Now().Truncate(pastInterval)
			past := exporter.Past{
				App: &w.App, Template: w.template(t), Replicas: max(1, w.replicas), Startup: w.startup,
				From: to.Add(-time.Duration(w.days) * 24 * time.Hour), To: to, Interval: pastInterval,
			}
			history := past.History()
			finer := past.To.Add(-fineTime)
			c.prometheus.Write(history, past.From, finer.Add(-pastInterval), pastInterval)
			c.prometheus.Write(history, finer, past.To, fineInterval)
		}
		c.exporter.Set(&w.App)
		c.apply(t, w.manifest())
	}
	for _, w := range workloads {
		if w.Workload().Kind == "CronJob" {
			continue // Its pods come with the minute.
		}
		eventually(t, time.Minute, w.Name+" is ready", func() error {
			ready := c.ready(t, w)
			if (w.unowned || w.Workload().Kind == "DaemonSet") && ready > 0 {
				return nil
			}
			if ready < w.replicas {
				return fmt.Errorf("%d of %d pods are ready", ready, w.replicas)
			}
			return nil
		})
	}
	for _, w := range workloads {
		if len(w.spec) > 0 {
			c.apply(t, w.rightsize())
		}
	}
}

// ready counts the ready pods of a workload.
func (c *cluster) ready(t testing.TB, w *workload) int {
	t.Helper()
	n := 0
	for _, p := range c.pods(t, w.Namespace, w.Name) {
		for _, condition := range p.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				n++
			}
		}
	}
	return n
}

// path of the RightSize of a workload.
func (w *workload) path() string {
	return path("rightsize.dev/v1alpha1", "RightSize", w.Namespace, w.Name)
}

// of reads the RightSize of a workload.
func (c *cluster) rightsize(t testing.TB, w *workload) *v1alpha1.RightSize {
	t.Helper()
	rs := &v1alpha1.RightSize{}
	if err := c.get(t, w.path(), rs); err != nil {
		t.Fatal(err)
	}
	return rs
}

// condition waits until a condition of the RightSize has a status and, if one
// is given, a reason.
func (c *cluster) condition(t testing.TB, timeout time.Duration, w *workload, kind, status, reason string) *v1alpha1.RightSize {
	t.Helper()
	var rs *v1alpha1.RightSize
	eventually(t, timeout, w.Name+": "+kind+" "+status+" "+reason, func() error {
		rs = c.rightsize(t, w)
		for _, x := range rs.Status.Conditions {
			if x.Type == kind && string(x.Status) == status && (reason == "" || x.Reason == reason) {
				return nil
			}
		}
		return fmt.Errorf("conditions are %s", conditions(rs.Status.Conditions))
	})
	return rs
}

func conditions(all []metav1.Condition) string {
	parts := make([]string, 0, len(all))
	for _, x := range all {
		parts = append(parts, fmt.Sprintf("%s=%s %s (%s)", x.Type, x.Status, x.Reason, x.Message))
	}
	return strings.Join(parts, "; ")
}

// sizes of the first container of a workload's pods, as the kubelet tells
// them: cpu/memory requests.
func sizes(pods []corev1.Pod) []string {
	out := make([]string, 0, len(pods))
	for i := range pods {
		out = append(out, size(&pods[i], pods[i].Spec.Containers[0].Name))
	}
	return out
}

// size of a container, as the kubelet tells it.
func size(p *corev1.Pod, container string) string {
	for _, all := range [][]corev1.ContainerStatus{p.Status.ContainerStatuses, p.Status.InitContainerStatuses} {
		for i := range all {
			if all[i].Name == container && all[i].Resources != nil {
				r := all[i].Resources.Requests
				return r.Cpu().String() + "/" + r.Memory().String()
			}
		}
	}
	return "unknown"
}

// recommended is the size that the RightSize recommends for a container.
func recommended(rs *v1alpha1.RightSize, container string) string {
	for _, k := range rs.Status.Recommendation.Containers {
		if k.Name == container && k.Requests.CPU != nil && k.Requests.Memory != nil {
			return k.Requests.CPU.String() + "/" + k.Requests.Memory.String()
		}
	}
	return "nothing"
}

// service is an app that answers requests at a steady rate: a request takes
// 10 ms of CPU, a pod 64 MiB and a MiB more for each request a second.
func service(namespace, kind, name string, rate float64) exporter.App {
	return exporter.App{
		Namespace: namespace, Name: name, Kind: kind, Demand: exporter.Steady(rate),
		CPUSeconds: 0.01, IdleCPU: 0.005, Memory: 64 << 20, MemoryPerRequest: 1 << 20,
		Others: exporter.Usage{CPUCores: 0.02, MemoryBytes: 32 << 20},
	}
}
