package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/forecaster"
	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/config"
	"github.com/rightsize-dev/rightsize/internal/report"
	"github.com/rightsize-dev/rightsize/recommender"
)

func testInstant() time.Time { return time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC) }

// testFleet is a web service whose CPU follows its requests, a batch job, and
// a workload without data.
func testFleet() *collector.Fleet {
	draw := func(f func(day float64) float64) forecaster.Series {
		s := forecaster.Series{Start: testInstant().Add(-4 * 24 * time.Hour), Step: 5 * time.Minute}
		for i := range 4*288 + 1 {
			s.Values = append(s.Values, f(float64(i)/288)+0.01*math.Sin(float64(i*i)))
		}
		return s
	}
	wave := func(day float64) float64 { return 1.5 + math.Sin(2*math.Pi*day) }
	flat := func(v float64) func(float64) float64 { return func(float64) float64 { return v } }
	container := func(name string, scale float64) collector.Container {
		return collector.Container{
			Name: name, Requests: recommender.Resources{CPU: 4000, Memory: 2 * recommender.GiB},
			CPU:       draw(func(d float64) float64 { return scale * wave(d) }),
			CPUMaxPod: draw(func(d float64) float64 { return scale * wave(d) / 3 }),
			Memory:    draw(flat(4e8)), Throttled: draw(flat(0.01)),
		}
	}
	return &collector.Fleet{At: testInstant(), Queries: 9, Workloads: []collector.Workload{
		{ID: recommender.Workload{Namespace: "data", Kind: "CronJob", Name: "export"}, Containers: []collector.Container{container("main", 0.4)}},
		{
			ID:      recommender.Workload{Cluster: "eu", Namespace: "web", Kind: "Deployment", Name: "shop"},
			Desired: draw(flat(3)), Ready: draw(flat(3)), StartupSeconds: 33.3,
			Containers: []collector.Container{container("app", 1), container("proxy", 0.1)},
			Signals: []collector.Signal{{
				Name: "http_requests", Unit: "requests/s", Role: collector.RoleDemand,
				Series: draw(func(d float64) float64 { return 50 * wave(d) }),
			}},
		},
		{ID: recommender.Workload{Namespace: "web", Kind: "Deployment", Name: "silent"}, Containers: []collector.Container{{Name: "c"}}},
	}}
}

func testGathering() *gathering {
	return &gathering{
		streams:  Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard},
		settings: config.Default(), at: testInstant(), defaultHold: holdForPeople,
	}
}

