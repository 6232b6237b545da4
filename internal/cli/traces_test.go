package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rightsize-dev/rightsize/internal/cli"
)

// traceScenario is a few hours of a recorded trace; words in capitals are
// filled in.
const traceScenario = `
apiVersion: simulator.rightsize.dev/v1alpha1
kind: Scenario
metadata: {name: NAME}
spec:
  seed: 1
  warmup: 168h
  step: 30s
  demand: DEMAND
  service: SERVICE
  OBJECTIVE
  initial: {replicas: 4, requests: {cpu: "2", memory: 8Gi}}
  bounds: {minReplicas: 1, maxReplicas: 40, minAllowed: {cpu: 100m, memory: 64Mi}, maxAllowed: {cpu: "8", memory: 32Gi}}
  cluster: {nodes: 20, nodeCPU: "16", nodeMemory: 64Gi, nodeProvisioning: 120s, resizeDelay: 3s, burst: 0}
  prices: {cpuCoreHour: 0.031, memoryGiBHour: 0.004}
`

const traceHTTP = `{http: {cpuSecondsPerRequest: 0.02, cpuCV: 1.0, baseCPU: 50m, baseMemory: 200Mi,
    memoryPerConcurrentRequest: 2Mi, concurrencyPerPod: 100, startup: 45s, startupCPU: 500m}}`

// On a web, a usage and an LLM trace, nobody who meets the oracle's constraint
// is cheaper than it, and a second run gives the same bytes.
func TestSimulateRecordedTraces(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("RIGHTSIZE_TRACES")
	if folder == "" {
		t.Skip("RIGHTSIZE_TRACES names no folder of recorded traces")
	}
	fromFolder := regexp.MustCompile(`file: ([\w.-]+)`)
	objective := "objective: {latencySeconds: 0.5, percentile: 0.95}"
	for _, tc := range []struct{ name, demand, service, objective string }{
		{"web", "{file: web_worldcup98_a_1min.csv.gz, column: requests_per_min, start: 480h, duration: 6h}", traceHTTP, objective},
		{"llm", "{file: llm_servegen_m-large_total.csv.gz, column: request_rate_rps, scale: 0.2, duration: 6h}", traceHTTP, objective},
		{
			"usage", "{file: cpu_bitbrains_daily_vm940_5min.csv.gz, column: cpu_usage_mhz, unit: millicores, duration: 24h}",
			"{usage: {cpuColumn: cpu_usage_mhz, memoryColumn: mem_usage_kib, startup: 30s}}", "",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text := strings.NewReplacer("NAME", tc.name, "DEMAND", fromFolder.ReplaceAllString(tc.demand, `file: "$${RIGHTSIZE_TRACES}/$1"`),
				"SERVICE", tc.service, "OBJECTIVE", tc.objective).Replace(traceScenario)
			file := filepath.Join(t.TempDir(), "scenario.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			first := simulate(t, file)
			if second := simulate(t, file); !bytes.Equal(first, second) {
				t.Error("a second run gave other bytes")
			}
			checkOracle(t, first)
		})
	}
}

func simulate(t *testing.T, file string) []byte {
	t.Helper()
	var out, diagnostics bytes.Buffer
	args := []string{"simulate", file, "--policies", "static,hpa,vpa,hpa+vpa,rightsize,oracle", "-o", "json"}
	if code := cli.Main(t.Context(), "rightsize", args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &diagnostics}); code != 0 {
		t.Fatalf("exit %d: %s", code, diagnostics.String())
	}
	return out.Bytes()
}

func checkOracle(t *testing.T, document []byte) {
	t.Helper()
	var list struct {
		Items []struct {
			Policy string
			Score  struct {
				Cost                    *float64
				SLOViolatedRequestRatio *float64 `json:"sloViolatedRequestRatio"`
				OOMKills                int      `json:"oomKills"`
			}
		}
	}
	if err := json.Unmarshal(document, &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 6 || list.Items[5].Policy != "oracle" || list.Items[5].Score.Cost == nil {
		t.Fatalf("no score of the oracle: %s", document)
	}
	oracle := *list.Items[5].Score.Cost
	for _, item := range list.Items[:5] {
		if *item.Score.SLOViolatedRequestRatio <= 0.001 && item.Score.OOMKills == 0 && *item.Score.Cost < oracle {
			t.Errorf("%s meets the constraint at %g, the oracle costs %g", item.Policy, *item.Score.Cost, oracle)
		}
	}
}
