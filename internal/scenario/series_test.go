package scenario_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rightsize-dev/rightsize/internal/scenario"
)

func table(t *testing.T, text string) *scenario.Table {
	t.Helper()
	out, err := scenario.ParseTable("web.csv", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestParseTable(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for name, tc := range map[string]struct {
		text  string
		start time.Time
		want  []float64
	}{
		"seconds":        {"timestamp_s,v\n600,1\n660,2.5\n720,-3e2\n", time.Unix(600, 0), []float64{1, 2.5, -300}},
		"RFC 3339":       {"timestamp,v\n1970-01-02T00:00:00Z,1\n1970-01-02T01:05:00+01:00,2\n", time.Unix(86400, 0), []float64{1, 2}},
		"gaps":           {"timestamp_s,v\n0,\n60,NaN\n120,3\n", time.Unix(0, 0), []float64{nan, nan, 3}},
		"missing rows":   {"timestamp_s,v\n0,1\n60,2\n240,5\n300,6\n", time.Unix(0, 0), []float64{1, 2, nan, nan, 5, 6}},
		"jitter":         {"timestamp_s,v\n0,1\n61,2\n119,3\n180,4\n240,5\n300,6\n", time.Unix(0, 0), []float64{1, 2, 3, 4, 5, 6}},
		"windows, BOM":   {"\xef\xbb\xbftimestamp_s,v\r\n0,1\r\n60,2\r\n", time.Unix(0, 0), []float64{1, 2}},
		"quoted, spaces": {"timestamp_s, v\n0,\" 1\"\n60,2 \n", time.Unix(0, 0), []float64{1, 2}},
		"one row":        {"timestamp_s,v\n60,1\n", time.Unix(60, 0), []float64{1}},
		"decimal time":   {"timestamp_s,v\n0.5,1\n60.5,2\n", time.Unix(0, 5e8), []float64{1, 2}},
	} {
		s, err := table(t, tc.text).Series("v")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(tc.want, s.Values, cmpopts.EquateNaNs()); diff != "" || !s.Start.Equal(tc.start) {
			t.Errorf("%s: starts %v (-want +got):\n%s", name, s.Start, diff)
		}
	}
}

// Errors name file, line and column.
func TestTableErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"empty file":       {"", "web.csv: line 1: the file is empty"},
		"only a header":    {"timestamp_s,v\n", "web.csv: line 2: the file has no rows"},
		"no time column":   {"time,v\n0,1\n", "web.csv: line 1, column time: the first column has to be one of"},
		"unnamed column":   {"timestamp_s,\n0,1\n", "web.csv: line 1: column 2 has no name"},
		"double name":      {"timestamp_s,v,v\n0,1,2\n", "web.csv: line 1, column v: the name appears twice"},
		"bad time":         {"timestamp_s,v\n0,1\nnoon,2\n", `web.csv: line 3, column timestamp_s: "noon" is not a time in seconds`},
		"empty time":       {"timestamp_s,v\n0,1\n,2\n", `web.csv: line 3, column timestamp_s: "" is not a time in seconds`},
		"far time":         {"timestamp_s,v\n1e18,1\n", `web.csv: line 2, column timestamp_s: "1e18" is out of range`},
		"bad RFC 3339":     {"timestamp,v\n2026-03-02,1\n", `web.csv: line 2, column timestamp: "2026-03-02" is not an RFC 3339 time`},
		"missing field":    {"timestamp_s,v\n0,1\n60\n", "web.csv: line 3: 1 fields, the header has 2"},
		"quote":            {"timestamp_s,v\n0,1\n60,\"2\n", "web.csv: line 3"},
		"not a number":     {"timestamp_s,v\n0,1\n60,2\n120,x\n", `web.csv: line 4, column v: "x" is not a number`},
		"infinite":         {"timestamp_s,v\n0,1\n60,Inf\n", `web.csv: line 3, column v: "Inf" is not a number`},
		"hexadecimal":      {"timestamp_s,v\n0,1\n60,0x10\n", `web.csv: line 3, column v: "0x10" is not a number`},
		"unsorted":         {"timestamp_s,v\n0,1\n120,2\n60,3\n180,4\n", "web.csv: line 4, column timestamp_s: time 1970-01-01T00:01:00Z is before"},
		"repeated":         {"timestamp_s,v\n0,1\n60,2\n60,3\n120,4\n180,5\n240,6\n300,7\n", "web.csv: line 4, column timestamp_s: time 1970-01-01T00:01:00Z repeats"},
		"unknown column":   {"timestamp_s,w\n0,1\n60,2\n", `web.csv: no such column: "v" (columns: w)`},
		"unsorted request": {"arrival_s,v\n5,1\n3,2\n", "web.csv: line 3, column arrival_s: time 1970-01-01T00:00:03Z is before"},
		"years apart":      {"timestamp_s,v\n0,1\n1,1\n2,1\n3,1\n4e9,1\n", "more than 20000000 steps of 1s"},
	} {
		tab, err := scenario.ParseTable("web.csv", strings.NewReader(tc.text))
		if err == nil {
			column := "v"
			if tab.RequestTrace() {
				column = scenario.RequestsColumn
			}
			_, err = tab.Series(column)
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", name, err, tc.want)
		}
	}
	_, err := table(t, "timestamp_s,w\n0,1\n").Numbers("v")
	if !errors.Is(err, scenario.ErrNoColumn) {
		t.Errorf("unknown column: %v", err)
	}
}

