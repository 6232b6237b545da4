package record_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/record"
	"github.com/rightsize-dev/rightsize/internal/scenario"
	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

func start() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }

func series(n int, value func(i int) float64) forecaster.Series {
	s := forecaster.Series{Start: start(), Step: 5 * time.Minute, Values: make([]float64, n)}
	for i := range s.Values {
		s.Values[i] = value(i)
	}
	return s
}

// shop is a day of two containers whose CPU is 0.1 cores a pod and 20 ms a
// request, with a gap.
func shop() collector.Workload {
	const n = 288
	rate := func(i int) float64 { return 50 + 40*math.Sin(float64(i)/30) }
	gap := func(value func(i int) float64) func(i int) float64 {
		return func(i int) float64 {
			if i >= 100 && i < 105 {
				return math.NaN()
			}
			return value(i)
		}
	}
	return collector.Workload{
		ID: recommender.Workload{Namespace: "web", Kind: "Deployment", Name: "shop"},
		Containers: []collector.Container{
			{
				Name: "app", Requests: recommender.Resources{CPU: 900, Memory: 300 * recommender.MiB},
				Limits: recommender.Resources{Memory: 512 * recommender.MiB},
				CPU:    series(n, gap(func(i int) float64 { return 0.2 + 0.02*rate(i) })), Memory: series(n, gap(func(int) float64 { return 200 << 20 })),
			},
			{
				Name: "proxy", Requests: recommender.Resources{CPU: 100, Memory: 64 * recommender.MiB},
				Limits: recommender.Resources{CPU: 200, Memory: 64 * recommender.MiB},
				CPU:    series(n, gap(func(int) float64 { return 0.1 })), Memory: series(n, gap(func(int) float64 { return 40 << 20 })),
			},
		},
		Ready:          series(n, func(int) float64 { return 3 }),
		StartupSeconds: 41.6,
		Signals:        []collector.Signal{{Name: "http_requests", Unit: "requests/s", Role: collector.RoleDemand, Series: series(n, gap(rate))}},
	}
}

func options(service record.Service) record.Options {
	return record.Options{
		Name: "shop", Trace: "shop.csv", Service: service, Latency: 300 * time.Millisecond, Percentile: 0.95,
		Prices: recommender.Prices{CPUCoreHour: 0.03, MemoryGiBHour: 0.004},
	}
}

// replay writes a recording and loads it as the simulator does.
func replay(t *testing.T, r record.Recording) simulator.Scenario {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string][]byte{"shop.yaml": r.Scenario, "shop.csv": r.Trace} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sc, err := scenario.Load(filepath.Join(dir, "shop.yaml"))
	if err != nil {
		t.Fatalf("%v\n%s", err, r.Scenario)
	}
	p, err := baseline.New("hpa", &sc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := simulator.Run(sc, p, simulator.Options{}); err != nil {
		t.Fatal(err)
	}
	return sc
}

// TestUsage: both containers count together, memory is that of the largest pod
// times the pods, and only a limit that every container has is one.
func TestUsage(t *testing.T) {
	t.Parallel()
	r, err := record.Workload(shop(), options(record.Usage))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(r.Trace), "\n")
	// 0.2 + 0.02·50 + 0.1 cores; (200+40)·3 MiB.
	if lines[0] != "timestamp_s,cpu_cores,memory_mib,replicas,requests_per_s" || lines[1] != "1793491200,1.3000,720.0,3,50.000" ||
		lines[101] != "1793521200,,,3," {
		t.Errorf("trace begins %q, %q, and has the gap %q", lines[0], lines[1], lines[101])
	}
	sc := replay(t, r)
	want := simulator.Initial{
		Replicas: 3, Requests: recommender.Resources{CPU: 1000, Memory: 364 * recommender.MiB}, Limits: recommender.Resources{Memory: 576 * recommender.MiB},
	}
	if sc.Initial != want || sc.Service.Usage == nil || sc.Service.Usage.Startup != 42*time.Second || sc.Warmup != 12*time.Hour || sc.Prices.CPUCoreHour != 0.03 {
		t.Errorf("scenario:\n%s", r.Scenario)
	}
}

// TestHTTP: the relation of CPU to requests is found again: 0.1 cores a pod
// (0.3 for three) and 20 ms a request.
func TestHTTP(t *testing.T) {
	t.Parallel()
	r, err := record.Workload(shop(), options(record.HTTP))
	if err != nil {
		t.Fatal(err)
	}
	sc := replay(t, r)
	h := sc.Service.HTTP
	if h == nil || math.Abs(h.CPUSecondsPerRequest-0.02) > 1e-4 || h.BaseCPU < 95 || h.BaseCPU > 105 || h.BaseMemory != 240*recommender.MiB ||
		sc.Objective.LatencySeconds != 0.3 {
		t.Errorf("scenario:\n%s", r.Scenario)
	}
}

// TestThinData: what is missing is made up for, or said.
func TestThinData(t *testing.T) {
	t.Parallel()
	if _, err := record.Workload(collector.Workload{}, options(record.Usage)); !errors.Is(err, record.ErrNoHistory) {
		t.Errorf("nothing: %v", err)
	}
	one := shop()
	one.Containers[0].CPU.Values, one.Containers = one.Containers[0].CPU.Values[:1], one.Containers[:1]
	if _, err := record.Workload(one, options(record.Usage)); !errors.Is(err, record.ErrNoHistory) {
		t.Errorf("one point: %v", err)
	}
	quiet := shop()
	quiet.Signals = nil
	if _, err := record.Workload(quiet, options(record.HTTP)); err == nil || !strings.Contains(err.Error(), "no request rate") {
		t.Errorf("no requests: %v", err)
	}
	flat := shop()
	flat.Signals[0].Series = series(288, func(int) float64 { return 50 })
	if _, err := record.Workload(flat, options(record.HTTP)); err == nil || !strings.Contains(err.Error(), "does not explain its CPU") {
		t.Errorf("constant requests: %v", err)
	}
	bare := shop()
	bare.Ready, bare.Signals, bare.StartupSeconds = forecaster.Series{}, nil, 0
	for i := range bare.Containers {
		bare.Containers[i].Requests, bare.Containers[i].Limits, bare.Containers[i].Memory = recommender.Resources{}, recommender.Resources{}, forecaster.Series{}
	}
	r, err := record.Workload(bare, options(record.Usage))
	if err != nil {
		t.Fatal(err)
	}
	if sc := replay(t, r); sc.Initial.Replicas != 1 || sc.Initial.Requests.CPU < 2000 || sc.Demand.Memory != nil {
		t.Errorf("scenario:\n%s", r.Scenario)
	}
}
