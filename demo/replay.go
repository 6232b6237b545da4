package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rightsize-dev/rightsize/demo/fleet"
)

// The replay shows the policies two weeks of the weekly service, then scores
// them on Sunday and on Monday until the evening.
const (
	replayWarmup = 13 * 24 * time.Hour
	replayScored = 42 * time.Hour
)

// writeScenario writes the demand of the weekly service as a scenario with its
// trace into the folder and returns the scenario's path.
func writeScenario(f *fleet.Fleet, dir string) (string, error) {
	begin := f.At().Truncate(24 * time.Hour).Add(18*time.Hour - replayScored - replayWarmup)
	if begin.Before(f.Start()) {
		return "", fmt.Errorf("replay needs history from %s on, there is some from %s: ask for more --history",
			begin.Format(time.RFC3339), f.Start().Format(time.RFC3339))
	}
	trace := filepath.Join(dir, "shop.csv")
	if err := writeTrace(f, trace, begin); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "shop.yaml")
	if err := os.WriteFile(path, []byte(scenarioText(f.At())), 0o600); err != nil {
		return "", fmt.Errorf("write scenario: %w", err)
	}
	return path, nil
}

// writeTrace writes the demand from begin on, one row a minute.
func writeTrace(f *fleet.Fleet, path string, begin time.Time) (err error) {
	truth, err := f.Truth(fleet.ShopNamespace, fleet.ShopName)
	if err != nil {
		return err
	}
	file, err := os.Create(path) //nolint:gosec // The caller chose the path.
	if err != nil {
		return fmt.Errorf("create trace: %w", err)
	}
	w := bufio.NewWriter(file)
	_, _ = fmt.Fprintln(w, "timestamp_s,requests_per_s") // Flush reports what went wrong.
	for i, rate := range truth.Demand.Values {
		// A row holds from its time until the next; the value is of the step
		// before its instant.
		if t := truth.Demand.Time(i).Add(-truth.Demand.Step); !t.Before(begin) {
			_, _ = fmt.Fprintf(w, "%d,%.3f\n", t.Unix(), rate)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write trace %s: %w", path, err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("write trace %s: %w", path, err)
	}
	return nil
}

// scenarioText is the weekly service in the language of the simulator.
func scenarioText(at time.Time) string {
	const mb = 1_000_000
	return fmt.Sprintf(`apiVersion: simulator.rightsize.dev/v1alpha1
kind: Scenario
metadata: {name: demo-shop}
# Demand of %s/%s, replayed up to %s.
spec:
  seed: 1
  warmup: %s
  step: 15s
  demand: {file: shop.csv, column: requests_per_s, duration: %s}
  service:
    http: {cpuSecondsPerRequest: %g, cpuCV: 1.0, baseCPU: %.0fm, baseMemory: %d, memoryPerConcurrentRequest: 4Mi,
           concurrencyPerPod: 100, startup: %s, startupCPU: 350m}
  objective: {latencySeconds: 0.5, percentile: 0.95}
  initial: {replicas: %d, requests: {cpu: 500m, memory: 512Mi}, limits: {memory: 1536Mi}}
  bounds: {minReplicas: 2, maxReplicas: 60, minAllowed: {cpu: 100m, memory: 128Mi}, maxAllowed: {cpu: "8", memory: 8Gi}}
  cluster: {nodes: 20, nodeCPU: "16", nodeMemory: 64Gi, nodeProvisioning: 120s, resizeDelay: 3s}
  prices: {cpuCoreHour: 0.031, memoryGiBHour: 0.004}
`, fleet.ShopNamespace, fleet.ShopName, at.Truncate(24*time.Hour).Add(18*time.Hour).Format(time.RFC3339),
		replayWarmup, replayScored, fleet.ShopCPUSeconds, 1000*fleet.ShopIdleCPU, int64(fleet.ShopBaseMemory/mb)*mb,
		fleet.ShopStartup, fleet.ShopReplicas)
}
