package fleet_test

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/demo/fleet"
)

func newFleet(t *testing.T, o fleet.Options) *fleet.Fleet {
	t.Helper()
	f, err := fleet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// digest sums up every label, instant and value.
func digest(t *testing.T, o fleet.Options) uint64 {
	t.Helper()
	h := fnv.New64a()
	err := newFleet(t, o).Each(func(s fleet.Series, _, _ int) error {
		var b [8]byte
		for _, l := range s.Labels {
			_, _ = h.Write([]byte(l.Name + "\x00" + l.Value + "\x00"))
		}
		binary.LittleEndian.PutUint64(b[:], uint64(s.Start.UnixMilli()))
		_, _ = h.Write(b[:])
		for _, v := range s.Values {
			binary.LittleEndian.PutUint64(b[:], math.Float64bits(v))
			_, _ = h.Write(b[:])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h.Sum64()
}

func TestFleetIsAFunctionOfItsOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]fleet.Options{
		"catalogue": {Seed: 7, History: 26 * time.Hour},
		"crowd":     {Seed: 7, History: 4 * time.Hour, Workloads: 25},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := digest(t, o)
			if second := digest(t, o); first != second {
				t.Errorf("equal options gave different samples: %x and %x", first, second)
			}
			o.Seed++
			if other := digest(t, o); first == other {
				t.Error("another seed gave the same samples")
			}
		})
	}
}

func TestReportAtIsAMondayMorning(t *testing.T) {
	t.Parallel()
	if got := fleet.ReportAt().Format("Monday 15:04 MST"); got != "Monday 08:55 UTC" {
		t.Errorf("the report is for %s", got)
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		o    fleet.Options
		want string
	}{
		"history too short":   {fleet.Options{History: time.Hour}, "history 1h0m0s"},
		"interval too long":   {fleet.Options{Interval: 5 * time.Minute}, "interval 5m0s"},
		"interval broken":     {fleet.Options{Interval: 30500 * time.Millisecond}, "interval 30.5s"},
		"too many workloads":  {fleet.Options{Workloads: fleet.MaxWorkloads + 1}, "workloads 20001"},
		"workloads below one": {fleet.Options{Workloads: -1}, "workloads -1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := fleet.New(tc.o)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want one about %q", err, tc.want)
			}
		})
	}
}

