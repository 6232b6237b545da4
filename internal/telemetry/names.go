// Package telemetry names every metric of rightsize, once: the controller
// registers them by these names, the chart's rules, alerts and dashboard use
// them, and docs/reference/metrics.md is made from them.
//
// Metrics about one RightSize carry its namespace and name and vanish with it.
// Counters carry neither, so that their number does not grow with the fleet.
package telemetry

// Type is the type of a metric in Prometheus.
type Type string

// The types of metrics.
const (
	Gauge     Type = "gauge"
	Counter   Type = "counter"
	Histogram Type = "histogram"
)

// Metric describes one metric.
type Metric struct {
	Name   string
	Type   Type
	Labels []string
	// Help says what is measured, with the unit and the meaning of the labels.
	Help string
}

// Labels.
const (
	LabelNamespace = "namespace"
	LabelRightSize = "rightsize"
	LabelContainer = "container"
	LabelMode      = "mode"
	LabelSignal    = "signal"
	LabelQuantile  = "quantile"
	LabelType      = "type"
	LabelStatus    = "status"
	LabelState     = "state"
	LabelReason    = "reason"
	LabelAction    = "action"
	LabelResult    = "result"
	LabelGuard     = "guard"
	LabelCurrency  = "currency"
	LabelBudget    = "budget"
	LabelVersion   = "version"
	LabelRole      = "role"
	LabelQuantity  = "quantity"
)

// Names of metrics about one RightSize.
const (
	RecommendedCPU      = "rightsize_recommended_cpu_cores"
	RecommendedMemory   = "rightsize_recommended_memory_bytes"
	RecommendedReplicas = "rightsize_recommended_replicas"
	DesiredReplicas     = "rightsize_desired_replicas"
	CurrentReplicas     = "rightsize_current_replicas"
	DemandObserved      = "rightsize_demand_observed"
	DemandForecast      = "rightsize_demand_forecast"
	ForecastCoverage    = "rightsize_forecast_coverage_ratio"
	CostPerHour         = "rightsize_cost_per_hour"
	SavingsPerHour      = "rightsize_savings_per_hour"
	Condition           = "rightsize_condition"
	Pods                = "rightsize_pods"
	DataAge             = "rightsize_data_age_seconds"
)

// Names of metrics about the program.
const (
	Workloads        = "rightsize_workloads"
	Decisions        = "rightsize_decisions_total"
	Reasons          = "rightsize_decision_reasons_total"
	DecisionDuration = "rightsize_decision_duration_seconds"
	RoundDuration    = "rightsize_round_duration_seconds"
	Changes          = "rightsize_changes_total"
	Rollbacks        = "rightsize_rollbacks_total"
	BudgetLeft       = "rightsize_budget_left"
	Frozen           = "rightsize_frozen"
	Queries          = "rightsize_prometheus_queries_total"
	QueryDuration    = "rightsize_prometheus_query_duration_seconds"
	Surprises        = "rightsize_surprises_total"
	BuildInfo        = "rightsize_build_info"
)

// Names of metrics that controller-runtime and the client libraries add.
const (
	ReconcileTotal    = "controller_runtime_reconcile_total"
	ReconcileErrors   = "controller_runtime_reconcile_errors_total"
	ReconcileDuration = "controller_runtime_reconcile_time_seconds"
	QueueDepth        = "workqueue_depth"
	QueueWait         = "workqueue_queue_duration_seconds"
	APIRequests       = "rest_client_requests_total"
	LeaderStatus      = "leader_election_master_status"
	ProcessCPU        = "process_cpu_seconds_total"
	ProcessMemory     = "process_resident_memory_bytes"
)

// Metrics returns every metric that rightsize itself exports, by name.
func Metrics() []Metric {
	one := []string{LabelNamespace, LabelRightSize}
	return append(workloadMetrics(one), programMetrics()...)
}

