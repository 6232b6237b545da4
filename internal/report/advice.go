package report

import (
	"fmt"
	"strings"

	"github.com/rightsize-dev/rightsize/recommender"
)

// adviceMost is how many bytes of advice a comment has room for beside the
// table.
const adviceMost = 2000

// adviceText is "set VARIABLE=VALUE: why".
func adviceText(a recommender.Advice) string {
	return fmt.Sprintf("set %s=%s: %s", printable(a.Variable), printable(a.Value), printable(a.Why))
}

// explainAdvice lists the settings of language runtimes that go with the
// sizes, one a line.
func explainAdvice(d recommender.Decision) string {
	var b strings.Builder
	for _, c := range d.Containers {
		for _, a := range c.Advice {
			fmt.Fprintf(&b, "%s: %s\n", printable(c.Name), adviceText(a))
		}
	}
	return b.String()
}

// advised counts the containers that there is advice for.
func advised(r Report) int {
	n := 0
	for _, item := range r.Items {
		for _, c := range item.Decision.Containers {
			if len(c.Advice) > 0 {
				n++
			}
		}
	}
	return n
}

// markdownAdvice lists the settings of language runtimes that go with changed
// sizes.
func markdownAdvice(b *strings.Builder, r Report) {
	started := b.Len()
	for _, item := range r.Items {
		if !changes(item.Decision) || b.Len()-started > adviceMost {
			continue
		}
		for _, c := range item.Decision.Containers {
			for _, a := range c.Advice {
				if b.Len() == started {
					b.WriteString("\n**Settings of language runtimes that go with these sizes**\n\n")
				}
				fmt.Fprintf(b, "- %s %s: set %s; %s\n", markdownCode(item.Decision.Workload.String()), markdownCode(c.Name),
					markdownCode(a.Variable+"="+a.Value), markdownText(a.Why))
			}
		}
	}
}
