package recommender

import "slices"

// ReasonsByWeight lists reasons from the one that says the most about why a
// decision of that action is not what one would expect, to those that every
// decision has. Reports and statuses tell the first of them first; a reason that
// is not listed comes last.
func ReasonsByWeight(action Action) []ReasonCode {
	order := []ReasonCode{
		ReasonNoData,
		ReasonUnsafeData,
		ReasonRollout,
		ReasonCrashLoop,
		ReasonShort,
		ReasonOOMKilled,
		ReasonThrottled,
		ReasonOOMFreeze,
		ReasonStarting,
		ReasonSurprise,
		ReasonBudget,
		ReasonInfeasible,
		ReasonDeferred,
		ReasonLowTrust,
		ReasonWindow,
		ReasonZero,
		ReasonWoken,
		ReasonDamped,
		ReasonScalingPolicy,
		ReasonStabilized,
		ReasonScheduledFloor,
		ReasonReplicaFloor,
		ReasonQuota,
		ReasonLimitRange,
		ReasonNodeShape,
		ReasonBounded,
		ReasonAllowedSize,
		ReasonStepLimited,
		ReasonGroup,
		ReasonOrdinalSkew,
		ReasonMemoryTrend,
		ReasonPageCache,
		ReasonUnidentified,
		ReasonReactiveFloor,
		ReasonFeedback,
		ReasonBacklog,
		ReasonPerRun,
		ReasonQueueing,
		ReasonGPUSeconds,
		ReasonAccelerator,
		ReasonVariants,
		ReasonForecast,
		ReasonMemorySeason,
		ReasonHeapBounded,
		ReasonMemoryInFlight,
		ReasonMemoryShared,
		ReasonMemoryPeak,
		ReasonKeptWarm,
		ReasonLimitBound,
		ReasonQoSKept,
		ReasonStartupBoost,
		ReasonWithinTolerance,
		ReasonCheapest,
		ReasonHorizontalFixed,
		ReasonRuntime,
	}
	if action == ActionHold {
		// A decision that holds because no change is worth it says so early.
		return slices.Insert(order, 4, ReasonWithinTolerance, ReasonNotWorthwhile)
	}
	return order
}