func workloadMetrics(one []string) []Metric {
	with := func(more ...string) []string { return append(append([]string{}, one...), more...) }
	return []Metric{
		{CostPerHour, Gauge, with(LabelCurrency), "What the requests of the workload cost now, in the currency an hour."},
		{
			Condition, Gauge, with(LabelType, LabelStatus, LabelReason),
			"1 for the status (True, False, Unknown) and the reason that the condition of this type has; conditions that are absent have no series.",
		},
		{CurrentReplicas, Gauge, one, "Pods that the target asks for now."},
		{DataAge, Gauge, one, "Age of the newest sample that the last decision rests on, in seconds."},
		{
			DemandForecast, Gauge, with(LabelSignal, LabelQuantile),
			"Quantile of the maximum of the demand expected within the time it takes to react, in the unit of the signal.",
		},
		{DemandObserved, Gauge, with(LabelSignal), "Newest value of the demand, in the unit of the signal."},
		{DesiredReplicas, Gauge, one, "Pods that rightsize asks for, or would ask for in DryRun, within all limits on speed."},
		{
			ForecastCoverage, Gauge, with(LabelQuantile),
			"Share of recent values that were not above this quantile of the forecast that was made before them, 0 to 1. Calibrated, it is the quantile.",
		},
		{Pods, Gauge, with(LabelState), "Running pods by state: sized, pending, refused, outdated."},
		{RecommendedCPU, Gauge, with(LabelContainer), "CPU that each pod's container should request, in cores."},
		{RecommendedMemory, Gauge, with(LabelContainer), "Memory that each pod's container should request, in bytes."},
		{RecommendedReplicas, Gauge, one, "Pods that the workload should have."},
		{SavingsPerHour, Gauge, with(LabelCurrency), "What the recommendation saves, in the currency an hour; negative where it costs more."},
	}
}

func programMetrics() []Metric {
	return []Metric{
		{BudgetLeft, Gauge, []string{LabelBudget}, "Changes that the cluster-wide budget of this name still allows now."},
		{BuildInfo, Gauge, []string{LabelVersion, LabelRole}, "1, with the version and the role of the program."},
		{
			Changes, Counter,
			[]string{LabelAction, LabelResult},
			"Changes asked of the cluster: action resize, scale, evict; result applied, deferred, infeasible, conflict, refused, reverted, error.",
		},
		{DecisionDuration, Histogram, nil, "Time of one decision, in seconds, without the gathering of its data."},
		{Reasons, Counter, []string{LabelReason}, "Reasons that decisions gave, by code."},
		{Decisions, Counter, []string{LabelAction}, "Decisions by action: Hold, Resize, Scale, ResizeAndScale, InsufficientData."},
		{
			Frozen, Gauge,
			[]string{LabelReason},
			"1 while nothing is changed for this reason: KillSwitch, MetricsUnavailable, WarmUp; else 0.",
		},
		{QueryDuration, Histogram, nil, "Time of one query to Prometheus, in seconds, retries included."},
		{Queries, Counter, []string{LabelResult}, "Queries to Prometheus: result ok, partial, retried, failed."},
		{Rollbacks, Counter, []string{LabelGuard}, "Changes taken back, by the guard that found them harmful."},
		{RoundDuration, Gauge, nil, "Time of the last full round over all RightSizes, in seconds."},
		{
			Surprises, Counter,
			[]string{LabelQuantity},
			"Workloads looked at before their time, since a quantity was above what was foretold: cpu, memory, oom, demand, backlog.",
		},
		{Workloads, Gauge, []string{LabelMode}, "Number of RightSizes by mode."},
	}
}

// OfRightSize says whether a metric is about one RightSize.
func OfRightSize(m Metric) bool {
	return len(m.Labels) >= 2 && m.Labels[0] == LabelNamespace && m.Labels[1] == LabelRightSize
}

// KnownLabels are all values of the labels of a metric, where they are known
// beforehand; nil for others.
func KnownLabels(name string) [][]string {
	single := func(values ...string) [][]string {
		var out [][]string
		for _, v := range values {
			out = append(out, []string{v})
		}
		return out
	}
	switch name {
	case Workloads:
		return single("DryRun", "Initial", "Apply", "Paused")
	case Decisions:
		return single("Hold", "Resize", "Scale", "ResizeAndScale", "InsufficientData")
	case Queries:
		return single("ok", "partial", "retried", "failed")
	case Surprises:
		return single("cpu", "memory", "oom", "demand", "backlog")
	case Rollbacks:
		return single("OOMKills", "Restarts", "Throttling", "Latency", "ServerErrors", "ClientErrors")
	case Changes:
		var out [][]string
		for _, action := range []string{"resize", "scale", "evict"} {
			for _, result := range []string{"applied", "deferred", "infeasible", "conflict", "refused", "reverted", "error"} {
				out = append(out, []string{action, result})
			}
		}
		return out
	}
	return nil
}
