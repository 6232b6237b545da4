package snapshot

import (
	"slices"
	"strings"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

// reasons are the heaviest four, of equally heavy ones the first.
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
	var out []v1alpha1.Reason
	for _, r := range sorted[:min(len(sorted), reasonsMost)] {
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
