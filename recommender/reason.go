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
	// ReasonFeedback: the objective was missed more, or less, than the risk
	// accepts, so that capacity counts for less, or more.
	ReasonFeedback ReasonCode = "ErrorBudget"
	// ReasonUnidentified: metrics have not yet told how fast a pod serves.
	ReasonUnidentified ReasonCode = "ServiceNotIdentified"
	// ReasonGPUSeconds: how many pods the GPU-seconds of a service take.
	ReasonGPUSeconds ReasonCode = "GPUSeconds"
	// ReasonAccelerator: what the accelerator profiles would cost.
	ReasonAccelerator ReasonCode = "CheapestAccelerator"
	// ReasonVariants: how the variants of a model share its demand.
	ReasonVariants ReasonCode = "CheapestVariantsFirst"
	// ReasonBacklog: work that waits, to be worked off beside what arrives.
	ReasonBacklog ReasonCode = "BacklogToDrain"
	// ReasonMemoryPeak: the memory a container is expected to reach.
	ReasonMemoryPeak ReasonCode = "MemoryPeak"
	// ReasonMemoryShared: fewer pods than now need more memory each.
	ReasonMemoryShared ReasonCode = "MemoryShared"
	// ReasonMemoryInFlight: room for the requests that may gather in a pod.
	ReasonMemoryInFlight ReasonCode = "MemoryInFlight"
	// ReasonMemorySeason: a rhythm that memory keeps lets it be small between
	// its peaks.
	ReasonMemorySeason ReasonCode = "MemorySeason"
	// ReasonHeapBounded: a heap that is as large as it may become grows no more.
	ReasonHeapBounded ReasonCode = "HeapBounded"
	// ReasonMemoryTrend: memory grows day by day, which looks like a leak.
	ReasonMemoryTrend ReasonCode = "MemoryGrowing"
	// ReasonOOMKilled: a container was killed for want of memory.
	ReasonOOMKilled ReasonCode = "OOMKilled"
	// ReasonPageCache: a smaller limit would throw out page cache that is held.
	ReasonPageCache ReasonCode = "PageCacheKept"
	// ReasonHorizontalFixed: the number of replicas is not chosen here.
	ReasonHorizontalFixed ReasonCode = "ReplicasFixed"
	// ReasonCheapest: the cheapest replicas and size that meet the need.
	ReasonCheapest ReasonCode = "CheapestFeasible"
	// ReasonNotWorthwhile: what is there stays, since no change would save what
	// it costs.
	ReasonNotWorthwhile ReasonCode = "ChangeNotWorthwhile"
	// ReasonPerRun: a batch workload is sized by what its runs used.
	ReasonPerRun ReasonCode = "SizedPerRun"
	// ReasonOrdinalSkew: pods that keep state differ, so the largest decides.
	ReasonOrdinalSkew ReasonCode = "OrdinalSkew"
	// ReasonBounded: the owner's minimum or maximum binds.
	ReasonBounded ReasonCode = "PolicyBound"
	// ReasonLimitRange: a LimitRange of the namespace binds.
	ReasonLimitRange ReasonCode = "LimitRangeBound"
	// ReasonQuota: what a ResourceQuota leaves binds.
	ReasonQuota ReasonCode = "QuotaBound"
	// ReasonNodeShape: what a node can hold binds.
	ReasonNodeShape ReasonCode = "NodeShapeBound"
	// ReasonAllowedSize: only some sizes, steps or ratios are allowed.
	ReasonAllowedSize ReasonCode = "AllowedSize"
	// ReasonStepLimited: one decision moves a size only so far.
	ReasonStepLimited ReasonCode = "StepLimited"
	// ReasonWindow: sizes stay, by a maintenance window or a freeze.
	ReasonWindow ReasonCode = "OutsideWindow"
	// ReasonScheduledFloor: the calendar asks for at least as much.
	ReasonScheduledFloor ReasonCode = "ScheduledFloor"
	// ReasonReplicaFloor: zones or a disruption budget ask for as many pods.
	ReasonReplicaFloor ReasonCode = "ReplicaFloor"
	// ReasonDeferred: pods wait for room to grow in place.
	ReasonDeferred ReasonCode = "ResizeDeferred"
	// ReasonInfeasible: a node can never hold the size asked for.
	ReasonInfeasible ReasonCode = "ResizeInfeasible"
	// ReasonZero: nothing is asked of the workload, and stopping it pays.
	ReasonZero ReasonCode = "ScaledToZero"
	// ReasonKeptWarm: nothing is asked of the workload, but it does not stop.
	ReasonKeptWarm ReasonCode = "KeptWarm"
	// ReasonWoken: a stopped workload is started.
	ReasonWoken ReasonCode = "Woken"
	// ReasonShort: no size within the bounds meets the need.
	ReasonShort ReasonCode = "CapacityShort"
	// ReasonCrashLoop: containers keep crashing, so replicas stay.
	ReasonCrashLoop ReasonCode = "CrashLoop"
	// ReasonStarting: some pods start and carry nothing yet; those that are ready
	// carry everything.
	ReasonStarting ReasonCode = "PodsStarting"
	// ReasonSurprise: demand was more than the pods could serve a moment ago, and
	// sizes are dear to change.
	ReasonSurprise ReasonCode = "JustSurprised"
	// ReasonOOMFreeze: a container was just killed for want of memory.
	ReasonOOMFreeze ReasonCode = "JustOOMKilled"
	// ReasonDamped: it went up and down too often, so nothing shrinks.
	ReasonDamped ReasonCode = "OscillationDamped"
	// ReasonScalingPolicy: the owner's policies permit no faster change.
	ReasonScalingPolicy ReasonCode = "ScalingPolicy"
	// ReasonStabilized: a recent wish for more replicas is kept.
	ReasonStabilized ReasonCode = "ScaleDownStabilized"
	// ReasonUnsafeData: data is missing, stale or partial, so nothing shrinks.
	ReasonUnsafeData ReasonCode = "DataNotSafe"
	// ReasonRollout: a rollout is under way, so nothing shrinks.
	ReasonRollout ReasonCode = "RolloutInProgress"
	// ReasonWithinTolerance: the change is too small to be worth making.
	ReasonWithinTolerance ReasonCode = "WithinTolerance"
	// ReasonBudget: the cluster's budget of changes is used up.
	ReasonBudget ReasonCode = "ChangeBudget"
	// ReasonLimitBound: a LimitRange or a quota moved a limit.
	ReasonLimitBound ReasonCode = "LimitBound"
	// ReasonQoSKept: limits are such that the pod keeps its QoS class.
	ReasonQoSKept ReasonCode = "QoSClass"
	// ReasonStartupBoost: the container needs more CPU while it starts.
	ReasonStartupBoost ReasonCode = "StartupBoost"
	// ReasonGroup: a part of the workload is sized apart.
	ReasonGroup ReasonCode = "SizedByGroup"
	// ReasonRuntime: settings of the language runtime that go with the size.
	ReasonRuntime ReasonCode = "RuntimeAdvice"
)
