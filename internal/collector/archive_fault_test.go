package collector_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/recommender"
)

// fault makes a fake API fail, or answer in part, for queries with a text.
type fault struct {
	text string
	// warning, where set, comes with an answer that has nothing in it.
	warning string
}

// faults is the one that is under way; the server reads it.
type faults struct{ now atomic.Pointer[fault] }

func (f *faults) begin(one fault) { f.now.Store(&one) }

func (f *faults) before(w http.ResponseWriter, r *http.Request, expr string) bool {
	one := f.now.Load()
	return one != nil && one.before(w, r, expr)
}

func (f *fault) before(w http.ResponseWriter, r *http.Request, expr string) bool {
	switch {
	case f.text == "" || !strings.Contains(expr, f.text) || strings.HasPrefix(expr, "label_replace("):
		return false
	case f.warning != "":
		kind := "matrix"
		if strings.HasSuffix(r.URL.Path, "/query") {
			kind = "vector"
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","warnings":[%q],"data":{"resultType":%q,"result":[]}}`, f.warning, kind)
	default:
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = fmt.Fprint(w, `{"status":"error","errorType":"execution","error":"broken for the test"}`)
	}
	return true
}

// What one Read cannot get is told, holds back what rests on it, and is got by
// the next.
func TestHolesAreFilled(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		fault  fault
		code   recommender.FactCode
		signal string
		// wantErr says that the Read fails as a whole.
		wantErr bool
		gap     func(w collector.Workload) int // Points without a value.
	}{
		"throttling fails": {
			fault: fault{text: "container_cpu_cfs"}, code: recommender.FactPartial, signal: "throttled",
			gap: func(w collector.Workload) int {
				return w.Containers[0].Throttled.Len() - w.Containers[0].Throttled.Observed()
			},
		},
		"a gap in demand is a gap": {
			fault: fault{text: "_requests_total"}, code: recommender.FactMissing, signal: "http_requests",
			gap: func(w collector.Workload) int {
				i := slices.IndexFunc(w.Signals, func(s collector.Signal) bool { return s.Name == "http_requests" })
				return w.Signals[i].Series.Len() - w.Signals[i].Series.Observed()
			},
		},
		"a store is not there": {
			fault: fault{text: "container_memory_working", warning: "partial response: store down"}, code: recommender.FactPartial, signal: "memory",
			gap: func(w collector.Workload) int {
				return w.Containers[0].Memory.Len() - w.Containers[0].Memory.Observed()
			},
		},
		"CPU fails": {
			fault: fault{text: "container_cpu_usage"}, wantErr: true,
			gap: func(w collector.Workload) int { return w.Containers[0].CPU.Len() - w.Containers[0].CPU.Observed() },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var now faults
			api := &fakeAPI{workloads: 2, podsEach: 2, before: now.before}
			c, err := collector.New(fakeConfig(api.start(t).URL))
			if err != nil {
				t.Fatal(err)
			}
			a := c.NewArchive()
			at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
			read := func() error {
				_, err := a.Read(t.Context(), at, nil)
				return err
			}
			workload := func() collector.Workload {
				w, ok := a.Workload(a.Workloads()[0])
				if !ok {
					t.Fatal("there is no workload")
				}
				return w
			}
			has := func(f recommender.Fact) bool { return f.Code == tc.code && f.Signal == tc.signal }
			if err := read(); err != nil || tc.gap(workload()) != 0 || slices.ContainsFunc(a.Facts(), has) {
				t.Fatalf("before: error %v, %d gaps, facts %v", err, tc.gap(workload()), a.Facts())
			}
			now.begin(tc.fault)
			for i := range 2 {
				at = at.Add(5 * time.Minute)
				if err := read(); (err != nil) != tc.wantErr {
					t.Fatalf("error is %v", err)
				}
				if tc.wantErr {
					if !a.At().Equal(at.Add(-time.Duration(i+1)*5*time.Minute)) || tc.gap(workload()) != 0 {
						t.Errorf("what was known until %s has %d gaps", a.At(), tc.gap(workload()))
					}
					continue
				}
				if !slices.ContainsFunc(a.Facts(), has) || tc.gap(workload()) != i+1 {
					t.Errorf("%d gaps after %d faults, facts %v", tc.gap(workload()), i+1, a.Facts())
				}
			}
			now.begin(fault{})
			at = at.Add(5 * time.Minute)
			if err := read(); err != nil || tc.gap(workload()) != 0 || slices.ContainsFunc(a.Facts(), has) || !a.At().Equal(at) {
				t.Errorf("after: error %v, %d gaps, facts %v", err, tc.gap(workload()), a.Facts())
			}
		})
	}
}

