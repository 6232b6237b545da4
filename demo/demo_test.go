package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rightsize-dev/rightsize/demo/fleet"
)

// TestDemo runs the whole program and holds it to its claim: the weekly
// service is sized for its peak before the peak, where percentiles are not.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole demo")
	}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	var stdout, stderr bytes.Buffer
	d := demo{
		fleet: fleet.Options{Seed: fleet.DefaultSeed}, report: filepath.Join(t.TempDir(), "report.html"),
		listen: "127.0.0.1:0", policies: "hpa+vpa,rightsize", stdout: &stdout, stderr: &stderr,
	}
	if err := d.run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	t.Logf("\n%s\n%s", stderr.String(), stdout.String())
	for tool, bounds := range map[string][2]float64{
		"p95 of 14 days":     {0, 50},
		"decayed p90 + 15 %": {0, 50},
		"rightsize ":         {100, 200},
	} {
		if got := covered(t, stdout.String(), tool); got < bounds[0] || got > bounds[1] {
			t.Errorf("%q covers %g %% of the CPU that the peak needs, want %g to %g", tool, got, bounds[0], bounds[1])
		}
	}
	for _, policy := range []string{"hpa+vpa", "rightsize"} {
		if !strings.Contains(stdout.String(), "demo-shop  "+policy) {
			t.Errorf("the replay has no row for %s", policy)
		}
	}
	page, err := os.ReadFile(d.report)
	if err != nil || !bytes.Contains(page, []byte("</html>")) {
		t.Errorf("the page has %d bytes, error %v", len(page), err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}

// covered reads the share of the CPU need that a tool covers, in percent, out
// of the table.
func covered(t *testing.T, out, tool string) float64 {
	t.Helper()
	_, table, _ := strings.Cut(out, "Who was right")
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, tool) {
			continue
		}
		_, rest, _ := strings.Cut(line, " cores")
		percent, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
		if err != nil {
			t.Fatalf("row %q: %v", line, err)
		}
		return percent
	}
	t.Fatalf("no row of %q in\n%s", tool, table)
	return 0
}
