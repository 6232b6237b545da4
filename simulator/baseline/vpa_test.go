package baseline_test

import (
	"bytes"
	"io"
	"math"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

const mib = recommender.MiB

// usageScenario replays total usage, one row a minute, on two pods that may
// burst to twice their request of 500 m and 512 MiB.
func usageScenario(warmup, duration time.Duration, cores, bytes func(minute int) float64) simulator.Scenario {
	rows := int((warmup + duration) / time.Minute)
	d := simulator.Demand{Epoch: time.Unix(0, 0).UTC(), End: (warmup + duration).Seconds()}
	for m := range rows {
		d.Offsets = append(d.Offsets, float64(60*m))
		d.Rate = append(d.Rate, cores(m))
		d.Memory = append(d.Memory, bytes(m))
	}
	return simulator.Scenario{
		Name: "usage", Seed: 1, Warmup: warmup, Duration: duration, Step: 15 * time.Second, Demand: d,
		Service: simulator.Service{Usage: &simulator.UsageService{Startup: 30 * time.Second}},
		Initial: simulator.Initial{
			Replicas: 2, Requests: recommender.Resources{CPU: 500, Memory: 512 * mib}, Limits: recommender.Resources{Memory: 1024 * mib},
		},
		Bounds: simulator.Bounds{
			MinReplicas: 1, MaxReplicas: 20, MinAllowed: recommender.Resources{CPU: 10, Memory: 16 * mib},
			MaxAllowed: recommender.Resources{CPU: 8000, Memory: 16 * recommender.GiB},
		},
		Cluster: simulator.Cluster{
			Nodes: 10, Node: recommender.Resources{CPU: 16000, Memory: 64 * recommender.GiB},
			NodeProvisioning: 2 * time.Minute, ResizeDelay: 3 * time.Second, Burst: 1,
		},
		Prices: recommender.Prices{CPUCoreHour: 0.031, MemoryGiBHour: 0.004},
	}
}

func constant(v float64) func(int) float64 { return func(int) float64 { return v } }

// moment is one call of a decider.
type moment struct {
	o simulator.Observation
	a simulator.Action
}

// recorder passes everything on and remembers it.
type recorder struct {
	simulator.Decider
	moments *[]moment
}

func (r recorder) Decide(o simulator.Observation) simulator.Action {
	a := r.Decider.Decide(o)
	o.Pods = append([]simulator.PodObservation(nil), o.Pods...)
	*r.moments = append(*r.moments, moment{o: o, a: a})
	return a
}

// record runs a policy and returns its calls and its result.
func record(t testing.TB, sc simulator.Scenario, name string) ([]moment, simulator.Result) {
	t.Helper()
	p, err := baseline.New(name, &sc)
	if err != nil {
		t.Fatal(err)
	}
	var moments []moment
	recorded := p
	recorded.New = func(s simulator.Setup) (simulator.Decider, error) {
		d, err := p.New(s)
		return recorder{Decider: d, moments: &moments}, err
	}
	r, err := simulator.Run(sc, recorded, simulator.Options{Series: true})
	if err != nil {
		t.Fatal(err)
	}
	return moments, r
}

// requests is what the first pod requests at the last call.
func requests(moments []moment) recommender.Resources {
	return moments[len(moments)-1].o.Pods[0].Requests
}

// The targets in these tests are those of TestVPARecommenderTarget: 1 core
// gives 1168 m (1016 m without margin), 0.2 core 247 m, 300 MB 351 MB (305.4
// MB without margin) and 600 MB as the 604.9 MB there 716 MB.

func TestVPASizes(t *testing.T) {
	t.Parallel()
	grown := recommender.Resources{CPU: 1168, Memory: 351198544}
	cases := map[string]struct {
		cores  float64
		change func(*simulator.Scenario)
		want   recommender.Resources
	}{
		"raises requests that usage exceeds": {cores: 2, want: grown},
		"lowers requests that are not used":  {cores: 0.4, want: recommender.Resources{CPU: 247, Memory: 351198544}},
		"goes no higher than maxAllowed": {
			cores: 2, change: func(sc *simulator.Scenario) {
				sc.Bounds.MaxAllowed = recommender.Resources{CPU: 800, Memory: 320 * mib}
			},
			want: recommender.Resources{CPU: 800, Memory: 320 * mib},
		},
		"goes no lower than minAllowed": {
			cores: 0.4, change: func(sc *simulator.Scenario) {
				sc.Bounds.MinAllowed = recommender.Resources{CPU: 300, Memory: 600 * mib}
			},
			want: recommender.Resources{CPU: 300, Memory: 600 * mib},
		},
		"takes settings": {
			cores: 2, want: recommender.Resources{CPU: 1016 + 508, Memory: 458085058},
			change: func(sc *simulator.Scenario) {
				sc.Policies = map[string]simulator.Settings{"vpa": {"marginFraction": 0.5}}
			},
		},
		"a workload of one pod is resized": {
			cores: 1, change: func(sc *simulator.Scenario) { sc.Initial.Replicas = 1 }, want: recommender.Resources{CPU: 1168, Memory: 716711186},
		},
		"but not with upstream's minReplicas": {
			cores: 1, change: func(sc *simulator.Scenario) {
				sc.Initial.Replicas = 1
				sc.Policies = map[string]simulator.Settings{"vpa": {"minReplicas": 2.0}}
			},
			want: recommender.Resources{CPU: 500, Memory: 512 * mib},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := usageScenario(24*time.Hour, 2*time.Hour, constant(tc.cores), constant(600e6))
			if tc.change != nil {
				tc.change(&sc)
			}
			moments, r := record(t, sc, "vpa")
			if got := requests(moments); got != tc.want {
				t.Errorf("requests %+v, want %+v", got, tc.want)
			}
			last := moments[len(moments)-1].o
			for _, p := range last.Pods {
				if ratio := float64(p.Limits.Memory) / float64(p.Requests.Memory); math.Abs(ratio-2) > 1e-6 || p.Limits.CPU != 0 {
					t.Errorf("limits %+v for requests %+v, want none for CPU and twice for memory", p.Limits, p.Requests)
				}
			}
			if len(last.Pods) != sc.Initial.Replicas || r.Score.Evictions != 0 {
				t.Errorf("%d pods after %d evictions, want %d after none", len(last.Pods), r.Score.Evictions, sc.Initial.Replicas)
			}
			if want := sc.Duration / time.Minute; r.Score.Decisions != int(want) {
				t.Errorf("%d decisions, want one a minute, %d", r.Score.Decisions, want)
			}
		})
	}
}

