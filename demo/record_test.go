package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rightsize-dev/rightsize/internal/cli"

	"github.com/rightsize-dev/rightsize/demo/fleet"
)

// TestRecordAndReplay: what is recorded from a Prometheus can be replayed, as
// usage and as requests.
func TestRecordAndReplay(t *testing.T) {
	t.Parallel()
	f, dir := history(t, fleet.Options{Seed: fleet.DefaultSeed})
	url := embedded(t, dir)
	rightsize := func(args ...string) string {
		t.Helper()
		var out, diagnostics bytes.Buffer
		if code := cli.Main(t.Context(), "rightsize", args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &diagnostics}); code != cli.ExitOK {
			t.Fatalf("rightsize %s: exit code %d\n%s", strings.Join(args, " "), code, diagnostics.String())
		}
		return out.String()
	}
	for _, service := range []string{"usage", "http"} {
		path := filepath.Join(t.TempDir(), service+".yaml")
		rightsize("trace", "record", "Deployment/"+fleet.ShopName, "-n", fleet.ShopNamespace, "--prometheus", url,
			"--at", f.At().Format(time.RFC3339), "--history", "3d", "--service", service, "-f", path)
		table := rightsize("simulate", path, "--policies", "static,hpa")
		t.Logf("as %s:\n%s", service, table)
		if !strings.Contains(table, service+" ") || !strings.Contains(table, " hpa ") {
			t.Errorf("as %s:\n%s", service, table)
		}
	}
}
