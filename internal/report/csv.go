package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rightsize-dev/rightsize/recommender"
)

// csvHeader is stable: columns are only ever added at its end.
func csvHeader() []string {
	return []string{
		"at", "cluster", "namespace", "kind", "workload", "container", "action", "confidence",
		"replicas", "replicas_target",
		"cpu_request_cores", "cpu_target_cores", "cpu_limit_cores", "cpu_limit_target_cores",
		"memory_request_bytes", "memory_target_bytes", "memory_limit_bytes", "memory_limit_target_bytes",
		"currency", "cost_per_hour", "cost_target_per_hour", "savings_per_month", "reason", "message",
	}
}

// CSV writes one row per container. An amount that is not set is empty. What
// the workload as a whole has (replicas and cost) stands in its first row and
// is empty in its others, so that columns can be added up; monthly savings of
// batch workloads are empty.
func CSV(w io.Writer, r Report) error {
	out := csv.NewWriter(w)
	if err := out.Write(csvHeader()); err != nil {
		return fmt.Errorf("write report as CSV: %w", err)
	}
	for _, item := range r.Items {
		for _, row := range csvRows(item) {
			if err := out.Write(row); err != nil {
				return fmt.Errorf("write report as CSV: %w", err)
			}
		}
	}
	out.Flush()
	return out.Error()
}

func csvRows(item Item) [][]string {
	d := item.Decision
	containers := d.Containers
	if len(containers) == 0 {
		containers = []recommender.Recommendation{{}}
	}
	rows := make([][]string, 0, len(containers))
	for i, c := range containers {
		replicas, target, now, want, saves := "", "", "", "", ""
		if i == 0 {
			replicas, target = strconv.Itoa(d.CurrentReplicas), strconv.Itoa(d.DesiredReplicas)
			now, want = csvNumber(d.Cost.CurrentPerHour, 6), csvNumber(d.Cost.TargetPerHour, 6)
			if !d.Workload.Batch() {
				saves = csvNumber(item.savingsPerMonth(), 2)
			}
		}
		reason, _ := mainReason(d, c.Name)
		rows = append(rows, []string{
			d.At.UTC().Format(time.RFC3339), csvText(d.Workload.Cluster), csvText(d.Workload.Namespace), csvText(d.Workload.Kind),
			csvText(d.Workload.Name), csvText(c.Name), string(d.Action), csvNumber(d.Confidence, 3), replicas, target,
			csvCores(c.Requests.CPU), csvCores(c.Target.CPU), csvCores(c.Limits.CPU), csvCores(c.TargetLimits.CPU),
			csvBytes(c.Requests.Memory), csvBytes(c.Target.Memory), csvBytes(c.Limits.Memory), csvBytes(c.TargetLimits.Memory),
			csvText(d.Cost.Currency), now, want, saves, string(reason.Code), csvText(reason.Message),
		})
	}
	return rows
}

// csvText keeps spreadsheets from taking a name for a formula.
func csvText(s string) string {
	if s != "" && strings.ContainsAny(s[:1], "=+-@\t\r") {
		return "'" + s
	}
	return s
}

func csvNumber(x float64, decimals int) string {
	s := trimZeros(strconv.FormatFloat(x, 'f', decimals, 64))
	if s == "-0" {
		return "0"
	}
	return s
}

func csvCores(m recommender.MilliCPU) string {
	if m == 0 {
		return ""
	}
	return csvNumber(m.Cores(), 3)
}

func csvBytes(b recommender.Bytes) string {
	if b == 0 {
		return ""
	}
	return strconv.FormatInt(int64(b), 10)
}
