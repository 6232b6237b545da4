package recommender

// ReasonCode names one kind of step. Status, events, metric labels, tables and
// pages all print these names.
type ReasonCode string

// The reasons, in the order in which a decision can give them.
const (
	// ReasonNoData: a container has no usage history, so nothing is decided.
	ReasonNoData ReasonCode = "NoUsageHistory"
	// ReasonForecast: the demand quantile that the size has to carry.
	ReasonForecast ReasonCode = "ForecastQuantile"
	// ReasonReactiveFloor: what was used lately is more than was forecast.
	ReasonReactiveFloor ReasonCode = "ReactiveFloor"
	// ReasonThrottled: usage was cut off by a limit, so demand is higher.
	ReasonThrottled ReasonCode = "CPUThrottled"
	// ReasonLowTrust: the forecast was wrong too often lately or knows too
	// little, so what was observed decides.
	ReasonLowTrust ReasonCode = "ForecastNotTrusted"
	// ReasonQueueing: head-room that the latency objective needs.
	ReasonQueueing ReasonCode = "LatencyHeadroom"
	// ReasonUnidentified: metrics have not yet told how fast a pod serves.
	ReasonUnidentified ReasonCode = "ServiceNotIdentified"
	// ReasonBacklog: work that waits, to be worked off beside what arrives.
	ReasonBacklog ReasonCode = "BacklogToDrain"
	// ReasonMemoryPeak: the memory a container is expected to reach.
	ReasonMemoryPeak ReasonCode = "MemoryPeak"
	// ReasonMemoryTrend: memory grows day by day, which looks like a leak.
	ReasonMemoryTrend ReasonCode = "MemoryGrowing"
	// ReasonOOMKilled: a container was killed for want of memory.
	ReasonOOMKilled ReasonCode = "OOMKilled"
	// ReasonHorizontalFixed: the number of replicas is not chosen here.
	ReasonHorizontalFixed ReasonCode = "ReplicasFixed"
	// ReasonCheapest: the cheapest replicas and size that meet the need.
	ReasonCheapest ReasonCode = "CheapestFeasible"
	// ReasonPerRun: a batch workload is sized by what its runs used.
	ReasonPerRun ReasonCode = "SizedPerRun"
	// ReasonBounded: the owner's minimum or maximum binds.
	ReasonBounded ReasonCode = "PolicyBound"
	// ReasonShort: no size within the bounds meets the need.
	ReasonShort ReasonCode = "CapacityShort"
	// ReasonStabilized: a recent wish for more replicas is kept.
	ReasonStabilized ReasonCode = "ScaleDownStabilized"
	// ReasonUnsafeData: data is missing, stale or partial, so nothing shrinks.
	ReasonUnsafeData ReasonCode = "DataNotSafe"
	// ReasonRollout: a rollout is under way, so nothing shrinks.
	ReasonRollout ReasonCode = "RolloutInProgress"
	// ReasonWithinTolerance: the change is too small to be worth making.
	ReasonWithinTolerance ReasonCode = "WithinTolerance"
)
