package collector_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// prometheusServer starts the Prometheus that RIGHTSIZE_PROMETHEUS names and
// returns its URL.
func prometheusServer(t *testing.T) string {
	t.Helper()
	binary := os.Getenv("RIGHTSIZE_PROMETHEUS")
	if binary == "" {
		t.Skip("RIGHTSIZE_PROMETHEUS does not name a prometheus binary")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte("global: {scrape_interval: 1h}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--storage.tsdb.retention.time=10y", "--web.listen-address=127.0.0.1:0", "--web.enable-remote-write-receiver", "--log.level=info")
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	address := make(chan string, 1)
	go func() {
		listening := regexp.MustCompile(`Listening on.*address=(127\.0\.0\.1:\d+)`)
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
	}()
	var base string
	select {
	case a := <-address:
		base = "http://" + a
	case <-time.After(20 * time.Second):
		t.Fatal("prometheus did not say where it listens")
	}
	for range 100 {
		resp, err := get(t, base+"/-/ready")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return base
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("prometheus did not become ready")
	return ""
}

func get(t *testing.T, address string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}

// world is the series of a simulated cluster: labels with __name__, and the
// value at an instant, which may be absent.
type world struct {
	series []simulated
}

type simulated struct {
	labels map[string]string
	value  func(t time.Time) (float64, bool)
}

// add adds a series; its labels are pairs of name and value.
func (w *world) add(name string, value func(t time.Time) (float64, bool), labels ...string) {
	m := map[string]string{"__name__": name}
	for i := 0; i < len(labels); i += 2 {
		m[labels[i]] = labels[i+1]
	}
	w.series = append(w.series, simulated{m, value})
}

// write sends everything in [from, to] by remote write, in order of time.
// Series that vanish get a staleness marker, as a scrape would give them.
func (w *world) write(t *testing.T, base string, from, to time.Time, interval time.Duration) {
	t.Helper()
	const batch = 60
	alive := make([]bool, len(w.series))
	for start := from; !start.After(to); start = start.Add(batch * interval) {
		var request []byte
		for i, s := range w.series {
			var samples []byte
			for j := range batch {
				at := start.Add(time.Duration(j) * interval)
				if at.After(to) {
					break
				}
				v, ok := s.value(at)
				if !ok && !alive[i] {
					continue
				}
				if !ok {
					v = math.Float64frombits(0x7ff0000000000002) // Prometheus: value.StaleNaN.
				}
				alive[i] = ok
				samples = protowire.AppendTag(samples, 2, protowire.BytesType)
				samples = protowire.AppendBytes(samples, sampleMessage(v, at))
			}
			if samples == nil {
				continue
			}
			request = protowire.AppendTag(request, 1, protowire.BytesType)
			request = protowire.AppendBytes(request, append(labelMessages(s.labels), samples...))
		}
		if request != nil {
			post(t, base+"/api/v1/write", snappyLiteral(request))
		}
	}
}

// sampleMessage is prometheus.Sample: value = 1, timestamp = 2.
func sampleMessage(v float64, at time.Time) []byte {
	b := protowire.AppendTag(nil, 1, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(v))
	b = protowire.AppendTag(b, 2, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(at.UnixMilli()))
}

// labelMessages is repeated prometheus.Label (name = 1, value = 2) as field 1
// of a TimeSeries.
func labelMessages(labels map[string]string) []byte {
	names := make([]string, 0, len(labels))
	for n := range labels {
		names = append(names, n)
	}
	slices.Sort(names)
	var b []byte
	for _, n := range names {
		l := protowire.AppendTag(nil, 1, protowire.BytesType)
		l = protowire.AppendString(l, n)
		l = protowire.AppendTag(l, 2, protowire.BytesType)
		l = protowire.AppendString(l, labels[n])
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendBytes(b, l)
	}
	return b
}

// snappyLiteral wraps data in the snappy block format without compressing it:
// the length, then literals of at most 65536 bytes (tag 61<<2, two bytes of
// length less one).
func snappyLiteral(data []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(data)))
	for len(data) > 0 {
		n := min(len(data), 1<<16)
		out = append(out, 61<<2, byte(n-1), byte((n-1)>>8))
		out = append(out, data[:n]...)
		data = data[n:]
	}
	return out
}