// A column of text is ignored unless it is named; one of numbers with a slip is
// an error.
func TestColumns(t *testing.T) {
	t.Parallel()
	tab := table(t, "timestamp_s,zone,load,empty\n0,a,1,\n60,b,2,\n120,7,3,\n")
	if diff := cmp.Diff([]string{"load", "empty"}, tab.Columns()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"zone"}, tab.TextColumns()); diff != "" {
		t.Error(diff)
	}
	if _, err := tab.Numbers("zone"); err == nil || !strings.Contains(err.Error(), `line 2, column zone: "a" is not a number`) {
		t.Errorf("text as numbers: %v", err)
	}
	err := table(t, "timestamp_s,zone\n0,a\n").NoNumbers()
	if !strings.Contains(err.Error(), `line 2, column zone: "a" is not a number`) {
		t.Error(err)
	}
}

// Finer data is averaged over minutes of the clock.
func TestSeriesAtLeast(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("timestamp_s,v\n")
	for i := range 9 { // 0:30 to 2:30 every 15 s.
		_, _ = fmt.Fprintf(&text, "%d,%d\n", 30+15*i, i)
	}
	s, err := table(t, text.String()).SeriesAtLeast("v", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	// Minutes 0 (0,1), 1 (2,3,4,5), 2 (6,7,8).
	if diff := cmp.Diff([]float64{0.5, 3.5, 7}, s.Values); diff != "" || s.Start.Unix() != 0 || s.Step != time.Minute {
		t.Errorf("start %v, step %v (-want +got):\n%s", s.Start, s.Step, diff)
	}
	s, err = table(t, text.String()).Series("v")
	if err != nil || s.Step != 15*time.Second || s.Len() != 9 {
		t.Errorf("the file's own grid: step %v, %d values, %v", s.Step, s.Len(), err)
	}
	s, err = table(t, "timestamp_s,v\n0,1\n300,2\n").SeriesAtLeast("v", time.Minute)
	if err != nil || s.Step != 5*time.Minute {
		t.Errorf("a coarser file: step %v, %v", s.Step, err)
	}
}

func TestRequestTrace(t *testing.T) {
	t.Parallel()
	tab := table(t, "arrival_s,prompt_tokens,model\n0.25,10,a\n0.25,20,a\n59.9,,b\n61,40,a\n185,50,c\n")
	if !tab.RequestTrace() {
		t.Fatal("arrival_s is not taken for a request trace")
	}
	s, err := tab.RequestsPerMinute()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{3, 1, 0, 1}, s.Values); diff != "" || s.Step != time.Minute {
		t.Errorf("requests per minute (-want +got):\n%s", diff)
	}
	r, err := tab.Requests("prompt_tokens")
	if err != nil {
		t.Fatal(err)
	}
	want := scenario.Requests{
		Arrivals: []float64{0.25, 0.25, 59.9, 61, 185},
		Columns:  map[string][]float64{"prompt_tokens": {10, 20, math.NaN(), 40, 50}},
	}
	if diff := cmp.Diff(want, r, cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{scenario.RequestsColumn}, tab.SeriesColumns()); diff != "" {
		t.Error(diff)
	}
	if _, err := tab.Series("prompt_tokens"); err == nil {
		t.Error("a request trace gave a series of tokens")
	}
	if _, err := tab.Requests("nope"); !errors.Is(err, scenario.ErrNoColumn) {
		t.Errorf("unknown column: %v", err)
	}
}

// timestamp_s may stand for arrival_s: rows that come at no interval, two of
// them together.
func TestRequestTraceByTimestamp(t *testing.T) {
	t.Parallel()
	tab := table(t, "timestamp_s,steps,task\n100,1,a\n103,1,a\n103,2,b\n190,3,a\n191,1,b\n700,2,a\n733,2,a\n1500,2,b\n")
	if !tab.RequestTrace() {
		t.Error("not taken for a request trace")
	}
}