// TestCollectedDecidesTheSame checks that a snapshot that was written by
// collect and read by explain gives the decision of report, byte for byte.
func TestCollectedDecidesTheSame(t *testing.T) {
	t.Parallel()
	g, fleet := testGathering(), testFleet()
	var decider recommender.Recommender
	var collected bytes.Buffer
	var want []string
	for _, w := range fleet.Workloads {
		s := g.build(fleet, w)
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		collected.Write(append(line, '\n'))
		decision, err := json.Marshal(decider.Decide(s))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, string(decision))
	}
	all, err := Streams{In: &collected}.readSnapshots("-")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range all {
		decision, err := json.Marshal(decider.Decide(s))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(decision))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decisions from the file differ (-report +explain):\n%s", diff)
	}
	if !strings.Contains(strings.Join(want, ""), `"action":"Resize`) {
		t.Errorf("nothing was decided: %v", want)
	}
	var text [2]bytes.Buffer
	for i, s := range []recommender.Snapshot{g.build(fleet, fleet.Workloads[1]), all[1]} {
		if err := report.Explain(&text[i], report.Item{Snapshot: s, Decision: decider.Decide(s)}, report.Style{}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(text[0].String(), text[1].String()); diff != "" {
		t.Errorf("explanations differ (-report +explain):\n%s", diff)
	}
}

func TestHoldComesFromFlagThenFileThenOutput(t *testing.T) {
	t.Parallel()
	settings := func(text string) config.Config {
		c, err := config.Parse([]byte("apiVersion: rightsize.dev/v1alpha1\nkind: Config\n" + text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	cases := map[string]struct {
		hold     time.Duration
		settings config.Config
		want     float64
	}{
		"output": {0, settings(""), 7 * 86400},
		"file":   {0, settings("policy: {hold: 2h}"), 7200},
		"flag":   {time.Minute, settings("policy: {hold: 2h}"), 60},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := gathering{settings: tc.settings, hold: tc.hold, defaultHold: holdForGit}
			if got := g.policy(recommender.Workload{}).HoldSeconds; got != tc.want {
				t.Errorf("got %g s, want %g s", got, tc.want)
			}
		})
	}
}

// TestPartialFleetLowersNothing checks that what is known about the data as a
// whole reaches every decision, and what no decision needs does not.
func TestPartialFleetLowersNothing(t *testing.T) {
	t.Parallel()
	g, fleet := testGathering(), testFleet()
	partial := recommender.Fact{Code: recommender.FactPartial, Message: "a store did not answer"}
	fleet.Facts = []recommender.Fact{
		{Code: recommender.FactWarning, Message: "slow"}, {Code: recommender.FactMissing, Signal: "gpu_activity", Message: "no GPUs"}, partial,
	}
	var decider recommender.Recommender
	s := g.build(fleet, fleet.Workloads[1])
	if diff := cmp.Diff([]recommender.Fact{partial}, s.Facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	for _, c := range decider.Decide(s).Containers {
		if c.Target.CPU < c.Requests.CPU || c.Target.Memory < c.Requests.Memory {
			t.Errorf("%s is lowered from %+v to %+v on partial data", c.Name, c.Requests, c.Target)
		}
	}
}

func TestEachKeepsOrderAndStops(t *testing.T) {
	t.Parallel()
	g := testGathering()
	got := make([]int, 100)
	if err := g.each(t.Context(), "counting", len(got), func(i int) { got[i] = i }); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if v != i {
			t.Fatalf("item %d holds %d", i, v)
		}
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	cases := map[string]target{
		"deploy/a":        {kind: "Deployment", name: "a"},
		"STS/a":           {kind: "StatefulSet", name: "a"},
		"ds/a":            {kind: "DaemonSet", name: "a"},
		"cj/a":            {kind: "CronJob", name: "a"},
		"jobs.batch/a":    {kind: "Job", name: "a"},
		"Workspace/a":     {kind: "Workspace", name: "a"},
		"ns/deployment/a": {namespace: "ns", kind: "Deployment", name: "a"},
		"c/ns/ro/a":       {cluster: "c", namespace: "ns", kind: "Rollout", name: "a"},
	}
	for s, want := range cases {
		got, err := parseTarget(s)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "a", "/a", "deploy/", "a/b/c/d/e"} {
		if _, err := parseTarget(s); err == nil {
			t.Errorf("%q is taken for a workload", s)
		}
	}
}

// FuzzSnapshots checks that whatever is read can be decided and explained.
func FuzzSnapshots(f *testing.F) {
	g, fleet := testGathering(), testFleet()
	for _, w := range fleet.Workloads {
		s := g.build(fleet, w)
		line, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Add([]byte(`{"kind":"List","items":[{"kind":"List","items":[]}]}`))
	f.Add([]byte("{\"apiVersion\":\"rightsize.dev/v1alpha1\",\n\"kind\":3}"))
	var decider recommender.Recommender
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parseSnapshots(data)
		if err != nil {
			return
		}
		for _, s := range all {
			if err := report.Explain(io.Discard, report.Item{Snapshot: s, Decision: decider.Decide(s)}, report.Style{}); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestEmptyPrometheus asks a server that has nothing.
func TestEmptyPrometheus(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		data := map[string]string{
			"/api/v1/query": `{"resultType":"vector","result":[]}`, "/api/v1/query_range": `{"resultType":"matrix","result":[]}`,
		}[r.URL.Path]
		if data == "" {
			data = "[]"
		}
		_, _ = io.WriteString(w, `{"status":"success","data":`+data+`}`)
	}))
	t.Cleanup(server.Close)
	for _, args := range [][]string{{"report"}, {"collect"}, {"explain", "deploy/shop"}} {
		var out, diagnostics bytes.Buffer
		code := Main(t.Context(), "rightsize", append(args, "--prometheus", server.URL), Streams{In: strings.NewReader(""), Out: &out, Err: &diagnostics})
		if code != ExitFailed || out.Len() > 0 || !strings.Contains(diagnostics.String(), "kube_pod_owner") {
			t.Errorf("%s: exit %d, out %q, err %q", args[0], code, out.String(), diagnostics.String())
		}
	}
}