// A hole that cannot be filled is left alone for an hour, and reading on costs
// no more.
func TestHolesRest(t *testing.T) {
	t.Parallel()
	now := fault{text: "container_cpu_cfs"}
	var asked atomic.Int64
	api := &fakeAPI{workloads: 1, podsEach: 1}
	api.before = func(w http.ResponseWriter, r *http.Request, expr string) bool {
		if now.before(w, r, expr) {
			asked.Add(1)
			return true
		}
		return false
	}
	c, err := collector.New(fakeConfig(api.start(t).URL))
	if err != nil {
		t.Fatal(err)
	}
	a := c.NewArchive()
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for range 24 {
		if _, err := a.Read(t.Context(), at, nil); err != nil {
			t.Fatal(err)
		}
		at = at.Add(5 * time.Minute)
	}
	if n := asked.Load(); n > 24+6 { // Each tail once; the hole three times, and each hour.
		t.Errorf("%d queries for what cannot be had in 24 reads", n)
	}
	if _, err := a.Read(t.Context(), at.Add(-time.Hour), nil); err == nil || !strings.Contains(err.Error(), "cannot be read up to") {
		t.Errorf("reading backwards gives %v", err)
	}
}

// When a second cluster comes to the Prometheus, workloads get the names of
// theirs; until everything was read again, what is known stays. When it goes,
// nothing changes.
func TestASecondCluster(t *testing.T) {
	t.Parallel()
	var two atomic.Bool
	var now faults
	api := &fakeAPI{workloads: 2, podsEach: 1, before: func(w http.ResponseWriter, r *http.Request, expr string) bool {
		if two.Load() && strings.HasPrefix(expr, "count by (cluster") {
			_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"cluster":"a"},"value":[%s,"1"]},{"metric":{},"value":[%[1]s,"1"]}]}}`, r.FormValue("time"))
			return true
		}
		return now.before(w, r, expr)
	}}
	c, err := collector.New(fakeConfig(api.start(t).URL))
	if err != nil {
		t.Fatal(err)
	}
	a := c.NewArchive()
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	read := func(wantErr bool) {
		t.Helper()
		if _, err := a.Read(t.Context(), at, nil); (err != nil) != wantErr {
			t.Errorf("error is %v", err)
		}
		at = at.Add(5 * time.Minute)
		if w, ok := a.Workload(a.Workloads()[0]); !ok || w.Containers[0].CPU.Observed() != 12 {
			t.Errorf("%s has %d points, want 12", w.ID, w.Containers[0].CPU.Observed())
		}
	}
	told := func() bool {
		return slices.ContainsFunc(a.Facts(), func(f recommender.Fact) bool { return strings.Contains(f.Message, "2 clusters") })
	}
	read(false)
	two.Store(true)
	now.begin(fault{text: "container_cpu_usage"})
	read(true)
	if told() {
		t.Error("what was not read is told of")
	}
	now.begin(fault{})
	read(false)
	if !told() {
		t.Errorf("two clusters are not told of: %v", a.Facts())
	}
	two.Store(false)
	read(false)
	if n := len(a.Workloads()); n != 2 {
		t.Errorf("%d workloads", n)
	}
}
