package report

import (
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
		recommender.ReasonShort,
		recommender.ReasonOOMKilled,
		recommender.ReasonThrottled,
		recommender.ReasonLowTrust,
		recommender.ReasonStabilized,
		recommender.ReasonBounded,
		recommender.ReasonMemoryTrend,
		recommender.ReasonReactiveFloor,
		recommender.ReasonPerRun,
		recommender.ReasonQueueing,
		recommender.ReasonForecast,
		recommender.ReasonMemoryPeak,
		recommender.ReasonWithinTolerance,
		recommender.ReasonCheapest,
		recommender.ReasonHorizontalFixed,
	}
}

// mainReason is the reason that says the most about a container: the first of
// the heaviest kind that is about it or about the workload. A decision that
// holds because every change is too small says so. False where there is none.
func mainReason(d recommender.Decision, container string) (recommender.Reason, bool) {
	order := byWeight()
	if d.Action == recommender.ActionHold {
		order = slices.Insert(order, 4, recommender.ReasonWithinTolerance)
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
	return best, at <= len(order)
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
