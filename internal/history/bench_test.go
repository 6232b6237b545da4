package history_test

import (
	"bufio"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/history"
	"github.com/rightsize-dev/rightsize/internal/testkit/cputime"
	"github.com/rightsize-dev/rightsize/recommender"
)

// synthetic answers the collector's queries for a fleet of Deployments of four
// pods of one container that serve requests: values with a daily rhythm, 20 %
// of noise and all their digits.
type synthetic struct {
	workloads int
	queries   atomic.Int64
}

func (s *synthetic) owner(i int) string {
	return fmt.Sprintf(`"namespace":"ns-%d","owner_kind":"ReplicaSet","owner_name":"app-%d-6d4cf56db6"`, i%50, i)
}

// value of series i at a time: mean 1.
func (s *synthetic) value(i int, kind uint64, unix int64) float64 {
	h := (uint64(i)*0x9e3779b97f4a7c15 ^ kind<<56) + uint64(unix)*0xbf58476d1ce4e5b9
	h ^= h >> 31
	h *= 0x94d049bb133111eb
	h ^= h >> 29
	noise := float64(h>>11) / (1 << 53)
	return (1 + 0.4*math.Sin(2*math.Pi*float64(unix+int64(i)*977)/86400)) * (0.8 + 0.4*noise)
}

func (s *synthetic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.queries.Add(1)
	w.Header().Set("Content-Type", "application/json")
	b := bufio.NewWriterSize(w, 1<<16)
	defer b.Flush() //nolint:errcheck // The client sees it.
	expr := r.FormValue("query")
	if strings.HasSuffix(r.URL.Path, "/query") {
		at, _ := strconv.ParseFloat(r.FormValue("time"), 64)
		_, _ = b.WriteString(`{"status":"success","data":{"resultType":"vector","result":[`)
		s.vector(b, expr, int64(at))
	} else {
		_, _ = b.WriteString(`{"status":"success","data":{"resultType":"matrix","result":[`)
		s.matrix(b, expr, r)
	}
	_, _ = b.WriteString("]}}")
}

func (s *synthetic) vector(b *bufio.Writer, expr string, at int64) {
	first := true
	item := func(labels string, v float64) {
		if !first {
			_ = b.WriteByte(',')
		}
		first = false
		_, _ = fmt.Fprintf(b, `{"metric":{%s},"value":[%d,"%g"]}`, labels, at, v)
	}
	each := func(labels string, v func(i int) float64) {
		for i := range s.workloads {
			item(s.owner(i)+labels, v(i))
		}
	}
	pods := float64(4 * s.workloads)
	switch {
	case strings.HasPrefix(expr, "count by (cluster"):
		item(``, pods)
	case strings.HasPrefix(expr, "label_replace(count(container_cpu"):
		for name, n := range map[string]float64{
			"container_cpu_usage_seconds_total": pods, "container_memory_working_set_bytes": pods, "container_cpu_cfs_periods_total": pods,
			"container_oom_events_total": pods, "kube_replicaset_owner": 5 * float64(s.workloads), "kube_pod_created": pods,
			"kube_pod_container_info": pods, "kube_pod_container_resource_requests": 2 * pods, "kube_pod_container_resource_limits": pods,
			"kube_pod_container_status_restarts_total": pods, "kube_pod_status_phase": 5 * pods, "kube_pod_status_ready": 3 * pods,
			"kube_pod_status_ready_time": pods, "kube_deployment_spec_replicas": float64(s.workloads), "http_requests_total": pods,
		} {
			item(fmt.Sprintf(`"signal":%q`, name), n)
		}
	case strings.Contains(expr, "label_replace(count by (namespace)"):
		for ns := range 50 {
			item(fmt.Sprintf(`"namespace":"ns-%d","signal":"raw"`, ns), pods/50)
			item(fmt.Sprintf(`"namespace":"ns-%d","signal":"pods"`, ns), pods/50)
			item(fmt.Sprintf(`"namespace":"ns-%d","signal":"owners"`, ns), pods/200)
		}
	case strings.Contains(expr, "rightsize_signal") && strings.Contains(expr, "container_cpu"):
		each(`,"container":"app","rightsize_signal":"cpu"`, func(i int) float64 { return 0.4 * s.value(i, 1, at) })
		first = s.workloads == 0
		each(`,"container":"app","rightsize_signal":"memory"`, func(i int) float64 { return 3e8 * s.value(i, 2, at) })
	case strings.Contains(expr, "rightsize_signal") && strings.Contains(expr, "http_requests_total"):
		each(`,"rightsize_signal":"http_requests/http_requests_total"`, func(i int) float64 { return 40 * s.value(i, 4, at) })
	case strings.HasPrefix(expr, "topk by (namespace,owner_kind"):
		each(`,"pod":"p"`, func(int) float64 { return 1.7e9 })
	case strings.Contains(expr, "kube_pod_container_resource_requests"):
		each(`,"container":"app","resource":"cpu"`, func(int) float64 { return 0.5 })
		each(`,"container":"app","resource":"memory"`, func(int) float64 { return 1 << 29 })
	case strings.Contains(expr, "kube_pod_container_resource_limits"):
		each(`,"container":"app","resource":"memory"`, func(int) float64 { return 1 << 30 })
	case strings.Contains(expr, "kube_pod_container_info"):
		each(`,"container":"app"`, func(int) float64 { return 1 })
	case strings.HasPrefix(expr, "max by (namespace,deployment)"):
		for i := range s.workloads {
			item(fmt.Sprintf(`"namespace":"ns-%d","deployment":"app-%d"`, i%50, i), 4)
		}
	}
}