func post(t *testing.T, url string, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode/100 != 2 {
		t.Fatalf("remote write: %s: %s", resp.Status, answer)
	}
}

// cluster builds the series of one Kubernetes cluster.
type cluster struct {
	*world
	name  string
	begin time.Time
	// scrapers is how many kube-state-metrics and cAdvisor scrapes there are.
	scrapers int
}

// pod is a simulated pod.
type pod struct {
	namespace, name, kind, owner string
	from, to                     time.Time // Zero: always.
	readyAfter                   time.Duration
	containers                   []simContainer
}

// simContainer is a simulated container: rates and amounts over time.
type simContainer struct {
	name                      string
	cpu                       float64 // Cores.
	memory                    func(t time.Time) float64
	requestCPU, requestMemory float64
	limitMemory, throttled    float64
	gpus                      float64
	restarts                  []time.Time
	oom                       bool // Restarts, or the end of a job, are OOM kills.
	sidecar                   bool // An init container that keeps running.
}

// started is when the run of the container that is under way at t began; its
// counters begin at zero then.
func (k simContainer) started(p pod, begin, t time.Time) time.Time {
	start := p.from
	if start.IsZero() {
		start = begin
	}
	for _, r := range k.restarts {
		if !t.Before(r) {
			start = r
		}
	}
	return start
}

func (p pod) during(value func(t time.Time) float64) func(t time.Time) (float64, bool) {
	return func(t time.Time) (float64, bool) {
		if (!p.from.IsZero() && t.Before(p.from)) || (!p.to.IsZero() && !t.Before(p.to)) {
			return 0, false
		}
		return value(t), true
	}
}

func steady(v float64) func(time.Time) float64 { return func(time.Time) float64 { return v } }

// state adds a series of kube-state-metrics, once for each scraper.
func (c *cluster) state(name string, value func(t time.Time) (float64, bool), labels ...string) {
	for i := range c.scrapers {
		c.add(name, value, append(slices.Clone(labels), "cluster", c.name, "job", "kube-state-metrics", "instance", fmt.Sprintf("ksm-%d", i))...)
	}
}

// pod adds everything that is exported about a pod.
func (c *cluster) pod(p pod) {
	id := []string{"namespace", p.namespace, "pod", p.name, "uid", p.name}
	controller := "true"
	if p.kind == "" {
		controller = ""
	}
	one := p.during(steady(1))
	c.state("kube_pod_owner", one, append(slices.Clone(id), "owner_kind", p.kind, "owner_name", p.owner, "owner_is_controller", controller)...)
	created := p.from
	if created.IsZero() {
		created = c.begin
	}
	c.state("kube_pod_created", p.during(steady(float64(created.Unix()))), id...)
	ready := created.Add(p.readyAfter)
	c.state("kube_pod_status_ready_time", func(t time.Time) (float64, bool) {
		v, ok := p.during(steady(float64(ready.Unix())))(t)
		return v, ok && !t.Before(ready)
	}, id...)
	c.state("kube_pod_status_phase", one, append(slices.Clone(id), "phase", "Running")...)
	c.state("kube_pod_status_phase", p.during(steady(0)), append(slices.Clone(id), "phase", "Pending")...)
	c.state("kube_pod_status_ready", p.during(func(t time.Time) float64 {
		if t.Before(ready) {
			return 0
		}
		return 1
	}), append(slices.Clone(id), "condition", "true")...)
	if p.owner == "web-7f9c6b5d4f" {
		c.state("kube_pod_labels", one, append(slices.Clone(id), "label_app", "web")...)
	}
	for _, k := range p.containers {
		c.container(p, k, id)
	}
}

