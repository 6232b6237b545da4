package report

import (
	"fmt"
	"slices"
	"strings"
)

// explainOwner says whose policy a decision follows.
func explainOwner(o *Owner) string {
	if o == nil {
		return ""
	}
	line := fmt.Sprintf("by the policy of RightSize %s, mode %s\n", printable(o.Name), printable(o.Mode))
	if o.Problem != "" {
		line += fmt.Sprintf("its controller says: %s\n", printable(o.Problem))
	}
	return line
}

// ownersLine counts the RightSizes of a report by their mode, the most frequent
// first; empty where none is known.
func ownersLine(r Report) string {
	count, all := map[string]int{}, 0
	for _, item := range r.Items {
		if item.Owner != nil {
			count[item.Owner.Mode]++
			all++
		}
	}
	if all == 0 {
		return ""
	}
	modes := make([]string, 0, len(count))
	for mode := range count {
		modes = append(modes, mode)
	}
	slices.SortFunc(modes, func(a, b string) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return strings.Compare(a, b)
	})
	for i, mode := range modes {
		modes[i] = fmt.Sprintf("%d %s", count[mode], printable(mode))
	}
	return fmt.Sprintf("%s of %d by a RightSize: %s", plural(all, "workload"), len(r.Items), strings.Join(modes, ", "))
}