// TestVPAWaits checks when a pod that uses 200 m, for which the target is 247
// m, is resized without history. Its upper bound is 247 m (1 + 24 h/history),
// its lower bound 246 m (1 + 86 s/history)^-2, and the pods, created with the
// epoch, are 12 h old in minute 720. Memory is at its target from the start.
func TestVPAWaits(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		cpu recommender.MilliCPU // The initial request.
		// From and to bound the minute of the resize; 0 means never.
		from, to int
	}{
		// 247 (1 + 1440/m) < 2000 from m = 202.9 on.
		"above the upper bound":         {cpu: 2000, from: 202, to: 206},
		"inside the bounds, 51 % off":   {cpu: 500, from: 720, to: 721},
		"inside the bounds, 11.8 % off": {cpu: 280, from: 720, to: 721},
		"inside the bounds, 8.5 % off":  {cpu: 270},
		// 246 (1 + 1.44/m)^-2 > 200 from m = 13.2 on.
		"below the lower bound": {cpu: 200, from: 13, to: 16},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := usageScenario(0, 16*time.Hour, constant(0.4), constant(600e6))
			sc.Initial.Requests = recommender.Resources{CPU: tc.cpu, Memory: 351198544}
			sc.Initial.Limits = recommender.Resources{}
			moments, _ := record(t, sc, "vpa")
			resized := 0
			for _, m := range moments {
				if len(m.a.Resize) > 0 {
					resized = int(m.o.Now.Unix() / 60)
					break
				}
			}
			if resized < tc.from || resized > tc.to {
				t.Errorf("resized in minute %d, want %d to %d", resized, tc.from, tc.to)
			}
		})
	}
}

