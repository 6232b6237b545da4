package record

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

const (
	// longestWarmup is how much of a recording is history at most, unless
	// asked for: what forecasts look back on.
	longestWarmup = 7 * 24 * time.Hour
	// growth is how far above what there was a policy may go.
	growth = 4
)

// scenario is the file that says how to replay the trace.
func (m *measured) scenario(o Options, service string) string {
	span := time.Duration(m.n) * m.step
	warmup := o.Warmup
	if warmup == 0 {
		warmup = min(longestWarmup, span/2)
	}
	warmup = warmup.Truncate(m.step)
	column := "cpu_cores"
	if o.Service == HTTP {
		column = "requests_per_s"
	}
	pods := int(math.Round(m.pods[0]))
	most := max(10, growth*int(largest(m.pods)))
	top := recommender.Resources{CPU: growth * max(m.requests.CPU, m.limits.CPU), Memory: growth * max(m.requests.Memory, m.limits.Memory)}
	node := recommender.Resources{CPU: max(16000, top.CPU), Memory: max(64*recommender.GiB, top.Memory)}
	perNode := max(1, min(int(node.CPU/max(1, m.requests.CPU)), int(node.Memory/max(1, m.requests.Memory))))
	limits := ""
	if m.limits != (recommender.Resources{}) {
		limits = ", limits: " + amounts(m.limits)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %v as it was measured from %s for %v. What was not measured is assumed:\n",
		m.w.ID, m.start.UTC().Format(time.RFC3339), span)
	b.WriteString("# bounds, nodes and prices are there to be changed.\n")
	b.WriteString("apiVersion: simulator.rightsize.dev/v1alpha1\nkind: Scenario\n")
	fmt.Fprintf(&b, "metadata: {name: %s}\n", strconv.Quote(o.Name))
	fmt.Fprintf(&b, "spec:\n  seed: 1\n  warmup: %s\n  step: 30s\n", warmup)
	fmt.Fprintf(&b, "  demand: {file: %s, column: %s}\n", strconv.Quote(o.Trace), column)
	b.WriteString(service)
	fmt.Fprintf(&b, "  initial: {replicas: %d, requests: %s%s}\n", pods, amounts(m.requests), limits)
	fmt.Fprintf(&b, "  bounds: {minReplicas: 1, maxReplicas: %d, minAllowed: {cpu: 10m, memory: 16Mi}, maxAllowed: %s}\n", most, amounts(top))
	fmt.Fprintf(&b, "  cluster: {nodes: %d, nodeCPU: %dm, nodeMemory: %s, nodeProvisioning: 120s, resizeDelay: 3s}\n",
		(most+perNode-1)/perNode+1, node.CPU, mebibytes(node.Memory))
	fmt.Fprintf(&b, "  prices: {cpuCoreHour: %g, memoryGiBHour: %g}\n", o.Prices.CPUCoreHour, o.Prices.MemoryGiBHour)
	return b.String()
}

// amounts are those that are set, as a mapping.
func amounts(r recommender.Resources) string {
	var parts []string
	if r.CPU > 0 {
		parts = append(parts, fmt.Sprintf("cpu: %dm", r.CPU))
	}
	if r.Memory > 0 {
		parts = append(parts, "memory: "+mebibytes(r.Memory))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// mebibytes rounds up to whole ones, at least one.
func mebibytes(v recommender.Bytes) string {
	return strconv.FormatInt(max(1, int64((v+recommender.MiB-1)/recommender.MiB)), 10) + "Mi"
}
