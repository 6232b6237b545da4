package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/rightsize-dev/rightsize/recommender"
)

// byWeight lists the reasons from the one that says the most about why a
// decision is not what one would expect, to those that every decision has.
func byWeight() []recommender.ReasonCode {
	return []recommender.ReasonCode{
		recommender.ReasonNoData,
		recommender.ReasonUnsafeData,
		recommender.ReasonRollout,
		recommender.ReasonCrashLoop,
		recommender.ReasonShort,
		recommender.ReasonOOMKilled,
		recommender.ReasonThrottled,
		recommender.ReasonOOMFreeze,
		recommender.ReasonBudget,
		recommender.ReasonInfeasible,
		recommender.ReasonDeferred,
		recommender.ReasonLowTrust,
		recommender.ReasonWindow,
		recommender.ReasonZero,
		recommender.ReasonWoken,
		recommender.ReasonDamped,
		recommender.ReasonScalingPolicy,
		recommender.ReasonStabilized,
		recommender.ReasonScheduledFloor,
		recommender.ReasonReplicaFloor,
		recommender.ReasonQuota,
		recommender.ReasonLimitRange,
		recommender.ReasonNodeShape,
		recommender.ReasonBounded,
		recommender.ReasonAllowedSize,
		recommender.ReasonStepLimited,
		recommender.ReasonGroup,
		recommender.ReasonOrdinalSkew,
		recommender.ReasonMemoryTrend,
		recommender.ReasonPageCache,
		recommender.ReasonUnidentified,
		recommender.ReasonReactiveFloor,
		recommender.ReasonFeedback,
		recommender.ReasonBacklog,
		recommender.ReasonPerRun,
		recommender.ReasonQueueing,
		recommender.ReasonGPUSeconds,
		recommender.ReasonAccelerator,
		recommender.ReasonVariants,
		recommender.ReasonForecast,
		recommender.ReasonMemorySeason,
		recommender.ReasonHeapBounded,
		recommender.ReasonMemoryPeak,
		recommender.ReasonKeptWarm,
		recommender.ReasonLimitBound,
		recommender.ReasonQoSKept,
		recommender.ReasonStartupBoost,
		recommender.ReasonWithinTolerance,
		recommender.ReasonCheapest,
		recommender.ReasonHorizontalFixed,
		recommender.ReasonRuntime,
	}
}

// mainReason is the reason that says the most about a container: the first of
// the heaviest kind that is about it or about the workload. A decision that
// holds because every change is too small says so. False where there is none.
func mainReason(d recommender.Decision, container string) (recommender.Reason, bool) {
	reason, weight := heaviest(d, container)
	return reason, weight >= 0
}

// heaviest is the main reason and its place in the order, -1 for none.
func heaviest(d recommender.Decision, container string) (recommender.Reason, int) {
	order := byWeight()
	if d.Action == recommender.ActionHold {
		order = slices.Insert(order, 4, recommender.ReasonWithinTolerance, recommender.ReasonNotWorthwhile)
	}
	best, at := recommender.Reason{}, len(order)+1
	for _, r := range d.Reasons {
		if r.Container != "" && r.Container != container {
			continue
		}
		weight := slices.Index(order, r.Code)
		if weight < 0 {
			weight = len(order)
		}
		if weight < at {
			best, at = r, weight
		}
	}
	if at > len(order) {
		return recommender.Reason{}, -1
	}
	return best, at
}

// workloadReason is the main reason of a workload: the heaviest of any of its
// containers, and of equally heavy ones that of the container which changes
// the most. Where there are several containers, the message says which it is
// about.
func workloadReason(d recommender.Decision) recommender.Reason {
	containers := slices.Clone(d.Containers)
	slices.SortStableFunc(containers, func(a, b recommender.Recommendation) int {
		return cmp.Compare(moved(b), moved(a))
	})
	if len(containers) == 0 {
		containers = []recommender.Recommendation{{}}
	}
	best, least := recommender.Reason{}, -1
	for _, c := range containers {
		if r, weight := heaviest(d, c.Name); weight >= 0 && (least < 0 || weight < least) {
			best, least = r, weight
		}
	}
	if best.Container != "" && len(containers) > 1 {
		best.Message = best.Container + ": " + best.Message
	}
	return best
}

// moved is how much a container's requests change, in cores, with eight GiB of
// memory for one core as prices have it.
func moved(c recommender.Recommendation) float64 {
	return math.Abs(c.Target.CPU.Cores()-c.Requests.CPU.Cores()) + math.Abs(c.Target.Memory.GiB()-c.Requests.Memory.GiB())/8
}

// reasonText is the code and the sentence of a reason.
func reasonText(r recommender.Reason) string {
	if r.Message == "" {
		return string(r.Code)
	}
	return string(r.Code) + ": " + printable(r.Message)
}

// effect is "before → after" where a reason has numbers.
func effect(r recommender.Reason) string {
	if r.Subject == "" {
		return ""
	}
	before, after := amountText(r.Before, r.Unit), amountText(r.After, r.Unit)
	if r.Before == r.After {
		return printable(r.Subject) + " stays " + after
	}
	return printable(r.Subject) + " " + before + " → " + after
}