// TestVPAAnswersOOMKills lets memory grow past the limit: static pods are
// killed again and again, VPA raises the limit after the first kill.
func TestVPAAnswersOOMKills(t *testing.T) {
	t.Parallel()
	sc := usageScenario(26*time.Hour, 10*time.Hour, constant(0.4), func(minute int) float64 {
		if minute < 28*60 {
			return 600e6
		}
		return 2 * 800e6 // Twice 800 MB, the limits are 702 MB by then.
	})
	moments, vpa := record(t, sc, "vpa")
	// One pod is resized in a round, and the other killed meanwhile.
	if n := vpa.Score.OOMKills; n < 1 || n > 8 {
		t.Errorf("%d OOM kills, want up to four for each of two pods", n)
	}
	// A kill at a request of 351 MB is a sample of 351 + 105 = 456 MB; but the
	// pods had been seen at 800 MB while their like were down.
	if got := requests(moments).Memory; got < 500e6 {
		t.Errorf("memory request %d after OOM kills, want over 500 MB", got)
	}
	sc.Initial.Limits.Memory = 702397088
	_, static := record(t, sc, "static")
	if static.Score.OOMKills <= 10*vpa.Score.OOMKills {
		t.Errorf("static pods are killed %d times, VPA's %d times", static.Score.OOMKills, vpa.Score.OOMKills)
	}
}

// TestVPADoesNotLookAhead changes the demand from an instant on and compares
// everything done before it.
func TestVPADoesNotLookAhead(t *testing.T) {
	t.Parallel()
	const change = 30*60 + 1 // Minutes.
	wave := func(m int) float64 { return 0.6 + 0.4*math.Sin(float64(m)/100) }
	for _, policy := range []string{"vpa", "hpa+vpa"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			calm := usageScenario(24*time.Hour, 12*time.Hour, wave, constant(600e6))
			storm := usageScenario(24*time.Hour, 12*time.Hour, func(m int) float64 {
				if m < change {
					return wave(m)
				}
				return 20
			}, func(m int) float64 {
				if m < change {
					return 600e6
				}
				return 6e9
			})
			a, _ := record(t, calm, policy)
			b, _ := record(t, storm, policy)
			same := 0
			for ; same < len(a) && a[same].o.Now.Unix() < 60*change; same++ {
				if diff := cmp.Diff(a[same].a, b[same].a); diff != "" {
					t.Fatalf("at %v: %s", a[same].o.Now, diff)
				}
			}
			if same < 400 || cmp.Equal(requests(a), requests(b)) {
				t.Errorf("%d equal decisions, requests %v and %v in the end: the test shows nothing", same, requests(a), requests(b))
			}
		})
	}
}

func TestVPARepeats(t *testing.T) {
	t.Parallel()
	sc := usageScenario(24*time.Hour, 6*time.Hour, func(m int) float64 { return 1 + math.Sin(float64(m)/50) }, constant(600e6))
	for _, policy := range []string{"vpa", "hpa+vpa"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			_, a := record(t, sc, policy)
			_, b := record(t, sc, policy)
			if diff := cmp.Diff(a, b); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestVPAStepDoesNotMatter checks that samples are taken by the minute: with
// steps of 15 s, 1 min and 5 min a steady load gives the same sizes.
func TestVPAStepDoesNotMatter(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{15 * time.Second, 20 * time.Second, time.Minute, 5 * time.Minute} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			sc := usageScenario(48*time.Hour, 2*time.Hour, constant(2), constant(600e6))
			sc.Step = step
			moments, _ := record(t, sc, "vpa")
			if got, want := requests(moments), (recommender.Resources{CPU: 1168, Memory: 351198544}); got != want {
				t.Errorf("requests %+v, want %+v", got, want)
			}
		})
	}
}