func (c *cluster) container(p pod, k simContainer, id []string) {
	id = append(slices.Clone(id), "container", k.name)
	prefix := "kube_pod_container_"
	switch { // kube-state-metrics: docs/metrics/workload/pod-metrics.md.
	case k.sidecar:
		prefix = "kube_pod_init_container_"
		c.state(prefix+"info", p.during(steady(1)), append(slices.Clone(id), "restart_policy", "Always")...)
	case strings.HasPrefix(k.name, "init-"):
		prefix = "kube_pod_init_container_"
		c.state(prefix+"info", p.during(steady(1)), append(slices.Clone(id), "restart_policy", "")...)
	default:
		c.state(prefix+"info", p.during(steady(1)), id...)
	}
	for resource, v := range map[string]float64{"cpu": k.requestCPU, "memory": k.requestMemory, "nvidia_com_gpu": k.gpus} {
		if v > 0 {
			c.state(prefix+"resource_requests", p.during(steady(v)), append(slices.Clone(id), "resource", resource, "node", "n1")...)
		}
	}
	if k.limitMemory > 0 {
		c.state(prefix+"resource_limits", p.during(steady(k.limitMemory)), append(slices.Clone(id), "resource", "memory", "node", "n1")...)
	}
	count := func(t time.Time) float64 {
		n := 0.0
		for _, r := range k.restarts {
			if !t.Before(r) {
				n++
			}
		}
		return n
	}
	c.state(prefix+"status_restarts_total", p.during(count), id...)
	if k.oom && len(k.restarts) > 0 {
		c.state(prefix+"status_last_terminated_reason", func(t time.Time) (float64, bool) {
			_, ok := p.during(count)(t)
			return 1, ok && count(t) > 0
		}, append(slices.Clone(id), "reason", "OOMKilled")...)
	}
	if k.oom && len(k.restarts) == 0 { // The last minute of a job's pod.
		c.state(prefix+"status_terminated_reason", func(t time.Time) (float64, bool) {
			_, ok := p.during(steady(1))(t)
			return 1, ok && !t.Before(p.to.Add(-time.Minute))
		}, append(slices.Clone(id), "reason", "OOMKilled")...)
	}
	seconds := func(rate float64) func(t time.Time) (float64, bool) {
		return p.during(func(t time.Time) float64 {
			return rate * t.Sub(k.started(p, c.begin, t)).Seconds()
		})
	}
	for i := range c.scrapers {
		usage := []string{
			"namespace", p.namespace, "pod", p.name, "container", k.name, "image", "example/" + k.name, "id", "/kubepods/" + p.name + "/" + k.name,
			"cluster", c.name, "job", "kubelet", "metrics_path", "/metrics/cadvisor", "instance", fmt.Sprintf("n%d", i),
		}
		c.add("container_cpu_usage_seconds_total", seconds(k.cpu), usage...)
		c.add("container_start_time_seconds", p.during(func(t time.Time) float64 { return float64(k.started(p, c.begin, t).Unix()) }), usage...)
		c.add("container_memory_working_set_bytes", p.during(k.memory), usage...)
		c.add("container_memory_usage_bytes", p.during(func(t time.Time) float64 { return k.memory(t) + 50*mib }), usage...)
		if k.throttled > 0 {
			c.add("container_cpu_cfs_periods_total", seconds(10), usage...)
			c.add("container_cpu_cfs_throttled_periods_total", seconds(10*k.throttled), usage...)
		}
		// The pod's cgroup and its sandbox, which must not count.
		for _, other := range []string{"", "POD"} {
			labels := slices.Clone(usage)
			labels[5] = other
			c.add("container_cpu_usage_seconds_total", seconds(100*k.cpu), labels...)
			c.add("container_memory_working_set_bytes", p.during(steady(1e12)), labels...)
		}
	}
}
