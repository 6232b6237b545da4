package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/rightsize-dev/rightsize/recommender"
)

// mainReason is the reason that says the most about a container: the first of
// the heaviest kind that is about it or about the workload. A decision that
// holds because every change is too small says so. False where there is none.
func mainReason(d recommender.Decision, container string) (recommender.Reason, bool) {
	reason, weight := heaviest(d, container)
	return reason, weight >= 0
}

// heaviest is the main reason and its place in the order, -1 for none.
func heaviest(d recommender.Decision, container string) (recommender.Reason, int) {
	order := recommender.ReasonsByWeight(d.Action)
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