func (s *synthetic) matrix(b *bufio.Writer, expr string, r *http.Request) {
	start, _ := strconv.ParseFloat(r.FormValue("start"), 64)
	end, _ := strconv.ParseFloat(r.FormValue("end"), 64)
	step, _ := strconv.ParseFloat(r.FormValue("step"), 64)
	first := true
	buffer := make([]byte, 0, 64)
	series := func(i int, labels string, v func(i int, unix int64) float64) {
		if !first {
			_ = b.WriteByte(',')
		}
		first = false
		_, _ = b.WriteString(`{"metric":{` + labels + `},"values":[`)
		for at := int64(start); at <= int64(end); at += int64(step) {
			if at > int64(start) {
				_ = b.WriteByte(',')
			}
			buffer = append(strconv.AppendInt(append(buffer[:0], '['), at, 10), `,"`...)
			buffer = append(strconv.AppendFloat(buffer, v(i, at), 'g', -1, 64), `"]`...)
			_, _ = b.Write(buffer)
		}
		_, _ = b.WriteString("]}")
	}
	in := func(ns int) bool {
		name := fmt.Sprintf(`ns-%d`, ns)
		_, after, ok := strings.Cut(expr, `namespace=~"`)
		if one, rest, found := strings.Cut(expr, `namespace="`); found && !ok {
			_ = one
			return strings.HasPrefix(rest, name+`"`)
		}
		list, _, _ := strings.Cut(after, `"`)
		if !ok {
			_, after, ok = strings.Cut(expr, `namespace!~"`)
			list, _, _ = strings.Cut(after, `"`)
			return !ok || !strings.Contains("|"+list+"|", "|"+name+"|")
		}
		return strings.Contains("|"+list+"|", "|"+name+"|")
	}
	var take [50]bool
	for ns := range take {
		take[ns] = in(ns)
	}
	each := func(labels func(i int) string, v func(i int, unix int64) float64) {
		for i := range s.workloads {
			if take[i%50] {
				series(i, labels(i), v)
			}
		}
	}
	container := func(i int) string { return s.owner(i) + `,"container":"app"` }
	switch {
	case strings.Contains(expr, "container_cpu_cfs"):
		each(container, func(int, int64) float64 { return 0 })
	case strings.Contains(expr, "container_cpu_usage") && strings.HasPrefix(expr, "max"):
		each(container, func(i int, at int64) float64 { return 0.12 * s.value(i, 3, at) })
	case strings.Contains(expr, "container_cpu_usage"):
		each(container, func(i int, at int64) float64 { return 0.4 * s.value(i, 1, at) })
	case strings.Contains(expr, "container_memory"):
		each(container, func(i int, at int64) float64 { return 3e8 * s.value(i, 2, at) })
	case strings.Contains(expr, "kube_replicaset_owner") && strings.HasPrefix(expr, "max by"):
		each(func(i int) string {
			if strings.Contains(expr, "deployment") {
				return fmt.Sprintf(`"namespace":"ns-%d","deployment":"app-%d"`, i%50, i)
			}
			return fmt.Sprintf(`"namespace":"ns-%d","replicaset":"app-%d-6d4cf56db6","owner_kind":"Deployment","owner_name":"app-%d"`, i%50, i, i)
		}, func(int, int64) float64 { return 4 })
	case strings.Contains(expr, "_requests_total"):
		each(s.owner, func(i int, at int64) float64 { return 40 * s.value(i, 4, at) })
	}
}