// TestHPAVPADividesTheWork checks that the pair changes replicas and memory and
// leaves CPU requests.
func TestHPAVPADividesTheWork(t *testing.T) {
	t.Parallel()
	// 4 cores over pods of 500 m at 80 % need 10 pods; the first two of them
	// are short of memory at 600 MB each, ten use 120 MB each, which is below
	// the recommender's floor of 250 MiB.
	sc := usageScenario(24*time.Hour, 4*time.Hour, constant(4), constant(1200e6))
	moments, r := record(t, sc, "hpa+vpa")
	last := moments[len(moments)-1].o
	if last.Desired != 10 {
		t.Errorf("%d replicas, want 10", last.Desired)
	}
	memory := map[recommender.Bytes]bool{}
	for _, m := range moments {
		for _, p := range m.o.Pods {
			if p.Requests.CPU != 500 {
				t.Fatalf("at %v pod %d requests %d m of CPU, want 500", m.o.Now, p.ID, p.Requests.CPU)
			}
			memory[p.Requests.Memory] = true
		}
	}
	if len(memory) < 2 {
		t.Error("memory requests never changed")
	}
	if r.Score.Evictions != 0 {
		t.Errorf("%d evictions, want none", r.Score.Evictions)
	}
	// Both are asked every 15 s.
	if want := int(sc.Duration / (15 * time.Second)); r.Score.Decisions != want {
		t.Errorf("%d decisions, want %d", r.Score.Decisions, want)
	}
	// New pods get the target with their creation.
	if got, want := last.Template, moments[len(moments)-1].a.Template; got.CPU != want.CPU || got.CPU != 500 {
		t.Errorf("template %v, action %v, want 500 m", got, want)
	}
}

// TestHPAVPAIsHPAInReplicas checks that on a load without memory trouble the
// pair has the replicas of the HPA alone, at any time.
func TestHPAVPAIsHPAInReplicas(t *testing.T) {
	t.Parallel()
	sc := usageScenario(24*time.Hour, 6*time.Hour, func(m int) float64 { return 3 + 2.5*math.Sin(float64(m)/40) }, constant(600e6))
	_, pair := record(t, sc, "hpa+vpa")
	_, alone := record(t, sc, "hpa")
	if diff := cmp.Diff(alone.Series.Replicas, pair.Series.Replicas); diff != "" {
		t.Error(diff)
	}
	if pair.Score.MemoryGiBHours >= alone.Score.MemoryGiBHours {
		t.Errorf("the pair requests %v GiB h of memory, HPA alone %v: VPA saved none", pair.Score.MemoryGiBHours, alone.Score.MemoryGiBHours)
	}
}

// TestVPAIsSilent runs what upstream would log about if its verbosity were up:
// new recommendations, updates and OOM kills. It replaces the standard error
// of the process, so it is not parallel.
func TestVPAIsSilent(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = w
	sc := usageScenario(24*time.Hour, 2*time.Hour, constant(2), func(m int) float64 {
		if m < 25*60 {
			return 600e6
		}
		return 2e9
	})
	_, result := record(t, sc, "vpa")
	os.Stderr = before
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("standard error: %s", out)
	}
	if result.Score.OOMKills == 0 {
		t.Error("no OOM kill, want some to log about")
	}
}

// BenchmarkVPA measures a simulated day of one minute's decisions over 50
// pods; one op is a day.
func BenchmarkVPA(b *testing.B) {
	sc := usageScenario(24*time.Hour, 24*time.Hour, func(m int) float64 { return 20 + 10*math.Sin(float64(m)/200) }, constant(15e9))
	sc.Initial.Replicas, sc.Bounds.MaxReplicas = 50, 50
	for _, policy := range []string{"static", "vpa"} {
		b.Run(policy, func(b *testing.B) {
			p, err := baseline.New(policy, &sc)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := simulator.Run(sc, p, simulator.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
