package snapshot

import (
	"slices"
	"strings"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

// acted says that a reason tells what puts a decision into force more than why it
// was made: growth that cannot wait, and the end of the last pod. These always
// stand in the status, since that is all that an actuator goes by.
func acted(c recommender.ReasonCode) bool {
	return c == recommender.ReasonReactiveFloor || c == recommender.ReasonOOMKilled || c == recommender.ReasonWoken || c == recommender.ReasonZero
}

// reasons are the heaviest four, of equally heavy ones the first. Those that are
// acted upon stand for the lightest of them, once for each container.
func reasons(d recommender.Decision) []v1alpha1.Reason {
	order := recommender.ReasonsByWeight(d.Action)
	weight := func(r recommender.Reason) int {
		if i := slices.Index(order, r.Code); i >= 0 {
			return i
		}
		return len(order)
	}
	sorted := slices.Clone(d.Reasons)
	slices.SortStableFunc(sorted, func(a, b recommender.Reason) int { return weight(a) - weight(b) })
	most := min(len(sorted), reasonsMost)
	told := sorted[:most:most]
	for _, r := range sorted[most:] {
		last := -1
		for i, t := range told {
			switch {
			case t.Code == r.Code && t.Container == r.Container:
				last = len(told) // It is told.
			case !acted(t.Code) && last < len(told):
				last = i
			}
		}
		if acted(r.Code) && last >= 0 && last < len(told) {
			told = append(slices.Delete(told, last, last+1), r)
		}
	}
	var out []v1alpha1.Reason
	for _, r := range told {
		to := v1alpha1.Reason{
			Code: cut(string(r.Code), codeMost), Container: cut(r.Container, nameMost), Subject: subject(r.Subject),
			Before: number(r.Before), After: number(r.After),
		}
		if r.Unit == "bytes" {
			to.Before, to.After = memory(r.Before), memory(r.After)
		}
		out = append(out, to)
	}
	return out
}

// subject is the first word of one that is too long: "cpu while starting" is
// about the cpu.
func subject(s string) string {
	if len(s) > subjectMost {
		s, _, _ = strings.Cut(s, " ")
	}
	return cut(s, subjectMost)
}