// benchStore is a store that has read 14 days of a synthetic fleet of 100
// workloads, or of 5,000 with RIGHTSIZE_BENCH_LARGE=1: then the first read takes
// minutes.
func benchStore(b *testing.B) (*synthetic, *history.Store, time.Time) {
	b.Helper()
	api := &synthetic{workloads: 100}
	if os.Getenv("RIGHTSIZE_BENCH_LARGE") != "" {
		api.workloads = 5000
	}
	server := httptest.NewServer(api)
	b.Cleanup(server.Close)
	store := history.New(newCollector(b, server.URL, 14*24*time.Hour), history.Options{})
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	began := time.Now()
	if err := store.Refresh(b.Context(), at); err != nil {
		b.Fatal(err)
	}
	if n := len(store.Workloads()); n != api.workloads {
		b.Fatalf("%d workloads", n)
	}
	b.Logf("%d workloads, first read by %d queries in %s", api.workloads, api.queries.Load(), time.Since(began).Round(time.Second))
	return api, store, at
}

// BenchmarkStore tells what the store costs: bytes it holds a workload, a tail,
// a pulse, and a snapshot and its decision.
func BenchmarkStore(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	api, store, at := benchStore(b)
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	workloads := float64(api.workloads)
	resident := float64(after.HeapAlloc - before.HeapAlloc)
	b.Logf("holds %.1f MB, %.1f KB a workload; the process has taken %.0f MB from the system", resident/1e6, resident/1e3/workloads, float64(after.Sys-after.HeapReleased)/1e6)
	b.Run("tail", func(b *testing.B) {
		asked, start := api.queries.Load(), cputime.Used(b)
		b.ReportAllocs()
		for b.Loop() {
			at = at.Add(5 * time.Minute)
			if err := store.Refresh(b.Context(), at); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(api.queries.Load()-asked)/float64(b.N), "queries/op")
		b.ReportMetric(float64(cputime.Used(b)-start)/1e9/float64(b.N), "cpu-s/op") // The synthetic server's included.
	})
	b.Run("pulse", func(b *testing.B) {
		now, asked, start := at, api.queries.Load(), cputime.Used(b)
		for b.Loop() {
			now = now.Add(15 * time.Second)
			if _, err := store.Pulse(b.Context(), now); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(api.queries.Load()-asked)/float64(b.N), "queries/op")
		b.ReportMetric(float64(cputime.Used(b)-start)/1e9/float64(b.N), "cpu-s/op")
	})
	// The first round makes all forecasts, the ones after it those that are due.
	all := func(b *testing.B) float64 {
		b.Helper()
		var decider recommender.Recommender
		start := cputime.Used(b)
		for _, id := range store.Workloads() {
			s, ok := store.Snapshot(id, at.Add(10*time.Second), recommender.Policy{})
			if !ok || s.Demand == nil {
				b.Fatal(id)
			}
			decider.Decide(s)
		}
		return float64(cputime.Used(b)-start) / 1e9
	}
	b.Run("first round", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.ReportMetric(all(b), "cpu-s/op")
		}
	})
	b.Run("round", func(b *testing.B) {
		b.ReportAllocs()
		used := 0.0
		for b.Loop() {
			b.StopTimer()
			at = at.Add(5 * time.Minute)
			if err := store.Refresh(b.Context(), at); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			used += all(b)
		}
		b.ReportMetric(used/float64(b.N), "cpu-s/op")
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB-held")
	})
	runtime.KeepAlive(store)
}