// Rows of several series, told apart by a column of text, block by block or
// row by row.
func TestGroups(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"blocks": "timestamp_s,service,v\n0,cart,1\n60,cart,2\n120,cart,3\n0,pay,4\n60,pay,5\n120,pay,6\n",
		"rows":   "timestamp_s,service,v\n0,cart,1\n0,pay,4\n60,cart,2\n60,pay,5\n120,cart,3\n120,pay,6\n",
	} {
		tab := table(t, text)
		key, values := tab.Groups()
		if key != "service" || !slices.Equal(values, []string{"cart", "pay"}) {
			t.Errorf("%s: %q %v", name, key, values)
		}
		part, err := tab.Where("service", "pay")
		if err != nil {
			t.Fatal(err)
		}
		s, err := part.Series("v")
		if err != nil || !slices.Equal(s.Values, []float64{4, 5, 6}) {
			t.Errorf("%s: pay is %v, %v", name, s.Values, err)
		}
	}
	one := table(t, "timestamp_s,service,v\n0,cart,1\n60,cart,2\n")
	if key, _ := one.Groups(); key != "" {
		t.Errorf("one series told apart by %q", key)
	}
	if _, err := one.Where("service", "pay"); err == nil || !strings.Contains(err.Error(), "no row with service = pay") {
		t.Error(err)
	}
	if _, err := one.Where("zone", "a"); !errors.Is(err, scenario.ErrNoColumn) {
		t.Error(err)
	}
	if part, err := one.Where("v", "2.0"); err != nil || part.Rows() != 1 {
		t.Errorf("by number: %v", err)
	}
}

func TestReadTable(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("timestamp_s,v\n0,1\n60,2\n"))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cart.csv.gz")
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	tab, err := scenario.ReadTable(path)
	if err != nil || tab.Name != "cart" || tab.Rows() != 2 || !tab.Time(1).Equal(time.Unix(60, 0)) {
		t.Errorf("%+v, %v", tab, err)
	}
	if _, err := scenario.ReadTable(path + ".not"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := scenario.ParseTable("x.gz", bytes.NewReader(packed.Bytes()[:20])); err == nil {
		t.Error("half a gzip file: no error")
	}
}

// All development traces can be read.
func TestTraces(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("RIGHTSIZE_TRACES")
	if folder == "" {
		t.Skip("RIGHTSIZE_TRACES names no folder of traces")
	}
	paths, err := filepath.Glob(filepath.Join(folder, "*.csv.gz"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no traces in %s: %v", folder, err)
	}
	for _, path := range paths {
		tab, err := scenario.ReadTable(path)
		if err != nil {
			t.Error(err)
			continue
		}
		key, values := tab.Groups()
		if key != "" {
			if tab, err = tab.Where(key, values[0]); err != nil {
				t.Error(err)
				continue
			}
		}
		for _, column := range tab.SeriesColumns() {
			if _, err := tab.SeriesAtLeast(column, time.Minute); err != nil {
				t.Error(err)
			}
		}
	}
}

// FuzzParseTable: no input panics or hangs, and what is read can be asked for
// every one of its columns.
func FuzzParseTable(f *testing.F) {
	for _, text := range []string{
		"timestamp_s,v\n0,1\n60,2\n", "arrival_s,v\n0,\n0,2\n", "timestamp,v\n2026-03-02T00:00:00Z,1\n",
		"timestamp_s,s,v\n0,a,1\n0,b,1\n60,a,1\n60,b,2\n", "timestamp_s,v\n-1e9,1\n8e9,2\n", "\x1f\x8b", "timestamp_s\n1\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tab, err := scenario.ParseTable("fuzz.csv", bytes.NewReader(data))
		if err != nil {
			return
		}
		if tab.Rows() == 0 {
			t.Fatal("a table without rows")
		}
		if key, values := tab.Groups(); key != "" && len(values) == 0 {
			t.Fatal("groups without values")
		}
		// The bound on the grid is tested elsewhere; grids near it are slow.
		if tab.Time(tab.Rows()-1).Sub(tab.Time(0)).Abs() > 30*24*time.Hour {
			return
		}
		for _, column := range append(tab.SeriesColumns(), tab.TextColumns()...) {
			s, err := tab.SeriesAtLeast(column, time.Minute)
			if err == nil && (s.Len() == 0 || s.Step < time.Minute) {
				t.Fatalf("column %q: %d values at %v", column, s.Len(), s.Step)
			}
		}
	})
}

// BenchmarkParseTable reads 63,000 rows; the aim is well under 100 ms.
func BenchmarkParseTable(b *testing.B) {
	var text bytes.Buffer
	text.WriteString("timestamp_s,requests_per_min,errors\n")
	for i := range 63_000 {
		_, _ = fmt.Fprintf(&text, "%d,%d,%g\n", 893971800+60*i, i%9173, float64(i%77)/7)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := scenario.ParseTable("b.csv", bytes.NewReader(text.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