// label returns the value of a label, empty where it is not there.
func label(s fleet.Series, name string) string {
	for _, l := range s.Labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// each calls check for every series of the demo's fleet.
func each(t *testing.T, o fleet.Options, check func(s fleet.Series)) {
	t.Helper()
	if err := newFleet(t, o).Each(func(s fleet.Series, _, _ int) error {
		check(s)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestSeriesAreWellFormed(t *testing.T) {
	t.Parallel()
	at := fleet.ReportAt()
	each(t, fleet.Options{Seed: 1}, func(s fleet.Series) {
		name := label(s, "__name__")
		for i := 1; i < len(s.Labels); i++ {
			if s.Labels[i-1].Name >= s.Labels[i].Name {
				t.Fatalf("%s: labels %v are not sorted or repeat", name, s.Labels)
			}
		}
		if label(s, "job") == "" || label(s, "instance") == "" {
			t.Fatalf("%s: no job or instance in %v", name, s.Labels)
		}
		end := s.Start.Add(time.Duration(len(s.Values)-1) * s.Interval)
		if s.Start.Before(at.Add(-fleet.DefaultHistory)) || end.After(at) {
			t.Fatalf("%s: samples from %s to %s leave the history", name, s.Start, end)
		}
		for i, v := range s.Values {
			if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
				t.Fatalf("%s: value %d is %g", name, i, v)
			}
		}
	})
}

func TestCountersOnlyFallWhenTheirContainerRestarts(t *testing.T) {
	t.Parallel()
	falls := map[string]int{}
	each(t, fleet.Options{Seed: 1}, func(s fleet.Series) {
		name := label(s, "__name__")
		if !strings.HasSuffix(name, "_total") || name == "container_oom_events_total" {
			return
		}
		for i := 1; i < len(s.Values); i++ {
			if s.Values[i] < s.Values[i-1] {
				falls[label(s, "service")+label(s, "container")+" "+name]++
			}
		}
	})
	for series, n := range falls {
		// The leaking service is the only one that is ever OOM killed.
		if !strings.Contains(series, "cart") && !strings.HasPrefix(series, " container_cpu_usage_seconds_total") {
			t.Errorf("%s fell %d times", series, n)
		}
	}
	if falls["cart container_cpu_usage_seconds_total"] == 0 {
		t.Error("the leaking service's CPU counter never started again")
	}
}

func TestPodLevelSeriesHoldWhatTheContainersHold(t *testing.T) {
	t.Parallel()
	pod, containers := 0.0, 0.0
	each(t, fleet.Options{Seed: 1, History: 6 * time.Hour}, func(s fleet.Series) {
		if label(s, "__name__") != "container_cpu_usage_seconds_total" {
			return
		}
		if label(s, "container") == "" {
			pod += s.Values[len(s.Values)-1]
		} else {
			containers += s.Values[len(s.Values)-1]
		}
	})
	if pod == 0 || math.Abs(pod-containers) > 1e-6*pod {
		t.Errorf("pods used %g core-seconds and their containers %g", pod, containers)
	}
}

// TestShopPeaksOnMondays holds the weekly service to what it is described as:
// 0.2 cores and 300 MB a pod, but 2 cores and 900 MB on Mondays from 9 to 12.
func TestShopPeaksOnMondays(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleet.Options{Seed: 1})
	truth, err := f.Truth(fleet.ShopNamespace, fleet.ShopName)
	if err != nil {
		t.Fatal(err)
	}
	pods := float64(truth.Replicas)
	for name, tc := range map[string]struct {
		from, to    time.Duration
		cpu, memory float64
	}{
		"the Monday before last": {-7*24*time.Hour + 5*time.Minute, -7*24*time.Hour + 3*time.Hour, 2, 900e6},
		"the Monday to come":     {5 * time.Minute, 3 * time.Hour, 2, 900e6},
		"the Sunday between":     {-24 * time.Hour, -9 * time.Hour, 0.22, 310e6},
		"just before the report": {-3 * time.Hour, 0, 0.22, 310e6},
		"the Monday's afternoon": {4 * time.Hour, 12 * time.Hour, 0.22, 500e6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := f.At().Add(tc.from), f.At().Add(tc.to)
			cpu := fleet.Peak(truth.CPU, from, to, 5*time.Minute) / pods
			memory := fleet.Peak(truth.Memory, from, to, 5*time.Minute)
			// Noise of 5 % with a correlation of minutes reaches 20 % in days.
			if math.Abs(cpu/tc.cpu-1) > 0.25 || math.Abs(memory/tc.memory-1) > 0.25 {
				t.Errorf("peak is %.2f cores and %.0f MB a pod, want about %.2f and %.0f", cpu, memory/1e6, tc.cpu, tc.memory/1e6)
			}
		})
	}
}

func TestTruthOfAnUnknownWorkload(t *testing.T) {
	t.Parallel()
	if _, err := newFleet(t, fleet.Options{}).Truth("web", "nobody"); err == nil {
		t.Error("no error")
	}
}

// TestFleetHasItsCharacters holds the catalogue to its stories.
func TestFleetHasItsCharacters(t *testing.T) {
	t.Parallel()
	peak := map[string]float64{}
	pods := map[string]bool{}
	owners := map[string]bool{}
	each(t, fleet.Options{Seed: 1}, func(s fleet.Series) {
		name := label(s, "__name__")
		for _, v := range s.Values {
			peak[name] = max(peak[name], v)
		}
		if name == "kube_pod_owner" {
			pods[label(s, "owner_kind")] = true
		}
		if name == "kube_replicaset_owner" || name == "kube_job_owner" {
			owners[label(s, "owner_kind")] = true
		}
	})
	if diff := cmp.Diff(map[string]bool{"ReplicaSet": true, "StatefulSet": true, "DaemonSet": true, "Job": true}, pods); diff != "" {
		t.Errorf("owners of pods (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]bool{"Deployment": true, "Rollout": true, "CronJob": true}, owners); diff != "" {
		t.Errorf("owners of their owners (-want +got):\n%s", diff)
	}
	for name, want := range map[string]float64{
		"kube_pod_container_status_restarts_total": 2,    // The leak kills about every three days.
		"vllm:num_requests_waiting":                10,   // Noon is more than three GPUs serve.
		"vllm:kv_cache_usage_perc":                 0.7,  // As full as the batch allows.
		"sidekiq_jobs_waiting_count":               1000, // Batches of orders outrun the workers.
		"DCGM_FI_PROF_GR_ENGINE_ACTIVE":            0.9,
	} {
		if peak[name] < want {
			t.Errorf("%s never exceeds %g, want %g", name, peak[name], want)
		}
	}
	if peak["vllm:kv_cache_usage_perc"] > 1 || peak["DCGM_FI_PROF_GR_ENGINE_ACTIVE"] > 1 {
		t.Error("a ratio exceeds 1")
	}
}

func TestCrowdHasAsManyWorkloadsAsAskedFor(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	each(t, fleet.Options{Seed: 1, Workloads: 120, History: 2 * time.Hour}, func(s fleet.Series) {
		for kind, metric := range map[string]string{"deployment": "kube_deployment_spec_replicas", "statefulset": "kube_statefulset_replicas"} {
			if label(s, "__name__") == metric {
				seen[label(s, "namespace")+"/"+label(s, kind)] = true
			}
		}
	})
	if len(seen) != 120 {
		t.Errorf("got %d workloads", len(seen))
	}
}

func BenchmarkFleet(b *testing.B) {
	f, err := fleet.New(fleet.Options{Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	samples := 0
	for b.Loop() {
		samples = 0
		_ = f.Each(func(s fleet.Series, _, _ int) error {
			samples += len(s.Values)
			return nil
		})
	}
	b.ReportMetric(float64(samples), "samples/op")
}
